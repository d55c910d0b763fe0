"""Every network by its name."""

from dataclasses import replace

import torch
from torch import nn

from alexnet_lib.checks import InputError, check_choice, check_whole
from alexnet_lib.models.conv_local import ConvLocalCifar, ConvLocalConfig
from alexnet_lib.models.four_layer import FourLayerCifar, FourLayerConfig
from alexnet_lib.paper.network import PRESETS, AlexNet, AlexNetConfig

_SMALL = {
    "four-layer": (FourLayerConfig(), FourLayerCifar),
    "conv-local": (ConvLocalConfig(), ConvLocalCifar),
}

MODEL_NAMES = (*PRESETS, *_SMALL)


def model_config(
    name: str, num_classes: int = 10, **changes
) -> AlexNetConfig | FourLayerConfig | ConvLocalConfig:
    """The config of a network by name; arguments and errors as `build_model`."""
    check_choice("name", name, MODEL_NAMES)
    config = _SMALL[name][0] if name in _SMALL else PRESETS[name]
    for field in changes:
        if field not in vars(config):
            raise InputError(f"{name} has no setting {field!r}; it has {', '.join(vars(config))}.")
    return replace(config, num_classes=num_classes, **changes)


def build_model(name: str, num_classes: int = 10, seed: int = 0, **changes) -> nn.Module:
    """Build a network by name, with weights that depend on the seed alone.

    Args:
        name: a preset of AlexNet, "four-layer" or "conv-local".
        num_classes: outputs.
        seed: of the first weights.
        changes: fields of the config to replace, for instance `activation="tanh"`.
    Raises:
        ValueError: unknown name, unknown field or a value out of range.
    """
    config = model_config(name, num_classes, **changes)
    check_whole("seed", seed, 0)
    kind = _SMALL[name][1] if name in _SMALL else AlexNet
    return kind(config, torch.Generator().manual_seed(seed))
