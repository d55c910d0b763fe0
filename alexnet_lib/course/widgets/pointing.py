"""The picture of an explorer, which can be pointed at, and a board that can be painted.

Both are drawn over in the page itself (`pointing.js`), so that the pointer never waits; what was
pointed at or painted last is told to Python, which draws anew. While it does, newer messages wait
and only the newest is sent.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.figures.style import is_chart, pale_png
from alexnet_lib.course.widgets.page import page_width

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cells:
    """A part of an explorer's picture that can be pointed at, cut into rows and columns.

    Args:
        box: the part, in pixels of the picture.
        rows, columns: how many cells.
        sets: what pointing at a row and a column does: values of controls, by name.
        at: row and column of the chosen cell; None: there is none.
        words: what is there, for those who do not see it.
        turns: the slider that the wheel and the page keys move, or "".
        hovers: the pointer chooses where it is, without a press.
        frames: by cell, row after row, what is framed elsewhere in the picture under the pointer.
        edits: what turning a cell (-1, 0 or 1) or typing into it does, the text whole as it is by
            now; None: its cells are no numbers to change.
        quiet: the picture itself shows which cell is chosen, so that no frame is laid on it.
    """

    box: Box
    rows: int
    columns: int
    sets: Callable[[int, int], dict[str, Any]]
    at: tuple[int, int] | None = None
    words: str = "picture"
    turns: str = ""
    hovers: bool = False
    frames: Sequence[Box] = ()
    edits: Callable[[int, int, int, str], dict[str, Any]] | None = None
    quiet: bool = False

    def told(self) -> dict[str, Any]:
        """What the page has to know."""
        return {
            "box": [self.box.left, self.box.top, self.box.width, self.box.height],
            "rows": self.rows,
            "columns": self.columns,
            "at": self.at and list(self.at),
            "words": self.words,
            "turns": bool(self.turns or self.edits),
            "writes": bool(self.edits),
            "quiet": self.quiet,
            "hovers": self.hovers,
            "frames": [[box.left, box.top, box.width, box.height] for box in self.frames],
        }


def to_place(row: int, column: int) -> dict[str, int]:
    """What pointing at a row and a column does in most pictures: it goes there."""
    return {"row": row, "column": column}


def middles(box: Box, scale: float, start: int, size: int, jump: float, units: int) -> Box:
    """A square of cells, one a unit, each around the middle of the unit's window.

    Args:
        box: what shows the pixels, `scale` picture pixels each.
        start, size, jump: the first window's first pixel, a window's side, the step to the next.
    """
    first, side = scale * (start + (size - jump) / 2), scale * jump * units
    return Box(box.top + first, box.left + first, side, side)


_FINE = 246  # places along an axis


def along(box: Box, shares: Sequence[float], now: int, name: str, words: str) -> Cells:
    """Moments along an axis: the nearest is chosen; one place on, as by a key, is the next moment.

    Args:
        box: the axis, from its first moment to its last.
        shares: of the way, where each moment stands, from 0 to 1.
        now: the chosen moment.
        name: of the slider that holds it.
    """
    places = [min(_FINE - 1, int(share * _FINE)) for share in shares]

    def sets(_row: int, place: int) -> dict[str, int]:
        step = place - places[now]
        if abs(step) == 1:
            return {name: min(max(now + step, 0), len(places) - 1)}
        return {name: min(range(len(places)), key=lambda moment: abs(places[moment] - place))}

    return Cells(box, 1, _FINE, sets, (0, places[now]), words, name)


class _Answering(anywidget.AnyWidget):
    """A part of a page that tells Python something, and hears when that is done."""

    _esm, _css = _HERE / "pointing.js", _HERE / "pointing.css"

    answered = traitlets.Int(0).tag(sync=True)

    @contextmanager
    def _answer(self, number: int) -> Iterator[None]:
        """Within the block the message of that number is answered, whatever goes wrong."""
        try:
            yield
        finally:
            self.answered = number


class Picture(_Answering):
    """A PNG with words for those who do not see it, and with cells to point at.

    Args:
        point: is called with the cells, row, column, turn (-1, 0 or 1) and text that came.

    Attributes:
        value: PNG bytes. words: in place of the picture.
        is_old: it is not, or no longer, of what the controls ask for.
    """

    is_old = is_pale = False

    value = traitlets.Bytes(b"").tag(sync=True)
    width = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Unicode("").tag(sync=True)
    is_chart = traitlets.Bool(False).tag(sync=True)
    places = traitlets.List().tag(sync=True)
    pointed = traitlets.Dict({}).tag(sync=True)

    def __init__(self, point: Callable[[Cells, int, int, int, str], None] | None = None) -> None:
        """Empty, and never wider than the page."""
        super().__init__()
        self._point, self._cells = point, ()
        self.observe(self._told, names="pointed")

    def put(self, png: bytes, words: str, cells: Sequence[Cells] = ()) -> None:
        """Show a picture, its words, and where one can point."""
        self._cells = tuple(cells)
        with self.hold_sync():  # one message: frames never stand on another picture
            self.width, self.value, self.words = str(page_width(png)), png, words
            self.is_chart, self.places = is_chart(png), [part.told() for part in cells]
        self.is_old = self.is_pale = False

    def fade_if_old(self, words: str) -> None:
        """Let an old picture turn pale, once, so that it is not taken for the answer."""
        if self.is_old:
            self.words = f"{words} The pale picture is of the last setting that was possible."
        if self.is_old and self.value and not self.is_pale:
            self.value, self.is_pale = pale_png(self.value), True

    def _told(self, change: Any) -> None:
        told = change["new"]
        with self._answer(told["number"]):
            if self._point and told["place"] < len(self._cells):  # a picture of before had more
                cells = self._cells[told["place"]]
                where = told["row"], told["column"]
                self._point(cells, *where, told["turn"], told.get("text", ""))


class Camera(anywidget.AnyWidget):
    """A button that takes a picture, where the machine has a camera; else it asks for a file.

    Attributes:
        photo: bytes of the picture taken last, made small in the page.
    """

    _esm, _css = _HERE / "pointing.js", _HERE / "pointing.css"

    photo = traitlets.Bytes(b"").tag(sync=True, from_json=lambda sent, _camera: bytes(sent))
    label = traitlets.Unicode("camera").tag(sync=True)


class PaintBoard(_Answering):
    """A square board of coloured cells: drag to paint; or arrow keys, and space.

    Args:
        colours: by name, as a page writes them: "#rrggbb".
        cells: names, row by row; as many rows as columns.

    Attributes:
        value: names of the cells' colours, row by row.
        brush: the colour to paint with.
    """

    value = traitlets.Tuple()

    cells = traitlets.List().tag(sync=True)
    colours = traitlets.Dict().tag(sync=True)
    brush = traitlets.Unicode().tag(sync=True)
    painted = traitlets.Dict({}).tag(sync=True)

    def __init__(self, colours: dict[str, str], cells: Sequence[str]) -> None:
        super().__init__(colours=colours, cells=list(cells), brush=next(iter(colours)))
        self.value = tuple(cells)
        self.observe(self._told, names="painted")

    def paint(self, place: int, colour: str = "") -> None:
        """Paint a cell, in the brush's colour where none is named."""
        self.put((*self.value[:place], colour or self.brush, *self.value[place + 1 :]))

    def put(self, names: Sequence[str]) -> None:
        """Paint the whole board."""
        self.cells, self.value = list(names), tuple(names)

    def _told(self, change: Any) -> None:
        with self._answer(change["new"]["number"]):
            self.value = tuple(self.cells)
