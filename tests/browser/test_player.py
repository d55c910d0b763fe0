"""Explorers on a page without a kernel: every control moves, by mouse and by keyboard."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.site.harvest import harvest
from alexnet_lib.course.site.network import export_network
from alexnet_lib.course.site.states import export, player_files
from alexnet_lib.course.widgets.core import (
    Explorer,
    Shown,
    Touchable,
    choice,
    player,
    slider,
    toggle,
)
from alexnet_lib.course.widgets.pictures import Album
from alexnet_lib.course.widgets.pointing import Cells, to_place
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.units import Tracer, explain_unit
from alexnet_lib.training.checkpoint import shipped_network
from conftest import SIZES, serving

pytestmark = pytest.mark.timeout(240)

NOTEBOOK = """
import torch
from alexnet_lib.course import widgets
---
widgets.PoolStepper(torch.arange(36.0).view(6, 6) % 7)
---
from alexnet_lib.paper import PRESETS
widgets.PresetExplorer()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with the explorers of a small notebook, harvested."""
    folder = tmp_path_factory.mktemp("site")
    v4 = nbformat.v4
    cells = [v4.new_code_cell(source.strip()) for source in NOTEBOOK.split("---")]
    nbformat.write(v4.new_notebook(cells=cells), folder / "small.ipynb")
    found = harvest(folder / "small.ipynb", folder)
    assert len(found) == 2
    for file in player_files():
        shutil.copy(file, folder)
    parts = "".join(
        f'<alexnet-explorer src="{path}">a still</alexnet-explorer>'
        for paths in found.values()
        for path in paths
    )
    (folder / "index.html").write_text(page_with(parts), encoding="utf-8")
    return folder


def page_with(parts: str) -> str:
    """A page as the site has them: styles, the element's module, explorers."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>explorers</title>'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" '
        'content="light dark"><link rel="icon" href="data:,"><link rel="stylesheet" '
        'href="pointing.css"><link rel="stylesheet" href="player.css">'
        f'<script type="module" src="player.js"></script><main>{parts}</main></html>'
    )


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """A plain server of files."""
    with serving(site) as address:
        yield address


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids=str)
def page(request: pytest.FixtureRequest, chromium: Any, address: str) -> Iterator[Any]:
    """The page at a size and in a theme; it may say nothing in the console, nor ask elsewhere."""
    size, scheme = request.param
    width, height = SIZES[size]
    page = chromium.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=size == "phone"
    )
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith(address) or said.append(asked.url))
    page.goto(address)
    for explorer in page.locator("alexnet-explorer").all():
        explorer.scroll_into_view_if_needed()
        explorer.and_(page.locator(".alexnet-alive")).wait_for()
    yield page
    page.close()
    assert [words for words in said if not words.startswith("data:")] == []


def test_every_control_moves_by_keyboard_and_mouse(page: Any, tmp_path: Path) -> None:
    for explorer in page.locator("alexnet-explorer").all():
        for control in explorer.locator("input, select").all():
            seen = told(explorer)
            control.focus()
            kind = control.get_attribute("type") or "select"
            if control.get_attribute("max") == "0":
                continue  # windows without gaps: of one pixel, they step by one
            if kind == "checkbox":
                page.keyboard.press("Space")
            else:
                forward = control.evaluate("e => !(+e.value >= +e.max)")
                page.keyboard.press("ArrowRight" if forward else "ArrowLeft")
            assert told(explorer) != seen, f"{control.get_attribute('name')} by keyboard"
            seen = told(explorer)
            if kind == "range":
                box = control.bounding_box()
                far = control.evaluate("e => +e.value > +e.max / 2")
                page.mouse.click(
                    box["x"] + box["width"] * (0.05 if far else 0.95), box["y"] + box["height"] / 2
                )
                assert told(explorer) != seen, f"{control.get_attribute('name')} by mouse"
        explorer.get_by_role("button", name="Reset").click()
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert over <= 0, "the page scrolls sideways"
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_a_picture_is_pointed_at(page: Any) -> None:
    stepper = page.locator("alexnet-explorer").first
    part = stepper.locator(".alexnet-cells").first
    part.scroll_into_view_if_needed()
    box = part.locator(".alexnet-area").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 3, steps=4)
    page.mouse.up()
    assert told(stepper)[1].startswith("Window 3 of 9")
    page.keyboard.press("ArrowDown")
    assert told(stepper)[1].startswith("Window 6 of 9")
    assert stepper.locator("input[name=output]").input_value() == "5"
    assert part.evaluate("e => document.activeElement === e"), "the focus stays on the picture"


