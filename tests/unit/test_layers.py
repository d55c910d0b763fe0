"""Layers beyond the paper's numbers: any size, any layout, bad input, their own docstrings."""

import ast
import copy
import inspect
import math
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torch.utils.flop_counter
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from alexnet_lib.course.by_hand import conv2d_by_hand, window_starts
from alexnet_lib.models import two_towers
from alexnet_lib.models.conv_local import LocalConv2d
from alexnet_lib.models.two_towers import TwoTowerConv2d
from alexnet_lib.paper import layers
from alexnet_lib.paper.layers import (
    CeilConv2d,
    ClassicDropout,
    LocalResponseNorm,
    OverlappingMaxPool2d,
    SpatialResponseNorm,
    ceil_output_size,
    local_response_norm,
)

few = settings(max_examples=25, deadline=None, derandomize=True)


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --- Convolution --------------------------------------------------------------------------------


@few
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    with_bias=st.booleans(),
)
def test_convolution_by_hand_equals_torchs(size, kernel, stride, padding, with_bias):
    x, weight = images(2, 3, *size), images(4, 3, *kernel, seed=1)
    bias = images(4, seed=2) if with_bias else None
    if any(s + 2 * padding < k for s, k in zip(size, kernel, strict=True)):
        with pytest.raises(ValueError, match="window does not fit"):
            conv2d_by_hand(x, weight, bias, stride, padding)
        return
    expected = F.conv2d(x, weight, bias, stride, padding)
    torch.testing.assert_close(conv2d_by_hand(x, weight, bias, stride, padding), expected)


def test_convolution_by_hand_can_be_differentiated():
    x, weight = images(1, 2, 4, 4).requires_grad_(), images(2, 2, 3, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: conv2d_by_hand(x, w, padding=1), (x, weight))


@few
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 6), st.integers(0, 3))
def test_windows_start_where_counting_says(size, kernel, stride, padding):
    first, end = -padding, size + padding
    if end - first < kernel:
        with pytest.raises(ValueError, match="does not fit"):
            window_starts(size, kernel, stride, padding)
        return
    inside = [s for s in range(first, end, stride) if s + kernel <= end]
    assert list(window_starts(size, kernel, stride, padding)) == inside
    complete = inside[-1] + kernel == end
    one_more = inside if complete else [*inside, inside[-1] + stride]
    assert list(window_starts(size, kernel, stride, padding, rounding="up")) == one_more
    if padding == 0:
        assert ceil_output_size(size, kernel, stride) == len(one_more)


def test_local_convolution_is_a_convolution_of_its_own_at_every_place():
    layer = LocalConv2d(3, 5, 3, size=6, padding=1)
    x = images(2, 3, 6, 6, dtype=torch.float32)
    nn.init.normal_(layer.bias)
    y = layer(x)
    for place in (0, 7, 35):
        weight, bias = layer.weight[place].reshape(5, 3, 3, 3), layer.bias[place]
        shared = F.conv2d(x, weight, bias, padding=1)
        row, column = divmod(place, 6)
        torch.testing.assert_close(y[:, :, row, column], shared[:, :, row, column])


def test_output_sizes_of_the_paper():
    assert ceil_output_size(224, 11, 4) == 55
    assert len(window_starts(224, 11, 4)) == 54
    assert [ceil_output_size(n, 3, 2) for n in (55, 27, 13, 28, 14, 7)] == [27, 13, 6, 14, 7, 3]


@few
@given(
    size=st.tuples(st.integers(5, 14), st.integers(5, 14)),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 5),
    padding=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
)
def test_ceil_convolution_reads_zeros_past_the_right_and_bottom_edge(
    size, kernel, stride, padding, groups
):
    layer = CeilConv2d(4, 6, kernel, stride, padding, groups).double()
    x = images(2, 4, *size)
    y = layer(x)
    H, W = (ceil_output_size(s + 2 * padding, kernel, stride) for s in size)
    assert y.shape == (2, 6, H, W)
    wide = F.pad(x, (padding, padding + 20, padding, padding + 20))  # more zeros than needed
    expected = F.conv2d(wide, layer.weight, layer.bias, stride, groups=groups)[..., :H, :W]
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize("crosses", [False, True])
def test_two_towers_are_one_convolution(crosses):
    torch.manual_seed(0)
    layer = TwoTowerConv2d(6, 8, 3, stride=2, padding=1, crosses=crosses).double()
    x = images(2, 6, 9, 7)
    weight = torch.cat([layer.tower_a.weight, layer.tower_b.weight])
    bias = torch.cat([layer.tower_a.bias, layer.tower_b.bias])
    expected = F.conv2d(x, weight, bias, stride=2, padding=1, groups=1 if crosses else 2)
    torch.testing.assert_close(torch.cat(layer(*x.chunk(2, dim=1)), dim=1), expected)


