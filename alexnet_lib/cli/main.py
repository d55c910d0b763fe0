"""The command `alexnet`: train | experiment | data | bench | info; `train.py` is its `train`."""

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from alexnet_lib import __version__
from alexnet_lib.checks import AlexNetError
from alexnet_lib.cli import experiment as experiment_command
from alexnet_lib.cli import train as train_command
from alexnet_lib.data import files as environment
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.files import write_json
from alexnet_lib.models.ledger import layer_ledger
from alexnet_lib.models.registry import MODEL_NAMES, build_model
from alexnet_lib.paper.network import PRESET_REASONS
from alexnet_lib.training.device import describe_device, pick_device, pick_precision

_SMALL = {
    "four-layer": "The small net behind Fig. 1: three convolutions and a dense layer.",
    "conv-local": "The net behind §3.3's 13 %: two convolutions, two locally connected layers.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 2 refused, 130 stopped by Ctrl-C)."""
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except AlexNetError as error:
        print(f"alexnet {args.command}: {error}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError as error:
        reason = str(error).partition(". ")[0] or "no words from torch"
        print(
            f"alexnet {args.command}: the device's memory is full ({reason}). Take a smaller "
            "--batch-size, or fewer pictures with --limit-train.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def data(args: argparse.Namespace) -> int:
    """Show which pictures are used, after fetching them where that is needed and allowed."""
    found = load_cifar10(args.data, download=not args.no_download)
    per_class = found.train.labels.bincount(minlength=found.num_classes).tolist()
    for name, count in zip(found.classes, per_class, strict=True):
        print(f"  {name:12s} {count:6,} training images")
    print(f"Data folder: {environment.data_dir()}; cache: {environment.cache_dir()}")
    return 0


def bench(args: argparse.Namespace) -> int:
    """Time our training step and response normalisation against the plain recipe."""
    from alexnet_lib.cli.bench import measure, table

    results = measure(report=print)
    print(table(results))
    if args.json:
        write_json(Path(args.json), results)
    return 0


def info(args: argparse.Namespace) -> int:
    """Print versions, device, folders, and the networks there are."""
    device = pick_device()
    precision = str(pick_precision(device)).removeprefix("torch.")
    print(
        f"alexnet_lib {__version__}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"device      {describe_device(device)}; fastest activations here: {precision}")
    print(f"project     {environment.project_root()}")
    print(f"level       {environment.level()}{', offline' if environment.offline() else ''}")
    load_cifar10(
        download=False, report=lambda line: print(f"data        {line.removeprefix('Data: ')}")
    )
    for name in MODEL_NAMES:
        ledger = layer_ledger(build_model(name))
        parameters, mega_macs = ledger.total("parameters"), ledger.total("macs") / 1e6
        reason = {**PRESET_REASONS, **_SMALL}[name]
        print(f"{name:12s}{parameters:>11,} parameters, {mega_macs:4,.0f} M MACs. {reason}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alexnet", description="AlexNet, trained and measured.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    train_command.add_options(_command_parser(commands, "train", train_command.train))
    about = "Re-run the experiments of the paper: list them, run one, show what it found."
    experiments = commands.add_parser("experiment", help=about, description=about)
    experiment_command.add_options(experiments)
    options = _command_parser(commands, "data", data)
    options.add_argument("--data", metavar="PATH", help="look here only")
    options.add_argument("--no-download", action="store_true", help="do not look on the web")
    options = _command_parser(commands, "bench", bench)
    options.add_argument("--json", metavar="FILE", help="write the figures to this file too")
    _command_parser(commands, "info", info)
    return parser


def _command_parser(commands, name: str, run) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=run.__doc__.split("\n")[0], description=run.__doc__)
    parser.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
