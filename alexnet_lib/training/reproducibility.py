"""The same run twice: seeds by epoch, and algorithms that repeat to the bit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alexnet_lib.augment import seed_for


def seed_epoch(seed: int, epoch: int, rank: int = 0) -> None:
    """Seed torch's global generators, which drive dropout, from (seed, epoch, process).

    With the order and the views also drawn from (seed, epoch), weights, velocities and schedule
    are all that a resumed run needs: there is no generator state to save.
    """
    torch.manual_seed(seed_for(seed, epoch, f"global {rank}" if rank else "global"))


@contextmanager
def algorithms(deterministic: bool) -> Iterator[None]:
    """Within the block, pick algorithms for repeatable bits, or for speed; restore afterwards."""
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
