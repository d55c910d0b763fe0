"""Lesson 03: what its measures say on cases worked out by hand, and what its pictures tell."""

import math
from types import SimpleNamespace

import pytest
import torch
from recordfiles import made_record, write_record
from torch import nn

from alexnet_lib.course.exercises import nb03
from alexnet_lib.course.figures.activations import (
    activation_curves,
    activity_histograms,
    gradient_by_layer,
    race,
    race_words,
)
from alexnet_lib.course.widgets.activations import ActivityExplorer, SlopeExplorer
from alexnet_lib.course.widgets.live import LiveRace
from alexnet_lib.course.widgets.runs import RaceExplorer, recorded_race
from alexnet_lib.inspection.health import layer_activity
from alexnet_lib.models.registry import build_model
from alexnet_lib.statistics import Run, SpeedUp, epochs_to_threshold, fair_rate, speed_up
from alexnet_lib.training.history import History

RELU = Run("relu", "2012", 0.003, 0, [0.6, 0.4, 0.2])
TANH = Run("tanh", "2012", 0.012, 0, [0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
SLOW = Run("tanh", "2012", 0.001, 1, [0.8, 0.7, 0.6])


@pytest.mark.parametrize(
    ("errors", "threshold", "epochs"),
    [
        ([0.7, 0.5, 0.3], 0.4, 2.5),
        ([0.7, 0.5, 0.25], 0.25, 3),
        ([0.6, 0.4, 0.5, 0.3], 0.45, 1.75),
        ([0.2, 0.1], 0.25, 1),
        ([0.7, 0.6], 0.25, math.inf),
        ([], 0.25, math.inf),
    ],
)
def test_epochs_to_threshold(errors, threshold, epochs):
    assert epochs_to_threshold(errors, threshold) == pytest.approx(epochs)


@pytest.mark.parametrize("threshold", [0, 1, 25, -0.1, math.nan])
def test_a_threshold_that_is_no_fraction_is_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold is .*expected a number in"):
        epochs_to_threshold([0.5], threshold)


def test_fair_rate_is_the_one_with_the_lowest_mean_and_no_seed_left_behind():
    assert fair_rate({0.1: [5, math.inf], 0.01: [8, 10], 0.001: [9, 9.5]}) == 0.01
    with pytest.raises(ValueError, match="at none of the rates"):
        fair_rate({0.1: [math.inf]})
    with pytest.raises(ValueError, match="at none of the rates"):
        fair_rate({})


def test_speed_up_is_a_ratio_of_means_or_a_bound():
    assert speed_up([RELU, TANH], 0.4).ratio == pytest.approx(4 / 2)
    assert speed_up([RELU, SLOW], 0.4) == SpeedUp(3 / 2, at_least=True)
    assert str(speed_up([RELU, SLOW], 0.4)) == "at least 1.5×"
    assert speed_up([RELU], 0.4) is speed_up([RELU, TANH], 0.1) is None


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, 32, 32, generator=generator), torch.arange(8)


def test_activity_counts_shut_inputs_and_dead_units():
    model = nn.Sequential(nn.Linear(1, 4, bias=False), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight[:, 0] = torch.tensor([1.0, 2.0, -1.0, 0.5])
    (layer,) = layer_activity(model, torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]))
    assert (layer.units, layer.dead, layer.shut) == (4, 1, 0.25)
    assert layer.inputs.tolist() == [1, 2, -1, 0.5, 3, 6, -3, 1.5]
    assert layer.gradient.view(2, 4)[:, 2].tolist() == [0, 0]
    assert layer.gradient.view(2, 4)[:, 0].abs().min() > 0


def test_tanh_is_shut_beyond_two_and_a_bit():
    model = nn.Sequential(nn.Identity(), nn.Tanh())
    x = torch.tensor([[-3.0, 0.0], [3.0, 1.0], [2.1, 2.3]], requires_grad=True)
    (layer,) = layer_activity(model, x, torch.tensor([0, 1, 1]))
    assert layer.shut == pytest.approx(3 / 6)
    assert layer.dead == 0


def test_looking_leaves_the_network_as_it_was(batch):
    model = build_model("four-layer").train()
    layers = layer_activity(model, *batch)
    assert [layer.layer for layer in layers] == ["act1", "act2", "act3"]
    assert [layer.units for layer in layers] == [32, 32, 64]
    assert model.training and all(p.grad is None for p in model.parameters())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_network_without_activations_is_refused():
    with pytest.raises(ValueError, match=r"neither nn\.ReLU nor nn\.Tanh"):
        layer_activity(nn.Linear(2, 2), torch.ones(1, 2), torch.tensor([0]))


def test_histograms_tell_shut_and_dead_in_words(batch):
    relu = layer_activity(build_model("four-layer"), *batch)
    tanh = layer_activity(build_model("four-layer", activation="tanh"), *batch)
    figure = activity_histograms(relu, tanh, "Start, test data")
    assert "Start, test data" in figure.get_label()
    assert "0 of 128 units dead" in figure.get_label()
    assert len(figure.axes) == 9
    explorer = ActivityExplorer({"a": (relu, tanh), "b": (tanh, tanh)}, "test data")
    before = explorer.image.value
    explorer.controls["page"].value = "b"
    assert explorer.image.value != before
    assert explorer.summary.count("0%, 0%, 0%") == 2


