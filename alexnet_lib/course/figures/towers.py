"""Two towers: which maps a layer's kernels read, and how colourful each tower's filters are."""

from collections.abc import Mapping

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.course.figures.style import BLUE, GREY, INK, RED, describe, new_figure, styled

_TOWERS = ListedColormap(["white", BLUE, RED])


@styled
def kernel_blocks(layers: Mapping[str, tuple[int, int, int]]) -> Figure:
    """Which input map (across) each kernel (down) reads: blocks of a matrix, one a tower.

    Args:
        layers: for each layer its maps in, maps out and groups.
    """
    figure = new_figure(8, 2.9)
    told = []
    for axes, (name, (maps_in, maps_out, groups)) in zip(
        figure.subplots(1, len(layers), squeeze=False)[0], layers.items(), strict=True
    ):
        reads = _reads(maps_in, maps_out, groups).numpy()
        axes.imshow(reads, cmap=_TOWERS, vmin=0, vmax=2, aspect="auto")
        axes.set(xlabel="input maps", title=f"{name}: {1 / groups:.0%} filled")
        axes.set(xticks=[0, maps_in // 2, maps_in], yticks=[0, maps_out // 2, maps_out])
        axes.spines[:].set_visible(True)
        told.append(f"{name} {'two blocks on the diagonal' if groups == 2 else 'all filled'}")
    figure.axes[0].set_ylabel("kernels")
    words = "Which input maps each kernel reads; blue: kernels of tower 1, red: of tower 2. "
    return describe(figure, f"{words}{'; '.join(told)}.")


def _reads(maps_in: int, maps_out: int, groups: int) -> Tensor:
    """0 where a kernel does not read a map, else the number of the kernel's tower."""
    kernels = torch.arange(maps_out)[:, None] * 2 // maps_out  # (maps_out, 1)
    maps = torch.arange(maps_in)[None] * 2 // maps_in  # (1, maps_in)
    return (kernels + 1) * ((kernels == maps) | (groups == 1))


@styled
def tower_strips(shares: Mapping[str, Tensor], title: str) -> Figure:
    """Colourfulness of each filter as a dot, a row for each tower of each network.

    Args:
        shares: for each network its filters' colourfulness, first half tower 1.
    """
    figure = new_figure(8, 1.1 + 0.75 * len(shares))
    axes = figure.subplots()
    ticks, told = [], []
    for network, values in shares.items():
        means = []
        for tower, (part, colour) in enumerate(
            zip(values.chunk(2), (BLUE, RED), strict=True), start=1
        ):
            row = len(ticks)
            up_down = 0.22 * torch.linspace(-1, 1, 5)[torch.arange(len(part)) % 5]
            axes.scatter(part, row + up_down, s=14, color=colour, alpha=0.7, linewidths=0)
            axes.vlines(part.mean(), row - 0.4, row + 0.4, color=INK, linewidth=2)
            ticks.append(f"{network}, tower {tower}")
            means.append(f"{part.mean():.2f}")
        told.append(f"{network}: means {' and '.join(means)}")
    axes.axvline(2 / 3, color=GREY, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(ticks)), ticks)
    axes.set(xlim=(-0.02, 1.02), title=title, xlabel="share of energy in colour (dotted: noise)")
    axes.invert_yaxis()
    return describe(figure, f"{title}. {'; '.join(told)}; noise has 0.67.")
