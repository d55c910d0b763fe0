"""A picture on its way through a network, from its pixels to the five best classes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import (
    TITLE,
    Box,
    few_colours,
    image_view,
    mosaic,
    side_by_side,
    text_font,
)
from alexnet_lib.course.figures.style import BLUE, GREY, INK, mixed
from alexnet_lib.course.figures.unit import colours
from alexnet_lib.paper.augment import resize

SHOWN = (8, 3)  # maps across and down
_SIDE, _BARS, _MAP = 280, 460, 62  # picture pixels of a picture, of the bars, of a map


class Look(NamedTuple):
    """What there is to see.

    Args:
        picture: (3, H, W) uint8, with the window that is cut out of it.
        seen: (3, s, s) uint8, the window in the network's size.
        maps: by name of the layer, two layers; (M, h, w).
        probabilities: (classes,)
    """

    picture: Tensor
    window: Box
    seen: Tensor
    maps: Mapping[str, Tensor]
    probabilities: Tensor


def first_look(look: Look, classes: Sequence[str]) -> Image.Image:
    """The picture with its window, what the network sees, its five best classes; below, maps.

    The picture is where `picture_box` says.
    """
    s = look.seen.shape[-1]
    above = side_by_side(
        ("the picture", f"what the network sees: {s}×{s}", "its five best classes"),
        (
            _whole(look.picture, look.window),
            image_view(look.seen, 0, 0, s, _SIDE),
            class_bars(look.probabilities, classes, _BARS, _SIDE),
        ),
    )
    titles = [
        f"{name}: the {min(SHOWN[0] * SHOWN[1], len(maps))} strongest of {len(maps)} maps"
        for name, maps in look.maps.items()
    ]
    below = side_by_side(titles, [strongest_maps(maps) for maps in look.maps.values()])
    both = Image.new(
        "RGB", (max(above.width, below.width), above.height + below.height + 12), "white"
    )
    both.paste(above, (0, 0))
    both.paste(below, (0, above.height + 12))
    return few_colours(both)


def picture_box(sides: tuple[int, int]) -> tuple[Box, float]:
    """Where a picture of H × W pixels is drawn, without its ground, and how large a pixel is."""
    H, W = sides
    scale = _SIDE / max(H, W)
    tall, wide = round(scale * H), round(scale * W)
    return Box(TITLE + (_SIDE - tall) // 2, (_SIDE - wide) // 2, tall, wide), scale


def _whole(picture: Tensor, window: Box) -> Image.Image:
    """The whole picture on a square ground, the window framed."""
    H, W = picture.shape[1:]
    scale = _SIDE / max(H, W)
    small = resize(picture[None], max(1, round(scale * min(H, W))))[0]
    small = small if scale <= 1 else picture  # a small one shows its pixels
    by = small.shape[1] / H
    box = Box(*(round(by * side) for side in window[:4]))
    h, w = small.shape[1:]
    longer = max(h, w)
    return image_view(small, (h - longer) // 2, (w - longer) // 2, longer, _SIDE, [box])


def class_bars(
    probabilities: Tensor, classes: Sequence[str], width: int, height: int
) -> Image.Image:
    """The five best classes, a bar each, with their probability."""
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), text_font(19)
    values, numbers = probabilities.topk(min(5, len(probabilities)))
    step, first = height / 5, 118
    for row, (value, number) in enumerate(zip(values.tolist(), numbers.tolist(), strict=True)):
        y, far = round((row + 0.5) * step), first + value * (width - first - 74)
        draw.rectangle((first, y - 15, far, y + 15), BLUE if row == 0 else mixed(BLUE, 0.45))
        draw.text((first - 10, y), classes[number], INK, font, "rm")
        draw.text((far + 8, y), f"{value:.0%}", INK, font, "lm")
    draw.line((first, 0, first, height), GREY, 2)
    return picture


def best_words(probabilities: Tensor, classes: Sequence[str]) -> str:
    """The two best classes: cat 66%, then dog 33%."""
    values, numbers = probabilities.topk(min(2, len(probabilities)))
    best = zip(values.tolist(), numbers.tolist(), strict=True)
    return ", then ".join(f"{classes[number]} {value:.0%}" for value, number in best)


def strongest_maps(maps: Tensor) -> Image.Image:
    """The 24 maps with the largest values, in their own order: white is 0, red is large.

    Shape:
        maps: (M, h, w)
    """
    across, down = SHOWN
    count = min(across * down, len(maps))
    chosen = maps.amax((1, 2)).topk(count).indices.sort().values
    tiles = colours(maps[chosen]).permute(0, 3, 1, 2)  # (24, 3, h, w)
    h = tiles.shape[-1]
    place = torch.arange(_MAP) * h // _MAP
    tiles = tiles[:, :, place][:, :, :, place]  # (24, 3, 62, 62)
    framed = torch.full((count, 3, _MAP + 2, _MAP + 2), 190, dtype=torch.uint8)
    framed[:, :, 1:-1, 1:-1] = tiles
    return Image.fromarray(mosaic(framed, across).numpy())
