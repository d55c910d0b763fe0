"""The command `alexnet`: train | predict | data | experiment | …; `train.py` is its `train`."""

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence

import torch

from alexnet_lib.checks import AlexNetError
from alexnet_lib.cli import bench, classroom, data, experiment, export, info, predict, site, train

COMMANDS = {
    "train": train,
    "predict": predict,
    "export": export,
    "data": data,
    "experiment": experiment,
    "bench": bench,
    "class": classroom,
    "site": site,
    "info": info,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 done, 2 refused, 130 stopped by Ctrl-C.

    141: whoever read the output has left.

    What a person can put right is told in words. Any other error is a fault of the code, and keeps
    its traceback (exit status 1).
    """
    for stream in (sys.stdout, sys.stderr):  # a code page of Windows lacks × and −
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser, words = _parser(), sys.argv[1:] if arguments is None else arguments
    if any(re.fullmatch("(--[a-z-]+=)?", word) for word in words):
        parser.error('an argument is empty, as --data "$UNSET" is; name it, or leave it out')
    args = parser.parse_args(words)
    try:
        status = args.run(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # as in `alexnet data | head -1`: the reader has all that it wanted
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python's last flush complains
        return 141
    except AlexNetError as error:
        return _refused(args, str(error))
    except torch.OutOfMemoryError as error:
        reason = str(error).partition(". ")[0] or "no words from torch"
        return _refused(
            args,
            f"the device's memory is full ({reason}). Take a smaller --batch-size, or fewer "
            "pictures with --limit-train.",
        )
    except OSError as error:
        if error.filename is None:
            raise
        return _refused(args, f"{error.filename} cannot be used: {error.strerror}.")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _refused(args: argparse.Namespace, words: str) -> int:
    print(f"alexnet {args.command}: {words}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alexnet", description="AlexNet, trained and measured.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        about = command.ABOUT
        command.add_options(commands.add_parser(name, help=about, description=about))
    return parser


if __name__ == "__main__":
    sys.exit(main())
