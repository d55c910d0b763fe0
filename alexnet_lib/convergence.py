"""How soon a run has learned, and the learning rate to judge a network by (§3.1, Fig. 1)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alexnet_lib.checks import check_number, check_numbers


@dataclass(frozen=True)
class Run:
    """A training run that competes for speed.

    Args:
        activation: "relu" or "tanh".
        conditions: of start and inputs, in a few words.
        lr: learning rate.
        seed: of first weights and order.
        errors: one training error per epoch, fractions in [0, 1].
    """

    activation: str
    conditions: str
    lr: float
    seed: int
    errors: Sequence[float]


class SpeedUp(NamedTuple):
    """How many times fewer epochs one kind of run needs than another, such as ReLU than tanh.

    Args:
        ratio: epochs of the slow kind divided by epochs of the fast one.
        at_least: a slow run was stopped before it arrived, so the ratio is a lower bound.
    """

    ratio: float
    at_least: bool = False

    def __str__(self) -> str:
        """The ratio as one reads it: 6.1×, or at least 3.0×."""
        return f"{'at least ' if self.at_least else ''}{self.ratio:.1f}×"


def epochs_to_threshold(errors: Sequence[float], threshold: float) -> float:
    """Epochs until the training error is first at or below `threshold` (paper Fig. 1).

    Between two epochs the error is taken to fall along a straight line. A run that is there at the
    end of its first epoch counts 1, since nothing was measured before.

    Args:
        errors: one training error per epoch, fractions in [0, 1].
        threshold: error to be reached, between 0 and 1. Paper: 0.25.
    Returns:
        A number from 1 to len(errors); infinity for a run that never arrives.
    Raises:
        ValueError: threshold is not between 0 and 1.
    Source: paper Fig. 1; the straight line: ours.
    """
    check_number("threshold", threshold, "(0, 1)")
    return arrival(check_numbers("errors", errors, least=0), threshold)


def arrival(curve: Sequence[float], threshold: float) -> float:
    """Number of the first value at or below `threshold`; else as `epochs_to_threshold`.

    Takes any curve, such as one of losses.
    """
    before = math.inf
    for number, value in enumerate(curve, 1):
        if value <= threshold:
            return number - (threshold - value) / (before - value)
        before = value
    return math.inf


def fair_rate(sweep: Mapping[float, Sequence[float]]) -> float:
    """Learning rate that brings a network to the threshold soonest, mean over seeds (paper Fig. 1).

    "The learning rates for each network were chosen independently to make training as fast as
    possible." Where one seed never arrives the mean is infinite, and the rate is out.

    Args:
        sweep: epochs of each seed, by learning rate; infinity for a run that never arrived.
    Raises:
        ValueError: there is no rate at which every seed arrived.
    Source: paper, caption of Fig. 1; the mean over seeds: ours.
    """
    means = {lr: mean(epochs) for lr, epochs in sweep.items()}
    best = min(means, key=means.get, default=None)
    if best is None or math.isinf(means[best]):
        raise ValueError(f"at none of the rates {list(sweep)} did every seed arrive.")
    return best


def speed_up(runs: Iterable[Run], threshold: float) -> SpeedUp | None:
    """Compare the epochs that ReLU and tanh need, means over their runs (paper Fig. 1).

    A tanh run that never arrives needs more epochs than it had, so the ratio is a lower bound.

    Returns:
        None where a ReLU run never arrives, or where one of the two has no run.
    Raises:
        ValueError: threshold is not between 0 and 1.
    Source: paper Fig. 1, one run each; the bound: ours.
    """
    check_number("threshold", threshold, "(0, 1)")
    curves: dict[str, list] = {"relu": [], "tanh": []}
    for run in runs:
        curves[run.activation].append(run.errors)
    return times_as_long(curves["tanh"], curves["relu"], threshold)


def times_as_long(
    slow: Sequence[Sequence[float]], fast: Sequence[Sequence[float]], threshold: float
) -> SpeedUp | None:
    """Compare when two kinds of runs come down to `threshold`, means over their curves (§4.2).

    A slow run that never arrives needs more than it had, so the ratio is a lower bound.

    Args:
        slow, fast: one curve a seed; their values stand equally far apart in iterations.
    Returns:
        None where a fast run never arrives, or where there are no curves.
    Raises:
        ValueError: threshold or a value of a curve is not a finite number.
    Source: ours.
    """
    check_number("threshold", threshold, "(-inf, inf)")
    slow, fast = ([check_numbers("curve", c) for c in kind] for kind in (slow, fast))
    slow_at, fast_at = ([arrival(curve, threshold) for curve in kind] for kind in (slow, fast))
    if not slow or not fast or math.inf in fast_at:
        return None
    least = [min(len(curve), at) for curve, at in zip(slow, slow_at, strict=True)]
    return SpeedUp(mean(least) / mean(fast_at), at_least=math.inf in slow_at)


def mean(values: Sequence[float]) -> float:
    """Sum by count; infinite where one value is, or where there is none."""
    return sum(values) / len(values) if values else math.inf
