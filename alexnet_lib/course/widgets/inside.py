"""Explorers of a trained network: one unit, the maps of a layer, what units answer to (§6.1)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
from PIL import Image
from torch import Tensor, nn

from alexnet_lib.course.figures.pixels import Box, image_view, side_by_side
from alexnet_lib.course.figures.unit import (
    fate,
    few_colours,
    heat_map,
    map_sheet,
    patch_sheet,
    signed,
    unit_panel,
)
from alexnet_lib.course.widgets.core import Explorer, choice, slider
from alexnet_lib.course.widgets.pictures import Album, caption
from alexnet_lib.inspection.search import TopPatches
from alexnet_lib.inspection.units import Tracer, explain_unit

Shown = tuple[Image.Image, str]

_PAD = 7  # buttons along a side of the position pad


def unit_explorer(tracer: Tracer, album: Album, data_name: str) -> Explorer:
    """Follow one unit of any convolution, chosen by sliders or a pad, to the next layer."""
    layers = [name for name, m in tracer.model.named_modules() if isinstance(m, nn.Conv2d)]
    explorer = Explorer(
        partial(render_unit, tracer, album.pictures, data_name),
        picture=album.control(),
        layer=choice("layer", layers),
        map=slider("map", 0, 1, 0),
        row=slider("row", 0, 2, 1),
        column=slider("column", 0, 2, 1),
        channel=slider("channel, by size", 1, 2, 1),
    )
    controls = explorer.controls

    def call() -> Any:
        return tracer.calls(album.pictures[controls["picture"].value])[controls["layer"].value]

    def fit_sliders(_change: Any = None) -> None:
        """Let the sliders end where the layer ends; the place stays where it was in the picture."""
        sizes = (*call().after.shape[1:], call().layer.weight.shape[1] + 1)
        shares = {name: controls[name].value / controls[name].max for name in ("row", "column")}
        for name, size in zip(("map", "row", "column", "channel"), sizes, strict=True):
            controls[name].max = size - 1
        explorer.set(**{name: round(share * controls[name].max) for name, share in shares.items()})

    def seek(by_place: bool) -> None:
        """Go to the strongest other place of this map, or the strongest other map at this place."""
        answers = call().after[0].clone()  # (M, H, W)
        here = (controls["map"].value, controls["row"].value, controls["column"].value)
        answers[here] = float("-inf")
        if by_place:
            row, column = divmod(int(answers[here[0]].argmax()), answers.shape[2])
            explorer.set(row=row, column=column)
        else:
            explorer.set(map=int(answers[:, here[1], here[2]].argmax()))

    def go(i: int, j: int) -> None:
        shares = {"row": i / (_PAD - 1), "column": j / (_PAD - 1)}
        explorer.set(**{name: round(shares[name] * controls[name].max) for name in shares})

    controls["layer"].observe(fit_sliders, names="value")
    fit_sliders()
    controls["map"].value = 3
    seek(by_place=True)
    album.follow(explorer.redraw)
    place = _button("strongest place", "strongest other place of this map", lambda: seek(True))
    other = _button("strongest map", "strongest other map at this place", lambda: seek(False))
    side = ipywidgets.VBox([ipywidgets.Label("click a position"), _pad(go)])
    left = ipywidgets.VBox([explorer.children[0], place, other])
    explorer.children = (ipywidgets.HBox([left, side]), *explorer.children[1:])
    return explorer


def render_unit(
    tracer: Tracer, pictures: Mapping[str, Tensor], data_name: str, state: dict[str, Any]
) -> Shown:
    """Picture and words for `picture`, `layer`, `map`, `row`, `column` and `channel` from 1."""
    layer, picture = state["layer"], pictures[state["picture"]]
    calls = tracer.calls(picture)
    M, H, W = calls[layer].after.shape[1:]
    unit = (min(state["map"], M - 1), min(state["row"], H - 1), min(state["column"], W - 1))
    told = explain_unit(calls, layer, *unit)
    order = told.by_channel.abs().argsort(descending=True, stable=True)
    channel = int(order[min(state["channel"], len(order)) - 1])
    field = tracer.fields[layer]
    rows, columns = field.pixels(unit[1]), field.pixels(unit[2])
    box = Box(rows.start, columns.start, field.size, field.size)
    before, after = calls[layer].before[0], calls[layer].after[0, unit[0]]
    shown = unit_panel(tracer.seen(picture), box, before, after, told, channel)
    return shown, (
        f"{caption(state['picture'], data_name)}: unit ({unit[1]}, {unit[2]}) of map {unit[0]} "
        f"in {layer} looks at rows {rows[0]} to {rows[-1]}, columns {columns[0]} to "
        f"{columns[-1]}. "
        f"{told.products.numel():,} products sum to {signed(told.total)}; channel "
        f"{told.channels[channel]} gives {signed(told.by_channel[channel])} of it. {fate(told)}"
    )


def map_browser(tracer: Tracer, album: Album, data_name: str, layer: str) -> Explorer:
    """All maps of a layer at once; one of them enlarged."""
    with_maps = [
        name
        for name, call in tracer.calls(next(iter(album.pictures.values()))).items()
        if call.after.ndim == 4
    ]
    explorer = Explorer(
        partial(render_maps, tracer, album.pictures, data_name),
        picture=album.control(),
        layer=choice("layer", with_maps, layer),
        map=slider("enlarged map", 0, 1, 0),
    )
    controls = explorer.controls

    def maps() -> Tensor:
        picture = album.pictures[controls["picture"].value]
        return tracer.calls(picture)[controls["layer"].value].after[0]

    def fit_slider(_change: Any = None) -> None:
        controls["map"].max = len(maps()) - 1

    def strongest() -> None:
        peaks = maps().amax((1, 2)).clone()
        peaks[controls["map"].value] = float("-inf")
        explorer.set(map=int(peaks.argmax()))

    controls["layer"].observe(fit_slider, names="value")
    fit_slider()
    strongest()
    album.follow(explorer.redraw)
    button = _button("strongest map", "the other map with the largest value", strongest)
    explorer.children = (explorer.children[0], button, *explorer.children[1:])
    return explorer


def render_maps(
    tracer: Tracer, pictures: Mapping[str, Tensor], data_name: str, state: dict[str, Any]
) -> Shown:
    """Picture and words for `picture`, `layer` and `map`."""
    picture, layer = pictures[state["picture"]], state["layer"]
    maps = tracer.calls(picture)[layer].after[0]  # (M, h, w)
    chosen = min(state["map"], len(maps) - 1)
    own, peak = maps[chosen], int(maps[chosen].argmax())
    row, column = peak // own.shape[1], peak % own.shape[1]
    field = tracer.fields[layer]
    box = Box(field.pixels(row).start, field.pixels(column).start, field.size, field.size)
    seen = tracer.seen(picture)
    right = Image.new("RGB", (292, 600), "white")
    right.paste(image_view(seen, 0, 0, seen.shape[-1], 288, [box]), (2, 0))
    right.paste("#bebebe", (0, 302, 292, 594))
    right.paste(heat_map(own, 288, [Box(row, column, 1, 1)]), (2, 304))
    titles = (f"the {len(maps)} maps of {layer}", f"map {chosen}, where it peaks")
    busy, silent = float((maps != 0).float().mean()), int((maps <= 0).flatten(1).all(1).sum())
    shown = side_by_side(titles, (map_sheet(maps, chosen), right))
    return few_colours(shown), (
        f"{caption(state['picture'], data_name)}: {layer} has {len(maps)} maps of {own.shape[0]}×"
        f"{own.shape[1]}; {busy:.0%} of the values are not 0, {silent or 'no'} maps are silent. "
        f"Map {chosen} is largest, {float(own.max()):.3g}, at ({row}, {column}), which looks at "
        f"{field.size}×{field.size} pixels."
    )


def patch_browser(
    pictures: Tensor, found: Mapping[str, TopPatches], names: list[str], data_name: str
) -> Explorer:
    """The patches that each map of some layers answers most.

    Args:
        found: by layer, of these pictures.
        names: class of each picture.
    Shape:
        pictures: (N, 3, s, s) uint8, as the network sees them
    """
    explorer = Explorer(
        partial(render_patches, pictures, found, names, data_name),
        layer=choice("layer", list(found)),
        map=slider("map", 0, len(next(iter(found.values())).images) - 1, 0),
    )

    def fit_slider(change: Any) -> None:
        explorer.controls["map"].max = len(found[change["new"]].images) - 1

    explorer.controls["layer"].observe(fit_slider, names="value")
    return explorer


def render_patches(
    pictures: Tensor,
    found: Mapping[str, TopPatches],
    names: list[str],
    data_name: str,
    state: dict[str, Any],
) -> Shown:
    """Picture and words for `layer` and `map`."""
    patches = found[state["layer"]]
    chosen = min(state["map"], len(patches.images) - 1)
    numbers = patches.images[chosen]
    values = patches.values[chosen]
    kinds = [names[number] for number in numbers.tolist()]
    most = max(sorted(set(kinds)), key=kinds.count)
    sheet = patch_sheet(pictures[numbers], patches.boxes[chosen], values, columns=len(numbers))
    return few_colours(sheet), (
        f"{data_name}: map {chosen} of {state['layer']} answers these {len(numbers)} patches of "
        f"{len(pictures):,} pictures most, from {values[0]:.3g} to {values[-1]:.3g}. Classes: "
        f"{', '.join(kinds)}; most often {most} ({kinds.count(most)})."
    )


def _pad(go: Any) -> ipywidgets.GridBox:
    """Buttons in a square, from the first to the last position of a map."""
    cell = ipywidgets.Layout(width="26px", height="26px", margin="1px", padding="0")
    buttons = []
    for i in range(_PAD):
        for j in range(_PAD):
            words = f"position {i + 1} of {_PAD} down, {j + 1} of {_PAD} across"
            buttons.append(_button("", words, partial(go, i, j), cell))
    columns = ipywidgets.Layout(grid_template_columns=f"repeat({_PAD}, 28px)")
    return ipywidgets.GridBox(buttons, layout=columns)


def _button(label: str, tooltip: str, do: Any, layout: Any = None) -> ipywidgets.Button:
    button = ipywidgets.Button(description=label, tooltip=tooltip, layout=layout or {})
    button.on_click(lambda _: do())
    return button
