"""What a run notes, how it ends, and the errors that end it early."""

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alexnet_lib.checks import AlexNetError, InputError
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.evaluation import DivergedError

PER_EPOCH = ("train_loss", "train_error", "validation_loss", "validation_error", "lr", "elapsed_s")


@dataclass
class History:
    """One list entry an epoch; `step_loss` has one a step. Errors are fractions in [0, 1].

    Args:
        train_loss: mean over the epoch's steps, on augmented images and with dropout.
        train_error: likewise.
        validation_error: centre view of the held-out training images, at the end of the epoch.
        validation_loss: likewise.
        lr: learning rate in force during the epoch.
        elapsed_s: seconds the epoch took, validation included.
        step_loss: loss of each step.
        steps_per_epoch: which of them belong to which epoch.
        interrupted: whether the run was stopped by hand before its last epoch.
        threads: of the CPU, one entry an epoch: the bits depend on them.
    """

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_error: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)
    steps_per_epoch: int = 1
    interrupted: bool = False
    threads: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Finished epochs."""
        return len(self.train_loss)

    def append(self, **measured: float) -> None:
        """Add one epoch; the names are those of the per-epoch lists."""
        for name in PER_EPOCH:
            getattr(self, name).append(float(measured[name]))

    def epoch(self, index: int = -1) -> dict[str, float]:
        """Everything measured in one epoch, which is numbered from 1 in `epoch`."""
        number = range(1, len(self) + 1)[index]
        return {"epoch": number, **{name: getattr(self, name)[index] for name in PER_EPOCH}}

    @property
    def best_epoch(self) -> int:
        """Number (from 1) of the epoch with the lowest validation error; 0 before the first."""
        errors = self.validation_error
        return errors.index(min(errors)) + 1 if errors else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for JSON and for a checkpoint."""
        return {name: copy.copy(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "History":
        """Return an independent copy of the history that `to_dict` wrote."""
        return cls(**{k: list(v) if isinstance(v, list) else v for k, v in values.items()})


class Found:
    """What the steps of an epoch have found and nobody has looked at, on the device.

    From a step on whose loss or gradient is no finite number, no later one counts either: the
    optimiser is told so there, as by a gradient scaler, and nobody has to wait for the answer.
    """

    def __init__(self, device: torch.device) -> None:
        self._steps: list[Tensor] = []
        self._halted = torch.zeros((), device=device)  # 1 from the first bad step on

    def __len__(self) -> int:
        return len(self._steps)

    def judge(self, loss: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """(3,) loss, length of the gradient and their sum; and `found_inf`, 1 where it halts."""
        found = torch.stack((loss, length, loss + length))  # the sum answers for both
        self._halted.add_(~found[2].isfinite()).clamp_(max=1)
        return found, self._halted

    def add(self, found: Tensor) -> None:
        """Keep what a step found."""
        self._steps.append(found)

    def read(self) -> list[list[float]]:
        """What was found since the last look, of each step; this waits for the device."""
        steps, self._steps = self._steps, []
        return torch.stack(steps).tolist() if steps else []

    def clear(self) -> None:
        """Begin anew."""
        self._steps.clear()
        self._halted.zero_()


class Outcome(NamedTuple):
    """How a run ended.

    Args:
        how: "finished", "stopped" (by hand) or "failed".
        why: of a failed one: its error in words, which hold on to no tensors.
    """

    how: str
    why: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "Outcome":
        """What an error that came out of the epochs means."""
        if isinstance(error, KeyboardInterrupt):
            return cls("stopped")
        kind = "" if isinstance(error, AlexNetError) else f"{type(error).__name__}: "
        return cls("failed", f"{kind}{error}")


class OutOfMemoryError(InputError):
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
