"""Convolution: by hand, with the authors' rounding up, and over two towers (§3.2, §3.5)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_choice, check_shape, check_whole


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
        ValueError: shapes do not fit, or the window is larger than the image.
        TypeError: x or weight is not floating point.
    Source: paper §3.5. A teaching aid: `torch.nn.functional.conv2d` gives the same, much faster.
    """
    check_shape(x, ("N", "C", "H", "W"))
    check_shape(weight, ("K", x.shape[1], "kh", "kw"), "weight", device=x.device)
    if bias is not None:
        check_shape(bias, (len(weight),), "bias", device=x.device)
    _check_window(weight.shape[2], stride, padding)
    x = F.pad(x, (padding,) * 4)  # (N, C, H + 2p, W + 2p)
    kh, kw = weight.shape[2:]
    rows = (x.shape[2] - kh) // stride + 1
    columns = (x.shape[3] - kw) // stride + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"a {kh}×{kw} window does not fit in {x.shape[2]}×{x.shape[3]} pixels.")
    y = x.new_empty(x.shape[0], weight.shape[0], rows, columns)  # (N, K, H', W')
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = x[:, None, :, top : top + kh, left : left + kw]  # (N, 1, C, kh, kw)
            y[:, :, row, column] = (window * weight).sum(dim=(2, 3, 4))  # (N, K)
    return y if bias is None else y + bias[:, None, None]


def window_starts(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, rounding: str = "down"
) -> range:
    """Pixels at which the windows along one side of an image begin; as many as outputs.

    Args:
        size: of the image, in pixels.
        kernel_size, stride: side and step of the window, in pixels. Paper: 11 and 4 in conv1.
        padding: zeros on both sides; the first window begins at -padding.
        rounding: "down": every window lies within image and padding, as in torch. "up": one more
            window where pixels are left over, as in the authors' code.
    Raises:
        ValueError: an argument is out of range, or not even one window fits.
    Source: paper §3.5; rounding up: authors' code (layer.py).
    """
    for name, value in (("size", size), ("kernel_size", kernel_size), ("stride", stride)):
        check_whole(name, value, 1)
    check_whole("padding", padding, 0)
    check_choice("rounding", rounding, ("down", "up"))
    room = size + 2 * padding - kernel_size
    if room < 0:
        zeros = f" and 2 · {padding} zeros" if padding else ""
        raise ValueError(f"a window of {kernel_size} does not fit in {size} pixels{zeros}.")
    steps = room // stride if rounding == "down" else -(-room // stride)
    return range(-padding, -padding + steps * stride + 1, stride)


def ceil_output_size(size: int, kernel_size: int, stride: int) -> int:
    """Positions of a window under the authors' rule, which rounds up: ceil((n - k) / s) + 1.

    The last window may reach over the edge. 224 pixels, kernel 11 and stride 4 give 55, the number
    of §3.5 that the usual rounding down (54) cannot explain.

    Raises:
        ValueError: an argument is below 1, or the window is larger than the image.
    Source: authors' code (layer.py).
    """
    return len(window_starts(size, kernel_size, stride, rounding="up"))


class CeilConv2d(nn.Conv2d):
    """Convolution whose output size is rounded up: missing pixels at right and bottom are zeros.

    This is how the authors' conv1 turns 224 pixels into 55 positions: the last window starts at
    pixel 216 and reaches to 227, three pixels past the edge.

    Args:
        in_channels, out_channels, groups: as in `torch.nn.Conv2d`.
        kernel_size, stride: side and step of the window, in pixels. Paper: 11 and 4 in conv1.
        padding: zeros added on all four sides beforehand. Authors' code: 0 in conv1.
    Shape:
        x: (N, C, H, W) float -> (N, K, H', W'), H' = ceil((H + 2p - k) / s) + 1
    Raises:
        ValueError: x has another shape, or the window is larger than the image.
        TypeError: x is not floating point.
    Source: authors' code. The paper prints 224 and 55 and leaves the rule out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ):
        _check_window(kernel_size, stride, padding)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Zero-extend at right and bottom, then convolve as usual."""
        check_shape(x, ("N", self.in_channels, "H", "W"), device=self.weight.device)
        right = self._missing(x.shape[3])
        bottom = self._missing(x.shape[2])
        return super().forward(F.pad(x, (0, right, 0, bottom)))

    def _missing(self, size: int) -> int:
        kernel_size, stride = self.kernel_size[0], self.stride[0]
        size += 2 * self.padding[0]
        positions = ceil_output_size(size, kernel_size, stride)
        return (positions - 1) * stride + kernel_size - size


class TwoTowerConv2d(nn.Module):
    """A convolution spread over two towers, each on its own GPU in 2012 (§3.2).

    A tower holds half of the kernels. It sees either only its own half of the input maps, or, where
    the towers communicate (`crosses`), all of them.

    Args:
        in_channels, out_channels: of both towers together; even.
        kernel_size, stride, padding: as in `torch.nn.Conv2d`.
        crosses: True where each tower reads both towers' maps (conv3 of the paper).
    Shape:
        a, b: (N, C / 2, H, W) float each -> two of (N, K / 2, H', W')
    Raises:
        ValueError: an odd number of channels, or towers of other shapes.
        TypeError: a tower's maps are not floating point.
    Source: paper §3.2. Without crossing it equals a convolution with groups=2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        crosses: bool = False,
    ):
        super().__init__()
        _check_window(kernel_size, stride, padding)
        check_whole("in_channels", in_channels, 2)
        check_whole("out_channels", out_channels, 2)
        if in_channels % 2 or out_channels % 2:
            raise ValueError(f"two towers need even widths, got {in_channels} -> {out_channels}.")
        seen = in_channels if crosses else in_channels // 2
        self.in_channels, self.crosses = in_channels, crosses
        self.tower_a = nn.Conv2d(seen, out_channels // 2, kernel_size, stride, padding)
        self.tower_b = nn.Conv2d(seen, out_channels // 2, kernel_size, stride, padding)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Run both towers; the concatenation is what has to travel between the GPUs."""
        for name, x in (("a", a), ("b", b)):
            expected, device = ("N", self.in_channels // 2, "H", "W"), self.tower_a.weight.device
            check_shape(x, expected, name, device=device)
        if a.shape != b.shape:
            raise ValueError(
                f"a has shape {tuple(a.shape)}, b {tuple(b.shape)}; expected the same."
            )
        if self.crosses:
            a = b = torch.cat([a, b], dim=1)
        return self.tower_a(a), self.tower_b(b)


def _check_window(kernel_size: int, stride: int, padding: int) -> None:
    check_whole("kernel_size", kernel_size, 1)
    check_whole("stride", stride, 1)
    check_whole("padding", padding, 0)
