"""One look for all figures: style, palette, sizes, saving, description, drawing lock.

A figure is a pure function of tensors or records that returns a matplotlib `Figure`:

    @styled
    def error_curve(errors: Sequence[float], data_name: str) -> Figure:
        figure = new_figure(6.4, 3.2)
        axes = figure.subplots()
        axes.plot(errors, color=BLUE)
        axes.set_title(f"Training error, {data_name}")
        return describe(figure, f"Training error falls from {errors[0]:.2f} to {errors[-1]:.2f}.")

pyplot is never used: it keeps every figure alive and is not safe in widget callbacks.
"""

import functools
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import matplotlib
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import (
    Formatter,
    FuncFormatter,
    LogFormatterMathtext,
    MaxNLocator,
    PercentFormatter,
)
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from alexnet_lib.checks import InputError

# Colours of lines and words: each has a contrast of 5:1 to white, and to black when turned (see
# `turned`). Their lightness falls in equal steps, so four series stay distinct in grey.
BLUE, RED, GOLD, INK = "#004488", "#a8254b", "#8c6800", "#222222"
GREY = "#656d76"
# Colours of areas and edges, which need an outline or words beside them.
YELLOW, PALE = "#ddaa33", "#e6e9ed"
SERIES, LINES = (BLUE, RED, GOLD, INK), ("-", "--", "-.", ":")
DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"

DPI = 144  # pixels per inch in the PNG
WIDTH = 8.0  # inches that fill the page's column
NARROW = 720  # page pixels of that column in a window of 900; WIDTH shrinks to it
SMALLEST = 8.0  # points: 10 page pixels where WIDTH has shrunk to NARROW
TITLE_SIZE = 10.5

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": TITLE_SIZE,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=SERIES) + cycler(linestyle=LINES),
    "axes.grid": False,
    "grid.color": PALE,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.interpolation": "nearest",
    "image.cmap": SEQUENTIAL,
    "text.parse_math": False,  # a class may be called $x$
}

# For letters that DejaVu lacks, such as Chinese ones: whichever of these the machine has.
OTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Droid Sans Fallback", "Noto Sans Thai", "Noto Sans Devanagari",
    "Arial Unicode MS",
)  # fmt: skip

_MACHINES = ("backend", "interactive", "toolbar", "timezone", "webagg", "figure.dpi")

# Held while anything is drawn: a widget callback may run on a second thread.
drawing = threading.RLock()

P, T = ParamSpec("P"), TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorator: run `draw` in the course's style, one drawing at a time."""

    @functools.wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        with drawing, matplotlib.rc_context(_own_settings()):
            return draw(*args, **kwargs)

    return inner


def _own_settings() -> dict[str, Any]:
    """The course's style, and matplotlib's own value of all that a matplotlibrc has changed."""
    usual, now = matplotlib.rcParamsDefault, matplotlib.rcParams
    changed = {name: usual[name] for name in usual if now[name] != usual[name]}
    kept = {name for name in changed if name.startswith(_MACHINES)}
    families = [STYLE["font.family"], *_fonts_here()]
    return {n: v for n, v in changed.items() if n not in kept} | STYLE | {"font.family": families}


@functools.cache
def _fonts_here() -> tuple[str, ...]:
    there = set(font_manager.get_font_names())
    return tuple(name for name in OTHER_FONTS if name in there)


@functools.cache
def fonts() -> tuple[tuple[str, frozenset[int]], ...]:
    """Files of the fonts that figures are drawn with, the usual one first, and their letters."""
    paths = [font_manager.findfont(name) for name in (STYLE["font.family"], *_fonts_here())]
    return tuple((path, frozenset(font_manager.get_font(path).get_charmap())) for path in paths)


def drawable(text: str) -> str:
    r"""The text, with \u72ac in place of a letter that no font here has; it would be a box."""
    if text.isascii():
        return text
    there = frozenset().union(*(letters for _, letters in fonts()))
    return "".join(one if ord(one) in there else _escaped(one) for one in text)


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()


@dataclass(frozen=True)
class _Drawable:
    """What gives the labels of ticks, without boxes."""

    usual: Callable[..., str]

    def __call__(self, x: float, pos: int | None = None) -> str:
        return drawable(self.usual(x, pos))


