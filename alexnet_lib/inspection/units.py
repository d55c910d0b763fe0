"""One unit: what it sees of the picture, and the arithmetic that made its number."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_choice, check_whole
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.inspection.tracing import Call, trace
from alexnet_lib.models.ledger import layer_ledger

# --- What it sees -------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReceptiveField:
    """What the units of one layer see, along one side of the image.

    Args:
        name: of the layer.
        units: positions along one side; 1 for a dense layer.
        size: pixels that one unit sees.
        jump: pixels between neighbouring units' fields.
        start: where the first unit's field begins; negative where it begins in the padding.
    """

    name: str
    units: int
    size: int
    jump: int
    start: int

    def pixels(self, unit: int) -> range:
        """Pixels that a unit sees; those outside the image are padding.

        Raises:
            ValueError: there is no such unit.
        """
        if not 0 <= unit < self.units:
            raise InputError(
                f"{self.name} has no unit {unit}; expected 0 to {self.units - 1} along a side."
            )
        first = self.start + unit * self.jump
        return range(first, first + self.size)

    def box(self, row: int, column: int, image_size: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of what a unit sees of the image itself, without padding.

        Bottom and right are the first pixels no longer seen, as in slices.

        Raises:
            ValueError: there is no such unit.
        """
        rows, columns = self.pixels(row), self.pixels(column)
        top, left = max(0, rows.start), max(0, columns.start)
        return top, left, min(image_size, rows.stop), min(image_size, columns.stop)


def receptive_fields(model: nn.Module, input_size: int | None = None) -> dict[str, ReceptiveField]:
    """Receptive field of every layer of the ledger, by name.

    Args:
        model, input_size: as in `layer_ledger`.
    Raises:
        InputError: `input_size` does not fit the model.
    Source: ours.
    """
    return {
        row.name: ReceptiveField(
            name=row.name,
            units=row.shape[-1] if len(row.shape) == 3 else 1,
            size=row.receptive_field,
            jump=row.jump,
            start=row.start,
        )
        for row in layer_ledger(model, input_size).rows
    }


def layer_fields(model: nn.Module, input_size: int | None = None) -> dict[str, ReceptiveField]:
    """Receptive field of every layer that runs, in the order in which they run.

    Layers that are not in the ledger (activations, dropout) look at one unit of the layer before
    and see what that one sees; where they have fewer units, each sees all.

    Args:
        model, input_size: as in `receptive_fields`.
    Raises:
        ValueError: `input_size` does not fit the model.
    Source: ours.
    """
    listed = receptive_fields(model, input_size)
    size = model.config.input_size if input_size is None else input_size
    field, fields = ReceptiveField("image", size, 1, 1, 0), {}
    for name, call in trace(model, torch.zeros(1, 3, size, size)).items():
        field = listed.get(name, replace(field, name=name))
        units = call.after.shape[-1] if call.after.ndim == 4 else 1
        if name not in listed and units != field.units:  # such as a mean over all places
            field = ReceptiveField(name, units, size, 0, 0)
        fields[name] = field
    return fields


# --- What made its number -----------------------------------------------------------------------


class Unit(NamedTuple):
    """One position of one map."""

    map: int
    row: int
    column: int


class Stage(NamedTuple):
    """One step after the convolution: ReLU, normalisation or pool.

    Args:
        layer: its name.
        unit: whose value is given; a pool has fewer rows and columns.
        value: its value.
        averages: it is a pool that gives the mean of its window, not the largest.
        pools: it is a pool of either kind.
    """

    layer: str
    unit: Unit
    value: float
    averages: bool = False
    pools: bool = False


class NextLayer(NamedTuple):
    """What the explained value does in the next convolution or dense layer.

    Args:
        layer: its name.
        row, column: of the units that have the value nearest to their window's centre; 0 for a
            dense layer.
        share: (M,) what the value adds to each map's unit there; 0 in maps of another group.
        outputs: (M,) these units' outputs, before their activation.
    """

    layer: str
    row: int
    column: int
    share: Tensor
    outputs: Tensor


