"""Error rates and intervals, against tables and plain loops."""

import pytest
import torch

from alexnet_lib.statistics import mean_interval, paired_interval, wilson_interval
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
