"""The ablation board: a row for each corner, what is present, and its error."""

from collections.abc import Mapping, Sequence
from math import ceil, floor

from PIL import Image, ImageDraw

from alexnet_lib.course.figures.pixels import few_colours, text_font
from alexnet_lib.course.figures.style import BLUE, GREY, INK, PALE, YELLOW, as_chart
from alexnet_lib.statistics import Interval

_ROW, _TOP = 27, 70  # picture pixels: height of a row, and where the first begins
_LEFT, _RIGHT = 640, 1070  # ends of the error axis
_CHOSEN = "#f6e3b4"  # a light YELLOW


def board_picture(
    names: Sequence[str],
    rows: Mapping[tuple[str, ...], Interval | None],
    chosen: tuple[str, ...],
    title: str,
    estimate: Interval | None = None,
) -> Image.Image:
    """Draw a row for each corner: a filled dot for what is present, the error where there is one.

    Args:
        names: of all ingredients.
        rows: error by corner that was run; None: not recorded, or a run diverged.
        chosen: the corner on a yellow ground; below the others where it was not run.
        estimate: the error of a chosen corner that was not run, drawn hollow.
    """
    known = [interval for interval in (*rows.values(), estimate) if interval]
    end = _TOP + _ROW * (len(rows) + 1) + 8  # the place of a chosen corner is kept free
    picture = Image.new("RGB", (1150 if known else 660, end + 30), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((2, 2), title, INK, text_font(19, bold=True))
    xs = {name: 70 + 118 * place for place, name in enumerate(names)}
    for name, x in xs.items():
        draw.text((x, 50), name, INK, text_font(16), "mm")
    estimates = [interval.estimate for interval in known]
    low, high = 0.9 * min(estimates, default=0), 1.1 * max(estimates, default=0)
    ends = (floor(10 * low) / 10, max(0.1, ceil(10 * high) / 10))  # whole tens of per cent
    shown = dict(rows) if chosen in rows else {**rows, chosen: estimate}
    for row, (corner, interval) in enumerate(shown.items()):
        y = _TOP + _ROW * (row + 0.5) + 6 * (row == len(rows))
        if corner == chosen:
            draw.rectangle((0, y - 13, picture.width - 1, y + 13), _CHOSEN, YELLOW, 2)
        for name, x in xs.items():
            draw.ellipse((x - 8, y - 8, x + 8, y + 8), BLUE if name in corner else "white", GREY)
        if known:
            _draw_error(draw, y, interval, ends, hollow=row == len(rows))
    if known:
        _draw_axis(draw, end, ends)
    return as_chart(few_colours(picture))


def _draw_error(
    draw: ImageDraw.ImageDraw,
    y: float,
    error: Interval | None,
    ends: tuple[float, float],
    hollow: bool,
) -> None:
    if error is None:
        draw.text((_LEFT, y), "no number", INK, text_font(17), "lm")
        return
    low, at, high = (
        _LEFT + (_RIGHT - _LEFT) * min(max((value - ends[0]) / (ends[1] - ends[0]), 0), 1)
        for value in (error.low, error.estimate, error.high)
    )
    draw.line((low, y, high, y), BLUE, 3)
    draw.ellipse((at - 6, y - 6, at + 6, y + 6), "white" if hollow else BLUE, BLUE, 2)
    draw.text((1146, y), f"{error.estimate:.1%}", INK, text_font(17), "rm")


def _draw_axis(draw: ImageDraw.ImageDraw, y: float, ends: tuple[float, float]) -> None:
    draw.line((_LEFT, y, _RIGHT, y), PALE, 2)
    for part in (0, 0.5, 1):
        place = (_LEFT + part * (_RIGHT - _LEFT), y + 4)
        error = (1 - part) * ends[0] + part * ends[1]
        draw.text(place, f"{error:.0%}", INK, text_font(17), "ma")
