"""Checks 1–6 and 13–15: the network of §3.5, what it holds and costs, and how it runs."""

import math
from collections import defaultdict
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from alexnet_lib.models.ledger import layer_ledger
from alexnet_lib.paper import facts as paper
from alexnet_lib.paper.network import PRESETS, AlexNet

PAPER = PRESETS["paper"]
WEIGHTED = tuple(layer.name for layer in paper.LAYERS)


def outputs_of(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What each layer without parts of its own puts out, in the order in which they run."""
    seen, hooks = {}, []
    for name, module in net.named_modules():
        if not list(module.children()) and not isinstance(module, nn.Identity):
            hook = lambda _module, _inputs, output, name=name: seen.update({name: output})  # noqa: E731
            hooks.append(module.register_forward_hook(hook))
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return seen


def parameters_of(net: nn.Module) -> dict[str, int]:
    counts = defaultdict(int)
    for name, parameter in net.named_parameters():
        counts[name.split(".")[0]] += parameter.numel()
    return dict(counts)


# --- 1 to 3: sizes ------------------------------------------------------------------------------


def test_check_01_parameter_count(paper_net):
    assert parameters_of(paper_net) == {
        "conv1": 34_944,
        "conv2": 307_456,
        "conv3": 885_120,
        "conv4": 663_936,
        "conv5": 442_624,
        "fc6": 37_752_832,
        "fc7": 16_781_312,
        "fc8": 4_097_000,
    }
    assert sum(p.numel() for p in paper_net.parameters()) == 60_965_224


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (replace(PAPER, num_classes=10), 56_909_194),
        (PRESETS["plain"], 62_378_344),
        (PRESETS["torchvision"], 61_100_840),
        (replace(PRESETS["cifar"], num_classes=10), 28_569_994),
        (replace(PRESETS["cifar-lite"], num_classes=10), 5_726_602),
    ],
    ids=["paper-10", "plain", "torchvision", "cifar", "cifar-lite"],
)
def test_check_01_parameter_count_of_other_presets(blank_net, config, count):
    assert sum(p.numel() for p in blank_net(config).parameters()) == count


def test_check_02_multiply_adds_by_torchs_own_counter(paper_net):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        paper_net(torch.zeros(1, 3, 224, 224))
    by_layer = {name.split(".")[-1]: sum(v.values()) for name, v in counter.flop_counts.items()}
    macs = {name: by_layer[name] // 2 for name in WEIGHTED}  # a multiply-add is two operations
    assert macs == {
        "conv1": 105_415_200,
        "conv2": 223_948_800,
        "conv3": 149_520_384,
        "conv4": 112_140_288,
        "conv5": 74_760_192,
        "fc6": 37_748_736,
        "fc7": 16_777_216,
        "fc8": 4_096_000,
    }
    assert sum(macs.values()) == 724_406_816


def test_check_02_multiply_adds_of_the_cifar_preset(blank_net):
    net = blank_net(replace(PRESETS["cifar"], num_classes=10, normalisation=None))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, 28, 28, device="meta"))
    macs = counter.get_total_flops() // 2
    assert macs == layer_ledger(net).total("macs")
    assert round(macs / 1e6, 1) == 189.7


def test_check_03_neurons_and_the_slip_in_the_printed_count(paper_net):
    outputs = outputs_of(paper_net, torch.zeros(1, 3, 224, 224))
    neurons = [outputs[name].numel() for name in WEIGHTED]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]
    assert sum(neurons) == paper.NEURONS == 659_272

    assert sum(paper.PRINTED_NEURONS) == 622_312
    assert paper.PRINTED_NEURONS[0] == 253_440 == 2 * 55 * 48 * 48  # a 55 became a 48
    assert list(paper.PRINTED_NEURONS[1:]) == neurons[1:]
    assert neurons[0] == 55 * 55 * 96


# --- 4 and 5: 224 pixels ------------------------------------------------------------------------


def test_check_04_sizes_of_the_maps(paper_net):
    outputs = outputs_of(paper_net, torch.zeros(2, 3, 224, 224))
    maps = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")
    shapes = {name: tuple(outputs[name].shape) for name in maps}
    assert shapes == {
        "conv1": (2, 96, 55, 55),
        "pool1": (2, 96, 27, 27),
        "conv2": (2, 256, 27, 27),
        "pool2": (2, 256, 13, 13),
        "conv3": (2, 384, 13, 13),
        "conv4": (2, 384, 13, 13),
        "conv5": (2, 256, 13, 13),
        "pool5": (2, 256, 6, 6),
    }
    assert paper_net.config.map_sizes() == {name: shape[2] for name, shape in shapes.items()}
    assert paper_net.fc6.in_features == 9216 == 256 * 6 * 6


@pytest.mark.parametrize("size", [24, 28])
def test_check_04_sizes_of_the_maps_at_cifar_size(size):
    sizes = replace(PRESETS["cifar"], input_size=size).map_sizes()
    assert [sizes[f"pool{i}"] for i in (1, 2, 5)] == [size // 2, size // 4, 3]  # 256 · 3 · 3 = 2304


def test_check_05_conv1_zero_extends_at_right_and_bottom_only(paper_net):
    conv1, x = paper_net.conv1, torch.randn(2, 3, 224, 224)
    weight, bias = conv1.weight, conv1.bias
    extended = torch.zeros(2, 3, 227, 227)
    extended[:, :, :224, :224] = x
    with torch.no_grad():
        y = conv1(x)
        assert torch.equal(y, F.conv2d(extended, weight, bias, stride=4))
        symmetric = F.conv2d(x, weight, bias, stride=4, padding=2)
        assert symmetric.shape == y.shape  # 55 too, but the grid has moved by two pixels
        assert (symmetric - y).abs().max() > 0.1 * y.std()
        assert F.conv2d(x, weight, bias, stride=4).shape[-1] == 54


# --- 6: two towers ------------------------------------------------------------------------------


def test_check_06_groups(paper_net):
    assert [getattr(paper_net, f"conv{i}").groups for i in range(1, 6)] == [1, 2, 1, 2, 2]


@pytest.mark.parametrize(
    ("name", "sees_other_tower"),
    [("conv2", False), ("conv3", True), ("conv4", False), ("conv5", False), ("fc6", True)],
)
def test_check_06_what_a_tower_sees(paper_net, name, sees_other_tower):
    layer = getattr(paper_net, name)
    dense = isinstance(layer, nn.Linear)
    x = torch.randn(1, layer.in_features) if dense else torch.randn(1, layer.in_channels, 9, 9)
    other = x.clone()
    other[:, : x.shape[1] // 2] += 1  # tower a's half
    with torch.no_grad():
        a, b = layer(x).chunk(2, dim=1)
        new_a, new_b = layer(other).chunk(2, dim=1)
    assert not torch.equal(a, new_a)
    assert torch.equal(b, new_b) is not sees_other_tower


# --- 13 to 15: order, pools, activations --------------------------------------------------------

HEAD = ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]
DEEP = ["conv3", "relu3", "conv4", "relu4", "conv5", "relu5", "pool5"]


def test_check_13_order_of_the_paper(slim_net):
    order = list(outputs_of(slim_net("paper"), torch.zeros(1, 3, 224, 224)))
    first = ["conv1", "relu1", "norm1", "pool1"]
    assert order == [*first, *[name.replace("1", "2") for name in first], *DEEP, *HEAD]


def test_check_13_order_of_the_2012_code(slim_net):
    order = list(outputs_of(slim_net("source2012"), torch.zeros(1, 3, 224, 224)))
    first = ["conv1", "norm1", "relu1", "pool1"]
    second = ["conv2", "relu2", "norm2", "cnorm2", "pool2"]
    assert order == [*first, *second, *DEEP, *HEAD]


def lrn_by_loop(x: Tensor, alpha: float, groups: int = 1) -> Tensor:
    """Both towers' LRN with the paper's n, k and β, one channel at a time."""
    parts = []
    for part in x.chunk(groups, dim=1):
        channels = part.shape[1]
        for i in range(channels):
            window = part[:, max(0, i - 2) : min(channels, i + 3)]
            parts.append(part[:, i] / (2 + alpha * (window**2).sum(1)) ** 0.75)
    return torch.stack(parts, dim=1)


def cnorm_by_loop(x: Tensor) -> Tensor:
    """The 2012 code's extra norm: 5×5 of the same map, 1e-3 / 25, constant 1."""
    padded = F.pad(x, (2, 2, 2, 2))
    H, W = x.shape[2:]
    energy = sum(padded[:, :, i : i + H, j : j + W] ** 2 for i in range(5) for j in range(5))
    return x / (1 + 1e-3 / 25 * energy) ** 0.75


def logits_by_plain_operations(net: AlexNet, x: Tensor, source2012: bool) -> Tensor:
    """§3.5 again, without one line of the package: torch's functions and loops only."""
    w = dict(net.named_parameters())
    extend = math.ceil((x.shape[2] - 11) / 4) * 4 + 11 - x.shape[2]
    x = F.pad(x, (0, extend, 0, extend))
    x = F.conv2d(x, w["conv1.weight"], w["conv1.bias"], stride=4)
    if source2012:
        x = F.relu(lrn_by_loop(x, alpha=1e-4 / 5, groups=2))
    else:
        x = lrn_by_loop(F.relu(x), alpha=1e-4)
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    x = F.relu(F.conv2d(x, w["conv2.weight"], w["conv2.bias"], padding=2, groups=2))
    if source2012:
        x = cnorm_by_loop(lrn_by_loop(x, alpha=1e-4 / 5, groups=2))
    else:
        x = lrn_by_loop(x, alpha=1e-4)
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    x = F.relu(F.conv2d(x, w["conv3.weight"], w["conv3.bias"], padding=1))
    x = F.relu(F.conv2d(x, w["conv4.weight"], w["conv4.bias"], padding=1, groups=2))
    x = F.relu(F.conv2d(x, w["conv5.weight"], w["conv5.bias"], padding=1, groups=2))
    x = F.max_pool2d(x, 3, 2, ceil_mode=True).flatten(1)
    x = F.relu(F.linear(x, w["fc6.weight"], w["fc6.bias"])) * 0.5
    x = F.relu(F.linear(x, w["fc7.weight"], w["fc7.bias"])) * 0.5
    return F.linear(x, w["fc8.weight"], w["fc8.bias"])


@torch.no_grad()
@pytest.mark.parametrize("preset", ["paper", "source2012"])
@pytest.mark.parametrize("size", [224, 118])  # 118: the pools, too, have to round up
def test_check_13_whole_network_equals_plain_operations(slim_net, pictures, preset, size):
    net = slim_net(preset, input_size=size).double().eval()
    x = pictures(2, size).double()
    expected = logits_by_plain_operations(net, x, source2012=preset == "source2012")
    torch.testing.assert_close(net(x), expected, rtol=1e-10, atol=1e-12)
    assert expected.std() > 0


def test_check_14_every_pool_is_3_by_3_at_stride_2_and_rounds_up(slim_net):
    net = slim_net()
    x = torch.randn(1, 2, 8, 8)
    for pool in (net.pool1, net.pool2, net.pool5):
        y = pool(x)  # rounding down would leave 3×3
        assert y.shape == (1, 2, 4, 4)
        for row in range(4):
            for column in range(4):
                window = x[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
                assert torch.equal(y[:, :, row, column], window.amax(dim=(2, 3)))


def test_check_14_without_overlap_the_network_still_ends_at_6_by_6(blank_net):
    config = replace(PAPER, pool_kernel=2, pool_stride=2, paddings=(0, 1, 0, 1, 1))
    assert config.map_sizes()["pool5"] == PAPER.map_sizes()["pool5"] == 6
    count = sum(p.numel() for p in blank_net(config).parameters())
    assert count == 60_965_224  # a fair comparison: the same weights


def test_check_15_relu_on_the_seven_hidden_layers_and_on_nothing_else(slim_net, pictures):
    net = slim_net(input_size=67).eval()
    kinds = {name: type(m) for name, m in net.named_modules()}
    assert [name for name, kind in kinds.items() if kind is nn.ReLU] == [
        f"relu{i}" for i in range(1, 8)
    ]
    outputs = outputs_of(net, pictures(8, 67) * 100)
    for i in range(1, 8):
        before = outputs[f"conv{i}" if i < 6 else f"fc{i}"]
        assert torch.equal(outputs[f"relu{i}"], before.clamp(min=0))
    assert list(outputs)[-1] == "fc8"
    assert outputs["fc8"].min() < 0


def test_check_15_tanh_changes_the_activations_only(slim_net):
    relu, tanh = slim_net(input_size=67), slim_net(input_size=67, activation="tanh")
    for (name, a), (_, b) in zip(relu.named_modules(), tanh.named_modules(), strict=True):
        if name.startswith("relu"):
            assert type(a) is nn.ReLU and type(b) is nn.Tanh
        elif name:
            assert type(a) is type(b) and repr(a) == repr(b)
    for a, b in zip(relu.parameters(), tanh.parameters(), strict=True):
        assert torch.equal(a, b)
    assert relu.config.changes() | {"activation": "tanh"} == tanh.config.changes()
