"""One style for all figures: no pyplot, equal bytes, series that stay apart without colour."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest
import torch
from figurerules import faults
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from alexnet_lib.course.figures import pixels, style
from alexnet_lib.course.figures.pixels import _shorter, image_grid, mosaic
from alexnet_lib.course.figures.style import (
    BLUE,
    DPI,
    GREY,
    NARROW,
    SERIES,
    WIDTH,
    as_chart,
    contrast,
    describe,
    draw_png,
    drawing,
    ink_on,
    is_chart,
    new_figure,
    picture_png,
    save_png,
    smaller_png,
    styled,
    turned,
)
from alexnet_lib.course.figures.training import learning_curves
from alexnet_lib.training.trainer import History


@styled
def small_figure() -> Figure:
    figure = new_figure(3, 2)
    figure.subplots().plot([1, 2, 3])
    return figure


def test_equal_figures_give_equal_bytes() -> None:
    assert save_png(small_figure()) == save_png(small_figure())


def test_the_style_ends_with_the_figure() -> None:
    before = dict(matplotlib.rcParams)
    save_png(small_figure())
    assert dict(matplotlib.rcParams) == before


def test_a_users_own_matplotlibrc_changes_no_figure() -> None:
    usual = save_png(small_figure())
    own = {
        "text.usetex": True, "savefig.transparent": True, "axes.facecolor": "#ff0000",
        "font.size": 30, "savefig.bbox": "tight", "lines.marker": "o",
    }  # fmt: skip
    with matplotlib.rc_context(own):
        assert save_png(small_figure()) == usual
        assert matplotlib.rcParams["text.usetex"]


@pytest.mark.parametrize("name", ["$x$", r"a$\frac{$b", "50% \\_^{"])
def test_a_name_is_not_read_as_mathematics(name: str) -> None:
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    figure = image_grid(images, [name], title=name)
    save_png(figure)
    texts = [text for axes in figure.axes for text in (*axes.texts, axes.title)]
    assert texts and not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize(
    ("x", "words"),
    [(0, "0"), (0.01, "0.01"), (1, "1"), (-1000, "-1,000"), (1e6, "10⁶"), (3e-5, "3·10⁻⁵")],
)
def test_log_axes_are_labelled_in_plain_numbers(x: float, words: str) -> None:
    """Mathematics is off, so matplotlib's own labels would read $\\mathdefault{10^{-2}}$."""
    assert style.plain_power(x) == words


@pytest.mark.parametrize("scale", ["log", "symlog"])
@pytest.mark.parametrize("top", [3, 1e6])
def test_no_label_of_a_log_axis_is_code(scale: str, top: float) -> None:
    figure = new_figure()
    axes = figure.subplots()
    axes.plot([1, 2], [1, top])
    axes.set_yscale(scale)
    save_png(figure)
    labels = [t.get_text() for t in axes.get_yticklabels(which="both") if t.get_text()]
    assert labels and not any("$" in label for label in labels)


def test_letters_that_dejavu_lacks_come_from_a_font_that_is_there(monkeypatch) -> None:
    there = ["DejaVu Sans", "Noto Sans CJK JP"]
    monkeypatch.setattr(style.font_manager, "get_font_names", lambda: there)
    style._fonts_here.cache_clear()
    families = style._own_settings()["font.family"]
    style._fonts_here.cache_clear()
    assert families == ["DejaVu Sans", "Noto Sans CJK JP"]


def test_a_letter_that_no_font_has_is_escaped_and_never_a_box() -> None:
    """A missing letter is a warning of matplotlib, and so an error here."""
    figure = new_figure()
    axes = figure.subplots()
    axes.bar([0, 1], [1, 2])
    axes.set_xticks([0, 1], ["犬", "Größe×"])
    axes.set_title("犬 and кошка")
    save_png(figure)
    if not style._fonts_here():  # this machine has no Chinese letters
        assert axes.get_title() == r"\u72ac and кошка"
        ticks = [label.get_text() for label in axes.get_xticklabels()]
        assert ticks == [r"\u72ac", "Größe×"]


