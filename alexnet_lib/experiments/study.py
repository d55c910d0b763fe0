"""Running an experiment piece by piece, and how long the rest will take."""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError, check_whole
from alexnet_lib.data.files import runs_dir, write_json
from alexnet_lib.data.images import ImageData
from alexnet_lib.experiments.design import Experiment, Piece
from alexnet_lib.experiments.measures import MEASURES
from alexnet_lib.experiments.records import SCHEMA, same_run
from alexnet_lib.models.ensemble import Ensemble
from alexnet_lib.statistics import mean
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device, pick_device
from alexnet_lib.training.evaluation import DivergedError
from alexnet_lib.training.run import as_record, commit, final_test
from alexnet_lib.training.trainer import Trainer, split
from alexnet_lib.training.watchers import images_per_second

# --- One piece ----------------------------------------------------------------------------------

_DIGITS = 5  # of errors and losses; a test image counts 0.0001


def run_piece(
    config: TrainConfig,
    data: ImageData,
    members: int = 1,
    views: tuple[str, ...] = ("center",),
    callbacks: Iterable[object] = (),
) -> dict[str, Any]:
    """Train the network of a piece, or its `members`; test it once, when nothing is open any more.

    The test set is read in these `views` only, and never where there are none; "training" is the
    centre view of the training images instead, as they are, without masks.

    Raises:
        KeyboardInterrupt: stopped by hand; nothing of the piece is kept.
    """
    seeds = range(config.seed * members, (config.seed + 1) * members)
    trainers = [Trainer(replace(config, seed=seed), data, callbacks) for seed in seeds]
    finished = all([_trained(trainer) for trainer in trainers])
    first, history = trainers[0], trainers[0].history
    return {
        "outcome": "finished" if finished else "diverged",
        "lr": config.lr,
        "stop_at": config.stop_at,
        "train_error": _rounded(history.train_error),
        "train_loss": _rounded(history.train_loss),
        "validation_error": _rounded(history.validation_error),
        **(_tested(trainers, data, views) if finished else {"test": {}}),
        "wall_s": round(sum(sum(t.history.elapsed_s) for t in trainers), 1),
        "config": config.to_dict(),
        "machine": describe_device(first.device),
        "commit": commit() or "unknown",
        **first.environment(),
    }


def _trained(trainer: Trainer) -> bool:
    """Train to the end; False where the run diverged, which is a result too."""
    try:
        trainer.fit(whole=True)
    except DivergedError:
        return False
    return True


def _tested(trainers: list[Trainer], data: ImageData, views: tuple[str, ...]) -> dict[str, Any]:
    """What the trained networks get wrong, members as one.

    `test` has the errors by view, of `member` the mean of their own; `correct` the bits of the test
    images that were called rightly; `settled` is the error on the training images.
    """
    if not views:
        return {"test": {}}
    asked, first = tuple(name for name in views if name != "training"), trainers[0]
    reports = [final_test(trainer, data, lambda line: None, asked)["test"] for trainer in trainers]
    found, errors = reports[0], {}
    if len(trainers) > 1:
        errors["member"] = mean([report["center"]["top1_error"] for report in reports])
        first.model = Ensemble([trainer.model for trainer in trainers])
        batches = first.test_batches(data.test)
        found = {name: as_record(first.evaluate(batches, name)) for name in asked}
    errors |= {name: found[name]["top1_error"] for name in asked}
    result: dict[str, Any] = {
        "test": {name: round(error, _DIGITS) for name, error in errors.items()},
        "correct": {name: found[name]["correct"] for name in asked},
    }
    if "training" in views:
        training = first.test_batches(split(data, first.config)[0])
        result["settled"] = round(first.evaluate(training).top1_error, _DIGITS)
    return result


