"""Parts of a stepper's canvas: what a window slides over, planes of numbers, a map as it fills."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import (
    CELL,
    MARGIN,
    Box,
    image_view,
    number_grid,
    text_font,
)
from alexnet_lib.course.figures.style import INK
from alexnet_lib.course.figures.unit import colours

VIEW = 288  # picture pixels of a photograph, and of its map
PLANES = ("red", "green", "blue")
_NUMBERS = 9  # pixels along a side of which numbers can be shown
_NAME, _GAP = 22, 6  # above a plane that has a name, and below it
_COMING = 0.25  # how strongly a map's outputs show before the window has been there


def is_numbers(planes: Tensor) -> bool:
    """Whether an image is shown as numbers, not as a picture; (P, H, W)."""
    return len(planes) == 1 and max(planes.shape) <= _NUMBERS


def image_part(
    planes: Tensor, before: int, after: tuple[int, int], window: Box, fill: float = 0.0
) -> Image.Image:
    """An image with one window, as numbers or as a picture.

    Args:
        before: rows and columns added above and to the left. after: added below, and at the right.
        window: in pixels of the image, negative above and to the left of it.
        fill: what is added; nan stays empty.
    Shape:
        planes: (1, H, W), or (3, H, W) in [0, 1]
    """
    H, W = planes.shape[1:]
    if not is_numbers(planes):
        seen = (255 * planes.clamp(0, 1)).round().byte().expand(3, -1, -1)
        side = before + max(H + after[0], W + after[1])
        return image_view(seen, -before, -before, side, VIEW, [window])
    wide = F.pad(planes[0], (before, after[1], before, after[0]), value=fill)
    moved = window._replace(top=window.top + before, left=window.left + before)
    edge = [Box(before, before, H, W, INK)] if before or any(after) else []
    return number_grid(wide, [*edge, moved], grey=True)


def image_scale(planes: Tensor, before: int, after: tuple[int, int]) -> tuple[float, int]:
    """Picture pixels of one pixel of an `image_part`, and its margin."""
    H, W = planes.shape[1:]
    if is_numbers(planes):
        return CELL, MARGIN
    return VIEW / (before + max(H + after[0], W + after[1])), 0


def plane_part(
    planes: Tensor, boxes: Sequence[Sequence[Box]] = (), grey: bool = False
) -> Image.Image:
    """Grids of numbers, one below the other; three of them have the names of colours.

    Args:
        boxes: frames for each plane, in cells.
    Shape:
        planes: (P, h, w)
    """
    if len(planes) == 1:
        return number_grid(planes[0], *boxes, grey=grey)
    grids = [
        number_grid(plane, own, grey)
        for plane, own in zip(planes, boxes or [()] * len(planes), strict=True)
    ]
    height = grids[0].height + _NAME + _GAP
    part = Image.new("RGB", (grids[0].width, height * len(grids)), "white")
    draw = ImageDraw.Draw(part)
    for number, (grid, name) in enumerate(zip(grids, PLANES, strict=True)):
        draw.text((MARGIN, number * height + _NAME // 2), name, INK, text_font(16), "lm")
        part.paste(grid, (0, number * height + _NAME))
    return part


def plane_boxes(planes: Tensor, part: Box) -> list[Box]:
    """Where the cells of each plane are, of a `plane_part` that is at `part`."""
    P, h, w = planes.shape
    sides = (CELL * h, CELL * w)
    if P == 1:
        return [Box(part.top + MARGIN, part.left + MARGIN, *sides)]
    step = sides[0] + 2 * MARGIN + _NAME + _GAP
    top = part.top + _NAME + MARGIN
    return [Box(top + number * step, part.left + MARGIN, *sides) for number in range(P)]


def map_part(outputs: Tensor, place: int, as_numbers: bool, seen: Tensor | None = None) -> Image:
    """A map as it fills in reading order, the newest output framed.

    Args:
        place: of the newest, in reading order.
        as_numbers: cells with numbers, empty where the window has not been; else a picture, pale
            there.
        seen: what the picture shows, (3, rows, columns) in [0, 1]; None: the outputs themselves,
            red above 0 and blue below.
    Shape:
        outputs: (rows, columns)
    """
    rows, columns = outputs.shape
    reached = torch.arange(rows * columns).view(rows, columns) <= place
    box = Box(*divmod(place, columns), 1, 1)
    if as_numbers:
        return number_grid(outputs.masked_fill(~reached, float("nan")), [box])
    if seen is None:
        picture = colours(outputs).permute(2, 0, 1).float()  # (3, rows, columns)
    else:
        picture = 255 * seen.clamp(0, 1)
    pale = 255 - _COMING * (255 - picture)
    shown = torch.where(reached, picture, pale).round().byte()
    return image_view(shown, 0, 0, max(rows, columns), VIEW, [box])


def map_box(shape: tuple[int, int], part: Box, as_numbers: bool) -> Box:
    """Where the outputs are, of a `map_part` that is at `part`."""
    rows, columns = shape
    if as_numbers:
        return Box(part.top + MARGIN, part.left + MARGIN, CELL * rows, CELL * columns)
    scale = VIEW / max(rows, columns)
    return Box(part.top, part.left, scale * rows, scale * columns)
