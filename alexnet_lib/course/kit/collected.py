"""Learners' files, collected in one folder: read with care, since anyone may have written them.

    learners, unread = collect(Path("collected"))
    learners["Ana"].lessons["two_towers"]["checks"]       # by exercise: answer, done, at, mistake
    unread                                                # ["Ben/notes.txt: not a .json file …"]

A learner sends the folder `progress`, packed or not, or single files of it. The name is that of the
folder or archive that the files lie in, or the file's own: `Ana/two_towers.json`, `Ana.zip`,
`Ana-two_towers.json`, `Ana.json`. Nothing is unpacked, followed or run.
"""

import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.course.progress import PARTS, Entries, read_entries

LARGEST_BYTES = 1_000_000  # a lesson's file has some 10,000
MOST_IN_ARCHIVE = 200  # files
SLUGS = tuple(entry.slug for entry in LESSONS)
PASSED_OVER = {"__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass
class Learner:
    """What one learner has sent.

    Attributes:
        lessons: the entries of each lesson's file, by the lesson's slug.
    """

    name: str
    lessons: dict[str, Entries] = field(default_factory=dict)

    def entries(self, slug: str, part: str) -> dict[str, dict[str, Any]]:
        """What was answered in a part of a lesson; empty where nothing was."""
        return self.lessons.get(slug, {}).get(part, {})

    @property
    def changed(self) -> str:
        """When anything was last answered: 2026-11-28 10:15; "" where nothing was."""
        found = [
            one["at"] for entries in self.lessons.values() for part in PARTS
            for one in entries[part].values() if _is_time(one.get("at"))
        ]  # fmt: skip
        return max(found, default="")[:16].replace("T", " ")


def collect(folder: Path, but: Path | None = None) -> tuple[dict[str, Learner], list[str]]:
    """Read all files of a folder and the folders in it.

    Args:
        but: a file that is passed over: the page that is about to be written.
    Returns:
        The learners by name, in order, and why each other file was not read.
    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected one with the learners' files in it.")
    learners: dict[str, Learner] = {}
    unread: list[str] = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        is_folder = path.is_dir() and not path.is_symlink()
        if path == but or is_folder or PASSED_OVER & set(place.parts):
            continue
        try:
            for inner, content in _files(path):
                parts = [folder.resolve().name, *place.parts, *inner]
                _take(learners, content, parts, unread)
        except InputError as error:
            unread.append(f"{place}: {error}")
    return {name: learners[name] for name in sorted(learners, key=_in_a_list)}, unread


def _in_a_list(name: str) -> str:
    """Where a name stands: Çağla between Ben and Dai."""
    return unicodedata.normalize("NFKD", name).casefold()


def _files(path: Path) -> Iterator[tuple[list[str], bytes]]:
    """A file's content, or that of every file in an archive, with their places in it."""
    if path.is_symlink() or not path.is_file():
        raise InputError("a link, or no plain file; it was not followed.")
    if path.suffix.lower() == ".zip":
        yield from _unpacked(path)
    elif path.suffix.lower() != ".json":
        raise InputError("not a .json file of this course, nor a .zip of such files.")
    else:
        try:
            with path.open("rb") as file:
                yield [], _within(file.read(LARGEST_BYTES + 1))
        except OSError as error:
            raise InputError(f"it cannot be read: {error.strerror}.") from error


def _unpacked(path: Path) -> Iterator[tuple[list[str], bytes]]:
    """The .json files of an archive, in memory; never more than is allowed for each."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [one for one in archive.namelist() if one.lower().endswith(".json")]
            names = [name for name in names if not PASSED_OVER & set(name.split("/"))]
            if not names or len(names) > MOST_IN_ARCHIVE:
                most = f"1 to {MOST_IN_ARCHIVE} are expected"
                raise InputError(f"{len(names)} .json files are in it; {most}.")
            for name in names:
                with archive.open(name) as file:
                    yield name.split("/"), _within(file.read(LARGEST_BYTES + 1))
    # what zipfile raises for broken, encrypted and unknown archives
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"this archive cannot be read: {str(error)[:200]}.") from error


def _within(content: bytes) -> bytes:
    if len(content) > LARGEST_BYTES:
        raise InputError(f"larger than {LARGEST_BYTES:,} bytes; no file of this course is.")
    return content


def _take(
    learners: dict[str, Learner], content: bytes, parts: list[str], unread: list[str]
) -> None:
    """Add a file to its learner; of two answers to one question the later one stays."""
    stem = Path(parts[-1]).stem
    try:
        slug, entries = read_entries(content, "it")
    except InputError as error:
        unread.append(f"{'/'.join(parts[1:])}: {error}")
        return
    slug = slug or next((one for one in SLUGS if stem.endswith(one)), "")
    if slug not in SLUGS:
        unread.append(f"{'/'.join(parts[1:])}: it is of no lesson of this course, {slug[:40]!r}.")
        return
    name = _name(parts, stem, slug)
    there = learners.setdefault(name, Learner(name)).lessons.setdefault(slug, entries)
    for part in PARTS:
        for question, one in entries[part].items():
            other = there[part].get(question, one)
            there[part][question] = max(one, other, key=lambda entry: str(entry.get("at")))


def _name(parts: list[str], stem: str, slug: str) -> str:
    """Of the first folder or archive within the collected one, else of the file, else of it."""
    collected, *inside = parts
    if len(inside) > 1:
        return Path(inside[0]).stem if inside[0].lower().endswith(".zip") else inside[0]
    return re.sub(rf"[\s._-]*{slug}$", "", stem) or collected


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value))
