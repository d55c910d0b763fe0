"""Which network learns faster: training curves and a threshold, as in the paper's Fig. 1."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from alexnet_lib.convergence import Run, epochs_to_threshold, speed_up
from alexnet_lib.figures.activations import LOOK
from alexnet_lib.figures.style import GREY, describe, new_figure, styled


@styled
def race(runs: Sequence[Run], threshold: float, title: str) -> Figure:
    """Training error against epochs, and where each run meets the threshold.

    Args:
        runs: of one set of conditions; ReLU is drawn solid, tanh dashed.
        title: names conditions and data.
    Raises:
        ValueError: there is no run.
    """
    if not runs:
        raise ValueError("there is no run to draw; expected at least one.")
    figure = new_figure(8, 3.4)
    figure.set_layout_engine(None)  # fixed places: a slider moves this
    places = {"left": 0.085, "right": 0.94, "top": 0.91, "bottom": 0.14}
    axes = figure.subplots(gridspec_kw=places)
    axes.axhline(threshold, color=GREY, linewidth=1, linestyle=":")
    longest = max(len(run.errors) for run in runs)
    for run in runs:
        colour, line, name = LOOK[run.activation]
        label = f"{name}, lr {run.lr:g}, seed {run.seed}"
        axes.plot(range(1, len(run.errors) + 1), run.errors, line, color=colour, label=label,
                  marker="o", markersize=3)  # fmt: skip
        if math.isfinite(epochs := epochs_to_threshold(run.errors, threshold)):
            axes.plot([epochs, epochs], [0, threshold], line, color=colour, linewidth=1)
            axes.plot(epochs, threshold, "o", color=colour, markersize=8, fillstyle="none")
    axes.set(title=title, xlabel="epoch", ylabel="training error", ylim=(0, 0.9),
             yticks=(0, 0.25, 0.5, 0.75))  # fmt: skip
    axes.set_xlim(0, longest + 0.5)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.text(longest + 0.5, threshold, f" {threshold:.0%}", va="center", color=GREY)
    axes.legend(loc="upper right")
    return describe(figure, f"{title}. {race_words(runs, threshold)}")


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
