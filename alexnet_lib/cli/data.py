"""`alexnet data`: which pictures are used, where they lie, and what is wrong with one's own."""

import argparse

from alexnet_lib.checks import InputError
from alexnet_lib.cli.options import png_path
from alexnet_lib.data.check import Check, Row, check_pictures
from alexnet_lib.data.cifar10 import load_cifar10, named_by_environment
from alexnet_lib.data.files import cache_dir, data_dir
from alexnet_lib.data.layout import some
from alexnet_lib.data.sources import existing, list_source, official

ABOUT = "Show which pictures are used, after fetching them where that is needed and allowed."

_SHEET = 24  # pairs on a contact sheet


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set."""
    parser.add_argument("--data", metavar="PATH", help="look here only")
    parser.add_argument("--split", type=float, metavar="SHARE", help="as in alexnet train")
    parser.add_argument("--no-download", action="store_true", help="do not look on the web")
    parser.add_argument(
        "--check",
        action="store_true",
        help="read all pictures of one's own: counts, sizes, damaged ones, twins; the exit status "
        "is 1 where some cannot be read, or twins lie in two parts or classes",
    )
    parser.add_argument(
        "--sheet", metavar="PNG", type=png_path, help="with --check: draw the twins"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load the pictures and count those of each class, or check them."""
    if args.check:
        return _check(args)
    if args.sheet:
        raise InputError("--sheet goes with --check: it shows what is suspicious.")
    found = load_cifar10(args.data, download=not args.no_download, share=args.split)
    per_class = found.train.labels.bincount(minlength=found.num_classes).tolist()
    for name, count in zip(found.classes, per_class, strict=True):
        print(f"  {name:12s} {count:6,} training images")
    print(f"Data folder: {data_dir()}; cache: {cache_dir()}")
    return 0


def _check(args: argparse.Namespace) -> int:
    named = args.data or named_by_environment()
    if not named:
        raise InputError("--check looks at pictures of one's own; name their folder with --data.")
    path = existing(named)
    files = list_source(path, deep=args.split is not None)
    if official(files):
        print(f"{path} holds the official batches, which are checked by their hashes when read.")
        return 0
    check = check_pictures(path.name, files, args.split)
    print("\n".join(_lines(path.name, check)))
    if args.sheet:
        _draw(args.sheet, check, files)
    return 0 if check.is_clean else 1


def _lines(name: str, check: Check) -> list[str]:
    """What was found, in words."""
    counts = check.counts
    lines = [f"{name}: {len(check.layout.rows):,} pictures in {len(check.layout.classes)} classes"]
    for label in check.layout.classes:
        train, test = counts[label, "train"], counts[label, "test"]
        parts = f"{train:6,} training and {test:6,} test images" if test else f"{train:6,} images"
        lines.append(f"  {label:12s} {parts}")
    lines += check.layout.notes
    if check.sizes:
        small, large = (pick(check.sizes, key=lambda s: s[0] * s[1]) for pick in (min, max))
        lines.append(f"Sizes: {small[0]:,}×{small[1]:,} to {large[0]:,}×{large[1]:,} pixels.")
    if check.corrupt:
        told = some([f"{name} ({cause})" for name, cause in check.corrupt], 10)
        lines.append(f"Cannot be read: {len(check.corrupt):,} ({told}).")
    for words, pairs in (("The same file twice", check.twins), ("Nearly the same", check.near)):
        if pairs:
            lines.append(f"{words}: {_told(pairs)}.")
        if across := check.across(pairs):
            lines.append(f"  of these in two parts or classes, to be mended: {_told(across)}.")
    return [*lines, "Nothing is wrong." if check.is_clean else "Something is to be mended."]


def _told(pairs: list[tuple[Row, Row]]) -> str:
    return f"{len(pairs):,} ({some([f'{one[0]} = {other[0]}' for one, other in pairs])})"


def _draw(path: str, check: Check, files: dict) -> None:
    """A contact sheet of the twins, side by side, those that spoil a result first."""
    from alexnet_lib.course.figures.pixels import image_grid
    from alexnet_lib.course.figures.style import save_png
    from alexnet_lib.training.answers import squares_of
    from alexnet_lib.training.checkpoint import writing

    pairs = [*check.twins, *check.near]
    first = check.across(pairs)
    pairs = [*first, *(pair for pair in pairs if pair not in first)][:_SHEET]
    if not pairs:
        print("No twins, so no sheet was drawn.")
        return
    rows = [row for pair in pairs for row in pair]
    images = squares_of([files[name]() for name, *_ in rows], side=96)
    labels = [f"{part} {label}" for _, part, label in rows]
    figure = image_grid(images, labels, title="Twins, side by side: equal or nearly so")
    with writing(path) as temporary:
        temporary.write_bytes(save_png(figure))
