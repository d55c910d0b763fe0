"""Explorers, prediction boxes and quizzes, driven without a page."""

import base64
import gc
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from alexnet_lib.course.figures.style import describe, drawing, new_figure, save_png, styled
from alexnet_lib.course.widgets.core import Explorer, choice, slider, to_png, toggle
from alexnet_lib.course.widgets.lesson import _package, _parts, examine
from alexnet_lib.course.widgets.live import LiveTraining
from alexnet_lib.course.widgets.page import Note, show
from alexnet_lib.course.widgets.questions import Option, Predict, Question, Quiz, QuizBox
from alexnet_lib.training.trainer import History

VIEW = "application/vnd.jupyter.widget-view+json"


@styled
def line(slope: int) -> Figure:
    figure = new_figure(2, 2)
    figure.subplots().plot([0, 1], [0, slope])
    return figure


def render(state: dict[str, Any]) -> tuple[Figure, str]:
    if state["slope"] == 0:
        raise ValueError("a slope of 0 & less is flat.")
    return line(state["slope"]), f"slope {state['slope']} <{state['kind']}>"


def explorer() -> Explorer:
    return Explorer(render, slope=slider("slope", 0, 9, 1), kind=choice("kind", ["a", "b"]))


def test_moving_a_control_changes_picture_and_text() -> None:
    shown = explorer()
    before = shown.image.value
    shown.controls["slope"].value = 2
    assert shown.image.value != before
    assert shown.summary == shown.image.tooltip == "slope 2 <a>"
    assert "slope 2 &lt;a&gt;" in shown.text.value
    shown.controls["slope"].value = 1
    assert shown.image.value == before


def test_an_impossible_setting_is_explained_and_the_picture_stays() -> None:
    shown = explorer()
    before = shown.image.value
    shown.controls["slope"].value = 0
    assert shown.summary == "Not possible: a slope of 0 & less is flat."
    assert shown.image.value == before


def test_several_controls_move_with_one_redraw() -> None:
    states = []
    shown = Explorer(
        lambda state: (states.append(state), render(state))[1],
        slope=slider("slope", 0, 9, 1),
        kind=choice("kind", ["a", "b"]),
    )
    shown.set(slope=5, kind="b")
    assert states == [{"slope": 1, "kind": "a"}, {"slope": 5, "kind": "b"}]


def test_states_that_were_passed_over_are_not_drawn() -> None:
    """While a drawing is under way, only the last of many moves is worth drawing."""
    drawn = []
    shown = Explorer(
        lambda state: (drawn.append(state["slope"]), render(state))[1],
        slope=slider("slope", 0, 9, 1),
        kind=choice("kind", ["a"]),
    )
    with drawing:
        threads = []
        for value in range(2, 9):
            mover = threading.Thread(target=setattr, args=(shown.controls["slope"], "value", value))
            mover.start()
            threads.append(mover)
            while shown._wanted < len(threads) + 1:
                pass
    for mover in threads:
        mover.join()
    assert drawn == [1, 8]
    assert shown.summary == "slope 8 <a>"


def test_a_list_refuses_none_which_would_show_as_nothing_chosen():
    with pytest.raises(ValueError, match="options of 'show' hold None"):
        choice("show", [("both", None), ("one", 1)])


def test_a_hundred_moves_leave_no_figure_behind() -> None:
    """F39: what was drawn is let go."""
    alive: weakref.WeakSet[Figure] = weakref.WeakSet()

    def watched(state: dict[str, Any]) -> tuple[Figure, str]:
        figure = line(state["slope"])
        alive.add(figure)
        return figure, "drawn"

    shown = Explorer(watched, slope=slider("slope", 1, 9, 1))
    for i in range(100):
        shown.controls["slope"].value = 1 + i % 9
    gc.collect()
    assert len(alive) == 0


