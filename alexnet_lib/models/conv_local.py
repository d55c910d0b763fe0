"""A convolution whose weights are not shared (the CIFAR-10 networks of §3.3)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_choice, check_whole, check_wholes
from alexnet_lib.paper.layers import LocalResponseNorm, OverlappingMaxPool2d
from alexnet_lib.paper.layers import ceil_output_size as pooled
from alexnet_lib.paper.optim import initialise


class LocalConv2d(nn.Module):
    """A convolution with kernels, and biases, of its own at every position ("locally connected").

    Args:
        in_channels, out_channels, kernel_size, padding: as in `torch.nn.Conv2d`; the stride is 1.
        size: side of the images, in pixels, since there are weights for each place.
    Shape:
        x: (N, C, size, size) float -> (N, K, L, L), L = size + 2 padding - kernel_size + 1
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
        weight = torch.empty(self.side**2, out_channels, fan_in)  # (L L, K, C k k)
        self.weight = nn.Parameter(nn.init.normal_(weight, std=fan_in**-0.5))
        self.bias = nn.Parameter(torch.zeros(self.side**2, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the window at each place by that place's weights."""
        k, side = self.kernel_size, self.side
        x = F.pad(x, [self.padding] * 4).permute(2, 3, 0, 1)  # (H, W, N, C)
        # what lies (i, j) from each place's first pixel; side by side that is every place's window
        rows = [x[i : i + side] for i in range(k)]
        shifted = [rows[n // k][:, n % k : n % k + side] for n in range(k * k)]
        windows = torch.cat(shifted, dim=3).flatten(0, 1)  # (L L, N, k k C): the only copy
        weight = self.weight.unflatten(2, [-1, k * k])  # (L L, K, C, k k)
        weight = weight.permute(0, 3, 2, 1).flatten(1, 2)  # (L L, k k C, K)
        y = torch.baddbmm(self.bias[:, None], windows, weight)  # one product for each place
        return y.permute(1, 2, 0).unflatten(2, [side, side])  # (N, K, L, L)

    def extra_repr(self) -> str:
        """Arguments, as print(model) shows them."""
        out = self.weight.shape[1]
        return (
            f"{self.in_channels}, {out}, kernel_size={self.kernel_size}, size={self.size}, "
            f"padding={self.padding}"
        )


_NORMS = {
    None: nn.Identity,
    "paper": LocalResponseNorm,
    "constant": lambda: LocalResponseNorm(alpha=0.0),
    "source2012": lambda: LocalResponseNorm(9, 1e-3, 0.75, 1.0, "source2012"),
}


@dataclass(frozen=True)
class ConvLocalConfig:
    """Choices of `ConvLocalCifar`; names and meanings as in `AlexNetConfig`.

    Args:
        normalisation: None; "paper", with the constants of §3.3; "constant", its k^(-beta) alone;
            "source2012", as in the authors' 11 % network (9 maps, alpha 0.001 / 9, k 1).
        local_maps: of the two locally connected layers. 13 % network: 32, 32; 11 %: 64, 32.
    Raises:
        ValueError: a value is out of range.
    """

    num_classes: int = 10
    normalisation: str | None = None
    widths: tuple[int, ...] = (64, 64)
    local_maps: tuple[int, ...] = (32, 32)
    input_scale: str = "centred"
    input_size: int = 24
    resize_to: int | None = None

    def __post_init__(self):
        check_choice("normalisation", self.normalisation, tuple(_NORMS))
        check_choice("input_scale", self.input_scale, ("centred", "standardised"))
        for name in ("widths", "local_maps"):
            object.__setattr__(self, name, check_wholes(name, getattr(self, name), 2, 1))
        check_whole("num_classes", self.num_classes, 1)
        check_whole("input_size", self.input_size, 6)
        if self.resize_to is not None:
            check_whole("resize_to", self.resize_to, self.input_size)


class ConvLocalCifar(nn.Module):
    """Two convolutions, two locally connected layers, one dense layer (§3.3, footnote).

    Weights of the convolutions are not decayed (see `optim.parameter_groups`).

    Args:
        config: choices, or None for the 13 % network.
        generator: source of the first weights; seed 0 where None.
    Shape:
        x: (N, 3, 24, 24) float -> logits (N, num_classes)
    Source: authors' code (layers-conv-local-13pct.cfg, -11pct.cfg).
    """

    def __init__(
        self, config: ConvLocalConfig | None = None, generator: torch.Generator | None = None
    ):
        super().__init__()
        self.config = config = config or ConvLocalConfig()
        (w1, w2), (w3, w4) = config.widths, config.local_maps
        size = pooled(pooled(config.input_size, 3, 2), 3, 2)
        norm = _NORMS[config.normalisation]
        generator = generator or torch.Generator().manual_seed(0)
        self.conv1, self.norm1 = nn.Conv2d(3, w1, 5, padding=2), norm()
        self.conv2, self.norm2 = nn.Conv2d(w1, w2, 5, padding=2), norm()
        self.conv1.undecayed = self.conv2.undecayed = True  # see `optim.parameter_groups`
        self.local3 = LocalConv2d(w2, w3, 3, size, padding=1)
        self.local4 = LocalConv2d(w3, w4, 3, size, padding=1)
        self.pool1, self.pool2 = OverlappingMaxPool2d(), OverlappingMaxPool2d()
        self.fc5 = nn.Linear(w4 * size**2, config.num_classes)
        initialise(self, "cuda-convnet", generator)
        for layer in (self.local3, self.local4):
            nn.init.normal_(layer.weight, std=0.04, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch; pool1 comes before norm1, norm2 before pool2, as the code ran."""
        x = self.norm1(self.pool1(self.conv1(x).relu()))  # (N, 64, 12, 12)
        x = self.pool2(self.norm2(self.conv2(x).relu()))  # (N, 64, 6, 6)
        x = self.local3(x).relu()  # (N, 32, 6, 6)
        x = self.local4(x).relu()  # (N, 32, 6, 6)
        return self.fc5(x.flatten(1))  # (N, 10)
