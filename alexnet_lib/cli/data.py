"""`alexnet data`: which pictures are used, and where they lie."""

import argparse

from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.files import cache_dir, data_dir

ABOUT = "Show which pictures are used, after fetching them where that is needed and allowed."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set."""
    parser.add_argument("--data", metavar="PATH", help="look here only")
    parser.add_argument("--split", type=float, metavar="SHARE", help="as in alexnet train")
    parser.add_argument("--no-download", action="store_true", help="do not look on the web")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load the pictures, and count those of each class."""
    found = load_cifar10(args.data, download=not args.no_download, share=args.split)
    per_class = found.train.labels.bincount(minlength=found.num_classes).tolist()
    for name, count in zip(found.classes, per_class, strict=True):
        print(f"  {name:12s} {count:6,} training images")
    print(f"Data folder: {data_dir()}; cache: {cache_dir()}")
    return 0
