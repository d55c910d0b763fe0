"""The network drawn to scale from its config, in the manner of the paper's Fig. 2."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    RED,
    YELLOW,
    describe,
    headline,
    new_figure,
    styled,
)
from alexnet_lib.paper.network import AlexNetConfig

_PITCH = 80  # from column to column, in drawing units
_TALLEST, _LONGEST = 212, 56  # front of the largest map; block of the layer with most maps
_GAP = 16  # between the towers
_BACK = (0.3, 0.18)  # how far the back of a block is moved, of its side
_DENSE = 0.04  # drawing units per dense unit

Point = tuple[float, float]


class _Column(NamedTuple):
    """One layer: words below it, length and height of each tower's block."""

    words: str
    maps: float
    side: float
    towers: int
    reads_all: bool = True


@styled
def architecture(
    config: AlexNetConfig, title: str, crossing: Mapping[str, int] | None = None
) -> Figure:
    """Draw image, five convolutions and three dense layers, to scale (paper Fig. 2).

    A block's height is the side of its maps, its length their number; each has one scale for the
    whole drawing. Bars are dense layers, as high as they have units. Blue and red are the towers;
    black arrows are where a tower reads the other's maps.

    Args:
        crossing: bytes that cross between two towers at each layer where they meet, written there;
            where given, the config's groups are not looked at.
    """
    columns = _columns(config) if crossing is None else _wired(config, crossing)
    towers, widest = columns[1].towers, max(column.maps for column in columns[1:6])
    scale = _TALLEST / max(config.input_size, towers * columns[1].side + _GAP)
    offset = max(52, columns[1].side * scale * (1 + _BACK[1]) / 2 + _GAP / 2)
    figure = new_figure(8, 3.75)
    figure.set_layout_engine(None)  # a fixed place: a third of the time, and switches redraw this
    axes = figure.add_axes((0.01, 0.0, 0.98, 0.93))
    axes.set(xlim=(-45, 9 * _PITCH - 35), ylim=(-196, 138), aspect="equal")
    headline(figure, title, 0.985)
    axes.set_axis_off()
    ends: list[Point] = []
    for i, column in enumerate(columns):
        length, height = column.maps * _LONGEST / widest, column.side * scale
        back = height
        if i > 5:  # dense layers are bars
            length, height, back = 7, column.side * _DENSE, 14
        left = i * _PITCH - (length + _BACK[0] * back) / 2
        centres = [offset, -offset] if column.towers == 2 else [0.0]
        starts, ends = ends, [(left, y) for y in centres]
        _arrows(axes, starts, ends, column.reads_all)
        if crossing and (size := crossing.get(column.words.split("\n")[0])):
            _write_bytes(axes, (starts[0][0] + left) / 2, size)
        for y, colour in zip(centres, (BLUE, RED), strict=False):
            colour = colour if column.towers == towers else GREY
            _block(axes, (left, y), length, height, back, colour if i else YELLOW)
        ends = [(left + length + _BACK[0] * back, y) for y in centres]
        axes.text(i * _PITCH, -140, column.words, ha="center", va="top", fontsize=8)
    if towers == 2:
        _name_towers(axes, offset + 24)
    told = "; ".join(column.words.replace("\n", ", ") for column in columns)
    told += "".join(f"; {size:,} bytes cross at {at}" for at, size in (crossing or {}).items())
    met = " Two towers; they read each other at the layers with crossed arrows." * (towers - 1)
    return describe(figure, f"{title}. To scale, from image to classes: {told}.{met}")


def _wired(config: AlexNetConfig, crossing: Mapping[str, int]) -> list[_Column]:
    """Columns of two towers that meet where something crosses."""
    columns = _columns(replace(config, groups=(1, 2, 1, 2, 2)))
    meets = (*crossing, "image", "conv1")
    return [
        column._replace(reads_all=any(column.words.startswith(name) for name in meets))
        for column in columns
    ]


def _write_bytes(axes: Axes, x: float, size: int) -> None:
    """Say in the gap between the towers how much crosses there."""
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    style = {"ha": "center", "va": "center", "fontsize": 8, "weight": "bold", "color": INK}
    axes.text(x, 0, f"{size / 1e3:,.0f} kB", bbox=box, **style)


def _columns(config: AlexNetConfig) -> list[_Column]:
    sizes, size = config.map_sizes(), config.input_size
    towers = 2 if 2 in config.groups else 1
    columns = [_Column(f"image\n3×{size}×{size}", 3, size, 1)]
    layers = zip(config.widths, config.kernels, config.groups, strict=True)
    for number, (maps, kernel, groups) in enumerate(layers, 1):
        size, stride = sizes[f"conv{number}"], config.conv1_stride if number == 1 else 1
        words = f"conv{number}\n{maps}×{size}×{size}\n{kernel}×{kernel}, step {stride}"
        if number in (1, 2, 5):
            words += f"\npool to {sizes[f'pool{number}']}"
        columns.append(_Column(words, maps / towers, size, towers, groups == 1))
    units, classes = config.hidden_units, config.num_classes
    columns += [_Column(f"{name}\n{units}", 0, units / towers, towers) for name in ("fc6", "fc7")]
    return [*columns, _Column(f"fc8\n{classes}", 0, max(classes, 100), 1)]


def _block(
    axes: Axes, place: Point, length: float, height: float, back: float, colour: str
) -> None:
    """Front, top and side of a box around `place`, the middle of its left edge."""
    left, right, dx, dy = place[0], place[0] + length, _BACK[0] * back, _BACK[1] * back
    bottom = place[1] - (height + dy) / 2
    top = bottom + height
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    lid = [(left, top), (right, top), (right + dx, top + dy), (left + dx, top + dy)]
    side = [(right, bottom), (right + dx, bottom + dy), (right + dx, top + dy), (right, top)]
    for corners, alpha in ((front, 0.85), (lid, 0.35), (side, 0.55)):
        mixed = [1 - alpha * (1 - part) for part in to_rgb(colour)]
        face = Polygon(corners, facecolor=mixed, edgecolor="white", lw=0.6)
        axes.add_artist(face)  # the limits are set: add_patch would measure each again


def _arrows(axes: Axes, starts: list[Point], ends: list[Point], reads_all: bool) -> None:
    """From each block of the layer before to each that reads it; black where they cross."""
    for i, start in enumerate(starts):
        for j, end in enumerate(ends):
            crosses = len(starts) == len(ends) == 2 and i != j
            if reads_all or not crosses:
                look = {"color": INK, "lw": 1.3} if crosses else {"color": GREY, "lw": 0.8}
                look |= {"arrowstyle": "-|>", "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0}
                axes.add_artist(FancyArrowPatch(start, end, **look))


def _name_towers(axes: Axes, y: float) -> None:
    for tower, colour in ((1, BLUE), (-1, RED)):
        words = f"tower {1 if tower == 1 else 2}: half of the maps of each layer"
        style = {"ha": "center", "va": "center", "fontsize": 8, "color": colour}
        axes.text(4 * _PITCH, tower * y, words, **style)
