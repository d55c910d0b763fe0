"""Own pictures: upload, views, preprocessing, a drawing board."""

import io
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import ipywidgets
import torch
from PIL import Image, ImageOps
from torch import Tensor
from traitlets import Tuple

from alexnet_lib.checks import AlexNetError, InputError
from alexnet_lib.course.figures.pixels import Box, image_view, mosaic, number_grid, side_by_side
from alexnet_lib.course.widgets.core import Explorer, choice, slider, to_png, toggle
from alexnet_lib.course.widgets.page import Bundle, WithStill, still_image
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import ImageData
from alexnet_lib.paper.augment import ColourBasis, center_crop, colour_shift, crop, flip, resize

_COLOURS = [("red", 0), ("green", 1), ("blue", 2)]

_PATCH = 6  # pixels along a side of the square whose numbers are printed


def preprocessing_viewer(
    data: ImageData, preparations: dict[str, Preprocessing], basis: ColourBasis
) -> Explorer:
    """Choose a training picture or an own file, a preparation, and move the light.

    Args:
        preparations: by name, each measured on training examples.
        basis: colours' principal components; the three `light` sliders move along them.
    """
    few = data.subset(train=min(1000, len(data.train)))  # of all classes, however data are sorted
    explorer = Explorer(
        partial(render_preprocessing, few, preparations, basis),
        picture=slider("training picture", 0, len(few.train) - 1, 0),
        preparation=choice("preparation", list(preparations)),
        channel=choice("channel", _COLOURS),
        light1=slider("light along axis 1", -1.0, 1.0, 0.0, 0.1),
        light2=slider("axis 2", -1.0, 1.0, 0.0, 0.1),
        light3=slider("axis 3", -1.0, 1.0, 0.0, 0.1),
        own=ipywidgets.FileUpload(accept="image/*", description="own picture"),
    )

    def forget_own(_change: Any) -> None:
        explorer.controls["own"].value = ()

    explorer.controls["picture"].observe(forget_own, names="value")
    return explorer


def render_preprocessing(
    data: ImageData,
    preparations: dict[str, Preprocessing],
    basis: ColourBasis,
    state: dict[str, Any],
) -> tuple[Image.Image, str]:
    """Picture and words for `picture` or `own`, `preparation`, `channel`, `light1` to `light3`."""
    side = data.train.images.shape[-1]
    image, name = _chosen(data, state)
    alphas = torch.tensor([[state["light1"], state["light2"], state["light3"]]])
    shift = colour_shift(basis, alphas, "source2012")[0]  # (3,)
    square = center_crop(resize(image[None], side), side)  # (1, 3, side, side)
    preparation = preparations[state["preparation"]]
    x = preparation(square + shift[:, None, None])[0]  # (3, side, side)
    first = (side - _PATCH) // 2
    framed = x[state["channel"], first : first + _PATCH, first : first + _PATCH]
    colour = _COLOURS[state["channel"]][0]
    shown = side_by_side(
        (name, state["preparation"], f"{colour}, in the frame"),
        (
            _with_crop(image),
            image_view(
                _visible(x, preparation), 0, 0, side, 260, [Box(first, first, _PATCH, _PATCH)]
            ),
            number_grid(framed.round(decimals=0 if float(framed.abs().max()) > 10 else 1)),
        ),
    )
    light = ", ".join(f"{value + 0.0:+.0f}" for value in shift.tolist())
    return shown, (
        f"{name}, {state['preparation']}: {x.numel():,} numbers from {float(x.min()):.3g} to "
        f"{float(x.max()):.3g}, mean {float(x.mean()):.3g}, spread {float(x.std()):.3g}; the "
        f"framed {colour} ones average {float(framed.mean()):.3g}. Light: {light} in red, green, "
        "blue."
    )


