"""The statistics of the package: intervals, power, designs, how soon a curve comes down."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
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
    error = stdev(values) / math.sqrt(len(values))
    return Estimate(fmean(values), error, len(values) - 1).interval(confidence)


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


class Estimate(NamedTuple):
    """A number that several runs gave, and how sure it is.

    Args:
        error: the standard error of `value`; infinite where nothing tells it.
        freedom: degrees of freedom of the error; 0 where nothing tells it.
        images: the part of the error that the choice of test images adds, and that more runs do not
            lessen; None where it is not covered.
    """

    value: float
    error: float
    freedom: int
    images: float | None = None

    def interval(self, confidence: float = 0.95) -> Interval:
        """Interval around the value (Student's t); without bounds where nothing tells the error."""
        if self.freedom == 0:
            return Interval(self.value, -math.inf, math.inf)
        half = self.error * student_limit(self.freedom, confidence)
        return Interval(self.value, self.value - half, self.value + half)

    @property
    def p_value(self) -> float:
        """Chance of a value so far from 0, to either side, where the truth is 0 (Student's t)."""
        if self.freedom == 0 or self.error == 0:
            return float(self.freedom == 0 or self.value == 0)
        return float(2 * scipy.stats.t.sf(abs(self.value) / self.error, self.freedom))

    def smallest_effect(self, power: float = 0.8, confidence: float = 0.95) -> float:
        """Smallest true value, as a size, whose `interval` excludes 0 with chance `power`."""
        return self.error * (_detectable(self.freedom, power, confidence) if self.freedom else 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, each enlarged for the chance that any of them errs (Holm).

    The smallest is multiplied by their number, the next by one less, and so on; none becomes
    smaller than the one before. Where no effect is there, one result in twenty times is at or below
    0.05, however the tests hang together.

    Raises:
        ValueError: a value outside [0, 1].
    Source: Holm, 1979.
    """
    for index, value in enumerate(p_values):
        check_number(f"p_values[{index}]", value, "[0, 1]")
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted


# --- Power --------------------------------------------------------------------------------------


def detection_power(effect: float, spread: float, count: int, confidence: float = 0.95) -> float:
    """Chance that `mean_interval` of `count` values excludes 0 (non-central t).

    Each experiment estimates its own spread: two values see a mean of 2 spreads with 0.18 only.

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
    return _power(abs(effect) * math.sqrt(count) / spread, count - 1, confidence)


def _power(shift: float, freedom: int, confidence: float) -> float:
    """Chance to see a true value that lies `shift` standard errors from 0."""
    shift = min(shift, 1e6)  # the power is 1 long before; beyond 1e9 scipy has no number
    limit = student_limit(freedom, confidence)
    right = scipy.stats.nct.sf(limit, freedom, shift)
    wrong = scipy.stats.nct.cdf(-limit, freedom, shift)  # the wrong sign; NaN where all but 0
    return float(right + (wrong if wrong > 0 else 0.0))


@cache
def _detectable(freedom: int, power: float, confidence: float) -> float:
    """How many standard errors from 0 a true value is seen with chance `power`."""
    check_number("power", power, "(0, 1)")
    enough = 1.0
    while _power(enough, freedom, confidence) < power:
        enough *= 2
    if power <= 1 - confidence:
        return 0.0  # chance alone does as well
    return scipy.optimize.brentq(lambda x: _power(x, freedom, confidence) - power, 0, enough)


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


# --- Runs as a linear model ---------------------------------------------------------------------


@dataclass(frozen=True)
class LeastSquares:
    """Runs as a sum of terms and noise, by ordinary least squares; of one term, 1, their mean.

    Args:
        design: (runs, terms), how much of each term is in each run.
        responses: (runs,), what each run measured.
        images: (runs, images), the same by test image; None: errors do not cover the images.
        grain: steps in which responses are measured, such as one image. The noise counts as no
            smaller than what rounding to such steps makes.
    Source: ours.
    """

    design: np.ndarray
    responses: np.ndarray
    images: np.ndarray | None = None
    grain: float = 0.0

    def estimate(self, of: Sequence[float]) -> Estimate | None:
        """A sum of the terms, `of` times each; None where the runs do not determine it.

        With A, the squared error over runs, and B, that of the mean over images, the square is
        A + B − C. C is the noise of single answers, which is in both. It is no less than A or B;
        its degrees of freedom are Satterthwaite's, rounded down.
        """
        shares = np.asarray(of, float) @ self._inverse  # (runs,)
        if not np.allclose(shares @ self.design, of, atol=1e-8):
            return None
        value, scale = float(shares @ self.responses), float(shares @ shares)
        if self._freedom == 0:
            return Estimate(value, math.inf, 0)
        a = scale * max(self._noise(self.responses), self.grain**2 / 12)
        if self.images is None or a == 0:
            return Estimate(value, math.sqrt(a), self._freedom)  # over runs alone
        count = self.images.shape[1]
        b = float(np.var(shares @ self.images, ddof=1)) / count
        each = self.images - self.images.mean(axis=1, keepdims=True)
        c = scale * self._noise(each) / (count - 1)
        square = max(a, b, a + b - c)
        freedom = square**2 / (a**2 / self._freedom + (square - a) ** 2 / (count - 1))
        return Estimate(value, math.sqrt(square), int(freedom + 1e-9), math.sqrt(square - a))

    @cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.pinv(self.design)  # (terms, runs)

    @cached_property
    def _freedom(self) -> int:
        return len(self.design) - int(np.linalg.matrix_rank(self.design))

    def _noise(self, responses: np.ndarray) -> float:
        """Variance that the terms leave over, of (runs,) or the mean of (runs, images)."""
        rest = responses - self.design @ (self._inverse @ responses)
        return float((rest**2).sum(axis=0).mean()) / self._freedom


def two_level(signs: Sequence[Sequence[float]], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Design of runs with and without factors, (runs, 1 + factors + pairs), for `LeastSquares`.

    A term of the fit is then the effect itself: of a factor, present minus absent; of a pair, half
    of what one adds to the other's. Contrasts that have no term tell the noise, as repeats do.

    Args:
        signs: (runs, factors), 1 where a run has the factor, -1 where it has not.
        pairs: numbers of the factors whose interaction the design has.
    Source: ours.
    """
    signs = np.asarray(signs, float)
    products = [signs[:, a] * signs[:, b] for a, b in pairs]
    return np.column_stack([np.ones(len(signs)), signs / 2, *(p / 2 for p in products)])


# --- How soon a curve comes down ----------------------------------------------------------------


def epochs_to_threshold(errors: Sequence[float], threshold: float) -> float:
    """Epochs until the training error is first at or below `threshold` (paper Fig. 1).

    Between two epochs the error is taken to fall along a straight line. A run that is there after
    its first epoch counts 1, since nothing was measured before.

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
    """Number of the first value of any curve at or below `threshold`; as `epochs_to_threshold`."""
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
    """Compare the epochs that ReLU and tanh need (paper Fig. 1); else as `times_as_long`.

    Raises:
        ValueError: threshold is not between 0 and 1.
    Source: paper Fig. 1, one run each.
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
