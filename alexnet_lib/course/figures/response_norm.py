"""What response normalisation leaves of an activation, and of its neighbours (§3.3)."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, text_font
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    RED,
    as_chart,
    describe,
    new_figure,
    styled,
)

SHADE = "#f3e3e5"  # a light RED
_WIDE, _FOOT, _TALL = 1080, 280, 215  # of the bars before and after


def map_bars(before: Tensor, after: Tensor, strong: int, size: int, largest: float) -> Image.Image:
    """Draw one pixel's maps before and after, and below them the share that each one keeps.

    Args:
        strong: the map whose reach is shaded.
        size: window n, in maps.
        largest: the activation at the top of the drawing.
    Shape:
        before, after: (C,) -> picture of 1080 × 480 pixels
    """
    picture = Image.new("RGB", (_WIDE, 480), "white")
    draw = ImageDraw.Draw(picture)
    wide, font, kept = _WIDE / len(before), text_font(17), after / before.clamp_min(1e-12)
    draw.rectangle((wide * (strong - size // 2), 30, wide * (strong + size // 2 + 1), 452), SHADE)
    tall, share = _TALL / max(largest, float(before.max())), 90 / max(0.62, float(kept.max()))
    for i, (a, b, left) in enumerate(
        zip(before.tolist(), after.tolist(), kept.tolist(), strict=True)
    ):
        x = wide * (i + 0.5)
        edge = INK if i == strong else GREY
        draw.rectangle((x - 26, _FOOT - tall * a, x + 26, _FOOT), PALE, edge)
        draw.rectangle((x - 16, _FOOT - tall * b, x + 16, _FOOT), BLUE)
        draw.text((x, _FOOT - 2 - tall * a), f"{a:.3g}", INK, font, "mb")
        draw.rectangle((x - 16, 430 - share * left, x + 16, 430), BLUE)
        draw.text((x, 427 - share * left), f"{left:.0%}", INK, font, "mb")
        draw.text((x, 434), str(i), INK, font, "mt")
    title = "One pixel: activations (outlined) and what LRN leaves (blue)"
    draw.text((2, 2), title, INK, text_font(19, bold=True))
    draw.text((2, 292), "Share kept", INK, text_font(19, bold=True))
    draw.text((2, 458), f"map; shaded: the window around map {strong}", INK, font)
    return as_chart(picture)


def bars_box() -> Box:
    """Where the bars are drawn, from the top of the drawing to their foot."""
    return Box(_FOOT - _TALL, 0, _TALL, _WIDE)


@styled
def response_curves(
    x: Tensor,
    curves: Mapping[str, Tensor],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one or two curves, a dot at each summit; x is logarithmic where it starts above 0.

    Args:
        marks: places of interest on the horizontal axis, by name.
    Shape:
        x and each of curves: (S,) -> Figure
    """
    figure, words, places = new_figure(8, 3.1), [], x.tolist()
    axes = figure.subplots()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel, xlim=(places[0], places[-1]))
    axes.set(xscale="log" if places[0] > 0 else "linear")
    axes.set_ylim(0, 1.2 * max(float(y.max()) for y in curves.values()))
    near = {"textcoords": "offset points", "annotation_clip": False}
    for (name, y), colour, line in zip(curves.items(), (BLUE, RED), ("-", "--"), strict=False):
        values, top = y.tolist(), int(y.argmax())
        axes.plot(places, values, line, color=colour)
        axes.annotate(name, (places[-1], values[-1]), (6, -3), color=colour, **near)
        words.append(f"{name}: {y[0]:.3g} at {x[0]:g}, {y[-1]:.3g} at {x[-1]:g}")
        if 0 < top < len(x) - 1:
            summit = (places[top], values[top])
            axes.plot(*summit, "o", color=colour)
            axes.annotate(f"{y[top]:.1f} at {x[top]:.0f}", summit, (5, 6), color=colour, **near)
            words.append(f"highest at {x[top]:.0f}")
    for name, place in (marks or {}).items():
        axes.axvline(place, color=GREY, linewidth=0.8)
        axes.annotate(name, (place, 0), (4, 5), fontsize=8.5, **near)
    return describe(figure, f"{title}. {'; '.join(words)}.")
