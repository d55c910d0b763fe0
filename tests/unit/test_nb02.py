"""Lesson 02: where windows lie, what units see, and the words and pictures of its explorers."""

import base64
import io
from collections.abc import Callable

import ipywidgets
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from alexnet_lib.course.by_hand import window_starts
from alexnet_lib.course.exercises import nb02
from alexnet_lib.course.figures.convolution import corner_windows
from alexnet_lib.course.figures.pixels import CELL, Box, image_view, number_grid, side_by_side
from alexnet_lib.course.figures.style import PALE, YELLOW
from alexnet_lib.course.photographs import photograph
from alexnet_lib.course.widgets.convolution import (
    ReceptiveFieldExplorer,
    SizePlayground,
    WindowStepper,
)
from alexnet_lib.inspection.units import ReceptiveField, receptive_fields
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.layers import CeilConv2d, OverlappingMaxPool2d

IMAGE = torch.arange(49.0).view(7, 7)
FILTERS = {"edge": torch.tensor([[-1.0, 0, 1]] * 3), "wide": torch.ones(2, 4)}
STEPPER = WindowStepper(IMAGE, FILTERS)
EDGE = {"filter": "edge", "stride": 1, "padding": 0, "output": 0}


@given(
    size=st.integers(1, 40), kernel=st.integers(1, 9), stride=st.integers(1, 6),
    padding=st.integers(0, 4), rounding=st.sampled_from(["down", "up"]),
)  # fmt: skip
def test_windows_lie_where_torch_and_the_authors_put_them(
    size: int, kernel: int, stride: int, padding: int, rounding: str
) -> None:
    if kernel > size + 2 * padding:
        with pytest.raises(ValueError, match="does not fit"):
            window_starts(size, kernel, stride, padding, rounding)
        return
    starts = window_starts(size, kernel, stride, padding, rounding)
    assert starts[0] == -padding
    end = size + padding
    assert starts[-1] + kernel <= end if rounding == "down" else starts[-1] + kernel >= end
    x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    if rounding == "down":
        assert len(starts) == F.conv1d(x, weight, stride=stride, padding=padding).shape[-1]
        assert len(starts) == nb02.output_size(size, kernel, stride, padding)


@pytest.mark.parametrize("wrong", [(0, 1), (5, 0), (5, 1, 0), (5, 1, 1, -1), (5, 1, 1, 0, "near")])
def test_a_setting_out_of_range_is_refused(wrong: tuple) -> None:
    with pytest.raises(ValueError, match="expected"):
        window_starts(*wrong)


def test_224_pixels_under_three_rules() -> None:
    """The numbers that section 2.7 teaches."""
    down, around, up = (
        window_starts(224, 11, 4, *rule) for rule in ((0, "down"), (2, "down"), (0, "up"))
    )
    assert [(len(s), s[0], s[-1] + 11) for s in (down, around, up)] == [
        (54, 0, 223), (55, -2, 225), (55, 0, 227),
    ]  # fmt: skip


def test_unfolded_windows_answer_the_local_exercise() -> None:
    def by_unfold(x: Tensor, weight: Tensor) -> Tensor:
        windows = x.unfold(2, weight.shape[4], 1).unfold(3, weight.shape[5], 1)
        return torch.einsum("nchwij,hwkcij->nkhw", windows, weight)

    assert nb02.local.check(by_unfold).passed


