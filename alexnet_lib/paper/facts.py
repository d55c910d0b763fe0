"""Every number of the paper that this project uses, with the section it stands in.

Krizhevsky, Sutskever, Hinton: "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012. First the network and its recipe, section by section, then what the paper claims.
Errors are fractions in [0, 1], improvements too (0.014 is 1.4 percentage points).
"""

from dataclasses import dataclass

# --- The network (§2, §3.5, Fig. 2) -------------------------------------------------------------

INPUT_SIZE = 224  # §3.5: 224×224×3 images
NUM_CLASSES = 1000  # §2


@dataclass(frozen=True)
class Layer:
    """One layer as §3.5 and Fig. 2 describe it, both towers together."""

    name: str
    maps: int  # channels (units) of the output
    size: int  # pixels along a side of the output, before pooling
    kernel_size: int
    stride: int
    groups: int  # 2: each tower sees only its own half of the maps before
    # These three follow from the others:
    neurons: int
    parameters: int
    macs: int  # multiply-adds


LAYERS = (
    # name, maps, size, kernel, stride, groups; neurons, parameters, multiply-adds
    Layer("conv1", 96, 55, 11, 4, 1, 290_400, 34_944, 105_415_200),
    Layer("conv2", 256, 27, 5, 1, 2, 186_624, 307_456, 223_948_800),
    Layer("conv3", 384, 13, 3, 1, 1, 64_896, 885_120, 149_520_384),
    Layer("conv4", 384, 13, 3, 1, 2, 64_896, 663_936, 112_140_288),
    Layer("conv5", 256, 13, 3, 1, 2, 43_264, 442_624, 74_760_192),
    Layer("fc6", 4096, 1, 6, 1, 1, 4_096, 37_752_832, 37_748_736),  # reads 256 maps of 6×6
    Layer("fc7", 4096, 1, 1, 1, 1, 4_096, 16_781_312, 16_777_216),
    Layer("fc8", 1000, 1, 1, 1, 1, 1_000, 4_097_000, 4_096_000),
)

PARAMETERS = 60_965_224  # abstract: "60 million"
NEURONS = 659_272  # abstract: "650,000"
MACS = 724_406_816  # not in the paper: the sum over the layers

# §3.5 and Fig. 2 print these counts; the first is a slip, 2 · 55 · 48 · 48 for 55 · 55 · 96.
PRINTED_NEURONS = (253_440, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000)


# --- The recipe (§3.3 to §5) --------------------------------------------------------------------


@dataclass(frozen=True)
class ResponseNorm:
    """Local response normalisation, §3.3."""

    size: int = 5  # n, adjacent maps
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0


@dataclass(frozen=True)
class Pooling:
    """Overlapping max pooling, §3.4."""

    kernel_size: int = 3  # z
    stride: int = 2  # s


@dataclass(frozen=True)
class Augmentation:
    """Crops, mirror images and colour, §4.1."""

    resized_side: int = 256  # §2
    crop_size: int = 224
    views_per_image: int = 2048  # 32 · 32 · 2; by inclusive counting 33 · 33 · 2 = 2178
    test_views: int = 10  # four corners, the centre, and their mirror images
    colour_std: float = 0.1


@dataclass(frozen=True)
class Dropout:
    """Dropout, §4.2."""

    p: float = 0.5
    layers: tuple[str, ...] = ("fc6", "fc7")


@dataclass(frozen=True)
class Training:
    """Stochastic gradient descent, §5."""

    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 0.0005
    lr: float = 0.01
    lr_drop_factor: float = 0.1
    lr_drops: int = 3
    epochs: int = 90  # "roughly 90 cycles"
    weight_std: float = 0.01
    unit_bias_layers: tuple[str, ...] = ("conv2", "conv4", "conv5", "fc6", "fc7")
    training_images: int = 1_200_000
    days_on_two_gtx_580: tuple[int, int] = (5, 6)  # "five to six days"


