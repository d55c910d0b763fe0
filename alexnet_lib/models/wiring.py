"""Where two towers talk, and what travels between their GPUs (§3.2)."""

from collections.abc import Collection
from dataclasses import replace

from alexnet_lib.checks import check_some
from alexnet_lib.models.config import AlexNetConfig
from alexnet_lib.models.ledger import Ledger, LedgerRow
from alexnet_lib.models.plan import config_ledger

CAN_TALK = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
PAPER_TALKS = ("conv3", "fc6", "fc7")
_FLOAT_BYTES = 4


def crossing_bytes(config: AlexNetConfig, talks: Collection[str] = PAPER_TALKS) -> dict[str, int]:
    """Bytes of float32 that cross between two towers on one image's way forward, by layer.

    Each tower sends its half of the layer's input, so both directions make the whole input. fc8 is
    one layer on one of the GPUs: the other sends its half there. A backward pass sends as many
    gradients back.

    Args:
        config: of the network; its groups are not looked at.
        talks: layers in which each tower reads the other's maps too. Paper: conv3, fc6, fc7.
    Raises:
        ValueError: a layer that cannot talk is named.
    Source: paper §3.2, Fig. 2; that fc8 stays on one GPU is ours.
    """
    check_some("talks", talks, CAN_TALK)
    sizes, maps = config.map_sizes(), config.widths
    inputs = {
        "conv2": maps[0] * sizes["pool1"] ** 2,
        "conv3": maps[1] * sizes["pool2"] ** 2,
        "conv4": maps[2] * sizes["conv3"] ** 2,
        "conv5": maps[3] * sizes["conv4"] ** 2,
        "fc6": maps[4] * sizes["pool5"] ** 2,
        "fc7": config.hidden_units,
    }
    crossing = {name: _FLOAT_BYTES * inputs[name] for name in CAN_TALK if name in talks}
    return crossing | {"fc8": _FLOAT_BYTES * config.hidden_units // 2}


def wired_ledger(config: AlexNetConfig, talks: Collection[str] = PAPER_TALKS) -> Ledger:
    """The ledger of two towers that talk in these layers only, by arithmetic (§3.2).

    A layer that does not talk has half of the weights, dense layers too.

    Raises:
        ValueError: a layer that cannot talk is named, or maps do not part into two towers.
    Source: ours.
    """
    check_some("talks", talks, CAN_TALK)
    groups = (1, *(1 if name in talks else 2 for name in CAN_TALK[:4]))
    silent = {"fc6", "fc7"} - set(talks)
    rows = config_ledger(replace(config, groups=groups)).rows
    return Ledger(tuple(_halved(row) if row.name in silent else row for row in rows))


def _halved(row: LedgerRow) -> LedgerRow:
    """The same dense layer, each tower reading its own half of the input."""
    # One multiply-add a weight; the biases stay.
    return replace(row, parameters=row.parameters - row.macs // 2, macs=row.macs // 2)