# --- Normalisation ------------------------------------------------------------------------------

norms = st.fixed_dictionaries(
    {
        "size": st.sampled_from([1, 3, 5, 9]),
        "alpha": st.sampled_from([0.0, 1e-4, 0.1]),
        "beta": st.sampled_from([0.0, 0.5, 0.75, 1.3]),
        "k": st.sampled_from([0.5, 2.0]),
        "convention": st.sampled_from(layers.CONVENTIONS),
    }
)


@few
@given(norms, st.integers(1, 12))
def test_norm_is_odd_and_the_same_read_backwards(norm, channels):
    x = images(2, channels, 3, 2) * 20
    y = local_response_norm(x, **norm)
    torch.testing.assert_close(local_response_norm(-x, **norm), -y)
    torch.testing.assert_close(local_response_norm(x.flip(1), **norm), y.flip(1))
    torch.testing.assert_close(local_response_norm(x.flip(3), **norm), y.flip(3))


@few
@given(norms, st.integers(1, 4), st.integers(1, 7))
def test_norm_in_groups_is_the_norm_of_each_group(norm, groups, channels):
    x = images(2, groups * channels, 3, 2) * 20
    parts = [local_response_norm(part, **norm) for part in x.chunk(groups, dim=1)]
    y = local_response_norm(x, **norm, groups=groups)
    torch.testing.assert_close(y, torch.cat(parts, dim=1))


@few
@given(norms, st.sampled_from([0.1, 3.0, 50.0]))
def test_scaling_the_input_is_scaling_alpha(norm, factor):
    x = images(2, 7, 3, 2) * 5
    rescaled = {**norm, "alpha": norm["alpha"] * factor**2}
    torch.testing.assert_close(
        local_response_norm(factor * x, **norm), factor * local_response_norm(x, **rescaled)
    )


def test_a_norm_that_sees_no_neighbour_is_its_constant():
    x = images(2, 7, 3, 2) * 100
    torch.testing.assert_close(LocalResponseNorm(alpha=0.0)(x), x * 2**-0.75)
    # and what it replaces goes there as alpha vanishes
    torch.testing.assert_close(LocalResponseNorm(alpha=1e-12)(x), x * 2**-0.75)


@pytest.mark.parametrize("layer", [LocalResponseNorm(), SpatialResponseNorm()], ids=repr)
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str
)
def test_norms_keep_dtype_layout_and_input(layer, dtype):
    x = (images(2, 8, 6, 6) * 100).to(dtype)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        given_x = x.contiguous(memory_format=memory_format)
        y = layer(given_x)
        assert y.dtype == dtype and y.shape == x.shape
        assert y.is_contiguous(memory_format=memory_format)
        assert torch.equal(given_x, x)  # nothing done in place
        assert torch.isfinite(y).all()


