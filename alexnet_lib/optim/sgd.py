"""Stochastic gradient descent as §5 prints it.

v ← momentum · v - weight_decay · lr · w - lr · ⟨∂L/∂w⟩,   w ← w + v
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_choice, check_number


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
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def add_param_group(self, param_group: dict) -> None:
        """Add parameters; what the group does not say is taken from the constructor."""
        group = {**self.defaults, **param_group}
        check_number("lr", group["lr"], "(0, inf)")
        check_number("momentum", group["momentum"], "[0, 1)")
        check_number("weight_decay", group["weight_decay"], "[0, inf)")
        super().add_param_group(group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
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

    Raises:
        TypeError: not torch's SGD, whose buffer alone is of this kind.
        ValueError: a rate is not above 0.
    Source: ours; equal to `PaperSGD` up to rounding.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        raise TypeError(f"got a {type(optimizer).__name__}; expected torch.optim.SGD.")
    check_number("lr_old", lr_old, "(0, inf)")
    check_number("lr_new", lr_new, "(0, inf)")
    for state in optimizer.state.values():
        if state.get("momentum_buffer") is not None:
            state["momentum_buffer"].mul_(lr_old / lr_new)


def parameter_groups(
    model: nn.Module, lr: float = 0.01, weight_decay: float = 0.0005, biases: str = "paper"
) -> list[dict]:
    """Split a model into weights and biases for an optimiser (§5).

    Args:
        model: every trainable parameter lands in exactly one group. Layers that it names in
            `undecayed`, if it has that, form a third one.
        lr, weight_decay: of the weights.
        biases: "paper": one learning rate for all, as printed. "source2012": twice the rate, as the
            authors began. Biases are never decayed: the paper is silent, the code passes 0.
    Raises:
        ValueError: `biases` is not one of the two, or a value is out of range.
    Source: paper §5, authors' code.
    """
    check_choice("biases", biases, ("paper", "source2012"))
    check_number("lr", lr, "(0, inf)")
    check_number("weight_decay", weight_decay, "[0, inf)")
    bias_lr, spared = lr if biases == "paper" else 2 * lr, getattr(model, "undecayed", ())
    weights, undecayed = {"lr": lr, "weight_decay": weight_decay}, {"lr": lr, "weight_decay": 0.0}
    groups = [weights, {"lr": bias_lr, "weight_decay": 0.0}, *([undecayed] if spared else [])]
    for group in groups:
        group["params"] = []
    for name, parameter in model.named_parameters():
        place = 1 if name.endswith("bias") else 2 if name.split(".")[0] in spared else 0
        if parameter.requires_grad:
            groups[place]["params"].append(parameter)
    return groups
