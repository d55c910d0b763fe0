"""The states of one explorer as files, so that a page without a kernel can play it.

An explorer is a pure function of its controls. Its pictures are drawn beforehand, for the states
that `dials` chooses, within a budget of bytes:

    found = export(widgets.PoolStepper(numbers), folder)
    found.states, found.size_bytes                     # folder/states.json and its pictures

`states.json`, which `player.js` reads:

    controls: by order: name, kind ("range", "select", "checkbox"; "picture": what only pointing
              sets), label, options (words), steps (how many there are, where fewer are drawn)
    first:    of each control, the number of an option
    plays:    {control, every_ms} of a slider that can move by itself, or null
    keep_share: sliders that keep their share of the way when their end moves
    pictures: file, width (of the page), size [width, height] and chart (dark pages turn it)
    grids:    by control, the option that pointing at each cell sets, row by row
    states:   at (as `first`), picture (a number; null: an impossible setting), words,
              ends (of sliders that others limit, in options) and
              cells: what `Cells.told` tells, with grid (a number) and turns (a control, or null)
"""

import hashlib
import io
import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from alexnet_lib.checks import AlexNetError
from alexnet_lib.course.figures.style import is_chart, smaller_png
from alexnet_lib.course.site.dials import Dial, State, chosen_states, dials_of, plays_of
from alexnet_lib.course.widgets import pointing
from alexnet_lib.course.widgets.core import Explorer, Touchable, to_png
from alexnet_lib.course.widgets.page import page_width
from alexnet_lib.course.widgets.pointing import Cells

BUDGET_BYTES = 2_500_000  # of one explorer: some thirty of them and the pages stay below 60 MB
MOST_STATES = 100  # of one explorer: what a core draws in some ten seconds


class Exported(NamedTuple):
    """What was written; `thinned` says by slider how many of its steps are drawn."""

    states: int
    pictures: int
    size_bytes: int
    thinned: dict[str, str]


def export(
    explorer: Explorer, folder: Path, budget_bytes: int = BUDGET_BYTES, most: int = MOST_STATES
) -> Exported:
    """Draw an explorer's states into a folder, from the state that it shows now.

    Where the files would be larger than the budget, fewer steps of its sliders are drawn.
    """
    dials, prints = dials_of(explorer), Prints(explorer)
    while True:
        states = chosen_states(explorer, dials, most)
        size = prints.size_bytes(states)
        if size <= budget_bytes or most <= len(dials) + 1:
            break
        most = max(len(dials) + 1, min(most - 1, int(0.95 * len(states) * budget_bytes / size)))
    return _write(Table(explorer, dials, states), [prints.of(state) for state in states], folder)


# --- Pictures -------------------------------------------------------------------------------------


class Print(NamedTuple):
    """One state as it is stored; no picture: an impossible setting."""

    name: str
    encoded: bytes
    about: Mapping[str, Any]
    words: str
    cells: tuple[Cells, ...]


class Prints:
    """An explorer's states as they were drawn, each once."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.drawn: dict[Any, Print] = {}
        self._encoded: dict[str, tuple[str, bytes, Mapping[str, Any]]] = {}

    def of(self, state: State) -> Print:
        """A state's picture, words and cells."""
        key = tuple(id(v) if hasattr(v, "pixels") else v for v in state.values())
        if key not in self.drawn:
            self.drawn[key] = self._draw(state)
        return self.drawn[key]

    def size_bytes(self, states: list[State]) -> int:
        """What the pictures of some states and their words take, equal pictures once."""
        prints = [self.of(state) for state in states]
        pictures = {one.name: len(one.encoded) for one in prints}
        return sum(pictures.values()) + sum(len(one.words) + 100 for one in prints)

    def _draw(self, state: State) -> Print:
        try:
            picture, words = self.explorer.render(**state)
        except AlexNetError as error:
            return Print("", b"", {}, f"Not possible: {error}", ())
        drawn, cells = picture if isinstance(picture, Touchable) else Touchable(picture, ())
        png = to_png(drawn)
        own = hashlib.sha256(png).hexdigest()
        if own not in self._encoded:
            self._encoded[own] = encoded(png)
        return Print(*self._encoded[own], words, tuple(cells))


def encoded(png: bytes) -> tuple[str, bytes, Mapping[str, Any]]:
    """File name, bytes (WebP or PNG, whichever is smaller) and what the page has to know.

    A picture of few colours, as charts are, keeps them; a photograph loses what nobody sees.
    """
    chart, whole = is_chart(png), io.BytesIO()
    small = smaller_png(png) if chart else png
    with Image.open(io.BytesIO(small)) as picture:
        size, few = picture.size, picture.mode == "P"
        kept = {"lossless": True, "quality": 40} if few else {"quality": 78}
        picture.convert("RGB").save(whole, "WEBP", method=1 if few else 3, **kept)
    best, kind = min((small, "png"), (whole.getvalue(), "webp"), key=lambda one: len(one[0]))
    name = f"{hashlib.sha256(best).hexdigest()[:16]}.{kind}"
    return name, best, {"width": page_width(png), "size": list(size), "chart": chart}


