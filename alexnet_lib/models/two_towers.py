"""The network as it ran: two towers, one per GPU (§3.2, Fig. 2)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_some, check_whole, check_window
from alexnet_lib.models.ledger import FLOAT_BYTES, Ledger, LedgerRow, config_ledger
from alexnet_lib.paper.layers import (
    CeilConv2d,
    ClassicDropout,
    LocalResponseNorm,
    OverlappingMaxPool2d,
)
from alexnet_lib.paper.network import AlexNet, AlexNetConfig


class TowerPair(nn.Module):
    """Two modules of the same kind, one a tower.

    Shape:
        a, b: any -> what each tower makes of its own input
    Source: ours.
    """

    def __init__(self, tower_a: nn.Module, tower_b: nn.Module):
        super().__init__()
        self.tower_a, self.tower_b = tower_a, tower_b

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Run each tower on its own input."""
        return self.tower_a(a), self.tower_b(b)


class TwoTowerConv2d(nn.Module):
    """A convolution spread over two towers, each on its own GPU in 2012 (§3.2).

    A tower holds half of the kernels. It sees either only its own half of the input maps, or, where
    the towers communicate (`crosses`), all of them.

    Args:
        in_channels, out_channels: of both towers together; even.
        kernel_size, stride, padding: as in `torch.nn.Conv2d`.
        crosses: True where each tower reads both towers' maps (conv3 of the paper).
    Shape:
        a, b: (N, C / 2, H, W) float each -> two of (N, K / 2, H', W')
    Source: paper §3.2. Without crossing it equals a convolution with groups=2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        crosses: bool = False,
    ):
        super().__init__()
        check_window(kernel_size, stride, padding)
        check_whole("in_channels", in_channels, 2)
        check_whole("out_channels", out_channels, 2)
        if in_channels % 2 or out_channels % 2:
            raise InputError(f"two towers need even widths, got {in_channels} -> {out_channels}.")
        seen = in_channels if crosses else in_channels // 2
        self.crosses = crosses
        self.tower_a = nn.Conv2d(seen, out_channels // 2, kernel_size, stride, padding)
        self.tower_b = nn.Conv2d(seen, out_channels // 2, kernel_size, stride, padding)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Run both towers; the concatenation is what has to travel between the GPUs."""
        if self.crosses:
            a = b = torch.cat([a, b], dim=1)  # (N, C / 2, H, W) -> (N, C, H, W)
        return self.tower_a(a), self.tower_b(b)  # (N, K / 2, H', W') each


