"""Exercises and quiz of lesson 10: dropout (§4.2)."""

import math
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.exercises.network_judge import dropout_facts, test_facts
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz
from alexnet_lib.statistics import arrival, mean, times_as_long


def inverted_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Mask and scale up in training; leave the test alone."""
    if not training:
        return x
    kept = torch.rand_like(x) >= p  # a draw of its own for every unit of every image
    return x * kept / (1 - p)


def classification_error(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of wrong answers of the test-time network; the mode is put back."""
    was_training = net.training
    net.eval()
    wrong = net(x).argmax(dim=1) != y
    net.train(was_training)
    return float(wrong.float().mean())


def _dropout(train: Callable, test: Callable = lambda x, p: x) -> Callable:
    """Dropout from its two halves, both functions of x and p."""
    return lambda x, p, training: train(x, p) if training else test(x, p)


def _mask(x: Tensor, p: float, *shape: int) -> Tensor:
    return torch.rand(shape or x.shape) >= p


def _all_but_a_share(x: Tensor, p: float, axis: int = 0) -> Tensor:
    return torch.rand(x.shape).argsort(axis).argsort(axis) >= round(p * x.shape[axis])


def _always_alike(x: Tensor, p: float) -> Tensor:
    return torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= p


inverted = Exercise(
    id="10.1",
    title="Inverted dropout",
    statement="Write inverted(x, p, training): torch's dropout, from torch.rand and arithmetic.",
    reference=inverted_dropout,
    probe=dropout_facts,
    mistakes=(
        Mistake(_dropout(lambda x, p: x * _mask(x, p), lambda x, p: x * (1 - p)),
                "that is the paper's dropout, and right as such: it scales at test time. The "
                "inverted form leaves the test alone. Where does its factor go?"),
        Mistake(_dropout(lambda x, p: x * _mask(x, p)),
                "nobody makes up for the units that are gone: in training the next layer gets "
                "less, on average, than at test time."),
        Mistake(_dropout(lambda x, p: x * _mask(x, 1 - p) / (1 - p)),
                "you drop with probability 1 − p. p is the share that becomes zero."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) / p),
                "you divide by p. What share of the sum is left after dropping?"),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) / (1 - p), lambda x, p: x * (1 - p)),
                "you scale twice, in training and at test time: choose one."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) / (1 - p),
                         lambda x, p: x * _mask(x, p) / (1 - p)),
                "you drop at test time, too: `training` is not looked at."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p, 1, x.shape[1]) / (1 - p)),
                "all images of a batch get one and the same mask. Draw for x's whole shape."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p, len(x), 1) / (1 - p)),
                "a draw decides about a whole image. Every unit needs its own."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) / (1 - p), lambda x, p: None),
                "at test time nothing is returned. Every path needs its return."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) * (1 - p)), "you scale down in training; to "
                "make up for what is gone, what is kept must grow."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p), lambda x, p: x / (1 - p)), "in training "
                "nothing is scaled, and the test is scaled up: the factor belongs to training."),
        Mistake(_dropout(lambda x, p: x * _mask(x, 1 - p) / p), "you drop with probability 1 − p, "
                "and scale to match. p is the share that becomes zero."),
        Mistake(_dropout(lambda x, p: x * _mask(x, 1 - p)), "you drop with probability 1 − p, and "
                "do not scale. p is the share that becomes zero."),
        Mistake(_dropout(lambda x, p: x, lambda x, p: x * _mask(x, p) / (1 - p)), "training and "
                "test have changed places: units are dropped in training."),
        Mistake(_dropout(lambda x, p: x), "nothing is dropped."),
        Mistake(_dropout(lambda x, p: x * (torch.randn(x.shape) >= p) / (1 - p)), "randn draws "
                "from a bell curve, which is below p more often than not; torch.rand is uniform."),
        Mistake(_dropout(lambda x, p: x * torch.rand(x.shape)), "each unit is multiplied by a "
                "random number; it is to be kept whole or dropped whole."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) * 2), "the factor is 2 only for p = 0.5."),
        Mistake(_dropout(lambda x, p: x * _mask(x, 0.5) / 0.5), "use p; it is not always 0.5.",
                also=(_dropout(lambda x, p: x * _mask(x, 0.5) / (1 - p)),)),
        Mistake(_dropout(lambda x, p: _mask(x, p) / (1 - p)), "that is the mask; x itself is "
                "missing.", also=(_dropout(lambda x, p: _mask(x, p).float()),)),
        Mistake(_dropout(lambda x, p: x * _always_alike(x, p) / (1 - p)), "each call drops the "
                "same units: a seed is set within."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) / (1 - p), lambda x, p: x / (1 - p)),
                "you scale up at test time, too."),
        Mistake(lambda x, p, training: x * _mask(x, p), "you drop at test time, too, and nobody "
                "makes up for the units that are gone."),
        Mistake(_dropout(lambda x, p: x / (1 - p)), "scaled up, but nothing is dropped."),
        Mistake(_dropout(lambda x, p: x * _mask(x, p) * (1 + p)), "what share of the sum is left? "
                "Its inverse is the factor; 1 + p is near it only for small p."),
        Mistake(_dropout(lambda x, p: x * _all_but_a_share(x, p, -1) / (1 - p)), "the same number "
                "is dropped each time. Each unit has a draw of its own, so the number varies.",
                also=(_dropout(lambda x, p: x * _all_but_a_share(x, p, 0) / (1 - p)), _dropout(
                    lambda x, p: x * _all_but_a_share(x.flatten(), p).view_as(x) / (1 - p)))),
    ),
    hints=(
        "Two things to decide: which units are kept (random), and by what they are multiplied.",
        "torch.rand(x.shape) >= p is True with probability 1 − p. Of a sum, the share 1 − p is "
        "left on average; which factor makes up for that?",
        "if not training: return x; kept = torch.rand_like(x) >= p; return x * kept / ...",
    ),
    why="Each unit is 1 / (1 − p) times itself with probability 1 − p: on average, itself.",
)  # fmt: skip


