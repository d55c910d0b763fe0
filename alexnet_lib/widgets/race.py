"""Fig. 1 to handle: drag the threshold over the curves of both networks."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from alexnet_lib.convergence import Run
from alexnet_lib.experiments.fig1 import recorded_runs
from alexnet_lib.experiments.records import load_record
from alexnet_lib.figures.race import race, race_words
from alexnet_lib.widgets.core import Explorer, choice, slider

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
        raise ValueError("there is no run to explore; expected at least one.")
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
        raise ValueError("no run has these conditions, seed and activation; choose another.")
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
