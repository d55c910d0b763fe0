"""CIFAR-10 from wherever it can be had, and an announced stand-in where it cannot."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from alexnet_lib.data.cache import cached
from alexnet_lib.data.download import CIFAR10_ARCHIVE, Archive, DownloadError, download_archive
from alexnet_lib.data.images import DataError, ImageData
from alexnet_lib.data.official import SIDE
from alexnet_lib.data.sources import EXPECTED, fingerprint, read_source
from alexnet_lib.data.synthetic import KEY as SYNTHETIC_KEY
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.environment import cache_dir, data_dir, offline

_PAUSE_MINUTES = 30  # without a network, a series of notebooks should wait for mirrors only once

Report = Callable[[str], None]


def load_cifar10(
    source: str | Path | None = None,
    *,
    download: bool = True,
    allow_synthetic: bool = True,
    report: Report = print,
    archive: Archive = CIFAR10_ARCHIVE,
    side: int | None = None,
) -> ImageData:
    """Load CIFAR-10 (paper §3.1, §3.3) and say in one sentence what is used.

    In this order: `source`, else ALEXNET_DATA; the project's `data/` folder; a download, unless
    ALEXNET_OFFLINE is set; a synthetic stand-in that bears that name.

    Args:
        source: cifar-10-batches-py, cifar-10-python.tar.gz, or a folder, tar or zip of images in
            train/<class>/ and test/<class>/ (or val/). It is never replaced by anything else.
        download: look on the web.
        allow_synthetic: return the stand-in rather than fail.
        report: receives each message.
        archive: what counts as the official data.
        side: of the squares that pictures of other sizes than CIFAR-10's become, in pixels; None:
            CIFAR-10's 32. Paper: 256.
    Raises:
        DataError: the source is absent, damaged or not understood; or there are no data and the
            stand-in is not allowed.
    """
    source = source or os.environ.get("ALEXNET_DATA") or None
    side = SIDE if side is None else side
    data = _read(source, archive, report, side) if source else _found(archive, report)
    if data is None and download and not offline():
        data = _downloaded(archive, report)
    if data is None and not allow_synthetic:
        raise DataError(f"no CIFAR-10 in {data_dir()}; {EXPECTED}, there or named by ALEXNET_DATA.")
    data = data or cached(SYNTHETIC_KEY, synthetic_images, report)
    report(data.banner)
    return data


def _read(
    source: str | Path, archive: Archive, report: Report, side: int = SIDE
) -> ImageData:
    key = f"{fingerprint(source)}|{archive.sha256}|{side}"
    return cached(key, lambda: read_source(source, archive, side), report)


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
