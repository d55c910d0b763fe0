"""When the learning rate falls (§5)."""

import math

import torch

from alexnet_lib.checks import check_number, check_whole


class _Drops:
    """What both schedules share: a count of drops, and the drop itself."""

    def __init__(self, optimizer: torch.optim.Optimizer, factor: float):
        check_number("factor", factor, "(0, 1)")
        self.optimizer, self.factor, self.drops = optimizer, factor, 0

    def _drop(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] *= self.factor
        self.drops += 1

    def state_dict(self) -> dict:
        """Everything but the optimiser, as plain numbers and lists."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken; what the state leaves out stays as it is.

        Raises:
            ValueError: the state holds what this schedule does not have.
        """
        known = self.state_dict().keys()
        if unknown := state.keys() - known:
            raise ValueError(f"the state holds {sorted(unknown)}; expected only {sorted(known)}.")
        vars(self).update(state)


class PlateauDrops(_Drops):
    """Divide the learning rate by ten when the validation error stops improving (§5).

    The authors watched the curve and turned the knob by hand, three times. Here the error has
    stalled when it has not fallen by more than `threshold` for `patience` epochs.

    Args:
        optimizer: whose learning rates are dropped.
        factor: multiplies the rate. Paper: 0.1.
        max_drops: never more than this. Paper: 3.
        patience: epochs without improvement before a drop, at least 1.
        threshold: smallest improvement that counts, as a fraction of all images.
    Raises:
        ValueError: a value is out of range or not a number, also in `step`.
    Source: paper §5; patience and threshold: ours.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        factor: float = 0.1,
        max_drops: int = 3,
        patience: int = 5,
        threshold: float = 1e-3,
    ):
        super().__init__(optimizer, factor)
        check_whole("max_drops", max_drops, 0)
        check_whole("patience", patience, 1)
        check_number("threshold", threshold, "[0, 1)")
        self.max_drops, self.patience, self.threshold = max_drops, patience, threshold
        self.best_error, self.stalled_epochs = math.inf, 0

    def step(self, validation_error: float) -> bool:
        """Call once an epoch with the error in [0, 1]; True where the rate has just dropped."""
        check_number("validation_error", validation_error, "[0, 1]")
        if validation_error < self.best_error - self.threshold:
            self.best_error, self.stalled_epochs = validation_error, 0
            return False
        self.stalled_epochs += 1
        if self.stalled_epochs < self.patience or self.drops >= self.max_drops:
            return False
        self.stalled_epochs = 0
        self._drop()
        return True


class FixedDrops(_Drops):
    """Divide the learning rate at fixed fractions of the run.

    The default fractions are those of the run behind Table 1: epochs 23, 51 and 78 of 93.

    Args:
        optimizer: whose learning rates are dropped.
        epochs: length of the run, at least 1.
        fractions: when to drop, ascending, in (0, 1).
        factor: multiplies the rate. Paper: 0.1.
    Raises:
        ValueError: a value is out of range or not a number.
    Source: authors' code (log of layer-params-145-2010).
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        epochs: int,
        fractions: tuple[float, ...] = (0.25, 0.55, 0.84),
        factor: float = 0.1,
    ):
        super().__init__(optimizer, factor)
        check_whole("epochs", epochs, 1)
        for fraction in fractions:
            check_number("fractions", fraction, "(0, 1)")
        self.epochs_of_drops = [round(epochs * fraction) for fraction in sorted(fractions)]

    def step(self, epoch: int) -> bool:
        """Call after epoch `epoch` (counted from 1); True where the rate has just dropped."""
        due = sum(epoch >= drop for drop in self.epochs_of_drops)
        dropped = due > self.drops
        while self.drops < due:
            self._drop()
        return dropped
