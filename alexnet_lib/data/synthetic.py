"""A generated stand-in for CIFAR-10: shapes and textures on dead leaves.

Dead leaves, discs of power-law sizes that hide one another, have the edges and the spectrum of
photographs, so that a first layer learns edges and colour blobs from them (ours).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import check_whole
from alexnet_lib.data.images import SIDE, Examples, ImageData
from alexnet_lib.paper.augment import seed_for

NAME = "synthetic stand-in"

KEY = "synthetic 1"  # raise the number when the pictures change

_CHUNK = 250  # images drawn at once: few enough to stay in the processor's cache

_LEAVES = 24

_SMALLEST, _LARGEST = 2.5, 24.0  # pixels

Shape = Callable[[Tensor, Tensor], Tensor]


def _in_disc(u: Tensor, v: Tensor, texture: Tensor) -> Tensor:
    return torch.maximum(texture, torch.hypot(u, v) - 1)


# Distances from an outline, negative inside, on axes (u, v) on which the object has a radius of 1.
_SHAPES: dict[str, Shape] = {
    "checks": lambda u, v: _in_disc(u, v, torch.cos(6 * u) * torch.cos(6 * v) / 6),
    "crescent": lambda u, v: _in_disc(u, v, 0.75 - torch.hypot(u - 0.5, v)),
    "cross": lambda u, v: torch.maximum(
        torch.maximum(u.abs(), v.abs()) - 0.95, torch.minimum(u.abs(), v.abs()) - 0.3
    ),
    "dots": lambda u, v: _in_disc(u, v, (0.5 - torch.cos(8 * u) - torch.cos(8 * v)) / 8),
    "ring": lambda u, v: (torch.hypot(u, v) - 0.72).abs() - 0.26,
    "square": lambda u, v: torch.maximum(u.abs(), v.abs()) - 0.8,
    "star": lambda u, v: torch.hypot(u, v) * (1 - 0.38 * torch.cos(5 * torch.atan2(v, u))) - 0.68,
    "stripes": lambda u, v: _in_disc(u, v, torch.cos(8 * u) / 8),
    "target": lambda u, v: _in_disc(u, v, torch.cos(9 * torch.hypot(u, v)) / 9),
    "triangle": lambda u, v: torch.maximum(v, 0.866 * u.abs() - 0.5 * v) - 0.55,
}


def synthetic_images(train: int = 20_000, test: int = 4_000, seed: int = 0) -> ImageData:
    """Draw a training and a test set of ten classes, the same for the same arguments (ours).

    Raises:
        ValueError: fewer than one image of each class.
    """
    check_whole("train", train, len(_SHAPES))
    check_whole("test", test, len(_SHAPES))
    return ImageData(
        name=NAME,
        classes=tuple(_SHAPES),
        train=_draw(train, seed_for(seed, 0, "synthetic train")),
        test=_draw(test, seed_for(seed, 0, "synthetic test")),
        is_synthetic=True,
    )


def _draw(count: int, seed: int) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(_SHAPES)
    images = torch.empty(count, 3, SIDE, SIDE, dtype=torch.uint8)
    for label, shape in enumerate(_SHAPES.values()):
        for places in (labels == label).nonzero()[:, 0].split(_CHUNK):
            images[places] = _photograph(len(places), shape, generator)
    order = torch.randperm(count, generator=generator)
    return Examples(images[order], labels[order])


def _photograph(count: int, shape: Shape, generator: torch.Generator) -> Tensor:
    """Object on leaves, a little out of focus, lit, with noise: (N, 3, 32, 32) uint8."""
    canvas = _add_object(_leaves(count, generator), shape, generator)
    blurred = F.avg_pool2d(F.pad(canvas, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    focus, contrast, brightness = torch.rand(3, count, 1, 1, 1, generator=generator)
    canvas = torch.lerp(canvas, blurred, 0.2 + 0.6 * focus)
    canvas = (canvas - 120) * (0.6 + 0.5 * contrast) + 100 + 40 * brightness
    canvas += 4 * torch.randn(canvas.shape, generator=generator)
    return canvas.clamp_(0, 255).to(torch.uint8)


def _colours(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Colours (*shape, 3) that differ mostly in brightness, then blue-yellow, then red-green."""
    axes = torch.tensor([[60.0, 60, 60], [18, 2, -24], [-8, 10, -4]])
    return torch.tensor([128.0, 120, 108]) + torch.randn(*shape, 3, generator=generator) @ axes


def _leaves(count: int, generator: torch.Generator) -> Tensor:
    """Discs that hide one another, with radii r drawn from r⁻³: (N, 3, 32, 32)."""
    u = torch.rand(count, _LEAVES, 1, generator=generator)
    radius = (_SMALLEST**-2 + u * (_LARGEST**-2 - _SMALLEST**-2)) ** -0.5  # (N, leaves, 1)
    x, y = (SIDE + 8) * torch.rand(2, count, _LEAVES, 1, generator=generator) - 4
    grid = torch.arange(SIDE) + 0.5
    left, right = (grid - x).square(), radius.square() - (grid - y).square()  # (N, leaves, 32)
    covered = left[:, :, None, :] < right[:, :, :, None]  # (N, leaves, 32, 32)
    height = torch.arange(_LEAVES, dtype=torch.uint8)[:, None, None]
    top = covered.view(torch.uint8).mul_(height).amax(1)  # (N, 32, 32), the leaf on top
    colours = _colours((count, _LEAVES), generator).transpose(1, 2)  # (N, 3, leaves)
    index = top.flatten(1)[:, None].long().expand(-1, 3, -1)
    return colours.gather(2, index).reshape(count, 3, SIDE, SIDE)


def _add_object(canvas: Tensor, shape: Shape, generator: torch.Generator) -> Tensor:
    """Paint one object, turned, scaled and shifted at random, in a colour that stands out."""
    count = len(canvas)
    turn, scale, x, y = torch.rand(4, count, 1, 1, generator=generator)
    angle, radius = math.pi * (turn - 0.5) / 3, 9 + 4 * scale
    grid = torch.arange(SIDE) + 0.5 - SIDE / 2
    x, y = (grid[None, :] - 5 * (x - 0.5)) / radius, (grid[:, None] - 5 * (y - 0.5)) / radius
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    cover = (0.5 - shape(u, v) * radius).clamp(0, 1)[:, None]  # (N, 1, 32, 32), soft edges
    # Two in three are brighter than what is behind them, which leaves a linear model something.
    sign = 1 - 2 * (torch.rand(count, 1, generator=generator) < 0.33).float()
    contrast = sign * (55 + 60 * torch.rand(count, 1, generator=generator))
    tint = _colours((count,), generator)
    colour = canvas.mean((2, 3)) + contrast + tint - tint.mean(1, keepdim=True)  # (N, 3)
    return torch.lerp(canvas, colour[:, :, None, None], cover)
