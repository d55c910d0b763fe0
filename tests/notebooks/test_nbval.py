"""All notebooks run from top to bottom, and what they print is what they hold."""

import copy
import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from alexnet_lib.course.lessons import Lesson, written_lessons

ROOT = Path(__file__).parents[2]
STRICT, FREE = "nbval-check-output", "nbval-ignore-output"
TWICE = ("00", "02", "04", "06")  # of every kind of widget and exercise, and hardly any training


def lessons(twice: bool) -> list[Any]:
    """The lessons that are run once, or those that are run twice."""
    return [
        pytest.param(entry, id=entry.number, marks=pytest.mark.slow(seconds=60 * entry.minutes_cpu))
        for entry in written_lessons()
        if (entry.number in TWICE) is twice
    ]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("entry", lessons(twice=False))
def test_a_notebook_runs_and_its_compared_cells_agree(entry: Lesson) -> None:
    notebook = nbformat.read(entry.path, as_version=4)
    assert_runs(entry.path, cells=len(code_cells(notebook)))


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("entry", lessons(twice=True))
def test_a_quick_notebook_says_the_same_when_all_its_cells_run_again(
    entry: Lesson, tmp_path: Path
) -> None:
    """From another folder, too, since all paths start at the project."""
    cells = code_cells(nbformat.read(entry.path, as_version=4))
    assert_runs(write_twice(tmp_path, cells), cells=2 * len(cells) + 2)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["print(next(n))", "next(n)", "display(next(n))"])
def test_a_cell_that_says_something_else_the_second_time_fails(tmp_path: Path, source: str) -> None:
    first = "import builtins, itertools\nn = builtins.n = getattr(builtins, 'n', itertools.count())"
    cells = [new_code_cell(text, metadata={"tags": [FREE]}) for text in (first, source)]
    report = run_nbval(write_twice(tmp_path, cells), "--nbval-lax").stdout
    assert counts(report) == {"passed": 5, "failed": 1}


def write_twice(folder: Path, cells: list[nbformat.NotebookNode]) -> Path:
    """All cells, all cells again, and a last one that compares what they said."""
    shutil.copy(ROOT / "conftest.py", folder)
    compare = COMPARE.format(count=len(cells))
    listen, compare = (new_code_cell(x, metadata={"tags": [FREE]}) for x in (LISTEN, compare))
    again = [nbformat.from_dict({**copy.deepcopy(cell), "id": uuid.uuid4().hex}) for cell in cells]
    notebook = new_notebook(cells=[listen, *cells, *again, compare])
    nbformat.write(notebook, folder / "twice.ipynb")
    return folder / "twice.ipynb"


# What a cell prints, shows or ends with is kept by the kernel itself, and compared at the end.
LISTEN = """
import re, sys
from IPython import get_ipython
_heard, _shell, _write = [], get_ipython(), sys.stdout.write

def _hear(owner, name, words):
    speak = getattr(owner, name)
    def said(*given, **more):
        _heard[-1] += re.sub("0x[0-9a-f]+", "", words(*given, **more))
        return speak(*given, **more)
    setattr(owner, name, said)
    return speak

def _shown(data, metadata=None, **_):
    return "" if (metadata or {}).get("volatile") else data.get("text/plain", "")

def _before(_):  # IPython puts its own `write` in place for each cell
    global _write
    _heard.append("")
    _write = _hear(sys.stdout, "write", str)

def _after(_):
    sys.stdout.write = _write

_hear(_shell.display_pub, "publish", _shown)
_hear(_shell.displayhook, "write_format_data", _shown)
_shell.events.register("pre_run_cell", _before)
_shell.events.register("post_run_cell", _after)
"""
COMPARE = """
_first, _again = _heard[: {count}], _heard[{count} : 2 * {count}]
_other = [i for i, pair in enumerate(zip(_first, _again)) if pair[0] != pair[1]]
assert len(_again) == {count} and not _other, [(i, _first[i], _again[i]) for i in _other]
"""


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def assert_runs(path: Path, cells: int) -> None:
    result = run_nbval(path, "--nbval-lax")
    assert result.returncode == 0, result.stdout[-6000:]
    assert counts(result.stdout) == {"passed": cells}, result.stdout[-6000:]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["--nbval-lax", "--nbval"])
def test_only_other_text_in_a_compared_cell_and_errors_fail(tmp_path: Path, mode: str) -> None:
    cells = [
        ("print(1)", STRICT, "1\n"),
        ("print(1)", FREE, "2\n"),
        ("print(1)", STRICT, "2\n"),
        ("1 / 0", FREE, ""),
    ]
    report = run_nbval(_write(tmp_path, cells), mode).stdout
    assert counts(report) == {"passed": 2, "failed": 2}
    assert "Cell outputs differ" in report
    assert "ZeroDivisionError" in report


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_dying_kernel_is_noticed_long_before_the_cell_timeout(tmp_path: Path) -> None:
    path = _write(tmp_path, [("import os\nos._exit(1)", FREE, "")])
    result = run_nbval(path, "--nbval-lax")
    assert result.returncode == 1
    assert "The kernel died" in result.stdout


def run_nbval(path: Path, mode: str) -> subprocess.CompletedProcess[str]:
    """Run one notebook with the project's own options."""
    options = ["-p", "no:cacheprovider", "-q", "--color=no", "-c", "pyproject.toml"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", mode, str(path), *options],
        cwd=ROOT,
        env={**os.environ, "ALEXNET_LEVEL": "lesson"},
        capture_output=True,
        text=True,
        check=False,
    )


def counts(report: str) -> dict[str, int]:
    """{"passed": 3, "failed": 1} of pytest's last line."""
    last = report.strip().splitlines()[-1]
    return {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", last)}


def _write(folder: Path, cells: list[tuple[str, str, str]]) -> Path:
    shutil.copy(ROOT / "conftest.py", folder)
    notebook = new_notebook()
    for count, (source, tag, text) in enumerate(cells, 1):
        outputs = [new_output("stream", text=text)] if text else []
        notebook.cells.append(
            new_code_cell(source, metadata={"tags": [tag]}, outputs=outputs, execution_count=count)
        )
    path = folder / "small.ipynb"
    nbformat.write(notebook, path)
    return path
