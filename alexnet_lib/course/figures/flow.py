"""The flow view: a network to scale in the manner of Fig. 2, with what each block costs."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from alexnet_lib.course.figures.near import PHOTO, WIDTH, Near, near_view
from alexnet_lib.course.figures.pixels import Box, few_colours, text_font
from alexnet_lib.course.figures.style import BLUE, GOLD, GREY, INK, RED, YELLOW, mixed
from alexnet_lib.course.flow import BLOCKS, Break, Cost
from alexnet_lib.paper.network import AlexNetConfig

_PITCH = WIDTH // len(BLOCKS)  # picture pixels from block to block
FLOW = 386  # height of the flow; below it, the block from near
_MIDDLE, _TALL = 138, 186  # of the drawing; the largest map's height
_LONG, _DENSE = 46, 0.037  # a block of the most maps; of a dense unit
_GAP, _BACK = 16, (0.3, 0.18)  # between towers; how far a block's back is moved, of its side
_WORDS, _BARS, _HIGH = 246, 378, 50  # where words begin and bars end, and the longest bar


class Told(NamedTuple):
    """Costs of each block, now and before all changes; the title above them."""

    now: Mapping[str, Cost]
    before: Mapping[str, Cost]
    title: str


# --- The view -------------------------------------------------------------------------------------


def network_view(config: AlexNetConfig, pixels: Tensor, told: Told) -> Image.Image:
    """The whole network with its costs, which stays where another block is chosen."""
    view = Image.new("RGB", (WIDTH, FLOW), "white")
    view.paste(_network(config, None), (0, 0))
    _lay_picture(view, pixels, config)
    _write_words(view, told.title, config, BLOCKS)
    if _towers(config) == 2:
        _name_towers(view)
    _draw_bars(view, told)
    return view


def flow_view(above: Image.Image, chosen: str, near: Near) -> Image.Image:
    """The `network_view`, the chosen block framed; below, the block from near and its code."""
    below = near_view(near)
    view = Image.new("RGB", (WIDTH, FLOW + below.height), "white")
    view.paste(above, (0, 0))
    view.paste(below, (0, FLOW))
    _frame_block(view, chosen)
    return few_colours(view)


def broken_view(
    config: AlexNetConfig, pixels: Tensor, title: str, chosen: str, broken: Break
) -> Image.Image:
    """The network as far as it goes, and at the block where it breaks the reason."""
    view = Image.new("RGB", (WIDTH, FLOW), "white")
    view.paste(_network(config, broken.block), (0, 0))
    _lay_picture(view, pixels, config)
    place = BLOCKS.index(broken.block)
    _write_words(view, title, config, BLOCKS[:place])
    _frame_block(view, chosen)
    draw, x = ImageDraw.Draw(view), _centre(place)
    draw.line((x, 34, x, _WORDS), RED, 3)
    left, font = _PITCH * (place + 1) + 6, text_font(17)
    wide = min(460, WIDTH - left - 6)
    lines = _wrapped(f"{broken.block} breaks: {broken.reason}", font, wide - 24)
    draw.rectangle((left, 60, left + wide, 76 + 22 * len(lines)), "white", RED, 3)
    for number, line in enumerate(lines):
        draw.text((left + 12, 68 + 22 * number), line, INK, font)
    return few_colours(view)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def photo_box() -> Box:
    """Where the picture with the window of one unit is."""
    return PHOTO._replace(top=FLOW + PHOTO.top)


def block_cells() -> Box:
    """Where the blocks are, as many columns as there are blocks."""
    return Box(30, 0, FLOW - 30, WIDTH)


# --- The network to scale -------------------------------------------------------------------------


class _Solid(NamedTuple):
    """A block as drawn: its left edge and middles, length, height, and how deep it goes."""

    left: float
    middles: tuple[float, ...]
    length: float
    height: float
    back: float


def _centre(place: int) -> int:
    return _PITCH * place + _PITCH // 2


def _scale(config: AlexNetConfig) -> float:
    towers = _towers(config)
    return _TALL / max(config.input_size, towers * config.map_sizes()["conv1"] + _GAP)


def _towers(config: AlexNetConfig) -> int:
    return 2 if 2 in config.groups else 1


def _solids(config: AlexNetConfig) -> dict[str, _Solid]:
    """Every block's place and size, to one scale."""
    towers, scale, sides = _towers(config), _scale(config), config.map_sizes()
    most = max(config.widths)
    conv1 = sides["conv1"] * scale * (1 + _BACK[1])
    offset = max(48.0, conv1 / 2 + _GAP / 2)
    pair = (_MIDDLE - offset, _MIDDLE + offset)
    found = {}
    for place, block in enumerate(BLOCKS):
        middles = pair if towers == 2 and block not in ("image", "fc8") else (float(_MIDDLE),)
        if block.startswith("fc"):
            units = config.num_classes if block == "fc8" else config.hidden_units / towers
            length, height, back = 8.0, min(196.0, max(units, 100) * _DENSE), 14.0
        else:
            side = config.input_size if block == "image" else sides[block]
            maps = 3 if block == "image" else config.maps_in()[int(block[-1])]
            length, height = max(3.0, maps / most * _LONG), max(3.0, side * scale)
            back = height
        left = _centre(place) - (length + _BACK[0] * back) / 2
        found[block] = _Solid(left, middles, length, height, back)
    return found


