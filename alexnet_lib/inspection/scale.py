"""From pictures to what a network takes, and back to pictures that can be shown."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet_lib.augment import center_crop, resize
from alexnet_lib.checks import check_shape
from alexnet_lib.data import Preprocessing


@dataclass(frozen=True, eq=False)
class InputScale:
    """The input scale of one trained network (paper §2).

    Args:
        mean: that is subtracted, (3, size, size) or (3, 1, 1), in 0–255 units.
        scale: that is divided by, (3, 1, 1) in 0–255 units; 1 in the paper.
        size: side of what the network takes, in pixels.
        resize_to: shorter side of a picture before its centre is cut out; None leaves it.
    """

    mean: Tensor
    scale: Tensor
    size: int
    resize_to: int | None = None

    @classmethod
    def of(cls, model: nn.Module, preprocessing: Preprocessing) -> "InputScale":
        """The scale of a model of this package, as `Batches.views("center")` would have it.

        Args:
            preprocessing: measured on the images that the model was trained on.
        """
        size, resize_to = model.config.input_size, model.config.resize_to
        own = preprocessing.to("cpu")
        return cls(own.centre(size, resize_to), own.scale, size, resize_to)

    def enter(self, images: Tensor) -> Tensor:
        """Make pictures into the network's input: resized, cut at the centre, mean subtracted.

        Shape:
            images: (N, 3, H, W) in 0–255 -> (N, 3, size, size) float
        Raises:
            ValueError: wrong rank, or a picture smaller than the network's input.
        """
        images = images.float()
        images = images if self.resize_to is None else resize(images, self.resize_to)
        return (center_crop(images, self.size) - self.mean) / self.scale

    def leave(self, x: Tensor) -> Tensor:
        """Make the network's input into pictures; `leave(enter(images))` is what it sees of them.

        Shape:
            x: (N, 3, size, size) float -> same shape, uint8 0–255; beyond that it is cut off
        Raises:
            TypeError, ValueError: not such a batch.
        """
        check_shape(x, ("N", 3, self.size, self.size))
        pixels = x.detach().cpu().float() * self.scale + self.mean
        return pixels.round().clamp(0, 255).to(torch.uint8)
