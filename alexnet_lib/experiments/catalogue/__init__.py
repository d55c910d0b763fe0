"""Every named experiment of the course."""

from alexnet_lib.experiments.catalogue.board import BOARD
from alexnet_lib.experiments.catalogue.fig1 import FIG1, FIG1_TODAY
from alexnet_lib.experiments.catalogue.layers import DEPTH, LRN, LRN_CIFAR, OVERLAP, TOWERS
from alexnet_lib.experiments.catalogue.learning import (
    AUGMENTATION,
    DROPOUT,
    INIT,
    SCHEDULE,
    WEIGHT_DECAY,
)
from alexnet_lib.experiments.catalogue.results import ALEXNET224, CIFAR, ENSEMBLE
from alexnet_lib.experiments.design import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        *(FIG1, FIG1_TODAY, TOWERS, LRN, LRN_CIFAR, OVERLAP),
        *(AUGMENTATION, DROPOUT, WEIGHT_DECAY, INIT, SCHEDULE),
        *(ALEXNET224, CIFAR, ENSEMBLE, DEPTH, BOARD),
    )
}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"there is no experiment {name!r}; expected one of {known}.")
    return EXPERIMENTS[name]
