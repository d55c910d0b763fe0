"""Time every explorer of every notebook, each control at each end: `make redraws`.

    python tests/notebooks/redraws.py             all notebooks
    python tests/notebooks/redraws.py 02 07       these

The bar is 100 ms a redraw. Figures are milliseconds of CPU, which a busy machine distorts less.
"""

import argparse
import json
import os
import sys

import nbformat
from nbclient import NotebookClient

from alexnet_lib.course.lessons import Lesson, lesson, written_lessons

BAR_MS = 100
PROBE = """
import gc, json, statistics, time
from alexnet_lib.course.widgets.core import Explorer

def _ends(control):
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        return [values[0], values[-1]]
    if hasattr(control, "base"):
        return [control.base**control.min, control.base**control.max]
    if hasattr(control, "min"):
        return [control.min, control.max]
    return [False, True] if isinstance(control.value, bool) else []  # a picture has no ends

def _slowest(explorer):
    slowest = (0.0, "")
    for name, control in explorer.controls.items():
        if not hasattr(control, "value") or getattr(control, "disabled", False):
            continue
        before = control.value
        for value in [*_ends(control), before]:
            control.value = value
            spent = []
            for _ in range(3):
                start = time.process_time()
                explorer.redraw()
                spent.append(1000 * (time.process_time() - start))
            slowest = max(slowest, (statistics.median(spent), f"{name} = {control.value!r:.40}"))
    return slowest

for _explorer in [item for item in gc.get_objects() if isinstance(item, Explorer)]:
    print(json.dumps([type(_explorer).__name__, *_slowest(_explorer)]))
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure what the arguments name; 1 where a redraw is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons; default: all written")
    options = parser.parse_args(arguments)
    lessons = [lesson(number) for number in options.numbers] or written_lessons()
    slowest = 0.0
    for entry in lessons:
        for kind, milliseconds, where in redraws(entry):
            over = f"  over {BAR_MS} ms" if milliseconds > BAR_MS else ""
            print(f"{entry.number}  {kind:32s} {milliseconds:6.0f} ms at {where}{over}", flush=True)
            slowest = max(slowest, milliseconds)
    return int(slowest > BAR_MS)


def redraws(entry: Lesson) -> list[tuple[str, float, str]]:
    """Of each explorer of a lesson that has run: its class, slowest redraw in ms, where."""
    os.environ["ALEXNET_LEVEL"] = "lesson"
    notebook = nbformat.read(entry.path, as_version=4)
    probe = nbformat.v4.new_code_cell(PROBE)
    notebook.cells.append(probe)
    NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(entry.path.parent)}}
    ).execute()
    printed = "".join(output.text for output in probe.outputs if output.output_type == "stream")
    return [tuple(json.loads(line)) for line in printed.splitlines() if line[:1] == "["]


if __name__ == "__main__":
    sys.exit(main())
