"""The trainer: an epoch at a time, to the same bits when it goes on."""

import copy
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError, NotFiniteError, check_whole
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.paper.augment import Augmentation, seed_for
from alexnet_lib.paper.optim import FixedDrops, PaperSGD, PlateauDrops, parameter_groups
from alexnet_lib.training.checkpoint import TrainedNetwork, load_into
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device, pick_device, pick_precision
from alexnet_lib.training.evaluation import DivergedError, Evaluation, evaluate, merged
from alexnet_lib.training.team import Team


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
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "History":
        """Return an independent copy of the history that `to_dict` wrote."""
        return cls(**{k: list(v) if isinstance(v, list) else v for k, v in values.items()})


PER_EPOCH = ("train_loss", "train_error", "validation_loss", "validation_error", "lr", "elapsed_s")


def split(data: ImageData, config: TrainConfig) -> tuple[Examples, Examples]:
    """Training and validation images, both out of the data's training half."""
    validation = config.validation_size or max(1, len(data.train) // 10)
    if config.train_limit is not None:
        data = data.subset(train=min(config.train_limit + validation, len(data.train)))
    return data.split(validation, config.seed)


def train_batches(
    model: nn.Module,
    train: Examples,
    config: TrainConfig,
    device: torch.device,
    team: Team,
) -> Batches:
    """This process's batches of training images, with the views of the first epoch."""
    scale = Preprocessing.fit(train, model.config.input_scale, config.mean_crop)
    views = augmentation(model, config, epoch=0)
    return Batches(
        train,
        config.batch_size,
        scale,
        views,
        seed=config.seed,
        device=device,
        rank=team.rank,
        processes=team.size,
    )


def augmentation(model: nn.Module, config: TrainConfig, epoch: int) -> Augmentation:
    """The views of an epoch; the colour noise ends before the run does."""
    noisy = epoch < config.colour_until * config.epochs
    return Augmentation(
        crop_size=model.config.input_size,
        resize_to=model.config.resize_to,
        flip=config.flip,
        colour=config.colour if noisy else None,
        offsets=config.offsets,
    )


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The update rule over the model's weights and biases."""
    groups = parameter_groups(model, config.lr, config.weight_decay, config.biases)
    kind = PaperSGD if config.optimiser == "paper" else torch.optim.SGD
    return kind(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def make_schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig
) -> PlateauDrops | FixedDrops | None:
    """What lowers the learning rate; None where it is constant."""
    if config.schedule == "plateau":
        return PlateauDrops(optimizer, patience=config.patience)
    if config.schedule == "fixed":
        return FixedDrops(optimizer, config.epochs, config.drop_at)
    return None


_PROGRESS = {"drops", "best_error", "stalled_epochs"}  # of a schedule; its plan is the config's


class Trainer:
    """Train a network as a config says; callbacks watch, save and draw.

    A callback is any object with some of `on_fit_start`, `on_step`, `on_epoch_end` and
    `on_fit_end`; each is called with the trainer, whose public attributes it may read.

    Args:
        model: moved to the config's device, in channels-last layout.
        data: its training half is split into training and validation; its test half is not read.
        config: see `TrainConfig`.
        callbacks: called in this order.
        team: the processes that train together; each has such a trainer, of the same data.
    Raises:
        ValueError: the device is not there, the data are too few for the split, or have more
            classes than the network.
    """

    def __init__(
        self,
        model: nn.Module,
        data: ImageData,
        config: TrainConfig,
        callbacks: Iterable[object] = (),
        team: Team | None = None,
    ) -> None:
        check_whole("the network's num_classes", model.config.num_classes, data.num_classes)
        self.team = team or Team()
        self.device = pick_device(config.device)
        self.precision = pick_precision(self.device, config.precision)
        self.config = replace(
            config, device=self.device.type, precision=str(self.precision).removeprefix("torch.")
        )
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.data_name, self.classes = data.name, data.classes
        self.callbacks = list(callbacks)
        train, validation = split(data, config)
        self.batches = train_batches(self.model, train, config, self.device, self.team)
        self._forward = self.team.wrap(self.model)
        self.validation = self.test_batches(validation)
        self.optimizer = make_optimizer(self.model, config)
        self.schedule = make_schedule(self.optimizer, config)
        self.history = History(steps_per_epoch=len(self.batches))
        self.best_weights: dict[str, Tensor] | None = None
        self.last_checkpoint: Path | None = None  # set by the callback that saves
        self._epoch_start: dict[str, Any] | None = None  # what a stopped epoch goes back to

    def fit(self, whole: bool = False) -> History:
        """Train to the config's last epoch or its `stop_at`; a stopped epoch begins anew next time.

        Args:
            whole: only a whole run is of use: the stop button raises KeyboardInterrupt.
        Raises:
            DivergedError: a loss or a gradient is NaN or infinite, before it reaches the weights.
            OutOfMemoryError: a batch does not fit; what it held is free again.
        """
        if self._epoch_start:
            self.load_state_dict(self._epoch_start)
        self.history.interrupted, full = False, ""
        with algorithms(self.config.deterministic):
            try:
                self._call("on_fit_start")
                while not self.finished:
                    self._run_epoch(len(self.history))
            except KeyboardInterrupt:
                self.history.interrupted = True
            except torch.OutOfMemoryError as error:
                full = str(error).partition(". ")[0] or "out of memory"
            finally:
                self._call("on_fit_end")
        if whole and self.history.interrupted:
            raise KeyboardInterrupt
        if full:  # raised out here, where torch's error is gone with its frames and their tensors
            raise out_of_memory(self, full)
        return self.history

    def test_batches(self, examples: Examples) -> Batches:
        """Batches of images to be tested as these training images taught: same mean, same crop."""
        return Batches(
            examples,
            self.config.batch_size,
            self.batches.preprocessing,
            replace(self.batches.augmentation, colour=None),
            shuffle=False,
            device=self.device,
            rank=self.team.rank,
            processes=self.team.size,
        )

    def evaluate(self, batches: Batches, views: str = "center") -> Evaluation:
        """Test the present weights."""
        return merged(self.team.gather(evaluate(self.model, batches, views)))

    def state_dict(self) -> dict[str, Any]:
        """Everything an exact continuation needs, as of the end of the last whole epoch."""
        return self._epoch_start or {
            "config": self.config.to_dict(),
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else {},
            "history": self.history.to_dict(),
            "environment": self.environment(),
        }

    def network(self) -> TrainedNetwork:
        """The present network with all that is needed to use it."""
        config, preprocessing = self.config, self.batches.preprocessing.to("cpu")
        about = {"data": self.data_name, "epoch": len(self.history)}
        if self.history.validation_error:
            about["validation_error"] = self.history.validation_error[-1]
        return TrainedNetwork(
            self.model, config.preset, dict(config.model), preprocessing, self.classes, about
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`, which is left unchanged; this trainer's config holds.

        Raises:
            CheckpointError: the weights are those of another network; nothing is changed then.
        """
        load_into(self.model, state["model"], "The checkpoint")
        fresh = copy.deepcopy(self.optimizer.state_dict()["param_groups"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # torch would alias it
        then, now = state["config"], self.config
        for group, wanted in zip(self.optimizer.param_groups, fresh, strict=True):
            group.update(momentum=wanted["momentum"], weight_decay=wanted["weight_decay"])
            group["lr"] *= now.lr / then["lr"]
        if self.schedule:
            known = _PROGRESS & state["schedule"].keys() & self.schedule.state_dict().keys()
            self.schedule.load_state_dict({name: state["schedule"][name] for name in known})
        self.history, self._epoch_start = History.from_dict(state["history"]), None

    def environment(self) -> dict[str, Any]:
        """What, beside the config, the exact bits depend on."""
        return {
            "torch": str(torch.__version__),
            "device": self.device.type,
            "precision": self.config.precision,
            "threads": torch.get_num_threads(),
            "processes": self.team.size,
            "data": self.data_name,
        }

    @property
    def finished(self) -> bool:
        """Whether the config asks for no further epoch."""
        goal, errors = self.config.stop_at, self.history.train_error
        arrived = goal is not None and bool(errors) and errors[-1] <= goal
        return arrived or len(errors) >= self.config.epochs

    @property
    def improved(self) -> bool:
        """Whether the last epoch has the lowest validation error so far."""
        return self.history.best_epoch == len(self.history)

    def _run_epoch(self, epoch: int) -> None:
        self._epoch_start = copy.deepcopy(self.state_dict())
        started, lr = time.perf_counter(), self.optimizer.param_groups[0]["lr"]
        seed_epoch(self.config.seed, epoch, self.team.rank)
        loss, error = self._train(epoch)
        validation = self.evaluate(self.validation)
        self.history.append(
            train_loss=loss,
            train_error=error,
            validation_loss=validation.loss,
            validation_error=validation.top1_error,
            lr=lr,
            elapsed_s=time.perf_counter() - started,
        )
        if self.improved:
            self.best_weights = copy.deepcopy(self.model.state_dict())
        if isinstance(self.schedule, PlateauDrops):
            self.schedule.step(validation.top1_error)
        elif self.schedule:
            self.schedule.step(epoch + 1)
        self._epoch_start = None
        self._call("on_epoch_end")

    def _train(self, epoch: int) -> tuple[float, float]:
        """One pass over the training images; returns mean loss and error."""
        self.model.train()
        self.batches.augmentation = augmentation(self.model, self.config, epoch)
        loss_sum, seen, errors = 0.0, 0, torch.zeros((), dtype=torch.int64, device=self.device)
        for x, y in self.batches.epoch(epoch):
            loss, logits = self.step(x, y)
            loss_sum, seen = loss_sum + loss * len(y), seen + len(y)
            errors += (logits.argmax(dim=1) != y).sum()  # stays on the device
            self.history.step_loss.append(loss)
            self._call("on_step")
        return loss_sum / seen, sum(self.team.gather(errors.item())) / (seen * self.team.size)

    def step(self, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
        """One update of the weights; returns the loss and the logits of before it (§5)."""
        with torch.autocast(x.device.type, self.precision, self.precision != torch.float32):
            try:
                logits = self._forward(x)
            except NotFiniteError as error:
                raise diverged(self, str(error), x) from None
        loss = F.cross_entropy(logits.float(), y)
        self.optimizer.zero_grad()
        loss.backward()
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        size = torch.nn.utils.get_total_norm(gradients)
        mean_loss = self.team.mean(loss.detach())
        if not (mean_loss + size).isfinite():  # one wait for the device answers for both
            size, mean_loss = size.item(), mean_loss.item()
            raise diverged(self, f"the loss is {mean_loss}, the gradient's length {size}", x)
        self.optimizer.step()
        return mean_loss.item(), logits.detach()

    def _call(self, moment: str) -> None:
        for callback in self.callbacks:
            if method := getattr(callback, moment, None):
                method(self)
