"""How much the answers of a layer change when the picture moves (§3.4)."""

import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import InputError, check_float, check_shape, check_whole


def edge_maps(images: Tensor, filters: Tensor, shift: int = 0, side: int = 24) -> Tensor:
    """Filter a window of the picture that begins `shift` pixels further right, then ReLU.

    The window looks at real pixels only, so that nothing but the content changes with `shift`.

    Shape:
        images: (N, 1, H, W) float, filters: (K, 1, k, k) -> (N, K, side - k + 1, side - k + 1)
    Raises:
        ValueError: wrong shapes, or the window leaves the picture.
        TypeError: images or filters are not floating point.
    Source: ours.
    """
    check_shape(images, ("N", 1, "H", "W"), "images")
    check_shape(filters, ("K", 1, "k", "k"), "filters", device=images.device)
    H, W = images.shape[2:]
    check_whole("shift", shift, 0)
    if shift > W - side:
        raise InputError(f"shift is {shift}; expected 0 to {W - side} for a window of {side}.")
    top = (H - side) // 2
    window = images[..., top : top + side, shift : shift + side]  # (N, 1, side, side)
    return F.conv2d(window, filters).relu()


def relative_change(before: Tensor, after: Tensor) -> Tensor:
    """Distance of each image's maps from what they were, as a share of their own length.

    Shape:
        before, after: (N, …) float -> (N,); 0 is no change
    Raises:
        ValueError: different shapes.
    Source: ours.
    """
    check_float(before, "before")
    check_shape(after, tuple(before.shape), "after", device=before.device)
    a, b = before.flatten(1), after.flatten(1)
    return (b - a).norm(dim=1) / a.norm(dim=1).clamp_min(1e-12)
