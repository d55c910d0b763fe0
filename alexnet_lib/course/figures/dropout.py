"""Masks, what they do to sums and predictions, and how long learning takes with them (§4.2)."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import text_font
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    LINES,
    PALE,
    RED,
    SERIES,
    describe,
    headline,
    in_percent,
    in_whole_numbers,
    mixed,
    new_figure,
    styled,
)
from alexnet_lib.statistics import arrival

_FIELD, _CELL = 240, 15  # picture pixels of a layer; at most so many of a unit
_DROPPED = "#e9c9cd"  # a light RED


@styled
def spread(values: Tensor, marks: Mapping[str, float], title: str, xlabel: str) -> Figure:
    """Histogram of what the masks give, (M,), and named places on the same axis."""
    figure = new_figure(8, 2.8)
    axes = figure.subplots()
    axes.hist(values.tolist(), bins=40, color=BLUE)
    for (name, place), colour in zip(marks.items(), (INK, RED), strict=False):
        axes.axvline(place, color=colour, linestyle="--")
        axes.text(place, 1.02, f"{name} ", transform=axes.get_xaxis_transform(), color=colour,
                  ha="right" if place > values.max() else "left")  # fmt: skip
    axes.set(xlabel=xlabel, ylabel="masks")
    headline(figure, title)
    words = ", ".join(f"{name} {place:.3g}" for name, place in marks.items())
    return describe(figure, f"{title}: over masks {values.mean():.3g} on average; {words}.")


@styled
def arrivals(
    curves: Mapping[str, Sequence[Sequence[float]]], every: int, threshold: float, title: str
) -> Figure:
    """Training error against iterations, and where each run comes down to the threshold.

    Args:
        curves: by variant, one curve a seed.
        every: iterations from one value to the next.
    """
    figure = new_figure(8, 3.2)
    figure.set_layout_engine(None)  # fixed places: the explorer draws anew at each step
    axes = figure.add_axes((0.09, 0.15, 0.89, 0.75))
    axes.axhline(threshold, color=GREY, linewidth=1, linestyle=":")
    for (name, runs), colour, line in zip(curves.items(), SERIES, LINES, strict=False):
        x = [every * i for run in runs for i in (*range(1, len(run) + 1), math.nan)]
        y = [error for run in runs for error in (*run, math.nan)]  # nan parts the seeds
        axes.plot(x, y, line, color=colour, linewidth=1, label=name)
        there = [every * at for run in runs if math.isfinite(at := arrival(run, threshold))]
        axes.plot(there, [threshold] * len(there), "o", color=colour, markersize=6)
    axes.set(title=title, xlabel="iterations", ylabel="training error", ylim=(0, 1), xlim=(0, None))
    in_percent(axes.yaxis)
    in_whole_numbers(axes.xaxis)
    axes.legend(loc="upper right", ncols=len(curves))
    return describe(figure, f"{title}; threshold {threshold:.0%}.")


@styled
def error_lines(
    x: Sequence[float], curves: Mapping[str, Sequence[float]], title: str, xlabel: str
) -> Figure:
    """Errors (fractions) against x, one line a name; x is logarithmic where it starts above 0."""
    figure, words = new_figure(8, 3.0), []
    axes = figure.subplots()
    for (name, y), colour, line in zip(curves.items(), SERIES, LINES, strict=False):
        axes.plot(x, y, line, color=colour, marker="o", markersize=3.5, label=name)
        words.append(f"{name}: {y[0]:.1%} at {x[0]:g}, {y[-1]:.1%} at {x[-1]:g}")
    axes.set(title=title, xlabel=xlabel, ylabel="error", xscale="log" if x[0] > 0 else "linear")
    axes.set_xticks(x, [f"{place:g}" for place in x])
    axes.minorticks_off()
    in_percent(axes.yaxis, None)
    axes.legend(loc="best")
    return describe(figure, f"{title}. {'; '.join(words)}.")


def mask_panel(
    image: Tensor,
    layers: Mapping[str, tuple[Tensor, Tensor]],
    probs: Tensor,
    chosen: int,
    test: Tensor,
    classes: Sequence[str],
) -> Image.Image:
    """Draw an image, its hidden units under one mask, and what all masks make of the classes.

    Args:
        layers: by name, (H,) activations and (H,) bool, kept or not.
        chosen: the mask shown in blue.
    Shape:
        image: (3, h, w) uint8, probs: (masks, classes), test: (classes,) -> 1080 × 390 pixels
    """
    picture = Image.new("RGB", (1080, 390), "white")
    draw, font, bold = ImageDraw.Draw(picture), text_font(16), text_font(17, bold=True)
    pixels = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.paste(pixels.resize((128, 128), Image.Resampling.NEAREST), (0, 30))
    for number, (name, (units, kept)) in enumerate(layers.items()):
        left = 150 + 260 * number
        draw.text((left, 4), f"{name}: {int(kept.sum())} of {len(kept)} kept", INK, bold)
        _draw_units(draw, left, units, kept)
    draw.text((150, 282), "blue: kept, darker = larger · pale: kept, but 0 · struck out: dropped",
              INK, text_font(16))  # fmt: skip
    low, high = probs.quantile(0.05, dim=0).tolist(), probs.quantile(0.95, dim=0).tolist()
    draw.text((690, 4), "probability of each class", INK, bold)
    for row, name in enumerate(classes):
        y, scale = 48 + 30 * row, 250
        draw.text((800, y), name, INK, font, "rm")
        draw.rectangle((810, y - 10, 810 + scale, y + 10), "#f6f7f8")
        draw.rectangle((810 + scale * low[row], y - 10, 810 + scale * high[row], y + 10), "#c3c9d0")
        draw.rectangle((810, y - 4, 810 + scale * float(probs[chosen, row]), y + 4), BLUE)
        x = 810 + scale * float(test[row])
        draw.rectangle((x - 2, y - 12, x + 2, y + 12), INK)
    draw.text((810, 335), "0", INK, text_font(16), "ma")
    draw.text((1078, 335), "100 %", INK, text_font(16), "ra")
    key = "blue: this mask · grey: 90 % of the masks · black: test-time network"
    draw.text((1078, 362), key, INK, text_font(16), "ra")
    return picture


def _draw_units(draw: ImageDraw.ImageDraw, left: int, units: Tensor, kept: Tensor) -> None:
    side = math.ceil(len(units) ** 0.5)
    cell = min(_CELL, _FIELD // side)
    shades = (units / units.max().clamp_min(1e-12)).tolist()
    for i, (level, stays) in enumerate(zip(shades, kept.tolist(), strict=True)):
        x, y = left + cell * (i % side), 32 + cell * (i // side)
        box = (x, y, x + cell - 2, y + cell - 2)
        if stays:
            draw.rectangle(box, mixed(BLUE, 0.25 + 0.75 * level) if level > 0 else PALE)
        else:
            draw.rectangle(box, _DROPPED)
            draw.line((x, y + cell - 2, x + cell - 2, y), RED, cell // 7)
