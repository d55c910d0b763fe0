"""Watching a training run from a notebook.

    Trainer(config, data, callbacks=[LiveTraining()]).fit()   # bar, words and curve move
    show(learning_curves(history, data.name))                 # next cell: the kept figure

Kernel > Interrupt stops the run; the history so far is kept. Without a page the callback is silent.
"""

import time
from typing import Any

import ipywidgets
from IPython.display import display

from alexnet_lib.course.figures.style import draw_png
from alexnet_lib.course.figures.training import learning_curves
from alexnet_lib.course.widgets.page import Picture, WithStill, Words


class LiveTraining(WithStill):
    """Callback: progress bar, a line of words and the curve.

    Args:
        pause_s: shortest time between two redraws.
        share: of the run's time that drawing may take; on a slow machine the pauses grow.
        appear: whether the run's start shows it; else it is part of another widget.
    """

    def __init__(self, pause_s: float = 1.0, share: float = 0.05, appear: bool = True) -> None:
        """Prepare; nothing is shown before the run starts."""
        self.bar = ipywidgets.FloatProgress(max=1.0, layout={"width": "24em"})
        self.words, self.image = Words(), Picture()
        self.pause_s, self.share, self.appear = pause_s, share, appear
        self._next_s = float("-inf")
        super().__init__([ipywidgets.HBox([self.bar, self.words]), self.image])

    def on_fit_start(self, trainer: Any) -> None:
        """Appear, as if nothing had run before."""
        self.bar.value, self.bar.bar_style, self._next_s = 0.0, "", float("-inf")
        self.words.say("Starting; Kernel > Interrupt stops the run and keeps what it has.")
        if self.appear:
            display(self)

    def on_step(self, trainer: Any) -> None:
        """Move the bar; redraw if it is time."""
        if time.monotonic() >= self._next_s:
            self._redraw(trainer)

    def on_epoch_end(self, trainer: Any) -> None:
        """Redraw with the epoch's errors."""
        self._redraw(trainer)

    def on_fit_end(self, trainer: Any) -> None:
        """Say how it ended."""
        self._redraw(trainer)
        self.bar.bar_style, said = {
            "finished": ("success", f"Finished. {self.words.plain}"),
            "stopped": ("warning", f"Interrupted. {self.words.plain}"),
            "failed": ("danger", f"Failed. {trainer.outcome.why}"),
        }[trainer.outcome.how]
        self.words.say(said)

    def _redraw(self, trainer: Any) -> None:
        history, epochs = trainer.history, trainer.config.epochs
        steps = len(history.step_loss)
        if not steps:
            return
        begin = time.monotonic()
        figure = learning_curves(history, trainer.data_name)
        self.image.put(draw_png(figure), figure.get_label())
        self.bar.value = min(1.0, steps / (epochs * len(trainer.batches)))
        errors = history.validation_error
        told = f" Validation error {errors[-1]:.1%}." if errors else ""
        self.words.say(f"Epoch {min(len(history) + 1, epochs)} of {epochs}, step {steps}.{told}")
        end = time.monotonic()
        self._next_s = end + max(self.pause_s, (end - begin) / self.share)