def told(explorer: Any) -> tuple[str, str]:
    """The picture's file and the words of an explorer."""
    words = explorer.locator("[role=status]").inner_text()
    return explorer.locator("img").get_attribute("src"), words


# --- What the page's words say --------------------------------------------------------------------


class Sparse(Explorer):
    """Three controls whose combinations are not all drawn; some settings are impossible."""

    pairs = (("row", "column"),)

    def __init__(self) -> None:
        column = slider("column", 0, 3, 0)
        super().__init__(
            player(column, interval_ms=50),
            kind=choice("kind", ["plain", "loud"]),
            on=toggle("on"),
            row=slider("row", 0, 3, 0),
            column=column,
        )

    def render(self, kind: str, on: bool, row: int, column: int) -> Shown:
        if (row, column) == (3, 3):
            raise InputError("there is no such corner.")
        cells = Cells(Box(0, 0, 80, 80), 4, 4, to_place, (row, column), "board", "row")
        picture = Image.new("RGB", (80, 80), (60 * row, 60 * column, 200 * on))
        return Touchable(picture, [cells]), f"{kind} {on} {row} {column}"


def test_what_is_not_drawn_is_said(chromium: Any, site: Path, address: str) -> None:
    done = export(Sparse(), site / "sparse", most=20)
    assert done.states == 18  # 16 of both sliders, one more of the list, one of the box
    (site / "sparse.html").write_text(
        page_with('<alexnet-explorer src="sparse/states.json"></alexnet-explorer>')
    )
    page = chromium.new_page()
    page.goto(f"{address}/sparse.html")
    sparse = page.locator("alexnet-explorer.alexnet-alive")
    sparse.locator("select").select_option("loud")
    assert told(sparse)[1] == "loud False 0 0"
    sparse.locator("input[name=column]").press("ArrowRight")
    assert told(sparse)[1].startswith("plain False 0 1 This page has pictures of some")
    assert told(sparse)[1].endswith("in the nearest, kind is plain.")
    sparse.locator("input[name=row]").press("End")
    sparse.locator("input[name=column]").press("End")
    assert told(sparse)[1] == "Not possible: there is no such corner."
    assert sparse.locator("img.alexnet-pale").count() == 1
    sparse.get_by_role("button", name="Reset").click()
    assert told(sparse)[1] == "plain False 0 0"
    assert sparse.locator("img.alexnet-pale").count() == 0
    sparse.locator(".alexnet-cells").focus()
    page.keyboard.press("PageDown")
    assert told(sparse)[1] == "plain False 1 0"
    sparse.get_by_role("button", name="play").click()
    sparse.locator("[role=status]", has_text="plain False 1 3").wait_for()
    sparse.get_by_role("button", name="play").wait_for()
    sparse.locator("input[type=checkbox]").check()
    assert told(sparse)[1].startswith("plain True 0 0 ")
    page.close()


def test_without_its_file_an_explorer_keeps_its_still(
    chromium: Any, site: Path, address: str
) -> None:
    (site / "none.html").write_text(
        page_with('<alexnet-explorer src="none/states.json">a still</alexnet-explorer>')
    )
    page = chromium.new_page()
    page.goto(f"{address}/none.html")
    explorer = page.locator("alexnet-explorer.alexnet-still")
    assert explorer.inner_text() == "a still"
    assert "404" in explorer.get_attribute("title")
    page.close()


