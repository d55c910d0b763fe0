"""Three explorers: the window stepper, output sizes, receptive fields (§3.5)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.by_hand import window_starts
from alexnet_lib.course.figures.pixels import (
    Box,
    box_in_row,
    image_view,
    side_by_side,
    window_stairs,
)
from alexnet_lib.course.figures.stepper import (
    PLANES,
    image_part,
    image_scale,
    is_numbers,
    map_box,
    map_part,
    plane_boxes,
    plane_part,
)
from alexnet_lib.course.figures.style import smaller_png
from alexnet_lib.course.widgets.core import (
    Ends,
    Explorer,
    Shown,
    Touchable,
    choice,
    player,
    slider,
)
from alexnet_lib.course.widgets.page import Bundle, still_image
from alexnet_lib.course.widgets.pointing import Cells, middles, to_place
from alexnet_lib.inspection.units import ReceptiveField


class Stepper(Explorer):
    """A window that walks over an image, from output to output in reading order.

    It plays, is scrubbed, and goes to the output that is pointed at, on the map or on the image. A
    subclass says what stands at all outputs in `outputs`, which takes every control but "output".

    Args:
        inputs: images by name, to choose from; or one.
    Shape:
        inputs: (H, W) each: numbers; or (3, H, W) in [0, 1]: planes of red, green and blue
    """

    def __init__(
        self, inputs: Mapping[str, Tensor] | Tensor, **controls: ipywidgets.Widget
    ) -> None:
        named = {"numbers": inputs} if isinstance(inputs, Tensor) else inputs
        self.inputs = {n: x if x.ndim == 3 else x[None] for n, x in named.items()}  # (P, H, W)
        if len(named) > 1:
            controls = {"input": choice("picture", list(named)), **controls}
        else:
            self.pairs = tuple(pair for pair in self.pairs if "input" not in pair)
        output = slider("output", 0, 1, 0)
        super().__init__(player(output, _EVERY_MS), **controls, output=output)

    def planes(self, input: str) -> Tensor:
        """The image of that name, or the first one, (P, H, W)."""
        return self.inputs[input or next(iter(self.inputs))]

    def outputs(self, **setting: Any) -> Tensor:
        """All outputs, (rows, columns), or (3, rows, columns) for three planes."""
        raise NotImplementedError

    def limits(self, output: int, **setting: Any) -> Ends:
        """The window goes as far as there are outputs."""
        rows, columns = self.outputs(**setting).shape[-2:]
        return {"output": rows * columns - 1}


_EVERY_MS = 250  # from output to output while it plays


def places(
    shape: tuple[int, int], output: int, on_map: Box, on_image: Box | None, words: str
) -> list[Cells]:
    """The outputs, to be pointed at on the map and, where `on_image` says, on the image."""
    rows, columns = shape

    def to_output(row: int, column: int) -> dict[str, int]:
        return {"output": row * columns + column}

    at = divmod(output, columns)
    cells = [Cells(on_map, rows, columns, to_output, at, words)]
    if on_image:
        words = "the window on the picture"
        cells.append(Cells(on_image, rows, columns, to_output, at, words, quiet=True))
    return cells


def window_places(
    part: Box, scale: float, shape: tuple[int, int], first: int, side: int, jump: int
) -> Box | None:
    """Where windows of one side and step can be pointed at; None: the map is no square.

    Args:
        part: where the image's first pixel is, `scale` picture pixels large.
        first: pixel at which the first window begins.
    """
    return middles(part, scale, first, side, jump, shape[0]) if shape[0] == shape[1] else None


Own = tuple[str, Any]  # name of the filter that was changed; its numbers, (P, kh, kw), in tuples

_MOST = 99  # of a weight that is typed: two digits


class WindowStepper(Stepper):
    """Move a filter over an image and watch products, sum and feature map; change its numbers.

    Args:
        inputs: see `Stepper`.
        filters: by name.
    Shape:
        filters: (kh, kw) each, for all planes alike; or (3, kh, kw)
    """

    pairs = (("input", "filter"), ("input", "output"), ("filter", "stride"))
    touched: Mapping[str, Any] = {"own": None, "cell": (0, 0, 0)}

    def __init__(
        self, inputs: Mapping[str, Tensor] | Tensor, filters: Mapping[str, Tensor]
    ) -> None:
        self.filters = filters
        super().__init__(
            inputs,
            filter=choice("filter", list(filters)),
            stride=slider("stride", 1, 3, 1),
            padding=slider("padding", 0, 2, 0),
        )

    def render(
        self,
        filter: str,
        stride: int,
        padding: int,
        output: int,
        input: str = "",
        own: Own | None = None,
        cell: tuple[int, int, int] = (0, 0, 0),
    ) -> Shown:
        """The window on the image, its products, and the feature map so far.

        Args:
            own: numbers in place of the filter's. cell: the chosen one: plane, row, column.
        """
        planes, kernel = self.planes(input), self.kernel(filter, input, own)
        feature_map = self.outputs(filter, stride, padding, input, own)
        row, column = divmod(output, feature_map.shape[1])
        window = _window(F.pad(planes, (padding,) * 4), kernel, row * stride, column * stride)
        box = Box(row * stride - padding, column * stride - padding, *kernel.shape[1:])
        small, both = is_numbers(planes), (padding, padding)
        total = float((window * kernel).sum())
        drawn = {
            "image": image_part(planes, padding, both, box),
            "window": None if small else plane_part(window, grey=True),
            "× filter": plane_part(kernel),
            f"= products, sum {_brief(total)}": plane_part(window * kernel),
            "→ feature map": map_part(feature_map, output, small),
        }
        titles, parts = zip(*((t, p) for t, p in drawn.items() if p is not None), strict=True)
        where = [box_in_row(titles, parts, number) for number in range(len(parts))]
        scale, margin = image_scale(planes, padding, both)
        first = Box(where[0].top + margin + padding * scale,
                    where[0].left + margin + padding * scale, 0, 0)  # fmt: skip
        shape = tuple(feature_map.shape)
        spots = window_places(first, scale, shape, -padding, kernel.shape[1], stride)
        cells = places(
            shape, output, map_box(shape, where[-1], small),
            spots if kernel.shape[1] == kernel.shape[2] else None, "the feature map",
        )  # fmt: skip
        cells += self._weights(kernel, where[-3], filter, cell)
        name = "your own filter" if own and own[0] == filter else filter
        return Touchable(side_by_side(titles, parts), cells), (
            f"{name}: {_sum_in_words(window, kernel)} = {_brief(total)}, which lands in row "
            f"{row}, column {column} of the {shape[0]}×{shape[1]} feature map."
        )

    def outputs(
        self,
        filter: str,
        stride: int,
        padding: int,
        input: str = "",
        own: Own | None = None,
        **_: Any,
    ) -> Tensor:
        """All outputs of a filter, (rows, columns)."""
        kernel = self.kernel(filter, input, own)[None]  # (1, P, kh, kw)
        return F.conv2d(self.planes(input)[None], kernel, None, stride, padding)[0, 0]

    def kernel(self, filter: str, input: str = "", own: Own | None = None) -> Tensor:
        """The filter's numbers for an image of P planes, (P, kh, kw).

        A filter of one plane is the same on all three. A grey image is three equal planes, so
        that there a filter of three acts as their sum.
        """
        is_own = own is not None and own[0] == filter
        numbers = torch.tensor(own[1]) if is_own else self.filters[filter]
        planes = numbers if numbers.ndim == 3 else numbers[None]
        P = len(self.planes(input))
        return planes.sum(0, keepdim=True) if P < len(planes) else planes.expand(P, -1, -1)

    def _weights(
        self, kernel: Tensor, part: Box, filter: str, cell: tuple[int, int, int]
    ) -> list[Cells]:
        """The filter's numbers, to be chosen and changed; a part for each plane."""
        P, kh, kw = kernel.shape
        at = (min(cell[1], kh - 1), min(cell[2], kw - 1))  # another filter may be smaller
        parts = []
        for plane, box in enumerate(plane_boxes(kernel, part)):
            words = f"the filter's numbers{f', {PLANES[plane]}' if P == 3 else ''}"
            is_here = plane == min(cell[0], P - 1)
            if is_here:
                words += f", here {_brief(float(kernel[plane][at]))}"
            change = partial(_changed, kernel, filter, plane)
            sets = partial(_to_cell, plane)
            parts.append(Cells(box, kh, kw, sets, at if is_here else None, words, edits=change))
        return parts


