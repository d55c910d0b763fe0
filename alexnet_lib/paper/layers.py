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
    return -(-(size - kernel_size) // stride) + 1  # -(-a // b) rounds up


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
        k, s, p = self.kernel_size[0], self.stride[0], self.padding[0]
        # After the last whole step some pixels are left: they and these zeros fill one more window.
        bottom, right = (k - x.shape[2] - 2 * p) % s, (k - x.shape[3] - 2 * p) % s
        x = F.pad(x, (0, right, 0, bottom))  # (N, C, H + bottom, W + right); §3.5: (N, 3, 227, 227)
        return self._conv_forward(x, self.weight, self.bias)  # (N, K, H', W'); (N, 96, 55, 55)


# --- Overlapping pooling (§3.4) -----------------------------------------------------------------


class OverlappingMaxPool2d(nn.MaxPool2d):
    """Maximum over windows of z×z pixels, s apart; they overlap where s < z (§3.4).

    The last window may reach over the edge and takes what is there.

    Args:
        kernel_size: z. Paper: 3.
        stride: s, at most z, so that no pixel is skipped. Paper: 2.
    Shape:
        x: (N, C, H, W) float -> (N, C, H', W'), H' = ceil((H - z) / s) + 1
    Source: paper §3.4; the rounding up: authors' code.
    """

    def __init__(self, kernel_size: int = 3, stride: int = 2):
        check_all(locals(), stride=1, kernel_size=stride)
        super().__init__(kernel_size, stride, ceil_mode=True)  # (N, 96, 55, 55) -> (…, 27, 27)


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
        x: (N, C, *) float -> same shape, dtype, device and memory format
    Source: paper §3.3; groups: authors' code. Differentiable as often as one likes.
    """
    check_shape(x, ("N", "C", *"HWD"[: max(1, getattr(x, "ndim", 4) - 2)]))
    norm = LocalResponseNorm(size, alpha, beta, k, convention, groups)
    if x.shape[1] % groups:
        raise InputError(f"{x.shape[1]} channels cannot be cut into {groups} equal groups.")
    return norm(x)


class LocalResponseNorm(nn.Module):
    """`local_response_norm` as a layer; the arguments are the same.

    Shape:
        x: (N, C, *) float -> same shape, dtype and device
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
        return _across_maps(x, self.size, weight, self.beta, self.k, self.groups)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return (
            f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, "
            f"convention={self.convention!r}, groups={self.groups}"
        )


@torch.fx.wrap
def _across_maps(x: Tensor, size: int, weight: float, beta: float, k: float, groups: int) -> Tensor:
    """The formula, on a view that has the channels where they lie in memory, each group apart."""
    axis = -1 if x.stride(1) == 1 else 1 - x.dim()  # the last one in channels-last
    x = x.movedim(1, axis).unflatten(axis, [groups, -1])  # (N, G, C / G, *) or (N, *, G, C / G)
    # where torch writes a network down, the formula itself
    if torch.jit.is_scripting() or torch.jit.is_tracing() or torch.compiler.is_compiling():
        y = _normalised(x, size, weight, beta, k, axis)
    elif torch.autograd.forward_ad._current_level >= 0:  # and where derivatives run forward
        y = _normalised(x, size, weight, beta, k, axis)
    else:  # everywhere else, what is faster
        y = _CrossMapNorm.apply(x, size, weight, beta, k, axis)
    return y.flatten(axis - 1, axis).movedim(axis, 1)  # (N, C, *)


def _normalised(x: Tensor, size: int, weight: float, beta: float, k: float, axis: int) -> Tensor:
    """y_i = x_i d_i^(-β), with d_i = k + w Σ_j x_j², j over the window of i."""
    wide = _at_least_float32(x)
    divisor = _window_sum(wide.square(), size, axis, k, weight)  # d
    return (wide * _negative_power(divisor, beta)).to(x.dtype)


def _pulled_back(x, grad, size, weight, beta, k, axis):
    """∂x_i = g_i d_i^(-β) - 2 w β x_i Σ_j g_j x_j d_j^(-β-1), for the gradient g of y."""
    wide, grad = _at_least_float32(x), _at_least_float32(grad)
    divisor = _window_sum(wide.square(), size, axis, k, weight)  # d
    # what each unit does to its own output
    direct = grad * _negative_power(divisor, beta)  # g d^(-β)
    # and to its neighbours' outputs, as a part of their divisors: whoever i sees also sees i
    shared = _window_sum(direct * wide / divisor, size, axis, 0.0, -2 * weight * beta)
    return torch.addcmul(direct, shared, wide).to(x.dtype)


class _CrossMapNorm(torch.autograd.Function):
    """LRN with its gradient by hand, from x alone: d is cheaper to compute again than to keep."""

    @staticmethod
    def forward(x, *settings):
        return _in_slices(_normalised, x, settings=settings)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, *ctx.settings = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, grad):
        grad_x = _in_slices(_pulled_back, *ctx.saved_tensors, grad, settings=ctx.settings)
        return grad_x, *[None] * len(ctx.settings)

    @staticmethod
    def vmap(info, in_dims, x, *settings):
        x = x.movedim(in_dims[0], 0)  # (B, N, C, *): one longer batch, since no image sees another
        return _CrossMapNorm.apply(x.flatten(0, 1), *settings).unflatten(0, x.shape[:2]), 0


def _in_slices(formula, *tensors, settings):
    """A formula along the batch: on a CPU in slices that stay in its cache, much faster."""
    # slices would hide from another derivative, or from a second batch, where a number comes from
    followed = torch.is_grad_enabled() or torch._C._are_functorch_transforms_active()
    if followed or tensors[0].device.type != "cpu":
        return formula(*tensors, *settings)
    y = torch.empty_like(tensors[-1])
    length = max(1, (1 << 20) // max(1, 4 * y.shape[1:].numel()))  # images in 1 MB
    for y_part, *parts in zip(*(t.split(length) for t in (y, *tensors)), strict=True):
        y_part.copy_(formula(*parts, *settings))
    return y


def _window_sum(x: Tensor, size: int, axis: int, start: float, weight: float) -> Tensor:
    """start + weight Σ_j x_j, j over each channel's window: shifted copies, nothing else."""
    padded = F.pad(x, [0, 0] * (-axis - 1) + [size // 2, size // 2])  # zeros at the ends
    total = x.new_full([1], start).add(padded.narrow(axis, 0, x.size(axis)), alpha=weight)
    for shift in range(1, size):
        total.add_(padded.narrow(axis, shift, x.size(axis)), alpha=weight)
    return total


def _negative_power(x: Tensor, exponent: float) -> Tensor:
    """x^(-exponent); 3/4 by square roots, which are far faster than `pow`."""
    if exponent == 0.75:
        root = x.rsqrt()  # x^(-1/2)
        return root / root.rsqrt()  # x^(-1/2) · x^(-1/4)
    return x.pow(-exponent)


@torch.fx.wrap
def _at_least_float32(x: Tensor) -> Tensor:
    """Half types overflow or lose digits when squared: compute in float32, store as given."""
    return x.float() if x.dtype == torch.float16 or x.dtype == torch.bfloat16 else x


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
        if not self.training:
            return x * (1 - self.p)  # what each unit gives on average over all masks
        # in training: a new mask of zeros and ones for every image
        return x * torch.empty_like(x).bernoulli_(1 - self.p)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"p={self.p}"
