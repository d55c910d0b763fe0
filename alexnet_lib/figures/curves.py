"""Learning curves of one run."""

from matplotlib.figure import Figure

from alexnet_lib.figures.style import BLUE, GREY, RED, describe, new_figure, styled
from alexnet_lib.training.history import History


@styled
def learning_curves(history: History, data_name: str) -> Figure:
    """Loss by step, and training and validation error by epoch, side by side.

    Raises:
        ValueError: the run has not made a step.
    """
    if not history.step_loss:
        raise ValueError("the history holds no step yet; call this after fit() has begun.")
    figure = new_figure(8, 2.9)
    left, right = figure.subplots(1, 2)
    left.plot(history.step_loss, color=GREY, linewidth=0.8, linestyle="-")
    left.set(title=f"Loss on {data_name}", xlabel="step", ylabel="cross-entropy")
    epochs = range(1, len(history) + 1)
    style = {"marker": "o", "markersize": 4}
    right.plot(epochs, history.train_error, "-", color=BLUE, label="training", **style)
    right.plot(epochs, history.validation_error, "--", color=RED, label="validation", **style)
    right.set(title=f"Error on {data_name}", xlabel="epoch", ylim=(0, 1))
    right.xaxis.get_major_locator().set_params(integer=True)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if len(history):
        right.legend(loc="best")
    return describe(figure, _words(history, data_name))


def _words(history: History, data_name: str) -> str:
    losses = history.step_loss
    text = (
        f"Loss on {data_name}: {losses[0]:.2f} at step 1, {losses[-1]:.2f} at step {len(losses)}."
    )
    if not len(history):
        return text
    training, validation = history.train_error[-1], history.validation_error[-1]
    return (
        f"{text} After epoch {len(history)}: training error {training:.1%}, "
        f"validation error {validation:.1%}."
    )
