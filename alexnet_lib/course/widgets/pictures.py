"""Pictures of one's own: a file, a drawing, and the album that shows them to explorers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import torch
import traitlets
from PIL import Image
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.first_look import best_words, class_bars
from alexnet_lib.course.widgets.core import Explorer, choice, slider, to_png
from alexnet_lib.course.widgets.page import Bundle, WithStill, Words, still_image
from alexnet_lib.course.widgets.pointing import Camera, PaintBoard, Picture
from alexnet_lib.data.images import ImageData
from alexnet_lib.data.pictures import UNREADABLE, decode
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.augment import center_crop, resize

# --- A file ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Named:
    """A picture, (3, H, W) uint8, and what to call it."""

    name: str
    pixels: Tensor


class Upload(ipywidgets.VBox):
    """Buttons for a picture file and the camera; a file that is none is answered in words.

    Args:
        side: to scale the shorter side to, and to cut the central square (§2); None: as it is.

    Attributes:
        value: the picture read last, a `Named`; None before.
    """

    value = traitlets.Any()

    def __init__(self, side: int | None = None) -> None:
        self.side, self.words = side, Words()
        self.button = ipywidgets.FileUpload(accept="image/*", description="own picture")
        self.button.observe(self._chosen, names="value")
        self.camera = Camera()
        self.camera.observe(self._taken, names="photo")
        super().__init__([ipywidgets.HBox([self.button, self.camera]), self.words])

    def take(self, content: bytes, name: str) -> None:
        """Read a file's bytes.

        Raises:
            InputError: this is no picture, or one too large.
        """
        pixels = read_picture(content, name)
        if self.side:
            pixels = center_crop(resize(pixels[None], self.side), self.side)[0]
        self.value = Named(name[:24], pixels)

    def _chosen(self, change: Any) -> None:
        with self.words.answering():
            for file in change["new"]:
                self.take(bytes(file["content"]), file["name"])
                self.words.say("")

    def _taken(self, change: Any) -> None:
        with self.words.answering():
            self.take(change["new"], "the photograph")
            self.words.say("")


def read_picture(content: bytes, name: str) -> Tensor:
    """A picture file as (3, H, W) uint8.

    Raises:
        InputError: this is no picture, or one too large.
    """
    try:
        pixels = decode(content, at_least=512)
    except UNREADABLE as error:
        raise InputError(
            f"{name} cannot be read as a picture ({len(content):,} bytes). Choose a JPEG or PNG "
            "file; until then the last picture stays."
        ) from error
    flat = torch.frombuffer(bytearray(pixels.tobytes()), dtype=torch.uint8)
    return flat.view(pixels.height, pixels.width, 3).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)


class Source(ipywidgets.VBox):
    """A training picture by its number, or a file of one's own: whichever was chosen last.

    Args:
        side: of a file, as for `Upload`.
        first: what to show first; None: the first training picture.

    Attributes:
        value: the picture, a `Named`.
    """

    value = traitlets.Any()

    def __init__(
        self, data: ImageData, side: int | None = None, first: Named | None = None
    ) -> None:
        self.data, self.upload, self.first = data, Upload(side), first
        self.number = slider("training picture", 0, len(data.train) - 1, 0)
        self.number.observe(self._numbered, names="value")
        self.upload.observe(self._loaded, names="value")
        super().__init__([self.number, self.upload])
        self._numbered()
        self.reset()

    def reset(self) -> None:
        """Show what was shown first."""
        self.number.value = 0
        if self.first:
            self.value = self.first
        elif self.value is self.upload.value:
            self._numbered()

    def some(self, count: int) -> list[Named]:
        """What is shown now, then training pictures from the first on: `count` in all."""
        numbers = range(min(count, len(self.data.train)))
        others = [one for one in map(self._of, numbers) if one.name != self.value.name]
        return [self.value, *others][:count]

    def _numbered(self, _change: Any = None) -> None:
        self.upload.words.say("")
        self.value = self._of(self.number.value)

    def _of(self, number: int) -> Named:
        train = self.data.train
        label = self.data.classes[int(train.labels[number])]
        return Named(f"{label}, no. {number}, {self.data.name}", train.images[number])

    def _loaded(self, change: Any) -> None:
        self.value = change["new"]


# --- A drawing ------------------------------------------------------------------------------------

COLOURS = {
    "sky": (150, 190, 235), "sea": (40, 80, 140), "grass": (90, 140, 60), "sand": (205, 180, 130),
    "white": (240, 240, 240), "grey": (125, 125, 125), "black": (25, 25, 25), "red": (190, 45, 40),
    "yellow": (230, 195, 60), "brown": (110, 75, 45),
}  # fmt: skip

_CELLS = 16  # along a side of the board


class DrawingBoard(PaintBoard):
    """Sky above the sea, ready to be painted over."""

    def __init__(self) -> None:
        colours = {name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in COLOURS.items()}
        half = _CELLS * _CELLS // 2
        super().__init__(colours, ("sky",) * half + ("sea",) * half)
        self.brush = "grey"

    def picture(self, side: int) -> Tensor:
        """The drawing as (3, side, side) uint8."""
        cells = torch.tensor([COLOURS[name] for name in self.value], dtype=torch.uint8)
        small = cells.view(_CELLS, _CELLS, 3).permute(2, 0, 1)  # (3, 16, 16)
        place = torch.arange(side) * _CELLS // side
        return small[:, place][:, :, place]


# --- The album ------------------------------------------------------------------------------------

DRAWN, OWN = "my drawing", "my file"


class Album(WithStill):
    """Pictures by name; explorers that follow it show what was drawn or loaded last.

    Args:
        tracer, classes: of a network that says of each drawing, at every stroke, what it is.

    Attributes:
        pictures: by name, (3, side, side) uint8.
        board, upload: where pictures of one's own come from.
        answer: the network's five best classes.
    """

    def __init__(
        self,
        pictures: Mapping[str, Tensor],
        tracer: Tracer | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Begin with pictures of the data set, all of one size."""
        self.side = next(iter(pictures.values())).shape[-1]
        self.tracer, self.classes = tracer, classes
        self.board, self.upload, self.followers = DrawingBoard(), Upload(self.side), []
        self.pictures = {**pictures, DRAWN: self.board.picture(self.side)}
        self.answer, self.words = Picture(), Words()
        self.board.observe(self._drawn, names="value")
        self.upload.observe(self._loaded, names="value")
        told = [self.answer, self.words] if tracer else []
        parts = [ipywidgets.VBox([self.board, self.upload]), ipywidgets.VBox(told)]
        super().__init__(
            [ipywidgets.HBox(parts, layout={"flex_flow": "row wrap", "grid_gap": "24px"})]
        )
        self._say(DRAWN)

    def control(self) -> ipywidgets.Dropdown:
        """A list of the pictures."""
        return choice("picture", list(self.pictures))

    def follow(self, explorer: Explorer) -> None:
        """Turn an explorer's `picture` to each new drawing and file."""
        self.followers.append(explorer)

    def still(self) -> Bundle:
        """The drawing and how to draw."""
        pixels = self.board.picture(6 * self.side).permute(1, 2, 0)  # (H, W, 3)
        words = "A drawing board: choose a colour and paint. Or load a picture of your own."
        words = f"{words} {self.words.plain}".strip()
        return still_image(to_png(Image.fromarray(pixels.contiguous().numpy())), words)

    def _put(self, name: str, pixels: Tensor) -> None:
        self.pictures[name] = pixels
        self._say(name)
        self.renew_still()
        for explorer in self.followers:
            with explorer.held():
                explorer.controls["picture"].options = list(self.pictures)
            explorer.set(picture=name)

    def _say(self, name: str) -> None:
        """What the network takes a picture for."""
        if self.tracer is None:
            return
        probabilities = self.tracer.probabilities(self.pictures[name])  # (classes,)
        self.answer.put(
            to_png(class_bars(probabilities, self.classes, 420, 260)), f"Best classes of {name}."
        )
        self.words.say(f"{name}: the network answers {best_words(probabilities, self.classes)}.")

    def _drawn(self, _change: Any) -> None:
        self._put(DRAWN, self.board.picture(self.side))

    def _loaded(self, change: Any) -> None:
        self._put(OWN, change["new"].pixels)


def caption(name: str, data_name: str) -> str:
    """A picture's name, with the data that it is from; a drawing or a file is from no data."""
    return name if name in (DRAWN, OWN) else f"{name}, {data_name}"
