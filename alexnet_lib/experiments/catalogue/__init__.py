"""Every named experiment of the course."""

from alexnet_lib.experiments.catalogue.fig1 import FIG1
from alexnet_lib.experiments.design import Experiment

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (FIG1,)}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"there is no experiment {name!r}; expected one of {known}.")
    return EXPERIMENTS[name]
