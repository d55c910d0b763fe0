"""Learning watched: a valley and paths down it, a schedule over its loss, starts of a network."""

from collections.abc import Mapping, Sequence
from math import log10

from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor, stack

from alexnet_lib.course.figures.pixels import few_colours, text_font
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    RED,
    YELLOW,
    as_chart,
    describe,
    headline,
    in_whole_numbers,
    new_figure,
    styled,
)
from alexnet_lib.inspection.health import LayerSignal

VIEW = (10.0, 2.4)  # half width and half height of the valley that is drawn
_SIZE, _SCALE = (1080, 400), 50.0  # picture pixels, and those of one unit along the valley
_PANELS = {"spread": "signal", "gradient": "|gradient| / |weight|"}


def valley_picture(
    paths: Mapping[str, Sequence[Tensor]], steepness: float, drop: int
) -> Image.Image:
    """Draw one or two paths over the level lines of (x² + steepness · y²) / 2.

    Args:
        paths: by name; the first in blue with a dot an update, the second thin and red. A dot
            that would lie outside is drawn hollow, at the edge.
        drop: update after which the learning rate fell; later dots are yellow.
    Shape:
        each path: points (2,) -> picture of 1080 × 400 pixels
    """
    picture = Image.new("RGB", _SIZE, "white")
    draw, tall = ImageDraw.Draw(picture), (_SIZE[1] - 70) / 2 / VIEW[1]
    middle = (_SIZE[0] / 2, 35 + (_SIZE[1] - 70) / 2)

    def place(x: float, y: float) -> tuple[float, float]:
        return middle[0] + _SCALE * x, middle[1] - tall * y

    left, top = place(-VIEW[0], VIEW[1])
    right, bottom = place(VIEW[0], -VIEW[1])
    for level in range(11, 0, -2):  # outermost first
        a = float(level)
        b = a / steepness**0.5
        box = (*place(-a, b), *place(a, -b))
        draw.ellipse(box, "white" if level % 4 == 1 else "#f3f5f7", PALE, 2)
    for (_, path), colour, wide in reversed(
        list(zip(paths.items(), (BLUE, RED), (3, 2), strict=False))
    ):
        points = [place(*point) for point in stack(list(path)).clamp(-1e3, 1e3).tolist()]
        draw.line(points, colour, wide)
        if colour == BLUE:
            for update, (there, up) in enumerate(points):
                inside = left <= there <= right and top <= up <= bottom
                x, y = min(max(there, left + 6), right - 6), min(max(up, top + 6), bottom - 6)
                fill = (YELLOW if update > drop else BLUE) if inside else "white"
                draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill, INK)
    draw.line((middle[0] - 9, middle[1], middle[0] + 9, middle[1]), INK, 3)
    draw.line((middle[0], middle[1] - 9, middle[0], middle[1] + 9), INK, 3)
    draw.rectangle((0, 0, _SIZE[0], 34), "white")
    draw.rectangle((0, _SIZE[1] - 34, _SIZE[0], _SIZE[1]), "white")
    _key(draw, list(paths), _SIZE[1] - 17, drop < len(next(iter(paths.values()))) - 1)
    draw.text((2, 4), "A valley seen from above; + marks its bottom", INK, text_font(19, bold=True))
    return as_chart(few_colours(picture))


def _key(draw: ImageDraw.ImageDraw, names: Sequence[str], y: int, dropped: bool) -> None:
    x, font = 4, text_font(17)
    entries = [*zip(names, (BLUE, RED), strict=False)]
    entries += [("after the drop of the rate", YELLOW)] * dropped
    for name, colour in entries:
        draw.ellipse((x, y - 6, x + 12, y + 6), colour, INK)
        draw.text((x + 20, y), name, INK, font, "lm")
        x += 60 + font.getlength(name)


