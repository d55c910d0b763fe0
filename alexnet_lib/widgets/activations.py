"""How much of a gradient passes a stack of ReLU or tanh layers (§3.1)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from alexnet_lib.figures.activations import activation_curves, activity_histograms
from alexnet_lib.figures.style import save_png
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
    # A dozen panels take long to draw and a moment never changes: all are drawn beforehand.
    drawn = {
        moment: draw_activity(pair, f"{moment}; {data_name}") for moment, pair in moments.items()
    }
    return Explorer(lambda state: drawn[state["moment"]], moment=choice("moment", list(moments)))


def draw_activity(pair: Pair, title: str) -> tuple[bytes, str]:
    """Histograms as PNG, and words, for one moment."""
    figure = activity_histograms(*pair, title)
    return save_png(figure), figure.get_label()