def test_a_bias_along_the_last_axis_is_named() -> None:
    def conv2d(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
        columns = F.unfold(x, weight.shape[2:], stride=stride, padding=padding)
        y = weight.flatten(1) @ columns + bias
        return y.view(len(x), len(weight), (x.shape[2] - weight.shape[2]) // stride + 1, -1)

    assert "bias[:, None]" in nb02.unfold.check(conv2d).text


def test_the_exercises_solutions_equal_torch() -> None:
    for case in nb02.unfold.cases():
        x, weight, bias, stride, padding = case
        torch.testing.assert_close(
            nb02.conv2d_by_unfold(*case), F.conv2d(x, weight, bias, stride, padding)
        )
    x, weight = torch.randn(2, 3, 6, 7), torch.randn(4, 3, 3, 2)
    tied = weight.expand(4, 6, -1, -1, -1, -1)
    torch.testing.assert_close(nb02.locally_connected(x, tied), F.conv2d(x, weight))


@pytest.mark.parametrize("size", [21, 22, 24, 27])
def test_receptive_fields_are_where_the_gradient_comes_from(size: int) -> None:
    net = nn.Sequential(
        CeilConv2d(3, 2, 5, stride=2),
        OverlappingMaxPool2d(3, 2),
        nn.Conv2d(2, 2, 3, padding=1),
        nn.Conv2d(2, 2, 3, padding=2),
    )
    field = receptive_fields(net, size)["3"]
    for parameter in net.parameters():
        nn.init.ones_(parameter)  # so that nothing cancels
    net[1] = nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False)  # unlike max: all pixels
    for row, column in ((0, 0), (1, field.units - 1), (field.units - 1, 2)):
        x = torch.zeros(1, 3, size, size, requires_grad=True)
        net(x)[0, 0, row, column].backward()
        seen = x.grad[0, 0] != 0
        for axis, unit in ((1, row), (0, column)):
            pixels = field.pixels(unit)
            expected = [pixel in pixels for pixel in range(size)]
            assert seen.any(axis).tolist() == expected


def test_the_fields_of_alexnet() -> None:
    """The numbers that section 2.9 teaches."""
    fields = receptive_fields(build_model("paper", hidden_units=8))
    told = {name: (f.units, f.size, f.jump, f.start) for name, f in fields.items()}
    assert told["conv1"] == (55, 11, 4, 0)
    assert told["conv2"] == (27, 51, 8, -16)
    assert told["conv5"] == (13, 163, 16, -64)
    assert told["pool5"] == (6, 195, 32, -64)
    assert told["fc6"] == (1, 355, 32, -64)
    with pytest.raises(ValueError, match="conv5 has no unit 13; expected 0 to 12"):
        fields["conv5"].pixels(13)


def test_the_extra_norm_of_2012_widens_the_field_on_both_sides() -> None:
    fields = [receptive_fields(build_model(n, hidden_units=8)) for n in ("paper", "source2012")]
    paper, source = (f["pool2"] for f in fields)
    assert (source.size, source.start) == (paper.size + 4 * 8, paper.start - 2 * 8)


def test_the_stepper_says_products_sum_and_place() -> None:
    (picture, _), text = STEPPER.render(**EDGE | {"output": 7})
    assert text == (
        "edge: 9·(-1) + 11·1 + 16·(-1) + 18·1 + 23·(-1) + 25·1 = 6, "
        "which lands in row 1, column 2 of the 5×5 feature map."
    )
    assert picture.mode == "RGB"
    _, text = STEPPER.render(**EDGE | {"filter": "wide", "stride": 2, "padding": 1})
    assert text.startswith("wide: 1·1 + 2·1 = 3, ")
    assert "of the 4×3 feature map" in text
    _, text = WindowStepper(torch.zeros(7, 7), FILTERS).render(**EDGE)
    assert text.startswith("edge: all products are 0, their sum = 0")


def test_the_steppers_map_fills_in_reading_order() -> None:
    """The last cell of the map stays empty until the window stands there."""
    last = {}
    for place in (3, 4):
        (picture, _), _ = STEPPER.render(**EDGE | {"output": 20 + place})
        last[place] = picture.getpixel((picture.width - CELL + 6, 30 + 4 * CELL + 12))
    assert min(last[3]) > 240
    assert min(last[4]) < 100  # 6 is the largest sum: dark red


def test_the_steppers_slider_ends_with_the_map_and_so_does_its_player() -> None:
    stepper = WindowStepper(IMAGE, FILTERS)
    output = stepper.controls["output"]
    (play,) = (part for part in _parts(stepper) if isinstance(part, ipywidgets.Play))
    assert output.max == play.max == 24
    stepper.set(output=24)
    stepper.controls["stride"].value = 3
    assert stepper.state["output"] == output.max == play.max == 3
    assert "row 1, column 1 of the 2×2" in stepper.summary
    stepper.set(filter="wide", stride=1)
    assert output.max == 6 * 4 - 1


def test_a_photograph_shows_its_window_in_numbers_and_its_map_as_it_fills() -> None:
    photo = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0))
    stepper = WindowStepper({"grey": photo[:1], "colour": photo}, {"edge": FILTERS["edge"]})
    expected = F.conv2d(photo[None], FILTERS["edge"].expand(1, 3, 3, 3))[0, 0]
    stepper.set(input="colour", output=37)
    assert f" = {float(expected[3, 7]):.4g}, which lands in row 3, column 7" in stepper.summary
    assert stepper.summary.startswith("edge: red ")
    (early, _), _ = stepper.render(**stepper.state | {"output": 0})
    (late, cells), _ = stepper.render(**stepper.state | {"output": 99})
    box = cells[0].box
    far = (round(box.left + 0.5 * box.width), round(box.top + 0.75 * box.height))
    assert min(early.getpixel(far)) >= min(late.getpixel(far))  # pale before it is reached
    assert len(cells) == 5 and [part.rows for part in cells] == [10, 10, 3, 3, 3]
    stepper.set(input="grey")
    assert len(stepper.image.places) == 3


