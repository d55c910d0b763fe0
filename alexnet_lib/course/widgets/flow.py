"""The flow view: a picture through the network, block by block, and what a change does (§3.5)."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from alexnet_lib.course.figures.flow import (
    Told,
    block_cells,
    broken_view,
    flow_view,
    network_view,
    photo_box,
)
from alexnet_lib.course.figures.near import Near, shown_maps, window_view
from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.figures.style import smaller_png
from alexnet_lib.course.flow import (
    BLOCKS,
    Cost,
    Edits,
    Flow,
    Passed,
    Start,
    code_of,
    costs,
    edit,
    edited,
    edited_values,
    knobs,
)
from alexnet_lib.course.widgets.core import Explorer, Shown, Touchable, choice, slider, to_png
from alexnet_lib.course.widgets.page import Bundle, still_image
from alexnet_lib.course.widgets.pointing import Cells, middles
from alexnet_lib.inspection.units import ReceptiveField
from alexnet_lib.paper.network import PRESETS
from alexnet_lib.training.checkpoint import TrainedNetwork

PAPER = "the paper's"

MIDDLE = (0.5, 0.5)

_KNOBS = {"width": "maps", "kernel": "window", "stride": "step", "groups": "groups"}

_STILL_COLOURS = 32  # a photograph and 24 maps have to fit into the notebook's file

_WIDTHS = {"fc": "units", "im": "side (px)"}  # what a block's width is called; else maps

_RANGES = {  # by the start of a block's name: knob -> low, high, step
    "im": {"width": (16, 256, 1)},
    "co": {"width": (8, 512, 8), "kernel": (1, 13, 2), "stride": (1, 8, 1), "groups": (1, 4, 1)},
    "po": {"kernel": (1, 5, 1), "stride": (1, 5, 1)},
    "fc": {"width": (8, 8192, 8)},
}


class FlowExplorer(Explorer):
    """Point at a block: its maps, its costs, its window on the picture, its lines of code.

    Four sliders change the chosen block; all that comes after it is computed anew.

    Args:
        picture: (3, H, W) uint8.
        trained: networks to choose besides the paper's, whose weights are the first ones; by name.
            Each is an AlexNet.
    """

    pairs = (("network", "block"),)
    touched: Mapping[str, Any] = {"edits": (), "at": MIDDLE}

    def __init__(
        self, picture: Tensor, trained: Mapping[str, TrainedNetwork] | None = None
    ) -> None:
        grey, one = torch.full((3, 1, 1), 128.0), torch.ones(3, 1, 1)
        starts = {PAPER: Start(PRESETS["paper"], {}, grey, one)}
        starts |= {name: _start(network) for name, network in (trained or {}).items()}
        self.flow, self._is_showing = Flow(picture, starts), False
        self._above: dict[Any, Any] = {}  # the last network's drawing
        self.knobs = {name: slider(label, 1, 512, 1) for name, label in _KNOBS.items()}
        for name, knob in self.knobs.items():
            knob.layout.flex = "1 1 276px"
            knob.observe(partial(self._turned, name), names="value")
        super().__init__(
            *self.knobs.values(),
            network=choice("network", list(starts)),
            block=choice("block", list(BLOCKS), "conv1"),
        )

    def render(
        self,
        network: str,
        block: str,
        edits: Edits = (),
        at: tuple[float, float] = MIDDLE,
        timed: bool = True,
    ) -> Shown:
        """The network to scale, and the chosen block from near.

        Args:
            edits: see `course.flow`. at: the unit's row and column as shares of the map's side.
            timed: tell the time that was measured, too.
        """
        start = self.flow.starts[network]
        config, broken = edited(start.config, edits)
        pixels, title = (
            self.flow.pixels(config.input_size),
            f"{network}, {config.input_size} pixels",
        )
        place = (0, BLOCKS.index(block))
        blocks = Cells(block_cells(), 1, len(BLOCKS), _to_block, place, f"the blocks, now {block}")
        if broken:
            picture = broken_view(config, pixels, title, block, broken)
            words = f"Not possible, {broken.block} breaks: {broken.reason}{_changes(edits)}"
            return Touchable(picture, [blocks]), words
        told = Told(costs(config), costs(start.config), title)
        passed, cost = self.flow.through(network, edits, block), told.now[block]
        field = _field(block, cost)
        unit = tuple(min(field.units - 1, int(share * field.units)) for share in at)
        near = Near(
            pixels, _window(field, unit, config.input_size), passed.output, unit,
            f"{block}: {_what(passed)}", _table(told.now, block, passed, timed), code_of(block),
        )  # fmt: skip
        cells = [blocks, _unit_cells(field, unit, config.input_size, near.window)]
        words = f"{_told_block(block, near)} {_told_unit(field, unit)} {_told_sums(told)}"
        if (network, edits) not in self._above:
            self._above = {(network, edits): network_view(config, pixels, told)}
        picture = flow_view(self._above[network, edits], block, near)
        return Touchable(picture, cells), words + _changes(edits)

    def redraw(self) -> None:
        """Draw the current state, with sliders that stand where the chosen block stands."""
        state = self.state
        config = self.flow.starts[state["network"]].config
        standing = knobs(edited_values(config, state["edits"]), state["block"])
        kind = state["block"][:2]
        self._is_showing = True
        for name, knob in self.knobs.items():
            knob.layout.display = None if name in standing else "none"
            if name in standing:
                _put(knob, *_RANGES[kind][name], standing[name])
        self.knobs["width"].description = _WIDTHS.get(kind, "maps")
        self._is_showing = False
        super().redraw()

    def still(self) -> Bundle:
        """Without the time, which holds for this machine alone; in few colours."""
        (picture, _), words = self.render(**self.state, timed=False)
        return still_image(smaller_png(to_png(picture), _STILL_COLOURS), words)

    def _turned(self, knob: str, change: Any) -> None:
        """Change the chosen block."""
        if not self._is_showing:
            state = self.state
            config = self.flow.starts[state["network"]].config
            self.set(edits=edit(state["edits"], config, state["block"], knob, change["new"]))


def _put(knob: ipywidgets.IntSlider, low: int, high: int, step: int, value: int) -> None:
    # A slider cuts its value at its ends: these are moved out of the way first.
    knob.min, knob.max = min(low, value, knob.min), max(high, value, knob.max)
    knob.value, knob.step = value, step
    knob.min, knob.max = min(low, value), max(high, value)


def _start(network: TrainedNetwork) -> Start:
    weights = {name: value.detach() for name, value in network.model.state_dict().items()}
    mean = network.preprocessing.mean.mean((1, 2), keepdim=True)  # its mean colour: for any size
    return Start(network.model.config, weights, mean, network.preprocessing.scale)


def _to_block(_row: int, column: int) -> dict[str, str]:
    return {"block": BLOCKS[column]}


# --- What one unit sees ---------------------------------------------------------------------------


def _field(block: str, cost: Cost) -> ReceptiveField:
    units = cost.shape[-1] if len(cost.shape) == 3 else 1
    if cost.last is None:
        return ReceptiveField(block, units, 1, 1, 0)
    row = cost.last
    return ReceptiveField(block, units, row.receptive_field, row.jump, row.start)


def _window(field: ReceptiveField, unit: tuple[int, int], side: int) -> Box:
    """The unit's window, cut to what is drawn of the picture and of the zeros around it."""
    starts = [field.pixels(place).start for place in unit]
    reach = min(side // 6, max(0, *(-s for s in starts), *(s + field.size - side for s in starts)))
    ends = [(max(s, -reach), min(s + field.size, side + reach)) for s in starts]
    (top, bottom), (left, right) = ends
    return Box(top, left, bottom - top, right - left)


def _unit_cells(field: ReceptiveField, unit: tuple[int, int], side: int, window: Box) -> Cells:
    """The units on the picture, each around the middle of its window."""
    top, _, shown = window_view(side, window)
    photo = photo_box()
    scale = photo.width / shown
    box = middles(photo, scale, field.start - top, field.size, field.jump, field.units)

    def to_unit(row: int, column: int) -> dict[str, tuple[float, float]]:
        return {"at": ((row + 0.5) / field.units, (column + 0.5) / field.units)}

    return Cells(box, field.units, field.units, to_unit, unit, f"the units of {field.name}")


# --- Words ----------------------------------------------------------------------------------------


def _what(passed: Passed) -> str:
    """What is shown of an output."""
    made = "trained" if passed.is_trained else "first weights"
    if passed.output.ndim == 1:
        return f"{len(passed.output):,} units, {made}"
    count, shown = len(passed.output), len(shown_maps(passed.output))
    if count <= 3:
        return "red, green, blue, centred"
    return f"the {shown} strongest of {count} maps, {made}"


def _table(
    now: Mapping[str, Cost], block: str, passed: Passed, timed: bool
) -> list[tuple[str, str]]:
    cost, row = now[block], now[block].last
    lines = [("output", "×".join(map(str, cost.shape)))]
    for column, name in (("parameters", "parameters"), ("macs", "multiply-adds")):
        value = getattr(cost, column)
        share = f" ({value / _sum(now, column):.1%})" if value else ""
        lines.append((name, f"{value:,}{share}"))
    lines += [
        ("weights", f"{4 * cost.parameters / 1e6:.2f} MB"),
        ("its output", f"{cost.bytes / 1e6:.2f} MB"),
        ("one unit sees", f"{row.receptive_field}×{row.receptive_field} px" if row else "1×1 px"),
    ]
    if timed and block != "image":
        drawn = math.isnan(passed.seconds)  # of units alone, for speed
        told = "not run" if drawn else f"{1000 * passed.seconds:.1f} ms here, one picture"
        lines.append(("time", told))
    return lines


def _told_block(block: str, near: Near) -> str:
    told = ", ".join(f"{name} {value}" for name, value in near.table)
    return f"{near.title}. {told[0].upper()}{told[1:]}."


def _told_unit(field: ReceptiveField, unit: tuple[int, int]) -> str:
    rows, columns = (field.pixels(place) for place in unit)
    return (
        f"Unit ({unit[0]}, {unit[1]}) of {field.units}×{field.units} sees rows {rows[0]} to "
        f"{rows[-1]}, columns {columns[0]} to {columns[-1]}."
    )


def _told_sums(told: Told) -> str:
    parts = []
    for column, name in (("parameters", "parameters"), ("macs", "multiply-adds")):
        now, before = _sum(told.now, column), _sum(told.before, column)
        times = "" if now == before else f" ({now / before:.2f} of before)"
        parts.append(f"{now:,} {name}{times}")
    return f"The whole: {', '.join(parts)}."


def _sum(now: Mapping[str, Cost], column: str) -> int:
    return sum(getattr(cost, column) for cost in now.values())


def _changes(edits: Edits) -> str:
    told = ", ".join(f"{block} {knob} {value}" for block, knob, value in edits)
    return f" Changed: {told}." if told else ""
