"""A picture on its way through an AlexNet that is being changed: blocks, maps, code (§3.5).

A block is what one sees as one in the paper's Fig. 2: a convolution with its ReLU and its
normalisation, a pool, a dense layer; "image" stands before them all.
"""

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError
from alexnet_lib.models.ledger import LedgerRow, config_ledger
from alexnet_lib.paper.facts import TRAINING
from alexnet_lib.paper.network import AlexNet, AlexNetConfig

# --- Blocks ---------------------------------------------------------------------------------------

LAYERS: dict[str, tuple[str, ...]] = {  # by block, the names of its layers in `AlexNet`
    "image": (),
    "conv1": ("conv1", "relu1", "norm1"),
    "pool1": ("pool1",),
    "conv2": ("conv2", "relu2", "norm2", "cnorm2"),
    "pool2": ("pool2",),
    "conv3": ("conv3", "relu3"),
    "conv4": ("conv4", "relu4"),
    "conv5": ("conv5", "relu5"),
    "pool5": ("pool5",),
    "fc6": ("fc6", "relu6", "drop6"),
    "fc7": ("fc7", "relu7", "drop7"),
    "fc8": ("fc8",),
}

BLOCKS = tuple(LAYERS)


class Cost(NamedTuple):
    """What a block takes and gives, for one picture.

    Args:
        shape: of its output; parameters, macs: see `LedgerRow`.
        bytes: of the output, in float32.
        last: the ledger's row of its last layer, which says what one unit sees; None: the image.
    """

    shape: tuple[int, ...]
    parameters: int
    macs: int
    bytes: int
    last: LedgerRow | None


def costs(config: AlexNetConfig) -> dict[str, Cost]:
    """What each block costs, by arithmetic alone."""
    listed = {row.name: row for row in config_ledger(config).rows}
    image = (3, config.input_size, config.input_size)
    told = {"image": Cost(image, 0, 0, 4 * 3 * config.input_size**2, None)}
    for block, names in list(LAYERS.items())[1:]:
        rows = [listed[name] for name in names if name in listed]
        sums = (sum(getattr(r, c) for r in rows) for c in ("parameters", "macs"))
        last = rows[-1]
        told[block] = Cost(last.shape, *sums, last.activation_bytes, last)
    return told


@cache
def code_of(block: str) -> list[tuple[int, str]]:
    """The lines of `paper/network.py` that build and run a block, with their numbers."""
    names = "|".join(LAYERS[block])
    thing, pattern = (AlexNet, rf"self\.({names})\b") if names else (AlexNetConfig, "input_size: ")
    lines, first = inspect.getsourcelines(thing)
    return [(first + i, line.strip()) for i, line in enumerate(lines) if re.search(pattern, line)]


# --- Changes --------------------------------------------------------------------------------------

Edits = tuple[tuple[str, str, int], ...]  # block, knob, value; in the order of the blocks

_SHARED = {"pool2": "pool1", "pool5": "pool1", "fc7": "fc6"}  # a config has one number for all

_SINGLE = {  # the field of a config that a knob turns
    ("image", "width"): "input_size",
    ("conv1", "stride"): "conv1_stride",
    ("pool1", "kernel"): "pool_kernel",
    ("pool1", "stride"): "pool_stride",
    ("fc6", "width"): "hidden_units",
    ("fc8", "width"): "num_classes",
}

_PER_CONVOLUTION = {"width": "widths", "kernel": "kernels", "groups": "groups"}


def knobs(values: Mapping[str, Any], block: str) -> dict[str, int]:
    """What of a block can be changed, and how it stands: width, kernel, stride, groups.

    Args:
        values: the fields of a config.
    """
    owner = _SHARED.get(block, block)
    found = {knob: values[field] for (at, knob), field in _SINGLE.items() if at == owner}
    if block.startswith("conv"):
        at = int(block[4:]) - 1
        found |= {knob: values[field][at] for knob, field in _PER_CONVOLUTION.items()}
    return found


