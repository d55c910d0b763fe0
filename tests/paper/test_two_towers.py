"""Check 7: two explicit towers are the grouped network (§3.2, Fig. 2)."""

import pytest
import torch

from alexnet_lib.models.two_towers import to_grouped, to_two_towers
from alexnet_lib.paper.layers import LocalResponseNorm

SIZE = 67  # the smallest image that all layers fit in


@torch.no_grad()
@pytest.mark.parametrize("normalisation", [None, "paper", "source2012"])
def test_check_07_two_towers_equal_the_grouped_network(slim_net, pictures, normalisation):
    grouped = slim_net(input_size=SIZE, norm_groups=2, normalisation=normalisation).eval()
    towers = to_two_towers(grouped).eval()
    x = pictures(4, SIZE)
    assert grouped(x).std(dim=0).mean() > 0.1  # the pictures matter
    torch.testing.assert_close(towers(x), grouped(x), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(towers.double()(x.double()), grouped.double()(x.double()))


def test_check_07_gradients_are_equal_too(slim_net, pictures):
    grouped = slim_net(input_size=SIZE, norm_groups=2).double().eval()
    towers = to_two_towers(grouped).double().eval()
    x = pictures(2, SIZE).double()
    grouped(x).square().sum().backward()
    towers(x).square().sum().backward()
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
        layer = getattr(towers, name)
        joined = torch.cat([layer.tower_a.weight.grad, layer.tower_b.weight.grad])
        torch.testing.assert_close(joined, getattr(grouped, name).weight.grad)
    torch.testing.assert_close(towers.fc8.weight.grad, grouped.fc8.weight.grad)


def test_check_07_and_back_again(slim_net):
    grouped = slim_net(input_size=SIZE)
    again = to_grouped(to_two_towers(grouped)).state_dict()
    assert list(again) == list(grouped.state_dict())
    for name, tensor in grouped.state_dict().items():
        assert torch.equal(again[name], tensor), name


@pytest.mark.parametrize(
    ("channels", "at_the_seam"), [(96, [46, 47, 48, 49]), (256, [126, 127, 128, 129])]
)
def test_check_07_a_norm_over_all_maps_differs_only_at_the_seam(channels, at_the_seam):
    x = torch.rand(2, channels, 4, 4) * 100
    whole, by_tower = LocalResponseNorm()(x), LocalResponseNorm(groups=2)(x)
    differs = (whole - by_tower).abs().amax(dim=(0, 2, 3)) > 1e-6
    assert differs.nonzero().flatten().tolist() == at_the_seam


@torch.no_grad()
def test_check_07_global_norm_is_seen_in_the_logits(slim_net, pictures):
    grouped = slim_net(input_size=SIZE).eval()
    assert grouped.config.norm_groups == 1
    x = pictures(4, SIZE)
    assert (to_two_towers(grouped).eval()(x) - grouped(x)).abs().max() > 0.01


@pytest.mark.parametrize("training", [True, False])
def test_towers_stay_in_mode_and_precision(slim_net, training):
    grouped = slim_net(input_size=SIZE).double().train(training)
    towers = to_two_towers(grouped)
    for network in (towers, to_grouped(towers)):
        assert network.training is training
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float64}
