"""Neighbouring maps that compete under response normalisation, real and made up (§3.3)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import ipywidgets
import torch
import traitlets
from torch import Tensor

from alexnet_lib.course.figures.norm_maps import (
    bar_place,
    map_box,
    norm_panel,
    photo_box,
    tiles_box,
)
from alexnet_lib.course.figures.response_norm import bars_box, map_bars
from alexnet_lib.course.widgets.core import (
    Explorer,
    Shown,
    Touchable,
    choice,
    log_slider,
    slider,
)
from alexnet_lib.course.widgets.pointing import Cells, to_place
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.facts import LRN
from alexnet_lib.paper.layers import local_response_norm


class NormalisedMaps(Explorer):
    """Neighbouring maps of a trained network's first LRN, before and after; one can be turned up.

    Args:
        tracer: of a network with the layer `norm1`.
        pictures: by name, (3, H, W) uint8.
        data_name: where the pictures are from.
    """

    pairs = (("picture", "map"), ("map", "turn"))

    def __init__(self, tracer: Tracer, pictures: Mapping[str, Tensor], data_name: str) -> None:
        self.tracer, self.pictures, self.data_name = tracer, pictures, data_name
        chosen, row, column = _strongest(self.maps(next(iter(pictures))))  # of (C, H, W)
        C, H, W = self.maps(next(iter(pictures))).shape
        super().__init__(
            self.button("strongest map", "the map with the largest value, where it is", self.seek),
            picture=choice("picture", list(pictures)),
            map=slider("middle map", 0, C - 1, chosen),
            turn=log_slider("its activity ×", -1, 1, 0),
            row=slider("pixel's row", 0, H - 1, row),
            column=slider("pixel's column", 0, W - 1, column),
        )

    def render(self, picture: str, map: int, turn: float, row: int, column: int) -> Shown:
        """The window of maps around one, and what each of them keeps at a pixel."""
        norm, maps = self.tracer.model.norm1, self.maps(picture)
        turned = maps.clone()
        turned[map] *= turn
        normed, reach = norm(turned[None])[0], norm.size // 2
        numbers = range(max(0, map - reach), min(len(maps), map + reach + 1))
        window, most = slice(numbers.start, numbers.stop), norm.k**-norm.beta
        largest = float(maps[window].max()) or 1.0
        top = 2 * max(float(maps[window, row, column].max()), 0.05 * largest)
        seen = self.tracer.seen(self.pictures[picture])
        panel = norm_panel(
            seen, turned[window], normed[window], numbers, map, largest, most, (row, column), top
        )
        told = _at_a_pixel(turned, normed, numbers, map, row, column)
        cells = self._cells(numbers, map, (row, column), maps[map, row, column] / top, turn)
        return Touchable(panel, cells), f"{picture}, {self.data_name}: {told}"

    def _cells(
        self, numbers: range, map: int, at: tuple[int, int], share: Tensor, turn: float
    ) -> list[Cells]:
        """A map, a pixel, and the middle map's bar, whose activity fills a share of its height."""
        count, place, side = len(numbers), numbers.index(map), self.tracer.fields["norm1"].units
        pixel = {"rows": side, "columns": side, "sets": to_place, "at": at}
        high, low = self.controls["turn"].base ** self.controls["turn"].max, 10.0**-1

        def turned(row: int, _column: int) -> dict[str, float]:
            wanted = (1 - row / _BAR_ROWS) / max(float(share), 1e-6)
            return {"turn": min(max(wanted, low), high)}

        height = min(_BAR_ROWS - 1, max(0, round((1 - turn * float(share)) * _BAR_ROWS)))
        return [
            Cells(
                tiles_box(count), 1, count, lambda _, n: {"map": numbers[n]}, (0, place),
                "maps before LRN", "map",
            ),
            Cells(photo_box(), **pixel, words="the picture, by pixels of the maps"),
            Cells(map_box(place, side), **pixel, words=f"map {map} after LRN", turns="map"),
            Cells(
                bar_place(place, count), _BAR_ROWS, 1, turned, (height, 0), f"the bar of map {map}"
            ),
        ]  # fmt: skip

    def maps(self, picture: str) -> Tensor:
        """What the first LRN reads, (C, H, W)."""
        return self.tracer.calls(self.pictures[picture])["norm1"].before[0]

    def seek(self, picture: str, **_: object) -> None:
        """Go to the map with the largest value, where it has it."""
        names = ("map", "row", "column")
        self.set(**dict(zip(names, _strongest(self.maps(picture)), strict=True)))


_BAR_ROWS = 50  # steps of a real map's bar


def _strongest(maps: Tensor) -> tuple[int, int, int]:
    """Map, row and column of the largest value."""
    place = int(maps.argmax())
    return tuple(int(n) for n in torch.unravel_index(torch.tensor(place), maps.shape))


def _number(value: Tensor) -> str:
    """As many digits as one reads."""
    return f"{float(value):,.0f}" if float(value) >= 100 else f"{float(value):.3g}"


