"""Lesson 07: verdicts from paired seeds, power, and the words of its explorer."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, pstdev, stdev

import pytest
import torch

from alexnet_lib.course.exercises import nb07
from alexnet_lib.course.figures.pooling import imagined_experiments
from alexnet_lib.course.widgets.pooling import PowerMeter, imagined
from alexnet_lib.experiments import by_seed, load_record
from alexnet_lib.statistics import (
    Interval,
    count_needed,
    detection_power,
    mean_interval,
    paired_interval,
)


@pytest.mark.parametrize(
    ("name", "condition", "measure", "errors"),
    [
        ("augmentation", "crops and mirrors", "center", nb07.ONE_VIEW),
        ("augmentation", "crops and mirrors", "ten", nb07.TEN_VIEWS),
        ("overlap", "overlapping", "center", nb07.ONE_VIEW),
        ("overlap", "apart", "center", nb07.APART),
    ],
)
def test_the_six_runs_of_the_lesson_are_recorded(
    name: str, condition: str, measure: str, errors: tuple[float, ...]
) -> None:
    found = by_seed(load_record(name), [condition], measure)
    assert [100 * found[seed] for seed in range(6)] == pytest.approx(errors, abs=1e-9)


def test_pairing_shows_a_gain_that_two_separate_intervals_would_hide() -> None:
    """Sections 7.1 and 7.2."""
    one, ten = mean_interval(nb07.ONE_VIEW), mean_interval(nb07.TEN_VIEWS)
    assert one.low < ten.high
    assert paired_interval(nb07.ONE_VIEW, nb07.TEN_VIEWS).low > 1


def test_the_budget_by_pencil_is_near_the_exact_one() -> None:
    for gain, sigma in ((0.4, 1.0), (1.0, 1.5), (0.3, 0.8)):
        exact = count_needed(gain, sigma)
        assert nb07.seeds_needed(gain, sigma) <= exact <= nb07.seeds_needed(gain, sigma) + 3


def _too_sure(t: Callable[[int], float], spread: Callable[[list], float]) -> Callable[..., str]:
    """A decision with another quantile or another spread."""

    def answer(a: Sequence[float], b: Sequence[float]) -> str:
        d = [x - y for x, y in zip(a, b, strict=True)]
        half = t(len(d)) * spread(d) / math.sqrt(len(d))
        return "open" if abs(fmean(d)) <= half else "a" if fmean(d) < 0 else "b"

    return answer


_LIMITS = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 10: 2.262}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda a, b: nb07._by(nb07._at_90)(a, b), "That is 90 %"),
        (_too_sure(_LIMITS.get, pstdev), "You divided by n for the spread"),
        (_too_sure(lambda _: 2.776, stdev), "You took one limit for all"),
        (_too_sure(lambda _: 1.96, stdev), "1.96 holds for many seeds"),
        (nb07._by(nb07._scaled(lambda n: _LIMITS[n])), "You used the spread of single differences"),
        (_too_sure(lambda _: 2.0, stdev), "Two standard errors hold for many seeds"),
    ],
)
def test_an_interval_of_another_width_is_named(answer: Callable[..., str], words: str) -> None:
    assert words in nb07.real.check(answer).text


@pytest.mark.parametrize(("effect", "spread", "seeds"), [(0.4, 1.5, 5), (1.0, 2.0, 40)])
def test_the_power_meter_shows_about_as_many_as_the_formula_says(
    effect: float, spread: float, seeds: int
) -> None:
    _, text = PowerMeter().render(effect, spread, seeds)
    seen = int(text.split("points. ")[1].split(" of 100")[0])
    power = detection_power(effect, spread, seeds)
    assert seen / 100 == pytest.approx(power, abs=0.05)  # of a hundred experiments
    assert f"In the long run {power:.0%} exclude 0" in text
    assert f"{count_needed(effect, spread):,} seeds." in text


def test_imagined_experiments_report_what_the_package_would() -> None:
    dice = torch.Generator().manual_seed(0)
    gains = 0.4 + 1.5 * torch.randn(200, 100, generator=dice)[:5]  # (seeds, experiments)
    expected = sorted(mean_interval(gain.tolist()) for gain in gains.T)
    torch.testing.assert_close(torch.tensor(imagined(0.4, 1.5, 5)), torch.tensor(expected))


def test_without_a_gain_about_one_in_twenty_sees_something() -> None:
    _, text = PowerMeter().render(0.0, 1.0, 10)
    assert "nothing to see, yet 6 of 100" in text


def test_someone_sees_the_gain_even_where_it_is_hardest() -> None:
    _, text = PowerMeter().render(0.1, 4.0, 4)
    assert " 1 of 100 experiments see the gain of 0.1, and report" in text


def test_the_power_meter_starts_at_the_measured_spread() -> None:
    meter = PowerMeter(spread=1.23, seeds=7)
    assert meter.state == {"effect": 0.4, "spread": 1.2, "seeds": 7}
    before = meter.summary
    meter.controls["seeds"].value = 70
    assert meter.summary != before


def test_few_experiments_that_see_a_small_gain_exaggerate_it() -> None:
    """The winner's curse of section 7.4."""
    _, text = PowerMeter().render(0.4, 1.5, 5)
    assert "see the gain of 0.4, and report 1.5 on average" in text


def test_each_imagined_experiment_is_drawn() -> None:
    assert imagined_experiments([Interval(0.1, -9.0, 9.0)] * 3, 0.4).size == (1080, 420)
