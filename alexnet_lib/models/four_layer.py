"""The small CIFAR-10 network behind Fig. 1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet_lib.layers import OverlappingMaxPool2d
from alexnet_lib.optim import INITIALISATIONS, initialise


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
        for name, allowed in (
            ("activation", ("relu", "tanh")),
            ("init", INITIALISATIONS),
            ("input_scale", ("centred", "standardised")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {allowed}.")
        if len(self.widths) != 3 or min(self.widths) < 1:
            raise ValueError(f"widths is {self.widths}; expected three numbers of at least 1.")
        if self.num_classes < 1 or self.input_size < 9:
            raise ValueError(
                f"num_classes is {self.num_classes}, input_size is {self.input_size}; expected at "
                "least 1 class and 9 pixels, so that the third pool has something to pool."
            )


class FourLayerCifar(nn.Module):
    """Three 5×5 convolutions with pooling and one dense layer (§3.1, Fig. 1).

    The paper calls the network of Fig. 1 "four-layer" and does not specify it. This is the small
    network of the authors' CIFAR-10 examples, an assumption; all its pools are max pools.

    Args:
        config: choices, or None for the defaults.
        generator: source of the first weights; seed 0 where None.
    Shape:
        x: (N, 3, 32, 32) float -> logits (N, num_classes)
    Raises:
        ValueError: x has another shape.
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
        self.pool1, self.pool2, self.pool3 = (OverlappingMaxPool2d() for _ in range(3))
        self.fc4 = nn.Linear(w3 * _halvings(config.input_size, 3) ** 2, config.num_classes)
        initialise(self, config.init, generator or torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch."""
        size = self.config.input_size
        if x.ndim != 4 or tuple(x.shape[1:]) != (3, size, size):
            raise ValueError(f"got shape {tuple(x.shape)}; expected (N, 3, {size}, {size}).")
        x = self.pool1(self.act1(self.conv1(x)))  # (N, 32, 16, 16)
        x = self.pool2(self.act2(self.conv2(x)))  # (N, 32, 8, 8)
        x = self.pool3(self.act3(self.conv3(x)))  # (N, 64, 4, 4)
        return self.fc4(x.flatten(1))  # (N, 10)


def _halvings(size: int, times: int) -> int:
    """Side of a map after some 3/2 pools under the ceil rule."""
    for _ in range(times):
        size = size // 2
    return size
