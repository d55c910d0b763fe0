"""CIFAR-10: a local copy, else a download, else the stand-in; decoded once and cached."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alexnet_lib.checks import check_number
from alexnet_lib.data.download import CIFAR10_ARCHIVE, Archive, DownloadError, download_archive
from alexnet_lib.data.files import (
    atomic_write,
    cache_dir,
    check_seal,
    data_dir,
    offline,
    project_root,
    seal_of,
)
from alexnet_lib.data.images import SIDE, DataError, Examples, ImageData
from alexnet_lib.data.layout import EXPECTED
from alexnet_lib.data.sources import existing, fingerprint, is_plain_tar, read_source
from alexnet_lib.data.stream import Streaming, open_stream
from alexnet_lib.data.synthetic import KEY as SYNTHETIC_KEY
from alexnet_lib.data.synthetic import synthetic_images

Report = Callable[[str], None]

_PAUSE_MINUTES = 30  # without a network, a series of notebooks should wait for mirrors only once


def load_cifar10(
    source: str | Path | None = None,
    *,
    download: bool = True,
    allow_synthetic: bool = True,
    report: Report = print,
    archive: Archive = CIFAR10_ARCHIVE,
    side: int | None = None,
    share: float | None = None,
    named: bool = True,
    streaming: Streaming | None = None,
) -> ImageData:
    """Load CIFAR-10 (paper §3.1, §3.3) and say in one sentence what is used.

    In this order: `source`, else ALEXNET_DATA; the project's `data/` folder; a download, unless
    ALEXNET_OFFLINE is set; a synthetic stand-in that bears that name.

    Args:
        source: cifar-10-batches-py, cifar-10-python.tar.gz, or a folder, tar or zip of images in
            train/<class>/ and test/<class>/ (or val/). It is never replaced by anything else. A
            relative ALEXNET_DATA is looked for in the project's folder, then in the current one.
        download: look on the web.
        allow_synthetic: return the stand-in rather than fail.
        report: receives each message.
        archive: what counts as the official data.
        side: of the squares that pictures of other sizes than CIFAR-10's become, in pixels; None:
            CIFAR-10's 32. Paper: 256.
        share: of each class that is held out as test set, where a folder of one's own has none.
        named: look where ALEXNET_DATA says.
        streaming: how a source too large for the memory is streamed; None: it never is.
    Raises:
        DataError: the source is absent, damaged or not understood; or there are no data and the
            stand-in is not allowed.
    """
    source = source or (named_by_environment() if named else None)
    side = SIDE if side is None else side
    if share is not None:
        check_number("share", share, "(0, 1)")
        if not source:
            raise DataError(
                "a share is held out of one's own pictures, and none are named; CIFAR-10 and the "
                "stand-in have their test sets. Name a folder with --data, or leave the share out."
            )
    if streaming and streaming.wanted and not source:
        raise DataError("pictures of one's own are streamed, and none are named; expected --data.")
    if source:
        data = streamed(source, archive, side, share, streaming) if streaming else None
        data = data or _read(source, archive, report, side, share)
    else:
        data = _found(archive, report)
    if data is None and download and not offline():
        data = _downloaded(archive, report)
    if data is None and not allow_synthetic:
        raise DataError(f"no CIFAR-10 in {data_dir()}; {EXPECTED}, there or named by ALEXNET_DATA.")
    data = data or cached(SYNTHETIC_KEY, synthetic_images, report)
    report(data.banner)
    return data


def named_by_environment() -> Path | None:
    """ALEXNET_DATA, the same from a notebook's folder as from the project's."""
    if not (named := os.environ.get("ALEXNET_DATA")):
        return None
    path = Path(named).expanduser()
    ours = project_root() / path
    return ours if not path.is_absolute() and ours.exists() else path


def streamed(
    source: str | Path, archive: Archive, side: int, share: float | None, how: Streaming
) -> ImageData | None:
    """A source whose pictures stay on the disk; None where they need not.

    Raises:
        DataError: as `open_stream`; or it is CIFAR-10, or an archive that only unpacking reads.
    """
    path = existing(source)
    names = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
    packed = path.is_file() and not is_plain_tar(path)
    if packed or names & {*archive.batches, archive.file_name}:
        if how.wanted:
            raise DataError(
                f"{path.name} cannot be streamed; expected a tree of pictures, a folder of tars "
                "or a tar, none of them compressed. Unpack it, or leave --stream out."
            )
        return None
    data = open_stream(path, side, share, how)
    return data and replace(data, source=str(path.resolve()), share=share)


def _read(
    source: str | Path,
    archive: Archive,
    report: Report,
    side: int = SIDE,
    share: float | None = None,
) -> ImageData:
    mark = fingerprint(source, deep=share is not None)
    key = f"{mark}|{archive.sha256}|{side}|{share}"
    data = cached(key, lambda: read_source(source, archive, side, share), report)
    return replace(data, source=str(Path(source).expanduser().resolve()), share=share)


def _found(archive: Archive, report: Report) -> ImageData | None:
    """Read the first usable thing in the project's data folder."""
    for candidate in _candidates(data_dir(), archive):
        try:
            return _read(candidate, archive, report)
        except DataError as error:
            report(f"{candidate.name} is passed over: {error}")
    return None


