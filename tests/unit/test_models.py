"""Networks by name, their settings, their other forms, and bad input."""

import copy
import json
import math
from dataclasses import FrozenInstanceError, asdict, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_input
from alexnet_lib.models.conv_local import ConvLocalCifar, ConvLocalConfig
from alexnet_lib.models.ensemble import Ensemble
from alexnet_lib.models.four_layer import FourLayerCifar, FourLayerConfig
from alexnet_lib.models.ledger import config_ledger, layer_ledger
from alexnet_lib.models.pretrained import load_torchvision_weights
from alexnet_lib.models.registry import (
    MODEL_NAMES,
    build_model,
    describe,
    from_description,
    model_config,
)
from alexnet_lib.models.two_towers import TwoTowerAlexNet, to_two_towers
from alexnet_lib.paper.layers import LocalResponseNorm
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS, AlexNet, AlexNetConfig

few = settings(max_examples=25, deadline=None, derandomize=True)
SLIM = {"widths": (8, 12, 16, 16, 12), "hidden_units": 32, "num_classes": 10}
SMALL = replace(PRESETS["cifar"], **SLIM, init="kaiming")


def images(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 60


# --- By name ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_every_named_network_answers_and_learns(name):
    slim = {"widths": (8, 12, 16, 16, 12), "hidden_units": 32}
    small = {"four-layer": {"widths": (8, 8, 8)}, "conv-local": {"widths": (8, 8)}}
    net = build_model(name, num_classes=7, **small.get(name, slim))
    logits = net(images(2, net.config.input_size))
    assert logits.shape == (2, 7) and logits.dtype == torch.float32
    nn.functional.cross_entropy(logits, torch.tensor([0, 6])).backward()
    for parameter_name, parameter in net.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_what_every_config_answers(name):
    config = {**PRESETS, "four-layer": FourLayerConfig(), "conv-local": ConvLocalConfig()}[name]
    assert config.input_size >= 24 and config.num_classes in (10, 1000)
    assert config.resize_to is None or config.resize_to >= config.input_size
    assert config.input_scale in ("centred", "standardised")


def test_every_preset_has_its_reason():
    assert PRESET_REASONS.keys() == PRESETS.keys()
    assert PRESETS["paper"].changes() == {}
    assert all(PRESETS[name].changes() for name in PRESETS if name != "paper")


def test_the_2012_preset_is_the_paper_but_for_five_deviations():
    assert PRESETS["source2012"].changes() == {
        "normalisation": "source2012",  # alpha / n
        "norm1_before_relu": True,
        "norm_groups": 2,  # each tower's own
        "spatial_norm": True,
        "init": "source2012",  # 0.03 in conv3–5
    }


def test_the_cifar_presets_change_what_32_pixels_force_and_the_first_weights():
    assert set(PRESETS["cifar"].changes()) == {
        "input_size",
        "resize_to",
        "kernels",
        "paddings",
        "conv1_stride",
        "init",
    }
    assert replace(PRESETS["cifar-lite"], hidden_units=4096) == PRESETS["cifar"]


def test_the_seed_decides_the_weights():
    small = {"widths": (4, 4, 4)}
    first, again, other = (build_model("four-layer", seed=seed, **small) for seed in (5, 5, 6))
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert torch.equal(AlexNet(SMALL).conv1.weight, AlexNet(SMALL).conv1.weight)  # seed 0


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("alexnet", {}, "name is 'alexnet'; expected one of .*'paper'.*'four-layer'"),
        (None, {}, "name is None"),
        ("cifar", {"width": 3}, "cifar has no setting 'width'; it has num_classes"),
        ("four-layer", {"groups": 2}, "four-layer has no setting 'groups'"),
        ("cifar", {"num_classes": 0}, "num_classes is 0"),
        ("cifar", {"seed": -1}, "seed is -1"),
        ("cifar", {"seed": "0"}, "seed is '0'"),
    ],
)
def test_unknown_names_and_settings_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=message):
        build_model(name, **changes)


# --- In plain words -----------------------------------------------------------------------------

