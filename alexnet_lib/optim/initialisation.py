"""First weights and biases (§5)."""

import math

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_choice

INITIALISATIONS = ("paper", "source2012", "torch", "kaiming", "cuda-convnet")

# Standard deviations of the Gaussian weights: (convolutions in order, every dense layer).
_STANDARD_DEVIATIONS = {
    "paper": ((0.01,) * 5, 0.01),  # §5
    "source2012": ((0.01, 0.01, 0.03, 0.03, 0.03), 0.01),  # layers-145.cfg
    "cuda-convnet": ((1e-4, 0.01, 0.01), 0.01),  # the four-layer net of Fig. 1
}
_UNIT_BIASES = ("conv2", "conv4", "conv5", "fc6", "fc7")  # §5: the ReLUs start with positive inputs


@torch.no_grad()
def initialise(model: nn.Module, preset: str, generator: torch.Generator) -> None:
    """Draw a model's first weights, in the order of its layers.

    Args:
        model: its layers are named conv1 … and fc6 …, as in the paper.
        preset: "paper": N(0, 0.01²) everywhere (§5). "source2012": the same, but 0.03 in conv3 to
            conv5. Both with biases of 1 in conv2, conv4, conv5, fc6, fc7 and 0 elsewhere.
            "cuda-convnet": the authors' small CIFAR-10 net, 1e-4 in conv1, then 0.01, biases 0.
            "kaiming": N(0, 2 / fan_in), biases 0. "torch": what PyTorch does by default,
            uniform in ±1 / √fan_in for weights and biases.
        generator: source of the numbers, on the CPU; the same seed gives the same weights anywhere.
    Raises:
        ValueError: unknown preset, a layer without bias, or more convolutions than the preset has
            numbers for.
    Source: paper §5; authors' code (layers-145.cfg, layers-18pct.cfg); torch.
    """
    check_choice("init", preset, INITIALISATIONS)
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for name, layer in layers:
        if layer.bias is None:
            raise ValueError(f"{name} has no bias; expected one in every layer, as in the paper.")
    convolutions = sum(isinstance(m, nn.Conv2d) for _, m in layers)
    if preset in _STANDARD_DEVIATIONS and convolutions > len(_STANDARD_DEVIATIONS[preset][0]):
        raise ValueError(
            f"init {preset!r} knows fewer convolutions than the model's {convolutions}."
        )
    for index, (name, layer) in enumerate(layers):
        fan_in = layer.weight[0].numel()
        if preset == "torch":
            _fill_uniform(layer.weight, fan_in**-0.5, generator)
            _fill_uniform(layer.bias, fan_in**-0.5, generator)
            continue
        _fill_normal(layer.weight, _standard_deviation(preset, layer, index, fan_in), generator)
        layer.bias.fill_(preset in ("paper", "source2012") and name in _UNIT_BIASES)


def _standard_deviation(preset: str, layer: nn.Module, index: int, fan_in: int) -> float:
    if preset == "kaiming":
        return math.sqrt(2 / fan_in)
    convolutions, dense = _STANDARD_DEVIATIONS[preset]
    return convolutions[index] if isinstance(layer, nn.Conv2d) else dense


def _fill_normal(parameter: Tensor, std: float, generator: torch.Generator) -> None:
    parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)


def _fill_uniform(parameter: Tensor, bound: float, generator: torch.Generator) -> None:
    parameter.copy_((torch.rand(parameter.shape, generator=generator) * 2 - 1) * bound)
