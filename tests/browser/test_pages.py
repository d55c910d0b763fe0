"""The page: themes and widths that figures suit, and words that say what they mean."""

import shutil
from typing import TYPE_CHECKING, Any

from test_notebooks import _open_scratch

from alexnet_lib.course.figures.style import TURN
from alexnet_lib.course.glossary import PAGE, TERMS
from alexnet_lib.course.lessons import lesson
from alexnet_lib.data.files import project_root

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

CELLS = (
    "from alexnet_lib.course.widgets.page import show, style_page\n"
    "style_page()\n"
    "from alexnet_lib.course import figures, widgets\n"
    "from alexnet_lib.experiments.replay import load_replay, replay_path\n"
    "show(figures.paper_map())",
    "widgets.SizePlayground()",
    'widgets.ReplayExplorer(load_replay(replay_path("cifar-lite")))',
)
SOFTENS = "brightness(0.88)"


def test_figures_suit_theme_and_width(lab: "Lab", server: "Server", theme: str) -> None:
    """They took 60 % of the column and were white slabs on a dark page."""
    _open_scratch(lab, server, *CELLS)
    sizes, replay = lab.explorers()
    figure = lab.page.locator(".jp-RenderedImage img").first
    filters = ("none", "none", "none") if "Light" in theme else (TURN, TURN, SOFTENS)
    assert tuple(map(_filter, (figure, sizes.picture, replay.picture))) == filters
    for width, is_beside in ((1280, True), (900, False)):
        lab.page.set_viewport_size({"width": width, "height": 900})
        lab.page.wait_for_timeout(1000)
        column = sizes.box.bounding_box()["width"]
        assert figure.bounding_box()["width"] > 0.97 * column
        for explorer in (sizes, replay):
            picture, label = _box(explorer.picture), _box(explorer.box.locator("label").first)
            assert picture["width"] >= 720
            beside = label["x"] < picture["x"] and label["y"] < picture["y"] + picture["height"]
            assert beside == is_beside
        lab.screenshot(f"{theme}-{width}".replace(" ", "-"))


def _filter(image: Any) -> str:
    return image.evaluate("e => getComputedStyle(e).filter")


def _box(element: Any) -> dict[str, float]:
    return element.bounding_box()


def test_a_word_of_the_glossary_says_its_sentence_and_leads_to_the_page(
    lab: "Lab", server: "Server"
) -> None:
    from playwright.sync_api import expect

    (server.notebooks.parent / "docs").mkdir(exist_ok=True)
    shutil.copy(project_root() / PAGE, server.notebooks.parent / PAGE)
    lab.open(lesson("03").file_name)
    word = lab.page.get_by_role("link", name="saturation", exact=True).first
    assert word.get_attribute("title") == TERMS["saturation"].sentence
    lab.run_cell(0)  # it styles the page
    lab.page.wait_for_function("e => getComputedStyle(e).textDecorationStyle == 'dotted'",
                               arg=word.element_handle())  # fmt: skip
    assert _colour(word) == _colour(word.locator("xpath=.."))
    word.click()
    expect(lab.page.get_by_role("heading", name="saturation")).to_be_in_viewport(timeout=30_000)


def _colour(element: Any) -> str:
    return element.evaluate("e => getComputedStyle(e).color")
