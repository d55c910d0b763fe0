"""AlexNet, as printed and as run in 2012: layers, models, training, lessons.

Floors, from the ground up; a module imports only from floors below its own:

    checks                    refusals in words
    paper, statistics         the paper as code; intervals, power, curves
    models, data              AlexNet's relatives; pictures
    training                  runs, and what is left of them
    experiments, inspection   sealed records and verdicts; looking inside
    course                    lessons, exercises, figures, widgets
    cli                       the command line
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def lazy_names(package: str, homes: dict[str, str]) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of a package whose public names live in its modules.

    Nothing is imported before a name is asked for, so `import alexnet_lib` stays light.

    Args:
        package: the package's `__name__`.
        homes: module of the package -> the names it defines, divided by spaces.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return get, lambda: sorted(home_of)


__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "paper": "CLAIMS LAYERS PRESETS AlexNet AlexNetConfig Augmentation CeilConv2d "
        "ClassicDropout FixedDrops LocalResponseNorm OverlappingMaxPool2d PaperSGD PlateauDrops "
        "initialise",
        "models": "MODEL_NAMES build_model layer_ledger",
        "data": "Examples Preprocessing load_cifar10",
        "training": "TrainConfig Trainer evaluate top_k_error",
    },
)
