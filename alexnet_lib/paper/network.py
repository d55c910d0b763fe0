"""AlexNet (§3.5): every choice in one config, the network that it builds, the named presets.

`AlexNetConfig` says what a network is made of and refuses what cannot be built; `AlexNet` reads
from top to bottom like §3.5; `PRESETS` has the paper as printed, as the authors' code ran, the
common reading, and the forms for CIFAR-10.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, WrongTypeError, check_all, check_some, check_wholes
from alexnet_lib.paper.layers import (
    CONVENTIONS,
    CeilConv2d,
    ClassicDropout,
    LocalResponseNorm,
    OverlappingMaxPool2d,
    SpatialResponseNorm,
    ceil_output_size,
)
from alexnet_lib.paper.optim import INITIALISATIONS, initialise

# --- What a network is made of ------------------------------------------------------------------

MIDDLE = ("conv3", "conv4", "conv5")  # of which any may be left out (§7)

_PER_CONVOLUTION = {"widths": 1, "kernels": 1, "paddings": 0, "groups": 1}  # least value

# What the other fields may be: a whole number of at least that, a number in an interval, a choice.
_RULES = {
    **dict.fromkeys(("num_classes", "input_size", "conv1_stride", "pool_stride"), 1),
    **dict.fromkeys(("hidden_units", "norm_groups"), 1),
    "conv1_padding": ("ceil", "symmetric"),
    "normalisation": (None, *CONVENTIONS),
    "norm_alpha": "[0, inf)",
    "norm1_before_relu": (False, True),
    "spatial_norm": (False, True),
    "dropout": ("classic", "inverted"),
    "dropout_p": "[0, 1)",
    "activation": ("relu", "tanh"),
    "init": tuple(name for name in INITIALISATIONS if name != "cuda-convnet"),  # it has 3 layers
    "input_scale": ("centred", "standardised"),
}


@dataclass(frozen=True)
class AlexNetConfig:
    """What an AlexNet is made of. The defaults are the paper as printed (§3.5).

    Source: paper §3.5; the alternatives: authors' code and torch, as said.
    """

    # What comes in, and how many answers go out (§2)
    num_classes: int = 1000
    input_size: int = 224  # side of the square that the network sees, in pixels
    resize_to: int | None = 256  # shorter side of the picture before the crop; None: as it is
    # conv1 … conv5
    widths: tuple[int, ...] = (96, 256, 384, 384, 256)  # maps
    kernels: tuple[int, ...] = (11, 5, 3, 3, 3)  # side of the window, in pixels
    paddings: tuple[int, ...] = (0, 2, 1, 1, 1)  # zeros on all four sides
    groups: tuple[int, ...] = (1, 2, 1, 2, 2)  # 2: each tower sees its own half of the maps
    conv1_stride: int = 4
    # "ceil": the authors' rule, more zeros at right and bottom, as many as the last window needs;
    # "symmetric": only the paddings[0] zeros on every side
    conv1_padding: str = "ceil"
    # The three max pools (§3.4)
    pool_kernel: int = 3
    pool_stride: int = 2
    # fc6 and fc7
    hidden_units: int = 4096
    # A convention of `layers.local_response_norm` (§3.3); None: no normalisation
    normalisation: str | None = "paper"
    norm_alpha: float = 1e-4  # of inputs as large as pixels; 0 leaves the constant k^(-β) alone
    norm_groups: int = 1  # 1: over all maps, as printed; 2: each tower's own, as the code ran
    norm1_before_relu: bool = False  # True: as the code ran
    spatial_norm: bool = False  # True: the code's extra same-map normalisation after norm2
    # "classic" (§4.2) or "inverted" (torch's), on the outputs of fc6 and fc7
    dropout: str = "classic"
    dropout_p: float = 0.5  # probability of a zero
    activation: str = "relu"  # or "tanh" (§3.1)
    init: str = "paper"  # the first weights, see `optim.initialise`
    # "centred": pixels 0–255 minus the mean image (§2); "standardised": mean 0 and standard
    # deviation 1 per colour
    input_scale: str = "centred"
    left_out: tuple[str, ...] = ()  # middle layers that are missing, of conv3, conv4, conv5 (§7)

    def __post_init__(self):
        check_all(vars(self), **_RULES)
        check_all(vars(self), pool_kernel=self.pool_stride)  # no pixel is left out
        if self.resize_to is not None:
            check_all(vars(self), resize_to=self.input_size)  # a crop is taken from it
        for name, least in _PER_CONVOLUTION.items():  # a list, as JSON has it, becomes a tuple
            object.__setattr__(self, name, check_wholes(name, getattr(self, name), 5, least))
        check_some("left_out", self.left_out, MIDDLE)
        # In the order of the layers, each once: one network, one config.
        object.__setattr__(self, "left_out", tuple(n for n in MIDDLE if n in self.left_out))
        self._check_groups()
        self.map_sizes()

    def _check_groups(self) -> None:
        """Refuse maps that cannot be cut into equal groups."""
        columns = zip(self.maps_in(), self.widths, self.groups, strict=False)
        for number, (before, after, groups) in enumerate(columns, 1):
            if before % groups or after % groups:
                cut = f"which cannot be cut into {groups} equal groups"
                maps = f"conv{number} has {before} maps in and {after} out"
                raise InputError(f"groups is {self.groups}; {maps}, {cut}.")
        if self.normalisation and any(width % self.norm_groups for width in self.widths[:2]):
            wanted = f"expected a divisor of the first two widths, {self.widths[:2]}"
            raise InputError(f"norm_groups is {self.norm_groups}; {wanted}.")

    def maps_in(self) -> tuple[int, ...]:
        """Maps that conv1 … conv5 and pool5 read: of the last layer before that is not left out."""
        maps = [3]
        for number, width in enumerate(self.widths, 1):
            maps.append(maps[-1] if f"conv{number}" in self.left_out else width)
        return tuple(maps)

    def map_sizes(self) -> dict[str, int]:
        """Side of the square maps after each convolution and pool, in pixels."""
        sizes, size = {}, self.input_size  # 224
        for number, (kernel, padding) in enumerate(
            zip(self.kernels, self.paddings, strict=True), 1
        ):
            if f"conv{number}" not in self.left_out:
                stride = self.conv1_stride if number == 1 else 1
                up = number == 1 and self.conv1_padding == "ceil"
                size = self._positions(f"conv{number}", size + 2 * padding, kernel, stride, up)
            sizes[f"conv{number}"] = size
            if number in (1, 2, 5):
                pool = (self.pool_kernel, self.pool_stride)  # rounds up, as conv1
                size = sizes[f"pool{number}"] = self._positions(f"pool{number}", size, *pool, True)
        return sizes

    def _positions(self, layer: str, size: int, kernel: int, stride: int, up: bool) -> int:
        """Positions of a layer's window along `size` pixels, rounded up or down."""
        if size < kernel:
            raise InputError(
                f"{layer} needs {kernel} pixels and has {size}: input_size {self.input_size} is "
                "too small for these layers."
            )
        return ceil_output_size(size, kernel, stride) if up else (size - kernel) // stride + 1

    def changes(self) -> dict[str, object]:
        """What differs from the paper as printed: field name -> value."""
        mine = vars(self)
        return {f.name: mine[f.name] for f in fields(self) if mine[f.name] != f.default}