# --- The file -------------------------------------------------------------------------------------


class Table:
    """The states by numbers: of each control, the options that are drawn."""

    def __init__(self, explorer: Explorer, dials: list[Dial], states: list[State]) -> None:
        self.explorer, self.dials, self.states = explorer, dials, states
        self.options = {dial.name: _drawn(dial, states) for dial in dials}
        self.grids: list[dict[str, list[int]]] = []
        self._dial = {dial.name: dial for dial in dials}
        self._nearest: dict[tuple[str, Any], int] = {}

    def number(self, name: str, value: Any) -> int:
        """The option that is a value, or is closest to it."""
        if (name, value) not in self._nearest:
            found = self._dial[name].nearest(value, self.options[name])
            self._nearest[name, value] = found
        return self._nearest[name, value]

    def at(self, state: State) -> list[int]:
        """A state as numbers of options."""
        return [self.number(dial.name, state[dial.name]) for dial in self.dials]

    def ends(self, state: State) -> dict[str, int]:
        """Of sliders that others limit, the last option that is possible."""
        ends = self.explorer.limits(**state)
        return {name: self.number(name, end) for name, end in ends.items()}

    def cell(self, cells: Cells) -> dict[str, Any]:
        """What the page has to know of a part that can be pointed at."""
        grid: dict[str, list[int]] = {}
        for row, column in product(range(cells.rows), range(cells.columns)):
            for name, value in cells.sets(row, column).items():
                grid.setdefault(name, []).append(self.number(name, value))
        if grid not in self.grids:
            self.grids.append(grid)
        return {**cells.told(), "turns": cells.turns or None, "grid": self.grids.index(grid)}

    def controls(self) -> list[dict[str, Any]]:
        """The controls as the page makes them."""
        told = []
        for dial in self.dials:
            options = self.options[dial.name]
            thin = {"steps": len(dial.values)} if dial.label in self.thinned() else {}
            texts = [dial.text(value) for value in options]
            told.append({"name": dial.name, "kind": dial.kind, "label": dial.label,
                         "options": texts, **thin})  # fmt: skip
        return told

    def thinned(self) -> dict[str, str]:
        """By label, how many steps of a slider are drawn, where that is not all."""
        counts = {d.label: (len(self.options[d.name]), len(d.values)) for d in self.dials}
        return {label: f"{here} of {all_}" for label, (here, all_) in counts.items() if here < all_}


def _drawn(dial: Dial, states: list[State]) -> list[Any]:
    """The values that are drawn, in the control's order; of a list all are offered."""
    if dial.is_listed:
        return dial.values
    there = {state[dial.name] for state in states}
    return sorted(there) if dial.kind == "range" else [v for v in dial.values if v in there]


def _write(table: Table, prints: list[Print], folder: Path) -> Exported:
    pictures = {one.name: one for one in prints if one.name}
    number = {name: n for n, name in enumerate(pictures)}
    told = {
        "explorer": type(table.explorer).__name__,
        "controls": table.controls(),
        "first": table.at(table.states[0]),
        "plays": plays_of(table.explorer),
        "keep_share": list(table.explorer.keep_share),
        "pictures": [{"file": name, **one.about} for name, one in pictures.items()],
        "states": [
            {
                "at": table.at(state),
                "picture": number.get(one.name),
                "words": one.words,
                "ends": table.ends(state),
                "cells": [table.cell(part) for part in one.cells],
            }
            for state, one in zip(table.states, prints, strict=True)
        ],
        "grids": table.grids,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in pictures.items():
        (folder / name).write_bytes(one.encoded)
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    (folder / "states.json").write_text(text, encoding="utf-8")
    size = len(text.encode()) + sum(len(one.encoded) for one in pictures.values())
    return Exported(len(prints), len(pictures), size, table.thinned())


# --- What plays them ------------------------------------------------------------------------------


def player_files() -> list[Path]:
    """Scripts and styles that a page with explorers needs, to lie beside one another."""
    here, widgets = Path(__file__).parent, Path(pointing.__file__).parent
    names = ("player.js", "player.css", "network.js")
    own = [here / name for name in names if (here / name).is_file()]
    return [*own, widgets / "pointing.js", widgets / "pointing.css"]
