"""Error rates, intervals and power, against tables, plain loops and drawn experiments."""

import math
from itertools import combinations, product

import numpy as np
import pytest
import scipy.stats
import torch

from alexnet_lib.statistics import (
    Estimate,
    LeastSquares,
    count_needed,
    detection_power,
    holm,
    mean_interval,
    paired_interval,
    two_level,
    wilson_interval,
)
from alexnet_lib.training.evaluation import confusion_matrix, count_top_k_errors, top_k_error


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_error_equals_a_plain_loop(k):
    generator = torch.Generator().manual_seed(k)
    scores = torch.randint(0, 6, (200, 7), generator=generator).float()  # many ties
    labels = torch.randint(0, 7, (200,), generator=generator)
    wrong = 0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        ahead = sum(s >= row[label] for i, s in enumerate(row) if i != label)
        wrong += ahead >= k
    assert count_top_k_errors(scores, labels, k) == wrong
    assert top_k_error(scores, labels, k) == wrong / 200


def test_confusion_matrix_rows_are_true_classes():
    matrix = confusion_matrix(torch.tensor([1, 1, 0, 2]), torch.tensor([0, 1, 0, 2]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_wilson_interval_equals_published_values():
    assert wilson_interval(0, 10) == pytest.approx((0, 0, 0.27753), abs=1e-5)
    assert wilson_interval(5, 10) == pytest.approx((0.5, 0.23659, 0.76341), abs=1e-5)
    assert wilson_interval(10, 10).high == 1


@pytest.mark.parametrize(
    ("freedom", "confidence", "t"),
    [
        (1, 0.95, 12.7062),
        (2, 0.95, 4.3027),
        (3, 0.95, 3.1824),
        (4, 0.99, 4.6041),
        (30, 0.95, 2.0423),
    ],
)
def test_mean_interval_uses_the_table_of_student(freedom, confidence, t):
    values = [0.0] * freedom + [float(freedom + 1)]
    interval = mean_interval(values, confidence)
    standard_error = torch.tensor(values, dtype=torch.float64).std().item() / len(values) ** 0.5
    assert interval.estimate == pytest.approx(1)
    assert (interval.high - 1) / standard_error == pytest.approx(t, abs=1e-4)
    assert interval.high - 1 == pytest.approx(1 - interval.low)


def test_paired_interval_sees_through_a_common_spread():
    a, b = [0.1, 0.2, 0.3], [0.08, 0.19, 0.27]
    assert paired_interval(a, b).low < 0.02 < paired_interval(a, b).high
    assert paired_interval(a, a) == (0, 0, 0)


def test_power_is_that_of_students_t_and_not_of_a_known_spread():
    assert detection_power(2, 1, 2) == pytest.approx(0.1757, abs=1e-4)  # the bell curve: 0.81
    assert detection_power(-2, 1, 2) == detection_power(2, 1, 2)
    assert detection_power(0, 1, 7) == pytest.approx(0.05)


def test_power_is_a_chance_however_far_the_effect_is_from_0():
    powers = [detection_power(10.0**e, 1, n) for e in range(-9, 300, 3) for n in (2, 3, 31, 999)]
    assert all(0.05 - 1e-9 <= power <= 1 for power in powers)


@pytest.mark.parametrize(("effect", "spread", "count"), [(2, 1, 2), (1, 1, 3), (0.4, 1, 10)])
def test_power_is_the_share_of_drawn_experiments_whose_interval_excludes_0(effect, spread, count):
    generator = torch.Generator().manual_seed(1)
    values = effect + spread * torch.randn(20_000, count, generator=generator)
    limit = {2: 12.7062, 3: 4.3027, 10: 2.2622}[count]  # Student's table
    half = limit * values.std(1) / count**0.5
    seen = float((values.mean(1).abs() > half).double().mean())
    assert detection_power(effect, spread, count) == pytest.approx(seen, abs=0.01)


@pytest.mark.parametrize(("effect", "count"), [(0.8, 15), (0.5, 34), (0.2, 199), (-0.2, 199)])
def test_count_needed_equals_published_sizes_of_one_sample_tests(effect, count):
    """14.3, 33.4 and 198.2 by R's `power.t.test(type="one.sample", power=0.8)`, rounded up."""
    assert count_needed(effect, 1) == count_needed(3 * effect, 3) == count


@pytest.mark.parametrize(
    ("effect", "options"),
    [(0.4, {}), (5, {}), (2, {"confidence": 0.999}), (0.1, {"power": 0.3}), (0.004, {})],
)
def test_count_needed_is_the_first_count_with_that_power(effect, options):
    power, confidence = options.get("power", 0.8), options.get("confidence", 0.95)
    needed = count_needed(effect, 1, **options)
    assert detection_power(effect, 1, needed, confidence) >= power
    assert needed == 2 or detection_power(effect, 1, needed - 1, confidence) < power


def test_any_two_values_have_the_power_that_chance_alone_has():
    assert count_needed(0.4, 1, power=0.01) == 2


# --- P-values and the smallest effect -----------------------------------------------------------


def drawn(*size, seed=0):
    """Numbers of the bell curve."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*size, generator=generator, dtype=torch.float64).numpy()


def estimate_of(values):
    """The mean of a few values, as a model with one term."""
    return LeastSquares(np.ones((len(values), 1)), np.asarray(values)).estimate([1.0])


@pytest.mark.parametrize("count", [2, 3, 10])
def test_a_mean_is_judged_as_by_scipy_s_t_test(count):
    values = 0.7 + drawn(count, seed=count)
    estimate, test = estimate_of(values), scipy.stats.ttest_1samp(values, 0)
    assert estimate.p_value == pytest.approx(test.pvalue)
    assert estimate.freedom == count - 1
    assert estimate.interval() == pytest.approx(mean_interval(values))
    assert estimate.interval()[1:] == pytest.approx(tuple(test.confidence_interval()))


def test_one_value_alone_has_no_bounds_and_proves_nothing():
    estimate = estimate_of([0.3])
    assert estimate.interval() == (0.3, -math.inf, math.inf)
    assert (estimate.p_value, estimate.smallest_effect()) == (1.0, math.inf)


@pytest.mark.parametrize(("count", "power"), [(2, 0.8), (3, 0.8), (6, 0.8), (6, 0.3), (40, 0.99)])
def test_the_smallest_effect_is_seen_with_the_power_asked_for(count, power):
    smallest = Estimate(0.0, 0.02 / math.sqrt(count), count - 1).smallest_effect(power)
    assert detection_power(smallest, 0.02, count) == pytest.approx(power, abs=1e-6)
    assert count_needed(1.0001 * smallest, 0.02, power) <= count
    assert count_needed(0.99 * smallest, 0.02, power) > count - 1


def test_any_effect_is_seen_with_the_power_that_chance_has():
    assert Estimate(0.0, 1.0, 5).smallest_effect(power=0.04) == 0


def test_holm_is_the_short_way_through_all_sets_of_tests():
    """A test counts where each set that it is in does, by Bonferroni (a closed test)."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    p = (abs(drawn(6)) / 12).tolist()
    sets = [s for size in range(1, 7) for s in combinations(range(6), size)]
    for one, adjusted in enumerate(holm(p)):
        worst = max(len(s) * min(p[i] for i in s) for s in sets if one in s)
        assert adjusted == pytest.approx(min(1.0, worst))
    assert holm([]) == [] and holm([0.02]) == [0.02]


# --- Runs as a linear model ---------------------------------------------------------------------

SIGNS = np.array([(*four, math.prod(four)) for four in product((1, -1), repeat=4)], float)
PAIRS = [(0, 1), (0, 2), (1, 4)]


def test_effects_of_a_factorial_are_differences_of_means_and_the_rest_is_noise():
    y = drawn(16)
    model = LeastSquares(two_level(SIGNS, PAIRS), y)
    others = [pair for pair in combinations(range(5), 2) if pair not in PAIRS]
    free = [(SIGNS[:, a] * SIGNS[:, b]) @ y / 4 for a, b in others]  # each with variance s²
    spread = math.sqrt(sum(contrast**2 for contrast in free) / len(free))
    for term, column in enumerate([*SIGNS.T, *(SIGNS[:, a] * SIGNS[:, b] for a, b in PAIRS)], 1):
        effect = model.estimate(np.eye(9)[term])
        assert effect.value == pytest.approx(y[column > 0].mean() - y[column < 0].mean())
        assert (effect.freedom, effect.images) == (7, None)
        assert effect.error == pytest.approx(spread * math.sqrt(2 / 8))
    assert model.estimate(np.eye(9)[0]).value == pytest.approx(y.mean())


def test_repeated_corners_tell_the_noise_even_where_every_pair_has_a_term():
    y, pairs = drawn(48), list(combinations(range(5), 2))
    design = two_level(np.tile(SIGNS, (3, 1)), pairs)
    effect = LeastSquares(design, y).estimate(np.eye(16)[1])
    within = y.reshape(3, 16).var(axis=0, ddof=1).mean()
    assert effect.freedom == 32 and effect.error == pytest.approx(math.sqrt(within * 2 / 24))
    alone = LeastSquares(two_level(SIGNS, pairs), y[:16]).estimate(np.eye(16)[1])
    assert alone.freedom == 0 and alone.interval().high == math.inf


def test_what_the_runs_do_not_determine_has_no_estimate():
    design = two_level(SIGNS[1:], list(combinations(range(5), 2)))  # a corner is missing
    model = LeastSquares(design, drawn(15))
    assert model.estimate(np.eye(16)[1]) is None
    assert model.estimate(design[0]).value == pytest.approx(model.responses[0])


def test_runs_that_are_all_alike_are_known_to_their_steps_only():
    model = LeastSquares(np.ones((3, 1)), np.full(3, 0.2), grain=1e-4)
    _, low, high = model.estimate([1.0]).interval()
    assert high - low == pytest.approx(2 * 4.3027 * 1e-4 / math.sqrt(12 * 3), rel=1e-4)
    wide = LeastSquares(np.ones((3, 1)), np.array([0.1, 0.2, 0.4]), grain=1e-4)
    assert wide.estimate([1.0]).interval() == pytest.approx(mean_interval([0.1, 0.2, 0.4]))


def answers(seeds, images, seed=0):
    """A table (seeds, images) of differences, with a part of each seed, each image and neither."""
    parts = (0.05 * drawn(seeds, 1, seed=3 * seed), 0.2 * drawn(1, images, seed=3 * seed + 1))
    return sum(parts) + 0.3 * drawn(seeds, images, seed=3 * seed + 2)


def test_the_error_over_seeds_and_images_is_that_of_the_analysis_of_variance():
    y = answers(5, 40)
    rows, columns, mean = y.mean(1), y.mean(0), y.mean()
    seeds = 40 * ((rows - mean) ** 2).sum() / 4  # mean squares
    images = 5 * ((columns - mean) ** 2).sum() / 39
    rest = ((y - rows[:, None] - columns + mean) ** 2).sum() / (4 * 39)
    estimate = LeastSquares(np.ones((5, 1)), rows, y).estimate([1.0])
    assert estimate.error**2 == pytest.approx((seeds + images - rest) / 200)
    a, v = seeds / 200, (seeds + images - rest) / 200
    assert estimate.images**2 == pytest.approx(v - a)
    assert estimate.freedom == math.floor(v**2 / (a**2 / 4 + (v - a) ** 2 / 39))


def test_intervals_over_seeds_and_images_hold_the_truth_as_often_as_they_say():
    held, alone = 0, 0
    for seed in range(400):
        y = answers(4, 60, seed)
        model = LeastSquares(np.ones((4, 1)), y.mean(1), y)
        _, low, high = model.estimate([1.0]).interval()
        held += low <= 0 <= high
        _, low, high = mean_interval(y.mean(1))
        alone += low <= 0 <= high
    assert 0.93 <= held / 400 <= 0.99  # 95 %, or a little more
    assert alone < held  # the same seeds with other images: not covered


def test_effects_of_a_factorial_cover_images_too():
    wrong = np.array([drawn(1, 50, seed=9)[0] + drawn(50, seed=run) for run in range(16)])
    plain = LeastSquares(two_level(SIGNS, PAIRS), wrong.mean(1))
    both = LeastSquares(two_level(SIGNS, PAIRS), wrong.mean(1), wrong)
    for term in range(9):
        of = np.eye(9)[term]
        assert both.estimate(of).value == pytest.approx(plain.estimate(of).value)
        assert both.estimate(of).error >= plain.estimate(of).error
    images = wrong.mean(0).var(ddof=1) / 50  # the images' own part is in the mean alone
    assert both.estimate(np.eye(9)[0]).error ** 2 > images
    assert both.estimate(np.eye(9)[1]).error ** 2 < images / 2


SCORES, LABELS = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: top_k_error(SCORES, torch.tensor([0, 1, 3, 0])),
            r"labels\[2\] is 3; expected 0 to 2",
        ),
        (lambda: top_k_error(SCORES, torch.tensor([0, -1, 2, 9])), r"labels\[1\] is -1"),
        (lambda: top_k_error(SCORES, torch.tensor([-100, 0, 0, 0])), r"labels\[0\] is -100"),
        (lambda: top_k_error(SCORES, LABELS[:3]), r"shape \(3,\); expected \(4,\)"),
        (lambda: top_k_error(SCORES, LABELS[:, None]), r"shape \(4, 1\)"),
        (lambda: top_k_error(SCORES, LABELS, 4), "k is 4; expected 1 to 3"),
        (lambda: top_k_error(SCORES, LABELS, 0), "k is 0"),
        (lambda: top_k_error(SCORES[0], LABELS), r"scores has shape \(3,\)"),
        (lambda: top_k_error(SCORES[:0], LABELS[:0]), r"scores has shape \(0, 3\)"),
        (
            lambda: top_k_error(SCORES.index_fill(0, torch.tensor(2), torch.nan), LABELS),
            r"scores\[2\]",
        ),
        (lambda: confusion_matrix(LABELS, LABELS, 2), r"labels\[2\] is 2"),
        (lambda: confusion_matrix(LABELS + 1, LABELS, 3), r"predictions\[2\] is 3"),
        (lambda: wilson_interval(3, 0), "count is 0"),
        (lambda: wilson_interval(3, 2), "errors is 3; expected 0 to 2"),
        (lambda: wilson_interval(1, 2, 95), "confidence is 95"),
        (lambda: mean_interval([0.5]), "expected at least 2"),
        (lambda: mean_interval([0.5, float("nan")]), r"values\[1\] is nan"),
        (lambda: paired_interval([1, 2, 3], [1, 2]), "expected pairs"),
        (lambda: detection_power(1, 1, 1), "count is 1; expected a whole number of at least 2"),
        (lambda: count_needed(0, 1), "effect is 0"),
        (lambda: holm([0.5, 1.5]), r"p_values\[1\] is 1.5; expected a number in \[0, 1\]"),
        (lambda: Estimate(0, 1, 5).smallest_effect(power=80), "power is 80"),
    ],
)
def test_f31_wrong_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: top_k_error(SCORES, LABELS.float()),
        lambda: top_k_error(SCORES.long(), LABELS),
        lambda: top_k_error(SCORES, [0, 1, 2, 0]),
    ],
)
def test_f31_wrong_types_are_named(call):
    with pytest.raises(TypeError, match="expected"):
        call()
