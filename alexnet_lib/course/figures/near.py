"""A block of the flow view from near: what a unit sees, maps, costs, lines of code."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, image_view, mosaic, text_font
from alexnet_lib.course.figures.style import GREY, INK, PALE
from alexnet_lib.course.figures.unit import colours

WIDTH, _CODE, _LINE = 1152, 262, 21  # of the view; where its code begins; of a line of that
PHOTO = Box(28, 8, 228, 228)  # the picture with the window of one unit
_MAPS, _TABLE = 262, 800  # where the maps and the table begin
_THUMB, _ACROSS, _DOWN = 62, 8, 3  # maps


class Near(NamedTuple):
    """One block from near.

    Args:
        pixels: what the network is shown, (3, s, s) uint8. window: of one unit, on these.
        output: of the block, (C, H, W) or (units,). at: row and column of the unit.
        title: what the output is. table: what it costs, two columns. code: lines with numbers.
    """

    pixels: Tensor
    window: Box
    output: Tensor
    at: tuple[int, int]
    title: str
    table: Sequence[tuple[str, str]]
    code: Sequence[tuple[int, str]]


def near_view(near: Near) -> Image.Image:
    """What one unit sees, the maps, the costs, and below them the code."""
    view = Image.new("RGB", (WIDTH, _CODE + _LINE * len(near.code) + 36), "white")
    draw, bold, font = ImageDraw.Draw(view), text_font(18, bold=True), text_font(17)
    side = near.pixels.shape[-1]
    picture = image_view(near.pixels, *window_view(side, near.window), PHOTO.width, [near.window])
    for x, title in ((PHOTO.left, "what one unit sees"), (_MAPS, near.title)):
        draw.text((x, 3), title, INK, bold)
    view.paste(picture, (PHOTO.left, PHOTO.top))
    view.paste(_sheet(near.output, near.at), (_MAPS, PHOTO.top))
    for number, (name, value) in enumerate(near.table):
        y = PHOTO.top + 8 + 25 * number
        draw.text((_TABLE, y), name, GREY, font, "lm")
        draw.text((_TABLE + 128, y), value, INK, font, "lm")
    top = _CODE
    draw.text((8, top), "its lines in alexnet_lib/paper/network.py", INK, bold)
    draw.rectangle((0, top + 26, WIDTH, top + 36 + _LINE * len(near.code)), PALE)
    for number, (line, code) in enumerate(near.code):
        draw.text((8, top + 30 + _LINE * number), f"{line:4}  {code}", INK, _code_font())
    return view


def window_view(side: int, window: Box) -> tuple[int, int, int]:
    """Top, left and side of what is shown of a picture: all of it, and padding where one looks."""
    reach = max(0, -window.top, -window.left, *(
        start + length - side
        for start, length in ((window.top, window.height), (window.left, window.width))
    ))  # fmt: skip
    reach = min(reach, side // 6)
    return -reach, -reach, side + 2 * reach


@lru_cache
def _code_font() -> ImageFont.FreeTypeFont:
    path = text_font(16).path.replace("DejaVuSans.ttf", "DejaVuSansMono.ttf")
    return ImageFont.truetype(path, 16)


def _sheet(output: Tensor, at: tuple[int, int]) -> Image.Image:
    """Maps with the chosen unit marked; of a dense layer all units, line by line."""
    if output.ndim == 1:
        return _units(output)
    count = min(_ACROSS * _DOWN, len(output))
    across = min(_ACROSS, count)
    size = min(228, (_ACROSS * (_THUMB + 2)) // across - 2) if count <= 3 else _THUMB
    h = output.shape[-1]
    place = torch.arange(size) * h // size
    tiles = colours(_scaled(shown_maps(output)), 1.0)[:, place][:, :, place]  # (24, s, s, 3)
    tiles = tiles.permute(0, 3, 1, 2)
    framed = torch.full((count, 3, size + 2, size + 2), 190, dtype=torch.uint8)
    framed[:, :, 1:-1, 1:-1] = tiles
    sheet = Image.fromarray(mosaic(framed, across, gap=0).numpy())
    for number in range(count):
        top, left = ((size + 2) * place + 1 for place in divmod(number, across))
        _mark_unit(ImageDraw.Draw(sheet), Box(top, left, size, size), at, h)
    return sheet


def _mark_unit(draw: ImageDraw.ImageDraw, box: Box, at: tuple[int, int], units: int) -> None:
    """A frame on one unit of a map, 6 pixels wide at least."""
    half, ends = max(3.0, box.height / units / 2), []
    for first, place in zip((box.left, box.top), reversed(at), strict=True):
        middle = first + box.height * (place + 0.5) / units
        ends.append(min(max(middle, first + half), first + box.height - half))
    x, y = ends
    draw.rectangle((x - half, y - half, x + half, y + half), None, INK)


def shown_maps(output: Tensor) -> Tensor:
    """The strongest of the maps, in their own order."""
    count = min(_ACROSS * _DOWN, len(output))
    chosen = output.abs().amax((1, 2)).topk(count).indices.sort().values
    return output[chosen]


def _scaled(maps: Tensor) -> Tensor:
    """Each map by its own largest value."""
    return maps / maps.abs().amax((1, 2), keepdim=True).clamp_min(1e-12)


def _units(output: Tensor) -> Image.Image:
    columns = 2 ** math.ceil(math.log2(math.sqrt(2 * len(output))))
    rows = -(-len(output) // columns)
    cells = torch.zeros(rows * columns)
    cells[: len(output)] = output
    tiles = colours(cells.view(rows, columns))  # (rows, columns, 3)
    times = max(1, min(512 // columns, 228 // rows))
    picture = Image.fromarray(tiles.numpy())
    return picture.resize((times * columns, times * rows), Image.Resampling.NEAREST)
