"""The layer ledger: what each layer costs and sees."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from alexnet_lib.models.conv_local import ConvLocalCifar, ConvLocalConfig
from alexnet_lib.models.four_layer import FourLayerCifar, FourLayerConfig
from alexnet_lib.models.ledger import config_ledger, layer_ledger
from alexnet_lib.models.registry import MODEL_NAMES, build_model, model_config
from alexnet_lib.models.two_towers import to_two_towers
from alexnet_lib.paper import facts as paper
from alexnet_lib.paper.network import PRESETS, AlexNet

SLIM = {"widths": (8, 12, 16, 16, 12), "hidden_units": 32, "num_classes": 10}


@pytest.fixture(scope="module")
def blank_paper_net():
    """The paper's network without numbers in its weights, which the ledger does not read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alexnet_lib.paper.network.initialise", lambda *_: None)
        patch.setattr(nn.init, "kaiming_uniform_", lambda tensor, **_: tensor)
        return AlexNet(PRESETS["paper"])


def test_rows_and_sums_are_those_of_the_paper(blank_paper_net):
    ledger = layer_ledger(blank_paper_net)
    weighted = [row for row in ledger.rows if row.neurons]
    assert [row.name for row in weighted] == [layer.name for layer in paper.LAYERS]
    for row, layer in zip(weighted, paper.LAYERS, strict=True):
        assert (row.parameters, row.neurons, row.macs) == (
            layer.parameters,
            layer.neurons,
            layer.macs,
        )
    assert ledger.total("parameters") == 60_965_224
    assert ledger.total("neurons") == 659_272
    assert ledger.total("macs") == 724_406_816
    assert ledger["fc6"].parameter_bytes == 4 * 37_752_832
    assert ledger["conv1"].activation_bytes == 4 * 290_400


def test_names_kinds_and_windows(blank_paper_net):
    ledger = layer_ledger(blank_paper_net)
    assert [(row.name, row.kind) for row in ledger.rows[:4]] == [
        ("conv1", "convolution"),
        ("norm1", "normalisation"),
        ("pool1", "max pool"),
        ("conv2", "convolution"),
    ]
    conv2, fc6, norm1 = ledger["conv2"], ledger["fc6"], ledger["norm1"]
    assert (conv2.kernel_size, conv2.stride, conv2.groups) == (5, 1, 2)
    assert (fc6.kind, fc6.shape, fc6.kernel_size, fc6.groups) == ("dense", (4096,), None, None)
    assert (norm1.parameters, norm1.macs, norm1.kernel_size) == (0, 0, None)


def test_receptive_fields_are_the_known_ones(blank_paper_net):
    ledger = layer_ledger(blank_paper_net)
    fields = {row.name: (row.receptive_field, row.jump) for row in ledger.rows}
    assert fields["conv1"] == fields["norm1"] == (11, 4)
    assert fields["pool1"] == (19, 8)
    assert fields["conv2"] == (51, 8)
    assert fields["pool2"] == (67, 16)
    assert [fields[f"conv{i}"][0] for i in (3, 4, 5)] == [99, 131, 163]
    assert fields["pool5"] == (195, 32)
    assert fields["fc6"][0] == fields["fc8"][0] == 355  # more than the 224 pixels there are


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Conv2d(3, 4, 5, stride=2, padding=2), nn.Conv2d(4, 2, 3, padding=1)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, stride=3), nn.Conv2d(4, 2, 2)),
    ],
)
def test_receptive_field_is_what_the_gradient_of_one_output_covers(net):
    row = layer_ledger(net, input_size=41).rows[-1]
    for parameter in net.parameters():
        parameter.data.fill_(1.0)
    x = torch.zeros(1, 3, 41, 41, requires_grad=True)
    y = net(x)
    middle = y.shape[2] // 2
    edges = []
    for column in (middle, middle + 1):
        (grad,) = torch.autograd.grad(y[0, 0, middle, column], x, retain_graph=True)
        seen = grad[0, 0].any(dim=0).nonzero().flatten()
        edges.append((int(seen[0]), int(seen[-1])))
    (left, right), (next_left, _) = edges
    assert right - left + 1 == row.receptive_field
    assert next_left - left == row.jump


def test_the_same_map_norm_of_2012_sees_its_own_window():
    fields = {}
    for spatial_norm in (False, True):
        config = replace(PRESETS["source2012"], **SLIM, spatial_norm=spatial_norm)
        ledger = layer_ledger(AlexNet(config))
        fields[spatial_norm] = ledger["conv3"].receptive_field
    assert ledger["cnorm2"].kind == "normalisation"
    assert fields[True] - fields[False] == 4 * 8  # four more positions, eight pixels apart


def test_torchs_own_pools_count_too():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2), nn.Conv2d(4, 2, 3))
    rows = layer_ledger(net, input_size=20).rows
    assert [(row.kind, row.receptive_field) for row in rows] == [
        ("convolution", 3),
        ("max pool", 5),
        ("convolution", 9),
    ]


