"""`alexnet bench`: what our code takes, beside its rival and beside the machine's own limit.

The rival of a training is the plain recipe, which most re-implementations follow: a DataLoader
that augments image by image with torchvision, float32 in NCHW order, `nn.LocalResponseNorm`,
`torch.optim.SGD`. The limit is what no program can beat here: the machine's own matrix product,
or a copy of all that has to be read and written. Rivals and limits are timed in turns with ours,
so that a busy machine slows all alike: trust the ratios.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lib.cli.bench_plain import (
    SIDE,
    TorchNorm,
    noise,
    plain_epoch,
    plain_model,
    plain_training,
)
from alexnet_lib.cli.bench_threads import measure_threads, threads_table
from alexnet_lib.data.batches import Batches
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.files import cache_dir, write_json
from alexnet_lib.models.ledger import layer_ledger
from alexnet_lib.paper.layers import LocalResponseNorm
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device, pick_device
from alexnet_lib.training.run import RunFolder
from alexnet_lib.training.trainer import Trainer

ABOUT = "Time our code beside the plain recipe and beside this machine's own limits."

STEPS = 5  # of which the median counts
BATCH, CROP = 128, 28
LRN_SHAPES = ((BATCH, 96, CROP, CROP), (BATCH, 24, CROP, CROP))  # norm1: cifar-lite, slim

SLIM = {"widths": (24, 48, 64, 64, 48), "hidden_units": 256}  # of the short experiments
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {  # preset and what is changed
    "cifar-lite": ("cifar-lite", {}),
    "slim": ("cifar-lite", SLIM),
    "four-layer": ("four-layer", {}),
    "conv-local": ("conv-local", {}),
}


class Row(NamedTuple):
    """One measurement: seconds of ours, of the rival and of the limit; None: there is none."""

    what: str
    ours: float
    rival: float | None = None
    limit: float | None = None

    def told(self) -> str:
        """A line of the table: milliseconds, and ours against the two others."""
        cells = "".join(
            f"{'' if s is None else f'{1000 * s:,.2f}':>12s}" for s in self[1:]
        )  # fmt: skip
        faster = f"{self.rival / self.ours:.1f}×" if self.rival else ""
        share = f"{self.limit / self.ours:.0%}" if self.limit else ""
        return f"  {self.what:42s}{cells}{faster:>9s}{share:>8s}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set."""
    parser.add_argument(
        "parts", nargs="*", metavar="PART",
        help=f"what to time (default: {' '.join(PARTS)}): any of them, or threads",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps or auto (default)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file too")
    parser.set_defaults(run=run, refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Measure, print, and keep the figures where that is asked for."""
    unknown = set(args.parts) - {*PARTS, "threads"}
    if unknown:
        args.refuse(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}, threads")
    if args.parts == ["threads"]:
        results = measure_threads()
        print(threads_table(results))
    else:
        results = measure(args.device, args.parts or list(PARTS))
    if args.json:
        write_json(args.json, results)
    return 0


def measure(
    device: str = "auto", parts: list[str] | None = None, report: Callable[[str], Any] = print
) -> dict[str, Any]:
    """Time some parts or all, and report each as it is done.

    Returns:
        The machine in words, its matrix product in FLOP/s, its copying in bytes/s, and by part
        rows of "what", "ours", "rival", "limit" in seconds.
    """
    place = pick_device(device)
    flops, speed = matrix_product(place, torch.float32), copying(place)
    results: dict[str, Any] = {"machine": describe_device(place), "torch": str(torch.__version__)}
    results |= {"flops": flops, "bytes": speed}
    report(f"{results['machine']}, torch {results['torch']}. Its own limits:")
    report(f"float32 matrix product {flops / 1e9:,.0f} GFLOP/s, copying {speed / 1e9:,.1f} GB/s")
    results["parts"] = {}
    for part in parts or list(PARTS):
        title, timed = PARTS[part]
        heads = ("ours, ms", "rival, ms", "limit, ms")
        cells = "".join(f"{head:>12s}" for head in heads)
        report(f"\n{title:44s}{cells}{'faster':>9s}{'limit':>8s}")
        rows = results["parts"][part] = []
        for row in timed(place):
            report(row.told())
            rows.append(row._asdict())
    return results


# --- The machine's own limits -------------------------------------------------------------------


def matrix_product(device: torch.device, dtype: torch.dtype, side: int = 1536) -> float:
    """FLOP/s of a square matrix product."""
    a = torch.ones(side, side, dtype=dtype, device=device)
    return 2 * side**3 / in_turns({"product": lambda: a @ a}, device)["product"]


def copying(device: torch.device, count: int = 2**26) -> float:
    """Bytes read and written a second by copying a tensor that no cache holds."""
    x = torch.ones(count, device=device)
    y = torch.empty_like(x)
    return 8 * count / in_turns({"copy": lambda: y.copy_(x)}, device)["copy"]


def in_turns(actions: dict[str, Callable[[], Any]], device: torch.device) -> dict[str, float]:
    """Median seconds of each action, after one run to warm up; they take turns."""
    durations: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(STEPS + 1):
        for name, action in actions.items():
            _settle(device)
            start = time.perf_counter()
            action()
            _settle(device)
            durations[name].append(time.perf_counter() - start)
    return {name: statistics.median(spent[1:]) for name, spent in durations.items()}


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


# --- Training steps, and whole epochs -----------------------------------------------------------


def steps(device: torch.device) -> Iterator[Row]:
    """An image's share of a training step of each network."""
    for name, (preset, changes) in NETWORKS.items():
        config = TrainConfig.for_preset(
            preset, model=changes, epochs=1, validation_size=10, batch_size=BATCH,
            device=device.type,
        )  # fmt: skip
        trainer = Trainer(config, noise(BATCH * (STEPS + 2) + 10))
        ours = _our_steps(trainer)
        rival = plain_model(preset, changes, device)
        plain = plain_training(rival, BATCH * (STEPS + 2), BATCH, device)
        spent = in_turns({"ours": lambda: next(ours), "plain": lambda: next(plain)}, device)  # noqa: B023
        product = matrix_product(device, getattr(torch, trainer.config.precision))
        limit = training_flops(trainer.model) / product
        words = f"{name}, {trainer.config.precision}"
        yield Row(words, spent["ours"] / BATCH, spent["plain"] / BATCH, limit)


def training_flops(model: nn.Module) -> int:
    """Floating-point operations of one image's step: forward, and two products backward.

    The first layer has one backward: nobody asks for the image's gradient.
    """
    ledger = layer_ledger(model)
    return 2 * (3 * ledger.total("macs") - ledger.rows[0].macs)


def epochs(device: torch.device) -> Iterator[Row]:
    """An epoch of 1,024 images with what belongs to it: validation of 400, a checkpoint."""
    count, held_out = 8 * BATCH, 400
    config = TrainConfig.for_preset(
        "cifar-lite", epochs=1, validation_size=held_out, batch_size=BATCH, device=device.type
    )
    data = noise(count + held_out)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, data, [RunFolder(Path(folder) / "run")])
        ours = _seconds(lambda: trainer.fit(whole=True), device)
        kept = Path(folder) / "plain.pt"
        plain = _seconds(lambda: plain_epoch(count, held_out, BATCH, kept, device), device)
    yield Row("cifar-lite, 1,024 images, validated, saved", ours, plain)


def _seconds(action: Callable[[], Any], device: torch.device) -> float:
    start = time.perf_counter()
    action()
    _settle(device)
    return time.perf_counter() - start


def _our_steps(trainer: Trainer) -> Iterator[None]:
    """The trainer's own steps: batches cut on the device, our normalisation, fastest format."""
    trainer.model.train()
    for x, y in trainer.batches.epoch(0):
        trainer.update(x, y)
        yield


# --- Response normalisation, views, loading, importing ------------------------------------------


def normalisation(device: torch.device) -> Iterator[Row]:
    """Forward and backward of LRN by layout and type; the rival is torch's layer."""
    layers = {"ours": LocalResponseNorm(), "rival": TorchNorm(5, alpha=5e-4, k=2.0)}
    layouts = {"channels-last": torch.channels_last, "contiguous": torch.contiguous_format}
    for shape in LRN_SHAPES:
        for layout, memory_format in layouts.items():
            for dtype in (torch.float32, torch.bfloat16):
                x = 30 * torch.randn(shape).relu()
                x = x.to(device, dtype, memory_format=memory_format).requires_grad_()
                actions = {name: _there_and_back(layer, x) for name, layer in layers.items()}
                spent = in_turns({**actions, "limit": _copies(x)}, device)
                words = f"{shape[1]} maps, {layout}, {str(dtype).removeprefix('torch.')}"
                yield Row(words, **spent)


def _there_and_back(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    upstream = torch.ones_like(x)

    def run() -> None:
        torch.autograd.grad(layer(x), x, upstream)

    return run


def _copies(x: Tensor) -> Callable[[], None]:
    """Two copies and a sum: x is read and y written; x and y's gradient read, x's written."""
    values = x.detach()
    other = torch.ones_like(values)

    def run() -> None:
        values.clone()
        values + other

    return run


def views(device: torch.device) -> Iterator[Row]:
    """Crops and mirrored images of one epoch's batch; the rival is torchvision's v2, by image."""
    from torchvision.transforms import v2

    data = noise(BATCH * (STEPS + 2)).train
    preset = TrainConfig.for_preset("cifar-lite", batch_size=BATCH, device=device.type)
    batches = Trainer(preset, noise(BATCH * (STEPS + 3) + 10)).batches
    theirs = v2.Compose([v2.RandomCrop(CROP), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32)])
    some = data.images[:BATCH].to(device)
    ours = _endless(batches)
    actions = {
        "ours": lambda: next(ours),
        "rival": lambda: torch.stack([theirs(image) for image in some]),
        "limit": lambda: some[..., :CROP, :CROP].float(),
    }
    yield Row(f"a batch of {BATCH}, {SIDE} → {CROP} pixels", **in_turns(actions, device))


def _endless(batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from batches.epoch(0)


def loading(device: torch.device) -> Iterator[Row]:
    """The data set from its source, then from the decoded copy; the limit reads that file."""
    own = os.environ.get("ALEXNET_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ALEXNET_CACHE"] = folder
        try:
            silent: Callable[[str], None] = lambda _: None  # noqa: E731
            cold = _seconds(lambda: load_cifar10(report=silent), device)
            kept = max(cache_dir().rglob("*.safetensors"), key=lambda path: path.stat().st_size)
            yield Row("the first time", cold)
            actions = {"ours": lambda: load_cifar10(report=silent), "limit": kept.read_bytes}
            yield Row("from the decoded copy", **in_turns(actions, device))
        finally:
            os.environ.pop("ALEXNET_CACHE") if own is None else os.environ.update(ALEXNET_CACHE=own)


def importing(device: torch.device) -> Iterator[Row]:
    """A fresh Python that imports us; the limit is one that imports torch alone."""

    def fresh(module: str) -> Callable[[], Any]:
        command = [sys.executable, "-c", f"import {module}"]
        return lambda: subprocess.run(command, check=True)

    actions = {
        "ours": fresh("alexnet_lib, alexnet_lib.training.trainer"),
        "limit": fresh("torch"),
    }
    yield Row("a Python that can train", **in_turns(actions, device))


PARTS: dict[str, tuple[str, Callable[[torch.device], Iterator[Row]]]] = {
    "steps": (f"training step, batch {BATCH}, per image", steps),
    "epochs": ("whole epoch", epochs),
    "lrn": ("normalisation, forward and backward", normalisation),
    "views": ("crops and mirrors", views),
    "loading": ("loading CIFAR-10", loading),
    "importing": ("importing", importing),
}
