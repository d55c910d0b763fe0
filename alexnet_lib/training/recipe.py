"""The parts that a config asks for: split, batches, optimiser, schedule (§4.1, §5)."""

import torch
from torch import nn

from alexnet_lib.augment import Augmentation
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.optim import FixedDrops, PaperSGD, PlateauDrops, parameter_groups
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.team import Team


def split(data: ImageData, config: TrainConfig) -> tuple[Examples, Examples]:
    """Training and validation images, both out of the data's training half."""
    validation = config.validation_size or max(1, len(data.train) // 10)
    if config.train_limit is not None:
        data = data.subset(train=min(config.train_limit + validation, len(data.train)))
    return data.split(validation, config.seed)


def train_batches(
    model: nn.Module,
    train: Examples,
    config: TrainConfig,
    device: torch.device,
    team: Team,
) -> Batches:
    """This process's batches of training images, with the views of the first epoch."""
    scale = Preprocessing.fit(train, model.config.input_scale, config.mean_crop)
    views = augmentation(model, config, epoch=0)
    return Batches(
        train,
        config.batch_size,
        scale,
        views,
        seed=config.seed,
        device=device,
        rank=team.rank,
        processes=team.size,
    )


def augmentation(model: nn.Module, config: TrainConfig, epoch: int) -> Augmentation:
    """The views of an epoch; the colour noise ends before the run does."""
    noisy = epoch < config.colour_until * config.epochs
    return Augmentation(
        crop_size=model.config.input_size,
        resize_to=model.config.resize_to,
        flip=config.flip,
        colour=config.colour if noisy else None,
        offsets=config.offsets,
    )


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The update rule over the model's weights and biases."""
    groups = parameter_groups(model, config.lr, config.weight_decay, config.biases)
    kind = PaperSGD if config.optimiser == "paper" else torch.optim.SGD
    return kind(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def make_schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig
) -> PlateauDrops | FixedDrops | None:
    """What lowers the learning rate; None where it is constant."""
    if config.schedule == "plateau":
        return PlateauDrops(optimizer, patience=config.patience)
    if config.schedule == "fixed":
        return FixedDrops(optimizer, config.epochs, config.drop_at)
    return None
