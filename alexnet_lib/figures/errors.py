"""How wrong, and in what way: error rates with their intervals, confusion matrices."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from alexnet_lib.figures.style import BLUE, GREY, INK, RED, describe, new_figure, styled
from alexnet_lib.metrics import Interval


@styled
def error_intervals(errors: Mapping[str, Interval], title: str, chance: float) -> Figure:
    """A dot for each error rate, its interval as a bar, and chance as a dashed line.

    Args:
        errors: fractions by name, from the top.
        title: says which error, on which images of which data.
    Raises:
        ValueError: there are none.
    """
    if not errors:
        raise ValueError("there is no error to draw; expected at least one interval.")
    figure = new_figure(8, 1.1 + 0.34 * len(errors))
    axes = figure.subplots()
    for row, interval in enumerate(errors.values()):
        axes.hlines(row, interval.low, interval.high, color=BLUE, linewidth=5, alpha=0.45)
        axes.plot(interval.estimate, row, "o", color=BLUE)
        axes.text(interval.high + 0.012, row, f"{interval.estimate:.1%}", va="center", color=INK)
    axes.axvline(chance, color=RED, linestyle="--", linewidth=1.2)
    axes.text(chance, -0.75, "chance ", ha="right", va="center", color=RED, fontsize=9)
    axes.set(title=title, xlim=(0, 1), ylim=(len(errors) - 0.4, -1.1))
    axes.set_yticks(range(len(errors)), list(errors))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    words = "; ".join(
        f"{name} {one.estimate:.1%} ({one.low:.1%} to {one.high:.1%})"
        for name, one in errors.items()
    )
    return describe(figure, f"{title}: {words}; chance is {chance:.0%}.")


@styled
def effect_intervals(effects: Mapping[str, Interval], title: str) -> Figure:
    """A dot for each difference of errors, its interval as a bar; filled where it leaves 0 out.

    Args:
        effects: fractions by name, from the top; above 0, errors are fewer. An interval without
            bounds, as of one seed, is a dot alone.
        title: says what was compared, on which images of which data.
    Raises:
        ValueError: there are none.
    """
    if not effects:
        raise ValueError("there is no effect to draw; expected at least one interval.")
    figure = new_figure(5.8, 1.0 + 0.16 * len(effects))
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    for row, (value, low, high) in enumerate(effects.values()):
        is_clear = not low <= 0 <= high
        color = BLUE if is_clear else GREY
        if math.isfinite(low + high):
            axes.hlines(row, 100 * low, 100 * high, color=color, linewidth=3)
        filling = color if is_clear else "white"
        axes.plot(100 * value, row, "o", color=color, markerfacecolor=filling)
    axes.set_ylim(len(effects) - 0.4, -0.6)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, weight="bold")
    axes.set_xlabel("points of error saved, 95 % intervals; blue: 0 lies outside", fontsize=8.5)
    axes.set_yticks(range(len(effects)), list(effects), fontsize=8.5)
    words = "; ".join(
        f"{name} {100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        for name, (value, low, high) in effects.items()
    )
    return describe(figure, f"{title}. Points saved: {words}.")


@styled
def confusion_chart(confusion: Tensor, classes: Sequence[str], title: str) -> Figure:
    """Rows: what a picture shows; columns: what it was called, in percent of the row, from 3 on.

    Shape:
        confusion: (classes, classes) counts
    Raises:
        ValueError: not one row and one column a class, or a class without a picture.
    """
    if confusion.shape != (len(classes),) * 2 or bool((confusion.sum(1) == 0).any()):
        raise ValueError(
            f"confusion has shape {tuple(confusion.shape)} for {len(classes)} classes; expected "
            "one row and one column a class, no row of zeros."
        )
    shares = confusion / confusion.sum(1, keepdim=True)
    figure = new_figure(4.9, 4.4)
    axes = figure.subplots()
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row, values in enumerate(shares.tolist()):
        for column, share in enumerate(values):
            ink, weight = "white" if share > 0.55 else INK, "bold" if row == column else "normal"
            words = f"{100 * share:.0f}" if share >= 0.03 else ""
            axes.text(column, row, words, color=ink, weight=weight,
                      ha="center", va="center", fontsize=8.5)  # fmt: skip
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="called (% of the row; blank: below 3)", ylabel="shows")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, weight="bold")
    axes.tick_params(length=0)
    axes.spines[:].set_color(GREY)
    called = classes[int(confusion.sum(0).argmax())]
    right = float(shares.diagonal().mean())
    return describe(
        figure, f"{title}: {right:.0%} of a class are right on average; most often said: {called}."
    )
