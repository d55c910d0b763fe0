"""Dropout as the paper has it (§4.2)."""

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_float, check_number


class ClassicDropout(nn.Module):
    """Dropout as the paper has it: mask in training, multiply by 1 - p at test time (§4.2).

    torch's `nn.Dropout` is the inverted form: it multiplies by 1 / (1 - p) in training instead and
    leaves the test alone. Both have the same expectation, not the same dynamics.

    Args:
        p: probability that an activation is set to zero, in [0, 1). Paper: 0.5.
    Shape:
        x: (*) float -> same shape, dtype and device
    Raises:
        ValueError: p outside [0, 1).
        TypeError: x is not floating point.
    Source: paper §4.2.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        check_number("p", p, "[0, 1)")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Mask (training) or scale (evaluation)."""
        check_float(x)
        if not self.training:
            return x * (1 - self.p)
        return x * torch.empty_like(x).bernoulli_(1 - self.p)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"p={self.p}"
