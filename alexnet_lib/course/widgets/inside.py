"""Explorers of a trained network: one unit, the maps of a layer, what units answer to (§6.1)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets
import torch
from PIL import Image
from torch import Tensor, nn

from alexnet_lib.course.figures.pixels import (
    Box,
    box_in_row,
    few_colours,
    image_view,
    side_by_side,
)
from alexnet_lib.course.figures.unit import (
    UnitPanel,
    fate,
    heat_map,
    map_sheet,
    patch_sheet,
    sheet_grid,
    signed,
    unit_panel,
)
from alexnet_lib.course.widgets.core import (
    Ends,
    Explorer,
    Shown,
    Touchable,
    choice,
    player,
    slider,
)
from alexnet_lib.course.widgets.pictures import Album, caption
from alexnet_lib.course.widgets.pointing import Cells, middles, to_place
from alexnet_lib.inspection.ascent import Film, unit_film
from alexnet_lib.inspection.search import TopPatches
from alexnet_lib.inspection.tracing import Call
from alexnet_lib.inspection.units import Tracer, UnitExplanation, explain_unit


class UnitExplorer(Explorer):
    """Follow one unit of any convolution to the next layer: point at a layer, a picture, a map."""

    pairs = (("row", "column"), ("picture", "layer"), ("layer", "map"))
    keep_share = ("row", "column")  # in another layer, the place in the picture is the same

    def __init__(self, tracer: Tracer, album: Album, data_name: str) -> None:
        self.tracer, self.album, self.data_name = tracer, album, data_name
        self.to_place = self.button(
            "strongest place", "strongest other place of this map", self.seek_place
        )
        self.to_map = self.button(
            "strongest map", "strongest other map at this place", self.seek_map
        )
        modules = tracer.model.named_modules()
        self.convolutions = [n for n, m in modules if isinstance(m, nn.Conv2d)]
        super().__init__(
            ipywidgets.VBox([self.to_place, self.to_map]),
            picture=album.control(),
            layer=choice("layer", self.convolutions),
            map=slider("map", 0, 3, 3),
            row=slider("row", 0, 2, 1),
            column=slider("column", 0, 2, 1),
            channel=slider("channel, by size", 1, 2, 1),
        )
        self.seek_place(**self.state)
        self.first = self.state
        album.follow(self)

    def limits(self, picture: str, layer: str, **_: Any) -> Ends:
        """The layer's last map, row, column and channel."""
        call = self.tracer.calls(self.album.pictures[picture])[layer]
        M, H, W = call.after.shape[1:]
        return {"map": M - 1, "row": H - 1, "column": W - 1, "channel": call.layer.weight.shape[1]}

    def render(
        self, picture: str, layer: str, map: int, row: int, column: int, channel: int
    ) -> Shown:
        """The unit taken apart; `channel` counts from 1, the one that gives most."""
        pixels = self.album.pictures[picture]
        calls, field = self.tracer.calls(pixels), self.tracer.fields[layer]
        told = explain_unit(calls, layer, map, row, column)
        order = told.by_channel.abs().argsort(descending=True, stable=True)
        shown = int(order[channel - 1])
        rows, columns = field.pixels(row), field.pixels(column)
        box = Box(rows.start, columns.start, field.size, field.size)
        panel = unit_panel(
            self.tracer.seen(pixels),
            box,
            calls[layer].before[0],
            calls[layer].after[0, map],
            told,
            shown,
            {name: calls[name].after[0] for name in self.convolutions},
        )
        return Touchable(panel.drawn, self._cells(panel, calls[layer], told, order.tolist())), (
            f"{caption(picture, self.data_name)}: unit ({row}, {column}) of map {map} in {layer} "
            f"looks at rows {rows[0]} to {rows[-1]}, columns {columns[0]} to {columns[-1]}. "
            f"{told.products.numel():,} products sum to {signed(told.total)}; channel "
            f"{told.channels[shown]} gives {signed(told.by_channel[shown])} of it. {fate(told)}"
        )

    def _cells(
        self, panel: UnitPanel, call: Call, told: UnitExplanation, order: list[int]
    ) -> list[Cells]:
        """A layer, a unit by what it sees, reads or is, and a channel can be pointed at."""
        names, layer, (M, H, W) = self.convolutions, told.layer, call.after.shape[1:]
        at, field = (told.unit.row, told.unit.column), self.tracer.fields[layer]
        k, s, p = (getattr(call.layer, n)[0] for n in ("kernel_size", "stride", "padding"))
        pixel, read = (
            panel.seen.width / self.tracer.scale.size,
            panel.before.width / call.before.shape[-1],
        )
        unit = {"rows": H, "columns": W, "sets": to_place}
        return [
            Cells(
                panel.layers, 1, len(names), lambda _, n: {"layer": names[n]},
                (0, names.index(layer)), "layers",
            ),
            # a unit's cell is around the middle of what it sees, as wide as the step to the next
            Cells(
                middles(panel.seen, pixel, field.start, field.size, field.jump, H), **unit, at=at,
                words="the picture, by what units see",
            ),
            Cells(
                middles(panel.before, read, -p, k, s, H), **unit, at=at, turns="channel",
                words="a map of the input, by what units read",
            ),
            Cells(panel.after, **unit, at=at, turns="map", words=f"map {told.unit.map} of {M}"),
            Cells(
                panel.bars, 1, len(order), lambda _, n: {"channel": order.index(n) + 1},
                words="sums by channel",
            ),
        ]  # fmt: skip

    def seek_place(self, map: int, **others: Any) -> None:
        """Go to the strongest other place of this map."""
        answers = self._rivals(map=map, **others)[map]  # (H, W)
        row, column = divmod(int(answers.argmax()), answers.shape[1])
        self.set(row=row, column=column)

    def seek_map(self, row: int, column: int, **others: Any) -> None:
        """Go to the strongest other map at this place."""
        answers = self._rivals(row=row, column=column, **others)[:, row, column]  # (M,)
        self.set(map=int(answers.argmax()))

    def _rivals(
        self, picture: str, layer: str, map: int, row: int, column: int, channel: int
    ) -> Tensor:
        """Answers of the layer's units, (M, H, W); the chosen one is out of the race."""
        answers = self.tracer.calls(self.album.pictures[picture])[layer].after[0].clone()
        answers[map, row, column] = float("-inf")
        return answers


