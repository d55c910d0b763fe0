"""Files and folders of this machine: where things lie, whole files, locks, seals."""

import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from alexnet_lib.checks import InputError

# --- Where things lie ---------------------------------------------------------------------------

LEVELS = ("lesson", "full")


def project_root() -> Path:
    """Folder that holds `data/` and `runs/`, whatever the current directory is.

    It is `ALEXNET_HOME` where that is set, else the clone that this package is imported from, else
    (package installed without its clone) `~/.alexnet`.
    """
    if home := os.environ.get("ALEXNET_HOME"):
        return Path(home).expanduser().resolve()
    return clone() or Path.home() / ".alexnet"


def clone() -> Path | None:
    """The clone that this package is imported from; None where it is installed without one."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "pyproject.toml").is_file() else None


def data_dir() -> Path:
    """Folder of downloads, recorded runs and trained weights."""
    return project_root() / "data"


def without_clone(what: str) -> str:
    """Where records or weights are to be had when the package lies alone; "" where they are there.

    Args:
        what: "records" or "weights", the folder under `data/`.
    """
    if (data_dir() / what).is_dir():
        return ""
    return (
        f"An installed package is the code alone: there are no {what} in {data_dir()}. They lie in "
        f"data/{what} of the project; copy that folder to {data_dir() / what}, or set ALEXNET_HOME "
        "to the project's folder."
    )


def cache_dir() -> Path:
    """Folder of decoded images, safe to delete at any time (`ALEXNET_CACHE` moves it)."""
    return Path(os.environ.get("ALEXNET_CACHE") or data_dir() / "cache").expanduser()


def runs_dir() -> Path:
    """Folder in which every training run gets a folder of its own."""
    return project_root() / "runs"


def level() -> str:
    """`lesson` (minutes on a laptop) or `full` (longer live runs, for a GPU): ALEXNET_LEVEL.

    Raises:
        ValueError: ALEXNET_LEVEL holds another word.
    """
    value = os.environ.get("ALEXNET_LEVEL", "lesson")
    if value not in LEVELS:
        raise InputError(f"ALEXNET_LEVEL is {value!r}; expected one of {', '.join(LEVELS)}.")
    return value


def offline() -> bool:
    """True where ALEXNET_OFFLINE is set: nothing is looked up on the web."""
    return os.environ.get("ALEXNET_OFFLINE", "") not in ("", "0")


# --- Whole files --------------------------------------------------------------------------------

_SUFFIX = ".alexnet-tmp"  # no other program's


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the final name, else it vanishes.

    It lies in the same folder, since a rename is atomic only within a file system, and is flushed
    to the disk before the rename. Who may read it is up to the umask.

    Raises:
        OSError: the folder cannot be written or the disk is full; `path` is then as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    mode = _create(temporary)
    try:
        yield temporary
        temporary.chmod(mode)  # safetensors and others put a file of their own in its place
        _flush(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _create(path: Path) -> int:
    """Make a new file and return its mode.

    The kernel applies the umask. Asking for the umask would mean setting it, for every thread.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable; not every platform can open a folder."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(path: str | Path, error: Exception) -> str:
    """Why a file cannot be written, and how much room there is, in words."""
    folder = next(parent for parent in Path(path).absolute().parents if parent.is_dir())
    free_mb = shutil.disk_usage(folder).free / 1e6
    return (
        f"Cannot write {path}: {error}. Free space there: {free_mb:,.0f} MB. "
        "What was saved before is untouched."
    )


def write_json(path: str | Path, values: Mapping[str, Any]) -> None:
    """Write plain values as a JSON file for people to read; see `json_text`.

    Raises:
        InputError: the disk is full or the folder not writable.
    """
    text = json_text(values) + "\n"
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(text)
    except OSError as error:
        raise InputError(cannot_write(path, error)) from error


def json_text(value: Any, indent: str = "") -> str:
    """JSON with a line for each name, and a row of numbers or words on one line.

    The same values give the same bytes, so that git shows what has changed in a record.
    """
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        names = (name if isinstance(name, str) else json.dumps(name) for name in value)
        lines = [
            f"{json.dumps(name)}: {json_text(item, inner)}"
            for name, item in zip(names, value.values(), strict=True)
        ]
        ends = "{}"
    elif isinstance(value, list | tuple) and value:
        lines, ends = [json_text(item, inner) for item in value], "[]"
        if not any(isinstance(item, Mapping | list | tuple) for item in value):
            return f"[ {', '.join(lines)} ]"
    else:
        return json.dumps(value)
    return ends[0] + ",".join(f"\n{inner}{line}" for line in lines) + f"\n{indent}{ends[1]}"


def sweep_temporary(folder: str | Path) -> int:
    """Remove what killed processes left behind in `folder`; return how many files that were."""
    orphans = list(Path(folder).glob(f".*{_SUFFIX}"))
    for orphan in orphans:
        orphan.unlink(missing_ok=True)
    return len(orphans)


# --- One at a time ------------------------------------------------------------------------------

_LOCK = ".lock"  # an empty file; it may stay behind, and holds nobody up then


@contextmanager
def lock(folder: str | Path, wait: bool = True) -> Iterator[None]:
    """Have a folder to oneself, among processes and within this one.

    The lock ends with this process, however that ends. Some network file systems know none; there
    nobody is kept out.

    Args:
        folder: that exists.
        wait: until it is free.
    Raises:
        TimeoutError: another has the folder, and `wait` is False.
    """
    held = FileLock(Path(folder) / _LOCK, timeout=-1 if wait else 0, thread_local=False)
    try:
        held.acquire()
    except TimeoutError:
        raise
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        held.release()


# --- Seals --------------------------------------------------------------------------------------

_CHUNK_BYTES = 1 << 20  # of a file, in memory at a time


def seal_of(*content: str | bytes | Path) -> str:
    """The SHA-256 of texts, bytes and files, one after the other: 64 hexadecimal digits.

    A file is named by a `Path`; a string is itself the content.
    """
    digest = hashlib.sha256()
    for part in content:
        if isinstance(part, Path):
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
        else:
            # a file's name may hold bytes that are no UTF-8; they stay as they are
            text = isinstance(part, str)
            digest.update(part.encode(errors="surrogateescape") if text else part)
    return digest.hexdigest()


def check_seal(
    name: object,
    seal: object,
    *content: str | bytes | Path,
    error: type[InputError] = InputError,
    advice: str = "",
) -> None:
    """Refuse content that is no longer what was sealed.

    Args:
        name: of the content, such as its file, for the message.
        seal: that it once had; None or anything else that is no seal fits nothing.
        content: as in `seal_of`.
        error: to raise.
        advice: what to do then.
    Raises:
        error: with both seals.
    """
    if (found := seal_of(*content)) != seal:
        told = f"{name} was edited or damaged: its SHA-256 is {found}; expected {seal}."
        raise error(f"{told} {advice}".rstrip())
