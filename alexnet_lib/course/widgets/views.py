"""What becomes of a picture before a network reads it: prepared (§2), and varied (§4.1)."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import ipywidgets
import torch
import traitlets
from PIL import Image
from torch import Tensor

from alexnet_lib.course.figures.first_look import best_words
from alexnet_lib.course.figures.pixels import (
    Box,
    few_colours,
    image_view,
    number_grid,
    side_by_side,
)
from alexnet_lib.course.figures.views import (
    PHOTO,
    ViewPanel,
    answer_bars,
    framed_view,
    light_strips,
    ten_places,
    ten_views,
    view_panel,
)
from alexnet_lib.course.widgets.core import (
    Ends,
    Explorer,
    Shown,
    Touchable,
    choice,
    slider,
    toggle,
)
from alexnet_lib.course.widgets.page import Bundle, half_still
from alexnet_lib.course.widgets.pictures import Named, Source
from alexnet_lib.course.widgets.pointing import Cells, middles
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import ImageData
from alexnet_lib.inspection.tracing import predict
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.augment import (
    ColourBasis,
    center_crop,
    colour_shift,
    crop,
    flip,
    resize,
    ten_crop,
)
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

_KEPT = 8  # answers to ten views, so that a dragged window asks for one view only

_ALPHAS = [round(0.1 * step - 1, 1) for step in range(21)]


class Light(ipywidgets.VBox):
    """A slider for each principal component of the colours.

    Attributes:
        value: the three α, each from −1 to 1.
    """

    value = traitlets.Tuple()

    def __init__(self, *first: float) -> None:
        """Stand at `first`, which `reset` leads back to."""
        self.first = first
        self.axes = [
            slider(f"α along axis {n + 1}", -1.0, 1.0, a, 0.1) for n, a in enumerate(first)
        ]
        for axis in self.axes:
            axis.observe(self._turned, names="value")
        super().__init__(self.axes)
        self._turned()
        self.observe(self._set, names="value")

    def reset(self) -> None:
        """Go back to the first three."""
        self.value = self.first

    def _turned(self, _change: Any = None) -> None:
        self.value = tuple(round(axis.value, 1) for axis in self.axes)

    def _set(self, change: Any) -> None:
        for axis, value in zip(self.axes, change["new"], strict=True):
            axis.value = value


class ViewSampler(Explorer):
    """Move the window, the mirror and the light over a training picture or an own file.

    Point at the picture, at the light, or at one of the ten views of a test.

    Args:
        basis: principal components of the colours; the light moves along them.
        network: a trained one; how sure it is of each class is drawn, for the view and the ten.
        photograph: (3, H, W) uint8, shown first; None: a training picture is.
    """

    pairs = (("top", "left"), ("form", "light"))

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
        self._ten = lru_cache(_KEPT)(self._ten_answers)
        super().__init__(
            picture=source,
            top=slider("window's row", 0, room, room // 2),
            left=slider("window's column", 0, room, room // 2),
            mirrored=toggle("mirrored"),
            form=choice(
                "scale of the light", [(words, form) for form, words in FORMS.items()], "source2012"
            ),
            light=Light(0.5, 0.0, 0.0),
        )

    def limits(self, picture: Named, **_: object) -> Ends:
        """The window stays on the picture."""
        room = _room(picture.pixels.shape[-1])
        return {"top": room, "left": room}

    def render(
        self,
        picture: Named,
        top: int,
        left: int,
        mirrored: bool,
        form: str,
        light: tuple[float, ...],
    ) -> Shown:
        """The window, what is in it, the light, and what the network says of it and of the ten."""
        side = picture.pixels.shape[-1]
        room, size = _room(side), side - _room(side)
        window = crop(picture.pixels[None], torch.tensor([top]), torch.tensor([left]), size)
        window = flip(window, torch.tensor([mirrored]))[0]  # (3, size, size)
        shift = _light(self.basis, light, form)  # (3, 1, 1)
        view = window + shift  # (3, size, size)
        probabilities = self._answers(_pixels(view)[None])[0]  # (classes,)
        each, row = self._ten(picture, form, light)  # (10, classes)
        places, here = ten_places(room), (top, left, mirrored)
        panel = view_panel(
            picture.name,
            picture.pixels,
            Box(top, left, size, size),
            _pixels(view),
            light_strips(self._axes(form), [_step(alpha) for alpha in light], shift.flatten()),
            answer_bars(
                probabilities,
                each.mean(0),
                self.classes,
                PHOTO * size // side,
                "mean of the ten views",
            ),
            framed_view(row, places.index(here)) if here in places else row,
        )
        told = ", ".join(f"{round(value, 1) + 0.0:+.1f}" for value in shift.flatten().tolist())
        outside = float(((view < 0) | (view > 255)).float().mean())
        return Touchable(panel.drawn, self._cells(panel, side, here, light)), (
            f"{picture.name}: window of {size} × {size} at row {top}, column {left} of 0 to {room},"
            f" {'mirrored' if mirrored else 'not mirrored'}: one of {2 * (room + 1) ** 2:,} views. "
            f"Light by {FORMS[form]}: {told} grey levels in red, green, blue; {outside:.0%} of "
            f"the numbers leave 0 to 255. The network answers "
            f"{best_words(probabilities, self.classes)}. {_of_ten(each, self.classes)}"
        )

    def _cells(
        self, panel: ViewPanel, side: int, here: tuple[int, int, bool], light: tuple[float, ...]
    ) -> list[Cells]:
        """The window is dragged; a light and one of the ten views are chosen."""
        room, scale, (top, left, _) = _room(side), PHOTO / side, here
        size, places = side - room, ten_places(room)

        def lit(axis: int) -> Callable[[int, int], dict[str, Any]]:
            def turn(_row: int, step: int) -> dict[str, Any]:
                return {"light": (*light[:axis], _ALPHAS[step], *light[axis + 1 :])}

            return turn

        def gone(_row: int, number: int) -> dict[str, Any]:
            return dict(zip(("top", "left", "mirrored"), places[number], strict=True))

        frames = [
            Box(panel.photo.top + scale * row, panel.photo.left + scale * column, scale * size,
                scale * size)
            for row, column, _ in places
        ]  # fmt: skip
        window = middles(panel.photo, scale, 0, size, 1, room + 1)
        at = (0, places.index(here)) if here in places else None
        return [
            Cells(window, room + 1, room + 1, to_window, (top, left), "the window"),
            Cells(panel.views, 1, 10, gone, at, "the ten views", frames=frames),
            *(
                Cells(box, 1, len(_ALPHAS), lit(n), (0, _step(light[n])), f"light, axis {n + 1}")
                for n, box in enumerate(panel.light)
            ),
        ]

    def _axes(self, form: str) -> Tensor:
        """What each step along each axis adds, (3, steps, 3)."""
        alphas = torch.tensor(_ALPHAS)[None, :, None] * torch.eye(3)[:, None]  # (3, steps, 3)
        return colour_shift(self.basis, alphas.flatten(0, 1), form).view(3, -1, 3)

    def _answers(self, views: Tensor) -> Tensor:
        """How likely each class is for views of any size, (N, classes)."""
        small = resize(views, self.tracer.scale.size)
        return predict(self.tracer.model, self.tracer.scale.enter(small)).cpu()

    def _ten_answers(
        self, picture: Named, form: str, light: tuple[float, ...]
    ) -> tuple[Tensor, Image.Image]:
        """Answers to the ten views, (10, classes), and the row of them."""
        side = picture.pixels.shape[-1]
        lit = picture.pixels[None] + _light(self.basis, light, form)  # (1, 3, side, side)
        views = _pixels(ten_crop(lit, side - _room(side))[:, 0])  # (10, 3, size, size)
        each = self._answers(views)
        return each, ten_views(views, each, self.classes)

    def still(self) -> Bundle:
        """At half its size and in few colours: photographs have to fit into the notebook's file."""
        return half_still(self.image.value, self.summary, 32)


def to_window(row: int, column: int) -> dict[str, int]:
    """What pointing at a place of the picture does: the window goes there."""
    return {"top": row, "left": column}


def _step(alpha: float) -> int:
    return min(range(len(_ALPHAS)), key=lambda step: abs(_ALPHAS[step] - alpha))


def _of_ten(each: Tensor, classes: Sequence[str]) -> str:
    """What the ten views say together, and how far apart they are."""
    mean = each.mean(0)  # (classes,)
    best = int(mean.argmax())
    low, high = each[:, best].aminmax()
    return (
        f"The ten views' mean is {best_words(mean, classes)}; one by one they give "
        f"{classes[best]} {low:.0%} to {high:.0%}."
    )


def _room(side: int) -> int:
    """Pixels that a window of 7/8 of the side can move: 32 of 256, 4 of 32."""
    return side - side * 7 // 8


def _light(basis: ColourBasis, alphas: tuple[float, ...], form: str) -> Tensor:
    """What is added to each colour, (3, 1, 1)."""
    return colour_shift(basis, torch.tensor([alphas]), form)[0][:, None, None]


def _pixels(levels: Tensor) -> Tensor:
    return levels.round().clamp(0, 255).to(torch.uint8)