def _compare(of_slow: Callable, of_fast: Callable, bound: Callable = any) -> Callable:
    """Ratio of what two functions make of the arrivals, with another idea of the bound."""

    def answer(slow: list, fast: list, threshold: float) -> tuple[float, bool]:
        missing = [at == math.inf for at in _arrivals(slow, threshold)]
        return of_slow(_least(slow, threshold)) / of_fast(_least(fast, threshold)), bound(missing)

    return answer


def _unless_lost(answer: Callable) -> Callable:
    """None where a fast curve never arrives, as asked; else another answer."""
    return lambda slow, fast, t: answer(slow, fast, t) if times_as_long(slow, fast, t) else None


def _arrivals(curves: list, threshold: float) -> list[float]:
    return [arrival(curve, threshold) for curve in curves]


def _least(curves: list, threshold: float) -> list[float]:
    return [min(len(curve), arrival(curve, threshold)) for curve in curves]


def _stopped(curves: list, threshold: float, factor: float, more: float = 0) -> list[float]:
    found = zip(_arrivals(curves, threshold), curves, strict=True)
    return [at if at < math.inf else factor * len(curve) + more for at, curve in found]


def _flagged_ratio(ratio: Callable) -> Callable:
    """Another ratio, beside the right flag, and the right None."""
    return _unless_lost(lambda s, f, t: (ratio(s, f, t), math.inf in _arrivals(s, t)))


def _arrived(curves: list, threshold: float) -> float:
    return mean([at for at in (arrival(c, threshold) for c in curves) if at < math.inf])


def _seed_by_seed(slow: list, fast: list, t: float) -> tuple[float, bool]:
    ratios = [times_as_long([a], [b], t) for a, b in zip(slow, fast, strict=False)]
    return mean([found.ratio for found in ratios]), any(found.at_least for found in ratios)


def _without_the_lost(slow: list, fast: list, t: float) -> tuple[float, bool] | None:
    arrived = [curve for curve in slow if arrival(curve, t) < math.inf]
    return (_arrived(slow, t) / _arrived(fast, t), len(arrived) < len(slow)) if arrived else None


_SLOW = [[2.3, 2.0, 1.6, 1.2, 0.9, 0.7], [2.2, 2.1, 1.9, 1.7, 1.3, 0.8]]
_FAST = [[2.0, 1.3, 0.8, 0.4], [2.1, 1.6, 1.1, 0.6]]
_THREE = ([[2.2, 1.4, 0.9], [2.1, 2.0, 1.8, 1.1, 0.9], [2.2, 1.9, 1.5, 1.2, 1.1, 0.7, 0.5]],
          [[1.8, 0.7], [2.0, 1.6, 1.2, 0.9], [1.9, 0.95, 0.6]])  # fmt: skip
