"""The network on paper: named presets, and wires between the towers (§3.2, §3.5)."""

from functools import cache

from alexnet_lib.course.figures.network import architecture
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, toggle
from alexnet_lib.models.ledger import Ledger, config_ledger
from alexnet_lib.models.two_towers import CAN_TALK, PAPER_TALKS, crossing_bytes, wired_ledger
from alexnet_lib.paper.facts import MACS, PARAMETERS, TRAINING
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS

_PAPER = PRESETS["paper"]


class PresetExplorer(Explorer):
    """Each named network to scale, with what it changes and why."""

    def __init__(self) -> None:
        super().__init__(preset=choice("network", tuple(PRESETS)))

    def render(self, preset: str) -> Shown:
        """The network's drawing and its reasons."""
        config = PRESETS[preset]
        total = config_ledger(config).total("parameters")
        changes = ", ".join(f"{field} {value}" for field, value in config.changes().items())
        text = f"{PRESET_REASONS[preset]} Changed: {changes or 'nothing'}."
        return architecture(config, f"{preset}: {total:,} parameters, 1,000 classes"), text


class WiringBoard(Explorer):
    """A switch for each layer in which the paper's two towers could talk; fc8 always hears both."""

    def __init__(self) -> None:
        short = {"indent": False, "layout": {"width": "9em"}}
        super().__init__(
            **{name: toggle(f"talk at {name}", name in PAPER_TALKS, **short) for name in CAN_TALK}
        )

    def render(self, **talking: bool) -> Shown:
        """Both towers, drawn with their wires, and what these cost."""
        talks = tuple(name for name in CAN_TALK if talking[name])
        ledger, crossing = _wired(talks), crossing_bytes(_PAPER, talks)
        total = sum(crossing.values())
        batch = total * TRAINING.batch_size / 1e6
        paper = " This is the paper's wiring." if talks == PAPER_TALKS else ""
        title = f"Two towers, {total / 1e3:,.0f} kB cross between them per image"
        return architecture(_PAPER, title, crossing), (
            f"The towers meet at {', '.join(crossing)}: {total:,} bytes cross per image, "
            f"{batch:.1f} MB per batch of {TRAINING.batch_size}. "
            f"{_more(ledger, 'parameters', PARAMETERS)} parameters, "
            f"{_more(ledger, 'macs', MACS)} multiply-adds per image.{paper}"
        )


@cache
def _wired(talks: tuple[str, ...]) -> Ledger:
    return wired_ledger(_PAPER, talks)


def _more(ledger: Ledger, column: str, printed: int) -> str:
    total = ledger.total(column)
    more = total - printed
    return f"{total:,}" + (f" ({more:+,})" if more else "")
