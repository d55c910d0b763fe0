"""Where CIFAR-10 may lie: the official archive, folders and archives of pictures."""

import hashlib
import io
import lzma
import os
import pickle
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISREG

import numpy
import torch
from tqdm import tqdm

from alexnet_lib.data.download import CIFAR10_ARCHIVE, Archive, verify
from alexnet_lib.data.files import seal_of
from alexnet_lib.data.images import CIFAR10_CLASSES, SIDE, DataError, Examples, ImageData
from alexnet_lib.data.layout import EXPECTED, PARTS, may_be_picture
from alexnet_lib.data.pictures import Read, read_pictures

_LARGEST_MEMBER = 64 << 20

_LARGEST_SUM, _LARGEST_RATIO = 256 << 20, 50  # bytes unpacked, and times an archive's own size

_UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted zip
)

Member = tuple[str, Read | None]


@dataclass(frozen=True, slots=True)
class Stored:
    """A file, or a part of one: where its content lies on the disk."""

    path: str
    size: int
    offset: int = 0

    def __call__(self) -> bytes:
        """Read it."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def read_source(
    path: str | Path,
    archive: Archive = CIFAR10_ARCHIVE,
    side: int = SIDE,
    share: float | None = None,
) -> ImageData:
    """Read a data set from a folder, a tar (any compression) or a zip.

    Args:
        archive: sizes and hashes that official files must have.
        side: of the squares that other pictures become, in pixels; see `read_pictures`.
        share: of each class that becomes the test set where a folder of pictures has none.
    Raises:
        DataError: nothing there, not understood, damaged, or names that lead outside.
    """
    path = existing(path)
    files = list_source(path, archive, share is not None)
    if batches := official(files, archive):
        if share is not None:
            raise DataError(f"{path.name} is CIFAR-10, which has a test set; leave the share out.")
        return ImageData("CIFAR-10", CIFAR10_CLASSES, *read_batches(batches, archive))
    return read_pictures(path.name, files, side, share)


def list_source(
    path: Path, archive: Archive = CIFAR10_ARCHIVE, deep: bool = False
) -> dict[str, Read | None]:
    """What reads each file of a folder or an archive, by its name; None for a link to nothing.

    A folder's name ends with "/". Pictures in an archive are read now. A folder that holds tars
    and no loose picture holds shards: what is in a tar counts as if it lay beside it.

    Args:
        deep: follow all folders, not only those of training and test pictures.
    Raises:
        DataError: it cannot be read, or is an archive that holds what no data set needs.
    """
    if path.is_file() and path.name == archive.file_name:
        verify(path, archive)
    try:
        return dict(_files(path, archive, deep))
    except _UNREADABLE as error:
        kind = type(error).__name__
        raise DataError(f"{path} cannot be read ({kind}: is it whole?); {EXPECTED}.") from error


def official(
    files: Mapping[str, Read | None], archive: Archive = CIFAR10_ARCHIVE
) -> dict[str, bytes]:
    """The official batches among some files, by their names."""
    named = {PurePosixPath(name).name: read for name, read in files.items()}
    return {name: named[name]() for name in named.keys() & archive.batches.keys()}


def fingerprint(path: str | Path, deep: bool = False) -> str:
    """Describe a source by what changes when a file of it does, without reading any.

    That is, of every file, its name, size and time. Who puts another content under the same three
    changes the time of the change, or the file's number, which nobody can set. Windows has neither:
    there the content is read.

    Args:
        deep: as in `_walk`.
    Raises:
        DataError: nothing there.
    """
    path = existing(path).resolve()
    entries = _walk(path, deep) if path.is_dir() else [(path.name, path, path.stat())]
    lines = [f"{name}|{_mark(file, stat)}\n" for name, file, stat in entries]
    return f"{path}|{seal_of(*lines)}"


def _mark(file: Path, stat: os.stat_result | None) -> str:
    if stat is None or S_ISDIR(stat.st_mode):
        return ""
    changed = seal_of(file) if os.name == "nt" else f"{stat.st_ctime_ns}|{stat.st_ino}"
    return f"{stat.st_size}|{stat.st_mtime_ns}|{changed}"


def existing(path: str | Path) -> Path:
    """The path, as a `Path` to something that is there.

    Raises:
        DataError: nothing there.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"{path} does not exist; {EXPECTED}.")
    return path


def _files(path: Path, archive: Archive, deep: bool) -> Iterator[Member]:
    """Yield name and reader of each file and folder."""
    if path.is_dir():
        members = _stored(path, deep)
    else:
        members = _zipped(path) if zipfile.is_zipfile(path) else _tarred(path)
    for name, read in tqdm(members, "Reading", unit=" files", leave=False, disable=None):
        name = PurePosixPath(name).as_posix() + "/" * name.endswith("/")  # without a first "./"
        wanted = may_be_picture(name) or PurePosixPath(name).name in archive.batches
        keep = path.is_dir() or not wanted or name.endswith("/")
        yield name, read if keep else partial(bytes, read())


def _stored(folder: Path, deep: bool) -> Iterator[Member]:
    """Yield what lies in a folder, or in its shards."""
    found = list(_walk(folder, deep))
    loose = any(_is_picture(name) for name, _, _ in found)
    for name, file, stat in found:
        if not loose and stat and PurePosixPath(name).suffix.lower() == ".tar":
            yield from members_of_shard(file, str(PurePosixPath(name).parent))
        else:
            yield name, Stored(str(file), stat.st_size) if stat else None


