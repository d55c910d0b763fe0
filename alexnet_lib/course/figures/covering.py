"""What an answer depends on: a picture with a square covered, and the cost of each place (§6.1)."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, box_in_row, image_view, side_by_side
from alexnet_lib.course.figures.style import INK
from alexnet_lib.course.figures.unit import heat_map
from alexnet_lib.course.figures.views import answer_bars

SIDE = 300  # page pixels of the picture and of the map


class CoverPanel(NamedTuple):
    """A covered picture and its map, and where both are."""

    drawn: Image.Image
    picture: Box
    map: Box


def cover_panel(
    picture: Tensor,
    square: Box,
    costs: Tensor,
    at: tuple[int, int],
    turned: Tensor,
    answers: tuple[Tensor, Tensor],
    kind: str,
    classes: Sequence[str],
) -> CoverPanel:
    """The covered picture, what each place costs a class, and how sure the network is.

    Args:
        picture: with the square covered.
        costs: what the class loses; red where covering costs, blue where it helps.
        at: the chosen place.
        turned: where the first answer becomes another: a dot.
        answers: probabilities covered, and of the whole picture.
        kind: the class of the map.
    Shape:
        picture: (3, s, s) uint8, costs: (R, C), turned: (R, C) bool, answers: (classes,) each
    """
    R, C = costs.shape
    heat = heat_map(costs, SIDE, [Box(*at, 1, 1)])
    draw, cell = ImageDraw.Draw(heat), SIDE / max(R, C)
    for row, column in turned.nonzero().tolist():
        x, y, r = (column + 0.5) * cell, (row + 0.5) * cell, max(3, cell / 6)
        draw.ellipse((x - r, y - r, x + r, y + r), INK, "white", 2)
    draw.rectangle((0, 0, SIDE - 1, SIDE - 1), outline=INK)
    titles = ("covered", f"what that costs {kind}", "how sure it is")
    covered, whole = answers
    parts = (
        image_view(picture, 0, 0, picture.shape[-1], SIDE, [square]),
        heat,
        answer_bars(covered, whole, classes, SIDE, "without the square"),
    )
    places = (box_in_row(titles, parts, number) for number in (0, 1))
    return CoverPanel(side_by_side(titles, parts), *places)
