"""Error rates and how sure of them one may be."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

import torch
from torch import Tensor

from alexnet_lib.checks import check_number, check_numbers, check_shape, check_whole


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float


def top_k_error(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """Fraction of images whose label is not among the k highest scores (paper §2).

    The label loses ties: a network that scores all classes alike is right about none. Over several
    batches add up `count_top_k_errors`; the mean of batch means weighs a short last batch wrongly.

    Shape:
        scores: (N, classes) float, labels: (N,) int64 -> fraction in [0, 1]
    Raises:
        TypeError, ValueError: wrong rank, dtype or length, no images, NaN scores, labels or k
            outside the classes.
    Source: paper §2; the rule for ties is ours.
    """
    return count_top_k_errors(scores, labels, k) / len(labels)


def count_top_k_errors(scores: Tensor, labels: Tensor, k: int = 1) -> int:
    """Count the images whose label is not among the k highest scores; else as `top_k_error`."""
    _check_scores(scores, k)
    check_labels(labels, scores.shape[1], count=len(scores), device=scores.device)
    own = scores.gather(1, labels[:, None])  # (N, 1)
    rivals = (scores >= own).sum(1) - 1  # (N,), the label itself is no rival
    return int((rivals >= k).sum())


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Count how often each true class (row) was called each class (column).

    Shape:
        predictions, labels: (N,) int64 -> (num_classes, num_classes) int64
    Raises:
        TypeError, ValueError: wrong rank, dtype, length or range.
    Source: ours.
    """
    check_labels(labels, num_classes, device=getattr(predictions, "device", None))
    check_labels(predictions, num_classes, count=len(labels), name="predictions")
    cells = torch.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


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
        raise ValueError(f"errors is {errors}; expected 0 to {count}, the count.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, shrink = errors / count, 1 + z * z / count
    middle = (rate + z * z / (2 * count)) / shrink
    spread = z / shrink * math.sqrt(rate * (1 - rate) / count + (z / (2 * count)) ** 2)
    return Interval(rate, max(0.0, middle - spread), min(1.0, middle + spread))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean of a few repeated measurements, such as seeds (Student's t).

    Raises:
        ValueError: fewer than two values, one that is not finite, confidence outside (0, 1).
    Source: ours.
    """
    check_number("confidence", confidence, "(0, 1)")
    values = check_numbers("values", values, least=2)  # one alone has no spread
    mean = fmean(values)
    spread = _student_quantile(confidence, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - spread, mean + spread)


def paired_interval(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean of a − b, where a[i] and b[i] share a seed (paired Student's t).

    Raises:
        ValueError: different lengths; else as `mean_interval`.
    Source: ours.
    """
    a, b = check_numbers("a", a, least=2), check_numbers("b", b, least=2)
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} values and b {len(b)}; expected pairs.")
    return mean_interval([x - y for x, y in zip(a, b, strict=True)], confidence)


def detection_power(effect: float, spread: float, count: int, confidence: float = 0.95) -> float:
    """Chance that the interval of a mean of `count` values excludes 0 (normal approximation).

    Args:
        effect: the true mean.
        spread: standard deviation of one value, in the unit of `effect`.
    Raises:
        ValueError: spread is not above 0, count < 1, confidence outside (0, 1).
    Source: ours.
    """
    check_number("confidence", confidence, "(0, 1)")
    check_number("effect", effect, "(-inf, inf)")
    check_number("spread", spread, "(0, inf)")
    check_whole("count", count, 1)
    z, normal = NormalDist().inv_cdf((1 + confidence) / 2), NormalDist()
    shift = effect * math.sqrt(count) / spread
    return normal.cdf(shift - z) + normal.cdf(-shift - z)


def count_needed(effect: float, spread: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """Values to average before an `effect` shows with chance `power` (normal approximation).

    Raises:
        ValueError: effect is 0, spread not above 0, power or confidence outside (0, 1).
    Source: ours.
    """
    check_number("confidence", confidence, "(0, 1)")
    check_number("effect", effect, "(-inf, inf)")
    check_number("spread", spread, "(0, inf)")
    check_number("power", power, "(0, 1)")
    if effect == 0:
        raise ValueError("effect is 0; expected another number: nothing cannot be detected.")
    z = NormalDist().inv_cdf((1 + confidence) / 2) + NormalDist().inv_cdf(power)
    return math.ceil((z * spread / effect) ** 2)


def check_labels(
    labels: Tensor,
    num_classes: int,
    count: int | None = None,
    name: str = "labels",
    device: torch.device | None = None,
) -> None:
    """Refuse labels that are not (N,) int64 in 0 … num_classes − 1, naming the first bad one.

    Raises:
        TypeError: not an int64 tensor.
        ValueError: wrong rank, length or range, or none at all.
    Source: ours.
    """
    check_whole("num_classes", num_classes, 1)
    check_shape(labels, ("N" if count is None else count,), name, torch.int64, device)
    bad = ((labels < 0) | (labels >= num_classes)).nonzero()
    if len(bad):
        index, wanted = int(bad[0]), f"expected 0 to {num_classes - 1}"
        raise ValueError(f"{name}[{index}] is {int(labels[index])}; {wanted}.")


def _check_scores(scores: Tensor, k: int) -> None:
    check_shape(scores, ("N", "classes"), "scores")
    check_whole("k", k, 1)
    if k > scores.shape[1]:
        raise ValueError(f"k is {k}; expected 1 to {scores.shape[1]}, the number of classes.")
    bad = scores.isnan().any(1).nonzero()
    if len(bad):
        raise ValueError(f"scores[{int(bad[0])}] holds NaN; expected numbers. Did it diverge?")


def _student_quantile(confidence: float, freedom: int) -> float:
    """Find t with P(|T| <= t) = confidence by bisection."""
    low, high = 0.0, 1.0
    while _student_within(high, freedom) < confidence:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        inside = _student_within(middle, freedom) < confidence
        low, high = (middle, high) if inside else (low, middle)
    return high


def _student_within(t: float, freedom: int) -> float:
    """P(|T| <= t): a finite series, since the degrees of freedom are whole numbers."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = math.cos(angle) if odd else 1.0, 0.0
    for power in range(odd, freedom - 1, 2):
        if power > 1:
            term *= math.cos(angle) ** 2 * (power - 1) / power
        total += term
    series = math.sin(angle) * total
    return 2 / math.pi * (angle + series) if odd else series
