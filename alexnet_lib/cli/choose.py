"""Which run `alexnet train` makes: its config, its folder, and the network that it begins with."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from alexnet_lib.checks import InputError
from alexnet_lib.cli.options import given
from alexnet_lib.training.checkpoint import CheckpointError, find_trained
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import pick_device, pick_precision
from alexnet_lib.training.reuse import nearest_preset
from alexnet_lib.training.run import RunFolder, existing_run, new_run_path
from alexnet_lib.training.watchers import epochs_within, images_per_second

TRAINING_IMAGES = 45_000  # of CIFAR-10's 50,000; the others decide

QUICK_S, CPU_RUN_S = 115, 55 * 60

# With weights that know something: few epochs at a low rate, and batches that suit small sets.
FINE_TUNING = {"epochs": 15, "lr": 0.002, "batch_size": 16, "schedule": "constant"}


def start_network(name: str) -> nn.Module:
    """The network to begin with: a run's, a file's, a shipped one, or torchvision's.

    Raises:
        CheckpointError: there is none.
    """
    if name != "torchvision":
        return find_trained(existing_run(name)).model
    from alexnet_lib.course.shipped import imagenet_network

    if (network := imagenet_network()) is None:
        raise CheckpointError(
            "torchvision's weights are not on this machine. Fetch them once (233 MB): python -c "
            "\"import torchvision; torchvision.models.alexnet(weights='DEFAULT')\""
        )
    return network


def begun(args: argparse.Namespace) -> tuple[TrainConfig, Path]:
    """A new run's config, with all that this machine decides decided, and its folder."""
    config = chosen(args)
    precision = pick_precision(pick_device(config.device), config.precision)
    config = replace(config, precision=str(precision).removeprefix("torch."))
    return config, Path(args.run_dir) if args.run_dir else new_run_path(config, args.name)


def chosen(args: argparse.Namespace) -> TrainConfig:
    """The config that options and device ask for, nothing else having been touched."""
    settings = given(args)
    if args.start:
        return _continuing(args, settings)
    if args.quick:
        config = TrainConfig.for_preset(**{"preset": "four-layer", **settings})
        return config if "epochs" in settings else _fitted(config, QUICK_S, least=4, most=12)
    if "preset" in settings or pick_device(settings.get("device", "auto")).type != "cpu":
        return TrainConfig.for_preset(**{"preset": "plain", **settings})
    config = TrainConfig.for_preset(**{"preset": "cifar-lite", **settings})
    return config if "epochs" in settings else _instead_of_days(config)


def _continuing(args: argparse.Namespace, settings: dict[str, Any]) -> TrainConfig:
    """The config of a run that begins with another network: its kind, and gentle steps."""
    if args.quick:
        raise InputError("--quick trains a small network from its start; leave it or --from out.")
    if "preset" in settings:
        return TrainConfig.for_preset(**{**FINE_TUNING, **settings})
    preset, changes = nearest_preset(start_network(args.start))
    settings["model"] = changes | settings.get("model", {})
    return TrainConfig.for_preset(**{"preset": preset, **FINE_TUNING, **settings})


def _instead_of_days(config: TrainConfig) -> TrainConfig:
    """On a CPU: say what the paper's run would cost, and settle for about an hour."""
    where = {"device": config.device, "precision": config.precision}
    full = TrainConfig.for_preset("plain", batch_size=8, **where)
    days = full.epochs * TRAINING_IMAGES / images_per_second(full, steps=2) / 86_400
    print(
        f"There is no GPU. The 224-pixel run (preset plain, {full.epochs} epochs) would take about "
        f"{days:.0f} days here, judging by one step. Training `cifar-lite` for about an hour "
        "instead; --preset plain insists, --epochs sets another length."
    )
    return _fitted(config, CPU_RUN_S, least=5, most=60)


def _fitted(config: TrainConfig, budget_s: float, least: int, most: int) -> TrainConfig:
    """As many epochs as this machine can do in the time, measured now and recorded."""
    rate = images_per_second(config)
    images = config.train_limit or TRAINING_IMAGES
    config = replace(config, epochs=epochs_within(budget_s, rate, images, least, most))
    minutes = config.epochs * images / rate / 60
    print(
        f"Measured {rate:,.0f} images/s here, so {config.epochs} epochs: about {minutes:.0f} min."
    )
    return config


def continued(args: argparse.Namespace) -> tuple[RunFolder, TrainConfig, dict]:
    """The run to go on with, its config, and its state; changes only with --override.

    Raises:
        ValueError: options differ from the run's own and --override is missing.
    """
    folder = RunFolder(existing_run(args.resume), resume=True)
    state = folder.read_state()
    recorded = TrainConfig.from_dict(state["config"])
    named = given(args)
    if "model" in named:  # changes to what the run trains, the others of which stay
        named["model"] = {**recorded.model, **named["model"]}
    config = replace(recorded, **named)
    changed = recorded.difference(config)
    if changed and not args.override:
        raise InputError(
            f"{folder.path} was started with other settings ({'; '.join(changed)}). Leave those "
            "options out, or add --override to go on with the change on record."
        )
    folder.overrides = [*state.get("overrides", []), *changed]
    return folder, config, state
