"""The explorer: controls, one picture, one line of text.

    class Windows(Explorer):
        '''How many windows fit along one side.'''

        def __init__(self) -> None:
            super().__init__(
                size=slider("input size", 8, 64, 32),
                kernel=slider("kernel", 1, 11, 5),
                start=slider("start", 0, 10, 0),
            )

        def limits(self, size: int, kernel: int, **_: Any) -> Ends:
            return {"start": size - kernel}

        def render(self, size: int, kernel: int, start: int) -> Shown:
            return window_figure(size, kernel, start), f"{size - kernel + 1} windows fit."

`render` depends on its arguments alone and is tested without a notebook. An `AlexNetError` that
it raises is an impossible setting: its words replace the line of text, and the last picture turns
pale, since it is not of this setting.
Any other error is a fault of the code and is shown as one.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import ipywidgets
from matplotlib.figure import Figure

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.style import draw_png, drawing, picture_png, smaller_png
from alexnet_lib.course.widgets.page import Bundle, WithStill, Words, still_image
from alexnet_lib.course.widgets.pointing import Cells, Picture

Drawn = Any  # a matplotlib Figure, a PIL image, or PNG bytes


class Touchable(NamedTuple):
    """A picture, and its parts that can be pointed at."""

    drawn: Drawn
    cells: Sequence[Cells]


Shown = tuple[Drawn | Touchable, str]  # the picture, and what it says in words

Ends = Mapping[str, int]  # by slider, its largest value


class Explorer(WithStill):
    """Controls beside a picture and a line of text that follow them; above it on a narrow page.

    At most six controls, so that the eye takes them in at once, and a button that puts them back.

    A subclass passes its controls to `__init__` and draws in `render`.

    Attributes:
        controls: the widgets by name; setting a `.value` redraws.
        image: the picture. text: the line in words.
        first: the state that "Reset" leads back to.
        touched: values that are set by pointing at the picture alone; a subclass gives the first
            ones before `__init__`, and `render` has the same as its defaults.
        keep_share: sliders that keep their share of the way when `limits` moves their end.
        pairs: controls that matter together, by name; a page without a kernel has pictures of all
            their values (see `site.states`), of others along each control alone. One alone is
            drawn in finer steps.
    """

    touched: Mapping[str, Any] = {}
    keep_share: tuple[str, ...] = ()
    pairs: tuple[tuple[str, ...], ...] = ()

    def __init__(self, *beside: ipywidgets.Widget, **controls: ipywidgets.Widget) -> None:
        """Draw the first state; `beside` the controls stand buttons and players."""
        self.controls, self.image, self.text = controls, Picture(self._pointed), Words()
        self._wanted, self._held, self.touched = 0, False, dict(self.touched)
        self.reset_button = self.button("Reset", "put all controls back", self.reset)
        for control in controls.values():
            control.layout.flex, control.layout.max_width = "1 1 276px", "calc(100% - 4px)"
            if isinstance(control, ipywidgets.Checkbox):
                control.indent = False  # its words stand behind it
        panel = ipywidgets.HBox([*controls.values(), *beside, self.reset_button], layout=_PANEL)
        view = ipywidgets.VBox([self.image, self.text], layout=_VIEW)
        super().__init__([ipywidgets.HBox([panel, view], layout=_SIDES)])
        self.add_class("alexnet-explorer")
        for control in controls.values():
            control.observe(self._moved, names="value")
        self._fit()
        self.first = self.state
        self.redraw()

    # What a subclass says

    def render(self, **state: Any) -> Shown:
        """Picture and words for the value of each control."""
        raise NotImplementedError

    def limits(self, **state: Any) -> Ends:
        """Where sliders end that depend on other controls."""
        return {}

    # What it can be asked

    @property
    def state(self) -> dict[str, Any]:
        """Current value of each control, and what is set on the picture."""
        return {name: control.value for name, control in self.controls.items()} | self.touched

    @property
    def summary(self) -> str:
        """The line of text."""
        return self.text.plain

    def set(self, **values: Any) -> None:
        """Move several controls, one after another, and redraw once."""
        with self.held():
            for name, value in values.items():
                if name in self.touched:
                    self.touched[name] = value
                else:
                    self.controls[name].value = value
                self._fit()  # a later one may have to go where only this one lets it
        self.redraw()

    def reset(self, **_: Any) -> None:
        """Put all controls back to where they stood first, and redraw once."""
        with self.held():
            for _again in range(2):  # where one limits another, only then does that arrive
                self.touched = {name: self.first[name] for name in self.touched}
                for name, control in self.controls.items():
                    if hasattr(control, "reset"):  # made of several parts
                        control.reset()
                    else:
                        control.value = self.first[name]
                self._fit()
        self.redraw()

    def redraw(self) -> None:
        """Draw the current state, unless a newer request is already waiting its turn."""
        self._wanted += 1
        ticket = self._wanted
        with drawing:
            if ticket == self._wanted:
                self.image.is_old = True
                try:
                    with self.text.answering():
                        self._draw()
                finally:
                    self.image.fade_if_old(self.summary)
                    self.renew_still()

    def _draw(self) -> None:
        picture, words = self.render(**self.state)
        drawn, cells = picture if isinstance(picture, Touchable) else Touchable(picture, ())
        self.image.put(to_png(drawn), words, cells)
        self.text.say(words)

    def still(self) -> Bundle:
        """The picture and the words of the current state."""
        return still_image(smaller_png(self.image.value), self.summary)

    # What subclasses build with

    def button(
        self, label: str, tooltip: str, do: Callable[..., Any], **layout: str
    ) -> ipywidgets.Button:
        """A button that calls `do` with the state; what goes wrong is told in the line of text."""
        button = ipywidgets.Button(description=label, tooltip=tooltip, layout=layout)

        def press(_button: Any) -> None:
            with self.text.answering():
                do(**self.state)

        button.on_click(press)
        return button

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block, controls move without a redraw."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def _pointed(self, cells: Cells, row: int, column: int, turn: int, text: str) -> None:
        """Follow the pointer to a cell, change its number, or turn the slider of its part."""
        if cells.edits and (turn or text):
            return self.set(**cells.edits(row, column, turn, text))
        if not turn:
            return self.set(**cells.sets(row, column))
        control = self.controls[cells.turns]
        self.set(**{cells.turns: min(max(control.value + turn, control.min), control.max)})

    def _moved(self, _change: Any) -> None:
        if not self._held:
            self._fit()
            self.redraw()

    def _fit(self) -> None:
        """Let sliders end where `limits` says."""
        with self.text.answering(), self.held():
            for name, end in self.limits(**self.state).items():
                control = self.controls[name]
                share = control.value / (control.max or 1)
                control.max = end  # a value beyond it comes along
                if name in self.keep_share:
                    control.value = round(share * end)


class Pages(Explorer):
    """Pictures that were drawn beforehand, one of them shown: turning a page takes no time."""

    def __init__(self, label: str, pages: Mapping[str, Shown]) -> None:
        """Show the first page; `label` says what a page is.

        Raises:
            ValueError: there are no pages.
        """
        if not pages:
            raise InputError(f"there is no {label} to show; expected at least one.")
        self.pages = pages
        super().__init__(page=choice(label, list(pages)))

    def render(self, page: str) -> Shown:
        """The page as it was drawn."""
        return self.pages[page]


# --- Controls. Each has a layout and a style of its own: dictionaries, of which a widget makes one.

# Two columns, controls and picture; a page without room for both puts the picture below.
_SIDES = {"flex_flow": "row wrap", "align_items": "flex-start"}

_PANEL = {"flex": "1 1 280px", "flex_flow": "row wrap", "align_items": "flex-start",
          "max_width": "100%"}  # fmt: skip

_VIEW = {"flex": "1000 1 720px", "max_width": "100%"}

_LABEL = {"description_width": "9em"}

_WIDE = {"width": "32em", "max_width": "100%"}


def slider(
    label: str, low: float, high: float, value: float, step: float = 1
) -> ipywidgets.IntSlider | ipywidgets.FloatSlider:
    """Slider, whole-numbered where all four numbers are."""
    whole = all(isinstance(number, int) for number in (low, high, value, step))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return kind(
        value=value, min=low, max=high, step=step, description=label, style=_LABEL, layout=_WIDE
    )


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


def toggle(label: str, value: bool = False, **more: Any) -> ipywidgets.Checkbox:
    """Check box; `more` is of ipywidgets' own settings."""
    return ipywidgets.Checkbox(
        **{"value": value, "description": label, "style": _LABEL, "layout": _WIDE, **more}
    )


def player(control: ipywidgets.IntSlider, interval_ms: int) -> ipywidgets.Play:
    """Buttons that move a slider by themselves, from where it stands to its end."""
    play = ipywidgets.Play(
        min=control.min, max=control.max, value=control.value, interval=interval_ms,
        show_repeat=False,
    )  # fmt: skip
    play.slider = control  # a page without a kernel plays it as well
    ipywidgets.jslink((play, "value"), (control, "value"))
    ipywidgets.dlink((control, "max"), (play, "max"))  # other controls may move the end
    return play


def to_png(picture: Drawn) -> bytes:
    """PNG bytes of a Figure, a PIL image, or PNG bytes themselves: soon done rather than small."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Figure):
        return draw_png(picture)
    return picture_png(picture, compress_level=1, compress_type=zlib.Z_RLE)
