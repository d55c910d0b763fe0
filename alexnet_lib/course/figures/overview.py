"""Where the lessons lie: on the network, in the paper's claims, in the learner's day."""

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from alexnet_lib.course.figures.style import (
    BLUE,
    GOLD,
    GREY,
    INK,
    PALE,
    RED,
    YELLOW,
    describe,
    headline,
    new_figure,
    styled,
)
from alexnet_lib.course.lessons import LESSONS, Lesson
from alexnet_lib.paper.facts import LAYERS, Claim, say_value


class _Pin(NamedTuple):
    """Where a lesson's number stands on the map, and what it points at."""

    x: float
    y: float
    words: str
    target: tuple[float, float]


# Layers stand at x = 1 … 8, the image at 0, the answer at 9.
_PINS = {
    "01": _Pin(0.0, 2.35, "images,\nlabels", (0.0, 0.85)),
    "02": _Pin(1.0, 2.35, "convolution", (1.0, 1.05)),
    "03": _Pin(1.5, 3.45, "ReLU", (1.5, 0.45)),
    "05": _Pin(2.05, 2.35, "response\nnorm", (1.62, 0.45)),
    "06": _Pin(2.5, 3.45, "pooling", (2.5, 0.45)),
    "07": _Pin(2.3, -2.1, "is it real?", (2.3, -1.75)),
    "04": _Pin(3.15, 2.35, "two\ntowers", (2.62, 0.0)),
    "15": _Pin(4.1, 2.35, "depth,\nbug clinic", (4.0, 0.85)),
    "14": _Pin(5.1, 2.35, "looking\ninside", (5.0, 0.75)),
    "10": _Pin(6.5, 2.35, "dropout", (6.5, 0.35)),
    "13": _Pin(9.1, 2.35, "results", (9.1, 0.35)),
    "09": _Pin(0.0, -2.1, "augmentation", (0.0, -0.85)),
    "11": _Pin(9.1, -2.1, "update rule", (9.1, -0.4)),
    "12": _Pin(7.5, -2.1, "first weights", (7.5, -1.75)),
    "08": _Pin(4.5, -2.1, "the whole network", (4.5, -1.75)),
}


