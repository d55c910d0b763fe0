"""Three explorers: the window stepper, output sizes, receptive fields (§3.5)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.pixels import (
    Box,
    image_view,
    number_grid,
    side_by_side,
    window_stairs,
)
from alexnet_lib.course.figures.style import INK
from alexnet_lib.course.widgets.core import Explorer, choice, slider
from alexnet_lib.inspection.units import ReceptiveField
from alexnet_lib.paper.layers import window_starts

Shown = tuple[Image.Image, str]


def window_stepper(image: Tensor, filters: Mapping[str, Tensor]) -> Explorer:
    """Move a filter over a small image and watch products, sum and feature map.

    Shape:
        image: (H, W), each filter: (kh, kw)
    """
    explorer = Explorer(
        partial(render_window, image, filters),
        filter=choice("filter", list(filters)),
        stride=slider("stride", 1, 3, 1),
        padding=slider("padding", 0, 2, 0),
        row=slider("row", 0, 1, 0),
        column=slider("column", 0, 1, 0),
    )
    _keep_within(explorer, lambda state: _feature_map(image, filters, state).shape)
    buttons = [_step_button(explorer, "◀ back", -1), _step_button(explorer, "next ▶", 1)]
    explorer.children = (
        explorer.children[0], ipywidgets.HBox(buttons), *explorer.children[1:]
    )  # fmt: skip
    return explorer


def render_window(image: Tensor, filters: Mapping[str, Tensor], state: dict[str, Any]) -> Shown:
    """Picture and words for `filter`, `stride`, `padding` and the output's `row` and `column`."""
    kernel, padding = filters[state["filter"]], state["padding"]
    padded = F.pad(image, (padding,) * 4)  # (H + 2p, W + 2p)
    feature_map = _feature_map(image, filters, state)
    rows, columns = feature_map.shape
    row, column = min(state["row"], rows - 1), min(state["column"], columns - 1)
    top, left = row * state["stride"], column * state["stride"]
    kh, kw = kernel.shape
    window = padded[top : top + kh, left : left + kw]
    so_far = feature_map.flatten().clone()
    so_far[row * columns + column + 1 :] = float("nan")
    edge = [Box(padding, padding, *image.shape, INK)] if padding else []
    total = float((window * kernel).sum())
    picture = side_by_side(
        ("image", "× filter", f"= products, sum {total:g}", "→ feature map"),
        (
            number_grid(padded, [*edge, Box(top, left, kh, kw)], grey=True),
            number_grid(kernel),
            number_grid(window * kernel),
            number_grid(so_far.view_as(feature_map), [Box(row, column, 1, 1)]),
        ),
    )
    return picture, (
        f"{state['filter']}: {_sum_in_words(window, kernel)} = {total:g}, which lands in row "
        f"{row}, column {column} of the {rows}×{columns} feature map."
    )


def output_size_playground() -> Explorer:
    """How many windows fit along one side, and which pixels they see."""
    return Explorer(
        render_sizes,
        size=slider("input size", 1, 32, 12),
        kernel=slider("kernel", 1, 12, 5),
        stride=slider("stride", 1, 6, 2),
        padding=slider("padding", 0, 6, 0),
        rounding=choice("rounding", [("down, as torch", "down"), ("up, as the authors", "up")]),
    )


def render_sizes(state: dict[str, Any]) -> Shown:
    """Picture and words for `size`, `kernel`, `stride`, `padding` and `rounding`."""
    size, kernel, stride, padding, rounding = state.values()
    if kernel > size + 2 * padding:
        raise InputError(
            f"a window of {kernel} is wider than {size} pixels and 2 · {padding} zeros. Not even "
            "one window fits: take a smaller kernel, more padding or a larger image."
        )
    starts = window_starts(size, kernel, stride, padding, rounding)
    steps = (size + 2 * padding - kernel) / stride
    text = (
        f"({size} + 2 · {padding} − {kernel}) / {stride} = {steps:.4g}, rounded {rounding}, "
        f"plus 1: {len(starts)} outputs. {_coverage(starts, size, kernel)}"
    )
    return window_stairs(starts, size, kernel, padding), text


