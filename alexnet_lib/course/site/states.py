"""The states of one explorer as files, so that a page without a kernel can play it.

An explorer is a pure function of its controls. Its pictures are drawn beforehand along each
control, along the tuples of controls that it names in `pairs`, or all of them where they are few:

    found = export(widgets.PoolStepper(numbers), folder)
    found.states, found.size_bytes                     # folder/states.json and its pictures

`states.json`, which `player.js` reads:

    controls: by order: name, kind ("range", "select", "checkbox"), label, options (words),
              steps (how many the explorer has, where fewer are prepared)
    first:    of each control, the number of an option
    plays:    {control, every_ms} of a slider that can move by itself, or null
    pictures: file, width (of the page), size [width, height] and chart (dark pages turn it)
    grids:    by control, the option that pointing at each cell sets, row by row
    states:   at (as `first`), picture (a number; null: an impossible setting), words,
              ends (of sliders that others limit, in options) and
              cells: box, rows, columns, at, words, grid (a number), turns (a control, or null)
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets
from PIL import Image

from alexnet_lib.checks import AlexNetError
from alexnet_lib.course.figures.style import is_chart, smaller_png
from alexnet_lib.course.widgets.core import Explorer, Touchable, to_png
from alexnet_lib.course.widgets.page import page_width
from alexnet_lib.course.widgets.pictures import Source
from alexnet_lib.course.widgets.pointing import Cells

BUDGET_BYTES = 3_000_000  # of one explorer, pictures and words
MOST_STATES = 160  # of one explorer: what two cores draw in some twenty seconds
PICTURES = 12  # of a source that offers a thousand

State = dict[str, Any]  # by control


class Exported(NamedTuple):
    """What was written; `thinned` says by slider how many of its steps are prepared."""

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
    dials, album = dials_of(explorer), Prints(explorer)
    while True:
        states = chosen_states(explorer, dials, most)
        size = album.size_bytes(states)
        if size <= budget_bytes or most <= len(dials) + 1:
            break
        most = max(len(dials) + 1, min(most - 1, int(0.95 * len(states) * budget_bytes / size)))
    return _write(explorer, dials, states, album, folder)


# --- Controls -------------------------------------------------------------------------------------


@dataclass
class Dial:
    """A control and the values that it can take.

    Attributes:
        texts: of each value. first: the value that it has now, one of `values`.
    """

    name: str
    kind: str  # as the page's element: range, select, checkbox
    label: str
    values: list[Any]
    texts: list[str]
    first: Any

    def text(self, value: Any) -> str:
        """The value in words."""
        return self.texts[self.values.index(value)]

    def nearest(self, value: Any, among: list[Any]) -> int:
        """The number of the value, or of the closest one of a slider."""
        if self.kind != "range":
            return among.index(value)
        return min(range(len(among)), key=lambda i: abs(among[i] - value))


def dials_of(explorer: Explorer) -> list[Dial]:
    """The controls in order; a slider reaches as far as any value of another lets it."""
    dials = [_dial(name, control) for name, control in explorer.controls.items()]
    first = {dial.name: dial.first for dial in dials}
    ends: dict[str, int] = {}
    for dial in dials:
        for value in dial.values:
            for name, end in explorer.limits(**{**first, dial.name: value}).items():
                ends[name] = max(end, ends.get(name, end))
    for dial in dials:
        if dial.name in ends:
            control = explorer.controls[dial.name]
            dial.values = list(range(control.min, ends[dial.name] + 1, control.step))
            dial.texts = [str(value) for value in dial.values]
    return dials


def _dial(name: str, control: ipywidgets.Widget) -> Dial:
    if isinstance(control, Source):
        named = control.some(PICTURES)
        return Dial(name, "select", "picture", named, [one.name for one in named], control.value)
    label, value = control.description, control.value
    if isinstance(control, ipywidgets.Checkbox):
        return Dial(name, "checkbox", label, [False, True], ["off", "on"], value)
    if isinstance(control, ipywidgets.Dropdown):
        pairs = [one if isinstance(one, tuple) else (str(one), one) for one in control.options]
        texts, values = (list(side) for side in zip(*pairs, strict=True))
        return Dial(name, "select", label, values, texts, value)
    values = list(_steps(control))
    closest = min(range(len(values)), key=lambda i: abs(values[i] - value))
    values[closest] = value
    form = "d" if isinstance(control, ipywidgets.IntSlider) else control.readout_format
    return Dial(name, "range", label, values, [format(one, form) for one in values], value)


def _steps(control: ipywidgets.Widget) -> Iterator[float]:
    """The values of a slider from its least to its largest."""
    count = round((control.max - control.min) / control.step)
    for number in range(count + 1):
        value = control.min + number * control.step
        if isinstance(control, ipywidgets.FloatLogSlider):
            yield control.base**value
        else:
            yield value if isinstance(value, int) else round(value, 10)


def evenly(values: list[Any], count: int, keep: Any) -> list[Any]:
    """At most `count` values at equal steps with both ends, the one nearest to `keep` being it."""
    if len(values) <= count:
        return values
    places = {round(i * (len(values) - 1) / (count - 1)) for i in range(count)}
    own = values.index(keep)
    inner = sorted(places - {0, len(values) - 1}) or [len(values) - 1]
    if own not in places:
        places.discard(min(inner, key=lambda place: abs(place - own)))
    return [values[place] for place in sorted(places | {own})]


# --- Which states ---------------------------------------------------------------------------------


def chosen_states(explorer: Explorer, dials: list[Dial], most: int) -> list[State]:
    """All states where these are at most `most`, else sweeps with as many steps as fit.

    A sweep goes along one control, or over all values of a few; what it leaves stays at first.
    """
    if prod(len(dial.values) for dial in dials) <= 4 * most:
        every = _distinct(explorer, dials, [tuple(dial.name for dial in dials)], None, most)
        if len(every) <= most:
            return every
    alone = [(dial.name,) for dial in dials]
    coarse = range(60, 2, -1)
    fine = next((n for n in coarse if _count(dials, alone, n) <= most / 2), 2)
    for count in coarse:
        states = _distinct(explorer, dials, alone, fine, most)
        known = {_key(dials, state) for state in states}
        for state in _distinct(explorer, dials, explorer.pairs, count, 2 * most):
            if _key(dials, state) not in known:
                states.append(state)
        if len(states) <= most:
            break
    return states


def _count(dials: list[Dial], sweeps: Iterable[tuple[str, ...]], steps: int) -> int:
    sizes = {d.name: min(len(d.values), steps if d.kind == "range" else 999) for d in dials}
    return sum(prod(sizes[name] for name in sweep) for sweep in sweeps)


def _distinct(
    explorer: Explorer, dials: list[Dial], sweeps: Iterable[tuple[str, ...]],
    steps: int | None, most: int,
) -> list[State]:  # fmt: skip
    """The states of some sweeps, the first state first, each once; more than `most` end early."""
    first = {dial.name: dial.first for dial in dials}
    found = {_key(dials, first): first}
    for sweep in sweeps:
        lists = [
            evenly(d.values, steps, d.first) if steps and d.kind == "range" else d.values
            for name in sweep
            for d in dials
            if d.name == name
        ]
        for values in product(*lists):
            state = fitted(explorer, {**first, **dict(zip(sweep, values, strict=True))}, sweep)
            found.setdefault(_key(dials, state), state)
            if len(found) > most:
                return list(found.values())
    return list(found.values())


def fitted(explorer: Explorer, state: State, moved: tuple[str, ...] = ()) -> State:
    """The state with its sliders within `limits`; those that keep their share do so."""
    for _again in range(2):  # where one limits another
        ends = explorer.limits(**state)
        for name, end in ends.items():
            before = explorer.controls[name].max
            if name in explorer.keep_share and name not in moved and end != before:
                state[name] = round(explorer.controls[name].value / (before or 1) * end)
            state[name] = min(state[name], end)
    return state


def _key(dials: list[Dial], state: State) -> tuple[Any, ...]:
    return tuple(
        dial.values.index(state[dial.name]) if dial.kind == "select" else state[dial.name]
        for dial in dials
    )


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
        self.explorer, self.names = explorer, tuple(explorer.controls)
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

    A chart keeps each of its colours; a photograph may lose what nobody sees.
    """
    chart, small, whole = is_chart(png), png, io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        size = picture.size
        if chart:
            small = smaller_png(png)
            with Image.open(io.BytesIO(small)) as few:
                few.convert("RGB").save(whole, "WEBP", lossless=True, quality=40, method=1)
        else:
            picture.convert("RGB").save(whole, "WEBP", quality=82, method=3)
    best, kind = min((small, "png"), (whole.getvalue(), "webp"), key=lambda one: len(one[0]))
    name = f"{hashlib.sha256(best).hexdigest()[:16]}.{kind}"
    return name, best, {"width": page_width(png), "size": list(size), "chart": chart}


