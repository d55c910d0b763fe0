"""`alexnet experiment`: list what there is, run it piece by piece, show what came of it."""

import argparse
import json
import math
import re
import time
from collections.abc import Sequence
from typing import Any

from alexnet_lib import __version__
from alexnet_lib.checks import AlexNetError, InputError
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.files import LEVELS, level, without_clone
from alexnet_lib.experiments.catalogue import EXPERIMENTS, experiment
from alexnet_lib.experiments.design import Experiment, Piece
from alexnet_lib.experiments.measures import compare, outcome_words, seeds_words
from alexnet_lib.experiments.records import (
    digest_of,
    load_record,
    record_path,
    save_record,
    with_looks,
)
from alexnet_lib.experiments.study import Study, hours_left
from alexnet_lib.experiments.verdicts import Entry, ledger
from alexnet_lib.paper.facts import say_value
from alexnet_lib.training.device import describe_device, pick_device
from alexnet_lib.training.run import commit
from alexnet_lib.training.watchers import Progress

ABOUT = "Re-run the experiments of the paper: list them, run one, show what it found."


def run(args: argparse.Namespace) -> int:
    """Run an experiment, or a part of it; what is finished stays, and running again goes on."""
    study = Study(experiment(args.name), _level(args), args.seeds, args.epochs, args.device)
    mine = _part(study.pieces, args.pieces)
    data = load_cifar10(args.data)
    print(f"{study.experiment.question}\n{len(mine)} pieces, kept in {study.folder}")
    try:
        study.run(data, mine, [Progress(report=lambda line: None)], _Report(study, mine))
    except KeyboardInterrupt:
        print(f"Stopped; the piece under way is not kept. Go on: {_again(args)}")
        return 130
    return _finish(study, data.is_synthetic, _again(args))


def _finish(study: Study, is_synthetic: bool, again: str) -> int:
    """Put the record together, where nothing is missing any more."""
    record = study.record()
    if record is None:
        missing = sum(study.result(piece) is None for piece in study.pieces)
        print(f"{missing} of {len(study.pieces)} pieces are still to run: {again}")
        return 0
    name, lasting = study.experiment.name, not (study.is_trial or is_synthetic)
    path = record_path(name) if lasting else study.folder / "record.json"
    if lasting and _weight(kept := _kept(name)) > _weight(record):
        path = study.folder / "record.json"
        print(f"{record_path(name)}, level {kept['level']}, {seeds_words(kept)}, stays.")
    elif lasting:
        record = with_looks(record, kept)
    save_record(record, path)
    print(f"Record: {path}")
    _tell(record, study.experiment)
    return 0


def _kept(name: str) -> dict[str, Any] | None:
    try:
        return load_record(name)
    except AlexNetError:
        return None  # outdated or edited: to be replaced


def _weight(record: dict[str, Any] | None) -> tuple[bool, int]:
    """A record gives way only to one of its own level and number of seeds, or of more."""
    return (record["level"] == "full", len(record["seeds"])) if record else (False, 0)


def _part(pieces: Sequence[Piece], part: str | None) -> list[Piece]:
    """Every n-th piece, from the i-th on, for "i/n".

    Raises:
        ValueError: not of that form, or i is not 1 to n.
    """
    if part is None:
        return list(pieces)
    numbers = re.fullmatch(r"(\d+)/(\d+)", part)
    first, step = map(int, numbers.groups()) if numbers else (0, 0)
    if not 1 <= first <= step:
        raise InputError(f"--pieces is {part!r}; expected i/n with i from 1 to n, such as 2/6.")
    return list(pieces[first - 1 :: step])


class _Report:
    """A line before and after each piece, with the time that the others take at most."""

    def __init__(self, study: Study, pieces: Sequence[Piece]):
        self.study, self.pieces = study, pieces
        self.epochs, self.started_s = 0, time.monotonic()

    def __call__(self, piece: Piece, result: dict[str, Any] | None) -> None:
        if result is None:
            config = self.study.config(piece)
            name = f"{piece.condition}, seed {piece.seed}, lr {config.lr:g}"
            print(f"{name}: at most {config.epochs} epochs", flush=True)
            return
        errors = result["train_error"]
        self.epochs += len(errors)
        print(
            f"  {result['outcome']} after {len(errors)} epochs, {result['wall_s']:.0f} s, training "
            f"error {errors[-1] if errors else 1:.1%}; {self._left()}",
            flush=True,
        )

    def _left(self) -> str:
        left = [piece for piece in self.pieces if self.study.result(piece) is None]
        epochs = sum(self.study.configs[piece.condition].epochs for piece in left)
        elapsed_s = time.monotonic() - self.started_s
        hours = epochs * elapsed_s / max(1, self.epochs) / 3600
        return f"{len(left)} pieces left, {_duration(hours)} at most"


