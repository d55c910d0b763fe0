"""Predict, commit, reveal: say what you expect before you look.

guess = Predict("How many times faster does ReLU get there?", low=0.5, high=10, unit="×")
guess                    # slider and button
...
guess.reveal(measured)   # in a later cell: prediction and result side by side
"""

import html
from collections.abc import Sequence

import ipywidgets

from alexnet_lib.widgets.core import choice, slider
from alexnet_lib.widgets.show import Bundle, WithStill, show_html


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
            ValueError: neither or both are given.
        """
        if bool(options) == (low is not None and high is not None):
            raise ValueError(f"{question!r} needs either options, or low and high.")
        self.question, self.unit, self.guess = question, unit, None
        self.low, self.high = low, high
        start = None if options else low + step * round((high - low) / step / 2)
        self.control = (
            choice("I expect", options) if options else slider("I expect", low, high, start, step)
        )
        self.button = ipywidgets.Button(description="Commit", tooltip="Commit the prediction")
        self.button.on_click(lambda _: self.commit())
        self.reply = ipywidgets.HTML()
        prompt = ipywidgets.HTML(f"<b>Predict.</b> {html.escape(question)}")
        row = ipywidgets.HBox([self.control, self.button, self.reply])
        super().__init__([prompt, row])

    def commit(self) -> None:
        """Keep the control's value as the prediction."""
        self.guess = self.control.value
        self.control.disabled = self.button.disabled = True
        self.reply.value = f"Committed: {html.escape(self._say(self.guess))}. Now run on."

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
            return f"{told} You predicted {self._say(self.guess)}: {verdict}."
        off = float(self.guess) - float(result)
        near = abs(off) <= 0.1 * abs(float(result))
        verdict = (
            "close" if near else f"too {'high' if off > 0 else 'low'} by {self._say(abs(off))}"
        )
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
