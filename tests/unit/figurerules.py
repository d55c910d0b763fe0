"""What holds for every figure that any test draws: sizes, contrast, legends, nothing cut off."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from alexnet_lib.course.figures.style import (
    DPI,
    NARROW,
    PALE,
    contrast,
    plain_labels,
    styled,
    turned,
)

READABLE = 4.5  # contrast that WCAG asks for text
SMALLEST_PX = 10.0  # on a page of 900 pixels
WHITE, SOFT = (1.0,) * 3, (0.88,) * 3  # the ground, and where a dark page softens a picture
COUNTED = ("epoch", "step", "update", "iteration", "shift in pixels")  # names of axes
CUT_PX = 2.0  # less than that is anti-aliasing


@styled
def faults(figure: Figure) -> list[str]:
    """Each broken rule in words; empty for a good figure."""
    plain_labels(figure)
    FigureCanvasAgg(figure).draw()
    beyond = set(map(id, _beyond(figure)))
    texts = [text for text in figure.findobj(Text)
             if text.get_text().strip() and _seen(text) and id(text) not in beyond]  # fmt: skip
    return [*_too_small(figure, texts), *_faint(figure, texts), *_cut(figure, texts),
            *_legends(figure), *_fractions(figure), *_code(texts)]  # fmt: skip


def _seen(artist: Artist) -> bool:
    return artist.get_visible() and artist.get_alpha() != 0 and _is_on(artist)


def _is_on(artist: Artist) -> bool:
    """Axes that are switched off draw no ticks and no names of axes."""
    axes = artist.axes
    return axes is None or axes.axison or artist in axes.get_children()


def _beyond(figure: Figure) -> Iterator[Text]:
    """Words of ticks outside the axes, which are kept but not drawn."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-6 * (high - low)
            for tick in (*axis.majorTicks, *axis.minorTicks):
                if not low - slack <= tick.get_loc() <= high + slack:
                    yield from (tick.label1, tick.label2)


def _too_small(figure: Figure, texts: Sequence[Text]) -> Iterator[str]:
    width = figure.get_figwidth()
    pixels = min(NARROW, DPI * width) / width / 72  # page pixels of a point
    for text in texts:
        if text.get_fontsize() * pixels < SMALLEST_PX - 0.01:
            yield f"{text.get_text()!r} is {text.get_fontsize() * pixels:.1f} px high"


def _code(texts: Sequence[Text]) -> Iterator[str]:
    """Mathematics is off: what was meant as such would be shown as it is written."""
    for text in texts:
        if "mathdefault" in text.get_text():
            yield f"{text.get_text()!r} is code"


def _faint(figure: Figure, texts: Sequence[Text]) -> Iterator[str]:
    """Words and lines against the light page and the dark one."""
    is_picture = any(axes.images for axes in figure.axes)
    for colour, what in {*_inks(texts), *_lines(figure)}:
        grounds = (WHITE, colour), ((SOFT, _softened(colour)) if is_picture
                                    else (turned(WHITE), turned(colour)))  # fmt: skip
        for ground, ink in grounds:
            if contrast(ground, ink) < READABLE:
                yield f"{what} has a contrast of {contrast(ground, ink):.1f}"


def _softened(colour: Sequence[float]) -> list[float]:
    return [SOFT[0] * part for part in colour]


def _inks(texts: Sequence[Text]) -> Iterator[tuple[tuple[float, ...], str]]:
    for text in texts:
        on_white = text.get_bbox_patch() is None and text.get_color() not in ("white", "black")
        if on_white:  # else its ground is its own, and `ink_on` chose
            yield to_rgb(text.get_color()), f"text {text.get_text()!r}"


def _lines(figure: Figure) -> Iterator[tuple[tuple[float, ...], str]]:
    for line in figure.findobj(Line2D):
        if _seen(line) and line.get_alpha() is None and to_rgb(line.get_color()) != to_rgb(PALE):
            yield to_rgb(line.get_color()), f"line {line.get_label()!r} {line.get_color()}"
    for lines in figure.findobj(LineCollection):
        for colour in lines.get_colors() if lines.get_alpha() is None else ():
            yield to_rgb(colour), "a bar of an interval"


def _cut(figure: Figure, texts: Sequence[Text]) -> Iterator[str]:
    width, height = figure.canvas.get_width_height()
    for text in texts:
        box = text.get_window_extent()
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -CUT_PX:
            yield f"{text.get_text()!r} is cut off at the figure's edge"


def _legends(figure: Figure) -> Iterator[str]:
    for legend in figure.findobj(Legend):
        looks = [_look(handle) for handle in legend.legend_handles]
        for (one, first), (other, second) in combinations(
            zip(looks, [t.get_text() for t in legend.get_texts()], strict=True), 2
        ):
            if one == other:
                yield f"the legend names one style twice: {first!r} and {second!r}"
        if legend.axes is not None:
            yield from _covered(legend)


def _look(handle: Artist) -> tuple:
    if isinstance(handle, Line2D):
        marker = handle.get_marker(), to_rgba(handle.get_markerfacecolor())
        return to_rgba(handle.get_color()), handle.get_linestyle(), handle.get_linewidth(), marker
    if isinstance(handle, Patch):
        return handle.get_facecolor(), handle.get_edgecolor(), handle.get_hatch()
    return (id(handle),)


def _covered(legend: Legend) -> Iterator[str]:
    """Points of lines under a legend that lies within its axes."""
    box: Bbox = legend.get_window_extent()
    for line in legend.axes.lines:
        points = line.get_transform().transform(line.get_xydata())
        if any(box.contains(x, y) for x, y in points):
            yield f"the legend covers {line.get_label()!r}"


def _fractions(figure: Figure) -> Iterator[str]:
    """Ticks between whole numbers, on an axis of what is counted."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            places = [place for place in axis.get_majorticklocs() if low <= place <= high]
            if axis.get_label_text().startswith(COUNTED) and any(at % 1 for at in places):
                yield f"{axis.get_label_text()!r} has ticks at {[float(at) for at in places]}"
