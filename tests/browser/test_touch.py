"""Pictures are pointed at, and the board is painted, by mouse and by keyboard."""

from typing import TYPE_CHECKING, Any

import pytest
from test_notebooks import _open_scratch

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CELLS = (
    "from alexnet_lib.course.widgets.page import style_page\n"
    "style_page()\n"
    "from alexnet_lib.course import widgets\n"
    "from alexnet_lib.inspection import Tracer\n"
    "from alexnet_lib.training.checkpoint import shipped_network\n"
    "from alexnet_lib.data import synthetic_images\n"
    "network, data = shipped_network(), synthetic_images(20, 10)\n"
    "tracer = Tracer(network.model, network.preprocessing)\n"
    'album = widgets.Album({"one": data.test.images[0]}, tracer, network.classes)\n'
    "album",
    "widgets.UnitExplorer(tracer, album, data.name)",
    'widgets.MapBrowser(tracer, album, data.name, "pool2")',
)
LAYERS, SEEN, BEFORE, AFTER, BARS = range(5)


def test_a_unit_is_found_by_mouse_and_by_keys(lab: "Lab", server: "Server", theme: str) -> None:
    _open_scratch(lab, server, *CELLS)
    for width in (1280, 900):
        lab.page.set_viewport_size({"width": width, "height": 900})
        unit, maps = lab.explorers()
        parts = unit.box.locator(".alexnet-cells")
        _click(parts.nth(LAYERS), 0.5, 0.5)
        _says(unit, "in conv3 ")
        _click(parts.nth(AFTER), 0.01, 0.99)
        _says(unit, "unit (6, 0) of map")
        lab.page.keyboard.press("ArrowUp")
        _says(unit, "unit (5, 0) of map")
        lab.page.keyboard.press("PageDown")
        lab.page.keyboard.press("ArrowRight")
        _says(unit, "unit (5, 1) of map")
        _click(parts.nth(SEEN), 0.99, 0.01)
        _says(unit, "unit (0, 6) of map")
        lab.screenshot(f"pointing-{theme}-{width}".replace(" ", "-"))
        before = maps.seen()
        _click(maps.box.locator(".alexnet-cells"), 0.9, width / 3000)
        maps.box.locator("[role=status]", has_not_text=before[1]).wait_for()
        lab.screenshot(f"sheet-{theme}-{width}".replace(" ", "-"))
        unit.box.get_by_role("button", name="Reset").click()
        _says(unit, "in conv1 ")
    assert lab.errors() == []


def test_a_fast_drag_ends_where_the_pointer_ends(lab: "Lab", server: "Server") -> None:
    _open_scratch(lab, server, *CELLS)
    unit, _ = lab.explorers()
    box = unit.box.locator(".alexnet-cells").nth(AFTER).bounding_box()
    x, y = box["x"] + 2, box["y"] + 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    for step in range(1, 41):
        lab.page.mouse.move(x + step * (box["width"] - 4) / 40, y + step * (box["height"] - 4) / 40)
    lab.page.mouse.up()
    _says(unit, "unit (27, 27) of map")


def test_a_drawing_is_answered_stroke_by_stroke(lab: "Lab", server: "Server") -> None:
    _open_scratch(lab, server, *CELLS)
    page, cloth = lab.page, lab.page.locator(".alexnet-cloth")
    told = page.locator("[role=status]", has_text="my drawing: the network answers")
    first = told.inner_text()
    page.get_by_role("radio", name="red").click()
    box = cloth.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 210)
    page.mouse.down()
    page.mouse.move(box["x"] + 290, box["y"] + 210)
    page.mouse.up()
    page.locator("[role=status]", has_text="my drawing: unit").wait_for()
    lab.screenshot("drawing")
    colours = cloth.locator("canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(2, 10, 11, 1).data]"
    )
    assert colours == [190, 45, 40, 255] * 11  # a fast hand leaves no gaps
    page.get_by_role("button", name="fill").click()
    page.locator("[role=status]", has_text="my drawing: the network answers").and_(
        page.locator("[role=status]", has_not_text=first)
    ).wait_for()
    for _ in range(2):
        page.get_by_role("button", name="undo").click()
    page.locator("[role=status]", has_text=first).wait_for()
    cloth.focus()
    for key in ("ArrowLeft", "ArrowUp", " "):
        page.keyboard.press(key)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.title") == "red"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.title") == "yellow"
    lab.screenshot("drawing-keys")
    assert lab.errors() == []


def _click(part: Any, across: float, down: float) -> None:
    part.scroll_into_view_if_needed()
    box = part.locator(".alexnet-area").bounding_box()
    place = (box["x"] + across * box["width"], box["y"] + down * box["height"])
    part.page.mouse.click(*place)


def _says(explorer: Any, words: str) -> None:
    explorer.box.locator("[role=status]", has_text=words).wait_for()
