"""What a change to a network costs or brings, seed by seed, with its interval."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from alexnet_lib.figures.style import BLUE, GREY, INK, RED, describe, new_figure, styled
from alexnet_lib.metrics import mean_interval


@styled
def change_chart(
    changes: Mapping[str, Sequence[float]],
    title: str,
    notes: Mapping[str, str] | None = None,
    claim: float | None = None,
) -> Figure:
    """Draw one row a change: a dot a seed, the mean with its 95 % interval, and a remark.

    Args:
        changes: by name, from the top: error with the change minus error without, a seed each.
        title: says which error, on which data.
        notes: remarks at the right, by name.
        claim: the paper's change without a middle layer, dashed.
    Raises:
        ValueError: no changes, or fewer than two seeds.
    """
    if not changes:
        raise ValueError("there is no change to draw; expected at least one.")
    figure, words = new_figure(8, 1.1 + 0.4 * len(changes)), []
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    if claim is not None:
        axes.axvline(100 * claim, color=RED, linestyle="--", linewidth=1.2)
        axes.text(100 * claim, -0.75, " paper, middle layers", color=RED, va="center", fontsize=8.5)
    for row, (name, values) in enumerate(changes.items()):
        mean, low, high = (100 * number for number in mean_interval(values))
        axes.hlines(row, low, high, color=BLUE, linewidth=5, alpha=0.4)
        axes.plot(mean, row, "o", color=BLUE)
        axes.plot([100 * v for v in values], [row + 0.28] * len(values), "|", color=GREY)
        note = f"{mean:+.1f}  {(notes or {}).get(name, '')}".replace("-", "−")
        axes.text(1.01, row, note, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
        words.append(f"{name} {mean:+.1f} ({low:+.1f} to {high:+.1f})")
    axes.set(title=title, ylim=(len(changes) - 0.4, -1.1), xlabel="change of the error in points")
    axes.set_yticks(range(len(changes)), list(changes))
    count = len(next(iter(changes.values())))
    return describe(figure, f"{title}, {count} seeds, in points: {'; '.join(words)}.")
