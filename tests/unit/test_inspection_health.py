"""Vital signs of a run, signals of its layers, and what they leave of the model."""

import math

import pytest
import torch
from torch import nn

from alexnet_lib.course.patients import patient
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.health import Vitals, layer_activity, layer_signals
from alexnet_lib.models.registry import build_model

X, Y = 40 * torch.randn(4, 3, 28, 28), torch.tensor([0, 1, 2, 3])


def small() -> nn.Module:
    return build_model("cifar-lite", widths=(4, 4, 4, 4, 4), groups=(1,) * 5, hidden_units=8)


@pytest.mark.parametrize("steps", [5, 8, 12])
def test_a_run_of_a_few_steps_has_vital_signs(steps):
    vitals, data = Vitals(), synthetic_images(250, 20)
    patient(
        "healthy", data, [vitals], train_limit=10 * steps, validation_size=20, batch_size=10,
        epochs=1,
    ).fit()  # fmt: skip
    assert len(vitals.gradients) == steps
    signs = vitals.signs()
    assert math.isnan(signs["growth"]) is (steps < 8)
    assert all(math.isfinite(value) for name, value in signs.items() if name != "growth")


def test_a_run_that_was_stopped_in_its_first_epoch_has_vital_signs():
    class Stop:
        def on_step(self, trainer):
            raise KeyboardInterrupt

    vitals, data = Vitals(), synthetic_images(100, 20)
    patient("healthy", data, [vitals, Stop()], train_limit=50, validation_size=20).fit()
    signs = vitals.signs()
    assert math.isnan(signs["learned"]) and math.isfinite(signs["largest output"])


@pytest.mark.parametrize("look", [layer_activity, layer_signals])
def test_looking_leaves_modes_hooks_and_gradients(look):
    model = small().train()
    model.drop6.eval()
    model(X).sum().backward()
    before = [p.grad.clone() for p in model.parameters()]
    look(model, X, Y)
    assert model.training and not model.drop6.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), before, strict=True))


def test_signals_are_those_of_a_backward_pass():
    model = small().eval()
    told = layer_signals(model, X, Y)
    nn.functional.cross_entropy(model(X), Y).backward()
    for signal in told:
        weight = model.get_submodule(signal.layer).weight
        assert signal.gradient == pytest.approx(float(weight.grad.norm() / weight.detach().norm()))
