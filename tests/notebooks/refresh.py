"""Run notebooks from clean kernels and store their outputs: `make refresh`.

    python tests/notebooks/refresh.py             all notebooks
    python tests/notebooks/refresh.py 03 05       these
    python tests/notebooks/refresh.py --links     links only, of pages and of words, nothing is run
    python tests/notebooks/refresh.py --new 05    an empty lesson with all its required parts

A file is replaced only by a complete run; it stays byte-identical where nothing changed.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import nbformat
from links import index, navigation
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from terms import link_words, renewed_links

from alexnet_lib.course.lessons import Lesson, lesson, written_lessons
from alexnet_lib.data.files import atomic_write, project_root

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT_S = 600
ANSWERS = "alexnet_lib/course/site/answers.json"  # in the project
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main(arguments: list[str] | None = None) -> int:
    """Refresh what the arguments name; 1 where a notebook failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons; default: all written")
    parser.add_argument("--links", action="store_true", help="renew links, run nothing")
    parser.add_argument("--new", metavar="NN", help="write an empty lesson")
    options = parser.parse_args(arguments)
    if options.new:
        from template import new_notebook

        _store(lesson(options.new).path, new_notebook(lesson(options.new)))
        return 0
    if options.links:
        link_all_words()
    lessons = [lesson(number) for number in options.numbers] or written_lessons()
    results = [refresh(entry, run=not options.links) for entry in lessons]
    return 0 if all(results) else 1


# What a lesson asked and found, for its page: a page has no kernel that could compute it.
_ASKED = """
import gc, json
from alexnet_lib.course.widgets import questions
them = gc.get_objects()
found = {id(one.question): one.result for one in them if type(one) is questions.Result}
asked = {one.asked.text: one for one in them if type(one) is questions.Predict}
def plain(answer):
    return answer if answer is None or isinstance(answer, str) else float(f"{float(answer):.6g}")
print(json.dumps([
    {"text": text, "options": one.asked.shuffled, "unit": one.asked.unit,
     "answer": plain(found.get(id(one)))}
    for text, one in sorted(asked.items())
]))
"""


def keep_answers(entry: Lesson, asked: list[dict]) -> None:
    """Write what a lesson's predictions have as answers, for the pages (`alexnet site`)."""
    path = project_root() / ANSWERS
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    answers = dict(sorted((before | {entry.number: asked}).items()))
    with atomic_write(path) as temporary:
        text = json.dumps(answers, indent=1, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def refresh(entry: Lesson, run: bool = True) -> bool:
    """Renew one notebook; False, with the file unchanged, where a cell fails."""
    started = time.perf_counter()
    notebook = nbformat.read(entry.path, as_version=4)
    renew_links(notebook, entry)
    try:
        if run:
            keep_answers(entry, execute(notebook, entry.path.parent))
    except CellExecutionError as error:
        print(f"{entry.file_name}: FAILED, file unchanged\n{error}", file=sys.stderr)
        return False
    changed = _store(entry.path, notebook)
    took = f"{time.perf_counter() - started:.0f} s, {entry.path.stat().st_size / 1000:.0f} kB"
    print(f"{entry.file_name}: {'written' if changed else 'unchanged'} ({took})")
    return True


def renew_links(notebook: NotebookNode, entry: Lesson) -> None:
    """Rewrite the cells tagged `navigation` and `index`, and the sentences of the glossary."""
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "navigation" in tags:
            cell.source = navigation(entry)
        elif "index" in tags:
            cell.source = index()
        elif cell.cell_type == "markdown":
            cell.source = renewed_links(cell.source)


def link_all_words() -> None:
    """Link each word of the glossary where a lesson first uses it without explaining it."""
    course = [(entry, nbformat.read(entry.path, as_version=4)) for entry in written_lessons()]
    link_words(course)
    for entry, notebook in course:
        _store(entry.path, notebook)


def execute(notebook: NotebookNode, folder: Path) -> list[dict]:
    """Run all cells in a fresh kernel and keep what belongs into a file; returns what was asked."""
    os.environ.update(ALEXNET_LEVEL="lesson", ALEXNET_PROGRESS="off", PYTHONHASHSEED="0")
    notebook.metadata = nbformat.from_dict(_METADATA)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    notebook.cells.append(nbformat.v4.new_code_cell(_ASKED))
    try:
        client.execute()
    finally:
        last = notebook.cells.pop()
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = tidy(cell.outputs)
    return json.loads(last.outputs[0].text)


def tidy(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs without widget views and without what holds for one machine only.

    A widget's still picture and its words are outputs of their own, before the widget's, and stay.
    Neighbouring pieces of printed text become one.
    """
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
            else:
                kept.append(output)
        elif output.output_type == "error":
            kept.append(output)
        elif not output.metadata.get("volatile") and WIDGET_VIEW not in output.data:
            kept.append(output)
    return kept


def _store(path: Path, notebook: NotebookNode) -> bool:
    """Write where the text differs; returns whether it did."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
