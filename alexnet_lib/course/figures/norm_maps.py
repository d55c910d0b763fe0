"""Neighbouring maps of a network before and after response normalisation (§3.3)."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, enlarged, few_colours, image_view, text_font
from alexnet_lib.course.figures.style import BLUE, GREY, INK, PALE, YELLOW
from alexnet_lib.course.figures.unit import colours

WIDTH, _PHOTO, _LEFT, _STEP, _TIMES = 1128, 252, 276, 171, 5  # in pixels of the picture
_ROWS = (54, 238, 422)  # where the rows of maps begin
_FOOT, _TALL = 540, 150  # of the bars
_SILENT = (225, 228, 232)  # where a map is 0, it has no share


def norm_panel(
    picture: Tensor,
    before: Tensor,
    after: Tensor,
    numbers: Sequence[int],
    chosen: int,
    largest: float,
    most: float,
    at: tuple[int, int],
    bars_top: float,
) -> Image.Image:
    """The picture, then neighbouring maps in columns: before LRN, after it, the share kept.

    Below the picture are the maps' activities at one pixel, as bars.

    Args:
        picture: what the network sees.
        before, after: the maps of one window, and `numbers` their places in the layer.
        chosen: the number of the map that is framed.
        largest: the value drawn darkest before LRN.
        most: the largest share that LRN leaves.
        at: row and column of the pixel.
        bars_top: the activity at the top of the bars.
    Shape:
        picture: (3, s, s) uint8; before, after: (n, H, W) -> picture of 1128 × 570 pixels
    """
    share = torch.where(before > 0, after / before.clamp_min(1e-12), torch.nan)
    sheet = Image.new("RGB", (WIDTH, 570), "white")
    draw = ImageDraw.Draw(sheet)
    scale, (row, column) = picture.shape[-1] / before.shape[-1], at
    seen = Box(row * scale, column * scale, scale, scale)
    sheet.paste(image_view(picture, 0, 0, picture.shape[-1], _PHOTO, [seen]), (0, _ROWS[0]))
    _bars(draw, before[:, row, column], after[:, row, column], numbers, chosen, bars_top)
    titles = (
        "before LRN",
        f"after LRN (scale × {most:.2g}: a map that is only dimmed looks as before)",
        f"share kept: from 0 (white) to {most:.0%} (dark); grey where the map is 0",
    )
    draw.text((0, 4), "what the network sees", INK, text_font(17, bold=True))
    rows = ((before, largest), (after, most * largest), (share, most))
    for y, title, (maps, scale) in zip(_ROWS, titles, rows, strict=True):
        draw.text((_LEFT, y - 50 if y == _ROWS[0] else y - 26), title, INK, text_font(17, True))
        for column, one in enumerate(maps):
            _put(sheet, one, scale, (_LEFT + column * _STEP, y), numbers[column] == chosen, at)
    for column, number in enumerate(numbers):
        draw.text((_LEFT + column * _STEP, 30), f"map {number}", INK, text_font(16))
    return few_colours(sheet)


def _bars(
    draw: ImageDraw.ImageDraw,
    before: Tensor,
    after: Tensor,
    numbers: Sequence[int],
    chosen: int,
    top: float,
) -> None:
    """Activities at the framed pixel, outlined, and what LRN leaves of them, blue."""
    draw.text((0, _FOOT - _TALL - 46), "maps at the framed pixel", INK, text_font(17, bold=True))
    wide, font = _PHOTO / len(numbers), text_font(16)
    for place, number in enumerate(numbers):
        x = (place + 0.5) * wide
        for value, half, fill in ((before[place], 20, PALE), (after[place], 12, BLUE)):
            high = min(1.0, float(value) / top) * _TALL
            edge = INK if number == chosen and half == 20 else GREY
            draw.rectangle((x - half, _FOOT - high, x + half, _FOOT), fill, edge)
        high = min(1.0, float(before[place]) / top) * _TALL
        draw.text((x, _FOOT - 3 - high), f"{float(before[place]):.3g}", INK, font, "mb")
        draw.text((x, _FOOT + 4), str(number), INK, text_font(16, number == chosen), "mt")


def tiles_box(count: int) -> Box:
    """Where so many maps before LRN are in `norm_panel`, a cell each."""
    side = 28 * _TIMES
    return Box(_ROWS[0] - 5, _LEFT - (_STEP - side) / 2, side + 10, count * _STEP)


def photo_box() -> Box:
    """Where the picture is in `norm_panel`."""
    return Box(_ROWS[0], 0, _PHOTO, _PHOTO)


def map_box(place: int, side: int) -> Box:
    """Where a map after LRN is, of `side` × `side` units, the first being at place 0."""
    wide = side * max(1, 28 * _TIMES // side)
    return Box(_ROWS[1], _LEFT + place * _STEP, wide, wide)


def bar_place(place: int, count: int) -> Box:
    """Where one of so many bars is in `norm_panel`, from the top of the drawing to its foot."""
    return Box(_FOOT - _TALL, round(place * _PHOTO / count), _TALL, _PHOTO // count)


def _put(
    sheet: Image.Image,
    values: Tensor,
    largest: float,
    place: tuple[int, int],
    framed: bool,
    at: tuple[int, int],
) -> None:
    """One map, white at 0 and dark at `largest`, with a frame, and a small one around a unit."""
    pixels = colours((values / largest).clamp(0, 1), 1.0)  # (H, W, 3)
    pixels[values.isnan()] = torch.tensor(_SILENT, dtype=torch.uint8)
    times = max(1, 28 * _TIMES // values.shape[-1])
    tile = Image.fromarray(enlarged(pixels.permute(2, 0, 1), times).permute(1, 2, 0).numpy())
    x, y = place
    edge = 3 if framed else 1
    outer = (x - edge, y - edge, x + tile.width + edge - 1, y + tile.height + edge - 1)
    ImageDraw.Draw(sheet).rectangle(outer, INK if framed else GREY)
    top, left = (n * times for n in at)
    for far, colour in ((2, INK), (1, YELLOW)):
        frame = (left - far, top - far, left + times - 1 + far, top + times - 1 + far)
        ImageDraw.Draw(tile).rectangle(frame, outline=colour)
    sheet.paste(tile, place)
