"""The paper's ingredients in one design: eight things present or absent, 32 of 256 combinations.

Every ingredient is present in half of the runs, and any three occur in all eight combinations
equally often. So each run tells about every ingredient at once: an effect is the mean of sixteen
runs against that of sixteen others, where a comparison of its own would have had a few.
"""

from itertools import combinations, product
from math import prod

from alexnet_lib.experiments.design import Comparison, Experiment, Settings, merged

# --- What is present or absent ------------------------------------------------------------------

# What each absence is. The first five are combined freely; the others follow from them.
ABSENT: dict[str, Settings] = {
    "LRN": {"model": {"norm_alpha": 0.0}},  # its constant 2^(-0.75) stays: the control of §3.3
    # conv5 without padding, and pool5 is as large as with overlap: 3×3
    "overlap": {"model": {"pool_kernel": 2, "paddings": (2, 2, 1, 1, 0)}},
    "colour": {"colour": None},
    "decay": {"weight_decay": 0.0},
    "crops": {"flip": False, "offsets": "centre"},  # every image as it is, its centre
    "conv4": {"model": {"left_out": ("conv4",)}},
    # As in the authors' one-tower net, conv5 and the dense layers keep their size.
    "towers": {"model": {"widths": (24, 64, 96, 96, 128), "groups": (1, 1, 1, 1, 1)}},
    "dropout": {"model": {"dropout_p": 0.0}},
}

# An ingredient is present where an even number of these is absent; words of four letters and more,
# so that no ingredient's effect is mixed with that of two others ("resolution IV").
_FOLLOWS = {
    "conv4": ("LRN", "overlap", "colour"),
    "towers": ("LRN", "overlap", "decay"),
    "dropout": ("overlap", "colour", "decay", "crops"),
}

# Pairs with crops or dropout are mixed with no other pair: those two are most likely to need, or
# to spare, what the others bring.
PAIRS = tuple(pair for pair in combinations(ABSENT, 2) if {"crops", "dropout"} & set(pair))


def corners() -> list[tuple[str, ...]]:
    """The 32 combinations that are run: their ingredients."""
    free = [name for name in ABSENT if name not in _FOLLOWS]
    rows = []
    for signs in product((1, -1), repeat=len(free)):
        row = dict(zip(free, signs, strict=True))
        row |= {name: prod(row[factor] for factor in _FOLLOWS[name]) for name in _FOLLOWS}
        rows.append(tuple(name for name in ABSENT if row[name] > 0))
    return rows


def name_of(present: tuple[str, ...]) -> str:
    """The condition with these ingredients."""
    return " + ".join(present) or "none"


def settings_of(present: tuple[str, ...]) -> Settings:
    """What the condition changes: every absence."""
    return merged(*(ABSENT[name] for name in ABSENT if name not in present))


# --- What is read off the runs ------------------------------------------------------------------

_EVERY = tuple(map(name_of, corners()))


def effect(name: str, words: str = "", **more: str) -> Comparison:
    """The sixteen runs with an ingredient against the sixteen without it."""
    sides = {True: [], False: []}
    for present in corners():
        sides[name in present].append(name_of(present))
    words = words or f"{name} against none"
    return Comparison(words, tuple(sides[True]), tuple(sides[False]), **more)


INGREDIENTS = Experiment(
    "ingredients",
    "What does each ingredient of the paper bring, and which of them need one another?",
    {name_of(present): settings_of(present) for present in corners()},
    (
        effect("LRN", "LRN against its constant"),
        effect("overlap", claim="overlap"),
        effect("crops"),
        effect("colour", claim="colour"),
        effect("dropout"),
        effect("decay"),
        effect("conv4", claim="depth"),
        effect("towers", "two towers against one of half the kernels", claim="towers"),
    ),
    common={"preset": "cifar-lite"},
    factors=tuple(ABSENT),
    pairs=PAIRS,
    seeds=1,
)
