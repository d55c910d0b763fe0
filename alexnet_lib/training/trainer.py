"""The training loop of §5: it knows images, network and rule, and nothing of files or screens."""

import copy
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import NotFiniteError, check_whole
from alexnet_lib.data.batches import Batches
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.optim import PlateauDrops
from alexnet_lib.training.checkpoint import load_into
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import pick_device, pick_precision
from alexnet_lib.training.evaluation import Evaluation, evaluate, merged
from alexnet_lib.training.failures import diverged, out_of_memory
from alexnet_lib.training.history import History
from alexnet_lib.training.recipe import (
    augmentation,
    make_optimizer,
    make_schedule,
    split,
    train_batches,
)
from alexnet_lib.training.reproducibility import algorithms, seed_epoch
from alexnet_lib.training.team import Team
from alexnet_lib.training.trained import TrainedNetwork

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
