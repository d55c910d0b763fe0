"""Lesson 08: the numbers it teaches, its figures and its explorers."""

import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from alexnet_lib.course.by_hand import window_starts
from alexnet_lib.course.exercises import nb08
from alexnet_lib.course.figures.ledger import ledger_chart, memory_chart
from alexnet_lib.course.figures.network import architecture
from alexnet_lib.course.flow import Edits, edit
from alexnet_lib.course.photographs import photograph
from alexnet_lib.course.widgets.flow import FlowExplorer
from alexnet_lib.course.widgets.network import PresetExplorer
from alexnet_lib.models.ledger import config_ledger, layer_ledger, parameter_count
from alexnet_lib.paper.facts import LAYERS, MACS, NEURONS, PARAMETERS, PRINTED_NEURONS
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS, AlexNet

EDITS = (
    {"conv1_stride": 3, "conv1_padding": "symmetric", "kernels": (7, 5, 3, 3, 5)},
    {"pool_kernel": 2, "groups": (3, 1, 2, 4, 1), "normalisation": None},
    {"input_size": 97, "resize_to": None, "widths": (12, 20, 8, 16, 4), "spatial_norm": True},
)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_planned_ledger_of_a_preset_equals_the_measured_one(preset: str) -> None:
    config = replace(PRESETS[preset], hidden_units=64, num_classes=10)
    assert config_ledger(config) == layer_ledger(AlexNet(config))


@pytest.mark.parametrize("edit", EDITS)
def test_the_planned_ledger_of_an_edited_network_equals_the_measured_one(edit: dict) -> None:
    config = replace(PRESETS["paper"], hidden_units=32, **edit)
    assert config_ledger(config) == layer_ledger(AlexNet(config))


def test_the_ledger_sums_to_the_numbers_of_the_paper() -> None:
    ledger = config_ledger(PRESETS["paper"])
    totals = [ledger.total(column) for column in ("parameters", "neurons", "macs")]
    assert totals == [PARAMETERS, NEURONS, MACS] == [60_965_224, 659_272, 724_406_816]
    for layer in LAYERS:
        row = ledger[layer.name]
        assert (row.neurons, row.parameters, row.macs) == (
            layer.neurons,
            layer.parameters,
            layer.macs,
        )
    assert ledger["pool5"].receptive_field == 195


@pytest.mark.parametrize(
    ("preset", "changes", "parameters", "macs"),
    [
        ("plain", {}, 62_378_344, 1_135_256_096),
        ("torchvision", {}, 61_100_840, 714_188_480),
        ("paper", {"num_classes": 10}, 56_909_194, None),
        ("cifar", {"num_classes": 10}, 28_569_994, 189_653_504),
        ("cifar-lite", {"num_classes": 10}, 5_726_602, None),
    ],
)
def test_other_networks_have_the_known_sums(
    preset: str, changes: dict, parameters: int, macs: int | None
) -> None:
    ledger = config_ledger(replace(PRESETS[preset], **changes))
    assert ledger.total("parameters") == parameters
    assert macs is None or ledger.total("macs") == macs


def test_maps_that_make_no_equal_groups_have_no_count() -> None:
    assert sum(parameter_count(*size) for size in nb08.SIZES) == PARAMETERS
    with pytest.raises(ValueError, match="no 3 equal groups"):
        parameter_count(96, 256, 5, 3)


def test_memory_of_a_step_grows_with_the_batch_only_where_it_should() -> None:
    ledger = config_ledger(PRESETS["paper"])
    small, large = ledger.training_bytes(128), ledger.training_bytes(256)
    assert small["weights"] == small["momentum"] == 4 * PARAMETERS == large["weights"]
    assert large["activations"] == 2 * small["activations"] == 2 * 128 * 4 * 1_258_760
    assert sum(small.values()) < 3e9 < sum(large.values())
    with pytest.raises(ValueError, match="batch_size is 0"):
        ledger.training_bytes(0)


def test_the_printed_list_of_neurons_holds_one_slip() -> None:
    assert sum(PRINTED_NEURONS) == 622_312
    assert PRINTED_NEURONS[0] == 2 * 55 * 48 * 48
    assert [layer.neurons for layer in LAYERS][1:] == list(PRINTED_NEURONS[1:])
    assert nb08.cannot_be_right(PRINTED_NEURONS, nb08.MAPS) == [0]


def test_totals_that_a_mistake_names_are_those_it_makes() -> None:
    for mistake in nb08.parameters.mistakes:
        if named := re.search(r"sum to ([\d,]+)", mistake.words):
            total = sum(mistake.answer(*size) for size in nb08.SIZES)
            assert int(named[1].replace(",", "")) == total


@pytest.mark.parametrize(
    "changes", [{}, {"resize_to": 32}, {"init": "torch"}, {"conv1_padding": "symmetric"}]
)
def test_what_the_task_leaves_open_may_be_chosen(changes: dict) -> None:
    assert nb08.variant.check(replace(PRESETS["cifar"], **changes)).passed


