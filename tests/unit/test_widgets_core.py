"""Explorers, prediction boxes and quizzes, driven without a page."""

import asyncio
import base64
import gc
import io
import json
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.course import widgets
from alexnet_lib.course.figures.style import (
    NARROW,
    TURN,
    describe,
    drawing,
    new_figure,
    save_png,
    styled,
)
from alexnet_lib.course.toy import SoftmaxProblem
from alexnet_lib.course.widgets import board, missing, page
from alexnet_lib.course.widgets import live as live_room
from alexnet_lib.course.widgets.core import (
    Ends,
    Explorer,
    Pages,
    Shown,
    choice,
    slider,
    to_png,
    toggle,
)
from alexnet_lib.course.widgets.lesson import _package, _parts, examine
from alexnet_lib.course.widgets.live import AllRuns, LiveTraining, NotYetError
from alexnet_lib.course.widgets.page import Note, Words, page_width, show, style_page
from alexnet_lib.course.widgets.pictures import Source, Upload
from alexnet_lib.course.widgets.questions import Option, Predict, Question, Quiz, QuizBox
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments.replay import load_replay, replay_path
from alexnet_lib.inspection.ascent import class_film
from alexnet_lib.inspection.health import layer_activity
from alexnet_lib.inspection.search import top_patches
from alexnet_lib.inspection.units import ReceptiveField, Tracer
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.augment import pca_basis
from alexnet_lib.statistics import Run
from alexnet_lib.training.checkpoint import TrainedNetwork
from alexnet_lib.training.history import History, Outcome

VIEW = "application/vnd.jupyter.widget-view+json"


@styled
def line(slope: int) -> Figure:
    figure = new_figure(2, 2)
    figure.subplots().plot([0, 1], [0, slope])
    return figure


