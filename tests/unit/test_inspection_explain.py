"""Tracing, feature maps, receptive fields and one unit explained, against the forward pass."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from alexnet_lib.inspection.tracing import feature_maps, layer_names, trace
from alexnet_lib.inspection.units import explain_unit, layer_fields, receptive_fields
from alexnet_lib.models.hooks import undisturbed
from alexnet_lib.models.registry import build_model
from alexnet_lib.models.two_towers import to_two_towers
from alexnet_lib.paper.layers import OverlappingMaxPool2d

NARROW = {"widths": (8, 12, 16, 16, 8), "hidden_units": 6}
NETS = {
    "cifar": lambda: build_model("cifar-lite", **NARROW),
    "ceil, groups, extra norms": lambda: build_model("source2012", input_size=79, **NARROW),
    "plain": lambda: build_model("plain", input_size=79, **NARROW),
    "four-layer": lambda: build_model("four-layer", widths=(4, 6, 8)),
}


@pytest.fixture(params=NETS, scope="module")
def net(request) -> nn.Module:
    model = NETS[request.param]()
    generator = torch.Generator().manual_seed(1)
    for p in model.parameters():  # no dead maps, biases that show
        p.data = torch.randn(p.shape, generator=generator) * 0.1
    return model


def picture(model: nn.Module, count: int = 1) -> torch.Tensor:
    size = model.config.input_size
    return 40 * torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(2))


def test_trace_runs_in_order_and_ends_in_the_logits(net):
    calls = trace(net, picture(net, 2))
    assert sorted(calls) == sorted(layer_names(net))
    last = list(calls)[-1]
    logits = net.eval()(picture(net, 2)).detach()
    torch.testing.assert_close(calls[last].after, logits, rtol=1e-4, atol=1e-3)
    if getattr(net.config, "norm1_before_relu", False):
        assert list(calls)[:3] == ["conv1", "norm1", "relu1"]
    for before, after in zip(list(calls.values()), list(calls.values())[1:], strict=False):
        assert torch.equal(before.after.flatten(), after.before.flatten())


def test_feature_maps_are_the_same_for_any_batch_size_and_stop_early(net):
    images = picture(net, 5)
    for layer, call in trace(net, images).items():
        maps = feature_maps(net, images, layer, batch_size=2)
        torch.testing.assert_close(maps, call.after, rtol=1e-4, atol=1e-3)
    reached = []
    hook = net.conv3.register_forward_hook(lambda *_: reached.append(1))
    feature_maps(net, images, "conv2")
    hook.remove()
    assert not reached


def test_feature_maps_prepare_pixels_batch_by_batch(net):
    pixels = torch.randint(0, 256, picture(net, 3).shape, dtype=torch.uint8)
    prepared = feature_maps(net, pixels, "conv1", prepare=lambda x: x.float() - 100, batch_size=2)
    whole = feature_maps(net, pixels.float() - 100, "conv1")
    torch.testing.assert_close(prepared, whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "words"),
    [("cov2", "did you mean 'conv2'"), ("norm1", "conv1, .*fc8"), ("zzz", "has conv1"), (3, "has")],
)
def test_a_wrong_layer_is_answered_with_the_right_ones(name, words):
    with pytest.raises(ValueError, match=words):
        feature_maps(build_model("plain", input_size=79, **NARROW), torch.zeros(1, 3, 79, 79), name)


@pytest.mark.parametrize(
    "images", [torch.zeros(3, 28, 28), torch.zeros(0, 3, 28, 28), torch.zeros(1, 3, 30, 30)]
)
def test_images_of_a_wrong_shape(images):
    model = build_model("cifar-lite", **NARROW)
    for call in (lambda: trace(model, images), lambda: feature_maps(model, images, "conv1")):
        with pytest.raises(ValueError, match="shape"):
            call()
    with pytest.raises(TypeError, match="uint8"):
        trace(model, torch.zeros(1, 3, 28, 28, dtype=torch.uint8))


def test_the_model_is_left_as_it_was_even_after_an_error():
    model = build_model("cifar-lite", **NARROW).train()
    model.norm1.eval()  # a mixed mode
    modes = [m.training for m in model.modules()]

    def untouched():
        assert [m.training for m in model.modules()] == modes
        assert not any(m._forward_hooks for m in model.modules())
        assert all(p.grad is None and p.requires_grad for p in model.parameters())

    x = picture(model)
    trace(model, x), feature_maps(model, x, "pool2")
    untouched()
    with pytest.raises(ValueError, match="shape"):
        trace(model, x[..., :5])
    untouched()
    with pytest.raises(AttributeError), undisturbed(model, {"conv1": print, "no such": print}):
        pass
    untouched()


def test_a_layer_that_never_runs():
    model = nn.Sequential(nn.Conv2d(3, 2, 1))
    model.forward = lambda x: x
    with pytest.raises(ValueError, match="never runs"):
        feature_maps(model, torch.zeros(1, 3, 4, 4), "0")


def test_a_unit_of_a_tower_is_followed_through_its_own_tower():
    grouped = build_model("cifar-lite", **NARROW, norm_groups=2).eval()
    towers, x = to_two_towers(grouped), picture(grouped)
    one, two = trace(grouped, x), trace(towers, x)
    for tower, first in (("tower_a", 0), ("tower_b", 4)):
        whole = explain_unit(one, "conv1", first + 1, 9, 9)
        half = explain_unit(two, f"conv1.{tower}", 1, 9, 9)
        assert [stage.layer.split(".") for stage in half.stages] == [
            [stage.layer, tower] for stage in whole.stages
        ]
        assert [s.value for s in half.stages] == pytest.approx([s.value for s in whole.stages])
        assert half.next.layer == f"conv2.{tower}"
        own = slice(0, 6) if tower == "tower_a" else slice(6, 12)
        torch.testing.assert_close(half.next.share, whole.next.share[own])
    assert explain_unit(two, "conv2.tower_a", 0, 5, 5).next is None  # conv3 reads both towers
    fields, listed = layer_fields(towers), layer_fields(grouped)
    for name, field in fields.items():
        assert replace(field, name="") == replace(listed[name.split(".")[0]], name="")


# --- One unit -----------------------------------------------------------------------------------


def units_of(maps: torch.Tensor, count: int = 12):
    """Corners, and places drawn at random."""
    _, M, H, W = maps.shape
    generator = torch.Generator().manual_seed(3)
    yield from ((0, 0, 0), (M - 1, H - 1, W - 1), (M // 2, 0, W - 1))
    for _ in range(count):
        yield tuple(int(torch.randint(n, (1,), generator=generator)) for n in (M, H, W))


def test_a_unit_adds_up_to_the_forward_pass(net):
    calls = trace(net, picture(net))
    for layer in [name for name in calls if name.startswith("conv")]:
        conv = calls[layer].layer
        for unit in units_of(calls[layer].after):
            told = explain_unit(calls, layer, *unit)
            assert told.output == float(calls[layer].after[0][unit])
            assert told.total + told.bias == pytest.approx(told.output, rel=1e-4, abs=1e-3)
            k, size = conv.kernel_size[0], calls[layer].before.shape[2]
            for c, channel in enumerate(told.channels):  # the window, number by number
                for i in (0, k // 2, k - 1):
                    row, column = told.top + i, told.left + i
                    inside = 0 <= row < size and 0 <= column < size
                    expected = calls[layer].before[0, channel, row, column] if inside else 0
                    assert told.window[c, i, i] == expected
            assert torch.equal(told.products.sum((1, 2)), told.by_channel)


def test_the_stages_are_the_forward_pass_at_the_unit(net):
    calls = trace(net, picture(net))
    told = explain_unit(calls, "conv2", 5, 1, 2)
    names = list(calls)
    follow = names[names.index("conv2") + 1 : names.index("conv3")]
    assert [stage.layer for stage in told.stages] == follow
    for stage in told.stages:
        assert stage.value == float(calls[stage.layer].after[0][stage.unit])
        assert stage.unit == (5, 1, 2) or "pool" in stage.layer
    *before, pooled = told.stages
    pool = calls[pooled.layer].layer
    assert pooled.averages == isinstance(pool, nn.AvgPool2d)
    place = (5, *(slice(2 * at, 2 * at + 3) for at in pooled.unit[1:]))
    window = calls[pooled.layer].before[0][place]
    expected = window.mean() if pooled.averages else window.max()
    assert pooled.value == pytest.approx(float(expected), rel=1e-4)
    assert before[-1].value in window
    assert told.next.layer == "conv3"


def test_a_winning_unit_is_followed_to_a_window_it_wins(net):
    calls = trace(net, picture(net))
    pool = next(name for name in calls if name.startswith("pool"))
    maps = calls[pool].before[0]
    place = divmod(int(maps[0].argmax()), maps.shape[2])  # the largest wins every window
    told = explain_unit(calls, "conv1", 0, *place)
    assert told.stages[-1].value == float(maps[0].max())


def test_a_unit_that_loses_one_window_is_followed_to_another_that_it_wins():
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), OverlappingMaxPool2d(3, 2))
    nn.init.ones_(model[0].weight)
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2], x[0, 0, 0, 0] = 1, 9  # (2, 2) lies in all four windows and loses the first
    (pooled,) = explain_unit(trace(model, x), "0", 0, 2, 2).stages
    assert pooled.value == 1 and pooled.unit != (0, 0, 0)


def test_the_share_off_the_centre_of_the_next_window():
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 3, bias=False))
    nn.init.ones_(model[0].weight)
    model[1].weight.data = torch.arange(9.0).view(1, 1, 3, 3)
    told = explain_unit(trace(model, torch.ones(1, 1, 5, 5)), "0", 0, 0, 1)
    assert (told.next.row, told.next.column) == (0, 0)
    assert told.next.share.tolist() == [1] and told.next.outputs.tolist() == [36]


@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_the_share_in_the_next_layer_is_what_the_value_adds_there(net, layer):
    calls = trace(net, picture(net))
    told = explain_unit(calls, layer, 3, 2, 1)
    name, stage = told.next.layer, told.stages[-1]
    following = calls[name].layer
    without = calls[stage.layer].after.clone()
    without[0][stage.unit] = 0
    with torch.no_grad(), undisturbed(net):
        if isinstance(following, nn.Linear):
            out = following(without.flatten(1))[0]
        else:
            out = following(without)[0, :, told.next.row, told.next.column]
    added = told.next.outputs - out
    torch.testing.assert_close(told.next.share, added, rtol=1e-3, atol=1e-3)
    if stage.value:
        assert told.next.share.any()


def test_groups_are_deaf_to_each_other():
    model = build_model("cifar-lite", **NARROW)
    calls = trace(model, picture(model))
    assert explain_unit(calls, "conv2", 0, 3, 3).channels == range(0, 4)
    assert explain_unit(calls, "conv2", 11, 3, 3).channels == range(4, 8)
    share = explain_unit(calls, "conv1", 0, 3, 3).next.share
    assert share[:6].any() and not share[6:].any()


def test_ceil_padding_is_zero_in_the_last_window():
    model = build_model("paper", input_size=80, **NARROW)
    calls = trace(model, picture(model))
    last = calls["conv1"].after.shape[2] - 1
    told = explain_unit(calls, "conv1", 0, last, last)
    assert told.top + 11 > 80 and not told.window[:, 80 - told.top :].any()
    assert told.total + told.bias == pytest.approx(told.output, rel=1e-4, abs=1e-3)


def test_a_known_convolution_by_hand():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.ReLU(), OverlappingMaxPool2d(2, 2))
    model[0].weight.data = torch.tensor([[[[0.0, 1, 0], [0, -2, 0], [0, 0, 3]]]])
    x = torch.arange(16.0).view(1, 1, 4, 4)  # (0, 1): 2 − 2·6 + 3·11 = 23
    told = explain_unit(trace(model, x), "0", 0, 0, 1)
    assert (told.top, told.left, told.bias, told.total, told.output) == (0, 1, 0, 23, 23)
    assert [stage.value for stage in told.stages] == [23, 31]  # (1, 1): 6 − 20 + 45 = 31 wins
    assert told.next is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fc6", 0, 0, 0), "layer is 'fc6'; expected one of .*conv1"),
        (("conv1", 8, 0, 0), "map is 8; expected a whole number from 0 to 7"),
        (("conv1", 0, -1, 0), "row is -1; expected a whole number from 0 to 27"),
        (("conv1", 0, 0, 28), "column is 28; expected a whole number from 0 to 27"),
    ],
)
def test_units_out_of_range(arguments, words):
    model = build_model("cifar-lite", **NARROW)
    with pytest.raises(ValueError, match=words):
        explain_unit(trace(model, picture(model)), *arguments)
    with pytest.raises(ValueError, match="2 images were traced"):
        explain_unit(trace(model, picture(model, 2)), "conv1", 0, 0, 0)


# --- Receptive fields ---------------------------------------------------------------------------


def test_every_layer_has_a_field_and_shares_the_ledgers(net):
    listed, fields = receptive_fields(net), layer_fields(net)
    assert list(fields) == list(trace(net, picture(net)))
    assert {name: fields[name] for name in listed} == listed
    assert fields["relu3" if "relu3" in fields else "act3"].size == listed["conv3"].size


def test_boxes_hold_just_the_pixels_with_a_gradient():
    model = nn.Sequential(
        nn.Conv2d(3, 1, 5, padding=2), nn.ReLU(), nn.AvgPool2d(1), nn.Conv2d(1, 2, 3, padding=1)
    )
    for p in model.parameters():
        p.data = torch.rand(p.shape) + 0.1
    x = torch.rand(1, 3, 12, 12, requires_grad=True)
    field = layer_fields(model, 12)["3"]
    for row, column in ((0, 0), (6, 11), (5, 5)):
        (gradient,) = torch.autograd.grad(model(x)[0, 0, row, column], x)
        seen = gradient[0].abs().sum(0).nonzero()
        (top, left), (bottom, right) = seen.amin(0).tolist(), (seen.amax(0) + 1).tolist()
        assert field.box(row, column, 12) == (top, left, bottom, right)
    with pytest.raises(ValueError, match="expected 0 to 11"):
        field.box(12, 0, 12)


def test_a_dense_layer_sees_the_whole_image():
    model = build_model("cifar-lite", **NARROW)
    assert layer_fields(model)["relu7"].box(0, 0, 28) == (0, 0, 28, 28)
