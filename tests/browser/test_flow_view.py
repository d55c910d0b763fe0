"""The flow view and the steppers are led by mouse and by keyboard, and say what `render` says."""

import re
from typing import TYPE_CHECKING

import pytest
import torch
from test_notebooks import _open_scratch
from test_touch import _click, _says

from alexnet_lib.course.photographs import photograph
from alexnet_lib.course.widgets.convolution import WindowStepper
from alexnet_lib.course.widgets.flow import PAPER, FlowExplorer

if TYPE_CHECKING:
    from lab import ExplorerOnPage, Lab

    from conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CELLS = (
    "from alexnet_lib.course.widgets.page import style_page\n"
    "style_page()\n"
    "import torch\n"
    "from alexnet_lib.course import photograph, widgets\n"
    "from alexnet_lib.paper import resize\n"
    "cat = resize(photograph()[None, :, :, 75:375], 24)[0] / 255",
    "widgets.FlowExplorer(photograph())",
    'inputs = {"numbers": torch.arange(49.0).view(7, 7) % 5 + 1, "planes": cat}\n'
    'widgets.WindowStepper(inputs, {"sum": torch.ones(3, 3), "edge": torch.eye(3)})',
    'widgets.PoolStepper({"numbers": torch.arange(25.0).view(5, 5) % 7, "planes": cat})',
)
FLOW, UNITS = 0, 1
MAP, IMAGE, WEIGHTS = range(3)


def test_the_flow_view_and_the_steppers(lab: "Lab", server: "Server", theme: str) -> None:
    _open_scratch(lab, server, *CELLS)
    for width in (1280, 900):
        lab.page.set_viewport_size({"width": width, "height": 900})
        flow, stepper, pool = lab.explorers()
        name = f"{theme}-{width}".replace(" ", "-")
        _lead_the_flow(flow, lab, name)
        _lead_the_stepper(stepper, lab, name)
        parts = pool.box.locator(".alexnet-cells")
        _click(parts.nth(IMAGE), 0.99, 0.99)
        _says(pool, "Window 4 of 4 holds")
        lab.page.keyboard.press("ArrowLeft")
        _says(pool, "Window 3 of 4 holds")
        pool.box.locator("select").first.select_option(label="planes")
        _says(pool, "keeps the largest of each plane")
        lab.screenshot(f"pool-{name}")
        pool.box.get_by_role("button", name="Reset").click()
        _says(pool, "Window 1 of 4 holds")
    assert lab.errors() == []


def _lead_the_flow(flow: "ExplorerOnPage", lab: "Lab", name: str) -> None:
    page, parts = lab.page, flow.box.locator(".alexnet-cells")
    _click(parts.nth(FLOW), 3.5 / 12, 0.5)
    _says(flow, "conv2: the 24 strongest of 256 maps")
    page.keyboard.press("ArrowRight")
    _says(flow, "pool2: ")
    _click(parts.nth(UNITS), 0.99, 0.01)
    _says(flow, "Unit (0, 12) of 13×13")
    page.keyboard.press("ArrowDown")
    _says(flow, "Unit (1, 12) of 13×13")
    lab.screenshot(f"flow-{name}")
    at = ((1 + 0.5) / 13, (12 + 0.5) / 13)
    _, words = FlowExplorer(photograph()).render(PAPER, "pool2", (), at, timed=False)
    assert re.sub(r", time [\d.]+ ms here, one picture", "", flow.text.inner_text()) == words
    parts.nth(FLOW).focus()
    page.keyboard.press("ArrowLeft")
    _says(flow, "conv2: ")
    flow.box.locator('.noUi-handle[aria-label="groups"]').press("ArrowRight")
    _says(flow, "Not possible, conv2 breaks")
    lab.screenshot(f"broken-{name}")
    flow.box.get_by_role("button", name="Reset").click()
    _says(flow, "conv1: ")


def _lead_the_stepper(stepper: "ExplorerOnPage", lab: "Lab", name: str) -> None:
    page, parts = lab.page, stepper.box.locator(".alexnet-cells")
    _click(parts.nth(MAP), 0.5, 0.1)
    _says(stepper, "lands in row 0, column 2 of")
    _click(parts.nth(IMAGE), 0.99, 0.99)
    _says(stepper, "lands in row 4, column 4 of")
    _click(parts.nth(WEIGHTS), 0.5, 0.5)
    page.keyboard.type("-2.5")
    _says(stepper, "(-2.5)")
    page.keyboard.press("PageUp")
    _says(stepper, "(-1.5)")
    page.mouse.wheel(0, 100)
    _says(stepper, "(-2.5)")
    own = ((1.0, 1.0, 1.0), (1.0, -2.5, 1.0), (1.0, 1.0, 1.0))
    numbers = {"numbers": torch.arange(49.0).view(7, 7) % 5 + 1, "planes": torch.zeros(3, 24, 24)}
    alike = WindowStepper(numbers, {"sum": torch.ones(3, 3)})
    _, words = alike.render("sum", 1, 0, 24, "numbers", ("sum", (own,)))
    assert stepper.text.inner_text() == words
    lab.screenshot(f"stepper-{name}")
    stepper.box.locator("select").first.select_option(label="planes")
    _says(stepper, "your own filter: red ")
    _click(parts.nth(WEIGHTS + 2), 0.5, 0.5)
    lab.screenshot(f"planes-{name}")
    stepper.box.get_by_role("button", name="Reset").click()
    _says(stepper, "sum: ")
    stepper.box.locator(".widget-play button").first.click()
    _says(stepper, "lands in row 4, column 4 of")  # where it ends
    stepper.box.get_by_role("button", name="Reset").click()