# --- The network in the page ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def board(site: Path) -> Album:
    """An album with the course's network, drawn into the site."""
    network, data = shipped_network(), synthetic_images(20, 10)
    tracer = Tracer(network.model, network.preprocessing)
    pictures = {f"picture {i}": data.test.images[i] for i in range(3)}
    album = Album(pictures, tracer, network.classes)
    export_network(album, site / "board")
    part = '<alexnet-explorer src="board/network.json">a board</alexnet-explorer>'
    (site / "board.html").write_text(page_with(part), encoding="utf-8")
    return album


def test_the_page_computes_what_torch_computes(chromium: Any, address: str, board: Album) -> None:
    page = chromium.new_page()
    page.goto(f"{address}/board.html")
    found = page.evaluate("""async () => {
        const net = await import("./network.js");
        const told = await (await fetch("board/network.json")).json();
        const bin = await (await fetch("board/network.bin")).arrayBuffer();
        const layers = await net.layersOf(told, new Uint16Array(bin));
        const pictures = Object.values(told.pictures).map((text) =>
            Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
        pictures.push(net.pixelsOf(told.cells, told));
        pictures.push(...pictures);
        return pictures.map((pixels) => {
            const begin = performance.now();
            const { calls, logits } = net.look(told, layers, pixels);
            const took = performance.now() - begin;
            const one = net.channelsOf(calls.conv4, layers[3], 2, 3, 200);
            return { took, logits: [...logits], conv3: [...calls.conv3.sums.data], one };
        });
    }""")
    for told, pixels in zip(found, 2 * list(board.pictures.values()), strict=True):
        calls = board.tracer.calls(pixels)
        *_, last = calls.values()
        assert told["took"] < 1000
        assert told["logits"] == pytest.approx(last.after[0].tolist(), abs=1e-3)
        conv3 = calls["conv3"].after[0].permute(1, 2, 0).flatten().tolist()
        assert told["conv3"] == pytest.approx(conv3, abs=1e-3)
        unit = explain_unit(calls, "conv4", 200, 2, 3)
        gives = {unit.channels[n]: float(v) for n, v in enumerate(unit.by_channel)}
        for one in told["one"]:
            assert one["gives"] == pytest.approx(gives[one["channel"]], abs=1e-3)
    print("ms a picture:", ", ".join(f"{told['took']:.0f}" for told in found))


@pytest.mark.parametrize("size", SIZES)
def test_a_drawing_is_answered_and_a_unit_is_found(
    chromium: Any, address: str, board: Album, size: str, tmp_path: Path
) -> None:
    width, height = SIZES[size]
    page = chromium.new_page(viewport={"width": width, "height": height})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/board.html")
    page.get_by_role("button", name="Draw here (loads the network, 12 MB)").click()
    answer, unit = (page.locator("[role=status]").nth(n) for n in (0, 1))
    answer.get_by_text("my drawing: the network answers").wait_for()
    before = answer.inner_text()
    best = board.words.plain
    assert before == best, "the same words as in the notebook"
    page.get_by_role("radio", name="red").click()
    cloth = page.locator(".alexnet-cloth").bounding_box()
    page.mouse.move(cloth["x"] + 40, cloth["y"] + 60)
    page.mouse.down()
    page.mouse.move(cloth["x"] + 250, cloth["y"] + 200, steps=5)
    page.mouse.up()
    assert answer.inner_text() != before
    for _ in range(2):
        page.get_by_role("button", name="undo").click()
    assert answer.inner_text() == before
    page.locator("select[name=layer]").select_option("conv4")
    assert "in conv4 looks at" in unit.inner_text()
    seen = unit.inner_text()
    sheet, own = page.locator(".alexnet-cells").all()
    for part in (sheet, own):
        part.focus()
        for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight"):
            page.keyboard.press(key)
        assert unit.inner_text() != seen
        seen = unit.inner_text()
    page.locator("select[name=picture]").select_option("picture 1")
    assert unit.inner_text().startswith("picture 1: unit (")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.screenshot(path=tmp_path / "board.png", full_page=True)
    page.close()
    assert not faults
