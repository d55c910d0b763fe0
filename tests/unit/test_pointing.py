"""Pictures that can be pointed at, and the board that can be painted, as their page tells them."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.widgets import pointing
from alexnet_lib.course.widgets.convolution import WindowStepper
from alexnet_lib.course.widgets.core import Explorer, Shown, Touchable, slider, to_png
from alexnet_lib.course.widgets.first_look import place_window, window_places
from alexnet_lib.course.widgets.inside import MapBrowser, UnitExplorer
from alexnet_lib.course.widgets.pictures import COLOURS, DRAWN, OWN, Album, DrawingBoard
from alexnet_lib.course.widgets.pointing import (
    Camera,
    Cells,
    PaintBoard,
    Picture,
    middles,
    to_place,
)
from alexnet_lib.course.widgets.pooling import PoolStepper
from alexnet_lib.course.widgets.response_norm import Competition, NormalisedMaps
from alexnet_lib.course.widgets.views import ViewSampler
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.augment import pca_basis
from alexnet_lib.training.checkpoint import TrainedNetwork

NARROW = {"widths": (8, 12, 16, 16, 8), "hidden_units": 6, "init": "kaiming"}
LAYERS, SEEN, BEFORE, AFTER, BARS = range(5)  # the parts of the unit explorer
OUTPUTS, IMAGE, WEIGHTS = range(3)  # the parts of the stepper
TILES, PHOTO, MAP, BAR = range(4)  # the parts of the maps around an LRN


class Board(Explorer):
    """Two rows of three cells, of which the second row does not exist."""

    def __init__(self) -> None:
        super().__init__(row=slider("row", 0, 1, 0), column=slider("column", 0, 2, 0))

    def render(self, row: int, column: int) -> Shown:
        if row:
            raise pointing_error
        cells = Cells(Box(0, 0, 20, 30), 2, 3, to_place, (row, column), "cells", "column")
        return Touchable(Image.new("RGB", (30, 20)), [cells]), f"{row}, {column}"


pointing_error = ZeroDivisionError("a fault of the code")


def point(picture: Picture, row: int, column: int, place: int = 0, turn: int = 0) -> None:
    """What the page sends."""
    number = picture.pointed.get("number", 0) + 1
    told = {"place": place, "row": row, "column": column, "turn": turn, "number": number}
    picture.pointed = told


def write(picture: Picture, row: int, column: int, text: str, place: int = WEIGHTS) -> None:
    """What the page sends while a number is typed: all of it, as it is by now."""
    number = picture.pointed["number"] + 1
    told = {"place": place, "row": row, "column": column, "turn": 0, "text": text}
    picture.pointed = {**told, "number": number}


def test_pointing_moves_the_controls_and_is_answered() -> None:
    board = Board()
    assert board.image.places == [
        {"box": [0, 0, 30, 20], "rows": 2, "columns": 3, "at": [0, 0], "words": "cells",
         "turns": True, "writes": False, "quiet": False, "hovers": False, "frames": []}
    ]  # fmt: skip
    point(board.image, 0, 2)
    assert board.state == {"row": 0, "column": 2} and board.summary == "0, 2"
    assert board.image.places[0]["at"] == [0, 2] and board.image.answered == 1


def test_the_wheel_turns_a_slider_as_far_as_it_goes() -> None:
    board = Board()
    for turn, column in ((1, 1), (1, 2), (1, 2), (-1, 1)):
        point(board.image, 0, 0, turn=turn)
        assert board.state["column"] == column


def test_a_fault_is_answered_too_so_that_the_page_goes_on() -> None:
    board = Board()
    with pytest.raises(ZeroDivisionError):
        point(board.image, 1, 0)
    assert board.image.answered == 1
    with board.held():
        board.controls["row"].value = 0
    point(board.image, 0, 1)
    assert board.image.answered == 2 and board.summary == "0, 1"


def test_a_part_that_is_gone_is_answered_and_changes_nothing() -> None:
    board = Board()
    point(board.image, 0, 2, place=5)
    assert board.image.answered == 1 and board.state["column"] == 0


@pytest.fixture
def tracer() -> Tracer:
    preprocessing = Preprocessing(torch.full((3, 32, 32), 128.0), torch.full((3, 1, 1), 60.0))
    return Tracer(build_model("cifar-lite", 4, **NARROW), preprocessing)


@pytest.fixture
def album(tracer: Tracer) -> Album:
    dice = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (2, 3, 32, 32), generator=dice, dtype=torch.uint8)
    return Album({"one": pictures[0], "two": pictures[1]}, tracer, ("ant", "bee", "cow", "dog"))


def test_every_part_of_the_unit_explorer_leads_somewhere(tracer: Tracer, album: Album) -> None:
    explorer = UnitExplorer(tracer, album, "made up")
    point(explorer.image, 0, 2, LAYERS)
    assert explorer.state["layer"] == "conv3"
    for part in (SEEN, BEFORE, AFTER):
        point(explorer.image, 5, 1, part)
        assert (explorer.state["row"], explorer.state["column"]) == (5, 1)
        point(explorer.image, 0, 0, part)
    point(explorer.image, 0, 0, AFTER, turn=1)
    assert explorer.state["map"] in (1, 4)
    sums = torch.tensor([0.0] * 12)
    for channel in range(12):
        point(explorer.image, 0, channel, BARS)
        value = re.search(r"channel \d+ gives (\S+) of it", explorer.summary)[1]
        sums[channel] = float(value.replace(",", ""))
        assert f"channel {channel} gives" in explorer.summary
    assert explorer.controls["channel"].max == len(sums)


@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_a_unit_s_cell_on_the_picture_is_in_the_middle_of_what_it_sees(
    tracer: Tracer, album: Album, layer: str
) -> None:
    explorer = UnitExplorer(tracer, album, "made up")
    explorer.controls["layer"].value = layer
    told, field = explorer.image.places[SEEN], tracer.fields[layer]
    left, _, width, _ = told["box"]
    pixel = explorer.image.places[AFTER]["box"][2] / 28  # of the picture, 28 pixels wide
    for unit in (0, field.units - 1):
        middle = left + width * (unit + 0.5) / field.units
        pixels = field.pixels(unit)
        assert middle == pytest.approx(pixel * (pixels.start + pixels.stop) / 2)


def test_middles_of_windows_lie_one_step_apart() -> None:
    assert middles(Box(10, 20, 100, 100), 2, start=-1, size=5, jump=2, units=7)[:4] == (
        11, 21, 28, 28,
    )  # fmt: skip


def test_a_map_on_the_sheet_is_enlarged(tracer: Tracer, album: Album) -> None:
    browser = MapBrowser(tracer, album, "made up", "conv3")  # 16 maps in rows of 6
    point(browser.image, 1, 2)
    assert browser.state["map"] == 8 and browser.image.places[0]["at"] == [1, 2]
    point(browser.image, 2, 5)  # beyond the last
    assert browser.state["map"] == 15


def test_steppers_go_to_the_output_that_is_pointed_at() -> None:
    window = WindowStepper(torch.arange(49.0).view(7, 7), {"sum": torch.ones(3, 3)})
    for place in (OUTPUTS, IMAGE):
        point(window.image, 0, 0, place)
        point(window.image, 4, 2, place)
        assert window.state["output"] == 22 and "in row 4, column 2 of the 5×5" in window.summary
    pool = PoolStepper(torch.arange(25.0).view(5, 5))
    point(pool.image, 1, 1)
    assert pool.summary.startswith("Window 4 of 4 holds 12, 13, 14")


@pytest.mark.parametrize(("padding", "stride"), [(0, 1), (2, 1), (1, 2)])
def test_on_the_image_each_output_is_in_the_middle_of_its_window(padding: int, stride: int) -> None:
    window = WindowStepper(torch.rand(7, 7), {"sum": torch.ones(3, 3)})
    window.set(padding=padding, stride=stride)
    left, _, width, _ = window.image.places[IMAGE]["box"]
    units = window.image.places[IMAGE]["columns"]
    for unit in (0, units - 1):
        middle = left + width * (unit + 0.5) / units
        assert middle == pytest.approx(3 + 40 * (unit * stride + 1.5))  # in the padded image


def test_a_filter_s_number_is_turned_and_typed() -> None:
    inputs = {"seven": torch.ones(7, 7), "colour": torch.full((3, 12, 12), 0.5)}
    stepper = WindowStepper(inputs, {"sum": torch.ones(3, 3), "none": torch.zeros(3, 3)})
    assert stepper.image.places[WEIGHTS]["writes"] and not stepper.image.places[OUTPUTS]["writes"]
    point(stepper.image, 1, 2, WEIGHTS, turn=-1)  # up
    assert stepper.summary.startswith("your own filter: ") and " = 10, " in stepper.summary
    assert stepper.image.places[WEIGHTS]["at"] == [1, 2]
    for text, total in (("-", 10), ("-2", 6), ("-2.", 6), ("-2.5", 5.5), ("1000", 107)):
        write(stepper.image, 1, 2, text)
        assert f" = {total:g}, " in stepper.summary, text
    stepper.set(filter="none")  # another one begins as it is
    assert stepper.summary.startswith("none: all products are 0")
    stepper.set(filter="sum", input="colour")
    point(stepper.image, 0, 0, WEIGHTS + 2)
    write(stepper.image, 0, 0, "3", WEIGHTS + 2)  # of the blue plane alone
    assert stepper.summary.startswith("your own filter: red 53.5 + green 53.5 + blue 54.5 = 161.5")
    stepper.reset()
    assert stepper.state["own"] is None and stepper.summary.startswith("sum: ")


@pytest.mark.parametrize("sides", [(300, 400), (400, 300), (32, 32)])
@pytest.mark.parametrize("size", [40, 100])
def test_the_window_of_the_first_look_follows_the_pointer(sides: tuple, size: int) -> None:
    start = place_window(sides, size, 50, 50)
    cells = window_places(sides, start, 50, 50)
    for row in {0, cells.rows - 1}:
        for column in {0, cells.columns - 1}:
            moved = cells.sets(row, column)
            window = place_window(sides, size, moved.get("across", 50), moved.get("down", 50))
            y = cells.box.top + cells.box.height * (row + 0.5) / cells.rows
            x = cells.box.left + cells.box.width * (column + 0.5) / cells.columns
            scale = 280 / max(sides)
            top, left = ((280 - scale * side) / 2 for side in sides)
            assert y - 30 - top == pytest.approx(scale * (window.top + window.height / 2), abs=1)
            assert x - left == pytest.approx(scale * (window.left + window.width / 2), abs=1)


def test_the_window_of_the_view_sampler_is_dragged() -> None:
    data = synthetic_images(60, 30)
    net = build_model("cifar-lite", 10, **NARROW)
    scale = Preprocessing(torch.full((3, 1, 1), 128.0), torch.full((3, 1, 1), 60.0))
    network = TrainedNetwork(net, scale, data.classes, {})
    sampler = ViewSampler(data, pca_basis(data.train.images), network)
    point(sampler.image, 4, 1)
    assert "at row 4, column 1 of 0 to 4" in sampler.summary
    assert re.search(r"The network answers [a-z ]+ \d+%, then", sampler.summary)


@pytest.fixture
def maps(tracer: Tracer) -> NormalisedMaps:
    picture = torch.randint(256, (3, 32, 32), dtype=torch.uint8)
    explorer = NormalisedMaps(tracer, {"one": picture}, "made up")
    explorer.controls["map"].value = 4
    return explorer


def test_a_map_before_lrn_becomes_the_middle_one(maps: NormalisedMaps) -> None:
    point(maps.image, 0, 3)
    assert maps.state["map"] == 5


def test_a_pixel_of_the_picture_and_of_the_map_is_chosen(maps: NormalisedMaps) -> None:
    for part in (PHOTO, MAP):
        point(maps.image, 20, part, part)
        assert (maps.state["row"], maps.state["column"]) == (20, part)
        assert f"In row 20, column {part} " in maps.summary


def test_the_bar_of_a_real_map_is_dragged_and_its_neighbours_sink(maps: NormalisedMaps) -> None:
    maps.seek(**maps.state)
    bars = maps.image.places[BAR]
    point(maps.image, 0, 0, BAR)
    high = maps.state["turn"]
    before = maps.maps("one")[:, maps.state["row"], maps.state["column"]]
    assert high > 1 and maps.image.places[BAR]["at"] == [0, 0]
    point(maps.image, bars["rows"] - 1, 0, BAR)
    assert maps.state["turn"] == pytest.approx(0.1) and float(before[maps.state["map"]]) > 0


def test_any_bar_is_dragged_to_the_height_of_the_pointer() -> None:
    bars = Competition()
    point(bars.image, 25, 8)
    point(bars.image, 50, 11)
    assert bars.state["maps"].activities[8:12] == (750, 50, 50, 500)
    assert bars.image.places[0]["at"] == [50, 11]
    assert bars.controls["maps"].map.value == 11 and bars.controls["maps"].activity.value == 500
    assert "Map 11: 500 →" in bars.summary and "Its neighbour, map 12: 50 →" in bars.summary


def test_a_key_to_the_side_goes_to_the_next_bar_and_leaves_its_height() -> None:
    bars = Competition()
    row, column = bars.image.places[0]["at"]
    point(bars.image, row, column + 1)
    assert bars.state["maps"].activities == Competition().state["maps"].activities
    assert bars.state["maps"].chosen == column + 1
    point(bars.image, bars.image.places[0]["at"][0] - 1, column + 1)
    assert bars.state["maps"].activities[column + 1] == 60


# --- The board ------------------------------------------------------------------------------------


def test_a_stroke_in_the_page_becomes_the_drawing_and_is_answered() -> None:
    board = DrawingBoard()
    cells = list(board.value)
    cells[17] = "red"
    board.cells = cells  # arrive in one message, in this order
    board.painted = {"number": 4}
    assert board.value[17] == "red" and board.answered == 4
    assert board.picture(32)[:, 2, 2].tolist() == list(COLOURS["red"])


def test_painting_from_python_shows_in_the_page() -> None:
    board = PaintBoard({"white": "#fff", "black": "#000"}, ["white"] * 4)
    board.brush = "black"
    board.paint(3)
    assert board.cells == ["white", "white", "white", "black"] and board.value == tuple(board.cells)


def test_the_network_answers_every_stroke(album: Album) -> None:
    told, shown = album.words.plain, album.answer.value
    assert told.startswith(f"{DRAWN}: the network answers ") and told.count(" %") == 0
    album.board.put(["red"] * 256)
    assert album.words.plain != told and album.answer.value != shown
    _, png = album.still()[0]["text/plain"], album.still()[0]["image/png"]
    assert album.words.plain in album.still()[0]["text/plain"] and png


# --- The page's part ------------------------------------------------------------------------------


def test_the_page_s_module_is_small_whole_and_asks_nobody() -> None:
    module = Path(pointing.__file__).with_suffix(".js").read_text(encoding="utf-8")
    assert len(module.splitlines()) <= 500
    assert not re.search(r"\bimport\b|fetch\(|https?://(?!www\.w3\.org)", module)
    for trait in re.findall(r'model\.(?:get|set)\("(\w+)"', module):
        assert any(trait in kind.class_trait_names() for kind in (Picture, PaintBoard, Camera)), (
            trait
        )


def test_a_photograph_is_read_like_a_file(album: Album) -> None:
    image = Image.new("RGB", (48, 64), (200, 30, 30))
    album.upload.camera.set_state({"photo": memoryview(to_png(image))})  # as a page sends it
    assert album.pictures[OWN].shape == (3, 32, 32)
    assert album.words.plain.startswith(f"{OWN}: the network answers ")
    album.upload.camera.photo = b"no picture"
    assert album.upload.words.plain.startswith("Not possible: the photograph cannot be read")


def test_an_empty_picture_can_be_put_later() -> None:
    picture = Picture()
    picture.put(to_png(Image.new("RGB", (4, 4))), "a picture")
    assert picture.words == "a picture" and picture.places == []
