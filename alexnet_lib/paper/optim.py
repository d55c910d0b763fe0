"""Learning as in §5: the first weights, what is decayed, the update rule, the falling rate.

In the order of a run: `initialise` draws the weights, `parameter_groups` says at which rate and
decay each is learned, `PaperSGD` takes the steps, `PlateauDrops` or `FixedDrops` lowers the rate.
"""

import math
from collections.abc import Callable, Iterable
from inspect import unwrap

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from alexnet_lib.checks import InputError, WrongTypeError, check_all, check_choice, check_number
from alexnet_lib.paper.facts import TRAINING

# --- First weights ------------------------------------------------------------------------------

INITIALISATIONS = ("paper", "source2012", "torch", "kaiming", "cuda-convnet")

# Standard deviations of the Gaussian weights: (convolutions in order, every dense layer).
_STANDARD_DEVIATIONS = {
    "paper": ((0.01,) * 5, 0.01),  # §5
    "source2012": ((0.01, 0.01, 0.03, 0.03, 0.03), 0.01),  # layers-145.cfg
    "cuda-convnet": ((1e-4, 0.01, 0.01), 0.01),  # the four-layer net of Fig. 1
}


@torch.no_grad()
def initialise(model: nn.Module, preset: str, generator: torch.Generator) -> None:
    """Draw a model's first weights, in the order of its layers.

    Args:
        model: its layers are named conv1 … and fc6 …, as in the paper. On the meta device there
            are no numbers to draw: weights will be loaded.
        preset: "paper": N(0, 0.01²) everywhere (§5). "source2012": the same, but 0.03 in conv3 to
            conv5. Both with biases of 1 in conv2, conv4, conv5, fc6, fc7 and 0 elsewhere.
            "cuda-convnet": the authors' small CIFAR-10 net, 1e-4 in conv1, then 0.01, biases 0.
            "kaiming": N(0, 2 / fan_in), biases 0. "torch": what PyTorch does by default,
            uniform in ±1 / √fan_in for weights and biases.
        generator: source of the numbers, on the CPU; the same seed gives the same weights anywhere.
    Source: paper §5; authors' code (layers-145.cfg, layers-18pct.cfg); torch.
    """
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    _check_layers(layers, preset)
    if any(layer.weight.is_meta for _, layer in layers):
        return
    for index, (name, layer) in enumerate(layers):
        fan_in = layer.weight[0].numel()  # numbers that one output is a sum over
        # uniform, biases too: the outputs of a layer keep a third of the variance of its inputs
        if preset == "torch":
            for p in (layer.weight, layer.bias):
                p.copy_((torch.rand(p.shape, generator=generator) * 2 - 1) * fan_in**-0.5)
            continue
        # all others are Gaussian
        std = _standard_deviation(preset, layer, index, fan_in)
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * std)
        # §5: ReLUs that start with positive inputs learn from the first step on
        ones = name.split(".")[-1] in TRAINING.unit_bias_layers
        layer.bias.fill_(float(ones and preset in ("paper", "source2012")))


def _check_layers(layers: list[tuple[str, nn.Module]], preset: str) -> None:
    check_choice("init", preset, INITIALISATIONS)
    for name, layer in layers:
        if layer.bias is None:
            raise InputError(f"{name} has no bias; expected one in every layer, as in the paper.")
    count = sum(isinstance(layer, nn.Conv2d) for _, layer in layers)
    if preset in _STANDARD_DEVIATIONS and count > len(_STANDARD_DEVIATIONS[preset][0]):
        raise InputError(f"init {preset!r} knows fewer convolutions than the model's {count}.")


def _standard_deviation(preset: str, layer: nn.Module, index: int, fan_in: int) -> float:
    if preset == "kaiming":
        return math.sqrt(2 / fan_in)
    convolutions, dense = _STANDARD_DEVIATIONS[preset]
    return convolutions[index] if isinstance(layer, nn.Conv2d) else dense


# --- What is learned at which rate --------------------------------------------------------------


