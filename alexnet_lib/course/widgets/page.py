"""Putting figures, tables and notes into a notebook, each with words that stand in for it.

What a cell shows falls in three kinds:

- `show(figure)`, `show_html(html, text)`: stays in the saved file, with its alt text.
- a `WithStill` widget: live in JupyterLab; viewers without widgets, the saved file, and a notebook
  that is opened again show its still picture and text.
- `note(text)`: facts of this machine and moment; never kept in the saved file.
"""

import asyncio
import base64
import html as html_module
import io
import struct
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ipywidgets
from IPython.display import DisplayHandle, display
from matplotlib.figure import Figure
from PIL import Image

from alexnet_lib.checks import AlexNetError, InputError
from alexnet_lib.course.figures.style import (
    DPI,
    TURN,
    WIDTH,
    is_chart,
    picture_png,
    save_png,
    smaller_png,
)
from alexnet_lib.course.progress import is_kept

Bundle = tuple[dict[str, Any], dict[str, Any]]

# --- Outputs that stay ---------------------------------------------------------------------------


def show(figure: Figure, alt: str | None = None) -> None:
    """Display a figure with its description (`alt`, else what `describe` attached).

    Raises:
        ValueError: the figure has no description.
    """
    alt = alt or figure.get_label()
    if not alt:
        raise InputError("the figure has no description; pass alt=, or attach one by describe().")
    data, metadata = still_image(save_png(figure), alt)
    display(data, metadata=metadata, raw=True)


def show_html(html: str, text: str) -> None:
    """Display HTML; `text` says the same in words, for viewers that show none."""
    display({"text/html": html, "text/plain": text}, raw=True)


def still_image(png: bytes, text: str) -> Bundle:
    """Display bundle of a PNG with its words."""
    metadata: dict[str, Any] = {"image/png": {"alt": text, "width": page_width(png)}}
    if is_chart(png):
        metadata[_GROUND] = "light"
    return {"image/png": base64.b64encode(png).decode(), "text/plain": text}, metadata


def half_still(png: bytes, text: str, colours: int) -> Bundle:
    """The same at half its size and in few colours: photographs have to fit into a notebook."""
    with Image.open(io.BytesIO(png)) as picture:
        small = picture_png(picture.convert("RGB").reduce(2))
    return still_image(smaller_png(small, colours), text)


def page_width(png: bytes) -> int:
    """Width that a PNG is given, in CSS pixels: the whole column, unless it is much smaller.

    The page never shows it wider than the column is.
    """
    own, full = struct.unpack(">I", png[16:20])[0], round(WIDTH * DPI)  # PNG's header holds it here
    return full if own >= _LARGE * full else own


_LARGE = 0.75  # of the column; smaller pictures would be blurred, or only large

# JupyterLab gives such an output a class of its own: a chart, which a dark page may turn.
_GROUND = "needs_background"


# --- Words of widgets ----------------------------------------------------------------------------

FAULT = (
    "This is a fault of the course, not of your setting. Please report it to those who gave you "
    "the course, with these lines:\n\n"
)


