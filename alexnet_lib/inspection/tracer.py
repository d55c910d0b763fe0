"""One network under the glass: its input scale, its fields, and traces that are kept."""

from functools import lru_cache

import torch
from torch import Tensor, nn

from alexnet_lib.data import Preprocessing
from alexnet_lib.inspection.receptive_field import layer_fields
from alexnet_lib.inspection.scale import InputScale
from alexnet_lib.inspection.tracing import Call, trace

_KEPT = 16  # pictures; each trace of a 28-pixel network takes 2 MB


class Tracer:
    """Traces pictures through one network and keeps the last ones, for explorers that redraw.

    Attributes:
        model, scale: the network and its input scale.
        fields: receptive fields of its layers, by name.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        """Take a model of this package and what was measured on its training images."""
        self.model, self.scale = model, InputScale.of(model, preprocessing)
        self.fields = layer_fields(model)
        self._kept = lru_cache(_KEPT)(self._trace)

    def calls(self, picture: Tensor) -> dict[str, Call]:
        """What every layer makes of a picture.

        Shape:
            picture: (3, H, W) uint8
        """
        return self._kept(bytes(picture.contiguous().numpy()), tuple(picture.shape))

    def seen(self, picture: Tensor) -> Tensor:
        """The part of a picture that the network sees, (3, size, size) uint8."""
        return self.scale.leave(self.scale.enter(picture[None]))[0]

    def _trace(self, content: bytes, shape: tuple[int, ...]) -> dict[str, Call]:
        picture = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(1, *shape)
        return trace(self.model, self.scale.enter(picture))
