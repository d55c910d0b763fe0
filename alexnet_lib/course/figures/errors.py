"""Errors in the end: intervals, effects, pairs of one seed, confusions."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    RED,
    describe,
    headline,
    in_percent,
    ink_on,
    new_figure,
    styled,
)
from alexnet_lib.statistics import Interval, mean_interval


@styled
def error_intervals(errors: Mapping[str, Interval], title: str, chance: float) -> Figure:
    """A dot for each error rate, its interval as a bar, and chance as a dashed line.

    Args:
        errors: fractions by name, from the top.
        title: says which error, on which images of which data.
    """
    if not errors:
        raise InputError("there is no error to draw; expected at least one interval.")
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
    in_percent(axes.xaxis)
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
    """
    if not effects:
        raise InputError("there is no effect to draw; expected at least one interval.")
    figure = new_figure(8, 1.0 + 0.2 * len(effects))
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
    headline(figure, title)
    axes.set_xlabel("points of error saved, 95 % intervals; blue: 0 lies outside", fontsize=8.5)
    axes.set_yticks(range(len(effects)), list(effects), fontsize=8.5)
    words = "; ".join(
        f"{name} {100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        for name, (value, low, high) in effects.items()
    )
    return describe(figure, f"{title}. Points saved: {words}.")


@styled
def change_chart(
    changes: Mapping[str, Sequence[float]],
    title: str,
    notes: Mapping[str, str] | None = None,
    claim: float | None = None,
) -> Figure:
    """Draw one row a change: a dot a seed, the mean with its 95 % interval, and a remark.

    Args:
        changes: by name, from the top: error with the change minus error without, a seed each.
        title: says which error, on which data.
        notes: remarks at the right, by name.
        claim: the paper's change without a middle layer, dashed.
    """
    if not changes:
        raise InputError("there is no change to draw; expected at least one.")
    figure, words = new_figure(8, 1.1 + 0.4 * len(changes)), []
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    if claim is not None:
        axes.axvline(100 * claim, color=RED, linestyle="--", linewidth=1.2)
        axes.text(100 * claim, -0.75, " paper, middle layers", color=RED, va="center", fontsize=8.5)
    for row, (name, values) in enumerate(changes.items()):
        mean, low, high = (100 * number for number in mean_interval(values))
        axes.hlines(row, low, high, color=BLUE, linewidth=5, alpha=0.4)
        axes.plot(mean, row, "o", color=BLUE)
        axes.plot([100 * v for v in values], [row + 0.28] * len(values), "|", color=GREY)
        note = f"{mean:+.1f}  {(notes or {}).get(name, '')}".replace("-", "−")
        axes.text(1.01, row, note, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
        words.append(f"{name} {mean:+.1f} ({low:+.1f} to {high:+.1f})")
    axes.set(title=title, ylim=(len(changes) - 0.4, -1.1), xlabel="change of the error in points")
    axes.set_yticks(range(len(changes)), list(changes))
    count = len(next(iter(changes.values())))
    return describe(figure, f"{title}, {count} seeds, in points: {'; '.join(words)}.")


@styled
def paired_errors(errors: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw one dot a run, the dots of one seed joined, and a bar at each mean.

    Args:
        errors: by name of the variant, one error (fraction) a seed, seeds in the same order.
        title: says which error, of which runs, on which data.
    """
    counts = {len(values) for values in errors.values()}
    if len(counts) != 1 or counts == {0}:
        raise InputError(f"numbers of seeds are {sorted(counts)}; expected one number, above 0.")
    figure = new_figure(8, 3.1)
    axes = figure.subplots()
    for seed_errors in zip(*errors.values(), strict=True):
        axes.plot(range(len(errors)), seed_errors, "o-", color=GREY, linewidth=1, markersize=4,
                  markerfacecolor=BLUE, markeredgecolor=BLUE)  # fmt: skip
    means = [sum(values) / len(values) for values in errors.values()]
    axes.hlines(means, [i - 0.22 for i in range(len(means))], [i + 0.22 for i in range(len(means))],
                color=INK, linewidth=2.2)  # fmt: skip
    axes.set(title=title, ylabel="error", xlim=(-0.5, len(errors) - 0.5))
    axes.set_xticks(range(len(errors)), list(errors))
    in_percent(axes.yaxis)
    words = "; ".join(f"{name}: mean {mean:.1%}" for name, mean in zip(errors, means, strict=True))
    return describe(figure, f"{title}, {counts.pop()} seeds. {words}.")


@styled
def confusion_chart(confusion: Tensor, classes: Sequence[str], title: str) -> Figure:
    """Rows: what a picture shows; columns: what it was called, in percent of the row, from 3 on.

    Shape:
        confusion: (classes, classes) counts
    """
    if confusion.shape != (len(classes),) * 2 or bool((confusion.sum(1) == 0).any()):
        raise InputError(
            f"confusion has shape {tuple(confusion.shape)} for {len(classes)} classes; expected "
            "one row and one column a class, no row of zeros."
        )
    shares = confusion / confusion.sum(1, keepdim=True)
    figure = new_figure(8, min(12, max(4.6, 1.6 + 0.3 * len(classes))))
    axes = figure.subplots()
    shades = matplotlib.colormaps["Blues"]
    edges = [place - 0.5 for place in range(len(classes) + 1)]
    axes.pcolormesh(edges, edges, shares.numpy(), cmap=shades, vmin=0, vmax=1)  # no photograph
    axes.invert_yaxis()
    for row, values in enumerate(shares.tolist()):
        for column, share in enumerate(values):
            ink, weight = ink_on(shades(share)[:3]), "bold" if row == column else "normal"
            words = f"{100 * share:.0f}" if share >= 0.03 else ""
            axes.text(column, row, words, color=ink, weight=weight,
                      ha="center", va="center", fontsize=8.5)  # fmt: skip
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="called (% of the row; blank: below 3)", ylabel="shows")
    headline(figure, title)
    axes.tick_params(length=0)
    axes.spines[:].set_color(GREY)
    called = classes[int(confusion.sum(0).argmax())]
    right = float(shares.diagonal().mean())
    return describe(
        figure, f"{title}: {right:.0%} of a class are right on average; most often said: {called}."
    )
