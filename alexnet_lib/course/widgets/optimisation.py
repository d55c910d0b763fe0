"""A valley to roll down, and a schedule to edit over the loss it makes (§5)."""

import math
from functools import lru_cache, partial
from typing import Any

import torch
from PIL import Image

from alexnet_lib.course.figures.optimisation import schedule_picture, valley_picture
from alexnet_lib.course.toy import RULES, SoftmaxProblem, descend, dropped_rates
from alexnet_lib.course.widgets.core import Explorer, choice, log_slider, slider

STEEPNESS, START, UPDATES = 20.0, (-9.0, 2.0), 80  # the valley is 20 times as steep across


def valley_explorer() -> Explorer:
    """Two slopes, one twenty times as steep as the other; the rate falls once, by ten."""
    return Explorer(
        render_valley,
        lr=log_slider("learning rate", -3, -0.5, -1.5),
        momentum=slider("momentum", 0.0, 0.99, 0.9, 0.01),
        rule=choice("rule", [("as in the paper", "paper"), ("as in torch", "torch")]),
        drop=slider("drop after", 1, UPDATES, 20),
    )


def render_valley(state: dict[str, Any]) -> tuple[Image.Image, str]:
    """Picture and words for `lr`, `momentum`, `rule` and `drop`."""
    lr, momentum, drop = state["lr"], state["momentum"], state["drop"]
    across = torch.tensor([1.0, STEEPNESS])
    rates = dropped_rates(lr, UPDATES, [drop])
    chosen, other = state["rule"], RULES[1 - RULES.index(state["rule"])]
    paths = {
        f"{rule}'s rule": descend(lambda w, _: across * w, torch.tensor(START), rates, momentum,
                                  rule=rule)
        for rule in (chosen, other)
    }  # fmt: skip
    picture = valley_picture(paths, STEEPNESS, drop)
    path = torch.stack(paths[f"{chosen}'s rule"])  # (81, 2)
    return picture, (
        f"{chosen.capitalize()}'s rule, rate {lr:.3g}, momentum {momentum:.2f}. "
        f"{_arrival(path.norm(dim=1).tolist(), lr, momentum)} {_coasting(path, drop)}"
    )


def _arrival(distances: list[float], lr: float, momentum: float) -> str:
    told = f"From {distances[0]:.1f} away to {distances[-1]:.2g} in {UPDATES} updates"
    if lr * STEEPNESS > 2 * (1 + momentum):
        return (
            f"{told}: rate × steepness is {lr * STEEPNESS:.2g}, more than "
            f"2 (1 + momentum) = {2 * (1 + momentum):.2g}, so each swing is wider than the last."
        )
    near = max(i for i, d in enumerate(distances) if not d <= 0.05 * distances[0]) + 1
    return f"{told}; " + (
        f"within 5 % for good after {near}." if near <= UPDATES else "not within 5 % for good."
    )


def _coasting(path: torch.Tensor, drop: int) -> str:
    if drop >= UPDATES:
        return "The rate never falls."
    steps = path.diff(dim=0).norm(dim=1)
    ratio = float(steps[drop] / steps[drop - 1].clamp_min(1e-12))
    return f"The first step after the drop is {ratio:.2g} times as long as the last one before it."


def schedule_editor(problem: SoftmaxProblem, data_name: str) -> Explorer:
    """Place three drops, choose rate and momentum; a softmax learns anew at each move."""
    updates = len(problem.x)
    learn = lru_cache(64)(
        lambda lr, momentum, drops: problem.losses(dropped_rates(lr, updates, drops), momentum)
    )
    places = zip(("first", "second", "third"), (0.25, 0.55, 0.84), strict=True)
    return Explorer(
        partial(render_schedule, learn, updates, data_name),
        lr=log_slider("first rate", -3, -0.5, -1.5),
        momentum=slider("momentum", 0.0, 0.98, 0.9, 0.02),
        **{
            name: slider(f"{name} drop after", 1, updates, round(place * updates))
            for name, place in places
        },
    )


def render_schedule(
    learn: Any, updates: int, data_name: str, state: dict[str, Any]
) -> tuple[Image.Image, str]:
    """Picture and words for `lr`, `momentum` and the drops `first`, `second`, `third`.

    Args:
        learn: held-out losses for a rate, a momentum and a tuple of drops.
        updates: length of a run; a drop after the last one never happens.
    """
    lr, momentum = state["lr"], state["momentum"]
    drops = tuple(sorted(state[name] for name in ("first", "second", "third")))
    losses, constant = learn(lr, momentum, drops), learn(lr, momentum, ())
    happen = [drop for drop in drops if drop < updates]
    when = f"÷10 after {', '.join(map(str, happen))}" if happen else "no drop"
    title = f"Softmax on 4 × 4 pixels, {data_name}: rate {lr:.2g}, momentum {momentum:.2f}"
    picture = schedule_picture(dropped_rates(lr, updates, drops), losses, constant, title)
    return picture, (
        f"{title}; {when}. Held-out loss {losses[-1]:.3f}; with the first rate throughout "
        f"{constant[-1]:.3f}. {_verdict(losses[-1], constant[-1])}"
    )


def _verdict(dropped: float, constant: float) -> str:
    if not math.isfinite(dropped):
        return "The loss is no longer a number."
    gain = constant - dropped
    if abs(gain) < 0.005:
        return "The drops change nothing."
    return f"The drops {'gain' if gain > 0 else 'lose'} {abs(gain):.3f}."
