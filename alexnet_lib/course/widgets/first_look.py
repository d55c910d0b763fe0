"""A photograph through a trained network, with its maps and its answer."""

from collections.abc import Mapping
from typing import Any

import ipywidgets
from torch import Tensor

from alexnet_lib.course.figures.first_look import Look, best_words, first_look, picture_box
from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.widgets.core import Explorer, Shown, Touchable, choice, slider
from alexnet_lib.course.widgets.pictures import OWN, Upload
from alexnet_lib.course.widgets.pointing import Cells
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.augment import resize
from alexnet_lib.training.checkpoint import TrainedNetwork

_STORED = 32  # pixels along a side of the images that the network was trained on


class FirstLook(Explorer):
    """Cut a square window out of a picture, and see what the network makes of it.

    Args:
        network: for pictures of `_STORED` pixels, such as the course's own.
        pictures: by name; a file of one's own joins them.
    Shape:
        pictures: (3, H, W) uint8 each, of any size
    """

    pairs = (("across", "down"), ("picture", "layer"))

    def __init__(self, network: TrainedNetwork, pictures: Mapping[str, Tensor]) -> None:
        self.pictures, self.classes = dict(pictures), network.classes
        self.tracer = Tracer(network.model, network.preprocessing)
        self.upload = Upload()
        self.upload.observe(self._loaded, names="value")
        super().__init__(
            ipywidgets.VBox([self.upload]),
            picture=choice("picture", list(pictures)),
            size=slider("window's size, %", 20, 100, 80, 5),
            across=slider("window across, %", 0, 100, 50, 5),
            down=slider("window down, %", 0, 100, 50, 5),
            layer=choice("deeper layer", ["conv2", "conv3", "conv4", "conv5"], "conv5"),
        )

    def render(self, picture: str, size: int, across: int, down: int, layer: str) -> Shown:
        """The way from pixels to classes; the words give the answer and what the maps hold."""
        pixels = self.pictures[picture]
        window = place_window(pixels.shape[1:], size, across, down)
        square = resize(cut(pixels, window)[None], _STORED)[0]
        calls = self.tracer.calls(square)
        maps = {name: calls[name.replace("conv", "relu")].after[0] for name in ("conv1", layer)}
        probabilities = self.tracer.probabilities(square)  # (classes,)
        look = Look(pixels, window, self.tracer.seen(square), maps, probabilities)
        cells = window_places(pixels.shape[1:], window, across, down)
        return Touchable(first_look(look, self.classes), [cells]), (
            f"{picture}: a window of {window.height}×{window.width} pixels from row {window.top}, "
            f"column {window.left}, made as small as the network's input. It answers "
            f"{best_words(probabilities, self.classes)}. "
            f"{' '.join(_busy(name, found) for name, found in maps.items())}"
        )

    def _loaded(self, change: Any) -> None:
        self.pictures[OWN] = change["new"].pixels
        with self.held():
            self.controls["picture"].options = list(self.pictures)
        self.set(picture=OWN)


def place_window(sides: tuple[int, int], size: int, across: int, down: int) -> Box:
    """A square window on a picture of H × W pixels.

    Args:
        size: in per cent of the shorter side.
        across, down: in per cent of the room that is left; 50 is the middle.
    """
    H, W = sides
    side = max(1, round(min(H, W) * size / 100))
    return Box(round((H - side) * down / 100), round((W - side) * across / 100), side, side)


_STEP = 5  # of a window's place, in per cent


def window_places(sides: tuple[int, int], window: Box, across: int, down: int) -> Cells:
    """Where a window can be dragged to: a cell around each place of its middle."""
    picture, scale = picture_box(sides)
    room = [side - window.height for side in sides]  # down, across
    steps = [100 // _STEP if way else 0 for way in room]
    cell = [scale * way / max(1, count) for way, count in zip(room, steps, strict=True)]
    high, wide = (size or scale * window.height for size in cell)  # no room: all of the window
    top, left = (
        start + scale * window.height / 2 - size / 2
        for start, size in zip(picture[:2], (high, wide), strict=True)
    )
    at = [place // _STEP if way else 0 for place, way in zip((down, across), room, strict=True)]

    def sets(row: int, column: int) -> dict[str, int]:
        places = {"down": row, "across": column}
        return {name: _STEP * n for (name, n), way in zip(places.items(), room, strict=True) if way}

    rows, columns = (count + 1 for count in steps)
    box = Box(top, left, high * rows, wide * columns)
    return Cells(box, rows, columns, sets, tuple(at), "the window", "size")


def cut(picture: Tensor, window: Box) -> Tensor:
    """The part of a picture in a window, (3, side, side)."""
    rows = slice(window.top, window.top + window.height)
    return picture[:, rows, window.left : window.left + window.width]


def _busy(name: str, maps: Tensor) -> str:
    M, H, W = maps.shape
    above = float((maps > 0).float().mean())
    return f"{name}: {M} maps of {H}×{W}; {above:.0%} of their numbers are above 0."
