"""Where the windows of the first layer lie on 224 pixels (§3.5)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.figures.pixels import Box, image_view
from alexnet_lib.figures.style import BLUE, YELLOW, describe, new_figure, styled
from alexnet_lib.layers import window_starts

RULES = {"round down": (0, "down"), "2 zeros all around": (2, "down"), "round up": (0, "up")}
_SIDE = 24  # pixels of the corner that is shown


@styled
def corner_windows(image: Tensor, data_name: str) -> Figure:
    """First two and last two windows of conv1 (11×11, stride 4) under three rules.

    Shape:
        image: (3, 224, 224) uint8
    """
    size, kernel, stride = image.shape[-1], 11, 4
    figure = new_figure(8, 5.7)
    figure.suptitle(f"Windows of conv1 on 224 pixels, {data_name}", x=0.01, ha="left", size=10.5)
    panels = figure.subplots(2, 3)
    told = []
    for column, (rule, (padding, rounding)) in zip(panels.T, RULES.items(), strict=True):
        starts = window_starts(size, kernel, stride, padding, rounding)
        told.append(f"{rule}: {len(starts)}, from {starts[0]} to {starts[-1] + kernel}.")
        _draw_corner(column[0], image, -4, starts[0], starts[1])
        _draw_corner(column[1], image, 204, starts[-1], starts[-2])
        column[0].set_title(f"{rule}: {len(starts)}")
    panels[0, 0].set_ylabel("top left")
    panels[1, 0].set_ylabel("bottom right")
    return describe(figure, f"Windows of conv1 on 224 pixels, {data_name}. {' '.join(told)}")


def _draw_corner(axes: Axes, image: Tensor, corner: int, outer: int, inner: int) -> None:
    """Part of the image with the window in its corner and the next one in the same row."""
    boxes = (Box(outer, inner, 11, 11, BLUE), Box(outer, outer, 11, 11, YELLOW))
    picture = image_view(image, corner, corner, _SIDE, 14 * _SIDE, boxes)
    axes.imshow(picture, extent=(corner, corner + _SIDE, corner + _SIDE, corner))
    axes.set(xticks=range(corner + 4, corner + _SIDE, 8), yticks=range(corner + 4, corner + 24, 8))
