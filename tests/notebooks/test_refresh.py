"""The refresh command stores what belongs into a file, only that, and the same every time."""

import json
from pathlib import Path

import nbformat
import pytest
import refresh
from links import index, navigation
from nbformat.v4 import new_code_cell, new_notebook, new_output

from alexnet_lib.course.lessons import LESSONS, Lesson, lesson
from alexnet_lib.course.widgets.questions import Asked


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder of its own, empty."""
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


@pytest.mark.slow
def test_a_widget_leaves_its_still_picture_and_its_words() -> None:
    """The same as the widget itself puts out, without the view that no file can hold."""
    course = "from alexnet_lib.course.widgets import SizePlayground\nSizePlayground()"
    notebook = new_notebook(cells=[new_code_cell(course)])
    refresh.execute(notebook, Path())
    kept = notebook.cells[0].outputs
    assert [list(part.data) for part in kept] == [["image/png"], ["text/plain"]]
    assert kept[0].metadata["image/png"]["alt"] == kept[1].data["text/plain"]


@pytest.mark.slow
def test_what_a_lesson_asked_and_found_is_kept_for_its_page(course: Path) -> None:
    source = """from alexnet_lib.course.widgets import Predict
many, which = Predict("How many?", unit="maps"), Predict("Which?", ["a", "b"])
many.reveal(1 / 3)
"""
    path = _small_lesson(source).path
    assert refresh.main(["03"]) == 0
    assert "gc.get_objects" not in path.read_text()
    kept = json.loads((course.parent / refresh.ANSWERS).read_text())
    assert [tuple(one.values()) for one in kept["03"]] == [
        ("How many?", [], "maps", 0.333333),
        ("Which?", Asked("Which?", ("a", "b")).shuffled, "", None),
    ]


def test_notes_and_plain_widgets_leave_nothing() -> None:
    note = new_output("display_data", {"text/plain": "2 cores"}, metadata={"volatile": True})
    widget = new_output("display_data", {refresh.WIDGET_VIEW: {}, "text/plain": "VBox(children=("})
    assert refresh.tidy([note, widget]) == []


def test_printed_text_that_came_in_pieces_is_stored_as_one() -> None:
    pieces = [new_output("stream", text=text) for text in ("a\n", "b\n")]
    assert [output.text for output in refresh.tidy(pieces)] == ["a\nb\n"]


def test_navigation_links_only_to_lessons_that_exist(course: Path) -> None:
    for number in ("00", "02", "05"):
        lesson(number).path.touch()
    assert navigation(lesson("02")).count("](") == 3
    assert "(00_start_here.ipynb)" in navigation(lesson("02"))
    assert "(05_local_response_norm.ipynb)" in navigation(lesson("02"))
    assert "Index" not in navigation(lesson("00"))
    assert index().count("](") == 3
    assert index().count("(in writing)") == len(LESSONS) - 3


@pytest.mark.slow
def test_a_second_run_changes_no_byte(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = _small_lesson('import torch\nprint("hello")\ntorch.arange(3)')
    assert refresh.main(["03"]) == 0
    first = entry.path.read_bytes()
    assert refresh.main(["03"]) == 0
    assert entry.path.read_bytes() == first
    assert "unchanged" in capsys.readouterr().out
    assert nbformat.read(entry.path, as_version=4).cells[0].outputs[0].text == "hello\n"


@pytest.mark.slow
def test_a_failing_cell_leaves_the_file_as_it_was(course: Path) -> None:
    entry = _small_lesson("1 / 0")
    before = entry.path.read_bytes()
    assert refresh.main(["03"]) == 1
    assert entry.path.read_bytes() == before
    assert [path.name for path in course.iterdir()] == [entry.file_name]


def test_new_writes_a_lesson_and_links_renews_it_without_running(course: Path) -> None:
    assert refresh.main(["--new", "05"]) == 0
    assert refresh.main(["--links"]) == 0
    notebook = nbformat.read(lesson("05").path, as_version=4)
    assert notebook.cells[1].execution_count is None
    assert notebook.cells[-1].source == navigation(lesson("05"))


def _small_lesson(source: str) -> Lesson:
    entry = lesson("03")
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), entry.path)
    return entry
