"""Update rule, schedules and first weights: resuming, short runs, other presets, bad values."""

import copy
import itertools
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from alexnet_lib.models.conv_local import ConvLocalCifar, ConvLocalConfig
from alexnet_lib.paper.optim import (
    INITIALISATIONS,
    FixedDrops,
    PaperSGD,
    PlateauDrops,
    initialise,
    parameter_groups,
    rescale_momentum,
)

few = settings(max_examples=25, deadline=None, derandomize=True)


def weight(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def descend(w: nn.Parameter, optimizer: torch.optim.Optimizer, steps: int) -> Tensor:
    for _ in range(steps):
        optimizer.zero_grad()
        (w**4 - w).sum().backward()
        optimizer.step()
    return w.detach().clone()


# --- Update rule --------------------------------------------------------------------------------


@few
@given(
    lr=st.floats(1e-4, 0.02),
    momentum=st.floats(0, 0.95),
    weight_decay=st.floats(0, 0.1),
)
def test_equals_torch_at_any_constant_rate(lr, momentum, weight_decay):
    values = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    ours, theirs = weight(0.5, -0.4, 1.1), weight(0.5, -0.4, 1.1)
    expected = descend(theirs, torch.optim.SGD([theirs], **values), 30)
    assert (descend(ours, PaperSGD([ours], **values), 30) - expected).abs().max() < 1e-12


def test_a_resumed_run_takes_the_very_same_steps():
    whole = weight(0.5, -0.4)
    expected = descend(whole, PaperSGD([whole], lr=0.02), 20)
    w = weight(0.5, -0.4)
    first = PaperSGD([w], lr=0.02)
    descend(w, first, 11)
    state = copy.deepcopy(first.state_dict())
    second = PaperSGD([w], lr=0.5)
    second.load_state_dict(state)
    assert torch.equal(descend(w, second, 9), expected)


def test_parameters_without_gradient_are_left_alone():
    moved, still = weight(1.0), weight(1.0)
    optimizer = PaperSGD([moved, still], weight_decay=0.1)
    moved.grad = torch.ones_like(moved)
    optimizer.step()
    assert moved.item() != 1 and still.item() == 1
    assert still not in optimizer.state


def test_a_group_may_have_its_own_values():
    a, b = weight(1.0), weight(1.0)
    groups = [{"params": [a]}, {"params": [b], "lr": 0.2}]
    optimizer = PaperSGD(groups, lr=0.1, momentum=0.0, weight_decay=0.0)
    a.grad, b.grad = torch.ones_like(a), torch.ones_like(b)
    optimizer.step()
    assert (a.item(), b.item()) == pytest.approx((0.9, 0.8))


def test_a_closure_is_evaluated_with_gradients():
    w = weight(2.0)
    optimizer = PaperSGD([w], lr=0.1, momentum=0.0, weight_decay=0.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4
    assert w.item() == pytest.approx(1.6)


def test_all_weights_of_a_group_move_at_once_as_each_would_alone():
    together, alone = ([weight(0.5, -0.4), weight(1.1)] for _ in range(2))
    steps = [PaperSGD(together), *(PaperSGD([w]) for w in alone)]
    for _ in range(5):
        for w in (*together, *alone):
            w.grad = (4 * w**3 - 1).detach()
        for optimizer in steps:
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_the_rate_may_be_a_tensor_that_groups_share():
    number, tensor = weight(0.5, -0.4), weight(0.5, -0.4)
    rate = torch.tensor(0.02, dtype=torch.float64)
    optimizers = [PaperSGD([number], lr=0.02), PaperSGD([tensor, weight(1.0)], lr=rate)]
    optimizers[1].add_param_group({"params": [weight(2.0)]})  # takes the same tensor
    for optimizer in optimizers:
        schedule = FixedDrops(optimizer, epochs=2, fractions=(0.5,))
        descend(optimizer.param_groups[0]["params"][0], optimizer, 5)
        assert schedule.step(1)
        assert [float(g["lr"]) for g in optimizer.param_groups] == pytest.approx(
            [0.002] * len(optimizer.param_groups)
        )
        descend(optimizer.param_groups[0]["params"][0], optimizer, 5)
    assert rate.item() == 0.02  # the caller's tensor is not written to
    torch.testing.assert_close(tensor, number, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="lr is -1"):
        PaperSGD([weight(1.0)], lr=torch.tensor(-1.0))
    with pytest.raises(ValueError, match=r"lr is tensor.*; expected a number"):
        PaperSGD([weight(1.0)], lr=torch.tensor([0.1, 0.2]))


def test_maximising_is_descending_the_negative():
    up, down = weight(0.5, -0.4), weight(0.5, -0.4)
    climbing, descending = PaperSGD([up], maximize=True), PaperSGD([down])
    for _ in range(5):
        up.grad = (4 * up**3 - 1).detach()
        down.grad = -(4 * down**3 - 1).detach()
        climbing.step()
        descending.step()
    assert torch.equal(up, down)
    theirs = weight(0.5, -0.4)
    sgd = torch.optim.SGD([theirs], lr=0.01, momentum=0.9, weight_decay=5e-4, maximize=True)
    descend(theirs, sgd, 5)
    ours = weight(0.5, -0.4)
    torch.testing.assert_close(descend(ours, PaperSGD([ours], maximize=True), 5), theirs.detach())


def test_a_state_from_before_there_was_a_way_up_descends():
    w = weight(0.5)
    state = PaperSGD([weight(0.5)]).state_dict()
    del state["param_groups"][0]["maximize"]
    optimizer = PaperSGD([w], maximize=True)
    optimizer.load_state_dict(state)
    w.grad = torch.ones_like(w)
    optimizer.step()
    assert w.item() < 0.5


BAD_VALUES = [
    ("lr", 0),
    ("lr", -0.01),
    ("lr", math.nan),
    ("lr", math.inf),
    ("lr", "0.01"),
    ("lr", None),
    ("momentum", -0.1),
    ("momentum", 1),
    ("momentum", math.nan),
    ("weight_decay", -1e-4),
    ("weight_decay", math.inf),
    ("weight_decay", [5e-4]),
    ("lr", True),
    ("momentum", False),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_update_rule_refuses_bad_values_in_words(name, value):
    message = rf"^{name} is .*; expected a number in [\[(]0, (1|inf)\)\.$"
    with pytest.raises(ValueError, match=message):
        PaperSGD([weight(1.0)], **{name: value})
    with pytest.raises(ValueError, match=message):
        PaperSGD([{"params": [weight(1.0)], name: value}])


def test_rescaling_is_for_torchs_optimiser_and_sane_rates():
    w = weight(1.0)
    with pytest.raises(TypeError, match=r"got a PaperSGD; expected torch.optim.SGD"):
        rescale_momentum(PaperSGD([w]), 0.01, 0.001)
    sgd = torch.optim.SGD([w], lr=0.01, momentum=0.9)
    rescale_momentum(sgd, 0.01, 0.001)  # before the first step there is nothing to rescale
    for rates in ((0, 0.1), (0.1, 0), (0.1, math.nan)):
        with pytest.raises(ValueError, match=r"lr_(old|new) is"):
            rescale_momentum(sgd, *rates)


def test_groups_hold_what_is_trained_and_refuse_bad_values():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    model[0].requires_grad_(False)  # as the authors froze conv1 near the end
    weights, biases = parameter_groups(model)
    assert weights["params"] == [model[1].weight] and biases["params"] == [model[1].bias]
    for values, message in (
        ({"biases": "caffe"}, "biases is 'caffe'; expected one of"),
        ({"lr": 0}, "lr is 0"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"weight_decay": -1}, "weight_decay is -1"),
    ):
        with pytest.raises(ValueError, match=message):
            parameter_groups(model, **values)


def test_layers_with_the_mark_are_not_decayed():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    model[0].undecayed = True
    weights, biases, spared = parameter_groups(model, lr=0.1, weight_decay=0.5)
    assert weights["params"] == [model[1].weight] and weights["weight_decay"] == 0.5
    assert spared["params"] == [model[0].weight] and spared["weight_decay"] == 0.0
    assert spared["lr"] == 0.1 and len(biases["params"]) == 2


WRAPPED = {
    "bare": lambda model: model,
    "DataParallel": nn.DataParallel,
    "torch.compile": torch.compile,
    "part of another": lambda model: nn.Sequential(nn.Identity(), model),
    "copied": copy.deepcopy,
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_what_is_decayed_does_not_depend_on_what_a_model_is_wrapped_in(wrapping):
    model = WRAPPED[wrapping](ConvLocalCifar(ConvLocalConfig(widths=(4, 4), local_maps=(4, 4))))
    groups = parameter_groups(model, lr=0.1, weight_decay=0.5, biases="source2012")
    name_of = {id(p): name for name, p in model.named_parameters()}
    names = [{name_of[id(p)].split(".")[-2] for p in group["params"]} for group in groups]
    assert names == [{"local3", "local4", "fc5"}, {"conv1", "conv2"} | names[0], {"conv1", "conv2"}]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0, 0.0]
    assert [group["lr"] for group in groups] == [0.1, 0.2, 0.1]


def test_a_parameter_that_two_layers_share_is_learned_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    weights, biases = parameter_groups(model)
    assert len(weights["params"]) == 1 and len(biases["params"]) == 2
    PaperSGD([weights, biases])  # torch refuses what is in two groups


# --- Schedules ----------------------------------------------------------------------------------


def rates_of(schedule, inputs: list) -> list[float]:
    rates = []
    for value in inputs:
        schedule.step(value)
        rates.append(schedule.optimizer.param_groups[0]["lr"])
    return rates


ERRORS = [0.9, 0.7, 0.7, 0.71, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        (lambda sgd: PlateauDrops(sgd, patience=2), ERRORS),
        (lambda sgd: FixedDrops(sgd, epochs=14), list(range(1, 15))),
    ],
    ids=["plateau", "fixed"],
)
@pytest.mark.parametrize("stop", [1, 5, 8])
def test_a_resumed_schedule_drops_where_the_whole_one_does(build, inputs, stop):
    whole = rates_of(build(PaperSGD([weight(1.0)])), inputs)
    assert whole[-1] == pytest.approx(1e-5)
    first = build(PaperSGD([weight(1.0)]))
    rates = rates_of(first, inputs[:stop])
    state = json.loads(json.dumps(first.state_dict()))  # plain numbers: any file can hold them
    second = build(PaperSGD([weight(1.0)], lr=rates[-1]))
    second.load_state_dict(state)
    assert rates + rates_of(second, inputs[stop:]) == whole
    assert second.drops == 3


def test_a_schedule_refuses_the_state_of_another():
    plateau, fixed = PlateauDrops(PaperSGD([weight(1.0)])), FixedDrops(PaperSGD([weight(1.0)]), 9)
    with pytest.raises(ValueError, match="epochs_of_drops"):
        plateau.load_state_dict(fixed.state_dict())
    assert not hasattr(plateau, "epochs_of_drops")
    plateau.load_state_dict({"drops": 2})  # a part is enough
    assert plateau.drops == 2 and plateau.patience == 5


@few
@given(st.integers(1, 200), st.lists(st.floats(0.01, 0.99), max_size=5))
def test_fixed_drops_are_all_taken_each_after_an_epoch_of_its_own(epochs, fractions):
    sgd = PaperSGD([weight(1.0)], lr=1.0)
    ends = [round(epochs * fraction) for fraction in fractions]
    assert FixedDrops.fits(epochs, fractions) == (len({0, *ends}) == len(ends) + 1)
    if not FixedDrops.fits(epochs, fractions):
        with pytest.raises(ValueError, match="Take fewer fractions"):
            FixedDrops(sgd, epochs, tuple(fractions))
        return
    schedule = FixedDrops(sgd, epochs, tuple(fractions), factor=0.5)
    dropped = [epoch for epoch in range(1, epochs + 1) if schedule.step(epoch)]
    assert dropped == sorted(ends)
    assert schedule.drops == len(fractions)
    assert sgd.param_groups[0]["lr"] == 0.5 ** len(fractions)


def test_a_number_of_epochs_that_looks_like_the_time_of_a_drop_is_refused():
    with pytest.raises(
        ValueError, match=r"the length of the run, is 2: .* after epochs \[0, 1, 2\]"
    ):
        FixedDrops(PaperSGD([weight(1.0)]), 2)


@few
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 4), st.integers(0, 4))
def test_plateau_drops_never_exceed_their_number_nor_come_too_early(errors, patience, most):
    schedule = PlateauDrops(PaperSGD([weight(1.0)]), max_drops=most, patience=patience)
    epochs = [epoch for epoch, error in enumerate(errors) if schedule.step(error)]
    assert len(epochs) == schedule.drops <= most
    assert all(later - earlier >= patience for earlier, later in itertools.pairwise(epochs))
    assert all(epoch >= patience for epoch in epochs)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda sgd: PlateauDrops(sgd, factor=0), "factor is 0"),
        (lambda sgd: PlateauDrops(sgd, factor=1), r"factor is 1; expected a number in \(0, 1\)"),
        (lambda sgd: PlateauDrops(sgd, factor=10), "factor is 10"),
        (lambda sgd: PlateauDrops(sgd, max_drops=-1), "max_drops is -1"),
        (lambda sgd: PlateauDrops(sgd, patience=0), "patience is 0"),
        (lambda sgd: PlateauDrops(sgd, patience=1.5), "patience is 1.5"),
        (lambda sgd: PlateauDrops(sgd, threshold=-0.1), "threshold is -0.1"),
        (lambda sgd: PlateauDrops(sgd).step(math.nan), "validation_error is nan"),
        (lambda sgd: PlateauDrops(sgd).step(37.5), r"validation_error is 37.5; .* in \[0, 1\]"),
        (lambda sgd: FixedDrops(sgd, 0), "epochs is 0"),
        (lambda sgd: FixedDrops(sgd, "90"), "epochs is '90'"),
        (lambda sgd: FixedDrops(sgd, True), "epochs is True"),
        (lambda sgd: PlateauDrops(sgd, patience=True), "patience is True"),
        (lambda sgd: PlateauDrops(sgd, threshold=False), "threshold is False"),
        (lambda sgd: FixedDrops(sgd, 90, (0.5, 1.0)), "fractions is 1.0"),
        (lambda sgd: FixedDrops(sgd, 90, (0.0,)), "fractions is 0.0"),
        (lambda sgd: FixedDrops(sgd, 90, (25, 55)), "fractions is 25"),
        (lambda sgd: FixedDrops(sgd, 90, factor=math.nan), "factor is nan"),
    ],
)
def test_schedules_refuse_bad_values_in_words(build, message):
    with pytest.raises(ValueError, match=message):
        build(PaperSGD([weight(1.0)]))


