"""A network that is lent out comes back as it came."""

import pytest
import torch
from torch import nn

from alexnet_lib.models.hooks import undisturbed


@pytest.fixture
def net() -> nn.Sequential:
    """Mixed modes, a frozen weight, a gradient that somebody still needs."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Dropout(0.5)), nn.Linear(4, 2))
    net[1].eval()
    net[1][1].train()
    net[0].weight.requires_grad_(False)
    net(torch.ones(1, 3)).sum().backward()
    return net


def state(net: nn.Module) -> list:
    modules = [
        (m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.modules()
    ]
    gradients = [None if p.grad is None else p.grad.tolist() for p in net.parameters()]
    return [modules, gradients, [p.requires_grad for p in net.parameters()]]


def use(net: nn.Module, error: Exception | None = None, **options) -> list[str]:
    seen = []
    after = {"0": lambda *_: seen.append("0"), "1.1": lambda *_: seen.append("1.1")}
    with undisturbed(net, after, before={"2": lambda *_: seen.append("2")}, **options):
        seen.append([m.training for m in net.modules()])
        net[0].weight.requires_grad_()
        net(torch.ones(2, 3)).sum().backward()
        net.zero_grad()
        net.train()
        if error:
            raise error
    return seen


@pytest.mark.parametrize("training", [True, False, None])
def test_modes_gradients_and_hooks_come_back(net, training):
    before = state(net)
    modes, *calls = use(net, training=training)
    assert calls == ["0", "1.1", "2"]
    own = [mode for mode, *_ in before[0]]
    assert modes == (own if training is None else [training] * 6)
    assert state(net) == before


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_they_come_back_after_an_error_too(net, error):
    before = state(net)
    with pytest.raises(type(error)):
        use(net, error)
    assert state(net) == before


def test_a_hook_on_a_layer_that_is_not_there_leaves_nothing_behind(net):
    before = state(net)
    with pytest.raises(AttributeError), undisturbed(net, {"0": print, "7": print}):
        pass
    assert state(net) == before


def test_gradients_inside_start_from_nothing(net):
    with undisturbed(net):
        assert all(p.grad is None for p in net.parameters())
