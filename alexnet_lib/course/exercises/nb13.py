"""Exercises and quiz of lesson 13: validation, the report, several networks (§5, §6)."""

import math
import statistics
from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor

from alexnet_lib.course.exercises.core import (
    Exercise,
    Mistake,
    UnfitError,
    called,
    one_number,
)
from alexnet_lib.course.widgets.questions import Option, Question, Quiz
from alexnet_lib.training.evaluation import top_k_error


class Pictures:
    """A pile of pictures on which networks can be tested; it remembers which were."""

    def __init__(self, errors: Tensor) -> None:
        self._errors, self.asked = errors.tolist(), set()

    def error(self, network: int) -> float:
        """Share of these pictures that network 0, 1, … calls wrongly."""
        self.asked.add(network)
        return self._errors[network]


def choose_and_report(
    count: int, train: Pictures, validation: Pictures, test: Pictures
) -> tuple[int, float]:
    """Validation chooses; the test set is asked once, about the chosen one."""
    best = min(range(count), key=validation.error)
    return best, test.error(best)


def _verdict(answer: Callable) -> dict[str, list]:
    """For six sets of networks: which was chosen, what was reported, who met the test set."""
    facts: dict[str, list] = {"the choice": [], "the reported error": [], "who was tested": []}
    sets = ((0, 6, None), (1, 6, None), (2, 5, None), (3, 7, None), (4, 5, 0), (5, 6, 5))
    for seed, count, best in sets:
        piles = _piles(seed, count, best)
        outcome = called(answer, count, *piles)
        if not isinstance(outcome, (tuple, list)) or len(outcome) != 2:
            raise UnfitError("two things are to be returned: the network's number, and an error")
        number, error = map(one_number, outcome)
        facts["the choice"].append(int(number) if number == int(number) else number)
        facts["the reported error"].append(round(error, 6))
        facts["who was tested"].append(sorted(piles[2].asked))
    return facts


