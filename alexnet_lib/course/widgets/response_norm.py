"""Neighbouring maps that compete under response normalisation, real and made up (§3.3)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from alexnet_lib.course.figures.norm_maps import norm_panel, tiles_box
from alexnet_lib.course.figures.response_norm import bar_box, map_bars
from alexnet_lib.course.widgets.core import (
    Ends,
    Explorer,
    Shown,
    Touchable,
    choice,
    log_slider,
    slider,
)
from alexnet_lib.course.widgets.pointing import Cells
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.facts import LRN
from alexnet_lib.paper.layers import local_response_norm


class NormalisedMaps(Explorer):
    """Neighbouring maps of a trained network's first LRN, before and after; one can be turned up.

    Args:
        tracer: of a network with the layer `norm1`.
        pictures: by name, (3, H, W) uint8.
        data_name: where the pictures are from.
    """

    pairs = (("picture", "map"), ("map", "turn"))

    def __init__(self, tracer: Tracer, pictures: Mapping[str, Tensor], data_name: str) -> None:
        self.tracer, self.pictures, self.data_name = tracer, pictures, data_name
        first = self.maps(next(iter(pictures)))  # (C, H, W)
        super().__init__(
            self.button("strongest map", "the map with the largest value", self.seek),
            picture=choice("picture", list(pictures)),
            map=slider("map in the middle", 0, len(first) - 1, _strongest(first)),
            turn=log_slider("its activity ×", -1, 1, 0),
        )

    def limits(self, picture: str, **_: object) -> Ends:
        """The layer's last map."""
        return {"map": len(self.maps(picture)) - 1}

    def render(self, picture: str, map: int, turn: float) -> Shown:
        """The window of maps around one, and what its strongest place keeps."""
        norm, maps = self.tracer.model.norm1, self.maps(picture)
        turned = maps.clone()
        turned[map] *= turn
        normed, reach = norm(turned[None])[0], norm.size // 2
        numbers = range(max(0, map - reach), min(len(maps), map + reach + 1))
        window, most = slice(numbers.start, numbers.stop), norm.k**-norm.beta
        largest = float(maps[window].max()) or 1.0
        seen = self.tracer.seen(self.pictures[picture])
        panel = norm_panel(seen, turned[window], normed[window], numbers, map, largest, most)
        told = _at_the_strongest(turned, normed, numbers, map)
        cells = Cells(
            tiles_box(len(numbers)), 1, len(numbers), lambda _, n: {"map": numbers[n]},
            (0, numbers.index(map)), "maps before LRN", "map",
        )  # fmt: skip
        return Touchable(panel, [cells]), f"{picture}, {self.data_name}: {told}"

    def maps(self, picture: str) -> Tensor:
        """What the first LRN reads, (C, H, W)."""
        return self.tracer.calls(self.pictures[picture])["norm1"].before[0]

    def seek(self, picture: str, **_: object) -> None:
        """Go to the map with the largest value."""
        self.set(map=_strongest(self.maps(picture)))


def _strongest(maps: Tensor) -> int:
    return int(maps.amax((1, 2)).argmax())


def _number(value: Tensor) -> str:
    """As many digits as one reads."""
    return f"{float(value):,.0f}" if float(value) >= 100 else f"{float(value):.3g}"


def _at_the_strongest(before: Tensor, after: Tensor, numbers: range, chosen: int) -> str:
    """What is left of a map and of its neighbours, where the map is strongest."""
    row, column = divmod(int(before[chosen].argmax()), before.shape[-1])
    here, left = before[:, row, column], after[:, row, column]

    def tell(i: int) -> str:
        return f"{_number(here[i])} → {_number(left[i])}"

    if not float(here[chosen]):
        return f"map {chosen} is 0 everywhere."
    neighbours = ", ".join(f"map {i} {tell(i)}" for i in numbers if i != chosen)
    return (
        f"map {chosen} is strongest in row {row}, column {column}. There LRN makes {tell(chosen)}, "
        f"so {float(left[chosen] / here[chosen]):.0%} is left. Its neighbours there: {neighbours}."
    )


# --- Seventeen maps at one pixel ------------------------------------------------------------------

MAPS, STRONG, REST = 17, 8, 50.0  # the strong map stands in the middle
TOP, _STEP = 1000, 10  # of its activity


class Competition(Explorer):
    """Seventeen maps at one pixel, one of them strong; every constant of §3.3 moves."""

    pairs = (("strong", "beta"), ("strong", "alpha"))

    def __init__(self) -> None:
        super().__init__(
            strong=slider("activity of map 8", 0, TOP, 300, _STEP),
            scale=log_slider("all maps ×", -2, 1, 0),
            size=slider("maps that count, n", 1, 15, LRN.size, 2),
            k=slider("floor, k", 0.5, 8.0, LRN.k, 0.5),
            alpha=log_slider("their weight, α", -6, -2, -4),
            beta=slider("strength, β", 0.0, 1.5, LRN.beta, 0.05),
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
        bars = map_bars(before, after, STRONG, size, TOP * scale)
        cells = Cells(
            bar_box(MAPS, STRONG), TOP // _STEP, 1, lambda row, _: {"strong": TOP - _STEP * row},
            (min((TOP - strong) // _STEP, TOP // _STEP - 1), 0), "the bar of map 8", "strong",
        )  # fmt: skip
        return Touchable(bars, [cells]), _words(before, after, reach=size // 2)


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
        verdict = "There is no competition: all maps are multiplied by the same number."
    elif pressure < 1:
        verdict = f"Map {STRONG} is weaker than the others: its neighbours gain."
    return (
        f"{strong}Its neighbour, map {near}: {tell(near)}. "
        f"Map {far}, out of its reach: {tell(far)}. {verdict}"
    )
