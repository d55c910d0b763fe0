"""What a learner meets in JupyterLab: all cells run, every control answers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import axe
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from alexnet_lib.course.lessons import Lesson, written_lessons
from alexnet_lib.course.widgets.questions import HIDDEN

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("entry", written_lessons(), ids=lambda entry: entry.number)
def test_all_cells_run_and_every_control_changes_the_text_and_some_the_picture(
    entry: Lesson, lab: "Lab"
) -> None:
    lab.open(entry.file_name)
    lab.run_all()
    assert lab.errors() == []
    assert lab.explorers() or lab.predictions()  # 12 has questions and live runs alone
    for i, explorer in enumerate(lab.explorers(), 1):
        pictures = {explorer.seen()[0]}
        for j, control in enumerate(explorer.controls(), 1):
            pictures.add(explorer.move(control)[0])  # waits until the text is another
            lab.screenshot(f"{entry.number}-explorer{i}-control{j}")
            explorer.leave_the_impossible()
        assert len(pictures) > 1  # two settings may look alike: 3 is 3, rounded up or down
    for question in lab.predictions():  # a board that changed a shared layout made them collapse
        lab.predict(question)
    assert lab.seen(HIDDEN) == 0
    assert axe.serious(lab.page) == []  # nothing is looked for where axe-core is not installed
    assert lab.errors() == []


def test_start_here_answers_predictions_checks_and_quiz(lab: "Lab") -> None:
    lab.open("00_start_here.ipynb")
    lab.run_all()
    page = lab.page
    assert lab.seen(HIDDEN) == 2
    page.get_by_placeholder("a number").first.fill("3,000")
    page.get_by_role("button", name="Commit").first.click()
    page.get_by_text("Result: 3,072. You predicted 3,000: close.").wait_for()
    page.get_by_role("button", name="show it anyway").click()
    page.get_by_text("Result: 14. No prediction was made.").wait_for()
    page.locator("details", has_text="Hint 1").first.locator("summary").press("Enter")
    page.get_by_text("How many pixels are there?").first.wait_for()
    page.get_by_label("Some lessons run longer experiments live.").check()
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


WIDGETS_MS = 5_000  # after which the page knows that a widget has no kernel

TOMORROW = (
    'from alexnet_lib.course import widgets\nlesson = widgets.start("02")',
    'guess = widgets.Predict("How many?", unit="%")\nguess',
    "guess.reveal(50)",
    "widgets.SizePlayground()",
    "from alexnet_lib.course.exercises import nb02\nnb02.QUIZ",
)


def test_a_notebook_that_is_opened_again_shows_its_last_state(
    lab: "Lab", server: "Server", restart: Callable[[], None]
) -> None:
    """It said "Error displaying widget: model not found" in the place of each widget."""
    _open_scratch(lab, server, *TOMORROW)
    page = lab.page
    assert _hints(lab) == 0
    lab.predict(*lab.predictions())
    (explorer,) = lab.explorers()
    _, words = explorer.move(next(explorer.controls()))
    page.get_by_label("96.", exact=True).check()
    page.get_by_text("1 right of 1 answered.").wait_for()
    assert lab.seen(words) == 1  # its still is hidden
    lab.save()
    restart()
    lab.open("scratch.ipynb")
    page.wait_for_timeout(WIDGETS_MS)
    lab.screenshot("opened-again")
    for told in ("Committed: 7 %.", "You predicted 7 %: too low by 43 points.", words):
        assert lab.seen(told) == 1
    assert page.locator(".jp-RenderedImage img").locator("visible=true").count() == 1
    assert _hints(lab) == 5  # under the note, the question, its result, the picture, the quiz
    lab.run_all()
    assert page.get_by_text("Change my answer").count() == 1
    page.get_by_text("1 right of 1 answered.").wait_for()
    assert lab.seen("You predicted 7 %: too low by 43 points.") == 1
    assert _hints(lab) == 0 and lab.errors() == []


def _hints(lab: "Lab") -> int:
    """How often the page says what to do where a widget's kernel has ended."""
    return lab.page.locator(".jp-OutputArea-output.jupyter-widgets").evaluate_all(
        "all => all.filter(e => getComputedStyle(e, '::after').content.includes('run the cells "
        "above')).length"
    )


BUSY = (
    "from alexnet_lib.course.figures.overview import paper_map\n"
    "from alexnet_lib.course.widgets.overview import TimeChooser\n"
    "from alexnet_lib.course.widgets.page import show\n"
    "explorer = TimeChooser()\n"
    "explorer",
    'for _ in range(15):\n    show(paper_map())\nprint("do" + "ne")',
)


