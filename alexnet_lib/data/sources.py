"""Where CIFAR-10 may lie: the official archive, folders and archives of pictures."""

import hashlib
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy
import torch
from tqdm import tqdm

from alexnet_lib.data.download import CIFAR10_ARCHIVE, Archive, verify
from alexnet_lib.data.images import CIFAR10_CLASSES, SIDE, DataError, Examples, ImageData
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


# --- The official batches -----------------------------------------------------------------------

# All that a pickled numpy array needs. No other name is looked up, so no code in a file can run.
_ADMITTED = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


def read_batches(files: dict[str, bytes], archive: Archive) -> tuple[Examples, Examples]:
    """Read training and test examples from the files of `cifar-10-batches-py`.

    Raises:
        DataError: a file is missing, differs from the official one, or holds anything else.
    """
    missing = sorted(set(archive.batches) - set(files))
    if missing:
        raise DataError(
            f"missing {', '.join(missing)}; expected all of {', '.join(archive.batches)}."
        )
    parts = {
        name: _read_batch(name, files[name], archive.batches[name]) for name in archive.batches
    }
    train = [parts[name] for name in sorted(parts) if name != "test_batch"]
    images, labels = (torch.cat(column) for column in zip(*train, strict=True))
    return Examples(images, labels), Examples(*parts["test_batch"])


def _read_batch(name: str, data: bytes, md5: str) -> tuple[torch.Tensor, torch.Tensor]:
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if digest != md5:
        raise DataError(f"{name} is damaged: its MD5 is {digest}; expected {md5}.")
    try:
        batch = _BatchUnpickler(io.BytesIO(data), encoding="bytes").load()
        images = torch.from_numpy(batch[b"data"]).reshape(-1, 3, SIDE, SIDE)
        labels = torch.tensor(batch[b"labels"], dtype=torch.int64)
        Examples(images, labels)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{name} is not a CIFAR-10 batch ({error}).") from error
    return images, labels


class _BatchUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        if name == "_reconstruct":  # numpy has moved it, and warns at its old place
            return numpy.zeros(0).__reduce__()[0]
        return super().find_class(module, name)