class Line(Explorer):
    """A slope of 0 is impossible; kind b hides a fault of the code."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []
        self.steeper = self.button("steeper", "by one", self.step)
        super().__init__(
            self.steeper, slope=slider("slope", 0, 9, 1), kind=choice("kind", ["a", "b", "bug"])
        )

    def render(self, slope: int, kind: str) -> Shown:
        self.states.append({"slope": slope, "kind": kind})
        if slope == 0:
            raise InputError("a slope of 0 & less is flat.")
        if kind == "bug":
            (slope,) = ()
        return line(slope), f"slope {slope} <{kind}>"

    def step(self, slope: int, **_: Any) -> None:
        if slope == 9:
            raise InputError("9 is the steepest.")
        self.set(slope=slope + 1)


# --- The explorer ---------------------------------------------------------------------------------


def test_moving_a_control_changes_picture_and_text() -> None:
    shown = Line()
    before = shown.image.value
    shown.controls["slope"].value = 2
    assert shown.image.value != before
    assert shown.summary == shown.image.words == "slope 2 <a>"
    assert "slope 2 &lt;a&gt;" in shown.text.value
    shown.controls["slope"].value = 1
    assert shown.image.value == before


def darkest(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as picture:
        return picture.convert("L").getextrema()[0]


def test_an_impossible_setting_is_explained_and_the_old_picture_turns_pale() -> None:
    shown = Line()
    before, size = shown.image.value, shown.image.width
    shown.controls["slope"].value = 0
    assert shown.summary == "Not possible: a slope of 0 & less is flat."
    pale = shown.image.value
    assert darkest(before) < 60 and darkest(pale) > 200  # it must not pass for the new one
    assert shown.image.words.endswith("The pale picture is of the last setting that was possible.")
    assert shown.still()[0]["text/plain"] == shown.summary
    shown.controls["kind"].value = "b"  # still impossible: no paler
    assert (shown.image.value, shown.image.width) == (pale, size)
    shown.set(slope=1, kind="a")
    assert shown.image.value == before and shown.image.words == shown.summary


def test_a_button_that_cannot_go_on_leaves_the_picture_of_its_setting() -> None:
    shown = Line()
    shown.set(slope=9)
    picture = shown.image.value
    shown.steeper.click()
    assert shown.summary == "Not possible: 9 is the steepest."
    assert shown.image.value == picture


def test_f58_a_fault_of_the_code_is_shown_as_one_and_is_not_swallowed() -> None:
    """It appeared as "Not possible: not enough values to unpack", as if the learner had erred."""
    shown = Line()
    with pytest.raises(ValueError, match="not enough values"):
        shown.set(kind="bug")
    assert shown.summary.startswith("This is a fault of the course, not of your setting.")
    assert "Traceback" in shown.summary and "(slope,) = ()" in shown.summary
    assert "Traceback" in shown.text.value  # in the widget's place
    shown.set(kind="a")
    assert shown.summary == "slope 1 <a>"  # and the explorer goes on


def test_f58_a_button_answers_in_words_and_shows_a_fault() -> None:
    shown = Line()
    shown.steeper.click()
    assert shown.state["slope"] == 2
    shown.set(slope=9)
    shown.steeper.click()
    assert shown.summary == "Not possible: 9 is the steepest."
    shown.step = None
    broken = shown.button("broken", "", lambda **_: shown.step())
    broken.click()  # ipywidgets prints to its log what a press raises: the page alone would be mute
    assert "Traceback" in shown.summary and "not callable" in shown.summary


def test_several_controls_move_with_one_redraw() -> None:
    shown = Line()
    shown.set(slope=5, kind="b")
    assert shown.states == [{"slope": 1, "kind": "a"}, {"slope": 5, "kind": "b"}]


class Square(Explorer):
    """A place on a square whose side is another control."""

    keep_share = ("row",)

    def __init__(self) -> None:
        self.drawn: list[tuple[int, int, int]] = []
        super().__init__(
            side=choice("side", [5, 9, 1]), row=slider("row", 0, 1, 0), column=slider("c", 0, 1, 0)
        )

    def limits(self, side: int, **_: Any) -> Ends:
        return {"row": side - 1, "column": side - 1}

    def render(self, side: int, row: int, column: int) -> Shown:
        self.drawn.append((side, row, column))
        return line(1), "drawn"


def test_limits_follow_other_controls_with_one_redraw() -> None:
    shown = Square()
    shown.set(row=4, column=3)
    shown.set(side=9, column=8)  # where the new side lets it go
    shown.controls["side"].value = 1
    shown.controls["side"].value = 5
    # A row keeps its share of the way, a column its number as long as there is one.
    assert shown.drawn == [(5, 0, 0), (5, 4, 3), (9, 8, 8), (1, 0, 0), (5, 0, 0)]
    assert (shown.controls["row"].max, shown.controls["column"].max) == (4, 4)


def test_pages_are_turned_and_at_least_one() -> None:
    book = Pages("page", {"a": (save_png(line(1)), "one"), "b": (save_png(line(2)), "two")})
    assert book.summary == "one"
    book.set(page="b")
    assert book.summary == "two"
    with pytest.raises(ValueError, match="no patient to show"):
        Pages("patient", {})


def test_states_that_were_passed_over_are_not_drawn() -> None:
    """While a drawing is under way, only the last of many moves is worth drawing."""
    shown = Line()
    with drawing:
        threads = []
        for value in range(2, 9):
            mover = threading.Thread(target=setattr, args=(shown.controls["slope"], "value", value))
            mover.start()
            threads.append(mover)
            while shown._wanted < len(threads) + 1:
                pass
    for mover in threads:
        mover.join()
    assert [state["slope"] for state in shown.states] == [1, 8]
    assert shown.summary == "slope 8 <a>"


def test_a_list_refuses_none_which_would_show_as_nothing_chosen():
    with pytest.raises(ValueError, match="options of 'show' hold None"):
        choice("show", [("both", None), ("one", 1)])


def test_a_hundred_moves_leave_no_figure_behind() -> None:
    """F39: what was drawn is let go."""
    alive: weakref.WeakSet[Figure] = weakref.WeakSet()

    class Watched(Line):
        def render(self, **state: Any) -> Shown:
            shown = super().render(**state)
            alive.add(shown[0])
            return shown

    shown = Watched()
    for i in range(100):
        shown.controls["slope"].value = 1 + i % 9
    gc.collect()
    assert len(alive) == 0


Outputs = list[tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def outputs() -> Iterator[Outputs]:
    """Data and metadata of all that is displayed."""
    seen: Outputs = []

    class Handle:
        def update(self, data: dict, metadata: dict, raw: bool) -> None:
            seen.append((data, metadata))

    def display(data: dict, metadata: dict | None = None, **_: Any) -> Handle:
        seen.append((data, metadata or {}))
        return Handle()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "display", display)
        yield seen


def test_an_explorer_carries_its_still_picture_for_pages_without_widgets(outputs: Outputs) -> None:
    """F38: a picture with its alt text, its words, and only then the widget."""
    Line()._ipython_display_()
    (picture, about), (words, nothing), (view, _) = outputs
    assert list(picture) == ["image/png"] and about["image/png"]["alt"] == "slope 1 <a>"
    assert words == {"text/plain": "slope 1 <a>"} and nothing == {}
    assert list(view) == [VIEW]


def test_a_still_follows_the_widget_a_moment_after_its_last_move(
    outputs: Outputs,
) -> None:
    """A notebook that was closed showed nothing tomorrow; now it shows the last state."""

    async def move() -> None:
        shown = Line()
        shown._ipython_display_()
        for slope in (2, 3, 4):
            shown.set(slope=slope)
        await asyncio.sleep(0.05)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALEXNET_PROGRESS", "")
        patch.setattr(page, "STILL_S", 0.01)
        asyncio.run(move())
    updates = [data.get("text/plain") for data, _ in outputs[3:]]
    assert updates == [None, "slope 4 <a>"]  # one picture, one line


def test_the_stills_of_a_stored_notebook_do_not_follow(outputs: Outputs) -> None:
    """What a lesson's file holds does not depend on when a later cell moved an explorer."""

    async def move() -> None:
        shown = Line()
        shown._ipython_display_()
        shown.set(slope=2)
        await asyncio.sleep(0.02)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "STILL_S", 0.0)
        asyncio.run(move())
    assert len(outputs) == 3


