"""`alexnet bench`: our training step and normalisation beside the plain recipe, in one run.

The plain recipe is what most re-implementations do: a DataLoader that augments image by image with
torchvision, float32 in NCHW order, `nn.LocalResponseNorm`, `torch.optim.SGD`.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.data.files import write_json
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.layers import LocalResponseNorm
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device, pick_device
from alexnet_lib.training.threads import mean_s, trial_step
from alexnet_lib.training.trainer import Trainer

ABOUT = "Time our training step and response normalisation against the plain recipe."

BATCH, CROP, STEPS = 128, 28, 6

LRN_SHAPE = (BATCH, 96, CROP, CROP)  # what norm1 of the CIFAR-10 networks sees


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what can be set."""
    parser.add_argument(
        "--threads", action="store_true", help="one thread against all, alone and in company"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print, and keep the figures where that is asked for."""
    results = measure_threads() if args.threads else measure()
    print(threads_table(results) if args.threads else table(results))
    if args.json:
        write_json(args.json, results)
    return 0


def measure(device: str = "auto", report: Callable[[str], Any] = print) -> dict[str, Any]:
    """Time everything, rivals in turn, so that a busy machine slows both alike.

    Returns:
        Milliseconds by name in `step_ms_per_image` and `lrn_ms`, and where they were measured.
    """
    place = pick_device(device)
    report(f"{describe_device(place)}. Timing steps of cifar-lite, batch {BATCH} …")
    ours, plain = _our_steps(device), _plain_steps(place)
    steps = _in_turns({"ours": lambda: next(ours), "plain": lambda: next(plain)}, STEPS, place)
    report(f"Timing response normalisation, forward and backward, at {LRN_SHAPE} …")
    return {
        "machine": describe_device(place),
        "torch": str(torch.__version__),
        "step_ms_per_image": {name: ms / BATCH for name, ms in steps.items()},
        "lrn_ms": _in_turns(_normalisations(place), STEPS, place),
    }


def table(results: dict[str, Any]) -> str:
    """Results in words and ratios."""
    steps, lrn = results["step_ms_per_image"], results["lrn_ms"]
    lines = ["", "training step of cifar-lite        ms per image   images/s"]
    lines += [f"  {name:32s} {ms:12.2f} {1000 / ms:10,.0f}" for name, ms in steps.items()]
    lines += [f"  plain / ours                     {steps['plain'] / steps['ours']:12.1f}", ""]
    lines += ["normalisation, forward + backward  ours, ms   torch, ms   torch / ours"]
    for name in sorted({name.split(" ", 1)[1] for name in lrn}):
        ours, theirs = lrn[f"ours {name}"], lrn[f"torch {name}"]
        lines.append(f"  {name:32s} {ours:8.1f} {theirs:11.1f} {theirs / ours:14.1f}")
    return "\n".join(lines)


def _in_turns(
    actions: dict[str, Callable[[], Any]], times: int, device: torch.device
) -> dict[str, float]:
    """Median milliseconds of each action, after one run to warm up."""
    durations: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(times + 1):
        for name, action in actions.items():
            _settle(device)
            start = time.perf_counter()
            action()
            _settle(device)
            durations[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(spent[1:]) for name, spent in durations.items()}


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def _noise(count: int) -> Examples:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, 32, 32), generator=generator).byte()
    return Examples(pixels, torch.arange(count) % 10)


def _our_steps(device: str) -> Iterator[None]:
    """The trainer's own steps: batches cut on the device, our normalisation, fastest format."""
    noise = _noise(BATCH * (STEPS + 2) + 10)
    data = ImageData("noise", tuple("0123456789"), noise, noise)
    config = TrainConfig.for_preset("cifar-lite", epochs=1, validation_size=10, device=device)
    trainer = Trainer(config, data)
    trainer.model.train()
    for x, y in trainer.batches.epoch(0):
        trainer.step(x, y)
        yield


def _plain_steps(device: torch.device) -> Iterator[None]:
    """The rival."""
    model = build_model("cifar-lite").to(device)
    for name in ("norm1", "norm2"):
        setattr(model, name, nn.LocalResponseNorm(5, alpha=5e-4, k=2.0))  # 5e-4 / 5: the paper's
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
    loader = torch.utils.data.DataLoader(
        _PerImage(_noise(BATCH * (STEPS + 2))), batch_size=BATCH, shuffle=True
    )
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        yield


class _PerImage(torch.utils.data.Dataset):
    """One image at a time through torchvision's transforms."""

    def __init__(self, examples: Examples):
        from torchvision import transforms

        self.pixels, self.labels = examples.images.permute(0, 2, 3, 1).numpy(), examples.labels
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(CROP),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.4914, 0.4822, 0.4465), (1 / 255, 1 / 255, 1 / 255)),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.pixels[index]), int(self.labels[index])