DESCRIBED = {
    "alexnet": lambda: AlexNet(replace(SMALL, activation="tanh", norm1_before_relu=True)),
    "four-layer": lambda: FourLayerCifar(FourLayerConfig(activation="tanh", widths=(4, 4, 4))),
    "conv-local": lambda: ConvLocalCifar(ConvLocalConfig(normalisation="paper", widths=(4, 4))),
    "two-towers": lambda: to_two_towers(AlexNet(SMALL)),
}


@pytest.mark.parametrize("kind", DESCRIBED)
@torch.no_grad()
def test_a_description_builds_the_same_network(kind):
    net = DESCRIBED[kind]().eval()
    description = describe(net)
    assert description["kind"] == kind
    assert json.loads(json.dumps(description)) == description
    again, blank = from_description(description), from_description(description, False)
    assert type(again) is type(blank) is type(net)
    assert again.config == blank.config == net.config
    assert not any(p.any() for p in blank.parameters()) and all(
        torch.equal(a, b) for a, b in zip(again.parameters(), net.parameters(), strict=True)
    )
    x = images(2, net.config.input_size)
    blank.load_state_dict(net.state_dict())
    assert torch.equal(blank.eval()(x), net(x))


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_every_named_network_can_be_described(name):
    config = model_config(name, 7)
    with torch.device("meta"):
        net = {FourLayerConfig: FourLayerCifar, ConvLocalConfig: ConvLocalCifar}.get(
            type(config), AlexNet
        )(config)
    assert from_description(describe(net), first_weights=False).config == config


def test_only_what_is_not_at_its_default_is_described():
    assert describe(FourLayerCifar()) == {"kind": "four-layer"}
    assert describe(AlexNet(SMALL))["widths"] == [8, 12, 16, 16, 12]


def test_a_network_to_be_loaded_draws_no_random_numbers():
    before = torch.get_rng_state()
    from_description({"kind": "two-towers", "widths": [4, 4, 4, 4, 4], "hidden_units": 8}, False)
    from_description({"kind": "conv-local", "widths": [4, 4]}, False)
    assert torch.equal(torch.get_rng_state(), before)


def _swapped(net):
    net.relu3 = nn.Tanh()


def _hooked(net):
    net.register_forward_hook(lambda _, __, logits: logits.softmax(1))


def _one_parameter_more(net):
    net.bonus = nn.Parameter(torch.zeros(3))


def _other_forward(net):
    net.forward = lambda x: net.fc8(net.features(x).flatten(1))


def _look_alike(net):
    net.relu3 = type("ReLU", (nn.Tanh,), {})()


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (_swapped, r"relu3 is Tanh\(\); its config builds ReLU\(\)"),
        (lambda net: net.add_module("pool3", nn.MaxPool2d(2)), "pool3 is MaxPool2d.*builds None"),
        (lambda net: setattr(net.drop6, "p", 0.1), "drop6 is .*0.1.*; its config builds .*0.5"),
        (_hooked, "AlexNet has a hook"),
        (_one_parameter_more, r"bonus holds \(3,\); its config builds nothing there"),
        (_other_forward, "AlexNet has a forward of its own"),
        (lambda net: setattr(net, "norm1_first", True), "norm1_first is not what its config says"),
        (_look_alike, r"relu3 is ReLU\(\); its config builds ReLU\(\) of torch.nn"),
    ],
)
def test_an_altered_network_cannot_be_described(alter, message):
    net = AlexNet(SMALL)
    alter(net)
    with pytest.raises(InputError, match=message):
        describe(net)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"kind": "vgg"}, "kind is 'vgg'; expected one of .*'alexnet'.*'two-towers'"),
        ({"kind": ["alexnet"]}, r"kind is \['alexnet'\]"),
        ({"widths": [4, 4, 4]}, "expected a mapping with a 'kind'"),
        ("alexnet", "the description is 'alexnet'; expected a mapping"),
        ({"kind": "four-layer", "groups": 2}, "no setting 'groups'; it has num_classes, activat"),
        ({"kind": "alexnet", "widths": [4]}, "widths is .*expected 5 whole numbers"),
    ],
)
def test_descriptions_that_say_nothing_known_are_refused(description, message):
    with pytest.raises(InputError, match=message):
        from_description(description)


def test_a_foreign_network_cannot_be_described():
    with pytest.raises(TypeError, match="a Sequential cannot be described; expected one of Alex"):
        describe(nn.Sequential())


# --- Settings -----------------------------------------------------------------------------------