def test_words_drawn_into_a_picture_have_no_boxes_either(monkeypatch) -> None:
    usual = style.fonts()[:1]
    monkeypatch.setattr(pixels, "fonts", lambda: usual)
    monkeypatch.setattr(style, "fonts", lambda: usual)
    font = pixels.text_font.__wrapped__(16)
    assert font.getlength("犬") == font.getlength(r"\u72ac") > font.getlength("u72ac")
    assert bytes(font.getmask2("犬")[0]) == bytes(font.getmask2(r"\u72ac")[0])
    other = (usual[0][0].replace("DejaVuSans.ttf", "DejaVuSansMono.ttf"), frozenset([ord("犬")]))
    monkeypatch.setattr(pixels, "fonts", lambda: (*usual, other))
    font = pixels.text_font.__wrapped__(16)
    assert font.getlength("犬") != font.getlength(r"\u72ac")  # drawn by the font that has it


def test_figures_and_widgets_never_load_pyplot() -> None:
    code = (
        "import sys, alexnet_lib.course.figures.pixels as p;"
        "import alexnet_lib.course.widgets.live, alexnet_lib.course.widgets.lesson;"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_series_stay_apart_in_grey() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = to_rgb(colour)
        return 0.299 * red + 0.587 * green + 0.114 * blue

    shades = sorted(map(lightness, SERIES))
    assert all(b - a > 0.08 for a, b in pairwise(shades))


def test_lines_and_words_are_readable_on_a_light_and_on_a_dark_page() -> None:
    """Gold on white had a contrast of 2."""
    white, soft = (1.0, 1.0, 1.0), (0.88, 0.88, 0.88)  # what a dark page makes of a picture's white
    for colour in map(to_rgb, (*SERIES, GREY)):
        assert contrast(white, colour) >= 5
        assert contrast(turned(white), turned(colour)) >= 5
        assert contrast(soft, [0.88 * part for part in colour]) >= 4.5


def test_what_turns_is_what_the_browser_turns() -> None:
    """Chromium paints white as (18, 18, 18), and a line in BLUE as (138, 206, 255) or nearly."""
    assert turned((1, 1, 1)) == pytest.approx([0.07] * 3)
    assert turned((0, 0, 0)) == pytest.approx([0.93] * 3)
    red, green, blue = turned(to_rgb(BLUE))
    assert red < green < blue  # a hue stays what it is


def test_ink_is_readable_on_every_ground() -> None:
    grounds = [(red / 8, green / 8, 0.5) for red in range(9) for green in range(9)]
    assert all(contrast(ground, to_rgb(ink_on(ground))) > 4.5 for ground in grounds)


def test_the_pen_writes_at_least_ten_pixels_high_on_a_narrow_page() -> None:
    """Pictures 1152 pixels wide shrink to 720: letters of 16 become 10."""
    small = []
    for path in Path(style.__file__).parent.glob("*.py"):
        sizes = map(int, re.findall(r"text_font\((\d+)", path.read_text("utf-8")))
        small += [(path.name, size) for size in sizes if size * NARROW / (WIDTH * DPI) < 10]
    assert small == []


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.25, ".25"), (-0.066, "-.07"), (-1.03, "-1"), (9.25, "9.2"), (-127.4, "-127"), (0.0, "0")],
)
def test_numbers_in_cells_are_short_enough_to_be_large(number: float, words: str) -> None:
    """In 13 points, as they were where they are long, they are 8 pixels high on a narrow page."""
    assert _shorter(number) == words


def test_a_chart_keeps_its_mark_and_a_picture_has_none() -> None:
    drawn = draw_png(small_figure())
    assert is_chart(drawn) and is_chart(smaller_png(drawn))
    picture = Image.new("RGB", (4, 4))
    assert not is_chart(picture_png(picture)) and is_chart(picture_png(as_chart(picture)))
    grid = image_grid(torch.zeros(2, 3, 8, 8), title="Two")
    assert not is_chart(draw_png(grid)) and not is_chart(save_png(grid))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda axes: axes.text(0.5, 1, "small", fontsize=4), "'small' is 8.0 px"),
        (lambda axes: axes.text(0.5, 1, "pale", color="#ddaa33"), "'pale' has a contrast of 2"),
        (lambda axes: axes.plot([1, 2], color="#ddaa33"), "#ddaa33 has a contrast of 2"),
        (lambda axes: axes.annotate("far", (5, 1), annotation_clip=False), "'far' is cut off"),
        (lambda axes: axes.legend(axes.plot([1], "b-", label="a") + axes.plot([2], "b-", label="b"),
                                  ["a", "b"]), "one style twice: 'a' and 'b'"),
        (lambda axes: axes.legend(axes.lines, ["a"], loc="center"), "the legend covers"),
        (lambda axes: axes.set(xlabel="epoch", xlim=(0, 1)), "'epoch' has ticks at [0.0, 0.2"),
    ],
)  # fmt: skip
def test_the_rules_find_what_is_wrong(change: Callable[[Axes], object], words: str) -> None:
    figure = small_figure()
    assert faults(figure) == []
    change(figure.axes[0])
    figure.set_layout_engine("none")
    assert words in " ".join(faults(figure))


