"""Photographs that come with the course; `data/photographs/README.md` names their sources."""

from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.widgets.pictures import read_picture
from alexnet_lib.data.files import data_dir


def photograph(name: str = "cat") -> Tensor:
    """A photograph in its own size, (3, H, W) uint8; the cat has 300 × 451 pixels.

    Raises:
        InputError: there is none of that name (says which there are).
    """
    folder = data_dir() / "photographs"
    path = folder / f"{name}.jpg"
    if not path.is_file():
        there = ", ".join(sorted(other.stem for other in folder.glob("*.jpg"))) or "none"
        raise InputError(f"there is no photograph {name!r} in {folder}; there: {there}.")
    return read_picture(path.read_bytes(), path.name)