def test_norm_under_autocast_stays_in_float32():
    x = (images(2, 16, 4, 4) * 300).float().requires_grad_()
    expected = local_response_norm(x)
    (expected_grad,) = torch.autograd.grad(expected.sum(), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = local_response_norm(x)
        (grad,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(y, expected) and torch.equal(grad, expected_grad)


@pytest.mark.parametrize("shape", [(0, 4, 3, 3), (2, 4, 0, 3), (2, 4, 3, 0)])
def test_norm_of_nothing_is_refused(shape):
    with pytest.raises(ValueError, match="none of them 0"):
        local_response_norm(torch.zeros(shape))


# torch itself uses it for the derivatives that go forward
torchs_own_script = pytest.mark.filterwarnings("ignore:`torch.jit.script` is dep:FutureWarning")

# Every way through the formula: both conventions, groups, and an exponent without square roots.
DERIVED = [
    {},
    {"convention": "source2012", "alpha": 0.1},
    {"groups": 2, "alpha": 0.1, "k": 1.0},
    {"size": 3, "beta": 0.6, "alpha": 0.3},
]


@torchs_own_script
@pytest.mark.parametrize("case", DERIVED, ids=str)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_norm_can_be_differentiated_forward_backward_and_again(case, memory_format):
    x = (images(2, 4, 2, 1) * 3).contiguous(memory_format=memory_format).requires_grad_()
    norm = LocalResponseNorm(**case)
    ways = {
        "check_forward_ad": True,
        "check_batched_grad": True,
        "check_batched_forward_grad": True,
    }
    assert torch.autograd.gradcheck(norm, (x,), **ways)
    assert torch.autograd.gradgradcheck(norm, (x,), check_fwd_over_rev=True)


@torchs_own_script
@pytest.mark.parametrize("case", DERIVED, ids=str)
def test_second_derivatives_of_the_norm_are_those_of_torchs_own(case):
    x = images(1, 4, 2, 2).mul_(3)
    norm = LocalResponseNorm(**case)
    alpha = norm.alpha * (norm.size if norm.convention == "paper" else 1)
    blocks = 1 if norm.groups == 1 else 2

    def theirs(z: Tensor) -> Tensor:
        parts = z.chunk(blocks, dim=1)
        parts = [F.local_response_norm(p, norm.size, alpha, norm.beta, norm.k) for p in parts]
        return torch.cat(parts, dim=1).pow(3).sum()

    expected = torch.autograd.functional.hessian(theirs, x)
    for hessian in (torch.autograd.functional.hessian, lambda f, x: torch.func.hessian(f)(x)):
        torch.testing.assert_close(hessian(lambda z: norm(z).pow(3).sum(), x), expected)
    assert expected.abs().max() > 0.1  # once they came out as zeros


@torchs_own_script
def test_norm_under_every_function_transform():
    x, norm = images(3, 2, 4, 2, 2).mul_(30), LocalResponseNorm(groups=2)
    one_by_one = torch.stack([norm(batch) for batch in x])
    torch.testing.assert_close(torch.func.vmap(norm)(x), one_by_one)
    torch.testing.assert_close(
        torch.func.vmap(norm, in_dims=1, out_dims=1)(x.movedim(0, 1)), one_by_one.movedim(0, 1)
    )
    image = x[0]
    jacobian = torch.func.jacrev(norm)(image)
    torch.testing.assert_close(jacobian, torch.func.jacfwd(norm)(image))
    _, slope = torch.func.jvp(norm, (image,), (torch.ones_like(image),))
    torch.testing.assert_close(slope, jacobian.flatten(4).sum(-1))


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_a_number_that_is_none_spoils_its_own_window_only_as_in_torch(bad, memory_format):
    clean = images(1, 96, 2, 2, dtype=torch.float32).contiguous(memory_format=memory_format)
    x = clean.clone()
    x[0, 0, 0, 0] = bad
    theirs = F.local_response_norm(x, 5, 5e-4, 0.75, 2.0)
    y, before = local_response_norm(x), local_response_norm(clean)
    torch.testing.assert_close(y, theirs, equal_nan=True)
    assert int(y.isnan().sum()) == (3 if math.isnan(bad) else 1)
    untouched = torch.ones_like(y, dtype=torch.bool)
    untouched[0, :3, 0, 0] = False  # only these see map 0
    assert torch.equal(y[untouched], before[untouched])
    x.requires_grad_()
    (grad,) = torch.autograd.grad(local_response_norm(x).sum(), x)
    assert int(grad.isnan().sum()) <= 5 and not grad[0, 5:].isnan().any()


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 7, 3, 2, 4), (2, 7, 4, 4)], ids=str)
def test_norm_takes_lines_and_volumes_as_torchs(shape):
    x = images(*shape) * 50
    expected = F.local_response_norm(x, 5, 5e-4, 0.75, 2.0)
    torch.testing.assert_close(local_response_norm(x), expected)
    torch.testing.assert_close(LocalResponseNorm()(x), expected)


