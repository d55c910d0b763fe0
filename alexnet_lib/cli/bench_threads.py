"""`alexnet bench threads`: a step on one thread against all, alone and in company."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from alexnet_lib.models.registry import build_model
from alexnet_lib.training.device import describe_device, pick_device
from alexnet_lib.training.threads import mean_s, trial_step

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