def test_a_filter_of_three_planes_acts_on_grey_as_its_sum() -> None:
    colour = torch.tensor([1.0, -0.5, -0.25])[:, None, None].expand(3, 2, 2)
    inputs = {"grey": torch.rand(12, 12), "colour": torch.rand(3, 12, 12)}
    stepper = WindowStepper(inputs, {"red": colour})
    assert stepper.kernel("red", "grey").tolist() == [[[0.25] * 2] * 2]
    torch.testing.assert_close(stepper.kernel("red", "colour"), colour)


def _parts(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    inside = [part for child in getattr(widget, "children", ()) for part in _parts(child)]
    return [widget, *inside]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ((12, 5, 2, 0, "down"), "= 3.5, rounded down, plus 1: 4 outputs. 1 of 12 pixels are never"),
        ((12, 5, 2, 0, "up"), "= 3.5, rounded up, plus 1: 5 outputs. Every pixel is seen."),
        ((12, 5, 1, 2, "down"), "(12 + 2 · 2 − 5) / 1 = 11, rounded down, plus 1: 12 outputs."),
        ((10, 2, 4, 0, "down"), "4 of 10 pixels are never seen."),
        ((4, 2, 1, 3, "down"), "4 of the windows hold nothing but zeros."),
    ],
)
def test_the_playground_counts_and_says_what_is_missed(setting: tuple, words: str) -> None:
    names = ("size", "kernel", "stride", "padding", "rounding")
    assert words in SizePlayground().render(**dict(zip(names, setting, strict=True)))[1]


def test_the_playground_explains_an_impossible_setting() -> None:
    playground = SizePlayground()
    picture = playground.image.value
    playground.set(size=3, kernel=6, padding=1)
    assert playground.summary.startswith("Not possible: a window of 6 is wider than 3 pixels and")
    assert playground.image.value != picture and playground.image.is_old


@pytest.mark.parametrize("end", ["min", "max"])
def test_every_end_of_the_playground_can_be_drawn(end: str) -> None:
    playground = SizePlayground()
    sliders = {name: c for name, c in playground.controls.items() if name != "rounding"}
    playground.set(**{name: getattr(slider, end) for name, slider in sliders.items()})
    assert "outputs" in playground.summary
    assert Image.open(io.BytesIO(playground.image.value)).size == (1080, 400)


