"""Small problems on which an update rule can be watched: a valley, and a softmax on pixels (§5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import (
    InputError,
    check_choice,
    check_float,
    check_number,
    check_numbers,
    check_shape,
    check_whole,
)

RULES = ("paper", "torch")

Slope = Callable[[Tensor, int], Tensor]  # of weights and the number of the update, from 0


def descend(
    slope: Slope,
    w: Tensor,
    rates: Sequence[float],
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    rule: str = "paper",
) -> list[Tensor]:
    """Follow an update rule; one learning rate an update (§5).

    Args:
        slope: gradient of the loss.
        w: first weights.
        rates: learning rate of each update.
        rule: "paper": the rate inside the velocity. "torch": outside, as in torch.optim.SGD.
    Shape:
        w: any -> as many weights more than there are rates, the first ones included
    Raises:
        TypeError, ValueError: no such rule, or a value is out of range.
    Source: paper §5; torch. Equal to `PaperSGD` and to torch's SGD up to rounding.
    """
    check_choice("rule", rule, RULES)
    check_float(w, "w")
    rates = check_numbers("rates", rates)
    check_number("momentum", momentum, "[0, 1]")
    check_number("weight_decay", weight_decay, "[0, inf)")
    path, v = [w], torch.zeros_like(w)
    for update, lr in enumerate(rates):
        g = slope(w, update) + weight_decay * w
        v = momentum * v - (lr if rule == "paper" else 1) * g
        w = w + (1 if rule == "paper" else lr) * v
        path.append(w)
    return path


def dropped_rates(lr: float, updates: int, drops: Sequence[int], factor: float = 0.1) -> list:
    """Learning rate of each update where it falls after each of `drops` (updates, from 1).

    Raises:
        ValueError: a value is out of range.
    """
    check_number("lr", lr, "(0, inf)")
    check_whole("updates", updates, 1)
    drops = check_numbers("drops", drops, least=0)
    check_number("factor", factor, "(0, 1]")
    return [lr * factor ** sum(update >= drop for drop in drops) for update in range(updates)]


@dataclass(frozen=True, eq=False)
class SoftmaxProblem:
    """Softmax regression on images of 4 × 4 pixels: a real loss, quick enough to redraw.

    Args:
        x, y: a mini-batch for each update.
        held_x, held_y: what the loss is measured on.
    Shape:
        x: (S, B, 49), y: (S, B, C) one-hot, held_x: (N, 49), held_y: (N,)
    """

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor

    @classmethod
    def of(
        cls, images: Tensor, labels: Tensor, updates: int, batch_size: int, held: int
    ) -> "SoftmaxProblem":
        """Shuffle, shrink and standardise images; `held` of them are held out.

        Shape:
            images: (N, 3, 32, 32) uint8, labels: (N,) int64
        Raises:
            TypeError, ValueError: not images and their labels, or a count is below 1 or leaves
                nothing to learn from.
        """
        for name, count in (("updates", updates), ("batch_size", batch_size), ("held", held)):
            check_whole(name, count, 1)
        check_shape(images, ("N", 3, 32, 32), "images", dtype="any")
        check_shape(labels, (len(images),), "labels", torch.int64, images.device)
        if int(labels.min()) < 0:
            raise InputError(f"labels hold {int(labels.min())}; expected classes from 0 on.")
        if len(images) <= held:
            raise InputError(f"held is {held}; expected fewer than the {len(images)} images.")
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(images), generator=generator)  # files may lie class by class
        images, labels = images[order], labels[order]
        x = F.avg_pool2d(images.float(), 8).flatten(1)  # (N, 48)
        x = (x - x.mean(0)) / x.std(0).clamp_min(1e-3)
        x = torch.cat([x, torch.ones(len(x), 1)], dim=1)  # the last weight is the bias
        y = F.one_hot(labels).float()
        ids = torch.randint(held, len(x), (updates, batch_size), generator=generator)
        return cls(x[ids], y[ids], x[:held], labels[:held])

    def slope(self, w: Tensor, update: int) -> Tensor:
        """Gradient of the mean cross-entropy over one mini-batch: x' (p - y) / B."""
        x = self.x[update]
        return x.T @ ((x @ w).softmax(dim=1) - self.y[update]) / len(x)  # (49, C)

    def losses(self, rates: Sequence[float], momentum: float) -> list[float]:
        """Held-out loss before each update and after the last one, from zero weights.

        Raises:
            ValueError: more rates than there are mini-batches, or a value is out of range.
        """
        if len(check_numbers("rates", rates)) > len(self.x):
            raise InputError(f"{len(rates)} rates; expected at most {len(self.x)}, one a batch.")
        start = torch.zeros(self.x.shape[-1], self.y.shape[-1])
        path = torch.stack(descend(self.slope, start, rates, momentum))  # (S + 1, 49, C)
        logits = self.held_x @ path  # (S + 1, N, C)
        right = logits.gather(2, self.held_y.expand(len(path), -1)[..., None])[..., 0]
        return (logits.logsumexp(dim=2) - right).mean(dim=1).tolist()