def receptive_field_explorer(
    fields: Mapping[str, ReceptiveField], pictures: Mapping[str, Tensor], data_name: str
) -> Explorer:
    """Choose a unit of any layer and see the pixels that it sees.

    Args:
        fields: by name of the layer.
        pictures: by name, (3, H, W) uint8 each.
    """
    explorer = Explorer(
        partial(render_field, fields, pictures, data_name),
        picture=choice("picture", list(pictures)),
        layer=choice("layer", list(fields)),
        row=slider("row", 0, 1, 0),
        column=slider("column", 0, 1, 0),
    )
    _keep_within(explorer, lambda state: (fields[state["layer"]].units,) * 2)
    return explorer


def render_field(
    fields: Mapping[str, ReceptiveField],
    pictures: Mapping[str, Tensor],
    data_name: str,
    state: dict[str, Any],
) -> Shown:
    """Picture and words for `picture`, `layer`, and unit `row` and `column`."""
    field, picture = fields[state["layer"]], pictures[state["picture"]]
    row, column = (min(state[name], field.units - 1) for name in ("row", "column"))
    rows, columns = field.pixels(row), field.pixels(column)
    first = min(other.start for other in fields.values())
    last = max(other.pixels(other.units - 1).stop for other in fields.values())
    box = Box(rows.start, columns.start, field.size, field.size)
    shown = side_by_side(
        (f"{state['picture']}, {data_name}", f"what unit ({row}, {column}) of {field.name} sees"),
        (
            image_view(picture, first, first, last - first, 520, [box]),
            image_view(picture, rows.start, columns.start, field.size, 520),
        ),
    )
    within = [len(range(max(0, p.start), min(p.stop, picture.shape[-1]))) for p in (rows, columns)]
    share = within[0] * within[1] / field.size**2
    neighbour = f" Its neighbour looks {field.jump} pixels further." if field.units > 1 else ""
    return shown, (
        f"{state['picture']}: unit ({row}, {column}) of {field.units}×{field.units} in "
        f"{field.name} sees rows {rows[0]} to {rows[-1]} and columns {columns[0]} to "
        f"{columns[-1]}: {field.size}×{field.size} pixels, {share:.0%} of them on the picture."
        f"{neighbour}"
    )


def _feature_map(image: Tensor, filters: Mapping[str, Tensor], state: dict[str, Any]) -> Tensor:
    kernel = filters[state["filter"]][None, None]
    return F.conv2d(image[None, None], kernel, None, state["stride"], state["padding"])[0, 0]


def _sum_in_words(window: Tensor, kernel: Tensor) -> str:
    """The products that are not 0: "3·1 + 3·(−1)"."""
    pairs = zip(window.flatten().tolist(), kernel.flatten().tolist(), strict=True)
    terms = [f"{pixel:g}·{f'{w:g}' if w > 0 else f'({w:g})'}" for pixel, w in pairs if pixel * w]
    return " + ".join(terms) or "all products are 0, their sum"


def _coverage(starts: range, size: int, kernel: int) -> str:
    """What the windows miss, and how much of them is nothing but zeros."""
    seen = {pixel for start in starts for pixel in range(start, start + kernel)}
    missed = sum(pixel not in seen for pixel in range(size))
    empty = sum(start + kernel <= 0 or start >= size for start in starts)
    words = f"{missed} of {size} pixels are never seen." if missed else "Every pixel is seen."
    return words + (f" {empty} of the windows hold nothing but zeros." if empty else "")


def _keep_within(explorer: Explorer, sizes: Any) -> None:
    """Let the sliders `row` and `column` end where the outputs end."""

    def follow(_change: Any = None) -> None:
        for name, size in zip(("row", "column"), sizes(explorer.state), strict=True):
            explorer.controls[name].max = size - 1

    for name, control in explorer.controls.items():
        if name not in ("row", "column"):
            control.observe(follow, names="value")
    follow()


def _step_button(explorer: Explorer, label: str, by: int) -> ipywidgets.Button:
    """Button that walks through the outputs in reading order."""
    button = ipywidgets.Button(description=label, tooltip=f"{label}: one output, in reading order")

    def step(_button: Any) -> None:
        row, column = explorer.controls["row"], explorer.controls["column"]
        columns = column.max + 1
        place = (row.value * columns + column.value + by) % ((row.max + 1) * columns)
        explorer.set(row=place // columns, column=place % columns)

    button.on_click(step)
    return button
