"""What a learner has done in a lesson, and finds again tomorrow: progress/two_towers.json.

    begin(lesson("04"))                                   # as `widgets.start("04")` does
    current().keep("predictions", "How many maps?", "96")
    current().answer("predictions", "How many maps?")     # "96", after a restart too
    current().score()                                     # "Predictions: 1 of 3 made …"

The file lies beside the runs, or in the folder that ALEXNET_PROGRESS names, and nothing leaves this
machine. With ALEXNET_PROGRESS=off no file is read or written: what was done is known until the
kernel ends.
"""

import itertools
import json
import os
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.lessons import Lesson
from alexnet_lib.data.files import project_root, write_json

PARTS = {
    "checks": ("Exercises", "passed"),
    "predictions": ("Predictions", "made"),
    "quiz": ("Quiz", "right"),
}
FORMAT = "alexnet progress 1"
NAMED, LONGEST = 3, 50  # how many that are open are named, in how many letters each

# By part and name: answer, done, at, and of the first answer `first` and whether it was right,
# `at_once`; of a prediction also its `result` and whether it came `close`; of a check that failed
# the words of the last `mistake`.
Entries = dict[str, dict[str, dict[str, Any]]]


class Progress:
    """The answers given in one lesson.

    Attributes:
        path: of the file; None: nothing is read or written.
        trouble: what is wrong with the file that was there, in words; else empty.
    """

    def __init__(self, entry: Lesson | None = None) -> None:
        """Read what was kept; a file that cannot be read is put aside, and a new one begins."""
        self.entry, self.path, self.trouble = entry, _path(entry), ""
        self.entries: Entries = {part: {} for part in PARTS}
        self._asked: dict[str, dict[str, str]] = {part: {} for part in PARTS}  # name -> title
        self._watchers: list[Callable[[], None]] = []
        try:
            if self.path:
                self.entries |= _read(self.path)
        except InputError as error:
            self.trouble = f"{error} {self._put_aside()}"

    def ask(self, part: str, name: str, title: str = "") -> None:
        """Note that this lesson asks this; `score` counts what was asked, and says the title."""
        if name not in self._asked[part]:
            self._asked[part][name] = title or name
            self._tell()

    def answered(self, part: str, name: str) -> bool:
        """Whether there is an answer; None is one, of those who did not want to predict."""
        return name in self.entries[part]

    def answer(self, part: str, name: str) -> Any:
        """The answer that was given; None where there is none."""
        return self.entries[part].get(name, {}).get("answer")

    def is_done(self, part: str, name: str) -> bool:
        """Whether there is an answer that counts in the score."""
        return bool(self.entries[part].get(name, {}).get("done"))

    def keep(self, part: str, name: str, answer: Any, done: bool = True, **more: Any) -> str:
        """Take an answer and write the file; what the first answer was stays known.

        Args:
            done: it counts in the score.
            more: what else is to be known of it.
        Returns:
            Why the file could not be written, in words; else nothing.
        """
        at = datetime.now().astimezone().isoformat(timespec="seconds")
        before = self.entries[part].get(name, {"first": answer, "at_once": done})
        self.entries[part][name] = before | {"answer": answer, "done": done, "at": at, **more}
        self._tell()
        return self._write()

    def add(self, part: str, name: str, **more: Any) -> None:
        """Add to an answer what became known of it later; what is known already stays."""
        entry = self.entries[part].get(name, {})
        if entry and more.keys() - entry.keys():
            entry |= more | entry
            self._tell()
            self._write()

    def score(self) -> str:
        """How much of what was asked is done, and what is still open, in words."""
        lines = ["This lesson so far", *(self._line(part) for part in PARTS)]
        if all(self.is_done(part, name) for part in PARTS for name in self._asked[part]):
            lines.append("All of it is done: well done!")
        return "\n".join(lines)

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` whenever the score may have changed."""
        self._watchers.append(told)

    def _line(self, part: str) -> str:
        """Quiz: 4 of 5 right, 3 at the first try. Still open: …"""
        asked, (title, done) = self._asked[part], PARTS[part]
        still = [asked[name] for name in asked if not self.is_done(part, name)]
        told = f"{title}: {len(asked) - len(still)} of {len(asked)} {done}"
        of_these = [self.entries[part].get(name, {}) for name in asked]
        if part == "predictions" and (seen := [one for one in of_these if "close" in one]):
            told += f"; {sum(bool(one['close']) for one in seen)} of {len(seen)} came close"
        if part == "quiz" and (first := sum(bool(one.get("at_once")) for one in of_these)):
            told += f", {first} at the first try"
        return f"{told}.{_named(still)}"

    def _tell(self) -> None:
        for told in self._watchers:
            told()

    def _write(self) -> str:
        try:
            if self.path:
                about = {"format": FORMAT, "lesson": self.entry.slug}
                write_json(self.path, about | self.entries)
        except InputError as error:
            return f"It will be forgotten when the kernel ends: {error}"
        return ""

    def _put_aside(self) -> str:
        """Give an unreadable file another name; where that fails, go on without a file."""
        names = (self.path.with_suffix(f".{i}.unread") for i in itertools.count(1))
        other = next(name for name in names if not name.exists())
        try:
            os.replace(self.path, other)
        except OSError as error:
            self.path = None
            return f"Nothing will be kept in this lesson ({error})."
        return f"It is now called {other.name}, and a new file begins."


def _named(still: list[str]) -> str:
    """What is open, by name; a few of many."""
    if not still:
        return ""
    names = [textwrap.shorten(title, LONGEST, placeholder=" …") for title in still[:NAMED]]
    rest = [f"and {len(still) - NAMED} more"] if len(still) > NAMED else []
    return f" Still open: {'; '.join([*names, *rest])}"


def is_kept() -> bool:
    """False where ALEXNET_PROGRESS is off: tests, and the runs that are stored as the lessons."""
    return os.environ.get("ALEXNET_PROGRESS") != "off"


def _path(entry: Lesson | None) -> Path | None:
    folder = Path(os.environ.get("ALEXNET_PROGRESS") or project_root() / "progress").expanduser()
    return folder / f"{entry.slug}.json" if entry and is_kept() else None


def read_entries(content: bytes, name: object) -> tuple[str, Entries]:
    """What a learner's file holds: the slug of its lesson ("" in old ones), and the entries.

    Args:
        name: of the file, for the words of an error.
    Raises:
        InputError: it cannot be read, or is none of this course's.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} cannot be read: {str(error)[:200]}.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{name} is no file of this course: its format is not {FORMAT!r}.")
    parts = {part: found.get(part, {}) for part in PARTS}
    if not all(isinstance(names, dict) for names in parts.values()) or not all(
        isinstance(one, dict) for names in parts.values() for one in names.values()
    ):
        raise InputError(f"{name} was edited: a part of it is not a table of answers.")
    return str(found.get("lesson", "")), parts


def _read(path: Path) -> Entries:
    """The entries of a file; none where there is no file.

    Raises:
        InputError: it cannot be read, or is none of this course's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    return read_entries(content, path)[1]


_current = Progress()  # of no lesson: until one begins, nothing is read or written


def begin(entry: Lesson) -> Progress:
    """Open a lesson's progress; the lesson that is open already stays as it is."""
    global _current
    if _current.entry != entry:
        _current = Progress(entry)
    return _current


def current() -> Progress:
    """Progress in the lesson that was begun last."""
    return _current
