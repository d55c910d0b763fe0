"""Lesson 11: the rule of §5, and when the rate falls."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz


def follow(slope: Callable[[Tensor], Tensor], w: Tensor, rates: Sequence[float]) -> Tensor:
    """Weights after the last update by the rule of §5, one rate an update."""
    v = torch.zeros_like(w)
    for lr in rates:
        v = 0.9 * v - 0.0005 * lr * w - lr * slope(w)
        w = w + v
    return w


def plateau_drops(errors: Sequence[float], patience: int, threshold: float) -> list[int]:
    """Epochs, from 1, after which the rate falls."""
    best, stalled, drops = math.inf, 0, []
    for epoch, error in enumerate(errors, 1):
        if error < best - threshold:
            best, stalled = error, 0
            continue
        stalled += 1
        if stalled == patience and len(drops) < 3:
            drops.append(epoch)
            stalled = 0
    return drops


# A term of the rule that somebody may write otherwise: v from (v, w, g, lr), w from (w, v, lr).
_V = {"v": lambda v, w, g, lr: 0.9 * v - 0.0005 * lr * w - lr * g, "w": lambda w, v, lr: w + v}


def _rule(**changed: Callable) -> Callable:
    parts = _V | changed

    def run(slope, w, rates):
        v = torch.zeros_like(w)
        for lr in rates:
            v = parts["v"](v, w, slope(w), lr)
            w = parts["w"](w, v, lr)
        return w

    return run


def _velocity(slope, w, rates):
    v = torch.zeros_like(w)
    for lr in rates:
        v = _V["v"](v, w, slope(w), lr)
        w = w + v
    return v


def _frozen(slope, w, rates):
    first = slope(w)
    return follow(lambda _: first, w, rates)


def _nesterov(slope, w, rates):
    v = torch.zeros_like(w)
    for lr in rates:
        v = _V["v"](v, w, slope(w + 0.9 * v), lr)
        w = w + v
    return w


def _first_decay(slope, w, rates):
    first, v = w, torch.zeros_like(w)
    for lr in rates:
        v = _V["v"](v, first, slope(w), lr)
        w = w + v
    return w


def _weights_first(slope, w, rates):
    v = torch.zeros_like(w)
    for lr in rates:
        w, v = w + v, _V["v"](v, w, slope(w), lr)
    return w


class _Slope:
    """A gradient that a message can name."""

    def __init__(self, steepness: float) -> None:
        self.steepness = steepness

    def __call__(self, w: Tensor) -> Tensor:
        return self.steepness * tensor([1.0, 8.0, 3.0]) * w

    def __repr__(self) -> str:
        return "slope"


_CONSTANT, _FALLING = [0.1] * 12, [0.1] * 8 + [0.01] * 6

_W = (0.7, -1.3, 40.0)  # the last one is large, so that a missing decay shows

rule = Exercise(
    id="11.1",
    title="The rule of §5",
    statement="Write follow(slope, w, rates): the weights after len(rates) updates as in §5.",
    reference=follow,
    cases=lambda: [
        (_Slope(1.0), tensor(_W), _FALLING),
        (_Slope(0.3), tensor(_W), _CONSTANT),
        (_Slope(0.0), tensor(_W), [0.5] * 40),
        (_Slope(1.0), tensor(_W), [0.1]),
        (_Slope(0.5), tensor([[0.2, -0.4, 30.0], [1.0, -2.0, 0.5]], dtype=torch.float64), [0.1, 0.3,
                                                                                         0.05]),
    ],
    tolerance=1e-6,
    mistakes=(
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v + g + 0.0005 * w,
                      w=lambda w, v, lr: w - lr * v), "this is torch's rule: the rate is outside "
                "the velocity. Equal while the rate is constant, different once it falls."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v + g, w=lambda w, v, lr: w - lr * v),
                "this is torch's rule, and without decay: the rate belongs into the velocity."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v - lr * g), "the decay is missing: each update "
                "also takes 0.0005 times the rate of w itself."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v - 0.0005 * w - lr * g), "the decay is "
                "multiplied by the rate, too."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v + 0.0005 * lr * w - lr * g), "the decay has "
                "the wrong sign: your weights grow."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v + 0.0005 * lr * w + lr * g), "you walk uphill: "
                "look at the signs. The gradient is to be subtracted, once.", also=(
                _rule(v=lambda v, w, g, lr: 0.9 * v - 0.0005 * lr * w + lr * g),)),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v - 0.1 * (0.0005 * lr * w + lr * g)),
                "the new gradient is not weighed by 0.1: this is a sum that fades, no mean.",
                also=(_rule(v=lambda v, w, g, lr: 0.9 * v - 0.0005 * lr * w - 0.1 * lr * g),)),
        Mistake(_rule(v=lambda v, w, g, lr: -0.0005 * lr * w - lr * g), "the momentum is missing: "
                "0.9 of the old velocity stays."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v - lr * g,
                      w=lambda w, v, lr: w + v - 0.0005 * lr * w), "the decay belongs into the "
                "velocity, so that it, too, gathers momentum."),
        Mistake(lambda slope, w, rates: [follow(slope, w, rates[:n]) for n in
                range(1, len(rates) + 1)], "you return the weights of every update; return the "
                "last ones only.", also=(lambda slope, w, rates: [
                    follow(slope, w, rates[:n]) for n in range(len(rates) + 1)],)),
        Mistake(lambda slope, w, rates: follow(slope, w, rates[:1] * len(rates)), "you use the "
                "first rate throughout; rates holds one for each update."),

        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v + lr * g + 0.0005 * lr * w,
                      w=lambda w, v, lr: w - lr * v), "the rate comes twice: it is inside the "
                "velocity, so the weights take the velocity as it is.", also=(
                _rule(w=lambda w, v, lr: w + lr * v),)),
        Mistake(_rule(v=lambda v, w, g, lr: -0.9 * v - 0.0005 * lr * w - lr * g), "the momentum "
                "has the wrong sign: the old velocity is kept, not turned around."),
        Mistake(_rule(v=lambda v, w, g, lr: v - 0.0005 * lr * w - lr * g), "the old velocity stays "
                "whole; only 0.9 of it is kept."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.1 * v - 0.0005 * lr * w - lr * g), "0.9 of the old "
                "velocity is kept, not 0.1."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v - 0.005 * lr * w - lr * g), "the decay is "
                "0.0005; yours is ten times that.", also=(
                _rule(v=lambda v, w, g, lr: 0.9 * v - 0.00005 * lr * w - lr * g),
                _rule(v=lambda v, w, g, lr: 0.9 * v - 0.5 * lr * w - lr * g))),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * v - 0.0005 * lr * w - g), "the rate is missing "
                "before the gradient."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.9 * (v - 0.0005 * lr * w - lr * g)), "0.9 belongs to "
                "the old velocity alone."),
        Mistake(lambda slope, w, rates: _velocity(slope, w, rates), "that is the last velocity; "
                "the weights are asked."),
        Mistake(lambda slope, w, rates: _frozen(slope, w, rates), "you ask for the slope once, at "
                "the first weights; ask again after each update."),
        Mistake(lambda slope, w, rates: follow(slope, w, rates[:-1]), "one update is missing: each "
                "rate makes one."),
        Mistake(lambda slope, w, rates: _weights_first(slope, w, rates), "the weights take the old "
                "velocity; first the velocity is renewed, then they move by it."),

        Mistake(_first_decay, "the decay takes of the present w, not of the first."),
        Mistake(_rule(v=lambda v, w, g, lr: -lr * g), "momentum and decay are both missing."),
        Mistake(_nesterov, "you ask for the slope ahead of the weights (Nesterov); §5 asks at the "
                "weights themselves."),
        Mistake(_rule(v=lambda v, w, g, lr: 0.99 * v - 0.0005 * lr * w - lr * g), "the momentum is "
                "0.9.", also=(_rule(v=lambda v, w, g, lr: 0.5 * v - 0.0005 * lr * w - lr * g),)),
        Mistake(lambda slope, w, rates: follow(slope, w, sorted(rates)), "take the rates in their "
                "order."),
        Mistake(lambda slope, w, rates: follow(slope, w, rates) - w, "that is how far the weights "
                "went; the weights are asked."),

        Mistake(lambda slope, w, rates: w - sum(rates) * slope(w), "one long step is not many "
                "short ones: the slope changes on the way."),
        Mistake(lambda slope, w, rates: w, "those are the first weights: does the new w get its "
                "name in the loop?"),
        Mistake(lambda slope, w, rates: follow(slope, w, [sum(rates) / len(rates)] * len(rates)),
                "you use the mean rate throughout; rates holds one for each update."),
    ),
    hints=(
        "Start with a velocity of zeros, as large as w. One update is two lines.",
        "New velocity: 0.9 of the old, minus 0.0005 times rate times w, minus rate times slope(w). "
        "New w: old w plus new velocity.",
        "for lr in rates: v = 0.9 * v - ... * w - ... * slope(w); w = w + v",
    ),
    why="The rate is inside the velocity: what has been gathered keeps the rate it was gathered "
    "with. torch has it outside, so the two part where the rate changes.",
)  # fmt: skip


def _plateau(
    first=1,
    cap=3,
    reset=True,
    forget=False,
    creep=False,
    last=False,
    early=0,
    better=lambda error, best, threshold: error < best - threshold,
    again=False,
):
    """The plateau rule, but for one thing."""
    gains = better

    def drops(errors, patience, threshold):
        best, stalled, found = math.inf, 0, []
        for epoch, error in enumerate(errors, first):
            better = gains(error, best, threshold)
            best = error if better or last else min(best, error) if creep else best
            stalled = 0 if better else stalled + 1
            due = stalled >= patience - early and not better
            if due and len(found) < cap and (reset or again or stalled == patience or cap > 3):
                found.append(epoch)
                stalled = 0 if reset else stalled
                best = error if forget else best
        return found

    return drops


def _best(errors, epoch):
    return min([math.inf, *errors[: epoch - 1]])


def _total(errors, patience, threshold):
    best, stalled, found = math.inf, 0, []
    for epoch, error in enumerate(errors, 1):
        better = error < best - threshold
        best, stalled = (error, stalled) if better else (best, stalled + 1)
        if not better and stalled >= patience and len(found) < 3:
            found, stalled = [*found, epoch], 0
    return found


plateau = Exercise(
    id="11.2",
    title="The plateau rule",
    statement="Write plateau_drops(errors, patience, threshold): epochs with a drop after them.",
    reference=plateau_drops,
    cases=lambda: [
        ([0.9, 0.7, 0.7, 0.8, 0.75, 0.6, 0.6, 0.6, 0.6, 0.59], 3, 0.0),
        ([0.5] * 14, 2, 0.0),
        ([0.9, 0.8, 0.85, 0.84, 0.83, 0.82, 0.81, 0.7], 2, 0.0),
        ([0.5, 0.495, 0.492, 0.489, 0.486, 0.483, 0.48, 0.4], 2, 0.01),
        ([0.9, 0.8, 0.82, 0.7, 0.72, 0.6, 0.62, 0.5, 0.52, 0.51], 2, 0.0),
        ([0.9, 0.8, 0.7], 2, 0.0),
        ([0.9, 0.95, 0.93, 0.8, 0.85, 0.84, 0.9, 0.95], 1, 0.0),
        ([0.8, 0.75, 0.7, 0.65, 0.62, 0.61, 0.6, 0.59, 0.58], 3, 0.05),
        ([0.6, 0.7, 0.65, 0.66, 0.64, 0.63, 0.62, 0.61, 0.61, 0.61, 0.61, 0.61], 2, 0.0),
        ([0.9, 0.85, 0.8, 0.75, 0.7, 0.72, 0.71, 0.69, 0.74, 0.73, 0.735], 2, 0.02),
    ],
    mistakes=(
        Mistake(_plateau(first=0), "epochs count from 1, yours from 0."),
        Mistake(_plateau(first=0, cap=99), "two things: epochs count from 1, yours from 0; and the "
                "rate falls three times at most."),
        Mistake(_plateau(cap=99), "the rate falls three times, never a fourth time.",
                also=(_plateau(cap=4),)),
        Mistake(_plateau(last=True), "compare with the best error so far, not with that of the "
                "epoch before."),
        Mistake(_plateau(forget=True), "the best error stays the mark after a drop; you start "
                "over from the present one."),
        Mistake(_plateau(early=1), "one epoch too early: patience counts the epochs without "
                "progress."),
        Mistake(_plateau(early=-1), "one epoch too late: the drop is due when patience epochs "
                "went by, not after one more."),
        Mistake(_total, "an epoch with progress sets the count back to 0; patience means epochs "
                "in a row."),
        Mistake(lambda errors, patience, threshold: plateau_drops(errors, patience, 0.0),
                "progress must be larger than the threshold."),
        Mistake(_plateau(creep=True), "an improvement too small to count must not move the mark "
                "either, else slow progress never adds up."),
        Mistake(_plateau(reset=False), "the count starts at 0 again after a drop.",
                also=(_plateau(reset=False, again=True),)),
        Mistake(_plateau(better=lambda error, best, threshold: error <= best - threshold),
                "a gain of exactly the threshold is no progress yet: more than that is asked.",
                also=(_plateau(better=lambda error, best, t: best - error >= t),)),
        Mistake(_plateau(better=lambda error, best, threshold: error < best * (1 - threshold)),
                "threshold is a difference of errors, not a share of the best one."),
        Mistake(lambda *case: len(plateau_drops(*case)), "that is how many drops there are; "
                "return a list of their epochs."),

        Mistake(lambda e, p, t: [epoch + 1 for epoch in plateau_drops(e, p, t)], "one too large: "
                "the rate falls *after* the epoch that you are to name."),
        Mistake(_plateau(cap=2), "the rate falls three times where it is due; yours stops earlier.",
                also=(_plateau(cap=1),)),
        Mistake(lambda e, p, t: [i for i, x in enumerate(e, 1) if x >= _best(e, i) - t],
                "those are all epochs without progress; a drop needs patience of them in a row.",
                also=(lambda e, p, t: [i for i, x in enumerate(e, 1) if x > _best(e, i) - t],)),
        Mistake(lambda e, p, t: [i for i, x in enumerate(e, 1) if x < _best(e, i) - t],
                "those are the epochs with progress."),
        Mistake(lambda e, p, t: plateau_drops(e, p, -t), "an epoch makes progress where it is "
                "below the best by more than threshold; you allow it to be above."),

        Mistake(lambda e, p, t: list(range(p, len(e) + 1, p))[:3], "the drops come at fixed "
                "distances; look at the "
                "errors.", also=(lambda e, p, t: list(range(p, len(e), p))[:3],)),
        Mistake(lambda e, p, t: [i + 1 for i in range(1, len(e)) if e[i] >= e[i - 1]][:3], "a "
                "single epoch that is no better than the one before makes your rate fall; patience "
                "of them, in a row, against the best."),
        Mistake(lambda e, p, t: plateau_drops(e, 2, t), "patience is not always 2.", also=(
                lambda e, p, t: plateau_drops(e, 3, t),)),
    ),
    hints=(
        "Keep two things while you walk along the errors: the best so far, and how many epochs "
        "have gone by without beating it.",
        "Progress is error < best - threshold: then best = error, count = 0. Otherwise count one "
        "up, and if it has reached patience and there are fewer than three drops, note the epoch.",
        "for epoch, error in enumerate(errors, 1): if error < best - threshold: ... else: "
        "stalled += 1; if stalled == patience and len(drops) < 3: drops.append(epoch); stalled = 0",
    ),
    why="Without progress for as long as patience lasts, the noise of the steps hides the way "
    "down; a shorter step shows it again. Three drops, as in §5.",
)  # fmt: skip


EXERCISES = (rule, plateau)

FIRST_AT_THE_BOTTOM = Asked(
    "Rate 0.03 throughout. Which momentum is within 5 % of the bottom first, and stays?",
    ("0", "0.9", "0.99"),
    answer="0.9",
)
AFTER_THE_DROP = Asked(
    "One drop, after 150 of 300 updates at rate 0.03: what happens to the loss soon after it?",
    ("it falls", "it stays and wobbles less", "it falls more slowly"),
    answer="it falls",
)

QUIZ = Quiz("11", (
    Question("The gradient stays the same for a hundred updates. With momentum 0.9, the steps …", (
        Option("stay as long as without momentum.", "No: each adds to 0.9 of the one before."),
        Option("grow to ten times that.", "Yes: 1 + 0.9 + 0.81 + … = 10.", right=True),
        Option("grow without end.", "No: the sum of 0.9, 0.81, … has a limit."),
    )),
    Question("The rate falls from 0.01 to 0.001. The next step of torch's SGD, against the "
             "paper's rule, is …", (
        Option("about a ninth as long.", "Yes: the paper's velocity still holds the old, long "
               "steps.", right=True),
        Option("equally long.", "Only at a constant rate, or with the buffer rescaled."),
        Option("longer.", "No: torch multiplies all it has gathered by the new, smaller rate."),
    )),
    Question("Held-out loss falls at once when the rate drops. Why?", (
        Option("The network suddenly learns faster.", "It learns more slowly; steps are shorter."),
        Option("Weight decay stops.", "It shrinks with the rate, but acts far too slowly."),
        Option("The noise of the steps shrinks.", "Yes: the weights settle where the long steps "
               "had been jumping about.", right=True),
    )),
    Question("In the paper's rule, weight decay …", (
        Option("acts at once: weights are halved within the first pass.", "No: at rate 0.01 it "
               "takes about 14,000 updates to halve a weight."),
        Option("is part of the velocity and multiplied by the rate.", "Yes: so it gathers momentum "
               "and shrinks with each drop.", right=True),
        Option("changes the loss that is reported.", "No: it only changes the update."),
    )),
    Question("What makes torch's SGD follow the paper after a drop of the rate?", (
        Option("A larger momentum.", "No: that changes every update, before the drop, too."),
        Option("Nothing: the two rules never agree.", "They agree as long as the rate stays."),
        Option("Its buffer multiplied by old rate / new rate.", "Yes: then the buffer stands for "
               "the same velocity as before.", right=True),
    )),
))  # fmt: skip
