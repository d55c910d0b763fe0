"""Where things lie, and how much work a lesson may do."""

import os
from pathlib import Path

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
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def data_dir() -> Path:
    """Folder of downloads, recorded runs and trained weights."""
    return project_root() / "data"


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
        raise ValueError(f"ALEXNET_LEVEL is {value!r}; expected one of {', '.join(LEVELS)}.")
    return value


def offline() -> bool:
    """True where ALEXNET_OFFLINE is set: nothing is looked up on the web."""
    return os.environ.get("ALEXNET_OFFLINE", "") not in ("", "0")
