"""What a learner has done is kept in one small file, and whatever befalls it ends no cell."""

import json
from pathlib import Path

import pytest

from alexnet_lib.checks import InputError
from alexnet_lib.course import progress
from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.lessons import lesson
from alexnet_lib.course.progress import FORMAT, Progress, begin, current
from alexnet_lib.course.widgets import lesson as opening
from alexnet_lib.course.widgets.questions import Predict


@pytest.fixture
def file(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where lesson 04 keeps what is done in it; not there yet."""
    monkeypatch.setenv("ALEXNET_PROGRESS", "")
    monkeypatch.setattr(progress, "_current", Progress())
    return home / "progress" / "two_towers.json"


def test_an_answer_is_there_after_a_restart(file: Path) -> None:
    assert begin(lesson("04")).keep("predictions", "How many?", 96.0) == ""
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    tomorrow = Progress(lesson("04"))
    assert tomorrow.answer("predictions", "How many?") == 96.0
    assert tomorrow.answered("predictions", "How many?")
    assert not tomorrow.answered("quiz", "How many?") and tomorrow.trouble == ""
    assert "T" in tomorrow.entries["predictions"]["How many?"]["at"]
    assert not Progress(lesson("05")).answered("predictions", "How many?")


def test_a_prediction_in_a_lesson_is_committed_tomorrow_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening.start("04")
    box = Predict("How many maps?", ["3", "96"])
    box.control.value = "96"
    box.commit()
    monkeypatch.setattr(progress, "_current", Progress())  # a new kernel
    opening.start("04")
    assert Predict("How many maps?", ["3", "96"]).guess == "96"


def test_a_lesson_that_is_opened_again_in_the_same_kernel_goes_on(file: Path) -> None:
    begin(lesson("04")).ask("predictions", "How many?")
    assert begin(lesson("04")) is current()
    assert "Predictions: 0 of 1 made" in current().score()
    assert "Predictions: 0 of 0 made" in begin(lesson("05")).score()


def test_a_passed_check_is_kept_and_a_later_mistake_does_not_undo_it(file: Path) -> None:
    exercise = Exercise(
        id="99.1", title="Two", statement="", reference=2, mistakes=(Mistake(1, "one"),),
        hints=("", "", ""), why="",
    )  # fmt: skip
    begin(lesson("04"))
    exercise.check(...)
    assert "Exercises: 0 of 1 passed. Still open: Two\n" in current().score()
    assert not file.exists()
    exercise.check(2)
    exercise.check(1)
    assert "Exercises: 1 of 1 passed.\n" in current().score()
    assert Progress(lesson("04")).is_done("checks", "99.1")


def test_the_last_mistake_is_kept_by_its_words_and_stays_when_all_is_right(file: Path) -> None:
    exercise = Exercise(
        id="99.1", title="Two", statement="", reference=2, mistakes=(Mistake(1, "one less"),),
        hints=("", "", ""), why="",
    )  # fmt: skip
    begin(lesson("04"))

    def kept() -> dict:
        return json.loads(file.read_text())["checks"]["99.1"]

    exercise.check(1)
    assert kept()["mistake"] == "one less" and not kept()["done"]
    exercise.check(2)
    assert kept()["mistake"] == "one less" and kept()["done"] and not kept()["at_once"]
    exercise.check(7)
    assert kept()["mistake"] is None and kept()["done"]  # none of the known ones


def test_the_file_says_which_lesson_it_is_of(file: Path) -> None:
    """A learner may send it under any name."""
    begin(lesson("04")).keep("quiz", "Why?", "a")
    assert json.loads(file.read_text())["lesson"] == "two_towers"


def test_the_first_answer_stays_known(file: Path) -> None:
    begin(lesson("04")).keep("quiz", "Why?", "a", done=False)
    current().keep("quiz", "Why?", "b", done=True)
    entry = Progress(lesson("04")).entries["quiz"]["Why?"]
    assert (entry["first"], entry["answer"], entry["at_once"]) == ("a", "b", False)


def test_the_score_names_what_is_open_and_how_close_predictions_came(file: Path) -> None:
    here = begin(lesson("04"))
    for name in ("Far?", "Near?", "Later?", "x" * 200, "Last?", "Really last?"):
        here.ask("predictions", name)
    for name, close in (("Far?", False), ("Near?", True)):
        here.keep("predictions", name, 3.0)
        here.add("predictions", name, result=4.0, close=close)
        here.add("predictions", name, result=5.0, close=not close)  # the first one counts
    for i, at_once in enumerate((True, False, True), 1):
        here.ask("quiz", f"Why {i}?", f"question {i}")
        here.keep("quiz", f"Why {i}?", "a", done=at_once)
    here.keep("quiz", "Why 3?", "b", done=False)
    assert here.score().splitlines() == [
        "This lesson so far",
        "Exercises: 0 of 0 passed.",
        "Predictions: 2 of 6 made; 1 of 2 came close. Still open: Later?; …; Last?; and 1 more",
        "Quiz: 1 of 3 right, 2 at the first try. Still open: question 2; question 3",
    ]


def test_whoever_has_done_all_is_told_so(file: Path) -> None:
    begin(lesson("04")).ask("quiz", "Why?")
    assert "well done" not in current().score()
    current().keep("quiz", "Why?", "a")
    assert current().score().endswith("All of it is done: well done!")


def test_a_file_of_an_older_course_is_read(file: Path) -> None:
    file.parent.mkdir()
    entry = {"answer": "a", "done": True, "at": "2026-11-01T10:00:00+00:00"}
    old = {"format": FORMAT, "predictions": {"Which?": entry}, "checks": {}, "quiz": {}}
    file.write_text(json.dumps(old))
    begin(lesson("04")).ask("predictions", "Which?")
    current().add("predictions", "Which?", result="a", close=True)
    assert "Predictions: 1 of 1 made; 1 of 1 came close." in current().score()


def test_nothing_is_read_or_written_where_progress_is_off(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(lesson("04")).keep("quiz", "Why?", "a")
    before = file.read_bytes()
    monkeypatch.setenv("ALEXNET_PROGRESS", "off")
    off = Progress(lesson("04"))
    assert not off.answered("quiz", "Why?")
    assert off.keep("quiz", "How?", "b") == "" and off.answer("quiz", "How?") == "b"
    assert file.read_bytes() == before


def test_the_file_may_lie_in_another_folder(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_PROGRESS", str(tmp_path / "mine"))
    begin(lesson("04")).keep("quiz", "Why?", "a")
    assert (tmp_path / "mine" / "two_towers.json").is_file() and not file.exists()


def test_before_a_lesson_begins_nothing_is_written(file: Path) -> None:
    current().keep("quiz", "Why?", "a")
    assert not file.parent.exists()


BROKEN = {
    "half a file": b'{"format": "alexnet progr',
    "no text": b"\xff\xfe\x00\x00",
    "empty": b"",
    "too deep": b"[" * 100_000,
    "of another program": b'{"format": "something else"}',
    "a list": b"[1, 2]",
    "edited": json.dumps({"format": FORMAT, "quiz": [1]}).encode(),
    "edited deeper": json.dumps({"format": FORMAT, "quiz": {"Why?": "a"}}).encode(),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_read_is_put_aside_and_that_is_said(
    file: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    monkeypatch.setattr(opening, "note", notes.append)
    file.parent.mkdir()
    for i in (1, 2):  # the second one does not replace the first
        file.write_bytes(content)
        monkeypatch.setattr(progress, "_current", Progress())
        opening.start("04")
        assert f"It is now called two_towers.{i}.unread, and a new file begins." in notes[-1]
        assert file.with_suffix(f".{i}.unread").read_bytes() == content
    assert current().keep("quiz", "Why?", "a") == ""
    assert Progress(lesson("04")).answer("quiz", "Why?") == "a"


def test_a_folder_in_the_file_s_place_is_put_aside_too(file: Path) -> None:
    file.mkdir(parents=True)
    assert "a new file begins" in Progress(lesson("04")).trouble


def test_a_home_that_cannot_be_written_costs_no_answer(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise InputError("Cannot write it: no space left.")

    monkeypatch.setattr(progress, "write_json", full)
    begin(lesson("04"))
    box = Predict("How many?")
    box.control.value = "3"
    box.button.click()
    assert box.guess == 3 and box.reply.plain == (
        "Committed: 3. It will be forgotten when the kernel ends: Cannot write it: no space left."
    )


def test_the_course_ignores_what_a_learner_has_done() -> None:
    """Neither git nor a copy of the course takes it along."""
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert "/progress/" in ignored


def test_a_stale_entry_does_not_count(file: Path) -> None:
    begin(lesson("04")).keep("predictions", "A question of last year?", 1)
    assert "Predictions: 0 of 0 made" in current().score()