def test_the_field_explorer_follows_layer_and_unit() -> None:
    fields = {"a": ReceptiveField("a", 5, 4, 2, 0), "b": ReceptiveField("b", 2, 8, 4, -2)}
    noise = torch.randint(0, 256, (2, 3, 12, 12), dtype=torch.uint8)
    pictures = dict(zip(("first", "second"), noise, strict=True))
    explorer = ReceptiveFieldExplorer(fields, pictures, "some pictures")
    explorer.set(row=4, column=1)
    assert explorer.summary == (
        "first: unit (4, 1) of 5×5 in a sees rows 8 to 11 and columns 2 to 5: 4×4 pixels, 100% "
        "of them on the picture. Its neighbour looks 2 pixels further."
    )
    before = explorer.image.value
    explorer.controls["layer"].value = "b"
    assert explorer.state["row"] == 1
    assert explorer.controls["row"].max == 1
    explorer.controls["row"].value = 0
    assert "rows -2 to 5 and columns 2 to 9: 8×8 pixels, 75% of" in explorer.summary
    assert explorer.image.value != before


def test_the_field_explorers_still_of_a_photograph_is_small_and_keeps_the_frame() -> None:
    fields = {"conv3": ReceptiveField("conv3", 13, 99, 16, -32)}
    explorer = ReceptiveFieldExplorer(fields, {"cat": photograph()[:, 38:262, 113:337]}, "X")
    explorer.set(row=6, column=6)
    png = base64.b64decode(explorer.still()[0]["image/png"])
    assert len(png) < 60_000 < len(explorer.image.value)
    colours = Image.open(io.BytesIO(png)).convert("RGB").getcolors()
    assert YELLOW in {f"#{red:02x}{green:02x}{blue:02x}" for _, (red, green, blue) in colours}


def test_a_view_shows_the_pixels_it_names_and_is_hatched_outside() -> None:
    image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    image[:, 3, 1] = 255
    view = image_view(image, 2, 0, 4, 40)
    assert view.getpixel((15, 15)) == (255, 255, 255)
    assert view.getpixel((5, 5)) == (0, 0, 0)
    outside = {view.getpixel((x, 35)) for x in range(40)}
    assert outside == {tuple(bytes.fromhex(PALE[1:])), (255, 255, 255)}


def test_a_frame_lies_around_its_cells() -> None:
    grid, framed = (number_grid(torch.zeros(3, 3), boxes) for boxes in ((), [Box(1, 2, 1, 1)]))
    changed = _difference(grid, framed).nonzero()
    assert changed.amin(0).tolist() == [CELL + 1, 2 * CELL + 1]
    assert changed.amax(0).tolist() == [2 * CELL + 3, 3 * CELL + 3]


def test_pictures_stand_in_a_row_with_room_for_their_titles() -> None:
    small = Image.new("RGB", (10, 10))
    row = side_by_side(["a title much wider than its picture", ""], [small, small], gap=5)
    assert row.width > 150
    assert row.height == 40


def test_the_corner_figure_is_described() -> None:
    image = torch.zeros(3, 224, 224, dtype=torch.uint8)
    words = corner_windows(image, "some pictures").get_label()
    assert "some pictures" in words
    assert "round up: 55, from 0 to 227." in words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda n, k, s, p: max(0, (n + 2 * p - k) // s + 1 + (s > 2)),
            "size = 5, kernel_size = 3, stride = 3, padding = 0 expected 1, got 2.",
        ),
        (lambda n, k, s, p: [n], "expected a number, got a list of 1"),
    ],
)
def test_an_unknown_wrong_size_is_shown_with_its_case(answer: Callable, words: str) -> None:
    assert words in nb02.sizes.check(answer).text


def _difference(a: Image.Image, b: Image.Image) -> Tensor:
    first, second = (
        torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(p.height, p.width, 3)
        for p in (a, b)
    )
    return (first != second).any(-1)
