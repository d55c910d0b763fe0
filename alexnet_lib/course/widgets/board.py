"""Ingredients to switch on and off, and a corner to run at once (§3, §4)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import ipywidgets

from alexnet_lib.course.figures.board import board_picture
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, toggle
from alexnet_lib.course.widgets.live import LiveTraining
from alexnet_lib.course.widgets.page import Bundle, WithStill, Words
from alexnet_lib.data.images import ImageData
from alexnet_lib.experiments.catalogue import BOARD, WITHOUT, corners, name_of
from alexnet_lib.experiments.measures import (
    Corner,
    compare,
    corner_config,
    corner_error,
    seeds_words,
)
from alexnet_lib.experiments.study import run_piece
from alexnet_lib.statistics import Interval, wilson_interval
from alexnet_lib.training.watchers import images_per_second

Record = Mapping[str, Any] | None  # None where nobody has run the experiment yet


class CornerExplorer(Explorer):
    """Five ingredients to toggle over the record of experiment "board"."""

    def __init__(self, record: Record) -> None:
        self.record = record
        super().__init__(**{name: toggle(name, True) for name in WITHOUT})

    @property
    def present(self) -> Corner:
        """The ingredients that are switched on."""
        return tuple(name for name, on in self.state.items() if on)

    def render(self, **switched: bool) -> Shown:
        """The corner among the sixteen of the design, with its error where there is a record."""
        record, present = self.record, tuple(name for name, on in switched.items() if on)
        design = "one of the sixteen" if present in corners() else "not one of the sixteen"
        rows = {corner: record and corner_error(record, corner) for corner in corners()}
        if record is None:
            title = "Ablation board: the design; its results are not yet recorded"
            return board_picture(tuple(WITHOUT), rows, present, title), (
                f"{name_of(present)}: {design} corners of the design. Not yet recorded; "
                "to run all of them: alexnet experiment run board."
            )
        found, about = corner_error(record, present), f"{seeds_words(record)}, {record['data']}"
        title = f"Ablation board: test error, centre view, {about}"
        told = (
            f"{found.estimate:.1%} ({found.low:.1%} to {found.high:.1%})" if found else "no number"
        )
        how = "" if present in corners() else ", by main effects and pairs"
        return board_picture(tuple(WITHOUT), rows, present, title, found), (
            f"{name_of(present)}: test error {told}{how}; {design} corners that were run. "
            f"{about}, level {record['level']}."
        )


class AblationBoard(WithStill):
    """The corners' explorer, and a button that trains the one that is chosen.

    Args:
        data: to train on when the button is pressed.
        record: of experiment "board"; without one the design is shown all the same.
    """

    def __init__(self, data: ImageData, record: Record) -> None:
        self.data, self.record = data, record
        self.explorer, self.live, self.words = (
            CornerExplorer(record),
            LiveTraining(appear=False),
            Words(),
        )
        self.size = choice("size of the run", [(_offer(name), name) for name in SIZES])
        self.button = ipywidgets.Button(
            description="Run this corner now", button_style="primary", layout={"width": "14em"}
        )
        self.button.on_click(self.run)
        row = ipywidgets.HBox([self.size, self.button])
        super().__init__([self.explorer, row, self.words, self.live])
        self.explorer.image.observe(lambda _: self.renew_still(), names="value")

    def run(self, _button: Any = None) -> None:
        """Train the chosen corner, and say how that ended, whichever way it did."""
        self.button.disabled = True
        self.words.say(f"{name_of(self.explorer.present)}: training begins.")
        try:
            with self.words.answering():
                self.words.say(
                    run_corner(self.data, self.explorer.present, self.size.value, [self.live])
                )
        finally:
            self.button.disabled = False

    @property
    def effects(self) -> dict[str, Interval]:
        """Points of error saved by each ingredient and by each two together, by name.

        Those that have no number, since a run diverged, are left out; without a record all are.
        """
        found = {c.words: compare(self.record, c).value for c in BOARD.comparisons if self.record}
        return {name.removesuffix(" against none"): one for name, one in found.items() if one}

    @property
    def about(self) -> str:
        """On how many seeds the record rests, and on which pictures."""
        return f"{seeds_words(self.record)}, {self.record['data']}" if self.record else "no record"

    def still(self) -> Bundle:
        """The board as it is; offers and runs are of this machine."""
        return self.explorer.still()


QUICK = {"train_limit": 1_000, "epochs": 3, "batch_size": 32, "validation_size": 200}

SIZES = {"quick": (QUICK, 500), "lesson": ({}, 10_000)}  # changes to the run, and test images


def run_corner(
    data: ImageData, present: Corner, size: str, callbacks: Iterable[object] = ()
) -> str:
    """Train one corner with seed 0 and say what came of it; the notebook's stop button ends it."""
    smaller, images = SIZES[size]
    config, some = corner_config(present, smaller), data.subset(test=min(images, len(data.test)))
    try:
        result = run_piece(config, some, callbacks=callbacks)
    except KeyboardInterrupt:
        return f"{name_of(present)}: stopped."
    if result["outcome"] == "diverged":
        return f"{name_of(present)}: the run diverged."
    count, error = len(some.test), result["test"]["center"]
    _, low, high = wilson_interval(round(error * count), count)
    return (
        f"{name_of(present)}: test error {error:.1%} ({low:.1%} to {high:.1%}) on {count:,} images "
        f"of {data.name}, after {config.epochs} epochs of {config.train_limit:,} images, one seed."
    )


def _offer(size: str) -> str:
    """The size in words, with the time that it will take here."""
    smaller, images = SIZES[size]
    config = corner_config(tuple(WITHOUT), smaller)
    seen = config.epochs * config.train_limit + images / 3  # a test view costs a third
    seconds = seen / _images_per_second()
    spent = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return f"{size}: {config.epochs} × {config.train_limit:,} images, about {spent}"


@lru_cache
def _images_per_second() -> float:
    """Measured once, on noise, in about a second."""
    config = replace(corner_config(tuple(WITHOUT)), batch_size=32, lr=1e-6)
    return images_per_second(config, steps=3)
