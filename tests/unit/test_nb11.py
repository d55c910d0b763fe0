"""Lesson 11: the numbers it teaches, its pictures, and the words of its explorers."""

import math
from typing import Any

import pytest
import torch

from alexnet_lib.course.exercises import nb11
from alexnet_lib.course.figures.optimisation import loss_race, smooth, valley_picture
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.toy import SoftmaxProblem, descend, dropped_rates
from alexnet_lib.course.widgets.optimisation import (
    STEEPNESS,
    UPDATES,
    ScheduleEditor,
    ValleyExplorer,
)
from alexnet_lib.paper.optim import PaperSGD, PlateauDrops

VALLEY = {"lr": 10**-1.5, "momentum": 0.9, "rule": "paper", "drop": 20}


def slope(w: torch.Tensor, _update: int = 0) -> torch.Tensor:
    return torch.tensor([1.0, 8.0, 3.0], dtype=w.dtype) * w - w.sin()


def start() -> torch.Tensor:
    return torch.tensor([0.7, -1.3, 2.1], dtype=torch.float64)


def problem() -> SoftmaxProblem:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) // 100  # class by class, as a file may hold them
    images = torch.randint(0, 100, (400, 3, 32, 32), generator=generator)
    images += 20 * labels.view(-1, 1, 1, 1)
    return SoftmaxProblem.of(images.to(torch.uint8), labels, updates=60, batch_size=16, held=100)


@pytest.mark.parametrize(
    ("rule", "optimizer_of"),
    [
        ("paper", lambda p: PaperSGD(p, 0.05, 0.9, 0.0005)),
        ("torch", lambda p: torch.optim.SGD(p, 0.05, 0.9, weight_decay=0.0005)),
    ],
)
def test_descend_follows_the_optimiser_it_is_named_after(rule: str, optimizer_of: Any) -> None:
    rates = dropped_rates(0.05, 30, drops=[12])
    path = descend(slope, start(), rates, 0.9, 0.0005, rule)
    weights = torch.nn.Parameter(start())
    optimizer = optimizer_of([weights])
    for rate, expected in zip(rates, path[1:], strict=True):
        optimizer.param_groups[0]["lr"] = rate
        weights.grad = slope(weights.detach())
        optimizer.step()
        torch.testing.assert_close(weights.detach(), expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="rule"):
        descend(slope, start(), rates, rule="adam")


def test_the_rules_part_at_the_first_update_after_the_drop() -> None:
    rates = dropped_rates(0.02, 40, drops=[20])
    assert rates[19:21] == pytest.approx([0.02, 0.002])
    paper, other = (
        torch.stack(descend(slope, start(), rates, rule=rule)) for rule in ("paper", "torch")
    )
    apart = (paper - other).abs().amax(dim=1) > 1e-9
    assert int(apart.nonzero().min()) == 21


def test_steps_before_and_after_a_drop() -> None:
    rates, lengths = dropped_rates(0.1, 120, drops=[80]), {}
    for rule in ("paper", "torch"):
        path = descend(lambda w, _: torch.ones_like(w), torch.zeros(1), rates, rule=rule)
        lengths[rule] = torch.cat(path).diff().abs()
    paper, other = lengths["paper"], lengths["torch"]
    assert paper[[79, 80, 81, 89, 99]].tolist() == pytest.approx(
        [1.0, 0.91, 0.829, 0.414, 0.209], abs=1e-3
    )
    assert other[[79, 80, 99]].tolist() == pytest.approx([1.0, 0.1, 0.1], abs=1e-3)


def test_decay_alone_halves_a_weight_in_13_866_updates() -> None:
    path = descend(lambda w, _: torch.zeros_like(w), torch.ones(1), [0.01] * 15_000, 0.9, 0.0005)
    assert int((torch.cat(path) > 0.5).sum()) == pytest.approx(13_866, abs=15)
    assert math.log(2) / (10 * 0.01 * 0.0005) == pytest.approx(13_863, abs=1)


def test_the_exercise_s_plateau_rule_is_the_package_s() -> None:
    errors = (0.6 + 0.3 * torch.rand(60, generator=torch.Generator().manual_seed(1))).tolist()
    for patience in (1, 2, 5):
        sgd = PaperSGD([torch.nn.Parameter(torch.zeros(1))])
        schedule = PlateauDrops(sgd, patience=patience, threshold=0.01)
        fell = [epoch for epoch, error in enumerate(errors, 1) if schedule.step(error)]
        assert nb11.plateau_drops(errors, patience, 0.01) == fell


def test_the_exercise_s_rule_is_the_package_s() -> None:
    rates = dropped_rates(0.05, 20, drops=[8])
    path = descend(slope, start(), rates, 0.9, 0.0005)
    torch.testing.assert_close(nb11.follow(slope, start(), rates), path[-1], rtol=0, atol=1e-12)


