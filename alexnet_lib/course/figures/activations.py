"""ReLU against tanh: slopes, activity, the race of Fig. 1."""

import math
from collections.abc import Mapping, Sequence

import torch
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
from alexnet_lib.inspection.health import SHUT_BELOW, LayerActivity
from alexnet_lib.statistics import Run, epochs_to_threshold, speed_up

FLAT_FROM = (1 - SHUT_BELOW) ** 0.5  # |tanh z| where its derivative, 1 - tanh², falls below
LOOK = {"relu": (BLUE, "-", "ReLU"), "tanh": (RED, "--", "tanh")}  # solid and dashed as in Fig. 1


@styled
def activation_curves(mark: float | None = None) -> Figure:
    """ReLU and tanh beside their derivatives, with the flat ends of tanh shaded.

    Args:
        mark: an input to mark on all four curves.
    """
    z = torch.linspace(-5, 5, 401)
    curves = {"relu": (z.relu(), (z > 0).float()), "tanh": (z.tanh(), 1 - z.tanh() ** 2)}
    figure = new_figure(8, 2.9)
    figure.set_layout_engine(None)  # fixed places: a slider moves this
    places = {"left": 0.05, "right": 0.985, "top": 0.9, "bottom": 0.27, "wspace": 0.12}
    panels = figure.subplots(1, 2, gridspec_kw=places)
    for axes, title, which in zip(panels, ("f(z)", "derivative f′(z)"), (0, 1), strict=True):
        _shade_flat_ends(axes, 5)
        for name, values in curves.items():
            colour, line, label = LOOK[name]
            axes.plot(z, values[which], line, color=colour, label=label)
        if mark is not None:
            axes.axvline(mark, color=GREY, linewidth=1, linestyle="-")
        axes.set(title=title, xlabel="input z", xlim=(-5, 5), xticks=(-4, -2, 0, 2, 4))
    panels[0].set(ylim=(-1.5, 3), yticks=(-1, 0, 1, 2, 3))
    panels[1].set(ylim=(-0.05, 1.2), yticks=(0, 0.5, 1))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2)
    return describe(
        figure,
        "Left: ReLU is 0 for negative inputs and rises without end for positive ones; tanh bends "
        "from −1 to 1. Right: ReLU's derivative is 0 or 1; tanh's is 1 at 0 and nearly 0 in the "
        "grey ranges beyond ±2.2.",
    )


