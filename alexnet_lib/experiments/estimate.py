"""How long an experiment would take on this machine."""

from dataclasses import replace
from functools import lru_cache

from alexnet_lib.experiments.run import Study
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import pick_device
from alexnet_lib.training.speed import images_per_second

_CIFAR10 = 45_000  # training images, where a config does not say
_ALSO = 1.1  # validation, test, files


def hours_left(study: Study) -> float:
    """Hours for the pieces still to run, by a few timed steps of the first condition's network.

    An upper bound where runs stop early (Fig. 1).
    """
    left = [piece for piece in study.pieces if study.result(piece) is None]
    configs = [study.configs[piece.condition] for piece in left]
    images = sum(config.epochs * (config.train_limit or _CIFAR10) for config in configs)
    if not images:
        return 0.0
    rate = _rate(next(iter(study.configs.values())), study.device)
    return _ALSO * study.experiment.members * images / rate / 3600


def _rate(config: TrainConfig, device: str) -> float:
    batch_size = 16 if pick_device(device).type == "cpu" else config.batch_size
    network = (config.preset, tuple(sorted(config.model.items())))
    return _measured(*network, batch_size, device)


@lru_cache
def _measured(preset: str, model: tuple, batch_size: int, device: str) -> float:
    config = TrainConfig.for_preset(preset, model=dict(model), device=device, lr=1e-6)  # noise
    return images_per_second(replace(config, batch_size=batch_size), steps=3)
