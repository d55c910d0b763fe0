"""What pooling does to a moving picture, and what repeated experiments can see (§3.4)."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import side_by_side, text_font
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    LINES,
    PALE,
    RED,
    SERIES,
    as_chart,
    describe,
    in_percent,
    in_whole_numbers,
    new_figure,
    styled,
)
from alexnet_lib.statistics import Interval

_SIDE = 196  # picture pixels of a map
_REACH = 4.0  # points shown on either side of 0


@styled
def change_curves(changes: Mapping[str, Sequence[float]], title: str, ylabel: str) -> Figure:
    """Draw up to four curves of change against the shift, each named at its end.

    Args:
        changes: by name of the pool, the change (1 is 100 %) at a shift of 0, 1, 2, … pixels.
    """
    figure, words = new_figure(8, 3.4), []
    axes = figure.subplots()
    ends = _apart({name: values[-1] for name, values in changes.items()})
    for (name, values), colour, line in zip(changes.items(), SERIES, LINES, strict=False):
        last = len(values) - 1
        axes.plot(values, line, color=colour, marker="o", markersize=3.5)
        axes.annotate(name, (last, ends[name]), (8, 0), textcoords="offset points",
                      color=colour, va="center", annotation_clip=False)  # fmt: skip
        words.append(f"{name} {values[1]:.0%} at one pixel, {values[-1]:.0%} at {last}")
    axes.set(title=title, xlabel="shift in pixels", ylabel=ylabel, xlim=(0, None))
    axes.set_ylim(0, 1.1 * max(ends.values()))
    in_percent(axes.yaxis)
    in_whole_numbers(axes.xaxis)
    return describe(figure, f"{title}. {'; '.join(words)}.")


def shift_panels(
    panels: Mapping[str, Tensor], changes: Mapping[str, float], chosen: str
) -> Image.Image:
    """Draw maps side by side, and under them one bar of change for each pool.

    Args:
        panels: by title, (H, W) maps in [0, 1]; 1 is black.
        changes: by name of the pool; 1 is 100 %.
        chosen: the pool whose bar is emphasised.
    """
    row = side_by_side(list(panels), [_tile(values) for values in panels.values()], gap=16)
    picture = Image.new("RGB", (1080, row.height + 40 + 34 * len(changes)), "white")
    picture.paste(row, (0, 0))
    draw, font = ImageDraw.Draw(picture), text_font(17)
    draw.text((212, row.height + 8), "change of the maps", INK, text_font(18, bold=True))
    for number, (name, change) in enumerate(changes.items()):
        y = row.height + 48 + 34 * number
        colour = BLUE if name == chosen else GREY
        draw.text((0, y), name, INK, text_font(17, bold=name == chosen), "lm")
        draw.rectangle((210, y - 11, 210 + 420 * change, y + 11), colour)
        draw.text((220 + 420 * change, y), f"{change:.0%}", INK, font, "lm")
    return picture


def imagined_experiments(results: Sequence[Interval], effect: float) -> Image.Image:
    """Draw the interval of each imagined experiment: blue above 0, red below, grey across it.

    Args:
        results: in points.
        effect: the true mean, drawn as a dashed line.
    """
    picture = Image.new("RGB", (1080, 420), "white")
    draw, font, wide = ImageDraw.Draw(picture), text_font(17), 980 / len(results)

    def height(points: float) -> float:
        return 215 - 175 * max(-1.0, min(1.0, points / _REACH))

    for points in range(-int(_REACH), int(_REACH) + 1):
        draw.line((90, height(points), 1070, height(points)), PALE if points else INK, 2)
        draw.text((80, height(points)), f"{points:+d}" if points else "0", INK, font, "rm")
    for number, result in enumerate(results):
        colour = BLUE if result.low > 0 else RED if result.high < 0 else GREY
        x = 90 + wide * (number + 0.5)
        draw.line((x, height(result.low), x, height(result.high)), colour, 5)
        y = height(result.estimate)
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), INK)
    for x in range(90, 1070, 20):
        draw.line((x, height(effect), x + 9, height(effect)), INK, 2)
    title = f"{len(results)} imagined experiments, sorted: gain in points, 95 % interval"
    draw.text((0, 2), title, INK, text_font(19, bold=True))
    key = "blue: sees the gain · grey: cannot tell · red: sees the opposite · dashed: the truth"
    draw.text((90, 412), key, INK, font, "ls")
    return as_chart(picture)


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Move labels up until none touches the one below."""
    placed, floor = {}, -1.0
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        placed[name] = floor = max(height, floor)
        floor += 0.07 * max(heights.values())
    return placed


def _tile(values: Tensor) -> Image.Image:
    shades = (255 * (1 - values.clamp(0, 1))).round().byte().numpy()
    return Image.fromarray(shades).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
