"""A trained network of the course as files that a page runs by itself (`network.js`).

`network.json` says what it is made of, `network.bin` holds its weights in half precision, in the
order in which the page reads them. The page sees all layers as convolutions: a dense one has a
window as large as the maps that it reads.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from alexnet_lib.checks import InputError
from alexnet_lib.course.widgets.pictures import COLOURS, DRAWN, Album
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.network import AlexNetConfig

NAMES = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def export_network(album: Album, folder: Path) -> Path:
    """Write an album's network and pictures, for a page where one can draw; returns the JSON file.

    Raises:
        InputError: it has no network, or one that a page cannot run.
    """
    if album.tracer is None:
        raise InputError("the album has no network; expected Album(pictures, tracer, classes).")
    pictures = {name: pixels for name, pixels in album.pictures.items() if name != DRAWN}
    told, weights = network_parts(album.tracer)
    told |= {
        "megabytes": len(weights) / 1e6,
        "classes": list(album.classes),
        "side": album.side,
        "pictures": {name: _bytes(pixels.permute(1, 2, 0)) for name, pixels in pictures.items()},
        "colours": {name: "#{:02x}{:02x}{:02x}".format(*rgb) for name, rgb in COLOURS.items()},
        "cells": list(album.board.value),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.bin").write_bytes(weights)
    path = folder / "network.json"
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return path


def network_parts(tracer: Tracer) -> tuple[dict[str, Any], bytes]:
    """What the page has to know of a network, and its weights.

    Raises:
        InputError: its layers are not those that the page computes.
    """
    model, scale, weights, layers = tracer.model, tracer.scale, b"", []
    config = getattr(model, "config", None)
    if not isinstance(config, AlexNetConfig) or not is_playable(config):
        raise InputError(
            f"a page cannot run {type(model).__name__} with {config}; expected an AlexNet with "
            "stride 1 in conv1, ReLU, classic dropout and LRN after the ReLU, in one group."
        )
    for name in NAMES:
        layer, field = model.get_submodule(name), tracer.fields[name]
        parts = (_weight(layer, name, config), layer.bias.detach())
        weights += b"".join(part.half().contiguous().numpy().tobytes() for part in parts)
        groups, k, _, into, out = parts[0].shape
        layers.append({
            "name": name, "groups": groups, "kernel": k, "in": into, "out": out,
            "padding": layer.padding[0] if isinstance(layer, nn.Conv2d) else 0,
            "norm": name in ("conv1", "conv2") and config.normalisation is not None,
            "pool": name in ("conv1", "conv2", "conv5"),
            "field": [field.start, field.size, field.jump],
        })  # fmt: skip
    norm = model.norm1
    told = {
        "network": NAMES, "size": config.input_size, "layers": layers,
        "pool": [config.pool_kernel, config.pool_stride],
        "norm": _norm(norm) if config.normalisation else {},
        "mean": [round(v, 4) for v in _everywhere(scale.mean, config).flatten().tolist()],
        "scale": scale.scale.flatten().tolist(),
    }  # fmt: skip
    return told, weights


def is_playable(config: AlexNetConfig) -> bool:
    """Whether the page has all that such a network is made of."""
    usual = {
        "conv1_stride": 1, "norm_groups": 1, "norm1_before_relu": False, "spatial_norm": False,
        "dropout": "classic", "activation": "relu", "left_out": (), "resize_to": None,
    }  # fmt: skip
    return all(getattr(config, name) == value for name, value in usual.items())


def _weight(layer: nn.Module, name: str, config: AlexNetConfig) -> Tensor:
    """(groups, k, k, in, out) within a group; dropout's factor of before is taken in (§4.2)."""
    weight, groups = layer.weight.detach(), getattr(layer, "groups", 1)
    if name == "fc6":
        side = config.map_sizes()["pool5"]
        weight = weight.unflatten(1, (-1, side, side))
    elif name in ("fc7", "fc8"):
        weight = (1 - config.dropout_p) * weight[:, :, None, None]
    return weight.unflatten(0, (groups, -1)).permute(0, 3, 4, 2, 1)


def _norm(norm: nn.Module) -> Mapping[str, float]:
    share = 1 if norm.convention == "paper" else norm.size
    return {"size": norm.size, "k": norm.k, "alpha": norm.alpha / share, "beta": norm.beta}


def _everywhere(mean: Tensor, config: AlexNetConfig) -> Tensor:
    """The mean at each pixel, row by row, colours last: (size, size, 3)."""
    return mean.expand(3, config.input_size, config.input_size).permute(1, 2, 0)


def _bytes(pixels: Tensor) -> str:
    return base64.b64encode(pixels.contiguous().numpy().tobytes()).decode()
