"""Experiments about the results as a whole: §6."""

from alexnet_lib.experiments.catalogue.sizes import LESSON, LITE
from alexnet_lib.experiments.design import Comparison, Experiment

ENSEMBLE = Experiment(
    name="ensemble",
    question="How much better do five networks answer together than one alone?",
    common=LITE,
    lesson=LESSON,
    conditions={"five networks": {}},
    comparisons=(
        Comparison(
            "five networks against one",
            ours=("five networks",),
            rival=("five networks",),
            rival_measure="member",
            claim="ensemble",
        ),
    ),
    members=5,
    seeds=3,
)


def _levels(condition: str) -> tuple[Comparison, ...]:
    return (
        Comparison(f"{condition}, centre", ours=(condition,), kind="level"),
        Comparison(f"{condition}, ten views", ours=(condition,), measure="ten", kind="level"),
    )


ALEXNET224 = Experiment(
    name="alexnet224",
    question="What does the 224-pixel network, trained as long as in the paper, reach on CIFAR-10?",
    common={"preset": "plain"},
    conditions={"python train.py": {}},
    comparisons=_levels("python train.py"),
    seeds=3,
)

CIFAR = Experiment(
    name="cifar",
    question="What is the lowest error of the CIFAR-10 network with the paper's ingredients only?",
    common={"preset": "cifar", "epochs": 180},
    lesson=LESSON,
    conditions={"cifar": {}},
    comparisons=_levels("cifar"),
    seeds=3,
)