def test_the_kept_picture_is_the_smaller_one_of_the_same_figure() -> None:
    shown = Line()
    kept = base64.b64decode(shown.still()[0]["image/png"])
    assert kept == save_png(line(1))
    assert len(kept) < len(shown.image.value)


def test_sliders_are_whole_numbered_only_where_all_numbers_are() -> None:
    assert isinstance(slider("n", 1, 5, 2).value, int)
    assert isinstance(slider("p", 0.0, 1, 0.5, 0.1).value, float)
    assert toggle("flip", True).value is True


def test_pictures_may_be_figures_images_or_bytes() -> None:
    png = to_png(Image.new("RGB", (4, 4)))
    assert png.startswith(b"\x89PNG")
    assert to_png(png) is png


def test_a_figure_without_words_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no description"):
        show(new_figure())
    show(describe(new_figure(), "Nothing."))


def test_a_note_is_marked_as_not_to_be_kept(outputs: Outputs) -> None:
    Note("two cores")._ipython_display_()
    assert outputs[0] == ({"text/plain": "two cores"}, {"volatile": True})
    assert list(outputs[1][0]) == [VIEW] and outputs[1][1] == {"volatile": True}


# --- All widgets of the course --------------------------------------------------------------------


def run(activation: str = "relu", seed: int = 0) -> Run:
    return Run(activation, "2012", 0.1, seed, (0.9, 0.5, 0.2))


