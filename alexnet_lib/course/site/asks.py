"""What a page asks: predictions with their results, quizzes, exercises with their hints.

The page judges what is committed, so it holds the answers: `sealed`, so that neither the page nor
a glance at its source shows one. The answers that a lesson computes are those of its last clean
run: `make refresh` keeps them in `answers.json`.
"""

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course import exercises
from alexnet_lib.course.exercises.core import Exercise
from alexnet_lib.course.exercises.trials import argument_names
from alexnet_lib.course.site.text import python, to_html
from alexnet_lib.course.widgets.questions import Asked, Question, Quiz

ANSWERS = Path(__file__).with_name("answers.json")


def sealed(value: Any) -> str:
    """A value in a form that a page can hold and nobody reads by chance: base64 of its JSON."""
    return base64.b64encode(json.dumps(value, ensure_ascii=False).encode()).decode()


# --- Predictions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prediction:
    """A question on a page.

    Attributes:
        id: of its form, for the results that wait for it.
        answer: what the lesson's last clean run found; None: it found none.
    """

    id: str
    asked: Asked
    answer: float | str | None

    @property
    def seal(self) -> str:
        """The answer, as the page holds it."""
        return sealed(self.answer)


def predictions(number: str) -> dict[str, Prediction]:
    """The predictions of lesson `number`, by their text."""
    entries = recorded().get(number, [])
    return {
        entry["text"]: Prediction(
            f"ask-{i}",
            Asked(entry["text"], tuple(entry["options"]), entry["unit"]),
            entry["answer"],
        )
        for i, entry in enumerate(entries, 1)
    }


@cache
def recorded() -> dict[str, list[dict[str, Any]]]:
    """`answers.json`: by lesson, its questions with options, unit and answer."""
    return json.loads(ANSWERS.read_text(encoding="utf-8"))


def find_prediction(posed: dict[str, Prediction], words: str) -> Prediction:
    """The prediction of whose still these are the first words.

    Raises:
        InputError: `answers.json` does not know it.
    """
    text = words.splitlines()[0].removeprefix("Predict. ")
    if text not in posed:
        raise InputError(
            f"the answer to {text!r} is not in {ANSWERS.name}; "
            "make refresh runs the lesson and writes it."
        )
    return posed[text]


# --- Quizzes --------------------------------------------------------------------------------------


def seal_of_question(question: Question) -> str:
    """Feedback on each option and whether it is right, as the page holds them."""
    return sealed([[option.feedback, option.right] for option in question.options])


def quiz_of(number: str) -> Quiz:
    """The quiz at the end of lesson `number`."""
    return _module(number).QUIZ


# --- Exercises ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """An exercise as a page shows it; the parts are HTML, but for the title.

    Attributes:
        looks_at: what its check looks at, in sentences.
        mistakes: how many wrong answers it knows by name.
    """

    title: str
    call: str
    looks_at: str
    mistakes: int
    hints: tuple[str, ...]
    solution: str
    why: str


def exercise_named(name: str) -> Exercise:
    """The exercise that a cell checks: "nb01.crop"."""
    module, _, own = name.partition(".")
    return getattr(_module(module.removeprefix("nb")), own)


def check_of(name: str) -> Check:
    """What a page tells of an exercise."""
    exercise = exercise_named(name)
    solution = exercise.solution()
    return Check(
        exercise.title,
        f"{name}.check",
        to_html(looks_at(exercise)),
        len(exercise.mistakes),
        tuple(map(to_html, exercise.hints)),
        python(solution.source),
        to_html(solution.why),
    )


def looks_at(exercise: Exercise) -> str:
    """What a check does with an answer, in sentences of markdown."""
    if exercise.probe:
        told = f"It does not compare code. It looks at what your answer does: {_about(exercise)}."
        return f"{told} All of that has to be as it is for the solution."
    if not exercise.cases:
        return f"It compares what you wrote with the right answer{_nearness(exercise)}."
    cases = exercise.cases()
    names = argument_names(exercise.shown or exercise.reference, len(cases[0]))
    called = ", ".join(f"`{name}`" for name in names)
    return (
        f"It calls your function {len(cases)} times with different {called}, and compares what it "
        f"returns with the right answer{_nearness(exercise)}. What you are given has to stay as it "
        "was. Where an answer is wrong, it names the smallest case that shows it."
    )


def _nearness(exercise: Exercise) -> str:
    if not exercise.tolerance:
        return ", exactly"
    return f"; a number may be off by {exercise.tolerance:g} of the largest"


def _about(exercise: Exercise) -> str:
    """The first sentence of the probe's docstring; for a list of facts, their names."""
    told = re.split(r"\.\s", f"{exercise.probe.__doc__ or ''} ".strip() + " ")[0]
    told = " ".join(told.split()).rstrip(".")
    return told[:1].lower() + told[1:]


def _module(number: str) -> ModuleType:
    return getattr(exercises, f"nb{number}")
