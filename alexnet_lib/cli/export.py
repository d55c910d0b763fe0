"""`alexnet export`: a trained network as one file for other programs."""

import argparse
from pathlib import Path

from alexnet_lib.checks import InputError
from alexnet_lib.data.files import write_json
from alexnet_lib.training.answers import side_of
from alexnet_lib.training.checkpoint import find_trained
from alexnet_lib.training.export import FORMATS, export
from alexnet_lib.training.run import existing_run

ABOUT = "Write a trained network, its preprocessing inside, as pt2 (torch.export) or ONNX."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set."""
    parser.add_argument("network", metavar="RUN|WEIGHTS", help="or a shipped one: cifar-lite")
    parser.add_argument("--to", choices=FORMATS, default="pt2", help="(pt2)")
    parser.add_argument("--out", metavar="FILE", help="else beside the run or the weights")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, check on the spot, and say what the file takes and gives."""
    place = existing_run(args.network)
    network = find_trained(place)
    path = _out(args.out, args.to) if args.out else _beside(place, args.to)
    difference = export(network, path, args.to)
    side = side_of(network.model, network.preprocessing)
    classes = len(network.classes)
    write_json(path.with_suffix(".classes.json"), {"classes": list(network.classes), "side": side})
    checked = "not run here, which needs onnxruntime"
    if difference is not None:
        checked = f"checked against torch on noise, largest difference {difference:.1g}"
    print(
        f"{path}: {path.stat().st_size / 1e6:,.1f} MB, {checked}.\n"
        f"It takes pictures (N, 3, {side}, {side}) uint8 and gives probabilities (N, {classes}); "
        f"names of the classes: {path.with_suffix('.classes.json')}"
    )
    return 0


def _out(name: str, form: str) -> Path:
    """The file that is asked for.

    Raises:
        InputError: it is a folder, or ends as another form does.
    """
    path = Path(name)
    if path.is_dir() or path.suffix in {f".{other}" for other in FORMATS if other != form}:
        raise InputError(f"--out is {name} with --to {form}; expected a file such as net.{form}.")
    return path


def _beside(place: Path, form: str) -> Path:
    """network.pt2 in a run's folder, else a file called as the weights are."""
    return place / f"network.{form}" if place.is_dir() else Path(f"{place.stem}.{form}")