# --- The network --------------------------------------------------------------------------------


def _convolution(config: AlexNetConfig, number: int) -> nn.Module:
    """conv1 … conv5; where it is left out, a passage."""
    if f"conv{number}" in config.left_out:
        return nn.Identity()
    first, at = number == 1, number - 1
    kind = CeilConv2d if first and config.conv1_padding == "ceil" else nn.Conv2d
    return kind(
        config.maps_in()[at],
        config.widths[at],
        config.kernels[at],
        stride=config.conv1_stride if first else 1,
        padding=config.paddings[at],
        groups=config.groups[at],
    )


def _activation(config: AlexNetConfig, number: int) -> nn.Module:
    """ReLU, or what saturates (§3.1); where the layer before is left out, a passage."""
    if f"conv{number}" in config.left_out:
        return nn.Identity()
    return nn.ReLU() if config.activation == "relu" else nn.Tanh()


def _norm(config: AlexNetConfig) -> nn.Module:
    if config.normalisation is None:
        return nn.Identity()
    alpha, groups = config.norm_alpha, config.norm_groups
    return LocalResponseNorm(alpha=alpha, convention=config.normalisation, groups=groups)


def _dropout(config: AlexNetConfig) -> nn.Module:
    kind = ClassicDropout if config.dropout == "classic" else nn.Dropout
    return kind(config.dropout_p)


