"""Explorers of views, coverings, bars and films, by mouse and by keyboard; axe-core on all."""

import re
from typing import TYPE_CHECKING, Any

import axe
import pytest
from test_notebooks import _open_scratch
from test_touch import _click, _says

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PRELUDE = (
    "import torch\n"
    "from alexnet_lib.course.widgets.page import style_page\n"
    "style_page()\n"
    "from alexnet_lib.course import photograph, widgets\n"
    "from alexnet_lib.data import synthetic_images\n"
    "from alexnet_lib.experiments import load_replay, replay_path\n"
    "from alexnet_lib.inspection import Tracer, class_film\n"
    "from alexnet_lib.paper import pca_basis\n"
    "from alexnet_lib.training.checkpoint import shipped_network\n"
    "network, data = shipped_network(), synthetic_images(60, 30)\n"
    "tracer = Tracer(network.model, network.preprocessing)\n"
    'one = {"one": data.test.images[0]}\n'
    "album = widgets.Album(one, tracer, network.classes)\n"
    "film = class_film(network.model, tracer.scale, range(3), torch.Generator(), steps=6, frames=4)"
)
CELLS = (
    "widgets.ViewSampler(data, pca_basis(data.train.images), network, photograph())",
    "widgets.CoverExplorer(tracer, album, network.classes, data.name)",
    "widgets.Competition()",
    "widgets.NormalisedMaps(tracer, one, data.name)",
    'widgets.ReplayExplorer(load_replay(replay_path("cifar-lite")))',
    "widgets.FilmExplorer(film, network.classes[:3], data.name)",
)
OTHERS = (
    "widgets.UnitExplorer(tracer, album, data.name)",
    'widgets.MapBrowser(tracer, album, data.name, "pool2")',
    "album",
    'widgets.FirstLook(network, {"cat": photograph()})',
    'widgets.WindowStepper(torch.rand(7, 7), {"a": torch.ones(3, 3)})',
    "widgets.PoolStepper(torch.rand(7, 7))",
    'widgets.Predict("How many?")',
)
WINDOW, TEN, LIGHT = 0, 1, 2


def test_each_is_led_by_mouse_and_by_keys(lab: "Lab", server: "Server", theme: str) -> None:
    _open_scratch(lab, server, PRELUDE, *CELLS)
    views, cover, bars, maps, replay, film = lab.explorers()
    for width in (1280, 900):
        lab.page.set_viewport_size({"width": width, "height": 900})

        def keep(name: str, explorer: Any, width: int = width) -> None:
            explorer.box.scroll_into_view_if_needed()
            lab.screenshot(f"{name}-{theme}-{width}".replace(" ", "-"))

        parts = views.box.locator(".alexnet-cells")
        _drag(parts.nth(WINDOW), (0.5, 0.5), (0.99, 0.01))
        _says(views, "at row 0, column 32 of 0 to 32")
        lab.page.keyboard.press("ArrowDown")
        _says(views, "at row 1, column 32")
        _click(parts.nth(LIGHT), 0.99, 0.5)
        lab.page.keyboard.press("ArrowLeft")
        _says(views, "The ten views' mean is")
        _hover(parts.nth(TEN), 0.25, 0.5)
        assert parts.nth(TEN).locator(".alexnet-under:visible").count() == 2  # here and there
        keep("views", views)
        _click(parts.nth(TEN), 0.75, 0.5)
        _says(views, "at row 32, column 0 of 0 to 32, mirrored")

        parts = cover.box.locator(".alexnet-cells")
        _hover(parts.nth(0), 0.01, 0.01)
        _says(cover, "from row 0, column 0")
        parts.nth(0).focus()
        lab.page.keyboard.press("ArrowRight")
        _says(cover, "from row 0, column 2")
        _hover(parts.nth(1), 0.99, 0.99)
        _says(cover, "from row 21, column 21")
        keep("cover", cover)

        cells = bars.box.locator(".alexnet-cells")
        _drag(cells, (11.5 / 17, 0.95), (11.5 / 17, 0.205))
        about_800 = re.compile(r"Map 11: (79|80|81)0 →")  # a step is 1.6 pixels of the page
        bars.box.locator("[role=status]", has_text=about_800).wait_for()
        for key in ("ArrowUp", "ArrowRight"):
            lab.page.keyboard.press(key)
        _says(bars, "Map 12: 50 →")
        keep("bars", bars)

        before = maps.seen()[1]
        _drag(maps.box.locator(".alexnet-cells").nth(3), (0.5, 0.9), (0.5, 0.05))
        maps.box.locator("[role=status]", has_not_text=before).wait_for()
        _click(maps.box.locator(".alexnet-cells").nth(1), 0.52, 0.52)
        _says(maps, "In row 14, column 14")
        keep("maps", maps)

        _click(replay.box.locator(".alexnet-cells"), 0.5, 0.5)
        _says(replay, "(epoch 11.97 of 24)")
        lab.page.keyboard.press("ArrowLeft")
        _says(replay, "(epoch 11.47 of 24)")
        keep("replay", replay)
        _click(film.box.locator(".alexnet-cells"), 0.02, 0.5)
        _says(film, "after 0 of 6 steps")
        lab.page.keyboard.press("ArrowRight")
        _says(film, "after 1 of 6 steps")
        keep("film", film)
        for explorer in lab.explorers():
            explorer.box.get_by_role("button", name="Reset").click()
        _says(bars, "Map 8: 300 →")
    assert lab.errors() == []


def test_a_photograph_goes_from_the_camera_s_button_to_the_network(
    lab: "Lab", server: "Server", tmp_path: Any
) -> None:
    from PIL import Image

    Image.new("RGB", (1400, 900), (40, 60, 200)).save(tmp_path / "blue.png")
    _open_scratch(lab, server, PRELUDE, "album")
    lab.page.locator(".alexnet-camera input").set_input_files(tmp_path / "blue.png")
    lab.page.locator("[role=status]", has_text="my file: the network answers").wait_for()
    assert lab.errors() == []


@pytest.mark.skipif(not axe.is_there(), reason="axe-core is not installed: see axe.py")
def test_axe_finds_nothing_serious(lab: "Lab", server: "Server", theme: str) -> None:
    _open_scratch(lab, server, PRELUDE, *CELLS, *OTHERS)
    assert axe.serious(lab.page) == []


def _place(part: Any, across: float, down: float) -> tuple[float, float]:
    part.scroll_into_view_if_needed()
    box = part.locator(".alexnet-area").bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def _hover(part: Any, across: float, down: float) -> None:
    part.page.mouse.move(*_place(part, across, down))


def _drag(part: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = part.page.mouse
    mouse.move(*_place(part, *start))
    mouse.down()
    mouse.move(*_place(part, *end), steps=12)
    mouse.up()
