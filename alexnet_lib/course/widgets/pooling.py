"""Explorers of pooling (§3.4): its windows, a shifted picture; what repeated experiments see."""

import math
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from alexnet_lib.course.figures.pixels import Box, box_in_row, side_by_side
from alexnet_lib.course.figures.pooling import imagined_experiments, shift_panels
from alexnet_lib.course.figures.stepper import (
    PLANES,
    image_part,
    image_scale,
    is_numbers,
    map_box,
    map_part,
    plane_part,
)
from alexnet_lib.course.shift import edge_maps, relative_change
from alexnet_lib.course.widgets.convolution import Stepper, places, window_places
from alexnet_lib.course.widgets.core import Ends, Explorer, Shown, Touchable, choice, slider
from alexnet_lib.paper.layers import OverlappingMaxPool2d
from alexnet_lib.statistics import Interval, count_needed, detection_power, student_limit

Pools = Mapping[str, Callable[[Tensor], Tensor]]

SHIFTS, SIDE = 8, 24  # of a picture of 32 pixels


class PoolStepper(Stepper):
    """Move the window of a max pool over a map, and see who wins each window.

    Of three planes each is pooled for itself.

    Args:
        inputs: see `Stepper`; at least 4 numbers in each direction.
    """

    pairs = (("input", "output"), ("size", "stride"))

    def __init__(self, inputs: Mapping[str, Tensor] | Tensor) -> None:
        super().__init__(inputs, size=slider("window z", 1, 4, 3), stride=slider("step s", 1, 4, 2))

    def outputs(self, size: int, stride: int, input: str = "") -> Tensor:
        """The largest number of every window, (P, rows, columns)."""
        return OverlappingMaxPool2d(size, min(stride, size))(self.planes(input)[None])[0]

    def limits(self, **state: Any) -> Ends:
        """No gaps: the window is as wide as its step, or wider."""
        return {"stride": state["size"], **super().limits(**state)}

    def render(self, size: int, stride: int, output: int, input: str = "") -> Shown:
        """The window on the map, and the pooled map so far."""
        planes, pooled = self.planes(input), self.outputs(size, stride, input)
        shape, small = tuple(pooled.shape[1:]), is_numbers(planes)
        row, column = divmod(output, shape[1])
        top, left = row * stride, column * stride
        window = planes[:, top : top + size, left : left + size]  # a part of it at the edge
        over = tuple(
            max(0, (n - 1) * stride + size - side)
            for n, side in zip(shape, planes.shape[1:], strict=True)
        )
        seen = None if small else pooled.expand(3, -1, -1)
        drawn = {
            "map": image_part(planes, 0, over, Box(top, left, size, size), math.nan),
            "window": None if small else plane_part(window, _winners(window), grey=True),
            "→ pooled": map_part(pooled[0], output, small, seen),
        }
        titles, parts = zip(*((t, p) for t, p in drawn.items() if p is not None), strict=True)
        first, *_, last = [box_in_row(titles, parts, number) for number in range(len(parts))]
        scale, margin = image_scale(planes, 0, over)
        start = Box(first.top + margin, first.left + margin, 0, 0)
        cells = places(
            shape, output, map_box(shape, last, small),
            window_places(start, scale, shape, 0, size, stride), "the pooled map",
        )  # fmt: skip
        return Touchable(side_by_side(titles, parts), cells), (
            f"Window {output + 1} of {shape[0] * shape[1]} {_held(window)} Neighbouring windows "
            f"share {max(0, size - stride)} of {size} columns."
        )


def _winners(window: Tensor) -> list[list[Box]]:
    """The cell of the largest number in each plane."""
    width = window.shape[2]
    return [[Box(*divmod(int(plane.argmax()), width), 1, 1)] for plane in window]


def _held(window: Tensor) -> str:
    """What a window holds, and the largest of it."""
    if len(window) == 3:
        largest = zip(PLANES, window.amax((1, 2)).tolist(), strict=True)
        told = ", ".join(f"of {name} {number:.2g}" for name, number in largest)
        return f"keeps the largest of each plane: {told}."
    inside = ", ".join(f"{number:.3g}" for number in window.flatten().tolist())
    return f"holds {inside}. The largest is {float(window.max()):.3g}."


