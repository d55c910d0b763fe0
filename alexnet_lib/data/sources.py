"""Reading images from where they lie: the official batches, or pictures in folders by class.

A folder, a tar and a zip all become (name, bytes) pairs; nothing is ever unpacked to the disk.
"""

import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lib.data.download import CIFAR10_ARCHIVE, Archive, verify
from alexnet_lib.data.images import DataError, Examples, ImageData
from alexnet_lib.data.official import CIFAR10_CLASSES, SIDE, read_batches

EXPECTED = (
    "expected the folder cifar-10-batches-py, the file cifar-10-python.tar.gz, or a folder, tar or "
    "zip of images in train/<class>/ and test/<class>/"
)
_PICTURE = re.compile(
    r"(?:^|/)(train|test)/([^/]+)/[^./][^/]*\.(jpe?g|png|bmp|gif|webp)$", re.IGNORECASE
)
WHOLE_CIFAR10 = 60_000  # pictures, in training and test
_LARGEST_MEMBER = 64 << 20
_UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted zip
)
Member = tuple[str, Callable[[], bytes]]


def read_source(path: str | Path, archive: Archive = CIFAR10_ARCHIVE) -> ImageData:
    """Read a data set from a folder, a tar (any compression) or a zip.

    Pictures of another size have their shorter side scaled to 32 pixels and their centre kept.

    Args:
        archive: sizes and hashes that official files must have.
    Raises:
        DataError: nothing there, not understood, damaged, or names that lead outside.
    """
    path = _existing(path)
    if path.is_file() and path.name == archive.file_name:
        verify(path, archive)
    try:
        files = dict(_files(path, archive))
    except _UNREADABLE as error:
        kind = type(error).__name__
        raise DataError(f"{path} cannot be read ({kind}: is it whole?); {EXPECTED}.") from error
    if not files:
        raise DataError(f"{path} holds neither official batches nor images; {EXPECTED}.")
    batches = {PurePosixPath(name).name: data for name, data in files.items()}
    if batches.keys() & archive.batches.keys():
        return ImageData("CIFAR-10", CIFAR10_CLASSES, *read_batches(batches, archive))
    return _read_pictures(path.name, files)


def fingerprint(path: str | Path) -> str:
    """Describe a source by place, sizes and times, which change when its files do.

    Raises:
        DataError: nothing there.
    """
    path = _existing(path).resolve()
    stats = [file.stat() for file in (_walk(path) if path.is_dir() else [path])]
    newest = max((stat.st_mtime_ns for stat in stats), default=0)
    return f"{path}|{len(stats)}|{sum(stat.st_size for stat in stats)}|{newest}"


def _existing(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"{path} does not exist; {EXPECTED}.")
    return path


def _files(path: Path, archive: Archive) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each official batch and each picture."""
    if path.is_dir():
        members = ((file.relative_to(path).as_posix(), file.read_bytes) for file in _walk(path))
    else:
        members = _zipped(path) if zipfile.is_zipfile(path) else _tarred(path)
    for name, read in tqdm(members, "Reading", unit=" files", leave=False, disable=None):
        if _PICTURE.search(name) or PurePosixPath(name).name in archive.batches:
            yield name, read()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files that may matter, here or one folder below: ALEXNET_DATA may be anything."""
    for base in (folder, *(entry for entry in sorted(folder.iterdir()) if entry.is_dir())):
        yield from (file for file in base.glob("*_batch*") if file.is_file())
        for part in ("train", "test"):
            yield from (base / part).glob("*/*.*")


def _tarred(path: Path) -> Iterator[Member]:
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isdir():
                continue
            if not member.isfile():
                raise DataError(f"{path} holds a link, {member.name}; refused.")
            _check_member(path, member.name, member.size)
            yield member.name, tar.extractfile(member).read


def _zipped(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            _check_member(path, member.filename, member.file_size)
            yield member.filename, partial(archive.read, member)


def _check_member(path: Path, name: str, size_bytes: int) -> None:
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise DataError(f"{path} holds {name}, a name that leads outside; refused.")
    if size_bytes > _LARGEST_MEMBER:
        raise DataError(f"{path} holds {name} of {size_bytes:,} bytes; expected images. Refused.")


def _read_pictures(source: str, files: dict[str, bytes]) -> ImageData:
    found = sorted((name, *_PICTURE.search(name).groups()) for name in files)
    classes = {
        part: sorted({row[2] for row in found if row[1] == part}) for part in ("train", "test")
    }
    if classes["train"] != classes["test"]:
        raise DataError(
            f"{source} has the classes {classes['train']} in train/ but {classes['test']} in "
            "test/; expected the same."
        )
    names = tuple(classes["train"])
    labels = torch.tensor([names.index(row[2]) for row in found])
    images, as_they_were = _decode([(row[0], files[row[0]]) for row in found])
    is_train = torch.tensor([row[1] == "train" for row in found])
    jpeg = all(row[3].lower() in ("jpg", "jpeg") for row in found)
    is_copy = names == CIFAR10_CLASSES and jpeg and as_they_were and len(found) == WHOLE_CIFAR10
    return ImageData(
        name="CIFAR-10 (JPEG copy)" if is_copy else f"images from {source}",
        classes=names,
        train=Examples(images[is_train], labels[is_train]),
        test=Examples(images[~is_train], labels[~is_train]),
        note="" if as_they_were else f"Scaled to {SIDE} pixels (shorter side), centre kept.",
    )


def _decode(files: list[tuple[str, bytes]]) -> tuple[Tensor, bool]:
    """Decode pictures to (N, 3, 32, 32) uint8; also tell whether all had that size."""
    import numpy
    from PIL import Image, ImageOps

    images = torch.empty(len(files), SIDE, SIDE, 3, dtype=torch.uint8)
    pixels, as_they_were = images.numpy(), True
    for index, (name, data) in enumerate(tqdm(files, "Decoding", leave=False, disable=None)):
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(f"{name} is not a readable image ({error}).") from error
        if image.size != (SIDE, SIDE):
            as_they_were = False
            image = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels[index] = numpy.asarray(image)
    return images.permute(0, 3, 1, 2).contiguous(), as_they_were  # (N, 3, 32, 32)
