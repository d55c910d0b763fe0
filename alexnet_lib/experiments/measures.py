"""From recorded runs to findings: a run's measures, comparisons of them, words."""

import base64
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from alexnet_lib.experiments.catalogue import BOARD, EXPERIMENTS, WITHOUT
from alexnet_lib.experiments.design import Comparison, Settings, merged
from alexnet_lib.statistics import Estimate, Interval, LeastSquares, Run, arrival, mean, two_level
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.evaluation import unpack_bits

# --- What one run measured ----------------------------------------------------------------------

RecordedRun = Mapping[str, Any]

NEAR_BEST = 0.01  # a run has converged when its validation error is within a point of its best

REACHED = 0.30  # validation error, fixed before the first run, that runs are timed to


def _epochs(run: RecordedRun) -> float:
    """Epochs to the training error at which the run was to stop; infinite where it never came."""
    return math.inf if run["stop_at"] is None else arrival(run["train_error"], run["stop_at"])


def _reached(run: RecordedRun) -> float:
    """Epochs until the validation error is first at or below 30 %; infinite where it never was."""
    return arrival(run["validation_error"], REACHED) if _finished(run) else math.inf


def _converged(run: RecordedRun) -> float:
    """Epochs until the validation error is within a point of its best."""
    errors = run["validation_error"]
    return arrival(errors, min(errors) + NEAR_BEST) if _finished(run) else math.inf


def _last(run: RecordedRun) -> float:
    """Training error of the last epoch."""
    return run["train_error"][-1] if _finished(run) else math.inf


def _finished(run: RecordedRun) -> bool:
    return run["outcome"] != "diverged"


def _tested(name: str) -> Callable[[RecordedRun], float]:
    """An error on the test set; infinite for a run that diverged and has none."""
    return lambda run: run["test"].get(name, math.inf)


MEASURES: dict[str, Callable[[RecordedRun], float]] = {
    "epochs": _epochs,
    "reached": _reached,
    "converged": _converged,
    "train_error": _last,
    "settled": lambda run: run.get("settled", math.inf),  # of training images, without masks
    "center": _tested("center"),
    "ten": _tested("ten"),
    "member": _tested("member"),
}

_STEP = 1e-4  # of an error: one of 10,000 test images


class _Reading(NamedTuple):
    """What runs measured, on the scale on which effects add up: of ratios, the logarithm.

    Args:
        value: infinite for a run that diverged.
        step: in which such values are told apart.
        wrong: (images,) float, 1 for each test image that was called wrongly, where that was kept.
        is_least, is_most: a run was stopped too early, and the value is a bound.
    """

    value: float
    step: float
    wrong: np.ndarray | None = None
    is_least: bool = False
    is_most: bool = False

    def less(self, other: "_Reading") -> "_Reading":
        """The difference of two."""
        both = [self.wrong, other.wrong]
        return _Reading(
            self.value - other.value,
            max(self.step, other.step),
            both[0] - both[1] if _alike(both) else None,
            self.is_least or other.is_most,
            self.is_most or other.is_least,
        )


_NOTHING = _Reading(0.0, 0.0)


def _alike(wrong: Sequence[np.ndarray | None]) -> bool:
    """Whether there are answers to the same images everywhere."""
    return all(w is not None for w in wrong) and len({len(w) for w in wrong}) == 1


def _read(run: RecordedRun, measure: str, kind: str) -> _Reading:
    value, cut = MEASURES[measure](run), False
    if measure == "converged" and _finished(run):
        *before, last = run["validation_error"]
        cut = last < min(before, default=1.0)  # its last is its best: with more epochs, a better
    elif measure in ("epochs", "reached") and math.isinf(value) and _finished(run):
        value, cut = float(len(run["train_error"])), True  # it had no more epochs
    if kind == "ratio":
        return _Reading(math.log(value), 1 / value, None, cut)  # within an epoch nobody looked
    bits = run.get("correct", {}).get(measure)
    return _Reading(value, _STEP, _wrong(bits, value) if bits else None, cut)


