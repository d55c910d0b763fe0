"""Which pixels of the image a unit of the network sees (§3.5)."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from alexnet_lib.inspection.tracing import trace
from alexnet_lib.layers import SpatialResponseNorm
from alexnet_lib.models.ledger import layer_ledger


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
            raise ValueError(
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

    A window of k units, `jump` pixels apart, widens the field by (k - 1) · jump; its padding moves
    the first field by padding · jump towards the left and the top.

    Args:
        model: any model that runs its layers one after another.
        input_size: side of the image in pixels; `model.config.input_size` where None.
    Raises:
        ValueError: `input_size` does not fit the model.
    Source: ours.
    """
    fields, start, jump = {}, 0, 1
    for row in layer_ledger(model, input_size).rows:
        start -= _padding(model.get_submodule(row.name)) * jump
        units = row.shape[-1] if len(row.shape) == 3 else 1
        fields[row.name] = ReceptiveField(row.name, units, row.receptive_field, row.jump, start)
        jump = row.jump
    return fields


def layer_fields(model: nn.Module, input_size: int | None = None) -> dict[str, ReceptiveField]:
    """Receptive field of every layer that runs, in the order in which they run.

    Layers that are not in the ledger (activations, dropout) look at one unit of the layer before
    and see what that one sees.

    Args:
        model, input_size: as in `receptive_fields`.
    Raises:
        ValueError: `input_size` does not fit the model.
    Source: ours.
    """
    listed = receptive_fields(model, input_size)
    size = model.config.input_size if input_size is None else input_size
    field, fields = ReceptiveField("image", size, 1, 1, 0), {}
    for name in trace(model, torch.zeros(1, 3, size, size)):
        field = listed.get(name, replace(field, name=name))
        fields[name] = field
    return fields


def _padding(layer: nn.Module) -> int:
    if isinstance(layer, SpatialResponseNorm):
        return layer.size // 2
    padding = getattr(layer, "padding", 0)
    return padding if isinstance(padding, int) else padding[0]
