"""The networks and pictures that the fidelity checks share."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.paper.network import PRESETS, AlexNet, AlexNetConfig


@pytest.fixture(autouse=True)
def _same_numbers_every_time():
    """One seed, and one thread: with more, small sums wait for one another on a busy machine."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def whole_net() -> AlexNet:
    """The paper's network of 61 million parameters, as first drawn. Built once: leave it as is."""
    return AlexNet(PRESETS["paper"])


@pytest.fixture
def paper_net(whole_net: AlexNet) -> AlexNet:
    """The same network, in evaluation mode and without gradients."""
    whole_net.zero_grad(set_to_none=True)
    return whole_net.eval()


@pytest.fixture(scope="session")
def slim_net() -> Callable[..., AlexNet]:
    """Build a network with the paper's structure and few maps: (preset, changes) -> AlexNet.

    Its weights and biases are drawn so that a picture leaves a clear trace in the logits; with the
    printed σ of 0.01 and few maps there would be none, and comparisons would compare nothing.
    """

    def build(preset: str = "paper", **changes: object) -> AlexNet:
        slim = {"widths": (8, 12, 16, 16, 12), "hidden_units": 32, "num_classes": 10}
        net = AlexNet(replace(PRESETS[preset], **{**slim, "init": "kaiming", **changes}))
        generator = torch.Generator().manual_seed(1)
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.data = torch.randn(parameter.shape, generator=generator)
        return net

    return build


@pytest.fixture
def blank_net() -> Callable[[AlexNetConfig], AlexNet]:
    """Build a network of any size at once: shapes only, no numbers in its weights."""

    def build(config: AlexNetConfig) -> AlexNet:
        with torch.device("meta"):
            return AlexNet(config)

    return build


@pytest.fixture(scope="session")
def pictures() -> Callable[..., Tensor]:
    """Random pictures with the statistics of photographs: (count, size, std) -> (N, 3, s, s).

    Coarse shapes are stronger than fine ones, the colours mostly agree, and the mean image is taken
    away. A standard deviation of 60 is that of pixels from 0 to 255.
    """

    def draw(count: int, size: int, std: float = 60.0, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        x = torch.zeros(count, 3, size, size)
        side = 2
        while side <= size:
            grey = torch.randn(count, 1, side, side, generator=generator)
            colour = torch.randn(count, 3, side, side, generator=generator)
            x += F.interpolate(grey + 0.3 * colour, size, mode="bilinear") / side**0.5
            side *= 2
        x -= x.mean(dim=0)
        return x * (std / x.std())

    return draw