def _wrong(bits: str, error: float) -> np.ndarray:
    """The images that were called wrongly; the error tells how many of the bits are images."""
    filled = 8 * len(base64.b64decode(bits))
    right = unpack_bits(bits, filled).numpy()
    count = round(right.sum() / (1 - error)) if right.any() else filled
    return 1.0 - right[:count]


# --- Comparisons --------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a comparison came to.

    Args:
        kind: of the comparison.
        estimate: with its error; of a ratio, its logarithm. None where a run that counts diverged,
            or where there is no bound.
        by_seed: the comparison seed by seed, in its own unit; empty for a factorial.
        runs: how many stand behind it: pairs with the same seed; of a factorial, all of its runs.
        bound: "at least" or "at most" where runs of one side were stopped before they arrived,
            "no bound" where runs of both were.
    """

    kind: str
    estimate: Estimate | None
    by_seed: dict[int, float]
    runs: int
    bound: str = ""

    @property
    def value(self) -> Interval | None:
        """In the comparison's own unit, with its 95 % interval."""
        if self.estimate is None:
            return None
        return Interval(*(_unit(number, self.kind) for number in self.estimate.interval()))

    @property
    def smallest(self) -> float | None:
        """The smallest effect that such runs see with a chance of 80 %, in its own unit."""
        if self.estimate is None or self.kind == "level":
            return None
        return _unit(self.estimate.smallest_effect(), self.kind)

    @property
    def covers(self) -> str:
        """What may be drawn anew for another value to lie in the interval."""
        both = self.estimate is not None and self.estimate.images is not None
        return "training seeds and test images" if both else "training seeds only"


def _unit(number: float, kind: str) -> float:
    if kind != "ratio":
        return number
    return math.exp(number) if number < 700 else math.inf  # beyond it a float has no number


def counted(record: Mapping[str, Any]) -> list[RecordedRun]:
    """Runs at the rate by which their condition is judged; trials of other rates are left out."""
    rates = record["rates"]
    return [run for run in record["runs"] if run["lr"] == rates.get(run["condition"], run["lr"])]


def by_seed(record: Mapping[str, Any], conditions: Iterable[str], measure: str) -> dict[int, float]:
    """A measure of the conditions' runs, by seed; the mean where there are several conditions."""
    take, found = MEASURES[measure], {}
    for run in counted(record):
        if run["condition"] in conditions:
            found.setdefault(run["seed"], []).append(take(run))
    return {seed: mean(values) for seed, values in sorted(found.items())}


def compare(record: Mapping[str, Any], comparison: Comparison) -> Outcome:
    """Both sides of a comparison, with an interval.

    Sides are paired by seed, and the interval is that of the pairs' mean. A factorial's effects
    come from one model of all its runs. Intervals cover the test images too where the record has
    kept which of them were right. With one seed they are without bounds.
    """
    return (_factorial if factors_of(record)[0] else _paired)(record, comparison)


def _paired(record: Mapping[str, Any], comparison: Comparison) -> Outcome:
    kind = comparison.kind
    gains = _side(record, comparison.ours, comparison.measure, kind)
    if comparison.kind != "level":
        rival = _side(
            record, comparison.rival, comparison.rival_measure or comparison.measure, kind
        )
        gains = {seed: rival[seed].less(own) for seed, own in gains.items() if seed in rival}
    estimate, bound = None, _bound(gains.values())
    if bound != _NEITHER and (measured := _stacked(gains.values())):
        estimate = LeastSquares(np.ones((len(gains), 1)), *measured).estimate([1.0])
    values = {seed: _unit(gain.value, kind) for seed, gain in gains.items()}
    return Outcome(kind, estimate, values, len(gains), bound)


def _side(
    record: Mapping[str, Any], conditions: Collection[str], measure: str, kind: str
) -> dict[int, _Reading]:
    """A measure of one side by seed, the mean over its conditions."""
    found: dict[int, list[_Reading]] = {}
    for run in counted(record):
        if run["condition"] in conditions:
            found.setdefault(run["seed"], []).append(_read(run, measure, kind))
    return {seed: _middle(readings) for seed, readings in sorted(found.items())}


