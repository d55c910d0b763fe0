"""The ledger: shapes, parameters, multiply-adds, memory of every layer; traffic between towers."""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_some, check_whole, check_wholes
from alexnet_lib.models.conv_local import LocalConv2d
from alexnet_lib.paper.layers import LocalResponseNorm, OverlappingMaxPool2d, SpatialResponseNorm
from alexnet_lib.paper.network import AlexNetConfig

_FLOAT_BYTES = 4

_POOLS = (OverlappingMaxPool2d, nn.MaxPool2d, nn.AvgPool2d)

_WINDOWED = (nn.Conv2d, LocalConv2d, *_POOLS)

_LISTED = (*_WINDOWED, nn.Linear, LocalResponseNorm, SpatialResponseNorm)


@dataclass(frozen=True)
class LedgerRow:
    """One layer, for one image.

    Args:
        name: the layer's name in the model.
        kind: "convolution", "locally connected", "max pool", "mean pool",
            "normalisation" or "dense".
        shape: of its output, without the batch: (C, H, W) or (units,).
        kernel_size, stride, groups: in pixels; None where a layer has none.
        parameters: weights and biases.
        neurons: output elements of convolutions and dense layers; 0 elsewhere, as the paper counts.
        macs: multiply-adds.
        activation_bytes: of the output, in float32.
        receptive_field: side of the square of input pixels that one output sees (may exceed
            the image: then it sees all of it).
        jump: input pixels between neighbouring outputs.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    kernel_size: int | None
    stride: int | None
    groups: int | None
    parameters: int
    neurons: int
    macs: int
    activation_bytes: int
    receptive_field: int
    jump: int

    @property
    def parameter_bytes(self) -> int:
        """Bytes of the parameters in float32."""
        return self.parameters * _FLOAT_BYTES


@dataclass(frozen=True)
class Ledger:
    """All layers of a model in the order in which they run, and their sums."""

    rows: tuple[LedgerRow, ...]

    def __getitem__(self, name: str) -> LedgerRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no layer {name!r}; the ledger has {', '.join(r.name for r in self.rows)}.")

    def total(self, column: str) -> int:
        """Sum of a column, for instance "parameters", "neurons" or "macs"."""
        return sum(getattr(row, column) for row in self.rows)

    def training_bytes(self, batch_size: int) -> dict[str, int]:
        """Float32 memory of a training step, by what fills it.

        Activations are the outputs of the rows, a ReLU in place of its layer's. A program that
        frees nothing holds the gradient of each too.

        Raises:
            ValueError: batch_size is below 1.
        """
        check_whole("batch_size", batch_size, 1)
        weights = self.total("parameters") * _FLOAT_BYTES
        activations = self.total("activation_bytes") * batch_size
        return {
            "weights": weights,
            "weight gradients": weights,
            "momentum": weights,
            "activations": activations,
            "activation gradients": activations,
        }

    def table(self) -> str:
        """The ledger as aligned text."""
        lines = [_HEADER, *(_cells(row) for row in self.rows)]
        sums = (f"{self.total(column):,}" for column in ("parameters", "neurons", "macs"))
        lines.append(("sum", "", "", *sums, f"{self.total('activation_bytes') / 1e6:.2f}", ""))
        widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i < 3 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


_HEADER = ("layer", "output", "window", "parameters", "neurons", "multiply-adds", "MB", "sees")


def _cells(row: LedgerRow) -> tuple[str, ...]:
    window = ""
    if row.kernel_size is not None:
        window = f"{row.kernel_size}×{row.kernel_size}/{row.stride}"
        window += f" in {row.groups} groups" if row.groups and row.groups > 1 else ""
    numbers = (f"{value:,}" if value else "" for value in (row.parameters, row.neurons, row.macs))
    shape = "×".join(map(str, row.shape))
    seen = f"{row.receptive_field} px"
    return (row.name, shape, window, *numbers, f"{row.activation_bytes / 1e6:.2f}", seen)


class Step(NamedTuple):
    """What one layer does, whether it was seen running or planned."""

    name: str
    kind: str
    shape: tuple[int, ...]
    window: tuple[int, int] | tuple[None, None] = (None, None)
    groups: int | None = None
    parameters: int = 0
    fan_in: int = 0  # weights of one output; 0 where a layer has none


def add_up(steps: Iterable[Step]) -> Ledger:
    """Rows of the steps, with what each sees of the image."""
    rows: list[LedgerRow] = []
    field, jump = 1, 1
    for name, kind, shape, (kernel, stride), groups, parameters, fan_in in steps:
        outputs = math.prod(shape)
        neurons = outputs if fan_in else 0
        if kernel is not None:
            field, jump = field + (kernel - 1) * jump, jump * stride
        elif kind == "dense" and rows and len(rows[-1].shape) == 3:
            # The first dense layer sees all positions at once, like a window over the whole map.
            field += (rows[-1].shape[-1] - 1) * jump
        rows.append(
            LedgerRow(
                name=name,
                kind=kind,
                shape=shape,
                kernel_size=kernel,
                stride=stride,
                groups=groups,
                parameters=parameters,
                neurons=neurons,
                macs=neurons * fan_in,
                activation_bytes=outputs * _FLOAT_BYTES,
                receptive_field=field,
                jump=jump,
            )
        )
    return Ledger(tuple(rows))


def layer_ledger(model: nn.Module, input_size: int | None = None) -> Ledger:
    """Send one blank image through a model and write down what every layer does.

    Args:
        model: any model that runs its layers one after another; left as it was found.
        input_size: side of the image in pixels; `model.config.input_size` where None.
    Raises:
        ValueError: `input_size` does not fit the model, or is missing where there is no config.
    Source: ours.
    """
    if input_size is None and not hasattr(model, "config"):
        raise InputError(f"give input_size: a {type(model).__name__} does not say its own.")
    size = model.config.input_size if input_size is None else input_size
    check_whole("input_size", size, 1)
    return add_up(_step(name, layer, after) for name, layer, after in _record_calls(model, size))


def _record_calls(model: nn.Module, size: int) -> list[tuple[str, nn.Module, Tensor]]:
    """Run one image through the model: (name, layer, output) in the order of the calls."""
    calls, hooks = [], []
    for name, layer in model.named_modules():
        if isinstance(layer, _LISTED):
            hooks.append(
                layer.register_forward_hook(
                    lambda layer, inputs, output, name=name: calls.append((name, layer, output))
                )
            )
    modes = [(module, module.training) for module in model.modules()]
    parameter = next(model.parameters())
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, 3, size, size).to(parameter))
    finally:
        for module, training in modes:
            module.training = training
        for hook in hooks:
            hook.remove()
    return calls


def _step(name: str, layer: nn.Module, after: Tensor) -> Step:
    return Step(
        name=name,
        kind=_kind(layer),
        shape=tuple(after.shape[1:]),
        window=_window(layer),
        groups=layer.groups if isinstance(layer, nn.Conv2d) else None,
        parameters=sum(p.numel() for p in layer.parameters()),
        fan_in=_fan_in(layer),
    )


def _fan_in(layer: nn.Module) -> int:
    """Weights that one output is summed with."""
    if isinstance(layer, LocalConv2d):
        return layer.weight.shape[-1]
    return layer.weight[0].numel() if isinstance(layer, nn.Conv2d | nn.Linear) else 0


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d | LocalConv2d):
        return "convolution" if isinstance(layer, nn.Conv2d) else "locally connected"
    if isinstance(layer, _POOLS):
        return "mean pool" if isinstance(layer, nn.AvgPool2d) else "max pool"
    return "dense" if isinstance(layer, nn.Linear) else "normalisation"


def _window(layer: nn.Module) -> tuple[int, int] | tuple[None, None]:
    """Side and step of the window that a layer moves over the image, where it has one."""
    if isinstance(layer, SpatialResponseNorm):
        return layer.size, 1
    if isinstance(layer, _WINDOWED):
        return _side(layer.kernel_size), _side(layer.stride)
    return None, None


def _side(value: int | tuple[int, int]) -> int:
    return value if isinstance(value, int) else value[0]


def config_ledger(config: AlexNetConfig) -> Ledger:
    """The ledger of `AlexNet(config)` by arithmetic alone: nothing is built and nothing runs.

    Source: ours. Equal to `layer_ledger(AlexNet(config))`, in a thousandth of the time.
    """
    return add_up(_planned_steps(config))


def parameter_count(maps_in: int, maps_out: int, kernel_size: int = 1, groups: int = 1) -> int:
    """Weights and biases of a convolution, or, with the default kernel, of a dense layer (§3.5).

    Each of the maps_out kernels reads the maps of its own group only, and has one bias.

    Raises:
        ValueError: the maps cannot be cut into equal groups.
    Source: paper §3.5; groups: §3.2.
    """
    numbers = (maps_in, maps_out, kernel_size, groups)
    check_wholes("maps_in, maps_out, kernel_size, groups", numbers, 4, 1)
    if maps_in % groups or maps_out % groups:
        raise InputError(f"{maps_in} maps in, {maps_out} out: no {groups} equal groups.")
    weights_per_kernel = maps_in // groups * kernel_size**2
    return maps_out * (weights_per_kernel + 1)


def _planned_steps(config: AlexNetConfig) -> Iterator[Step]:
    sizes, maps_in = config.map_sizes(), config.maps_in()
    for number, (width, kernel, groups) in enumerate(
        zip(config.widths, config.kernels, config.groups, strict=True), 1
    ):
        maps = maps_in[number - 1]
        shape = (width, sizes[f"conv{number}"], sizes[f"conv{number}"])
        window = (kernel, config.conv1_stride if number == 1 else 1)
        parameters = parameter_count(maps, width, kernel, groups)
        fan_in = maps // groups * kernel**2
        if f"conv{number}" not in config.left_out:
            yield Step(f"conv{number}", "convolution", shape, window, groups, parameters, fan_in)
        if number <= 2 and config.normalisation:
            yield Step(f"norm{number}", "normalisation", shape)
        if number == 2 and config.spatial_norm:
            yield Step("cnorm2", "normalisation", shape, (SpatialResponseNorm().size, 1))
        if pooled := sizes.get(f"pool{number}"):
            window = (config.pool_kernel, config.pool_stride)
            yield Step(f"pool{number}", "max pool", (maps_in[number], pooled, pooled), window)
    inputs = maps_in[5] * sizes["pool5"] ** 2
    hidden = config.hidden_units
    for name, units in (("fc6", hidden), ("fc7", hidden), ("fc8", config.num_classes)):
        parameters = parameter_count(inputs, units)
        yield Step(name, "dense", (units,), parameters=parameters, fan_in=inputs)
        inputs = units


CAN_TALK = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7")

PAPER_TALKS = ("conv3", "fc6", "fc7")


def crossing_bytes(config: AlexNetConfig, talks: Collection[str] = PAPER_TALKS) -> dict[str, int]:
    """Bytes of float32 that cross between two towers on one image's way forward, by layer.

    Each tower sends its half of the layer's input, so both directions make the whole input. fc8 is
    one layer on one of the GPUs: the other sends its half there. A backward pass sends as many
    gradients back.

    Args:
        config: of the network; its groups are not looked at.
        talks: layers in which each tower reads the other's maps too. Paper: conv3, fc6, fc7.
    Raises:
        ValueError: a layer that cannot talk is named.
    Source: paper §3.2, Fig. 2; that fc8 stays on one GPU is ours.
    """
    check_some("talks", talks, CAN_TALK)
    sizes, maps = config.map_sizes(), config.widths
    inputs = {
        "conv2": maps[0] * sizes["pool1"] ** 2,
        "conv3": maps[1] * sizes["pool2"] ** 2,
        "conv4": maps[2] * sizes["conv3"] ** 2,
        "conv5": maps[3] * sizes["conv4"] ** 2,
        "fc6": maps[4] * sizes["pool5"] ** 2,
        "fc7": config.hidden_units,
    }
    crossing = {name: _FLOAT_BYTES * inputs[name] for name in CAN_TALK if name in talks}
    return crossing | {"fc8": _FLOAT_BYTES * config.hidden_units // 2}


def wired_ledger(config: AlexNetConfig, talks: Collection[str] = PAPER_TALKS) -> Ledger:
    """The ledger of two towers that talk in these layers only, by arithmetic (§3.2).

    A layer that does not talk has half of the weights, dense layers too.

    Raises:
        ValueError: a layer that cannot talk is named, or maps do not part into two towers.
    Source: ours.
    """
    check_some("talks", talks, CAN_TALK)
    groups = (1, *(1 if name in talks else 2 for name in CAN_TALK[:4]))
    silent = {"fc6", "fc7"} - set(talks)
    rows = config_ledger(replace(config, groups=groups)).rows
    return Ledger(tuple(_halved(row) if row.name in silent else row for row in rows))


def _halved(row: LedgerRow) -> LedgerRow:
    """The same dense layer, each tower reading its own half of the input."""
    # One multiply-add a weight; the biases stay.
    return replace(row, parameters=row.parameters - row.macs // 2, macs=row.macs // 2)
