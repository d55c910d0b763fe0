"""Every choice that makes an AlexNet, and the named sets of choices."""

from dataclasses import dataclass, fields, replace

from alexnet_lib.checks import check_choice, check_number, check_whole, check_wholes
from alexnet_lib.layers import CONVENTIONS, ceil_output_size
from alexnet_lib.optim import INITIALISATIONS

_CHOICES = {
    "normalisation": (None, *CONVENTIONS),
    "norm1_before_relu": (False, True),
    "spatial_norm": (False, True),
    "dropout": ("classic", "inverted"),
    "activation": ("relu", "tanh"),
    "init": INITIALISATIONS,
    "input_scale": ("centred", "standardised"),
    "conv1_padding": ("ceil", "symmetric"),
}
MIDDLE = ("conv3", "conv4", "conv5")
_PER_CONVOLUTION = {"widths": 1, "kernels": 1, "paddings": 0, "groups": 1}  # name -> least value
_PIXELS = ("input_size", "conv1_stride", "pool_stride")
_COUNTS = ("num_classes", "hidden_units", "norm_groups", *_PIXELS)


@dataclass(frozen=True)
class AlexNetConfig:
    """What an AlexNet is made of. The defaults are the paper as printed (§3.5).

    Args:
        num_classes: outputs of fc8.
        input_size: side of the square that the network sees, in pixels.
        resize_to: shorter side of the image before the crop, in pixels; None keeps the image.
        widths, kernels, paddings, groups: of conv1 … conv5.
        conv1_stride: step of the first convolution, in pixels.
        conv1_padding: "ceil": the authors' rule, more zeros at right and bottom, as many as the
            last window needs. "symmetric": only the paddings[0] zeros on every side.
        pool_kernel, pool_stride: of the three max pools (§3.4).
        hidden_units: width of fc6 and fc7.
        normalisation: LRN convention (see `layers.local_response_norm`), or None for no LRN.
        norm_groups: 1: LRN sees all maps, as printed. 2: each tower's own, as the code ran.
        norm1_before_relu: True: norm1 sees conv1's output before its ReLU, as the code ran.
        spatial_norm: True: the code's extra same-map normalisation after norm2.
        dropout: "classic" (§4.2) or "inverted" (torch's).
        dropout_p: probability of a zero in fc6 and fc7's outputs.
        activation: "relu" or "tanh" (§3.1).
        init: see `optim.initialise`.
        left_out: names of middle layers that are missing, of conv3, conv4, conv5 (§7).
        input_scale: "centred": pixels 0–255 minus the mean image (§2). "standardised": mean 0 and
            standard deviation 1 per colour.
    Raises:
        ValueError: a value is out of range, or the image is too small for the layers.
    Source: paper §3.5; the alternatives: authors' code and torch, as said.
    """

    num_classes: int = 1000
    input_size: int = 224
    resize_to: int | None = 256
    widths: tuple[int, ...] = (96, 256, 384, 384, 256)
    kernels: tuple[int, ...] = (11, 5, 3, 3, 3)
    paddings: tuple[int, ...] = (0, 2, 1, 1, 1)
    groups: tuple[int, ...] = (1, 2, 1, 2, 2)
    conv1_stride: int = 4
    conv1_padding: str = "ceil"
    pool_kernel: int = 3
    pool_stride: int = 2
    hidden_units: int = 4096
    normalisation: str | None = "paper"
    norm_groups: int = 1
    norm1_before_relu: bool = False
    spatial_norm: bool = False
    dropout: str = "classic"
    dropout_p: float = 0.5
    activation: str = "relu"
    init: str = "paper"
    input_scale: str = "centred"
    left_out: tuple[str, ...] = ()

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        for name, least in _PER_CONVOLUTION.items():  # a list, as JSON has it, becomes a tuple
            values = check_wholes(name, getattr(self, name), 5, least)
            object.__setattr__(self, name, values)
        for name in _COUNTS:
            check_whole(name, getattr(self, name), 1)
        check_whole("pool_kernel", self.pool_kernel, self.pool_stride)  # no pixel is left out
        check_number("dropout_p", self.dropout_p, "[0, 1)")
        if self.resize_to is not None:
            check_whole("resize_to", self.resize_to, self.input_size)  # a crop is taken from it
        for name in self.left_out:
            check_choice("left_out", name, MIDDLE)
        object.__setattr__(self, "left_out", tuple(self.left_out))
        self._check_groups()
        self.map_sizes()

    def _check_groups(self) -> None:
        """Refuse maps that cannot be cut into equal groups."""
        for number, (before, after, groups) in enumerate(
            zip(self.maps_in(), self.widths, self.groups, strict=False), 1
        ):
            if before % groups or after % groups:
                raise ValueError(
                    f"groups is {self.groups}; conv{number} has {before} maps in and {after} out, "
                    f"which cannot be cut into {groups} equal groups."
                )
        if self.normalisation and any(width % self.norm_groups for width in self.widths[:2]):
            raise ValueError(
                f"norm_groups is {self.norm_groups}; expected a divisor of the first two widths, "
                f"{self.widths[:2]}."
            )

    def maps_in(self) -> tuple[int, ...]:
        """Maps that conv1 … conv5 and pool5 read: of the last layer before that is not left out."""
        maps = [3]
        for number, width in enumerate(self.widths, 1):
            maps.append(maps[-1] if f"conv{number}" in self.left_out else width)
        return tuple(maps)

    def map_sizes(self) -> dict[str, int]:
        """Side of the square maps after each convolution and pool, in pixels.

        Raises:
            ValueError: a window no longer fits; says where.
        """
        sizes, size = {}, self.input_size
        for number, (kernel, padding) in enumerate(
            zip(self.kernels, self.paddings, strict=True), 1
        ):
            if f"conv{number}" in self.left_out:
                kernel, padding = 1, 0
            if size + 2 * padding < kernel:
                raise ValueError(
                    f"conv{number} needs {kernel} pixels and has {size + 2 * padding}: input_size "
                    f"{self.input_size} is too small for these layers."
                )
            if number > 1:
                size = size + 2 * padding - kernel + 1
            elif self.conv1_padding == "ceil":
                size = ceil_output_size(size + 2 * padding, kernel, self.conv1_stride)
            else:
                size = (size + 2 * padding - kernel) // self.conv1_stride + 1
            sizes[f"conv{number}"] = size
            if number in (1, 2, 5):
                if size < self.pool_kernel:
                    raise ValueError(
                        f"pool{number} needs {self.pool_kernel} pixels and has {size}: input_size "
                        f"{self.input_size} is too small for these layers."
                    )
                size = ceil_output_size(size, self.pool_kernel, self.pool_stride)
                sizes[f"pool{number}"] = size
        return sizes

    def changes(self) -> dict[str, object]:
        """What differs from the paper as printed: field name -> value."""
        mine = vars(self)
        return {f.name: mine[f.name] for f in fields(self) if mine[f.name] != f.default}


_PAPER = AlexNetConfig()
_CIFAR = replace(
    _PAPER,
    input_size=28,
    resize_to=None,
    kernels=(5, 5, 3, 3, 3),
    paddings=(2, 2, 1, 1, 1),
    conv1_stride=1,
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
        norm_groups=2,
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