def _to_cell(plane: int, row: int, column: int) -> dict[str, tuple[int, int, int]]:
    return {"cell": (plane, row, column)}


def _changed(
    kernel: Tensor, filter: str, plane: int, row: int, column: int, turn: int, text: str
) -> dict[str, Any]:
    """A number of the filter turned up (turn -1) or down, or typed; "-" is not one yet."""
    chosen = _to_cell(plane, row, column)
    try:
        value = float(text) if text else float(kernel[plane, row, column]) - turn
    except ValueError:
        return chosen
    numbers = kernel.clone()
    numbers[plane, row, column] = round(min(max(value, -_MOST), _MOST), 2)
    return {"own": (filter, _in_tuples(numbers)), **chosen}


def _in_tuples(kernel: Tensor) -> tuple:
    return tuple(tuple(map(tuple, plane)) for plane in kernel.tolist())


def _window(planes: Tensor, kernel: Tensor, top: int, left: int) -> Tensor:
    kh, kw = kernel.shape[1:]
    return planes[:, top : top + kh, left : left + kw]  # (P, kh, kw)


def _sum_in_words(window: Tensor, kernel: Tensor) -> str:
    """The products that are not 0: "3·1 + 3·(−1)"; of three planes the sum of each."""
    if len(window) == 3:
        sums = (window * kernel).sum((1, 2)).tolist()
        return " + ".join(f"{n} {_signed(s)}" for n, s in zip(PLANES, sums, strict=True))
    pairs = zip(window.flatten().tolist(), kernel.flatten().tolist(), strict=True)
    terms = [f"{_brief(pixel)}·{_signed(w)}" for pixel, w in pairs if pixel * w]
    return " + ".join(terms) or "all products are 0, their sum"