class UnitExplanation(NamedTuple):
    """How one unit of a convolution came to its value, and where the value goes.

    Args:
        layer, unit: which.
        channels: maps of the input that its group reads.
        top, left: where its window begins in the input; negative in the padding.
        window: (C, k, k) what it reads; padding is 0.
        weight: (C, k, k) its kernel.
        products: (C, k, k) window · weight.
        by_channel: (C,) sums of the products.
        total: their sum.
        bias: added to the total; 0 without bias.
        output: of the convolution in the forward pass: total + bias, but for rounding.
        stages: activation, normalisation, pool, in the order in which they run.
        next: None where no layer follows, or none of its windows reaches the value.
    """

    layer: str
    unit: Unit
    channels: range
    top: int
    left: int
    window: Tensor
    weight: Tensor
    products: Tensor
    by_channel: Tensor
    total: float
    bias: float
    output: float
    stages: tuple[Stage, ...]
    next: NextLayer | None


def explain_unit(
    calls: Mapping[str, Call], layer: str, map: int, row: int, column: int
) -> UnitExplanation:
    """Take one unit of a convolution apart (§3.5); its parts add up to the forward pass.

    A pool is followed to a window that passes the unit's value on, else to the one nearest to its
    centre.

    Args:
        calls: what `trace` gives for one image; made once, it explains every unit.
        layer: a convolution with square windows.
        map, row, column: of the unit.
    Raises:
        ValueError: no such convolution, map or position (says what there is), or several images.
    Source: ours.
    """
    convolutions = [name for name, call in calls.items() if isinstance(call.layer, nn.Conv2d)]
    check_choice("layer", layer, convolutions)
    call, unit = calls[layer], Unit(map, row, column)
    if len(call.after) != 1:
        raise InputError(f"{len(call.after)} images were traced; expected one.")
    for name, value, size in zip(unit._fields, unit, call.after.shape[1:], strict=True):
        check_whole(name, value, 0, size - 1)
    window, top, left, channels = _window(call, unit)
    weight = call.layer.weight[map].detach().to(window)  # (C, k, k)
    products = window * weight
    by_channel = products.sum((1, 2))  # (C,)
    stages, follower = _follow(calls, layer, unit)
    return UnitExplanation(
        *(layer, unit, channels, top, left, window, weight, products, by_channel),
        total=float(by_channel.sum()),
        bias=0.0 if call.layer.bias is None else float(call.layer.bias[map].detach()),
        output=float(call.after[0][unit]),
        stages=stages,
        next=follower,
    )


def _geometry(layer: nn.Conv2d) -> tuple[int, int, int]:
    """Side, step and padding of a convolution's window."""
    numbers = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    if any(pair[0] != pair[1] for pair in numbers) or layer.dilation != (1, 1):
        raise InputError(f"cannot explain {layer}; expected square windows without gaps.")
    return layer.kernel_size[0], layer.stride[0], layer.padding[0]


def _window(call: Call, unit: Unit) -> tuple[Tensor, int, int, range]:
    """What a unit reads, where that begins, and in which maps."""
    k, stride, padding = _geometry(call.layer)
    top, left = unit.row * stride - padding, unit.column * stride - padding
    channels, per_group = call.layer.weight.shape[1], len(call.layer.weight) // call.layer.groups
    first = unit.map // per_group * channels
    room = F.pad(call.before[0, first : first + channels], (padding, k, padding, k))
    rows, columns = slice(top + padding, None), slice(left + padding, None)
    window = room[:, rows, columns][:, :k, :k]  # (C, k, k)
    return window, top, left, range(first, first + channels)


_POOLS = (nn.MaxPool2d, nn.AvgPool2d)


def _follow(
    calls: Mapping[str, Call], layer: str, unit: Unit
) -> tuple[tuple[Stage, ...], NextLayer | None]:
    """Walk from a convolution's unit to the layer with weights that reads its maps."""
    names, stages, maps = list(calls), [], calls[layer].after[0]  # (M, H, W)
    for name in names[names.index(layer) + 1 :]:
        call = calls[name]
        if not torch.equal(call.before[0].flatten(), maps.flatten()):
            continue  # a layer that runs beside, as in another tower, and reads something else
        if isinstance(call.layer, nn.Conv2d):
            return tuple(stages), _next_convolution(name, call, unit)
        if isinstance(call.layer, nn.Linear):
            place = (unit.map * maps.shape[1] + unit.row) * maps.shape[2] + unit.column
            share = call.layer.weight[:, place].detach().cpu() * maps[unit]
            return tuple(stages), NextLayer(name, 0, 0, share, call.after[0])
        averages, pools = isinstance(call.layer, nn.AvgPool2d), isinstance(call.layer, _POOLS)
        if pools and (pooled := _pool_unit(call, unit)):
            unit = pooled
        elif pools:
            break  # a left-over pixel, which no window reaches
        elif call.after[0].shape != maps.shape:
            break  # a layer of another kind: what becomes of the unit is not known
        maps = call.after[0]
        stages.append(Stage(name, unit, float(maps[unit]), averages, pools))
    return tuple(stages), None


