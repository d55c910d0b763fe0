"""Questions on the page: a prediction before a result, a quiz at the end of a lesson.

    guess = widgets.Predict("How many numbers does one image hold?")
    guess                                 # an empty field; the button waits for a number

    guess.reveal(image.numel())           # a later cell: hidden until a prediction is committed

Three ways to ask: for a number, for one of several `options`, or for what the course knows
beforehand (`Asked`, in the lesson's module, so that no cell holds the answer). What a learner
commits is kept in `course.progress` and shown again when the cell is run again.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
from IPython.display import display
from traitlets import Bool

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises import exercises_of
from alexnet_lib.course.guesses import Answer, compare, in_words, is_close, to_number
from alexnet_lib.course.progress import current
from alexnet_lib.course.widgets.page import Bundle, WithStill, Words
from alexnet_lib.data.files import seal_of

HIDDEN = "Commit a prediction above, or press “show it anyway”."
NOTHING = (
    "There is nothing to compare with yet: what this needs was stopped, or did not get that far. "
    "Run the cells above again."
)

# --- A prediction --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question to predict on.

    Attributes:
        options: to choose one of; empty: a number is asked for.
        unit: of the number, in the plural: "%", "points".
        answer: where it is known before any cell runs.
    """

    text: str
    options: tuple[str, ...] = ()
    unit: str = ""
    answer: Answer | None = None

    def __post_init__(self) -> None:
        """Refuse an answer that nobody could give."""
        if self.answer is not None:
            self.check(self.answer)

    def check(self, answer: Answer) -> None:
        """Refuse what does not answer the question.

        Raises:
            InputError: it is none of the options, or no number.
        """
        fits = answer in self.options if self.options else not isinstance(answer, str)
        if not fits:
            wanted = f"one of {list(self.options)}" if self.options else "a number"
            raise InputError(f"{answer!r} does not answer {self.text!r}; expected {wanted}.")

    @property
    def shuffled(self) -> list[str]:
        """The options in an order that tells nothing, and is the same each time."""
        return sorted(self.options, key=lambda option: seal_of(self.text, option))


class Predict(WithStill):
    """A question that waits for an answer, and a button that commits it.

    Attributes:
        settled: an answer was committed, or the result was wanted without one.
        guess: the committed answer; None where there is none.
    """

    settled = Bool(False)

    def __init__(
        self, question: str | Asked, options: Sequence[str] = (), *, unit: str = ""
    ) -> None:
        """Ask, with nothing filled in, unless this was answered before."""
        asked = question if isinstance(question, Asked) else Asked(question, tuple(options), unit)
        self.asked, self.guess, self.reply = asked, None, Words()
        self.control = _choice(asked.shuffled) if asked.options else _field()
        self.button = ipywidgets.Button()
        prompt = ipywidgets.HTML(f"<b>Predict.</b> {html.escape(asked.text)}")
        row = [self.control, ipywidgets.HTML(html.escape(asked.unit))]
        super().__init__([prompt, ipywidgets.HBox(row), ipywidgets.HBox([self.button, self.reply])])
        self.add_class("alexnet-predict")
        self.control.observe(self._show, names="value")
        self.button.on_click(lambda _: self.change() if self.settled else self.commit())
        current().ask("predictions", asked.text)
        self._restore()
        self._show()

    def commit(self) -> None:
        """Take the control's value as the prediction."""
        with self.reply.answering():
            value = self.control.value
            self._settle(value if self.asked.options else to_number(value))

    def skip(self) -> None:
        """Want the result without a prediction."""
        self._settle(None)

    def change(self) -> None:
        """Open the question again; the result is hidden until the next answer."""
        self.settled, self.guess = False, None
        self.reply.say("")
        self._show()

    def reveal(self, result: Answer | None = ...) -> None:
        """Show the result as soon as the question is settled.

        Args:
            result: None or not finite: there is none yet. Left out: the known answer.
        Raises:
            InputError: it does not answer the question.
        """
        display(Result(self, self.asked.answer if result is ... else result))

    def still(self) -> Bundle:
        """The question in words, with its options and what was answered."""
        lines = [f"Predict. {self.asked.text}"]
        lines += [f"  ○ {option}" for option in self.asked.shuffled]
        return {"text/plain": "\n".join([*lines, self.reply.plain]).rstrip()}, {}

    def _settle(self, guess: Answer | None) -> None:
        self.guess = guess
        name, made, unit = self.asked.text, guess is not None, self.asked.unit
        trouble = current().keep("predictions", name, guess, made, unit=unit)
        self._close(trouble)

    def _restore(self) -> None:
        """Take up what was answered before, if it still is an answer to this question."""
        progress, name = current(), self.asked.text
        guess = progress.answer("predictions", name)
        try:
            if guess is not None:
                self.asked.check(guess)
                self.control.value = guess if self.asked.options else f"{guess:.15g}"
        except (InputError, TypeError, ValueError):
            return
        if progress.answered("predictions", name):
            self.guess = guess
            self._close()

    def _close(self, trouble: str = "") -> None:
        told = "No prediction was made."
        if self.guess is not None:
            told = f"Committed: {in_words(self.guess, self.asked.unit)}."
        self.reply.say(f"{told} {trouble}".strip())
        self.settled = True
        self._show()

    def _show(self, _change: Any = None) -> None:
        """Let the controls follow the state."""
        self.control.disabled = self.settled
        self.button.description = "Change my answer" if self.settled else "Commit"
        self.button.disabled = not self.settled and not self.control.value
        self.renew_still()


