"""Lesson 04: the numbers it teaches, the wiring board, its figures."""

from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from alexnet_lib.course.exercises import nb04
from alexnet_lib.course.figures.network import architecture
from alexnet_lib.course.figures.towers import kernel_blocks, tower_strips
from alexnet_lib.course.widgets.network import WiringBoard
from alexnet_lib.inspection.filters import colourfulness
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.models.two_towers import (
    CAN_TALK,
    PAPER_TALKS,
    TwoTowerAlexNet,
    crossing_bytes,
    wired_ledger,
)
from alexnet_lib.paper.facts import LAYERS, PARAMETERS
from alexnet_lib.paper.network import PRESETS

PAPER = PRESETS["paper"]


def test_what_crosses_in_the_papers_wiring() -> None:
    crossing = crossing_bytes(PAPER)
    assert crossing == {"conv3": 173_056, "fc6": 36_864, "fc7": 16_384, "fc8": 8_192}
    assert sum(crossing.values()) == 234_496
    assert nb04.conv3_traffic() == crossing["conv3"] == nb04.traffic.reference


def test_what_would_cross_elsewhere_and_conv3_is_the_cheapest_convolution() -> None:
    crossing = crossing_bytes(PAPER, CAN_TALK)
    assert crossing["conv2"] == 4 * 96 * 27**2
    assert crossing["conv4"] == crossing["conv5"] == 4 * 384 * 13**2
    assert min(CAN_TALK[:4], key=crossing.get) == "conv3"
    assert crossing_bytes(PAPER, ()) == {"fc8": 8_192}


@torch.no_grad()
def test_the_shapes_predict_what_the_two_towers_send() -> None:
    """Counted where the towers of the package join their halves."""
    config = replace(PAPER, input_size=67, widths=(8, 12, 16, 20, 24), hidden_units=10)
    towers, seen = TwoTowerAlexNet(config).eval(), {}

    def listen(name: str, module: torch.nn.Module) -> None:
        module.register_forward_hook(
            lambda _, inputs, __: seen.update({name: inputs[0].numel() * 4})
        )

    for name in PAPER_TALKS:
        listen(name, getattr(towers, name).tower_a)
    listen("fc8", towers.fc8)
    towers(torch.zeros(1, 3, 67, 67))
    seen["fc8"] //= 2  # one of the towers has it at home
    assert crossing_bytes(config) == seen


