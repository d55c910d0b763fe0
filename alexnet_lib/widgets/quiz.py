"""The quiz on the page: radio buttons with feedback."""

import html
from typing import TYPE_CHECKING, Any

import ipywidgets

from alexnet_lib.widgets.show import Bundle, WithStill

if TYPE_CHECKING:
    from alexnet_lib.exercises.quiz import Question, Quiz


class QuizBox(WithStill):
    """Each question with its options; choosing one shows its feedback and updates the score."""

    def __init__(self, quiz: "Quiz") -> None:
        """Build the questions, none answered."""
        self.quiz = quiz
        self.buttons = [_buttons(question) for question in quiz.questions]
        self.replies = [ipywidgets.HTML() for _ in quiz.questions]
        self.score = ipywidgets.HTML()
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
        right = answered = 0
        for i, buttons in enumerate(self.buttons):
            if buttons.index is None:
                continue
            reply = self.quiz.answer(i + 1, chr(ord("a") + buttons.index))
            self.replies[i].value = f'<span role="status">{html.escape(reply)}</span>'
            answered += 1
            right += reply.startswith("✓")
        self.score.value = f"<b>{right} right of {answered} answered.</b>"


def _buttons(question: "Question") -> ipywidgets.RadioButtons:
    return ipywidgets.RadioButtons(
        options=[(option.text, i) for i, option in enumerate(question.options)],
        index=None,
        layout=ipywidgets.Layout(width="auto"),
    )
