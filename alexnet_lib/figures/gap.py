"""The gap between learned and unseen pictures, epoch by epoch."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from alexnet_lib.figures.style import BLUE, GREY, PALE, RED, describe, new_figure, styled

Curve = Sequence[float]
_LOOKS = (("learned", "-", BLUE), ("unseen", "--", RED))
_SEED = {"color": GREY, "linewidth": 0.7, "antialiased": False}


@styled
def gap_panels(curves: Mapping[str, Sequence[tuple[Curve, Curve]]], title: str) -> Figure:
    """Draw the error on learned and on unseen pictures, one panel a variant.

    A thin line is a seed, a thick line the mean of the seeds; the shade between is the gap.

    Args:
        curves: by variant, for each seed the two errors (fractions) after each epoch.
        title: says which runs, on which data.
    Raises:
        ValueError: no variants, a variant without seeds, or a run without an epoch.
    """
    runs = [curve for seeds in curves.values() for pair in (seeds or [((), ())]) for curve in pair]
    if not runs or not all(map(len, runs)):
        raise ValueError("a curve is empty; expected at least one run of one epoch a variant.")
    figure, words = new_figure(7.4, 3.1), []
    figure.suptitle(title, x=0.01, ha="left", size=10.5, weight="bold")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (name, seeds) in zip(panels, curves.items(), strict=True):
        means = [[fmean(now) for now in zip(*side, strict=False)] for side in _sides(seeds)]
        axes.fill_between(range(1, len(means[0]) + 1), *means, color=PALE)
        for side, mean, (label, line, colour) in zip((0, 1), means, _LOOKS, strict=True):
            for pair in seeds:
                axes.plot(range(1, len(pair[side]) + 1), pair[side], "-", **_SEED)
            axes.plot(range(1, len(mean) + 1), mean, line, color=colour, label=label, linewidth=2.2)
        gap = 100 * (means[1][-1] - means[0][-1])
        axes.set(title=f"{name}: gap {gap:.0f} points", xlabel="epoch", ylim=(0, 1))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        words.append(f"{name}: learned {means[0][-1]:.0%}, unseen {means[1][-1]:.0%}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return describe(figure, f"{title}. Errors in the end: {'; '.join(words)}.")


def _sides(seeds: Sequence[tuple[Curve, Curve]]) -> tuple[list[Curve], list[Curve]]:
    """All curves on learned pictures, all on unseen ones."""
    return [learned for learned, _ in seeds], [unseen for _, unseen in seeds]
