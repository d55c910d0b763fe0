"""ReLU against tanh: slopes, activity, the race of Fig. 1."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.activations import (
    activation_curves,
    activity_histograms,
    race,
    race_words,
)
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.widgets.core import Explorer, choice, slider
from alexnet_lib.experiments.measures import recorded_runs
from alexnet_lib.experiments.records import load_record
from alexnet_lib.inspection.health import LayerActivity
from alexnet_lib.statistics import Run

Pair = tuple[Sequence[LayerActivity], Sequence[LayerActivity]]  # of the ReLU and the tanh network


def slope_explorer() -> Explorer:
    """Move the input along both functions, and send the gradient back through several layers."""
    return Explorer(
        render_slopes, z=slider("input z", -5.0, 5.0, 2.0, 0.1), layers=slider("layers", 1, 8, 3)
    )


def render_slopes(state: dict[str, Any]) -> tuple[Figure, str]:
    """Curves with `z` marked, and what is left of a gradient of 1 after so many `layers`."""
    z, layers = state["z"], state["layers"]
    relu, tanh = float(z > 0), 1 - math.tanh(z) ** 2
    text = (
        f"z = {z:.1f}: ReLU gives {max(z, 0):.1f} with slope {relu:.0f}; tanh gives "
        f"{math.tanh(z):.3f} with slope {tanh:.3f}. Of a gradient of 1, {layers} such layers leave "
        f"{relu**layers:.0f} behind ReLU and {tanh**layers:.2g} behind tanh."
    )
    return activation_curves(mark=z), text


def activity_explorer(moments: Mapping[str, Pair], data_name: str) -> Explorer:
    """Inputs and gradients of both networks' layers, at one of several moments."""
    # A dozen panels take long to draw and a moment never changes: all are drawn beforehand.
    drawn = {
        moment: draw_activity(pair, f"{moment}; {data_name}") for moment, pair in moments.items()
    }
    return Explorer(lambda state: drawn[state["moment"]], moment=choice("moment", list(moments)))


def draw_activity(pair: Pair, title: str) -> tuple[bytes, str]:
    """Histograms as PNG, and words, for one moment."""
    figure = activity_histograms(*pair, title)
    return save_png(figure), figure.get_label()


ALL = "all"


def race_explorer(runs: Sequence[Run], data_name: str, threshold: float) -> Explorer:
    """Curves of `runs` with a threshold to drag, by conditions and seed.

    Args:
        runs: live or recorded.
        data_name: for the title.
        threshold: to start from, a fraction.
    Raises:
        ValueError: there is no run.
    """
    if not runs:
        raise InputError("there is no run to explore; expected at least one.")
    conditions = list(dict.fromkeys(run.conditions for run in runs))
    seeds = sorted({run.seed for run in runs})
    return Explorer(
        partial(render_race, runs, data_name),
        threshold=slider("training error %", 5, 85, round(100 * threshold)),
        conditions=choice("conditions", conditions),
        activation=choice("show", [("both", ALL), ("ReLU", "relu"), ("tanh", "tanh")]),
        **({"seed": choice("seed", [ALL, *seeds])} if len(seeds) > 1 else {}),
    )


def render_race(runs: Sequence[Run], data_name: str, state: dict[str, Any]) -> tuple[Figure, str]:
    """Figure and words for `conditions`, `seed` and `activation` ("all": each), `threshold` in %.

    Raises:
        ValueError: no run is like that.
    """
    chosen = [
        run
        for run in runs
        if run.conditions == state["conditions"]
        and state.get("seed", ALL) in (ALL, run.seed)
        and state["activation"] in (ALL, run.activation)
    ]
    if not chosen:
        raise InputError("no run has these conditions, seed and activation; choose another.")
    threshold = state["threshold"] / 100
    title = f"Conditions: {state['conditions']}; {data_name}"
    return race(chosen, threshold, title), f"{title}. {race_words(chosen, threshold)}"


def recorded_race(threshold: float) -> Explorer | None:
    """The same over the recorded runs of Fig. 1; None where they are not yet recorded."""
    records = [record for name in ("fig1", "fig1-today") if (record := load_record(name))]
    if not records:
        return None
    runs = [run for record in records for run in recorded_runs(record)]
    sources = dict.fromkeys(record["data"] for record in records)
    return race_explorer(runs, f"{' and '.join(sources)}, recorded", threshold)
