"""The ablation board: sixteen corners, their ingredients, their errors."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from alexnet_lib.figures.pixels import text_font
from alexnet_lib.figures.style import BLUE, GREY, INK, PALE, YELLOW
from alexnet_lib.metrics import Interval

_ROW, _TOP, _LEFT, _RIGHT = 27, 70, 640, 1080  # picture pixels; the last two bound the error axis


def board_picture(
    names: Sequence[str],
    rows: Mapping[tuple[str, ...], Interval | None],
    chosen: tuple[str, ...],
    title: str,
) -> Image.Image:
    """Draw a row for each corner: a filled dot for what is present, the error where there is one.

    Args:
        names: of all ingredients.
        rows: error by corner; None: not yet recorded, or a run diverged.
        chosen: the corner on a yellow ground, if it is among the rows.
    """
    picture = Image.new("RGB", (1150, _TOP + _ROW * len(rows) + 34), "white")
    draw, font, small = ImageDraw.Draw(picture), text_font(16), text_font(14)
    draw.text((2, 2), title, INK, text_font(19, bold=True))
    xs = {name: 70 + 118 * place for place, name in enumerate(names)}
    for name, x in xs.items():
        draw.text((x, 50), name, INK, font, "mm")
    known = [interval for interval in rows.values() if interval]
    top_error = max([0.1, *(1.15 * interval.estimate for interval in known)])
    for row, (corner, interval) in enumerate(rows.items()):
        y = _TOP + _ROW * (row + 0.5)
        if corner == chosen:
            draw.rectangle((0, y - 13, 1150, y + 13), "#f6e3b4", YELLOW, 2)
        for name, x in xs.items():
            draw.ellipse((x - 8, y - 8, x + 8, y + 8), BLUE if name in corner else "white", GREY)
        if interval is None:
            draw.text((_LEFT, y), "not yet recorded", GREY, small, "lm")
            continue
        low, at, high = (
            _LEFT + (_RIGHT - _LEFT) * min(max(value, 0.0), top_error) / top_error
            for value in (interval.low, interval.estimate, interval.high)
        )
        draw.line((low, y, high, y), BLUE, 3)
        draw.ellipse((at - 6, y - 6, at + 6, y + 6), BLUE)
        draw.text((1146, y), f"{interval.estimate:.1%}", INK, small, "rm")
    if known:
        y = _TOP + _ROW * len(rows) + 4
        draw.line((_LEFT, y, _RIGHT, y), PALE, 2)
        for part in (0, 0.5, 1):
            place = (_LEFT + part * (_RIGHT - _LEFT), y + 4)
            draw.text(place, f"{part * top_error:.0%}", INK, small, "ma")
    return picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)  # small file
