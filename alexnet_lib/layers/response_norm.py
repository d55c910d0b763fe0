"""Normalisation by the energy of the neighbours: across maps (§3.3), and within a map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_choice, check_number, check_shape, check_whole

CONVENTIONS = ("paper", "source2012")
_CHUNK_BYTES = 4 << 20  # a CPU slice of this size stays in the cache


def local_response_norm(
    x: Tensor,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 2.0,
    convention: str = "paper",
    groups: int = 1,
) -> Tensor:
    """Divide each activation by the energy of its neighbours in channel order (§3.3).

    b_i = a_i / (k + alpha · Σ_j a_j²)^beta, j over the `size` channels centred on i, cut at the
    first and last channel.

    Args:
        size: window n in channels, odd. Paper: 5.
        alpha: weight of the sum of squares. Paper: 1e-4.
        beta: exponent. Paper: 0.75.
        k: constant that keeps the divisor away from zero, > 0. Paper: 2 (torch's default is 1).
        convention: "paper" uses alpha as printed; "source2012" divides it by `size`, as the
            authors' code, Caffe and `torch.nn.LocalResponseNorm` do.
        groups: channels are cut into this many blocks that do not see each other. 2012 code: 2.
    Shape:
        x: (N, C, H, W) float -> same shape, dtype, device and memory format
    Raises:
        ValueError: x is not 4-D, or an argument is out of range.
        TypeError: x is not floating point.
    Source: paper §3.3; groups: authors' code. Differentiable once.
    """
    check_shape(x, ("N", "C", "H", "W"))
    _check_lrn(size, alpha, beta, k, convention, groups, channels=x.shape[1])
    weight = alpha if convention == "paper" else alpha / size
    return _CrossMapNorm.apply(x, size, weight, beta, k, groups)


class LocalResponseNorm(nn.Module):
    """`local_response_norm` as a layer; the arguments are the same.

    Shape:
        x: (N, C, H, W) float -> same shape, dtype and device
    Source: paper §3.3.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        convention: str = "paper",
        groups: int = 1,
    ):
        super().__init__()
        _check_lrn(size, alpha, beta, k, convention, groups)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.convention, self.groups = convention, groups

    def forward(self, x: Tensor) -> Tensor:
        """Normalise across channels."""
        return local_response_norm(
            x, self.size, self.alpha, self.beta, self.k, self.convention, self.groups
        )

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return (
            f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, "
            f"convention={self.convention!r}, groups={self.groups}"
        )


class _CrossMapNorm(torch.autograd.Function):
    """LRN with its gradient by hand, from x alone.

    With d = k + w Σ_j x_j² and g the incoming gradient:
        y_i  = x_i d_i^(-β)
        ∂x_i = g_i d_i^(-β) - 2 w β x_i Σ_j g_j x_j d_j^(-β-1),   j over the window of i.
    The sum over channels is one product with a banded matrix, in bfloat16 (with sums in float32)
    where x is: y is rounded to that anyway. On a CPU the batch is worked through in slices
    that fit the cache: the same arithmetic, several times faster.
    """

    @staticmethod
    def forward(ctx, x, size, weight, beta, k, groups):
        band = _channel_band(x, size, groups)
        ctx.save_for_backward(x, band)
        ctx.constants = weight, beta, k
        y = torch.empty_like(x)
        for x_part, y_part in _slices(x, y):
            x_part = _at_least_float32(x_part)
            divisor = _channel_sum(x_part.square(), band).mul_(weight).add_(k)
            y_part.copy_(_negative_power(divisor, beta).mul_(x_part))
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, band = ctx.saved_tensors
        weight, beta, k = ctx.constants
        grad_x = torch.empty_like(x)
        for x_part, grad_part, out_part in _slices(x, grad, grad_x):
            x_part, grad_part = _at_least_float32(x_part), _at_least_float32(grad_part)
            divisor = _channel_sum(x_part.square(), band).mul_(weight).add_(k)
            direct = _negative_power(divisor, beta).mul_(grad_part)  # g d^(-β)
            shared = (direct * x_part).div_(divisor)  # g x d^(-β-1)
            shared = _channel_sum(shared, band).mul_(x_part)
            out_part.copy_(direct.sub_(shared, alpha=2 * weight * beta))
        return grad_x, None, None, None, None, None


