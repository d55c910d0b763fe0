"""A trained network that stands on its own: weights, input scale, class names, where from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.environment import data_dir
from alexnet_lib.files import sha256_of
from alexnet_lib.models import build_model
from alexnet_lib.training.checkpoint import CheckpointError, load_into, load_weights, save_weights

_SCALES = ("mean", "scale")
_OWN = "preprocessing."  # before the names of tensors that are not the model's


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """All that is needed to use a network: no training images, no config.

    Args:
        model: built by `models.build_model`.
        preset, settings: what it was built from: a preset and changes to it.
        preprocessing: as measured on its training images.
        classes: names, in the order of its outputs.
        about: where it comes from, as plain values: data, epoch, errors, commit.
    """

    model: nn.Module
    preset: str
    settings: Mapping[str, Any]
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    about: Mapping[str, Any]


def save_trained(
    path: str | Path, network: TrainedNetwork, dtype: torch.dtype = torch.float32
) -> None:
    """Write a network as one safetensors file.

    Args:
        dtype: of the weights in the file; float16 halves it. The input scale stays float32.
    Raises:
        CheckpointError: the disk refuses.
    """
    tensors = {name: tensor.to(dtype) for name, tensor in network.model.state_dict().items()}
    tensors |= {_OWN + name: getattr(network.preprocessing, name) for name in _SCALES}
    words = {
        "preset": network.preset,
        "settings": dict(network.settings),
        "mean_crop": network.preprocessing.mean_crop,
        "classes": network.classes,
        "about": dict(network.about),
    }
    save_weights(path, tensors, {name: json.dumps(value) for name, value in words.items()})


def load_trained(path: str | Path) -> TrainedNetwork:
    """Read what `save_trained` wrote, or a run's folder; the model comes on the CPU, ready to test.

    Raises:
        CheckpointError: missing, damaged, not finite, or weights alone without an input scale.
    """
    path = Path(path) / "best.safetensors" if Path(path).is_dir() else Path(path)
    tensors, words = load_weights(path)
    if _OWN + "mean" not in tensors or "about" not in words:
        raise CheckpointError(
            f"{path} holds weights alone; expected the input scale and the class names too. "
            "A run of `python train.py` leaves such a file as best.safetensors in its folder."
        )
    told = {name: json.loads(text) for name, text in words.items()}
    preprocessing = Preprocessing(
        *(tensors.pop(_OWN + name).float() for name in _SCALES), told["mean_crop"]
    )
    model = build_model(told["preset"], len(told["classes"]), **told["settings"])
    load_into(model, {name: tensor.float() for name, tensor in tensors.items()}, str(path))
    return TrainedNetwork(
        model.eval(), told["preset"], told["settings"], preprocessing, tuple(told["classes"]),
        told["about"],
    )  # fmt: skip


def shipped_network(name: str = "cifar-lite") -> TrainedNetwork:
    """A trained network of the course, from `data/weights`; its checksum is verified.

    Raises:
        CheckpointError: there is none of that name, or it is not the file that was shipped.
    """
    folder = data_dir() / "weights"
    path, sums = folder / f"{name}.safetensors", folder / "SHA256SUMS"
    if not path.is_file() or not sums.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise CheckpointError(f"There are no weights {name!r} in {folder}; there: {there}.")
    expected = dict(line.split()[::-1] for line in sums.read_text().splitlines())
    if sha256_of(path) != expected.get(path.name):
        raise CheckpointError(
            f"{path} is not the file that was shipped: its SHA-256 differs from SHA256SUMS. "
            "Restore it from the project."
        )
    return load_trained(path)
