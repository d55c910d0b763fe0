"""All notebooks run from top to bottom, and what they print is what they hold."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from alexnet_lib.course.lessons import Lesson, written_lessons

ROOT = Path(__file__).parents[2]
STRICT, FREE = "nbval-check-output", "nbval-ignore-output"


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("entry", written_lessons(), ids=lambda entry: entry.number)
def test_a_notebook_runs_and_its_compared_cells_agree(entry: Lesson) -> None:
    notebook = nbformat.read(entry.path, as_version=4)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    result = run_nbval(entry.path, "--nbval-lax")
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
