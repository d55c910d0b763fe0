"""The preprocessing viewer: a picture, the numbers that a network gets, and the light (§2)."""

import io
from functools import partial
from typing import Any

import ipywidgets
import torch
from PIL import Image, ImageOps
from torch import Tensor

from alexnet_lib.augment import ColourBasis, center_crop, colour_shift, resize
from alexnet_lib.data import ImageData, Preprocessing
from alexnet_lib.figures.pixels import Box, image_view, number_grid, side_by_side
from alexnet_lib.widgets.core import Explorer, choice, slider

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
        raise ValueError(
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
