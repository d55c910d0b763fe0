"""What a trained network has learned: filters in numbers, answers, neighbours (§6.1, Fig. 4)."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.course.figures.pixels import mosaic
from alexnet_lib.course.figures.style import (
    BLUE,
    DIVERGING,
    GREY,
    INK,
    PALE,
    RED,
    SERIES,
    describe,
    headline,
    new_figure,
    styled,
)
from alexnet_lib.inspection.filters import FilterMeasures
from alexnet_lib.statistics import mean_interval

_MEASURES = {  # what is drawn, and what it says
    "selectivity": "selectivity: one direction",
    "colourfulness": "share of energy in colour",
}


@styled
def measure_strips(networks: Mapping[str, FilterMeasures], title: str) -> Figure:
    """Two measures, a row a network: mean, its 95 % interval (thick), nine tenths of filters."""
    figure = new_figure(8, 0.9 + 0.5 * len(networks))
    headline(figure, title)
    told = []
    for axes, (name, words) in zip(
        figure.subplots(1, 2, sharey=True), _MEASURES.items(), strict=True
    ):
        for row, measures in enumerate(networks.values()):
            values = getattr(measures, name)
            ends = values.quantile(torch.tensor([0.05, 0.95])).tolist()
            axes.plot(ends, [row, row], color=SERIES[row], linewidth=1.5, linestyle="-")
            mean, low, high = mean_interval(values.tolist())
            axes.plot([low, high], [row, row], color=SERIES[row], linewidth=8, linestyle="-")
            axes.plot([mean, mean], [row - 0.3, row + 0.3], color=INK, linestyle="-")
            told.append(f"{name} {mean:.2f}")
        axes.set(yticks=range(len(networks)), yticklabels=networks, xlabel=words)
        axes.set_ylim(len(networks) - 0.4, -0.6)
    order = [", ".join(told[row :: len(networks)]) for row in range(len(networks))]
    pairs = zip(networks, order, strict=True)
    return describe(figure, f"{title}. {'; '.join(f'{name}: {words}' for name, words in pairs)}.")


@styled
def best_classes(
    images: Tensor, names: Sequence[str], probabilities: Tensor, classes: Sequence[str], title: str
) -> Figure:
    """Pictures with their five most likely classes as bars, the right one red (Fig. 4, left).

    Args:
        names: what each picture shows.
        classes: that the network knows.
    Shape:
        images: (N, 3, s, s) uint8, probabilities: (N, classes)
    """
    N, across = len(images), min(4, len(images))
    down = -(-N // across)
    figure = new_figure(8, 2.5 * down + 0.3)
    headline(figure, title)
    panels = figure.subplots(2 * down, across, squeeze=False, height_ratios=[1.25, 1] * down)
    for axes in panels.flat:
        axes.axis("off")
    told = []
    for i, name in enumerate(names):
        above, below = panels[2 * (i // across) : 2 * (i // across) + 2, i % across]
        above.imshow(images[i].permute(1, 2, 0).numpy())
        above.set_title(name, loc="center", weight="normal", size=9.5)
        told.append(f"{name}: {_five_bars(below, probabilities[i], name, classes)}")
    return describe(figure, f"{title}. True class, then the network's first: {'; '.join(told)}.")


def _five_bars(axes: Axes, probabilities: Tensor, name: str, classes: Sequence[str]) -> str:
    """The bars of one picture; the first class and its probability in words."""
    values, numbers = probabilities.topk(min(5, len(probabilities)))
    shown = [classes[number] for number in numbers.tolist()]
    colours = [RED if word == name else BLUE for word in shown]
    axes.barh(range(len(values)), values.tolist(), color=colours, height=0.8, alpha=0.45)
    for row, word in enumerate(shown):
        axes.text(0.02, row, f"{word} ✓" if word == name else word, va="center", size=8.5)
    axes.set(xlim=(0, 1), ylim=(len(values) - 0.4, -0.6))
    axes.axvline(0, color=GREY, linewidth=1)
    return f"{shown[0]} {values[0]:.0%}"


@styled
def neighbour_rows(
    queries: Tensor,
    found: Mapping[str, tuple[Tensor, Tensor]],
    labels: Tensor,
    classes: Sequence[str],
    title: str,
) -> Figure:
    """Pictures and their nearest ones, a block of columns a kind of distance (Fig. 4, right).

    A cross marks the neighbours of another class.

    Args:
        found: by the name of the distance, nearest pictures (Q, k, 3, s, s) and labels (Q, k).
        labels: of the queries.
    """
    Q, s = len(queries), queries.shape[-1]
    k = next(iter(found.values()))[1].shape[1]
    figure = new_figure(8, 0.62 + 7.6 * Q / (len(found) * (k + 0.5) + 2.2))
    headline(figure, title)
    panels = figure.subplots(1, 1 + len(found), width_ratios=[1, *[k] * len(found)])
    told = []
    _sheet(panels[0], queries, 1, "test")
    panels[0].set_yticks([(s + 2) * i + s / 2 for i in range(Q)], [classes[n] for n in labels])
    for axes, (name, (pictures, kinds)) in zip(panels[1:], found.items(), strict=True):
        _sheet(axes, pictures.flatten(0, 1), k, f"nearest by {name}")
        wrong = kinds != labels[:, None]  # (Q, k)
        for row, column in wrong.nonzero().tolist():
            x, y = column * (s + 2) + s - 5, row * (s + 2) + 5
            label = {"facecolor": RED, "linewidth": 0, "boxstyle": "round,pad=0.1"}
            axes.text(x, y, "✗", color="white", ha="center", va="center", size=8, bbox=label)
        told.append(f"by {name} {int((~wrong).sum())} of {wrong.numel()} are of the same class")
    return describe(figure, f"{title}. Nearest {'; '.join(told)}; ✗ marks the others.")


def _sheet(axes: Axes, pictures: Tensor, columns: int, title: str) -> None:
    axes.imshow(mosaic(pictures, columns).numpy())
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.set_title(title, weight="normal", size=9.5)
    axes.spines[:].set_visible(False)


@styled
def heat_rows(
    images: Tensor, maps: Mapping[str, Tensor], names: Sequence[str], title: str
) -> Figure:
    """Each picture, beside it maps of the same size: red where large, blue below 0.

    Args:
        maps: by name, (N, s, s); each picture's map has a scale of its own.
        names: of the pictures, with what the network says.
    Shape:
        images: (N, 3, s, s) uint8
    """
    across = 1 + len(maps)
    figure = new_figure(8, 0.6 + 8 / (across * len(images)))
    headline(figure, title)
    panels = figure.subplots(1, across * len(images))
    for i, name in enumerate(names):
        first, *others = panels[i * across : (i + 1) * across]
        first.imshow(images[i].permute(1, 2, 0).numpy())
        first.set_title(name, loc="center", weight="normal", size=9)
        for axes, (kind, values) in zip(others, maps.items(), strict=True):
            largest = float(values[i].abs().max()) or 1.0
            axes.imshow(values[i].numpy(), cmap=DIVERGING, vmin=-largest, vmax=largest)
            axes.set_title(kind, loc="center", weight="normal", size=9)
    for axes in panels:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(PALE)
    return describe(figure, f"{title}: {'; '.join(names)}. Beside each: {', '.join(maps)}.")
