"""Curves of a training, and the errors that it ends with."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    RED,
    describe,
    new_figure,
    styled,
)
from alexnet_lib.statistics import Interval
from alexnet_lib.training.trainer import History


@styled
def learning_curves(history: History, data_name: str) -> Figure:
    """Loss and error against epochs, every drop of the learning rate marked.

    Raises:
        ValueError: the run has not made a step.
    """
    if not history.step_loss:
        raise InputError("the history holds no step yet; call this after fit() has begun.")
    figure = new_figure(8, 3.2)
    left, right = figure.subplots(1, 2)
    _steps(left, history)
    _series(left, history.train_loss, history.validation_loss)
    _series(right, history.train_error, history.validation_error)
    left.set(title=f"Loss, {data_name}", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    right.set(title=f"Error, {data_name}", xlabel="epoch", ylim=(0, None))
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes in (left, right):
        axes.set_xlim(0, 1.01 * max(1, len(history.step_loss) / history.steps_per_epoch))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _mark_drops(axes, history)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return describe(figure, _words(history, data_name))


def _steps(axes: Axes, history: History) -> None:
    """The loss of each step, thin, behind the means."""
    places = [step / history.steps_per_epoch for step in range(1, len(history.step_loss) + 1)]
    axes.plot(places, history.step_loss, "-", color=GREY, linewidth=0.5, alpha=0.5, label="step")


def _series(axes: Axes, training: list[float], validation: list[float]) -> None:
    epochs = range(1, len(training) + 1)
    style = {"marker": "o", "markersize": 3}
    axes.plot(epochs, training, "-", color=BLUE, label="training", **style)
    axes.plot(epochs, validation, "--", color=RED, label="validation", **style)


def drops(history: History) -> list[tuple[int, float]]:
    """Epochs (from 1) after which the rate changed, with the factor by which it was divided."""
    pairs = zip(history.lr, history.lr[1:], strict=False)
    return [(epoch, old / new) for epoch, (old, new) in enumerate(pairs, 1) if new != old]


def _mark_drops(axes: Axes, history: History) -> None:
    top = axes.get_xaxis_transform()
    for row, (epoch, factor) in enumerate(drops(history)):
        axes.axvline(epoch, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
        y = 0.985 - 0.07 * row  # late drops lie close together; their words must not
        axes.text(epoch, y, f" lr ÷{factor:g}", transform=top, va="top", fontsize=8, color=GREY)


def _words(history: History, data_name: str) -> str:
    losses = history.step_loss
    text = (
        f"Loss on {data_name}: {losses[0]:.2f} at step 1, {losses[-1]:.2f} at step {len(losses)}."
    )
    if not len(history):
        return text
    dropped = ", ".join(str(epoch) for epoch, _ in drops(history))
    return (
        f"{text} After epoch {len(history)}: training error {history.train_error[-1]:.1%}, "
        f"validation error {history.validation_error[-1]:.1%}."
        + (f" The learning rate dropped after epoch {dropped}." if dropped else "")
    )


Curve = Sequence[float]

_LOOKS = (("learned", "-", BLUE), ("unseen", "--", RED))

_SEED = {"color": GREY, "linewidth": 0.7, "antialiased": False}


@styled
def gap_panels(curves: Mapping[str, Sequence[tuple[Curve, Curve]]], title: str) -> Figure:
    """Draw the error on learned and on unseen pictures, one panel a variant.

    A thin line is a seed, a thick line the mean of the seeds; the shade between is the gap.

    Args:
        curves: by variant, for each seed the two errors (fractions) after each epoch.
        title: says which runs, on which data.
    Raises:
        ValueError: no variants, a variant without seeds, or a run without an epoch.
    """
    runs = [curve for seeds in curves.values() for pair in (seeds or [((), ())]) for curve in pair]
    if not runs or not all(map(len, runs)):
        raise InputError("a curve is empty; expected at least one run of one epoch a variant.")
    figure, words = new_figure(7.4, 3.1), []
    figure.suptitle(title, x=0.01, ha="left", size=10.5, weight="bold")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (name, seeds) in zip(panels, curves.items(), strict=True):
        means = [[fmean(now) for now in zip(*side, strict=False)] for side in _sides(seeds)]
        axes.fill_between(range(1, len(means[0]) + 1), *means, color=PALE)
        for side, mean, (label, line, colour) in zip((0, 1), means, _LOOKS, strict=True):
            for pair in seeds:
                axes.plot(range(1, len(pair[side]) + 1), pair[side], "-", **_SEED)
            axes.plot(range(1, len(mean) + 1), mean, line, color=colour, label=label, linewidth=2.2)
        gap = 100 * (means[1][-1] - means[0][-1])
        axes.set(title=f"{name}: gap {gap:.0f} points", xlabel="epoch", ylim=(0, 1))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        words.append(f"{name}: learned {means[0][-1]:.0%}, unseen {means[1][-1]:.0%}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return describe(figure, f"{title}. Errors in the end: {'; '.join(words)}.")


def _sides(seeds: Sequence[tuple[Curve, Curve]]) -> tuple[list[Curve], list[Curve]]:
    """All curves on learned pictures, all on unseen ones."""
    return [learned for learned, _ in seeds], [unseen for _, unseen in seeds]


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
        raise InputError("there is no effect to draw; expected at least one interval.")
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
        raise InputError(
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


@styled
def paired_errors(errors: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw one dot a run, the dots of one seed joined, and a bar at each mean.

    Args:
        errors: by name of the variant, one error (fraction) a seed, seeds in the same order.
        title: says which error, of which runs, on which data.
    Raises:
        ValueError: no variants, or not the same number of seeds in each.
    """
    counts = {len(values) for values in errors.values()}
    if len(counts) != 1 or counts == {0}:
        raise InputError(f"numbers of seeds are {sorted(counts)}; expected one number, above 0.")
    figure = new_figure(1.6 + 1.9 * len(errors), 3.1)
    axes = figure.subplots()
    for seed_errors in zip(*errors.values(), strict=True):
        axes.plot(range(len(errors)), seed_errors, "o-", color=GREY, linewidth=1, markersize=4,
                  markerfacecolor=BLUE, markeredgecolor=BLUE)  # fmt: skip
    means = [sum(values) / len(values) for values in errors.values()]
    axes.hlines(means, [i - 0.22 for i in range(len(means))], [i + 0.22 for i in range(len(means))],
                color=INK, linewidth=2.2)  # fmt: skip
    axes.set(title=title, ylabel="error", xlim=(-0.5, len(errors) - 0.5))
    axes.set_xticks(range(len(errors)), list(errors))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    words = "; ".join(f"{name}: mean {mean:.1%}" for name, mean in zip(errors, means, strict=True))
    return describe(figure, f"{title}, {counts.pop()} seeds. {words}.")
