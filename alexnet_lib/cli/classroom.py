"""`alexnet class`: a kit for thirty laptops, a page of what they did, notes for a tutor."""

import argparse
from pathlib import Path

ABOUT = "Make a class kit, look at a class's results, or write notes for a tutor."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the three commands and what can be set."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="make|view|tutor-notes")
    _add_view(commands)


def _add_view(commands: argparse._SubParsersAction) -> None:
    about = "One page of who solved what, from the learners' collected files."
    view = commands.add_parser("view", help=about, description=about)
    view.add_argument("folder", metavar="FOLDER", help="holds the learners' files")
    view.add_argument("--out", metavar="FILE", default="class.html", help="(class.html)")
    view.set_defaults(run=_view)


def _view(args: argparse.Namespace) -> int:
    from alexnet_lib.course.kit.view import class_page

    print(f"Open {class_page(Path(args.folder), Path(args.out))} in a browser.")
    return 0