def test_a_flop_counter_finds_no_matrix_product_in_the_norm():
    x = images(2, 96, 8, 8, dtype=torch.float32).requires_grad_()
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        local_response_norm(x).sum().backward()
    assert counter.get_total_flops() == 0  # torch counts neither sums nor powers, see its own norm


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_spatial_norm_equals_a_loop_over_pixels(size, beta):
    x, alpha, k = images(2, 3, 6, 7) * 50, 1e-3, 1.0
    y = SpatialResponseNorm(size, alpha, beta, k)(x)
    for row in range(6):
        for column in range(7):
            top, left = max(0, row - size // 2), max(0, column - size // 2)
            window = x[:, :, top : row + size // 2 + 1, left : column + size // 2 + 1]
            energy = window.square().sum(dim=(2, 3)) / size**2
            expected = x[:, :, row, column] / (k + alpha * energy) ** beta
            torch.testing.assert_close(y[:, :, row, column], expected)


@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_spatial_norm_has_the_right_gradient(beta):
    x = (images(1, 2, 4, 3) * 30).requires_grad_()
    assert torch.autograd.gradcheck(SpatialResponseNorm(size=3, beta=beta), (x,))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("layer", [LocalResponseNorm(), LocalResponseNorm(groups=2, beta=0.6)])
@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_norm_is_the_same_on_a_gpu(layer, dtype, digits):
    x = (images(8, 96, 9, 9) * 50).to(dtype)
    there = x.cuda().contiguous(memory_format=torch.channels_last).requires_grad_()
    here = x.double().requires_grad_()
    expected, y = layer(here), layer(there)
    torch.testing.assert_close(y.cpu().double(), expected, rtol=digits, atol=digits)
    y.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(there.grad.cpu().double(), here.grad, rtol=digits, atol=digits)


# --- Pooling and dropout ------------------------------------------------------------------------


@few
@given(
    size=st.tuples(st.integers(4, 13), st.integers(4, 13)),
    kernel=st.integers(1, 4),
    data=st.data(),
)
def test_pool_takes_the_maximum_of_every_window_even_over_the_edge(size, kernel, data):
    stride = data.draw(st.integers(1, kernel))
    x = images(2, 3, *size)
    y = OverlappingMaxPool2d(kernel, stride)(x)
    rows, columns = (window_starts(s, kernel, stride, rounding="up") for s in size)
    expected = [
        x[:, :, row : row + kernel, column : column + kernel].amax(dim=(2, 3))
        for row in rows
        for column in columns
    ]
    assert y.shape == (2, 3, len(rows), len(columns))
    assert torch.equal(y.flatten(2), torch.stack(expected, dim=2))


@pytest.mark.parametrize("training", [True, False])
def test_dropout_keeps_shape_dtype_and_layout(training):
    x = images(2, 8, 4, 4, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    y = ClassicDropout(0.5).train(training)(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert y.is_contiguous(memory_format=torch.channels_last)


# --- Their own docstrings -----------------------------------------------------------------------

PUBLIC = [conv2d_by_hand, LocalConv2d, TwoTowerConv2d] + [
    thing
    for name, thing in vars(layers).items()
    if not name.startswith("_") and getattr(thing, "__module__", None) == layers.__name__
]
PARTS = {thing.__name__: thing for thing in PUBLIC}

# For each docstring with Shape lines: something to call, its inputs, the letters it uses.
DOCUMENTED = {
    "conv2d_by_hand": (
        lambda x, weight: conv2d_by_hand(x, weight, stride=2, padding=1),
        {"x": (2, 3, 9, 8), "weight": (5, 3, 4, 3)},
        {"s": 2, "p": 1},
    ),
    "CeilConv2d": (
        CeilConv2d(3, 5, 4, stride=3, padding=1),
        {"x": (2, 3, 9, 12)},
        {"K": 5, "k": 4, "s": 3, "p": 1},
    ),
    "TwoTowerConv2d": (
        TwoTowerConv2d(6, 4, 3),
        {"a": (2, 3, 5, 6), "b": (2, 3, 5, 6)},
        {"C": 6, "K": 4},
    ),
    "LocalConv2d": (LocalConv2d(3, 5, 3, size=6), {"x": (2, 3, 6, 6)}, {"K": 5, "L": 4}),
    "local_response_norm": (local_response_norm, {"x": (2, 6, 4, 3)}, {}),
    "LocalResponseNorm": (LocalResponseNorm(), {"x": (2, 6, 4, 3)}, {}),
    "SpatialResponseNorm": (SpatialResponseNorm(), {"x": (2, 6, 4, 3)}, {}),
    "OverlappingMaxPool2d": (OverlappingMaxPool2d(), {"x": (2, 6, 8, 7)}, {"z": 3, "s": 2}),
    "ClassicDropout": (ClassicDropout(), {"x": (2, 6)}, {}),
}


def shape_line(thing) -> str | None:
    """The text under `Shape:`, in one line."""
    found = re.search(r"^Shape:\n((?: +.*\n)+)", inspect.getdoc(thing) + "\n", re.M)
    return " ".join(found[1].split()) if found else None


def evaluate(expression: str, letters: dict[str, int]) -> int | None:
    """The number that "2p + H'" stands for; None where a letter's value is not known."""
    expression = re.sub(r"(\d)([a-zA-Z])", r"\1 * \2", expression.replace("'", "_"))
    names = set(re.findall(r"[a-zA-Z_]+", expression)) - {"ceil"}
    return eval(expression, {"ceil": math.ceil}, letters) if names <= letters.keys() else None


def check_axes(axes: str, shape: tuple[int, ...], letters: dict[str, int]) -> None:
    """Compare "(N, C / 2, H, W)" with a shape; a letter seen for the first time is learned."""
    if axes == "*":
        return
    names = axes.split(", ")
    if names[-1] == "*":  # and any more axes
        names, shape = names[:-1], shape[: len(names) - 1]
    assert len(names) == len(shape), (axes, shape)
    for name, size in zip(names, shape, strict=True):
        value = evaluate(name, letters)
        if value is None:
            letters[name.replace("'", "_")] = size
        else:
            assert value == size, f"({axes}) says {name} = {value}, the layer gives {shape}"


def test_every_layer_that_changes_tensors_states_its_shapes():
    assert {thing.__name__ for thing in PUBLIC if shape_line(thing)} == set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_shape_lines_are_true(name):
    call, inputs, letters = DOCUMENTED[name]
    letters = dict(letters)
    before, after = shape_line(PARTS[name]).split(" -> ")
    given = {key: images(*shape, dtype=torch.float32) for key, shape in inputs.items()}
    said = re.findall(r"(\w+(?:, \w+)*): \(([^)]*)\)", re.sub(" float| each", "", before))
    assert {key for keys, _ in said for key in keys.split(", ")} == set(inputs)
    for keys, axes in said:
        for key in keys.split(", "):
            check_axes(axes, inputs[key], letters)
    outputs = call(*given.values())
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    if after.startswith("same shape"):
        (y,), (x,) = outputs, given.values()
        assert (y.shape, y.dtype, y.device) == (x.shape, x.dtype, x.device)
        return
    if rule := re.search(r"H' = (.*)$", after):
        letters["H_"] = evaluate(rule[1], letters)
        letters["W_"] = evaluate(rule[1].replace("H", "W").replace("kh", "kw"), letters)
    assert ("two of" in after) == (len(outputs) == 2)
    for y in outputs:
        check_axes(re.search(r"\(([^)]*)\)", after)[1], tuple(y.shape), letters)


def test_text_form_names_every_argument():
    for layer, words in (
        (LocalResponseNorm(groups=2), ("size=5", "alpha=0.0001", "k=2.0", "'paper'", "groups=2")),
        (SpatialResponseNorm(), ("size=5", "alpha=0.001", "beta=0.75", "k=1.0")),
        (OverlappingMaxPool2d(), ("kernel_size=3", "stride=2")),
        (ClassicDropout(0.25), ("p=0.25",)),
        (LocalConv2d(3, 5, 3, size=6, padding=1), ("3, 5,", "kernel_size=3", "size=6")),
    ):
        assert all(word in repr(layer) for word in words)
        assert repr(copy.deepcopy(layer)) == repr(layer)


# --- Bad input ----------------------------------------------------------------------------------

OK = torch.zeros(1, 4, 8, 8)
ON_IMAGES = {
    "local_response_norm": local_response_norm,
    "conv2d_by_hand": lambda x: conv2d_by_hand(x, torch.zeros(2, 4, 3, 3)),
}
NOT_IMAGES = [
    (torch.zeros(4), ValueError, r"shape \(4,\); expected \("),
    (torch.zeros(4, 8), ValueError, r"shape \(4, 8\); expected \("),
    (torch.zeros(1, 4, 8, 8, dtype=torch.uint8), TypeError, "uint8; expected a tensor of float"),
    (torch.zeros(1, 4, 8, 8, dtype=torch.int64), TypeError, "int64; expected a tensor of float"),
    (torch.zeros(1, 4, 8, 8, dtype=torch.bool), TypeError, "bool; expected a tensor of float"),
    ([[1.0, 2.0]], TypeError, "is a list; expected a tensor"),
    (None, TypeError, "is a NoneType; expected a tensor"),
]


@pytest.mark.parametrize("name", ON_IMAGES)
@pytest.mark.parametrize(
    ("x", "error", "message"), NOT_IMAGES, ids=[str(case[2])[:24] for case in NOT_IMAGES]
)
def test_what_is_no_batch_of_images_is_refused(name, x, error, message):
    with pytest.raises(error, match=message):
        ON_IMAGES[name](x)


@pytest.mark.parametrize("shape", [(4, 8, 8), (1, 4, 8), (1, 1, 4, 8, 8)], ids=str)
def test_a_convolution_by_hand_takes_batches_of_images_alone(shape):
    with pytest.raises(ValueError, match=rf"shape \({', '.join(map(str, shape))}\); expected \("):
        ON_IMAGES["conv2d_by_hand"](torch.zeros(shape))


REFUSED = {
    "channels of a weight": (
        lambda: conv2d_by_hand(OK, torch.zeros(2, 3, 3, 3)),
        r"weight has shape \(2, 3, 3, 3\); expected \(K, 4, kh, kw\)",
    ),
    "rank of a weight": (lambda: conv2d_by_hand(OK, torch.zeros(2, 4)), "weight has shape"),
    "length of a bias": (
        lambda: conv2d_by_hand(OK, torch.zeros(2, 4, 3, 3), torch.zeros(3)),
        r"bias has shape \(3,\); expected \(2,\)",
    ),
    "stride 0": (lambda: conv2d_by_hand(OK, torch.zeros(2, 4, 3, 3), stride=0), "stride is 0"),
    "stride 1.5": (lambda: conv2d_by_hand(OK, torch.zeros(2, 4, 3, 3), stride=1.5), "whole"),
    "padding -1": (lambda: conv2d_by_hand(OK, torch.zeros(2, 4, 3, 3), padding=-1), "padding is"),
    "image too small": (lambda: ceil_output_size(8, 9, 1), "window of 9 does not fit in 8"),
    "ceil of nothing": (lambda: ceil_output_size(0, 3, 2), "size is 0"),
    "ceil of a word": (lambda: ceil_output_size("224", 11, 4), "size is '224'"),
    "unknown rounding": (lambda: window_starts(9, 3, rounding="ceil"), "rounding is 'ceil'"),
    "local padding": (lambda: LocalConv2d(3, 2, 3, size=6, padding=-1), "padding is -1"),
    "local window": (lambda: LocalConv2d(3, 2, 9, size=6, padding=1), "size is 6; .* at least 7"),
    "odd towers in": (lambda: TwoTowerConv2d(3, 4, 3), "even widths, got 3 -> 4"),
    "odd towers out": (lambda: TwoTowerConv2d(4, 5, 3), "even widths, got 4 -> 5"),
    "towers of a word": (lambda: TwoTowerConv2d("4", 4, 3), "in_channels is '4'"),
    "pool skips pixels": (lambda: OverlappingMaxPool2d(2, 3), "kernel_size is 2; .* at least 3"),
    "pool stride 0": (lambda: OverlappingMaxPool2d(2, 0), "stride is 0"),
    "p 1": (lambda: ClassicDropout(1), r"p is 1; expected a number in \[0, 1\)"),
    "p -0.1": (lambda: ClassicDropout(-0.1), "p is -0.1"),
    "p NaN": (lambda: ClassicDropout(math.nan), "p is nan"),
    "p text": (lambda: ClassicDropout("0.5"), "p is '0.5'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_words(case):
    call, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "size is 0"),
        ({"size": 4}, "size is 4; expected an odd"),
        ({"size": 2.5}, "size is 2.5"),
        ({"size": "5"}, "size is '5'"),
        ({"alpha": -1e-4}, "alpha is -0.0001"),
        ({"alpha": math.nan}, "alpha is nan"),
        ({"alpha": math.inf}, "alpha is inf"),
        ({"alpha": None}, "alpha is None"),
        ({"beta": -0.5}, "beta is -0.5"),
        ({"k": 0}, r"k is 0; expected a number in \(0, inf\)"),
        ({"k": -1}, "k is -1"),
    ],
    ids=str,
)
def test_norms_refuse_arguments_out_of_range(changes, message):
    for build in (LocalResponseNorm, SpatialResponseNorm, lambda **c: local_response_norm(OK, **c)):
        with pytest.raises(ValueError, match=message):
            build(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"convention": "torch"}, "convention is 'torch'; expected one of"),
        ({"groups": 0}, "groups is 0"),
        ({"groups": True}, "groups is True"),
        ({"groups": 3}, "4 channels cannot be cut into 3"),
        ({"groups": 8}, "4 channels cannot be cut into 8"),
    ],
    ids=str,
)
def test_norm_refuses_groups_and_conventions_that_do_not_exist(changes, message):
    with pytest.raises(ValueError, match=message):
        local_response_norm(OK, **changes)


