"""Ingredients to switch on and off, and a corner to run at once (§3, §4)."""

import html
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import ipywidgets
from PIL import Image

from alexnet_lib.course.figures.replay import board_picture
from alexnet_lib.course.widgets.core import Explorer, choice, toggle
from alexnet_lib.course.widgets.page import Bundle, WithStill
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

QUICK = {"train_limit": 1_000, "epochs": 3, "batch_size": 32, "validation_size": 200}

SIZES = {"quick": (QUICK, 500), "lesson": ({}, 10_000)}  # changes to the run, and test images


class AblationBoard(WithStill):
    """Five ingredients to toggle over the record of experiment "board"; a button trains a corner.

    Args:
        data: to train on when the button is pressed.
        record: None where nobody has run the experiment yet; the design is shown all the same.
    """

    def __init__(self, data: ImageData, record: Mapping[str, Any] | None) -> None:
        self.data, self.record, self.words = data, record, ipywidgets.HTML()
        toggles = {name: toggle(name, True) for name in WITHOUT}
        self.explorer = Explorer(partial(render_board, record), **toggles)
        self.size = choice("size of the run", [(_offer(name), name) for name in SIZES])
        self.button = ipywidgets.Button(description="Run this corner now", button_style="primary")
        self.button.layout.width = "14em"
        self.button.on_click(self.run)
        super().__init__([self.explorer, ipywidgets.HBox([self.size, self.button]), self.words])

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

    def run(self, _button: Any = None) -> None:
        """Train the corner that is chosen, and say what came of it."""
        present = tuple(name for name in WITHOUT if self.explorer.state[name])
        self.button.disabled = True
        try:
            self._say(run_corner(self.data, present, self.size.value, self._say))
        finally:
            self.button.disabled = False

    def still(self) -> Bundle:
        """The board as it is; offers and runs are of this machine."""
        return self.explorer.still()

    def _say(self, words: str) -> None:
        self.words.value = f'<div role="status">{html.escape(words)}</div>'


def render_board(
    record: Mapping[str, Any] | None, state: dict[str, Any]
) -> tuple[Image.Image, str]:
    """Picture and words for the ingredients; `state` says of each whether it is present."""
    present = tuple(name for name in WITHOUT if state[name])
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
    told = f"{found.estimate:.1%} ({found.low:.1%} to {found.high:.1%})" if found else "no number"
    how = "" if present in corners() else ", by main effects and pairs"
    return board_picture(tuple(WITHOUT), rows, present, title, found), (
        f"{name_of(present)}: test error {told}{how}; {design} corners that were run. "
        f"{about}, level {record['level']}."
    )


def run_corner(data: ImageData, present: Corner, size: str, say: Any = print) -> str:
    """Train one corner with seed 0 and say what came of it; `say` hears of each epoch.

    The stop button of the notebook ends it.
    """
    smaller, images = SIZES[size]
    config, some = corner_config(present, smaller), data.subset(test=min(images, len(data.test)))
    say(f"{name_of(present)}: training begins.")
    try:
        result = run_piece(config, some, callbacks=[_Told(say)])
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


class _Told:
    def __init__(self, say: Any) -> None:
        self.say = say

    def on_epoch_end(self, trainer: Any) -> None:
        history = trainer.history
        self.say(
            f"Epoch {len(history)} of {trainer.config.epochs}: validation error "
            f"{history.validation_error[-1]:.1%}."
        )


def _offer(size: str) -> str:
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
