"""Lesson 12: how large a signal arrives, by pencil and in a network."""

from typing import Any

import pytest
import torch

from alexnet_lib.course.exercises import nb12
from alexnet_lib.course.figures.optimisation import signal_chart
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.inspection.health import LayerSignal, layer_signals
from alexnet_lib.models.registry import build_model


@pytest.mark.parametrize(
    ("sigma", "last", "factor"),
    [(lambda n: 0.01, 0.0114, 0.37), (lambda n: (3 * n) ** -0.5, 0.0655, 0.41),
     (lambda n: (2 / n) ** 0.5, 84.85, 1.0)],
    ids=["paper", "torch", "kaiming"],
)  # fmt: skip
def test_the_signal_by_pencil(sigma: Any, last: float, factor: float) -> None:
    fan_ins = [363, 1200, 2304, 1728, 1728, 9216, 4096, 4096]
    stds = nb12.signal_stds([sigma(n) for n in fan_ins], fan_ins, x_rms=60)
    assert stds[-1] == pytest.approx(last, rel=0.01)
    assert (stds[-1] / stds[0]) ** (1 / 7) == pytest.approx(factor, abs=0.006)


def test_the_signal_by_pencil_is_what_layers_measure() -> None:
    generator, x, stds = torch.Generator().manual_seed(0), None, []
    x = torch.randn(2000, 300, generator=generator)
    for _ in range(5):
        z = x @ (0.05 * torch.randn(300, 300, generator=generator))
        stds.append(float(z.std()))
        x = z.relu()
    assert nb12.signal_stds([0.05] * 5, [300] * 5, 1.0) == pytest.approx(stds, rel=0.1)


# --- signals of a network -------------------------------------------------------------------


def test_signals_see_what_differs_between_images_and_leave_the_model_alone() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    with torch.no_grad():
        net[0].bias.fill_(100.0)  # alike for every image: no signal
    x, y = torch.randn(64, 4, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 2
    first, last = layer_signals(net, x, y)
    z = net[0](x).detach()
    assert first.spread == pytest.approx(float(z.var(dim=0).mean().sqrt()))
    assert first.spread < 5 and (first.layer, last.layer) == ("0", "2")
    loss = torch.nn.functional.cross_entropy(net(x), y)
    (gradient,) = torch.autograd.grad(loss, net[2].weight)
    expected = float(gradient.norm() / net[2].weight.detach().norm())
    assert last.gradient == pytest.approx(expected, rel=1e-5)
    assert all(p.grad is None for p in net.parameters())
    with pytest.raises(ValueError, match="at least two"):
        layer_signals(net, x[:1], y[:1])


def test_a_wider_start_carries_more_signal() -> None:
    x, y = torch.randn(8, 3, 12, 12, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    small = {"input_size": 12, "resize_to": 12, "hidden_units": 32, "dropout_p": 0.0}
    last = [
        layer_signals(build_model("cifar-lite", init=init, **small), x, y)[-1].spread
        for init in ("paper", "source2012", "torch", "kaiming")
    ]
    assert last == sorted(last)


def test_signals_are_told() -> None:
    layers = [LayerSignal("conv1", 2.0, 0.1), LayerSignal("fc8", 0.5, 0.2)]
    chart = signal_chart({"centred": {"paper": layers}}, "Signals, toy")
    assert chart.get_label() == "Signals, toy. Spread of the last layer: paper, centred: 0.5."
    assert save_png(chart).startswith(b"\x89PNG")
