"""Check 25: the learning rate falls three times, by ten (§5)."""

import pytest
import torch

from alexnet_lib.paper.optim import FixedDrops, PaperSGD, PlateauDrops
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.trainer import make_schedule


def optimizer(lr: float = 0.01) -> PaperSGD:
    return PaperSGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rate(of: PaperSGD) -> float:
    return of.param_groups[0]["lr"]


def test_check_25_three_drops_from_a_hundredth_and_never_a_fourth():
    sgd = optimizer()
    schedule = PlateauDrops(sgd, patience=5)
    rates = [rate(sgd)]
    for _ in range(200):
        if schedule.step(0.4):  # never gets better
            rates.append(rate(sgd))
    assert rates == pytest.approx([1e-2, 1e-3, 1e-4, 1e-5], rel=1e-12)
    assert schedule.drops == 3


def test_check_25_drops_after_the_epochs_of_patience_and_not_before():
    schedule = PlateauDrops(optimizer(), patience=3)
    errors = [0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.7, 0.7]
    dropped = [schedule.step(error) for error in errors]
    assert [i for i, drop in enumerate(dropped) if drop] == [4, 7]


def test_check_25_an_improvement_smaller_than_the_threshold_does_not_count():
    schedule = PlateauDrops(optimizer(), patience=2, threshold=0.01)
    assert [schedule.step(e) for e in (0.5, 0.495, 0.492)] == [False, False, True]
    schedule = PlateauDrops(optimizer(), patience=2, threshold=0.01)
    assert not any(schedule.step(e) for e in (0.5, 0.48, 0.46, 0.44, 0.42))


@pytest.mark.parametrize(
    ("epochs", "drops"), [(93, (23, 51, 78)), (100, (25, 55, 84)), (20, (5, 11, 17))]
)
def test_check_25_fixed_drops_at_25_55_and_84_percent(epochs, drops):
    sgd = optimizer()
    schedule = FixedDrops(sgd, epochs)
    assert tuple(e for e in range(1, epochs + 1) if schedule.step(e)) == drops
    assert rate(sgd) == pytest.approx(1e-5, rel=1e-12)
    assert schedule.drops == 3


def test_check_25_every_group_drops_by_the_same_factor():
    w, b = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    sgd = PaperSGD([{"params": [w], "lr": 0.01}, {"params": [b], "lr": 0.02}])
    FixedDrops(sgd, epochs=4).step(1)
    assert [group["lr"] for group in sgd.param_groups] == pytest.approx([0.001, 0.002])


@pytest.mark.parametrize(("epochs", "fixed"), [(1, False), (2, False), (3, True), (93, True)])
def test_check_25_a_trial_too_short_for_its_drops_keeps_its_rate(epochs, fixed):
    config = TrainConfig("cifar-lite", epochs=epochs, schedule="fixed")
    assert isinstance(make_schedule(optimizer(), config), FixedDrops) == fixed
