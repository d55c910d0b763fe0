"""The network as it ran: two towers, one per GPU (§3.2, Fig. 2)."""

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_batch, check_shape, check_whole, check_window
from alexnet_lib.paper.layers import (
    CeilConv2d,
    ClassicDropout,
    LocalResponseNorm,
    OverlappingMaxPool2d,
)
from alexnet_lib.paper.network import AlexNet, AlexNetConfig

_SPLIT_LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")


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
        ValueError: the config is not that of two towers, x has another shape or holds no image.
        TypeError: x is not floating point.
    Source: paper §3.2, Fig. 2.
    """

    def __init__(self, config: AlexNetConfig):
        super().__init__()
        extras = config.norm1_before_relu or config.spatial_norm or config.left_out
        if config.groups != (1, 2, 1, 2, 2) or extras:
            raise InputError(
                f"groups are {config.groups}; expected (1, 2, 1, 2, 2), nothing left out, without "
                "norm1_before_relu and spatial_norm: only that network splits as in Fig. 2."
            )
        if config.hidden_units % 2:
            raise InputError(f"hidden_units is {config.hidden_units}; two towers need an even one.")
        self.config = config
        w1, w2, w3, w4, w5 = config.widths
        k1, k2, k3, k4, k5 = config.kernels
        p1, p2, p3, p4, p5 = config.paddings
        kind = CeilConv2d if config.conv1_padding == "ceil" else nn.Conv2d
        last_map, half = config.map_sizes()["pool5"], config.hidden_units // 2

        def conv1():
            return kind(3, w1 // 2, k1, stride=config.conv1_stride, padding=p1)

        self.conv1 = TowerPair(conv1(), conv1())  # both towers see the whole image
        self.conv2 = TwoTowerConv2d(w1, w2, k2, padding=p2)
        self.conv3 = TwoTowerConv2d(w2, w3, k3, padding=p3, crosses=True)
        self.conv4 = TwoTowerConv2d(w3, w4, k4, padding=p4)
        self.conv5 = TwoTowerConv2d(w4, w5, k5, padding=p5)
        features = w5 * last_map**2
        self.fc6 = TowerPair(nn.Linear(features, half), nn.Linear(features, half))
        self.fc7 = TowerPair(nn.Linear(2 * half, half), nn.Linear(2 * half, half))
        self.fc8 = nn.Linear(2 * half, config.num_classes)

        self.activation = nn.ReLU() if config.activation == "relu" else nn.Tanh()
        convention = config.normalisation
        self.norm = LocalResponseNorm(convention=convention) if convention else nn.Identity()
        self.pool = OverlappingMaxPool2d(config.pool_kernel, config.pool_stride)
        dropout = ClassicDropout if config.dropout == "classic" else nn.Dropout
        self.drop = dropout(config.dropout_p)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch; a `cat` is where maps travel from one GPU to the other."""
        check_batch(x, self.config.input_size, self.conv1.tower_a.weight.device)
        a, b = self._each(self.conv1(x, x), self.activation, self.norm, self.pool)
        a, b = self._each(self.conv2(a, b), self.activation, self.norm, self.pool)
        a, b = self._each(self.conv3(a, b), self.activation)  # crosses
        a, b = self._each(self.conv4(a, b), self.activation)
        a, b = self._each(self.conv5(a, b), self.activation, self.pool)
        both = _meet(a.flatten(1), b.flatten(1))  # crosses, (N, 9216)
        both = _meet(*self._each(self.fc6(both, both), self.activation, self.drop))  # (N, 4096)
        both = _meet(*self._each(self.fc7(both, both), self.activation, self.drop))  # (N, 4096)
        return self.fc8(both)  # (N, 1000)

    @staticmethod
    def _each(towers: tuple[Tensor, Tensor], *modules: nn.Module) -> tuple[Tensor, Tensor]:
        a, b = towers
        for module in modules:
            a, b = module(a), module(b)
        return a, b


def to_two_towers(grouped: AlexNet) -> TwoTowerAlexNet:
    """Split a grouped AlexNet into two towers: same weights, device, dtype and mode.

    Raises:
        ValueError: its config is not that of two towers.
    Source: ours.
    """
    towers = TwoTowerAlexNet(grouped.config).to(grouped.fc8.weight).train(grouped.training)
    state = {}
    for name, tensor in grouped.state_dict().items():
        layer, kind = name.split(".")
        if layer not in _SPLIT_LAYERS:
            state[name] = tensor
            continue
        first, second = tensor.chunk(2)  # rows are output channels: half a tower each
        state[f"{layer}.tower_a.{kind}"], state[f"{layer}.tower_b.{kind}"] = first, second
    towers.load_state_dict(state)
    return towers


def to_grouped(towers: TwoTowerAlexNet) -> AlexNet:
    """Join two towers into a grouped AlexNet: same weights, device, dtype and mode.

    Source: ours; the inverse of `to_two_towers`.
    """
    grouped = AlexNet(towers.config).to(towers.fc8.weight).train(towers.training)
    parts = towers.state_dict()
    state = {}
    for name in grouped.state_dict():
        layer, kind = name.split(".")
        halves = [parts.get(f"{layer}.tower_{tower}.{kind}") for tower in "ab"]
        state[name] = parts[name] if halves[0] is None else torch.cat(halves)
    grouped.load_state_dict(state)
    return grouped


def _meet(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([a, b], dim=1)


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
    Raises:
        ValueError: an odd number of channels, or towers of other shapes.
        TypeError: a tower's maps are not floating point.
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
        self.in_channels, self.crosses = in_channels, crosses
        self.tower_a = nn.Conv2d(seen, out_channels // 2, kernel_size, stride, padding)
        self.tower_b = nn.Conv2d(seen, out_channels // 2, kernel_size, stride, padding)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Run both towers; the concatenation is what has to travel between the GPUs."""
        for name, x in (("a", a), ("b", b)):
            expected, device = ("N", self.in_channels // 2, "H", "W"), self.tower_a.weight.device
            check_shape(x, expected, name, device=device)
        if a.shape != b.shape:
            raise InputError(
                f"a has shape {tuple(a.shape)}, b {tuple(b.shape)}; expected the same."
            )
        if self.crosses:
            a = b = torch.cat([a, b], dim=1)
        return self.tower_a(a), self.tower_b(b)