def test_wired_ledgers_have_the_known_sums() -> None:
    assert wired_ledger(PAPER) == config_ledger(PAPER)
    everywhere = wired_ledger(PAPER, CAN_TALK)
    assert everywhere.total("parameters") == 62_378_344
    assert everywhere.total("macs") == 1_135_256_096
    silent = wired_ledger(PAPER, ("conv3",))
    for name, inputs in (("fc6", 9216), ("fc7", 4096)):
        assert silent[name].parameters == 4096 * (inputs // 2 + 1)
        assert silent[name].macs == 4096 * inputs // 2


@pytest.mark.parametrize("count", [crossing_bytes, wired_ledger])
def test_a_layer_that_cannot_talk_is_refused(count) -> None:
    with pytest.raises(ValueError, match=r"\['fc8'\]; expected some of conv2, conv3"):
        count(PAPER, ("conv3", "fc8"))


def test_silence_halves_the_weights_and_the_sum_is_the_papers() -> None:
    sizes = {"conv2": (96, 5), "conv3": (256, 3), "conv4": (384, 3), "conv5": (384, 3)}
    for layer in LAYERS[1:5]:
        maps_in, kernel = sizes[layer.name]
        talks = layer.name in PAPER_TALKS
        counted = nb04.tower_parameters(maps_in, layer.maps, kernel, talks)
        assert counted == layer.parameters


def test_the_one_tower_net_of_the_paper_is_hardly_smaller() -> None:
    half = replace(PAPER, widths=(48, 128, 192, 192, 256), groups=(1,) * 5)
    ledger = config_ledger(half)
    assert (ledger.total("parameters"), ledger.total("macs")) == (59_798_312, 391_514_384)


def test_the_board_starts_with_the_papers_wiring() -> None:
    board = WiringBoard()
    assert tuple(board.controls) == CAN_TALK
    assert "meet at conv3, fc6, fc7, fc8: 234,496 bytes" in board.summary
    assert "30.0 MB per batch of 128" in board.summary
    assert f"{PARAMETERS:,} parameters, 724,406,816" in board.summary
    assert board.summary.endswith("This is the paper's wiring.")


@pytest.mark.parametrize("layer", CAN_TALK)
def test_each_switch_changes_words_picture_and_arrows(layer: str) -> None:
    state = {name: name in PAPER_TALKS for name in CAN_TALK}
    before, text = WiringBoard().render(**state)
    after, other = WiringBoard().render(**state | {layer: not state[layer]})
    assert "This is the paper's wiring" in text
    assert "This is the paper's wiring" not in other
    assert before.get_label() != after.get_label()
    assert _crossings(after) - _crossings(before) == (-2 if state[layer] else 2)


def test_the_board_at_its_ends() -> None:
    _, text = WiringBoard().render(**dict.fromkeys(CAN_TALK, True))
    assert "1,033,600 bytes" in text
    assert "62,378,344 (+1,413,120) parameters" in text
    figure, text = WiringBoard().render(**dict.fromkeys(CAN_TALK, False))
    assert "meet at fc8: 8,192 bytes" in text
    assert _crossings(figure) == 0
    assert "8,192 bytes cross at fc8" in figure.get_label()


def test_the_drawing_says_what_crosses() -> None:
    figure = architecture(PAPER, "Towers", {"conv3": 173_056, "fc8": 8_192})
    words = [text.get_text() for text in figure.axes[0].texts]
    assert [word for word in words if word.endswith("kB")] == ["173 kB", "8 kB"]


def test_kernel_blocks_fill_half_or_all() -> None:
    figure = kernel_blocks({"conv2": (96, 256, 2), "conv3": (256, 384, 1)})
    silent, talking = (torch.tensor(axes.images[0].get_array().tolist()) for axes in figure.axes)
    assert (silent > 0).float().mean() == 0.5
    assert (silent[:128, :48] == 1).all()
    assert (silent[128:, 48:] == 2).all()
    assert (talking > 0).all()


def test_colourfulness_of_known_filters() -> None:
    grey = torch.randn(4, 1, 5, 5).expand(-1, 3, -1, -1)
    colour = torch.tensor([1.0, -1.0, 0.0])[None, :, None, None] * torch.randn(4, 1, 5, 5)
    red = torch.zeros(1, 3, 5, 5).index_fill(1, torch.tensor([0]), 1.0)
    assert colourfulness(grey).abs().max() < 1e-6
    torch.testing.assert_close(colourfulness(colour), torch.ones(4))
    torch.testing.assert_close(colourfulness(red), torch.tensor([2 / 3]))
    torch.testing.assert_close(colourfulness(7 * (grey + colour)), colourfulness(grey + colour))
    noise = torch.randn(500, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert colourfulness(noise).mean() == pytest.approx(2 / 3, abs=0.02)
    with pytest.raises(ValueError, match=r"expected \(M, 3, K, K\)"):
        colourfulness(torch.zeros(4, 1, 5, 5))


def test_the_strips_tell_each_towers_mean() -> None:
    shares = torch.cat([torch.full((48,), 0.25), torch.full((48,), 0.75)])
    figure = tower_strips({"made up": shares}, "Colourfulness")
    assert figure.get_label() == "Colourfulness. made up: means 0.25 and 0.75; noise has 0.67."
    assert [len(dots.get_offsets()) for dots in figure.axes[0].collections[::2]] == [48, 48]


def _crossings(figure: Figure) -> int:
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    return sum(arrow.get_linewidth() > 1 for arrow in arrows)