def _reading(place: int, units: int, k: int, stride: int, padding: int = 0) -> list[int]:
    """Units along a side whose window holds a place, the one nearest to its centre first."""
    offsets = {n: place + padding - n * stride for n in range(units)}
    inside = [n for n, offset in offsets.items() if 0 <= offset < k]
    return sorted(inside, key=lambda n: abs(2 * offsets[n] - k + 1))


def _side(number: int | tuple[int, int]) -> int:
    """Of a square window: torch's layers hold one number, or one for each way."""
    return number if isinstance(number, int) else number[0]


def _pool_unit(call: Call, unit: Unit) -> Unit | None:
    """The pooled unit that passes this one on, else the one whose window it is nearest to."""
    value, pooled = call.before[0][unit], call.after[0, unit.map]  # (), (H', W')
    k, s, p = (_side(getattr(call.layer, n)) for n in ("kernel_size", "stride", "padding"))
    rows, columns = (
        _reading(at, size, k, s, p) for at, size in zip(unit[1:], pooled.shape, strict=True)
    )
    places = list(product(rows, columns))
    won = (place for place in places if pooled[place] == value)
    return Unit(unit.map, *next(won, places[0])) if places else None


def _next_convolution(name: str, call: Call, unit: Unit) -> NextLayer | None:
    """Where a value of the maps before goes in a convolution."""
    layer, outputs, (k, stride, padding) = call.layer, call.after[0], _geometry(call.layer)
    rows, columns = (
        _reading(at, size, k, stride, padding)
        for at, size in zip(unit[1:], outputs.shape[1:], strict=True)
    )
    if not rows or not columns:
        return None  # a left-over pixel, which no window reaches
    i, j = unit.row + padding - rows[0] * stride, unit.column + padding - columns[0] * stride
    channels, per_group = layer.weight.shape[1], len(outputs) // layer.groups
    first = unit.map // channels * per_group
    own = slice(first, first + per_group)  # the maps of the same group
    share = torch.zeros(len(outputs))
    share[own] = layer.weight[own, unit.map % channels, i, j].detach().cpu() * call.before[0][unit]
    return NextLayer(name, rows[0], columns[0], share, outputs[:, rows[0], columns[0]])


# --- Both, picture after picture ----------------------------------------------------------------

_KEPT = 16  # pictures; each trace of a 28-pixel network takes 2 MB


class Tracer:
    """Traces pictures through one network and keeps the last ones, for explorers that redraw.

    Attributes:
        model, scale: the network and its input scale.
        fields: receptive fields of its layers, by name.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        """Take a network of convolutions and what was measured on its training images.

        A network of this package says what it takes. For any other the preprocessing says it:
        `Preprocessing(mean, scale).cut(224, 256)`.

        Raises:
            InputError: neither says how large the network's input is.
        """
        config = getattr(model, "config", None)
        self.model, self.scale = model, preprocessing.to("cpu")
        if hasattr(config, "input_size"):
            self.scale = self.scale.cut(config.input_size, config.resize_to)
        if self.scale.size is None:
            raise InputError(
                f"the preprocessing is of whole pictures, and a {type(model).__name__} does not "
                "say how large its input is; expected preprocessing.cut(224, 256), for example."
            )
        self.fields = layer_fields(model, self.scale.size)
        self._kept = lru_cache(_KEPT)(self._trace)

    def calls(self, picture: Tensor) -> dict[str, Call]:
        """What every layer makes of a picture.

        Shape:
            picture: (3, H, W) uint8
        """
        return self._kept(bytes(picture.contiguous().numpy()), tuple(picture.shape))

    def probabilities(self, picture: Tensor) -> Tensor:
        """How likely the network takes a picture for each class, (classes,).

        Shape:
            picture: (3, H, W) uint8
        """
        *_, last = self.calls(picture).values()
        return last.after[0].softmax(0)

    def seen(self, picture: Tensor) -> Tensor:
        """The part of a picture that the network sees, (3, size, size) uint8."""
        return self.scale.leave(self.scale.enter(picture[None]))[0]

    def _trace(self, content: bytes, shape: tuple[int, ...]) -> dict[str, Call]:
        picture = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(1, *shape)
        return trace(self.model, self.scale.enter(picture))