class Result(WithStill):
    """A result beside its prediction; before there is one, a line that asks for it."""

    def __init__(self, question: Predict, result: Answer | None) -> None:
        """Follow `question`; `result` is in no output and on no page before it is settled."""
        self.question, self.result = question, result if _is_there(result) else None
        if self.result is not None:
            question.asked.check(self.result)
        self.words, self.bars = Words(), ipywidgets.HTML()
        self.button = ipywidgets.Button(
            description="show it anyway",
            tooltip="Show the result without a prediction",
            layout={"width": "auto"},
        )
        self.button.on_click(lambda _: question.skip())
        super().__init__([self.bars, ipywidgets.HBox([self.words, self.button])])
        question.observe(self._follow, names="settled")
        self._follow()

    def still(self) -> Bundle:
        """What it says now."""
        return {"text/plain": self.words.plain}, {}

    def _follow(self, _change: Any = None) -> None:
        hidden = self.result is not None and not self.question.settled
        self.button.layout.display = None if hidden else "none"
        self.words.say(HIDDEN if hidden else self._told())
        self.bars.value = "" if hidden else self._bars()
        if not hidden:
            self._keep()
        self.renew_still()

    def _keep(self) -> None:
        """Keep how close the first prediction came that its result was shown beside."""
        guess, result = self.question.guess, self.result
        if guess is not None and result is not None:
            plain = result if isinstance(result, str) else float(result)
            current().add(
                "predictions", self.question.asked.text, result=plain, close=is_close(guess, result)
            )

    def _told(self) -> str:
        if self.result is None:
            return NOTHING
        return compare(self.question.guess, self.result, self.question.asked.unit)

    def _bars(self) -> str:
        guess, result, unit = self.question.guess, self.result, self.question.asked.unit
        if guess is None or result is None or isinstance(result, str):
            return ""
        rows = (("result", result, "#004488"), ("predicted", guess, "#ddaa33"))
        largest = max(abs(value) for _, value, _ in rows) or 1.0
        return "".join(
            f"<div>{name}: {html.escape(in_words(value, unit))}"
            f'<div style="background:{colour};height:8px;width:{24 * abs(value) / largest:.2f}em">'
            "</div></div>"
            for name, value, colour in rows
        )


def _is_there(result: Answer | None) -> bool:
    return result is not None and (isinstance(result, str) or math.isfinite(result))


def _field() -> ipywidgets.Text:
    return ipywidgets.Text(
        description="I expect",
        placeholder="a number",
        style={"description_width": "initial"},
        layout={"width": "13em"},
    )


def _choice(options: Sequence[Any]) -> ipywidgets.RadioButtons:
    return ipywidgets.RadioButtons(options=options, index=None, layout={"width": "auto"})


# --- A quiz --------------------------------------------------------------------------------------


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

    def place(self, text: Any) -> int | None:
        """Index of the option of that text; None: there is none."""
        return next((i for i, one in enumerate(self.options) if one.text == text), None)


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

    def _ipython_display_(self, **_: Any) -> None:
        display(QuizBox(self))


def letter(index: int) -> str:
    """Name of an option: a, b, c, …"""
    return chr(ord("a") + index)


class QuizBox(WithStill):
    """Each question with its options and their feedback; at the end, the score of the lesson."""

    def __init__(self, quiz: Quiz) -> None:
        """Build the questions; what was answered before is answered again."""
        for exercise in exercises_of(quiz.notebook):  # those whose cells were not run count, too
            current().ask("checks", exercise.id, exercise.title)
        self.quiz, self.score, self.lesson = quiz, ipywidgets.HTML(), Words()
        self.buttons = [_choice([(o.text, i) for i, o in enumerate(question.options)])
                        for question in quiz.questions]  # fmt: skip
        self.replies = [Words() for _ in quiz.questions]
        rows = []
        for i, question in enumerate(quiz.questions):
            current().ask("quiz", question.text, f"question {i + 1}")
            self.buttons[i].index = question.place(current().answer("quiz", question.text))
            title = ipywidgets.HTML(f"<b>{i + 1}. {html.escape(question.text)}</b>")
            rows.append(ipywidgets.VBox([title, self.buttons[i], self.replies[i]]))
        super().__init__([*rows, self.score, self.lesson])
        self._show()
        for button in self.buttons:
            button.observe(self._answered, names="index")
        current().watch(self._show)

    def still(self) -> Bundle:
        """The questions as a plain list."""
        return {"text/plain": repr(self.quiz)}, {}

    def _answered(self, change: Any) -> None:
        question = self.quiz.questions[self.buttons.index(change.owner)]
        chosen = question.options[change.new]
        trouble = current().keep("quiz", question.text, chosen.text, done=chosen.right)
        self._show()
        if trouble:
            self.lesson.say(trouble)

    def _show(self) -> None:
        chosen = {i: one.index for i, one in enumerate(self.buttons) if one.index is not None}
        for i, index in chosen.items():
            self.replies[i].say(self.quiz.answer(i + 1, letter(index)))
        right = sum(self.quiz.questions[i].options[j].right for i, j in chosen.items())
        told = f"<b>{right} right of {len(chosen)} answered.</b>"
        self.score.value = told if chosen else ""
        self.lesson.say(current().score())
