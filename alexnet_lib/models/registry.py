"""Every network by its name, and in plain words: what it is, enough to build it again."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

import torch
from torch import nn

from alexnet_lib.checks import InputError, WrongTypeError, check_choice, check_whole
from alexnet_lib.models.conv_local import ConvLocalCifar, ConvLocalConfig
from alexnet_lib.models.four_layer import FourLayerCifar, FourLayerConfig
from alexnet_lib.models.two_towers import TwoTowerAlexNet, to_two_towers
from alexnet_lib.paper.network import PRESETS, AlexNet, AlexNetConfig

NetworkConfig = AlexNetConfig | FourLayerConfig | ConvLocalConfig

# A preset is an AlexNet by name; each of the others is a kind of its own.
_CONFIGS = {**PRESETS, "four-layer": FourLayerConfig(), "conv-local": ConvLocalConfig()}

MODEL_NAMES = tuple(_CONFIGS)


def model_config(name: str, num_classes: int = 10, **changes: Any) -> NetworkConfig:
    """The config of a network by name; arguments and errors as `build_model`."""
    check_choice("name", name, MODEL_NAMES)
    _check_fields(name, changes, type(_CONFIGS[name]))
    return replace(_CONFIGS[name], num_classes=num_classes, **changes)


def build_model(name: str, num_classes: int = 10, seed: int = 0, **changes: Any) -> nn.Module:
    """Build a network by name, with weights that depend on the seed alone.

    Args:
        name: a preset of AlexNet, "four-layer" or "conv-local".
        num_classes: outputs.
        seed: of the first weights.
        changes: fields of the config to replace, for instance `activation="tanh"`.
    Raises:
        InputError: unknown name, unknown field or a value out of range.
    """
    config = model_config(name, num_classes, **changes)
    check_whole("seed", seed, 0)
    kind = next(kind for kind in _KINDS.values() if kind.config is type(config))
    return kind.build(config, torch.Generator().manual_seed(seed))


class _Kind(NamedTuple):
    config: type
    model: type[nn.Module]
    build: Callable[..., nn.Module]  # of a config and the source of the first weights


_KINDS = {
    "alexnet": _Kind(AlexNetConfig, AlexNet, AlexNet),
    "four-layer": _Kind(FourLayerConfig, FourLayerCifar, FourLayerCifar),
    "conv-local": _Kind(ConvLocalConfig, ConvLocalCifar, ConvLocalCifar),
    "two-towers": _Kind(
        AlexNetConfig,
        TwoTowerAlexNet,
        lambda config, source: to_two_towers(AlexNet(config, source)),
    ),
}


def describe(model: nn.Module) -> dict[str, Any]:
    """What a network is, as JSON can hold it: its kind, and each setting not left at its default.

    `from_description` builds the same network from it. A network that was altered after it was
    built is refused: the copy would answer otherwise than the original.

    Raises:
        WrongTypeError: not a network of this package.
        InputError: its layers are not those of its config, or it has hooks.
    """
    names = [name for name, kind in _KINDS.items() if kind.model is type(model)]
    if not names:
        known = ", ".join(kind.model.__name__ for kind in _KINDS.values())
        raise WrongTypeError(
            f"a {type(model).__name__} cannot be described; expected one of {known}, unwrapped."
        )
    kind = _KINDS[names[0]]
    default, own = kind.config(), vars(model.config)
    changed = {name: own[name] for name in own if own[name] != getattr(default, name)}
    lists = {name: list(v) if isinstance(v, tuple) else v for name, v in changed.items()}
    _check_unaltered(model, _outline(kind, model.config))
    return {"kind": names[0], **lists}


def from_description(
    description: Mapping[str, Any], first_weights: bool = True, seed: int = 0
) -> nn.Module:
    """Build the network of a description (see `describe`).

    Args:
        description: "kind", and the fields of that kind's config that are not at their default.
        first_weights: False: all weights are 0, to be loaded; no random number is drawn.
        seed: of the first weights.
    Raises:
        InputError: an unknown kind or field, which names the known ones, or a value out of range.
    """
    if not isinstance(description, Mapping) or "kind" not in description:
        raise InputError(f"the description is {description!r}; expected a mapping with a 'kind'.")
    settings = dict(description)
    name = settings.pop("kind")
    check_choice("kind", name, tuple(_KINDS))
    check_whole("seed", seed, 0)
    _check_fields(name, settings, _KINDS[name].config)
    config = _KINDS[name].config(**settings)
    if first_weights:
        return _KINDS[name].build(config, torch.Generator().manual_seed(seed))
    model = _outline(_KINDS[name], config).to_empty(device="cpu")
    for tensor in model.state_dict().values():
        tensor.zero_()
    return model


def _outline(kind: _Kind, config: NetworkConfig) -> nn.Module:
    """A network without numbers, which costs no memory and a few milliseconds."""
    with torch.device("meta"):
        return kind.model(config)


def _check_fields(name: str, given: Mapping[str, Any], config: type) -> None:
    known = [field.name for field in fields(config)]
    for field in given:
        if field not in known:
            raise InputError(f"{name} has no setting {field!r}; it has {', '.join(known)}.")


def _check_unaltered(model: nn.Module, blank: nn.Module) -> None:
    """Refuse a network that is no longer what its config says."""
    way_out = "Its description would be of another network: set the config before it is built."
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            where = name or type(model).__name__
            raise InputError(f"{where} has a hook, which no config knows. {way_out}")
    own, built = dict(model.named_modules()), dict(blank.named_modules())
    for name in {**own, **built}:
        if name and repr(own.get(name)) != repr(built.get(name)):
            raise InputError(
                f"{name} is {own.get(name)}; its config builds {built.get(name)}. {way_out}"
            )
