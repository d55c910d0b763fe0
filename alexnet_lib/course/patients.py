"""Training runs with one silent fault each: nothing is raised, learning only goes wrong.

Lesson 15 shows them under letters. Whoever wants to find the faults by looking at the patients
should not read on.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from alexnet_lib.checks import check_choice
from alexnet_lib.data.images import ImageData
from alexnet_lib.models.registry import describe
from alexnet_lib.paper.augment import seed_for
from alexnet_lib.paper.network import AlexNet, AlexNetConfig
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.trainer import Trainer

SMALL = AlexNetConfig(
    num_classes=10, input_size=28, resize_to=None, widths=(16, 32, 48, 48, 32),
    kernels=(5, 3, 3, 3, 3), paddings=(2, 1, 1, 1, 1), groups=(1, 1, 1, 1, 1), conv1_stride=2,
    conv1_padding="symmetric", hidden_units=128, dropout_p=0.3, init="kaiming",
    input_scale="standardised",
)  # fmt: skip

"""The narrow AlexNet of lesson 15: all of the paper's parts, seconds a run."""

PLAN = {
    "epochs": 10, "batch_size": 50, "lr": 0.05, "schedule": "fixed", "drop_at": (0.6, 0.8),
    "train_limit": 1_600, "validation_size": 500, "precision": "float32",
}  # fmt: skip


def _dropout_never_active(run: Trainer) -> None:
    run.model.eval().train = lambda mode=True: run.model  # nobody wakes it after the first test


def _drop_never_fires(run: Trainer) -> None:
    if run.schedule:  # a short trial has no drops
        drops = run.schedule.epochs_of_drops
        run.schedule.epochs_of_drops = [epoch * len(run.batches) for epoch in drops]  # in steps


def _gradients_not_cleared(run: Trainer) -> None:
    clear, calls = run.optimizer.zero_grad, itertools.count()
    run.optimizer.zero_grad = lambda: None if next(calls) % 8 else clear()


def _labels_out_of_step(run: Trainer) -> None:
    source = torch.Generator().manual_seed(seed_for(run.config.seed, 0, "out of step"))
    order = torch.randperm(run.batches.count, generator=source)
    run.batches.labels = run.batches.labels[order.to(run.device)]  # the images stay


def _mean_over_wrong_axis(run: Trainer) -> None:
    for batches in (run.batches, run.validation):
        batches._subtract_whole = lambda x: x - x.float().mean(dim=1, keepdim=True)


def _norm_before_relu(run: Trainer) -> None:
    run.model.config = replace(run.model.config, norm1_before_relu=True)
    run.model.norm1_first = True
    run.config = replace(run.config, model=describe(run.model))


def _softmax_twice(run: Trainer) -> None:
    run.model.register_forward_hook(lambda _, __, logits: logits.softmax(dim=1))


def _test_still_augmented(run: Trainer) -> None:
    calls, test = itertools.count(), run.validation
    test.views = lambda _="center": ((x[None], y) for x, y in test.epoch(next(calls)))


FAULTS: dict[str, Callable[[Trainer], None]] = {
    "dropout never active": _dropout_never_active,
    "drop of the rate never fires": _drop_never_fires,
    "gradients not cleared": _gradients_not_cleared,
    "labels out of step": _labels_out_of_step,
    "mean over the wrong axis": _mean_over_wrong_axis,
    "normalisation before ReLU": _norm_before_relu,
    "softmax twice": _softmax_twice,
    "test pictures still augmented": _test_still_augmented,
}

CHART = dict(zip("ABCDEFGH", (list(FAULTS)[at] for at in (3, 7, 5, 2, 6, 0, 1, 4)), strict=True))

"""Which fault the patient of a letter has."""


def patient(
    letter: str, data: ImageData, callbacks: Iterable[object] = (), seed: int = 0, **changes: Any
) -> Trainer:
    """Return the run of patient A … H, or of the "healthy" one, ready for `fit` (ours).

    Args:
        changes: fields of the training config to replace.
    Raises:
        ValueError: there is no such patient.
    """
    check_choice("letter", letter, ("healthy", *CHART))
    model = AlexNet(
        replace(SMALL, num_classes=data.num_classes), torch.Generator().manual_seed(seed)
    )
    config = TrainConfig(**{**PLAN, "seed": seed, **changes})
    run = Trainer(config, data, callbacks, model=model)
    if letter in CHART:
        FAULTS[CHART[letter]](run)
    return run
