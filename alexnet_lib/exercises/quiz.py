"""Quizzes: five questions with feedback on every option, on the page or by `answer`.

quiz = Quiz("02", (
    Question(
        "What does weight sharing share?",
        (Option("One kernel between all positions of a map.", "Yes: ...", right=True),
         Option("One kernel between all maps.", "Each map has a kernel of its own: ...")),
    ), ...
))
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """A possible answer, and what it tells about the thinking behind it."""

    text: str
    feedback: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with options of which one is right."""

    text: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        """Refuse a question without exactly one right option."""
        rights = sum(option.right for option in self.options)
        if rights != 1:
            raise ValueError(f"{self.text!r} has {rights} right options; expected exactly one.")


@dataclass(frozen=True)
class Quiz:
    """The questions at a notebook's end."""

    notebook: str
    questions: tuple[Question, ...]

    def answer(self, question: int, option: str) -> str:
        """Feedback on option "a", "b", … of question 1, 2, … .

        Raises:
            ValueError: there is no such question or option.
        """
        if not 1 <= question <= len(self.questions):
            raise ValueError(f"question {question} does not exist; 1 to {len(self.questions)} do.")
        options = self.questions[question - 1].options
        index = ord(option.lower()) - ord("a") if len(option) == 1 else -1
        if not 0 <= index < len(options):
            raise ValueError(
                f"option {option!r} does not exist; a to {letter(len(options) - 1)} do."
            )
        chosen = options[index]
        return f"{'✓' if chosen.right else '✗'} {chosen.feedback}"

    def __repr__(self) -> str:
        """All questions and options, for reading without widgets."""
        blocks = (
            "\n".join(
                [f"{i}. {question.text}"]
                + [f"   {letter(j)}) {option.text}" for j, option in enumerate(question.options)]
            )
            for i, question in enumerate(self.questions, 1)
        )
        return "\n".join(blocks)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        from alexnet_lib.widgets.quiz import QuizBox

        return QuizBox(self)._repr_mimebundle_(**kwargs)


def letter(index: int) -> str:
    """Name of an option: a, b, c, …"""
    return chr(ord("a") + index)