def test_the_model_is_left_as_it_was_found():
    net = AlexNet(replace(PRESETS["cifar"], **SLIM)).train()
    net.drop6.eval()  # a learner may have switched one dropout off
    before = torch.get_rng_state()
    layer_ledger(net)
    assert net.training and net.drop7.training and not net.drop6.training
    assert not any(module._forward_hooks for module in net.modules())
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_model_is_left_as_it_was_found_even_after_an_error():
    net = AlexNet(replace(PRESETS["cifar"], **SLIM)).train()
    with pytest.raises(ValueError, match=r"expected \(N, 3, 28, 28\)"):
        layer_ledger(net, input_size=32)
    assert net.training and not any(module._forward_hooks for module in net.modules())


def test_the_table_holds_every_layer_and_the_sums():
    ledger = layer_ledger(FourLayerCifar())
    lines = ledger.table().splitlines()
    assert lines[0].split()[0] == "layer"
    assert [line.split()[0] for line in lines[1:-1]] == [row.name for row in ledger.rows]
    assert lines[-1].split()[:2] == ["sum", f"{ledger.total('parameters'):,}"]
    assert f"{ledger.total('macs'):,}" in lines[-1]
    assert all(line == line.rstrip() for line in lines)


def test_what_is_not_there_is_named():
    ledger = layer_ledger(FourLayerCifar())
    with pytest.raises(KeyError, match="no layer 'fc8'; the ledger has conv1"):
        ledger["fc8"]
    with pytest.raises(ValueError, match="give input_size: a Sequential does not say its own"):
        layer_ledger(nn.Sequential(nn.Conv2d(3, 4, 3)))
    for size in (0, -1, 28.5, "28"):
        with pytest.raises(ValueError, match="input_size is"):
            layer_ledger(FourLayerCifar(), input_size=size)


@pytest.mark.parametrize(
    "net",
    [
        lambda: FourLayerCifar(FourLayerConfig(input_size=29, widths=(4, 6, 8), num_classes=3)),
        lambda: ConvLocalCifar(ConvLocalConfig(input_size=29, widths=(4, 6), local_maps=(3, 5))),
        lambda: ConvLocalCifar(ConvLocalConfig(normalisation="source2012")),
        lambda: AlexNet(replace(PRESETS["cifar"], **SLIM, spatial_norm=True)),
        lambda: AlexNet(replace(PRESETS["cifar"], **SLIM, left_out=("conv4",))),
    ],
)
def test_arithmetic_writes_the_ledger_that_running_writes(net):
    net = net()
    assert config_ledger(net.config) == layer_ledger(net)


def test_every_named_network_is_counted_without_being_built(monkeypatch):
    small = {"four-layer", "conv-local"}
    built = {name: layer_ledger(build_model(name)).total("parameters") for name in small}
    monkeypatch.setattr(nn.Conv2d, "__init__", None)  # whoever builds one fails
    counts = {name: config_ledger(model_config(name)).total("parameters") for name in MODEL_NAMES}
    assert counts["paper"] == 60_965_224 - 990 * 4_097  # ten classes instead of a thousand
    assert {name: counts[name] for name in small} == built


def test_towers_run_side_by_side_and_see_what_the_grouped_network_sees():
    grouped = AlexNet(replace(PRESETS["cifar"], **SLIM, norm_groups=2))
    one, two = layer_ledger(grouped), layer_ledger(to_two_towers(grouped))
    for row in one.rows:
        halves = [r for r in two.rows if r.name.split(".")[0] == row.name]
        assert len(halves) == (1 if row.name == "fc8" else 2)
        for half in halves:
            sees = (half.receptive_field, half.jump, half.start)
            assert sees == (row.receptive_field, row.jump, row.start), half.name
        assert sum(half.parameters for half in halves) == row.parameters
        assert sum(half.macs for half in halves) == row.macs
    for column in ("parameters", "neurons", "macs", "activation_bytes"):
        assert two.total(column) == one.total(column)


def test_a_layer_sees_what_the_widest_of_its_inputs_sees():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow = nn.Conv2d(3, 2, 5, padding=2), nn.Conv2d(3, 2, 1)
            self.after, self.beside = nn.Conv2d(4, 2, 3), nn.Conv2d(3, 2, 3, padding=1)

        def forward(self, x):
            y = torch.cat((self.narrow(x), self.wide(x).relu()), dim=1)
            return self.after(y) + self.beside(x)[..., 1:-1, 1:-1]

    ledger = layer_ledger(Branches(), input_size=12)
    fields = {row.name: (row.receptive_field, row.start) for row in ledger.rows}
    assert fields == {"narrow": (1, 0), "wide": (5, -2), "after": (7, -2), "beside": (3, -1)}
