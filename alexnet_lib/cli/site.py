"""`alexnet site`: the course as static pages, to read and answer without a kernel."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from alexnet_lib.checks import AlexNetError

ABOUT = "Write the whole course as static pages that need no kernel and no internet."


class MissingToolsError(AlexNetError):
    """The packages that make pages are not installed."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where to, and whether explorers move."""
    parser.add_argument("--out", type=Path, default=Path("site"), help="folder; it is replaced")
    parser.add_argument(
        "--stills",
        action="store_true",
        help="show explorers as pictures, without their states: seconds instead of minutes",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build, then say where the pages are, how large they are, and how to read them."""
    try:
        import latex2mathml.converter  # noqa: F401

        from alexnet_lib.course.site.build import build_site, size_of
    except ModuleNotFoundError as error:
        raise MissingToolsError(
            f"{error.name} is missing, which makes the pages; install it: "
            'pip install -e ".[docs]" in the project\'s folder.'
        ) from None
    started = time.perf_counter()
    out = build_site(args.out, harvest=None if args.stills else _two_at_a_time())
    took, megabytes = time.perf_counter() - started, size_of(out) / 1e6
    print(f"{out / 'index.html'}: {megabytes:.1f} MB in {took:.0f} s.")
    print(f"To read it: python -m http.server --directory {args.out}")
    return 0


def _two_at_a_time() -> Callable[[Path, Path], dict[str, list[str]]]:
    """Draw the explorers of the next lessons while a page is made."""
    from tqdm import tqdm

    from alexnet_lib.course.lessons import written_lessons
    from alexnet_lib.course.site.harvest import Ahead

    return Ahead([lesson.path for lesson in written_lessons()], report=tqdm.write)