_UNEVEN = ([[2.0, 0.8], [1.9, 1.5, 1.3, 0.7], [2.0, 1.8, 1.4]], [[1.5, 0.9, 0.5], [1.2, 0.4]])

iterations = Exercise(
    id="10.2",
    title="How many times as many iterations",
    statement="Write iterations_ratio(slow, fast, threshold): (ratio of means, whether a bound).",
    reference=times_as_long,
    cases=lambda: [*((_SLOW, _FAST, level) for level in (1.0, 1.5, 0.75, 0.65, 0.5)),
                   (*_THREE, 1.0), (*_UNEVEN, 1.0), (*_UNEVEN, 1.45), (_UNEVEN[1], _SLOW, 1.6)],
    mistakes=(
        Mistake(_unless_lost(lambda s, f, t: (1 / times_as_long(s, f, t)[0],
                                              times_as_long(s, f, t)[1])),
                "upside down: how many times as long does the *slow* kind take?"),
        Mistake(_unless_lost(lambda s, f, t: (_arrived(s, t) / _arrived(f, t), False)),
                "you left out the run that never arrived. It was the slowest of all; without it "
                "the ratio is too small.", also=(
                _unless_lost(_without_the_lost),
                _flagged_ratio(lambda s, f, t: _arrived(s, t) / _arrived(f, t)))),
        Mistake(lambda s, f, t: (mean([arrival(c, t) for c in s])
                                 / mean([arrival(c, t) for c in f]), False),
                "an infinite ratio says too much: that run was stopped, it might have arrived "
                "soon. Take its length, and call the ratio a bound.", also=tuple(
                _unless_lost(lambda s, f, t, flag=flag: (
                    mean(_arrivals(s, t)) / mean(_arrivals(f, t)), flag(_arrivals(s, t))))
                for flag in (lambda _: False, lambda at: math.inf in at))),
        Mistake(_unless_lost(_compare(mean, mean, lambda _: False)),
                "a run that never arrived counts with its length, which is right; but then the "
                "ratio is a lower bound, and has to say so: True."),
        Mistake(_unless_lost(_compare(mean, mean, lambda missing: not any(missing))),
                "the ratio is right, the flag is the wrong way round: True for a bound."),
        Mistake(_compare(mean, mean), "a fast run that never arrives leaves nothing to compare "
                "with: return None."),
        Mistake(_unless_lost(_compare(min, min)), "you compare the luckiest seeds. Means, please."),
        Mistake(_unless_lost(_seed_by_seed), "you took the mean of the seeds' ratios; asked is the "
                "ratio of the means. (One odd fast run weighs less there.)", also=(
                _flagged_ratio(lambda s, f, t: _seed_by_seed(s, f, t)[0]),)),
        Mistake(lambda s, f, t: None if math.inf in _arrivals(s, t) else times_as_long(s, f, t),
                "None is for a fast run that never arrives; a slow one makes a bound."),
        Mistake(_flagged_ratio(lambda s, f, t: sum(_least(s, t)) / sum(_arrivals(f, t))),
                "sums compare numbers of runs as well; take the means."),
        Mistake(_unless_lost(_compare(statistics.median, statistics.median)), "you compare the "
                "medians; means, please."),
        Mistake(_unless_lost(_compare(max, max)), "you compare the unluckiest seeds; the means."),
        Mistake(_unless_lost(_compare(mean, mean, all)), "one run that never arrived is enough to "
                "make the ratio a bound."),
        Mistake(_unless_lost(lambda s, f, t: times_as_long(s, f, t)[0]), "the ratio is right; "
                "return the pair, with the flag."),
        Mistake(_unless_lost(lambda s, f, t: tuple(times_as_long(s, f, t))[::-1]),
                "ratio first, then the flag."),
        Mistake(_flagged_ratio(lambda s, f, t: mean(_least(s, t)) - mean(_arrivals(f, t))),
                "that is the difference; how many *times* as long?"),
        Mistake(_flagged_ratio(lambda s, f, t: mean([*map(len, s)]) / mean([*map(len, f)])),
                "those are the lengths of the runs; when did each arrive?"),
        Mistake(_flagged_ratio(lambda s, f, t: mean([*map(math.ceil, _least(s, t))])
                               / mean([*map(math.ceil, _arrivals(f, t))])),
                "you rounded the arrivals up; the straight line gives parts."),
        Mistake(lambda s, f, t: tuple(times_as_long(s, f, t) or (math.inf, True)), "a fast run "
                "that never arrives leaves nothing to compare with: return None.", also=(
                lambda s, f, t: tuple(times_as_long(s, f, t) or (None, True)),
                lambda s, f, t: tuple(times_as_long(s, f, t) or (None, False)),
                lambda s, f, t: tuple(times_as_long(s, f, t) or (math.nan, False)),
                lambda s, f, t: tuple(times_as_long(s, f, t) or (0.0, False)),
                lambda s, f, t: times_as_long(s, [c for c in f if arrival(c, t) < math.inf], t),
                lambda s, f, t: (mean(_least(s, t)) / mean(_arrivals(f, t)),
                                 math.inf in _arrivals(s, t)))),
        Mistake(_unless_lost(_compare(mean, lambda at: at[0])), "of the fast kind you took the "
                "first seed; the mean of all.", also=(_unless_lost(_compare(mean, min)),)),
        Mistake(_flagged_ratio(lambda s, f, t: mean(_stopped(s, t, 2)) / mean(_arrivals(f, t))),
                "a run that never arrived counts with its length, no more: nobody knows how long "
                "it would have taken.", also=(_flagged_ratio(
                    lambda s, f, t: mean(_stopped(s, t, 1, 1)) / mean(_arrivals(f, t))),)),
        Mistake(_unless_lost(_compare(lambda at: at[0], lambda at: at[0])), "you compare the first "
                "seeds only; means, please.", also=(
                lambda s, f, t: times_as_long(s[:1], f[:1], t),)),
    ),
    hints=(
        "First the arrival of each curve, then one mean for each kind, then the ratio.",
        "arrival gives math.inf for a run that never arrives. A slow one counts with its length "
        "and makes the ratio a bound; a fast one makes the answer None.",
        "least = [min(len(c), arrival(c, threshold)) for c in slow]; the flag: is any of slow's "
        "arrivals math.inf?",
    ),
    why="A run that was stopped proves only that it needs more; so the ratio is at least this.",
)  # fmt: skip


