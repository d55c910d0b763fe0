"""The layers: convolution, overlapping pooling, response norm, dropout (§3.1–3.4, §4.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import (
    InputError,
    check_choice,
    check_float,
    check_number,
    check_shape,
    check_whole,
)


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
        raise InputError(f"a {kh}×{kw} window does not fit in {x.shape[2]}×{x.shape[3]} pixels.")
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
        raise InputError(f"a window of {kernel_size} does not fit in {size} pixels{zeros}.")
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


def _check_window(kernel_size: int, stride: int, padding: int) -> None:
    check_whole("kernel_size", kernel_size, 1)
    check_whole("stride", stride, 1)
    check_whole("padding", padding, 0)


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
            raise InputError(
                f"got maps of {x.shape[2]}×{x.shape[3]} pixels; expected at least "
                f"{self.kernel_size}×{self.kernel_size}, the window of the pool."
            )
        return F.max_pool2d(x, self.kernel_size, self.stride, ceil_mode=True)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


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
        raise InputError(f"size is {size}; expected an odd number, so that the window is centred.")
    check_number("alpha", alpha, "[0, inf)")
    check_number("beta", beta, "[0, inf)")
    check_number("k", k, "(0, inf)")  # it guards a division
    check_choice("convention", convention, CONVENTIONS)
    check_whole("groups", groups, 1)
    if channels is not None and (channels < groups or channels % groups):
        raise InputError(f"{channels} channels cannot be cut into {groups} equal groups.")


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
