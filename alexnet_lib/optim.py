"""Stochastic gradient descent as §5 prints it, its learning-rate schedule, and the initialisations.

v ← momentum · v - weight_decay · lr · w - lr · ⟨∂L/∂w⟩,   w ← w + v
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

INITIALISATIONS = ("paper", "source2012", "torch", "kaiming", "cuda-convnet")

# Standard deviations of the Gaussian weights: (convolutions in order, every dense layer).
_STANDARD_DEVIATIONS = {
    "paper": ((0.01,) * 5, 0.01),  # §5
    "source2012": ((0.01, 0.01, 0.03, 0.03, 0.03), 0.01),  # layers-145.cfg
    "cuda-convnet": ((1e-4, 0.01, 0.01), 0.01),  # the four-layer net of Fig. 1
}
_UNIT_BIASES = ("conv2", "conv4", "conv5", "fc6", "fc7")  # §5: the ReLUs start with positive inputs


class PaperSGD(torch.optim.Optimizer):
    """The update rule of §5: the learning rate is inside the velocity.

    torch's SGD keeps it outside (v ← momentum · v + g; w ← w - lr · v). At a constant rate both
    give the same weights; when the rate drops, the paper's velocity still carries the old steps
    and fades over about ten updates, while torch's shrinks at once.

    Args:
        params: parameters, or groups of them (see `parameter_groups`).
        lr: learning rate ε, > 0. Paper: 0.01 at the start.
        momentum: in [0, 1). Paper: 0.9.
        weight_decay: at least 0. Paper: 0.0005.
    Raises:
        ValueError: a value is out of range or not a number.
    Source: paper §5.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0005,
    ):
        _check_between("lr", lr, 0, math.inf, include_low=False)
        _check_between("momentum", momentum, 0, 1)
        _check_between("weight_decay", weight_decay, 0, math.inf)
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        """Update velocity and weights once; gradients are the mean over the batch."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr, decay = group["lr"], group["weight_decay"]
            for w in group["params"]:
                if w.grad is None:
                    continue
                state = self.state[w]
                if not state:
                    state["velocity"] = torch.zeros_like(w)
                v = state["velocity"]
                v.mul_(group["momentum"]).add_(w.grad, alpha=-lr)
                if decay:
                    v.add_(w, alpha=-decay * lr)
                w.add_(v)
        return loss


def rescale_momentum(optimizer: torch.optim.SGD, lr_old: float, lr_new: float) -> None:
    """Make torch's SGD follow the paper's rule across a change of the learning rate.

    torch's buffer is the paper's velocity divided by -lr, so it has to grow by lr_old / lr_new when
    the rate drops.

    Source: ours; equal to `PaperSGD` up to rounding.
    """
    _check_between("lr_old", lr_old, 0, math.inf, include_low=False)
    _check_between("lr_new", lr_new, 0, math.inf, include_low=False)
    for state in optimizer.state.values():
        if state.get("momentum_buffer") is not None:
            state["momentum_buffer"].mul_(lr_old / lr_new)


def parameter_groups(
    model: nn.Module, lr: float = 0.01, weight_decay: float = 0.0005, biases: str = "paper"
) -> list[dict]:
    """Split a model into weights and biases for an optimiser (§5).

    Args:
        model: every parameter lands in exactly one of the two groups.
        lr, weight_decay: of the weights.
        biases: "paper": one learning rate for all, as printed. "source2012": twice the rate, as the
            authors ran. Biases are never decayed: the paper is silent, the code passes 0.
    Raises:
        ValueError: `biases` is not one of the two.
    Source: paper §5, authors' code.
    """
    if biases not in ("paper", "source2012"):
        raise ValueError(f"biases is {biases!r}; expected 'paper' or 'source2012'.")
    parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {
            "params": [p for name, p in parameters if not name.endswith("bias")],
            "lr": lr,
            "weight_decay": weight_decay,
        },
        {
            "params": [p for name, p in parameters if name.endswith("bias")],
            "lr": lr if biases == "paper" else 2 * lr,
            "weight_decay": 0.0,
        },
    ]


# --- Learning rate ------------------------------------------------------------------------------


class _Drops:
    """What both schedules share: a count of drops, and the drop itself."""

    def __init__(self, optimizer: torch.optim.Optimizer, factor: float):
        _check_between("factor", factor, 0, 1, include_low=False)
        self.optimizer, self.factor, self.drops = optimizer, factor, 0

    def _drop(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] *= self.factor
        self.drops += 1

    def state_dict(self) -> dict:
        """Everything but the optimiser, as plain numbers."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
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
        _check_between("max_drops", max_drops, 0, math.inf)
        _check_between("patience", patience, 1, math.inf)
        _check_between("threshold", threshold, 0, 1)
        self.max_drops, self.patience, self.threshold = max_drops, patience, threshold
        self.best_error, self.stalled_epochs = math.inf, 0

    def step(self, validation_error: float) -> bool:
        """Call once an epoch with the error in [0, 1]; True where the rate has just dropped."""
        _check_between("validation_error", validation_error, 0, 1, include_high=True)
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
        _check_between("epochs", epochs, 1, math.inf)
        for fraction in fractions:
            _check_between("fractions", fraction, 0, 1, include_low=False)
        self.epochs_of_drops = [round(epochs * fraction) for fraction in sorted(fractions)]

    def step(self, epoch: int) -> bool:
        """Call after epoch `epoch` (counted from 1); True where the rate has just dropped."""
        due = sum(epoch >= drop for drop in self.epochs_of_drops)
        dropped = due > self.drops
        while self.drops < due:
            self._drop()
        return dropped


