"""The small CIFAR-10 network behind Fig. 1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_choice, check_whole, check_wholes
from alexnet_lib.paper.layers import OverlappingMaxPool2d, ceil_output_size
from alexnet_lib.paper.optim import INITIALISATIONS, initialise


@dataclass(frozen=True)
class FourLayerConfig:
    """Choices of `FourLayerCifar`; names and meanings as in `AlexNetConfig`.

    Raises:
        ValueError: a value is out of range.
    """

    num_classes: int = 10
    activation: str = "relu"
    init: str = "cuda-convnet"
    input_scale: str = "centred"
    widths: tuple[int, ...] = (32, 32, 64)
    input_size: int = 32
    resize_to: int | None = None

    def __post_init__(self):
        check_choice("activation", self.activation, ("relu", "tanh"))
        check_choice("init", self.init, INITIALISATIONS)
        check_choice("input_scale", self.input_scale, ("centred", "standardised"))
        object.__setattr__(self, "widths", check_wholes("widths", self.widths, 3, 1))
        check_whole("num_classes", self.num_classes, 1)
        check_whole("input_size", self.input_size, 12)  # leaves 3 pixels for the third pool
        if self.resize_to is not None:
            check_whole("resize_to", self.resize_to, self.input_size)

    @property
    def last_map_size(self) -> int:
        """Side of the square maps after the third pool, in pixels."""
        size = self.input_size
        for _ in range(3):
            size = ceil_output_size(size, kernel_size=3, stride=2)
        return size


class FourLayerCifar(nn.Module):
    """Three 5×5 convolutions with pooling and one dense layer (§3.1, Fig. 1).

    The paper calls the network of Fig. 1 "four-layer" and does not specify it. This is the small
    network of the authors' CIFAR-10 examples, an assumption: after a max pool two that average.

    Args:
        config: choices, or None for the defaults.
        generator: source of the first weights; seed 0 where None.
    Shape:
        x: (N, 3, 32, 32) float -> logits (N, num_classes)
    Source: authors' code (layers-18pct.cfg), after paper §3.1.
    """

    def __init__(
        self, config: FourLayerConfig | None = None, generator: torch.Generator | None = None
    ):
        super().__init__()
        self.config = config = config or FourLayerConfig()
        w1, w2, w3 = config.widths
        activation = nn.ReLU if config.activation == "relu" else nn.Tanh
        self.conv1, self.act1 = nn.Conv2d(3, w1, 5, padding=2), activation()
        self.conv2, self.act2 = nn.Conv2d(w1, w2, 5, padding=2), activation()
        self.conv3, self.act3 = nn.Conv2d(w2, w3, 5, padding=2), activation()
        self.pool1, self.pool2, self.pool3 = OverlappingMaxPool2d(), _mean_pool(), _mean_pool()
        self.fc4 = nn.Linear(w3 * config.last_map_size**2, config.num_classes)
        initialise(self, config.init, generator or torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch."""
        x = self.pool1(self.act1(self.conv1(x)))  # (N, 32, 16, 16)
        x = self.pool2(self.act2(self.conv2(x)))  # (N, 32, 8, 8)
        x = self.pool3(self.act3(self.conv3(x)))  # (N, 64, 4, 4)
        return self.fc4(x.flatten(1))  # (N, 10)


def _mean_pool() -> nn.AvgPool2d:
    """Windows like those of the max pool; one that reaches over the edge averages what is there."""
    return nn.AvgPool2d(kernel_size=3, stride=2, ceil_mode=True, count_include_pad=False)
