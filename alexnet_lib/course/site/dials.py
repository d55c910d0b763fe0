"""What an explorer's controls can be set to, and which of all their settings are drawn beforehand.

All of them where they are few. Else sweeps: along each control alone, and over all values of the
tuples of controls that an explorer names in `pairs`, with as many steps of each slider as fit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from alexnet_lib.course.widgets.core import Explorer, Touchable
from alexnet_lib.course.widgets.pictures import Source

PICTURES = 12  # of a source that offers a thousand

State = dict[str, Any]  # by control


@dataclass
class Dial:
    """A control, or what is set on the picture alone, and the values that it can take.

    Attributes:
        kind: range, select or checkbox, as the page's element; "picture" has none.
        texts: of each value. first: the value that it has now, one of `values`.
    """

    name: str
    kind: str
    label: str
    values: list[Any]
    texts: list[str]
    first: Any

    @property
    def is_listed(self) -> bool:
        """Whether it is chosen from a list: no value is between two others."""
        return self.kind in ("select", "checkbox")

    def text(self, value: Any) -> str:
        """The value in words."""
        return self.texts[self.values.index(value)]

    def nearest(self, value: Any, among: Sequence[Any]) -> int:
        """The number of the value; where it is not there, of the closest one."""
        if self.is_listed or value in among:
            return among.index(value)
        return min(range(len(among)), key=lambda i: _distance(among[i], value))


def _distance(one: Any, other: Any) -> float:
    """How far two numbers, or two tuples of numbers, are from one another."""
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return sum(map(_distance, one, other))
    try:
        return abs(one - other)
    except TypeError:
        return float(one != other)


# --- Controls -------------------------------------------------------------------------------------


def dials_of(explorer: Explorer) -> list[Dial]:
    """The controls in order; a slider reaches as far as any value of another lets it."""
    named = {**explorer.controls, **dict.fromkeys(explorer.touched)}
    dials = [_dial(explorer, name, control) for name, control in named.items()]
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


def _dial(explorer: Explorer, name: str, control: Any) -> Dial:
    first = explorer.state[name]
    if isinstance(control, Source):
        shown = control.some(PICTURES)
        return Dial(name, "select", "picture", shown, [one.name for one in shown], first)
    if control is None or not hasattr(control, "description"):
        values = _pointed(explorer, name)
        return Dial(name, "picture", name, values, [""] * len(values), first)
    label = control.description
    if isinstance(first, bool):
        return Dial(name, "checkbox", label, [False, True], ["off", "on"], first)
    if hasattr(control, "options"):
        pairs = [one if isinstance(one, tuple) else (str(one), one) for one in control.options]
        texts, values = (list(side) for side in zip(*pairs, strict=True))
        return Dial(name, "select", label, values, texts, first)
    values = list(_steps(control))
    values[min(range(len(values)), key=lambda i: abs(values[i] - first))] = first
    form = control.readout_format
    return Dial(name, "range", label, values, [format(one, form) for one in values], first)


def _pointed(explorer: Explorer, name: str) -> list[Any]:
    """What is set now, then what pointing at the picture of now sets, in order."""
    state = explorer.state
    picture, _ = explorer.render(**state)
    values = []
    for cells in picture.cells if isinstance(picture, Touchable) else ():
        for row, column in product(range(cells.rows), range(cells.columns)):
            values += [v for key, v in cells.sets(row, column).items() if key == name]
    return list(dict.fromkeys([state[name], *values]))


def _steps(control: Any) -> Iterator[float]:
    """The values of a slider from its least to its largest."""
    count = round((control.max - control.min) / control.step)
    for number in range(count + 1):
        value = control.min + number * control.step
        if hasattr(control, "base"):  # its steps are exponents
            yield control.base**value
        else:
            yield value if isinstance(value, int) else round(value, 10)


def plays_of(explorer: Explorer) -> dict[str, Any] | None:
    """The slider that a player beside the controls moves, and how fast; None: there is none."""
    waiting: list[Any] = [explorer]
    while waiting:
        widget = waiting.pop()
        for name, control in explorer.controls.items():
            if getattr(widget, "slider", None) is control:
                return {"control": name, "every_ms": widget.interval}
        waiting += getattr(widget, "children", ())
    return None


# --- Which states ---------------------------------------------------------------------------------


def chosen_states(explorer: Explorer, dials: list[Dial], most: int) -> list[State]:
    """All states where these are at most `most`, else sweeps with as many steps as fit.

    The first state comes first; what a sweep leaves stays at first.
    """
    if prod(len(dial.values) for dial in dials) <= 4 * most:
        every = _distinct(explorer, dials, [tuple(dial.name for dial in dials)], None, most)
        if len(every) <= most:
            return every
    alone, steps = [(dial.name,) for dial in dials], range(60, 2, -1)
    room = most / 2 if explorer.pairs else most
    fine = next((n for n in steps if _count(dials, alone, n) <= room), 2)
    along = _distinct(explorer, dials, alone, fine, 10 * most)
    known = {_key(dials, state) for state in along}
    for coarse in steps:
        pairs = _distinct(explorer, dials, explorer.pairs, coarse, 2 * most)
        more = [state for state in pairs if _key(dials, state) not in known]
        if len(along) + len(more) <= most:
            break
    return along + more


def _count(dials: list[Dial], sweeps: Iterable[tuple[str, ...]], steps: int) -> int:
    sizes = {d.name: len(d.values) if d.is_listed else min(len(d.values), steps) for d in dials}
    return sum(prod(sizes[name] for name in sweep) for sweep in sweeps)


def _distinct(
    explorer: Explorer,
    dials: list[Dial],
    sweeps: Iterable[tuple[str, ...]],
    steps: int | None,
    most: int,
) -> list[State]:
    """The states of some sweeps, the first state first, each once; more than `most` end early."""
    first = {dial.name: dial.first for dial in dials}
    found = {_key(dials, first): first}
    for sweep in sweeps:
        for values in _values(explorer, dials, sweep, steps):
            state = fitted(explorer, {**first, **dict(zip(sweep, values, strict=True))}, sweep)
            found.setdefault(_key(dials, state), state)
            if len(found) > most:
                return list(found.values())
    return list(found.values())


def _values(
    explorer: Explorer, dials: list[Dial], sweep: tuple[str, ...], steps: int | None
) -> Iterator[tuple[Any, ...]]:
    """Values of a sweep's controls; a slider is thinned within what the lists let it reach."""
    first, by_name = {dial.name: dial.first for dial in dials}, {dial.name: dial for dial in dials}
    listed = [name for name in sweep if by_name[name].is_listed]
    for chosen in product(*(by_name[name].values for name in listed)):
        fixed = dict(zip(listed, chosen, strict=True))
        ends = explorer.limits(**fitted(explorer, {**first, **fixed}, sweep)) if steps else {}
        yield from product(*(
            [fixed[name]] if name in fixed else _reached(by_name[name], ends.get(name), steps)
            for name in sweep
        ))  # fmt: skip


