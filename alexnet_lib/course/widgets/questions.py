"""Questions on the page: a prediction before a result, a quiz at the end of a lesson."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

from alexnet_lib.checks import InputError
from alexnet_lib.course.widgets.core import choice, slider
from alexnet_lib.course.widgets.page import Bundle, WithStill, Words, show_html


class Predict(WithStill):
    """A question with a slider (`low`, `high`) or a list (`options`), and a Commit button.

    Attributes:
        guess: the committed prediction, None before.
    """

    def __init__(
        self,
        question: str,
        options: Sequence[str] = (),
        *,
        low: float | None = None,
        high: float | None = None,
        step: float = 0.1,
        unit: str = "",
    ) -> None:
        """Ask; give either `options` or both `low` and `high`.

        Raises:
            InputError: neither or both are given.
        """
        if bool(options) == (low is not None and high is not None):
            raise InputError(f"{question!r} needs either options, or low and high.")
        self.question, self.unit, self.guess = question, unit, None
        start = None if options else low + step * round((high - low) / step / 2)
        self.control = (
            choice("I expect", options) if options else slider("I expect", low, high, start, step)
        )
        self.button = ipywidgets.Button(description="Commit", tooltip="Commit the prediction")
        self.button.on_click(lambda _: self.commit())
        self.reply = Words()
        prompt = ipywidgets.HTML(f"<b>Predict.</b> {html.escape(question)}")
        super().__init__([prompt, ipywidgets.HBox([self.control, self.button, self.reply])])

    def commit(self) -> None:
        """Keep the control's value as the prediction."""
        self.guess = self.control.value
        self.control.disabled = self.button.disabled = True
        self.reply.say(f"Committed: {self._say(self.guess)}. Now run on.")

    def reveal(self, result: float | str) -> None:
        """Show the result beside the prediction."""
        text = self.compare(result)
        two_numbers = self.guess is not None and not isinstance(result, str)
        bars = self._bars(float(result)) if two_numbers else ""
        show_html(f"<div>{bars}<p>{html.escape(text)}</p></div>", text)

    def compare(self, result: float | str) -> str:
        """The result, and how near the prediction came, in a sentence."""
        told = f"Result: {self._say(result)}."
        if self.guess is None:
            return f"{told} No prediction was committed."
        if isinstance(result, str):
            verdict = "as you predicted" if self.guess == result else "another than predicted"
        else:
            off = float(self.guess) - float(result)
            far = f"too {'high' if off > 0 else 'low'} by {self._say(abs(off))}"
            verdict = "close" if abs(off) <= 0.1 * abs(float(result)) else far
        return f"{told} You predicted {self._say(self.guess)}: {verdict}."

    def still(self) -> Bundle:
        """The question in words."""
        return {"text/plain": f"Predict. {self.question}"}, {}

    def _say(self, value: float | str) -> str:
        if not isinstance(value, str):
            value = f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
        return f"{value} {self.unit}".strip()

    def _bars(self, result: float) -> str:
        rows = (("result", result, "#004488"), ("predicted", float(self.guess), "#ddaa33"))
        largest = max(abs(value) for _, value, _ in rows) or 1.0
        return "".join(
            f"<div>{name}: {html.escape(self._say(value))}"
            f'<div style="background:{colour};height:8px;width:{24 * abs(value) / largest:.2f}em">'
            "</div></div>"
            for name, value, colour in rows
        )


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
            raise InputError(f"{self.text!r} has {rights} right options; expected exactly one.")


@dataclass(frozen=True)
class Quiz:
    """The questions at a notebook's end: shown as widgets, or as a list where there are none."""

    notebook: str
    questions: tuple[Question, ...]

    def answer(self, question: int, option: str) -> str:
        """Feedback on option "a", "b", … of question 1, 2, … .

        Raises:
            InputError: there is no such question or option.
        """
        if not 1 <= question <= len(self.questions):
            raise InputError(f"question {question} does not exist; 1 to {len(self.questions)} do.")
        options = self.questions[question - 1].options
        index = ord(option.lower()) - ord("a") if len(option) == 1 else -1
        if not 0 <= index < len(options):
            raise InputError(
                f"option {option!r} does not exist; a to {letter(len(options) - 1)} do."
            )
        chosen = options[index]
        return f"{'✓' if chosen.right else '✗'} {chosen.feedback}"

    def __repr__(self) -> str:
        """All questions and options, for reading without widgets."""
        lines = []
        for i, question in enumerate(self.questions, 1):
            lines.append(f"{i}. {question.text}")
            lines += [f"   {letter(j)}) {one.text}" for j, one in enumerate(question.options)]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **kwargs: Any) -> Bundle:
        return QuizBox(self)._repr_mimebundle_(**kwargs)


def letter(index: int) -> str:
    """Name of an option: a, b, c, …"""
    return chr(ord("a") + index)


class QuizBox(WithStill):
    """Each question with its options; choosing one shows its feedback and updates the score."""

    def __init__(self, quiz: Quiz) -> None:
        """Build the questions, none answered."""
        self.quiz, self.score = quiz, ipywidgets.HTML()
        self.buttons = [_buttons(question) for question in quiz.questions]
        self.replies = [Words() for _ in quiz.questions]
        rows = []
        for i, question in enumerate(quiz.questions):
            self.buttons[i].observe(self._answered, names="index")
            title = ipywidgets.HTML(f"<b>{i + 1}. {html.escape(question.text)}</b>")
            rows.append(ipywidgets.VBox([title, self.buttons[i], self.replies[i]]))
        super().__init__([*rows, self.score])

    def still(self) -> Bundle:
        """The questions as a plain list."""
        return {"text/plain": repr(self.quiz)}, {}

    def _answered(self, _change: Any) -> None:
        chosen = {i: one.index for i, one in enumerate(self.buttons) if one.index is not None}
        for i, index in chosen.items():
            self.replies[i].say(self.quiz.answer(i + 1, letter(index)))
        right = sum(self.quiz.questions[i].options[j].right for i, j in chosen.items())
        self.score.value = f"<b>{right} right of {len(chosen)} answered.</b>"


def _buttons(question: Question) -> ipywidgets.RadioButtons:
    options = [(option.text, i) for i, option in enumerate(question.options)]
    return ipywidgets.RadioButtons(options=options, index=None, layout={"width": "auto"})
