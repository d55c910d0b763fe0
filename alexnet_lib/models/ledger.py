"""The ledger: what every layer of a network takes and gives, costs and sees.

A ledger is written in two ways that agree: by sending one image through the network
(`layer_ledger`), and from its config, by arithmetic alone (`config_ledger`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from alexnet_lib.checks import InputError, check_input, check_whole, check_wholes
from alexnet_lib.models.conv_local import ConvLocalConfig, LocalConv2d
from alexnet_lib.models.four_layer import FourLayerConfig
from alexnet_lib.models.hooks import undisturbed
from alexnet_lib.paper.layers import (
    LocalResponseNorm,
    OverlappingMaxPool2d,
    SpatialResponseNorm,
    ceil_output_size,
)
from alexnet_lib.paper.network import AlexNetConfig

FLOAT_BYTES = 4

# --- The table ----------------------------------------------------------------------------------


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
        start: where the first output's field begins; negative where it begins in the padding.
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
    start: int

    @property
    def parameter_bytes(self) -> int:
        """Bytes of the parameters in float32."""
        return self.parameters * FLOAT_BYTES


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
        """
        check_whole("batch_size", batch_size, 1)
        weights = self.total("parameters") * FLOAT_BYTES
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


# --- From steps to rows -------------------------------------------------------------------------


class _Step(NamedTuple):
    """What one layer does, whether it was seen running or planned."""

    name: str
    kind: str
    shape: tuple[int, ...]
    window: tuple[int, int, int] | None = None  # side, step, zeros around
    groups: int | None = None
    parameters: int = 0
    fan_in: int = 0  # weights of one output; 0 where a layer has none
    reads: Sequence[int] | None = None  # numbers of the steps; None: the one before


def _add_up(steps: Iterable[_Step]) -> Ledger:
    rows: list[LedgerRow] = []
    for step in steps:
        reads = range(len(rows))[-1:] if step.reads is None else step.reads
        rows.append(_row(step, [rows[number] for number in reads]))
    return Ledger(tuple(rows))


def _row(step: _Step, inputs: Sequence[LedgerRow]) -> LedgerRow:
    """A step, with what it sees of the image through the rows that it reads; none: the image."""
    field = max((row.receptive_field for row in inputs), default=1)
    jump = max((row.jump for row in inputs), default=1)
    start = min((row.start for row in inputs), default=0)
    side, stride, padding = step.window or (1, 1, 0)
    if step.kind == "dense" and inputs and len(inputs[0].shape) == 3:
        side = inputs[0].shape[-1]  # the first dense layer sees all positions at once
    outputs = math.prod(step.shape)
    neurons = outputs if step.fan_in else 0
    return LedgerRow(
        name=step.name,
        kind=step.kind,
        shape=step.shape,
        kernel_size=step.window and side,
        stride=step.window and stride,
        groups=step.groups,
        parameters=step.parameters,
        neurons=neurons,
        macs=neurons * step.fan_in,
        activation_bytes=outputs * FLOAT_BYTES,
        # A window of k outputs, `jump` pixels apart, sees (k - 1) · jump pixels more than one.
        receptive_field=field + (side - 1) * jump,
        jump=jump * stride,
        start=start - padding * jump,
    )


# --- By running ---------------------------------------------------------------------------------

_POOLS = (OverlappingMaxPool2d, nn.MaxPool2d, nn.AvgPool2d)

_WINDOWED = (nn.Conv2d, LocalConv2d, *_POOLS)

_LISTED = (*_WINDOWED, nn.Linear, LocalResponseNorm, SpatialResponseNorm)


def layer_ledger(model: nn.Module, input_size: int | None = None) -> Ledger:
    """Send one blank image through a model and write down what every layer does.

    Layers may run one after another or side by side, as two towers do: each sees what the layers
    see that it reads.

    Args:
        model: left as it was found.
        input_size: side of the image in pixels; `model.config.input_size` where None.
    Raises:
        InputError: `input_size` does not fit the model, or is missing where there is no config.
    Source: ours.
    """
    if input_size is None and not hasattr(model, "config"):
        raise InputError(f"give input_size: a {type(model).__name__} does not say its own.")
    size = model.config.input_size if input_size is None else input_size
    check_whole("input_size", size, 1)
    image = torch.zeros(1, 3, size, size).to(next(model.parameters()))
    check_input(model, image, "the image")
    return _add_up(_record(model, image))


def _record(model: nn.Module, image: Tensor) -> list[_Step]:
    """The listed layers' steps, in the order of their calls."""
    steps: list[_Step] = []

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            steps.append(_step(name, layer, output)._replace(reads=_made_by(inputs)))
            output.made_by = (len(steps) - 1,)

        return hook

    hooks = {name: note(name) for name, m in model.named_modules() if isinstance(m, _LISTED)}
    image.made_by = ()
    with undisturbed(model, hooks), torch.no_grad(), _Tracking():
        model(image)
    return steps


class _Tracking(TorchFunctionMode):
    """Notes on every tensor by which steps its numbers were made: `made_by`, their numbers."""

    def __torch_function__(
        self, function: Callable, types: Any, arguments: tuple = (), keywords: dict | None = None
    ) -> Any:
        """Run a function of torch; what it returns was made by all that made its arguments."""
        result = function(*arguments, **(keywords or {}))
        for tensor in _tensors([result]):
            tensor.made_by = _made_by([*arguments, *(keywords or {}).values()])
        return result


