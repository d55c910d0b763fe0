"""What a config's words become: the split, the views, the update rule, its schedule (§4.1, §5)."""

import torch
from torch import Tensor, nn

from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.paper.optim import FixedDrops, PaperSGD, PlateauDrops, parameter_groups
from alexnet_lib.training.config import TrainConfig


def split(data: ImageData, config: TrainConfig) -> tuple[Examples, Examples]:
    """Training and validation images, both out of the data's training half.

    A tenth, if the config names no number, and at least one of each class that has two.
    """
    pairs = int((data.train.labels.bincount() > 1).sum())
    validation = config.validation_size or max(1, pairs, len(data.train) // 10)
    if config.train_limit is not None:
        data = data.subset(train=min(config.train_limit + validation, len(data.train)))
    return data.split(validation, config.seed)


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weights (num_classes,) of the loss under which all classes count the same; 1 on average."""
    counts = labels.bincount(minlength=num_classes)
    return torch.where(counts > 0, len(labels) / ((counts > 0).sum() * counts.clamp(min=1)), 0.0)


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
    rest = {"momentum": config.momentum, "weight_decay": config.weight_decay}
    if config.optimiser == "paper":
        return PaperSGD(groups, config.lr, **rest)
    return torch.optim.SGD(groups, config.lr, **rest, fused=True)  # which heeds `found_inf`


def make_schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig
) -> PlateauDrops | FixedDrops | None:
    """What lowers the learning rate; None: constant, as in a trial too short for its drops."""
    if config.schedule == "plateau":
        return PlateauDrops(optimizer, patience=config.patience)
    if config.schedule == "fixed" and FixedDrops.fits(config.epochs, config.drop_at):
        return FixedDrops(optimizer, config.epochs, config.drop_at)
    return None
