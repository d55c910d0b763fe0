"""ReLU beside tanh: what one unit lets through, and what whole layers do (§3.1)."""

import math
from collections.abc import Mapping, Sequence

from alexnet_lib.course.figures.activations import activation_curves, activity_histograms
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.widgets.core import Explorer, Pages, Shown, slider
from alexnet_lib.inspection.health import LayerActivity


class SlopeExplorer(Explorer):
    """Move the input along both functions, and send the gradient back through several layers."""

    pairs = (("z", "layers"),)

    def __init__(self) -> None:
        super().__init__(z=slider("input z", -5.0, 5.0, 2.0, 0.1), layers=slider("layers", 1, 8, 3))

    def render(self, z: float, layers: int) -> Shown:
        """Curves with z marked, and what so many layers leave of a gradient of 1."""
        relu, tanh = float(z > 0), 1 - math.tanh(z) ** 2
        return activation_curves(mark=z), (
            f"z = {z:.1f}: ReLU gives {max(z, 0):.1f} with slope {relu:.0f}; tanh gives "
            f"{math.tanh(z):.3f} with slope {tanh:.3f}. Of a gradient of 1, {layers} such layers "
            f"leave {relu**layers:.0f} behind ReLU and {tanh**layers:.2g} behind tanh."
        )


Pair = tuple[Sequence[LayerActivity], Sequence[LayerActivity]]  # of the ReLU and the tanh network


class ActivityExplorer(Pages):
    """Inputs and gradients of both networks' layers, at one of several moments."""

    def __init__(self, moments: Mapping[str, Pair], data_name: str) -> None:
        pages = {}
        for moment, pair in moments.items():
            figure = activity_histograms(*pair, f"{moment}; {data_name}")
            pages[moment] = save_png(figure), figure.get_label()
        super().__init__("moment", pages)
