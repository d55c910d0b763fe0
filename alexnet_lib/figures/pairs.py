"""Runs that differ in one thing and share their seeds, side by side."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from alexnet_lib.figures.style import BLUE, GREY, INK, describe, new_figure, styled


@styled
def paired_errors(errors: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw one dot a run, the dots of one seed joined, and a bar at each mean.

    Args:
        errors: by name of the variant, one error (fraction) a seed, seeds in the same order.
        title: says which error, of which runs, on which data.
    Raises:
        ValueError: no variants, or not the same number of seeds in each.
    """
    counts = {len(values) for values in errors.values()}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(f"numbers of seeds are {sorted(counts)}; expected one number, above 0.")
    figure = new_figure(1.6 + 1.9 * len(errors), 3.1)
    axes = figure.subplots()
    for seed_errors in zip(*errors.values(), strict=True):
        axes.plot(range(len(errors)), seed_errors, "o-", color=GREY, linewidth=1, markersize=4,
                  markerfacecolor=BLUE, markeredgecolor=BLUE)  # fmt: skip
    means = [sum(values) / len(values) for values in errors.values()]
    axes.hlines(means, [i - 0.22 for i in range(len(means))], [i + 0.22 for i in range(len(means))],
                color=INK, linewidth=2.2)  # fmt: skip
    axes.set(title=title, ylabel="error", xlim=(-0.5, len(errors) - 0.5))
    axes.set_xticks(range(len(errors)), list(errors))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    words = "; ".join(f"{name}: mean {mean:.1%}" for name, mean in zip(errors, means, strict=True))
    return describe(figure, f"{title}, {counts.pop()} seeds. {words}.")
