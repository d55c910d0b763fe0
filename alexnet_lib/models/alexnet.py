"""AlexNet, in the order of §3.5 and under the paper's names."""

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_batch, check_shape
from alexnet_lib.layers import (
    CeilConv2d,
    ClassicDropout,
    LocalResponseNorm,
    OverlappingMaxPool2d,
    SpatialResponseNorm,
)
from alexnet_lib.models.config import AlexNetConfig
from alexnet_lib.optim import initialise


class AlexNet(nn.Module):
    """Five convolutions and three dense layers (§3.5, Fig. 2).

    The towers of the paper are the groups of conv2, conv4 and conv5: a map of one half never sees
    the other half there. `models.two_towers` has the same network as two explicit towers.

    Args:
        config: what it is made of; see `PRESETS`.
        generator: source of the first weights; seed 0 where None.
    Shape:
        x: (N, 3, input_size, input_size) float -> logits (N, num_classes)
    Raises:
        ValueError: x has another shape, or holds no image.
        TypeError: config is not an AlexNetConfig, or x is not floating point.
    Source: paper §3.5.
    """

    def __init__(self, config: AlexNetConfig, generator: torch.Generator | None = None):
        super().__init__()
        if not isinstance(config, AlexNetConfig):
            raise TypeError(f"config is {config!r}; expected an AlexNetConfig, such as PRESETS[…].")
        self.config = config
        w1, w2, *_ = config.widths
        k1, k2, *_ = config.kernels
        p1, p2, *_ = config.paddings
        g1, g2, *_ = config.groups
        conv1 = CeilConv2d if config.conv1_padding == "ceil" else nn.Conv2d
        hidden, last_map = config.hidden_units, config.map_sizes()["pool5"]

        self.conv1 = conv1(3, w1, k1, stride=config.conv1_stride, padding=p1, groups=g1)
        self.relu1 = _activation(config)
        self.norm1 = _norm(config)
        self.pool1 = OverlappingMaxPool2d(config.pool_kernel, config.pool_stride)

        self.conv2 = nn.Conv2d(w1, w2, k2, padding=p2, groups=g2)
        self.relu2 = _activation(config)
        self.norm2 = _norm(config)
        self.cnorm2 = SpatialResponseNorm() if config.spatial_norm else nn.Identity()
        self.pool2 = OverlappingMaxPool2d(config.pool_kernel, config.pool_stride)

        self.conv3, self.relu3 = _middle(config, 3)
        self.conv4, self.relu4 = _middle(config, 4)
        self.conv5, self.relu5 = _middle(config, 5)
        self.pool5 = OverlappingMaxPool2d(config.pool_kernel, config.pool_stride)

        self.fc6 = nn.Linear(config.maps_in()[5] * last_map**2, hidden)
        self.relu6 = _activation(config)
        self.drop6 = _dropout(config)
        self.fc7 = nn.Linear(hidden, hidden)
        self.relu7 = _activation(config)
        self.drop7 = _dropout(config)
        self.fc8 = nn.Linear(hidden, config.num_classes)
        initialise(self, config.init, generator or torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch; the sizes in the comments are the paper's."""
        check_batch(x, self.config.input_size, next(self.parameters()).device)
        x = self.features(x)  # (N, 256, 6, 6)
        x = x.flatten(1)  # (N, 9216)
        x = self.drop6(self.relu6(self.fc6(x)))  # (N, 4096)
        x = self.drop7(self.relu7(self.fc7(x)))  # (N, 4096)
        return self.fc8(x)  # (N, 1000)

    def features(self, x: Tensor) -> Tensor:
        """The convolutional part: images to the maps of pool5. NaN in gives NaN out."""
        size = self.config.input_size
        check_shape(x, ("N", 3, size, size), device=next(self.parameters()).device)
        x = self.conv1(x)  # (N, 96, 55, 55)
        if self.config.norm1_before_relu:
            x = self.relu1(self.norm1(x))
        else:
            x = self.norm1(self.relu1(x))
        x = self.pool1(x)  # (N, 96, 27, 27)

        x = self.norm2(self.relu2(self.conv2(x)))  # (N, 256, 27, 27)
        x = self.pool2(self.cnorm2(x))  # (N, 256, 13, 13)

        x = self.relu3(self.conv3(x))  # (N, 384, 13, 13)
        x = self.relu4(self.conv4(x))  # (N, 384, 13, 13)
        x = self.relu5(self.conv5(x))  # (N, 256, 13, 13)
        return self.pool5(x)  # (N, 256, 6, 6)


def _middle(config: AlexNetConfig, number: int) -> tuple[nn.Module, nn.Module]:
    """Convolution and activation of conv3, conv4 or conv5; two passages where it is left out."""
    if f"conv{number}" in config.left_out:
        return nn.Identity(), nn.Identity()
    maps_in, at = config.maps_in(), number - 1
    kernel, padding, groups = config.kernels[at], config.paddings[at], config.groups[at]
    convolution = nn.Conv2d(maps_in[at], config.widths[at], kernel, padding=padding, groups=groups)
    return convolution, _activation(config)


def _activation(config: AlexNetConfig) -> nn.Module:
    return nn.ReLU() if config.activation == "relu" else nn.Tanh()


def _norm(config: AlexNetConfig) -> nn.Module:
    if config.normalisation is None:
        return nn.Identity()
    return LocalResponseNorm(convention=config.normalisation, groups=config.norm_groups)


def _dropout(config: AlexNetConfig) -> nn.Module:
    kind = ClassicDropout if config.dropout == "classic" else nn.Dropout
    return kind(config.dropout_p)