def _open_scratch(lab: "Lab", server: "Server", *sources: str, run: bool = True) -> None:
    """A notebook of these cells, all of them run where not said otherwise."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    scratch = new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel)
    nbformat.write(scratch, server.notebooks / "scratch.ipynb")
    lab.open("scratch.ipynb")
    if run:
        lab.run_all()


REPLAY = (
    "from alexnet_lib.experiments.replay import load_replay, replay_path\n"
    "from alexnet_lib.course.widgets.runs import ReplayExplorer\n"
    'ReplayExplorer(load_replay(replay_path("cifar-lite")))'
)


def test_a_replay_that_opens_at_its_end_plays_from_the_start(lab: "Lab", server: "Server") -> None:
    _open_scratch(lab, server, REPLAY)
    (explorer,) = lab.explorers()
    _, end = explorer.seen()
    explorer.box.locator(".widget-play button").first.click()
    lab.page.locator(".alexnet-explorer [role=status]", has_text=", step 0 ").wait_for()
    lab.screenshot("replay-plays")
    lab.page.locator(".alexnet-explorer [role=status]", has_text=end[:60]).wait_for(timeout=90_000)
    assert lab.errors() == []


DRAWING = (
    "from alexnet_lib.inspection.units import Tracer\n"
    "from alexnet_lib.training.checkpoint import shipped_network\n"
    "from alexnet_lib.data import synthetic_images\n"
    "from alexnet_lib.course.widgets.pictures import Album\n"
    "from alexnet_lib.course.widgets.inside import MapBrowser, UnitExplorer\n"
    "network, data = shipped_network(), synthetic_images(20, 10)\n"
    'album = Album({"one": data.test.images[0]})\n'
    "tracer = Tracer(network.model, network.preprocessing)\n"
    "album",
    "UnitExplorer(tracer, album, data.name)",
    'MapBrowser(tracer, album, data.name, "pool2")',
)


def test_explorers_turn_to_a_cell_that_is_painted(lab: "Lab", server: "Server") -> None:
    _open_scratch(lab, server, *DRAWING)
    lab.page.locator(".alexnet-cloth").click()
    drawn = lab.page.locator(".alexnet-explorer [role=status]", has_text="my drawing: ")
    drawn.nth(1).wait_for()
    lab.screenshot("drawing-followed")
    assert lab.errors() == []


BOARD = (
    "from alexnet_lib.data import synthetic_images\n"
    "from alexnet_lib.course.widgets.board import AblationBoard\n"
    "AblationBoard(synthetic_images(1500, 600), None)"
)


def test_the_button_of_the_ablation_board_trains_a_corner(lab: "Lab", server: "Server") -> None:
    _open_scratch(lab, server, BOARD)
    lab.page.get_by_label("dropout").uncheck()
    button = lab.page.get_by_role("button", name="Run this corner now")
    button.click()
    told = lab.page.get_by_text("ReLU + LRN + overlap + augmentation: test error")
    told.wait_for(timeout=300_000)
    lab.screenshot("board-ran")
    assert button.is_enabled() and lab.errors() == []


EXERCISE = (
    "from alexnet_lib.course.exercises import nb13\n\ndef table_row(wrong, count):\n    return ...",
    "nb13.row.check(table_row)",
)
ATTEMPTS = {
    "return wrong / count, 0, 1": "A row of the table: for (3068, 10000)",
    "return 100 * wrong / count": "expected 3 values",
    "return nb13.table_row(wrong, count)": "✓ A row of the table",
}


def test_an_exercise_answers_each_attempt(lab: "Lab", server: "Server") -> None:
    _open_scratch(lab, server, *EXERCISE)
    lab.page.get_by_text("○ A row of the table: not attempted yet").wait_for()
    for body, words in ATTEMPTS.items():
        lab.page.locator(".jp-CodeCell .cm-content").first.click()
        lab.page.keyboard.press("Control+A")
        lab.page.keyboard.insert_text(EXERCISE[0].replace("return ...", body))
        lab.page.keyboard.press("Control+Enter")
        lab.run_cell(1)
        lab.page.get_by_text(words).first.wait_for()
    lab.screenshot("exercise-passed")


def test_a_slider_moved_while_a_cell_draws_loses_no_picture(lab: "Lab", server: "Server") -> None:
    """Callbacks on a second thread would draw into the running cell's figures."""
    _open_scratch(lab, server, *BUSY, run=False)
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
