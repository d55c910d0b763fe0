"""Reading images from where they lie: the official batches, or pictures in folders by class.

A folder, a tar and a zip all become (name, bytes) pairs; nothing is ever unpacked to the disk.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from alexnet_lib.data.download import CIFAR10_ARCHIVE, Archive, verify
from alexnet_lib.data.images import DataError, ImageData
from alexnet_lib.data.official import CIFAR10_CLASSES, SIDE, read_batches
from alexnet_lib.data.pictures import PICTURE, read_pictures

EXPECTED = (
    "expected the folder cifar-10-batches-py, the file cifar-10-python.tar.gz, or a folder, tar or "
    "zip of images in train/<class>/ and test/<class>/ (or val/<class>/)"
)
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


def read_source(
    path: str | Path, archive: Archive = CIFAR10_ARCHIVE, side: int = SIDE
) -> ImageData:
    """Read a data set from a folder, a tar (any compression) or a zip.

    Args:
        archive: sizes and hashes that official files must have.
        side: of the squares that other pictures become, in pixels; see `read_pictures`.
    Raises:
        DataError: nothing there, not understood, damaged, or names that lead outside.
    """
    path = _existing(path)
    if path.is_file() and path.name == archive.file_name:
        verify(path, archive)
    try:
        files = dict(_files(path, archive))
        named = {PurePosixPath(name).name: read for name, read in files.items()}
        batches = {name: named[name]() for name in named.keys() & archive.batches.keys()}
    except _UNREADABLE as error:
        kind = type(error).__name__
        raise DataError(f"{path} cannot be read ({kind}: is it whole?); {EXPECTED}.") from error
    if not files:
        raise DataError(f"{path} holds neither official batches nor images; {EXPECTED}.")
    if batches:
        return ImageData("CIFAR-10", CIFAR10_CLASSES, *read_batches(batches, archive))
    return read_pictures(path.name, files, side)


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


def _files(path: Path, archive: Archive) -> Iterator[Member]:
    """Yield name and reader of each official batch and each picture; archives are read now."""
    if path.is_dir():
        members = ((file.relative_to(path).as_posix(), file.read_bytes) for file in _walk(path))
    else:
        members = _zipped(path) if zipfile.is_zipfile(path) else _tarred(path)
    for name, read in tqdm(members, "Reading", unit=" files", leave=False, disable=None):
        if PICTURE.search(name) or PurePosixPath(name).name in archive.batches:
            yield name, read if path.is_dir() else partial(bytes, read())


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files that may matter, here or one folder below: ALEXNET_DATA may be anything."""
    for base in (folder, *(entry for entry in sorted(folder.iterdir()) if entry.is_dir())):
        yield from (file for file in base.glob("*_batch*") if file.is_file())
        for part in ("train", "test", "val"):
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
