"""The layers that torch does not have as the paper needs them, in the order in which they run.

Convolution and pooling whose last window may reach over the edge (§3.4, §3.5), local response
normalisation with a gradient by hand (§3.3), the authors' same-map normalisation, and dropout as
it was in 2012 (§4.2). ReLU, dense layers and plain convolutions are torch's own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_all, check_number, check_shape, check_window

# --- Convolution (§3.5) -------------------------------------------------------------------------


def ceil_output_size(size: int, kernel_size: int, stride: int) -> int:
    """Positions of a window under the authors' rule, which rounds up: ceil((n - k) / s) + 1.

    The last window may reach over the edge. 224 pixels, kernel 11 and stride 4 give 55, the number
    of §3.5 that the usual rounding down (54) cannot explain.

    Source: authors' code (layer.py).
    """
    check_all(locals(), size=1, kernel_size=1, stride=1)
    if size < kernel_size:
        raise InputError(f"a window of {kernel_size} does not fit in {size} pixels.")
    # -(-a // b) rounds up
    return -(-(size - kernel_size) // stride) + 1


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
        check_window(kernel_size, stride, padding)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Zero-extend at right and bottom, then convolve as usual."""
        (k, _), (s, _), (p, _) = self.kernel_size, self.stride, self.padding
        # After the last whole step some pixels are left: they and these zeros fill one more window.
        bottom, right = (k - x.shape[2] - 2 * p) % s, (k - x.shape[3] - 2 * p) % s
        x = F.pad(x, (0, right, 0, bottom))  # (N, C, H + bottom, W + right); §3.5: (N, 3, 227, 227)
        return super().forward(x)  # (N, K, H', W'); §3.5: (N, 96, 55, 55)


# --- Overlapping pooling (§3.4) -----------------------------------------------------------------


class OverlappingMaxPool2d(nn.Module):
    """Maximum over windows of z×z pixels, s apart; they overlap where s < z (§3.4).

    Args:
        kernel_size: z. Paper: 3.
        stride: s, at most z, so that no pixel is skipped. Paper: 2.
    Shape:
        x: (N, C, H, W) float -> (N, C, H', W'), H' = ceil((H - z) / s) + 1
    Source: paper §3.4; the rounding up: authors' code.
    """

    def __init__(self, kernel_size: int = 3, stride: int = 2):
        super().__init__()
        check_all(locals(), stride=1)
        check_all(locals(), kernel_size=stride)
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        """Pool; the last window may reach over the edge and takes what is there."""
        # (N, 96, 55, 55) -> (N, 96, 27, 27): neighbouring windows share a row or column of pixels
        return F.max_pool2d(x, self.kernel_size, self.stride, ceil_mode=True)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


# --- Local response normalisation (§3.3) --------------------------------------------------------

