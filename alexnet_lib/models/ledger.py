"""The layer ledger: what each layer of a network costs and sees."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet_lib.layers import CeilConv2d, LocalResponseNorm, OverlappingMaxPool2d

_FLOAT_BYTES = 4
_SPATIAL = (nn.Conv2d, OverlappingMaxPool2d)
_LISTED = (*_SPATIAL, nn.Linear, LocalResponseNorm)


@dataclass(frozen=True)
class LedgerRow:
    """One layer, for one image.

    Args:
        name: the layer's name in the model.
        kind: "convolution", "max pool", "normalisation" or "dense".
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


def layer_ledger(model: nn.Module, input_size: int | None = None) -> Ledger:
    """Send one blank image through a model and write down what every layer does.

    Args:
        model: any model that runs its layers one after another; left as it was found.
        input_size: side of the image in pixels; `model.config.input_size` where None.
    Raises:
        ValueError: `input_size` does not fit the model.
    Source: ours.
    """
    size = input_size or model.config.input_size
    calls = _record_calls(model, size)
    rows, field, jump = [], 1, 1
    for name, layer, before, after in calls:
        if isinstance(layer, _SPATIAL):
            kernel, stride = _side(layer.kernel_size), _side(layer.stride)
            field, jump = field + (kernel - 1) * jump, jump * stride
        elif isinstance(layer, nn.Linear) and rows and len(rows[-1].shape) == 3:
            # The first dense layer sees all positions at once, like a window over the whole map.
            field += (rows[-1].shape[-1] - 1) * jump
        rows.append(_row(name, layer, before, after, field, jump))
    return Ledger(tuple(rows))


def _record_calls(model: nn.Module, size: int) -> list[tuple[str, nn.Module, Tensor, Tensor]]:
    calls, hooks = [], []
    for name, layer in model.named_modules():
        if isinstance(layer, _LISTED):
            hooks.append(
                layer.register_forward_hook(
                    lambda layer, inputs, output, name=name: calls.append(
                        (name, layer, inputs[0], output)
                    )
                )
            )
    was_training = model.training
    parameter = next(model.parameters())
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, 3, size, size).to(parameter))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return calls


def _row(name: str, layer: nn.Module, before: Tensor, after: Tensor, field: int, jump: int):
    weighted = isinstance(layer, nn.Conv2d | nn.Linear)
    spatial = isinstance(layer, _SPATIAL)
    neurons = after.numel() if weighted else 0
    return LedgerRow(
        name=name,
        kind=_kind(layer),
        shape=tuple(after.shape[1:]),
        kernel_size=_side(layer.kernel_size) if spatial else None,
        stride=_side(layer.stride) if spatial else None,
        groups=layer.groups if isinstance(layer, nn.Conv2d) else None,
        parameters=sum(p.numel() for p in layer.parameters()),
        neurons=neurons,
        macs=neurons * layer.weight[0].numel() if weighted else 0,
        activation_bytes=after.numel() * _FLOAT_BYTES,
        receptive_field=field,
        jump=jump,
    )


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d | CeilConv2d):
        return "convolution"
    if isinstance(layer, OverlappingMaxPool2d):
        return "max pool"
    return "dense" if isinstance(layer, nn.Linear) else "normalisation"


def _side(value: int | tuple[int, int]) -> int:
    return value if isinstance(value, int) else value[0]