@pytest.fixture(scope="module")
def monkeypatch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def built(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[ipywidgets.Widget]]:
    """Two of each widget, by the name that lessons use."""
    data = synthetic_images(60, 20)
    basis, images = pca_basis(data.train.images), data.train.images
    scale = Preprocessing(torch.full((3, 32, 32), 128.0), torch.full((3, 1, 1), 60.0))
    small = build_model("cifar-lite", widths=(8, 12, 16, 16, 8), hidden_units=6, init="kaiming")
    tracer, album = Tracer(small.eval(), scale), widgets.Album({"one": images[0]})
    patches = top_patches(small, images[:9], "relu1", k=3, prepare=tracer.scale.enter)
    seen = tracer.scale.leave(tracer.scale.enter(images[:9]))
    field = ReceptiveField("a", 5, 3, 1, 0)
    x = torch.zeros(20, 3, small.config.input_size, small.config.input_size)
    question = Question("Why?", (Option("a", "Yes.", right=True), Option("b", "No.")))
    curves = {"none": [[0.9, 0.2]], "classic": [[0.9, 0.4]]}
    monkeypatch.setattr(board, "_images_per_second", lambda: 10.0)
    problem = SoftmaxProblem.of(images, data.train.labels, updates=9, batch_size=8, held=20)
    film = class_film(small, tracer.scale, [0, 1], torch.Generator(), steps=1, frames=2)
    activity = layer_activity(small, x[:4], data.test.labels[:4])[:2]
    factories = {
        "AblationBoard": lambda: widgets.AblationBoard(data, None),
        "ActivityExplorer": lambda: widgets.ActivityExplorer({"a": (activity, activity)}, "X"),
        "Album": lambda: widgets.Album({"one": images[0]}),
        "CentringExplorer": lambda: widgets.CentringExplorer(images, "X"),
        "Competition": widgets.Competition,
        "CoverExplorer": lambda: widgets.CoverExplorer(tracer, album, data.classes, "X"),
        "FilmExplorer": lambda: widgets.FilmExplorer(film, data.classes[:2], "X"),
        "FirstLook": lambda: widgets.FirstLook(
            TrainedNetwork(small, scale, data.classes, {}), {"one": images[0]}
        ),
        "FlowExplorer": lambda: widgets.FlowExplorer(images[0]),
        "LiveRace": lambda: widgets.LiveRace(0.5, "X"),
        "LiveTraining": widgets.LiveTraining,
        "MapBrowser": lambda: widgets.MapBrowser(tracer, album, "X", "conv1"),
        "MaskPlayer": lambda: widgets.MaskPlayer(small, x, data.test, data.classes, "X"),
        "NormalisedMaps": lambda: widgets.NormalisedMaps(tracer, {"one": images[0]}, "X"),
        "PatchBrowser": lambda: widgets.PatchBrowser(seen, {"relu1": patches}, ["a"] * 9, "X"),
        "PowerMeter": widgets.PowerMeter,
        "Predict": lambda: Predict("How many?"),
        "PoolStepper": lambda: widgets.PoolStepper(torch.rand(5, 5)),
        "Predict, a list": lambda: Predict("Which?", ["a", "b"]),
        "PreprocessingViewer": lambda: widgets.PreprocessingViewer(data, {"a": scale}, basis),
        "PresetExplorer": widgets.PresetExplorer,
        "Quiz": lambda: QuizBox(Quiz("99", (question, question))),
        "RaceExplorer": lambda: widgets.RaceExplorer([run(), run(seed=1)], "X", 0.5),
        "ReceptiveFieldExplorer": lambda: widgets.ReceptiveFieldExplorer(
            {"a": field}, {"one": images[0]}, "X"
        ),
        "ReplayExplorer": lambda: widgets.ReplayExplorer(load_replay(replay_path("cifar-lite"))),
        "ScheduleEditor": lambda: widgets.ScheduleEditor(problem, "X"),
        "ShiftMeter": lambda: widgets.ShiftMeter(
            {"one": torch.rand(1, 32, 32)},
            torch.rand(2, 1, 5, 5),
            {"no pool": lambda maps: maps, "half": lambda maps: maps / 2},
        ),
        "SizePlayground": widgets.SizePlayground,
        "SlopeExplorer": widgets.SlopeExplorer,
        "ThresholdExplorer": lambda: widgets.ThresholdExplorer(curves, 50, "X", 0.5),
        "TimeChooser": widgets.TimeChooser,
        "UnitExplorer": lambda: widgets.UnitExplorer(tracer, album, "X"),
        "ValleyExplorer": widgets.ValleyExplorer,
        "ViewSampler": lambda: widgets.ViewSampler(
            data, basis, TrainedNetwork(small, scale, data.classes, {})
        ),
        "WindowStepper": lambda: widgets.WindowStepper(torch.rand(7, 7), {"a": torch.ones(3, 3)}),
        "WiringBoard": widgets.WiringBoard,
        "a note": lambda: Note("two cores"),
    }
    return {name: [build(), build()] for name, build in factories.items()}