def test_several_mistakes_at_once_are_told_by_their_subject() -> None:
    verdict = nb08.variant.check(replace(PRESETS["cifar"], dropout_p=0.2, input_size=24))
    for subject in ("input_size (here: 24)", "conv1 (here: 5, 1, 24)", "settings that nothing"):
        assert subject in verdict.text.split("Look at")[1]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("conv1", "stride", 2)], "200,425,832 parameters (3.29 of before), 2,951,533,056"),
        ([("image", "width", 227)], "60,965,224 parameters, 724,406,816"),
        ([("conv2", "groups", 1)], "61,272,424 parameters (1.01 of before)"),
        ([("conv2", "groups", 3)], "conv2 has 96 maps in and 256 out"),
        ([("image", "width", 52)], "24,265,064 parameters (0.40 of before)"),
        ([("image", "width", 51)], "pool5 needs 3 pixels and has 2"),
        ([("pool1", "stride", 3), ("pool1", "kernel", 2)], "pool_kernel is 2"),
        ([("fc6", "width", 2048)], "27,455,848 parameters (0.45 of before)"),
    ],
)
def test_the_changes_that_the_lesson_asks_for_have_these_results(edits: list, words: str) -> None:
    explorer = FlowExplorer(photograph())
    changed: Edits = ()
    for one in edits:
        changed = edit(changed, PRESETS["paper"], *one)
    explorer.set(block="image", edits=changed)
    assert words in explorer.summary
    assert explorer.summary.startswith("Not possible") == ("conv2 has" in words or "_k" in words
                                                           or "needs" in words)  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_is_drawn_with_its_reasons(preset: str) -> None:
    figure, text = PresetExplorer().render(preset)
    assert text.startswith(PRESET_REASONS[preset])
    assert all(name in text for name in PRESETS[preset].changes())
    total = config_ledger(PRESETS[preset]).total("parameters")
    assert f"{total:,} parameters, 1,000 classes" in figure.get_label()  # fewer with ten


def test_the_preset_explorer_offers_all_presets() -> None:
    assert PresetExplorer().controls["preset"].options == tuple(PRESETS)


def test_text_and_quiz_count_the_positions_that_32_pixels_have() -> None:
    sides = [32]
    for kernel, stride in ((11, 4), (3, 2), (3, 2)):  # conv1, pool1, pool2, rounded up
        sides.append(len(window_starts(sides[-1], kernel, stride, rounding="up")))
    assert sides == [32, 7, 3, 1]
    (asked,) = (question for question in nb08.QUIZ.questions if "32 pixels" in question.text)
    (right,) = (option for option in asked.options if option.right)
    assert right.text.startswith(f"Stride 4 leaves {sides[1]} × {sides[1]} positions")
    assert right.feedback.startswith(", ".join(map(str, sides[1:])) + ":")


def test_blocks_are_to_scale_and_two_towers_meet_where_groups_say() -> None:
    figure = architecture(PRESETS["paper"], "paper")
    heights = [_height(front) for front in _fronts(figure)]
    image, conv1, conv2, conv3 = heights[0], heights[1], heights[3], heights[5]
    assert image / conv1 == pytest.approx(224 / 55)
    assert conv1 / conv2 == pytest.approx(55 / 27)
    assert conv2 / conv3 == pytest.approx(27 / 13)
    assert len(heights) == 1 + 2 * 7 + 1
    assert _crossings(figure) == 2 * 3  # conv3, fc6, fc7
    assert _crossings(architecture(PRESETS["plain"], "plain")) == 0
    assert len(_fronts(architecture(PRESETS["plain"], "plain"))) == 9


def test_the_bars_of_the_ledger_are_its_numbers() -> None:
    paper, cifar = config_ledger(PRESETS["paper"]), config_ledger(PRESETS["cifar"])
    figure = ledger_chart(cifar, "cifar", reference=paper)
    for axes, column in zip(figure.axes, ("parameters", "macs"), strict=True):
        widths = [bar.get_width() for bar in axes.patches]
        rows = [ledger[layer.name] for ledger in (cifar, paper) for layer in LAYERS]
        assert widths == [getattr(row, column) for row in rows]
    assert "dense layers" in figure.get_label()


def test_the_memory_chart_tells_each_rows_sum() -> None:
    needs = {f"batch {n}": config_ledger(PRESETS["paper"]).training_bytes(n) for n in (128, 256)}
    words = memory_chart(needs, 3e9, "Memory").get_label()
    assert words == "Memory: batch 128 2.02 GB, batch 256 3.31 GB; the line is at 3.00 GB."


def _fronts(figure: Figure) -> list[Polygon]:
    """Each box is three faces, the front first."""
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Polygon)][::3]


def _height(front: Polygon) -> float:
    ys = front.get_xy()[:, 1]
    return ys.max() - ys.min()


def _crossings(figure: Figure) -> int:
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    return sum(arrow.get_linewidth() > 1 for arrow in arrows)
