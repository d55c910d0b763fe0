"""The explorers of a notebook, drawn beforehand: from its own kernel into files of a page.

    found = harvest(lesson("06").path, Path("site"))
    found["step-2"]     # ["explorers/06_overlapping_pooling/step-2-1/states.json"], within site/
    build_site("site", harvest=Ahead(lesson.path for lesson in LESSONS))

A clean kernel runs the cells that explorers stand in, and the cells that these need: a lesson's
other cells, questions and training runs among them, take most of its minutes.
"""

import ast
import asyncio
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from alexnet_lib.course import widgets
from alexnet_lib.course.site.network import export_network
from alexnet_lib.course.site.states import export
from alexnet_lib.course.widgets.board import AblationBoard
from alexnet_lib.course.widgets.core import Explorer
from alexnet_lib.course.widgets.missing import names_made
from alexnet_lib.course.widgets.page import WithStill
from alexnet_lib.course.widgets.pictures import Album

CELL_TIMEOUT_S = 600
FOLDER = "explorers"  # of a site

_KERNEL = {"ALEXNET_LEVEL": "lesson", "ALEXNET_PROGRESS": "off", "PYTHONHASHSEED": "0",
           "OMP_NUM_THREADS": "1"}  # fmt: skip
_BEGIN = "from alexnet_lib.course.site import harvest as _harvest\n_harvest.watch()"
_MARK = "harvested: "
_ALIVE = (Explorer, AblationBoard, Album)


def harvest(
    notebook: Path, out: Path, report: Callable[[str], Any] = print
) -> dict[str, list[str]]:
    """Draw a notebook's explorers into a folder, each in one of its own.

    Args:
        report: is told a line for each explorer, also of those that keep their still, which all
            do behind a cell that fails.
    Returns:
        By the id of the cell that shows them, their `states.json`, or the `network.json` of a
        drawing board, relative to `out`: an `<alexnet-explorer src>` takes either.
    """
    cells = code_cells(notebook)
    wanted = [cell for cell, source in cells if shows_explorer(source)]
    if not wanted:
        return {}
    for which in (needed(cells, set(wanted)), cells):
        found, failure = _run(notebook, which, set(wanted), out.resolve(), report)
        if not failure:
            return found
        report(f"{notebook.name}: {failure}.")
    report(f"{notebook.name}: the explorers from there on keep their stills.")
    return found


class Ahead:
    """`harvest` of many notebooks, which draws the next ones while the page of one is made.

    Args:
        notebooks: all that will be asked for, in that order.
        workers: how many are drawn at the same time, each by a kernel of its own.
    """

    def __init__(
        self, notebooks: Iterable[Path], workers: int = 2, report: Callable[[str], Any] = print
    ) -> None:
        self.notebooks, self.report = list(notebooks), report
        self.pool, self.coming = ThreadPoolExecutor(workers), {}

    def __call__(self, notebook: Path, out: Path) -> dict[str, list[str]]:
        """What `harvest` returns for one notebook; the first call begins with all."""
        for path in self.notebooks if not self.coming else ():
            self.coming[path] = self.pool.submit(harvest, path, out, self.report)
        return self.coming[notebook].result()


# --- Which cells ----------------------------------------------------------------------------------

Cell = tuple[str, str]  # id, source


def code_cells(notebook: Path) -> list[Cell]:
    """Ids and sources of a notebook's code cells, in order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [(cell["id"], "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def shows_explorer(source: str) -> bool:
    """Whether a cell makes an explorer of `widgets`."""
    names = set(re.findall(r"\bwidgets\.(\w+)\(", source))
    made = [kind for name in names if isinstance(kind := getattr(widgets, name, None), type)]
    return "recorded_race" in names or any(issubclass(kind, _ALIVE) for kind in made)


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
) -> tuple[dict[str, list[str]], str]:
    """Run cells in a clean kernel, which draws the explorers behind each wanted one.

    Returns:
        What `harvest` does, and why a cell failed, or "".
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    v4, sources, folder, failure = nbformat.v4, [_BEGIN], out / FOLDER / notebook.stem, ""
    for cell, source in cells:
        sources.append(source)
        if cell in wanted:
            sources.append(f"_harvest.take({str(folder)!r}, {cell!r})")
    running = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    place = {"metadata": {"path": str(notebook.parent)}}
    client = NotebookClient(running, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=place)
    try:
        with ThreadPoolExecutor(1) as apart:  # this thread may have a loop that runs
            work = client.async_execute(env={**os.environ, **_KERNEL})
            apart.submit(asyncio.run, work).result()
    except CellExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
    except (CellTimeoutError, DeadKernelError) as error:
        failure = str(error)
    found: dict[str, list[str]] = {}
    for told in _printed(running):
        report(f"{notebook.name} {told['words']}")
        if told["path"]:
            path = f"{FOLDER}/{notebook.stem}/{told['path']}"
            found.setdefault(told["cell"], []).append(path)
    return found, failure


def _printed(notebook: Any) -> Iterator[dict[str, str]]:
    """What `take` has printed in the kernel."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            for line in output.get("text", "").splitlines():
                if line.startswith(_MARK):
                    yield json.loads(line.removeprefix(_MARK))


# --- Inside the kernel ----------------------------------------------------------------------------

_shown: list[WithStill] = []  # since the last look


def watch() -> None:
    """From now on, note which widgets are shown."""
    shows = WithStill._ipython_display_

    def noted(self: WithStill, **more: Any) -> None:
        _shown.append(self)
        shows(self, **more)

    WithStill._ipython_display_ = noted


def take(folder: str, cell: str) -> None:
    """Draw the explorers that were shown since the last call, and print what came of each."""
    found = [explorer for shown in _shown for explorer in explorers_in(shown)]
    _shown.clear()
    for number, explorer in enumerate(found, 1):
        own, started, path = f"{cell}-{number}", perf_counter(), ""
        try:
            path, words = _written(explorer, Path(folder) / own)
        except Exception as error:  # the page then has the still; the build says so
            words = f"keeps its still, {type(error).__name__}: {error}"
        told = {"cell": cell, "path": path and f"{own}/{path}"}
        took = f"{perf_counter() - started:.0f} s"
        told["words"] = f"{cell} {type(explorer).__name__}: {words} ({took})"
        print(_MARK + json.dumps(told, ensure_ascii=False))


def _written(explorer: Explorer | Album, folder: Path) -> tuple[str, str]:
    """The file that the page reads, and what was written."""
    if isinstance(explorer, Album):
        path = export_network(explorer, folder)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        return path.name, f"the network runs in the page, {size:.2f} MB"
    done = export(explorer, folder)
    thin = ", ".join(f"{name} {share}" for name, share in done.thinned.items())
    return "states.json", (
        f"{done.states} states, {done.pictures} pictures, {done.size_bytes / 1e6:.2f} MB"
        f"{f'; prepared steps: {thin}' if thin else ''}"
    )


def explorers_in(widget: Any) -> Iterator[Explorer | Album]:
    """The widget itself, or those that it is made of."""
    if isinstance(widget, Explorer | Album):
        yield widget
    else:
        for child in getattr(widget, "children", ()):
            yield from explorers_in(child)