def _error(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((net(x).argmax(dim=1) != y).float().mean())


def _then(before: Callable, after: Callable = lambda net: None) -> Callable:
    """Do something, take the error of whatever network that leaves, do something else."""

    def answer(net: nn.Module, x: Tensor, y: Tensor) -> float:
        before(net)
        error = _error(net, x, y)
        after(net)
        return error

    return answer


_no_drop = _then(lambda net: setattr(net[2], "p", 0.0), lambda net: setattr(net[2], "p", 0.5))


def _flagged(before: Callable, after: Callable, net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The mode kept, then `before`, the error, and `after` with the mode."""
    was_training = net.training
    before(net)
    error = _error(net, x, y)
    after(net, was_training)
    return error


def _children_only(net: nn.Module, training: bool) -> None:
    for child in net.children():
        child.train(training)


def _set_flag(net: nn.Module, training: bool = False) -> None:
    net.training = training


mode = Exercise(
    id="10.3",
    title="A test that means it",
    statement="Repair test_error(net, x, y): the test-time network's error, its mode put back.",
    reference=classification_error,
    probe=test_facts,
    mistakes=(
        Mistake(_error, "the masks are still drawn: another thinned network answers at each call. "
                "(torch.no_grad() does not switch them off either; it only saves gradients.)"),
        Mistake(_then(nn.Module.eval), "the error is right, but the network stays in "
                "test mode: from here on training goes on without dropout, and nobody is told."),
        Mistake(_then(nn.Module.eval, nn.Module.train), "the error is right, but a network that "
                "came in test mode leaves in training mode. Remember how it came."),
        Mistake(_then(lambda net: None, nn.Module.eval),
                "you switch after the answers are given: the first call still has masks."),
        Mistake(_then(nn.Module.train, nn.Module.eval), "train() and eval() have changed places: "
                "the test has the masks, and what comes after it has none."),
        Mistake(_no_drop, "p = 0 switches the masks off, and the halving with them: the units "
                "above then read sums twice as large as they have learned from."),
        Mistake(lambda net, x, y: 1 - classification_error(net, x, y), "that is the share of "
                "right answers; the error is the share of wrong ones."),
        Mistake(lambda net, x, y: 100 * classification_error(net, x, y), "that is in per cent; "
                "errors are fractions."),
        Mistake(partial(_flagged, nn.Module.eval, _set_flag), "the flag of the outermost module "
                "came back, and all modules inside stay in test mode: each has a flag of its own. "
                "net.train(mode) sets them all."),
        Mistake(partial(_flagged, _set_flag, _set_flag), "net.training = False sets the flag of "
                "the outermost module alone. Its dropout has one of its own, and still draws masks "
                "(net.eval() sets them all).", also=(_then(_set_flag),)),
        Mistake(_then(nn.Module.train), "train() draws the masks; the test needs eval().", also=(
                partial(_flagged, nn.Module.train, nn.Module.train),)),
        Mistake(lambda net, x, y: len(y) * classification_error(net, x, y), "that is how many are "
                "wrong; the share is asked."),
        Mistake(lambda net, x, y: classification_error(net, x, y) / len(y), "you divided by the "
                "count twice."),
        Mistake(partial(_flagged, nn.Module.eval, lambda net, training: net.train(not training)),
                "the mode is put back the wrong way round."),
        Mistake(partial(_flagged, nn.Module.eval, _children_only), "the modules inside have their "
                "mode back, the network itself has not: net.train(mode) sets them all."),
        Mistake(partial(_flagged, lambda net: net[2].eval(), lambda net, training: None), "only "
                "the dropout is switched, and stays so: net.eval() switches all, net.train(mode) "
                "back."),
    ),
    hints=(
        "Every module knows its mode: net.training. What switches it, for all modules inside?",
        "Three steps: note the mode, net.eval(), and at the end net.train(mode).",
        "was_training = net.training; net.eval(); ...; net.train(was_training); return ...",
    ),
    why="eval() stops the masks and halves the units; train(was_training) leaves no trace.",
)  # fmt: skip

EXERCISES = (inverted, iterations, mode)

SUM_OF_ALL = Asked(
    "No unit is dropped any more. How large is the sum, compared with those of training?",
    ("about the same", "about twice as much", "about four times as much"),
    answer="about twice as much",
)
FIRST_LOSS = Asked(
    "The same first weights. With torch's dropout instead of the paper's the first loss is …",
    ("lower", "the same", "higher"),
    answer="higher",
)
TWIN_RATE = Asked(
    "Which learning rate must the twin's fc7 and fc8 have to stay a twin?",
    ("the same", "half of it", "a quarter of it"),
    answer="a quarter of it",
)
HALVED_LAYER = Asked(
    "The halved layer equals which average of the 1,024 thinned networks' probabilities?",
    ("the arithmetic mean", "the geometric mean", "neither"),
    answer="the geometric mean",
)

QUIZ = Quiz("10", (
    Question("What does the paper's dropout multiply units by at test time, at p = 0.5?", (
        Option("0.5", "Yes: all units are there, so each counts half as much.", right=True),
        Option("1", "That is the inverted form, which multiplies by 2 in training."),
        Option("2", "No: at test time there are twice as many units as in training, not half."))),
    Question("A network trained by the paper's dropout gets torch's instead. To answer as before, "
             "it needs …", (
        Option("nothing.", "No: fc7 and fc8 would read units twice as large."),
        Option("the weights of fc6 and fc7 halved.", "Dropout acts behind them. Which layers "
               "read its output?"),
        Option("the weights of fc7 and fc8 halved.", "Yes: the layers that read what was dropped.",
               right=True),
        Option("the weights and biases of fc7 and fc8 halved.", "Not the biases: nothing that is "
               "added to them was scaled."))),
    Question("Predictions on the same image differ from call to call. Most likely …", (
        Option("net.eval() was forgotten.", "Yes: every call draws a new mask.", right=True),
        Option("torch.no_grad() was forgotten.", "No: that costs memory, not agreement."),
        Option("the network has not learned enough.", "A bad network, too, repeats itself."))),
    Question("torchvision's alexnet drops …", (
        Option("the outputs of fc6 and fc7, as the paper does.", "Look at the list: where do its "
               "two Dropouts stand?"),
        Option("what fc6 and fc7 read: the outputs of pool5 and fc6.", "Yes: one place earlier "
               "than in the paper.", right=True),
        Option("weights.", "No: units. Dropping weights is another method."))),
    Question("Averaging all thinned networks geometrically equals the halved network …", (
        Option("always.", "No: a hidden layer's ReLU stands between mean and sum."),
        Option("never.", "There is one case, and you enumerated it."),
        Option("exactly for one softmax layer, roughly for a deep network.",
               "Yes: the mean of logits is the logit of the mean.", right=True))),
))  # fmt: skip
