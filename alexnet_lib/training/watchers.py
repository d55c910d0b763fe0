"""What watches a run, each as a callback of the trainer: `Trainer(config, data, [Progress()])`.

`Progress` says how it goes, `DeadStart` that it goes nowhere; the last part times a few steps to
know beforehand how long it will take.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from alexnet_lib.checks import check_whole
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import kept_randomness
from alexnet_lib.training.trainer import Trainer

# --- How it goes --------------------------------------------------------------------------------


class Progress:
    """One line an epoch, and on a terminal a bar with the time left.

    Args:
        bar: whether to draw the bar; None: only where standard error is a terminal.
        report: takes each line; the default prints it, above the bar where there is one.
    """

    def __init__(self, bar: bool | None = None, report: Callable[[str], None] | None = None):
        self._bar: Any = None
        self._wanted = sys.stderr.isatty() if bar is None else bar
        self._next_s = -math.inf
        self._report = report

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open the bar, at the place where a resumed run goes on."""
        if not self._wanted:
            return
        from tqdm import tqdm

        steps, done = len(trainer.batches), len(trainer.history)
        total = steps * trainer.config.epochs
        self._bar = tqdm(total=total, initial=steps * done, unit="step", dynamic_ncols=True)

    def on_step(self, trainer: Trainer) -> None:
        """Move the bar by one step; ask for the loss, which takes a wait, twice a second."""
        if self._bar is None:
            return
        if time.monotonic() >= self._next_s:
            self._bar.set_description_str(f"epoch {len(trainer.history) + 1}", refresh=False)
            self._bar.set_postfix_str(f"loss {trainer.history.step_loss[-1]:.3f}", refresh=False)
            self._next_s = time.monotonic() + 0.5
        self._bar.update()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Report the epoch in one line."""
        self.say(epoch_line(trainer))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def say(self, line: str) -> None:
        """Print a line without tearing the bar."""
        if self._report is not None:
            self._report(line)
        elif self._bar is not None:
            self._bar.write(line)
        else:
            print(line, flush=True)


def epoch_line(trainer: Trainer) -> str:
    """What the last epoch has brought, in one line."""
    e = trainer.history.epoch()
    best = "  best" if trainer.improved else ""
    return (
        f"epoch {e['epoch']:3d}/{trainer.config.epochs}"
        f"  train loss {e['train_loss']:.3f}, error {e['train_error']:6.1%}"
        f"  validation error {e['validation_error']:6.1%}"
        f"  lr {e['lr']:.3g}  {e['elapsed_s']:.1f} s{best}"
    )


class TensorBoardLog:
    """Callback that writes the log once more for TensorBoard, where that is installed.

    Args:
        folder: where its files go.
        say: told where it is not installed.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say, self._writer = folder, say, None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open the log; a resumed run goes on in a file of its own beside the first."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.say("TensorBoard is not installed; log.csv holds what its log would.")
            return
        self._writer = SummaryWriter(str(self.folder))

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write the numbers of the epoch."""
        if self._writer:
            for name, value in trainer.history.epoch().items():
                self._writer.add_scalar(name, value, len(trainer.history))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the log."""
        if self._writer:
            self._writer.close()


# --- Whether it goes anywhere -------------------------------------------------------------------


class DeadStart:
    """Say so, once, where the loss has not left the level of pure guessing.

    Args:
        steps: look after this many; the mean of the last quarter of them counts.
        margin: less than this below ln(classes) is no progress.
        say: takes the hint.
    """

    def __init__(self, steps: int = 400, margin: float = 0.01, say: Callable[[str], Any] = print):
        self.steps, self.margin, self.say = steps, margin, say

    def on_step(self, trainer: Trainer) -> None:
        """Look at the loss when the time has come."""
        if trainer.steps_done != self.steps:
            return
        losses = trainer.history.step_loss
        recent = losses[-max(1, self.steps // 4) :]  # one batch alone says little
        classes = len(trainer.classes)
        mean, chance = sum(recent) / len(recent), math.log(classes)  # of equal scores for all
        if mean > chance - self.margin:
            self.say(
                f"Hint: after {self.steps} steps the loss is {mean:.3f}, still that of guessing "
                f"(ln {classes} = {chance:.3f}). Look at three things: the first "
                "weights (are they too small for these inputs? try another init), the biases (1 in "
                "conv2, conv4, conv5, fc6, fc7 keeps ReLUs alive), and the lr (now "
                f"{trainer.optimizer.param_groups[0]['lr']:g})."
            )


# --- How fast this machine is -------------------------------------------------------------------

_CLASSES = tuple("0123456789")


def images_per_second(config: TrainConfig, steps: int = 6) -> float:
    """Time `steps` training steps on noise, augmentation included; the fastest one counts.

    The threads are those that a long run would choose; the user's random numbers stay as they are.

    Raises:
        ValueError: steps < 2, since the first step warms up.
    """
    check_whole("steps", steps, 2)
    once = replace(config, epochs=1, validation_size=1, train_limit=None, schedule="constant")
    clock = _Clock()
    with kept_randomness():  # the trainer seeds the global generators
        trainer = Trainer(once, _noise(config.batch_size * steps + 1), [clock])
        trainer.threads.choose()
        trainer.fit(whole=True)
    gaps = [late - early for early, late in pairwise(clock.ticks)]
    return config.batch_size / min(gaps)


def epochs_within(budget_s: float, rate: float, images: int, least: int, most: int) -> int:
    """Epochs that fit into a time at `rate` images a second, between `least` and `most`.

    A tenth is kept back for validation, files and a busy machine.
    """
    return max(least, min(most, int(0.9 * budget_s * rate / images)))


class _Clock:
    """When each step ended."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_step(self, trainer: Trainer) -> None:
        trainer.look()  # a device is asked for steps long before it has made them
        self.ticks.append(time.perf_counter())


def _noise(count: int) -> ImageData:
    pixels = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)
    noise = Examples(pixels, torch.arange(count) % 2)  # so that each class has a few
    return ImageData("noise", _CLASSES, noise, noise)