# --- First weights ------------------------------------------------------------------------------


class Net(nn.Module):
    """Three convolutions and a dense layer, wide enough for statistics."""

    def __init__(self, bias: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7)
        self.conv2 = nn.Conv2d(64, 128, 5, groups=2)
        self.conv3 = nn.Conv2d(128, 64, 3)
        self.fc6 = nn.Linear(256, 128, bias=bias)


def drawn(preset: str, seed: int = 0) -> Net:
    net = Net()
    initialise(net, preset, torch.Generator().manual_seed(seed))
    return net


FAN_IN = {"conv1": 3 * 49, "conv2": 32 * 25, "conv3": 128 * 9, "fc6": 256}
EXPECTED = {
    "paper": dict.fromkeys(FAN_IN, 0.01),
    "source2012": {**dict.fromkeys(FAN_IN, 0.01), "conv3": 0.03},
    "cuda-convnet": {**dict.fromkeys(FAN_IN, 0.01), "conv1": 1e-4},
    "kaiming": {name: math.sqrt(2 / fan_in) for name, fan_in in FAN_IN.items()},
    "torch": {name: 1 / math.sqrt(3 * fan_in) for name, fan_in in FAN_IN.items()},
}
UNIT_BIASES = {"paper": {"conv2", "fc6"}, "source2012": {"conv2", "fc6"}}


