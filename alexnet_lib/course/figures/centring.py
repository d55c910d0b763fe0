"""Why inputs are centred: the numbers of two pixels, and the way down that they make (§2)."""

from collections.abc import Mapping
from itertools import pairwise
from math import pi
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import few_colours, text_font
from alexnet_lib.course.figures.style import BLUE, GREY, INK, PALE, RED, YELLOW, as_chart, mixed

_SIZE, _SHARP = (1080, 440), 2  # shapes are drawn twice as large, so that slanted lines are smooth
_COLOURS = (RED, BLUE)  # of the first kind of number, and the second
_LEFT, _LOW, _HIGH = (8, 398, 754), 380, 86  # left ends of the panels, their floor and ceiling
_WIDE, _UNIT = 320, 178  # picture pixels of a panel, and of one unit of a weight
_EDGES = torch.arange(-165.0, 270.0, 15.0)
_LEVELS = (0.02, 0.08, 0.18, 0.32, 0.5)  # of the loss at the start


class Descent(NamedTuple):
    """Steps of two weights, and the valley in which they go.

    Args:
        path: (T + 1, 2) the weights, the first ones included.
        curvature: (2, 2) of the loss (w − target)ᵀ · curvature · (w − target) / 2.
        target: (2,) the weights at the bottom.
    """

    path: Tensor
    curvature: Tensor
    target: Tensor


def centring_picture(
    numbers: Mapping[str, Tensor], descents: Mapping[str, Descent], title: str
) -> Image.Image:
    """Histograms of the pixels' numbers, and beside them one way down a valley for each kind.

    Args:
        numbers: by the kind of number, two kinds; every value of both pixels.
        descents: by the kind of number, in the same order.
    """
    large = Image.new("RGB", (_SIZE[0] * _SHARP, _SIZE[1] * _SHARP), "white")
    pen = ImageDraw.Draw(large)
    tops = [
        _histogram(pen, values, c) for values, c in zip(numbers.values(), _COLOURS, strict=True)
    ]
    for left, way, colour in zip(_LEFT[1:], descents.values(), _COLOURS, strict=True):
        _valley(large, left, way, colour)
    picture = large.reduce(_SHARP)
    draw = ImageDraw.Draw(picture)
    draw.text((8, 4), title, INK, text_font(19, bold=True))
    draw.text((_LEFT[0], 44), "how often a value occurs", INK, text_font(17))
    for (name, values), x, colour, y in zip(numbers.items(), tops, _COLOURS, (72, 94), strict=True):
        mean = round(float(values.mean()))
        draw.text((_LEFT[0], y), f"{name}, mean {mean}", colour, text_font(16, bold=True))
        draw.text((x, _LOW + 8), str(mean), colour, text_font(16), "mt")
    for left, name in zip(_LEFT[1:], descents, strict=True):
        _words(draw, left, name)
    return as_chart(few_colours(picture, 32))


# --- A histogram ----------------------------------------------------------------------------------


def _histogram(pen: ImageDraw.ImageDraw, values: Tensor, colour: str) -> float:
    """Bars from the floor, a line at the mean; returns the line's place."""
    counts = torch.histogram(values, _EDGES).hist
    shares = (counts / float(counts.max())).tolist()
    ink = mixed(colour, 0.45)
    for (low, high), share in zip(pairwise(_EDGES.tolist()), shares, strict=True):
        top = _LOW - share * (_LOW - _HIGH - 50)
        _line(pen, [(_value_at(low), top), (_value_at(high), top)], colour, 2)
        if share:
            box = (_value_at(low), top, _value_at(high), _LOW)
            pen.rectangle([_SHARP * side for side in box], ink)
    mean = _value_at(float(values.mean()))
    _line(pen, [(mean, _LOW), (mean, _HIGH + 50)], colour, 3)
    _line(pen, [(_LEFT[0], _LOW), (_LEFT[0] + _WIDE, _LOW)], GREY, 2)
    return mean


def _value_at(value: float) -> float:
    return _LEFT[0] + _WIDE * (value + 165) / 420


# --- A valley -------------------------------------------------------------------------------------


def _valley(large: Image.Image, left: int, way: Descent, colour: str) -> None:
    """Level lines, the path with a dot for each update, the start and the bottom."""
    tile = Image.new("RGB", (_WIDE * _SHARP, (_LOW - _HIGH) * _SHARP), "white")
    pen = ImageDraw.Draw(tile)
    for place in (0, 1):
        (x, y), high = _weight_at((place, place)), _LOW - _HIGH
        _line(pen, [(x, 0), (x, high)], PALE, 1)
        _line(pen, [(0, y), (_WIDE, y)], PALE, 1)
    for line in _level_lines(way):
        _line(pen, [_weight_at(point) for point in line.tolist()], GREY, 1)
    points = [_weight_at(point) for point in way.path.clamp(-50, 50).tolist()]
    _line(pen, points, colour, 2)
    for x, y in points:
        _disc(pen, x, y, 4, colour)
    _disc(pen, *points[0], 8, colour)
    _disc(pen, *points[0], 6, YELLOW)
    x, y = _weight_at(way.target.tolist())
    _line(pen, [(x - 9, y), (x + 9, y)], INK, 3)
    _line(pen, [(x, y - 9), (x, y + 9)], INK, 3)
    pen.rectangle((0, 0, tile.width - 1, tile.height - 1), outline=GREY, width=_SHARP)
    large.paste(tile, (left * _SHARP, _HIGH * _SHARP))


def _level_lines(way: Descent) -> list[Tensor]:
    """Ellipses of equal loss around the bottom, (181, 2) each."""
    values, directions = torch.linalg.eigh(way.curvature)
    turn = torch.linspace(0, 2 * pi, 181)
    circle = torch.stack([turn.cos(), turn.sin()], dim=1)  # (181, 2)
    unit = circle / values.sqrt() @ directions.T  # loss 1/2 everywhere
    first = way.path[0] - way.target
    start = first @ way.curvature @ first
    return [way.target + unit * (level * start).sqrt() for level in _LEVELS]


def _weight_at(weights: tuple[float, float] | list[float]) -> tuple[float, float]:
    across, up = weights
    return 60 + _UNIT * across, (_LOW - _HIGH) - 90 - _UNIT * up


# --- The pen --------------------------------------------------------------------------------------


def _line(
    pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: str, width: int
) -> None:
    pen.line([(_SHARP * x, _SHARP * y) for x, y in points], colour, width * _SHARP, "curve")


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: int, colour: str) -> None:
    pen.ellipse(
        [_SHARP * side for side in (x - radius, y - radius, x + radius, y + radius)], colour
    )


def _words(draw: ImageDraw.ImageDraw, left: int, name: str) -> None:
    draw.text((left, 44), f"learning from {name}", INK, text_font(17))
    for place in (0, 1):
        x, y = _weight_at((place, place))
        draw.text((left + x, _LOW + 6), str(place), INK, text_font(16), "mt")
        draw.text((left - 8, _HIGH + y), str(place), INK, text_font(16), "rm")
    draw.text((left + _WIDE // 2, _LOW + 30), "weight of the first pixel", INK, text_font(16), "mt")
    draw.text((left + 6, _HIGH + 4), "weight of the second", INK, text_font(16))
