"""Neighbouring maps of a network before and after response normalisation (§3.3)."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, enlarged, few_colours, image_view, text_font
from alexnet_lib.course.figures.style import GREY, INK
from alexnet_lib.course.figures.unit import colours

WIDTH, _PHOTO, _LEFT, _STEP, _TIMES = 1128, 252, 276, 171, 5  # in pixels of the picture
_ROWS = (54, 238, 422)  # where the rows of maps begin
_SILENT = (225, 228, 232)  # where a map is 0, it has no share


def norm_panel(
    picture: Tensor,
    before: Tensor,
    after: Tensor,
    numbers: Sequence[int],
    chosen: int,
    largest: float,
    most: float,
) -> Image.Image:
    """The picture, then neighbouring maps in columns: before LRN, after it, the share kept.

    Args:
        picture: what the network sees.
        before, after: the maps of one window, and `numbers` their places in the layer.
        chosen: the number of the map that is framed.
        largest: the value drawn darkest before LRN.
        most: the largest share that LRN leaves.
    Shape:
        picture: (3, s, s) uint8; before, after: (n, H, W) -> picture of 1128 × 570 pixels
    """
    share = torch.where(before > 0, after / before.clamp_min(1e-12), torch.nan)
    sheet = Image.new("RGB", (WIDTH, 570), "white")
    draw = ImageDraw.Draw(sheet)
    sheet.paste(image_view(picture, 0, 0, picture.shape[-1], _PHOTO), (0, _ROWS[0]))
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
            _put(sheet, one, scale, (_LEFT + column * _STEP, y), numbers[column] == chosen)
    for column, number in enumerate(numbers):
        draw.text((_LEFT + column * _STEP, 30), f"map {number}", INK, text_font(16))
    return few_colours(sheet)


def tiles_box(count: int) -> Box:
    """Where so many maps before LRN are in `norm_panel`, a cell each."""
    return Box(_ROWS[0] - 3, _LEFT - 3, 28 * _TIMES + 6, count * _STEP)


def _put(
    sheet: Image.Image, values: Tensor, largest: float, place: tuple[int, int], framed: bool
) -> None:
    """One map, white at 0 and dark at `largest`, with a frame."""
    pixels = colours((values / largest).clamp(0, 1), 1.0)  # (H, W, 3)
    pixels[values.isnan()] = torch.tensor(_SILENT, dtype=torch.uint8)
    times = max(1, 28 * _TIMES // values.shape[-1])
    tile = Image.fromarray(enlarged(pixels.permute(2, 0, 1), times).permute(1, 2, 0).numpy())
    x, y = place
    edge = 3 if framed else 1
    outer = (x - edge, y - edge, x + tile.width + edge - 1, y + tile.height + edge - 1)
    ImageDraw.Draw(sheet).rectangle(outer, INK if framed else GREY)
    sheet.paste(tile, place)