def edit(edits: Edits, config: AlexNetConfig, block: str, knob: str, value: int) -> Edits:
    """The edits and one more; one that says what the config says already is left out."""
    block = _SHARED.get(block, block)
    kept = [e for e in edits if e[:2] != (block, knob)]
    if knobs(vars(config), block)[knob] != value:
        kept.append((block, knob, value))
    return tuple(sorted(kept, key=lambda e: (BLOCKS.index(e[0]), e[1])))


def edited_values(config: AlexNetConfig, edits: Edits) -> dict[str, Any]:
    """The fields of the config as changed, possible or not.

    Zeros around a convolution follow its kernel, as in the paper: half of it, rounded down; none
    where there were none.
    """
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    for block, knob, value in edits:
        if single := _SINGLE.get((block, knob)):
            values[single] = value
            continue
        at, field = int(block[4:]) - 1, _PER_CONVOLUTION[knob]
        values[field] = _with(values[field], at, value)
        if knob == "kernel" and values["paddings"][at]:
            values["paddings"] = _with(values["paddings"], at, value // 2)
    return values | {"resize_to": None} if edits else values


def _with(numbers: tuple[int, ...], at: int, value: int) -> tuple[int, ...]:
    return (*numbers[:at], value, *numbers[at + 1 :])


class Break(NamedTuple):
    """Where a network cannot be: the block, and the reason in words."""

    block: str
    reason: str


class _Unchecked(AlexNetConfig):
    """A config that may be impossible: from the layer that breaks on, maps have a side of 0."""

    def __post_init__(self) -> None:
        """Check nothing."""

    def _positions(self, layer: str, size: int, kernel: int, stride: int, up: bool) -> int:
        return super()._positions(layer, size, kernel, stride, up) if size >= kernel else 0


def edited(config: AlexNetConfig, edits: Edits) -> tuple[AlexNetConfig, Break | None]:
    """The config as changed; where that is impossible, what there is of it, and where it breaks."""
    values = edited_values(config, edits)
    try:
        return AlexNetConfig(**values), None
    except InputError as error:
        named = re.search(r"(conv|pool)\d", str(error))
        return _Unchecked(**values), Break(named[0] if named else "pool1", str(error))


# --- The way of a picture -------------------------------------------------------------------------


class Start(NamedTuple):
    """A network before it is changed.

    Args:
        config: its config. weights: by name, trained; empty: they are drawn as the paper did.
        mean, scale: from pixels to what enters, (3, 1, 1) each.
    """

    config: AlexNetConfig
    weights: Mapping[str, Tensor]
    mean: Tensor
    scale: Tensor


class Passed(NamedTuple):
    """What left a block: (C, H, W) or (units,); in how many seconds; with which weights.

    Seconds are nan where nothing ran: for the image, and for units that were drawn.
    """

    output: Tensor
    seconds: float
    is_trained: bool


class Flow:
    """One picture through networks that are changed block by block; what is unchanged is kept.

    Args:
        picture: its middle enters, as large as the network takes.
        starts: networks, by name.
    Shape:
        picture: (3, H, W) uint8, of any size
    """

    def __init__(self, picture: Tensor, starts: Mapping[str, Start]) -> None:
        self.starts = starts
        H, W = picture.shape[1:]
        side = min(H, W)
        top, left = (H - side) // 2, (W - side) // 2
        self.square = picture[:, top : top + side, left : left + side].float()[None]  # (1, 3, s, s)
        self._kept: dict[tuple, Passed] = {}

    def pixels(self, side: int) -> Tensor:
        """What the network is shown, (3, side, side) uint8."""
        sides = {"size": (side, side), "mode": "bilinear"}
        small = F.interpolate(self.square, **sides, antialias=side < self.square.shape[-1])[0]
        return small.round().clamp(0, 255).byte()

    def through(self, name: str, edits: Edits, block: str) -> Passed:
        """What leaves a block of a network with these edits, which is possible so far."""
        index = BLOCKS.index(block)
        key = (name, block, *(e for e in edits if BLOCKS.index(e[0]) <= index))
        if key not in self._kept:
            if len(self._kept) > _KEPT:
                self._kept.clear()
            self._kept[key] = self._pass(name, edits, block)
        return self._kept[key]

    @torch.inference_mode()
    def _pass(self, name: str, edits: Edits, block: str) -> Passed:
        start = self.starts[name]
        config, _ = edited(start.config, edits)
        if block == "image":
            entered = (self.pixels(config.input_size).float() - start.mean) / start.scale
            return Passed(entered, math.nan, bool(start.weights))
        before = self.through(name, edits, BLOCKS[BLOCKS.index(block) - 1])
        with torch.device("meta"):
            network = AlexNet(config).eval()  # shapes without numbers
        return _run(network, block, before, start.weights)


_KEPT = 100  # outputs of blocks, of 1 MB at most in the paper's network


def _run(network: AlexNet, block: str, before: Passed, weights: Mapping[str, Tensor]) -> Passed:
    """Send what left the block before through this one."""
    names = LAYERS[block]
    if block == "conv1" and network.norm1_first:
        names = ("conv1", "norm1", "relu1")
    x = before.output.flatten() if block == "fc6" else before.output
    first = getattr(network, names[0])
    own = _trained(first, names[0], weights) if before.is_trained else None
    is_trained = before.is_trained and own is not None
    rest = [getattr(network, name) for name in names[1:]]
    if isinstance(first, nn.Linear) and not is_trained:
        y, _ = _timed(rest, _drawn_units(x, first, names[0]))
        return Passed(y, math.nan, is_trained)
    used = own if is_trained else _first_weights(first, names[0])
    steps = [lambda x: torch.func.functional_call(first, used, x), *rest]
    return Passed(*_timed(steps, x[None]), is_trained)


def _timed(steps: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> tuple[Tensor, float]:
    """The output, without the batch, and the seconds of the faster of two passes."""
    spent = []
    for _ in range(2):
        y, begun = x, perf_counter()
        for step in steps:
            y = step(y)
        spent.append(perf_counter() - begun)
        if spent[0] > _SLOW_S:
            break
    return y[0], min(spent)


_SLOW_S = 0.01  # what takes longer is passed once


def _trained(layer: nn.Module, name: str, weights: Mapping[str, Tensor]) -> dict | None:
    """Its trained weights; None: the layer has other shapes by now."""
    own = {key: weights.get(f"{name}.{key}") for key, _ in layer.named_parameters()}
    shapes = dict(layer.named_parameters())
    fits = all(v is not None and v.shape == shapes[key].shape for key, v in own.items())
    return own if fits else None


def _first_weights(layer: nn.Module, name: str) -> dict[str, Tensor]:
    """First weights of §5: N(0, 0.01²), biases of 1 or 0; {} for a pool."""
    if not isinstance(layer, nn.Conv2d):
        return {}
    dice = torch.Generator().manual_seed(BLOCKS.index(name))
    weight = 0.01 * torch.randn(layer.weight.shape, generator=dice)
    return {"weight": weight, "bias": _first_biases(layer.bias.shape, name)}


def _drawn_units(x: Tensor, layer: nn.Linear, name: str) -> Tensor:
    """Outputs of a dense layer whose weights are drawn from N(0, 0.01²), without drawing them.

    Sums of x with such weights are themselves drawn from N(0, 0.01² · |x|²): the same spread of
    outputs for 4,096 numbers in place of 38 million.
    """
    dice = torch.Generator().manual_seed(BLOCKS.index(name))
    chance = torch.randn(1, layer.out_features, generator=dice)
    return 0.01 * x.norm() * chance + _first_biases((layer.out_features,), name)


def _first_biases(shape: tuple[int, ...], name: str) -> Tensor:
    return torch.full(tuple(shape), float(name in TRAINING.unit_bias_layers))
