"""What the first layer looks for, in the manner of the paper's Fig. 3."""

from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.figures.images import mosaic
from alexnet_lib.figures.style import describe, new_figure, styled

_ENLARGED = 8  # picture pixels per weight


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
    Raises:
        ValueError: not filters on colour images, or maps that do not part into the towers.
    """
    if weight.ndim != 4 or weight.shape[1] != 3:
        raise ValueError(f"weight has shape {tuple(weight.shape)}; expected (M, 3, K, K).")
    if towers < 1 or len(weight) % towers:
        raise ValueError(f"towers is {towers}; expected a divisor of {len(weight)} filters.")
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
    pictures = 0.5 + 0.5 * weight / largest
    return pictures.repeat_interleave(_ENLARGED, 2).repeat_interleave(_ENLARGED, 3)


def _words(weight: Tensor, title: str, towers: int) -> str:
    M, _, K, _ = weight.shape
    apart = f", in {towers} towers" if towers > 1 else ""
    return f"{title}: {M} filters of {K}×{K} pixels in colour{apart}; mid-grey is a weight of 0."
