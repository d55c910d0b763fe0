"""`alexnet train`: choose a config, train, test once, leave everything in the run's folder."""

import argparse
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from alexnet_lib.checks import InputError
from alexnet_lib.cli.choose import begun, continued, start_network
from alexnet_lib.cli.options import add_settings
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.files import write_json
from alexnet_lib.data.images import CIFAR10_CLASSES, ImageData
from alexnet_lib.data.layout import some
from alexnet_lib.data.stream import Streaming
from alexnet_lib.training.checkpoint import writing
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.reuse import reuse_layers
from alexnet_lib.training.run import (
    REPORT,
    STATE,
    RunFolder,
    final_test,
)
from alexnet_lib.training.team import Team, joined_team
from alexnet_lib.training.trainer import Trainer
from alexnet_lib.training.watchers import (
    DeadStart,
    Progress,
    TensorBoardLog,
)

ABOUT = "Train, test once, and leave everything in the run's own folder."

MOST_DRAWN = 30  # classes whose names can be read along a table of confusions


def run(args: argparse.Namespace) -> int:
    """Train, test once, and leave everything in the run's own folder.

    Started by `torchrun`, every process comes here, and they train as one.

    Raises:
        ValueError: an option is out of range, or makes no sense beside the others.
    """
    if args.resume is None and args.override:
        raise InputError("--override goes with --resume: a new run has no settings to change.")
    for option, given_here in (("--quick", args.quick), ("--from", args.start)):
        if args.resume is not None and given_here:
            raise InputError(f"{option} starts a new run; a resumed one keeps its own network.")
    if args.resume is not None and args.freeze:
        raise InputError("--freeze starts a new run; a resumed one keeps its frozen layers.")
    with joined_team(args.compress) as team:
        return _train(args, team)


def _go_on(args: argparse.Namespace, team: Team) -> None:
    """Where the folder holds a run, go on with it; what a process needs that is started again."""
    if not args.run_dir:
        raise InputError("--go-on needs the run's folder; expected --run-dir PATH.")
    if team.from_leader(lambda: (Path(args.run_dir) / STATE).is_file()):
        args.resume, args.run_dir, args.start, args.freeze = args.run_dir, None, None, []


def _train(args: argparse.Namespace, team: Team) -> int:
    if args.go_on:
        _go_on(args, team)
    if args.resume is not None:
        folder, config, state = continued(args)
        if folder.report and len(state["history"]["lr"]) >= config.epochs:
            print(f"{folder.path} is finished and tested. More epochs: --epochs N --override.")
            return 0
        return _run(args, team, folder, config, state)
    config, path = team.from_leader(lambda: begun(args))
    try:
        return _run(args, team, RunFolder(path), config, None)
    finally:
        if not args.run_dir:
            with suppress(OSError):
                path.rmdir()  # still empty: the run was refused before it began


def _run(
    args: argparse.Namespace,
    team: Team,
    folder: RunFolder,
    config: TrainConfig,
    state: dict[str, Any] | None,
) -> int:
    """Load the pictures, train to the end or a stop, test, report."""
    print(f"Run: {folder.path}")
    with team.leader_first():
        data = _pictures(args, config, state)
    if warning := config.known_stall():
        print(f"Warning: {warning}")
    progress = Progress()
    board = TensorBoardLog(folder.path / "tensorboard", progress.say)
    watchers = [folder, Pictures(folder.path), board, progress, DeadStart(say=progress.say)]
    frozen = state.get("frozen", []) if state else args.freeze
    callbacks = watchers if team.leads else []
    trainer = Trainer(config, data, callbacks, team=team, frozen=frozen)
    folder.start = state.get("start", "") if state else _started(trainer, args)
    if state:
        for difference in folder.restore(trainer, state, args.override):
            print(f"Not exact to the bit any more: {difference}.")
    _announce(trainer)
    trainer.fit()
    if trainer.history.interrupted:
        print(
            f"Stopped after {len(trainer.history)} of {config.epochs} epochs; the epoch under way "
            f"is not kept. Continue: {_command(team)} --resume {folder.path}"
        )
        return 130
    report = final_test(trainer, data)
    if team.leads:
        own = {"data_read": data.identity, "overrides": folder.overrides}
        own |= {"start": folder.start, "frozen": trainer.frozen} if folder.start else {}
        write_json(folder.path / REPORT, {**report, **own})
        _draw_confusions(folder.path, config.name, report, data)
    known = {n: error for n, error in report["class_errors"].items() if error is not None}
    worst = sorted(known, key=known.get, reverse=True)[:3]
    print(f"Hardest classes: {', '.join(f'{name} {known[name]:.1%}' for name in worst)}")
    print(f"Report, curves and filters: {folder.path}")
    return 0