def _slices(*tensors: Tensor):
    """Yield matching slices along the batch: cache-sized on a CPU, everything at once elsewhere."""
    x = tensors[0]
    image_bytes = max(1, x.shape[1:].numel() * 4)
    length = _CHUNK_BYTES // image_bytes if x.device.type == "cpu" else len(x)
    return zip(*(tensor.split(max(1, length)) for tensor in tensors), strict=True)


def _channel_band(x: Tensor, size: int, groups: int) -> Tensor:
    """(C, C) matrix with ones where two channels of one group are at most size // 2 apart."""
    channel = torch.arange(x.shape[1], device=x.device)
    group = channel // (x.shape[1] // groups)
    near = (channel[:, None] - channel).abs() <= size // 2
    dtype = x.dtype if x.dtype == torch.bfloat16 else torch.promote_types(x.dtype, torch.float32)
    return (near & (group[:, None] == group)).to(dtype)  # (C, C), symmetric


def _channel_sum(x: Tensor, band: Tensor) -> Tensor:
    """Sum over each channel's window, without leaving x's memory format. The result is new."""
    terms = x.to(band.dtype)
    with torch.autocast(x.device.type, enabled=False):
        if x.is_contiguous(memory_format=torch.channels_last):
            total = (terms.permute(0, 2, 3, 1) @ band).permute(0, 3, 1, 2)  # (N, H, W, C) and back
        else:
            total = (band @ terms.flatten(2)).view(x.shape)  # (N, C, H·W) and back
    return total.to(x.dtype)


def _negative_power(x: Tensor, exponent: float) -> Tensor:
    """x^(-exponent), without autograd; 3/4 by square roots, which are far faster than `pow`."""
    if exponent == 0.75:
        root = x.rsqrt()  # x^(-1/2)
        return root.sqrt().mul_(root)  # x^(-1/4) · x^(-1/2)
    return x.pow(-exponent)


def _at_least_float32(x: Tensor) -> Tensor:
    """Half types overflow or lose digits when squared: compute in float32, store as given."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class SpatialResponseNorm(nn.Module):
    """Normalise each map by its own energy in a square window (authors' code; not in the paper).

    y = x / (k + alpha · Σ x² / size²)^beta, the sum over a size×size window of the same map, zeros
    outside. The 2012 network of Table 1 had one after norm2.

    Args:
        size: side of the window in pixels, odd. Code: 5.
        alpha, beta, k: as in `local_response_norm`. Code: 1e-3, 0.75, 1.
    Shape:
        x: (N, C, H, W) float -> same shape, dtype and device
    Raises:
        ValueError: x is not 4-D, or an argument is out of range.
        TypeError: x is not floating point.
    Source: authors' code (layers-145.cfg, `cnorm2`).
    """

    def __init__(self, size: int = 5, alpha: float = 1e-3, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        _check_lrn(size, alpha, beta, k)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Divide by the energy of the neighbourhood."""
        check_shape(x, ("N", "C", "H", "W"))
        wide = _at_least_float32(x)
        mean_square = F.avg_pool2d(wide.square(), self.size, stride=1, padding=self.size // 2)
        return (wide * (mean_square * self.alpha + self.k).pow(-self.beta)).to(x.dtype)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _check_lrn(size, alpha, beta, k, convention="paper", groups=1, channels=None) -> None:
    check_whole("size", size, 1)
    if size % 2 == 0:
        raise ValueError(f"size is {size}; expected an odd number, so that the window is centred.")
    check_number("alpha", alpha, "[0, inf)")
    check_number("beta", beta, "[0, inf)")
    check_number("k", k, "(0, inf)")  # it guards a division
    check_choice("convention", convention, CONVENTIONS)
    check_whole("groups", groups, 1)
    if channels is not None and (channels < groups or channels % groups):
        raise ValueError(f"{channels} channels cannot be cut into {groups} equal groups.")
