"""Grids of small images with labels."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

from alexnet_lib.figures.style import describe, new_figure, styled


def mosaic(images: torch.Tensor, columns: int, gap: int = 2) -> torch.Tensor:
    """Lay N images out in rows of `columns` on white.

    Args:
        images: uint8 0–255, or float in [0, 1].
        gap: pixels between neighbours.
    Shape:
        images: (N, 3 or 1, H, W) -> (rows·(H+gap) − gap, columns·(W+gap) − gap, 3) uint8
    Raises:
        ValueError: wrong shape, or columns < 1.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(
            f"images have shape {tuple(images.shape)}; expected (N ≥ 1, 3 or 1, H, W)."
        )
    if columns < 1:
        raise ValueError(f"columns is {columns}; expected at least 1.")
    tiles = _to_uint8(images).expand(-1, 3, -1, -1)  # (N, 3, H, W)
    N, _, H, W = tiles.shape
    rows = -(-N // columns)
    canvas = torch.full((rows * columns, H + gap, W + gap, 3), 255, dtype=torch.uint8)
    canvas[:N, :H, :W] = tiles.permute(0, 2, 3, 1)
    canvas = canvas.reshape(rows, columns, H + gap, W + gap, 3).transpose(1, 2)
    canvas = canvas.reshape(rows * (H + gap), columns * (W + gap), 3)
    return canvas[: canvas.shape[0] - gap, : canvas.shape[1] - gap]


@styled
def image_grid(
    images: torch.Tensor,
    labels: Sequence[str] = (),
    *,
    columns: int = 8,
    title: str,
    width: float = 8.0,
) -> Figure:
    """Images in rows, each with its label underneath.

    Args:
        labels: one per image, or none.
        title: says what is shown and which data it is from.
    Shape:
        images: (N, 3 or 1, H, W) uint8, or float in [0, 1]
    Raises:
        ValueError: the number of labels is neither 0 nor N.
    """
    N, _, H, W = images.shape
    if len(labels) not in (0, N):
        raise ValueError(f"{len(labels)} labels for {N} images; expected none or one each.")
    columns = min(columns, N)
    gap = max(2, round(0.3 * H)) if labels else 2
    picture = mosaic(images, columns, gap).numpy()
    figure = new_figure(
        width, width * picture.shape[0] / picture.shape[1] + (0.55 if labels else 0.35)
    )
    axes = figure.subplots()
    axes.imshow(picture)
    axes.set(xticks=[], yticks=[], title=title, xlim=(-0.5, picture.shape[1] - 0.5))
    axes.spines[:].set_visible(False)
    for i, label in enumerate(labels):
        x, y = (i % columns) * (W + gap) + W / 2, (i // columns) * (H + gap) + H
        axes.text(x, y + 0.06 * H, label, ha="center", va="top", fontsize=8)
    return describe(
        figure, f"{title}: {N} images" + (f" ({', '.join(labels)})." if labels else ".")
    )


def _to_uint8(images: torch.Tensor) -> torch.Tensor:
    images = images.detach().cpu()
    if images.dtype == torch.uint8:
        return images
    return (images.float().clamp(0, 1) * 255).round().to(torch.uint8)
