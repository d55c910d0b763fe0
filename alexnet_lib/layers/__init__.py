"""The layers that AlexNet brought together, in the order of the paper: §3.2, §3.3, §3.4, §4.2.

Each is written out so that it can be read beside the paper, and tested against torch and plain
loops. What torch already has unchanged (ReLU, linear layers, inverted dropout) is used from torch.
"""

from alexnet_lib.layers.convolution import (
    CeilConv2d,
    TwoTowerConv2d,
    ceil_output_size,
    conv2d_by_hand,
    window_starts,
)
from alexnet_lib.layers.dropout import ClassicDropout
from alexnet_lib.layers.local import LocalConv2d
from alexnet_lib.layers.pooling import OverlappingMaxPool2d
from alexnet_lib.layers.response_norm import (
    CONVENTIONS,
    LocalResponseNorm,
    SpatialResponseNorm,
    local_response_norm,
)

__all__ = [
    "CONVENTIONS", "CeilConv2d", "ClassicDropout", "LocalConv2d", "LocalResponseNorm",
    "OverlappingMaxPool2d", "SpatialResponseNorm", "TwoTowerConv2d", "ceil_output_size",
    "conv2d_by_hand", "local_response_norm", "window_starts",
]  # fmt: skip
