"""One window of a picture as a network gets it, its light, and the ten views of a test (§4.1)."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, box_in_row, image_view, side_by_side, text_font
from alexnet_lib.course.figures.style import BLUE, GREY, INK, YELLOW, mixed

PHOTO = 256  # page pixels of the whole picture
_LIGHT, _STRIP, _ANSWER = 210, 54, 340  # the light's width, height of an axis, width of the bars
_VIEW, _STEP, _EDGE = 102, 110, 4  # one of the ten views, from it to the next, beside it
_MOST = 10  # classes with a bar
_TEN = "the ten views of a test, with their answers"


class ViewPanel(NamedTuple):
    """A picture of one view, and where its parts are that can be pointed at.

    Args:
        photo: the whole picture. light: a strip for each of three axes. views: the ten views.
    """

    drawn: Image.Image
    photo: Box
    light: list[Box]
    views: Box


def view_panel(
    name: str,
    picture: Tensor,
    window: Box,
    view: Tensor,
    light: Image.Image,
    bars: Image.Image,
    ten: Image.Image,
) -> ViewPanel:
    """The window on the picture, what is in it, the light, the answer; below, the ten views.

    Args:
        name: of the picture.
        light, bars, ten: made by `light_strips`, `answer_bars` and `ten_views`.
    Shape:
        picture: (3, s, s) uint8, view: (3, w, w) uint8
    """
    side, size = picture.shape[-1], view.shape[-1]
    titles = (name, "what the network gets", "light on mid-grey", "how sure it is")
    parts = (
        image_view(picture, 0, 0, side, PHOTO, [window]),
        image_view(view, 0, 0, size, PHOTO * size // side),
        light,
        bars,
    )
    above = side_by_side(titles, parts)
    below = side_by_side([_TEN], [ten])
    y = above.height + 8
    both = Image.new("RGB", (max(above.width, below.width), y + below.height), "white")
    both.paste(above, (0, 0))
    both.paste(below, (0, y))
    row = box_in_row(titles, parts, 2)
    strips = [Box(row.top + n * _STRIP, row.left, _STRIP - 6, _LIGHT) for n in range(3)]
    views = Box(y + box_in_row([_TEN], [ten], 0).top - 3, 0, _VIEW + 6, ten.width)
    return ViewPanel(both, box_in_row(titles, parts, 0), strips, views)


def light_strips(axes: Tensor, chosen: Sequence[int], shift: Tensor) -> Image.Image:
    """Mid-grey under more and more light along each axis, and under all three together.

    Args:
        chosen: step of each axis, framed.
        shift: (3,) what all three add.
    Shape:
        axes: (3, steps, 3) added along an axis -> picture of 210 × 224 pixels
    """
    picture = Image.new("RGB", (_LIGHT, 4 * _STRIP + 8), "white")
    draw, wide = ImageDraw.Draw(picture), _LIGHT / axes.shape[1]
    for axis, colours in enumerate(axes):
        y = axis * _STRIP
        for step, colour in enumerate(_levels(128 + colours)):
            draw.rectangle((step * wide, y, (step + 1) * wide - 1, y + _STRIP - 6), colour)
        x = chosen[axis] * wide
        draw.rectangle((x, y, x + wide - 1, y + _STRIP - 6), outline=INK, width=3)
        draw.rectangle((x + 1, y + 1, x + wide - 2, y + _STRIP - 7), outline=YELLOW, width=2)
        draw.text((4, y + 3), f"α{axis + 1}", "white", text_font(16), stroke_width=2,
                  stroke_fill=INK)  # fmt: skip
    y = 3 * _STRIP
    (together,) = _levels(128 + shift[None])
    draw.rectangle((0, y, _LIGHT / 2 - 1, y + _STRIP), (128, 128, 128))
    draw.rectangle((_LIGHT / 2, y, _LIGHT, y + _STRIP), together)
    draw.text((4, y + 3), "grey", "white", text_font(16), stroke_width=2, stroke_fill=INK)
    draw.text((_LIGHT / 2 + 4, y + 3), "lit", "white", text_font(16), stroke_width=2,
              stroke_fill=INK)  # fmt: skip
    return picture


def _levels(colours: Tensor) -> list[tuple[int, ...]]:
    return [tuple(colour) for colour in colours.round().clamp(0, 255).int().tolist()]


def answer_bars(
    probabilities: Tensor, marked: Tensor, classes: Sequence[str], height: int, words: str
) -> Image.Image:
    """A bar a class, how sure the network is of it, and a black mark for what it is compared with.

    Args:
        marked: probabilities at the marks.
        words: what the marks are.
    Shape:
        probabilities, marked: (classes,) -> picture of 340 × height pixels
    """
    shown = range(len(classes))
    if len(classes) > _MOST:
        shown = probabilities.topk(_MOST).indices.tolist()
    picture = Image.new("RGB", (_ANSWER, height), "white")
    draw, font = ImageDraw.Draw(picture), text_font(16)
    step, first, room, best = (height - 24) / len(shown), 104, _ANSWER - 104 - 56, _best(marked)
    for row, number in enumerate(shown):
        y, own, other = (row + 0.5) * step, float(probabilities[number]), float(marked[number])
        fill = BLUE if number == _best(probabilities) else mixed(BLUE, 0.45)
        draw.rectangle((first, y - 0.3 * step, first + own * room, y + 0.3 * step), fill)
        draw.text((first - 8, y), classes[number][:11], INK, font, "rm")
        draw.text((_ANSWER, y), f"{own:.0%}", INK, font, "rm")
        x = first + other * room
        draw.line((x, y - 0.45 * step, x, y + 0.45 * step), INK, 5 if number == best else 3)
    draw.line((first, 0, first, height - 24), GREY, 2)
    draw.line((first, height - 20, first, height - 4), INK, 5)
    draw.text((first + 10, height - 12), words, INK, font, "lm")
    return picture


def _best(probabilities: Tensor) -> int:
    return int(probabilities.argmax())


def ten_views(views: Tensor, probabilities: Tensor, classes: Sequence[str]) -> Image.Image:
    """The ten views in a row, each over its first answer.

    Shape:
        views: (10, 3, w, w) uint8, probabilities: (10, classes)
    """
    picture = Image.new("RGB", (_STEP * len(views), _VIEW + 24), "white")
    draw, font = ImageDraw.Draw(picture), text_font(16)
    for number, (view, answer) in enumerate(zip(views, probabilities, strict=True)):
        x, best = number * _STEP + _EDGE, _best(answer)
        picture.paste(image_view(view, 0, 0, view.shape[-1], _VIEW), (x, 0))
        words = f"{classes[best][:7]} {float(answer[best]):.0%}"
        draw.text((x + _VIEW / 2, _VIEW + 13), words, INK, font, "mm")
    return picture


def framed_view(ten: Image.Image, number: int) -> Image.Image:
    """The same ten views with one of them framed."""
    picture, x = ten.copy(), number * _STEP + _EDGE
    for inset, colour, width in ((0, INK, 5), (1, YELLOW, 3)):
        frame = (x + inset, inset, x + _VIEW - 1 - inset, _VIEW - 1 - inset)
        ImageDraw.Draw(picture).rectangle(frame, outline=colour, width=width)
    return picture


def ten_places(room: int) -> list[tuple[int, int, bool]]:
    """Row, column and mirror of the ten views, in the order of `ten_crop`."""
    middle = room // 2
    places = [(0, 0), (0, room), (room, 0), (room, room), (middle, middle)]
    return [(*place, mirrored) for mirrored in (False, True) for place in places]