CONVENTIONS = ("paper", "source2012")


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
        alpha: weight of the sum of squares, at least 0. Paper: 1e-4.
        beta: exponent. Paper: 0.75.
        k: constant that keeps the divisor away from zero, > 0. Paper: 2 (torch's default is 1).
        convention: "paper" uses alpha as printed; "source2012" divides it by `size`, as the
            authors' code, Caffe and `torch.nn.LocalResponseNorm` do.
        groups: channels are cut into this many blocks that do not see each other. 2012 code: 2.
    Shape:
        x: (N, C, H, W) float -> same shape, dtype, device and memory format
    Source: paper §3.3; groups: authors' code. Differentiable once.
    """
    check_shape(x, ("N", "C", "H", "W"))
    norm = LocalResponseNorm(size, alpha, beta, k, convention, groups)
    if x.shape[1] % groups:
        raise InputError(f"{x.shape[1]} channels cannot be cut into {groups} equal groups.")
    return norm(x)


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
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.convention, self.groups = convention, groups
        _check_norm(self, convention=CONVENTIONS, groups=1)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise across channels."""
        if self.alpha == 0:
            return x * self.k**-self.beta  # no neighbour counts: 0.59 x with the paper's k
        # printed, 1e-4 is the weight of the sum of squares; in the code of 2012 of their mean
        weight = self.alpha if self.convention == "paper" else self.alpha / self.size
        return _CrossMapNorm.apply(x, self.size, weight, self.beta, self.k, self.groups)

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
    """

    @staticmethod
    def forward(ctx, x, size, weight, beta, k, groups):
        band = _channel_band(x, size, groups)  # (C, C)
        # d is cheaper to compute again than to keep
        ctx.save_for_backward(x, band)
        ctx.constants = weight, beta, k
        y = torch.empty_like(x)
        for x_part, y_part in _slices(x, y):
            x_part = _at_least_float32(x_part)  # (n, C, H, W)
            divisor = _channel_sum(x_part.square(), band).mul_(weight).add_(k)  # d
            y_part.copy_(_negative_power(divisor, beta).mul_(x_part))  # x d^(-β)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, band = ctx.saved_tensors
        weight, beta, k = ctx.constants
        grad_x = torch.empty_like(x)
        for x_part, grad_part, out_part in _slices(x, grad, grad_x):
            x_part, grad_part = _at_least_float32(x_part), _at_least_float32(grad_part)
            divisor = _channel_sum(x_part.square(), band).mul_(weight).add_(k)  # d
            # what each unit does to its own output
            direct = _negative_power(divisor, beta).mul_(grad_part)  # g d^(-β)
            # and to its neighbours' outputs, as a part of their divisors
            shared = (direct * x_part).div_(divisor)  # g x d^(-β-1)
            # Windows are symmetric: whoever i sees also sees i, so one band serves both ways.
            shared = _channel_sum(shared, band).mul_(x_part)
            out_part.copy_(direct.sub_(shared, alpha=2 * weight * beta))
        return grad_x, None, None, None, None, None


_CHUNK_BYTES = 1 << 20  # a CPU slice of this size stays in the cache: several times faster


def _slices(*tensors: Tensor):
    """Yield matching slices along the batch: cache-sized on a CPU, everything at once elsewhere."""
    x = tensors[0]
    image_bytes = max(1, x.shape[1:].numel() * 4)
    length = _CHUNK_BYTES // image_bytes if x.device.type == "cpu" else len(x)
    return zip(*(tensor.split(max(1, length)) for tensor in tensors), strict=True)


def _channel_band(x: Tensor, size: int, groups: int) -> Tensor:
    """(C, C) matrix with ones where two channels of one group are at most size // 2 apart."""
    channel = torch.arange(x.shape[1] // groups, device=x.device)
    near = (channel[:, None] - channel).abs() <= size // 2  # (C / groups, C / groups)
    # bfloat16 x: the product is in bfloat16 with sums in float32; y is rounded to that anyway
    dtype = x.dtype if x.dtype == torch.bfloat16 else torch.promote_types(x.dtype, torch.float32)
    return torch.block_diag(*[near.to(dtype)] * groups)  # (C, C), symmetric


def _channel_sum(x: Tensor, band: Tensor) -> Tensor:
    """Sum over each channel's window: one matrix product, in x's memory format. Result is new."""
    terms = x.to(band.dtype)
    with torch.autocast(x.device.type, enabled=False):
        # no copy in either layout: the channels are the last axis, or the first of an image
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


def _check_norm(norm: nn.Module, **more: object) -> None:
    check_all(vars(norm), size=1, alpha="[0, inf)", beta="[0, inf)", k="(0, inf)", **more)
    if norm.size % 2 == 0:
        raise InputError(f"size is {norm.size}; expected an odd number: the window is centred.")


# --- Normalisation within a map (authors' code, not in the paper) -------------------------------


class SpatialResponseNorm(nn.Module):
    """Normalise each map by its own energy in a square window (authors' code; not in the paper).

    y = x / (k + alpha · Σ x² / size²)^beta, the sum over a size×size window of the same map, zeros
    outside. The 2012 network of Table 1 had one after norm2.

    Args:
        size: side of the window in pixels, odd. Code: 5.
        alpha, beta, k: as in `local_response_norm`. Code: 1e-3, 0.75, 1.
    Shape:
        x: (N, C, H, W) float -> same shape, dtype and device
    Source: authors' code (layers-145.cfg, `cnorm2`).
    """

    def __init__(self, size: int = 5, alpha: float = 1e-3, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        _check_norm(self)

    def forward(self, x: Tensor) -> Tensor:
        """Divide by the energy of the neighbourhood."""
        wide = _at_least_float32(x)
        # A mean over the window is Σ x² / size²; zeros outside count, as in the code of 2012.
        energy = F.avg_pool2d(wide.square(), self.size, stride=1, padding=self.size // 2)
        return (wide * (energy * self.alpha + self.k).pow(-self.beta)).to(x.dtype)  # (N, C, H, W)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


# --- Dropout (§4.2) -----------------------------------------------------------------------------


class ClassicDropout(nn.Module):
    """Dropout as the paper has it: mask in training, multiply by 1 - p at test time (§4.2).

    torch's `nn.Dropout` is the inverted form: it multiplies by 1 / (1 - p) in training instead and
    leaves the test alone. Both have the same expectation, not the same dynamics.

    Args:
        p: probability that an activation is set to zero, in [0, 1). Paper: 0.5.
    Shape:
        x: (*) float -> same shape, dtype and device
    Source: paper §4.2.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        check_number("p", p, "[0, 1)")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Mask (training) or scale (evaluation)."""
        # at test time: what each unit gives on average over all masks
        if not self.training:
            return x * (1 - self.p)
        # in training: a new mask of zeros and ones for every image
        return x * torch.empty_like(x).bernoulli_(1 - self.p)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"p={self.p}"
