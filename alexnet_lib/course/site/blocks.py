"""A notebook's cells as the blocks of a page, in order.

A block has a kind, which `templates/block.html` knows how to show: text, code, printed, words,
picture, table, explorer, predict, result, quiz, check, verdict. What would tell the result of a
prediction waits behind a veil until the prediction is settled: the outputs from the question's
section on, up to the result, and the text that explains it.
"""

import base64
import hashlib
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from alexnet_lib.checks import InputError
from alexnet_lib.course.lessons import Lesson
from alexnet_lib.course.site.asks import (
    Prediction,
    check_of,
    find_prediction,
    predictions,
    quiz_of,
    seal_of_question,
)
from alexnet_lib.course.site.text import python, to_html
from alexnet_lib.course.widgets.questions import HIDDEN, NOTHING

States = Mapping[str, Sequence[str]]  # by cell: the `states.json` of the explorers it shows


@dataclass
class Block:
    """A part of a page.

    Attributes:
        veil: id of the prediction that it waits for; "" where nothing has to wait.
        parts: what its kind needs; see `templates/block.html`.
    """

    kind: str
    veil: str = ""
    parts: dict[str, Any] = field(default_factory=dict)


# --- Pictures -------------------------------------------------------------------------------------


class Pictures:
    """A folder of pictures named by what they show, so that equal ones are one file."""

    def __init__(self, out: Path, name: str = "pictures") -> None:
        """Make the folder `name` below `out`."""
        self.out, self.name = out, name
        (out / name).mkdir(parents=True, exist_ok=True)

    def add(self, data: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write a PNG; returns what its block needs.

        Args:
            data: base64 of the PNG.
            about: the output's metadata, with the words that stand in for the picture.
        Raises:
            InputError: there are no words.
        """
        png, shown = base64.b64decode(data), about.get("image/png", {})
        if not shown.get("alt"):
            raise InputError("a picture has no description; widgets.show(figure, alt=...) has one.")
        source = f"{self.name}/{hashlib.sha256(png).hexdigest()[:16]}.png"
        (self.out / source).write_bytes(png)
        width, height = struct.unpack(">II", png[16:24])
        wide = min(shown.get("width", width), width)
        return {
            "source": source,
            "alt": shown["alt"],
            "width": wide,
            "height": round(height * wide / width),
            "chart": about.get("needs_background") == "light",
        }


# --- Cells ----------------------------------------------------------------------------------------


def blocks(
    notebook: NotebookNode, lesson: Lesson, pictures: Pictures, states: States
) -> Iterator[Block]:
    """All blocks of a lesson's page, but for its links to other lessons.

    Raises:
        InputError: the notebook shows something that a page cannot: a picture without words, a
            prediction without a recorded answer, an output of another kind.
    """
    reader = _Reader(notebook, lesson, pictures, states)
    for index, cell in enumerate(notebook.cells):
        if "navigation" in cell.metadata.get("tags", ()):
            continue
        if cell.cell_type == "markdown":
            yield Block("text", reader.veils.get(index, ""), {"html": to_html(cell.source)})
            continue
        if cell.source != f"nb{lesson.number}.QUIZ":
            lines = len(cell.source.splitlines())
            yield Block("code", parts={"html": python(cell.source), "lines": lines})
        for block in reader.outputs(cell):
            waits = block.kind not in ("predict", "result", "check")
            block.veil = reader.veils.get(index, "") if waits else ""
            yield block


class _Reader:
    """What a notebook's cells tell about each other."""

    def __init__(
        self, notebook: NotebookNode, lesson: Lesson, pictures: Pictures, states: States
    ) -> None:
        self.number, self.pictures, self.states = lesson.number, pictures, states
        self.posed = predictions(lesson.number)
        self.revealed: dict[str, Prediction] = {}  # by cell
        self.exercises: set[str] = set()  # that were shown
        self.veils = self._veils(notebook.cells)  # by number of a cell

    def _veils(self, cells: Sequence[NotebookNode]) -> dict[int, str]:
        asked: dict[str, tuple[int, Prediction]] = {}  # by variable: where, what
        veils, heading = {}, 0
        for index, cell in enumerate(cells):
            if cell.cell_type == "markdown" and cell.source.startswith("#"):
                heading = index
            if cell.cell_type != "code":
                continue
            for name in re.findall(r"^(\w+) = widgets\.Predict\(", cell.source, re.M):
                asked[name] = index, find_prediction(self.posed, _stored_words(cell))
            for name in re.findall(r"^ *(\w+)\.reveal\(", cell.source, re.M):
                since, prediction = asked[name]
                self.revealed[cell.id] = prediction
                hidden = [
                    i
                    for i in range(max(since, heading) + 1, index + 1)
                    if cells[i].cell_type == "code"
                ]
                if _explains(cells[index + 1]):
                    hidden.append(index + 1)
                veils |= {i: veils.get(i, prediction.id) for i in hidden}
        return veils

    def outputs(self, cell: NotebookNode) -> Iterator[Block]:
        """The blocks of what a cell has shown."""
        states = list(self.states.get(cell.id, ()))
        outputs = list(cell.outputs)
        while outputs:
            output = outputs.pop(0)
            if output.output_type == "stream":
                yield Block("printed", parts={"text": output.text.rstrip("\n")})
                continue
            data, about = output.get("data", {}), output.metadata
            if "image/png" in data:
                parts = self.pictures.add(data["image/png"], about)
                if "text/plain" in data:
                    yield Block("picture", parts=parts)
                    continue
                words = outputs.pop(0).data["text/plain"]  # a widget's still, and its words
                # each still has its explorer; the last has those of all parts it is made of
                more = any("image/png" in rest.get("data", {}) for rest in outputs)
                own, states = (states[:1], states[1:]) if more else (states, [])
                parts |= {"words": words, "states": own}
                yield Block("explorer", parts=parts)
            elif check := re.search(r"\b(nb\d\d\.\w+)\.check\(", cell.source):
                yield from self._check(check[1], data["text/plain"])
            elif "text/html" in data:
                yield Block("table", parts={"html": data["text/html"], "words": data["text/plain"]})
            elif "text/plain" in data:
                yield self._words(cell, data["text/plain"])
            else:
                raise InputError(f"cell {cell.id} shows {list(data)}; a page has no form for it.")

    def _words(self, cell: NotebookNode, words: str) -> Block:
        if words.startswith("Predict. "):
            return Block("predict", parts={"of": find_prediction(self.posed, words)})
        if words in (HIDDEN, NOTHING):
            return Block("result", parts={"of": self.revealed[cell.id]})
        if cell.source == f"nb{self.number}.QUIZ":
            questions = quiz_of(self.number).questions
            return Block("quiz", parts={"questions": [(q, seal_of_question(q)) for q in questions]})
        return Block("words", parts={"text": words})

    def _check(self, name: str, words: str) -> Iterator[Block]:
        """What a check printed of an attempt; at its first place, the exercise in full."""
        if not words.startswith("○"):
            yield Block("verdict", parts={"text": words})
        if name not in self.exercises:
            self.exercises.add(name)
            yield Block("check", parts={"of": check_of(name)})


def _stored_words(cell: NotebookNode) -> str:
    return next(
        words
        for output in cell.outputs
        if (words := output.get("data", {}).get("text/plain", "")).startswith("Predict. ")
    )


def _explains(cell: NotebookNode) -> bool:
    """Whether a cell goes on about what stands before it."""
    own = cell.source.startswith(("#", "**Exercise", "---"))
    return cell.cell_type == "markdown" and not own