def _middle(readings: Sequence[_Reading]) -> _Reading:
    values, steps, wrong, least, most = zip(*readings, strict=True)
    answers = np.mean(wrong, axis=0) if _alike(wrong) else None
    return _Reading(mean(values), max(steps), answers, any(least), any(most))


def _stacked(readings: Iterable[_Reading]) -> tuple[np.ndarray, np.ndarray | None, float] | None:
    """Values, answers by image and the steps, for a model; None where a run has no value."""
    readings = list(readings)
    values, wrong = np.array([r.value for r in readings]), [r.wrong for r in readings]
    if not readings or not np.isfinite(values).all():
        return None
    images = np.stack(wrong) if _alike(wrong) else None
    return values, images, max(reading.step for reading in readings)


_NEITHER = "no bound"


def _bound(gains: Iterable[_Reading]) -> str:
    """What a mean of such values is, some of which are bounds."""
    gains = list(gains)
    least, most = any(gain.is_least for gain in gains), any(gain.is_most for gain in gains)
    return _NEITHER if least and most else "at least" if least else "at most" if most else ""


# --- Factorials: every effect from one model of all runs ----------------------------------------


Corner = tuple[str, ...]  # the ingredients that are present


def factors_of(record: Mapping[str, Any]) -> tuple[Corner, tuple[tuple[str, str], ...]]:
    """Factors of a record's model and the pairs that it has; none where runs are paired by seed."""
    if record.get("experiment") == BOARD.name:
        return tuple(WITHOUT), tuple(combinations(WITHOUT, 2))
    design = EXPERIMENTS.get(record.get("experiment", ""))
    return (design.factors, design.pairs) if design else ((), ())


def _terms(record: Mapping[str, Any], conditions: Iterable[str]) -> np.ndarray:
    """Of the record's model, a row a condition."""
    factors, pairs = factors_of(record)
    corners = [condition.split(" + ") for condition in conditions]
    signs = [[1 if name in corner else -1 for name in factors] for corner in corners]
    return two_level(signs, [(factors.index(a), factors.index(b)) for a, b in pairs])


def _model(
    record: Mapping[str, Any], runs: Iterable[RecordedRun], readings: Iterable[_Reading]
) -> LeastSquares | None:
    """None where a run diverged."""
    measured = _stacked(readings)
    return measured and LeastSquares(_terms(record, [run["condition"] for run in runs]), *measured)


def _factorial(record: Mapping[str, Any], comparison: Comparison) -> Outcome:
    kind, rival, runs = comparison.kind, comparison.rival, counted(record)
    readings = [_read(run, comparison.measure, kind) for run in runs]
    if comparison.rival_measure:  # two measures of each run: one side of differences
        others, rival = [_read(run, comparison.rival_measure, kind) for run in runs], ()
        readings = [other.less(own) for other, own in zip(others, readings, strict=True)]
    of, sides = _terms(record, comparison.ours).mean(axis=0), readings
    if rival:
        of = _terms(record, rival).mean(axis=0) - of
        sides = [r if run["condition"] in rival else _NOTHING.less(r)
                 for run, r in zip(runs, readings, strict=True)]  # fmt: skip
    model, bound = _model(record, runs, readings), _bound(sides)
    estimate = model.estimate(of) if model and bound != _NEITHER else None
    return Outcome(kind, estimate, {}, len(runs), bound)


def effects(record: Mapping[str, Any], measure: str = "center") -> dict[Corner, Estimate]:
    """How much less a run errs with each factor and, of each pair, with both or neither.

    Those that have no number, since a run diverged, are left out.
    """
    names = [*((name,) for name in factors_of(record)[0]), *factors_of(record)[1]]
    runs = counted(record)
    model = _model(record, runs, [_read(run, measure, "difference") for run in runs])
    gains = -np.eye(1 + len(names))[1:]
    found = {name: model and model.estimate(of) for name, of in zip(names, gains, strict=True)}
    return {name: estimate for name, estimate in found.items() if estimate}


