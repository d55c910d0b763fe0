"""Fine-tuning: begin with another network's layers, some of them held fixed (ours)."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from alexnet_lib.checks import InputError
from alexnet_lib.models.registry import MODEL_NAMES, model_config


def nearest_preset(network: nn.Module) -> tuple[str, dict[str, Any]]:
    """The preset that a network differs least from, and the changes that make it that network.

    The number of classes is not among them: the next data say how many.

    Raises:
        InputError: no preset has such a config.
    """
    own = vars(getattr(network, "config", network))
    changes = {}
    for name in MODEL_NAMES:
        preset = model_config(name, own.get("num_classes", 10))
        if vars(preset).keys() == own.keys():
            changes[name] = {key: own[key] for key in own if own[key] != getattr(preset, key)}
    if not changes:
        raise InputError(
            f"a {type(network).__name__} is like no preset; expected one like "
            f"{', '.join(MODEL_NAMES)}."
        )
    best = min(changes, key=lambda name: len(changes[name]))
    return best, changes[best]


def layers_of(network: nn.Module) -> list[str]:
    """Names of the layers that hold weights, from the input on: conv1 … fc8."""
    return [
        name for name, layer in network.named_modules() if list(layer.parameters(recurse=False))
    ]


@torch.no_grad()
def reuse_layers(network: nn.Module, source: nn.Module, where: str) -> str:
    """Copy every layer that has the same name and shape in another network; say which.

    The last layer always begins anew: its outputs stand for other classes.

    Args:
        network: is changed.
        source: the network to copy from.
        where: what to call it.
    Raises:
        InputError: no layer fits.
    """
    own, others = dict(network.named_modules()), dict(source.named_modules())
    taken, anew = [], []
    *names, last = layers_of(network)
    for name in names:
        theirs = others[name].state_dict() if name in others else {}
        mine = own[name].state_dict()
        if {k: v.shape for k, v in mine.items()} == {k: v.shape for k, v in theirs.items()}:
            own[name].load_state_dict(theirs)
            taken.append(name)
        else:
            anew.append(name)
    if not taken:
        raise InputError(
            f"no layer of {where} has the name and shape of one of this network's; expected a "
            "network of the same kind. Leave --preset and --model out to take its own."
        )
    outputs = getattr(network.config, "num_classes", "other")
    return (
        f"From {where}: {', '.join(taken)}. Anew: {', '.join([*anew, last])} ({outputs} classes)."
    )


def named_layers(words: Sequence[str], network: nn.Module) -> list[str]:
    """The layers that words such as "conv1-conv5" and "fc6" name, in the network's order.

    Raises:
        InputError: there is no such layer, a range runs backwards, or none is left to learn.
    """
    names, chosen = layers_of(network), set()
    for word in words:
        first, _, last = re.sub(r"\s", "", word).partition("-")
        for end in (first, last or first):
            if end not in names:
                raise InputError(f"{word!r} names {end!r}; this network has {', '.join(names)}.")
        span = names[names.index(first) : names.index(last or first) + 1]
        if not span:
            raise InputError(
                f"{word!r} runs backwards; expected the layer nearer to the input first."
            )
        chosen |= set(span)
    if chosen == set(names):
        raise InputError("every layer would be frozen; expected one at least that learns.")
    return [name for name in names if name in chosen]


def freeze(network: nn.Module, layers: Sequence[str]) -> None:
    """Hold the weights of these layers fixed. It must come before the optimiser is made."""
    own = dict(network.named_modules())
    for name in layers:
        own[name].requires_grad_(False)