BAD_SETTINGS = [
    ({"num_classes": 0}, "num_classes is 0; expected a whole number of at least 1"),
    ({"num_classes": "10"}, "num_classes is '10'"),
    ({"num_classes": 2.5}, "num_classes is 2.5"),
    ({"input_size": 0}, "input_size is 0"),
    ({"input_size": 32}, "input_size 32 is too small for these layers"),
    ({"input_size": 31}, "pool. needs 3 pixels and has"),
    ({"input_size": 10}, "conv1 needs 11 pixels and has 10"),
    ({"resize_to": 200}, "resize_to is 200; expected a whole number of at least 224"),
    ({"resize_to": "256"}, "resize_to is '256'"),
    ({"widths": (96, 256, 384, 384)}, "expected 5 whole numbers of at least 1"),
    ({"widths": (96, 256, 384, 384, 0)}, "widths is"),
    ({"widths": 96}, "widths is 96"),
    ({"widths": "abcde"}, "widths is 'abcde'"),
    ({"kernels": (11, 5, 3, 3, 3.5)}, "kernels is"),
    ({"paddings": (0, -1, 1, 1, 1)}, "paddings is .* at least 0"),
    ({"groups": (1, 0, 1, 2, 2)}, "groups is .* at least 1"),
    ({"groups": (2, 2, 1, 2, 2)}, "conv1 has 3 maps in and 96 out, which cannot be cut into 2"),
    ({"groups": (1, 5, 1, 2, 2)}, "conv2 has 96 maps in and 256 out, which cannot be cut into 5"),
    ({"conv1_stride": 0}, "conv1_stride is 0"),
    ({"conv1_padding": "same"}, "conv1_padding is 'same'; expected one of"),
    ({"pool_kernel": 0}, "pool_kernel is 0"),
    ({"pool_kernel": 2, "pool_stride": 3}, "pool_kernel is 2; .* at least 3"),
    ({"pool_stride": 0}, "pool_stride is 0"),
    ({"hidden_units": -4}, "hidden_units is -4"),
    ({"normalisation": "batch"}, "normalisation is 'batch'; expected one of"),
    ({"norm_groups": 0}, "norm_groups is 0"),
    ({"norm_groups": 5}, "norm_groups is 5; expected a divisor of the first two widths"),
    ({"norm1_before_relu": "no"}, "norm1_before_relu is 'no'"),
    ({"spatial_norm": None}, "spatial_norm is None"),
    ({"dropout": "alpha"}, "dropout is 'alpha'"),
    ({"dropout_p": 1}, r"dropout_p is 1; expected a number in \[0, 1\)"),
    ({"dropout_p": math.nan}, "dropout_p is nan"),
    ({"activation": "gelu"}, "activation is 'gelu'; expected one of"),
    ({"init": "xavier"}, "init is 'xavier'"),
    ({"input_scale": "0-1"}, "input_scale is '0-1'"),
    ({"left_out": ("conv2",)}, r"left_out has \['conv2'\]; expected some of conv3, conv4, conv5"),
    ({"left_out": "conv3"}, r"left_out has \['conv3'\]; expected some of"),
    ({"left_out": None}, r"left_out has \[None\]; expected some of"),
    *[
        ({name: True}, f"{name} is True; expected a whole number")
        for name in ("num_classes", "input_size", "conv1_stride", "hidden_units", "norm_groups")
    ],
    ({"resize_to": True}, "resize_to is True"),
    ({"pool_kernel": True, "pool_stride": 1}, "pool_kernel is True"),
    ({"groups": (True, 2, 1, 2, 2)}, "groups is .*expected 5 whole numbers"),
    ({"dropout_p": False}, "dropout_p is False; expected a number"),
    ({"norm1_before_relu": 1}, "norm1_before_relu is 1; expected one of"),
    ({"spatial_norm": 0}, "spatial_norm is 0; expected one of"),
    ({"init": "cuda-convnet"}, "init is 'cuda-convnet'; expected one of"),  # knows 3 layers
    ({"left_out": ("conv3",), "groups": (1, 2, 1, 3, 2)}, "conv4 has 256 maps in and 384 out"),
]


