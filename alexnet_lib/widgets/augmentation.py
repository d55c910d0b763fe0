"""The view sampler: cut, mirror and relight a picture as training does (§4.1)."""

from functools import lru_cache, partial
from typing import Any

import ipywidgets
import torch
from PIL import Image
from torch import Tensor

from alexnet_lib.augment import ColourBasis, center_crop, colour_shift, crop, flip, resize
from alexnet_lib.data import ImageData
from alexnet_lib.figures.pixels import Box, image_view, side_by_side
from alexnet_lib.widgets.core import Explorer, choice, slider, toggle
from alexnet_lib.widgets.preprocessing import read_picture

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
    image, name = _chosen(data, state)
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
            image_view(_visible(view), 0, 0, size, shown),
            image_view(_visible(grey), 0, 0, size, shown),
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


def _chosen(data: ImageData, state: dict[str, Any]) -> tuple[Tensor, str]:
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


def _visible(view: Tensor) -> Tensor:
    return view.round().clamp(0, 255).to(torch.uint8)
