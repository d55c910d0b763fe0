"""How many threads of the CPU a network is worth.

Torch hands each thread a part of every layer, and waits for the last. The threads of a small
network meet thousands of times a second, and where another process is at work, however humble,
each meeting waits for a thread that was put aside: a factor of ten. One thread waits for none.
"""

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import kept_randomness

FEWEST_STEPS = 30  # a shorter run would save less than the trial costs
LONG_S = 1.0  # a step that takes one thread so long has few meetings: all threads are safe
TRIAL_S = 0.2  # of one count
GAIN = 0.8  # all threads must need less than this share of the time of one
SLOW = 2  # times as long as usual: then something else wants the cores

_FIRST = torch.get_num_threads()  # another number later on is the user's own


def ours_to_choose() -> bool:
    """Whether the user left the number open: neither OMP_NUM_THREADS nor torch.set_num_threads."""
    named = {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & os.environ.keys()
    return not named and torch.get_num_threads() == _FIRST > 1


class Threads:
    """The threads of one run: chosen where it begins, kept where it goes on or is resumed.

    Sums in another order end in other bits, so the count belongs to the run's state. It changes
    between epochs only, and only downwards, when an epoch takes twice as long as usual;
    `History.threads` tells. Runs whose histories agree there have the same bits.

    Args:
        model: on the CPU; on other devices there is nothing to choose.
        config: of its training. A deterministic one keeps the process's count: no clock may have
            a say in its bits.
    Source: ours.
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.model, self.config = model, config
        self.count: int | None = None  # not chosen: the process's own
        self._usual_s, self._in_use = math.inf, False

    @property
    def now(self) -> int:
        """What the run computes with."""
        kept = self.count if not self._in_use and self._is_open() else None
        return kept or torch.get_num_threads()

    def resume(self, count: int | None, usual_s: float = math.inf) -> None:
        """Go on with a run's count, as far as this machine has so many.

        Args:
            count: None where nobody wrote it down.
            usual_s: seconds of the run's fastest epoch.
        """
        if count and self._is_open():
            self.count, self._usual_s = min(count, torch.get_num_threads()), usual_s

    def choose(self) -> None:
        """Measure now, for a training that is too short to begin with a measurement."""
        own = torch.get_num_threads()
        if self._is_open():
            try:
                self._choose()
            finally:
                torch.set_num_threads(own)

    @contextmanager
    def in_use(self, epochs: int = 0, steps: int = 0) -> Iterator[None]:
        """Within the block, compute with the run's count; then the process has its own again.

        Args:
            epochs: still to be trained; a few steps are not worth a measurement.
            steps: of each.
        """
        if self._in_use or not self._is_open():
            yield
            return
        own, self._in_use = torch.get_num_threads(), True
        try:
            if self.count is None and epochs * steps >= FEWEST_STEPS:
                self._usual_s = steps * self._choose()
            torch.set_num_threads(self.count or own)
            yield
        finally:
            torch.set_num_threads(own)
            self._in_use = False

    def after_epoch(self, elapsed_s: float) -> None:
        """Measure again where the epoch took twice as long as usual, and more than a second."""
        if self._in_use and self.now > 1 and elapsed_s > max(1.0, SLOW * self._usual_s):
            self._choose()
            torch.set_num_threads(self.count)
            self._usual_s = elapsed_s  # the next measurement is due when it gets worse still
        self._usual_s = min(self._usual_s, elapsed_s)

    def _is_open(self) -> bool:
        cpu = next(self.model.parameters()).device.type == "cpu"
        return cpu and not self.config.deterministic and ours_to_choose()

    def _choose(self) -> float:
        """Take the better count, one or all; returns the seconds of a step on one thread."""
        every, batch_size = self.now, self.config.batch_size
        step = trial_step(self.model, getattr(torch, self.config.precision))
        with kept_randomness():
            few = min(4, batch_size)  # a large network is known by a few images
            one_s = undisturbed_s(partial(step, few)) * batch_size / few
            if one_s < LONG_S:
                images = math.ceil(batch_size * min(1.0, TRIAL_S / 2 / one_s))
                times = [mean_s(partial(step, images), count) for count in (1, every)]
                self.count = every if times[1] < GAIN * times[0] else 1
            else:
                self.count = every
        return one_s


def trial_step(model: nn.Module, precision: torch.dtype) -> Callable[[int], None]:
    """Return a forward and backward pass over so many empty images; the model notices nothing."""
    copied = copy.deepcopy(model).train()
    for module in copied.modules():  # what watches the model does not see the copy
        for hooks in (module._forward_pre_hooks, module._forward_hooks, module._backward_hooks):
            hooks.clear()
    side = copied.config.input_size

    def step(images: int) -> None:
        x = torch.zeros(images, 3, side, side).to(memory_format=torch.channels_last)
        copied.zero_grad()
        with torch.autocast("cpu", precision, precision != torch.float32):
            logits = copied(x)  # (N, num_classes)
        F.cross_entropy(logits.float(), torch.zeros(images, dtype=torch.int64)).backward()

    return step


def undisturbed_s(step: Callable[[], None]) -> float:
    """Seconds that a step takes one thread, without those when other processes had its core."""
    torch.set_num_threads(1)
    step()
    start = time.thread_time()
    step()
    return time.thread_time() - start


def mean_s(step: Callable[[], None], threads: int, budget_s: float = TRIAL_S) -> float:
    """Mean seconds of a step with so many threads, which stay set; after one to warm up."""
    torch.set_num_threads(threads)
    step()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < budget_s:
        step()
        steps += 1
    return (time.perf_counter() - start) / steps