# --- the two explorers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Paper's rule, rate 0.0316, momentum 0.90. From 9.2 away to 0.066 in 80 updates; "
         "within 5 % for good after 52. The first step after the drop is 0.92 times as long"),
        ({"rule": "torch"}, "Torch's rule"),
        ({"rule": "torch", "momentum": 0.0}, "drop is 0.097 times as long"),
        ({"lr": 0.2}, "rate × steepness is 4, more than 2 (1 + momentum) = 3.8, so each"),
        ({"lr": 0.2, "drop": UPDATES}, "so each swing is wider than the last. The rate never"),
        ({"lr": 0.2, "momentum": 0.0, "drop": 79}, "drop is 0.3 times as long"),
        ({"lr": 0.2, "momentum": 0.0, "drop": 79}, "80 of 80 updates end outside the picture"),
        ({"lr": 10**-0.5, "momentum": 0.0, "drop": 79}, "is 0.53 times as long"),
        ({"drop": UPDATES}, "The rate never falls."),
        ({"momentum": 0.0, "lr": 0.01}, "not within 5 % for good"),
    ],
)  # fmt: skip
def test_the_valley_says_how_near_and_how_it_coasts(changed: dict[str, Any], words: str) -> None:
    assert words in ValleyExplorer().render(**VALLEY | changed)[1]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_valley_s_limit_is_where_the_words_put_it(momentum: float) -> None:
    limit, steep = 2 * (1 + momentum) / STEEPNESS, torch.tensor([1.0, STEEPNESS])
    for rate, leaves in ((0.97 * limit, False), (1.03 * limit, True)):
        path = descend(lambda w, _: steep * w, torch.tensor([0.0, 2.0]), [rate] * 200, momentum)
        assert (float(path[-1].norm()) > 2) == leaves


@pytest.mark.parametrize("explorer", [ValleyExplorer, lambda: ScheduleEditor(problem(), "toy")])
def test_every_end_of_every_control_can_be_drawn_and_changes_the_picture(explorer: Any) -> None:
    shown = explorer()
    first = shown.image.value
    for control in shown.controls.values():
        before = control.value
        if hasattr(control, "options"):
            ends = [value for _, value in control.options]
        else:
            base = getattr(control, "base", None)
            ends = [base**end if base else end for end in (control.min, control.max)]
        pictures = set()
        for end in ends:
            control.value = end
            assert "Not possible" not in shown.summary
            pictures.add(shown.image.value)
        assert len(pictures) == 2
        control.value = before
    assert shown.image.value == first


def test_the_editor_says_when_the_rate_falls_and_what_that_brings() -> None:
    editor = ScheduleEditor(problem(), "toy")
    assert "÷10 after 15, 33, 50" in editor.summary
    editor.set(first=60, second=60, third=60)
    assert "no drop" in editor.summary
    editor.set(first=50, second=15, third=33)
    assert "÷10 after 15, 33, 50 (in order of time, whatever the order" in editor.summary
    editor.set(first=60, second=60, third=60)
    assert "The drops change nothing." in editor.summary
    editor.set(first=1, second=2, third=3)
    assert "The drops lose" in editor.summary


def test_a_softmax_learns_whatever_the_order_of_the_file() -> None:
    losses = problem().losses([0.05] * 60, momentum=0.9)
    assert len(losses) == 61
    assert losses[0] == pytest.approx(math.log(4), rel=1e-5)
    assert losses[-1] < 0.7 * losses[0]
    with pytest.raises(ValueError, match="held"):
        SoftmaxProblem.of(torch.zeros(4, 3, 32, 32), torch.arange(4), 5, 2, held=4)


def test_a_softmax_s_slope_is_the_gradient_of_its_loss() -> None:
    small = problem()
    w = torch.randn(49, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = torch.nn.functional.cross_entropy(small.x[3] @ w, small.y[3].argmax(dim=1))
    (expected,) = torch.autograd.grad(loss, w)
    torch.testing.assert_close(small.slope(w.detach(), 3), expected)


# --- pictures ---------------------------------------------------------------------------------


def test_the_valley_s_path_is_drawn_where_it_goes() -> None:
    path = [torch.tensor([5.0, 0.0]), torch.tensor([-5.0, 0.0])]
    picture = valley_picture({"paper's rule": path}, STEEPNESS, drop=0).convert("RGB")
    assert picture.size == (1080, 400)
    dots = [picture.getpixel((540 + x, 200)) for x in (250, -250)]
    assert dots[0] != dots[1]  # blue before the drop, yellow after it


def test_a_point_outside_the_valley_s_picture_is_drawn_hollow_at_its_edge() -> None:
    path = [torch.tensor([5.0, 0.0]), torch.tensor([5.0, -1e30])]
    picture = valley_picture({"paper's rule": path}, STEEPNESS, drop=9).convert("RGB")
    assert picture.getpixel((790, 360)) == (255, 255, 255)


def test_losses_are_told() -> None:
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
    race = loss_race({"a": [2.0] * 9, "b": [1.0] * 9}, "Loss, toy", chance=math.log(10))
    assert race.get_label() == "Loss, toy. Loss at the end: a: 2.00; b: 1.00; chance is 2.30."
    later = loss_race({"a": [2.0] * 9}, "Loss, toy", chance=math.log(10), first=51)
    assert later.axes[0].get_xlim() == (51, 59)  # counted on, not from 1
    assert list(later.axes[0].lines[1].get_xdata()) == list(range(51, 60))
    assert save_png(race).startswith(b"\x89PNG")
