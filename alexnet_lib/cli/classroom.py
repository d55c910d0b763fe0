"""`alexnet class`: a kit for thirty laptops, a page of what they did, notes for a tutor."""

import argparse
from pathlib import Path

from alexnet_lib.checks import InputError
from alexnet_lib.data.files import atomic_write, cannot_write

# A kit's own modules draw the whole course in, and are imported only where they are used.

SCHOOLS = ("nbgrader", "otter")

ABOUT = "Make a class kit, look at a class's results, or write notes for a tutor."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the three commands and what can be set."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="make|view|tutor-notes")
    _add_make(commands)
    _add_view(commands)
    _add_tutor_notes(commands)


def _add_make(commands: argparse._SubParsersAction) -> None:
    about = "One folder for a class: notebooks without solutions, wheels, data, a teacher's notes."
    make = commands.add_parser("make", help=about, description=about)
    make.add_argument("--out", metavar="FOLDER", default="kit", help="a new folder (kit)")
    make.add_argument(
        "--platform",
        nargs="+",
        metavar="NAME",
        help="of the laptops: linux, macos, windows (all)",
    )
    make.add_argument(
        "--python",
        nargs="+",
        metavar="VERSION",
        help="on the laptops, such as 3.12 (this one's)",
    )
    make.add_argument(
        "--torch",
        metavar="WHICH",
        default="cpu",
        help="for Linux: cpu, ordinary, none, or a folder of wheels (cpu)",
    )
    make.add_argument("--no-wheels", action="store_true", help="the course's own wheel alone")
    make.add_argument("--no-zip", action="store_true", help="no students.zip")
    make.add_argument("--keep-outputs", action="store_true", help="in the learners' notebooks")
    make.add_argument("--key", metavar="WORD", default="", help="opens the solutions (drawn)")
    for school in SCHOOLS:
        make.add_argument(f"--{school}", action="store_true", help=f"exercises for {school}, too")
    make.set_defaults(run=_make)


def _make(args: argparse.Namespace) -> int:
    from alexnet_lib.course.kit.make import Kit, make_kit

    platforms = () if args.no_wheels else tuple(dict.fromkeys(args.platform or Kit.platforms))
    kit = Kit(
        Path(args.out),
        platforms=platforms,
        pythons=tuple(dict.fromkeys(args.python or Kit.pythons)),
        torch=args.torch,
        key=args.key,
        schools=tuple(school for school in SCHOOLS if getattr(args, school)),
        keep_outputs=args.keep_outputs,
        zipped=not args.no_zip,
    )
    folder = make_kit(kit)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:,.0f} MB. Begin with {folder / 'README.md'}.")
    return 0


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


def _add_tutor_notes(commands: argparse._SubParsersAction) -> None:
    about = "Each exercise with its hints and known misconceptions, without its solution."
    notes = commands.add_parser("tutor-notes", help=about, description=about)
    notes.add_argument("--out", metavar="FILE", default="tutor-notes.md", help="(tutor-notes.md)")
    notes.set_defaults(run=_tutor_notes)


def _tutor_notes(args: argparse.Namespace) -> int:
    from alexnet_lib.course.kit.notes import tutor_notes

    path = Path(args.out)
    if path.exists():
        raise InputError(f"{path} exists already; name another file with --out.")
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(tutor_notes(), encoding="utf-8")
    except OSError as error:
        raise InputError(cannot_write(path, error)) from error
    print(f"{path}: for a tutor, a person or a language model. No solution is in it.")
    return 0