# --- The file -------------------------------------------------------------------------------------


def _write(
    explorer: Explorer, dials: list[Dial], states: list[State], album: Prints, folder: Path
) -> Exported:
    used = {dial.name: _used(dial, states) for dial in dials}
    prints, grids, pictures = [album.of(state) for state in states], [], {}
    for one in prints:
        if one.name:
            pictures.setdefault(one.name, len(pictures))
    told = {
        "explorer": type(explorer).__name__,
        "controls": [_told(dial, used[dial.name]) for dial in dials],
        "keep_share": list(explorer.keep_share),
        "first": [used[dial.name].index(dial.first) for dial in dials],
        "plays": _plays(explorer),
        "pictures": [
            {"file": name, **next(one.about for one in prints if one.name == name)}
            for name in pictures
        ],
        "states": [
            {
                "at": [used[dial.name].index(state[dial.name]) for dial in dials],
                "picture": pictures.get(one.name),
                "words": one.words,
                "ends": _ends(explorer, state, dials, used),
                "cells": [_cell(part, dials, used, grids) for part in one.cells],
            }
            for state, one in zip(states, prints, strict=True)
        ],
        "grids": grids,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for one in prints:
        if one.name:
            (folder / one.name).write_bytes(one.encoded)
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    (folder / "states.json").write_text(text, encoding="utf-8")
    files = sum(len(one.encoded) for one in {one.name: one for one in prints}.values())
    thinned = {
        d.label: f"{len(used[d.name])} of {len(d.values)}" for d in dials if _is_thin(d, used)
    }
    return Exported(len(states), len(pictures), files + len(text.encode()), thinned)


def _used(dial: Dial, states: list[State]) -> list[Any]:
    """The values that are prepared, in the control's order."""
    if dial.kind != "range":
        return dial.values
    return sorted({state[dial.name] for state in states})


def _is_thin(dial: Dial, used: Mapping[str, list[Any]]) -> bool:
    return len(used[dial.name]) < len(dial.values)


def _told(dial: Dial, used: list[Any]) -> dict[str, Any]:
    told = {"name": dial.name, "kind": dial.kind, "label": dial.label}
    steps = {"steps": len(dial.values)} if len(used) < len(dial.values) else {}
    return {**told, "options": [dial.text(value) for value in used], **steps}


def _ends(
    explorer: Explorer, state: State, dials: list[Dial], used: Mapping[str, list[Any]]
) -> dict[str, int]:
    """Of sliders that others limit, the last option that is possible."""
    by_name = {dial.name: dial for dial in dials}
    return {
        name: by_name[name].nearest(end, used[name])
        for name, end in explorer.limits(**state).items()
    }


def _cell(
    cells: Cells, dials: list[Dial], used: Mapping[str, list[Any]], grids: list[Any]
) -> dict[str, Any]:
    """What the page has to know of a part that can be pointed at."""
    by_name = {dial.name: dial for dial in dials}
    grid: dict[str, list[int]] = {}
    for row, column in product(range(cells.rows), range(cells.columns)):
        for name, value in cells.sets(row, column).items():
            grid.setdefault(name, []).append(by_name[name].nearest(value, used[name]))
    if grid not in grids:
        grids.append(grid)
    return {**cells.told(), "turns": cells.turns or None, "grid": grids.index(grid)}


def _plays(explorer: Explorer) -> dict[str, Any] | None:
    """The slider that a player beside the controls moves."""
    waiting: list[ipywidgets.Widget] = [explorer]
    while waiting:
        widget = waiting.pop()
        if isinstance(widget, ipywidgets.Play):
            ends = (widget.min, widget.max)
            for name, control in explorer.controls.items():
                if isinstance(control, ipywidgets.IntSlider) and (control.min, control.max) == ends:
                    return {"control": name, "every_ms": widget.interval}
        waiting += getattr(widget, "children", ())
    return None
