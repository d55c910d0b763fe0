"""Light and dark pages, wide and narrow: figures fill the column, controls stand beside them."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from test_notebooks import _open_scratch

from alexnet_lib.course.figures.style import TURN

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

CELLS = (
    "from alexnet_lib.course.widgets.page import show, style_page\n"
    "style_page()\n"
    "from alexnet_lib.course import figures, widgets\n"
    "from alexnet_lib.experiments.replay import load_replay, replay_path\n"
    "show(figures.paper_map())",
    "widgets.LedgerExplorer()",
    'widgets.ReplayExplorer(load_replay(replay_path("cifar-lite")))',
)
SOFTENS = "brightness(0.88)"


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def theme(request: pytest.FixtureRequest, server: "Server") -> str:
    """The page's theme, set before it is opened."""
    folder = server.notebooks.parent / "jupyterlab_settings_dir" / "@jupyterlab"
    settings = folder / "apputils-extension" / "themes.jupyterlab-settings"
    settings.write_text(json.dumps({"theme": request.param}))
    request.addfinalizer(settings.unlink)
    return request.param


def test_figures_suit_theme_and_width(lab: "Lab", server: "Server", theme: str) -> None:
    """They took 60 % of the column and were white slabs on a dark page."""
    _open_scratch(lab, server, *CELLS)
    ledger, replay = lab.explorers()
    figure = lab.page.locator(".jp-RenderedImage img").first
    filters = ("none", "none", "none") if "Light" in theme else (TURN, TURN, SOFTENS)
    assert tuple(map(_filter, (figure, ledger.picture, replay.picture))) == filters
    for width, is_beside in ((1280, True), (900, False)):
        lab.page.set_viewport_size({"width": width, "height": 900})
        lab.page.wait_for_timeout(1000)
        column = ledger.box.bounding_box()["width"]
        assert figure.bounding_box()["width"] > 0.97 * column
        for explorer in (ledger, replay):
            picture, label = _box(explorer.picture), _box(explorer.box.locator("label").first)
            assert picture["width"] >= 720
            beside = label["x"] < picture["x"] and label["y"] < picture["y"] + picture["height"]
            assert beside == is_beside
        lab.screenshot(f"{theme}-{width}".replace(" ", "-"))


def _filter(image: Any) -> str:
    return image.evaluate("e => getComputedStyle(e).filter")


def _box(element: Any) -> dict[str, float]:
    return element.bounding_box()