def parameter_groups(
    model: nn.Module, lr: float = 0.01, weight_decay: float = 0.0005, biases: str = "paper"
) -> list[dict]:
    """Split a model into weights and biases for an optimiser (§5).

    Args:
        model: every trainable parameter lands in exactly one group. Layers that carry the mark
            `undecayed = True` form a third one; the mark is the layer's own, so that it holds
            however the model is wrapped.
        lr, weight_decay: of the weights.
        biases: "paper": one learning rate for all, as printed. "source2012": twice the rate, as the
            authors began. Biases are never decayed: the paper is silent, the code passes 0.
    Source: paper §5, authors' code.
    """
    check_all(locals(), lr="(0, inf)", weight_decay="[0, inf)", biases=("paper", "source2012"))
    weights = {"lr": lr, "weight_decay": weight_decay, "params": []}
    bias = {"lr": lr if biases == "paper" else 2 * lr, "weight_decay": 0.0, "params": []}
    spared = {"lr": lr, "weight_decay": 0.0, "params": []}
    seen = set()  # a parameter that two layers share is learned once
    # By layer, not by name: DataParallel and torch.compile put words before every name.
    for layer in model.modules():
        for name, parameter in layer.named_parameters(recurse=False):
            if parameter.requires_grad and parameter not in seen:
                seen.add(parameter)
                undecayed = getattr(layer, "undecayed", False) is True
                group = bias if name.endswith("bias") else spared if undecayed else weights
                group["params"].append(parameter)
    return [weights, bias, spared] if spared["params"] else [weights, bias]


# --- The update rule ----------------------------------------------------------------------------


class PaperSGD(Optimizer):
    """The update rule of §5: the learning rate is inside the velocity.

        v ← momentum · v − weight_decay · lr · w − lr · g,    w ← w + v

    torch's SGD keeps it outside (v ← momentum · v + g; w ← w - lr · v). At a constant rate both
    give the same weights; when the rate drops, the paper's velocity still carries the old steps
    and fades over about ten updates, while torch's shrinks at once. Where a tensor `found_inf` is
    1 (gradient scalers set it), a step moves no weight, and the velocity begins anew.

    Args:
        params: parameters, or groups of them (see `parameter_groups`).
        lr: learning rate ε, > 0; a number, or a tensor that holds one. Paper: 0.01 at the start.
        momentum: in [0, 1). Paper: 0.9.
        weight_decay: at least 0. Paper: 0.0005.
        maximize: climb instead: + lr · g.
    Source: paper §5; maximize: torch.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0005,
        maximize: bool = False,
    ):
        settings = {"momentum": momentum, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, {"lr": lr, **settings})

    # torch's own, without their decorator, which would import torch's compiler (two seconds)
    zero_grad, state_dict = unwrap(Optimizer.zero_grad), unwrap(Optimizer.state_dict)
    load_state_dict = unwrap(Optimizer.load_state_dict)

    def add_param_group(self, param_group: dict) -> None:
        """Add parameters; what the group does not say is taken from the constructor."""
        group = {**self.defaults, **param_group}
        check_all(group, momentum="[0, 1)", weight_decay="[0, inf)", maximize=(False, True))
        lr = group["lr"]
        check_number("lr", lr.item() if isinstance(lr, Tensor) and lr.ndim == 0 else lr, "(0, inf)")
        unwrap(Optimizer.add_param_group)(self, group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Update velocity and weights once; gradients are the mean over the batch."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            if weights := [w for w in group["params"] if w.grad is not None]:
                self._move(weights, group)
        return loss

    def _move(self, w: list[Tensor], group: dict) -> None:
        """All weights of a group in one go (`foreach`): on a GPU one kernel instead of dozens."""
        for new in (one for one in w if not self.state[one]):
            self.state[new]["velocity"] = torch.zeros_like(new)
        v, gradient = [self.state[one]["velocity"] for one in w], [one.grad for one in w]
        lr, up = group["lr"], group.get("maximize", False)
        # v ← 0.9 v − ε ⟨∂L/∂w⟩
        torch._foreach_mul_(v, group["momentum"])
        _add(v, gradient, lr if up else -lr)
        # … − 0.0005 ε w: the decay, too, is times the learning rate
        if group["weight_decay"]:
            _add(v, w, -group["weight_decay"] * lr)
        if (found_inf := getattr(self, "found_inf", None)) is not None:
            for one in v:  # a gradient that is no number ends here, without being looked at
                one.masked_fill_(found_inf.bool(), 0)
        # w ← w + v
        torch._foreach_add_(w, v)


def _add(v: list[Tensor], x: list[Tensor], rate: float | Tensor) -> None:
    """v ← v + rate · x; a rate in a tensor is not read: a GPU would have to wait for it."""
    terms, alpha = (torch._foreach_mul(x, rate), 1) if isinstance(rate, Tensor) else (x, rate)
    torch._foreach_add_(v, terms, alpha=alpha)


def rescale_momentum(optimizer: torch.optim.SGD, lr_old: float, lr_new: float) -> None:
    """Make torch's SGD follow the paper's rule across a change of the learning rate.

    Source: ours; equal to `PaperSGD` up to rounding.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        raise WrongTypeError(f"got a {type(optimizer).__name__}; expected torch.optim.SGD.")
    check_all(locals(), lr_old="(0, inf)", lr_new="(0, inf)")
    # torch's buffer is the paper's velocity divided by -lr: as lr falls, it has to grow
    for state in optimizer.state.values():
        if state.get("momentum_buffer") is not None:
            state["momentum_buffer"].mul_(lr_old / lr_new)


