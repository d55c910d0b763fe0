"""A convolution whose weights are not shared (the CIFAR-10 networks of §3.3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_shape, check_whole


class LocalConv2d(nn.Module):
    """A convolution with kernels, and biases, of its own at every position ("locally connected").

    Args:
        in_channels, out_channels, kernel_size, padding: as in `torch.nn.Conv2d`; the stride is 1.
        size: side of the images, in pixels, since there are weights for each place.
    Shape:
        x: (N, C, size, size) float -> (N, K, L, L), L = size + 2 padding - kernel_size + 1
    Raises:
        ValueError: an argument is out of range, or x has another shape.
        TypeError: x is not floating point.
    Source: authors' code (layers-conv-local-13pct.cfg).
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, size: int, padding: int = 0
    ):
        super().__init__()
        check_whole("padding", padding, 0)
        check_whole("kernel_size", kernel_size, 1)
        check_whole("size", size, kernel_size - 2 * padding)
        self.in_channels, self.kernel_size, self.padding = in_channels, kernel_size, padding
        self.size, self.stride = size, 1
        self.side = size + 2 * padding - kernel_size + 1
        fan_in = in_channels * kernel_size**2
        self.weight = nn.Parameter(torch.randn(self.side**2, out_channels, fan_in) * fan_in**-0.5)
        self.bias = nn.Parameter(torch.zeros(self.side**2, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the window at each place by that place's weights."""
        check_shape(x, ("N", self.in_channels, self.size, self.size), device=self.weight.device)
        windows = F.unfold(x, self.kernel_size, padding=self.padding)  # (N, C k k, L L)
        weight = self.weight.transpose(1, 2)  # (L L, C k k, K)
        y = torch.baddbmm(self.bias[:, None], windows.permute(2, 0, 1), weight)  # (L L, N, K)
        return y.permute(1, 2, 0).unflatten(2, (self.side, self.side))  # (N, K, L, L)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        out = self.weight.shape[1]
        return (
            f"{self.in_channels}, {out}, kernel_size={self.kernel_size}, size={self.size}, "
            f"padding={self.padding}"
        )