def read_picture(content: bytes, name: str) -> Tensor:
    """A picture file as (3, H, W) uint8.

    Raises:
        ValueError: this is no picture, or one too large.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.draft("RGB", (512, 512))
            pixels = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{name} cannot be read as a picture ({len(content):,} bytes). Choose a JPEG or PNG "
            "file, or move the slider to return to the training pictures."
        ) from error
    flat = torch.frombuffer(bytearray(pixels.tobytes()), dtype=torch.uint8)
    return flat.view(pixels.height, pixels.width, 3).permute(2, 0, 1)


def _chosen(data: ImageData, state: dict[str, Any]) -> tuple[Tensor, str]:
    if state["own"]:
        (file,) = state["own"]
        return read_picture(bytes(file["content"]), file["name"]), file["name"][:24]
    label = data.classes[int(data.train.labels[state["picture"]])]
    name = f"{label}, no. {state['picture']}, {data.name}"
    return data.train.images[state["picture"]], name


def _with_crop(image: Tensor) -> Image.Image:
    """The whole picture; the central crop is framed where something lies outside it."""
    small = resize(image[None], min(260, *image.shape[1:]))[0]
    H, W = small.shape[1:]
    side, longer = min(H, W), max(H, W)
    box = [Box((H - side) // 2, (W - side) // 2, side, side)] if H != W else []
    return image_view(small, (H - longer) // 2, (W - longer) // 2, longer, 260, box)


def _visible(x: Tensor, preparation: Preprocessing) -> Tensor:
    """Prepared numbers as a picture: where a mean was subtracted, mid-grey is 0."""
    pixels = x * preparation.scale
    pixels = 128 + pixels / 2 if bool(preparation.mean.any()) else pixels
    return pixels.round().clamp(0, 255).to(torch.uint8)


FORMS = {"paper": "eigenvalues (as printed)", "source2012": "their roots (authors' code)"}

_OWN_SIDE = 256  # an own picture gets the paper's size

_SHOWN = 256  # page pixels of a whole picture


def view_sampler(data: ImageData, basis: ColourBasis) -> Explorer:
    """Move the window, the mirror and the light over a training picture or an own file.

    Args:
        basis: principal components of the colours; a slider is one α.
    """
    room = _room(data.train.images.shape[-1])
    explorer = Explorer(
        partial(render_view, data, basis),
        picture=slider("training picture", 0, min(999, len(data.train) - 1), 0),
        top=slider("window's row", 0, room, room // 2),
        left=slider("window's column", 0, room, room // 2),
        mirrored=toggle("mirrored"),
        form=choice(
            "scale of the light", [(words, form) for form, words in FORMS.items()], "source2012"
        ),
        alpha1=slider("α along axis 1", -1.0, 1.0, 0.3, 0.1),
        alpha2=slider("α along axis 2", -1.0, 1.0, 0.5, 0.1),
        alpha3=slider("α along axis 3", -1.0, 1.0, 0.0, 0.1),
        own=ipywidgets.FileUpload(accept="image/*", description="own picture"),
    )
    controls = explorer.controls

    def forget_own(_change: Any) -> None:
        controls["own"].value = ()

    def fit_sliders(_change: Any) -> None:
        controls["top"].max = controls["left"].max = (
            _room(_OWN_SIDE) if controls["own"].value else room
        )

    controls["own"].observe(fit_sliders, names="value")
    controls["picture"].observe(forget_own, names="value")
    return explorer


def render_view(
    data: ImageData, basis: ColourBasis, state: dict[str, Any]
) -> tuple[Image.Image, str]:
    """Picture and words for `picture` or `own`, `top`, `left`, `mirrored`, `form`, `alpha1…3`."""
    image, name = _chosen_view(data, state)
    side = image.shape[-1]
    room, size = _room(side), side - _room(side)
    top, left = (min(state[place], room) for place in ("top", "left"))
    window = crop(image[None], torch.tensor([top]), torch.tensor([left]), size)
    window = flip(window, torch.tensor([state["mirrored"]]))  # (1, 3, size, size)
    alphas = torch.tensor([[state["alpha1"], state["alpha2"], state["alpha3"]]])
    shift = colour_shift(basis, alphas, state["form"])[0]  # (3,)
    view = window[0] + shift[:, None, None]  # (3, size, size)
    light = ", ".join(f"{round(value, 1) + 0.0:+.1f}" for value in shift.tolist())
    shown = _SHOWN * size // side
    grey = torch.full_like(view, 128.0)
    grey[:, size // 2 :] += shift[:, None, None]
    picture = side_by_side(
        (name, "what the network gets", "mid-grey, unlit and lit"),
        (
            image_view(image, 0, 0, side, _SHOWN, [Box(top, left, size, size)]),
            image_view(_visible_view(view), 0, 0, size, shown),
            image_view(_visible_view(grey), 0, 0, size, shown),
        ),
    )
    outside = float(((view < 0) | (view > 255)).float().mean())
    return picture, (
        f"{name}: window of {size} × {size} at row {top}, column {left} of 0 to {room}, "
        f"{'mirrored' if state['mirrored'] else 'not mirrored'}: one of {2 * (room + 1) ** 2:,} "
        f"views. Light by {FORMS[state['form']]}: {light} grey levels in red, green, blue; "
        f"{outside:.0%} of the numbers leave 0 to 255."
    )


def _room(side: int) -> int:
    """Pixels that a window of 7/8 of the side can move: 32 of 256, 4 of 32."""
    return side - side * 7 // 8


def _chosen_view(data: ImageData, state: dict[str, Any]) -> tuple[Tensor, str]:
    if state["own"]:
        (file,) = state["own"]
        return _own_square(bytes(file["content"]), file["name"]), file["name"][:24]
    label = data.classes[int(data.train.labels[state["picture"]])]
    name = f"{label}, no. {state['picture']}, {data.name}"
    return data.train.images[state["picture"]], name


@lru_cache(maxsize=1)
def _own_square(content: bytes, name: str) -> Tensor:
    """An own file as the paper prepares pictures (§2): shorter side 256, central square."""
    return center_crop(resize(read_picture(content, name)[None], _OWN_SIDE), _OWN_SIDE)[0]


def _visible_view(view: Tensor) -> Tensor:
    return view.round().clamp(0, 255).to(torch.uint8)


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
            except AlexNetError as error:
                self.said.value = str(error)


def caption(name: str, data_name: str) -> str:
    """A picture's name, with the data that it is from; a drawing or a file is from no data."""
    return name if name in (DRAWN, OWN) else f"{name}, {data_name}"


def _as_image(pixels: Tensor) -> Any:
    from PIL import Image

    return Image.fromarray(pixels.numpy())
