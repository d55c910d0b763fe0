"""The trainer: an epoch at a time, to the same bits when it goes on (paper §4.1, §5)."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import (
    NotFiniteError,
    WrongTypeError,
    check_input,
    check_whole,
)
from alexnet_lib.data.batches import Batches, Preprocessing, measured
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.paper.optim import PlateauDrops
from alexnet_lib.training.checkpoint import TrainedNetwork, load_into
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import (
    algorithms,
    keep_memory,
    pick_device,
    pick_precision,
    seed_epoch,
)
from alexnet_lib.training.evaluation import Evaluation, evaluate, merged
from alexnet_lib.training.history import Found, History, Outcome, diverged, out_of_memory
from alexnet_lib.training.recipe import (
    augmentation,
    class_weights,
    make_optimizer,
    make_schedule,
    split,
)
from alexnet_lib.training.reuse import freeze, named_layers
from alexnet_lib.training.team import Team
from alexnet_lib.training.threads import Threads

_OWN = {"momentum", "weight_decay", "fused"}  # of an optimiser: the config's, not the file's
_PROGRESS = {"drops", "best_error", "stalled_epochs"}  # of a schedule; its plan is the config's


class Trainer:
    """Train a network as a config says; callbacks watch, save and draw.

        Trainer(TrainConfig.for_preset("cifar"), data).fit()      # the config names the network
        Trainer(TrainConfig(epochs=3), data, model=net).fit()     # a network of one's own

    A callback is any object with some of `on_fit_start`, `on_step`, `on_epoch_end` and
    `on_fit_end`; each is called with the trainer, whose public attributes it may read. At
    `on_fit_end`, `outcome` says how the run ended. In `on_step`, a look at `history` waits for the
    device; `steps_done` does not.

    Args:
        config: see `TrainConfig`; the trainer's own says what `auto` became, and which network
            was handed over.
        data: its training half is split into training and validation; its test half is not read.
        callbacks: called in this order.
        model: the network, where the config names none, with its own `config`. It is moved to the
            device, in channels-last layout.
        team: the processes that train together; each has such a trainer, of the same data.
        frozen: layers, by name or as "conv1-conv5", whose weights stay as they are.
    Raises:
        InputError: the device is not there, the network is described twice or not at all, the data
            are too few for the split, or have more classes than the network.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: ImageData,
        callbacks: Iterable[object] = (),
        *,
        model: nn.Module | None = None,
        team: Team | None = None,
        frozen: Sequence[str] = (),
    ) -> None:
        if not isinstance(config, TrainConfig):
            raise WrongTypeError(
                f"config is a {type(config).__name__}; expected a TrainConfig, and the data next."
            )
        self.team = team or Team()
        self.device = pick_device(config.device)
        self.precision = pick_precision(self.device, config.precision)
        if self.device.type == "cpu":
            keep_memory()
        if model is None:
            model = config.network(data.num_classes)
        else:
            config = config.naming(model)
        check_whole("the network's num_classes", model.config.num_classes, data.num_classes)
        self.config = replace(
            config, device=self.device.type, precision=str(self.precision).removeprefix("torch.")
        )
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.frozen = named_layers(frozen, model)
        freeze(model, self.frozen)
        self.data, self.data_name, self.classes = data, data.name, data.classes
        self.callbacks = list(callbacks)

        train, validation = split(data, self.config)
        views = augmentation(model, config, epoch=0)
        wanted = model.config.input_scale, config.mean_crop, views.colour is not None
        scale, basis = self.team.from_leader(lambda: measured(train, *wanted))
        self.batches = self._batches(train, scale, views, seed=config.seed, basis=basis)
        self.validation = self.test_batches(validation)
        weights = class_weights(train.labels, data.num_classes) if config.balance else None
        self.class_weights = None if weights is None else weights.to(self.device)
        self._forward = self.team.wrap(self.model)  # in a team: averages the gradients
        self.optimizer = make_optimizer(self.model, config)
        self.schedule = make_schedule(self.optimizer, config)

        self.threads = Threads(self.model, self.config)
        self._history = History(steps_per_epoch=len(self.batches))
        self._found = Found(self.device)
        self.outcome: Outcome | None = None  # until the run has ended
        self.best_weights: dict[str, Tensor] | None = None
        self.last_checkpoint: Path | None = None  # set by the callback that saves
        self._epoch_start: dict[str, Any] | None = None  # what a stopped epoch goes back to

    def step(self, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
        """One `update`, looked at right away; returns the loss and the logits of before it.

        Shape:
            x: (N, 3, H, W) views, y: (N,) int64 labels -> loss, logits (N, num_classes)
        Raises:
            DivergedError: the loss or a gradient is no finite number; the weights are as before.
        """
        self._check(x)
        found, logits = self.update(x, y)
        return self._judged(found.tolist(), lambda: x), logits

    def update(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One update of the weights (§5). Nothing is read, so nobody waits for the device.

        From a step on whose loss or gradient is no finite number, the weights stay as they are:
        the device itself sees to that, as in a gradient scaler. `history` tells of it.

        Shape:
            x: (N, 3, H, W) views, y: (N,) int64 labels -> (3,) loss, length of the gradient and
            their sum; logits (N, num_classes) of before the update
        """
        check_input(self.model, x, values=False)  # at the door: the network looks at nothing
        # forward: activations in the device's fastest format, weights in float32
        with torch.autocast(x.device.type, self.precision, self.precision != torch.float32):
            logits = self._forward(x)  # (N, num_classes)
        # loss: in float32 again, bfloat16's 8 bits are too few for a sum of exponentials
        loss = self._loss(logits.float(), y)  # (), mean over the batch

        # backward: each parameter p gets p.grad, of p's shape
        self.optimizer.zero_grad()
        loss.backward()
        mean_loss = self.team.mean(loss.detach())
        length = torch.nn.utils.get_total_norm(
            [p.grad for p in self.model.parameters() if p.grad is not None]
        )  # (), of all gradients as one vector: NaN or infinite as soon as one of them is

        # update: not by NaN, which never leaves a weight again once it has reached it
        found, self.optimizer.found_inf = self._found.judge(mean_loss, length)
        self.optimizer.step()
        return found, logits.detach()

    def _judged(self, found: list[float], batch: Callable[[], Tensor]) -> float:
        """The loss of a step; refuse one that is not finite, and say what was in its batch."""
        loss, length, both = found
        if math.isfinite(both):
            return loss
        self._found.clear()  # for whoever goes on all the same
        x = batch()
        self._check(x)
        raise diverged(self, f"the loss is {loss}, the gradient's length {length}", x)

    @property
    def history(self) -> History:
        """What the run has noted. In the midst of an epoch, a look at it waits for the device.

        Raises:
            DivergedError: a step since the last look has found no finite loss or gradient.
        """
        self.look()
        return self._history

    @property
    def steps_done(self) -> int:
        """Steps made in all, those included that nobody has looked at."""
        return len(self._history.step_loss) + len(self._found)

    def look(self) -> None:
        """Note the losses of the steps since the last look; this waits for the device."""
        noted = self._history.step_loss
        for found in self._found.read():
            noted.append(self._judged(found, lambda: self._batch(len(noted))))

    def _batch(self, step: int) -> Tensor:
        """What a step of this epoch was fed: its views are drawn again."""
        before = len(self._epoch_start["history"]["step_loss"])
        return next(self.batches.epoch(len(self._history), step - before))[0]

    def _loss(self, logits: Tensor, y: Tensor) -> Tensor:
        if self.class_weights is None:
            return F.cross_entropy(logits, y)
        return (F.cross_entropy(logits, y, reduction="none") * self.class_weights[y]).mean()

    def _check(self, x: Tensor) -> None:
        try:
            check_input(self.model, x)
        except NotFiniteError as error:
            raise diverged(self, str(error), x) from None

    def fit(self, whole: bool = False) -> History:
        """Train to the config's last epoch or its `stop_at`; a stopped epoch begins anew next time.

        Every callback hears of the end; the first error is the one that is raised.

        Args:
            whole: only a whole run is of use: the stop button raises KeyboardInterrupt.
        Raises:
            DivergedError: a loss or a gradient is NaN or infinite, before it reaches the weights.
            OutOfMemoryError: a batch does not fit; what it held is free again.
        """
        if self._epoch_start:  # the last `fit` ended in the midst of an epoch
            self.load_state_dict(self._epoch_start)
        self._history.interrupted, self.outcome = False, None
        with algorithms(self.config.deterministic):
            try:
                self._run()
            except BaseException as error:
                self._history.interrupted = isinstance(error, KeyboardInterrupt)
                late = self._end(Outcome.of(error))
                if whole or not self._history.interrupted:
                    _note(error, late)
                    raise
            else:
                late = self._end(Outcome("finished"))
        if late:
            _note(late[0], late[1:])
            raise late[0]
        return self.history

    def _run(self) -> None:
        """Epoch after epoch; torch's own words for a full device become ours."""
        left = self.config.epochs - len(self.history)
        try:
            with self.threads.in_use(epochs=left, steps=len(self.batches)):
                self._call("on_fit_start")
                while not self.finished:
                    self._run_epoch(len(self.history))
            return
        except torch.OutOfMemoryError as error:
            full = str(error).partition(". ")[0] or "out of memory"
        # out here torch's error is gone, with its frames and the tensors that they held
        raise out_of_memory(self, full)

    def _run_epoch(self, epoch: int) -> None:
        """Train on every image once, validate, and let the schedule decide (§5)."""
        self._epoch_start = self.state_dict()
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
        self.history.threads.append(self.threads.now)
        if self.improved:
            self.best_weights = copy.deepcopy(self.model.state_dict())
        if isinstance(self.schedule, PlateauDrops):
            self.schedule.step(validation.top1_error)
        elif self.schedule:
            self.schedule.step(epoch + 1)
        self.threads.after_epoch(self.history.elapsed_s[-1])
        self._epoch_start = None  # from here on the epoch counts as whole
        self._call("on_epoch_end")

    def _train(self, epoch: int) -> tuple[float, float]:
        """One pass over the training images; returns mean loss and error."""
        self.model.train()
        self.batches.augmentation = augmentation(self.model, self.config, epoch)
        self._found.clear()
        sizes, errors = [], torch.zeros((), dtype=torch.int64, device=self.device)
        try:
            for x, y in self.batches.epoch(epoch):  # (N, 3, H, W), (N,)
                found, logits = self.update(x, y)
                self._found.add(found)
                sizes.append(len(y))
                errors += (logits.argmax(dim=1) != y).sum()  # stays on the device
                self._call("on_step")
        finally:
            self.look()  # the first time that an epoch has to wait for the device
        seen, losses = sum(sizes), self._history.step_loss[-len(sizes) :]
        loss = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / seen
        return loss, sum(self.team.gather(errors.item())) / (seen * self.team.size)

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

    def evaluate(self, batches: Batches, views: str = "center") -> Evaluation:
        """Test the present weights."""
        with self.threads.in_use():
            return merged(self.team.gather(evaluate(self.model, batches, views)))

    def test_batches(self, examples: Examples) -> Batches:
        """Batches of images to be tested as these training images taught: same mean, same crop."""
        views = replace(self.batches.augmentation, colour=None)
        return self._batches(examples, self.batches.preprocessing, views, shuffle=False)

    def _batches(
        self, examples: Examples, scale: Preprocessing, views: Augmentation, **order: Any
    ) -> Batches:
        """This process's share of the batches."""
        return Batches(
            examples,
            self.config.batch_size,
            scale,
            views,
            device=self.device,
            rank=self.team.rank,
            processes=self.team.size,
            **order,
        )

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that an exact continuation needs, as of the end of the last whole epoch."""
        return copy.deepcopy(
            self._epoch_start
            or {
                "config": self.config.to_dict(),
                "model": dict(self.model.state_dict()),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict() if self.schedule else {},
                "history": self.history.to_dict(),
                "environment": self.environment(),
            }
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
            group.update({name: wanted[name] for name in _OWN & wanted.keys()})
            group["lr"] *= now.lr / then["lr"]  # keeps the drops of the run so far
        if self.schedule:
            known = _PROGRESS & state["schedule"].keys() & self.schedule.state_dict().keys()
            self.schedule.load_state_dict({name: state["schedule"][name] for name in known})
        self._history, self._epoch_start = History.from_dict(state["history"]), None
        self._found.clear()
        fastest_s = min(self._history.elapsed_s, default=math.inf)
        self.threads.resume(state["environment"].get("threads"), fastest_s)

    def network(self) -> TrainedNetwork:
        """The present network with all that is needed to use it."""
        about = {"network": self.config.name, "data": self.data_name, "epoch": len(self.history)}
        if self.history.validation_error:
            about["validation_error"] = self.history.validation_error[-1]
        return TrainedNetwork(self.model, self.batches.preprocessing.to("cpu"), self.classes, about)

    def environment(self) -> dict[str, Any]:
        """What, beside the config, the exact bits depend on."""
        return {
            "torch": str(torch.__version__),
            "device": self.device.type,
            "precision": self.config.precision,
            "threads": self.threads.now,
            "processes": self.team.size,
            "compressed": self.team.compress,
            "data": self.data_name,
        }

    def _call(self, moment: str) -> None:
        for callback in self.callbacks:
            if method := getattr(callback, moment, None):
                method(self)

    def _end(self, outcome: Outcome) -> list[BaseException]:
        """Tell every callback how the run ended; return what they raised."""
        self.outcome, errors = outcome, []
        for callback in self.callbacks:
            try:
                if method := getattr(callback, "on_fit_end", None):
                    method(self)
            except BaseException as error:  # the others hear of the end all the same
                errors.append(error)
        return errors


def _note(error: BaseException, others: Iterable[BaseException]) -> None:
    """Show with an error what else went wrong after it (Python 3.11 and later)."""
    for other in others:
        if hasattr(error, "add_note"):
            error.add_note(f"At the end of the run, a callback failed too: {other!r}")