def _is_picture(name: str) -> bool:
    return bool(PurePosixPath(name).suffix) and may_be_picture(name)


def is_plain_tar(path: Path) -> bool:
    """Whether a file is a tar that is not compressed, so that each member lies in one place."""
    with path.open("rb") as file:
        return file.read(265)[257:262] == b"ustar"


def members_of_shard(path: Path, at: str = "") -> Iterator[Member]:
    """Yield the files of a tar without reading them: only their headers, from one to the next.

    In a shard as `webdataset` writes them, 7.cls names the class of 7.jpg; its pictures count as
    lying in folders of classes, and in the part that the tar's own name tells: pets-train-00.tar.

    Args:
        at: folder in which they count as lying.
    Raises:
        DataError: it is compressed, cut off, or no tar.
    """
    try:
        with tarfile.open(path, "r:") as shard:
            places = {
                member.name: Stored(str(path), member.size, member.offset_data)
                for member in shard
                if member.isfile()
            }
        labels = {_key(name): place for name, place in places.items() if name.endswith(".cls")}
        words = [word for word in re.split(r"\W|_", path.stem) if word.lower() in PARTS]
        for name, place in places.items():
            check_inside(path, name)
            if _key(name) not in labels:
                yield str(PurePosixPath(at, name)), place
            elif not name.endswith(".cls"):
                label = labels[_key(name)]().decode(errors="replace").strip()
                own = f"{path.stem}-{PurePosixPath(name).name}"  # two shards may count alike
                yield str(PurePosixPath(at, *words[:1], label, own)), place
    except _UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read as a shard ({error}); expected a whole tar, not compressed. "
            "Was it copied to its end? Fetch it again, or move it elsewhere to do without."
        ) from error


def _key(name: str) -> str:
    """What the files of one example have in common: the name up to its first point."""
    folder, _, last = name.rpartition("/")
    return f"{folder}/{last.partition('.')[0]}"


Entry = tuple[str, Path, os.stat_result | None]


def _walk(folder: Path, deep: bool = False) -> Iterator[Entry]:
    """Yield what lies in a folder, by name: name from there, path, and size and times.

    ALEXNET_DATA may be anything, a home folder even. So only train, test and val, here or one
    folder below, are followed to the end; of everything else, the upper two levels are seen.

    Args:
        deep: follow everything to the end.
    """
    own = folder.stat()
    yield from _walk_on(folder, PurePosixPath(), deep, frozenset({(own.st_dev, own.st_ino)}))


def _walk_on(folder: Path, at: PurePosixPath, deep: bool, above: frozenset) -> Iterator[Entry]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # a folder that must not be opened
        entries = []
    for entry in entries:
        name, path = at / entry.name, Path(entry.path)
        try:
            stat = entry.stat()
        except OSError:  # a link to nothing
            stat = None
        if stat is None or not S_ISDIR(stat.st_mode):
            is_file = stat is not None and S_ISREG(stat.st_mode)  # reading a pipe may never end
            yield str(name), path, stat if is_file else None
            continue
        yield f"{name}/", path, stat
        part = any(word.lower() in PARTS for word in name.parts[:2])
        own = (stat.st_dev, stat.st_ino)
        if own not in above and (deep or part or len(name.parts) < 3):  # no link in a circle
            yield from _walk_on(path, name, deep, above | {own})


def _tarred(path: Path) -> Iterator[Member]:
    allowed = _Allowance(path)
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isdir():
                yield member.name + "/", bytes
                continue
            if not member.isfile():
                raise DataError(f"{path} holds a link, {member.name}; refused.")
            allowed.take(member.name, member.size)
            yield member.name, tar.extractfile(member).read


def _zipped(path: Path) -> Iterator[Member]:
    allowed = _Allowance(path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.replace("\\", "/")  # old tools of Windows write these
            allowed.take(name, member.file_size)
            yield name, partial(archive.read, member)


def check_inside(path: Path, name: str) -> None:
    """Refuse a member of an archive whose name leads outside."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise DataError(f"{path} holds {name}, a name that leads outside; refused.")


class _Allowance:
    """How much an archive may hold: pictures hardly shrink when they are packed."""

    def __init__(self, path: Path) -> None:
        self.path, self.size_bytes = path, path.stat().st_size
        self.left = max(_LARGEST_SUM, _LARGEST_RATIO * self.size_bytes)

    def take(self, name: str, size_bytes: int) -> None:
        """Refuse a member whose name leads outside, one too large, and too many of them."""
        check_inside(self.path, name)
        if size_bytes > _LARGEST_MEMBER:
            raise DataError(
                f"{self.path} holds {name} of {size_bytes:,} bytes; expected images. Refused."
            )
        self.left -= size_bytes
        if self.left < 0:
            raise DataError(
                f"{self.path} has {self.size_bytes:,} bytes and unpacks to more than "
                f"{max(_LARGEST_SUM, _LARGEST_RATIO * self.size_bytes):,}, which images never do. "
                "Refused; unpack it yourself if you trust it, and name the folder."
            )


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
