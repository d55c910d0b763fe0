"""Why the mean is subtracted (§2): two weights learn from raw pixels, and from centred ones."""

import torch
from torch import Tensor

from alexnet_lib.course.figures.centring import Descent, centring_picture
from alexnet_lib.course.toy import descend
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, slider

TARGET = (1.0, 0.0)  # the weights to be found: read the first pixel, ignore the second

_FAR, _NEAR, _COLOURS = "far apart", "neighbours", "red and blue of one place"


class CentringExplorer(Explorer):
    """A unit with two weights reads two pixels; gradient descent from raw and from moved numbers.

    Args:
        images: whose pixels are read.
        data_name: said in the title.
    Shape:
        images: (N, 3, H, W) uint8
    """

    pairs = (("pair", "share"), ("rate", "updates"))

    def __init__(self, images: Tensor, data_name: str) -> None:
        self.data_name, self.pixels = data_name, _pairs(images)
        super().__init__(
            pair=choice("two pixels", list(self.pixels)),
            share=slider("mean taken off, %", 0, 100, 100, 10),
            rate=slider("rate, 1 is best", 0.2, 1.2, 1.0, 0.1),
            updates=slider("updates", 1, 40, 15),
        )

    def render(self, pair: str, share: int, rate: float, updates: int) -> Shown:
        """Both ways down; the words compare them."""
        raw = self.pixels[pair]  # (N, 2)
        numbers = {"raw pixels": raw, _name(share): raw - share / 100 * raw.mean(0)}
        ways = {name: way_down(x, rate, updates) for name, x in numbers.items()}
        told = " ".join(f"{name.capitalize()}: {_told(way)}" for name, way in ways.items())
        flat = {name: x.flatten() for name, x in numbers.items()}
        title = f"Two weights learn to read one pixel and to ignore another, {self.data_name}"
        return centring_picture(flat, ways, title), told


def way_down(x: Tensor, rate: float, updates: int) -> Descent:
    """Gradient descent on the mean of (w · x − target · x)² / 2, without momentum, from 0.

    Args:
        rate: as a share of the rate that is best for these numbers.
    Shape:
        x: (N, 2) float
    Source: ours; the best constant rate is 2 / (largest + smallest curvature).
    """
    target = torch.tensor(TARGET)
    curvature = x.T @ x / len(x)  # (2, 2)
    best = 2 / float(torch.linalg.eigvalsh(curvature).sum())
    path = descend(
        lambda w, _: curvature @ (w - target), torch.zeros(2), [rate * best] * updates, momentum=0.0
    )
    return Descent(torch.stack(path), curvature, target)


def steepness(way: Descent) -> float:
    """How many times as steep a valley is across as along; 1 in a round one."""
    low, high = torch.linalg.eigvalsh(way.curvature).tolist()
    return high / low


def detour(way: Descent) -> float:
    """How many times as long a path is as the straight line between its ends."""
    steps = way.path.diff(dim=0).norm(dim=1).sum()
    return float(steps / (way.path[-1] - way.path[0]).norm())


def _told(way: Descent) -> str:
    left = float((way.path[-1] - way.target).norm() / (way.path[0] - way.target).norm())
    return (
        f"the valley is {steepness(way):.1f} times as steep across as along; after "
        f"{len(way.path) - 1} updates {left:.1%} of the way is left, and the path is "
        f"{detour(way):.1f} times as long as the straight line."
    )


def _name(share: int) -> str:
    return "centred pixels" if share == 100 else f"{share} % of the mean off"


def _pairs(images: Tensor) -> dict[str, Tensor]:
    """Values of two pixels in all images, (N, 2) float, by where the two lie."""
    H, W = images.shape[2:]
    row, column = H // 2, W // 2
    places = {
        _FAR: ((0, H // 5, W // 5), (0, H - H // 5, W - W // 5)),
        _COLOURS: ((0, row, column), (2, row, column)),
        _NEAR: ((0, row, column), (0, row, column + 1)),
    }
    return {
        name: torch.stack([images[:, c, y, x].float() for c, y, x in both], dim=1)
        for name, both in places.items()
    }
