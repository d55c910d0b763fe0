"""Convolution by hand (lesson 02): where the windows begin, and what is computed in each.

`torch.nn.functional.conv2d` gives the same numbers, much faster; here every step can be seen.
"""

import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import InputError, check_choice, check_shape, check_whole, check_window


def window_starts(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, rounding: str = "down"
) -> range:
    """Pixels at which the windows along one side of an image begin; as many as outputs.

    Args:
        size: of the image, in pixels.
        kernel_size, stride: side and step of the window, in pixels. Paper: 11 and 4 in conv1.
        padding: zeros on both sides; the first window begins at -padding.
        rounding: "down": every window lies within image and padding, as in torch. "up": one more
            window where pixels are left over, as in the authors' code (`layers.CeilConv2d`).
    Raises:
        InputError: an argument is out of range, or not even one window fits.
    Source: paper §3.5; rounding up: authors' code (layer.py).
    """
    check_whole("size", size, 1)
    check_window(kernel_size, stride, padding)
    check_choice("rounding", rounding, ("down", "up"))
    room = size + 2 * padding - kernel_size
    if room < 0:
        zeros = f" and 2 · {padding} zeros" if padding else ""
        raise InputError(f"a window of {kernel_size} does not fit in {size} pixels{zeros}.")
    steps = room // stride if rounding == "down" else -(-room // stride)
    return range(-padding, -padding + steps * stride + 1, stride)


def conv2d_by_hand(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """Convolve by moving a window over the image, one output position at a time (§3.5).

    Args:
        x: images.
        weight: one kernel per output channel. As in the paper, kernels are not flipped.
        bias: one number per output channel, or None.
        stride: step of the window, in pixels. Paper: 4 in conv1, 1 elsewhere.
        padding: zeros added on all four sides, in pixels.
    Shape:
        x: (N, C, H, W) float, weight: (K, C, kh, kw) -> (N, K, H', W'), H' = (H + 2p - kh) // s + 1
    Raises:
        InputError: shapes do not fit, or the window is larger than the image.
    Source: paper §3.5.
    """
    check_shape(x, ("N", "C", "H", "W"))
    check_shape(weight, ("K", x.shape[1], "kh", "kw"), "weight", device=x.device)
    if bias is not None:
        check_shape(bias, (len(weight),), "bias", device=x.device)
    check_window(weight.shape[2], stride, padding)
    x = F.pad(x, (padding,) * 4)  # (N, C, H + 2p, W + 2p)
    kh, kw = weight.shape[2:]
    rows = (x.shape[2] - kh) // stride + 1
    columns = (x.shape[3] - kw) // stride + 1
    if rows < 1 or columns < 1:
        raise InputError(f"a {kh}×{kw} window does not fit in {x.shape[2]}×{x.shape[3]} pixels.")
    y = x.new_empty(x.shape[0], weight.shape[0], rows, columns)  # (N, K, H', W')
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = x[:, None, :, top : top + kh, left : left + kw]  # (N, 1, C, kh, kw)
            y[:, :, row, column] = (window * weight).sum(dim=(2, 3, 4))  # (N, K)
    return y if bias is None else y + bias[:, None, None]
