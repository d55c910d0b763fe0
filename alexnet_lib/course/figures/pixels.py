"""Pixels: pictures side by side, numbers in cells, windows on an image, and the pen for them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import matplotlib
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.style import (
    BLUE,
    DIVERGING,
    GREY,
    INK,
    PALE,
    RED,
    YELLOW,
    as_chart,
    describe,
    drawable,
    fonts,
    ink_on,
    new_figure,
    styled,
)

CELL = 40  # picture pixels of a cell with a number
_FIT = 4  # characters of a number that fit into it
_WORDS = 4096  # kept by a font, about 1 kB each
MARGIN, TITLE = 3, 30  # around a grid, and the height of a title


class Box(NamedTuple):
    """A frame around rows and columns."""

    top: int
    left: int
    height: int
    width: int
    colour: str = YELLOW


# --- Pictures side by side ------------------------------------------------------------------------


def mosaic(images: Tensor, columns: int, gap: int = 2) -> Tensor:
    """Lay N images out in rows of `columns` on white.

    Args:
        images: uint8 0–255, or float in [0, 1].
        gap: pixels between neighbours.
    Shape:
        images: (N, 3 or 1, H, W) -> (rows·(H+gap) − gap, columns·(W+gap) − gap, 3) uint8
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise InputError(
            f"images have shape {tuple(images.shape)}; expected (N ≥ 1, 3 or 1, H, W)."
        )
    if columns < 1:
        raise InputError(f"columns is {columns}; expected at least 1.")
    tiles = _to_uint8(images).expand(-1, 3, -1, -1)  # (N, 3, H, W)
    N, _, H, W = tiles.shape
    rows = -(-N // columns)
    canvas = torch.full((rows * columns, H + gap, W + gap, 3), 255, dtype=torch.uint8)
    canvas[:N, :H, :W] = tiles.permute(0, 2, 3, 1)
    canvas = canvas.reshape(rows, columns, H + gap, W + gap, 3).transpose(1, 2)
    canvas = canvas.reshape(rows * (H + gap), columns * (W + gap), 3)
    return canvas[: canvas.shape[0] - gap, : canvas.shape[1] - gap]


@styled
def image_grid(
    images: Tensor,
    labels: Sequence[str] = (),
    *,
    columns: int = 8,
    title: str,
    width: float = 8.0,
) -> Figure:
    """Images in rows, each with its label underneath.

    Args:
        labels: one per image, or none.
        title: says what is shown and which data it is from.
    Shape:
        images: (N, 3 or 1, H, W) uint8, or float in [0, 1]
    """
    N, _, H, W = images.shape
    if len(labels) not in (0, N):
        raise InputError(f"{len(labels)} labels for {N} images; expected none or one each.")
    columns = min(columns, N)
    gap = max(2, round(0.3 * H)) if labels else 2
    picture = mosaic(images, columns, gap).numpy()
    rows = picture.shape[0] + (0.06 * H if labels else 0)  # the last labels hang below
    figure = new_figure(width, width * rows / picture.shape[1] + (0.55 if labels else 0.35))
    axes = figure.subplots()
    axes.imshow(picture)
    axes.set(xticks=[], yticks=[], title=title, xlim=(-0.5, picture.shape[1] - 0.5))
    axes.spines[:].set_visible(False)
    for i, label in enumerate(labels):
        x, y = (i % columns) * (W + gap) + W / 2, (i // columns) * (H + gap) + H
        axes.text(x, y + 0.06 * H, label, ha="center", va="top", fontsize=8)
    return describe(
        figure, f"{title}: {N} images" + (f" ({', '.join(labels)})." if labels else ".")
    )


def side_by_side(
    titles: Sequence[str], pictures: Sequence[Image.Image], gap: int = 24
) -> Image.Image:
    """Pictures in a row, each under its title."""
    height = max(picture.height for picture in pictures) + TITLE
    *lefts, end = left_edges(titles, pictures, gap)
    row = Image.new("RGB", (end - gap, height), "white")
    draw = ImageDraw.Draw(row)
    for title, picture, x in zip(titles, pictures, lefts, strict=True):
        draw.text((x + MARGIN, 2), title, INK, text_font(18, bold=True))
        row.paste(picture, (x, TITLE))
    return row


def left_edges(titles: Sequence[str], pictures: Sequence[Image.Image], gap: int = 24) -> list[int]:
    """Where pictures `side_by_side` begin, and where a further one would."""
    font = text_font(18, bold=True)
    wide = [
        max(picture.width, round(font.getlength(title)) + 2 * MARGIN) + gap
        for title, picture in zip(titles, pictures, strict=True)
    ]
    return [0, *accumulate(wide)]


def box_in_row(
    titles: Sequence[str], pictures: Sequence[Image.Image], number: int, margin: int = 0
) -> Box:
    """Where one of the pictures `side_by_side` is, without a margin around what it shows."""
    left, part = left_edges(titles, pictures)[number], pictures[number]
    sides = (part.height - 2 * margin, part.width - 2 * margin)
    return Box(TITLE + margin, left + margin, *sides)


def enlarged(images: Tensor, times: int) -> Tensor:
    """Every pixel as a block of `times` × `times`, without smoothing.

    Shape:
        images: (…, H, W) -> (…, times·H, times·W)
    """
    return images.repeat_interleave(times, -2).repeat_interleave(times, -1)


def _to_uint8(images: Tensor) -> Tensor:
    images = images.detach().cpu()
    if images.dtype == torch.uint8:
        return images
    return (images.float().clamp(0, 1) * 255).round().to(torch.uint8)


# --- Numbers in cells -----------------------------------------------------------------------------


def number_grid(values: Tensor, boxes: Sequence[Box] = (), grey: bool = False) -> Image.Image:
    """Numbers in coloured cells, white at 0; nan leaves a cell empty.

    Args:
        values: what to show.
        boxes: frames, in cells.
        grey: shades of grey, for images; else blue for negative and red for positive numbers.
    Shape:
        values: (H, W) -> picture of W · CELL × H · CELL pixels and a margin
    """
    H, W = values.shape
    scaled = values.nan_to_num() / (float(values.nan_to_num().abs().max()) or 1.0)
    shades = matplotlib.colormaps["Greys" if grey else DIVERGING]
    levels = 0.6 * scaled if grey else 0.5 + 0.4 * scaled
    colours = shades(levels.numpy(), bytes=True)  # (H, W, 4)
    picture = Image.new("RGB", (W * CELL + 2 * MARGIN, H * CELL + 2 * MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    words = [[_short(value) for value in row] for row in values.tolist()]
    if max(len(word) for row in words for word in row) > _FIT:
        words = [[_shorter(value) for value in row] for row in values.tolist()]
    longest = max(len(word) for row in words for word in row)
    font = text_font(18 if longest < _FIT else 16)  # one size in all cells
    for y in range(H):
        for x in range(W):
            place = (x * CELL + MARGIN, y * CELL + MARGIN)
            _draw_number(draw, place, words[y][x], tuple(map(int, colours[y, x, :3])), font)
    for box in boxes:
        _draw_box(draw, box, CELL, MARGIN)
    return picture


def _short(number: float) -> str:
    """A number for a cell: -0 becomes 0, and -0.25 is written -.25."""
    return f"{number + 0.0:g}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:g}"


def _shorter(number: float) -> str:
    """Two digits, or whole numbers from 10 on: what fits where `_short` does not."""
    return f"{number:.0f}" if abs(number) >= 10 else _short(float(f"{round(number, 2):.2g}"))


def _draw_number(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    colour: tuple[int, ...],
    font: ImageFont.FreeTypeFont,
) -> None:
    x, y = place
    draw.rectangle((x, y, x + CELL - 2, y + CELL - 2), colour, PALE)
    if words != "nan":
        centre, ink = (x + CELL // 2 - 1, y + CELL // 2 - 1), ink_on([c / 255 for c in colour])
        draw.text(centre, words, ink, font, "mm")


# --- Windows on an image --------------------------------------------------------------------------


def image_view(
    image: Tensor, top: int, left: int, side: int, width: int, boxes: Sequence[Box] = ()
) -> Image.Image:
    """A square part of an image, `side` pixels made `width`; hatched where it leaves the image.

    Shape:
        image: (3, H, W) uint8 -> picture of width × width pixels
    """
    pixels = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())  # (H, W, 3)
    part = Image.new("RGBA", (side, side))
    part.paste(pixels, (-left, -top))
    part = part.resize((width, width), Image.Resampling.NEAREST)
    view = _hatching(width).copy()
    view.paste(part, mask=part)
    for box in boxes:
        placed = box._replace(top=box.top - top, left=box.left - left)
        _draw_box(ImageDraw.Draw(view), placed, width / side)
    return view


def window_stairs(starts: range, size: int, kernel_size: int, padding: int) -> Image.Image:
    """Windows along one side of an image, one a row, under the strip of pixels they move over.

    Args:
        starts: where the windows begin, see `by_hand.window_starts`.
        size, kernel_size, padding: of the image, the window, and the zeros on either side.
    """
    first, last = -padding, max(size + padding, starts[-1] + kernel_size)
    wide, tall = min(28, 960 // (last - first)), min(28, 300 // len(starts))
    picture = Image.new("RGB", (1080, 400), "white")
    draw = ImageDraw.Draw(picture)
    seen = {pixel for start in starts for pixel in range(start, start + kernel_size)}

    def cell(pixel: int, y: int, height: int, colour: str) -> None:
        x = 104 + (pixel - first) * wide
        draw.rectangle((x, y, x + wide - 2, y + height - 2), colour, GREY)

    for pixel in range(first, last):
        inside = 0 <= pixel < size
        cell(pixel, 28, 28, "white" if not inside else GREY if pixel in seen else RED)
        if inside and pixel % 4 == 0:
            draw.text(
                (104 + (pixel - first + 0.5) * wide, 15), str(pixel), INK, text_font(16), "mm"
            )
    for number, start in enumerate(starts):
        y = 66 + number * tall
        if tall > 15 or number in (0, len(starts) - 1):
            draw.text((0, y + tall // 2), f"output {number}", INK, text_font(16), "lm")
        for pixel in range(start, start + kernel_size):
            cell(pixel, y, tall, BLUE if 0 <= pixel < size else YELLOW)
    _draw_key(draw, 382, {"in a window": BLUE, "a zero in a window": YELLOW, "never seen": RED})
    return as_chart(picture)


def _draw_key(draw: ImageDraw.ImageDraw, y: int, colours: Mapping[str, str]) -> None:
    for number, (words, colour) in enumerate(colours.items()):
        x = 104 + 240 * number
        draw.rectangle((x, y - 8, x + 16, y + 8), colour, GREY)
        draw.text((x + 26, y), words, INK, text_font(16), "lm")


@lru_cache
def _hatching(width: int) -> Image.Image:
    """What lies outside an image: unlike any picture."""
    ground = Image.new("RGB", (width, width), PALE)
    draw = ImageDraw.Draw(ground)
    for x in range(0, 2 * width, 12):
        draw.line((x, 0, x - width, width), "white", 3)
    return ground


# --- The pen --------------------------------------------------------------------------------------


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, scale: float, margin: int = 0) -> None:
    x, y = margin + box.left * scale, margin + box.top * scale
    far = (x + box.width * scale - 1, y + box.height * scale - 1)
    draw.rectangle((x - 2, y - 2, far[0] + 1, far[1] + 1), outline=INK, width=6)
    draw.rectangle((x - 1, y - 1, *far), outline=box.colour, width=4)


@lru_cache
def text_font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font of all figures, which matplotlib brings along.

    It keeps the words that it has drawn: an explorer draws nearly all of them again and again.
    Words with letters that it lacks are drawn by another font that is there, or are escaped.
    """
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/{name}", size)
    mask, length = font.getmask2, font.getlength

    def chosen(words: str) -> tuple[Any, str]:
        codes = set(map(ord, words))
        for path, letters in fonts()[1:] if not words.isascii() else ():
            if codes <= letters and not codes <= fonts()[0][1]:
                return ImageFont.truetype(path, size), words
        return None, drawable(words)

    def drawn(words: str, *args: Any, **settings: Any) -> Any:
        other, words = chosen(words)
        return (other.getmask2 if other else mask)(words, *args, **settings)

    def measured(words: str, *args: Any, **settings: Any) -> float:
        other, words = chosen(words)
        return (other.getlength if other else length)(words, *args, **settings)

    font.getmask2, font.getlength = lru_cache(_WORDS)(drawn), measured
    return font


def few_colours(picture: Image.Image, colours: int = 256) -> Image.Image:
    """The same in a few colours: saved in half the time, hardly a difference to the eye."""
    few = picture.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    levels = few.getpalette()
    for i in range(0, len(levels), 3):
        if min(levels[i : i + 3]) >= 247:  # white was averaged with what is nearly white
            levels[i : i + 3] = (255, 255, 255)
    few.putpalette(levels)
    return few
