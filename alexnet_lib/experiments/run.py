"""Running an experiment piece by piece, so that it can stop at any time and go on later."""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet_lib.checks import check_whole
from alexnet_lib.convergence import epochs_to_threshold
from alexnet_lib.data.images import ImageData
from alexnet_lib.environment import runs_dir
from alexnet_lib.experiments.design import Experiment, Piece
from alexnet_lib.experiments.pieces import run_piece
from alexnet_lib.experiments.records import SCHEMA, same_run
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import write_json


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
            raise ValueError(
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


_TOLD_ONCE = ("config", "data", "machine", "torch", "precision", "commit", "device", "threads")


def _slowness(result: dict[str, Any]) -> tuple[float, float]:
    """Epochs to the goal, then the last training error; a diverged run comes last."""
    errors = result["train_error"]
    if result["outcome"] == "diverged" or not errors:
        return math.inf, math.inf
    goal = result["stop_at"]
    return epochs_to_threshold(errors, goal) if goal else math.inf, errors[-1]
