"""Checks 19–22: the first weights (§5), and what they do to the first step."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.paper.layers import ClassicDropout
from alexnet_lib.paper.network import PRESETS, AlexNet
from alexnet_lib.paper.optim import initialise

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
DEVIATIONS = {
    "paper": dict.fromkeys(LAYERS, 0.01),
    "source2012": dict.fromkeys(LAYERS, 0.01) | dict.fromkeys(("conv3", "conv4", "conv5"), 0.03),
}
UNIT_BIASES = {"conv2", "conv4", "conv5", "fc6", "fc7"}


@pytest.fixture(scope="module")
def drawn(whole_net) -> dict[str, AlexNet]:
    """One network for each preset, all maps and as many units as the statistics need."""
    fewer = replace(PRESETS["source2012"], hidden_units=512)
    return {"paper": whole_net, "source2012": AlexNet(fewer)}


@pytest.mark.parametrize("preset", ["paper", "source2012"])
@pytest.mark.parametrize("name", LAYERS)
def test_check_19_weights_are_gaussian_with_the_right_deviation(drawn, preset, name):
    weight, std = getattr(drawn[preset], name).weight.detach(), DEVIATIONS[preset][name]
    assert float(weight.std()) == pytest.approx(std, rel=0.02)
    assert abs(float(weight.mean())) < 5 * std / math.sqrt(weight.numel())
    for bound, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):  # outside ± bound · σ
        outside = float((weight.abs() > bound * std).double().mean())
        tolerance = 5 * math.sqrt(share / weight.numel())
        assert outside == pytest.approx(share, abs=tolerance)


def test_check_19_every_kernel_is_drawn_by_itself(drawn):
    kernels = drawn["paper"].conv1.weight.detach().flatten(1)  # (96, 363)
    likeness = torch.corrcoef(kernels) - torch.eye(96)
    assert float(likeness.abs().max()) < 6 / math.sqrt(363)


def test_check_19_weights_depend_on_the_seed_alone(slim_net):
    def draw(seed: int) -> list[Tensor]:
        net = slim_net(input_size=67)
        initialise(net, "paper", torch.Generator().manual_seed(seed))
        return [p.detach() for p in net.parameters()]

    first, again, other = draw(3), draw(3), draw(4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(not torch.equal(a, b) for a, b in zip(first, other, strict=True) if a.ndim > 1)


@pytest.mark.parametrize("preset", ["paper", "source2012"])
@pytest.mark.parametrize("name", LAYERS)
def test_check_20_biases_are_exactly_1_or_0(drawn, preset, name):
    bias = getattr(drawn[preset], name).bias
    assert torch.equal(bias, torch.full_like(bias, float(name in UNIT_BIASES)))


# --- 21: the first loss -------------------------------------------------------------------------


def expected_loss(logits: Tensor) -> float:
    """Cross-entropy where every class is as likely as any other, so that no label is drawn."""
    return float((logits.logsumexp(dim=1) - logits.mean(dim=1)).mean())


@pytest.fixture(scope="module")
def pooled(whole_net, pictures) -> Tensor:
    """What a few pictures leave of themselves in pool5."""
    with torch.no_grad():
        return whole_net.features(pictures(4, 224)).flatten(1)


@torch.no_grad()
def first_loss(net: AlexNet, pooled: Tensor, dropout: nn.Module) -> float:
    hidden = dropout(net.relu6(net.fc6(pooled)))
    hidden = dropout(net.relu7(net.fc7(hidden)))
    return expected_loss(net.fc8(hidden))


@pytest.mark.parametrize(
    ("dropout", "low", "high"),
    [
        (ClassicDropout(0.5).train(), 6.95, 7.12),
        (ClassicDropout(0.5).eval(), 6.91, 7.03),
        (nn.Dropout(0.5).train(), 7.70, 8.20),
    ],
    ids=["classic in training", "classic in evaluation", "inverted in training"],
)
def test_check_21_first_loss_of_the_network_tells_the_kind_of_dropout(
    paper_net, pooled, dropout, low, high
):
    """ln 1000 = 6.908 and a little more, since units that start near 1 make the logits vary."""
    assert low < first_loss(paper_net, pooled, dropout) < high


@pytest.mark.parametrize(
    ("dropout", "low", "high"),
    [
        (ClassicDropout(0.5).train(), 6.95, 7.12),
        (ClassicDropout(0.5).eval(), 6.91, 7.03),
        (nn.Dropout(0.5).train(), 7.22, 7.52),
    ],
    ids=["classic in training", "classic in evaluation", "inverted in training"],
)
def test_check_21_first_loss_of_the_last_layer_alone(paper_net, dropout, low, high):
    """All units of fc7 at 1.05, without the spread that pictures and fc6 add in the network."""
    with torch.no_grad():
        logits = paper_net.fc8(dropout(torch.full((16, 4096), 1.05)))
    assert low < expected_loss(logits) < high


def test_check_21_first_loss_follows_from_the_spread_of_the_logits(paper_net, pooled):
    with torch.no_grad():
        hidden = 0.5 * paper_net.relu6(paper_net.fc6(pooled))
        hidden = 0.5 * paper_net.relu7(paper_net.fc7(hidden))
    gaussian = math.log(1000) + 0.01**2 / 2 * float(hidden.square().sum(dim=1).mean())
    assert first_loss(paper_net, pooled, ClassicDropout(0.5).eval()) == pytest.approx(
        gaussian, abs=0.01
    )


# --- 22: does a picture reach the logits, and a gradient the first layer? ------------------------


def probe(net: AlexNet, images: Tensor) -> tuple[float, float]:
    """Spread of the logits across images, and |gradient| / |weight| of conv1, at the first step."""
    logits = net(images)
    labels = torch.arange(len(images)) % logits.shape[1]
    F.cross_entropy(logits, labels).backward()
    weight = net.conv1.weight
    spread = float(logits.detach().std(dim=0).mean())
    return spread, float(weight.grad.norm() / weight.detach().norm())


@pytest.mark.parametrize("preset", ["cifar", "cifar-lite"])
def test_check_22_the_presets_that_are_trained_pass_a_signal(pictures, preset):
    net = AlexNet(replace(PRESETS[preset], num_classes=10, dropout_p=0.0))
    spread, gradient = probe(net, pictures(32, 28, std=60))
    assert spread > 1e-3
    assert gradient > 1e-2


def test_check_22_unit_variance_and_the_printed_deviation_pass_hardly_any(pictures):
    config = replace(PRESETS["cifar"], num_classes=10, dropout_p=0.0)
    printed = AlexNet(replace(config, init="paper"))
    weak, weak_gradient = probe(printed, pictures(32, 28, std=1))
    assert weak < 1e-3
    assert weak_gradient < 1e-2
    strong, strong_gradient = probe(AlexNet(config), pictures(32, 28, std=60))
    assert strong / weak > 300
    assert strong_gradient / weak_gradient > 300