def _piles(seed: int, count: int, best: int | None = None) -> list[Pictures]:
    """Train, validation, test; each has another best network, none the first or the last.

    Args:
        best: which network is to be the best on validation pictures; the first or the last, too.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        skill = 0.2 + 0.2 * torch.rand(count, generator=generator)
        blur = 0.05 * torch.rand(3, count, generator=generator)
        errors = [e + noise for e, noise in zip((0.4 - skill, skill, skill), blur, strict=True)]
        ends = [int(e.argmin()) for e in errors] + [int(e.argmax()) for e in errors]
        ends.append(int(sum(errors).argmin()))
        if len(set(ends[:3])) < 3 or (best is not None and ends[1] != best):
            continue
        if not ({0, count - 1} - {best}) & set(ends):
            return [Pictures(e) for e in errors]


def _by(pile: int, told: int = 2, look: bool = False, take: Callable = min) -> Callable:
    """An answer that chooses on one pile and reports another; 0 train, 1 validation, 2 test."""

    def answer(count: int, *piles: Pictures) -> tuple[int, float]:
        if look:
            [piles[2].error(network) for network in range(count)]
        best = take(range(count), key=piles[pile].error)
        return best, piles[told].error(best)

    return answer


def _half(report: tuple[int, float], pile: Pictures) -> tuple[int, float]:
    number, error = report
    return number, (error + pile.error(number)) / 2


def _of_sum(count: int, choosing: tuple[Pictures, ...], test: Pictures) -> tuple[int, float]:
    best = min(range(count), key=lambda k: sum(pile.error(k) for pile in choosing))
    return best, test.error(best)


peek = Exercise(
    id="13.1",
    title="No peeking",
    statement="Write choose_and_report(count, train, validation, test): a network and its error.",
    reference=choose_and_report,
    probe=_verdict,
    mistakes=(
        Mistake(_by(2), "You chose on the test set. Its winner is partly the luckiest one, and the "
                "same pictures then praise it: the number is too low."),
        Mistake(_by(1, look=True), "Right choice, right number; yet you asked for the test "
                "error of every network. Known errors get used some day. Ask for one only."),
        Mistake(_by(1, told=1), "You reported the validation error: the smallest of six, chosen "
                "for being small. Only new pictures tell how good the winner is."),
        Mistake(_by(0), "You chose on the training pictures, where learning by heart wins."),
        Mistake(_by(0, told=0), "Training pictures both chose and judged; nothing is unseen."),
        Mistake(_by(1, take=max), "These are errors: the smallest is best."),
        Mistake(lambda n, *p: (n - 1, p[2].error(n - 1)), "You took the last network. The last is "
                "not the best."),
        Mistake(lambda n, a, v, t: (min(range(n), key=v.error), min(map(t.error, range(n)))),
                "Validation chose one network, and you reported the test error of another."),

        Mistake(lambda n, *p: _by(1)(n, *p)[::-1], "The order: the network's number, then its "
                "error."),
        Mistake(lambda n, *p: (_by(1)(n, *p)[0] + 1, _by(1)(n, *p)[1]), "Networks count from 0."),
        Mistake(_by(1, told=0), "You reported the training error: those pictures were learned "
                "from."),
        Mistake(lambda n, a, v, t: _half(_by(1)(n, a, v, t), v), "You mixed the validation error "
                "into the report; it was chosen for being small."),
        Mistake(lambda n, a, v, t: (_by(1)(n, a, v, t)[0], sum(map(t.error, range(n))) / n), "You "
                "reported the mean error of all networks; asked is that of the chosen one."),
        Mistake(lambda n, a, v, t: _of_sum(n, (a, v), t), "Training pictures helped to choose; "
                "they were learned from."),
        Mistake(lambda n, a, v, t: _of_sum(n, (v, t), t), "Test pictures helped to choose."),
        Mistake(_by(2, told=1), "Test pictures chose, and validation pictures were reported: it is "
                "the other way round."),
        Mistake(lambda n, *p: (0, p[2].error(0)), "You took the first network."),
        Mistake(lambda n, *p: _by(1)(n - 1, *p), "The last network, count − 1, was left out of the "
                "choice."),
        Mistake(lambda n, a, v, t: (lambda k: (k, t.error(k)))(min(range(1, n), key=v.error)),
                "Network 0 was left out of the choice."),
        Mistake(_by(1, told=1, look=True), "You reported the validation error, and asked the test "
                "set about every network."),

        Mistake(lambda n, a, v, t: (min(map(v.error, range(n))), _by(1)(n, a, v, t)[1]),
                "First its number is asked, not its validation error."),

        Mistake(lambda n, *p: (_by(1)(n, *p)[0], 1 - _by(1)(n, *p)[1]), "That is the share of "
                "right answers; report the error."),
        Mistake(lambda n, *p: (_by(1)(n, *p)[0], 100 * _by(1)(n, *p)[1]), "In per cent; errors are "
                "fractions."),
    ),
    hints=(
        "Which pile may be asked six times, which only once?",
        "The smallest validation error names the network; only then the test set is opened.",
        "best = min(range(count), key=validation.error); return best, test.error(best)",
    ),
    why="A pile that has chosen flatters its choice. The test set has chosen nothing.",
)  # fmt: skip


def table_row(wrong: int, count: int) -> tuple[float, float, float]:
    """Error with the ends of its Wilson interval, all in per cent."""
    z, p = 1.96, wrong / count
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    return 100 * p, 100 * (middle - half), 100 * (middle + half)


def _row(
    z: float = 1.96, root: Callable = math.sqrt, scale: float = 100, centred: bool = False,
    push: float = 1, more: Callable = lambda z, count: z**2 / (4 * count**2),
):  # fmt: skip
    def answer(wrong: int, count: int) -> tuple[float, float, float]:
        p, wide = wrong / count, 1 + z**2 / count
        middle = p if centred else (p + push * z**2 / (2 * count)) / wide
        half = z / wide * root(p * (1 - p) / count + more(z, count))
        return scale * p, scale * (middle - half), scale * (middle + half)

    return answer


def _plain(z: float = 1.96, trials: Callable = lambda count: count) -> Callable:
    def answer(wrong: int, count: int) -> tuple[float, float, float]:
        p = wrong / count
        half = z * math.sqrt(p * (1 - p) / trials(count))
        return 100 * p, 100 * (p - half), 100 * (p + half)

    return answer


def _half_width(wrong: int, count: int) -> float:
    _, low, high = table_row(wrong, count)
    return (high - low) / 2


def _clamped(wrong: int, count: int) -> tuple[float, ...]:
    return tuple(min(100.0, max(0.0, x)) for x in _plain()(wrong, count))


def _plus_four(wrong: int, count: int) -> tuple[float, float, float]:
    _, low, high = _plain()(wrong + 2, count + 4)
    return 100 * wrong / count, low, high


def _undivided(wrong: int, count: int) -> tuple[float, float, float]:
    z, p = 1.96, wrong / count
    middle = p + z**2 / (2 * count)
    half = z * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    return 100 * p, 100 * (middle - half), 100 * (middle + half)


row = Exercise(
    id="13.2",
    title="A row of the table",
    statement="Write table_row(wrong, count): the error and its Wilson interval, in per cent.",
    reference=table_row,
    cases=lambda: [(3068, 10_000), (150, 1_000), (0, 20), (19, 20), (20, 20), (3, 50)],
    mistakes=(
        Mistake(_plain(), "That is p ± 1.96 √(p (1 − p) / n). With no error in 20 it claims to be "
                "sure, and with 19 of 20 it goes beyond 100 %."),
        Mistake(_plain(z=1.0), "That is one standard error to either side: it covers two thirds."),
        Mistake(_row(scale=1), "Right, as fractions; the table wants per cent."),
        Mistake(_row(z=1.645), "With 1.645 each side leaves out 5 %, both together 10 %."),
        Mistake(_row(root=lambda v: v), "The square root is missing."),
        Mistake(_row(centred=True), "Wilson's interval does not lie around p: it leans to 50 %."),
        Mistake(lambda w, n: _row()(n - w, n), "You counted the right answers, not the errors."),

        Mistake(_row(z=2.0), "2 is about right; the table takes 1.96."),
        Mistake(_row(z=2.576), "2.576 is for 99 %; 95 % was asked.", also=(_row(z=2.58),)),
        Mistake(_row(z=1.0), "That is one standard error to either side: it covers two thirds."),
        Mistake(_plain(z=2.0), "That is p ± 2 standard errors, the plain formula; Wilson's was "
                "asked.", also=(_plain(trials=lambda n: n - 1 if n > 1 else 1), _clamped)),
        Mistake(lambda w, n: (_row()(w, n)[0], 50 * (_row()(w, n)[2] - _row()(w, n)[1])), "Return "
                "the two ends, not the half width.", also=tuple(
                lambda w, n, s=sign: (_row()(w, n)[0], s * _half_width(w, n), _half_width(w, n))
                for sign in (1, -1))),
        Mistake(_row(more=lambda z, count: 0), "Under the root z² / (4n²) is missing."),
        Mistake(_row(push=0), "In the middle z² / (2n) is missing."),
        Mistake(_row(more=lambda z, count: z**2 / (4 * count)), "Under the root it is z² / (4n²): "
                "n squared, too."),
        Mistake(lambda w, n: _row()(w, n)[1:], "The error itself is missing: three numbers."),
        Mistake(lambda w, n: (sum(_row()(w, n)[1:]) / 2, *_row()(w, n)[1:]), "The first number is "
                "the middle of the interval; the error itself is asked, wrong / count."),
        Mistake(lambda w, n: (w / n, *_row()(w, n)[1:]), "The error is a fraction, its ends are "
                "per cent."),
        Mistake(lambda w, n: (100 * w / n, *_row(scale=1)(w, n)[1:]), "The error is in per cent, "
                "its ends are fractions."),
        Mistake(_plus_four, "That adds two of each and takes the plain formula: near Wilson's, and "
                "not his."),
        Mistake(lambda w, n: _undivided(w, n), "The middle and the half width are divided by "
                "1 + z² / n, both."),

        Mistake(lambda w, n: (_row()(w, n)[0], _row()(w, n)[0] - _row()(w, n)[1],
                              _row()(w, n)[2] - _row()(w, n)[0]),
                "Those are the distances to the ends; the ends themselves are asked."),
    ),
    hints=(
        "p is wrong / count, z is 1.96; the text above has middle and half width.",
        "Compute z² / n once; it appears in three places.",
        "middle = (p + z²/(2n)) / (1 + z²/n); half = z / (1 + z²/n) · √(p(1 − p)/n + z²/(4n²))",
    ),
    why="It stays within 0 and 100 %, and 0 errors in 20 still allow for 16 %.",
)  # fmt: skip


def ensemble_gain(logits: Tensor, labels: Tensor) -> float:
    """Mean error of the networks alone, less the error of their mean probability."""
    alone = [top_k_error(member, labels) for member in logits]
    together = top_k_error(logits.softmax(dim=-1).mean(dim=0), labels)
    return sum(alone) / len(alone) - together


def _gain(mix: Callable, against: Callable = lambda alone: sum(alone) / len(alone), sign: int = 1):
    def answer(logits: Tensor, labels: Tensor) -> float:
        alone = [top_k_error(member, labels) for member in logits]
        return sign * (against(alone) - top_k_error(mix(logits), labels))

    return answer


def _answers(seed: int, members: int, count: int) -> tuple[Tensor, Tensor]:
    """Networks of different skill; now and then one is sure of something else."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    loud = 1 + 5 * (torch.rand(members, count, 1, generator=generator) < 0.2)
    skill = torch.linspace(0.8, 1.6, members).roll(2).view(-1, 1, 1)
    noise = torch.randn(members, count, 5, generator=generator)
    return loud * (skill * torch.nn.functional.one_hot(labels, 5) + noise), labels


