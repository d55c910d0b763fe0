"""The network on paper: what each layer costs, named presets, wires between towers (§3.2, §3.5)."""

from dataclasses import replace
from functools import cache
from typing import Any

from alexnet_lib.course.figures.ledger import ledger_chart
from alexnet_lib.course.figures.network import architecture
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, slider, toggle
from alexnet_lib.models.ledger import Ledger, config_ledger
from alexnet_lib.models.two_towers import CAN_TALK, PAPER_TALKS, crossing_bytes, wired_ledger
from alexnet_lib.paper.facts import MACS, PARAMETERS, TRAINING
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS, AlexNetConfig

_PAPER = PRESETS["paper"]

# Where a list offers pairs, the second is what the config gets.
_FIRST = (  # kernel, stride, rule of the edge, zeros on every side
    ("11×11, step 4 (2012)", (11, 4, "ceil", 0)),
    ("11×11, step 4, no zeros", (11, 4, "symmetric", 0)),
    ("11×11, step 4, 2 zeros", (11, 4, "symmetric", 2)),
    ("11×11, step 2", (11, 2, "ceil", 0)),
    ("7×7, step 2", (7, 2, "ceil", 0)),
    ("5×5, step 1, 2 zeros", (5, 1, "symmetric", 2)),
)

_POOLS = (("3×3, step 2", (3, 2)), ("2×2, step 2", (2, 2)), ("2×2, step 3", (2, 3)))

_GROUPS = (("2: two towers", 2), ("1: every map sees all", 1), ("3", 3))

_WIDTHS = (("half", 0.5), ("as in the paper", 1.0), ("double", 2.0))


class LedgerExplorer(Explorer):
    """Change the paper's network and see at once what each layer then costs."""

    pairs = (("conv1", "pool"), ("groups", "width"))

    def __init__(self) -> None:
        super().__init__(
            size=slider("input side (px)", 16, 256, 224),
            conv1=choice("conv1", _FIRST),
            pool=choice("pools", _POOLS),
            groups=choice("groups, conv2 4 5", _GROUPS),
            width=choice("maps", _WIDTHS, 1.0),
            units=slider("units of fc6, fc7", 256, 8192, 4096, 256),
        )

    def render(self, **edit: Any) -> Shown:
        """The layers' costs; hollow bars are the paper's network."""
        config = edited(**edit)
        ledger, paper, sides = config_ledger(config), config_ledger(_PAPER), config.map_sizes()
        trail = " → ".join(map(str, (config.input_size, *sides.values())))
        features = config.widths[-1] * sides["pool5"] ** 2
        title = "What each layer costs (hollow: the paper's network)"
        return ledger_chart(ledger, title, paper), (
            f"Side of the maps: {trail}. {features:,} numbers enter fc6. "
            f"{_beside(ledger, paper, 'parameters', 'parameters')}, "
            f"{_beside(ledger, paper, 'macs', 'multiply-adds')}, "
            f"{ledger.total('neurons'):,} neurons."
        )


def edited(
    size: int, conv1: tuple[int, int, str, int], pool: tuple[int, int], groups: int, width: float,
    units: int,
) -> AlexNetConfig:  # fmt: skip
    """The config that the ledger's controls ask for.

    Raises:
        InputError: there is no such network; the config says why.
    """
    kernel, stride, rule, padding = conv1
    return replace(
        _PAPER,
        input_size=size,
        resize_to=None,
        kernels=(kernel, *_PAPER.kernels[1:]),
        conv1_stride=stride,
        conv1_padding=rule,
        paddings=(padding, *_PAPER.paddings[1:]),
        pool_kernel=pool[0],
        pool_stride=pool[1],
        groups=(1, groups, 1, groups, groups),
        widths=tuple(int(maps * width) for maps in _PAPER.widths),
        hidden_units=units,
    )


def _beside(ledger: Ledger, paper: Ledger, column: str, words: str) -> str:
    total, printed = ledger.total(column), paper.total(column)
    times = "as in the paper" if total == printed else f"{total / printed:.2f} of the paper's"
    return f"{total:,} {words} ({times})"


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