ELSEWHERE = {"Clinic"}  # needs whole runs: see test_nb15.py


def parts(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """The widget and all widgets in it."""
    inside = [part for child in getattr(widget, "children", ()) for part in parts(child)]
    return [widget, *inside]


def test_every_widget_of_the_lessons_is_built_here_or_named(built) -> None:
    classes = {
        name for name in dir(widgets)
        if isinstance(kind := getattr(widgets, name), type)
        and (issubclass(kind, ipywidgets.Widget) or kind is Quiz)
    }  # fmt: skip
    assert classes == {name for name in built if name[0].isupper() and "," not in name} | ELSEWHERE


def test_no_two_widgets_share_a_layout_or_a_style(built) -> None:
    """A Layout that was shared and then changed collapsed every prediction of a lesson."""
    owners = defaultdict(list)
    everything = [part for pair in built.values() for widget in pair for part in parts(widget)]
    for widget in {id(part): part for part in everything}.values():
        for trait in ("layout", "style"):
            if isinstance(owned := getattr(widget, trait, None), ipywidgets.Widget):
                owners[owned.model_id].append(type(widget).__name__)
    assert len(owners) > 1000
    assert [names for names in owners.values() if len(names) > 1] == []


def test_every_explorer_has_words_that_are_spoken_and_a_still(built) -> None:
    for name, (one, _) in built.items():
        data, _ = one.still()
        if isinstance(one, Explorer):
            assert {"image/png", "text/plain"} <= data.keys(), name
            assert 'role="status"' in one.text.value and one.summary, name
            assert "Not possible" not in one.summary and "Traceback" not in one.summary, name
        elif not isinstance(one, LiveTraining):
            assert data["text/plain"], name


def test_an_explorer_has_at_most_six_controls_and_one_button_puts_them_back(built) -> None:
    """Two had eight controls, and nothing led back from where one had got lost."""
    explorers = {name: one for name, (one, _) in built.items() if isinstance(one, Explorer)}
    moved = 0
    for name, one in explorers.items():
        assert len(one.controls) <= 6, name
        before = one.state
        for control in one.controls.values():
            if isinstance(control, ipywidgets.Dropdown):
                control.index = len(control.options) - 1
            elif isinstance(control, ipywidgets.Checkbox):
                control.value = not control.value
            elif hasattr(control, "min"):
                control.value = control.min if control.value > control.min else control.max
        moved += one.state != before
        one.reset_button.click()
        assert one.state == before and "Not possible" not in one.summary, name
    assert moved > 15


def test_controls_stand_beside_the_picture_and_above_it_on_a_narrow_page() -> None:
    """One above the other they filled half a screen, and the picture moved out of sight."""
    shown = Line()
    (sides,) = shown.children
    panel, view = sides.children
    assert sides.layout.flex_flow == panel.layout.flex_flow == "row wrap"
    assert set(shown.controls.values()) <= set(panel.children)
    assert view.children == (shown.image, shown.text)
    beside, room = (int(part.layout.flex.split()[-1][:-2]) for part in (panel, view))
    assert room == NARROW < beside + room < 1080  # a window of 1,280 has room for both, 900 has not


def test_a_dark_page_turns_charts_and_only_softens_pictures(outputs: Outputs) -> None:
    show(describe(line(1), "a line"))
    picture = new_figure(2, 2)
    picture.subplots().imshow([[0, 1]])
    show(describe(picture, "two colours"))
    (_, chart), (_, photograph) = outputs
    assert chart["needs_background"] == "light" and "needs_background" not in photograph
    shown = Line()
    assert shown.image.is_chart
    shown.image.put(to_png(Image.new("RGB", (4, 4))), "a picture")
    assert not shown.image.is_chart
    outputs.clear()
    Line()._ipython_display_()
    assert outputs[0][1]["needs_background"] == "light"  # so is its still
    style_page()
    style = outputs[-1][0]["text/html"]
    assert f"filter: {TURN}" in style and "dropdown-arrow" in style


def test_a_large_picture_fills_the_column_and_a_small_one_stays_sharp() -> None:
    """Figures took 60 % of the column."""
    widths = [page_width(to_png(Image.new("RGB", (width, 4)))) for width in (300, 900, 1152, 1200)]
    assert widths == [300, 1152, 1152, 1152]


def test_every_button_says_what_it_does(built) -> None:
    for pair in built.values():
        for part in parts(pair[0]):
            if isinstance(part, ipywidgets.Button):
                assert part.tooltip or part.description


# --- Pictures of one's own ------------------------------------------------------------------------


def chosen(content: bytes, name: str = "own.png") -> tuple[dict[str, Any], ...]:
    """What the page sends when a file was chosen."""
    when = datetime.now(timezone.utc)
    kind = {"type": "image/png", "size": len(content), "last_modified": when}
    return ({"name": name, "content": content, **kind},)


def test_an_upload_reads_a_picture_and_answers_in_words_to_anything_else() -> None:
    upload = Upload(side=8)
    upload.button.value = chosen(b"no picture", "notes.txt")
    assert upload.value is None
    assert upload.words.plain.startswith("Not possible: notes.txt cannot be read as a picture")
    upload.button.value = chosen(to_png(Image.new("RGB", (40, 20), (9, 8, 7))))
    assert upload.words.plain == "" and upload.value.name == "own.png"
    assert upload.value.pixels.shape == (3, 8, 8)


def test_a_source_shows_what_was_chosen_last() -> None:
    source = Source(synthetic_images(20, 10))
    source.upload.button.value = chosen(to_png(Image.new("RGB", (4, 4))))
    assert source.value.name == "own.png"
    source.number.value = 3
    assert "no. 3, synthetic stand-in" in source.value.name


# --- Live training and the set-up cell ------------------------------------------------------------


def a_trainer() -> SimpleNamespace:
    config = SimpleNamespace(epochs=2)
    return SimpleNamespace(history=History(), config=config, data_name="noise", batches=range(4))


def test_live_training_follows_a_run() -> None:
    trainer, live = a_trainer(), LiveTraining(pause_s=0, share=float("inf"))
    live.on_epoch_end(trainer)  # before the first step: nothing to draw, nothing raised
    for loss in (2.3, 2.2, 2.1, 2.0):
        trainer.history.step_loss.append(loss)
        live.on_step(trainer)
    assert live.bar.value == 0.5
    assert live.image.words == "Loss on noise: 2.30 at step 1, 2.00 at step 4."


@pytest.mark.parametrize(
    ("outcome", "style", "words"),
    [
        (Outcome("finished"), "success", "Finished. Epoch 1 of 2, step 2."),
        (Outcome("stopped"), "warning", "Interrupted. Epoch 1 of 2, step 2."),
        (Outcome("failed", "the loss is nan."), "danger", "Failed. the loss is nan."),
    ],
)
def test_live_training_tells_how_a_run_ended(outcome: Outcome, style: str, words: str) -> None:
    """A diverged run was shown as "Finished. Epoch 1 of 2" in green."""
    trainer, live = a_trainer(), LiveTraining(pause_s=0)
    trainer.history.step_loss += [2.3, 2.9]
    trainer.outcome = outcome
    live.on_fit_end(trainer)
    assert (live.bar.bar_style, live.words.plain) == (style, words)
    trainer.history.step_loss.clear()
    live.appear = False
    live.on_fit_start(trainer)  # the next run begins afresh
    assert (live.bar.bar_style, live.bar.value) == ("", 0)
    assert live.words.plain.startswith("Starting")


def one_run(watch: AllRuns, steps: int = 8) -> int:
    trainer = a_trainer()
    for _ in range(steps):
        trainer.history.step_loss.append(1.0)
        watch._next_s = 0.0
        watch.on_step(trainer)
    return steps


def test_one_bar_counts_all_runs_of_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(live_room, "display", seen.append)

    def train(kind: str, seed: int, watch: AllRuns) -> str:
        one_run(watch, steps=4)  # half of this run
        assert watch.bar.value == pytest.approx((watch.before + 0.5) / 4)
        assert f"Run {watch.before + 1} of 4 ({kind}, {seed}); about " in watch.words.plain
        return f"{kind}{seed}"

    runs = widgets.together(train, ["a", "b"], range(2))
    assert runs == {"a": ["a0", "a1"], "b": ["b0", "b1"]}
    assert runs.each(str.upper)["b"] == ["B0", "B1"]
    (watch,) = seen
    assert (watch.bar.value, watch.words.plain) == (1.0, "Finished: 4 runs.")


@pytest.mark.parametrize(("stop_at", "kept"), [(4, {"a": [0], "b": [0]}), (2, {})])
def test_a_stop_keeps_whole_rounds_and_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, stop_at: int, kept: dict
) -> None:
    seen, calls = [], []
    monkeypatch.setattr(live_room, "display", seen.append)

    def train(kind: str, seed: int, watch: AllRuns) -> int:
        calls.append(kind)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        one_run(watch)
        return seed

    runs = widgets.together(train, ["a", "b"], range(3))
    assert runs == kept and seen[0].bar.bar_style == "warning"
    assert seen[0].words.plain == f"Interrupted. {2 * bool(kept)} of 6 runs are kept."
    if not kept:
        with pytest.raises(NotYetError, match="no complete run of 'a'") as caught:
            runs.each(float)["a"]
        (words,) = caught.value._render_traceback_()
        assert words.startswith("Not yet: there is no complete run")
        assert "run that cell again" in words


