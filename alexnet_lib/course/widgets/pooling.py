"""Two explorers: the shift meter, and what repeated experiments can see (§3.4)."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from statistics import NormalDist, fmean
from typing import Any

from PIL import Image
from torch import Tensor

from alexnet_lib.course.figures.pooling import imagined_experiments, shift_panels
from alexnet_lib.course.shift import edge_maps, relative_change
from alexnet_lib.course.widgets.core import Explorer, choice, slider
from alexnet_lib.statistics import count_needed, detection_power

Pools = Mapping[str, Callable[[Tensor], Tensor]]

SHIFTS, SIDE = 8, 24  # of a picture of 32 pixels

EXPERIMENTS = 100


def shift_meter(pictures: Mapping[str, Tensor], filters: Tensor, pools: Pools) -> Explorer:
    """Move a picture pixel by pixel and watch how its pooled edge maps change.

    Args:
        pools: by name, a function of maps (N, K, H, W); the first two stand without a pool.
    Shape:
        pictures: (1, 32, 32) float in [0, 1] each, filters: (K, 1, k, k)
    """
    return Explorer(
        partial(render_shift, pictures, filters, pools),
        picture=choice("picture", list(pictures)),
        pool=choice("pool", list(pools), list(pools)[-1]),
        shift=slider("shift, pixels", 0, SHIFTS, 1),
    )


def render_shift(
    pictures: Mapping[str, Tensor], filters: Tensor, pools: Pools, state: dict[str, Any]
) -> tuple[Image.Image, str]:
    """Maps, bars and words for `picture`, `pool` and `shift`."""
    image, shift, chosen = pictures[state["picture"]][None], state["shift"], state["pool"]
    start, moved = (edge_maps(image, filters, by, SIDE) for by in (0, shift))  # (1, K, 20, 20)
    before, after = pools[chosen](start), pools[chosen](moved)
    top = float(before.sum(1).max().clamp_min(1e-12))
    panels = {
        "picture": 1 - image[0, 0, 4 : 4 + SIDE, shift : shift + SIDE],
        "its edges": moved.sum(1)[0] / float(start.sum(1).max().clamp_min(1e-12)),
        "pooled, at first": before.sum(1)[0] / top,
        f"moved by {shift}": after.sum(1)[0] / top,
        "difference": (after - before).abs().sum(1)[0] / top,
    }
    changes = {name: float(relative_change(p(start), p(moved))) for name, p in pools.items()}
    told = "; ".join(f"{name} {change:.0%}" for name, change in changes.items())
    text = f"{state['picture']}, moved by {shift} of {SIDE} pixels; {chosen}. Change: {told}."
    return shift_panels(panels, changes, chosen), text


def power_meter(spread: float = 1.5, seeds: int = 5) -> Explorer:
    """A hundred imagined experiments: how many see a gain of this size?

    Args:
        spread: standard deviation of one seed's difference, in points.
    """
    return Explorer(
        render_power,
        effect=slider("true gain, points", 0.0, 3.0, 0.4, 0.1),
        spread=slider("spread, points", 0.1, 4.0, min(4.0, max(0.1, round(spread, 1))), 0.1),
        seeds=slider("seeds", 2, 200, seeds),
    )


def render_power(state: dict[str, Any]) -> tuple[Image.Image, str]:
    """Picture and words for `effect`, `spread` and `seeds`; outcomes are normal quantiles."""
    effect, spread, seeds = state["effect"], state["spread"], state["seeds"]
    error, normal = spread / math.sqrt(seeds), NormalDist()
    places = ((number + 1) / (EXPERIMENTS + 1) for number in range(EXPERIMENTS))
    results = [effect + error * normal.inv_cdf(place) for place in places]
    half = normal.inv_cdf(0.975) * error
    seen, wrong = (sum(sign * r > half for r in results) for sign in (1, -1))
    picture = imagined_experiments(results, half, effect)
    start = f"{seeds} seeds, spread {spread:.1f}: intervals of ± {half:.2f} points. "
    if effect == 0:
        return picture, f"{start}There is nothing to see, yet {seen + wrong} of 100 see something."
    reported = fmean(r for r in results if r > half)
    power = detection_power(effect, spread, seeds)
    return picture, (
        f"{start}{seen} of 100 experiments see the gain of {effect:.1f}, and report {reported:.1f} "
        f"on average; {wrong} see the opposite. By formula {power:.0%} exclude 0; "
        f"four in five would with {count_needed(effect, spread):,} seeds."
    )