@pytest.mark.parametrize("groups", [3, 8])
def test_a_norm_layer_never_mixes_groups_that_do_not_fit(groups):
    with pytest.raises(RuntimeError, match="size"):  # torch's own words: forward has no checks
        LocalResponseNorm(groups=groups)(OK)


# --- Forward is arithmetic ----------------------------------------------------------------------

FORWARDS = [
    (path, node)
    for room in (layers.__file__, two_towers.__file__)
    for path in sorted(Path(room).parent.glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef) and node.name in ("forward", "features")
]
READS_A_VALUE = {"item", "tolist", "isfinite", "isnan", "any", "all", "nonzero", "numpy"}


@pytest.mark.parametrize(
    ("path", "node"), FORWARDS, ids=[f"{path.stem}-{node.lineno}" for path, node in FORWARDS]
)
def test_forward_neither_checks_nor_reads_a_value(path, node):
    """Checks stand at the door (`checks.check_input`): torch can then trace what is inside."""
    for part in ast.walk(node):
        assert not isinstance(part, ast.Raise | ast.Try), f"{path.name}, line {part.lineno}"
        if isinstance(part, ast.Call):
            name = getattr(part.func, "attr", getattr(part.func, "id", ""))
            assert name not in READS_A_VALUE and not name.lstrip("_").startswith("check"), (
                path.name,
                part.lineno,
            )


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # torch's own, in `jacfwd`
def test_every_order_of_two_derivatives_gives_the_same_curvature():
    """Backward and forward, in a small network; the yardstick are differences of gradients."""
    source = torch.Generator().manual_seed(0)
    norm, w = LocalResponseNorm(3, 0.3, groups=2), torch.rand(4, 2, generator=source).double()
    x = torch.randn(3, 2, 3, generator=source).double()

    def loss(w: Tensor) -> Tensor:
        return norm((w.view(4, 2) @ x).sin()).pow(2).sum()

    gradient, steps = torch.func.grad(loss), torch.eye(8).double() * 1e-5
    w = w.flatten()
    expected = torch.stack([(gradient(w + d) - gradient(w - d)) / 2e-5 for d in steps])
    for first in (torch.func.jacrev, torch.func.jacfwd):
        for second in (torch.func.jacrev, torch.func.jacfwd):
            found = second(first(loss))(w)
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_a_batch_of_pullbacks_of_one_gradient_needs_no_graph():
    x, grad = torch.randn(3, 2, 8, 2, 2), torch.randn(2, 8, 2, 2)

    def pulled_back(x: Tensor) -> Tensor:
        return torch.func.vjp(LocalResponseNorm(alpha=0.1), x)[1](grad)[0]

    with torch.no_grad():
        found = torch.func.vmap(pulled_back)(x)
    torch.testing.assert_close(found, torch.stack([pulled_back(one) for one in x]))


@pytest.mark.parametrize("value", [torch.inf, torch.nan, 1e20, 3e38, 1e-40, 0.0])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_extreme_activation_does_to_each_map_what_it_does_in_torchs_norm(value, layout):
    x = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    x[0, 3, 1, 1] = value
    x = x.to(memory_format=layout)
    ours = LocalResponseNorm(alpha=0.1, k=1.0, convention="source2012")
    theirs = nn.LocalResponseNorm(5, alpha=0.1, beta=0.75, k=1.0)
    torch.testing.assert_close(ours(x), theirs(x), equal_nan=True)
