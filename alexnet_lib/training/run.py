"""A run's own folder: config, log, weights, training state, report."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.data.files import (
    clone,
    data_dir,
    lock,
    runs_dir,
    sweep_temporary,
    write_json,
)
from alexnet_lib.data.images import ImageData
from alexnet_lib.training.checkpoint import (
    CheckpointError,
    TrainedNetwork,
    description,
    load_checkpoint,
    load_into,
    load_trained,
    save_checkpoint,
    save_trained,
    writing,
)
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.evaluation import Evaluation, pack_bits
from alexnet_lib.training.trainer import Trainer

STATE, BEST, LOG, REPORT = "last.pt", "best.safetensors", "log.jsonl", "report.json"
TABLE = "log.csv"  # the log once more, for tables


class RunFolder:
    """Callback that keeps a run's files; a file is replaced as a whole or not at all.

    The state is written before the first epoch too, so that a folder that cannot be written is
    found before an hour of work, and a run can be resumed from its very start.

    Args:
        path: of the run's own folder, new or empty unless `resume`.
        resume: go on in a folder that holds a run.
    Raises:
        CheckpointError: the folder holds something already, or cannot be made.
    """

    def __init__(self, path: str | Path, resume: bool = False):
        self.path = Path(path)
        if resume and not (self.path / STATE).is_file():
            raise CheckpointError(f"{self.path} holds no run to resume: there is no {STATE}.")
        self._is_new, self._held = not resume, ExitStack()
        self._make(self.path.parent)
        self.overrides: list[str] = []
        self.start = ""  # what was reused of another network, in words

    def _make(self, folder: Path) -> None:
        """Make a folder, and see that a new run's own is empty."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"Cannot make the folder {self.path}: {error}.") from error
        held = self._is_new and self.path.is_dir() and self.path.iterdir()
        if held and any(not file.name.startswith(".") for file in held):
            raise CheckpointError(
                f"{self.path} is not empty, and runs never mix. Continue it with "
                f"`--resume {self.path}`, or name another folder."
            )

    @property
    def report(self) -> dict[str, Any] | None:
        """The report of a finished run, or None."""
        path = self.path / REPORT
        return json.loads(path.read_text()) if path.is_file() else None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Take the folder for this run alone; write a first training state and the config.

        Raises:
            CheckpointError: another training has it, or the network is none that can be saved, or
                not the one that the config names.
        """
        _check_network(trainer)  # refused now rather than after an epoch
        self._make(self.path)  # since it was found empty, another run may have begun there
        try:
            self._held.enter_context(lock(self.path, wait=False))
        except TimeoutError:
            raise CheckpointError(
                f"Another training is writing into {self.path}, and runs never mix. Wait until it "
                "has ended, or name another folder."
            ) from None
        self._is_new = False
        sweep_temporary(self.path)
        self._save_state(trainer)  # first: a folder that holds anything can be resumed
        write_json(self.path / "config.json", trainer.config.to_dict())

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write best weights where they improved, then log and state.

        Raises:
            CheckpointError: the network was altered meanwhile; all files stay as they were.
        """
        _check_network(trainer)
        history = trainer.history
        if trainer.improved:
            save_trained(self.path / BEST, trainer.network())
        epochs = [history.epoch(index) for index in range(len(history))]
        with writing(self.path / LOG) as temporary:
            temporary.write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
        rows = [epochs[0], *(epoch.values() for epoch in epochs)]  # names, then numbers
        with writing(self.path / TABLE) as temporary:
            temporary.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
        self._save_state(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Leave the folder to others."""
        self._held.close()

    def _save_state(self, trainer: Trainer) -> None:
        own = {"overrides": self.overrides, "data": trainer.data.identity}
        own |= {"start": self.start, "frozen": trainer.frozen}
        save_checkpoint(self.path / STATE, {**trainer.state_dict(), **own})
        trainer.last_checkpoint = self.path / STATE

    def read_state(self) -> dict[str, Any]:
        """Return the verified training state of the last finished epoch.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        return load_checkpoint(self.path / STATE)

    def restore(
        self, trainer: Trainer, state: Mapping[str, Any], override: bool = False
    ) -> list[str]:
        """Bring a new trainer to where the run stopped; return what keeps it from being exact.

        Args:
            override: take other pictures of the same classes, too; that goes into `overrides`.
        Raises:
            CheckpointError: the state is of another network, other classes or other pictures.
        """
        best = load_trained(self.path / BEST) if state["history"].get("train_loss") else None
        self._check_data(trainer, state, best, override)
        trainer.load_state_dict(dict(state))
        now, older = trainer.environment(), {"processes": 1, "compressed": False}
        then = {**older, **state["environment"]}
        if best and trainer.history.best_epoch:
            trainer.best_weights = best.model.state_dict()
            place = f"epoch of {BEST}"
            now[place], then[place] = best.about["epoch"], trainer.history.best_epoch
        return [f"{k} was {then.get(k)}, is {now[k]}" for k in now if now[k] != then.get(k)]

    def _check_data(
        self,
        trainer: Trainer,
        state: Mapping[str, Any],
        best: TrainedNetwork | None,
        override: bool,
    ) -> None:
        """Refuse other classes than the run's, and other pictures unless that is asked for."""
        then, now = state.get("data", {}), trainer.data.identity
        classes = tuple(then.get("classes", best.classes if best else trainer.classes))
        old = then.get("source") or state["environment"].get("data", "other data")
        new = now["source"] or trainer.data_name
        if classes != trainer.classes:
            raise CheckpointError(
                f"{self.path} learns the classes {', '.join(classes)}, in this order, from {old}; "
                f"{new} has {', '.join(trainer.classes)}, so its labels mean something else. Name "
                "the run's own pictures with --data, or begin a new run."
            )
        if then.get("seal", now["seal"]) == now["seal"]:
            return
        if not override and old == new:
            raise CheckpointError(
                f"{old} is no longer what {self.path} was trained on: pictures in it were added, "
                f"moved, edited or renamed, or split otherwise (the run's share is {_share(then)}, "
                f"now {_share(now)}). Put them back, or add --override to go on with these, on "
                "record."
            )
        if not override:
            raise CheckpointError(
                f"{self.path} was trained on {old}, and {new} holds other pictures. Name the run's "
                "own with --data, or add --override to go on with these, on record."
            )
        self.overrides.append(f"data: {old} -> {new}")


def _share(data: Mapping[str, Any]) -> str:
    return "none" if data.get("share") is None else f"{data['share']:g}"


def _check_network(trainer: Trainer) -> None:
    """Refuse a network that config.json and the state would not build again."""
    config, own = trainer.config, description(trainer.model)
    named = config.description(len(trainer.classes))
    if differing := [name for name in {**named, **own} if own.get(name) != named.get(name)]:
        told = "; ".join(
            f"{name} is {own.get(name, 'the default')!r}, in the config "
            f"{named.get(name, 'the default')!r}"
            for name in differing
        )
        raise CheckpointError(
            f"The network is not the one that the run's config names ({told}), and would be "
            "resumed as another. Set it in the config before the trainer is made, or hand the "
            "network over: Trainer(TrainConfig(…), data, model=network)."
        )


def new_run_path(config: TrainConfig, name: str | None = None) -> Path:
    """A folder under `runs/`, called after network and time where it gets no name.

    One without a name is made at once, so that no run begun in the same second gets it, too.

    Raises:
        CheckpointError: the name is a path, or the folder cannot be made.
    """
    if name is not None:
        if not name or Path(name).name != name or name == ".." or set(name) & set("/\\:"):
            raise CheckpointError(
                f"--name is {name!r}; expected a name for a folder under {runs_dir()}. A path goes "
                "with --run-dir."
            )
        return runs_dir() / name
    stem, number = runs_dir() / f"{config.name}-{time.strftime('%Y%m%d-%H%M%S')}", 1
    while True:
        path = stem.with_name(stem.name + f"-{number}" * (number > 1))
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1
        except OSError as error:
            raise CheckpointError(f"Cannot make the folder {path}: {error}.") from error


def existing_run(name: str) -> Path:
    """What lies at this path, else under `runs/`, with or without "runs/" before the name.

    A notebook runs in its own folder, so a path is tried from the project's folder, too. The
    newest run where the name is "".

    Raises:
        CheckpointError: there is no run at all.
    """
    if not name:
        return newest_run()
    places = (Path(name), runs_dir() / name, runs_dir().parent / name)
    return next((place for place in places if place.exists()), Path(name))


def newest_run() -> Path:
    """The folder under `runs/` whose training state is youngest.

    Raises:
        CheckpointError: there is none.
    """
    states = sorted(runs_dir().glob(f"*/{STATE}"), key=lambda path: path.stat().st_mtime)
    if not states:
        raise CheckpointError(f"{runs_dir()} holds no run to resume.")
    return states[-1].parent


def final_test(
    trainer: Trainer,
    data: ImageData,
    say: Callable[[str], Any] = print,
    views: tuple[str, ...] = ("center", "ten"),
) -> dict[str, Any]:
    """Read the test set, once, and describe the run: what `report.json` holds.

    Which weights are tested was settled by the config; with `best` it is the epoch with the lowest
    validation error. The test set decides nothing.

    Raises:
        InputError: the run was stopped before its first epoch ended, so that there is no best one.
    """
    which = trainer.config.test_weights
    if which == "best" and trainer.best_weights is None:
        raise InputError("no epoch of this run is finished; let it train for one, then test it.")
    if which == "best":
        load_into(trainer.model, trainer.best_weights)
    epoch = trainer.history.best_epoch if which == "best" else len(trainer.history)
    batches = trainer.test_batches(data.test)
    errors = {name: trainer.evaluate(batches, name) for name in views}
    for name, found in errors.items():
        words = {"center": "centre view", "ten": "ten views"}[name]
        low, high = found.interval[1:]
        say(
            f"test error, {words}: {found.top1_error:.2%} "
            f"(95 % interval {low:.2%} to {high:.2%}), {data.name}, {which} weights (epoch {epoch})"
        )
    return {
        "data": data.name,
        "tested_weights": which,
        "tested_epoch": epoch,
        "test": {name: as_record(evaluation) for name, evaluation in errors.items()},
        "class_errors": class_errors(errors[views[0]], data.classes) if views else {},
        "wall_s": round(sum(trainer.history.elapsed_s), 2),
        "epochs_done": len(trainer.history),
        "machine": describe_device(trainer.device),
        "commit": commit(),
        **trainer.environment(),
        "config": trainer.config.to_dict(),
    }


def class_errors(evaluation: Evaluation, classes: Sequence[str]) -> dict[str, float | None]:
    """Top-1 error of each class, a fraction in [0, 1]; None for a class without a test image."""
    counts, right = evaluation.confusion.sum(1).tolist(), evaluation.confusion.diag().tolist()
    rows = zip(classes, counts, right, strict=True)
    return {name: 1 - hits / count if count else None for name, count, hits in rows}


def recorded_reports() -> list[dict[str, Any]]:
    """Reports of the training runs that are kept in `data/records`."""
    paths = sorted((data_dir() / "records").glob("train-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def as_record(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation in plain values, the images called rightly as bits."""
    _, low, high = evaluation.interval
    return {
        "top1_error": evaluation.top1_error,
        "top1_interval_95": [low, high],
        "top5_error": evaluation.top5_error,
        "loss": evaluation.loss,
        "count": evaluation.count,
        "confusion": evaluation.confusion.tolist(),
        "correct": pack_bits(evaluation.correct),
    }


def commit() -> str | None:
    """The git commit of the code, marked where files were changed since; None without clone or git.

    Records and weights below `data/` are what the code writes, so they leave no mark.
    `ALEXNET_COMMIT` names it where the code was copied to a machine without its history.
    """
    if named := os.environ.get("ALEXNET_COMMIT"):
        return named
    if (folder := clone()) is None:
        return None
    try:
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!data")
        return _git(folder, "rev-parse", "--short=12", "HEAD") + "-dirty" * bool(changed)
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
