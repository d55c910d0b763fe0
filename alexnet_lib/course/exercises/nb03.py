"""Lesson 03: derivatives by hand, epochs to a threshold, and the fair learning rate."""

import math
from statistics import median

import torch
from torch import Tensor, tensor

from alexnet_lib.course.exercises.compare import as_tensor
from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.exercises.trials import Trial
from alexnet_lib.course.widgets.questions import Option, Question, Quiz
from alexnet_lib.statistics import epochs_to_threshold, fair_rate, mean


def slopes(z: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of ReLU and tanh at z; ReLU's at 0 is 0, as in torch."""
    relu = (z > 0).to(z.dtype)
    tanh = 1 - z.tanh() ** 2
    return relu, tanh


class _OfItsDtype(Exercise):
    """An exercise whose tensors must be of the right dtype, too."""

    def _right(self, trials: list[Trial]) -> list[bool]:
        pairs = zip(super()._right(trials), trials, self._values(self.reference), strict=True)
        return [good and _of_dtypes(trial.value, want) for good, trial, want in pairs]


def _of_dtypes(values: tuple, wanted: tuple) -> bool:
    """Whether all have the wanted dtypes; a list has none."""
    pairs = zip(values, wanted, strict=True)
    return all(isinstance(a, list) or as_tensor(a).dtype == b.dtype for a, b in pairs)


def _step(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


def _whole_epochs(errors, threshold):
    """First epoch that ends at or below the threshold."""
    return next((i for i, e in enumerate(errors, 1) if e <= threshold), math.inf)


def _from(errors, threshold, start, never):
    epochs = epochs_to_threshold(errors, threshold)
    return never(errors) if math.isinf(epochs) else epochs + start


def _whole(epochs, how):
    return how(epochs) if epochs < math.inf else epochs


def _rest(errors, threshold):
    exact = epochs_to_threshold(errors, threshold)
    part = exact - math.floor(exact) if exact < math.inf else 0
    return exact if not part else math.floor(exact) + 1 - part


def _part_after(errors, threshold):
    """The end of the line is taken for its start."""
    n = _whole_epochs(errors, threshold)
    if n == 1 or n == math.inf:
        return n
    before, error = errors[n - 2 : n]
    return n - 1 + (threshold - error) / (before - error)


def _from_chance(errors, threshold):
    epochs = epochs_to_threshold([1.0, *errors], threshold)
    return epochs - 1


def _last_crossing(errors, threshold):
    above = [i for i, e in enumerate(errors) if e > threshold]
    last = above[-1] if above else -1
    return last + epochs_to_threshold(errors[max(last, 0) :], threshold) + (last < 0)


def _rate_by(score):
    return lambda sweep: min(sweep, key=lambda lr: score(sweep[lr]))


derivatives = _OfItsDtype(
    id="03.1",
    title="Two derivatives",
    statement="Write slopes(z): the derivatives of ReLU and of tanh at z, as a pair of z's dtype.",
    reference=slopes,
    cases=lambda: [
        (tensor([-3.0, -0.5, 0.0, 0.5, 3.0]),),
        (tensor([[-20.0, 0.1], [1.0, 20.0]]),),
        (tensor([[[-1.5, 0.0, 2.5]], [[0.3, -0.7, 1.0]]], dtype=torch.float64),),
    ],
    mistakes=(
        Mistake(lambda z: slopes(z)[::-1], "the order is ReLU first, then tanh."),
        Mistake(lambda z: (z.relu(), z.tanh()), "these are the functions, not their derivatives."),
        Mistake(
            lambda z: (_step(z), 1 - z.tanh()),
            "1 − tanh: the tanh must be squared.",
            also=(lambda z: (_step(z), 1 - z.tanh().abs()),),
        ),
        Mistake(
            lambda z: (_step(z), 1 + z.tanh() ** 2),
            "the sign before tanh²: where tanh is flat "
            "its slope is small, and yours is largest there.",
        ),
        Mistake(
            lambda z: (_step(z), z.tanh() ** 2 - 1),
            "tanh rises everywhere, so its slope is nowhere negative.",
        ),
        Mistake(
            lambda z: (_step(z), (1 - z.tanh()) ** 2), "square tanh first, then take it from 1."
        ),
        Mistake(lambda z: (_step(z), z.tanh() ** 2), "that is tanh², which is missing from 1."),
        Mistake(lambda z: (_step(z), 1 - (z**2).tanh()), "square tanh z, not z within it."),
        Mistake(lambda z: (_step(z), 1 / z.cosh()), "1 / cosh z must be squared."),
        Mistake(
            lambda z: (_step(z), z.sigmoid() * (1 - z.sigmoid())),
            "that is the slope of the sigmoid; tanh is steeper: 1 at z = 0.",
        ),
        Mistake(
            lambda z: (_step(z), z.tanh() * (1 - z.tanh())),
            "y (1 − y) belongs to the sigmoid; tanh has another rule.",
        ),
        Mistake(lambda z: (_step(z), z.tanh()), "the second is tanh itself, not its slope."),
        Mistake(
            lambda z: tuple(slope.float() for slope in slopes(z)),
            "the numbers are right, but z's dtype is asked, whichever it is; .float() and a bare "
            "1.0 make float32.",
        ),
        Mistake(
            lambda z: (z > 0, slopes(z)[1]),
            "the first holds True and False; numbers of z's dtype are asked.",
            also=(
                lambda z: ((z > 0).int(), slopes(z)[1]),
                lambda z: ((z > 0).long(), slopes(z)[1]),
            ),
        ),
        Mistake(
            lambda z: (_step(z), 2 * z.tanh()),
            "2 tanh z is no slope of tanh: it is negative below 0, where tanh rises.",
        ),
        Mistake(lambda z: (z.sign(), slopes(z)[1]), "below 0 ReLU is flat; it does not fall."),
        Mistake(lambda z: (torch.ones_like(z), slopes(z)[1]), "below 0 ReLU is flat: slope 0."),
        Mistake(
            lambda z: (torch.heaviside(z, 0.5 + 0 * z), slopes(z)[1]),
            "at exactly 0 take 0, as torch does.",
        ),
        Mistake(lambda z: (_step(z), 1 - z**2), "square tanh z, not z itself."),
        Mistake(
            lambda z: (1 - _step(-z), slopes(z)[1]),
            "at exactly 0, ReLU has no slope; torch takes 0 there, and so do we.",
            also=(lambda z: ((z >= 0).int(), slopes(z)[1]),),
        ),
        Mistake(
            lambda z: (z.relu(), slopes(z)[1]),
            "your first answer is ReLU itself; its slope does not depend on how large z is.",
        ),
        Mistake(lambda z: (_step(-z), slopes(z)[1]), "ReLU rises where z is *above* 0."),
        Mistake(
            lambda z: (torch.where(z > 0, 1.0, 0.01).to(z), slopes(z)[1]),
            "that is a leaky ReLU; the plain one is flat below 0.",
            also=(lambda z: (torch.where(z > 0, 1.0, 0.1).to(z), slopes(z)[1]),),
        ),
    ),
    hints=(
        "Read both off the left picture: how steep is ReLU left and right of 0?",
        "ReLU's derivative is 0 or 1. For tanh = sinh / cosh use the quotient rule; what remains "
        "can be said in tanh z alone.",
        "relu = (z > 0).to(z.dtype); tanh = 1 - (something squared); return relu, tanh",
    ),
    why="ReLU passes the gradient whole or not at all; tanh multiplies it by 1 − tanh² z, which is "
    "at most 1, and nearly 0 where tanh is nearly ±1.",
)

arrival = Exercise(
    id="03.2",
    title="Epochs to a threshold",
    statement="Write epochs_to_threshold(errors, threshold) with a straight line between epochs.",
    reference=epochs_to_threshold,
    cases=lambda: [
        ([0.7, 0.5, 0.3, 0.2], 0.25),
        ([0.6, 0.4, 0.5, 0.3], 0.45),
        ([0.7, 0.5, 0.25], 0.25),
        ([0.7, 0.6, 0.5], 0.25),
        ([0.2, 0.1], 0.25),
        ([0.9, 0.8, 0.6, 0.1, 0.3, 0.05], 0.2),
        ([0.55, 0.55, 0.35], 0.55),
        ([0.6, 0.3], 0.55),
    ],
    mistakes=(
        Mistake(_whole_epochs, "you return whole epochs; where does the straight line between "
                "two epochs meet the threshold?"),
        Mistake(lambda e, t: _whole_epochs(e, t) - 1, "you return a place in the list, which "
                "counts from 0; epochs count from 1, and the line is missing."),
        Mistake(lambda e, t: _from(e, t, -1, lambda _: math.inf), "one too few: the first entry is "
                "the error after epoch 1."),
        Mistake(lambda e, t: _from(e, t, 0, len), "a run that never arrives must not look as if it "
                "arrived in its last epoch; return math.inf.", also=(
                lambda e, t: _from(e, t, 0, lambda e: len(e) + 1),)),
        Mistake(lambda e, t: _from(e, t, 0, lambda _: 0), "0 for a run that never arrives would "
                "make it the fastest of all; return math.inf.", also=(
                lambda e, t: _from(e, t, 0, lambda _: -1),)),
        Mistake(lambda e, t: _from(e, t, 0, lambda _: math.nan), "nan is no answer that can be "
                "compared; a run that never arrives needs math.inf."),
        Mistake(_rest, "that is the part of the epoch after the crossing; count the part before.",
                also=(_part_after,)),
        Mistake(lambda e, t: _from(e, t, 1.0 * (e[0] > t), lambda _: math.inf), "one too many: the "
                "line to the error of epoch n starts at epoch n − 1.", also=(
                lambda e, t: _from(e, t, 1, lambda _: math.inf),)),
        Mistake(lambda e, t: e.index(min(e)) + 1 if min(e) <= t else math.inf, "you return the "
                "epoch of the lowest error; when was the threshold reached first?", also=(
                lambda e, t: e.index(min(e)) + 1,)),
        Mistake(_from_chance, "you draw a line to an error of 1 before the first epoch; nothing "
                "was measured there, so a run that is there at once counts 1."),
        Mistake(lambda e, t: _whole(epochs_to_threshold(e, t), round), "the straight line gives "
                "parts of an epoch; do not round."),
        Mistake(lambda e, t: _whole(epochs_to_threshold(e, t), math.floor), "you return the epoch "
                "before the crossing; where on the line is it?", also=(
                lambda e, t: max(1, _whole_epochs(e, t) - 1),)),
        Mistake(lambda e, t: _whole_epochs(e, t) - 0.5 * (e[0] > t), "the crossing is not always "
                "half-way: how far has the line fallen?"),
        Mistake(lambda e, t: _whole_epochs([x for x in e if x <= t], t), "you count only the "
                "epochs that are low enough; count all that go by."),
        Mistake(lambda e, t: float(min(range(len(e)), key=lambda i: abs(e[i] - t)) + 1), "you take "
                "the epoch nearest to the threshold; find where the line first meets it."),
        Mistake(lambda e, t: _from(e, t, 0, lambda _: None), "where a run never arrives your "
                "function returns nothing; after the loop, return math.inf."),
        Mistake(lambda e, t: epochs_to_threshold(e, t - 1e-9), "a run that touches the threshold "
                "has arrived: compare with <=."),
        Mistake(_last_crossing, "errors go up and down; the first crossing counts, not the last."),

        Mistake(lambda e, t: sum(x > t for x in e), "you count the epochs above the threshold, "
                "also those after the first crossing, and without the line.", also=(
                lambda e, t: sum(x > t for x in e) + 1, lambda e, t: sum(x <= t for x in e))),

        Mistake(lambda e, t: _from(e, t, -1.0 * (e[0] <= t), lambda _: math.inf), "a run that is "
                "there after its first epoch counts 1."),
        Mistake(lambda e, t: next((i for i, x in enumerate(e, 1) if x <= t), len(e)), "whole "
                "epochs; and a run that never arrives must not look as if it had: math.inf.", also=(
                lambda e, t: next((i for i, x in enumerate(e, 1) if x <= t), 0),)),
        Mistake(lambda e, t: next((i for i, x in enumerate(e, 1) if x < t), math.inf), "whole "
                "epochs; and a run that touches the threshold has arrived."),
    ),
    hints=(
        "Walk along the errors with enumerate(errors, 1) and stop at the first one that is low "
        "enough. What is there to return after the loop?",
        "Between epoch n − 1 (error a, above) and epoch n (error b, at or below) the line has "
        "fallen by a − b in one epoch. How much of that epoch comes after the crossing?",
        "return epoch - (threshold - error) / (before - error); the first epoch has no `before`, "
        "and math.inf in its place makes the fraction 0; after the loop, return math.inf",
    ),
    why="The first crossing, measured on the line between two epochs. Infinity for never is "
    "honest: it loses every comparison, and a mean over seeds that holds it is infinite.",
)  # fmt: skip

fairness = Exercise(
    id="03.3",
    title="The fair rate",
    statement="Write fair_rate(sweep): the learning rate with the fewest epochs, mean over seeds.",
    reference=fair_rate,
    cases=lambda: [
        ({0.001: [10, 11, 10], 0.003: [7, 8, 7], 0.006: [6, 11, 11], 0.01: [5, 13, math.inf]},),
        ({0.003: [46, 50], 0.012: [45, 43], 0.02: [40, 59], 0.05: [math.inf, 41]},),
        ({0.01: [9], 0.03: [7], 0.1: [8]},),
        ({0.003: [7, 7, 30], 0.01: [9, 9, 9]},),
        ({0.003: [6, 6, 10], 0.01: [9, 9, 9]},),
        ({0.1: [5, 5], 0.2: [4, 4, 4], 0.4: [12]},),
        ({0.4: [3, 12, 9], 0.1: [8, 4], 0.2: [7, 8, 7, 8]},),
        ({0.05: [6, 9, 3], 0.1: [8, 5, 8]},),
        ({0.1: [9, 2, 9], 0.2: [5, 6]},),
        ({0.1: [3, 4, math.inf], 0.2: [8, 9, 9]},),
    ],
    mistakes=(
        Mistake(_rate_by(min), "you judge a rate by its luckiest seed; use the mean of its seeds."),
        Mistake(_rate_by(median), "you took the median, which does not see how late the latest "
                "seed is; use the mean."),
        Mistake(_rate_by(max), "you judge a rate by its slowest seed; use the mean of its seeds."),
        Mistake(
            _rate_by(lambda epochs: mean([e for e in epochs if e < math.inf])),
            "you left out the seeds that never arrived; then a rate that fails can win.",
        ),
        Mistake(lambda sweep: min(map(mean, sweep.values())), "that is the number of epochs; "
                "return the rate they belong to."),
        Mistake(_rate_by(lambda epochs: -mean(epochs)), "you chose the slowest rate."),
        Mistake(lambda sweep: list(sweep).index(fair_rate(sweep)), "that is a place in the sweep; "
                "return the rate itself."),
        Mistake(max, "the largest rate is not always the fastest: beyond a point steps overshoot."),

        Mistake(_rate_by(sum), "you took the sum, and rates with more seeds lose by it; the mean."),
        Mistake(_rate_by(lambda epochs: epochs[0]), "you looked at the first seed only."),
        Mistake(_rate_by(lambda epochs: epochs[-1]), "you looked at the last seed only."),
        Mistake(_rate_by(lambda epochs: mean([e if e < math.inf else 0 for e in epochs])),
                "a seed that never arrived counts 0 with you, as if it were the fastest."),
        Mistake(_rate_by(lambda epochs: (math.inf in epochs, median(epochs))), "you took the "
                "median, and left rates out that fail; the mean of all seeds does both."),
        Mistake(min, "the smallest rate is not the fastest: its steps are short."),
        Mistake(lambda sweep: (fair_rate(sweep), mean(sweep[fair_rate(sweep)])), "return the rate "
                "alone, without its mean."),
        Mistake(lambda sweep: next(iter(sweep)), "you always take the first rate."),
        Mistake(lambda sweep: max(sweep, key=lambda lr: sum(e < math.inf for e in sweep[lr])),
                "you count the seeds that arrived; how soon did they?"),
        Mistake(lambda sweep: min(min(epochs) for epochs in sweep.values()), "that is the fewest "
                "epochs of any seed; return a rate."),

        Mistake(lambda sweep: list(sweep)[-1], "you always take the last rate."),
        Mistake(lambda sweep: sweep[fair_rate(sweep)], "those are the epochs of its seeds; return "
                "the rate."),
        Mistake(lambda sweep: {lr: mean(epochs) for lr, epochs in sweep.items()}, "those are the "
                "means of all rates; which rate is the fastest?"),
    ),
    hints=(
        "For each rate, turn its list of epochs into one number. Which number is fair to it?",
        "sum(epochs) / len(epochs) is infinite as soon as one seed never arrived, which is right.",
        "return min(sweep, key=lambda lr: ...) with the mean of sweep[lr] in place of the dots",
    ),
    why="min over the keys, by the mean over seeds; an infinite mean can never win. Do this for "
    "each network on its own, then compare the two.",
)  # fmt: skip

EXERCISES = (derivatives, arrival, fairness)

QUIZ = Quiz(
    "03",
    (
        Question(
            "What does it mean that a tanh unit saturates?",
            (
                Option("Its weights no longer fit into memory.", "No: it is about its input, not "
                       "its storage."),
                Option("Its input is so large that its output is nearly ±1 and its derivative "
                       "nearly 0.", "Yes: the gradient that arrives is multiplied by nearly 0.",
                       right=True),
                Option("Its output is always 0.", "That is a dead ReLU; a saturated tanh says "
                       "nearly +1 or −1."),
            ),
        ),
        Question(
            "Both networks are trained at ReLU's best learning rate, and ReLU wins. What follows?",
            (
                Option("ReLU is faster.", "Not yet: tanh may be faster at a rate of its own."),
                Option("tanh cannot learn.", "Not at this rate, perhaps. Others were not tried."),
                Option("The paper is refuted.", "The paper chose each network's rate on its own."),
                Option("Little: the rate suits one of them only.", "Yes: choose each network's "
                       "rate independently, then compare.", right=True),
            ),
        ),
        Question(
            "Which unit can come to life again by gradient steps on its own weights?",
            (
                Option("A tanh unit far out, in principle.", "Yes, in mathematics: tiny, but "
                       "never 0. In float32 it rounds to 0 beyond |z| ≈ 9.", right=True),
                Option("A ReLU that is 0 for every image.", "Its gradient is exactly 0, so its own "
                       "weights never move; only layers below could save it."),
                Option("Neither.", "In mathematics, one of the two derivatives is never 0."),
            ),
        ),
        Question(
            "Inputs are divided by 64 and nothing else changes. What happens to the inputs z of "
            "the first layer?",
            (
                Option("They stay; training has not begun.", "z = w · x + b: it scales with x at "
                       "once."),
                Option("They shrink 64-fold, and so does the gradient of its weights.", "Yes: both "
                       "hold x as a factor. Rate and first weights must fit the input scale.",
                       right=True),
                Option("They shrink, but gradients grow.", "The gradient of w is x times what "
                       "arrives from above, so it shrinks too."),
            ),
        ),
        Question(
            "tanh is stopped after 12 epochs, above the threshold. ReLU needed 4. What now?",
            (
                Option("ReLU is 3 times as fast.", "12 is not when it arrived; it is when we "
                       "stopped looking."),
                Option("Nothing at all.", "Something: the run needs more than 12 epochs."),
                Option("ReLU is at least 3 times as fast.", "Yes: a lower bound, and it is to be "
                       "called so.", right=True),
            ),
        ),
    ),
)  # fmt: skip