class AlexNet(nn.Module):
    """Five convolutions and three dense layers (§3.5, Fig. 2).

    The towers of the paper are the groups of conv2, conv4 and conv5: a map of one half never sees
    the other half there. `models.two_towers` has the same network as two explicit towers.

    What enters is checked before, where pictures come from outside (`checks.check_input`); built
    within `torch.device("meta")` it has shapes without numbers, for weights that will be loaded.

    Args:
        config: what it is made of; see `PRESETS`.
        generator: source of the first weights; seed 0 where None.
    Shape:
        x: (N, 3, input_size, input_size) float -> logits (N, num_classes)
    Source: paper §3.5.
    """

    def __init__(self, config: AlexNetConfig, generator: torch.Generator | None = None):
        super().__init__()
        if not isinstance(config, AlexNetConfig):
            raise WrongTypeError(f"config is {config!r}; expected an AlexNetConfig: PRESETS[…].")
        self.config = config

        # conv1 is the only one with a stride; norm1 may come before relu1, see `features`
        self.norm1_first, pool = config.norm1_before_relu, (config.pool_kernel, config.pool_stride)
        self.conv1 = _convolution(config, 1)
        self.relu1 = _activation(config, 1)
        self.norm1 = _norm(config)
        self.pool1 = OverlappingMaxPool2d(*pool)

        # From here on two towers, as groups
        self.conv2 = _convolution(config, 2)
        self.relu2 = _activation(config, 2)
        self.norm2 = _norm(config)
        self.cnorm2 = SpatialResponseNorm() if config.spatial_norm else nn.Identity()
        self.pool2 = OverlappingMaxPool2d(*pool)

        # "Without any intervening pooling or normalization layers" (§3.5)
        self.conv3, self.relu3 = _convolution(config, 3), _activation(config, 3)
        self.conv4, self.relu4 = _convolution(config, 4), _activation(config, 4)
        self.conv5, self.relu5 = _convolution(config, 5), _activation(config, 5)
        self.pool5 = OverlappingMaxPool2d(*pool)

        # fc6 reads all maps of pool5 in a row: 256 · 6 · 6 = 9216. Dropout only here (§4.2).
        features = config.maps_in()[5] * config.map_sizes()["pool5"] ** 2
        self.fc6 = nn.Linear(features, config.hidden_units)
        self.relu6, self.drop6 = _activation(config, 6), _dropout(config)
        self.fc7 = nn.Linear(config.hidden_units, config.hidden_units)
        self.relu7, self.drop7 = _activation(config, 7), _dropout(config)
        self.fc8 = nn.Linear(config.hidden_units, config.num_classes)

        initialise(self, config.init, generator or torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch; the sizes in the comments are the paper's."""
        x = self.features(x).flatten(1)  # (N, 3, 224, 224) -> (N, 256, 6, 6) -> (N, 9216)
        x = self.drop6(self.relu6(self.fc6(x)))  # (N, 4096)
        x = self.drop7(self.relu7(self.fc7(x)))  # (N, 4096)
        # No ReLU and no softmax at the end: the loss takes the logits.
        return self.fc8(x)  # (N, 1000)

    def features(self, x: Tensor) -> Tensor:
        """The convolutional part: images to the maps of pool5."""
        x = self.conv1(x)  # (N, 96, 55, 55)
        # Printed: ReLU, then norm. In the code of 2012 the norm saw what comes before the ReLU.
        x = self.relu1(self.norm1(x)) if self.norm1_first else self.norm1(self.relu1(x))
        x = self.pool1(x)  # (N, 96, 27, 27)

        # 48 maps of one tower make 128: conv2 sees no map of the other
        x = self.norm2(self.relu2(self.conv2(x)))  # (N, 256, 27, 27)
        x = self.pool2(self.cnorm2(x))  # (N, 256, 13, 13)

        # conv3 alone reads the maps of both towers; 4 and 5 keep to their own again
        x = self.relu3(self.conv3(x))  # (N, 384, 13, 13)
        x = self.relu4(self.conv4(x))  # (N, 384, 13, 13)
        x = self.relu5(self.conv5(x))  # (N, 256, 13, 13)
        return self.pool5(x)  # (N, 256, 6, 6)


# --- The presets --------------------------------------------------------------------------------

_PAPER = AlexNetConfig()

_CIFAR = replace(
    _PAPER,
    input_size=28,  # of 32 pixels, the 7/8 that 224 is of 256
    resize_to=None,
    kernels=(5, 5, 3, 3, 3),
    paddings=(2, 2, 1, 1, 1),
    conv1_stride=1,  # stride 4 would leave 7×7 maps
    init="source2012",
)

_PLAIN = replace(
    _PAPER,
    paddings=(2, 2, 1, 1, 1),
    conv1_padding="symmetric",
    groups=(1, 1, 1, 1, 1),
    normalisation=None,
    dropout="inverted",
    init="torch",
    input_scale="standardised",
)

PRESETS: dict[str, AlexNetConfig] = {
    "paper": _PAPER,
    "source2012": replace(
        _PAPER,
        normalisation="source2012",
        norm_groups=2,  # each GPU normalised its own maps
        norm1_before_relu=True,
        spatial_norm=True,
        init="source2012",
    ),
    "plain": _PLAIN,
    "cifar": _CIFAR,
    "cifar-lite": replace(_CIFAR, hidden_units=1024),
    "torchvision": replace(_PLAIN, widths=(64, 192, 384, 256, 256)),
}

PRESET_REASONS: dict[str, str] = {
    "paper": "As printed in §3–§5. Its initialisation stalls at the printed learning rate of 0.01.",
    "source2012": "As the authors' released code ran: wider start in conv3–5, LRN per tower with "
    "alpha / n, norm1 before its ReLU, one more normalisation after norm2. Not taken over: conv1 "
    "slowed and frozen late in the run, and one crop for 32 images in a row.",
    "plain": "The common reading: 96-256-384-384-256 without groups or normalisation, torch's "
    "dropout and initialisation, standardised inputs.",
    "cifar": "Only what 32×32 pictures force: 28-pixel crops (the same 7/8 of the side) and a 5×5 "
    "first layer at stride 1; the wider start of the code, since the printed one stalls.",
    "cifar-lite": "`cifar` with 1024 instead of 4096 units in fc6 and fc7, for a CPU.",
    "torchvision": "The one-tower net of 2014 that torchvision ships; its weights load into this.",
}
