"""Checks 16–18: dropout (§4.2)."""

import math

import pytest
import torch
from torch import Tensor, nn

from alexnet_lib.paper.layers import ClassicDropout
from alexnet_lib.paper.network import AlexNet

SIZE = 67


def inputs_and_outputs(net: AlexNet, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """What goes into and comes out of each layer."""
    seen, hooks = {}, []
    for name, module in net.named_children():
        hook = lambda _m, inputs, output, name=name: seen.update({name: (inputs[0], output)})  # noqa: E731
        hooks.append(module.register_forward_hook(hook))
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return seen


def share_dropped(before: Tensor, after: Tensor) -> float:
    """Of the units that were not zero, the share that is zero now."""
    alive = before != 0
    return float((after[alive] == 0).double().mean())


@pytest.mark.parametrize("kind", ["classic", "inverted"])
def test_check_16_dropout_sits_on_the_outputs_of_fc6_and_fc7(slim_net, pictures, kind):
    net = slim_net(input_size=SIZE, hidden_units=1024, dropout=kind).train()
    seen = inputs_and_outputs(net, pictures(16, SIZE))
    for before, after in (("relu6", "fc7"), ("relu7", "fc8")):
        units = seen[before][1]
        tolerance = 5 * 0.5 / math.sqrt(int((units != 0).sum()))  # five standard errors
        assert share_dropped(units, seen[after][0]) == pytest.approx(0.5, abs=tolerance)
    assert torch.equal(seen["fc6"][0], seen["pool5"][1].flatten(1))  # none on pool5


def test_check_16_no_dropout_in_evaluation(slim_net, pictures):
    net = slim_net(input_size=SIZE).eval()
    x = pictures(2, SIZE)
    seen = inputs_and_outputs(net, x)
    assert share_dropped(seen["relu6"][1], seen["fc7"][0]) == 0
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_check_17_training_gives_0_or_x(p):
    x = torch.randn(1000, 1000)
    y = ClassicDropout(p)(x)
    kept = y != 0
    assert torch.equal(y[kept], x[kept])  # not a bit changed
    tolerance = 5 * math.sqrt(p * (1 - p) / x.numel())
    assert float(kept.double().mean()) == pytest.approx(1 - p, abs=tolerance)
    for axis in (0, 1):  # every row and every column is thinned alike
        share = kept.double().mean(dim=axis)
        assert float((share - (1 - p)).abs().max()) <= 6 * math.sqrt(p * (1 - p) / 1000)


def test_check_17_masks_are_new_each_time_and_independent():
    dropout, x = ClassicDropout(0.5), torch.ones(1000, 1000)
    first, second = dropout(x), dropout(x)
    for a, b in ((first, second), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1])):
        both = float((a * b).mean())
        assert both == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / 1e6))


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5])
def test_check_17_evaluation_multiplies_by_the_share_kept(p):
    x = torch.randn(64, 64)
    assert torch.equal(ClassicDropout(p).eval()(x), x * (1 - p))


def test_check_17_backward_uses_the_mask_of_forward():
    x = torch.randn(64, 64, requires_grad=True)
    y = ClassicDropout(0.5)(x)
    incoming = torch.randn_like(x)
    y.backward(incoming)
    assert torch.equal(x.grad, torch.where(y != 0, incoming, 0))


def test_check_17_classic_and_inverted_have_the_same_ratio_of_training_to_test():
    x = torch.rand(1000, 1000)
    for dropout in (ClassicDropout(0.5), nn.Dropout(0.5)):
        in_training, at_test = dropout.train()(x).mean(), dropout.eval()(x).mean()
        assert float(in_training / at_test) == pytest.approx(1, abs=0.01)


@torch.no_grad()
def test_check_18_inverted_equals_classic_once_two_layers_are_halved(slim_net, pictures):
    classic = slim_net(input_size=SIZE, dropout="classic").eval()
    inverted = slim_net(input_size=SIZE, dropout="inverted").eval()
    inverted.load_state_dict(classic.state_dict())
    x = pictures(4, SIZE)
    expected = classic(x)
    assert (inverted(x) - expected).abs().max() > 0.5 * expected.std()
    inverted.fc7.weight /= 2  # the weights, not the biases
    inverted.fc8.weight /= 2
    torch.testing.assert_close(inverted(x), expected)