def _rounded(values: list[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]


# --- All pieces ---------------------------------------------------------------------------------

_TOLD_ONCE = ("config", "data", "machine", "torch", "precision", "commit", "device", "threads")


class Study:
    """An experiment at one level, and the pieces of it that are finished.

    Each finished piece is a file of its own; the record is put together from them.

    Args:
        experiment: what to run.
        level: "lesson" or "full".
        seeds: how many; None: as many as the experiment asks for.
        epochs: at most so many, for a trial, which has a folder of its own and leaves no record.
        device, precision: as in `TrainConfig`.
    Raises:
        ValueError: a value is out of range.
    """

    def __init__(
        self,
        experiment: Experiment,
        level: str,
        seeds: int | None = None,
        epochs: int | None = None,
        device: str = "auto",
        precision: str = "auto",
    ):
        self.experiment, self.level = experiment, experiment.size(level)
        self.is_trial = epochs is not None
        seeds = experiment.seeds if seeds is None else seeds
        check_whole("seeds", seeds, 1)
        self.pieces = experiment.pieces(seeds)
        self.configs = experiment.configs(level)
        if epochs is not None:
            self.configs = {
                name: replace(config, epochs=min(config.epochs, epochs))
                for name, config in self.configs.items()
            }
        self.device, self.precision = device, precision
        trial = f"-trial-{epochs}" if self.is_trial else ""
        self.folder = runs_dir() / "experiments" / f"{experiment.name}-{self.level}{trial}"

    def run(
        self,
        data: ImageData,
        pieces: Iterable[Piece],
        callbacks: Iterable[object] = (),
        on_piece: Callable[[Piece, dict[str, Any] | None], Any] = lambda piece, result: None,
    ) -> None:
        """Run those of `pieces` that are not finished; each is on disk before the next begins.

        Args:
            data: its test half is read once a piece, after training, if at all.
            pieces: all or some of `self.pieces`.
            callbacks: of the trainer.
            on_piece: called with a piece and None before it runs, and with its result after.
        Raises:
            KeyboardInterrupt: stopped by hand; finished pieces are kept.
            ValueError: a finished piece is of other settings or other pictures.
        """
        for piece in self.pieces:
            self.result(piece, data.name)  # of other pictures: refused before anything is run
        for piece in pieces:
            if self.result(piece) is not None:
                continue
            if (config := self.config(piece)) is None:
                continue  # waits for the trial of rates
            config = replace(config, device=self.device, precision=self._precision())
            members, views = self.experiment.members, self.experiment.views
            on_piece(piece, None)
            result = run_piece(config, data, members, views, callbacks)
            result = {"condition": piece.condition, "seed": piece.seed, **result}
            write_json(self.path(piece), result)
            on_piece(piece, result)

    def _precision(self) -> str:
        """The number format asked for, else the one that the study began with."""
        begun = [result["precision"] for piece in self.pieces if (result := self.result(piece))]
        return begun[0] if begun and self.precision == "auto" else self.precision

    def config(self, piece: Piece) -> TrainConfig | None:
        """The training run of a piece; None while the rates that it needs are still on trial.

        A rate on trial is given up when it can no longer arrive before one tried earlier.
        """
        config = replace(self.configs[piece.condition], seed=piece.seed)
        if piece.lr is None:
            rate = self.rate(piece.condition)
            return None if rate is None else replace(config, lr=rate)
        rates = self.experiment.rates[piece.condition]
        earlier = self._trials(piece.condition, rates[: rates.index(piece.lr)])
        if None in earlier:
            return None
        epochs = min([config.epochs, *(_slowness(trial)[0] for trial in earlier)])
        return replace(config, lr=piece.lr, epochs=math.ceil(epochs))

    def rate(self, condition: str) -> float | None:
        """The condition's learning rate: its own, or the best of those tried on seed 0.

        The best is the one that arrives first or, where none does, ends lowest (Fig. 1).
        """
        rates = self.experiment.rates.get(condition)
        if rates is None:
            return self.configs[condition].lr
        trials = self._trials(condition, rates)
        return None if None in trials else min(trials, key=_slowness)["lr"]

    def _trials(self, condition: str, rates: Iterable[float]) -> list[dict[str, Any] | None]:
        return [self.result(Piece(condition, 0, lr)) for lr in rates]

    def path(self, piece: Piece) -> Path:
        """The file of a piece."""
        rate = "" if piece.lr is None else f"-lr{piece.lr:g}"
        name = re.sub(r"[^A-Za-z0-9.]+", "-", piece.condition)
        return self.folder / f"{name}-seed{piece.seed}{rate}.json"

    def result(self, piece: Piece, data_name: str | None = None) -> dict[str, Any] | None:
        """What a finished piece has brought; None for one still to run.

        Raises:
            ValueError: it was made with other settings, or with other pictures than `data_name`.
        """
        path, config = self.path(piece), self.config(piece)
        if config is None or not path.is_file():
            return None
        result = json.loads(path.read_text(encoding="utf-8"))
        if not same_run(result["config"], config) or data_name not in (None, result["data"]):
            raise InputError(
                f"{path} is of other settings or other pictures ({result['data']}). Move its "
                "folder away; the experiment then starts anew."
            )
        return result

    def record(self) -> dict[str, Any] | None:
        """The finished experiment as one record, unsealed; None while pieces are missing."""
        results = [self.result(piece) for piece in self.pieces]
        if None in results:
            return None
        told = ("data", "machine", "torch", "precision", "commit")
        return {
            "experiment": self.experiment.name,
            "schema": SCHEMA,
            "question": self.experiment.question,
            "level": self.level,
            "seeds": sorted({piece.seed for piece in self.pieces}),
            **{name: "; ".join(sorted({str(r[name]) for r in results})) for name in told},
            "wall_s": round(sum(result["wall_s"] for result in results)),
            "rates": {name: self.rate(name) for name in self.experiment.rates},
            "configs": {name: config.to_dict() for name, config in self.configs.items()},
            "runs": [{k: v for k, v in r.items() if k not in _TOLD_ONCE} for r in results],
        }


def _slowness(result: dict[str, Any]) -> tuple[float, float]:
    """Epochs to the goal, then the last training error; a diverged run comes last."""
    return MEASURES["epochs"](result), MEASURES["train_error"](result)


# --- How long the rest will take ----------------------------------------------------------------

_CIFAR10 = 45_000  # training images, where a config does not say

_ALSO = 1.1  # validation, test, files


def hours_left(study: Study) -> float:
    """Hours for the pieces still to run, by a few timed steps of the first condition's network.

    An upper bound where runs stop early (Fig. 1).
    """
    left = [piece for piece in study.pieces if study.result(piece) is None]
    configs = [study.configs[piece.condition] for piece in left]
    images = sum(config.epochs * (config.train_limit or _CIFAR10) for config in configs)
    if not images:
        return 0.0
    rate = _rate(next(iter(study.configs.values())), study.device)
    return _ALSO * study.experiment.members * images / rate / 3600


def _rate(config: TrainConfig, device: str) -> float:
    batch_size = 16 if pick_device(device).type == "cpu" else config.batch_size
    network = (config.preset, tuple(sorted(config.model.items())))
    return _measured(*network, batch_size, device)


@lru_cache
def _measured(preset: str, model: tuple, batch_size: int, device: str) -> float:
    config = TrainConfig.for_preset(preset, model=dict(model), device=device, lr=1e-6)  # noise
    return images_per_second(replace(config, batch_size=batch_size), steps=3)
