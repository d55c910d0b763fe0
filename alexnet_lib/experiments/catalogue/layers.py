"""Experiments about what the network is made of: §3.2, §3.3, §3.4, §7."""

from alexnet_lib.experiments.catalogue.sizes import (
    LESSON,
    LESSON_CENTRED,
    LESSON_CONV_LOCAL,
    LESSON_WIDE,
    LITE,
)
from alexnet_lib.experiments.design import Comparison, Experiment

ONE_GROUP = (1, 1, 1, 1, 1)

TOWERS = Experiment(
    name="towers",
    question="Do two towers beat one of half the kernels, and what do they lose against a network "
    "that is not split at all?",
    common=LITE,
    lesson=LESSON_WIDE,
    conditions={
        "two towers": {},
        # As in the authors' one-tower net, conv5 and the dense layers keep their size.
        "one tower": {"model": {"widths": (48, 128, 192, 192, 256), "groups": ONE_GROUP}},
        "not split": {"model": {"groups": ONE_GROUP}},
    },
    comparisons=(
        Comparison(
            "two towers against one", ours=("two towers",), rival=("one tower",), claim="towers"
        ),
        Comparison("not split against two towers", ours=("not split",), rival=("two towers",)),
    ),
)

# Equal widths and equal decay, unlike the two networks that the authors shipped.
LRN = Experiment(
    name="lrn",
    question="Does response normalisation lower the test error of the authors' 13 % network from "
    "13 % to 11 %?",
    common={"preset": "conv-local"},
    lesson=LESSON_CONV_LOCAL,
    conditions={
        "no LRN": {},
        "LRN of §3.3": {"model": {"normalisation": "paper"}},
        "LRN of the 11 % net": {"model": {"normalisation": "source2012"}},
    },
    comparisons=(
        Comparison(
            "error without",
            ours=("no LRN",),
            kind="level",
            claim="lrn_without",
            same_data=True,
        ),
        Comparison(
            "error with the 11 % net's",
            ours=("LRN of the 11 % net",),
            rival=("no LRN",),
            kind="level",
            claim="lrn_with",
            same_data=True,
        ),
        Comparison(
            "the 11 % net's LRN against none", ours=("LRN of the 11 % net",), rival=("no LRN",)
        ),
        Comparison("LRN of §3.3 against none", ours=("LRN of §3.3",), rival=("no LRN",)),
    ),
)

LRN_CIFAR = Experiment(
    name="lrn-cifar",
    question="Does response normalisation help AlexNet itself on CIFAR-10, as printed or as run?",
    common=LITE,
    lesson=LESSON_CENTRED,
    conditions={
        "no LRN": {"model": {"normalisation": None}},
        "LRN as printed": {},
        "LRN as run": {"model": {"normalisation": "source2012"}},
    },
    comparisons=(
        Comparison("LRN as printed against none", ours=("LRN as printed",), rival=("no LRN",)),
        Comparison("LRN as run against none", ours=("LRN as run",), rival=("no LRN",)),
    ),
)

# As in the authors' net without overlap, a padding makes up for the size of the maps: 3×3 in pool5.
APART = {"pool_kernel": 2, "paddings": (2, 2, 0, 1, 1)}

OVERLAP = Experiment(
    name="overlap",
    question="Do pools of 3×3 pixels, 2 apart, beat pools of 2×2 that do not overlap?",
    common=LITE,
    lesson=LESSON,
    conditions={"overlapping": {}, "apart": {"model": APART}},
    comparisons=(
        Comparison(
            "overlapping against apart", ours=("overlapping",), rival=("apart",), claim="overlap"
        ),
    ),
)

_MIDDLE = ("conv3", "conv4", "conv5")
_SHORTER = tuple(f"without {name}" for name in _MIDDLE)

DEPTH = Experiment(
    name="depth",
    question="What does it cost to leave out one of the middle layers?",
    common=LITE,
    lesson=LESSON,
    conditions={
        "whole": {},
        **{f"without {name}": {"model": {"left_out": (name,)}} for name in _MIDDLE},
    },
    comparisons=(
        Comparison("whole against one layer less", ("whole",), rival=_SHORTER, claim="depth"),
        *(Comparison(f"whole against {name}", ("whole",), rival=(name,)) for name in _SHORTER),
    ),
)
