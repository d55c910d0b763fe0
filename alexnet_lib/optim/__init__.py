"""How the network learns: the update rule, its learning-rate schedule, the first weights (§5)."""

from alexnet_lib.optim.initialisation import INITIALISATIONS, initialise
from alexnet_lib.optim.schedule import FixedDrops, PlateauDrops
from alexnet_lib.optim.sgd import PaperSGD, parameter_groups, rescale_momentum

__all__ = [
    "INITIALISATIONS",
    "FixedDrops",
    "PaperSGD",
    "PlateauDrops",
    "initialise",
    "parameter_groups",
    "rescale_momentum",
]