def schedule_picture(
    rates: Sequence[float], losses: Sequence[float], constant: Sequence[float], title: str
) -> Image.Image:
    """Draw the loss against updates and, below it, the learning rate of each update.

    Args:
        rates: one an update.
        losses, constant: one more; with these rates, and with the first rate throughout.
    """
    picture = Image.new("RGB", (1080, 470), "white")
    draw, end = ImageDraw.Draw(picture), len(losses) - 1
    low = min(min(losses), min(constant)) - 0.02
    high = min(losses[0] + 0.5, max(*losses, *constant)) + 0.03  # too large a rate leaves the view
    powers = [log10(rate) for rate in rates]

    def at(update: float) -> float:
        return 66 + 864 * update / end

    def loss_y(loss: float) -> float:
        return 330 - 292 * (min(max(loss, low), high) - low) / (high - low)

    def rate_y(power: float) -> float:
        return 425 - 70 * (power - powers[-1]) / max(1.0, powers[0] - powers[-1])

    for update in (u for u in range(1, end) if rates[u] != rates[u - 1]):
        draw.line((at(update), 34, at(update), 432), GREY)
    _axis(draw, "loss", {f"{low + s * (high - low):.2f}": loss_y(low + s * (high - low))
                         for s in (0.1, 0.5, 0.9)}, 42)  # fmt: skip
    _axis(draw, "rate", {f"{r:.1g}": rate_y(log10(r)) for r in dict.fromkeys(rates)}, 333)
    for series, colour in ((constant, RED), (losses, BLUE)):
        draw.line([(at(u), loss_y(value)) for u, value in enumerate(series)], colour, 3)
    stairs = [(at(u + right), rate_y(power)) for u, power in enumerate(powers) for right in (0, 1)]
    draw.line(stairs, INK, 3)
    here, there = loss_y(losses[-1]), loss_y(constant[-1])
    if abs(here - there) < 50:  # two names would touch
        middle, below = min(max((here + there) / 2, 66), 302), 25 if here >= there else -25
        here, there = middle + below, middle - below
    for y, loss, colour, name in (
        (here, losses[-1], BLUE, "with drops"), (there, constant[-1], RED, "constant"),
    ):  # fmt: skip
        words = f"{name}\n{loss:.3f}"
        draw.multiline_text((at(end) + 8, y), words, colour, text_font(18), "lm")
    for update in range(0, end + 1, end // 6):
        draw.text((at(update), 438), str(update), INK, text_font(16), "mt")
    draw.text((at(end) + 24, 438), "updates", INK, text_font(16), "lt")
    draw.text((2, 4), title, INK, text_font(19, bold=True))
    return as_chart(few_colours(picture))


def _axis(draw: ImageDraw.ImageDraw, name: str, ticks: Mapping[str, float], y: int) -> None:
    draw.text((4, y), name, GREY, text_font(17), "lm")
    for words, height in ticks.items():
        draw.line((66, height, 930, height), PALE)
        draw.text((60, height), words, INK, text_font(16), "rm")


@styled
def signal_chart(starts: Mapping[str, Mapping[str, Sequence[LayerSignal]]], title: str) -> Figure:
    """Signal and gradient by layer; one row of panels a kind of input, one line a start.

    Args:
        starts: by kind of input, then by name of the start.
    """
    figure = new_figure(8, 1.6 * len(starts) + 0.6)
    panels = figure.subplots(len(starts), 2, sharex=True, sharey="col", squeeze=False)
    for row, (inputs, lines) in zip(panels, starts.items(), strict=True):
        for axes, column in zip(row, ("spread", "gradient"), strict=True):
            for name, layers in lines.items():
                values = [getattr(layer, column) for layer in layers]
                axes.plot([layer.layer for layer in layers], values, label=name)
            axes.set(yscale="log", title=f"{_PANELS[column]}, {inputs}")
    headline(figure, title)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    told = (
        f"{name}, {inputs}: {layers[-1].spread:.1g}"
        for inputs, lines in starts.items()
        for name, layers in lines.items()
    )
    return describe(figure, f"{title}. Spread of the last layer: {'; '.join(told)}.")


@styled
def loss_race(
    losses: Mapping[str, Sequence[float]], title: str, chance: float, first: int = 1
) -> Figure:
    """Loss of each step of several runs, smoothed, with the loss of a coin toss between classes.

    Args:
        losses: by name of the run, at most four.
        chance: loss of one who knows nothing; drawn dotted.
        first: update of the first loss.
    """
    figure = new_figure(8, 2.8)
    axes = figure.subplots()
    axes.axhline(chance, color=GREY, linewidth=1, linestyle=":")
    axes.annotate(" chance", (1, chance), xycoords=("axes fraction", "data"), va="center",
                  color=GREY, annotation_clip=False)  # fmt: skip
    for values in losses.values():
        every = 1 + len(values) // 100  # more points than the eye sees only fill the file
        axes.plot(range(first, first + len(values), every), smooth(values)[::every])
    for line, name in zip(axes.lines[1:], losses, strict=True):
        line.set_label(name)
    axes.set(title=title, xlabel="update", ylabel="loss (smoothed)")
    axes.set_xlim(first, first + max(map(len, losses.values())) - 1)
    in_whole_numbers(axes.xaxis)
    figure.legend(handles=axes.lines[1:], loc="outside lower center", ncols=2)
    told = "; ".join(f"{name}: {smooth(values)[-1]:.2f}" for name, values in losses.items())
    return describe(figure, f"{title}. Loss at the end: {told}; chance is {chance:.2f}.")


def smooth(values: Sequence[float], memory: float = 0.9) -> list[float]:
    """Running mean that forgets, without the bias of its start."""
    mean, weight, smoothed = 0.0, 0.0, []
    for value in values:
        mean, weight = memory * mean + (1 - memory) * value, memory * weight + 1 - memory
        smoothed.append(mean / weight)
    return smoothed
