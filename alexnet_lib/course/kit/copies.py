"""Copies of a lesson for a class: the learner's, without solutions; the solved one."""

import ast
import copy
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises.core import Exercise, source_with_imports
from alexnet_lib.course.lessons import Lesson

Notebook = dict[str, Any]
Cell = dict[str, Any]

CHECK = re.compile(r"^nb\d\d\.(\w+)\.check\((\w+)\)$", re.M)
_INSTALLED = ('`pip install -e ".[lab]"`', "`python install.py`")  # in the clone, in a class


@dataclass(frozen=True)
class Task:
    """An exercise in its notebook.

    Attributes:
        answer: the name that the check is given.
        stub, check: places of the cell that a learner edits, and of the one that judges it.
    """

    exercise: Exercise
    answer: str
    stub: int
    check: int


def read_notebook(path: Path) -> Notebook:
    """A notebook as plain values.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a notebook: {error}.") from error


def write_notebook(path: Path, notebook: Notebook) -> None:
    """Write it as Jupyter does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def source_of(cell: Cell) -> str:
    """A cell's text."""
    return "".join(cell["source"])


def lesson_module(entry: Lesson) -> ModuleType:
    """The lesson's exercises, predictions and quiz."""
    return import_module(f"alexnet_lib.course.exercises.nb{entry.number}")


def tasks(notebook: Notebook, entry: Lesson) -> list[Task]:
    """The exercises of a notebook, in order.

    An exercise's first check is the learner's; later ones show a mistake on purpose.

    Raises:
        InputError: a check judges a name that no cell before it gives a value to.
    """
    module, found = lesson_module(entry), {}
    cells = notebook["cells"]
    for place, cell in enumerate(cells):
        match = CHECK.search(source_of(cell)) if cell["cell_type"] == "code" else None
        if match and match[1] not in found:
            stub = _stub(cells[:place], match[2])
            if stub is None:
                raise InputError(f"{entry.file_name}: no cell before {match[0]} makes {match[2]}.")
            found[match[1]] = Task(getattr(module, match[1]), match[2], stub, place)
    return list(found.values())


def student_copy(notebook: Notebook, keep_outputs: bool = False) -> Notebook:
    """As it is handed out: every answer still to be given, and no output unless wanted."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        cell["source"] = source_of(cell).replace(*_INSTALLED).splitlines(keepends=True)
        if cell["cell_type"] == "code" and not keep_outputs:
            cell |= {"outputs": [], "execution_count": None}
    return notebook


def solved_copy(notebook: Notebook, entry: Lesson) -> Notebook:
    """Every exercise filled with its solution; the check's stored output says that it passed.

    Raises:
        InputError: a solution does not pass its check.
    """
    notebook = copy.deepcopy(notebook)
    for task in tasks(notebook, entry):
        verdict = task.exercise.check(task.exercise.reference)
        if not verdict.passed:
            raise InputError(f"the solution of {task.exercise.id} fails its own check: {verdict}")
        notebook["cells"][task.stub]["source"] = solved_source(task).splitlines(keepends=True)
        (output,) = notebook["cells"][task.check]["outputs"]
        output["data"] = {"text/plain": [repr(verdict)], "text/html": [verdict._repr_html_()]}
    return notebook


def solved_source(task: Task) -> str:
    """What a learner could have written into the cell of this exercise."""
    exercise = task.exercise
    shown = exercise.shown or exercise.reference
    if not callable(shown):
        return f"{task.answer} = {shown!r}"
    source, given = source_with_imports(shown), shown.__name__
    if not callable(exercise.reference):  # a value is asked for, which this function computes
        return f"{source}\n\n\n{task.answer} = {given}()"
    return source if given == task.answer else f"{source}\n\n\n{task.answer} = {given}"


def solutions(entries: tuple[Lesson, ...]) -> dict[str, str]:
    """Source of every solution by the exercise's number."""
    all_of = (exercise for entry in entries for exercise in lesson_module(entry).EXERCISES)
    return {exercise.id: exercise.solution().source for exercise in all_of}


def modules_with_solutions(entries: tuple[Lesson, ...]) -> Iterator[str]:
    """Names of the course's modules in which a solution could be read."""
    names = set()
    for entry in entries:
        names.add(lesson_module(entry).__name__)
        for exercise in lesson_module(entry).EXERCISES:
            home = inspect.getmodule(exercise.shown or exercise.reference)
            names.add(getattr(home, "__name__", ""))
    return (name for name in sorted(names) if name.startswith("alexnet_lib.course.exercises."))


def _stub(cells: list[Cell], name: str) -> int | None:
    """Place of the last code cell that gives this name a value."""
    for place in reversed(range(len(cells))):
        if cells[place]["cell_type"] == "code" and name in _made(source_of(cells[place])):
            return place
    return None


def _made(source: str) -> set[str]:
    """Names to which a cell's own lines give a value."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