# --- The drops of the learning rate -------------------------------------------------------------


class _Drops:
    """What both schedules share: a count of drops, and the drop itself."""

    def __init__(self, optimizer: Optimizer, factor: float):
        check_all(locals(), factor="(0, 1)")
        self.optimizer, self.factor, self.drops = optimizer, factor, 0

    def _drop(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr"] * self.factor  # a tensor may be that of several groups
        self.drops += 1

    def state_dict(self) -> dict:
        """Everything but the optimiser, as plain numbers and lists."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken; what the state leaves out stays as it is."""
        known = self.state_dict().keys()
        if unknown := state.keys() - known:
            raise InputError(f"the state holds {sorted(unknown)}; expected only {sorted(known)}.")
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
        optimizer: Optimizer,
        factor: float = 0.1,
        max_drops: int = 3,
        patience: int = 5,
        threshold: float = 1e-3,
    ):
        super().__init__(optimizer, factor)
        check_all(locals(), max_drops=0, patience=1, threshold="[0, 1)")
        self.max_drops, self.patience, self.threshold = max_drops, patience, threshold
        self.best_error, self.stalled_epochs = math.inf, 0

    def step(self, validation_error: float) -> bool:
        """Call once an epoch with the error in [0, 1]; True where the rate has just dropped."""
        check_all(locals(), validation_error="[0, 1]")
        # better, by more than the noise of a few images
        if validation_error < self.best_error - self.threshold:
            self.best_error, self.stalled_epochs = validation_error, 0
            return False
        # not better: be patient, and after the last drop for ever
        self.stalled_epochs += 1
        if self.stalled_epochs < self.patience or self.drops >= self.max_drops:
            return False
        # the lower rate gets its own time to prove itself
        self.stalled_epochs = 0
        self._drop()
        return True


class FixedDrops(_Drops):
    """Divide the learning rate at fixed fractions of the run.

    The default fractions are those of the run behind Table 1: epochs 23, 51 and 78 of 93.

    Args:
        optimizer: whose learning rates are dropped.
        epochs: length of the whole run, in which each drop ends an epoch of its own.
        fractions: when to drop, ascending, in (0, 1).
        factor: multiplies the rate. Paper: 0.1.
    Source: authors' code (log of layer-params-145-2010).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        epochs: int,
        fractions: tuple[float, ...] = (0.25, 0.55, 0.84),
        factor: float = 0.1,
    ):
        super().__init__(optimizer, factor)
        check_all(locals(), epochs=1)
        for fraction in fractions:
            check_number("fractions", fraction, "(0, 1)")
        self.epochs_of_drops = [round(epochs * fraction) for fraction in sorted(fractions)]
        if not self.fits(epochs, fractions):
            raise InputError(
                f"epochs, the length of the run, is {epochs}: too short for drops after epochs "
                f"{self.epochs_of_drops}, each to end one of its own. Take fewer fractions."
            )

    @staticmethod
    def fits(epochs: int, fractions: Iterable[float]) -> bool:
        """Whether the run is long enough for each drop to end an epoch of its own."""
        drops = [round(epochs * fraction) for fraction in fractions]
        return 0 not in drops and len(set(drops)) == len(drops)

    def step(self, epoch: int) -> bool:
        """Call after epoch `epoch` (counted from 1); True where the rate has just dropped."""
        # how many should have been by now: a resumed run catches up
        due = sum(epoch >= drop for drop in self.epochs_of_drops)
        dropped = due > self.drops
        while self.drops < due:
            self._drop()
        return dropped
