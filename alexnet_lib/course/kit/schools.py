"""Exercises in the forms of two graders that schools have: nbgrader and otter-grader.

One short notebook for a lesson: its imports, and each exercise with a cell for the answer and a
cell that judges it. What else a lesson holds is not for grading, and takes minutes to run.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alexnet_lib.course.kit.copies import (
    Cell,
    Notebook,
    Task,
    read_notebook,
    solved_source,
    source_of,
    tasks,
    write_notebook,
)
from alexnet_lib.course.lessons import Lesson

NBGRADER_CONFIG = """c = get_config()
c.CourseDirectory.course_id = "alexnet"
c.ClearSolutions.code_stub = {"python": "# Change the lines above."}
c.ExecutePreprocessor.timeout = 300
"""
_GLOSSARY = re.compile(r'\[([^]]*)\]\(\.\./docs/\S+( "[^"]*")?\)')
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def write_nbgrader(folder: Path, entry: Lesson) -> None:
    """Add a lesson to an nbgrader course: source/lesson01/01_….ipynb, solutions marked."""
    notebook = _graded(entry, _for_nbgrader)
    write_notebook(folder / "source" / f"lesson{entry.number}" / entry.file_name, notebook)
    (folder / "nbgrader_config.py").write_text(NBGRADER_CONFIG, encoding="utf-8")


def write_otter(folder: Path, entry: Lesson) -> None:
    """Add a lesson's notebook for `otter assign`."""
    notebook = _graded(entry, _for_otter)
    config = {"name": f"lesson{entry.number}", "export_cell": False, "init_cell": True}
    lines = [f"{key}: {str(value).lower()}" for key, value in config.items()]
    notebook["cells"].insert(0, _raw("start", "ASSIGNMENT CONFIG", *lines))
    write_notebook(folder / entry.file_name, notebook)


def _graded(entry: Lesson, form: Callable[[Task, Notebook], list[Cell]]) -> Notebook:
    lesson = read_notebook(entry.path)
    imports = next(cell for cell in lesson["cells"] if cell["cell_type"] == "code")
    kept = [line for line in source_of(imports).splitlines() if "widgets.start(" not in line]
    cells = [_text("title", f"# {entry.number} · {entry.title}: exercises")]
    cells.append(_code("imports", "\n".join(kept).rstrip()))
    for task in tasks(lesson, entry):
        cells += form(task, lesson)
    return {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}


def statement(task: Task, lesson: Notebook) -> str:
    """The lesson's own words for an exercise; else the statement of its check."""
    for cell in reversed(lesson["cells"][: task.check]):
        source = source_of(cell)
        if cell["cell_type"] == "markdown" and f"**Exercise {task.exercise.id}" in source:
            words = source[source.index(f"**Exercise {task.exercise.id}") :]
            return _GLOSSARY.sub(r"\1", words)  # which does not lie beside these notebooks
    return f"**Exercise {task.exercise.id}.** {task.exercise.statement}"


# --- nbgrader ------------------------------------------------------------------------------------


def _for_nbgrader(task: Task, lesson: Notebook) -> list[Cell]:
    name = task.exercise.id.replace(".", "-")
    stub = source_of(lesson["cells"][task.stub])
    answer = f"{stub}\n\n\n### BEGIN SOLUTION\n{solved_source(task)}\n### END SOLUTION"
    check = source_of(lesson["cells"][task.check])
    judge = f"verdict = {check}\nassert verdict.passed, verdict\nverdict"
    return [
        _text(f"task-{name}", statement(task, lesson)),
        _code(f"answer-{name}", answer, nbgrader=_nbgrader(f"answer-{name}", solution=True)),
        _code(f"check-{name}", judge, nbgrader=_nbgrader(f"check-{name}", solution=False)),
    ]


def _nbgrader(name: str, solution: bool) -> dict[str, Any]:
    """What nbgrader has to know of a cell: is it an answer, or a check of one point?"""
    points = {} if solution else {"points": 1}
    marks = {"grade": not solution, "solution": solution, "locked": not solution, "task": False}
    return {"grade_id": name, "schema_version": 3, **marks, **points}


# --- otter-grader --------------------------------------------------------------------------------


def _for_otter(task: Task, lesson: Notebook) -> list[Cell]:
    name = "q" + task.exercise.id.replace(".", "_")
    stub = source_of(lesson["cells"][task.stub])
    prompt = f'""" # BEGIN PROMPT\n{stub}\n"""; # END PROMPT'
    answer = f"{prompt}\n# BEGIN SOLUTION NO PROMPT\n{solved_source(task)}\n# END SOLUTION"
    test = _code(f"{name}-test", f"{source_of(lesson['cells'][task.check])}.passed")
    data = {"text/plain": ["True"]}
    test["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "metadata": {},
                        "data": data}]  # fmt: skip
    return [
        _raw(f"{name}-begin", "BEGIN QUESTION", f"name: {name}", "points: 1"),
        _text(f"{name}-task", statement(task, lesson)),
        _raw(f"{name}-answer", "BEGIN SOLUTION"),
        _code(f"{name}-code", answer),
        _raw(f"{name}-answered", "END SOLUTION"),
        _raw(f"{name}-tests", "BEGIN TESTS"),
        test,
        _raw(f"{name}-tested", "END TESTS"),
        _raw(f"{name}-end", "END QUESTION"),
    ]


# --- Cells ---------------------------------------------------------------------------------------


def _text(name: str, source: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(source)}


def _raw(name: str, title: str, *lines: str) -> Cell:
    source = _lines("\n".join([f"# {title}", *lines]))
    return {"cell_type": "raw", "id": name, "metadata": {}, "source": source}


def _code(name: str, source: str, **metadata: Any) -> Cell:
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": _lines(source),
            "outputs": [], "execution_count": None}  # fmt: skip


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)
