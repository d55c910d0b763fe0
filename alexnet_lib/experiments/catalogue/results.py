"""Experiments about the results as a whole: §6."""

from alexnet_lib.experiments.catalogue.sizes import LESSON, LITE
from alexnet_lib.experiments.design import Comparison, Experiment

_FIVE, _RUN, _BEST = ("five networks",), ("python train.py",), ("cifar",)

ENSEMBLE = Experiment(
    "ensemble",
    "How much better do five networks answer together than one alone?",
    {_FIVE[0]: {}},
    (
        Comparison(
            "five networks against one", _FIVE, _FIVE, rival_measure="member", claim="ensemble"
        ),
    ),
    LITE,
    LESSON,
    seeds=3,
    members=5,
)


def _levels(condition: tuple[str]) -> tuple[Comparison, ...]:
    return (
        Comparison("centre view", condition, kind="level"),
        Comparison("ten views", condition, measure="ten", kind="level"),
    )


ALEXNET224 = Experiment(
    "alexnet224",
    "What does the 224-pixel network, trained as long as in the paper, reach on CIFAR-10?",
    {_RUN[0]: {}},
    _levels(_RUN),
    {"preset": "plain"},
    seeds=3,
)

CIFAR = Experiment(
    "cifar",
    "What is the lowest error of the CIFAR-10 network with the ingredients of 2012 only?",
    {_BEST[0]: {}},
    _levels(_BEST),
    {"preset": "cifar", "epochs": 180},
    LESSON,
    seeds=3,
)
