"""What a learner has done in a lesson, and finds again tomorrow: progress/two_towers.json.

    begin(lesson("04"))                                   # as `widgets.start("04")` does
    current().keep("predictions", "How many maps?", "96")
    current().answer("predictions", "How many maps?")     # "96", after a restart too
    current().score()                                     # "1 of 3 predictions made, …"

The file lies beside the runs, or in the folder that ALEXNET_PROGRESS names, and nothing leaves this
machine. With ALEXNET_PROGRESS=off no file is read or written: what was done is known until the
kernel ends.
"""

import itertools
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.lessons import Lesson
from alexnet_lib.data.files import project_root, write_json

PARTS = {
    "predictions": "predictions made",
    "checks": "checks passed",
    "quiz": "quiz answers right",
}
FORMAT = "alexnet progress 1"

Entries = dict[str, dict[str, dict[str, Any]]]  # by part and name: answer, done, at


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
        self._asked: dict[str, set[str]] = {part: set() for part in PARTS}
        self._watchers: list[Callable[[], None]] = []
        try:
            if self.path:
                self.entries |= _read(self.path)
        except InputError as error:
            self.trouble = f"{error} {self._put_aside()}"

    def ask(self, part: str, name: str) -> None:
        """Note that this lesson asks this; `score` counts what was asked."""
        self._asked[part].add(name)
        self._tell()

    def answered(self, part: str, name: str) -> bool:
        """Whether there is an answer; None is one, of those who did not want to predict."""
        return name in self.entries[part]

    def answer(self, part: str, name: str) -> Any:
        """The answer that was given; None where there is none."""
        return self.entries[part].get(name, {}).get("answer")

    def keep(self, part: str, name: str, answer: Any, done: bool = True) -> str:
        """Take an answer and write the file.

        Args:
            done: it counts in the score.
        Returns:
            Why the file could not be written, in words; else nothing.
        """
        at = datetime.now().astimezone().isoformat(timespec="seconds")
        self.entries[part][name] = {"answer": answer, "done": done, "at": at}
        self._tell()
        try:
            if self.path:
                write_json(self.path, {"format": FORMAT, **self.entries})
        except InputError as error:
            return f"It will be forgotten when the kernel ends: {error}"
        return ""

    def score(self) -> str:
        """How much of what was asked is done, in words."""
        counts = [
            f"{sum(self._is_done(part, name) for name in asked)} of {len(asked)} {PARTS[part]}"
            for part, asked in self._asked.items()
        ]
        return f"This lesson so far: {', '.join(counts)}."

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` whenever the score may have changed."""
        self._watchers.append(told)

    def _is_done(self, part: str, name: str) -> bool:
        return bool(self.entries[part].get(name, {}).get("done"))

    def _tell(self) -> None:
        for told in self._watchers:
            told()

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


def is_kept() -> bool:
    """False where ALEXNET_PROGRESS is off: tests, and the runs that are stored as the lessons."""
    return os.environ.get("ALEXNET_PROGRESS") != "off"


def _path(entry: Lesson | None) -> Path | None:
    folder = Path(os.environ.get("ALEXNET_PROGRESS") or project_root() / "progress").expanduser()
    return folder / f"{entry.slug}.json" if entry and is_kept() else None


def _read(path: Path) -> Entries:
    """The parts of a file; empty where there is none.

    Raises:
        InputError: it cannot be read, or is none of this course's.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {str(error)[:200]}.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path} is no file of this course: its format is not {FORMAT!r}.")
    parts = {part: found.get(part, {}) for part in PARTS}
    if not all(isinstance(names, dict) for names in parts.values()) or not all(
        isinstance(one, dict) for names in parts.values() for one in names.values()
    ):
        raise InputError(f"{path} was edited: a part of it is not a table of answers.")
    return parts


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