@pytest.mark.parametrize("preset", INITIALISATIONS)
def test_presets_draw_what_they_say(preset):
    for name, layer in drawn(preset).named_children():
        weight = layer.weight.detach()
        assert float(weight.std()) == pytest.approx(EXPECTED[preset][name], rel=0.04)
        assert abs(float(weight.mean())) < 5 * float(weight.std()) / math.sqrt(weight.numel())
        bias = layer.bias.detach()
        if preset == "torch":
            bound = FAN_IN[name] ** -0.5
            assert float(weight.abs().max()) <= bound and float(bias.abs().max()) <= bound
            assert float(bias.abs().max()) > 0.8 * bound
        else:
            ones = name in UNIT_BIASES.get(preset, ())
            assert torch.equal(bias, torch.full_like(bias, float(ones)))


def test_torch_preset_is_torchs_own_distribution():
    """Compared with what the constructors of torch draw, from its global generator."""
    torch.manual_seed(0)
    theirs, ours = Net(), drawn("torch")
    for name, layer in theirs.named_children():
        expected, got = layer.weight.detach(), getattr(ours, name).weight.detach()
        assert float(got.std()) == pytest.approx(float(expected.std()), rel=0.04)
        assert float(got.abs().max()) == pytest.approx(float(expected.abs().max()), rel=0.02)


