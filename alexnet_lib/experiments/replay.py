"""Replays: a training recorded small enough to be committed, and played in the lessons."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_whole
from alexnet_lib.data.batches import Batches
from alexnet_lib.data.files import check_seal, data_dir, seal_of
from alexnet_lib.data.images import ImageData
from alexnet_lib.experiments.records import MOST_BYTES, RecordError
from alexnet_lib.models.hooks import undisturbed
from alexnet_lib.training.checkpoint import CheckpointError, load_weights, save_weights
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.run import commit
from alexnet_lib.training.trainer import Trainer, split

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


# --- The file -----------------------------------------------------------------------------------


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
    sealed = {**replay.header, "sha256": seal_of(*_content(replay))}
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
    check_seal(path, seal, *_content(replay), error=RecordError, advice=again)
    return replay


def _content(replay: Replay) -> Iterator[str | bytes]:
    """What is sealed: the header, then each tensor with its name, type and shape."""
    yield json.dumps(dict(replay.header), sort_keys=True)
    for name, tensor in sorted(replay.tensors.items()):
        yield f"{name} {tensor.dtype} {tuple(tensor.shape)}"
        yield tensor.contiguous().numpy().tobytes()


# --- Recording ----------------------------------------------------------------------------------


class ReplayRecorder:
    """Callback that keeps a run's moments: often at first, then evenly.

    Args:
        data: as given to the trainer; some of its validation images are asked at each moment.
        moments: at most so many.
        images: asked at each moment, the same ones, evenly from all classes.
    Raises:
        ValueError: fewer than 4 moments, or no image.
    """

    def __init__(self, data: ImageData, moments: int = 60, images: int = 1000) -> None:
        check_whole("moments", moments, 4)
        check_whole("images", images, 1)
        self.data, self.moments, self.images = data, moments, images
        self.header: dict[str, Any] = {}
        self.kept: list[dict[str, Tensor]] = []

    @property
    def replay(self) -> Replay:
        """What has been kept so far.

        Raises:
            ValueError: nothing has.
        """
        if not self.kept:
            raise InputError("nothing is recorded yet; pass the recorder to a Trainer and fit().")
        tensors = {name: torch.stack([m[name] for m in self.kept]) for name in self.kept[0]}
        header = json.loads(json.dumps(self.header))  # as it comes out of a file
        return Replay(header, tensors)

    def on_fit_start(self, trainer: Trainer) -> None:
        """Choose the moments and keep the first: the network as it came."""
        self.steps = moments_of(trainer.config.epochs * len(trainer.batches), self.moments)
        self.batches = _held_out(trainer, self.data, self.images)
        self.header = _header(trainer, self.batches.count)
        self.kept = []
        self._keep(trainer)

    def on_step(self, trainer: Trainer) -> None:
        """Keep this moment, if it was chosen."""
        if trainer.steps_done in self.steps:
            self._keep(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Keep the last moment, however the run ended."""
        if self.kept and int(self.kept[-1]["step"]) != len(trainer.history.step_loss):
            self._keep(trainer)

    def _keep(self, trainer: Trainer) -> None:
        # A run that goes on from a file has no moment before: its last 20 steps stand for one.
        steps = len(trainer.history.step_loss)
        since = int(self.kept[-1]["step"]) if self.kept else max(0, steps - 20)
        self.kept.append(observe(trainer, self.batches, since))