@pytest.mark.parametrize(
    ("changes", "message"), BAD_SETTINGS, ids=[str(c) for c, _ in BAD_SETTINGS]
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        AlexNetConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_size": 11}, "input_size is 11; expected a whole number of at least 12"),
        ({"num_classes": 0}, "num_classes is 0"),
        ({"widths": (32, 32)}, "expected 3 whole numbers"),
        ({"widths": (32, 32, 0)}, "widths is"),
        ({"activation": "sigmoid"}, "activation is 'sigmoid'"),
        ({"init": None}, "init is None"),
        ({"input_scale": 1}, "input_scale is 1"),
        ({"resize_to": 24}, "resize_to is 24; .* at least 32"),
    ],
)
def test_settings_of_the_small_net_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FourLayerConfig(**changes)


@pytest.mark.parametrize("config", [*PRESETS.values(), FourLayerConfig(), ConvLocalConfig()])
def test_settings_survive_json(config):
    again = type(config)(**json.loads(json.dumps(asdict(config))))
    assert again == config and hash(again) == hash(config)  # lists have become tuples


def test_settings_cannot_be_changed_behind_a_networks_back():
    with pytest.raises(FrozenInstanceError):
        PRESETS["paper"].num_classes = 10
    widths, left_out = [8, 12, 16, 16, 12], ["conv4"]
    config = replace(PRESETS["cifar"], widths=widths, left_out=left_out)
    widths[0], left_out[0] = 9, "conv5"
    assert config.widths == (8, 12, 16, 16, 12) and config.left_out == ("conv4",)


def test_one_network_is_one_config():
    orders = (("conv4", "conv3"), ["conv3", "conv4"], {"conv3", "conv4"}, ["conv3", "conv4"] * 2)
    configs = {replace(SMALL, groups=(1, 1, 1, 1, 1), left_out=order) for order in orders}
    assert [config.left_out for config in configs] == [("conv3", "conv4")]


@few
@given(
    size=st.integers(12, 70),
    kernels=st.tuples(*[st.integers(1, 5)] * 5),
    paddings=st.tuples(*[st.integers(0, 2)] * 5),
    stride=st.integers(1, 4),
    rounding=st.sampled_from(["ceil", "symmetric"]),
    pool=st.tuples(st.integers(1, 3), st.integers(1, 3)).filter(lambda ks: ks[0] >= ks[1]),
)
def test_predicted_sizes_are_those_that_the_network_has(
    size, kernels, paddings, stride, rounding, pool
):
    try:
        config = AlexNetConfig(
            num_classes=3,
            input_size=size,
            resize_to=None,
            widths=(2, 2, 2, 2, 2),
            kernels=kernels,
            paddings=paddings,
            conv1_stride=stride,
            conv1_padding=rounding,
            pool_kernel=pool[0],
            pool_stride=pool[1],
            hidden_units=4,
        )
    except ValueError as error:
        assert "too small for these layers" in str(error)
        return
    net, sizes = AlexNet(config).eval(), {}
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda _m, _i, y, name=name: sizes.update({name: y.shape[-1]}))
    assert net(images(1, size)).shape == (1, 3)
    assert {name: sizes[name] for name in config.map_sizes()} == config.map_sizes()


# --- Bad input ----------------------------------------------------------------------------------

NETWORKS = {
    "AlexNet": lambda: AlexNet(SMALL),
    "TwoTowerAlexNet": lambda: TwoTowerAlexNet(SMALL),
    "ConvLocalCifar": lambda: ConvLocalCifar(ConvLocalConfig(input_size=28, widths=(4, 4))),
    "FourLayerCifar": lambda: FourLayerCifar(FourLayerConfig(input_size=28, widths=(4, 4, 4))),
}
BAD_IMAGES = [
    (torch.zeros(2, 3, 28, 28, dtype=torch.uint8), TypeError, "torch.uint8; expected a tensor"),
    (torch.zeros(2, 28, 28, 3), ValueError, r"\(2, 28, 28, 3\); expected \(N, 3, 28, 28\)"),
    (torch.zeros(2, 1, 28, 28), ValueError, r"\(2, 1, 28, 28\); expected \(N, 3, 28, 28\)"),
    (torch.zeros(3, 28, 28), ValueError, r"\(3, 28, 28\); expected \(N, 3, 28, 28\)"),
    (torch.zeros(2, 3, 27, 27), ValueError, r"\(2, 3, 27, 27\); expected \(N, 3, 28, 28\)"),
    (torch.zeros(2, 3, 32, 28), ValueError, r"\(2, 3, 32, 28\); expected \(N, 3, 28, 28\)"),
    (torch.zeros(0, 3, 28, 28), ValueError, r"\(0, 3, 28, 28\); .* none of them 0"),
    ("cat.jpg", TypeError, "x is a str; expected a tensor"),
]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("x", "error", "message"), BAD_IMAGES, ids=[m[:20] for *_, m in BAD_IMAGES]
)
def test_images_that_do_not_fit_are_refused_at_the_door(network, x, error, message):
    with pytest.raises(error, match=message):
        check_input(NETWORKS[network](), x)


