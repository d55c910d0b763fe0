"""Where a run computes, in which number format, and to which bits."""

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
import torch.nn.functional as F

from alexnet_lib.checks import InputError
from alexnet_lib.paper.augment import seed_for

DEVICES = ("auto", "cpu", "cuda", "mps")


def _available() -> list[str]:
    """Devices of this machine, fastest first."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, is_there in found.items() if is_there] + ["cpu"]


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; `auto` takes CUDA, else MPS, else the CPU.

    Raises:
        ValueError: no such name, or this machine (or this build of torch) has no such device.
    """
    if name not in DEVICES:
        raise InputError(f"device is {name!r}; expected one of {', '.join(DEVICES)}.")
    available = _available()
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise InputError(
            f"device is {name!r}, but torch {torch.__version__} finds only {', '.join(available)} "
            "here. Use `auto`, or install the torch build for that device."
        )
    return torch.device(name)


def pick_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """Return the dtype of activations; weights, velocities and the loss stay float32.

    `auto` means bfloat16 on CUDA cards that have it and on CPUs that a short trial finds faster
    with it; many CPUs emulate it, several times slower than float32.

    Raises:
        ValueError: no such name.
    """
    if name == "float32":
        return torch.float32
    if name == "bfloat16":
        return torch.bfloat16
    if name != "auto":
        raise InputError(f"precision is {name!r}; expected auto, float32 or bfloat16.")
    return torch.bfloat16 if _bfloat16_pays(device.type) else torch.float32


_MALLOC = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT_BYTES = 1 << 30


@lru_cache
def keep_memory() -> bool:
    """Let the C library keep what a training step gives back, up to 1 GiB (Linux).

    Each step asks for the same large blocks. By default every one returns to the system at once and
    is cleared page by page when it is asked for again: up to a quarter of a step on a CPU.

    Returns:
        Whether the setting was made: not where the user has one, nor beside another C library.
    """
    if any(name in os.environ for name in _MALLOC):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False  # macOS, Windows, musl
    return all(mallopt(what, _KEPT_BYTES) for what in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))


@lru_cache
def _bfloat16_pays(device_type: str) -> bool:
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type != "cpu":
        return False
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for one another on a busy machine
    try:
        trials = [(_trial_s(torch.bfloat16), _trial_s(torch.float32)) for _ in range(12)]
    finally:
        torch.set_num_threads(threads)
    lower, full = (min(durations) for durations in zip(*trials, strict=True))
    return 1.2 * lower < full


def _trial_s(dtype: torch.dtype) -> float:
    """Seconds of one small convolution, forward and backward, in channels-last."""
    x = torch.ones(16, 32, 16, 16, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.ones(64, 32, 5, 5, dtype=dtype, requires_grad=True)
    start = time.perf_counter()
    F.conv2d(x, weight, padding=2).sum().backward()
    return time.perf_counter() - start


def describe_device(device: torch.device | None = None) -> str:
    """One line for reports: the device's own name and, for a CPU, its threads."""
    device = device or pick_device()
    if device.type == "cuda":
        return f"CUDA: {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "MPS: Apple GPU"
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    return f"CPU: {threads} thread{plural}, {torch.backends.cpu.get_cpu_capability()}"


@contextmanager
def kept_randomness() -> Iterator[None]:
    """Within the block, torch's global generators may be seeded and drawn from; they come back."""
    gpus = range(torch.cuda.device_count())
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    with torch.random.fork_rng(gpus):
        try:
            yield
        finally:
            if mps is not None:
                torch.mps.set_rng_state(mps)


# --- Repeatable bits ----------------------------------------------------------------------------

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def seed_epoch(seed: int, epoch: int, rank: int = 0) -> None:
    """Seed torch's global generators, which drive dropout, from (seed, epoch, process).

    With the order and the views also drawn from (seed, epoch), weights, velocities and schedule
    are all that a resumed run needs: there is no generator state to save.
    """
    torch.manual_seed(seed_for(seed, epoch, f"global {rank}" if rank else "global"))


@contextmanager
def algorithms(deterministic: bool) -> Iterator[None]:
    """Within the block, pick algorithms for repeatable bits, or for speed; restore afterwards."""
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(_WORKSPACE)
    if deterministic:
        os.environ.setdefault(_WORKSPACE, ":4096:8")  # cuBLAS asks for it
    # a call loads torch's compiler, which takes over a second: only where there is a change
    if change := (deterministic, False) != (enabled, enabled and warn_only):
        torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    try:
        yield
    finally:
        if change:
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)