def _made_by(values: Iterable[Any]) -> tuple[int, ...] | None:
    """Numbers of the steps that made these tensors, or None where nothing is known of any."""
    known = [t.made_by for t in _tensors(values) if getattr(t, "made_by", None) is not None]
    return tuple(sorted(set().union(*known))) if known else None


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _step(name: str, layer: nn.Module, output: Tensor) -> _Step:
    return _Step(
        name=name,
        kind=_kind(layer),
        shape=tuple(output.shape[1:]),
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


def _window(layer: nn.Module) -> tuple[int, int, int] | None:
    """Side, step and padding of the window that a layer moves over the image, where it has one."""
    if isinstance(layer, SpatialResponseNorm):
        return layer.size, 1, layer.size // 2
    if isinstance(layer, _WINDOWED):
        numbers = layer.kernel_size, layer.stride, getattr(layer, "padding", 0)
        return tuple(n if isinstance(n, int) else n[0] for n in numbers)
    return None


# --- By arithmetic ------------------------------------------------------------------------------


def config_ledger(config: AlexNetConfig | FourLayerConfig | ConvLocalConfig) -> Ledger:
    """The ledger of a network from its config: nothing is built and nothing runs.

    Source: ours. Equal to the `layer_ledger` of the built network, in a thousandth of the time.
    """
    return _add_up(_PLANS[type(config)](config))


def parameter_count(maps_in: int, maps_out: int, kernel_size: int = 1, groups: int = 1) -> int:
    """Weights and biases of a convolution, or, with the default kernel, of a dense layer (§3.5).

    Each of the maps_out kernels reads the maps of its own group only, and has one bias.

    Source: paper §3.5; groups: §3.2.
    """
    numbers = (maps_in, maps_out, kernel_size, groups)
    check_wholes("maps_in, maps_out, kernel_size, groups", numbers, 4, 1)
    if maps_in % groups or maps_out % groups:
        raise InputError(f"{maps_in} maps in, {maps_out} out: no {groups} equal groups.")
    weights_per_kernel = maps_in // groups * kernel_size**2
    return maps_out * (weights_per_kernel + 1)


def _alexnet(config: AlexNetConfig) -> Iterator[_Step]:
    sizes, maps_in = config.map_sizes(), config.maps_in()
    per_layer = zip(config.widths, config.kernels, config.paddings, config.groups, strict=True)
    for number, (width, kernel, padding, groups) in enumerate(per_layer, 1):
        name, maps = f"conv{number}", maps_in[number - 1]
        window = (kernel, config.conv1_stride if number == 1 else 1, padding)
        if name not in config.left_out:
            yield _convolution(name, maps, (width, sizes[name]), window, groups)
        if number <= 2 and config.normalisation:
            yield _maps(f"norm{number}", "normalisation", width, sizes[name])
        if number == 2 and config.spatial_norm:
            window = _window(SpatialResponseNorm())
            yield _maps("cnorm2", "normalisation", width, sizes[name], window)
        if pooled := sizes.get(f"pool{number}"):
            window = (config.pool_kernel, config.pool_stride, 0)
            yield _maps(f"pool{number}", "max pool", maps_in[number], pooled, window)
    hidden = config.hidden_units
    yield _dense("fc6", maps_in[5] * sizes["pool5"] ** 2, hidden)
    yield _dense("fc7", hidden, hidden)
    yield _dense("fc8", hidden, config.num_classes)


def _four_layer(config: FourLayerConfig) -> Iterator[_Step]:
    maps, size = 3, config.input_size
    for number, width in enumerate(config.widths, 1):
        yield _convolution(f"conv{number}", maps, (width, size), (5, 1, 2))
        maps, size = width, ceil_output_size(size, 3, 2)
        kind = "max pool" if number == 1 else "mean pool"
        yield _maps(f"pool{number}", kind, maps, size, (3, 2, 0))
    yield _dense("fc4", maps * size**2, config.num_classes)


def _conv_local(config: ConvLocalConfig) -> Iterator[_Step]:
    (w1, w2), (w3, w4) = config.widths, config.local_maps
    size, normed = config.input_size, config.normalisation is not None
    yield _convolution("conv1", 3, (w1, size), (5, 1, 2))
    half = ceil_output_size(size, 3, 2)
    yield _maps("pool1", "max pool", w1, half, (3, 2, 0))
    if normed:
        yield _maps("norm1", "normalisation", w1, half)  # pool1 comes before norm1, as the code ran
    yield _convolution("conv2", w1, (w2, half), (5, 1, 2))
    if normed:
        yield _maps("norm2", "normalisation", w2, half)
    size = ceil_output_size(half, 3, 2)
    yield _maps("pool2", "max pool", w2, size, (3, 2, 0))
    for name, maps, width in (("local3", w2, w3), ("local4", w3, w4)):
        step = _convolution(name, maps, (width, size), (3, 1, 1))
        parameters = step.parameters * size**2  # every place has weights of its own
        yield step._replace(kind="locally connected", groups=None, parameters=parameters)
    yield _dense("fc5", w4 * size**2, config.num_classes)


_PLANS = {AlexNetConfig: _alexnet, FourLayerConfig: _four_layer, ConvLocalConfig: _conv_local}


def _convolution(
    name: str, maps_in: int, out: tuple[int, int], window: tuple[int, int, int], groups: int = 1
) -> _Step:
    (maps, side), kernel = out, window[0]
    parameters = parameter_count(maps_in, maps, kernel, groups)
    fan_in = maps_in // groups * kernel**2
    return _Step(name, "convolution", (maps, side, side), window, groups, parameters, fan_in)


def _maps(
    name: str, kind: str, maps: int, side: int, window: tuple[int, int, int] | None = None
) -> _Step:
    return _Step(name, kind, (maps, side, side), window)


def _dense(name: str, inputs: int, units: int) -> _Step:
    parameters = parameter_count(inputs, units)
    return _Step(name, "dense", (units,), parameters=parameters, fan_in=inputs)
