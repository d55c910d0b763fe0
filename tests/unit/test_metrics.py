"""Error rates, intervals and power, against tables, plain loops and drawn experiments."""

import pytest
import torch

from alexnet_lib.statistics import (
    count_needed,
    detection_power,
    mean_interval,
    paired_interval,
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
