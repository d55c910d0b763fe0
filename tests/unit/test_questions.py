"""Predictions and quizzes, driven without a page: nothing is told before it was asked."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

from alexnet_lib.checks import InputError
from alexnet_lib.course import exercises, progress
from alexnet_lib.course.progress import Progress
from alexnet_lib.course.widgets import questions
from alexnet_lib.course.widgets.questions import (
    HIDDEN,
    NOTHING,
    Asked,
    Option,
    Predict,
    Question,
    Quiz,
    QuizBox,
    Result,
    compare,
    in_words,
    to_number,
)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a learner's first visit."""
    monkeypatch.setattr(progress, "_current", Progress())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What `reveal` displays."""
    seen: list[Any] = []
    monkeypatch.setattr(questions, "display", seen.append)
    yield seen


def page_of(widget: Any) -> str:
    """All that a widget and its parts send to the page."""
    inner = [page_of(part) for part in getattr(widget, "children", ())]
    still = widget.still() if hasattr(widget, "still") else ""
    return " ".join([str(widget.get_state()), str(widget._repr_mimebundle_()), str(still), *inner])


# --- Before the answer ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("tanh", "ReLU", "none")])
def test_a_question_opens_without_a_value_and_its_button_waits_for_one(options: tuple) -> None:
    """A slider stood at the answer and a list had it chosen: an untouched Commit was right."""
    box = Predict("How many?", options)
    assert not box.control.value and box.button.disabled
    assert not box.settled and box.guess is None
    box.control.value = options[1] if options else "3"
    assert not box.button.disabled


def test_options_stand_in_an_order_that_is_the_same_each_time_and_tells_nothing() -> None:
    options = ["a", "b", "c", "d"]
    orders = {tuple(Predict(f"Question {i}?", options).control.options) for i in range(40)}
    assert len(orders) > 15  # of 24
    assert {order[0] for order in orders} == set(options)
    one, again = (Predict("Which?", order).control.options for order in (options, options[::-1]))
    assert one == again


def test_a_result_is_nowhere_before_a_prediction_is_committed(shown: list[Any]) -> None:
    box = Predict("How many?", unit="pixels")
    box.reveal(48151)
    (result,) = shown
    assert "48,151" not in page_of(result) and "48151" not in page_of(result)
    assert result.still() == ({"text/plain": HIDDEN}, {})
    box.control.value = "50,000"
    box.button.click()
    assert result.words.plain == "Result: 48,151 pixels. You predicted 50,000 pixels: close."
    assert "result: 48,151 pixels" in result.bars.value
    assert result.button.layout.display == "none"


def test_a_result_can_be_wanted_without_a_prediction_and_that_is_kept(shown: list[Any]) -> None:
    box = Predict("How many?")
    box.reveal(7)
    shown[0].button.click()
    assert shown[0].words.plain == "Result: 7. No prediction was made."
    assert box.reply.plain == "No prediction was made." and box.control.disabled
    assert progress.current().answered("predictions", "How many?")
    assert "Predictions: 0 of 1 made" in progress.current().score()


def test_a_result_that_comes_after_the_commit_is_shown_at_once(shown: list[Any]) -> None:
    box = Predict("Which?", ["tanh", "ReLU"])
    box.control.value = "tanh"
    box.commit()
    box.reveal("ReLU")
    assert shown[0].words.plain == "Result: ReLU. You predicted tanh; it is not."


def test_changing_the_answer_hides_the_result_again(shown: list[Any]) -> None:
    box = Predict("How many?")
    box.reveal(7)
    box.control.value = "3"
    box.button.click()
    assert box.button.description == "Change my answer" and box.control.disabled
    box.button.click()
    assert shown[0].words.plain == HIDDEN and not box.control.disabled
    box.control.value = "7"
    box.button.click()
    assert shown[0].words.plain.endswith("You predicted 7: close.")


@pytest.mark.parametrize("result", [None, float("nan"), float("inf")])
def test_a_run_that_never_arrived_leaves_nothing_to_compare_with(
    result: float | None, shown: list[Any]
) -> None:
    """A stopped run raised "'NoneType' object is not subscriptable" in the cell that compares."""
    box = Predict("How many times?", unit="×")
    box.reveal(result)
    assert shown[0].words.plain == NOTHING and shown[0].button.layout.display == "none"
    box.control.value = "3"
    box.button.click()
    assert shown[0].words.plain == NOTHING


def test_what_is_no_number_is_answered_in_words_and_not_committed() -> None:
    box = Predict("How many?")
    box.control.value = "many"
    box.button.click()
    assert box.reply.plain.startswith("Not possible: 'many' is not a number")
    assert not box.settled


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("3,072", 3072), ("1,234,567", 1234567), ("3 072", 3072), ("30_000", 30000), ("0,5", 0.5),
        ("0,125", 0.125), ("12,5", 12.5), ("50 %", 50), ("50%", 50), ("3 times", 3), ("−3", -3),
        ("1e3", 1000), (".5", 0.5), (" 7 ", 7),
    ],
)  # fmt: skip
def test_numbers_may_be_written_as_people_write_them(typed: str, meant: float) -> None:
    assert to_number(typed) == meant


@pytest.mark.parametrize("typed", ["", "many", "1/2", "nan", "inf", "1e999", "3 4 5"])
def test_what_is_no_number_is_named(typed: str) -> None:
    with pytest.raises(InputError, match="expected"):
        to_number(typed)


# --- What is said ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guess", "result", "unit", "words"),
    [
        (6.0, 5.9, "×", "Result: 5.9 ×. You predicted 6 ×: close."),
        (2.0, 5.9, "×", "too low by 3.9 ×."),
        (9.0, 5.9, "×", "too high by 3.1 ×."),
        (80.0, 60, "%", "Result: 60 %. You predicted 80 %: too high by 20 points."),
        (61.0, 60, "seeds", "You predicted 61 seeds: close."),
        (2.0, 1, "points", "Result: 1 point. You predicted 2 points: too high by 1 point."),
        (None, 5.9, "×", "Result: 5.9 ×. No prediction was made."),
        ("tanh", "tanh", "", "Result: tanh. You predicted tanh, and so it is."),
        (1.0, 0, "", "Result: 0. You predicted 1: too high by 1."),
    ],
)
def test_a_prediction_is_compared_with_the_result(
    guess: float | str | None, result: float | str, unit: str, words: str
) -> None:
    assert compare(guess, result, unit).endswith(words)


def test_numbers_are_said_with_their_unit() -> None:
    assert [in_words(value, "%") for value in (3072, 23.2341, 0.01)] == [
        "3,072 %", "23.2 %", "0.01 %",
    ]  # fmt: skip


# --- What the course knows beforehand -------------------------------------------------------------

KNOWN = [
    (f"{found.name}.{name}", asked)
    for found in pkgutil.iter_modules(exercises.__path__)
    for name, asked in vars(importlib.import_module(f"{exercises.__name__}.{found.name}")).items()
    if isinstance(asked, Asked)
]


@pytest.mark.parametrize(("name", "asked"), KNOWN, ids=[name for name, _ in KNOWN])
def test_a_known_answer_answers_its_question_and_is_not_told_by_the_still(
    name: str, asked: Asked, shown: list[Any]
) -> None:
    box = Predict(asked)
    box.reveal()
    box.control.value = str(asked.answer)
    box.commit()
    assert shown[0].words.plain.startswith(f"Result: {in_words(asked.answer, asked.unit)}")
    assert "so it is" in shown[0].words.plain or "close" in shown[0].words.plain


def test_right_options_are_not_all_at_one_place() -> None:
    places = [asked.shuffled.index(asked.answer) for _, asked in KNOWN if asked.options]
    assert len(places) >= 15
    assert max(map(places.count, places)) <= 0.6 * len(places)


def test_an_answer_that_nobody_could_give_is_refused() -> None:
    with pytest.raises(InputError, match=r"'c' does not answer 'Which\?'; expected one of"):
        Asked("Which?", ("a", "b"), answer="c")
    with pytest.raises(InputError, match="expected a number"):
        Result(Predict("How many?"), "many")


# --- Tomorrow -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "given"), [((), "13866"), (("a", "b"), "b")])
def test_a_question_that_runs_again_shows_what_was_committed(options: tuple, given: str) -> None:
    box = Predict("How many?", options)
    box.control.value = given
    box.commit()
    again = Predict("How many?", options)
    assert again.settled and again.guess == box.guess and again.control.value == given
    assert again.reply.plain == box.reply.plain
    assert again.button.description == "Change my answer"
    assert "Committed: " in again.still()[0]["text/plain"]


@pytest.mark.parametrize("kept", ["c", 3.0, ["a"], {"a": 1}, True])
def test_a_kept_answer_that_no_longer_fits_is_as_none(kept: Any) -> None:
    progress.current().keep("predictions", "Which?", kept)
    assert not Predict("Which?", ["a", "b"]).settled


@pytest.mark.parametrize("kept", ["c", ["a"], {"a": 1}])
def test_a_kept_number_that_is_none_is_as_none(kept: Any) -> None:
    progress.current().keep("predictions", "How many?", kept)
    assert not Predict("How many?").settled


# --- The quiz -------------------------------------------------------------------------------------

WHY = Question("Why?", (Option("a", "Yes.", right=True), Option("b", "No.")))
HOW = Question("How?", (Option("a", "No."), Option("b", "Yes.", right=True)))


def test_a_quiz_gives_feedback_on_every_option_and_keeps_score() -> None:
    quiz = Quiz("99", (WHY, HOW))
    box = QuizBox(quiz)
    assert box.score.value == "" and [one.index for one in box.buttons] == [None, None]
    box.buttons[0].index = 0
    box.buttons[1].index = 0
    assert "✓ Yes." in box.replies[0].value
    assert "✗ No." in box.replies[1].value
    assert "1 right of 2 answered" in box.score.value
    assert box.still()[0]["text/plain"] == repr(quiz)


def test_a_quiz_that_runs_again_is_answered_as_before() -> None:
    QuizBox(Quiz("99", (WHY, HOW))).buttons[1].index = 1
    again = QuizBox(Quiz("99", (HOW, WHY)))  # however its questions are ordered now
    assert [one.index for one in again.buttons] == [1, None]
    assert "✓ Yes." in again.replies[0].value and "1 right of 1" in again.score.value


def test_the_score_of_the_lesson_follows_what_is_done_above_it() -> None:
    asked = Predict("How many?")
    box = QuizBox(Quiz("99", (WHY, HOW)))
    assert box.lesson.plain.splitlines() == [
        "This lesson so far",
        "Exercises: 0 of 0 passed.",
        "Predictions: 0 of 1 made. Still open: How many?",
        "Quiz: 0 of 2 right. Still open: question 1; question 2",
    ]
    asked.control.value = "3"
    asked.commit()
    box.buttons[0].index = 0
    box.buttons[1].index = 0
    assert box.lesson.plain.splitlines()[2:] == [
        "Predictions: 1 of 1 made.",
        "Quiz: 1 of 2 right, 1 at the first try. Still open: question 2",
    ]


def test_the_score_counts_exercises_whose_cells_were_not_run() -> None:
    box = QuizBox(Quiz("14", (WHY, HOW)))
    exercises = "Filter grid; Neighbours and their precision; Class image"
    assert f"Exercises: 0 of 3 passed. Still open: {exercises}" in box.lesson.plain


@pytest.mark.parametrize(
    ("options", "given", "result", "close"),
    [((), "5.5", 6, True), ((), "3", 6, False), (("a", "b"), "a", "a", True),
     (("a", "b"), "b", "a", False)],
)  # fmt: skip
def test_how_close_a_prediction_came_is_kept_once_the_result_is_shown(
    options: tuple, given: str, result: float | str, close: bool, shown: list[Any]
) -> None:
    box = Predict("How many?", options)
    box.reveal(result)
    box.control.value = given
    assert progress.current().entries["predictions"] == {}
    box.commit()
    kept = progress.current().entries["predictions"]["How many?"]
    assert (kept["result"], kept["close"]) == (result, close)
    assert f"{int(close)} of 1 came close" in progress.current().score()
