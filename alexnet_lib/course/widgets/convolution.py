"""Three explorers: the window stepper, output sizes, receptive fields (§3.5)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.by_hand import window_starts
from alexnet_lib.course.figures.pixels import (
    MARGIN,
    Box,
    box_in_row,
    image_view,
    number_grid,
    side_by_side,
    window_stairs,
)
from alexnet_lib.course.figures.style import INK, smaller_png
from alexnet_lib.course.widgets.core import Ends, Explorer, Shown, Touchable, choice, slider
from alexnet_lib.course.widgets.page import Bundle, still_image
from alexnet_lib.course.widgets.pointing import Cells, middles, to_place
from alexnet_lib.inspection.units import ReceptiveField


class Stepper(Explorer):
    """A window that walks over an image, from output to output in reading order.

    A subclass says what stands at all outputs in `feature_map`, which takes every control but the
    two that it adds: row and column of the output.
    """

    def __init__(self, **controls: ipywidgets.Widget) -> None:
        self.back = self.button(
            "◀ back", "one output back, in reading order", partial(self.step, -1)
        )
        self.next = self.button("next ▶", "one output on, in reading order", partial(self.step, 1))
        places = {"row": slider("row", 0, 1, 0), "column": slider("column", 0, 1, 0)}
        super().__init__(ipywidgets.HBox([self.back, self.next]), **controls, **places)

    def feature_map(self, **kernel: Any) -> Tensor:
        """All outputs, (rows, columns)."""
        raise NotImplementedError

    def limits(self, row: int, column: int, **kernel: Any) -> Ends:
        """The window goes as far as the feature map."""
        rows, columns = self.feature_map(**kernel).shape
        return {"row": rows - 1, "column": columns - 1}

    def step(self, by: int, row: int, column: int, **kernel: Any) -> None:
        """Walk through the outputs in reading order; behind the last comes the first."""
        rows, columns = self.feature_map(**kernel).shape
        place = (row * columns + column + by) % (rows * columns)
        self.set(row=place // columns, column=place % columns)


def so_far(feature_map: Tensor, row: int, column: int) -> Tensor:
    """The outputs up to (row, column) in reading order; nan, drawn empty, from there on."""
    reached = feature_map.flatten().clone()
    reached[row * feature_map.shape[1] + column + 1 :] = float("nan")
    return reached.view_as(feature_map)


class WindowStepper(Stepper):
    """Move a filter over a small image and watch products, sum and feature map.

    Shape:
        pixels: (H, W), each filter: (kh, kw)
    """

    pairs = (("row", "column"), ("filter", "stride"))

    def __init__(self, pixels: Tensor, filters: Mapping[str, Tensor]) -> None:
        self.pixels, self.filters = pixels, filters
        super().__init__(
            filter=choice("filter", list(filters)),
            stride=slider("stride", 1, 3, 1),
            padding=slider("padding", 0, 2, 0),
        )

    def render(self, filter: str, stride: int, padding: int, row: int, column: int) -> Shown:
        """The window on the image, its products, and the feature map so far."""
        kernel = self.filters[filter]
        padded = F.pad(self.pixels, (padding,) * 4)  # (H + 2p, W + 2p)
        feature_map = self.feature_map(filter, stride, padding)
        rows, columns = feature_map.shape
        top, left = row * stride, column * stride
        kh, kw = kernel.shape
        window = padded[top : top + kh, left : left + kw]
        total = float((window * kernel).sum())
        edge = [Box(padding, padding, *self.pixels.shape, INK)] if padding else []
        titles = ("image", "× filter", f"= products, sum {total:g}", "→ feature map")
        parts = (
            number_grid(padded, [*edge, Box(top, left, kh, kw)], grey=True),
            number_grid(kernel),
            number_grid(window * kernel),
            number_grid(so_far(feature_map, row, column), [Box(row, column, 1, 1)]),
        )
        cells = Cells(
            box_in_row(titles, parts, 3, MARGIN), rows, columns, to_place, (row, column),
            "feature map",
        )  # fmt: skip
        return Touchable(side_by_side(titles, parts), [cells]), (
            f"{filter}: {_sum_in_words(window, kernel)} = {total:g}, which lands in row "
            f"{row}, column {column} of the {rows}×{columns} feature map."
        )

    def feature_map(self, filter: str, stride: int, padding: int) -> Tensor:
        """All outputs of a filter, (rows, columns)."""
        kernel = self.filters[filter][None, None]
        return F.conv2d(self.pixels[None, None], kernel, None, stride, padding)[0, 0]


def _sum_in_words(window: Tensor, kernel: Tensor) -> str:
    """The products that are not 0: "3·1 + 3·(−1)"."""
    pairs = zip(window.flatten().tolist(), kernel.flatten().tolist(), strict=True)
    terms = [f"{pixel:g}·{f'{w:g}' if w > 0 else f'({w:g})'}" for pixel, w in pairs if pixel * w]
    return " + ".join(terms) or "all products are 0, their sum"


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