def _normalisations(device: torch.device) -> dict[str, Callable[[], None]]:
    """Forward and backward of both layers, in each layout and number format."""
    layers = {"ours": LocalResponseNorm(), "torch": _TorchNorm(5, alpha=5e-4, k=2.0)}
    layouts = {"channels-last": torch.channels_last, "contiguous": torch.contiguous_format}
    actions = {}
    for layout, memory_format in layouts.items():
        for dtype in (torch.float32, torch.bfloat16):
            x = 30 * torch.randn(LRN_SHAPE).relu()
            x = x.to(device, dtype, memory_format=memory_format).requires_grad_()
            for name, layer in layers.items():
                kind = f"{name} {layout} {str(dtype).removeprefix('torch.')}"
                actions[kind] = _there_and_back(layer, x)
    return actions


class _TorchNorm(nn.LocalResponseNorm):
    """torch's layer; on a CPU it has no bfloat16, so that a user has to go through float32."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.dtype == torch.bfloat16:
            return super().forward(x.float()).to(x.dtype)
        return super().forward(x)


def _there_and_back(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    upstream = torch.ones_like(x)

    def run() -> None:
        torch.autograd.grad(layer(x), x, upstream)

    return run


# --- One thread against all, alone and in company -----------------------------------------------

NETWORKS = {  # preset, changes, batch size
    "four-layer 16-16-32, 24 px, batch 32": (
        "four-layer",
        {"widths": (16, 16, 32), "input_size": 24},
        32,
    ),
    "four-layer, batch 128": ("four-layer", {}, 128),
    "cifar-lite, batch 128": ("cifar-lite", {}, 128),
    "conv-local, batch 128": ("conv-local", {}, 128),
}

_HUMBLE = "import os; getattr(os, 'nice', int)(19); print('ready', flush=True)"
_TRAINING = """
import torch
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.threads import trial_step
step = trial_step(build_model("cifar-lite"), torch.float32)
"""
COMPANY = {
    "alone": None,
    "a niced loop": f"{_HUMBLE}\nwhile True: pass",
    "a niced training": f"{_TRAINING}\n{_HUMBLE}\nwhile True: step(128)",
}


def measure_threads(budget_s: float = 2.0, report: Callable[[str], Any] = print) -> dict[str, Any]:
    """Milliseconds of a step: `ms[network][company]`, a list with one and with all threads."""
    every = torch.get_num_threads()
    report(f"{describe_device(pick_device('cpu'))}. {len(NETWORKS)} networks, forward and backward")
    ms: dict[str, dict[str, list[float]]] = {name: {} for name in NETWORKS}
    for company, program in COMPANY.items():
        report(f"Beside it: {company} …")
        with _beside(program):
            for name, (preset, changes, batch_size) in NETWORKS.items():
                step = partial(
                    trial_step(build_model(preset, **changes), torch.float32), batch_size
                )
                ms[name][company] = [1000 * mean_s(step, n, budget_s) for n in (1, every)]
    return {"machine": describe_device(pick_device("cpu")), "threads": [1, every], "ms": ms}


def threads_table(results: dict[str, Any]) -> str:
    """Milliseconds of a step by network, company and threads."""
    lines = ["", "ms a step, 1 thread and " + f"{results['threads'][1]:<12d}"]
    lines[1] += "".join(f"{company:>22s}" for company in COMPANY)
    for name, row in results["ms"].items():
        cells = [" and ".join(f"{ms:,.1f}" for ms in row[company]) for company in COMPANY]
        lines.append(f"  {name:34s}" + "".join(f"{cell:>22s}" for cell in cells))
    return "\n".join(lines)


@contextmanager
def _beside(program: str | None) -> Iterator[None]:
    """Within the block, another process is at work."""
    if program is None:
        yield
        return
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            other.stdout.readline()  # it has begun
            yield
        finally:
            other.kill()