def _mean(z: Tensor) -> Tensor:
    return z.softmax(-1).mean(0)


def _votes(z: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(z.argmax(-1), z.shape[-1]).float().mean(0)


gain = Exercise(
    id="13.3",
    title="Gain of an ensemble",
    statement="Write ensemble_gain(logits, labels); logits are (networks, pictures, classes).",
    reference=ensemble_gain,
    cases=lambda: [_answers(0, 5, 400), _answers(1, 3, 300), _answers(2, 7, 350),
                   _answers(3, 4, 77)],
    mistakes=(
        Mistake(_gain(lambda z: z.mean(0)), "You averaged logits: the largest ones decide. Softmax "
                "first, then the mean.", also=(_gain(lambda z: z.log_softmax(-1).mean(0)),)),
        Mistake(_gain(_votes), "You let the networks vote; a vote forgets how sure each was."),
        Mistake(_gain(lambda z: z.softmax(-1).amax(0)), "You kept the largest probability of "
                "each class instead of the mean."),
        Mistake(_gain(lambda z: z.softmax(1).mean(0)), "Your softmax runs over the pictures; the "
                "classes are the last axis."),
        Mistake(_gain(lambda z: z.softmax(0).mean(0)), "Your softmax runs over the networks."),
        Mistake(_gain(_mean, min), "You compare with the best network, found on these pictures: a "
                "peek. One does not know beforehand which that is."),
        Mistake(_gain(_mean, max), "You compare with the worst network: that flatters."),
        Mistake(_gain(_mean, lambda alone: alone[0]), "You compare with the first network only; "
                "take the mean of all."),
        Mistake(_gain(_mean, sign=-1), "The sign: a lower error together is a gain above 0."),
        Mistake(_gain(_mean, lambda alone: 0, -1), "That is the error together; what is gained?"),
        Mistake(lambda z, y: 100 * ensemble_gain(z, y), "Right, in points; as a fraction, please."),

        Mistake(_gain(_mean, lambda alone: sum(alone)), "You compare with the sum of the networks' "
                "errors; take their mean."),
        Mistake(_gain(_mean, statistics.median), "You compare with the median network; take the "
                "mean of all."),
        Mistake(_gain(_mean, lambda alone: alone[-1]), "You compare with the last network only; "
                "take the mean of all."),
        Mistake(lambda z, y: ensemble_gain(z, y) / fmean(top_k_error(m, y) for m in z), "You "
                "divided by the networks' own error: that is the relative gain."),
        Mistake(_gain(_mean, lambda alone: 0, 1), "That is the error together, with a minus; what "
                "is gained?"),
        Mistake(lambda z, y: sum(top_k_error(m, y) for m in z) / len(z), "That is the networks' "
                "own error; take off the one together."),
        Mistake(lambda z, y: round(len(y) * ensemble_gain(z, y), 6), "That is in pictures; a share "
                "of them is asked."),
        Mistake(_gain(lambda z: z.softmax(-1).median(0).values), "You took the median of the "
                "probabilities; take their mean."),
        Mistake(_gain(lambda z: z.sigmoid().mean(0)), "A sigmoid asks each class alone; softmax "
                "makes probabilities of a row."),
        Mistake(_gain(lambda z: z.amax(0)), "You kept the largest logit of each class; softmax, "
                "then the mean."),

        Mistake(lambda z, y: len(z) * ensemble_gain(z, y), "the gain of all networks added up; the "
                "mean one is asked."),

        Mistake(lambda z, y: 1 - top_k_error(_mean(z), y), "That is the accuracy together; what is "
                "gained?"),
        Mistake(lambda z, y: fmean(top_k_error(m, y) for m in z) / top_k_error(_mean(z), y), "That "
                "is a ratio; the gain is a difference."),
        Mistake(lambda z, y: _gain(_mean)(z, y) - _gain(_mean, min)(z, y),
                "That is the lead of the best network; average their probabilities."),
    ),
    hints=(
        "Two numbers: the mean of the networks' own errors, and one error for all together.",
        "Together: softmax over the last axis, mean over the first, then top_k_error.",
        "sum(alone) / len(alone) - top_k_error(logits.softmax(-1).mean(0), labels)",
    ),
    why="The fair rival of five networks is one of them, drawn blindly: their mean error.",
)  # fmt: skip

EXERCISES = (peek, row, gain)

QUIZ = Quiz("13", (
    Question("What may be decided with the test set?", (
        Option("After which epoch to stop.", "No: that chooses the luckiest epoch."),
        Option("Nothing.", "Yes: it only says how good the decisions were.", right=True),
        Option("Small things, such as the seed.", "No: seeds have luck, too."),
    )),
    Question("3,000 of 10,000 are wrong. The 95 % interval is about …", (
        Option("± 0.9 points.", "Yes: 1.96 √(0.3 · 0.7 / 10,000).", right=True),
        Option("± 0.09 points.", "No: that takes a million pictures."),
        Option("± 9 points.", "No: that is a hundred pictures."),
    )),
    Question("Another seed of the same run gives 31.5 % instead of 30 %. The interval of 30 % …", (
        Option("was wrong.", "No: it is about other pictures, not about other seeds."),
        Option("must be doubled.", "No: run more seeds; their spread is an interval of its own."),
        Option("answers another question.", "Yes: same network, other pictures. Seeds are a "
               "second source of luck.", right=True),
    )),
    Question("Five copies of one network, averaged, gain …", (
        Option("nothing.", "Yes: only networks that err on different pictures help each other.",
               right=True),
        Option("as much as five seeds.", "No: their errors are the same ones."),
        Option("a little.", "No: the mean of equal numbers is that number."),
    )),
    Question("In the first epochs the held-out loss lies below the training loss, because …", (
        Option("validation pictures are easier.", "No: they are drawn from the same pile."),
        Option("there is a leak.", "Not likely; first ask how each number was measured."),
        Option("training is measured with dropout and changed pictures.",
               "Yes, and on average half an epoch earlier.", right=True),
    )),
))  # fmt: skip
