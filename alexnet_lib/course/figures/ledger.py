"""What each layer costs: parameters, multiply-adds, memory."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from alexnet_lib.course.figures.style import (
    BLUE,
    GOLD,
    GREY,
    INK,
    PALE,
    RED,
    YELLOW,
    describe,
    headline,
    new_figure,
    styled,
)
from alexnet_lib.models.ledger import Ledger

_COLUMNS = {"parameters": "parameters", "macs": "multiply-adds an image"}
_COLOURS = {"convolution": BLUE, "dense": GOLD}
_PARTS = (BLUE, RED, YELLOW, GREY, PALE)


@styled
def ledger_chart(ledger: Ledger, title: str, reference: Ledger | None = None) -> Figure:
    """Parameters and multiply-adds of each layer with weights, side by side.

    Args:
        reference: drawn as hollow bars of the same layers, to compare with.
    """
    figure = new_figure(8, 3.2)
    figure.set_layout_engine(None)  # fixed places: a third faster, and a slider moves this
    headline(figure, title, 0.97)
    rows = [row for row in ledger.rows if row.kind in _COLOURS]
    names = [f"{row.name}  {'×'.join(map(str, row.shape))}" for row in rows]
    places = {"left": 0.2, "right": 0.99, "top": 0.83, "bottom": 0.02, "wspace": 0.04}
    panels = figure.subplots(1, 2, gridspec_kw=places)
    for axes, (column, words) in zip(panels, _COLUMNS.items(), strict=True):
        values = [getattr(row, column) for row in rows]
        known = [getattr(reference[row.name], column) for row in rows] if reference else values
        axes.barh(range(len(rows)), values, color=[_COLOURS[row.kind] for row in rows])
        hollow = axes.barh(range(len(rows)), known, fill=False, edgecolor=INK, linewidth=0.8)
        for bar, value in zip(hollow, values, strict=True):
            end, y = max(value, bar.get_width()), bar.get_y() + 0.4
            axes.text(end, y, f"  {value:,}", va="center", fontsize=8.5)
        axes.set(xlim=(0, 1.45 * max(*values, *known)), ylim=(len(rows) - 0.4, -0.6))
        axes.set_title(f"{ledger.total(column):,} {words}", fontsize=9.5, weight="normal", y=1)
        axes.set_axis_off()  # ticks would cost a third of the time
    for y, name in enumerate(names):
        panels[0].text(0, y, f"{name}  ", ha="right", va="center")
    return describe(figure, _words(ledger, title))


def _words(ledger: Ledger, title: str) -> str:
    parts = []
    for column, words in _COLUMNS.items():
        total = ledger.total(column)
        dense = sum(getattr(row, column) for row in ledger.rows if row.kind == "dense")
        parts.append(f"{dense / total:.0%} of {total:,} {words} in the dense layers")
    return f"{title}: {', '.join(parts)}."


@styled
def memory_chart(needs: Mapping[str, Mapping[str, int]], limit_bytes: float, title: str) -> Figure:
    """Stacked bars of bytes, one a row, against the memory of a card (dashed).

    Args:
        needs: for each row its parts in bytes, the same parts in every row.
    """
    figure = new_figure(8, 1.5 + 0.45 * len(needs))
    axes = figure.subplots()
    left = [0.0] * len(needs)
    for colour, part in zip(_PARTS, next(iter(needs.values())), strict=False):
        sizes = [parts[part] / 1e9 for parts in needs.values()]
        axes.barh(list(needs), sizes, left=left, color=colour, label=part, edgecolor="white")
        left = [start + size for start, size in zip(left, sizes, strict=True)]
    for row, total in enumerate(left):
        axes.text(total, row, f" {total:.2f} GB", va="center", fontsize=9)
    limit = limit_bytes / 1e9
    axes.axvline(limit, color=INK, linestyle="--", linewidth=1.2)
    axes.set(xlim=(0, 1.15 * max(limit, *left)), xlabel="GB", title=title)
    axes.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=len(_PARTS))
    told = ", ".join(f"{name} {total:.2f} GB" for name, total in zip(needs, left, strict=True))
    return describe(figure, f"{title}: {told}; the line is at {limit:.2f} GB.")