def _at_a_pixel(
    before: Tensor, after: Tensor, numbers: range, chosen: int, row: int, column: int
) -> str:
    """What is left of a map and of its neighbours at a pixel."""
    here, left = before[:, row, column], after[:, row, column]

    def tell(i: int) -> str:
        return f"{_number(here[i])} → {_number(left[i])}"

    neighbours = ", ".join(f"map {i} {tell(i)}" for i in numbers if i != chosen)
    is_peak = here[chosen] == before[chosen].max()
    where = f"In row {row}, column {column}" + (", where it is strongest," if is_peak else "")
    if not float(here[chosen]):
        return f"map {chosen}. {where} it is 0. Its neighbours there: {neighbours}."
    return (
        f"map {chosen}. {where} LRN makes {tell(chosen)}, so "
        f"{float(left[chosen] / here[chosen]):.0%} is left. Its neighbours there: {neighbours}."
    )


# --- Seventeen maps at one pixel ------------------------------------------------------------------

MAPS, STRONG, REST = 17, 8, 50.0  # at first the map in the middle is the strong one
TOP, _STEP = 1000, 10  # of an activity


class Bars(NamedTuple):
    """Activities of the maps at one pixel, and the map that the words are about."""

    chosen: int
    activities: tuple[float, ...]

    def turned(self, chosen: int, activity: float) -> "Bars":
        """The same with another map chosen, at that activity."""
        before = self.activities
        return Bars(chosen, (*before[:chosen], float(activity), *before[chosen + 1 :]))


class BarSliders(ipywidgets.VBox):
    """Which map, and how active it is.

    Attributes:
        value: the `Bars`.
    """

    value = traitlets.Any()

    def __init__(self, first: Bars) -> None:
        self.first, self.value = first, first
        self.map = slider("map", 0, len(first.activities) - 1, first.chosen)
        self.activity = slider("its activity", 0, TOP, int(first.activities[first.chosen]), _STEP)
        super().__init__([self.map, self.activity])
        self.map.observe(self._gone, names="value")
        self.activity.observe(self._turned, names="value")
        self.observe(self._set, names="value")

    def reset(self) -> None:
        """Put all bars back."""
        self.value = self.first

    def _gone(self, change: Any) -> None:
        self.value = Bars(change["new"], self.value.activities)

    def _turned(self, change: Any) -> None:
        self.value = self.value.turned(self.value.chosen, change["new"])

    def _set(self, change: Any) -> None:
        bars = change["new"]
        self.map.value = bars.chosen
        self.activity.value = int(bars.activities[bars.chosen])


class Competition(Explorer):
    """Seventeen maps at one pixel, one of them strong; every constant of §3.3 moves.

    Any bar can be dragged.
    """

    pairs = (("maps",),)

    def __init__(self) -> None:
        super().__init__(
            maps=BarSliders(Bars(STRONG, (REST,) * MAPS).turned(STRONG, 300)),
            scale=log_slider("all maps ×", -2, 1, 0),
            size=slider("window size, n", 1, 15, LRN.size, 2),
            k=slider("floor, k", 0.5, 8.0, LRN.k, 0.5),
            alpha=log_slider("their weight, α", -6, -2, -4),
            beta=slider("strength, β", 0.0, 1.5, LRN.beta, 0.05),
        )

    def render(
        self, maps: Bars, scale: float, size: int, k: float, alpha: float, beta: float
    ) -> Shown:
        """Bars before and after, and what became of the chosen map's neighbour."""
        before = scale * torch.tensor(maps.activities, dtype=torch.float64)  # (C,)
        after = local_response_norm(
            before.view(1, -1, 1, 1), size=size, k=k, alpha=alpha, beta=beta
        ).flatten()
        picture = map_bars(before, after, maps.chosen, size, TOP * scale)
        words = _words(before, after, maps.chosen, size // 2)
        return Touchable(picture, [_bar_cells(maps)]), words


def _bar_cells(maps: Bars) -> Cells:
    """A bar goes where the pointer is; beside the chosen one, at its height, it is chosen only."""
    rows = TOP // _STEP
    at = (min(rows - 1, round((TOP - maps.activities[maps.chosen]) / _STEP)), maps.chosen)

    def sets(row: int, column: int) -> dict[str, Bars]:
        if row == at[0] and column != at[1]:  # as an arrow key to the side does
            return {"maps": Bars(column, maps.activities)}
        return {"maps": maps.turned(column, TOP - _STEP * row)}

    return Cells(bars_box(), rows, len(maps.activities), sets, at, "the bars")


def _words(before: Tensor, after: Tensor, chosen: int, reach: int) -> str:
    def tell(i: int) -> str:
        return f"{before[i]:.4g} → {after[i]:.3g}"

    up = chosen + reach + 1 < len(before)  # else the maps below it are told of
    near, far = (chosen + 1, chosen + reach + 1) if up else (chosen - 1, chosen - reach - 1)
    strong = f"Map {chosen}: {tell(chosen)}. "
    if reach == 0:
        return f"{strong}n = 1: each map sees only itself; map {far}: {tell(far)}."
    told = f"{strong}Its neighbour, map {near}: {tell(near)}. "
    if far < 0:
        return f"{told}All maps are in its reach."
    told = f"{told}Map {far}, out of its reach: {tell(far)}. "
    if not (before[near] and before[far]):
        return told.strip()
    pressure = float(after[far] / before[far] / (after[near] / before[near]))
    verdict = f"Beside map {chosen} the same activation comes out {pressure:.2g} times weaker."
    if abs(pressure - 1) < 0.005:
        verdict = "There is no competition: all maps are multiplied by the same number."
    elif pressure < 1:
        verdict = f"Map {chosen} is weaker than the others: its neighbours gain."
    return f"{told}{verdict}"
