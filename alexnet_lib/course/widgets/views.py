"""What becomes of a picture before a network reads it: prepared (§2), and varied (§4.1)."""

import io

import torch
from PIL import Image
from torch import Tensor

from alexnet_lib.course.figures.first_look import best_words, class_bars
from alexnet_lib.course.figures.pixels import (
    Box,
    box_in_row,
    few_colours,
    image_view,
    number_grid,
    side_by_side,
)
from alexnet_lib.course.figures.style import smaller_png
from alexnet_lib.course.widgets.core import (
    Ends,
    Explorer,
    Shown,
    Touchable,
    choice,
    slider,
    to_png,
    toggle,
)
from alexnet_lib.course.widgets.page import Bundle, still_image
from alexnet_lib.course.widgets.pictures import Named, Source
from alexnet_lib.course.widgets.pointing import Cells, middles
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import ImageData
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.augment import ColourBasis, center_crop, colour_shift, crop, flip, resize
from alexnet_lib.training.checkpoint import TrainedNetwork

_COLOURS = [("red", 0), ("green", 1), ("blue", 2)]

_PATCH = 6  # pixels along a side of the square whose numbers are printed

_OFFERED = 1000  # training pictures; more do not fit on a slider


class PreprocessingViewer(Explorer):
    """Choose a training picture or an own file, a preparation, and move the light.

    Args:
        preparations: by name, each measured on training examples.
        basis: colours' principal components; the three `light` sliders move along them.
    """

    pairs = (("picture", "preparation"), ("preparation", "channel"))

    def __init__(
        self, data: ImageData, preparations: dict[str, Preprocessing], basis: ColourBasis
    ) -> None:
        few = data.subset(train=min(_OFFERED, len(data.train)))  # of all classes, whatever order
        self.side, self.preparations, self.basis = few.train.images.shape[-1], preparations, basis
        super().__init__(
            picture=Source(few),
            preparation=choice("preparation", list(preparations)),
            channel=choice("channel", _COLOURS),
            light1=slider("light along axis 1", -1.0, 1.0, 0.0, 0.1),
            light2=slider("axis 2", -1.0, 1.0, 0.0, 0.1),
            light3=slider("axis 3", -1.0, 1.0, 0.0, 0.1),
        )

    def render(
        self, picture: Named, preparation: str, channel: int,
        light1: float, light2: float, light3: float,
    ) -> Shown:  # fmt: skip
        """The picture, the prepared picture, and some of its numbers."""
        side, prepare = self.side, self.preparations[preparation]
        shift = _light(self.basis, (light1, light2, light3), "source2012")  # (3, 1, 1)
        square = center_crop(resize(picture.pixels[None], side), side)  # (1, 3, side, side)
        x = prepare(square + shift)[0]  # (3, side, side)
        first = (side - _PATCH) // 2
        frame = Box(first, first, _PATCH, _PATCH)
        framed = x[channel, first : first + _PATCH, first : first + _PATCH]
        colour = _COLOURS[channel][0]
        shown = side_by_side(
            (picture.name, preparation, f"{colour}, in the frame"),
            (
                _with_crop(picture.pixels),
                image_view(_pixels(_grey_at_zero(x, prepare)), 0, 0, side, 260, [frame]),
                number_grid(framed.round(decimals=0 if float(framed.abs().max()) > 10 else 1)),
            ),
        )
        light = ", ".join(f"{value + 0.0:+.0f}" for value in shift.flatten().tolist())
        return few_colours(shown), (
            f"{picture.name}, {preparation}: {x.numel():,} numbers from {float(x.min()):.3g} to "
            f"{float(x.max()):.3g}, mean {float(x.mean()):.3g}, spread {float(x.std()):.3g}; the "
            f"framed {colour} ones average {float(framed.mean()):.3g}. Light: {light} in red, "
            "green, blue."
        )


