"""The flow view: blocks and costs, changes and where they break, maps, and pointing at them."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alexnet_lib.course import flow
from alexnet_lib.course.figures.flow import photo_box
from alexnet_lib.course.flow import BLOCKS, Flow, Start, code_of, costs, edit, edited
from alexnet_lib.course.widgets.flow import PAPER, FlowExplorer
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper import network as paper_network
from alexnet_lib.paper.facts import MACS, PARAMETERS
from alexnet_lib.paper.network import PRESETS, AlexNet, AlexNetConfig
from alexnet_lib.training.checkpoint import TrainedNetwork

PAPERS = PRESETS["paper"]
SMALL = {"widths": (8, 12, 16, 16, 8), "hidden_units": 6, "init": "kaiming"}


def noise(side: int = 40) -> Tensor:
    return torch.randint(256, (3, side, side), dtype=torch.uint8,
                         generator=torch.Generator().manual_seed(0))  # fmt: skip


def point(explorer: FlowExplorer, place: int, row: int, column: int) -> None:
    """What the page sends."""
    number = explorer.image.pointed.get("number", 0) + 1
    told = {"place": place, "row": row, "column": column, "turn": 0, "number": number}
    explorer.image.pointed = told


@pytest.fixture(scope="module")
def trained() -> TrainedNetwork:
    scale = Preprocessing(torch.full((3, 32, 32), 128.0), torch.full((3, 1, 1), 60.0))
    return TrainedNetwork(build_model("cifar-lite", 4, **SMALL), scale, tuple("abcd"), {})


@pytest.fixture
def explorer(trained: TrainedNetwork) -> FlowExplorer:
    explorer = FlowExplorer(noise(), {"small": trained})
    explorer.set(network="small")
    return explorer


@pytest.mark.parametrize("preset", PRESETS)
def test_the_blocks_share_the_whole_ledger_out(preset: str) -> None:
    config, told = PRESETS[preset], costs(PRESETS[preset])
    for column in ("parameters", "macs"):
        total = config_ledger(config).total(column)
        assert sum(getattr(cost, column) for cost in told.values()) == total
    assert told["conv2"].last.receptive_field == 51 or preset != "paper"


@pytest.mark.parametrize("block", BLOCKS)
def test_the_lines_of_a_block_stand_in_the_file_where_it_says(block: str) -> None:
    written = Path(paper_network.__file__).read_text(encoding="utf-8").splitlines()
    lines = code_of(block)
    assert lines and all(written[number - 1].strip() == line for number, line in lines)
    assert block == "image" or len(lines) >= 2  # built, and run
    assert all("norm1_first" not in line or block == "conv1" for _, line in lines)


@pytest.mark.parametrize(
    ("changes", "block", "words"),
    [
        ([("conv2", "groups", 3)], "conv2", "96 maps in and 256 out"),
        ([("conv1", "groups", 2)], "conv1", "3 maps in"),
        ([("image", "width", 51)], "pool5", "needs 3 pixels and has 2"),
        ([("pool5", "kernel", 2), ("pool2", "stride", 3)], "pool1", "pool_kernel is 2"),
    ],
)
def test_an_impossible_network_breaks_at_a_block(changes: list, block: str, words: str) -> None:
    edits: flow.Edits = ()
    for change in changes:
        edits = edit(edits, PAPERS, *change)
    config, broken = edited(PAPERS, edits)
    assert broken.block == block and words in broken.reason
    if block.startswith("pool5"):
        assert config.map_sizes()["conv5"] == 2 and config.map_sizes()["pool5"] == 0


def test_a_change_that_is_taken_back_leaves_nothing() -> None:
    edits = edit((), PAPERS, "conv3", "kernel", 5)
    config, broken = edited(PAPERS, edits)
    assert broken is None and config.paddings == (0, 2, 2, 1, 1)
    assert config.map_sizes()["conv3"] == 13
    assert edit(edits, PAPERS, "conv3", "kernel", 3) == ()
    assert edit((), PAPERS, "fc7", "width", 8) == (("fc6", "width", 8),)  # one number for both


@pytest.mark.parametrize("preset", ["cifar-lite", "source2012"])
def test_a_trained_network_gives_what_it_gives_in_one_piece(preset: str) -> None:
    size = {"input_size": 67, "resize_to": None} if preset == "source2012" else {}
    config = AlexNetConfig(**{**vars(PRESETS[preset]), **SMALL, **size, "num_classes": 4})
    network = AlexNet(config).eval()
    start = Start(config, network.state_dict(), torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    way = Flow(noise(80), {"it": start})
    x = way.pixels(config.input_size)[None].float()
    with torch.no_grad():
        torch.testing.assert_close(way.through("it", (), "pool5").output, network.features(x)[0])
        torch.testing.assert_close(way.through("it", (), "fc8").output, network(x)[0])
    assert way.through("it", (), "fc8").is_trained


def test_from_a_change_of_shape_on_weights_are_first_ones() -> None:
    config = AlexNetConfig(**{**vars(PRESETS["cifar-lite"]), **SMALL})
    weights = AlexNet(config).state_dict()
    start = Start(config, weights, torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    way = Flow(noise(), {"it": start})
    edits = edit((), config, "conv3", "width", 24)
    made = {block: way.through("it", edits, block).is_trained for block in BLOCKS}
    assert [block for block, is_trained in made.items() if is_trained] == list(BLOCKS[:5])
    assert way.through("it", edits, "pool2") is way.through("it", (), "pool2")  # not run again
    assert way.through("it", edits, "conv3").output.shape == (24, 7, 7)


def test_drawn_units_have_the_spread_that_drawn_weights_would_give_them() -> None:
    x, layer = torch.rand(1, 300), torch.nn.Linear(300, 20_000)
    drawn = flow._drawn_units(x, layer, "fc8")
    weights = 0.01 * torch.randn(20_000, 300, generator=torch.Generator().manual_seed(1))
    assert float(drawn.std()) == pytest.approx(float((x @ weights.T).std()), rel=0.03)
    biased = flow._drawn_units(x, layer, "fc6")
    assert float(biased.mean()) == pytest.approx(1.0, abs=0.01)


def test_clicking_a_block_shows_its_costs_its_maps_and_its_window() -> None:
    explorer = FlowExplorer(noise())
    assert explorer.summary.startswith("conv1: the 24 strongest of 96 maps, first weights.")
    assert f"{PARAMETERS:,} parameters, {MACS:,} multiply-adds" in explorer.summary
    point(explorer, 0, 0, BLOCKS.index("pool5"))
    assert explorer.state["block"] == "pool5"
    assert "one unit sees 195×195 px" in explorer.summary
    assert explorer.image.places[0]["at"] == [0, BLOCKS.index("pool5")]


def test_a_unit_is_chosen_on_the_picture_and_kept_from_block_to_block(
    explorer: FlowExplorer,
) -> None:
    point(explorer, 1, 27, 0)
    assert "Unit (27, 0) of 28×28 sees rows 25 to 29, columns -2 to 2." in explorer.summary
    told = explorer.image.places[1]
    photo = photo_box()
    scale = photo.width / 32  # 28 pixels and 2 of zeros on either side
    assert told["box"] == pytest.approx([photo.left + 2 * scale, photo.top + 2 * scale,
                                         28 * scale, 28 * scale])  # fmt: skip
    explorer.set(block="conv5")
    assert "Unit (6, 0) of 7×7" in explorer.summary


def test_sliders_follow_the_block_and_change_what_comes_after_it(explorer: FlowExplorer) -> None:
    before = explorer.summary
    assert [explorer.knobs[name].value for name in ("width", "kernel", "stride", "groups")] == [
        8, 5, 1, 1,
    ]  # fmt: skip
    explorer.knobs["stride"].value = 2
    assert "Output 8×15×15" in explorer.summary and "Changed: conv1 stride 2." in explorer.summary
    explorer.set(block="pool1")
    assert explorer.knobs["width"].layout.display == "none"
    assert [explorer.knobs[name].value for name in ("kernel", "stride")] == [3, 2]
    explorer.set(block="fc7")
    assert explorer.knobs["width"].description == "units" and explorer.knobs["width"].value == 6
    explorer.set(block="conv1")
    explorer.knobs["stride"].value = 1
    assert _untimed(explorer.summary) == _untimed(before)


def test_what_breaks_is_said_at_the_block_and_can_be_put_back(explorer: FlowExplorer) -> None:
    explorer.set(network=PAPER, block="conv2")
    explorer.knobs["groups"].value = 3
    assert explorer.summary.startswith("Not possible, conv2 breaks: groups is (1, 3, 1, 2, 2)")
    assert not explorer.image.is_pale and len(explorer.image.places) == 1
    point(explorer, 0, 0, 0)  # other blocks can still be reached
    assert explorer.state["block"] == "image"
    explorer.reset()
    assert explorer.state["edits"] == () and explorer.knobs["groups"].value == 1


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_drawn(explorer: FlowExplorer, block: str) -> None:
    explorer.set(block=block)
    assert explorer.summary.startswith(f"{block}: ")


def test_every_end_of_every_slider_is_drawn_or_refused_in_words(explorer: FlowExplorer) -> None:
    for block in ("image", "conv1", "conv3", "pool2", "fc6", "fc8"):
        for name, knob in explorer.knobs.items():
            explorer.reset()
            explorer.set(network="small", block=block)
            if knob.layout.display != "none":
                for end in (knob.min, min(knob.max, 512)):
                    knob.value = end
                    assert explorer.summary.startswith((f"{block}: ", "Not possible, ")), name


def test_the_still_holds_no_time_of_this_machine(explorer: FlowExplorer) -> None:
    assert " ms here" in explorer.summary
    bundle, _ = explorer.still()
    assert " ms here" not in bundle["text/plain"]
    assert bundle["text/plain"] == _untimed(explorer.summary)


def test_what_did_not_run_has_no_time() -> None:
    way = Flow(noise(), {PAPER: Start(PAPERS, {}, torch.zeros(3, 1, 1), torch.ones(3, 1, 1))})
    assert math.isnan(way.through(PAPER, (), "image").seconds)


def _untimed(words: str) -> str:
    before, _, after = words.partition(", time ")
    return f"{before}.{after.partition('one picture.')[2]}"
