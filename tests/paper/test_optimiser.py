"""Checks 23 and 24: the update rule (§5) and what it is applied to."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from alexnet_lib.models.two_towers import to_two_towers
from alexnet_lib.paper.optim import PaperSGD, parameter_groups, rescale_momentum

STEPS, DROP_AT = 50, 25
START = (0.7, -1.3, 2.1)


def slope(w: list[float], step: int) -> list[float]:
    """Some gradient that depends on the weights and on the step."""
    a, b, c = w
    return [a * b + 0.1 * step, b**3 - c, 0.5 * c + a - 0.01 * step]


def paper_in_plain_numbers(rate: Callable[[int], float], steps: int = STEPS) -> list[float]:
    """§5 as printed, on three numbers: v ← 0.9 v − 0.0005 ε w − ε g, w ← w + v."""
    w, v = list(START), [0.0, 0.0, 0.0]
    for step in range(steps):
        lr, g = rate(step), slope(w, step)
        v = [0.9 * v[i] - 0.0005 * lr * w[i] - lr * g[i] for i in range(3)]
        w = [w[i] + v[i] for i in range(3)]
    return w


def run(optimizer_of: Callable, rate: Callable[[int], float], rescale: bool = False) -> Tensor:
    w = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = optimizer_of([w])
    for step in range(STEPS):
        (group,) = optimizer.param_groups
        lr_old, group["lr"] = group["lr"], rate(step)
        if rescale and lr_old != group["lr"]:
            rescale_momentum(optimizer, lr_old, group["lr"])
        w.grad = torch.tensor(slope(w.tolist(), step), dtype=torch.float64)
        optimizer.step()
    return w.detach()


def paper_sgd(params) -> PaperSGD:
    return PaperSGD(params, lr=0.01, momentum=0.9, weight_decay=0.0005)


def torch_sgd(params) -> torch.optim.SGD:
    return torch.optim.SGD(params, lr=0.01, momentum=0.9, weight_decay=0.0005)


def constant(_step: int) -> float:
    return 0.01


def dropped(step: int) -> float:
    return 0.01 if step < DROP_AT else 0.001


def furthest(w: Tensor, expected: list[float]) -> float:
    return float((w - torch.tensor(expected, dtype=torch.float64)).abs().max())


@pytest.mark.parametrize("rate", [constant, dropped])
def test_check_23_fifty_steps_equal_the_printed_rule(rate):
    assert furthest(run(paper_sgd, rate), paper_in_plain_numbers(rate)) < 1e-12


def test_check_23_equals_torch_while_the_rate_is_constant():
    assert furthest(run(torch_sgd, constant), paper_in_plain_numbers(constant)) < 1e-12


def test_check_23_differs_from_torch_after_a_drop():
    assert furthest(run(torch_sgd, dropped), paper_in_plain_numbers(dropped)) > 1e-2


def test_check_23_torch_with_a_rescaled_buffer_follows_the_paper_again():
    w = run(torch_sgd, dropped, rescale=True)
    assert furthest(w, paper_in_plain_numbers(dropped)) < 1e-12


def test_check_23_decay_pulls_towards_zero_where_the_gradient_is_zero():
    w = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = PaperSGD([w], lr=0.1, momentum=0.0, weight_decay=0.5)
    w.grad = torch.zeros_like(w)
    optimizer.step()
    assert float(w.detach()) == pytest.approx(2.0 - 0.1 * 0.5 * 2.0, rel=1e-15)


def test_check_23_after_a_drop_the_old_steps_fade_over_ten_updates():
    w = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = PaperSGD([w], lr=1.0, momentum=0.9, weight_decay=0.0)
    moves = []
    for step in range(220):
        if step == 200:
            optimizer.param_groups[0]["lr"] = 0.1
        before = float(w.detach())
        w.grad = torch.ones_like(w)
        optimizer.step()
        moves.append(before - float(w.detach()))
    assert moves[199] == pytest.approx(10, rel=1e-3)  # 1 / (1 − 0.9) steps' worth
    assert moves[200] == pytest.approx(9.1, rel=1e-3)  # torch: 1.0 at once
    assert moves[210] == pytest.approx(1 + 9 * 0.9**11, rel=1e-3)


# --- 24: what is decayed, and at which rate ------------------------------------------------------


@pytest.mark.parametrize(("biases", "bias_rate"), [("paper", 0.01), ("source2012", 0.02)])
def test_check_24_groups_of_parameters(slim_net, biases, bias_rate):
    net = slim_net(input_size=67)
    weights, rest = parameter_groups(net, lr=0.01, weight_decay=0.0005, biases=biases)
    assert {id(p) for p in weights["params"]} == {
        id(p) for name, p in net.named_parameters() if name.endswith(".weight")
    }
    assert {id(p) for p in rest["params"]} == {
        id(p) for name, p in net.named_parameters() if name.endswith(".bias")
    }
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 0.0005)
    assert (rest["lr"], rest["weight_decay"]) == (bias_rate, 0)


@pytest.mark.parametrize("towers", [False, True])
def test_check_24_every_parameter_is_in_exactly_one_group(slim_net, towers):
    net = slim_net(input_size=67)
    net = to_two_towers(net) if towers else net
    grouped = [id(p) for group in parameter_groups(net) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in net.parameters())


def test_check_24_a_step_decays_weights_and_not_biases(slim_net):
    net = slim_net(input_size=67)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    PaperSGD(parameter_groups(net, lr=0.1, weight_decay=0.5)).step()
    for name, p in net.named_parameters():
        expected = before[name] * (1 - 0.1 * 0.5) if name.endswith("weight") else before[name]
        torch.testing.assert_close(p.detach(), expected)
