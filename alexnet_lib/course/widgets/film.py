"""Class images as a film: from noise to what the network is sure of (§6.1)."""

from collections.abc import Sequence

from alexnet_lib.course.figures.film import curve_box, film_frame
from alexnet_lib.course.figures.pixels import few_colours
from alexnet_lib.course.widgets.core import Explorer, Shown, Touchable, player, slider
from alexnet_lib.course.widgets.page import Bundle, half_still
from alexnet_lib.course.widgets.pointing import along
from alexnet_lib.inspection.ascent import Film

_FRAME_MS = 200


class FilmExplorer(Explorer):
    """Frames that were recorded on the way; nothing is computed anew. It opens at the last.

    Args:
        film: of `class_film`.
        classes: one a picture.
        data_name: what the network was trained on.
    """

    def __init__(self, film: Film, classes: Sequence[str], data_name: str) -> None:
        self.film, self.classes, self.data_name = film, list(classes), data_name
        last = len(film.steps) - 1
        frame = slider("frame", 0, last, last)
        super().__init__(player(frame, _FRAME_MS), frame=frame)

    def render(self, frame: int) -> Shown:
        """All pictures at a moment, and how sure the network is of each."""
        steps, pixels, values = self.film
        shown = film_frame(pixels, values, steps, frame, self.classes)
        shares = [step / steps[-1] for step in steps]
        cells = along(curve_box(len(self.classes)), shares, frame, "frame", "the steps")
        each = zip(self.classes, values[frame].tolist(), strict=True)
        told, mean = ", ".join(f"{name} {value:.0%}" for name, value in each), values[frame].mean()
        return Touchable(few_colours(shown), [cells]), (
            f"Class images after {steps[frame]} of {steps[-1]} steps, and how sure the network, "
            f"trained on {self.data_name}, is of each: {told}. Mean {mean:.0%}."
        )

    def still(self) -> Bundle:
        """At half its size."""
        return half_still(self.image.value, self.summary, 64)