def _signed(number: float) -> str:
    return _brief(number) if number >= 0 else f"({_brief(number)})"


def _brief(number: float) -> str:
    return f"{number + 0.0:.4g}"


class SizePlayground(Explorer):
    """How many windows fit along one side, and which pixels they see."""

    pairs = (("size", "kernel"), ("kernel", "stride"))

    def __init__(self) -> None:
        super().__init__(
            size=slider("input size", 1, 32, 12),
            kernel=slider("kernel", 1, 12, 5),
            stride=slider("stride", 1, 6, 2),
            padding=slider("padding", 0, 6, 0),
            rounding=choice("rounding", [("down, as torch", "down"), ("up, as the authors", "up")]),
        )

    def render(self, size: int, kernel: int, stride: int, padding: int, rounding: str) -> Shown:
        """The windows as stairs, and the formula with its numbers."""
        if kernel > size + 2 * padding:
            raise InputError(
                f"a window of {kernel} is wider than {size} pixels and 2 · {padding} zeros. Not "
                "even one window fits: take a smaller kernel, more padding or a larger image."
            )
        starts = window_starts(size, kernel, stride, padding, rounding)
        steps = (size + 2 * padding - kernel) / stride
        return window_stairs(starts, size, kernel, padding), (
            f"({size} + 2 · {padding} − {kernel}) / {stride} = {steps:.4g}, rounded {rounding}, "
            f"plus 1: {len(starts)} outputs. {_coverage(starts, size, kernel)}"
        )


def _coverage(starts: range, size: int, kernel: int) -> str:
    """What the windows miss, and how much of them is nothing but zeros."""
    seen = {pixel for start in starts for pixel in range(start, start + kernel)}
    missed = sum(pixel not in seen for pixel in range(size))
    empty = sum(start + kernel <= 0 or start >= size for start in starts)
    words = f"{missed} of {size} pixels are never seen." if missed else "Every pixel is seen."
    return words + (f" {empty} of the windows hold nothing but zeros." if empty else "")


class ReceptiveFieldExplorer(Explorer):
    """Choose a unit of any layer and see the pixels that it sees.

    Args:
        fields: by name of the layer.
        pictures: by name, (3, H, W) uint8 each.
    """

    pairs = (("layer", "row", "column"), ("picture", "layer"))

    def __init__(
        self, fields: Mapping[str, ReceptiveField], pictures: Mapping[str, Tensor], data_name: str
    ) -> None:
        self.fields, self.pictures, self.data_name = fields, pictures, data_name
        super().__init__(
            picture=choice("picture", list(pictures)),
            layer=choice("layer", list(fields)),
            row=slider("row", 0, 1, 0),
            column=slider("column", 0, 1, 0),
        )

    def still(self) -> Bundle:
        """In few colours: a photograph has to fit into the notebook's file."""
        return still_image(smaller_png(self.image.value, 64), self.summary)

    def limits(self, layer: str, **_: Any) -> Ends:
        """The layer's last unit."""
        last = self.fields[layer].units - 1
        return {"row": last, "column": last}

    def render(self, picture: str, layer: str, row: int, column: int) -> Shown:
        """The picture with the unit's field framed, and what is in the frame."""
        field, pixels = self.fields[layer], self.pictures[picture]
        rows, columns = field.pixels(row), field.pixels(column)
        # Every layer's field fits into the view, so that frames of all layers can be compared.
        first = min(other.start for other in self.fields.values())
        last = max(other.pixels(other.units - 1).stop for other in self.fields.values())
        box = Box(rows.start, columns.start, field.size, field.size)
        titles = (f"{picture}, {self.data_name}", f"what unit ({row}, {column}) of {layer} sees")
        parts = (
            image_view(pixels, first, first, last - first, 520, [box]),
            image_view(pixels, rows.start, columns.start, field.size, 520),
        )
        whole = box_in_row(titles, parts, 0)
        scale = whole.width / (last - first)
        units = middles(whole, scale, field.start - first, field.size, field.jump, field.units)
        cells = Cells(
            units, field.units, field.units, to_place, (row, column), f"the units of {layer}"
        )
        within = [
            len(range(max(0, p.start), min(p.stop, pixels.shape[-1]))) for p in (rows, columns)
        ]
        share = within[0] * within[1] / field.size**2
        neighbour = f" Its neighbour looks {field.jump} pixels further." if field.units > 1 else ""
        return Touchable(side_by_side(titles, parts), [cells]), (
            f"{picture}: unit ({row}, {column}) of {field.units}×{field.units} in "
            f"{layer} sees rows {rows[0]} to {rows[-1]} and columns {columns[0]} to "
            f"{columns[-1]}: {field.size}×{field.size} pixels, {share:.0%} of them on the picture."
            f"{neighbour}"
        )