def _again(args: argparse.Namespace) -> str:
    """The command that goes on where this one stopped."""
    names = ("seeds", "level", "data", "device", "epochs", "pieces")
    given = ((name, getattr(args, name)) for name in names)
    options = "".join(f" --{name} {value}" for name, value in given if value not in (None, "auto"))
    return f"alexnet experiment run {args.name}{options}"


def show(args: argparse.Namespace) -> int:
    """Show what a recorded experiment found."""
    record = load_record(args.name)
    if record is None:
        print(f"{args.name} is not yet recorded: alexnet experiment run {args.name}")
        return 0
    _tell(record, experiment(args.name))
    return 0


def _tell(record: dict[str, Any], design: Experiment) -> None:
    print(
        f"{record['question']}\n{record['data']}, level {record['level']}, {seeds_words(record)}; "
        f"{record['machine']}, torch {record['torch']}, commit {record['commit']}, "
        f"{record['wall_s'] / 60:.0f} min"
    )
    for comparison in design.comparisons:
        outcome = compare(record, comparison)
        freedom = outcome.estimate.freedom if outcome.estimate else 0
        covered = f"; degrees of freedom {freedom}, covers {outcome.covers}" if freedom else ""
        print(f"  {outcome_words(record, comparison)}{covered}")


def catalogue(args: argparse.Namespace) -> int:
    """List every experiment: its question, whether it is recorded, what it costs here."""
    print(f"Times are for {describe_device(pick_device(args.device))}, level {_level(args)}.")
    for design in EXPERIMENTS.values():
        study = Study(design, _level(args), device=args.device)
        left = sum(study.result(piece) is None for piece in study.pieces)
        print(
            f"\n{design.name}: {design.question}\n  {_state(design.name)}; {left} of "
            f"{len(study.pieces)} pieces to run, {_duration(hours_left(study))}",
            flush=True,
        )
    return 0


def _state(name: str) -> str:
    try:
        record = load_record(name)
    except AlexNetError as error:
        return str(error)
    if record is None:
        return "not yet recorded"
    return f"recorded at level {record['level']} with {seeds_words(record)}, {record['data']}"


def _duration(hours: float) -> str:
    if hours > 48:
        return f"about {hours / 24:.0f} days"
    return f"about {hours:.1f} h" if hours >= 1 else f"about {60 * hours:.0f} min"


def verdicts(args: argparse.Namespace) -> int:
    """Hold the paper's claims against the records."""
    entries = ledger()
    if args.json:
        told = {"version": __version__, "commit": commit(), "claims": [*map(_as_json, entries)]}
        print(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    for entry in entries:
        claim = entry.claim
        print(f"{claim.section}: {claim.statement} {say_value(claim)}\n  {entry}")
    if alone := without_clone("records"):
        print(alone)
    return 0


def _as_json(entry: Entry) -> dict[str, Any]:
    """A line of the ledger for machines; errors and points are fractions, null is unknown."""
    claim, found = entry.claim, entry.finding
    told: dict[str, Any] = {"id": claim.id, "section": claim.section, "paper": claim.value,
                            "unit": claim.unit, "verdict": entry.verdict}  # fmt: skip
    if entry.exact is not None:
        told["ours"] = entry.exact
    if found is None:
        return told
    ours, effect = found.outcome, found.effect or found.outcome
    for name, number in zip(("ours", "low", "high"), ours.value or (None,) * 3, strict=True):
        told[name] = _finite(number)
    return told | {
        "bound": ours.bound,
        "covers": ours.covers,
        "runs": ours.runs,
        "degrees_of_freedom": ours.estimate.freedom if ours.estimate else None,
        "smallest_effect": _finite(effect.smallest),
        "p_holm": entry.p,
        "needs": entry.needs,
        "record": found.name,
        "sha256": digest_of(found.record),
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _level(args: argparse.Namespace) -> str:
    return args.level or level()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and what can be set."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    listing = _action(actions, "list", catalogue)
    options = _action(actions, "run", run)
    for either in (listing, options):
        either.add_argument("--level", choices=LEVELS, help="size; else ALEXNET_LEVEL, else lesson")
        either.add_argument("--device", default="auto", metavar="NAME", help="auto, cuda, mps, cpu")
    options.add_argument("name", help="of the experiment")
    options.add_argument("--seeds", type=int, metavar="N", help="so many seeds")
    options.add_argument("--data", metavar="PATH", help="pictures; else as for `alexnet train`")
    options.add_argument(
        "--epochs", type=int, metavar="N", help="a trial with at most N epochs; leaves no record"
    )
    options.add_argument(
        "--pieces", metavar="I/N", help="only the I-th of N parts, to share it among machines"
    )
    _action(actions, "show", show).add_argument("name", help="of the experiment")
    judged = _action(actions, "verdicts", verdicts)
    judged.add_argument("--json", action="store_true", help="for machines")


def _action(actions: Any, name: str, call: Any) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=call.__doc__.split("\n")[0], description=call.__doc__)
    parser.set_defaults(run=call)
    return parser
