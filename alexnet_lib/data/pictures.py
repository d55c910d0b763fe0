"""Picture files as squares of 8-bit RGB: one decoder for archives, folders and uploads (§2)."""

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from alexnet_lib.checks import check_number
from alexnet_lib.data.images import (
    CIFAR10_CLASSES,
    SIDE,
    DataError,
    Examples,
    ImageData,
    held_out,
)
from alexnet_lib.data.layout import Layout, find_layout, is_hidden, some

WHOLE_CIFAR10 = 60_000  # pictures, in training and test

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)

Read = Callable[[], bytes]

# --- One picture --------------------------------------------------------------------------------


def decode(content: bytes, at_least: int | None = None) -> Image.Image:
    """A picture file as 8-bit RGB, upright, whatever its mode.

    Grey and colour of 16 bits are scaled to 8. What is transparent shows white. Floating-point
    pictures are from 0 to 1, or to 255; 32-bit whole numbers to 255, or to 65,535. A profile of
    colours is not applied. Of an animation, the first frame is taken.

    Args:
        at_least: side that is enough, in pixels; a JPEG many times as large is then decoded at a
            fraction of its size.
    Raises:
        UNREADABLE: not a picture that Pillow reads, or numbers outside those ranges.
    Source: ours.
    """
    image = Image.open(io.BytesIO(content))
    if at_least is not None:
        image.draft(None, (at_least, at_least))
    return upright(image)


def upright(image: Image.Image) -> Image.Image:
    """An opened picture as `decode` gives it; the one that is handed over may be turned."""
    ImageOps.exif_transpose(image, in_place=True)  # the camera may have been held upright
    if image.mode == "F" or image.mode.startswith("I"):
        image = _in_8_bits(image)
    if image.mode == "La":  # Pillow has no direct way
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as grey of 8; see `decode` for the ranges."""
    values = numpy.asarray(image).astype(numpy.float64)  # (H, W)
    low, high = values.min(), values.max()
    if image.mode == "F":
        most = 1.0 if high <= 1 else 255.0
    else:  # these two formats hold 16 bits where Pillow says 32
        sixteen = image.mode != "I" or image.format in ("PNG", "PPM") or high > 255
        most = 65_535.0 if sixteen else 255.0
    if not (0 <= low and high <= most):
        raise ValueError(f"its grey goes from {low:g} to {high:g}; expected 0 to {most:,.0f}")
    return Image.fromarray((values * (255 / most)).round().astype(numpy.uint8))


def square(image: Image.Image, side: int) -> Image.Image:
    """The shorter side scaled to `side` pixels and the centre kept (§2)."""
    if image.size == (side, side):
        return image
    return ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)


def squared(content: bytes, side: int) -> numpy.ndarray:
    """A picture file as a data set keeps it: (side, side, 3) uint8; raises as `decode`."""
    return numpy.asarray(square(decode(content, side), side))


# --- A data set ---------------------------------------------------------------------------------


def read_pictures(
    source: str, files: Mapping[str, Read | None], side: int = SIDE, share: float | None = None
) -> ImageData:
    """Read pictures as squares; `find_layout` says which, and `decode` how.

    Where all have CIFAR-10's 32×32 pixels they stay as they are. Else the shorter side of each is
    scaled to `side` and its centre kept, as the paper does with 256.

    Args:
        source: the place's name, for titles.
        files: what reads each file, by its name; None for a link to nothing.
        share: of each class that becomes the test set where there is none.
    Raises:
        DataError: the folders are not understood, pictures are damaged, or the memory does not
            suffice.
    Source: paper §2.
    """
    layout = layout_of(source, files, share)
    names = [name for name, *_ in layout.rows]
    found = _decode([(name, files[name]) for name in names], side)
    labels, notes = labels_of(layout), list(layout.notes)
    is_test = torch.tensor([part == "test" for _, part, _ in layout.rows])
    jpeg = all(PurePosixPath(name).suffix.lower() in (".jpg", ".jpeg") for name in names)
    same = found.as_they_were and len(names) == WHOLE_CIFAR10
    is_copy = layout.classes == CIFAR10_CLASSES and jpeg and same
    if not is_copy:
        notes += _remarks(found, is_test, names)
    if not found.as_they_were:
        notes.insert(0, f"Scaled to {side} pixels (shorter side), centre kept.")
    return ImageData(
        name="CIFAR-10 (JPEG copy)" if is_copy else f"images from {source}",
        classes=layout.classes,
        train=Examples(found.images[~is_test], labels[~is_test]),
        test=Examples(found.images[is_test], labels[is_test]),
        note=" ".join(notes),
    )


def layout_of(source: str, files: Mapping[str, Read | None], share: float | None = None) -> Layout:
    """`find_layout` that also looks into nameless files, and holds out the share of each class."""
    layout = find_layout(source, files, share, _reasons(files))
    return layout if share is None else _with_test_set(layout, share)


def labels_of(layout: Layout) -> Tensor:
    """The label (N,) int64 of each picture."""
    number = {label: index for index, label in enumerate(layout.classes)}
    return torch.tensor([number[label] for *_, label in layout.rows])


def _with_test_set(layout: Layout, share: float) -> Layout:
    """Let a share of each class be the test set, drawn by chance, and name classes without."""
    check_number("share", share, "(0, 1)")
    is_test = held_out(labels_of(layout), max(1, round(share * len(layout.rows)))).tolist()
    rows = [
        (name, "test" if test else "train", label)
        for (name, _, label), test in zip(layout.rows, is_test, strict=True)
    ]
    notes = [*layout.notes, f"{100 * share:.3g}% of each class are held out as test set (seed 0)."]
    tested = {label for _, part, label in rows if part == "test"}
    if untested := [label for label in layout.classes if label not in tested]:
        notes.append(f"Too few pictures to test on any of: {some(untested)}.")
    return replace(layout, rows=rows, notes=notes)


def _reasons(files: Mapping[str, Read | None]) -> dict[str, str]:
    """Why files are no pictures though their names do not say so."""
    reasons = {name: "links to nothing, or pipes" for name, read in files.items() if read is None}
    for name, read in files.items():
        nameless = not name.endswith("/") and not PurePosixPath(name).suffix and "/" in name
        if nameless and read and not is_hidden(name):
            if not opens(read):
                reasons[name] = "no pictures"
    return reasons


def opens(read: Read) -> bool:
    """Whether Pillow knows a file as a picture, whatever its name."""
    try:
        Image.open(io.BytesIO(read()))
    except UNREADABLE:
        return False
    return True


@dataclass
class _Decoded:
    """Pictures (N, 3, side, side) uint8, and what was seen of their files."""

    images: Tensor
    as_they_were: bool = True
    seals: list[bytes] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)


def _decode(files: list[tuple[str, Read]], side: int) -> _Decoded:
    """Decode all pictures, or name those that cannot be."""
    side = common_side((read for _, read in files), side)
    pixels, bad = _room_for(len(files), side), []
    found = _Decoded(torch.from_numpy(pixels))
    for index, (name, read) in enumerate(tqdm(files, "Decoding", leave=False, disable=None)):
        try:
            content = read()
            header = Image.open(io.BytesIO(content))
            pixels[index] = squared(content, side)
        except UNREADABLE as error:
            bad.append(unreadable(name, error))
            continue
        found.as_they_were &= header.size == (SIDE, SIDE)
        found.seals.append(hashlib.blake2b(content, digest_size=16).digest())
        if _is_foreign(header.info.get("icc_profile")):
            found.profiles.append(name)
    if bad:
        count = f"{len(bad):,} of {len(files):,} pictures cannot be read. " if len(bad) > 1 else ""
        raise DataError(f"{count}{some(bad, 10)}. Mend, move or delete what cannot be read.")
    found.images = found.images.permute(0, 3, 1, 2).contiguous()
    return found


def common_side(reads: Iterable[Read], side: int) -> int:
    """The side that pictures become: CIFAR-10's where all have it already, else the given one."""
    return SIDE if side == SIDE or all(_size(read) == (SIDE, SIDE) for read in reads) else side


