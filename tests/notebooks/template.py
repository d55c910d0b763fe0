"""A lesson with all its required parts and nothing in them."""

from links import navigation
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbformat.v4 import new_notebook as empty_notebook

from alexnet_lib.course.lessons import Lesson

STRICT, FREE = "nbval-check-output", "nbval-ignore-output"


def card(entry: Lesson) -> str:
    """First cell: what the lesson asks and needs."""
    return f"""# {entry.number} · {entry.title}

**Question.** …

**Paper.** {entry.section}

**You will be able to** …

**Before.** …

**Minutes.** {entry.minutes_cpu:g} on a CPU; {entry.minutes_gpu:g} on a GPU at level `full`. \
Reading and exercises take about an hour more.

If the first cell below reports `No module named 'alexnet_lib'`: in a terminal, in the project's \
folder, run `pip install -e ".[lab]"`, then Kernel > Restart."""


def new_notebook(entry: Lesson) -> NotebookNode:
    """The skeleton of lesson `entry`."""
    number = f"nb{entry.number}"
    cells = [
        new_markdown_cell(card(entry)),
        _code(FREE, f"from alexnet_lib.course import {number}, widgets\n\n"
              f'lesson = widgets.start("{entry.number}")'),
        new_markdown_cell(f"## {int(entry.number)}.1 …\n\n…"),
        _code(FREE, 'guess = widgets.Predict("…?")\nguess'),
        _code(STRICT, 'print("…")'),
        new_markdown_cell("**Exercise.** …"),
        _code(FREE, "def answer(x):\n    ..."),
        _code(FREE, f"{number}.EXERCISES[0].check(answer)"),
        new_markdown_cell("## Recap\n\n- …"),
        new_markdown_cell("## Quiz"),
        _code(STRICT, f"{number}.QUIZ"),
        new_markdown_cell(navigation(entry), metadata={"tags": ["navigation"]}),
    ]  # fmt: skip
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i:02}"  # random ids would differ from run to run
    return empty_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )


def _code(tag: str, source: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": [tag]})
