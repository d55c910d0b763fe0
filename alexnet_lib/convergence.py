"""How soon a run has learned, and the learning rate to judge a network by (§3.1, Fig. 1)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alexnet_lib.checks import check_number


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


@dataclass(frozen=True)
class SpeedUp:
    """How many times fewer epochs ReLU needs than tanh.

    Args:
        ratio: epochs of tanh divided by epochs of ReLU.
        at_least: a tanh run was stopped before it arrived, so the ratio is a lower bound.
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
    before = math.inf
    for epoch, error in enumerate(errors, 1):
        if error <= threshold:
            return epoch - (threshold - error) / (before - error)
        before = error
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
    Source: paper Fig. 1, one run each; the bound: ours.
    """
    runs = list(runs)
    epochs = {name: [run for run in runs if run.activation == name] for name in ("relu", "tanh")}
    relu = [epochs_to_threshold(run.errors, threshold) for run in epochs["relu"]]
    tanh = [epochs_to_threshold(run.errors, threshold) for run in epochs["tanh"]]
    if not relu or not tanh or math.inf in relu:
        return None
    least = [min(len(run.errors), t) for run, t in zip(epochs["tanh"], tanh, strict=True)]
    return SpeedUp(mean(least) / mean(relu), at_least=math.inf in tanh)


def mean(values: Sequence[float]) -> float:
    """Sum by count; infinite where one value is, or where there is none."""
    return sum(values) / len(values) if values else math.inf