def _pictures(
    args: argparse.Namespace, config: TrainConfig, state: dict[str, Any] | None
) -> ImageData:
    """The pictures that are asked for; of a run that goes on, its own where they still are."""
    known = (state or {}).get("data", {})
    source, share = args.data, args.split if args.split is not None else known.get("share")
    if source is None and known.get("source"):
        if Path(known["source"]).exists():
            source = known["source"]
        elif known["classes"] == list(CIFAR10_CLASSES):
            print(f"{known['source']} is gone, which this run was trained on; looking elsewhere.")
        else:  # one's own lie nowhere else, and need no download
            raise InputError(
                f"{known['source']} is gone, which this run was trained on. Bring it back, or name "
                "its new place with --data."
            )
    side, how = config.network_config().resize_to, _streaming(args, known)
    return load_cifar10(source, side=side, share=share, streaming=how)


def _streaming(args: argparse.Namespace, known: Mapping[str, Any]) -> Streaming:
    """Whether pictures stay on the disk; a run that goes on does as it did before."""
    wanted = args.stream
    if wanted is None and known:
        wanted = "skip" in known
    return Streaming(wanted, args.workers, max(args.skip, known.get("skip", 0)))


def _started(trainer: Trainer, args: argparse.Namespace) -> str:
    """Take another network's layers, where one is named; what was taken, in words."""
    if not args.start:
        return ""
    told = reuse_layers(trainer.model, start_network(args.start), args.start)
    print(told + (f" Held fixed: {', '.join(trainer.frozen)}." if trainer.frozen else ""))
    return told


def _command(team: Team) -> str:
    if team.size > 1:
        return f"torchrun --nproc-per-node {team.size} train.py"
    return "alexnet train" if Path(sys.argv[0]).stem == "alexnet" else "python train.py"


def _announce(trainer: Trainer) -> None:
    config, environ = trainer.config, trainer.environment()
    parameters = sum(p.numel() for p in trainer.model.parameters())
    print(
        f"{config.name}: {parameters:,} parameters, {trainer.model.config.input_size} px; "
        f"{trainer.batches.count:,} training and {trainer.validation.count:,} validation images; "
        f"{config.epochs} epochs of {len(trainer.batches)} steps, lr {config.lr:g}, "
        f"{config.schedule} schedule\n"
        f"{describe_device(trainer.device)}; {environ['precision']} activations, channels last"
    )
    if uneven := _uneven(trainer):
        print(uneven)
    if trainer.team.size > 1:
        share = config.batch_size // trainer.team.size
        print(f"{trainer.team.size} processes, each with {share} images of every batch")


def _uneven(trainer: Trainer) -> str:
    """How many of each class train and decide, where classes are not of one size; else ""."""
    parts = (trainer.batches.labels, trainer.validation.labels)
    rows = [part.bincount(minlength=len(trainer.classes)).tolist() for part in parts]
    train, validation = rows
    if max(train) - min(train) <= 1 and max(validation) - min(validation) <= 1:
        return ""
    each = zip(trainer.classes, train, validation, strict=True)
    told = some([f"{name} {a:,} + {b:,}" for name, a, b in each], 20)
    return f"Classes are uneven and were split in proportion, training + validation: {told}"