LRN = ResponseNorm()
POOLING = Pooling()
AUGMENTATION = Augmentation()
DROPOUT = Dropout()
TRAINING = Training()


# --- The claims ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A statement of the paper that a number stands behind."""

    id: str
    section: str
    statement: str  # in our words
    value: float  # the paper's number
    # "×", "error" or "points" (the difference of two errors), "images", "parameters", …
    unit: str
    notebook: int  # the lesson that takes it up
    testable: bool  # whether CIFAR-10 or arithmetic can test it


CLAIMS = (
    # abstract
    Claim("parameters", "abstract", "The network has 60 million parameters.", 60e6, "parameters",
          8, True),
    Claim("neurons", "abstract", "The network has 650,000 neurons.", 650e3, "neurons", 8, True),
    # §3, the architecture
    Claim("fig1", "§3.1, Fig. 1", "On CIFAR-10 a four-layer ReLU network reaches 25 % training "
          "error six times faster than the same network with tanh.", 6.0, "×", 3, True),
    Claim("towers", "§3.2", "Two towers lower the top-1 error against one tower with half the "
          "kernels.", 0.017, "points", 4, True),
    Claim("lrn_imagenet", "§3.3", "Response normalisation lowers the top-1 error on ImageNet.",
          0.014, "points", 5, False),
    Claim("lrn_without", "§3.3", "A four-layer network reaches this test error on CIFAR-10 without "
          "normalisation …", 0.13, "error", 5, True),
    Claim("lrn_with", "§3.3", "… and this one with it.", 0.11, "error", 5, True),
    Claim("overlap", "§3.4", "Overlapping pooling lowers the top-1 error.", 0.004, "points", 6,
          True),
    # §4 and §5, against overfitting
    Claim("views", "§4.1", "Crops and mirror images enlarge the training set by this factor.",
          2048, "×", 9, True),
    Claim("colour", "§4.1", "Shifting colours along their principal components lowers the top-1 "
          "error by more than this.", 0.01, "points", 9, True),
    Claim("ten_views", "§6", "Averaging ten views lowers the top-1 error.", 0.015, "points", 9,
          True),
    Claim("dropout", "§4.2", "Dropout roughly doubles the iterations to converge.", 2.0, "×", 10,
          True),
    Claim("weight_decay", "§5", "Weight decay of this size lowers the training error.", 0.0005,
          "decay", 11, True),
    # §6 and §7, the results
    Claim("ilsvrc2010_top1", "§6, Table 1", "Top-1 test error on ILSVRC-2010.", 0.375, "error", 13,
          False),
    Claim("ilsvrc2010_top5", "§6, Table 1", "Top-5 test error on ILSVRC-2010.", 0.170, "error", 13,
          False),
    Claim("ilsvrc2012_one", "§6, Table 2", "Top-5 validation error of one network on ILSVRC-2012.",
          0.182, "error", 13, False),
    Claim("ensemble", "§6, Table 2", "Averaging five networks lowers the top-5 error.", 0.018,
          "points", 13, True),
    Claim("ilsvrc2012_test", "§6, Table 2", "Top-5 test error of seven networks, two of them "
          "pre-trained, on ILSVRC-2012.", 0.153, "error", 13, False),
    Claim("depth", "§7", "Removing any middle layer costs about this much top-1 error.", 0.02,
          "points", 15, True),
)  # fmt: skip


def say_value(claim: Claim) -> str:
    """A claim's number with its unit: 37.5 %, 1.7 points, 6×, 60,000,000 parameters."""
    if claim.unit == "error":
        return f"{100 * claim.value:.3g} %"
    if claim.unit == "points":
        return f"{100 * claim.value:.3g} point{'s' * (claim.value != 0.01)}"
    if claim.unit == "×":
        return f"{claim.value:g}×"
    return f"{claim.value:,.0f} {claim.unit}" if claim.value >= 1 else f"{claim.value:g}"
