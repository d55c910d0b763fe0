"""Watching a training run, or all runs of a cell, from a notebook.

    Trainer(config, data, callbacks=[LiveTraining()]).fit()   # bar, words and curve move
    show(learning_curves(history, data.name))                 # next cell: the kept figure

    runs = together(train, ["none", "dropout"], range(3))     # one bar over six runs
    runs["none"][2]                                           # what train("none", 2, watch) gave

Kernel > Interrupt stops a run and keeps its history; of several runs it keeps the whole rounds.
Without a page a callback is silent.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.activations import race
from alexnet_lib.course.figures.style import draw_png
from alexnet_lib.course.figures.training import learning_curves
from alexnet_lib.course.widgets.page import WithStill, Words
from alexnet_lib.course.widgets.pointing import Picture
from alexnet_lib.statistics import Run


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

    def draw(self, trainer: Any) -> Figure | None:
        """What is known so far; None where there is nothing to draw yet."""
        return learning_curves(trainer.history, trainer.data_name)

    def _redraw(self, trainer: Any) -> None:
        history, epochs = trainer.history, trainer.config.epochs
        steps = len(history.step_loss)
        if not steps:
            return
        begin = time.monotonic()
        if figure := self.draw(trainer):
            self.image.put(draw_png(figure), figure.get_label())
        self.bar.value = min(1.0, steps / (epochs * len(trainer.batches)))
        errors = history.validation_error
        told = f" Validation error {errors[-1]:.1%}." if errors else ""
        self.words.say(f"Epoch {min(len(history) + 1, epochs)} of {epochs}, step {steps}.{told}")
        end = time.monotonic()
        self._next_s = end + max(self.pause_s, (end - begin) / self.share)


class LiveRace(LiveTraining):
    """Callback of several runs, one after another: the curves of all in one chart (Fig. 1).

    Args:
        threshold: training error to arrive at, a fraction.
        title: names conditions and data.
    """

    def __init__(self, threshold: float, title: str) -> None:
        """No run yet; show it by ending a cell with it."""
        super().__init__(appear=False)
        self.threshold, self.title = threshold, title
        self.over: list[Run] = []

    def on_fit_end(self, trainer: Any) -> None:
        """Keep the runner's curve for those that follow."""
        self.over += self._runs(trainer)
        super().on_fit_end(trainer)

    def draw(self, trainer: Any) -> Figure | None:
        """All runs until now."""
        runs = self.over if trainer.outcome else [*self.over, *self._runs(trainer)]
        return race(runs, self.threshold, self.title) if runs else None

    def _runs(self, trainer: Any) -> list[Run]:
        """The runner's own curve, once it has an epoch."""
        config, errors = trainer.config, list(trainer.history.train_error)
        kind = config.model.get("activation", "relu")
        return [Run(kind, self.title, config.lr, config.seed, errors)] if errors else []


# --- All runs of a cell --------------------------------------------------------------------------


class NotYetError(InputError):
    """A result is asked for that no run has brought yet. A notebook shows the words alone."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not yet: {self}"]


class Runs(dict[str, list[Any]]):
    """By kind, what each round brought; the lists are of one length.

    Raises:
        NotYetError: a kind is asked for, and no round is complete.
    """

    def __missing__(self, kind: str) -> list[Any]:
        raise NotYetError(
            f"there is no complete run of {kind!r}, or too few. The training above was stopped; "
            "run that cell again and let it go on a little longer."
        )

    def each(self, look: Callable[[Any], Any]) -> "Runs":
        """The same with `look(result)` in place of each result."""
        return Runs({kind: [look(one) for one in found] for kind, found in self.items()})


def together(
    run: Callable[..., Any], kinds: Iterable[str], rounds: Iterable[Any], least: int = 1
) -> Runs:
    """Call `run(kind, round, watch)` for each kind in each round, with one bar over all of them.

    Args:
        run: trains with `watch` among the trainer's callbacks and returns its result.
        kinds: what is compared; a round holds one run of each.
        rounds: mostly seeds.
        least: rounds without which a comparison says nothing; of fewer, a stop keeps none.
    """
    kinds, rounds, done = list(kinds), list(rounds), Runs()
    watch = AllRuns(len(kinds) * len(rounds))
    display(watch)
    try:
        for one in rounds:
            found = [run(kind, one, watch.of(kind, one)) for kind in kinds]
            for kind, result in zip(kinds, found, strict=True):
                done.setdefault(kind, []).append(result)
    except KeyboardInterrupt:
        if min(map(len, done.values()), default=0) < least:
            done.clear()
        kept = sum(map(len, done.values()))
        watch.end("warning", f"Interrupted. {kept} of {watch.count} runs are kept.")
    else:
        watch.end("success", f"Finished: {watch.count} runs.")
    return done


class AllRuns(WithStill):
    """Callback of several trainers, one after another: one bar and the time left for all."""

    def __init__(self, count: int) -> None:
        """Expect `count` runs of about the same length."""
        self.bar = ipywidgets.FloatProgress(max=1.0, layout={"width": "24em"})
        self.words, self.count, self.before = Words(), count, -1
        self._name, self._start_s, self._next_s = "", time.monotonic(), float("-inf")
        super().__init__([ipywidgets.HBox([self.bar, self.words])])
        self.words.say("Starting; Kernel > Interrupt stops and keeps the complete runs.")

    def of(self, kind: str, one: Any) -> "AllRuns":
        """Begin the next run."""
        self._name = f"{kind}, {one}"
        self.before += 1
        return self

    def on_step(self, trainer: Any) -> None:
        """Move the bar, twice a second."""
        now = time.monotonic()
        if now < self._next_s:
            return
        share = len(trainer.history.step_loss) / (trainer.config.epochs * len(trainer.batches))
        self.bar.value = min(1.0, (self.before + share) / self.count)
        left = (now - self._start_s) * (1 / self.bar.value - 1)
        run = f"Run {self.before + 1} of {self.count} ({self._name})"
        self.words.say(f"{run}; about {in_time(left)} left.")
        self._next_s = now + 0.5

    def end(self, style: str, words: str) -> None:
        """Say how it ended."""
        self.bar.bar_style = style
        self.bar.value = 1.0 if style == "success" else self.bar.value
        self.words.say(words)


def in_time(seconds: float) -> str:
    """40 s, or 3 min."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
