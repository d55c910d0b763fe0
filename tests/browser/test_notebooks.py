"""What a learner meets in JupyterLab: all cells run, every control answers."""

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from alexnet_lib.lessons import Lesson, written_lessons

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("entry", written_lessons(), ids=lambda entry: entry.number)
def test_all_cells_run_and_every_control_changes_picture_and_text(
    entry: Lesson, lab: "Lab"
) -> None:
    lab.open(entry.file_name)
    lab.run_all()
    assert lab.errors() == []
    assert lab.explorers()
    for i, explorer in enumerate(lab.explorers(), 1):
        for j, control in enumerate(explorer.controls(), 1):
            picture, _text = explorer.seen()
            moved, text = explorer.move(control)
            lab.screenshot(f"{entry.number}-explorer{i}-control{j}")
            assert moved != picture or text.startswith("Not possible")
    assert lab.errors() == []


def test_start_here_answers_predictions_checks_and_quiz(lab: "Lab") -> None:
    lab.open("00_start_here.ipynb")
    lab.run_all()
    page = lab.page
    page.get_by_role("button", name="Commit").first.click()
    page.get_by_text("Committed: 5,000.").wait_for()
    page.locator("details", has_text="Hint 1").first.locator("summary").press("Enter")
    page.get_by_text("How many pixels are there?").first.wait_for()
    page.get_by_label("Recorded experiments are run live.").check()
    page.get_by_text("1 right of 1 answered.").wait_for()
    lab.screenshot("00-quiz")


def test_own_picture_goes_through_the_preprocessing_viewer(lab: "Lab", tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 40, 40)).save(tmp_path / "red.png")
    lab.open("01_images_and_labels.ipynb")
    lab.run_all()
    upload = lab.page.get_by_role("button", name="own picture")
    with lab.page.expect_file_chooser() as chooser:
        upload.click()
    chooser.value.set_files(tmp_path / "red.png")
    lab.page.locator(".alexnet-explorer [role=status]", has_text="red.png").wait_for()
    lab.screenshot("01-own-picture")
    assert lab.errors() == []


BUSY = (
    "from alexnet_lib.figures.course import paper_map\n"
    "from alexnet_lib.widgets.course import time_chooser\n"
    "from alexnet_lib.widgets.show import show\n"
    "explorer = time_chooser()\n"
    "explorer",
    'for _ in range(15):\n    show(paper_map())\nprint("do" + "ne")',
)


def test_a_slider_moved_while_a_cell_draws_loses_no_picture(lab: "Lab", server: "Server") -> None:
    """Callbacks on a second thread would draw into the running cell's figures."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    busy = new_notebook(cells=[new_code_cell(source) for source in BUSY], metadata=kernel)
    nbformat.write(busy, server.notebooks / "busy.ipynb")
    lab.open("busy.ipynb")
    lab.run_cell(0)
    lab.page.locator(".alexnet-explorer img").wait_for()
    lab.run_cell(1)
    (explorer,) = lab.explorers()
    for control in explorer.controls():
        explorer.move(control)
    lab.page.get_by_text("done", exact=True).wait_for()
    cells = lab.page.locator(".jp-CodeCell")
    assert cells.nth(1).locator(".jp-RenderedImage img").count() == 15
    assert cells.nth(0).locator(".jp-RenderedImage img").count() == 0
    assert lab.errors() == []