class MapBrowser(Explorer):
    """All maps of a layer at once; one of them enlarged."""

    pairs = (("layer", "map"),)

    def __init__(self, tracer: Tracer, album: Album, data_name: str, layer: str) -> None:
        self.tracer, self.album, self.data_name = tracer, album, data_name
        self.strongest = self.button(
            "strongest map", "the other map with the largest value", self.seek
        )
        calls = tracer.calls(next(iter(album.pictures.values())))
        with_maps = [name for name, call in calls.items() if call.after.ndim == 4]
        super().__init__(
            self.strongest,
            picture=album.control(),
            layer=choice("layer", with_maps, layer),
            map=slider("enlarged map", 0, 1, 0),
        )
        self.seek(**self.state)
        self.first = self.state
        album.follow(self)

    def limits(self, picture: str, layer: str, **_: Any) -> Ends:
        """The layer's last map."""
        return {"map": len(self.maps(picture, layer)) - 1}

    def render(self, picture: str, layer: str, map: int) -> Shown:
        """All maps, and of one of them where it peaks and what it looks at there."""
        maps, field = self.maps(picture, layer), self.tracer.fields[layer]
        own, peak = maps[map], int(maps[map].argmax())
        row, column = divmod(peak, own.shape[1])
        box = Box(field.pixels(row).start, field.pixels(column).start, field.size, field.size)
        seen = self.tracer.seen(self.album.pictures[picture])
        right = Image.new("RGB", (292, 600), "white")
        right.paste(image_view(seen, 0, 0, seen.shape[-1], 288, [box]), (2, 0))
        right.paste("#bebebe", (0, 302, 292, 594))  # a frame around the map
        right.paste(heat_map(own, 288, [Box(row, column, 1, 1)]), (2, 304))
        titles = (f"the {len(maps)} maps of {layer}", f"map {map}, where it peaks")
        busy, silent = float((maps != 0).float().mean()), int((maps == 0).flatten(1).all(1).sum())
        parts, (down, across) = (map_sheet(maps, map), right), sheet_grid(len(maps))
        cells = Cells(
            box_in_row(titles, parts, 0), down, across,
            lambda row, column: {"map": min(row * across + column, len(maps) - 1)},
            divmod(map, across), f"the maps of {layer}", "map",
        )  # fmt: skip
        return Touchable(few_colours(side_by_side(titles, parts)), [cells]), (
            f"{caption(picture, self.data_name)}: {layer} has {len(maps)} maps of {own.shape[0]}×"
            f"{own.shape[1]}; {busy:.0%} of the values are not 0, {silent or 'no'} maps are "
            f"0 everywhere. {_peak(maps, map)} at ({row}, {column}), which looks at "
            f"{field.size}×{field.size} pixels."
        )

    def maps(self, picture: str, layer: str) -> Tensor:
        """What a layer makes of a picture, (M, H, W)."""
        return self.tracer.calls(self.album.pictures[picture])[layer].after[0]

    def seek(self, picture: str, layer: str, map: int) -> None:
        """Go to the other map with the largest value."""
        peaks = self.maps(picture, layer).amax((1, 2)).clone()  # (M,)
        peaks[map] = float("-inf")
        self.set(map=int(peaks.argmax()))


