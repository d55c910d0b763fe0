"""Windows, mirrors and sizes of whole batches (paper §2, §4.1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import check_shape, check_whole

_PORTION = 4096 * 3 * 32 * 32  # values


def crop(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Cut a square window out of each image, each at its own place (paper §4.1).

    Args:
        top, left: row and column of each window's first pixel.
        size: side of the window. Paper: 224 out of 256.
    Shape:
        images: (N, C, H, W), top and left: (N,) int64 -> (N, C, size, size)
    Raises:
        ValueError: wrong rank or length, or a window that leaves its image.
    Source: paper §4.1.
    """
    check_images(images)
    check_size(images, size)
    _check_offsets("top", top, images, images.shape[2] - size)
    _check_offsets("left", left, images, images.shape[3] - size)
    return windows_at(images, top, left, size)


def portions(images: Tensor) -> tuple[Tensor, ...]:
    """Parts of (N, C, H, W) that take some 50 MB each as float32 (ours)."""
    return images.split(max(1, _PORTION // images[0].numel()))


def windows_at(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Do the work of `crop` without its checks, which would make a GPU wait (ours)."""
    # Every possible window as a view without a copy; indexing then copies N of them.
    windows = images.permute(0, 2, 3, 1).unfold(1, size, 1).unfold(2, size, 1)
    windows = windows.permute(0, 1, 2, 4, 5, 3)  # (N, rows, columns, size, size, C)
    batch = torch.arange(len(images), device=images.device)
    return windows[batch, top, left].permute(0, 3, 1, 2)  # (N, C, size, size)


def flip(images: Tensor, which: Tensor) -> Tensor:
    """Mirror the chosen images left to right (paper §4.1).

    Shape:
        images: (N, C, H, W), which: (N,) bool -> same shape
    Raises:
        ValueError: wrong rank, length or dtype.
    Source: paper §4.1.
    """
    check_images(images)
    check_shape(which, (len(images),), "which", torch.bool, images.device)
    return torch.where(which[:, None, None, None], images.flip(3), images)


def center_crop(images: Tensor, size: int) -> Tensor:
    """Cut the central window; an odd remainder stays at the right and bottom (paper §2).

    Shape:
        images: (N, C, H, W) -> (N, C, size, size)
    Raises:
        ValueError: wrong rank, or a window larger than the image.
    Source: paper §2.
    """
    check_images(images)
    check_size(images, size)
    top, left = ((side - size) // 2 for side in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]


def ten_crop(images: Tensor, size: int) -> Tensor:
    """Four corners and the centre, then their five mirrors (paper §4.1).

    Shape:
        images: (N, C, H, W) -> (10, N, C, size, size)
    Raises:
        ValueError: wrong rank, or a window larger than the image.
    Source: paper §4.1; the order of the views is ours.
    """
    check_images(images)
    check_size(images, size)
    first, last = slice(size), slice(-size, None)
    corners = [images[:, :, rows, columns] for rows in (first, last) for columns in (first, last)]
    views = torch.stack([*corners, center_crop(images, size)])  # (5, N, C, size, size)
    return torch.cat([views, views.flip(-1)])  # (10, N, C, size, size)


def resize(images: Tensor, size: int) -> Tensor:
    """Scale so that the shorter side becomes `size`, bilinear (paper §2).

    Growing interpolates; shrinking averages over the pixels it drops (antialias).

    Shape:
        images: (N, C, H, W) -> (N, C, size, size·W/H) where H is the shorter side, same dtype
    Raises:
        ValueError: wrong rank, or size < 1.
    Source: paper §2; bilinear is ours, the paper names no filter.
    """
    check_images(images)
    check_whole("size", size, 1)
    shorter = min(images.shape[2:])
    if shorter == size:
        return images
    target = [round(side * size / shorter) for side in images.shape[2:]]
    scaled = F.interpolate(images.float(), target, mode="bilinear", antialias=size < shorter)
    if images.is_floating_point():
        return scaled.to(images.dtype)
    return scaled.round_().clamp_(0, 255).to(images.dtype)


def check_images(images: Tensor) -> None:
    """Refuse what is not a batch of images (ours)."""
    check_shape(images, ("N", "C", "H", "W"), "images", "any")


def check_size(images: Tensor, size: int) -> None:
    """Refuse a window that does not fit into the images (ours)."""
    check_whole("size", size, 1)
    shorter = min(images.shape[2:])
    if size > shorter:
        raise ValueError(
            f"the window's size is {size}; expected 1 to {shorter}, the shorter side of images of "
            f"shape {tuple(images.shape)}."
        )


def _check_offsets(name: str, offsets: Tensor, images: Tensor, largest: int) -> None:
    check_shape(offsets, (len(images),), name, torch.int64, images.device)
    outside = ((offsets < 0) | (offsets > largest)).nonzero()
    if len(outside):
        index = int(outside[0])
        raise ValueError(
            f"{name}[{index}] is {int(offsets[index])}; expected 0 to {largest}, so that the "
            "window stays inside its image."
        )
