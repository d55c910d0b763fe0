"""Pictures to choose from: of the data, from an own file, or drawn by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import torch
from torch import Tensor
from traitlets import Tuple

from alexnet_lib.augment import center_crop, resize
from alexnet_lib.figures.images import mosaic
from alexnet_lib.widgets.core import choice, to_png
from alexnet_lib.widgets.preprocessing import read_picture
from alexnet_lib.widgets.show import Bundle, WithStill, still_image

DRAWN, OWN = "my drawing", "my file"
COLOURS = {
    "sky": (150, 190, 235), "sea": (40, 80, 140), "grass": (90, 140, 60), "sand": (205, 180, 130),
    "white": (240, 240, 240), "grey": (125, 125, 125), "black": (25, 25, 25), "red": (190, 45, 40),
    "yellow": (230, 195, 60), "brown": (110, 75, 45),
}  # fmt: skip
_CELLS = 16  # along a side of the board


class DrawingBoard(ipywidgets.VBox):
    """A board of buttons; a click, or Enter, paints one in the chosen colour.

    Attributes:
        value: names of the cells' colours, row by row.
    """

    value = Tuple()

    def __init__(self) -> None:
        """Sky above the sea, ready to be painted over."""
        self.brush = choice("colour", list(COLOURS), "grey")
        half = _CELLS * _CELLS // 2
        cell = ipywidgets.Layout(width="20px", height="20px", margin="0", padding="0")
        self.styles = {  # shared: a style each would send three times as many messages
            name: ipywidgets.ButtonStyle(button_color="#{:02x}{:02x}{:02x}".format(*colour))
            for name, colour in COLOURS.items()
        }
        first = ("sky",) * half + ("sea",) * half
        self.cells = [
            ipywidgets.Button(
                layout=cell,
                style=self.styles[name],
                tooltip=f"row {place // _CELLS}, column {place % _CELLS}",
            )
            for place, name in enumerate(first)
        ]
        for place, button in enumerate(self.cells):
            button.on_click(lambda _, place=place: self.paint(place))
        fill = ipywidgets.Button(description="fill", tooltip="paint all in the chosen colour")
        fill.on_click(lambda _: self.put((self.brush.value,) * 2 * half))
        columns = ipywidgets.Layout(grid_template_columns=f"repeat({_CELLS}, 20px)")
        super().__init__(
            [ipywidgets.HBox([self.brush, fill]), ipywidgets.GridBox(self.cells, layout=columns)]
        )
        self.value = first

    def paint(self, place: int, colour: str = "") -> None:
        """Paint a cell, in the brush's colour where none is named."""
        self.put((*self.value[:place], colour or self.brush.value, *self.value[place + 1 :]))

    def put(self, names: tuple[str, ...]) -> None:
        """Paint the whole board."""
        for button, old, new in zip(self.cells, self.value, names, strict=True):
            if old != new:
                button.style = self.styles[new]
        self.value = names

    def picture(self, side: int) -> Tensor:
        """The drawing as (3, side, side) uint8."""
        cells = torch.tensor([COLOURS[name] for name in self.value], dtype=torch.uint8)
        small = cells.view(_CELLS, _CELLS, 3).permute(2, 0, 1)
        place = torch.arange(side) * _CELLS // side
        return small[:, place][:, :, place]


class Album(WithStill):
    """Pictures by name; explorers that follow it show what was drawn or loaded last.

    Attributes:
        pictures: by name, (3, side, side) uint8.
        board, upload: where pictures of one's own come from.
    """

    def __init__(self, pictures: Mapping[str, Tensor]) -> None:
        """Begin with pictures of the data set, all of one size."""
        self.side = next(iter(pictures.values())).shape[-1]
        self.board, self.followers = DrawingBoard(), []
        self.pictures = {**pictures, DRAWN: self.board.picture(self.side)}
        self.upload = ipywidgets.FileUpload(accept="image/*", description="own picture")
        self.said = ipywidgets.HTML()
        self.board.observe(self._drawn, names="value")
        self.upload.observe(self._loaded, names="value")
        super().__init__([self.board, self.upload, self.said])

    def control(self) -> ipywidgets.Dropdown:
        """A list of the pictures, which turns to a new drawing or file by itself."""
        box = choice("picture", list(self.pictures))
        self.followers.append(box)
        return box

    def follow(self, redraw: Callable[[], Any]) -> None:
        """Call `redraw` whenever a picture was drawn or loaded."""
        self.followers.append(redraw)

    def load(self, content: bytes, name: str) -> None:
        """Take a picture file: shorter side scaled, central square (§2)."""
        square = center_crop(resize(read_picture(content, name)[None], self.side), self.side)
        self._put(OWN, square.round().clamp(0, 255).to(torch.uint8)[0])

    def still(self) -> Bundle:
        """The drawing and how to draw."""
        shown = mosaic(
            self.pictures[DRAWN][None].repeat_interleave(6, 2).repeat_interleave(6, 3), 1
        )
        words = "A drawing board: choose a colour, click cells. Or load a picture of your own."
        return still_image(to_png(_as_image(shown)), words)

    def _put(self, name: str, picture: Tensor) -> None:
        self.pictures[name] = picture
        for follower in self.followers:
            if isinstance(follower, ipywidgets.Dropdown):
                if name not in follower.options:
                    follower.options = list(self.pictures)
                follower.value = name
            else:
                follower()

    def _drawn(self, _change: Any) -> None:
        self._put(DRAWN, self.board.picture(self.side))

    def _loaded(self, _change: Any) -> None:
        for file in self.upload.value:
            try:
                self.load(bytes(file["content"]), file["name"])
                self.said.value = ""
            except ValueError as error:
                self.said.value = str(error)


def caption(name: str, data_name: str) -> str:
    """A picture's name, with the data that it is from; a drawing or a file is from no data."""
    return name if name in (DRAWN, OWN) else f"{name}, {data_name}"


def _as_image(pixels: Tensor) -> Any:
    from PIL import Image

    return Image.fromarray(pixels.numpy())