def corner_error(record: Mapping[str, Any], present: Corner) -> Interval | None:
    """Test error, centre view, of a network with these factors, run or not, by the record's model.

    Factors and named pairs count, whatever else counts as nothing. Corners where a run diverged are
    left out; None where the others do not determine the answer. Where the model leaves nothing
    over, as with one run a corner and every pair, the interval has no bounds.
    """
    runs = counted(record)
    wild = {run["condition"] for run in runs if math.isinf(MEASURES["center"](run))}
    runs = [run for run in runs if run["condition"] not in wild]
    model = _model(record, runs, [_read(run, "center", "level") for run in runs])
    found = model and model.estimate(_terms(record, [" + ".join(present)])[0])
    return found.interval() if found else None


def corner_config(present: Corner, smaller: Settings | None = None) -> TrainConfig:
    """The lesson-sized run of any of the board's 32 corners; `smaller` makes it shorter still."""
    absent = [WITHOUT[name] for name in WITHOUT if name not in present]
    return TrainConfig.for_preset(**merged(BOARD.common, *absent, BOARD.lesson, smaller or {}))


def recorded_runs(record: Mapping[str, Any]) -> list[Run]:
    """Runs in a record of "fig1" or "fig1-today", each network's at its own best rate (§3.1)."""
    return [
        Run(*run["condition"].split(", "), run["lr"], run["seed"], run["train_error"])
        for run in counted(record)
    ]


# --- Words --------------------------------------------------------------------------------------


def outcome_words(record: Mapping[str, Any], comparison: Comparison) -> str:
    """What a comparison came to, and which effect would have been seen.

    Such as: 2012: 6.1× (5.7× to 6.5×); would have seen 1.2×.
    """
    outcome = compare(record, comparison)
    return f"{comparison.words}: {say_outcome(outcome)}{say_smallest(outcome)}"


def say_outcome(outcome: Outcome) -> str:
    """A value with its interval, in the unit of its kind."""
    if outcome.value is None:
        cut = "runs of both sides were stopped too early"
        return f"no number: {cut if outcome.bound == _NEITHER else 'a run diverged'}"
    value, low, high = (say_number(number, outcome.kind) for number in outcome.value)
    spread = f"{low} to {high}" if outcome.estimate.freedom else "one seed"
    return f"{outcome.bound} {value} ({spread})".strip()


def say_smallest(outcome: Outcome) -> str:
    """The smallest effect that is seen with a chance of 80 %, as the end of a sentence, or ""."""
    number = outcome.smallest
    if number is None or math.isinf(number):
        return ""
    return f"; would have seen {say_number(number, outcome.kind).removeprefix('+')}"


def say_number(number: float, kind: str) -> str:
    """A number of a comparison of that kind, in its unit."""
    if kind == "ratio":
        return f"{number:.1f}×"
    percent = round(100 * number, 1) + 0.0  # turns -0 into 0
    return f"{percent:.1f} %" if kind == "level" else f"{percent:+.1f} points"


def seeds_words(record: Mapping[str, Any]) -> str:
    """How many seeds a record has, or a factorial's runs, and whether they grew after a look."""
    earlier = [str(look) for look in record.get("looks", [])[:-1]]
    told = f" (looked at before with {' and '.join(earlier)})" * bool(earlier)
    return runs_words(record, len(record["seeds"])) + told


def runs_words(record: Mapping[str, Any], count: int) -> str:
    """So many seeds; of a factorial, where each run has a seed of its own, so many runs."""
    design = EXPERIMENTS.get(record["experiment"])
    return f"{count} {'run' if design and design.factors else 'seed'}{'s' * (count > 1)}"


def source_words(record: Mapping[str, Any]) -> str:
    """Which data a record is from and, where its runs were cut to a lesson's size, to which."""
    if record["level"] == "full":
        return record["data"]
    cut = next(iter(record["configs"].values()))
    return f"{record['data']}, {cut['epochs']} epochs of {cut['train_limit']:,} images"
