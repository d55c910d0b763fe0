"""How much of a gradient passes a stack of ReLU or tanh layers (§3.1)."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from alexnet_lib.figures.activations import (
    activation_curves,
    activity_histograms,
    activity_words,
)
from alexnet_lib.inspection.activity import LayerActivity
from alexnet_lib.widgets.core import Explorer, choice, slider

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
    return Explorer(
        partial(render_activity, moments, data_name), moment=choice("moment", list(moments))
    )


def render_activity(
    moments: Mapping[str, Pair], data_name: str, state: dict[str, Any]
) -> tuple[Figure, str]:
    """Histograms and words for one `moment`."""
    relu, tanh = moments[state["moment"]]
    title = f"{state['moment']}; {data_name}"
    return activity_histograms(relu, tanh, title), f"{title}. {activity_words(relu, tanh)}"
