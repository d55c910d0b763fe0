"""Experiments about what the network is made of: §3.2, §3.3, §3.4, §7."""

from alexnet_lib.experiments.catalogue.sizes import CENTRED, CONV_LOCAL, LESSON, LITE, WIDE
from alexnet_lib.experiments.design import Comparison, Experiment, gain

_ONE_GROUP = (1, 1, 1, 1, 1)

TOWERS = Experiment(
    "towers",
    "Do two towers beat one of half the kernels, and lose to a network that is not split?",
    {
        "two towers": {},
        # As in the authors' one-tower net, conv5 and the dense layers keep their size.
        "one tower": {"model": {"widths": (48, 128, 192, 192, 256), "groups": _ONE_GROUP}},
        "not split": {"model": {"groups": _ONE_GROUP}},
    },
    (gain("two towers", "one tower", claim="towers"), gain("not split", "two towers")),
    LITE,
    WIDE,
)

# Equal widths and equal decay, unlike the two networks that the authors shipped.
_NONE, _PRINTED, _OF_11 = "no LRN", "LRN of §3.3", "LRN of the 11 % net"

LRN = Experiment(
    "lrn",
    "Does response normalisation lower the error of the authors' 13 % network to 11 %?",
    {
        _NONE: {},
        _PRINTED: {"model": {"normalisation": "paper"}},
        _OF_11: {"model": {"normalisation": "source2012"}},
    },
    (
        Comparison(_NONE, (_NONE,), kind="level", claim="lrn_without", same_data=True),
        Comparison(_OF_11, (_OF_11,), (_NONE,), kind="level", claim="lrn_with", same_data=True),
        gain(_OF_11, _NONE),
        gain(_PRINTED, _NONE),
    ),
    {"preset": "conv-local"},
    CONV_LOCAL,
)

LRN_CIFAR = Experiment(
    "lrn-cifar",
    "Does response normalisation help AlexNet on CIFAR-10, as printed or as the code ran?",
    {
        _NONE: {"model": {"normalisation": None}},
        "LRN as printed": {},
        "LRN as run": {"model": {"normalisation": "source2012"}},
    },
    (gain("LRN as printed", _NONE), gain("LRN as run", _NONE)),
    LITE,
    CENTRED,
)

# As in the authors' net without overlap, a padding makes up for the size of the maps: 3×3 in pool5.
APART = {"model": {"pool_kernel": 2, "paddings": (2, 2, 0, 1, 1)}}

OVERLAP = Experiment(
    "overlap",
    "Do pools of 3×3 pixels, 2 apart, beat pools of 2×2 that do not overlap?",
    {"overlapping": {}, "apart": APART},
    (gain("overlapping", "apart", claim="overlap"),),
    LITE,
    LESSON,
)

_SHORTER = {
    f"without {name}": {"model": {"left_out": (name,)}} for name in ("conv3", "conv4", "conv5")
}

DEPTH = Experiment(
    "depth",
    "What does it cost to leave out one of the middle layers?",
    {"whole": {}, **_SHORTER},
    (
        Comparison("whole against one layer less", ("whole",), tuple(_SHORTER), claim="depth"),
        *(gain("whole", name) for name in _SHORTER),
    ),
    LITE,
    LESSON,
)
