"""Several processes that train one network, each on its share of every batch (`torchrun`)."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from alexnet_lib.checks import InputError

_PATIENCE = timedelta(hours=2)  # the others wait while the first decodes a large data set


@dataclass(frozen=True)
class Team:
    """The processes of a run: one alone, unless `torchrun` started several.

    What every process computes from the same numbers (split, order, views, decisions) needs no
    word between them; gradients, losses and counts do.

    Args:
        rank: this process's number, from 0; process 0 leads: it speaks, and writes the files.
        size: processes.
        compress: gradients travel as bfloat16: half the bytes, with 8 bits of each number.
    Source: ours; the paper's two GPUs held halves of one network, these hold copies of it.
    """

    rank: int = 0
    size: int = 1
    compress: bool = False
    _shared: list[nn.Module] = field(default_factory=list, compare=False, repr=False)

    @property
    def leads(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the network as it must be called for gradients to be averaged over processes.

        Raises:
            ValueError: its device cannot be shared so.
        """
        if self.size == 1:
            return model
        if next(model.parameters()).device.type == "mps":
            raise InputError("device is 'mps', which torchrun cannot share; expected cuda or cpu.")
        shared = DistributedDataParallel(model)
        if self.compress:
            from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook

            shared.register_comm_hook(None, bf16_compress_hook)
        self._shared.append(shared)
        return shared

    def mean(self, value: Tensor) -> Tensor:
        """Average a tensor over processes."""
        if self.size == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.size

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value, in the order of ranks."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values

    def from_leader(self, make: Callable[[], Any]) -> Any:
        """Let the leader alone make a value, and hand it to all."""
        values = [make() if self.leads else None]
        if self.size > 1:
            dist.broadcast_object_list(values)
        return values[0]

    def part(self) -> None:
        """Leave the group for good: afterwards none of its threads is at work in this process.

        A thread of gloo that lets go of a last tensor while Python ends would abort the process.
        The group ends its threads when nothing refers to it any more, so the networks that
        `wrap` returned, which do, are emptied; the network inside stays whole.
        """
        for shared in self._shared:
            vars(shared).clear()
        self._shared.clear()
        dist.destroy_process_group()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Within the block the leader goes ahead, and the others follow when it is through."""
        if not self.leads:
            dist.barrier()
        yield
        if self.leads and self.size > 1:
            dist.barrier()


@contextmanager
def joined_team(compress: bool = False) -> Iterator[Team]:
    """Join the processes that `torchrun` started; without it, be one alone.

    Args:
        compress: as in `Team`.
    Raises:
        ValueError: more processes on this machine than GPUs.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team()
        return
    gpus = torch.cuda.device_count()
    if gpus:
        _take_gpu(int(os.environ["LOCAL_RANK"]), gpus)
    # DDP imports this module, whose functions keep the group of that moment as their default for
    # ever, and its threads with it: imported before there is a group, they keep none.
    from torch.distributed.nn import functional  # noqa: F401

    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=_PATIENCE)
    team = Team(dist.get_rank(), size, compress)
    try:
        with nullcontext() if team.leads else redirect_stdout(None):
            yield team
    finally:
        team.part()


def _take_gpu(local_rank: int, gpus: int) -> None:
    if local_rank >= gpus:
        raise InputError(
            f"--nproc-per-node is more than {local_rank}; expected at most the {gpus} GPU"
            f"{'' if gpus == 1 else 's'} of this machine."
        )
    torch.cuda.set_device(local_rank)