@pytest.mark.parametrize("preset", ["paper", "source2012"])
def test_a_wrapped_model_is_drawn_like_the_bare_one(preset):
    net, wrapped = drawn(preset), nn.DataParallel(Net())
    initialise(wrapped, preset, torch.Generator().manual_seed(0))
    for name, parameter in wrapped.module.named_parameters():
        assert torch.equal(parameter, net.get_parameter(name)), name


def test_a_model_without_numbers_is_left_without(monkeypatch):
    monkeypatch.setattr(torch, "randn", None)  # a call would fail
    with torch.device("meta"):
        net = Net()
    initialise(net, "paper", torch.Generator())
    assert net.conv1.weight.is_meta


@pytest.mark.parametrize("preset", INITIALISATIONS)
def test_weights_depend_on_the_seed_and_leave_the_global_generator_alone(preset):
    first, again, other = Net(), Net(), Net()
    before = torch.get_rng_state()
    for net, seed in ((first, 0), (again, 0), (other, 1)):
        initialise(net, preset, torch.Generator().manual_seed(seed))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(first.children(), again.children(), other.children(), strict=True):
        assert torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)
        assert not torch.equal(a.weight, c.weight)


def test_what_cannot_be_drawn_is_refused_before_anything_changes():
    generator, net = torch.Generator(), Net()
    before = net.conv1.weight.detach().clone()
    with pytest.raises(ValueError, match="init is 'xavier'; expected one of"):
        initialise(net, "xavier", generator)
    net.conv4 = nn.Conv2d(64, 64, 3)
    with pytest.raises(ValueError, match="knows fewer convolutions than the model's 4"):
        initialise(net, "cuda-convnet", generator)
    with pytest.raises(ValueError, match="fc6 has no bias"):
        initialise(Net(bias=False), "paper", generator)
    assert torch.equal(net.conv1.weight, before)
