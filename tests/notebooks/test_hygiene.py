"""Every notebook has the form of a lesson, and each rule of that form notices what breaks it."""

import base64
from collections.abc import Callable

import lint
import nbformat
import pytest
from nbformat import NotebookNode
from PIL import Image
from template import FREE, STRICT, new_notebook

from alexnet_lib.course.figures.style import as_chart, picture_png
from alexnet_lib.course.lessons import LESSONS, Lesson, lesson, written_lessons


@pytest.mark.parametrize("rule", lint.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("entry", written_lessons(), ids=lambda entry: entry.number)
def test_a_notebook_has_the_form_of_a_lesson(entry: Lesson, rule: Callable) -> None:
    notebook = nbformat.read(entry.path, as_version=4)
    assert list(rule(notebook, entry)) == []


def test_every_notebook_file_is_in_the_list_of_lessons() -> None:
    folder = LESSONS[0].path.parent
    assert {path.name for path in folder.glob("*.ipynb")} <= {x.file_name for x in LESSONS}


def test_the_template_has_the_form_of_a_lesson() -> None:
    assert lint.problems(_executed_template(), lesson("03")) == []


BREAKS = {
    "**Question.**": lambda nb: _edit(nb, 0, "**Question.**", ""),
    "3 on a CPU": lambda nb: _edit(nb, 0, "3 on a CPU", "9 on a CPU"),
    "imports; only the first may": lambda nb: _edit(nb, 4, 'print("…")', "import os"),
    "7 import lines": lambda nb: _edit(nb, 1, "from", "import math\n" * 6 + "from"),
    "name what is imported": lambda nb: _edit(nb, 1, "nb03, widgets", "*"),
    "goes over several lines": lambda nb: _edit(nb, 1, "nb03, widgets", "(\nnb03,\nwidgets,\n)"),
    "more than one definition": lambda nb: _edit(nb, 4, 'print("…")', "def f(): 1\ndef g(): 2"),
    "does not call start": lambda nb: _edit(nb, 1, 'start("03")', 'start("04")'),
    "has 31 lines": lambda nb: _edit(nb, 4, 'print("…")', "x = 1\n" * 31),
    "has 81 words": lambda nb: _edit(nb, 5, "**Exercise.** …", "word " * 81),
    "is not numbered 3.1": lambda nb: _edit(nb, 2, "## 3.1", "## 3.1a"),
    "stands in brackets": lambda nb: _edit(nb, 2, "## 3.1 …", "## 3.1 … §3.1"),
    "no code cell has Predict(": lambda nb: _edit(nb, 3, "Predict(", "print("),
    "heading 'Recap' is missing": lambda nb: _edit(nb, 8, "## Recap", "## Quiz"),
    "is not the navigation": lambda nb: _edit(nb, -1, "Index", "Contents"),
    "link to nowhere.ipynb": lambda nb: _edit(nb, 5, "…", "[x](nowhere.ipynb)"),
    "names alexnet_lib/nowhere.py": lambda nb: _edit(nb, 5, "…", "`alexnet_lib/nowhere.py`"),
    "needs one of the tags": lambda nb: nb.cells[3].metadata.update(tags=[STRICT, FREE]),
    "has no output": lambda nb: nb.cells[4].update(outputs=[]),
    "only 0 of 2 sections compare": lambda nb: [
        nb.cells[i].metadata.update(tags=[FREE]) for i in (4, 10)
    ],
    "execution counts are": lambda nb: nb.cells[4].update(execution_count=9),
    "holds an error: E": lambda nb: _output(nb, "error", ename="E", evalue="", traceback=[]),
    "printed to stderr": lambda nb: _output(nb, "stream", name="stderr", text="warning"),
    "shows the stand-in": lambda nb: _print(nb, "synthetic stand-in, seed 0: error 52 %"),
    "widget state": lambda nb: nb.metadata.update(widgets={}),
    "the kernel is not": lambda nb: nb.metadata.kernelspec.update(name="conda-env-x"),
    "language_info": lambda nb: nb.metadata.language_info.update(version="3.11"),
    "a widget's view": lambda nb: _output(nb, "display_data", data={lint.WIDGET_VIEW: {}}),
    "a home or temporary path": lambda nb: _print(nb, "/home/x"),
    "a memory address": lambda nb: _print(nb, "<f at 0x7f0011223344>"),
    "a duration: '12.1 s'": lambda nb: _print(nb, "took 12.1 s"),
    "a date": lambda nb: _print(nb, "2026-01-01"),
    "has no alt text": lambda nb: _output(nb, "display_data", data={"image/png": "x"}),
    "picture without alt text": lambda nb: _edit(nb, 5, "…", "![](x.png)"),
    "has 91 kB": lambda nb: _output(nb, "display_data", data={"image/png": "x" * 91_000}),
    "the notebook has": lambda nb: _print(nb, "x" * 300_000),
    "is not plain Python": lambda nb: _edit(nb, 4, 'print("…")', "print("),
    "uses '!pip": lambda nb: _edit(nb, 4, 'print("…")', "!pip install x"),
    "uses 'plt.": lambda nb: _edit(nb, 4, 'print("…")', "plt.show()"),
    "tells its answer: 'Result: 3,072": lambda nb: _print(nb, "Result: 3,072. No prediction"),
    "tells its answer: 'Committed: 7": lambda nb: _print(nb, "Predict. How?\nCommitted: 7."),
    "not in the page's order": lambda nb: _print(nb, "Predict. Why?\n  ○ a\n  ○ b\n  ○ c"),
    "does not wait": lambda nb: _edit(nb, 4, 'print("…")', "guess.reveal(x)"),
    "holds its answer: guess.reveal('half')": lambda nb: _edit(
        nb, 4, 'print("…")', 'guess.reveal("half")'
    ),
    "is cut at its right edge": lambda nb: _output(
        nb, "display_data", data={"image/png": _cut_chart()}
    ),
    "x.set(row=1)' moves a widget": lambda nb: [
        _edit(nb, 4, 'print("…")', "x = widgets.A()"),
        _edit(nb, 10, "nb03.QUIZ", "x.set(row=1)"),
    ],
    '].value = 1" moves a widget': lambda nb: [
        _edit(nb, 4, 'print("…")', "x = widgets.A()"),
        _edit(nb, 10, "nb03.QUIZ", "x.controls['row'].value = 1"),
    ],
    "train( in a loop shows one live chart": lambda nb: [
        _edit(nb, 4, 'print("…")', "def train(seed):\n    return Trainer([LiveTraining()])"),
        _edit(nb, 10, "nb03.QUIZ", "for seed in range(5):\n    train(seed)"),
    ],
    "holds its answer: guess.reveal(11 * 32)": lambda nb: _edit(
        nb, 4, 'print("…")', "guess.reveal(11 * 32)"
    ),
}


@pytest.mark.parametrize("words", BREAKS)
def test_a_rule_notices_what_breaks_it(words: str) -> None:
    notebook = _executed_template()
    BREAKS[words](notebook)
    found = lint.problems(notebook, lesson("03"))
    assert any(words in problem for problem in found), found


def _cut_chart() -> str:
    """A chart whose title goes on beyond its edge."""
    return base64.b64encode(picture_png(as_chart(Image.new("RGB", (60, 20), "black")))).decode()


def _executed_template() -> NotebookNode:
    notebook = new_notebook(lesson("03"))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text="done")]
    return notebook


def _edit(notebook: NotebookNode, index: int, old: str, new: str) -> None:
    assert old in notebook.cells[index].source
    notebook.cells[index].source = notebook.cells[index].source.replace(old, new, 1)


def _output(notebook: NotebookNode, kind: str, **fields: object) -> None:
    notebook.cells[4].outputs.append(nbformat.v4.new_output(kind, **fields))


def _print(notebook: NotebookNode, text: str) -> None:
    _output(notebook, "stream", text=text)
