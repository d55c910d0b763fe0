"""What a run says, and frees, when it cannot go on."""

from typing import Any

import torch
from torch import Tensor

from alexnet_lib.training.device import describe_device
from alexnet_lib.training.evaluation import DivergedError


class OutOfMemoryError(ValueError):
    """A batch does not fit into the device's memory; the message proposes a smaller one."""


def out_of_memory(trainer: Any, reason: str) -> OutOfMemoryError:
    """Free what the trainer's step left behind; return what to raise.

    Args:
        reason: torch's own words. The error that brought them has to be gone by now: its frames
            hold the tensors of the step, and a notebook keeps the last error for its debugger.
    """
    trainer.optimizer.zero_grad()
    if trainer.device.type == "cuda":
        torch.cuda.empty_cache()
    elif trainer.device.type == "mps":
        torch.mps.empty_cache()
    batch_size, pixels = trainer.config.batch_size, trainer.model.config.input_size
    return OutOfMemoryError(
        f"Stopped in epoch {len(trainer.history) + 1}: a batch of {batch_size} images of {pixels} "
        f"pixels does not fit into the memory of {describe_device(trainer.device)} ({reason}). Use "
        f"a smaller one, such as batch_size={max(1, batch_size // 2)}. "
        f"Last good file: {trainer.last_checkpoint}."
    )


def diverged(trainer: Any, what: str, x: Tensor) -> DivergedError:
    """Return what to raise before the step that would have spoilt the weights.

    Args:
        what: is no longer a finite number.
        x: the batch.
    """
    lr = trainer.optimizer.param_groups[0]["lr"]
    return DivergedError(
        f"Stopped in epoch {len(trainer.history) + 1}, before step "
        f"{len(trainer.history.step_loss) + 1}: {what}; lr {lr:g}, inputs from "
        f"{x.min().item():g} to {x.max().item():g}. Lower the lr or look at the inputs. "
        f"Last good file: {trainer.last_checkpoint}."
    )
