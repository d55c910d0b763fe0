"""The wiring board: switch off and on where two towers talk (§3.2)."""

from functools import cache
from typing import Any

from matplotlib.figure import Figure

from alexnet_lib.course.figures.network import architecture
from alexnet_lib.course.widgets.core import Explorer, toggle
from alexnet_lib.models.ledger import CAN_TALK, PAPER_TALKS, Ledger, crossing_bytes, wired_ledger
from alexnet_lib.paper.facts import MACS, PARAMETERS, TRAINING
from alexnet_lib.paper.network import PRESETS


def wiring_board() -> Explorer:
    """A switch for each layer in which the paper's two towers could talk."""
    switches = {name: toggle(f"talk at {name}", name in PAPER_TALKS) for name in CAN_TALK}
    for switch in switches.values():
        switch.indent, switch.layout.width = False, "9em"
    board = Explorer(render_wiring, **switches)
    board.children[0].layout.flex_flow = "row wrap"  # six short switches need no six lines
    return board


def render_wiring(state: dict[str, Any]) -> tuple[Figure, str]:
    """Both towers, drawn with their wires, and what these cost; fc8 always reads both."""
    talks = tuple(name for name in CAN_TALK if state[name])
    ledger, crossing = _wired(talks), crossing_bytes(PRESETS["paper"], talks)
    total = sum(crossing.values())
    batch = total * TRAINING.batch_size / 1e6
    paper = " This is the paper's wiring." if talks == PAPER_TALKS else ""
    text = (
        f"The towers meet at {', '.join(crossing)}: {total:,} bytes cross per image, {batch:.1f} MB"
        f" per batch of {TRAINING.batch_size}. {_compare(ledger, 'parameters', PARAMETERS)}"
        f" parameters, {_compare(ledger, 'macs', MACS)} multiply-adds per image.{paper}"
    )
    title = f"Two towers, {total / 1e3:,.0f} kB cross between them per image"
    return architecture(PRESETS["paper"], title, crossing), text


@cache
def _wired(talks: tuple[str, ...]) -> Ledger:
    return wired_ledger(PRESETS["paper"], talks)


def _compare(ledger: Ledger, column: str, printed: int) -> str:
    total = ledger.total(column)
    more = total - printed
    return f"{total:,}" + (f" ({more:+,})" if more else "")
