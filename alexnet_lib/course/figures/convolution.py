"""The first convolution: where its windows lie, and what its filters look like (Fig. 3)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.by_hand import window_starts
from alexnet_lib.course.figures.pixels import Box, enlarged, image_view, mosaic
from alexnet_lib.course.figures.style import BLUE, YELLOW, describe, headline, new_figure, styled

RULES = {"round down": (0, "down"), "2 zeros all around": (2, "down"), "round up": (0, "up")}
_SIDE = 24  # pixels of the corner that is shown
_ENLARGED = 8  # picture pixels per weight


@styled
def corner_windows(image: Tensor, data_name: str) -> Figure:
    """First two and last two windows of conv1 (11×11, stride 4) under three rules.

    Shape:
        image: (3, 224, 224) uint8
    """
    size, kernel, stride = image.shape[-1], 11, 4
    figure = new_figure(8, 5.7)
    headline(figure, f"Windows of conv1 on 224 pixels, {data_name}")
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


@styled
def filter_grid(weight: Tensor, title: str, towers: int = 1, columns: int = 16) -> Figure:
    """Draw the first layer's filters as small colour pictures (paper Fig. 3).

    Every filter is scaled by its own largest weight, symmetrically: mid-grey is 0, so that colour
    and sign of filters can be compared although their sizes differ.

    Args:
        weight: of conv1.
        title: says which network, trained on which data.
        towers: groups of maps that are drawn apart. Paper: 2.
        columns: filters in a row.
    Shape:
        weight: (M, 3, K, K) -> Figure
    """
    if weight.ndim != 4 or weight.shape[1] != 3:
        raise InputError(f"weight has shape {tuple(weight.shape)}; expected (M, 3, K, K).")
    if towers < 1 or len(weight) % towers:
        raise InputError(f"towers is {towers}; expected a divisor of {len(weight)} filters.")
    groups = as_pictures(weight).chunk(towers)
    columns = min(columns, len(groups[0]))
    pictures = [mosaic(group, columns, gap=_ENLARGED) for group in groups]
    height, width = pictures[0].shape[:2]
    figure = new_figure(6.4, min(12.0, towers * 6.4 * height / width + 0.4 * towers))
    for number, axes in enumerate(figure.subplots(towers, 1, squeeze=False)[:, 0]):
        axes.imshow(pictures[number].numpy())
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        part = f"tower {number + 1}" if towers > 1 else ""
        axes.set_title(f"{title}, {part}".rstrip(", ") if number == 0 else part)
    return describe(figure, _words(weight, title, towers))


def as_pictures(weight: Tensor) -> Tensor:
    """Scale filters to colours, 0 at mid-grey, and enlarge them without smoothing.

    Shape:
        weight: (M, 3, K, K) -> (M, 3, 8·K, 8·K) float in [0, 1]
    """
    weight = weight.detach().float().cpu()
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)  # (M, 1, 1, 1)
    return enlarged(0.5 + 0.5 * weight / largest, _ENLARGED)


def _words(weight: Tensor, title: str, towers: int) -> str:
    M, _, K, _ = weight.shape
    apart = f", in {towers} towers" if towers > 1 else ""
    return f"{title}: {M} filters of {K}×{K} pixels in colour{apart}; mid-grey is a weight of 0."
