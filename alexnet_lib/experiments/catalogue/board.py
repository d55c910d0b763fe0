"""The ablation board: five ingredients on and off, in half of all combinations (§3, §4).

A 2^(5-1) fractional factorial of resolution V: the fifth ingredient's sign is the product of the
other four (generator E = ABCD, defining relation I = ABCDE). Main effects are then mixed up with
interactions of four ingredients only, and interactions of two with those of three.
"""

from itertools import combinations, product
from math import prod

from alexnet_lib.experiments.catalogue.layers import APART
from alexnet_lib.experiments.catalogue.learning import STILL
from alexnet_lib.experiments.catalogue.sizes import LESSON, LITE
from alexnet_lib.experiments.design import Comparison, Experiment, merged

# What each ingredient's absence is. The last one follows from the others.
WITHOUT = {
    "ReLU": {"model": {"activation": "tanh"}},
    "LRN": {"model": {"normalisation": None}},
    "overlap": APART,
    "augmentation": STILL,
    "dropout": {"model": {"dropout_p": 0.0}},
}


def name_of(present: tuple[str, ...]) -> str:
    """The condition with these ingredients."""
    return " + ".join(present) or "none"


def corners() -> list[tuple[str, ...]]:
    """The sixteen combinations that are run: their ingredients."""
    signs = [(*four, prod(four)) for four in product((1, -1), repeat=4)]
    return [tuple(n for n, s in zip(WITHOUT, row, strict=True) if s > 0) for row in signs]


def contrast(words: str, factors: tuple[str, ...]) -> Comparison:
    """Corners where the product of the factors' signs is + against the others.

    One factor gives its main effect. Two give their interaction: half of what the one gains when
    the other is present rather than absent.
    """
    sides: dict[bool, list[str]] = {True: [], False: []}
    for present in corners():
        absent = sum(factor not in present for factor in factors)
        sides[absent % 2 == 0].append(name_of(present))
    return Comparison(words, ours=tuple(sides[True]), rival=tuple(sides[False]))


BOARD = Experiment(
    "board",
    "What does each ingredient bring, and which of them need one another?",
    {
        name_of(present): merged(*(WITHOUT[name] for name in WITHOUT if name not in present))
        for present in corners()
    },
    (
        *(contrast(f"{name} against none", (name,)) for name in WITHOUT),
        *(contrast(f"{a} with {b}", (a, b)) for a, b in combinations(WITHOUT, 2)),
    ),
    LITE,
    LESSON,
    seeds=3,
)
