"""One unit at work, and the maps of a whole layer, drawn fast enough for an explorer (§6.1)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import matplotlib
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import (
    CELL,
    Box,
    few_colours,
    image_view,
    number_grid,
    text_font,
)
from alexnet_lib.course.figures.style import BLUE, DIVERGING, GREY, INK, PALE, RED, YELLOW
from alexnet_lib.inspection.units import UnitExplanation

_SIDE, _GAP, _LINE = 264, 24, 30  # a panel, between panels, and the height of a title
WIDTH = 4 * _SIDE + 3 * _GAP
_SMALL = 84  # a map in the strip of layers
_NUMBERS = 5  # along the side of a window whose numbers fit


def heat_map(values: Tensor, side: int, boxes: Sequence[Box] = ()) -> Image.Image:
    """A map in colour: blue below 0, white at 0, red above.

    Shape:
        values: (H, W) -> picture of side × side pixels
    """
    return image_view(colours(values).permute(2, 0, 1), 0, 0, values.shape[-1], side, boxes)


def colours(values: Tensor, largest: float | None = None) -> Tensor:
    """Blue below 0, white at 0, red above, scaled by the largest magnitude.

    Shape:
        values: (…) -> (…, 3) uint8
    """
    largest = float(values.abs().max()) if largest is None else largest
    scaled = 0.5 + 0.5 * values.detach() / (largest or 1.0)
    return _shades()[(256 * scaled.nan_to_num()).int().clamp(0, 255)]


@lru_cache
def _shades() -> Tensor:
    """The 256 colours, (256, 3) uint8: a look into them is ten times as fast as matplotlib's."""
    shades = matplotlib.colormaps[DIVERGING](range(256), bytes=True)  # (256, 4)
    return torch.from_numpy(shades[:, :3])


def bars(values: Tensor, marked: int, width: int, height: int) -> Image.Image:
    """One bar a channel, up where it adds and down where it takes away; one is marked.

    Shape:
        values: (C,)
    """
    picture = Image.new("RGB", (width, height), "white")
    draw, largest = ImageDraw.Draw(picture), float(values.abs().max()) or 1.0
    step, middle = width / len(values), height // 2
    for channel, value in enumerate(values.tolist()):
        x, y = channel * step, middle - value / largest * (middle - 16)
        far = x + max(1.0, 0.8 * step)
        if channel == marked:
            draw.rectangle((x - 2, 0, far + 2, height), PALE)
        draw.rectangle((x, min(y, middle), far, max(y, middle)), RED if value > 0 else BLUE)
    draw.line((0, middle, width, middle), GREY, 1)
    draw.text((2, 0), signed(largest), INK, text_font(16))
    draw.text((2, height - 16), signed(-largest), INK, text_font(16))
    return picture


