"""The editable ledger, and the presets drawn to scale."""

from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from alexnet_lib.course.figures.ledger import ledger_chart
from alexnet_lib.course.figures.network import architecture
from alexnet_lib.course.widgets.core import Explorer, choice, slider
from alexnet_lib.models.ledger import Ledger, config_ledger
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS, AlexNetConfig

_EDGES = (
    ("0 zeros, round up (2012)", ("ceil", 0)),
    ("0 zeros, round down", ("symmetric", 0)),
    ("2 zeros on every side", ("symmetric", 2)),
    ("5 zeros on every side", ("symmetric", 5)),
)

_POOLS = (("3×3, step 2", (3, 2)), ("2×2, step 2", (2, 2)), ("2×2, step 3", (2, 3)))

_GROUPS = (("2: two towers", 2), ("1: every map sees all", 1), ("3", 3))

_WIDTHS = (("half", 0.5), ("as in the paper", 1.0), ("double", 2.0))


def ledger_explorer() -> Explorer:
    """Change the paper's network and see at once what each layer then costs."""
    return Explorer(
        render_ledger,
        size=slider("input side (px)", 16, 256, 224),
        kernel=slider("conv1 kernel", 1, 15, 11),
        stride=slider("conv1 stride", 1, 8, 4),
        edge=choice("conv1 edge", _EDGES),
        pool=choice("pools", _POOLS),
        groups=choice("groups, conv2 4 5", _GROUPS),
        width=choice("maps", _WIDTHS, 1.0),
        units=slider("units of fc6, fc7", 256, 8192, 4096, 256),
    )


def edited(state: dict[str, Any]) -> AlexNetConfig:
    """The config that the controls ask for.

    Raises:
        ValueError: there is no such network; the config says why.
    """
    paper, groups = PRESETS["paper"], state["groups"]
    rule, padding = state["edge"]
    return replace(
        paper,
        input_size=state["size"],
        resize_to=None,
        kernels=(state["kernel"], *paper.kernels[1:]),
        conv1_stride=state["stride"],
        conv1_padding=rule,
        paddings=(padding, *paper.paddings[1:]),
        pool_kernel=state["pool"][0],
        pool_stride=state["pool"][1],
        groups=(1, groups, 1, groups, groups),
        widths=tuple(int(width * state["width"]) for width in paper.widths),
        hidden_units=state["units"],
    )


def render_ledger(state: dict[str, Any]) -> tuple[Figure, str]:
    """Chart and words; hollow bars are the paper's network."""
    config, paper = edited(state), config_ledger(PRESETS["paper"])
    ledger, sizes = config_ledger(config), config.map_sizes()
    trail = " → ".join(map(str, (config.input_size, *sizes.values())))
    features = config.widths[-1] * sizes["pool5"] ** 2
    text = (
        f"Side of the maps: {trail}. {features:,} numbers enter fc6. "
        f"{_compare(ledger, paper, 'parameters', 'parameters')}, "
        f"{_compare(ledger, paper, 'macs', 'multiply-adds')}, "
        f"{ledger.total('neurons'):,} neurons."
    )
    return ledger_chart(ledger, "What each layer costs (hollow: the paper's network)", paper), text


def _compare(ledger: Ledger, paper: Ledger, column: str, words: str) -> str:
    total, printed = ledger.total(column), paper.total(column)
    times = "as in the paper" if total == printed else f"{total / printed:.2f} of the paper's"
    return f"{total:,} {words} ({times})"


def preset_explorer() -> Explorer:
    """Each named network to scale, with what it changes and why."""
    return Explorer(render_preset, preset=choice("network", tuple(PRESETS)))


def render_preset(state: dict[str, Any]) -> tuple[Figure, str]:
    """Drawing and words of the preset named `preset`."""
    name = state["preset"]
    config = PRESETS[name]
    total = config_ledger(config).total("parameters")
    changes = ", ".join(f"{field} {value}" for field, value in config.changes().items())
    text = f"{PRESET_REASONS[name]} Changed: {changes or 'nothing'}."
    return architecture(config, f"{name}: {total:,} parameters"), text