# --- Initialisation -----------------------------------------------------------------------------


@torch.no_grad()
def initialise(model: nn.Module, preset: str, generator: torch.Generator) -> None:
    """Draw a model's first weights, in the order of its layers.

    Args:
        model: its layers are named conv1 … and fc6 …, as in the paper.
        preset: "paper": N(0, 0.01²) everywhere (§5). "source2012": the same, but 0.03 in conv3 to
            conv5. Both with biases of 1 in conv2, conv4, conv5, fc6, fc7 and 0 elsewhere.
            "cuda-convnet": the authors' small CIFAR-10 net, 1e-4 in conv1, then 0.01, biases 0.
            "kaiming": N(0, 2 / fan_in), biases 0. "torch": what PyTorch does by default,
            uniform in ±1 / √fan_in for weights and biases.
        generator: source of the numbers, on the CPU; the same seed gives the same weights anywhere.
    Raises:
        ValueError: unknown preset, or more convolutions than the preset has numbers for.
    Source: paper §5; authors' code (layers-145.cfg, layers-18pct.cfg); torch.
    """
    if preset not in INITIALISATIONS:
        raise ValueError(f"init is {preset!r}; expected one of {', '.join(INITIALISATIONS)}.")
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    convolutions = sum(isinstance(m, nn.Conv2d) for _, m in layers)
    if preset in _STANDARD_DEVIATIONS and convolutions > len(_STANDARD_DEVIATIONS[preset][0]):
        raise ValueError(
            f"init {preset!r} knows fewer convolutions than the model's {convolutions}."
        )
    for index, (name, layer) in enumerate(layers):
        fan_in = layer.weight[0].numel()
        if preset == "torch":
            _fill_uniform(layer.weight, fan_in**-0.5, generator)
            _fill_uniform(layer.bias, fan_in**-0.5, generator)
            continue
        _fill_normal(layer.weight, _standard_deviation(preset, layer, index, fan_in), generator)
        layer.bias.fill_(preset in ("paper", "source2012") and name in _UNIT_BIASES)


def _standard_deviation(preset: str, layer: nn.Module, index: int, fan_in: int) -> float:
    if preset == "kaiming":
        return math.sqrt(2 / fan_in)
    convolutions, dense = _STANDARD_DEVIATIONS[preset]
    return convolutions[index] if isinstance(layer, nn.Conv2d) else dense


def _fill_normal(parameter: Tensor, std: float, generator: torch.Generator) -> None:
    parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)


def _fill_uniform(parameter: Tensor, bound: float, generator: torch.Generator) -> None:
    parameter.copy_((torch.rand(parameter.shape, generator=generator) * 2 - 1) * bound)


def _check_between(
    name: str,
    value: float,
    low: float,
    high: float,
    include_low: bool = True,
    include_high: bool = False,
) -> None:
    """Refuse NaN and everything outside the range; the ends count as the flags say."""
    above = value >= low if include_low else value > low
    below = value <= high if include_high else value < high
    if not (above and below):
        left, right = "[("[not include_low], ")]"[include_high]
        raise ValueError(f"{name} is {value}; expected a number in {left}{low}, {high}{right}.")