def test_gradients_are_drawn_against_layers(batch):
    relu = layer_activity(build_model("four-layer"), *batch)
    figure = gradient_by_layer({"start": (relu, relu), "end": (relu, relu)}, "Gradient, test data")
    line = figure.axes[0].lines[0]
    assert list(line.get_xdata()) == ["conv1", "conv2", "conv3"]
    assert line.get_ydata()[0] == pytest.approx(float(relu[0].gradient.abs().mean()))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["start", "end"]
    assert "start, ReLU: " in figure.get_label()


@pytest.mark.parametrize(
    "slopes",
    [
        lambda z: ((z > 0).float(), (1 - z.tanh() ** 2).float()),
        lambda z: (torch.where(z > 0, 1.0, 0.0), 1 - z.tanh() ** 2),
        lambda z: ((z.numpy() > 0).astype("float32"), 1 - z.tanh() ** 2),
    ],
)
def test_slopes_of_one_dtype_for_every_z_are_refused(slopes):
    verdict = nb03.derivatives.check(slopes)
    assert not verdict.passed and "right for 2 of 3 cases" in verdict.text
    assert "z's dtype is asked" in verdict.text


def test_slopes_in_lists_have_no_dtype_to_refuse():
    assert nb03.derivatives.check(lambda z: [s.tolist() for s in nb03.slopes(z)]).passed


def test_slopes_multiply_through_layers():
    explorer = SlopeExplorer()
    explorer.set(z=1.0, layers=2)
    assert "tanh gives 0.762 with slope 0.420" in explorer.summary
    assert "leave 1 behind ReLU and 0.18 behind tanh" in explorer.summary
    explorer.set(z=-1.0)
    assert "leave 0 behind ReLU" in explorer.summary
    assert "Left: ReLU is 0" in activation_curves().get_label()


def test_race_says_when_each_arrives_and_who_never_does():
    assert race_words([RELU, TANH], 0.4) == (
        "40% training error: ReLU (lr 0.003, seed 0) after 2.0 epochs; "
        "tanh (lr 0.012, seed 0) after 4.0 epochs. ReLU is 2.0× as fast."
    )
    assert "tanh (lr 0.001, seed 1) never in 3 epochs" in race_words([RELU, SLOW], 0.4)
    assert "No ratio" in race_words([RELU, TANH], 0.1)
    assert "ReLU" not in race_words([TANH], 0.4)
    assert "Race, test data" in race([RELU, TANH], 0.4, "Race, test data").get_label()
    with pytest.raises(ValueError, match="no run to draw"):
        race([], 0.4, "Race")


def test_race_explorer_follows_every_control():
    explorer = RaceExplorer([RELU, TANH, SLOW], "test data", 0.4)
    assert "ReLU is at least" in explorer.summary
    explorer.controls["seed"].value = 0
    assert "ReLU is 2.0× as fast" in explorer.summary
    explorer.controls["threshold"].value = 20
    assert "20% training error" in explorer.summary
    explorer.controls["activation"].value = "tanh"
    assert "ReLU" not in explorer.summary
    explorer.set(seed=1, activation="relu")
    assert explorer.summary.startswith("Not possible: no run has these")
    explorer.set(seed="all", activation="all")
    assert "ReLU is at least" in explorer.summary
    assert "seed" not in RaceExplorer([RELU, TANH], "test data", 0.4).controls
    with pytest.raises(ValueError, match="no run to explore"):
        RaceExplorer([], "test data", 0.4)


def test_recorded_race_replays_a_record_and_is_none_without(home):
    assert recorded_race(0.25) is None
    errors = {"relu": RELU.errors, "tanh": TANH.errors}
    for experiment, names in {"fig1": ["2012"], "fig1-today": ["in between", "today"]}.items():
        runs = {
            f"{kind}, {name}": [{"train_error": errors[kind]}] for name in names for kind in errors
        }
        write_record(made_record(experiment, runs))
        explorer = recorded_race(0.25)
        assert "ReLU is" in explorer.summary
        assert "2012; CIFAR-10 (JPEG copy), recorded" in explorer.summary
    assert len(explorer.controls["conditions"].options) == 3


def runner(activation, errors):
    """A trainer in the epoch that follows these errors."""
    history = History(steps_per_epoch=2)
    history.step_loss = [1.0] * (2 * len(errors) + 1)
    history.train_loss = history.train_error = history.validation_error = errors
    config = SimpleNamespace(epochs=4, lr=0.01, seed=0, model={"activation": activation})
    return SimpleNamespace(history=history, config=config, batches=range(2), outcome=None)


def test_both_runners_of_a_race_are_in_one_chart():
    live = LiveRace(0.4, "2012, test data")
    assert live.draw(runner("relu", [])) is None
    first = runner("relu", [0.6, 0.4])
    live.on_epoch_end(first)
    assert "ReLU (lr 0.01, seed 0) after 2.0 epochs" in live.image.words
    first.outcome = SimpleNamespace(how="finished", why="")
    live.on_fit_end(first)
    second = runner("tanh", [0.7, 0.6, 0.5])
    live.on_fit_start(second)
    live.on_epoch_end(second)
    assert "ReLU (lr 0.01, seed 0) after 2.0" in live.image.words
    assert "tanh (lr 0.01, seed 0) never in 3 epochs" in live.image.words
    second.outcome = SimpleNamespace(how="stopped", why="")
    live.on_fit_end(second)
    assert live.words.plain.startswith("Interrupted.")
    assert [run.activation for run in live.over] == ["relu", "tanh"]