def test_one_drawing_at_a_time() -> None:
    """A second thread waits for the lock, so that it cannot draw into a half-set style."""
    done = threading.Event()
    thread = threading.Thread(target=lambda: (small_figure(), done.set()))
    with drawing:
        thread.start()
        assert not done.wait(0.2)
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("side", [0.1, 40])
def test_a_figure_of_impossible_size_is_refused(side: float) -> None:
    with pytest.raises(ValueError, match=r"expected 0\.5 to 12 inches"):
        new_figure(side, 3)


def test_a_description_must_say_something() -> None:
    with pytest.raises(ValueError, match="description is empty"):
        describe(new_figure(), " ")


def test_mosaic_puts_each_image_in_its_place() -> None:
    images = torch.arange(5, dtype=torch.uint8).reshape(5, 1, 1, 1).expand(5, 3, 4, 6)
    canvas = mosaic(images, columns=3, gap=1)  # two rows of three
    assert canvas.shape == (2 * 4 + 1, 3 * 6 + 2, 3)
    assert (canvas[5:, 7:13] == 4).all()  # the fifth: second row, second column
    assert (canvas[5:, 14:] == 255).all()  # no sixth
    assert (canvas[4] == 255).all()  # the gap


def test_mosaic_takes_fractions_and_grey_images() -> None:
    assert (mosaic(torch.full((1, 1, 2, 2), 0.5), columns=1) == 128).all()


@pytest.mark.parametrize(
    ("shape", "columns"), [((3, 4, 4), 1), ((1, 2, 4, 4), 1), ((0, 3, 4, 4), 1), ((1, 3, 4, 4), 0)]
)
def test_mosaic_refuses_what_is_no_row_of_images(shape: tuple[int, ...], columns: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        mosaic(torch.zeros(shape), columns)


def test_a_grid_describes_its_images() -> None:
    images = torch.zeros(2, 3, 8, 8)
    assert (
        image_grid(images, ["cat", "dog"], title="Two").get_label() == "Two: 2 images (cat, dog)."
    )
    with pytest.raises(ValueError, match="1 labels for 2 images"):
        image_grid(images, ["cat"], title="Two")


def test_learning_curves_say_where_the_run_stands() -> None:
    history = History(step_loss=[2.3, 1.9])
    assert learning_curves(history, "noise").get_label() == (
        "Loss on noise: 2.30 at step 1, 1.90 at step 2."
    )
    history.append(
        train_loss=2, train_error=0.9, validation_loss=2, validation_error=0.8, lr=1, elapsed_s=1
    )
    assert "validation error 80.0%" in learning_curves(history, "noise").get_label()
    with pytest.raises(ValueError, match="no step yet"):
        learning_curves(History(), "noise")


def test_every_figure_is_drawn_by_a_test_and_so_held_to_the_rules() -> None:
    """`conftest.py` looks at what tests draw; this says that nothing stays undrawn."""
    folder, own = Path(style.__file__).parent, re.compile(r"@styled\ndef (\w+)\([^)]*\) -> Figure")
    drawers = {
        name for path in folder.glob("*.py") for name in own.findall(path.read_text("utf-8"))
    }
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    widgets = "".join(
        path.read_text("utf-8") for path in (folder.parent / "widgets").glob("*.py")
    )  # explorers, all of which test_widgets_core.py builds
    assert len(drawers) > 25
    assert {name for name in drawers if name not in tests and f"{name}(" not in widgets} == set()
