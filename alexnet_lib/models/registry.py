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
        InputError: its layers, tensors or methods are not those of its config, or it has hooks.
    """
    names = [name for name, kind in _KINDS.items() if kind.model is type(model)]
    if not names:
        known = ", ".join(kind.model.__name__ for kind in _KINDS.values())
        raise WrongTypeError(
            f"a {type(model).__name__} cannot be described; expected one of {known}, unwrapped."
        )
    _check_unaltered(model, _outline(_KINDS[names[0]], model.config))
    return describe_config(model.config, names[0])


def describe_config(config: NetworkConfig, kind: str | None = None) -> dict[str, Any]:
    """What `describe` says of a network with this config, before it is built.

    Args:
        kind: None: the first one that has such a config, as `build_model` takes it.
    """
    kind = kind or next(name for name in _KINDS if _KINDS[name].config is type(config))
    default, own = type(config)(), vars(config)
    changed = {name: own[name] for name in own if own[name] != getattr(default, name)}
    lists = {name: list(v) if isinstance(v, tuple) else v for name, v in changed.items()}
    return {"kind": kind, **lists}


def described_config(description: Mapping[str, Any]) -> NetworkConfig:
    """The config in a description (see `describe`); errors as `from_description`."""
    return _outline(*_read(description)).config


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
    kind, config = _read(description)
    check_whole("seed", seed, 0)
    if first_weights:
        return kind.build(config, torch.Generator().manual_seed(seed))
    model = _outline(kind, config).to_empty(device="cpu")
    for tensor in model.state_dict().values():
        tensor.zero_()
    return model


def _read(description: Mapping[str, Any]) -> tuple[_Kind, NetworkConfig]:
    """Kind and config in a description, which is checked."""
    if not isinstance(description, Mapping) or "kind" not in description:
        raise InputError(f"the description is {description!r}; expected a mapping with a 'kind'.")
    settings = dict(description)
    name = settings.pop("kind")
    check_choice("kind", name, tuple(_KINDS))
    _check_fields(name, settings, _KINDS[name].config)
    return _KINDS[name], _KINDS[name].config(**settings)


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
        where = name or type(model).__name__
        if module._forward_hooks or module._forward_pre_hooks:
            raise InputError(f"{where} has a hook, which no config knows. {way_out}")
        if replaced := _own_methods(module):
            raise InputError(f"{where} has a {replaced[0]} of its own, not its class's. {way_out}")
    own, built = dict(model.named_modules()), dict(blank.named_modules())
    for name in {**own, **built}:
        # the type too: another's class may show itself in the same words
        mine, theirs = ((repr(m), type(m)) for m in (own.get(name), built.get(name)))
        if name and mine != theirs:
            alike = f" of {theirs[1].__module__}" if mine[0] == theirs[0] else ""
            raise InputError(
                f"{name} is {mine[0]}; its config builds {theirs[0]}{alike}. {way_out}"
            )
        if changed := dict(_values(own[name]).items() ^ _values(built[name]).items()):
            where = ".".join(filter(None, (name, min(changed))))
            raise InputError(f"{where} is not what its config says. {way_out}")
    own, built = ({k: v.shape for k, v in m.state_dict().items()} for m in (model, blank))
    for name in {**own, **built}:
        if own.get(name) != built.get(name):
            shapes = [tuple(s[name]) if name in s else "nothing" for s in (own, built)]
            raise InputError(
                f"{name} holds {shapes[0]}; its config builds {shapes[1]} there. {way_out}"
            )


def _values(module: nn.Module) -> dict[str, object]:
    """Numbers and choices that a module keeps as its own, such as the order of two layers."""
    plain = (bool, int, float, str, tuple)
    values = {k: v for k, v in vars(module).items() if isinstance(v, plain) and k[0] != "_"}
    return {name: value for name, value in values.items() if name != "training"}


def _own_methods(module: nn.Module) -> list[str]:
    """Methods of its class that a module replaces by attributes; `train` and the like may be."""
    kind = type(module)
    return [
        name
        for name in vars(module)
        if callable(method := getattr(kind, name, None))
        and method is not getattr(nn.Module, name, None)
    ]