def _reached(dial: Dial, end: int | None, steps: int | None) -> list[Any]:
    """About so many of a slider's values, none beyond the end."""
    values = dial.values if end is None else [value for value in dial.values if value <= end]
    if not steps:
        return values
    return evenly(values, steps, values[dial.nearest(dial.first, values)])


def evenly(values: list[Any], count: int, keep: Any) -> list[Any]:
    """About `count` values at equal steps with both ends; the one nearest to `keep` becomes it."""
    if len(values) <= count:
        return values
    last, own = len(values) - 1, values.index(keep)
    places = {round(i * last / (count - 1)) for i in range(count)}
    inner = places - {0, last}
    if own not in places and inner:
        places.discard(min(inner, key=lambda place: abs(place - own)))
    return [values[place] for place in sorted(places | {own})]


def fitted(explorer: Explorer, state: State, moved: Sequence[str] = ()) -> State:
    """The state with its sliders within `limits`; those that keep their share do so."""
    for _again in range(2):  # where one limits another
        for name, end in explorer.limits(**state).items():
            before = explorer.controls[name].max
            if name in explorer.keep_share and name not in moved and end != before:
                state[name] = round(explorer.controls[name].value / (before or 1) * end)
            state[name] = min(state[name], end)
    return state


def _key(dials: list[Dial], state: Mapping[str, Any]) -> tuple[Any, ...]:
    """Tells states apart; pictures, which have no values to compare, by their place in the list."""
    return tuple(
        dial.values.index(state[dial.name]) if dial.kind == "select" else state[dial.name]
        for dial in dials
    )
