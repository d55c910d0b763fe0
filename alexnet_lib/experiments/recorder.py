"""Recording a training run for the replay: a callback, and what it keeps of each moment."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_whole
from alexnet_lib.data.batches import Batches
from alexnet_lib.data.images import ImageData
from alexnet_lib.experiments.replay import SCHEMA, Replay
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.recipe import split
from alexnet_lib.training.run import commit
from alexnet_lib.training.trainer import Trainer

_FILTER_BYTES = 24_000  # of one moment; larger first layers show a choice of their filters


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
            raise ValueError("nothing is recorded yet; pass the recorder to a Trainer and fit().")
        return as_replay(self.header, self.kept)

    def on_fit_start(self, trainer: Trainer) -> None:
        """Choose the moments and keep the first: the network as it came."""
        self.steps = moments_of(trainer.config.epochs * len(trainer.batches), self.moments)
        self.batches = held_out(trainer, self.data, self.images)
        self.header = describe(trainer, self.batches.count)
        self.kept = []
        self._keep(trainer)

    def on_step(self, trainer: Trainer) -> None:
        """Keep this moment, if it was chosen."""
        if len(trainer.history.step_loss) in self.steps:
            self._keep(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Keep the last moment, however the run ended."""
        if self.kept and int(self.kept[-1]["step"]) != len(trainer.history.step_loss):
            self._keep(trainer)

    def _keep(self, trainer: Trainer) -> None:
        losses, lr = trainer.history.step_loss, trainer.optimizer.param_groups[0]["lr"]
        before = int(self.kept[-1]["step"]) if self.kept else max(0, len(losses) - 20)
        gradients = {
            name: 0.0 if layer.weight.grad is None else float(layer.weight.grad.norm())
            for name, layer in weighted(trainer.model)
        }
        self.kept.append(
            observe(trainer, self.batches, len(losses), lr, losses[before:], gradients)
        )


def moments_of(steps: int, count: int) -> list[int]:
    """At most `count` of the steps 0 … `steps`: a third of them in the first tenth, by ratio."""
    first, early = max(1, steps // 10), max(2, count // 3)
    late = max(1, count - early - 1)
    by_ratio = {round(first ** (i / (early - 1))) for i in range(early)}
    evenly = {round(first + (steps - first) * i / late) for i in range(1, late + 1)}
    return sorted({0} | by_ratio | evenly)


def held_out(trainer: Trainer, data: ImageData, images: int) -> Batches:
    """Some of a run's validation images, the same each time, evenly from all classes."""
    _, validation = split(data, trainer.config)
    some = replace(data, train=validation).subset(train=min(images, len(validation))).train
    return trainer.test_batches(some)


def weighted(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Layers that have a matrix of weights, with their names."""
    parts = ((n, m, getattr(m, "weight", None)) for n, m in model.named_modules())
    return [(n, m) for n, m, w in parts if isinstance(w, Tensor) and w.ndim > 1]


def describe(trainer: Trainer, images: int) -> dict[str, Any]:
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
        "layers": [name for name, _ in weighted(trainer.model)],
        "activations": [name for name, _ in _activations(trainer.model)],
    }


def observe(
    trainer: Trainer,
    batches: Batches,
    step: int,
    lr: float,
    losses: list[float],
    gradients: Mapping[str, float],
) -> dict[str, Tensor]:
    """One moment of a run, in the form in which it is kept.

    Args:
        batches: images that the network does not learn from.
        losses: of the training steps since the moment before; before the first step, the loss on
            `batches` stands for them.
        gradients: length of the weights' gradient, by layer.
    """
    with _watched(trainer.model) as answers:
        result = trainer.evaluate(batches)
    means, spreads, dead = zip(*map(_statistics, answers), strict=True)
    layers = weighted(trainer.model)
    codes, scale = _as_codes(layers[0][1].weight)
    numbers = {
        "loss": result.loss,
        "train_loss": sum(losses) / len(losses) if losses else result.loss,
        "lr": lr,
        "weight_norm": [float(layer.weight.detach().norm()) for _, layer in layers],
        "gradient_norm": [gradients.get(name, 0.0) for name, _ in layers],
        "mean": means,
        "spread": spreads,
        "dead": dead,
    }
    return {
        "step": torch.tensor(step, dtype=torch.int32),
        "filters": codes,
        "filter_scale": scale,
        "confusion": result.confusion.to(torch.int32),
        **{name: torch.tensor(value).float().nan_to_num() for name, value in numbers.items()},
    }


def as_replay(header: Mapping[str, Any], moments: list[dict[str, Tensor]]) -> Replay:
    """Moments in order, as one replay."""
    tensors = {name: torch.stack([moment[name] for moment in moments]) for name in moments[0]}
    return Replay(json.loads(json.dumps(dict(header))), tensors)  # as it comes out of a file


def _as_codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Filters as whole numbers from −127 to 127 with a scale for each."""
    weight = weight.detach().float().cpu()
    most = max(1, _FILTER_BYTES // weight[0].numel())
    weight = weight[:: -(-len(weight) // most)]
    scale = weight.flatten(1).abs().amax(1).clamp_min(1e-12) / 127  # (M,)
    return (weight / scale.view(-1, 1, 1, 1)).round().to(torch.int8), scale


def _activations(model: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ReLU | nn.Tanh)]


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[list]]:
    """What each activation answers, batch by batch, in a few numbers."""
    seen: list[list] = [[] for _ in _activations(model)]

    def note(batches: list, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        y = output.detach().float().transpose(0, 1).flatten(1)  # (units, N·H·W)
        batches.append((y.numel(), y.sum(), y.square().sum(), *y.aminmax(dim=1)))

    hooks = [
        layer.register_forward_hook(partial(note, batches))
        for (_, layer), batches in zip(_activations(model), seen, strict=True)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _statistics(batches: list) -> tuple[float, float, float]:
    """Mean and spread of an activation's answers; share of units that always answer alike."""
    counts, sums, squares, lows, highs = zip(*batches, strict=True)
    count = sum(counts)
    mean = float(sum(sums)) / count
    spread = max(0.0, float(sum(squares)) / count - mean**2) ** 0.5
    dead = torch.stack(lows).amin(0) == torch.stack(highs).amax(0)  # (units,)
    return mean, spread, float(dead.float().mean())
