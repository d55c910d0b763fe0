"""The statistics of the package: intervals, power, and how soon a curve comes down."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import NamedTuple

import scipy  # loads scipy.stats, which takes a second, when that is first asked for

from alexnet_lib.checks import InputError, check_number, check_numbers, check_whole

# --- Intervals ----------------------------------------------------------------------------------


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float


def wilson_interval(errors: int, count: int, confidence: float = 0.95) -> Interval:
    """Interval of an error rate from `errors` wrong answers in `count` (Wilson's score).

    Raises:
        ValueError: count < 1, errors outside 0 … count, confidence outside (0, 1).
    Source: ours.
    """
    check_number("confidence", confidence, "(0, 1)")
    check_whole("count", count, 1)
    check_whole("errors", errors, 0)
    if errors > count:
        raise InputError(f"errors is {errors}; expected 0 to {count}, the count.")
    ends = scipy.stats.binomtest(errors, count).proportion_ci(confidence, method="wilson")
    return Interval(errors / count, float(ends.low), float(ends.high))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean of a few repeated measurements, such as seeds (Student's t).

    Raises:
        ValueError: fewer than two values, one that is not finite, confidence outside (0, 1).
    Source: ours.
    """
    values = check_numbers("values", values, least=2)  # one alone has no spread
    mean, error = fmean(values), stdev(values) / math.sqrt(len(values))
    half = student_limit(len(values) - 1, confidence) * error
    return Interval(mean, mean - half, mean + half)


def paired_interval(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean of a − b, where a[i] and b[i] share a seed (paired Student's t).

    Raises:
        ValueError: different lengths; else as `mean_interval`.
    Source: ours.
    """
    a, b = check_numbers("a", a, least=2), check_numbers("b", b, least=2)
    if len(a) != len(b):
        raise InputError(f"a has {len(a)} values and b {len(b)}; expected pairs.")
    return mean_interval([x - y for x, y in zip(a, b, strict=True)], confidence)


def student_limit(freedom: int, confidence: float = 0.95) -> float:
    """How many standard errors an interval reaches to either side (Student's t).

    Args:
        freedom: degrees of freedom of the spread: one less than the values, for a mean.
    Raises:
        ValueError: freedom < 1, confidence outside (0, 1).
    Source: ours.
    """
    check_whole("freedom", freedom, 1)
    check_number("confidence", confidence, "(0, 1)")
    return float(scipy.stats.t.ppf((1 + confidence) / 2, freedom))


# --- Power --------------------------------------------------------------------------------------


def detection_power(effect: float, spread: float, count: int, confidence: float = 0.95) -> float:
    """Chance that `mean_interval` of `count` values excludes 0 (non-central t).

    Each experiment estimates its own spread, which makes intervals of a few values wide: two values
    see a mean of 2 spreads with a chance of 0.18 only.

    Args:
        effect: the true mean.
        spread: standard deviation of one value, in the unit of `effect`.
        count: of values; at least two.
    Raises:
        ValueError: spread is not above 0, count < 2, confidence outside (0, 1).
    Source: ours.
    """
    check_number("effect", effect, "(-inf, inf)")
    check_number("spread", spread, "(0, inf)")
    check_whole("count", count, 2)
    shift = abs(effect) * math.sqrt(count) / spread  # the true mean, in standard errors
    shift = min(shift, 1e6)  # the power is 1 long before; beyond 1e9 scipy has no number
    limit = student_limit(count - 1, confidence)
    right = scipy.stats.nct.sf(limit, count - 1, shift)
    wrong = scipy.stats.nct.cdf(-limit, count - 1, shift)  # the wrong sign; NaN where all but 0
    return float(right + (wrong if wrong > 0 else 0.0))


def count_needed(effect: float, spread: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """Fewest values whose `mean_interval` excludes 0 with chance `power`; as `detection_power`.

    Raises:
        ValueError: effect is 0, spread not above 0, power or confidence outside (0, 1).
    Source: ours.
    """
    check_number("power", power, "(0, 1)")
    check_number("effect", effect, "(-inf, inf)")
    if effect == 0:
        raise InputError("effect is 0; expected another number: nothing cannot be detected.")
    few, enough = 1, 2
    while detection_power(effect, spread, enough, confidence) < power:
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        seen = detection_power(effect, spread, middle, confidence) >= power
        few, enough = (few, middle) if seen else (middle, enough)
    return enough


# --- How soon a curve comes down ----------------------------------------------------------------


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
        raise InputError(f"at none of the rates {list(sweep)} did every seed arrive.")
    return best


def mean(values: Sequence[float]) -> float:
    """Sum by count; infinite where one value is, or where there is none."""
    return sum(values) / len(values) if values else math.inf