def _peak(maps: Tensor, chosen: int) -> str:
    """The largest value of a map, and whose is the largest of the layer."""
    peaks = maps.amax((1, 2))  # (M,)
    best, own = int(peaks.argmax()), float(peaks[chosen])
    if own == float(peaks[best]):
        return f"Map {chosen} has the largest value of all maps, {own:.3g},"
    other = f"map {best} has the largest of all, {float(peaks[best]):.3g}"
    return f"The largest value of map {chosen} is {own:.3g} ({other}),"


class PatchBrowser(Explorer):
    """The patches that each map of some layers answers most, beside a picture made for the map.

    Args:
        found: by layer, of these pictures.
        names: class of each picture.
        tracer: of the network; None: no picture is made.
    Shape:
        pictures: (N, 3, s, s) uint8, as the network sees them
    """

    def __init__(
        self,
        pictures: Tensor,
        found: Mapping[str, TopPatches],
        names: list[str],
        data_name: str,
        tracer: Tracer | None = None,
    ) -> None:
        self.pictures, self.found, self.names, self.data_name = pictures, found, names, data_name
        self.tracer, self._made = tracer, lru_cache(_KEPT)(self._film)
        made = slider("the made one's frame", 0, _FRAMES - 1, _FRAMES - 1)
        more = {"frame": made} if tracer else {}
        super().__init__(
            *([player(made, _FRAME_MS)] if tracer else []),
            layer=choice("layer", list(found)),
            map=slider("map", 0, 1, 0),
            **more,
        )

    def limits(self, layer: str, **_: Any) -> Ends:
        """The layer's last map."""
        return {"map": len(self.found[layer].images) - 1}

    def render(self, layer: str, map: int, frame: int = 0) -> Shown:
        """The patches of one map, the classes they are from, and the picture made for it."""
        patches = self.found[layer]
        numbers, values = patches.images[map], patches.values[map]
        kinds = [self.names[number] for number in numbers.tolist()]
        most = max(sorted(set(kinds)), key=kinds.count)
        sheet = patch_sheet(
            self.pictures[numbers], patches.boxes[map], values, columns=len(numbers)
        )
        words = (
            f"{self.data_name}: map {map} of {layer} answers these {len(numbers)} patches of "
            f"{len(self.pictures):,} pictures most, from {values[0]:.3g} to {values[-1]:.3g}. "
            f"Classes: {', '.join(kinds)}; most often {most} ({kinds.count(most)})."
        )
        if self.tracer is None:
            return few_colours(sheet), words
        film, box = self._made(layer, map)
        step, value, first = film.steps[frame], film.values[frame, 0], film.values[0, 0]
        side = max(box.height, box.width)
        made = image_view(film.pixels[frame, 0], box.top, box.left, side, sheet.height - 40)
        titles = (f"what map {map} of {layer} answers most", f"made for it: step {step}")
        return few_colours(side_by_side(titles, (sheet, made))), (
            f"{words} The picture beside them was noise, changed until the map's middle unit "
            f"answers: its sum is {signed(value)} after {step} steps, {signed(first)} at first."
        )

    def _film(self, layer: str, map: int) -> tuple[Film, Box]:
        """A picture made for the map's middle unit, and the part of it that the unit sees."""
        tracer, sums = self.tracer, _sums_of(self.tracer, layer)
        field, size = tracer.fields[sums], tracer.scale.size
        middle, dice = field.units // 2, torch.Generator().manual_seed(0)
        unit = (map, middle, middle) if field.units > 1 else (map,)
        film = unit_film(tracer.model, tracer.scale, sums, unit, dice, frames=_FRAMES)
        top, left, bottom, right = field.box(middle, middle, size)
        return film, Box(top, left, bottom - top, right - left)


_FRAMES, _KEPT, _FRAME_MS = 9, 32, 250  # of a made picture; films kept; pace


def _sums_of(tracer: Tracer, layer: str) -> str:
    """The layer that makes what a ReLU reads: below 0 a ReLU has no gradient to climb."""
    names = list(tracer.fields)
    is_relu = isinstance(tracer.model.get_submodule(layer), nn.ReLU)
    return names[names.index(layer) - 1] if is_relu else layer