def _candidates(folder: Path, archive: Archive) -> Iterator[Path]:
    named = [folder / "cifar-10-batches-py", folder / archive.file_name]
    others = sorted(set(folder.glob("cifar*10*")) - set(named)) if folder.is_dir() else []
    archives = (".tar", ".tgz", ".gz", ".xz", ".bz2", ".zip")
    yield from (path for path in named if path.exists())
    yield from (path for path in others if path.is_dir() or path.suffix in archives)
    if (folder / "train").is_dir():
        yield folder


def _downloaded(archive: Archive, report: Report) -> ImageData | None:
    """Fetch the official archive, unless that has just failed."""
    failure = cache_dir() / "download-failed"
    with suppress(OSError):
        minutes = (time.time() - failure.stat().st_mtime) / 60
        if minutes < _PAUSE_MINUTES:
            report(
                f"The download failed {minutes:.0f} minutes ago; the next attempt is in "
                f"{_PAUSE_MINUTES - minutes:.0f} minutes, or at once if you delete {failure}."
            )
            return None
    try:
        path = download_archive(data_dir(), archive, report=report)
    except DownloadError as error:
        report(str(error))
        with suppress(OSError):
            failure.parent.mkdir(parents=True, exist_ok=True)
            failure.touch()
        return None
    failure.unlink(missing_ok=True)
    return _read(path, archive, report)


# --- Decoded once -------------------------------------------------------------------------------

_FORMAT = 2  # raise the number when what is kept changes


def cached(key: str, make: Callable[[], ImageData], report: Report = print) -> ImageData:
    """Return what `make` once returned for this key, making it where that is not on the disk.

    A damaged file is made anew, and a folder that cannot be written costs only the speed.

    Args:
        key: whatever `make` depends on.
    """
    path = cache_dir() / f"images-{seal_of(f'{_FORMAT}|{key}')[:16]}.safetensors"
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    except (OSError, SafetensorError, DataError) as error:
        report(f"The cached images are damaged ({error}); reading the source again.")
    data = make()
    try:
        with atomic_write(path) as temporary:
            _save(data, temporary)
    except (OSError, SafetensorError) as error:
        report(f"The images cannot be cached ({error}); the next load takes as long as this one.")
    return data


def _save(data: ImageData, path: Path) -> None:
    tensors = {
        "train.images": data.train.images,
        "train.labels": data.train.labels,
        "test.images": data.test.images,
        "test.labels": data.test.labels,
    }
    about = {
        "name": data.name,
        "classes": data.classes,
        "is_synthetic": data.is_synthetic,
        "note": data.note,
    }
    text = json.dumps(about)
    save_file(tensors, path, {"about": text, "sha256": seal_of(text, *_pixels(tensors))})


def _load(path: Path) -> ImageData:
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    text = metadata.get("about", "")
    check_seal(path.name, metadata.get("sha256"), text, *_pixels(tensors), error=DataError)
    train, test = (
        Examples(tensors[f"{part}.images"], tensors[f"{part}.labels"]) for part in ("train", "test")
    )
    about = json.loads(text)
    classes = tuple(about["classes"])
    return ImageData(about["name"], classes, train, test, about["is_synthetic"], about["note"])


def _pixels(tensors: dict[str, Tensor]) -> list[memoryview]:
    """The bytes of each tensor, none of them copied."""
    return [tensors[name].numpy().data for name in sorted(tensors)]
