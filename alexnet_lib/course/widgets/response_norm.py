"""Neighbouring maps that compete under response normalisation (§3.3)."""

import torch

from alexnet_lib.course.figures.response_norm import map_bars
from alexnet_lib.course.widgets.core import Explorer, Shown, log_slider, slider
from alexnet_lib.paper.facts import LRN
from alexnet_lib.paper.layers import local_response_norm

MAPS, STRONG, REST = 17, 8, 50.0  # the strong map stands in the middle


class Competition(Explorer):
    """Seventeen maps at one pixel, one of them strong; every constant of §3.3 moves."""

    def __init__(self) -> None:
        super().__init__(
            strong=slider("map 8 holds", 0, 1000, 300, 10),
            scale=log_slider("all of them ×", -2, 1, 0),
            size=slider("window n", 1, 15, LRN.size, 2),
            k=slider("k", 0.5, 8.0, LRN.k, 0.5),
            alpha=log_slider("α", -6, -2, -4),
            beta=slider("β", 0.0, 1.5, LRN.beta, 0.05),
        )

    def render(
        self, strong: int, scale: float, size: int, k: float, alpha: float, beta: float
    ) -> Shown:
        """Bars before and after, and what became of the strong map's neighbour."""
        before = torch.full((MAPS,), REST, dtype=torch.float64)
        before[STRONG] = strong
        before *= scale
        after = local_response_norm(
            before.view(1, -1, 1, 1), size=size, k=k, alpha=alpha, beta=beta
        ).flatten()
        return map_bars(before, after, STRONG, size), _words(before, after, reach=size // 2)


def _words(before: torch.Tensor, after: torch.Tensor, reach: int) -> str:
    def tell(i: int) -> str:
        return f"{before[i]:.4g} → {after[i]:.3g}"

    near, far = STRONG + 1, STRONG + reach + 1
    strong = f"Map {STRONG}: {tell(STRONG)}. "
    if reach == 0:
        return f"{strong}n = 1: each map sees only itself; map {far}: {tell(far)}."
    pressure = float(after[far] / before[far] / (after[near] / before[near]))
    verdict = f"Beside map {STRONG} the same activation comes out {pressure:.2g} times weaker."
    if abs(pressure - 1) < 0.005:
        verdict = "Nobody competes: all are multiplied by the same number."
    elif pressure < 1:
        verdict = f"Map {STRONG} is weaker than the others: its neighbours gain."
    return (
        f"{strong}Its neighbour, map {near}: {tell(near)}. "
        f"Map {far}, out of its reach: {tell(far)}. {verdict}"
    )
