"""Learning curves of a run, in the manner of the paper's Fig. 1."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from alexnet_lib.figures.style import BLUE, GREY, RED, describe, new_figure, styled
from alexnet_lib.training.history import History


@styled
def learning_curves(history: History, data_name: str) -> Figure:
    """Loss and error against epochs, every drop of the learning rate marked.

    Raises:
        ValueError: the run has not made a step.
    """
    if not history.step_loss:
        raise ValueError("the history holds no step yet; call this after fit() has begun.")
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
