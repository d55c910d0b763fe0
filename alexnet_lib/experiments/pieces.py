"""One piece of an experiment: train, test once, write down."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from alexnet_lib.data.images import ImageData
from alexnet_lib.models import build_model
from alexnet_lib.models.ensemble import Ensemble
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.evaluation import DivergedError
from alexnet_lib.training.run import commit, final_test
from alexnet_lib.training.trainer import Trainer

_DIGITS = 5  # of errors and losses; a test image counts 0.0001


def run_piece(
    config: TrainConfig,
    data: ImageData,
    members: int = 1,
    views: tuple[str, ...] = ("center",),
    callbacks: Iterable[object] = (),
) -> dict[str, Any]:
    """Train the network of a piece, or its `members`; test it once, when nothing is open any more.

    The test set is read in these `views` only, and never where there are none.

    Raises:
        KeyboardInterrupt: stopped by hand; nothing of the piece is kept.
    """
    seeds = range(config.seed * members, (config.seed + 1) * members)
    trainers = [_prepared(replace(config, seed=seed), data, callbacks) for seed in seeds]
    finished = all([_trained(trainer) for trainer in trainers])
    first, history = trainers[0], trainers[0].history
    return {
        "outcome": "finished" if finished else "diverged",
        "lr": config.lr,
        "stop_at": config.stop_at,
        "train_error": _rounded(history.train_error),
        "train_loss": _rounded(history.train_loss),
        "validation_error": _rounded(history.validation_error),
        "test": _tested(trainers, data, views) if views and finished else {},
        "wall_s": round(sum(sum(t.history.elapsed_s) for t in trainers), 1),
        "config": config.to_dict(),
        "machine": describe_device(first.device),
        "commit": commit() or "unknown",
        **first.environment(),
    }


def _prepared(config: TrainConfig, data: ImageData, callbacks: Iterable[object]) -> Trainer:
    model = build_model(config.preset, data.num_classes, config.seed, **config.model)
    return Trainer(model, data, config, callbacks)


def _trained(trainer: Trainer) -> bool:
    """Train to the end; False where the run diverged, which is a result too."""
    try:
        trainer.fit(whole=True)
    except DivergedError:
        return False
    return True


def _tested(trainers: list[Trainer], data: ImageData, views: tuple[str, ...]) -> dict[str, float]:
    """Errors on the test set, of the members' mean and (`member`) the mean of their own."""
    tests = [final_test(trainer, data, lambda line: None, views)["test"] for trainer in trainers]
    result = {name: tests[0][name]["top1_error"] for name in views}
    if len(trainers) > 1:
        first = trainers[0]
        result["member"] = sum(test["center"]["top1_error"] for test in tests) / len(tests)
        first.model = Ensemble([trainer.model for trainer in trainers])
        batches = first.test_batches(data.test)
        result |= {name: first.evaluate(batches, name).top1_error for name in views}
    return {name: round(error, _DIGITS) for name, error in result.items()}


def _rounded(values: list[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]