def test_a_name_is_not_a_config():
    with pytest.raises(TypeError, match="config is 'paper'; expected an AlexNetConfig"):
        AlexNet("paper")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": (1, 1, 1, 1, 1)}, r"groups are \(1, 1, 1, 1, 1\)"),
        ({"norm1_before_relu": True}, "without norm1_before_relu"),
        ({"left_out": ("conv4",)}, "nothing left out"),
        ({"spatial_norm": True}, "spatial_norm"),
        ({"hidden_units": 33}, "hidden_units is 33"),
    ],
)
def test_networks_that_do_not_split_are_refused(changes, message):
    config = replace(SMALL, **changes)
    with pytest.raises(ValueError, match=message):
        TwoTowerAlexNet(config)
    with pytest.raises(ValueError, match=message):
        to_two_towers(AlexNet(config))


# --- Other forms --------------------------------------------------------------------------------


@torch.no_grad()
def test_layout_and_copying_change_nothing():
    net = AlexNet(SMALL).eval()
    x = images(3, 28)
    expected = net(x)
    torch.testing.assert_close(copy.deepcopy(net)(x), expected)
    last = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x.contiguous(memory_format=torch.channels_last)), expected)


@torch.no_grad()
def test_bfloat16_stays_near_float32():
    net = AlexNet(SMALL).eval()
    x = images(8, 28)
    expected = net(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = net(x)
    assert half.dtype == torch.bfloat16
    assert (half.float() - expected).abs().max() < 0.1 * expected.std()


@pytest.mark.parametrize("name", ["conv3", "conv4", "conv5"])
def test_a_middle_layer_can_be_left_out(name):
    whole, net = AlexNet(SMALL), AlexNet(replace(SMALL, left_out=(name,)))
    lost = {f"{name}.weight", f"{name}.bias"}
    assert {key for key, _ in whole.named_parameters()} - lost == dict(
        net.named_parameters()
    ).keys()
    net(images(2, 28)).sum().backward()
    assert layer_ledger(net).rows == config_ledger(net.config).rows


def test_the_13_and_11_percent_nets_have_the_authors_parameters():
    for local_maps, count in (((32, 32), 1_116_490), ((64, 32), 2_112_970)):
        net = ConvLocalCifar(ConvLocalConfig(local_maps=local_maps))
        assert sum(p.numel() for p in net.parameters()) == count
        assert layer_ledger(net).total("parameters") == count
    stds = [layer.weight.std().item() for layer in (net.conv1, net.conv2, net.local3, net.fc5)]
    assert stds == pytest.approx([1e-4, 0.01, 0.04, 0.01], rel=0.05)
    assert layer_ledger(net)["local4"].macs == 36 * 32 * 64 * 9
    assert layer_ledger(net)["local4"].kind == "locally connected"


def test_small_inputs_with_a_larger_alpha_are_the_papers_network():
    """Inputs divided by s and alpha times s²: every map is divided by s, if biases are too."""
    small = replace(PRESETS["cifar-lite"], widths=(8, 8, 8, 8, 8), hidden_units=8, init="kaiming")
    paper, rescaled = AlexNet(small).eval(), AlexNet(replace(small, norm_alpha=0.4)).eval()
    s = (0.4 / 1e-4) ** 0.5  # 63, about the spread of pixels
    x = torch.randn(4, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(paper(s * x), s * rescaled(x), rtol=1e-4, atol=1e-3)
    unchanged = AlexNet(small).eval()(x)
    assert not torch.allclose(s * unchanged, paper(s * x), rtol=0.05)  # alpha has its part


@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_both_norms_have_the_alpha_that_is_asked_for(alpha):
    config = replace(PRESETS["cifar-lite"], widths=(8, 8, 8, 8, 8), norm_alpha=alpha)
    for model in (AlexNet(config), TwoTowerAlexNet(config)):
        norms = [m for m in model.modules() if isinstance(m, LocalResponseNorm)]
        assert norms and {norm.alpha for norm in norms} == {alpha}


def test_only_the_norm_differs_between_the_13_percent_net_and_its_rivals():
    plain, paper, code = (
        ConvLocalCifar(ConvLocalConfig(normalisation=name))
        for name in (None, "paper", "source2012")
    )
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), code.parameters(), strict=True)
    )
    assert isinstance(plain.norm1, nn.Identity)
    assert (paper.norm1.size, paper.norm1.alpha, paper.norm1.k) == (5, 1e-4, 2.0)
    assert (code.norm2.size, code.norm2.alpha, code.norm2.k) == (9, 1e-3, 1.0)
    with pytest.raises(ValueError, match="normalisation is 'batch'"):
        ConvLocalConfig(normalisation="batch")