def _with_crop(image: Tensor) -> Image.Image:
    """The whole picture; the central crop is framed where something lies outside it."""
    small = resize(image[None], min(260, *image.shape[1:]))[0]
    H, W = small.shape[1:]
    side, longer = min(H, W), max(H, W)
    box = [Box((H - side) // 2, (W - side) // 2, side, side)] if H != W else []
    return image_view(small, (H - longer) // 2, (W - longer) // 2, longer, 260, box)


def _grey_at_zero(x: Tensor, preparation: Preprocessing) -> Tensor:
    """Prepared numbers as grey levels: where a mean was subtracted, mid-grey is 0."""
    levels = x * preparation.scale
    return 128 + levels / 2 if bool(preparation.mean.any()) else levels


FORMS = {"paper": "eigenvalues (as printed)", "source2012": "their roots (authors' code)"}

_OWN_SIDE = 256  # an own picture gets the paper's size

_SHOWN = 256  # page pixels of a whole picture


class ViewSampler(Explorer):
    """Move the window, the mirror and the light over a training picture or an own file.

    Args:
        basis: principal components of the colours; a slider is the α of the first.
        network: a trained one; its best classes for each view are drawn.
        photograph: (3, H, W) uint8, shown first; None: a training picture is.
    """

    pairs = (("top", "left"), ("form", "alpha"))

    def __init__(
        self,
        data: ImageData,
        basis: ColourBasis,
        network: TrainedNetwork,
        photograph: Tensor | None = None,
    ) -> None:
        few, first = data.subset(train=min(_OFFERED, len(data.train))), None
        if photograph is not None:
            square = center_crop(resize(photograph[None], _OWN_SIDE), _OWN_SIDE)[0]
            first = Named("a photograph", square)
        source = Source(few, _OWN_SIDE, first)
        self.basis, room = basis, _room(source.value.pixels.shape[-1])
        self.tracer, self.classes = Tracer(network.model, network.preprocessing), network.classes
        super().__init__(
            picture=source,
            top=slider("window's row", 0, room, room // 2),
            left=slider("window's column", 0, room, room // 2),
            mirrored=toggle("mirrored"),
            form=choice(
                "scale of the light", [(words, form) for form, words in FORMS.items()], "source2012"
            ),
            alpha=slider("α along axis 1", -1.0, 1.0, 0.5, 0.1),
        )

    def limits(self, picture: Named, **_: object) -> Ends:
        """The window stays on the picture."""
        room = _room(picture.pixels.shape[-1])
        return {"top": room, "left": room}

    def render(
        self, picture: Named, top: int, left: int, mirrored: bool, form: str, alpha: float
    ) -> Shown:
        """The window on the picture, what is in it, the light alone, and the network's answer."""
        side = picture.pixels.shape[-1]
        room, size = _room(side), side - _room(side)
        window = crop(picture.pixels[None], torch.tensor([top]), torch.tensor([left]), size)
        window = flip(window, torch.tensor([mirrored]))[0]  # (3, size, size)
        shift = _light(self.basis, (alpha, 0.0, 0.0), form)  # (3, 1, 1)
        view = window + shift  # (3, size, size)
        grey = torch.full_like(view, 128.0)
        grey[:, size // 2 :] += shift
        small = resize(_pixels(view)[None], self.tracer.scale.size)[0]
        probabilities = self.tracer.probabilities(small)  # (classes,)
        shown = _SHOWN * size // side
        titles = (picture.name, "what the network gets", "mid-grey, lit", "its five best classes")
        parts = (
            image_view(picture.pixels, 0, 0, side, _SHOWN, [Box(top, left, size, size)]),
            image_view(_pixels(view), 0, 0, size, shown),
            image_view(_pixels(grey), 0, 0, size, shown),
            class_bars(probabilities, self.classes, 320, shown),
        )
        places = middles(box_in_row(titles, parts, 0), _SHOWN / side, 0, size, 1, room + 1)
        cells = Cells(
            places, room + 1, room + 1, lambda row, column: {"top": row, "left": column},
            (top, left), "the window",
        )  # fmt: skip
        light = ", ".join(f"{round(value, 1) + 0.0:+.1f}" for value in shift.flatten().tolist())
        outside = float(((view < 0) | (view > 255)).float().mean())
        return Touchable(side_by_side(titles, parts), [cells]), (
            f"{picture.name}: window of {size} × {size} at row {top}, column {left} of 0 to {room},"
            f" {'mirrored' if mirrored else 'not mirrored'}: one of {2 * (room + 1) ** 2:,} views. "
            f"Light by {FORMS[form]}: {light} grey levels in red, green, blue; {outside:.0%} of "
            f"the numbers leave 0 to 255. The network answers "
            f"{best_words(probabilities, self.classes)}."
        )

    def still(self) -> Bundle:
        """At half its size and in few colours: photographs have to fit into the notebook's file."""
        with Image.open(io.BytesIO(self.image.value)) as picture:
            small = to_png(picture.convert("RGB").reduce(2))
        return still_image(smaller_png(small, 32), self.summary)


def _room(side: int) -> int:
    """Pixels that a window of 7/8 of the side can move: 32 of 256, 4 of 32."""
    return side - side * 7 // 8


def _light(basis: ColourBasis, alphas: tuple[float, ...], form: str) -> Tensor:
    """What is added to each colour, (3, 1, 1)."""
    return colour_shift(basis, torch.tensor([alphas]), form)[0][:, None, None]


def _pixels(levels: Tensor) -> Tensor:
    return levels.round().clamp(0, 255).to(torch.uint8)