def test_an_explorer_carries_its_still_picture_for_pages_without_widgets() -> None:
    """F38: the words are the picture's alt text and stand beside it."""
    data, metadata = explorer()._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == "slope 1 <a>"
    assert {"image/png", VIEW} < data.keys()


def test_the_kept_picture_is_the_smaller_one_of_the_same_figure() -> None:
    shown = explorer()
    kept = base64.b64decode(shown.still()[0]["image/png"])
    assert kept == save_png(line(1))
    assert len(kept) < len(shown.image.value)


def test_sliders_are_whole_numbered_only_where_all_numbers_are() -> None:
    assert isinstance(slider("n", 1, 5, 2).value, int)
    assert isinstance(slider("p", 0.0, 1, 0.5, 0.1).value, float)
    assert toggle("flip", True).value is True


def test_pictures_may_be_figures_images_or_bytes() -> None:
    png = to_png(Image.new("RGB", (4, 4)))
    assert png.startswith(b"\x89PNG")
    assert to_png(png) is png


def test_a_figure_without_words_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no description"):
        show(new_figure())
    show(describe(new_figure(), "Nothing."))


def test_a_note_is_marked_as_not_to_be_kept() -> None:
    data, metadata = Note("two cores")._repr_mimebundle_()
    assert data["text/plain"] == "two cores"
    assert metadata == {"volatile": True}


@pytest.mark.parametrize(
    ("guess", "words"),
    [(6.0, "You predicted 6 ×: close."), (2.0, "too low by 3.9 ×"), (9.0, "too high by 3.1 ×")],
)
def test_a_committed_number_is_compared_with_the_result(guess: float, words: str) -> None:
    box = Predict("How many times?", low=0.0, high=10.0, unit="×")
    box.control.value = guess
    assert box.compare(5.9) == "Result: 5.9 ×. No prediction was committed."
    box.button.click()
    assert box.control.disabled
    assert words in box.compare(5.9)


def test_a_committed_choice_is_compared_with_the_result() -> None:
    box = Predict("Which?", ["tanh", "ReLU"])
    box.commit()
    assert "as you predicted" in box.compare("tanh")
    assert "another than predicted" in box.compare("ReLU")


def test_a_prediction_needs_one_way_to_answer() -> None:
    with pytest.raises(ValueError, match="either options, or low and high"):
        Predict("How many?")


def test_a_quiz_gives_feedback_on_every_option_and_keeps_score() -> None:
    question = Question("Why?", (Option("a", "Yes.", right=True), Option("b", "No.")))
    quiz = Quiz("99", (question, question))
    box = QuizBox(quiz)
    box.buttons[0].index = 0
    box.buttons[1].index = 1
    assert "✓ Yes." in box.replies[0].value
    assert "✗ No." in box.replies[1].value
    assert "1 right of 2 answered" in box.score.value
    assert quiz._repr_mimebundle_()[0]["text/plain"] == repr(quiz)


def test_live_training_follows_a_run() -> None:
    trainer = SimpleNamespace(
        history=History(), config=SimpleNamespace(epochs=2), data_name="noise", batches=range(4)
    )
    live = LiveTraining(pause_s=0, share=float("inf"))
    live.on_epoch_end(trainer)  # before the first step: nothing to draw, nothing raised
    for loss in (2.3, 2.2, 2.1, 2.0):
        trainer.history.step_loss.append(loss)
        live.on_step(trainer)
    assert live.bar.value == 0.5
    assert live.image.tooltip == "Loss on noise: 2.30 at step 1, 2.00 at step 4."
    trainer.history.interrupted = True
    live.on_fit_end(trainer)
    assert live.words.value.startswith("Interrupted.")


def test_this_machine_needs_no_repair() -> None:
    assert [finding for finding in examine() if finding.repair] == []


def test_an_old_or_missing_package_gets_one_line_of_advice() -> None:
    assert "pip install" in _package("torch", "99.0").repair
    assert _package("no-such-package", "1.0").value == "missing"
    assert _parts("2.14.1+cpu") == (2, 14)