@torch.no_grad()
def test_an_ensemble_averages_probabilities():
    members = [AlexNet(SMALL, torch.Generator().manual_seed(seed)).eval() for seed in (0, 1)]
    x = images(3, 28)
    mean = sum(member(x).softmax(dim=1) for member in members) / 2
    torch.testing.assert_close(Ensemble(members)(x).softmax(dim=1), mean)
    with pytest.raises(ValueError, match="no members"):
        Ensemble([])


def test_four_layers_are_the_authors_small_net():
    net = FourLayerCifar()
    sizes = [tuple(p.shape) for p in net.parameters() if p.ndim > 1]
    assert sizes == [(32, 3, 5, 5), (32, 32, 5, 5), (64, 32, 5, 5), (10, 1024)]
    tanh = FourLayerCifar(FourLayerConfig(activation="tanh"))
    assert [type(m) for m in (tanh.act1, tanh.act2, tanh.act3)] == [nn.Tanh] * 3
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), tanh.parameters(), strict=True))
    deviations = [layer.weight.std().item() for layer in (net.conv1, net.conv2, net.conv3, net.fc4)]
    assert deviations == pytest.approx([1e-4, 0.01, 0.01, 0.01], rel=0.05)


@torch.no_grad()
def test_torchvisions_weights_give_torchvisions_logits():
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch.manual_seed(0)
    theirs = torchvision.models.alexnet(weights=None, num_classes=5).eval()
    ours = AlexNet(replace(PRESETS["torchvision"], num_classes=5)).eval()
    assert load_torchvision_weights(ours, theirs.state_dict()) is ours
    x = images(2, 224) / 60
    torch.testing.assert_close(ours(x), theirs(x))


def test_weights_that_do_not_fit_are_refused_and_change_nothing():
    names = ("features.0", "features.3", "features.6", "features.8", "features.10")
    names += ("classifier.1", "classifier.4", "classifier.6")
    net = AlexNet(SMALL)
    layers = [getattr(net, f"conv{i}") for i in range(1, 6)] + [net.fc6, net.fc7, net.fc8]
    good = {
        f"{name}.{kind}": torch.full_like(getattr(layer, kind), 7)
        for name, layer in zip(names, layers, strict=True)
        for kind in ("weight", "bias")
    }
    before = copy.deepcopy(net.state_dict())
    without = {name: tensor for name, tensor in good.items() if name != "classifier.6.bias"}
    wrong = {**good, "features.0.weight": torch.zeros(64, 3, 11, 11)}
    for state, message in (
        (without, "fc8.bias is missing"),
        ({**good, "fc.weight": torch.zeros(1)}, "'fc.weight' is not a weight of torchvision"),
        (wrong, r"conv1.weight has shape \(64, 3, 11, 11\); the model expects \(8, 3, 5, 5\)"),
    ):
        with pytest.raises(ValueError, match=message):
            load_torchvision_weights(net, state)
        assert all(torch.equal(net.state_dict()[name], before[name]) for name in before)
    assert load_torchvision_weights(net, good).fc8.bias.unique().tolist() == [7]
