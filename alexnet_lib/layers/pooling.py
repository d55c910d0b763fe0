"""Overlapping pooling (§3.4)."""

import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_shape, check_whole


class OverlappingMaxPool2d(nn.Module):
    """Maximum over windows of z×z pixels, s apart; they overlap where s < z (§3.4).

    Args:
        kernel_size: z. Paper: 3.
        stride: s, at most z. Paper: 2.
    Shape:
        x: (N, C, H, W) float -> (N, C, H', W'), H' = ceil((H - z) / s) + 1
    Raises:
        ValueError: stride > kernel_size (pixels would be skipped), either below 1, x is not 4-D or
            smaller than the window.
        TypeError: x is not floating point.
    Source: paper §3.4; the rounding up: authors' code.
    """

    def __init__(self, kernel_size: int = 3, stride: int = 2):
        super().__init__()
        check_whole("stride", stride, 1)
        check_whole("kernel_size", kernel_size, stride)
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        """Pool; the last window may reach over the edge."""
        check_shape(x, ("N", "C", "H", "W"))
        if min(x.shape[2:]) < self.kernel_size:
            raise ValueError(
                f"got maps of {x.shape[2]}×{x.shape[3]} pixels; expected at least "
                f"{self.kernel_size}×{self.kernel_size}, the window of the pool."
            )
        return F.max_pool2d(x, self.kernel_size, self.stride, ceil_mode=True)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}"
