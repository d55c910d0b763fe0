"""Lesson 10: the numbers it teaches, its pictures, and the words of its explorers."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexnet_lib.course.exercises import nb10, network_judge
from alexnet_lib.course.figures.dropout import arrivals, error_lines, mask_panel, spread
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.widgets.dropout import (
    MASKS,
    MaskPlayer,
    ThresholdExplorer,
    thinned_answers,
)
from alexnet_lib.data.images import Examples
from alexnet_lib.paper.layers import ClassicDropout
from alexnet_lib.paper.network import PRESETS, AlexNet
from alexnet_lib.paper.optim import PaperSGD
from alexnet_lib.statistics import SpeedUp, arrival, speed_up, times_as_long

CLASSES = tuple("abcdefghij")
SLOW, FAST = [[0.9, 0.7, 0.5, 0.3], [0.9, 0.8, 0.7, 0.6]], [[0.7, 0.3], [0.8, 0.4]]


def tiny_net(dropout: str = "classic") -> AlexNet:
    config = replace(
        PRESETS["cifar"], num_classes=10, input_size=16, resize_to=16, widths=(4, 8, 8, 8, 8),
        groups=(1,) * 5, hidden_units=64, normalisation=None, init="kaiming", dropout=dropout,
    )  # fmt: skip
    return AlexNet(config, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randn(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def examples() -> Examples:
    source = torch.Generator().manual_seed(0)
    images = torch.randint(256, (20, 3, 32, 32), generator=source, dtype=torch.uint8)
    return Examples(images, torch.arange(20) % 10)


# --- What the lesson teaches ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dropout", "loss"), [(nn.Identity(), 7.11), (ClassicDropout(), 7.01), (nn.Dropout(), 7.32)]
)
def test_the_first_loss_tells_which_dropout_is_at_work(dropout: nn.Module, loss: float) -> None:
    torch.manual_seed(0)
    fc8 = nn.Linear(4096, 1000)
    nn.init.normal_(fc8.weight, std=0.01)
    nn.init.zeros_(fc8.bias)
    with torch.no_grad():
        first = F.cross_entropy(fc8(dropout(torch.ones(1000, 4096))), torch.arange(1000))
    assert float(first) == pytest.approx(loss, abs=0.12)


def losses_of(net: AlexNet, pictures: torch.Tensor, share: float) -> list[float]:
    read = [net.fc7.weight, net.fc8.weight]
    rest = [w for w in net.parameters() if all(w is not other for other in read)]
    groups = [
        {"params": rest},
        {"params": read, "lr": share * 0.01, "weight_decay": 0.05 / share},
    ]
    sgd, losses = PaperSGD(groups, lr=0.01, weight_decay=0.05), []
    for step in range(6):
        torch.manual_seed(step)
        loss = F.cross_entropy(net.train()(pictures), torch.arange(20) % 10)
        net.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("share", "alike"), [(0.25, True), (0.5, False), (1.0, False)])
def test_twins_learn_alike_at_a_quarter_of_the_rate(
    pictures: torch.Tensor, share: float, alike: bool
) -> None:
    twin = tiny_net("inverted")
    twin.fc7.weight.data /= 2
    twin.fc8.weight.data /= 2
    wanted = losses_of(tiny_net(), pictures, 1.0)
    assert (losses_of(twin, pictures, share) == pytest.approx(wanted, abs=1e-3)) is alike


def test_the_halved_softmax_layer_is_the_geometric_mean_of_all_thinned_ones() -> None:
    source = torch.Generator().manual_seed(1)
    W, h = torch.randn(3, 6, generator=source), torch.rand(6, generator=source)
    probs = ((torch.tensor(list(product((0.0, 1.0), repeat=6))) * h) @ W.T).softmax(dim=1)
    halved = (W @ (h / 2)).softmax(dim=0)
    torch.testing.assert_close(probs.log().mean(dim=0).softmax(dim=0), halved)
    assert (probs.mean(dim=0) - halved).abs().max() > 1e-3


# --- Timing --------------------------------------------------------------------------------------


def test_times_as_long_is_a_ratio_of_means_a_bound_or_nothing() -> None:
    assert times_as_long(SLOW[:1], FAST, 0.5) == pytest.approx((3 / 1.625, False))
    assert times_as_long(SLOW, FAST, 0.5) == pytest.approx((3.5 / 1.625, True))
    assert times_as_long(SLOW, FAST, 0.35) is times_as_long([], FAST, 0.5) is None
    assert times_as_long(SLOW, [], 0.5) is None
    assert str(SpeedUp(2, at_least=True)) == "at least 2.0×"


def test_arrival_takes_losses_and_speed_up_does_not() -> None:
    assert arrival([2.0, 1.0], 1.5) == 1.5
    assert arrival([2.0], 1.5) == math.inf
    with pytest.raises(ValueError, match=r"threshold is 1\.5"):
        speed_up([], 1.5)


# --- Pictures and explorers ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.9])
@torch.no_grad()
def test_thinned_answers_are_those_of_the_network(pictures: torch.Tensor, rate: float) -> None:
    net = tiny_net().eval()
    net.drop6.p = net.drop7.p = rate
    hidden = net.relu6(net.fc6(net.features(pictures).flatten(1)))
    kept, logits, whole = thinned_answers(net, hidden[3], rate)
    torch.testing.assert_close(whole, net(pictures)[3])
    by_hand = net.fc8(net.relu7(net.fc7(hidden[3] * kept[0, 7])) * kept[1, 7])
    torch.testing.assert_close(logits[7], by_hand)
    assert float(kept.float().mean()) == pytest.approx(1 - rate, abs=0.02)


def test_a_unit_that_is_dropped_stays_dropped_as_the_rate_grows() -> None:
    few, many = (thinned_answers(tiny_net(), torch.ones(64), rate)[0] for rate in (0.2, 0.6))
    assert bool((few | ~many).all())


def shown(pictures: torch.Tensor, examples: Examples, **changed: Any) -> tuple:
    player = MaskPlayer(tiny_net(), pictures, examples, CLASSES, "CIFAR-10")
    return player.render(**{"image": 1, "mask": 1, "rate": 0.5, **changed})


def test_the_player_tells_what_is_dropped_and_who_agrees(
    pictures: torch.Tensor, examples: Examples
) -> None:
    _, words = shown(pictures, examples)
    assert words.startswith("CIFAR-10, true class: a. Mask 1 at p = 0.5: ")
    assert "All units × 0.5 say" in words
    _, words = shown(pictures, examples, rate=0.0)
    assert (
        "0 units of fc6 and 0 of fc7 are dropped" in words and f"{MASKS} of {MASKS} masks" in words
    )


def test_every_end_of_every_control_can_be_drawn(
    pictures: torch.Tensor, examples: Examples
) -> None:
    player = MaskPlayer(tiny_net(), pictures, examples, CLASSES, "CIFAR-10")
    for control in player.controls.values():
        start, before = control.value, player.summary
        for end in (control.min, control.max):
            control.value = end
            assert "Not possible" not in player.summary
        assert player.summary != before
        control.value = start
    with pytest.raises(ValueError, match="20 inputs for 3 examples"):
        MaskPlayer(tiny_net(), pictures, examples.take(torch.arange(3)), CLASSES, "CIFAR-10")


def test_a_dropped_unit_is_struck_out_and_a_large_one_blue() -> None:
    units, kept = torch.tensor([1.0, 1.0, 0.0, 1.0]), torch.tensor([True, False, True, True])
    probs = torch.full((5, 10), 0.1)
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    picture = mask_panel(image, {"fc6": (units, kept)}, probs, 0, probs[0], CLASSES)
    large, dropped, zero = (picture.getpixel(at) for at in ((156, 38), (167, 34), (156, 53)))
    assert large == (0, 68, 136)
    assert dropped == (233, 201, 205)
    assert zero == (230, 233, 237)


@torch.no_grad()
def test_a_thousand_units_have_the_room_of_a_few() -> None:
    """Larger layers were drawn over one another and out of the picture."""
    units, kept = torch.ones(1024), torch.ones(1024, dtype=torch.bool)
    image, probs = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.full((5, 10), 0.1)
    picture = mask_panel(image, {"fc6": (units, kept)}, probs, 0, probs[0], CLASSES)
    drawn = [x for x in range(150, 690) if picture.getpixel((x, 100)) == (0, 68, 136)]
    assert 370 < max(drawn) < 150 + 240 and picture.getpixel((500, 260)) == (255, 255, 255)


def test_a_threshold_gives_a_ratio_a_bound_or_none() -> None:
    curves = {"none": FAST, "classic": SLOW, "inverted": FAST}
    explorer = ThresholdExplorer(curves, 50, "CIFAR-10", 0.5)
    assert explorer.summary == (
        "Iterations to 50% training error, against none: classic: at least 2.2×; inverted: 1.0×."
    )
    figure, words = explorer.render(threshold=35)
    assert words.endswith("classic: no ratio, none never arrives; inverted: no ratio, none never "
                          "arrives.")  # fmt: skip
    assert figure.get_label() == "All units, CIFAR-10; threshold 35%."


def test_a_run_that_arrives_is_marked_where_it_does() -> None:
    figure = arrivals({"none": FAST, "classic": SLOW}, 50, 0.5, "T")
    none, classic = (line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert list(none.get_xdata()) == pytest.approx([75, 87.5])
    assert list(classic.get_xdata()) == pytest.approx([150])
    assert set(classic.get_ydata()) == {0.5}


def test_figures_say_what_they_show() -> None:
    lines = error_lines([1, 10], {"mean": [0.7, 0.6]}, "Error", "masks")
    assert lines.get_label() == "Error. mean: 70.0% at 1, 60.0% at 10."
    sums = spread(torch.tensor([4.0, 5.0, 6.0]), {"halved": 5.0, "all": 10.0}, "Sums", "sum")
    assert sums.get_label() == "Sums: over masks 5 on average; halved 5, all 10."
    for drawn in (lines, sums):
        assert save_png(drawn).startswith(b"\x89PNG")


def test_the_solutions_are_what_the_layers_do() -> None:
    torch.manual_seed(0)
    y = nb10.inverted_dropout(torch.ones(500, 500), 0.2, True)
    assert sorted(y.unique().tolist()) == pytest.approx([0, 1.25])
    assert float(y.mean()) == pytest.approx(1, abs=0.01)
    net, x, labels, error = network_judge.tested_net()
    assert nb10.classification_error(net, x, labels) == pytest.approx(error)
    assert nb10._error(net.train(), x, labels) > 2 * error


def test_a_copy_in_test_mode_is_a_test_that_means_it() -> None:
    assert nb10.mode.check(lambda net, x, y: nb10._error(copy.deepcopy(net).eval(), x, y)).passed
    verdict = nb10.mode.check(lambda net, x, y: nb10._error(copy.deepcopy(net), x, y))
    assert verdict.mistake is nb10.mode.mistakes[0]  # a copy that still draws masks


@pytest.mark.parametrize("drop", [F.dropout, lambda x, p: x * torch.bernoulli(0 * x + 1 - p) / 0.8])
def test_a_draw_for_each_unit_leaves_to_chance_how_many_are_dropped(drop: Callable) -> None:
    assert nb10.inverted.check(lambda x, p, training: drop(x, p) if training else x).passed
    facts = network_judge.dropout_facts(nb10.inverted.mistakes[-1].answer)
    assert [name for name, found in facts.items() if found is False] == [
        "zeros at test time",
        "how many are dropped is left to chance",
    ]