def chain(steps: Sequence[tuple[str, str]], width: int = WIDTH) -> Image.Image:
    """Boxes with a value and what made it, joined by arrows."""
    picture = Image.new("RGB", (width, 92), "white")
    draw, each = ImageDraw.Draw(picture), (width + _GAP) // len(steps)
    for number, (title, value) in enumerate(steps):
        x, far = number * each, (number + 1) * each - _GAP
        draw.rectangle((x, 4, far, 86), outline=GREY, width=2)
        if text_font(16).getlength(title) > far - x - 8:
            title = title.replace(" ", "\n") if title.count(" ") < 2 else title.replace(", ", ",\n")
        draw.multiline_text(
            ((x + far) // 2, 24), title, INK, text_font(16), "mm", align="center", spacing=1
        )
        size = 22 if len(value) < 9 else 16
        draw.multiline_text(
            ((x + far) // 2, 63), value, INK, text_font(size, bold=True), "mm", align="center"
        )
        if number < len(steps) - 1:
            draw.line((far + 3, 45, far + _GAP - 4, 45), INK, 3)
            draw.polygon([(far + _GAP - 2, 45), (far + 12, 38), (far + 12, 52)], INK)
    return picture


def layer_strip(maps: Mapping[str, Tensor], chosen: str) -> Image.Image:
    """The strongest map of every layer in a row of equal cells, the chosen layer framed.

    Shape:
        maps: (M, H, W) each, by name of the layer
    """
    strip, each = Image.new("RGB", (WIDTH, _SMALL + 8), "white"), WIDTH // len(maps)
    draw, side = ImageDraw.Draw(strip), min(_SMALL, each - 8)
    for number, (name, found) in enumerate(maps.items()):
        x, strongest = number * each, found[found.flatten(1).amax(1).argmax()]
        strip.paste(heat_map(strongest, side), (x + 4, 4))
        draw.rectangle((x + 3, 3, x + side + 4, side + 4), outline=GREY)
        if each > _SMALL + 60:  # of many layers only the maps fit
            words = f"{name}\n{len(found)} maps\n{found.shape[1]}×{found.shape[2]}"
            draw.multiline_text((x + _SMALL + 12, 12), words, INK, text_font(16), spacing=6)
        if name == chosen:
            draw.rectangle((x, 0, x + each - 4, _SMALL + 7), outline=YELLOW, width=3)
    return strip


class UnitPanel(NamedTuple):
    """A picture of one unit at work, and where its parts are that can be pointed at.

    Args:
        layers: the strip of layers. seen: the picture. before, after: a map that it reads, its own.
        bars: the sums by channel.
    """

    drawn: Image.Image
    layers: Box
    seen: Box
    before: Box
    after: Box
    bars: Box


def unit_panel(
    picture: Tensor,
    field: Box,
    before: Tensor,
    after: Tensor,
    told: UnitExplanation,
    channel: int,
    layers: Mapping[str, Tensor],
) -> UnitPanel:
    """All of one unit: where it looks, its window in one channel, all channels, what follows.

    Args:
        field: what it sees of the picture.
        channel: of the window, counted within the unit's group.
        layers: (M, H, W) maps of every layer, by name.
    Shape:
        picture: (3, s, s) uint8, before: (C, H, W) maps that it reads, after: (H', W') its map
    """
    k, unit, size = told.window.shape[-1], told.unit, picture.shape[-1]
    row = torch.stack([told.window[channel], told.weight[channel], told.products[channel]])
    numbers = [_small_map(values) for values in _rounded(row)]
    first = _SMALL + 16  # below the strip of layers
    height = first + 2 * _LINE + _SIDE + numbers[0].height + 110
    canvas = Image.new("RGB", (WIDTH, height), "white")
    canvas.paste(layer_strip(layers, told.layer), (0, 0))
    window, name = Box(told.top, told.left, k, k), told.channels[channel]
    top = {
        "what the network sees": image_view(picture, 0, 0, size, _SIDE, [field]),
        "the framed pixels": image_view(picture, field.top, field.left, field.height, _SIDE),
        f"channel {name} of its input": heat_map(before[name], _SIDE, [window]),
        f"map {unit.map} of {told.layer}": heat_map(
            after, _SIDE, [Box(unit.row, unit.column, 1, 1)]
        ),
    }
    for number, (title, part) in enumerate(top.items()):
        edge = (0, 0, part.width - 1, part.height - 1)
        ImageDraw.Draw(part).rectangle(edge, outline=GREY)  # a white part has an end, too
        _put(canvas, number * (_SIDE + _GAP), first, title, part)
    y = first + _LINE + _SIDE + 6
    titles = ("window", "× kernel", f"= products: {signed(told.by_channel[channel])}")
    x = 0
    for title, part in zip(titles, numbers, strict=True):
        _put(canvas, x, y, title, part)
        x += max(part.width, round(text_font(17, bold=True).getlength(title))) + _GAP
    sums = bars(told.by_channel, channel, WIDTH - x, numbers[0].height)
    _put(canvas, x, y, f"sums of all {len(told.channels)} channels it reads", sums)
    canvas.paste(chain(unit_steps(told)), (0, canvas.height - 96))
    seen, _, read, own = (
        Box(first + _LINE, number * (_SIDE + _GAP), _SIDE, _SIDE) for number in range(len(top))
    )
    strip = Box(0, 0, _SMALL + 8, WIDTH // len(layers) * len(layers))
    bars_box = Box(y + _LINE, x, sums.height, sums.width)
    return UnitPanel(few_colours(canvas), strip, seen, read, own, bars_box)


def _small_map(values: Tensor) -> Image.Image:
    """A window as numbers in cells; a large one as a map."""
    if values.shape[-1] <= _NUMBERS:
        return number_grid(values, grey=False)
    return heat_map(values, _NUMBERS * CELL)


def unit_steps(told: UnitExplanation) -> list[tuple[str, str]]:
    """Title and value of each step from the sum of products to the next layer."""
    steps = [
        ("all products", signed(told.total)),
        ("+ bias", signed(told.bias)),
        (f"= {told.layer}", signed(told.output)),
    ]
    steps += [(stage.layer, signed(stage.value)) for stage in told.stages]
    if whose := passed_on(told):
        steps[-1] = f"{steps[-1][0]}: {whose}", steps[-1][1]
    if told.next is not None:
        best = int(told.next.share.abs().argmax())
        words = f"{signed(told.next.share[best])} of\n{signed(told.next.outputs[best])}"
        steps.append((f"in {told.next.layer}, map {best}", words))
    return steps


def fate(told: UnitExplanation) -> str:
    """What becomes of the sum, in words."""
    stages = ", ".join(
        f"{stage.layer} {signed(stage.value)} at ({stage.unit.row}, {stage.unit.column})"
        for stage in told.stages
    )
    stages += _PASSED_ON[passed_on(told)]
    stages = f"; then {stages}" if stages else ""
    words = f"With the bias {signed(told.bias)} it is {signed(told.output)}{stages}."
    if told.next is None:
        return words
    best = int(told.next.share.abs().argmax())
    if not told.next.share[best]:
        return f"{words} Nothing of it arrives in {told.next.layer}."
    share, whole = signed(told.next.share[best]), signed(told.next.outputs[best])
    return f"{words} In {told.next.layer} that adds most to map {best}: {share} of {whole}."


def signed(value: float | Tensor) -> str:
    """A number with its sign, in as many digits as one reads: +0.0123, -4.5, +1,234."""
    number = float(value) + 0.0  # turns -0 into 0
    return f"{number:+,.0f}" if abs(number) >= 100 else f"{number:+.3g}"


_PASSED_ON = {"": "", "another's": ", where another unit wins", "mean": ", the mean of its window"}


def passed_on(told: UnitExplanation) -> str:
    """What the pool passes on: the unit's own value (""), "another's", or the window's "mean"."""
    values = [told.output, *(stage.value for stage in told.stages)]
    for before, stage in zip(values, told.stages, strict=False):
        if stage.averages:
            return "mean"
        if stage.pools and stage.value != before:
            return "another's"
    return ""


def sheet_grid(count: int) -> tuple[int, int]:
    """Rows and columns of a sheet of so many maps."""
    columns = next(n for n in range(1, count + 1) if n * n * 0.6 >= count)
    return -(-count // columns), columns


def map_sheet(maps: Tensor, chosen: int, wide: int = 800) -> Image.Image:
    """All maps of a layer on one colour scale, the chosen one framed.

    Shape:
        maps: (M, h, w) -> picture about `wide` pixels wide
    """
    M, h, _ = maps.shape
    rows, columns = sheet_grid(M)
    scale = max(1, (wide // columns - 2) // h)
    tile = h * scale + 2
    tiles = torch.full((rows * columns, tile, tile, 3), 190, dtype=torch.uint8)  # grey gaps
    shown = colours(maps).repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    tiles[:M, 2:, 2:], tiles[M:] = shown, 255
    sheet = tiles.view(rows, columns, tile, tile, 3).transpose(1, 2)
    sheet = sheet.reshape(rows * tile, columns * tile, 3)
    picture = Image.fromarray(sheet.contiguous().numpy())
    x, y = chosen % columns * tile, chosen // columns * tile
    for width, colour in ((5, INK), (3, YELLOW)):
        frame = (max(0, x - 1), max(0, y - 1), x + tile + 1, y + tile + 1)
        ImageDraw.Draw(picture).rectangle(frame, outline=colour, width=width)
    return picture


def patch_sheet(
    pictures: Tensor, boxes: Tensor, values: Tensor, side: int = 120, columns: int = 9
) -> Image.Image:
    """Best patches in a row, under them the pictures they are from, framed, with the values.

    Shape:
        pictures: (k, 3, s, s) uint8, boxes: (k, 4) top, left, bottom, right, values: (k,)
    """
    canvas = Image.new("RGB", (columns * (side + 8) - 8, 2 * side + 40), "white")
    for i, (picture, edges) in enumerate(zip(pictures, boxes.tolist(), strict=True)):
        top, left, bottom, right = edges
        longer = max(bottom - top, right - left)
        x = i * (side + 8)
        canvas.paste(image_view(picture, top, left, longer, side), (x, 0))
        box = Box(top, left, bottom - top, right - left)
        canvas.paste(image_view(picture, 0, 0, picture.shape[-1], side, [box]), (x, side + 8))
        place = (x + side // 2, 2 * side + 24)
        ImageDraw.Draw(canvas).text(place, f"{values[i]:.3g}", INK, text_font(16), "mm")
    return canvas


def _put(canvas: Image.Image, x: int, y: int, title: str, part: Image.Image) -> None:
    ImageDraw.Draw(canvas).text((x + 2, y + 2), title, INK, text_font(17, bold=True))
    canvas.paste(part, (x, y + _LINE))


def _rounded(values: Tensor) -> Tensor:
    """As many decimals as fit into a cell."""
    return torch.stack([part.round(decimals=0 if part.abs().max() >= 10 else 2) for part in values])