class ShiftMeter(Explorer):
    """Move a picture pixel by pixel and watch how its pooled edge maps change.

    Args:
        pools: by name, a function of maps (N, K, H, W); the first two stand without a pool.
    Shape:
        pictures: (1, 32, 32) float in [0, 1] each, filters: (K, 1, k, k)
    """

    pairs = (("picture", "pool", "shift"),)

    def __init__(self, pictures: Mapping[str, Tensor], filters: Tensor, pools: Pools) -> None:
        self.pictures, self.filters, self.pools = pictures, filters, pools
        super().__init__(
            picture=choice("picture", list(pictures)),
            pool=choice("pool", list(pools), list(pools)[-1]),
            shift=slider("shift, pixels", 0, SHIFTS, 1),
        )

    def render(self, picture: str, pool: str, shift: int) -> Shown:
        """Maps before and after the shift, and how much each pool's output changed."""
        image, chosen = self.pictures[picture][None], self.pools[pool]
        start, moved = (
            edge_maps(image, self.filters, by, SIDE) for by in (0, shift)
        )  # (1, K, 20, 20)
        before, after = chosen(start), chosen(moved)
        top = float(before.sum(1).max().clamp_min(1e-12))
        panels = {
            "picture": 1 - image[0, 0, 4 : 4 + SIDE, shift : shift + SIDE],
            "its edges": moved.sum(1)[0] / float(start.sum(1).max().clamp_min(1e-12)),
            "pooled, at first": before.sum(1)[0] / top,
            f"moved by {shift}": after.sum(1)[0] / top,
            "difference": (after - before).abs().sum(1)[0] / top,
        }
        changes = {n: float(relative_change(p(start), p(moved))) for n, p in self.pools.items()}
        told = "; ".join(f"{name} {change:.0%}" for name, change in changes.items())
        text = f"{picture}, moved by {shift} of {SIDE} pixels; {pool}. Change: {told}."
        return shift_panels(panels, changes, pool), text


EXPERIMENTS, MOST_SEEDS = 100, 200


class PowerMeter(Explorer):
    """A hundred imagined experiments: how many see a gain of this size?

    Args:
        spread: standard deviation of one seed's difference, in points.
    """

    pairs = (("effect", "seeds"), ("spread", "seeds"))

    def __init__(self, spread: float = 1.5, seeds: int = 5) -> None:
        super().__init__(
            effect=slider("true gain, points", 0.0, 3.0, 0.4, 0.1),
            spread=slider("spread, points", 0.1, 4.0, min(4.0, max(0.1, round(spread, 1))), 0.1),
            seeds=slider("seeds", 2, MOST_SEEDS, seeds),
        )

    def render(self, effect: float, spread: float, seeds: int) -> Shown:
        """The experiments' intervals, and how many see something."""
        results = imagined(effect, spread, seeds)
        seen, wrong = [r.estimate for r in results if r.low > 0], sum(r.high < 0 for r in results)
        picture = imagined_experiments(results, effect)
        half = fmean(r.high - r.estimate for r in results)
        start = f"{seeds} seeds, spread {spread:.1f}: intervals of about ± {half:.2f} points. "
        if effect == 0:
            told = f"There is nothing to see, yet {len(seen) + wrong} of 100 see something."
            return picture, start + told
        power = detection_power(effect, spread, seeds)
        return picture, (
            f"{start}{len(seen)} of 100 experiments see the gain of {effect:.1f}, and report "
            f"{fmean(seen):.1f} on average; {wrong} see the opposite. In the long run {power:.0%} "
            f"exclude 0; four in five would with {count_needed(effect, spread):,} seeds."
        )


def imagined(effect: float, spread: float, seeds: int) -> list[Interval]:
    """What a hundred experiments report, by their means; each estimates its own spread."""
    dice = torch.Generator().manual_seed(0)  # more seeds are added to the same experiments
    chance = torch.randn(MOST_SEEDS, EXPERIMENTS, generator=dice)[:seeds]
    gains = effect + spread * chance  # (seeds, experiments)
    halves = student_limit(seeds - 1) * gains.std(0) / math.sqrt(seeds)
    ends = zip(gains.mean(0).tolist(), halves.tolist(), strict=True)
    return sorted(Interval(mean, mean - half, mean + half) for mean, half in ends)