def test_a_stop_keeps_no_rounds_where_they_are_too_few_to_compare() -> None:
    def train(kind: str, stop: bool, watch: AllRuns) -> str:
        if stop:
            raise KeyboardInterrupt
        return kind

    for stops, kept in (([False, True], 0), ([False, False, True], 2)):
        runs = widgets.together(train, ["a", "b"], stops, least=2)
        assert len(dict.get(runs, "a", [])) == kept


class Shell:
    """Of a kernel, what takes care of errors."""

    told = None

    def set_custom_exc(self, kinds: tuple, tell: Any) -> None:
        self.kinds, self.tell = kinds, tell

    def showtraceback(self, found: tuple, tb_offset: int | None = None) -> None:
        self.told = getattr(found[1], "_render_traceback_", lambda: ["traceback"])()


def test_a_name_of_a_stopped_cell_is_told_in_words_and_a_slip_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = ["import torch.nn as nn", "a, (b, c) = f()\nfor i in a:\n    d = [x for x in a]",
             "def g():\n    inner = 1\nwith a as e:\n    pass", "%magic"]  # fmt: skip
    notebook = {"cells": [
        {"cell_type": "code", "source": [cells[0]]},
        {"cell_type": "markdown", "source": ["## 3.4 The race\n", "Words."]},
        *({"cell_type": "code", "source": source.splitlines(True)} for source in cells[1:]),
    ]}  # fmt: skip
    path, shell = tmp_path / "lesson.ipynb", Shell()
    path.write_text(json.dumps(notebook), encoding="utf-8")
    section = "“3.4 The race”"
    assert missing.made_in(path) == {"nn": "the beginning"} | dict.fromkeys("abcidge", section)
    monkeypatch.setattr(missing, "get_ipython", lambda: shell)
    missing.explain_missing_names(path)
    assert shell.kinds == (NameError,)
    shell.tell(shell, NameError, NameError("no d", name="d"), None)
    assert shell.told[0].startswith(f"Not yet: `d` comes from a cell in {section}.")
    shell.tell(shell, NameError, NameError("no slip", name="slip"), None)
    assert shell.told == ["traceback"]


def test_words_are_spoken_as_plain_text() -> None:
    words = Words()
    words.say("a < b\nand c")
    assert words.plain == "a < b\nand c"
    assert "a &lt; b\nand c" in words.value and 'role="status"' in words.value


def test_this_machine_needs_no_repair() -> None:
    assert [finding for finding in examine() if finding.repair] == []


def test_an_old_or_missing_package_gets_one_line_of_advice() -> None:
    assert "pip install" in _package("torch", "99.0").repair
    assert _package("no-such-package", "1.0").value == "missing"
    assert _parts("2.14.1+cpu") == (2, 14)
