"""The estimate of a run's length."""

import pytest
import torch

from alexnet_lib.training import watchers as speed
from alexnet_lib.training.config import TrainConfig

CONFIG = TrainConfig.for_preset("four-layer", batch_size=4, device="cpu", precision="float32")


def test_rate_is_that_of_the_fastest_step(monkeypatch):
    ticks = iter([10.0, 14.0, 15.0, 17.0])
    monkeypatch.setattr(
        speed._Clock, "on_step", lambda clock, trainer: clock.ticks.append(next(ticks))
    )
    assert speed.images_per_second(CONFIG, steps=4) == pytest.approx(4.0)


def test_one_step_is_no_measurement():
    with pytest.raises(ValueError, match="steps is 1; expected a whole number of at least 2"):
        speed.images_per_second(CONFIG, steps=1)


def test_the_stop_button_ends_the_measurement(monkeypatch):
    def stop(clock, trainer):
        raise KeyboardInterrupt

    monkeypatch.setattr(speed._Clock, "on_step", stop)
    with pytest.raises(KeyboardInterrupt):
        speed.images_per_second(CONFIG)


def test_the_users_random_numbers_stay_as_they_are():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    speed.images_per_second(CONFIG, steps=2)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("budget_s", "epochs"), [(1_000, 20), (10, 3), (1_000_000, 90)], ids=["fits", "least", "most"]
)
def test_epochs_fit_the_time(budget_s, epochs):
    chosen = speed.epochs_within(budget_s, rate=1_000, images=45_000, least=3, most=90)
    assert chosen == epochs