class TwoTowerAlexNet(nn.Module):
    """AlexNet as two towers of half the width that meet at conv3, fc6, fc7 and fc8 (Fig. 2).

    Normalisation is each tower's own, as it has to be without talking. With copied weights it
    equals the grouped `AlexNet` whose config says `norm_groups=2` (or no normalisation). Its first
    weights are torch's own; `to_two_towers(AlexNet(config))` has those that the config asks for.

    Args:
        config: groups (1, 2, 1, 2, 2), even widths and hidden units, 2012 extras off.
    Shape:
        x: (N, 3, input_size, input_size) -> logits (N, num_classes)
    Raises:
        InputError: the config is not that of two towers.
    Source: paper §3.2, Fig. 2.
    """

    def __init__(self, config: AlexNetConfig):
        super().__init__()
        _check_splits(config)
        self.config = config
        w1, w2, w3, w4, w5 = config.widths
        k1, k2, k3, k4, k5 = config.kernels
        p1, p2, p3, p4, p5 = config.paddings
        conv1 = CeilConv2d if config.conv1_padding == "ceil" else nn.Conv2d
        features, half = w5 * config.map_sizes()["pool5"] ** 2, config.hidden_units // 2

        def relu() -> TowerPair:
            return _pair(nn.ReLU if config.activation == "relu" else nn.Tanh)

        def norm() -> TowerPair:
            kind, alpha = config.normalisation, config.norm_alpha
            return _pair(
                lambda: LocalResponseNorm(5, alpha, convention=kind) if kind else nn.Identity()
            )

        def pool() -> TowerPair:
            return _pair(lambda: OverlappingMaxPool2d(config.pool_kernel, config.pool_stride))

        def drop() -> TowerPair:
            kind = ClassicDropout if config.dropout == "classic" else nn.Dropout
            return _pair(lambda: kind(config.dropout_p))

        self.conv1 = _pair(lambda: conv1(3, w1 // 2, k1, stride=config.conv1_stride, padding=p1))
        self.relu1, self.norm1, self.pool1 = relu(), norm(), pool()
        self.conv2 = TwoTowerConv2d(w1, w2, k2, padding=p2)
        self.relu2, self.norm2, self.pool2 = relu(), norm(), pool()
        self.conv3, self.relu3 = TwoTowerConv2d(w2, w3, k3, padding=p3, crosses=True), relu()
        self.conv4, self.relu4 = TwoTowerConv2d(w3, w4, k4, padding=p4), relu()
        self.conv5, self.relu5 = TwoTowerConv2d(w4, w5, k5, padding=p5), relu()
        self.pool5 = pool()
        self.fc6, self.relu6 = _pair(lambda: nn.Linear(features, half)), relu()
        self.drop6 = drop()
        self.fc7, self.relu7 = _pair(lambda: nn.Linear(2 * half, half)), relu()
        self.drop7 = drop()
        self.fc8 = nn.Linear(2 * half, config.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch; a `_meet` is where maps travel from one GPU to the other."""
        a, b = self.conv1(x, x)  # (N, 48, 55, 55) each: both see the whole image
        a, b = self.pool1(*self.norm1(*self.relu1(a, b)))  # (N, 48, 27, 27)
        a, b = self.conv2(a, b)  # (N, 128, 27, 27)
        a, b = self.pool2(*self.norm2(*self.relu2(a, b)))  # (N, 128, 13, 13)
        a, b = self.relu3(*self.conv3(a, b))  # (N, 192, 13, 13); crosses
        a, b = self.relu4(*self.conv4(a, b))  # (N, 192, 13, 13)
        a, b = self.relu5(*self.conv5(a, b))  # (N, 128, 13, 13)
        a, b = self.pool5(a, b)  # (N, 128, 6, 6)
        x = _meet(a.flatten(1), b.flatten(1))  # (N, 4608) each -> (N, 9216)
        x = _meet(*self.drop6(*self.relu6(*self.fc6(x, x))))  # (N, 2048) each -> (N, 4096)
        x = _meet(*self.drop7(*self.relu7(*self.fc7(x, x))))  # (N, 4096)
        return self.fc8(x)  # (N, 1000)


def _pair(make: Callable[[], nn.Module]) -> TowerPair:
    return TowerPair(make(), make())


def _meet(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([a, b], dim=1)


def _check_splits(config: AlexNetConfig) -> None:
    extras = config.norm1_before_relu or config.spatial_norm or config.left_out
    if config.groups != (1, 2, 1, 2, 2) or extras:
        raise InputError(
            f"groups are {config.groups}; expected (1, 2, 1, 2, 2), nothing left out, without "
            "norm1_before_relu and spatial_norm: only that network splits as in Fig. 2."
        )
    if config.hidden_units % 2:
        raise InputError(f"hidden_units is {config.hidden_units}; two towers need an even one.")


# --- From one form to the other -----------------------------------------------------------------

_SPLIT_LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")


def to_two_towers(grouped: AlexNet) -> TwoTowerAlexNet:
    """Split a grouped AlexNet into two towers: same weights, device, dtype and mode.

    Raises:
        InputError: its config is not that of two towers.
    Source: ours.
    """
    state = {}
    for name, tensor in grouped.state_dict().items():
        layer, kind = name.split(".")
        if layer in _SPLIT_LAYERS:  # rows are output channels: half a tower each
            first, second = tensor.chunk(2)
            state[f"{layer}.tower_a.{kind}"], state[f"{layer}.tower_b.{kind}"] = first, second
        else:
            state[name] = tensor
    return _filled(TwoTowerAlexNet, grouped, state)


def to_grouped(towers: TwoTowerAlexNet) -> AlexNet:
    """Join two towers into a grouped AlexNet: same weights, device, dtype and mode.

    Source: ours; the inverse of `to_two_towers`.
    """
    parts, state = towers.state_dict(), {}
    for name, tensor in parts.items():
        layer, _, kind = name.partition(".")
        if layer in _SPLIT_LAYERS:
            kind = kind.rpartition(".")[2]
            state[f"{layer}.{kind}"] = torch.cat(
                [parts[f"{layer}.tower_{tower}.{kind}"] for tower in "ab"]
            )
        else:
            state[name] = tensor
    return _filled(AlexNet, towers, state)


def _filled(kind: type[nn.Module], source: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """The same network in its other form, with copies of these weights."""
    with torch.device("meta"):  # no first weights are drawn only to be replaced
        network = kind(source.config)
    copies = {name: tensor.detach().clone() for name, tensor in state.items()}
    network.load_state_dict(copies, assign=True)
    return network.train(source.training)


# --- What crosses from one GPU to the other -------------------------------------------------------

CAN_TALK = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7")

PAPER_TALKS = ("conv3", "fc6", "fc7")


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
    crossing = {name: FLOAT_BYTES * inputs[name] for name in CAN_TALK if name in talks}
    return crossing | {"fc8": FLOAT_BYTES * config.hidden_units // 2}


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
