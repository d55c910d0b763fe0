"""Curves of a training: loss and error against epochs, and the gap between learned and unseen."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    PALE,
    RED,
    describe,
    headline,
    in_percent,
    in_whole_numbers,
    new_figure,
    styled,
)
from alexnet_lib.training.trainer import History

Curve = Sequence[float]

_SIDES = (("learned", "-", BLUE), ("unseen", "--", RED))  # label, line, colour
_SEED = {"color": GREY, "linewidth": 0.7, "antialiased": False}


@styled
def learning_curves(history: History, data_name: str) -> Figure:
    """Loss and error against epochs, every drop of the learning rate marked."""
    if not history.step_loss:
        raise InputError("the history holds no step yet; call this after fit() has begun.")
    figure = new_figure(8, 3.2)
    left, right = figure.subplots(1, 2)
    _steps(left, history)
    _series(left, history.train_loss, history.validation_loss)
    _series(right, history.train_error, history.validation_error)
    left.set(title=f"Loss, {data_name}", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    right.set(title=f"Error, {data_name}", xlabel="epoch", ylim=(0, None))
    in_percent(right.yaxis)
    for axes in (left, right):
        axes.set_xlim(0, 1.01 * max(1, len(history.step_loss) / history.steps_per_epoch))
        in_whole_numbers(axes.xaxis)
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


def drops(history: History) -> list[tuple[int, float]]:
    """Epochs (from 1) after which the rate changed, with the factor by which it was divided."""
    pairs = zip(history.lr, history.lr[1:], strict=False)
    return [(epoch, old / new) for epoch, (old, new) in enumerate(pairs, 1) if new != old]


@styled
def gap_panels(curves: Mapping[str, Sequence[tuple[Curve, Curve]]], title: str) -> Figure:
    """Draw the error on learned and on unseen pictures, one panel a variant.

    A thin line is a seed, a thick line the mean of the seeds; the shade between is the gap.

    Args:
        curves: by variant, for each seed the two errors (fractions) after each epoch.
        title: says which runs, on which data.
    """
    runs = [curve for seeds in curves.values() for pair in (seeds or [((), ())]) for curve in pair]
    if not runs or not all(map(len, runs)):
        raise InputError("a curve is empty; expected at least one run of one epoch a variant.")
    figure, words = new_figure(8, 3.1), []
    headline(figure, title)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (name, seeds) in zip(panels, curves.items(), strict=True):
        means = [[fmean(now) for now in zip(*side, strict=False)] for side in _sides(seeds)]
        axes.fill_between(range(1, len(means[0]) + 1), *means, color=PALE)
        for side, mean, (label, line, colour) in zip((0, 1), means, _SIDES, strict=True):
            for pair in seeds:
                axes.plot(range(1, len(pair[side]) + 1), pair[side], "-", **_SEED)
            axes.plot(range(1, len(mean) + 1), mean, line, color=colour, label=label, linewidth=2.2)
        gap = 100 * (means[1][-1] - means[0][-1])
        axes.set(title=f"{name}: gap {gap:.0f} points", xlabel="epoch", ylim=(0, 1))
        in_percent(axes.yaxis)
        in_whole_numbers(axes.xaxis)
        words.append(f"{name}: learned {means[0][-1]:.0%}, unseen {means[1][-1]:.0%}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return describe(figure, f"{title}. Errors in the end: {'; '.join(words)}.")


def _sides(seeds: Sequence[tuple[Curve, Curve]]) -> tuple[list[Curve], list[Curve]]:
    """All curves on learned pictures, all on unseen ones."""
    return [learned for learned, _ in seeds], [unseen for _, unseen in seeds]