@styled
def paper_map(lessons: Sequence[Lesson] = LESSONS) -> Figure:
    """The network of Fig. 2 with each lesson's number at the part that it is about."""
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    axes.set(xlim=(-0.75, 9.7), ylim=(-2.75, 4.35), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title("The paper's network (Fig. 2), and the lessons on it")
    _draw_network(axes)
    by_number = {entry.number: entry for entry in lessons}
    for number, pin in _PINS.items():
        _draw_pin(axes, pin, by_number[number])
    told = "; ".join(f"{entry.number} {entry.title}, {entry.section}" for entry in lessons[1:])
    return describe(figure, f"Map of the network from image to class, with the lessons: {told}.")


def _draw_network(axes: Axes) -> None:
    axes.add_patch(Rectangle((-0.4, -0.8), 0.8, 1.6, facecolor=PALE, edgecolor=GREY))
    axes.text(0, 0, "image\n224×224", ha="center", va="center", fontsize=8)
    for x, layer in enumerate(LAYERS, 1):
        height = 0.34 + 0.6 * (layer.size / 55) ** 0.5
        for side in (1, -1):  # the two towers, one a GPU
            colour = BLUE if side == 1 else RED
            box = Rectangle((x - 0.2, side * 0.12), 0.4, side * height, color=colour, alpha=0.85)
            axes.add_patch(box)
        size = f"{layer.maps}×{layer.size}×{layer.size}" if layer.size > 1 else f"{layer.maps}"
        axes.text(x, -1.16, f"{layer.name}\n{size}", ha="center", va="top", fontsize=8)
        _draw_links(axes, x, crossing=layer.groups == 1)
    axes.plot([0.75, 0.75, 8.25, 8.25], [-1.65, -1.75, -1.75, -1.65], "-", color=GREY, linewidth=1)
    axes.text(9.1, 0, "1000\nclasses", ha="center", va="center", fontsize=8)
    axes.annotate("", (8.7, 0), (8.25, 0), arrowprops={"arrowstyle": "->", "color": GREY})


def _draw_links(axes: Axes, x: int, crossing: bool) -> None:
    """Lines from the layer before; they cross where a tower reads the other's maps."""
    for side in (1, -1):
        start = 0.0 if x == 1 else side * 0.3
        axes.plot([x - 0.6 if x == 1 else x - 0.8, x - 0.2], [start, side * 0.3], "-", color=GREY,
                  linewidth=1)  # fmt: skip
        if crossing and x > 1:
            axes.plot([x - 0.8, x - 0.2], [-side * 0.3, side * 0.3], "-", color=GREY, linewidth=1)


def _draw_pin(axes: Axes, pin: _Pin, entry: Lesson) -> None:
    axes.plot([pin.x, pin.target[0]], [pin.y, pin.target[1]], ":", color=INK, linewidth=0.9)
    style = {"boxstyle": "circle,pad=0.25", "facecolor": YELLOW, "edgecolor": "white"}
    axes.text(pin.x, pin.y, entry.number, ha="center", va="center", weight="bold", bbox=style)
    section = entry.section.split(",")[0]
    words = f"{section}\n{pin.words}"
    above = pin.y > 0
    axes.text(
        pin.x, pin.y + (0.42 if above else -0.42), words, fontsize=8, ha="center",
        va="bottom" if above else "top", linespacing=1.05,
    )  # fmt: skip


@styled
def minutes_chart(
    minutes: Mapping[str, float], patience: float, title: str, lessons: Sequence[Lesson] = LESSONS
) -> Figure:
    """Minutes that each lesson's cells run, those above `patience` set apart.

    Args:
        minutes: by lesson number.
    """
    figure = new_figure(8, 3.4)
    figure.set_layout_engine(None)  # fixed places and no ticks: a slider moves this
    axes = figure.add_axes((0.36, 0.02, 0.61, 0.86))
    values = [minutes[entry.number] for entry in lessons]
    colours = [BLUE if value <= patience else GOLD for value in values]
    axes.barh(range(len(values)), values, color=colours)
    for row, (entry, value) in enumerate(zip(lessons, values, strict=True)):
        axes.text(0, row, f"{entry.number} {entry.title}  ", ha="right", va="center")
        axes.text(value, row, f" {value:.0f}" if value >= 1 else " <1", va="center")
    axes.axvline(patience, color=RED, linestyle="--", linewidth=1.2)
    axes.text(patience, -0.9, f" {patience:g} min", color=RED, va="center", fontsize=8)
    axes.set(xlim=(0, max(*values, patience) * 1.1), ylim=(len(values) - 0.4, -1.4))
    axes.set_axis_off()
    headline(figure, title, 0.985)
    within = sum(value <= patience for value in values)
    return describe(figure, f"{title}: {within} of {len(values)} lessons within {patience:g} min.")


def claims_table(claims: Sequence[Claim], verdicts: Mapping[str, str] | None = None) -> str:
    """The paper's claims as an HTML table: number, lesson, and what our runs say of each.

    Args:
        verdicts: by claim id, made from recorded runs; a claim without one is not yet run. None
            leaves the column of verdicts out.
    """
    head = ("§", "The paper says", "Number", "Lesson", "Verdict of our runs")
    head, rows = head[: 4 if verdicts is None else 5], []
    for claim in claims:
        unknown = "not yet run" if claim.testable else "needs ImageNet"
        verdict = (verdicts or {}).get(claim.id, unknown)
        number, lesson = say_value(claim), f"{claim.notebook:02}"
        cells = (claim.section, claim.statement, number, lesson, verdict)
        long = (claim.statement, verdict if len(verdict) > 30 else None)
        rows.append("".join(_cell(cell, wrap=cell in long) for cell in cells[: len(head)]))
    header = "".join(f'<th style="text-align:left">{name}</th>' for name in head)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, wrap: bool) -> str:
    space = "normal" if wrap else "nowrap"
    return f'<td style="text-align:left;white-space:{space}">{html.escape(text)}</td>'