def unreadable(name: str, error: Exception) -> str:
    """That a picture cannot be read, and why."""
    return f"{name} is not a readable image ({cause(error)})"


def _size(read: Read) -> tuple[int, int]:
    with suppress(*UNREADABLE):
        return Image.open(io.BytesIO(read())).size
    return (0, 0)


def cause(error: Exception) -> str:
    """Why a picture cannot be read, in Pillow's words."""
    return re.sub(r" <_io\.BytesIO[^>]*>", "", str(error)) or type(error).__name__


def _is_foreign(profile: bytes | None) -> bool:
    """Whether a profile of colours is another than sRGB, by the name in it."""
    names = (b"sRGB", "sRGB".encode("utf-16-be"))
    return bool(profile) and not any(name in profile for name in names)


def _remarks(found: _Decoded, is_test: Tensor, names: list[str]) -> list[str]:
    """What a person should know of these pictures."""
    remarks = []
    if found.profiles:
        told = some(found.profiles)
        remarks.append(
            f"{len(found.profiles):,} pictures have a profile of colours other than sRGB, which is "
            f"not applied ({told})."
        )
    tested = is_test.tolist()
    train = {seal for seal, test in zip(found.seals, tested, strict=True) if not test}
    rows = zip(found.seals, tested, names, strict=True)
    both = [name for seal, test, name in rows if test and seal in train]
    if both:
        remarks.append(
            f"{len(both):,} of {sum(tested):,} test pictures are training pictures too "
            f"({some(both)}), so the test error says less than it seems to."
        )
    return remarks


def _room_for(count: int, side: int) -> numpy.ndarray:
    try:
        return numpy.empty((count, side, side, 3), numpy.uint8)
    except MemoryError:
        raise DataError(
            f"{count:,} pictures of {side}×{side} pixels take {count * side**2 * 3 / 1e9:,.2f} GB "
            "of memory, which is more than there is; take fewer of them."
        ) from None
