"""Pictures on their way from noise to what a network is sure of, frame by frame (§6.1)."""

from collections.abc import Sequence

from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, image_view, text_font
from alexnet_lib.course.figures.style import BLUE, GREY, INK, PALE

_ACROSS, _TILE, _GAP, _LINE = 5, 196, 16, 26  # pictures in a row; sizes in pixels of the picture
WIDTH = _ACROSS * (_TILE + _GAP) - _GAP
_CURVE, _LEFT = 120, 62  # height of the curves, and the room for their numbers


def film_frame(
    pixels: Tensor, values: Tensor, steps: Sequence[int], frame: int, names: Sequence[str]
) -> Image.Image:
    """All pictures at one moment, each over how sure the network is; below, the whole way.

    Args:
        steps: taken until each frame.
    Shape:
        pixels: (T, N, 3, s, s) uint8, values: (T, N) in [0, 1]
    """
    count, top = pixels.shape[1], curve_box(pixels.shape[1]).top
    picture = Image.new("RGB", (WIDTH, int(top) + _CURVE + 26), "white")
    draw, font = ImageDraw.Draw(picture), text_font(16)
    for number in range(count):
        x, y = number % _ACROSS * (_TILE + _GAP), number // _ACROSS * (_TILE + _LINE)
        one = pixels[frame, number]
        picture.paste(image_view(one, 0, 0, one.shape[-1], _TILE), (x, y))
        words = f"{names[number]} {float(values[frame, number]):.0%}"
        draw.text((x + _TILE / 2, y + _TILE + 12), words, INK, font, "mm")
    _curves(draw, values, steps, frame, curve_box(count))
    return picture


def curve_box(count: int) -> Box:
    """Where the curves of so many pictures are, from the first frame to the last."""
    rows = -(-count // _ACROSS)
    return Box(rows * (_TILE + _LINE) + 34, _LEFT, _CURVE, WIDTH - _LEFT - 30)


def _curves(
    draw: ImageDraw.ImageDraw, values: Tensor, steps: Sequence[int], frame: int, box: Box
) -> None:
    """How sure the network is of each picture, and of all on average, step after step."""
    font, foot = text_font(16), box.top + box.height
    title = "how sure the network is, step by step: each class (thin), their mean (thick)"
    draw.text((2, box.top - 30), title, INK, text_font(16, bold=True))
    xs = [box.left + step / steps[-1] * box.width for step in steps]
    for level in (0.0, 0.5, 1.0):
        y = foot - level * box.height
        draw.line((box.left, y, box.left + box.width, y), PALE)
        draw.text((box.left - 8, y), f"{level:.0%}", INK, font, "rm")
    for curve, colour, width in [(c, GREY, 1) for c in values.T] + [(values.mean(1), BLUE, 4)]:
        ys = (foot - curve * box.height).tolist()
        draw.line(list(zip(xs, ys, strict=True)), colour, width, joint="curve")
    draw.line((xs[frame], box.top, xs[frame], foot), INK, 2)
    for step, x in zip(steps, xs, strict=True):
        if step in (0, steps[-1], steps[frame]):
            draw.text((x, foot + 6), str(step), INK, font, "ma")