def _leave_no_boxes(figure: Figure) -> None:
    """Escape what cannot be drawn, in words and in the labels of ticks."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            named = axis.major.formatter
            if isinstance(named, FuncFormatter) and not isinstance(named.func, _Drawable):
                named.func = _Drawable(named.func)
    for text in figure.findobj(Text):
        if not text.get_text().isascii():
            text.set_text(drawable(text.get_text()))


def new_figure(width: float = WIDTH, height: float = 3.6) -> Figure:
    """Empty figure of `width` × `height` inches (8 wide fills a notebook page)."""
    for name, side in (("width", width), ("height", height)):
        if not 0.5 <= side <= 12:
            raise InputError(f"figure {name} is {side}; expected 0.5 to 12 inches.")
    return Figure(figsize=(width, height), layout="constrained")


def headline(figure: Figure, title: str, y: float | None = None) -> None:
    """One title over all panels, at the left edge; `y` where the layout does not place it."""
    figure.suptitle(title, x=0.01, y=y, ha="left", size=TITLE_SIZE, weight="bold")


def in_percent(axis: Axis, decimals: int | None = 0) -> None:
    """Ticks in per cent for values that are fractions."""
    axis.set_major_formatter(PercentFormatter(1, decimals))


def in_whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only, for what is counted: epochs, steps, networks."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


class _PlainPowers(Formatter):
    """Labels of a log axis as words that need no mathematics: 0.01, 10, 1,000, 10⁶."""

    def __init__(self, usual: LogFormatterMathtext) -> None:
        self.usual = usual  # knows which ticks get a label

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.usual(x, pos) and plain_power(x)

    def set_axis(self, axis: Axis) -> None:
        super().set_axis(axis)
        self.usual.set_axis(axis)

    def set_locs(self, locs: Sequence[float]) -> None:
        self.usual.set_locs(locs)


def plain_power(x: float) -> str:
    """A number of a log axis: 0.01, 1,000, 10⁶, 3·10⁻⁵."""
    if x == 0 or 1e-3 <= abs(x) < 1e5:
        return f"{x:,.10g}"
    first, power = f"{x:.0e}".split("e")
    power = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{first}·10{power}".replace("1·", "")


def plain_labels(figure: Figure) -> None:
    """Let log axes be labelled in plain numbers; drawing does it, too."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for part in (axis.major, axis.minor):
                if isinstance(part.formatter, LogFormatterMathtext):
                    usual = part.formatter
                    part.formatter = _PlainPowers(usual)
                    part.formatter.set_axis(axis)


def mixed(colour: str, share: float, ground: int = 255) -> tuple[int, ...]:
    """Grey of level `ground` at a share of 0, `colour` ("#rrggbb") at 1; in 0–255."""
    full = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return tuple(round(ground + share * (part - ground)) for part in full)


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """Contrast of two colours, (red, green, blue) in [0, 1]: 1 to 21 (WCAG 2.2; 4.5 to read)."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Sequence[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ink_on(ground: Sequence[float]) -> str:
    """Black or white, whichever is easier to read on a ground; its contrast is above 4.5."""
    return "black" if contrast(ground, (0, 0, 0)) > contrast(ground, (1, 1, 1)) else "white"


def describe(figure: Figure, text: str) -> Figure:
    """Attach the words that stand in for the picture (alt text); returns the figure."""
    if not text.strip():
        raise InputError("a figure's description is empty; say in a sentence what one sees.")
    figure.set_label(text)
    return figure


def save_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG bytes for keeping: small, and equal for equal figures."""
    return smaller_png(draw_png(figure, dpi))


@styled
def draw_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG bytes for showing at once: larger, in two thirds of the time."""
    plain_labels(figure)
    _leave_no_boxes(figure)
    drawn = io.BytesIO()
    mark = {} if any(axes.images for axes in figure.axes) else CHART
    figure.savefig(drawn, format="png", dpi=dpi, metadata=mark, pil_kwargs={"compress_level": 1})
    return drawn.getvalue()


def smaller_png(png: bytes, colours: int | None = None) -> bytes:
    """The same picture in a palette: a third of the size, no difference to the eye.

    Args:
        colours: of the palette; None: 64 for a chart, else 256. With 64 of them a large photograph
            fits into a notebook; frames drawn on it keep their colour.
    """
    method = Image.Quantize.MAXCOVERAGE if colours else Image.Quantize.MEDIANCUT
    with Image.open(io.BytesIO(png)) as picture:
        colours = colours or (64 if is_chart(png) else 256)
        palette = picture.convert("RGB").quantize(colours, method, dither=Image.Dither.NONE)
    return picture_png(as_chart(palette) if is_chart(png) else palette, optimize=True)


def pale_png(png: bytes) -> bytes:
    """The same picture, nearly white: to be seen as one that no longer holds."""
    with Image.open(io.BytesIO(png)) as picture:
        whole = picture.convert("RGB")
    faded = Image.blend(whole, Image.new("RGB", whole.size, "white"), 0.8)
    return picture_png(as_chart(faded) if is_chart(png) else faded)


# --- On a dark page -------------------------------------------------------------------------------

# A chart is lines, areas and words: on a dark page its white becomes black. Photographs, filters
# and maps keep their colours. The mark lies in the PNG itself, so that it goes wherever that goes.
CHART = {"Comment": "chart"}


def as_chart(picture: Image.Image) -> Image.Image:
    """Mark a picture as a chart; returns it."""
    picture.info.update(CHART)
    return picture


def is_chart(png: bytes) -> bool:
    """Whether a PNG holds the mark of a chart, which stands before its pixels."""
    return b"Comment\0chart" in bytes(png[:2000]).partition(b"IDAT")[0]


def picture_png(picture: Image.Image, **settings: int) -> bytes:
    """PNG bytes of a picture, with its mark."""
    encoded, marks = io.BytesIO(), PngInfo()
    for name, value in CHART.items():
        if picture.info.get(name) == value:
            marks.add_text(name, value)
    picture.save(encoded, format="PNG", pnginfo=marks, **settings)
    return encoded.getvalue()


TURN = "invert(0.93) hue-rotate(180deg)"  # CSS: white becomes the dark page's #121212, hues stay


def turned(colour: Sequence[float]) -> tuple[float, ...]:
    """What a chart's colour, (red, green, blue) in [0, 1], is on a dark page."""
    red, green, blue = (0.93 - 0.86 * part for part in colour)
    grey = 2 * (0.213 * red + 0.715 * green + 0.072 * blue)  # hue-rotate(180deg) mirrors at grey
    return tuple(min(1.0, max(0.0, grey - part)) for part in (red, green, blue))
