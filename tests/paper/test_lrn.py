"""Checks 8–12: local response normalisation (§3.3)."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.paper.layers import LocalResponseNorm, local_response_norm


def by_loop(
    x: Tensor, size=5, alpha=1e-4, beta=0.75, k=2.0, convention="paper", groups=1
) -> Tensor:
    """The equation of §3.3, one channel at a time, in float64."""
    x = x.double()
    channels = x.shape[1] // groups
    scale = alpha if convention == "paper" else alpha / size
    y = torch.empty_like(x)
    for group, i in itertools.product(range(groups), range(channels)):
        first = group * channels
        total = torch.zeros_like(x[:, 0])
        for j in range(max(0, i - size // 2), min(channels - 1, i + size // 2) + 1):
            total += x[:, first + j] ** 2
        y[:, first + i] = x[:, first + i] / (k + scale * total) ** beta
    return y


def formats(x: Tensor) -> dict[str, Tensor]:
    """The same numbers, laid out in every way that a network may hand them over."""
    return {
        "contiguous": x.contiguous(),
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "transposed": x.transpose(2, 3).contiguous().transpose(2, 3),
        "every second": torch.stack([x, x], dim=-1).flatten(3)[..., ::2],
    }


CASES = [
    {"convention": "paper"},
    {"convention": "source2012"},
    {"beta": 0.5},
    {"beta": 1.0, "alpha": 0.1, "k": 1.0},
    {"beta": 0.3, "size": 3, "convention": "source2012"},
    {"size": 1},
    {"size": 9, "alpha": 1e-3, "k": 1.0, "convention": "source2012"},
    {"alpha": 0.0},
]


@pytest.mark.parametrize("channels", [1, 3, 5, 96])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_check_08_equals_the_printed_equation(channels, case):
    x = torch.randn(3, channels, 4, 5, dtype=torch.float64) * 100
    for name, laid_out in formats(x).items():
        y = local_response_norm(laid_out, **case)
        difference = (y - by_loop(x, **case)).abs().max()
        assert difference <= 1e-12 * max(1.0, float(x.abs().max())), (name, difference)


@pytest.mark.parametrize("convention", ["paper", "source2012"])
@pytest.mark.parametrize("groups", [2, 3])
def test_check_08_equals_the_printed_equation_in_groups(convention, groups):
    x = torch.randn(2, 12, 4, 4, dtype=torch.float64) * 100
    for laid_out in formats(x).values():
        y = LocalResponseNorm(convention=convention, groups=groups)(laid_out)
        expected = by_loop(x, convention=convention, groups=groups)
        torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)


def test_check_08_holds_for_a_batch_that_is_worked_through_in_slices():
    x = torch.randn(40, 96, 27, 27) * 50  # 11 MB, so several slices on a CPU
    torch.testing.assert_close(local_response_norm(x).double(), by_loop(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("dtype", "digits"), [(torch.bfloat16, 8e-3), (torch.float16, 1e-3)])
def test_check_08_half_types_are_squared_in_float32(dtype, digits):
    x = (torch.randn(2, 96, 4, 4) * 300).to(dtype)  # squares beyond 65,504, float16's largest
    y = local_response_norm(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y.double(), by_loop(x), rtol=digits, atol=1e-3)


@pytest.mark.parametrize(("convention", "torch_alpha"), [("paper", 5e-4), ("source2012", 1e-4)])
def test_check_09_torchs_alpha_for_either_convention(convention, torch_alpha):
    x = torch.randn(4, 96, 5, 5, dtype=torch.float64) * 50
    ours = local_response_norm(x, convention=convention)
    assert (ours - F.local_response_norm(x, 5, torch_alpha, 0.75, 2.0)).abs().max() < 1e-12
    wrong_alpha = 6e-4 - torch_alpha
    assert (ours - F.local_response_norm(x, 5, wrong_alpha, 0.75, 2.0)).abs().max() > 1


@pytest.mark.parametrize(
    ("std", "ratio"), [(1, 1.0001), (10, 1.009), (50, 1.19), (100, 1.54), (300, 2.52)]
)
def test_check_09_how_far_the_conventions_are_apart(std, ratio):
    x = F.relu(torch.randn(64, 96, 16, 16)) * std
    code, printed = (local_response_norm(x, convention=c) for c in ("source2012", "paper"))
    positive = x > 0
    assert float((code / printed)[positive].mean()) == pytest.approx(ratio, rel=0.01)


def test_check_10_edges_sum_fewer_maps_and_are_not_renormalised():
    c, alpha = 3.0, 0.1
    y = local_response_norm(torch.full((1, 7, 1, 1), c, dtype=torch.float64), alpha=alpha)
    for channel, maps in enumerate([3, 4, 5, 5, 5, 4, 3]):
        expected = c / (2 + alpha * maps * c**2) ** 0.75
        assert float(y[0, channel, 0, 0]) == pytest.approx(expected, rel=1e-12)


def test_check_10_the_order_of_the_channels_matters():
    x = torch.randn(1, 8, 3, 3, dtype=torch.float64) * 100
    order = torch.tensor([1, 0, 2, 3, 4, 5, 6, 7])
    back = order.argsort()
    assert (local_response_norm(x[:, order])[:, back] - local_response_norm(x)).abs().max() > 0.1
    mirrored = local_response_norm(x.flip(1)).flip(1)  # only a mirror image changes nothing
    torch.testing.assert_close(mirrored, local_response_norm(x), rtol=1e-12, atol=1e-12)


def test_check_10_neighbours_are_channels_not_pixels():
    x = torch.zeros(1, 9, 3, 3, dtype=torch.float64)
    x[:, :, 1, 1] = 1.0
    louder = x.clone()
    louder[0, 4, 1, 1] = 100.0
    changed = (local_response_norm(louder) - local_response_norm(x)).abs() > 1e-9
    assert changed[0, :, 1, 1].nonzero().flatten().tolist() == [2, 3, 4, 5, 6]
    assert int(changed.sum()) == 5


@pytest.mark.parametrize("case", [*CASES, {"groups": 2}, {"groups": 3, "k": 0.5}], ids=str)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_check_11_gradient(case, memory_format):
    x = torch.randn(2, 6, 2, 3, dtype=torch.float64) * 30
    x = x.contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: local_response_norm(x, **case), (x,))


@pytest.mark.parametrize("case", [{}, {"beta": 0.6, "alpha": 1e-3}, {"groups": 2}], ids=str)
def test_check_11_gradient_equals_that_of_the_loop(case):
    x = torch.randn(3, 96, 4, 4, dtype=torch.float64) * 50
    seed = torch.randn_like(x)
    (expected,) = torch.autograd.grad(by_loop(leaf := x.requires_grad_(), **case), leaf, seed)
    for laid_out in formats(x.detach()).values():
        laid_out.requires_grad_()
        (grad,) = torch.autograd.grad(local_response_norm(laid_out, **case), laid_out, seed)
        torch.testing.assert_close(grad, expected, rtol=1e-10, atol=1e-12)


def test_check_11_gradient_of_a_batch_that_is_worked_through_in_slices():
    x = torch.randn(40, 96, 27, 27).mul_(50).requires_grad_()
    seed = torch.randn_like(x)
    (whole,) = torch.autograd.grad(local_response_norm(x), x, seed)
    for i in range(0, 40, 4):
        part = x[i : i + 4].detach().requires_grad_()
        (grad,) = torch.autograd.grad(local_response_norm(part), part, seed[i : i + 4])
        torch.testing.assert_close(whole[i : i + 4], grad)


def test_check_11_gradient_in_half_precision():
    x = torch.randn(4, 96, 5, 5).mul_(50).requires_grad_()
    (expected,) = torch.autograd.grad(local_response_norm(x).sum(), x)
    half = x.detach().bfloat16().requires_grad_()
    (grad,) = torch.autograd.grad(local_response_norm(half).sum(), half)
    assert grad.dtype == torch.bfloat16
    assert float((grad.float() - expected).abs().max()) < 0.02


def test_check_12_at_unit_scale_the_norm_only_multiplies_by_a_constant():
    noise = torch.randn(16, 96, 12, 12, dtype=torch.float64)
    inert = local_response_norm(noise) / noise
    assert float((inert - 2**-0.75).abs().mean()) < 1e-3
    acting = local_response_norm(100 * noise) / (100 * noise)
    assert float((acting - 2**-0.75).abs().mean()) > 0.2