class Words(ipywidgets.HTML):
    """Text that changes, and that screen readers speak when it does.

    Attributes:
        plain: what it says, without HTML.
    """

    plain, frame = "", ""

    def say(self, text: str) -> None:
        """Replace the text."""
        self.plain = text
        style = f"line-height:1.5;white-space:pre-wrap;{self.frame}"
        self.value = f'<div role="status" style="{style}">{html_module.escape(text)}</div>'

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Within the block, what a person can put right is said; a fault of the code is shown.

        The first becomes a sentence and ends here. The second is shown whole and raised again:
        in a cell and in a test it is the error that it is, and a page has no other place for it.
        """
        try:
            yield
        except AlexNetError as error:
            self.say(f"Not possible: {error}")
        except Exception:
            self.say(FAULT + traceback.format_exc())
            raise


# --- Widgets -------------------------------------------------------------------------------------

VIEW = "application/vnd.jupyter.widget-view+json"

STILL_S = 1.0  # after the last change a still is renewed; drawing one takes longer than moving on

# A living widget hides its still, which is the output before it, or the two before it.
_HIDES_STILL = """<style>
.jp-OutputArea-child:has(+ .jp-OutputArea-child > * > .alexnet-one-still),
.jp-OutputArea-child:has(+ .jp-OutputArea-child > * > .alexnet-two-stills),
.jp-OutputArea-child:has(+ .jp-OutputArea-child + .jp-OutputArea-child > * > .alexnet-two-stills) {
  display: none;
}
</style>"""

# Where its kernel has ended, a widget has no elements, only the page's words "model not found".
_AFTER_ITS_KERNEL = """<style>
.jp-OutputArea-output.jupyter-widgets:not(:has(*)) { font-size: 0; }
.jp-OutputArea-output.jupyter-widgets:not(:has(*))::after {
  content: "To use this again, run the cells above, then this one.";
  font-size: var(--jp-code-font-size, 13px);
}
</style>"""


class WithStill(ipywidgets.VBox):
    """A widget with a still: outputs that stand in for it wherever it does not live.

    A page shows one form of an output, and a widget whose kernel has ended has none. So picture
    and words are outputs of their own before the widget's. They follow its state, and so are in
    the file when the notebook is closed.
    """

    _shown: tuple[DisplayHandle, ...] = ()
    _due: asyncio.TimerHandle | None = None

    def still(self) -> Bundle:
        """Data and metadata that stand in for the widget; empty: nothing does."""
        return {}, {}

    def renew_still(self) -> None:
        """Let the still follow, a moment after the last of many changes."""
        if self._due:
            self._due.cancel()
        if self._shown and is_kept():
            with suppress(RuntimeError):  # without a kernel's loop nobody sees it either
                loop = asyncio.get_running_loop()
                self._due = loop.call_later(STILL_S, self._renew)

    def _renew(self) -> None:
        for handle, (data, metadata) in zip(self._shown, _outputs(*self.still()), strict=False):
            handle.update(data, metadata=metadata, raw=True)

    def _ipython_display_(self, **_: Any) -> None:
        data, metadata = self.still()
        stills, before = _outputs(data, metadata), self._shown
        self._shown = tuple(
            display(part, metadata=about, raw=True, display_id=True) for part, about in stills
        )
        if stills and not before:
            self.add_class(("alexnet-one-still", "alexnet-two-stills")[len(stills) - 1])
            self.children = (*self.children, ipywidgets.HTML(_HIDES_STILL))
        view = {VIEW: self._repr_mimebundle_()[VIEW]}
        display(view, metadata=_of(VIEW, metadata), raw=True)


def _outputs(data: dict[str, Any], metadata: dict[str, Any]) -> list[Bundle]:
    """A picture and its words as one output each."""
    return [({kind: value}, _of(kind, metadata)) for kind, value in data.items()]


def _of(kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    wanted = (kind, "volatile", *([_GROUND] if kind == "image/png" else []))
    return {name: value for name, value in metadata.items() if name in wanted}


# On a dark page charts turn dark; photographs and maps stay as they are, on a softer ground.
_ARROW = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E"
    "%3Cpath d='M5 8l5 5 5-5z' fill='%23ddd'/%3E%3C/svg%3E"
)
_ON_A_DARK_PAGE = f"""<style>
[data-jp-theme-light="false"] :is(.jp-RenderedImage > img, .alexnet-picture) {{
  filter: brightness(0.88); border-radius: 6px; padding: 8px; background: white;
}}
[data-jp-theme-light="false"]
:is(.jp-RenderedImage > img.jp-needs-light-background, .alexnet-picture.alexnet-chart) {{
  filter: {TURN}; padding: 0;
}}
[data-jp-theme-light="false"] .alexnet-picture:not(.alexnet-chart) + .alexnet-overlay {{
  inset: 8px; width: calc(100% - 16px); height: calc(100% - 16px);
}}
[data-jp-theme-light="false"] {{ --jp-widgets-dropdown-arrow: url("{_ARROW}"); }}
</style>"""


# Many words of a text lead to the glossary: they look like words, not like places to go.
_WORDS_OF_THE_GLOSSARY = """<style>
.jp-RenderedMarkdown a[href*="glossary.md"] {
  color: inherit; text-decoration: underline dotted; text-underline-offset: 3px; cursor: help;
}
</style>"""


def style_page() -> None:
    """Say what to do where a widget's kernel has ended, and let figures suit a dark page."""
    html = _AFTER_ITS_KERNEL + _ON_A_DARK_PAGE + _WORDS_OF_THE_GLOSSARY
    style = {"text/html": html, "text/plain": ""}
    display(style, metadata={"volatile": True}, raw=True)


class Note(WithStill):
    """A remark shown live only. `volatile` tells the refresh command to drop its words."""

    def __init__(self, text: str) -> None:
        """Show `text`, line by line, in a quiet frame."""
        self.words = Words()
        self.words.frame = "border-left:3px solid #888f98;padding:2px 10px"
        super().__init__([self.words])
        self.say(text)

    def say(self, text: str) -> None:
        """Replace the words."""
        self.words.say(text)
        self.renew_still()

    def still(self) -> Bundle:
        """The words, marked as not to be kept."""
        return {"text/plain": self.words.plain}, {"volatile": True}


def note(text: str) -> Note:
    """Display a remark that holds for this machine only and is not kept in the saved file."""
    shown = Note(text)
    display(shown)
    return shown
