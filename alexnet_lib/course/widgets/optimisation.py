"""A valley to roll down, and a schedule to edit over the loss it makes (§5)."""

import math
from functools import lru_cache

import torch

from alexnet_lib.course.figures.optimisation import VIEW, schedule_picture, valley_picture
from alexnet_lib.course.toy import RULES, SoftmaxProblem, descend, dropped_rates
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, log_slider, slider

STEEPNESS, START, UPDATES = 20.0, (-9.0, 2.0), 80  # the valley is 20 times as steep across


class ValleyExplorer(Explorer):
    """Two slopes, one twenty times as steep as the other; the rate falls once, by ten."""

    pairs = (("lr", "momentum"), ("rule", "momentum"))

    def __init__(self) -> None:
        super().__init__(
            lr=log_slider("learning rate", -3, -0.5, -1.5),
            momentum=slider("momentum", 0.0, 0.99, 0.9, 0.01),
            rule=choice("rule", [("as in the paper", "paper"), ("as in torch", "torch")]),
            drop=slider("drop after", 1, UPDATES, 20),
        )

    def render(self, lr: float, momentum: float, rule: str, drop: int) -> Shown:
        """The way down by both rules; the words are about the chosen one."""
        across = torch.tensor([1.0, STEEPNESS], dtype=torch.float64)  # swings may reach 1e58
        start = torch.tensor(START, dtype=torch.float64)
        rates = dropped_rates(lr, UPDATES, [drop])
        paths = {
            f"{one}'s rule": descend(lambda w, _: across * w, start, rates, momentum, rule=one)
            for one in (rule, RULES[1 - RULES.index(rule)])
        }
        path = torch.stack(paths[f"{rule}'s rule"])  # (81, 2)
        return valley_picture(paths, STEEPNESS, drop), (
            f"{rule.capitalize()}'s rule, rate {lr:.3g}, momentum {momentum:.2f}. "
            f"{_arrival(path.norm(dim=1).tolist(), lr, momentum, drop)} {_coasting(path, drop)}"
            f"{_outside(path)}"
        )


def _arrival(distances: list[float], lr: float, momentum: float, drop: int) -> str:
    told = f"From {distances[0]:.1f} away to {distances[-1]:.2g} in {UPDATES} updates"
    if lr * STEEPNESS > 2 * (1 + momentum):
        return (
            f"{told}: rate × steepness is {lr * STEEPNESS:.2g}, more than "
            f"2 (1 + momentum) = {2 * (1 + momentum):.2g}, so each swing is wider than the last"
            f"{' until the drop' * (drop < UPDATES)}."
        )
    near = max(i for i, d in enumerate(distances) if not d <= 0.05 * distances[0]) + 1
    return f"{told}; " + (
        f"within 5 % for good after {near}." if near <= UPDATES else "not within 5 % for good."
    )


def _coasting(path: torch.Tensor, drop: int) -> str:
    if drop >= UPDATES:
        return "The rate never falls."
    steps = path.diff(dim=0).norm(dim=1)
    ratio = float(steps[drop] / steps[drop - 1])
    return f"The first step after the drop is {ratio:.2g} times as long as the last one before it."


def _outside(path: torch.Tensor) -> str:
    """How often the path is outside the picture, if ever."""
    out = int((path.abs() > torch.tensor(VIEW)).any(dim=1).sum())
    ends = f"{out} of {UPDATES} updates end"
    return f" {ends} outside the picture: hollow dots at its edge." if out else ""


class ScheduleEditor(Explorer):
    """Place three drops, choose rate and momentum; a softmax learns anew at each move."""

    pairs = (("lr", "momentum"),)

    def __init__(self, problem: SoftmaxProblem, data_name: str) -> None:
        self.problem, self.updates, self.data_name = problem, len(problem.x), data_name
        self.learn = lru_cache(64)(self._learn)
        first, second, third = (round(place * self.updates) for place in (0.25, 0.55, 0.84))
        super().__init__(
            lr=log_slider("first rate", -3, -0.5, -1.5),
            momentum=slider("momentum", 0.0, 0.98, 0.9, 0.02),
            first=slider("first drop after", 1, self.updates, first),
            second=slider("second drop after", 1, self.updates, second),
            third=slider("third drop after", 1, self.updates, third),
        )

    def render(self, lr: float, momentum: float, first: int, second: int, third: int) -> Shown:
        """The rates and the losses they bring; a drop after the last update never happens."""
        drops = tuple(sorted((first, second, third)))
        losses, constant = self.learn(lr, momentum, drops), self.learn(lr, momentum, ())
        happen = [drop for drop in drops if drop < self.updates]
        when = f"÷10 after {', '.join(map(str, happen))}" if happen else "no drop"
        if drops != (first, second, third):
            when += " (in order of time, whatever the order of the sliders)"
        title = f"Softmax on 4 × 4 pixels, {self.data_name}: rate {lr:.2g}, momentum {momentum:.2f}"
        rates = dropped_rates(lr, self.updates, drops)
        return schedule_picture(rates, losses, constant, title), (
            f"{title}; {when}. Held-out loss {losses[-1]:.3f}; with the first rate throughout "
            f"{constant[-1]:.3f}. {_verdict(losses[-1], constant[-1])}"
        )

    def _learn(self, lr: float, momentum: float, drops: tuple[int, ...]) -> list[float]:
        """Held-out losses."""
        return self.problem.losses(dropped_rates(lr, self.updates, drops), momentum)


def _verdict(dropped: float, constant: float) -> str:
    if not math.isfinite(dropped):
        return "The loss is no longer a number."
    gain = constant - dropped
    if abs(gain) < 0.005:
        return "The drops change nothing."
    return f"The drops {'gain' if gain > 0 else 'lose'} {abs(gain):.3f}."