@lru_cache(maxsize=16)
def _network(config: AlexNetConfig, broken: str | None) -> Image.Image:
    """Blocks and arrows; from a broken block on only where blocks would be.

    Drawn twice as large and made smaller: smooth edges. Kept, since most clicks change no block.
    """
    large = Image.new("RGB", (2 * WIDTH, 2 * _WORDS), "white")
    draw = ImageDraw.Draw(large)
    solids = _solids(config)
    there = BLOCKS[: BLOCKS.index(broken)] if broken else BLOCKS
    for before, block in zip(BLOCKS, there[1:], strict=False):
        crosses = block in _reads_all(config)
        _draw_arrows(draw, solids[before], solids[block], crosses)
    for block in there:
        solid = solids[block]
        for number, middle in enumerate(solid.middles):
            towers = len(solid.middles)
            colour = (BLUE, RED)[number] if towers == _towers(config) else GREY
            _draw_solid(draw, solid, middle, YELLOW if block == "image" else colour)
    return large.reduce(2)


def _reads_all(config: AlexNetConfig) -> set[str]:
    """Blocks in which a tower reads the maps of both."""
    convolutions = {f"conv{n}" for n, groups in enumerate(config.groups, 1) if groups == 1}
    return convolutions | {"fc6", "fc7", "fc8"}


def _draw_solid(draw: ImageDraw.ImageDraw, solid: _Solid, middle: float, colour: str) -> None:
    """Front, top and side of a box, at twice the size."""
    left, right = 2 * solid.left, 2 * (solid.left + solid.length)
    dx, dy = (2 * share * solid.back for share in _BACK)
    top = 2 * middle - solid.height + dy / 2
    bottom = top + 2 * solid.height
    front = [(left, top), (right, top), (right, bottom), (left, bottom)]
    lid = [(left, top), (right, top), (right + dx, top - dy), (left + dx, top - dy)]
    side = [(right, top), (right + dx, top - dy), (right + dx, bottom - dy), (right, bottom)]
    for corners, share in ((front, 0.85), (lid, 0.35), (side, 0.55)):
        draw.polygon(corners, mixed(colour, share), "white")


def _draw_arrows(draw: ImageDraw.ImageDraw, start: _Solid, end: _Solid, crosses: bool) -> None:
    """From each block to each that reads it; black where a tower reads the other."""
    x, far = 2 * (start.left + start.length + _BACK[0] * start.back), 2 * end.left
    pairs = len(start.middles) == len(end.middles) == 2
    for i, y in enumerate(start.middles):
        for j, to in enumerate(end.middles):
            is_cross = pairs and i != j
            if crosses or not is_cross:
                colour, wide = (INK, 3) if is_cross else (GREY, 2)
                _draw_arrow(draw, (x, 2 * y), (far, 2 * to), colour, wide)


def _draw_arrow(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    wide: int,
) -> None:
    draw.line((*start, *end), colour, wide)
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    dx, dy = 12 * dx / length, 12 * dy / length
    back = (end[0] - dx, end[1] - dy)
    corners = [(back[0] - dy / 2, back[1] + dx / 2), (back[0] + dy / 2, back[1] - dx / 2)]
    draw.polygon([end, *corners], colour)


