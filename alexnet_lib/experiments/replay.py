"""The replay of a training run: its file, sealed and at most 2 MB, and what can be read off it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from alexnet_lib.environment import data_dir
from alexnet_lib.experiments.records import MOST_BYTES, RecordError
from alexnet_lib.training.checkpoint import CheckpointError, load_weights, save_weights

SCHEMA = 1
_HEADER = "replay"


@dataclass(frozen=True, eq=False)
class Replay:
    """A run at T moments. Every tensor has them as its first axis.

    Args:
        header: config, commit, machine, torch, data, classes, images, steps_per_epoch, and the
            names of the `layers` with weights and of the `activations`.
        tensors: `step` (T,); `filters` (T, M, 3, K, K) int8 with `filter_scale` (T, M);
            `confusion` (T, classes, classes), `loss` on the held-out images, `train_loss` since
            the moment before, `lr`; `weight_norm` and `gradient_norm` by layer; `mean`, `spread`
            and `dead` (share of units that answer alike to everything) by activation.
    """

    header: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.tensors["step"])

    def filters(self, moment: int) -> Tensor:
        """First-layer weights (M, 3, K, K), to a 254th of each filter's range."""
        scale = self.tensors["filter_scale"][moment][:, None, None, None]
        return self.tensors["filters"][moment].float() * scale

    def epoch(self, moment: int) -> float:
        """Passes over the training images until then."""
        return int(self.tensors["step"][moment]) / self.header["steps_per_epoch"]

    def error(self, moment: int) -> float:
        """Share of the held-out images that are called wrongly."""
        confusion = self.tensors["confusion"][moment]
        return 1 - float(confusion.diagonal().sum() / confusion.sum())


def replay_path(name: str) -> Path:
    """Where the replay of that name lies."""
    return data_dir() / "records" / f"replay-{name}.safetensors"


def save_replay(path: str | Path, replay: Replay) -> None:
    """Write a replay as one sealed safetensors file, as a whole or not at all.

    Raises:
        RecordError: it is larger than 2 MB.
        CheckpointError: the disk refuses.
    """
    size = sum(tensor.nbytes for tensor in replay.tensors.values())
    if size > 0.95 * MOST_BYTES:
        raise RecordError(f"the replay has {size:,} bytes; at most {MOST_BYTES:,}: fewer moments.")
    sealed = {**replay.header, "sha256": _seal(replay)}
    save_weights(path, replay.tensors, {_HEADER: json.dumps(sealed)})


def load_replay(path: str | Path) -> Replay:
    """Read what `save_replay` wrote.

    Raises:
        RecordError: missing, damaged, edited, or of another format, with what to do.
    """
    again = "Restore the file, or record a run anew with ReplayRecorder."
    try:
        tensors, words = load_weights(path)
        header = json.loads(words[_HEADER])
        schema, seal = header["schema"], header.pop("sha256")
    except KeyError as error:
        raise RecordError(f"{path} is no replay: it has no {error}. {again}") from error
    except (CheckpointError, ValueError, TypeError) as error:
        raise RecordError(f"{path} is damaged: {error} {again}") from error
    if schema != SCHEMA:
        raise RecordError(f"{path} has format {schema}; this version reads {SCHEMA}. {again}")
    replay = Replay(header, tensors)
    if seal != _seal(replay):
        raise RecordError(f"{path} was edited: its SHA-256 does not fit its content. {again}")
    return replay


def _seal(replay: Replay) -> str:
    digest = hashlib.sha256(json.dumps(dict(replay.header), sort_keys=True).encode())
    for name, tensor in sorted(replay.tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
