"""Putting figures, tables and notes into a notebook, each with words that stand in for it.

What a cell shows falls in three kinds:

- `show(figure)`, `show_html(html, text)`: stays in the saved file, with its alt text.
- a `WithStill` widget: live in JupyterLab; viewers without widgets and the saved file get its
  still picture and text.
- `note(text)`: facts of this machine and moment; never kept in the saved file.
"""

import base64
import html as html_module
import struct
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure
from traitlets import Unicode

from alexnet_lib.checks import AlexNetError, InputError
from alexnet_lib.course.figures.style import SHARPNESS, save_png

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
    metadata = {"image/png": {"alt": text, "width": page_width(png)}}
    return {"image/png": base64.b64encode(png).decode(), "text/plain": text}, metadata


def page_width(png: bytes) -> int:
    """Width on the page, in CSS pixels, of a PNG drawn at the course's resolution."""
    return round(struct.unpack(">I", png[16:20])[0] / SHARPNESS)  # PNG's header holds it here


# --- Parts of widgets ----------------------------------------------------------------------------


class Picture(ipywidgets.Image):
    """A PNG with words for those who do not see it."""

    description = Unicode("").tag(sync=True)  # the page looks for one before it sets the words

    def __init__(self) -> None:
        """Empty, and never wider than the page."""
        super().__init__(format="png", layout={"max_width": "100%"})

    def put(self, png: bytes, text: str) -> None:
        """Show a picture and give it its words."""
        self.width, self.value, self.tooltip = str(page_width(png)), png, text


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

# The page marks what no kernel answers for any more: a notebook that was closed and opened again.
_ASLEEP = """<style>
.alexnet-asleep { display: none; }
.jupyter-widgets-disconnected .alexnet-asleep { display: block; }
</style>
<p class="alexnet-asleep">This is how it looked last time.
To use it, run the cells above again, and this one.</p>"""


class WithStill(ipywidgets.VBox):
    """A widget that carries a still picture of itself for viewers that show no widgets."""

    def __init__(self, children: Sequence[ipywidgets.Widget] = (), **more: Any) -> None:
        """Put a line under the parts that shows only while no kernel answers."""
        super().__init__([*children, ipywidgets.HTML(_ASLEEP)], **more)

    def still(self) -> Bundle:
        """Data and metadata that stand in for the widget; empty: nothing does."""
        return {}, {}

    def _repr_mimebundle_(self, **kwargs: Any) -> Bundle:
        view = super()._repr_mimebundle_(**kwargs)
        view.pop("text/plain")
        data, metadata = self.still()
        return {**data, **view}, metadata


class Note(WithStill):
    """A remark shown live only. `volatile` tells the refresh command to drop its words."""

    def __init__(self, text: str) -> None:
        """Show `text`, line by line, in a quiet frame."""
        self.words = Words()
        self.words.frame = "border-left:3px solid #7f8790;padding:2px 10px"
        super().__init__([self.words])
        self.say(text)

    def say(self, text: str) -> None:
        """Replace the words."""
        self.words.say(text)

    def still(self) -> Bundle:
        """The words, marked as not to be kept."""
        return {"text/plain": self.words.plain}, {"volatile": True}


def note(text: str) -> Note:
    """Display a remark that holds for this machine only and is not kept in the saved file."""
    shown = Note(text)
    display(shown)
    return shown
