"""The network to look into: the learner's own, else the course's, else a small one made now."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from alexnet_lib.data.images import ImageData
from alexnet_lib.models.pretrained import load_torchvision_weights
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.network import PRESETS, AlexNet, AlexNetConfig
from alexnet_lib.training.checkpoint import (
    CheckpointError,
    TrainedNetwork,
    load_trained,
    shipped_network,
)
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import existing_run
from alexnet_lib.training.trainer import Trainer

_SMALL = {
    "widths": (24, 32, 48, 48, 32),
    "hidden_units": 128,
    "dropout_p": 0.2,
    "init": "kaiming",
    "input_scale": "standardised",
}

_IMAGENET_FILE = "alexnet-owt-7be5be79.pth"  # torchvision's name; the hash's beginning is in it


def available_network(
    data: ImageData, run: str | Path = "", report: Callable[[str], Any] = print
) -> TrainedNetwork:
    """The network of a run where one is named, else the shipped one, else a small one trained now.

    Args:
        data: to train on, where nothing else is there.
        run: folder of a run, also as "runs/…" and from any folder, or a file of `save_trained`.
        report: is told which network it is.
    Raises:
        CheckpointError: `run` is named but cannot be used.
    """
    before = ""
    if run:
        network = load_trained(existing_run(str(run)))
        if is_like_shipped(network):
            report(f"Your own network from {Path(run).name}.")
            return network
        before = (
            f"The run {Path(run).name} has trained another kind of network, "
            f"{network.about['network']}; expected an AlexNet for 28 pixels, such as "
            "`python train.py --preset cifar-lite` trains. So this is used instead: "
        )
    try:
        network = shipped_network()
    except CheckpointError as error:
        report(f"{before}{error} A small network is trained instead, which knows far less.")
        return quick_network(data)
    report(f"{before}The course's own network.")
    return network


def is_like_shipped(network: TrainedNetwork) -> bool:
    """Whether lessons can look into it: eight layers, with conv1's windows of `cifar-lite`."""
    config, like = getattr(network.model, "config", None), PRESETS["cifar-lite"]
    return isinstance(config, AlexNetConfig) and all(
        getattr(config, name) == getattr(like, name)
        for name in ("input_size", "kernels", "paddings", "conv1_stride")
    )


def quick_network(data: ImageData, images: int = 5000, epochs: int = 5) -> TrainedNetwork:
    """Train a small network on a few images: some 20 seconds on two CPU cores."""
    validation = min(500, len(data.train) // 10)
    config = TrainConfig(
        preset="cifar-lite",
        model=_SMALL,
        epochs=epochs,
        batch_size=64,
        schedule="constant",
        validation_size=validation,
        train_limit=min(images, len(data.train) - validation),
        precision="float32",
        device="cpu",
    )
    trainer = Trainer(config, data)
    trainer.fit(whole=True)
    trainer.model.eval()
    return trainer.network()


def imagenet_network() -> AlexNet | None:
    """torchvision's AlexNet with its ImageNet weights, if torch's cache has them; else None.

    Nothing is downloaded: the file has 233 MB.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / _IMAGENET_FILE
    if not path.is_file():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):  # 61 million numbers need not be drawn to be overwritten
        model = build_model("torchvision", 1000)
    return load_torchvision_weights(model.to_empty(device="cpu"), state).eval()