@styled
def activity_histograms(
    relu: Sequence[LayerActivity], tanh: Sequence[LayerActivity], title: str
) -> Figure:
    """Inputs of each hidden layer in both networks, and the gradients that reach them.

    Args:
        relu, tanh: layers of the two networks, in order, on the same batch.
        title: says when, under which conditions and on which data.
    """
    figure = new_figure(8, 1.55 * len(relu) + 1.0)
    panels = figure.subplots(len(relu), 3, squeeze=False)
    for row, left, right in zip(panels, relu, tanh, strict=True):
        _inputs(row[0], left, "relu")
        _inputs(row[1], right, "tanh")
        _gradients(row[2], left, right)
        row[0].set_ylabel(left.layer.replace("act", "conv"), weight="bold")
    for axes, words in zip(
        panels[0], ("ReLU: inputs z", "tanh: inputs z", "gradients"), strict=True
    ):
        axes.set_title(words)
    panels[-1][2].set_xlabel("log₁₀ |∂loss/∂z|")
    headline(figure, title)
    figure.legend(*panels[-1][2].get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return describe(figure, f"{title}. {activity_words(relu, tanh)}")


def activity_words(relu: Sequence[LayerActivity], tanh: Sequence[LayerActivity]) -> str:
    """Shut inputs and dead units of both networks, layer by layer, in a sentence each."""
    told = []
    for label, layers in (("ReLU", relu), ("tanh", tanh)):
        shut = ", ".join(f"{layer.shut:.0%}" for layer in layers)
        dead = sum(layer.dead for layer in layers)
        units = sum(layer.units for layer in layers)
        told.append(f"{label}: {shut} of the inputs shut from first to last layer, "
                    f"{dead} of {units} units dead.")  # fmt: skip
    return " ".join(told)


def _inputs(axes: Axes, layer: LayerActivity, activation: str) -> None:
    low, high = torch.quantile(layer.inputs, torch.tensor([0.002, 0.998])).tolist()
    reach = max(abs(low), abs(high), 1e-6)
    counts, edges = torch.histogram(layer.inputs, 60, range=(-reach, reach))
    if activation == "relu":
        axes.axvspan(-reach, 0, color=PALE)
    else:
        _shade_flat_ends(axes, reach)
    axes.stairs(counts.numpy(), edges.numpy(), fill=True, color=LOOK[activation][0])
    axes.set(xlim=(-reach, reach), yticks=[])
    axes.locator_params(axis="x", nbins=3)
    axes.xaxis.set_major_formatter("{x:g}")
    words = f"{layer.shut:.0%} shut" + (
        f"\n{layer.dead} of {layer.units} dead" if layer.dead else ""
    )
    axes.text(0.98, 0.95, words, transform=axes.transAxes, ha="right", va="top", fontsize=8)


def _shade_flat_ends(axes: Axes, reach: float) -> None:
    edge = float(torch.tensor(FLAT_FROM).atanh())
    if reach > edge:
        axes.axvspan(-reach, -edge, color=PALE)
        axes.axvspan(edge, reach, color=PALE)


def _gradients(axes: Axes, relu: LayerActivity, tanh: LayerActivity) -> None:
    for name, layer in (("relu", relu), ("tanh", tanh)):
        colour, line, label = LOOK[name]
        size = layer.gradient.abs()
        counts, edges = torch.histogram(size[size > 0].log10(), 60, range=(-10.0, -1.0))
        share = counts / len(size)  # what is missing is exactly 0
        axes.stairs(share.numpy(), edges.numpy(), color=colour, linestyle=line, label=label)
    axes.set(xlim=(-10, -1), yticks=[])


@styled
def gradient_by_layer(
    moments: Mapping[str, Sequence[Sequence[LayerActivity]]], title: str
) -> Figure:
    """Draw the mean size of the gradient that reaches each hidden layer, a panel a moment.

    Args:
        moments: by name, the layers of the ReLU and of the tanh network.
        title: says on which data.
    """
    figure, told = new_figure(8, 3.1), []
    headline(figure, title)
    panels = figure.subplots(1, len(moments), sharey=True, squeeze=False)[0]
    for axes, (moment, pair) in zip(panels, moments.items(), strict=True):
        for kind, layers in zip(("relu", "tanh"), pair, strict=True):
            colour, line, label = LOOK[kind]
            names = [layer.layer.replace("act", "conv") for layer in layers]
            sizes = [float(layer.gradient.abs().mean()) for layer in layers]
            axes.plot(names, sizes, line, color=colour, label=label, marker="o", markersize=4)
            told.append(f"{moment}, {label}: {', '.join(f'{size:.2g}' for size in sizes)}")
        axes.set(title=moment, yscale="log")
    panels[0].set_ylabel("mean |∂loss/∂z|")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return describe(figure, f"{title}, from first to last layer. {'; '.join(told)}.")


@styled
def race(runs: Sequence[Run], threshold: float, title: str) -> Figure:
    """Training error against epochs, and where each run meets the threshold.

    Args:
        runs: of one set of conditions; ReLU is drawn solid, tanh dashed.
        title: names conditions and data.
    """
    if not runs:
        raise InputError("there is no run to draw; expected at least one.")
    figure = new_figure(8, 3.4)
    figure.set_layout_engine(None)  # fixed places: a slider moves this
    places = {"left": 0.085, "right": 0.94, "top": 0.91, "bottom": 0.14}
    axes = figure.subplots(gridspec_kw=places)
    axes.axhline(threshold, color=GREY, linewidth=1, linestyle=":")
    longest = max(len(run.errors) for run in runs)
    labels = {run.activation: _label(runs, run.activation) for run in runs}
    for run in runs:
        colour, line, _ = LOOK[run.activation]
        label = labels.pop(run.activation, "_")  # one entry for all runs of one look
        axes.plot(range(1, len(run.errors) + 1), run.errors, line, color=colour, label=label,
                  marker="o", markersize=3)  # fmt: skip
        if math.isfinite(epochs := epochs_to_threshold(run.errors, threshold)):
            axes.plot([epochs, epochs], [0, threshold], line, color=colour, linewidth=1)
            axes.plot(epochs, threshold, "o", color=colour, markersize=8, fillstyle="none")
    axes.set(title=title, xlabel="epoch", ylabel="training error", ylim=(0, 0.9),
             yticks=(0, 0.25, 0.5, 0.75))  # fmt: skip
    axes.set_xlim(0, longest + 0.5)
    in_percent(axes.yaxis)
    in_whole_numbers(axes.xaxis)
    axes.text(longest + 0.5, threshold, f" {threshold:.0%}", va="center", color=GREY)
    axes.legend(loc="upper right")
    return describe(figure, f"{title}. {race_words(runs, threshold)}")


def _label(runs: Sequence[Run], activation: str) -> str:
    """An activation with the learning rates and seeds of its runs."""
    chosen = [run for run in runs if run.activation == activation]
    rates = ", ".join(dict.fromkeys(f"{run.lr:g}" for run in chosen))
    seeds = ", ".join(map(str, sorted({run.seed for run in chosen})))
    return f"{LOOK[activation][2]}, lr {rates}, {'seeds' if ',' in seeds else 'seed'} {seeds}"


def race_words(runs: Sequence[Run], threshold: float) -> str:
    """Epochs to the threshold of each run, and how many times sooner ReLU is there."""
    told = []
    for run in runs:
        epochs = epochs_to_threshold(run.errors, threshold)
        never = f"never in {len(run.errors)} epochs"
        when = never if math.isinf(epochs) else f"after {epochs:.1f} epochs"
        told.append(f"{LOOK[run.activation][2]} (lr {run.lr:g}, seed {run.seed}) {when}")
    text = f"{threshold:.0%} training error: {'; '.join(told)}."
    if len({run.activation for run in runs}) < 2:
        return text
    ratio = speed_up(runs, threshold)
    return f"{text} " + (f"ReLU is {ratio} as fast." if ratio else "No ratio: ReLU never arrives.")
