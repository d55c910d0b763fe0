"""Press stop in every live cell of the notebooks, go on, and run the cell again: `make stops`.

    python tests/faults/stops.py                  all notebooks
    python tests/faults/stops.py 03 09            these

The kernel has to go on answering. Every later cell works with what there is, or says in words what
is missing: from a kernel in which the stopped cell has brought nothing else before. The cell itself
has to say again what it said at first.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import nbformat
from kernels import Kernel, Shown, kernel

from alexnet_lib.course.lessons import Lesson, lesson, written_lessons

LIVE_S = 3.0  # a cell that runs for so long is one in which a reader may press stop
MOMENTS = (0.3, 0.75)  # of its time
# Names of widgets and spans of time differ from run to run.
_MOMENTARY = re.compile(r"IPY_MODEL_\w+|\(children=.*|\d+ m?s\b")


# How a cell says that it misses what a stopped one should have brought: in these words alone, or,
# where the package refuses what there is, below the traceback.
IN_WORDS, REFUSAL = "Not yet: ", "InputError"


class Stopped(NamedTuple):
    """A live cell, stopped and run again: its number among the code cells, and what was wrong."""

    cell: int
    seconds: float
    complaints: list[str]


def main(arguments: list[str] | None = None) -> int:
    """Try what the arguments name; 1 where a kernel or a cell did not survive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons; default: all written")
    options = parser.parse_args(arguments)
    failed = False
    for entry in [lesson(number) for number in options.numbers] or written_lessons():
        for cell, seconds, complaints in stops(entry):
            words = "; ".join(complaints) or "well"
            print(f"{entry.number}  code cell {cell:3d} {seconds:5.0f} s  {words}", flush=True)
            failed = failed or bool(complaints)
    return int(failed)


def stops(entry: Lesson) -> Iterator[Stopped]:
    """Each live cell of a lesson, in order, in the kernel that has run all cells before it.

    Then once more, all stopped: a kernel in which each live cell brings only a part of its work.
    """
    cells = nbformat.read(entry.path, as_version=4).cells
    sources, live = [c.source for c in cells if c.cell_type == "code"], {}
    with _started(entry) as running:
        for number, source in enumerate(sources):
            start = time.monotonic()
            whole = running.run(source)
            seconds = time.monotonic() - start
            if whole.error:
                yield Stopped(number, seconds, [f"ended in {whole.error}"])
            elif seconds >= LIVE_S and number:  # the first cell only gets things ready
                live[number] = seconds
                yield Stopped(number, seconds, _complaints(running, source, whole.text, seconds))
    for moment in MOMENTS if live else ():
        yield from after_stops(entry, sources, {cell: moment * live[cell] for cell in live})


def after_stops(
    entry: Lesson, sources: list[str], stop_s: Mapping[int, float]
) -> Iterator[Stopped]:
    """All cells in a new kernel, some stopped after so many seconds; only what is wrong is told."""
    with _started(entry) as running:
        for number, source in enumerate(sources):
            stop = ("status", stop_s[number]) if number in stop_s else None
            shown = running.run(source, stop_after=stop)
            stopped = stop is not None and shown.error == "KeyboardInterrupt"
            if shown.error and not stopped and not _is_in_words(shown):
                words = f"after stops in {sorted(stop_s)}: {shown.error}"
                yield Stopped(number, stop_s.get(number, 0), [words])


def _is_in_words(shown: Shown) -> bool:
    return shown.told.startswith(IN_WORDS) or shown.error == REFUSAL


def _started(entry: Lesson) -> AbstractContextManager[Kernel]:
    return kernel(entry.path.parent, PYTHONHASHSEED="0", ALEXNET_LEVEL="lesson")


def _complaints(running: Kernel, source: str, text: str, seconds: float) -> list[str]:
    found = []
    for moment in MOMENTS:
        error = running.run(source, stop_after=("status", moment * seconds)).error
        if error not in ("", "KeyboardInterrupt"):
            found.append(f"stopped at {moment:.0%}: {error}")
        if running.run("print(6 * 7)").text != "42\n":
            found.append(f"stopped at {moment:.0%}: the kernel no longer answers")
    again = running.run(source)
    if again.error or _lasting(again.text) != _lasting(text):
        found.append(f"run again: {again.error or 'it says something else'}")
    return found


def _lasting(text: str) -> str:
    return _MOMENTARY.sub("", text)


if __name__ == "__main__":
    sys.exit(main())
