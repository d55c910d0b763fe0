"""`alexnet predict`: what a trained network calls pictures."""

import argparse
import codecs
import csv
import io
import json
import sys
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path

from alexnet_lib.cli.options import png_path
from alexnet_lib.training.answers import Answer, classify, squares_of
from alexnet_lib.training.checkpoint import TrainedNetwork, find_trained, writing
from alexnet_lib.training.device import pick_device
from alexnet_lib.training.run import existing_run

ABOUT = "Name the likeliest classes of pictures, by a run, a file of weights or a shipped network."

_SHEET = 48  # pictures on a contact sheet


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set."""
    parser.add_argument("network", metavar="RUN|WEIGHTS", help="or a shipped one: cifar-lite")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="files and folders")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="classes to name (5)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one list, for programs")
    form.add_argument("--csv", action="store_true", help="a row a class, for tables, in UTF-8")
    sheet = f"draw the first {_SHEET} with their names"
    parser.add_argument("--sheet", metavar="PNG", type=png_path, help=sheet)
    parser.add_argument("--batch-size", type=int, default=128, metavar="N")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, mps")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Classify, write the answers; the status is 1 where pictures could not be read."""
    network = find_trained(existing_run(args.network))
    network.model.to(pick_device(args.device))
    pictures = [Path(name) for name in args.pictures]
    answers = classify(
        network.model, network.preprocessing, network.classes, pictures, args.top, args.batch_size
    )
    write = _write_json if args.json else _write_csv if args.csv else _write_lines
    kept = []
    write(_noting(answers, kept))
    if args.sheet:
        _draw(args.sheet, network, [answer for answer in kept if not answer.error])
    bad = [answer for answer in kept if answer.error]
    for answer in bad:
        print(f"{answer.name} cannot be read: {answer.error}", file=sys.stderr)
    return 1 if bad else 0


def _noting(answers: Iterable[Answer], kept: list[Answer]) -> Iterable[Answer]:
    """Hand on the answers as they come, and keep them; those of unread pictures are only kept."""
    for answer in answers:
        kept.append(answer)
        if not answer.error:
            yield answer


def _write_lines(answers: Iterable[Answer]) -> None:
    for answer in answers:
        told = ", ".join(f"{name} {probability:.1%}" for name, probability in answer.top)
        print(f"{answer.name}: {told}")


def _write_csv(answers: Iterable[Answer]) -> None:
    """A table in UTF-8; where the page of codes is another one, with the mark that programs need.

    In the page itself, names of other alphabets would become question marks.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and not _is_utf_8(sys.stdout.encoding):
        sys.stdout.reconfigure(encoding="utf-8-sig")
    table, answers = csv.writer(sys.stdout, lineterminator="\n"), iter(answers)
    first = list(islice(answers, 1))  # before anything is written: it may be refused
    table.writerow(["picture", "rank", "class", "probability"])
    for answer in chain(first, answers):
        for rank, (name, probability) in enumerate(answer.top, 1):
            table.writerow([answer.name, rank, name, f"{probability:.6f}"])


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf-8")


def _write_json(answers: Iterable[Answer]) -> None:
    rows = [
        {
            "picture": answer.name,
            "top": [{"class": name, "probability": value} for name, value in answer.top],
        }
        for answer in answers
    ]
    print(json.dumps(rows, indent=1))


def _draw(path: str, network: TrainedNetwork, answers: list[Answer]) -> None:
    """A contact sheet: each picture as the network sees it, and what it calls it."""
    from alexnet_lib.course.figures.pixels import image_grid
    from alexnet_lib.course.figures.style import save_png

    if not answers:
        print("No picture could be read, so no sheet was drawn.", file=sys.stderr)
        return
    answers = answers[:_SHEET]
    images = squares_of([Path(answer.name).read_bytes() for answer in answers], side=96)
    labels = [f"{answer.top[0][0]} {answer.top[0][1]:.0%}" for answer in answers]
    title = f"What {network.about.get('network', 'the network')} calls {len(answers)} pictures"
    with writing(path) as temporary:
        temporary.write_bytes(save_png(image_grid(images, labels, title=title)))
