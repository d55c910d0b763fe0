"""The explorers of a notebook, drawn beforehand: from its own kernel into files of a page.

    found = harvest(lesson("06").path, site / "explorers" / "06")
    found["step-2"]                        # ["step-2-1/states.json"], relative to that folder

A clean kernel runs the cells that explorers stand in, and the cells that these need: a lesson's
other cells, questions and training runs among them, take most of its minutes.
"""

import ast
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import ipywidgets

from alexnet_lib.checks import AlexNetError
from alexnet_lib.course import widgets
from alexnet_lib.course.site.states import export
from alexnet_lib.course.widgets.board import AblationBoard
from alexnet_lib.course.widgets.core import Explorer
from alexnet_lib.course.widgets.missing import names_made
from alexnet_lib.course.widgets.page import WithStill

CELL_TIMEOUT_S = 600

_KERNEL = {"ALEXNET_LEVEL": "lesson", "ALEXNET_PROGRESS": "off", "PYTHONHASHSEED": "0"}
_BEGIN = "from alexnet_lib.course.site import harvest as _harvest\n_harvest.watch()"
_MARK = "harvested: "


class HarvestError(AlexNetError):
    """A notebook's cells cannot be run."""


def harvest(
    notebook: Path, out: Path, report: Callable[[str], Any] = print
) -> dict[str, list[str]]:
    """Draw a notebook's explorers into a folder, each in one of its own.

    Args:
        report: is told a line for each explorer, also of those that keep their still.
    Returns:
        By the id of the cell that shows them, their `states.json`, relative to `out`.
    Raises:
        HarvestError: a cell fails, also when all cells before it are run.
    """
    cells = code_cells(notebook)
    wanted = [cell for cell, source in cells if shows_explorer(source)]
    if not wanted:
        return {}
    chosen, failure = needed(cells, set(wanted)), ""
    for sources in (chosen, cells):
        try:
            return _run(notebook, sources, set(wanted), out.resolve(), report)
        except HarvestError as error:
            failure = str(error)
            report(f"{notebook.name}: {failure}; all its cells are run instead.")
    raise HarvestError(f"{notebook.name} cannot be run: {failure}")


# --- Which cells ----------------------------------------------------------------------------------

Cell = tuple[str, str]  # id, source


def code_cells(notebook: Path) -> list[Cell]:
    """Ids and sources of a notebook's code cells, in order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [(cell["id"], "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def shows_explorer(source: str) -> bool:
    """Whether a cell makes an explorer of `widgets`."""
    names = set(re.findall(r"\bwidgets\.(\w+)\(", source))
    made = (getattr(widgets, name, None) for name in names)
    return "recorded_race" in names or any(
        isinstance(kind, type) and issubclass(kind, Explorer | AblationBoard) for kind in made
    )


def needed(cells: list[Cell], wanted: set[str]) -> list[Cell]:
    """The wanted cells and those before that make or change what they use, in order."""
    modules = {name for _, source in cells for name in _imported(source)}
    used: set[str] = set()
    chosen: list[Cell] = []
    for cell, source in reversed(cells):
        if cell in wanted or used & {*names_made(source), *_changed(source, modules)}:
            used |= _used(source)
            chosen.insert(0, (cell, source))
    return chosen


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0]


def _used(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _changed(source: str, modules: set[str]) -> Iterator[str]:
    """Names of things that a cell changes: `x[0] = …`, `x.y = …`, `x.add(…)`, and torch's dice."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = _root(node.value.func)
            if name not in modules or ast.unparse(node.value.func).endswith("manual_seed"):
                yield name


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


# --- Outside the kernel ---------------------------------------------------------------------------


def _run(
    notebook: Path, cells: list[Cell], wanted: set[str], out: Path, report: Callable[[str], Any]
) -> dict[str, list[str]]:
    """Run cells in a clean kernel, and let it draw the explorers behind each wanted one."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    v4, sources = nbformat.v4, [_BEGIN]
    for cell, source in cells:
        sources += [source, *([f"_harvest.take({str(out)!r}, {cell!r})"] if cell in wanted else [])]
    running = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    place = {"metadata": {"path": str(notebook.parent)}}
    client = NotebookClient(running, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=place)
    try:
        client.execute(env={**os.environ, **_KERNEL})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise HarvestError(str(error).strip().splitlines()[-1]) from error
    found: dict[str, list[str]] = {}
    for line in _printed(running):
        told = json.loads(line)
        report(f"{notebook.name} {told['words']}")
        if told["states"]:
            found.setdefault(told["cell"], []).append(told["states"])
    return found


def _printed(notebook: Any) -> Iterator[str]:
    """What `take` has printed in the kernel."""
    for cell in notebook.cells:
        for output in cell.outputs:
            for line in output.get("text", "").splitlines():
                if line.startswith(_MARK):
                    yield line.removeprefix(_MARK)


# --- Inside the kernel ----------------------------------------------------------------------------

_shown: list[WithStill] = []  # since the last look


def watch() -> None:
    """From now on, note which widgets are shown."""
    shows = WithStill._ipython_display_

    def noted(self: WithStill, **more: Any) -> None:
        _shown.append(self)
        shows(self, **more)

    WithStill._ipython_display_ = noted


def take(out: str, cell: str) -> None:
    """Draw the explorers that were shown since the last call, and print what came of each."""
    found = [explorer for shown in _shown for explorer in explorers_in(shown)]
    _shown.clear()
    for number, explorer in enumerate(found, 1):
        folder, started = f"{cell}-{number}", perf_counter()
        kind, states = type(explorer).__name__, ""
        try:
            done = export(explorer, Path(out) / folder)
        except Exception as error:  # the page then has the still; the build says so
            words = f"{kind}: keeps its still, {type(error).__name__}: {error}"
        else:
            states = f"{folder}/states.json"
            thin = ", ".join(f"{name} {share}" for name, share in done.thinned.items())
            words = (
                f"{kind}: {done.states} states, {done.pictures} pictures, "
                f"{done.size_bytes / 1e6:.2f} MB, {perf_counter() - started:.0f} s"
                f"{f'; prepared steps: {thin}' if thin else ''}"
            )
        told = {"cell": cell, "states": states, "words": f"{cell} {words}"}
        print(_MARK + json.dumps(told, ensure_ascii=False))


def explorers_in(widget: ipywidgets.Widget) -> Iterator[Explorer]:
    """The widget itself, or those that it is made of."""
    if isinstance(widget, Explorer):
        yield widget
    else:
        for child in getattr(widget, "children", ()):
            yield from explorers_in(child)