def _draw_confusions(folder: Path, name: str, report: dict[str, Any], data: ImageData) -> None:
    """Draw confusion.png of the test, where all classes were tested and their names fit on it."""
    from alexnet_lib.course.figures.errors import confusion_chart
    from alexnet_lib.course.figures.style import save_png

    if not report["test"]:
        return  # the test set was not read
    views, tested = next(iter(report["test"].items()))
    counts = torch.tensor(tested["confusion"])
    if len(counts) > MOST_DRAWN or bool((counts.sum(1) == 0).any()):
        why = f"more than {MOST_DRAWN} classes, or one without a test picture"
        print(f"No confusion.png is drawn ({why}); report.json holds the counts.")
        return
    title = f"Test of {name}, {views}, {data.name}"
    with writing(folder / "confusion.png") as temporary:
        temporary.write_bytes(save_png(confusion_chart(counts, data.classes, title)))


class Pictures:
    """Callback that keeps curves.png and filters.png of a run up to date."""

    def __init__(self, folder: Path, pause_s: float = 30.0):
        self.folder, self.pause_s, self._drawn_s = folder, pause_s, 0.0

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Draw, unless that was done a moment ago."""
        if time.monotonic() - self._drawn_s > self.pause_s:
            self.on_fit_end(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Draw."""
        from alexnet_lib.course.figures.convolution import filter_grid
        from alexnet_lib.course.figures.style import save_png
        from alexnet_lib.course.figures.training import learning_curves

        if not trainer.history.step_loss or trainer.last_checkpoint is None:
            return  # nothing to draw, or the folder is another run's
        name, data = trainer.config.name, trainer.data_name
        title = f"First-layer filters of {name} after {len(trainer.history)} epochs, {data}"
        weight = trainer.model.conv1.weight
        figures = {
            "curves.png": learning_curves(trainer.history, data),
            "filters.png": filter_grid(weight, title),
        }
        for file, figure in figures.items():
            with writing(self.folder / file) as temporary:
                temporary.write_bytes(save_png(figure))
        self._drawn_s = time.monotonic()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set: the settings of a run, and where it lies."""
    parser.description = (
        "Without options: on a GPU preset `plain`, the common reading of the paper, at 224 pixels "
        "for 90 epochs (`--preset source2012` is nearest to the authors' program); on a CPU, where "
        "that would take days, `cifar-lite` for about an hour. Images live on the device as one "
        "tensor, with no worker processes to count; those that do not fit are streamed."
    )
    parser.add_argument(
        "--quick", action="store_true", help="the small net of Fig. 1, in 3 minutes"
    )
    parser.add_argument(
        "--data", metavar="PATH", help="pictures; else ALEXNET_DATA, data/, download"
    )
    parser.add_argument(
        "--split",
        type=float,
        metavar="SHARE",
        help="hold out this share of each class as test set, where the pictures have none",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="RUN|WEIGHTS",
        help="begin with the layers of a run, a file, a shipped network, or of torchvision's",
    )
    parser.add_argument(
        "--freeze",
        nargs="+",
        default=[],
        metavar="LAYER",
        help="hold these layers fixed: conv1-conv5, fc6",
    )
    add_settings(parser)
    _add_streaming(parser)
    files = parser.add_argument_group("files")
    folder = files.add_mutually_exclusive_group()
    folder.add_argument("--run-dir", metavar="PATH", help="folder of the run, new or empty")
    folder.add_argument("--name", help="folder of the run under runs/, instead of preset and time")
    folder.add_argument(
        "--resume", nargs="?", const="", metavar="RUN", help="go on with a run; else the newest"
    )
    files.add_argument(
        "--go-on",
        action="store_true",
        help="with --run-dir: go on with the run where the folder holds one, for restarts",
    )
    files.add_argument(
        "--override", action="store_true", help="with --resume: allow changed settings, recorded"
    )
    parser.set_defaults(run=run)


def _add_streaming(parser: argparse.ArgumentParser) -> None:
    stream = parser.add_argument_group("pictures larger than memory, and several processes")
    stream.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="decode pictures while training; else where they would fill half the free memory",
    )
    stream.add_argument(
        "--workers", type=int, metavar="N", help="processes that decode; else one a core"
    )
    stream.add_argument(
        "--skip",
        type=int,
        default=0,
        metavar="N",
        help="streamed: leave out at most N pictures that cannot be read; else they stop the run",
    )
    stream.add_argument(
        "--compress",
        action="store_true",
        help="with torchrun: gradients travel as bfloat16, in half the bytes",
    )
