"""Pictures in train/<class>/ and test/<class>/ as one data set of squares (§2)."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from alexnet_lib.data.images import CIFAR10_CLASSES, SIDE, DataError, Examples, ImageData

PICTURE = re.compile(
    r"(?:^|/)(train|test|val)/([^/]+)/[^./][^/]*\.(jpe?g|png|bmp|gif|webp)$", re.IGNORECASE
)

WHOLE_CIFAR10 = 60_000  # pictures, in training and test

_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)

Files = Mapping[str, Callable[[], bytes]]


def read_pictures(source: str, files: Files, side: int = SIDE) -> ImageData:
    """Read pictures as squares; `val` serves as test set where there is no `test`.

    Where all have CIFAR-10's 32×32 pixels they stay as they are. Else the shorter side of each is
    scaled to `side` and its centre kept, as the paper does with 256.

    Args:
        source: the place's name, for titles.
        files: what reads each picture, by its name.
    Raises:
        DataError: a picture is damaged, training and test have not the same classes, or the memory
            does not suffice.
    Source: paper §2.
    """
    rows = [(name, *PICTURE.search(name).groups()) for name in sorted(files)]
    parts = {part for _, part, _, _ in rows}
    tested = "val" if parts == {"train", "val"} else "test"
    rows = [row for row in rows if row[1] in ("train", tested)]
    classes = _classes(source, rows, tested)
    images, as_they_were = _decode([(name, files[name]) for name, *_ in rows], side)
    labels = torch.tensor([classes.index(name) for _, _, name, _ in rows])
    is_train = torch.tensor([part == "train" for _, part, _, _ in rows])
    jpeg = all(kind.lower() in ("jpg", "jpeg") for *_, kind in rows)
    is_copy = classes == CIFAR10_CLASSES and jpeg and as_they_were and len(rows) == WHOLE_CIFAR10
    return ImageData(
        name="CIFAR-10 (JPEG copy)" if is_copy else f"images from {source}",
        classes=classes,
        train=Examples(images[is_train], labels[is_train]),
        test=Examples(images[~is_train], labels[~is_train]),
        note="" if as_they_were else f"Scaled to {side} pixels (shorter side), centre kept.",
    )


def _classes(source: str, rows: list[tuple[str, ...]], tested: str) -> tuple[str, ...]:
    train, test = ({row[2] for row in rows if row[1] == part} for part in ("train", tested))
    if train != test or not train:
        raise DataError(
            f"{source}: only train/ has the classes {sorted(train - test)}, only {tested}/ has "
            f"{sorted(test - train)}; expected the same in both."
        )
    return tuple(sorted(train))


def _decode(files: list[tuple[str, Callable[[], bytes]]], side: int) -> tuple[Tensor, bool]:
    """Decode pictures to (N, 3, side, side) uint8; also tell whether all stayed as they were."""
    if side != SIDE and all(_size(*file) == (SIDE, SIDE) for file in files):
        side = SIDE
    pixels, as_they_were = _room_for(len(files), side), True
    for index, (name, read) in enumerate(tqdm(files, "Decoding", leave=False, disable=None)):
        with _told(name):
            image = Image.open(io.BytesIO(read()))
            as_they_were &= image.size == (SIDE, SIDE)
            pixels[index] = numpy.asarray(_square(image, side))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), as_they_were


def _size(name: str, read: Callable[[], bytes]) -> tuple[int, int]:
    with _told(name):
        return Image.open(io.BytesIO(read())).size


def _square(image: Image.Image, side: int) -> Image.Image:
    image.draft(None, (side, side))  # a JPEG many times as large is decoded at a fraction
    ImageOps.exif_transpose(image, in_place=True)  # the camera may have been held upright
    image = image.convert("RGB")
    if image.size == (side, side):
        return image
    return ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise DataError(f"{name} is not a readable image ({error}).") from error


def _room_for(count: int, side: int) -> numpy.ndarray:
    try:
        return numpy.empty((count, side, side, 3), numpy.uint8)
    except MemoryError:
        raise DataError(
            f"{count:,} pictures of {side}×{side} pixels take {count * side**2 * 3 / 1e9:,.2f} GB "
            "of memory, which is more than there is; take fewer of them."
        ) from None
