"""How long a run will take on this machine, from a few timed steps of the run itself."""

import time
from dataclasses import replace

import torch

from alexnet_lib.checks import check_whole
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.models import build_model
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.trainer import Trainer

_CLASSES = tuple("0123456789")


class _Clock:
    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_step(self, trainer: Trainer) -> None:
        self.ticks.append(time.perf_counter())


def images_per_second(config: TrainConfig, steps: int = 6) -> float:
    """Time `steps` training steps on noise, augmentation included; the fastest one counts.

    Raises:
        ValueError: steps < 2, since the first step warms up.
    """
    check_whole("steps", steps, 2)
    count = config.batch_size * steps + 1
    noise = Examples(torch.randint(256, (count, 3, 32, 32)).byte(), torch.arange(count) % 10)
    once = replace(config, epochs=1, validation_size=1, train_limit=None, schedule="constant")
    clock = _Clock()
    model = build_model(config.preset, len(_CLASSES), config.seed, **config.model)
    data = ImageData("noise", _CLASSES, noise, noise)
    Trainer(model, data, once, [clock]).fit(whole=True)
    gaps = [late - early for early, late in zip(clock.ticks, clock.ticks[1:], strict=False)]
    return config.batch_size / min(gaps)


def epochs_within(budget_s: float, rate: float, images: int, least: int, most: int) -> int:
    """Epochs that fit into a time at `rate` images a second, between `least` and `most`.

    A tenth is kept back for validation, files and a busy machine.
    """
    return max(least, min(most, int(0.9 * budget_s * rate / images)))
