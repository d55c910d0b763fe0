"""`alexnet info`: what this machine has, and the networks there are."""

import argparse
import platform

import torch

from alexnet_lib import __version__
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.files import level, offline, project_root
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.models.registry import MODEL_NAMES, model_config
from alexnet_lib.paper.network import PRESET_REASONS
from alexnet_lib.training.device import describe_device, pick_device, pick_precision

ABOUT = "Print versions, device, folders, and the networks there are."

_REASONS = {
    **PRESET_REASONS,
    "four-layer": "The small net behind Fig. 1: three convolutions and a dense layer.",
    "conv-local": "The net behind §3.3's 13 %: two convolutions, two locally connected layers.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Nothing can be set."""
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print it all."""
    device = pick_device()
    precision = str(pick_precision(device)).removeprefix("torch.")
    print(
        f"alexnet_lib {__version__}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"device      {describe_device(device)}; fastest activations here: {precision}")
    print(f"project     {project_root()}")
    print(f"level       {level()}{', offline' if offline() else ''}")
    load_cifar10(
        download=False, report=lambda line: print(f"data        {line.removeprefix('Data: ')}")
    )
    for name in MODEL_NAMES:
        sizes = config_ledger(model_config(name))
        parameters, mega_macs = sizes.total("parameters"), sizes.total("macs") / 1e6
        print(f"{name:12s}{parameters:>11,} parameters, {mega_macs:4,.0f} M MACs. {_REASONS[name]}")
    return 0
