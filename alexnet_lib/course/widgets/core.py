"""The explorer: controls, one picture, one line of text.

    def render(state):
        size = ceil_output_size(state["input"], state["kernel"], state["stride"])
        return window_figure(**state), f"The output is {size} × {size}."

    Explorer(
        render,
        input=slider("input size", 8, 64, 32),
        kernel=slider("kernel", 1, 11, 5),
        stride=slider("stride", 1, 4, 1),
    )

`render` is a pure function, tested without a notebook. A `ValueError` it raises is an impossible
setting: its words replace the line of text and the last picture stays.
"""

import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from alexnet_lib.checks import AlexNetError, InputError
from alexnet_lib.course.figures.style import draw_png, drawing, smaller_png
from alexnet_lib.course.widgets.page import Bundle, Picture, WithStill, still_image

Drawn = Any  # a matplotlib Figure, a PIL image, or PNG bytes

Render = Callable[[dict[str, Any]], tuple[Drawn, str]]

_LABEL = {"description_width": "9em"}

_WIDE = ipywidgets.Layout(width="32em", max_width="100%")


class Explorer(WithStill):
    """Controls above a picture and a line of text that follow them.

    Attributes:
        controls: the widgets by name; setting a `.value` redraws.
        image: the picture. text: the line, as HTML. summary: the same line in plain words.
    """

    def __init__(self, render: Render, **controls: ipywidgets.Widget) -> None:
        """Draw the first state; each control's value becomes `state[name]`."""
        self.render, self.controls, self.summary = render, controls, ""
        self.image, self.text = Picture(), ipywidgets.HTML()
        self._wanted, self._held, self._is_figure = 0, False, False
        super().__init__([ipywidgets.VBox(list(controls.values())), self.image, self.text])
        self.add_class("alexnet-explorer")
        for control in controls.values():
            control.observe(self._changed, names="value")
        self.redraw()

    @property
    def state(self) -> dict[str, Any]:
        """Current value of each control."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Move several controls and redraw once."""
        self._held = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._held = False
        self.redraw()

    def redraw(self) -> None:
        """Draw the current state, unless a newer request is already waiting its turn."""
        self._wanted += 1
        ticket = self._wanted
        with drawing:
            if ticket == self._wanted:
                self._draw()

    def still(self) -> Bundle:
        """The picture and the words of the current state."""
        png = self.image.value
        return still_image(smaller_png(png) if self._is_figure else png, self.summary)

    def _changed(self, _change: Any) -> None:
        if not self._held:
            self.redraw()

    def _draw(self) -> None:
        try:
            picture, summary = self.render(self.state)
        except AlexNetError as error:
            self._say(f"Not possible: {error}")
            return
        self._is_figure = isinstance(picture, Figure)
        self.image.put(to_png(picture), summary)
        self._say(summary)

    def _say(self, summary: str) -> None:
        self.summary = summary
        self.text.value = f'<div role="status" style="line-height:1.5">{html.escape(summary)}</div>'


def slider(
    label: str, low: float, high: float, value: float, step: float = 1, *, slow: bool = False
) -> ipywidgets.IntSlider | ipywidgets.FloatSlider:
    """Slider, whole-numbered where all four numbers are. `slow` redraws on release only."""
    whole = all(isinstance(number, int) for number in (low, high, value, step))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return kind(
        value=value, min=low, max=high, step=step, description=label,
        style=_LABEL, layout=_WIDE, continuous_update=not slow,
    )  # fmt: skip


def log_slider(
    label: str, low: float, high: float, value: float, step: float = 0.1
) -> ipywidgets.FloatLogSlider:
    """Slider over powers of ten; `low`, `high`, `value` and `step` are exponents."""
    return ipywidgets.FloatLogSlider(
        value=10.0**value, min=low, max=high, step=step, description=label,
        style=_LABEL, layout=_WIDE, readout_format=".2g",
    )  # fmt: skip


def choice(label: str, options: Sequence[Any], value: Any = None) -> ipywidgets.Dropdown:
    """Drop-down list; options are values, or (shown text, value) pairs. Default: the first.

    Raises:
        ValueError: an option's value is None, which a list takes for "nothing chosen".
    """
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if None in values:
        raise InputError(f"the options of {label!r} hold None; expected values to choose from.")
    box = ipywidgets.Dropdown(options=options, description=label, style=_LABEL, layout=_WIDE)
    if value is not None:
        box.value = value
    return box


def toggle(label: str, value: bool = False) -> ipywidgets.Checkbox:
    """Check box."""
    return ipywidgets.Checkbox(value=value, description=label, style=_LABEL, layout=_WIDE)


def to_png(picture: Drawn) -> bytes:
    """PNG bytes of a Figure, a PIL image, or PNG bytes themselves."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Figure):
        return draw_png(picture)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