def moments_of(steps: int, count: int) -> list[int]:
    """At most `count` of the steps 0 … `steps`: a third of them in the first tenth, by ratio."""
    first, early = max(1, steps // 10), max(2, count // 3)
    late = max(1, count - early - 1)
    by_ratio = {round(first ** (i / (early - 1))) for i in range(early)}
    evenly = {round(first + (steps - first) * i / late) for i in range(1, late + 1)}
    return sorted({0} | by_ratio | evenly)


def _held_out(trainer: Trainer, data: ImageData, images: int) -> Batches:
    """Some of a run's validation images, the same each time, evenly from all classes."""
    _, validation = split(data, trainer.config)
    some = replace(data, train=validation).subset(train=min(images, len(validation))).train
    return trainer.test_batches(some)


def _header(trainer: Trainer, images: int) -> dict[str, Any]:
    """The header of a replay: all that its tensors do not say."""
    return {
        "schema": SCHEMA,
        "config": trainer.config.to_dict(),
        "commit": commit() or "unknown",
        "machine": describe_device(trainer.device),
        **trainer.environment(),
        "classes": list(trainer.classes),
        "images": images,
        "steps_per_epoch": len(trainer.batches),
        "layers": [name for name, _ in _weighted(trainer.model)],
        "activations": [name for name, _ in _activations(trainer.model)],
    }


def _weighted(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Layers that have a matrix of weights, with their names."""
    parts = ((n, m, getattr(m, "weight", None)) for n, m in model.named_modules())
    return [(n, m) for n, m, w in parts if isinstance(w, Tensor) and w.ndim > 1]


def _activations(model: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ReLU | nn.Tanh)]


# --- One moment ---------------------------------------------------------------------------------


def observe(trainer: Trainer, batches: Batches, since: int = 0) -> dict[str, Tensor]:
    """What a run is like now, in the form in which it is kept.

    Args:
        batches: images that the network does not learn from.
        since: step of the moment before; the training loss is the mean from there. Where no step
            was made, the loss on `batches` stands for it.
    """
    layers, losses = _weighted(trainer.model), trainer.history.step_loss
    gradients = [layer.weight.grad for _, layer in layers]
    with _watched(trainer.model) as answers:
        result = trainer.evaluate(batches)
    means, spreads, dead = zip(*map(_statistics, answers), strict=True)  # one an activation
    codes, scale = _as_codes(layers[0][1].weight)
    recent = losses[since:]
    numbers = {
        "loss": result.loss,
        "train_loss": sum(recent) / len(recent) if recent else result.loss,
        "lr": trainer.optimizer.param_groups[0]["lr"],
        "weight_norm": [float(layer.weight.detach().norm()) for _, layer in layers],
        "gradient_norm": [0.0 if g is None else float(g.norm()) for g in gradients],
        "mean": means,
        "spread": spreads,
        "dead": dead,
    }
    return {
        "step": torch.tensor(len(losses), dtype=torch.int32),
        "filters": codes,  # (M, 3, K, K)
        "filter_scale": scale,
        "confusion": result.confusion.to(torch.int32),
        **{name: torch.tensor(value).float().nan_to_num() for name, value in numbers.items()},
    }


_FILTER_BYTES = 24_000  # of one moment; larger first layers show a choice of their filters


def _as_codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Filters as whole numbers from −127 to 127 with a scale for each."""
    weight = weight.detach().float().cpu()
    most = max(1, _FILTER_BYTES // weight[0].numel())
    weight = weight[:: -(-len(weight) // most)]
    scale = weight.flatten(1).abs().amax(1).clamp_min(1e-12) / 127  # (M,)
    return (weight / scale.view(-1, 1, 1, 1)).round().to(torch.int8), scale


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[list]]:
    """What each activation answers, batch by batch, in a few numbers."""
    seen: list[list] = [[] for _ in _activations(model)]

    def note(batches: list, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        y = output.detach().float().transpose(0, 1).flatten(1)  # (units, N·H·W)
        batches.append((y.numel(), y.sum(), y.square().sum(), *y.aminmax(dim=1)))

    hooks = {
        name: partial(note, batches)
        for (name, _), batches in zip(_activations(model), seen, strict=True)
    }
    with undisturbed(model, hooks):
        yield seen


def _statistics(batches: list) -> tuple[float, float, float]:
    """Mean and spread of an activation's answers; share of units that always answer alike."""
    counts, sums, squares, lows, highs = zip(*batches, strict=True)
    count = sum(counts)
    mean = float(sum(sums)) / count
    spread = max(0.0, float(sum(squares)) / count - mean**2) ** 0.5
    dead = torch.stack(lows).amin(0) == torch.stack(highs).amax(0)  # (units,)
    return mean, spread, float(dead.float().mean())
