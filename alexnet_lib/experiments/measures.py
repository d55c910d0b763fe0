"""From recorded runs to findings: a run's measures, comparisons of them by seed, words."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from alexnet_lib.experiments.catalogue import BOARD, WITHOUT, corners, name_of
from alexnet_lib.experiments.design import Comparison, Settings, merged
from alexnet_lib.statistics import Interval, Run, arrival, mean, mean_interval
from alexnet_lib.training.config import TrainConfig

# --- What one run measured ----------------------------------------------------------------------

RecordedRun = Mapping[str, Any]

NEAR_BEST = 0.01  # a run has converged when its validation error is within a point of its best


def _epochs(run: RecordedRun) -> float:
    """Epochs to the training error at which the run was to stop; infinite where it never came."""
    return math.inf if run["stop_at"] is None else arrival(run["train_error"], run["stop_at"])


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
    "converged": _converged,
    "train_error": _last,
    "center": _tested("center"),
    "ten": _tested("ten"),
    "member": _tested("member"),
}


# --- Comparisons --------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a comparison came to.

    Args:
        value: of the comparison's kind, with its 95 % interval; None where a run that counts
            diverged or never arrived.
        by_seed: the same for each seed.
        at_least: a rival run was stopped before it arrived: the value is a lower bound.
    """

    value: Interval | None
    by_seed: dict[int, float]
    at_least: bool = False


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
    """Both sides of a comparison, paired by seed, with the interval over the seeds.

    With one seed there is no spread: the interval is then without bounds.
    """
    ours = by_seed(record, comparison.ours, comparison.measure)
    if comparison.kind == "level":
        return Outcome(interval_over_seeds(ours.values()), ours)
    rival = by_seed(record, comparison.rival, comparison.rival_measure or comparison.measure)
    at_least = comparison.kind == "ratio" and math.inf in rival.values()
    if at_least:
        rival |= _bounds(record, comparison.rival, [s for s, v in rival.items() if v == math.inf])
    values = {s: _effect(comparison.kind, ours[s], rival[s]) for s in ours if s in rival}
    return Outcome(interval_over_seeds(values.values()), values, at_least)


def _bounds(record: Mapping[str, Any], conditions: Iterable[str], seeds: list[int]) -> dict:
    """Epochs that runs had which never arrived."""
    runs = [run for run in counted(record) if run["condition"] in conditions]
    return {run["seed"]: len(run["train_error"]) for run in runs if run["seed"] in seeds}


def _effect(kind: str, ours: float, rival: float) -> float:
    if kind == "difference":
        return rival - ours
    return rival / ours if math.isfinite(ours) else math.nan


def interval_over_seeds(values: Iterable[float]) -> Interval | None:
    """Mean and interval; of one seed without bounds; None where a value is not finite, or none."""
    values = list(values)
    if not values or not all(map(math.isfinite, values)):
        return None
    if len(values) == 1:
        return Interval(values[0], -math.inf, math.inf)
    return mean_interval(values)


def recorded_runs(record: Mapping[str, Any]) -> list[Run]:
    """Runs in a record of "fig1" or "fig1-today", each network's at its own best rate (§3.1)."""
    return [
        Run(*run["condition"].split(", "), run["lr"], run["seed"], run["train_error"])
        for run in counted(record)
    ]


# --- Words --------------------------------------------------------------------------------------


def outcome_words(record: Mapping[str, Any], comparison: Comparison) -> str:
    """What a comparison came to, in words: 2012: 6.1× (5.7× to 6.5×)."""
    return f"{comparison.words}: {say_outcome(compare(record, comparison), comparison.kind)}"


def say_outcome(outcome: Outcome, kind: str) -> str:
    """A value with its interval, in the unit of its kind."""
    if outcome.value is None:
        return "no number: a run diverged or never arrived"
    value, low, high = (_say(number, kind) for number in outcome.value)
    spread = f"{low} to {high}" if len(outcome.by_seed) > 1 else "one seed"
    return f"{'at least ' * outcome.at_least}{value} ({spread})"


def _say(number: float, kind: str) -> str:
    if kind == "ratio":
        return f"{number:.1f}×"
    percent = round(100 * number, 1) + 0.0  # turns -0 into 0
    return f"{percent:.1f} %" if kind == "level" else f"{percent:+.1f} points"


def seeds_words(record: Mapping[str, Any]) -> str:
    """How many seeds a record has."""
    count = len(record["seeds"])
    return f"{count} seed{'s' * (count > 1)}"


def source_words(record: Mapping[str, Any]) -> str:
    """Which data a record is from and, where its runs were cut to a lesson's size, to which."""
    if record["level"] == "full":
        return record["data"]
    cut = next(iter(record["configs"].values()))
    return f"{record['data']}, {cut['epochs']} epochs of {cut['train_limit']:,} images"


# --- The board: any corner from those that were run ---------------------------------------------

Corner = tuple[str, ...]  # the ingredients that are present


def corner_config(present: Corner, smaller: Settings | None = None) -> TrainConfig:
    """The lesson-sized run of any of the 32 corners; `smaller` makes it shorter still."""
    absent = [WITHOUT[name] for name in WITHOUT if name not in present]
    return TrainConfig.for_preset(**merged(BOARD.common, *absent, BOARD.lesson, smaller or {}))


def corner_error(record: Mapping[str, Any], present: Corner) -> Interval | None:
    """Test error of any of the 32 corners, centre view, with its interval over the seeds.

    A corner that was run has its own errors. Another gets the sum of mean, main effects and
    interactions of two, which the sixteen determine; those of three or more count as nothing.
    None where a run diverged; one seed has an interval without bounds.
    """
    errors = {corner: by_seed(record, (name_of(corner),), "center") for corner in corners()}
    weights = {corner: weight for corner in errors if (weight := _weight(present, corner))}
    return interval_over_seeds(
        sum(w * errors[c][seed] for c, w in weights.items()) for seed in record["seeds"]
    )


def _weight(present: Corner, corner: Corner) -> float:
    """How much a run corner says about another: 1 about itself, 0 about the other fifteen."""
    alike = sum(1 if (name in present) == (name in corner) else -1 for name in WITHOUT)
    return (1 + alike + (alike**2 - len(WITHOUT)) / 2) / 16