def _lay_picture(view: Image.Image, pixels: Tensor, config: AlexNetConfig) -> None:
    """The picture itself on the side of the first block, as in Fig. 2."""
    solid = _solids(config)["image"]
    dx, dy = (share * solid.back for share in _BACK)
    left, high = solid.left + solid.length, solid.height
    top = solid.middles[0] - high / 2 + dy / 2
    wide, tall = max(2, round(dx)), max(2, round(high + dy))
    s = pixels.shape[-1]
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())  # (s, s, 3)
    # x of the side is a share of the picture's width; y begins lower at the left than at the right.
    numbers = (s / wide, 0, 0, s * dy / high / wide, s / high, -s * dy / high)
    whole = (wide, tall)
    how = (Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR)
    laid = picture.transform(whole, *how)
    mask = Image.new("L", (s, s), 255).transform(whole, *how)
    view.paste(laid, (round(left), round(top - dy)), mask)


# --- Words, bars and the frame --------------------------------------------------------------------


def _write_words(
    view: Image.Image, title: str, config: AlexNetConfig, blocks: Sequence[str]
) -> None:
    draw, sides = ImageDraw.Draw(view), config.map_sizes()
    draw.text((8, 4), title, INK, text_font(18, bold=True))
    for block in blocks:
        x = _centre(BLOCKS.index(block))
        for number, line in enumerate(_lines(config, sides, block)):
            font = text_font(16, bold=number == 0)
            draw.text((x, _WORDS + 10 + 20 * number), line, INK, font, "mm")


def _name_towers(view: Image.Image) -> None:
    for number, (y, colour) in enumerate(((44, BLUE), (_WORDS - 14, RED)), 1):
        ImageDraw.Draw(view).text((_centre(6), y), f"tower {number}", colour, text_font(16), "mm")


def _lines(config: AlexNetConfig, sides: Mapping[str, int], block: str) -> tuple[str, ...]:
    if block == "image":
        return block, f"3×{config.input_size}²"
    if block.startswith("fc"):
        return block, f"{config.num_classes if block == 'fc8' else config.hidden_units:,}"
    number = int(block[-1])
    shape = f"{config.maps_in()[number]}×{sides[block]}²"
    if block.startswith("pool"):
        return block, shape, f"{config.pool_kernel}×{config.pool_kernel} / {config.pool_stride}"
    if block in config.left_out:
        return block, "left out"
    kernel, stride = config.kernels[number - 1], config.conv1_stride if number == 1 else 1
    return block, shape, f"{kernel}×{kernel} / {stride}"


def _draw_bars(view: Image.Image, told: Told) -> None:
    """Parameters and multiply-adds of each block; a line is where it ended before."""
    draw = ImageDraw.Draw(view)
    for column, colour, shift in (("parameters", GOLD, -17), ("macs", BLUE, 1)):
        both = (told.now, told.before)
        most = max(getattr(cost, column) for costs in both for cost in costs.values())
        for place, block in enumerate(BLOCKS):
            now, before = (_HIGH * getattr(costs[block], column) / most for costs in both)
            x = _centre(place) + shift
            if now:
                draw.rectangle((x, _BARS - max(1, round(now)), x + 15, _BARS), colour)
            if round(before) != round(now):
                y = _BARS - round(before)
                draw.line((x - 2, y, x + 17, y), INK, 2)
    draw.line((8, _BARS, WIDTH - 8, _BARS), GREY)
    font = text_font(16)
    for x, colour, words in ((730, GOLD, "parameters"), (858, BLUE, "multiply-adds")):
        draw.rectangle((x - 16, 8, x - 6, 20), colour)
        draw.text((x, 14), words, INK, font, "lm")
    draw.line((990, 14, 1010, 14), INK, 2)
    draw.text((1018, 14), "before", INK, font, "lm")


def _frame_block(view: Image.Image, chosen: str) -> None:
    x, draw = _PITCH * BLOCKS.index(chosen), ImageDraw.Draw(view)
    draw.rounded_rectangle((x + 1, 30, x + _PITCH - 2, FLOW - 3), 8, None, INK, 4)
    draw.rounded_rectangle((x + 2, 31, x + _PITCH - 3, FLOW - 4), 7, None, YELLOW, 2)
