"""Exercises and quiz of lesson 07: paired seeds, power, and what could have been seen."""

import math
import statistics
from collections.abc import Sequence
from statistics import fmean, stdev

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz
from alexnet_lib.statistics import mean_interval, paired_interval, student_limit


def decide(a: Sequence[float], b: Sequence[float]) -> str:
    """Which has the lower error, as far as the paired 95 % interval can tell."""
    _, low, high = paired_interval(a, b)
    if high < 0:
        return "a"
    if low > 0:
        return "b"
    return "open"


def _by(judge):
    """Decide by the sign of what `judge` returns: negative is a, 0 is open, positive is b."""
    return lambda a, b: {-1: "a", 0: "open", 1: "b"}[(judge(a, b) > 0) - (judge(a, b) < 0)]


def _differences(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True)]


def _outside(mean: float, half: float) -> float:
    return mean if abs(mean) > half else 0.0


def _unpaired(a: Sequence[float], b: Sequence[float]) -> float:
    error = math.sqrt((stdev(a) ** 2 + stdev(b) ** 2) / len(a))
    return _outside(fmean(a) - fmean(b), 2 * error)


def _student(a: Sequence[float], b: Sequence[float]) -> float:
    """The test of two groups, with equal spreads."""
    error = math.sqrt((stdev(a) ** 2 + stdev(b) ** 2) / len(a))
    return _outside(fmean(a) - fmean(b), student_limit(2 * len(a) - 2) * error)


def _touching(a: Sequence[float], b: Sequence[float]) -> float:
    mean, low, high = paired_interval(a, b)
    return 0.0 if low < 0 < high else -1.0 if mean < 0 else 1.0


def _apart(a: Sequence[float], b: Sequence[float]) -> float:
    left, right = mean_interval(a), mean_interval(b)
    return (left.low > right.high) - (left.high < right.low)


def _scaled(factor):
    def judge(a: Sequence[float], b: Sequence[float]) -> float:
        d = _differences(a, b)
        return _outside(fmean(d), factor(len(d)) * stdev(d))

    return judge


def _at(confidence: float):
    def judge(a: Sequence[float], b: Sequence[float]) -> float:
        mean, low, high = paired_interval(a, b, confidence)
        return _outside(mean, (high - low) / 2)

    return judge


_at_90 = _at(0.9)


def _wins(a: Sequence[float], b: Sequence[float]) -> int:
    return sum((d > 0) - (d < 0) for d in _differences(a, b))


_BASE = (0.30, 0.34, 0.28, 0.36, 0.32, 0.31, 0.35, 0.29, 0.33, 0.30)  # spread of seeds


def _pair(*differences: float) -> tuple[list[float], list[float]]:
    base = _BASE[: len(differences)]
    return [x + d for x, d in zip(base, differences, strict=True)], list(base)


real = Exercise(
    id="07.1",
    title="Is the difference real?",
    statement='Write decide(a, b), errors of two variants, one a seed, in the same order: "a" or '
    '"b", whichever errs less beyond doubt (95 %), else "open".',
    reference=decide,
    cases=lambda: [
        _pair(-0.004, -0.005, -0.003, -0.004, -0.005),
        _pair(-0.002, -0.010, -0.003),
        _pair(0.007, 0.006, -0.002, 0.008, 0.009, 0.005, -0.001, 0.007, 0.004, -0.003),
        _pair(-0.002, -0.003, -0.002, -0.001, 0.018),
        _pair(-0.010, -0.045, -0.002),
        _pair(-0.001, -0.004, -0.006, -0.009),
        ([0.290, 0.300, 0.310, 0.305, 0.295], [0.302, 0.311, 0.322, 0.316, 0.306]),
        ([0.30, 0.31, 0.29, 0.32], [0.25, 0.27, 0.25, 0.26]),
        ([0.30, 0.34, 0.28], [0.30, 0.34, 0.28]),
        _pair(0.006, 0.002, 0.004, 0.0005),
        _pair(-0.006, -0.002, -0.001, -0.004, -0.0005, 0.0002),
        _pair(0.020, 0.030, 0.001, 0.040, 0.002),
        # cases that tell known mistakes apart
        _pair(0.002, -0.008, 0.0), _pair(-0.011, -0.016, -0.012), _pair(-0.007, 0.024, 0.02),
        _pair(0.022, -0.005, -0.014, -0.005, 0.006, 0.002), _pair(0.006, 0.015, 0.007),
        _pair(0.024, 0.010, 0.029), _pair(0.018, 0.007, 0.008), _pair(-0.002, -0.003, -0.004),
        ([0.258, 0.292, 0.279], [0.30, 0.33, 0.31]),
        ([0.359, 0.377, 0.360, 0.326, 0.340], [0.33, 0.34, 0.32, 0.30, 0.31]),
        ([0.325, 0.318, 0.335], [0.308, 0.314, 0.326]),
    ],
    mistakes=(
        Mistake(_by(lambda a, b: fmean(a) - fmean(b)), "You compared the means alone. Some mean is "
                "always lower, even between twins."),
        Mistake(_by(_wins), "You counted who wins more seeds. A count ignores by how much, and a "
                "few wins come by chance."),
        Mistake(_by(lambda a, b: _wins(a, b) if abs(_wins(a, b)) == len(a) else 0), "You ask that "
                "one variant wins every seed: too easy with three seeds (1 chance in 4 between "
                "twins), too strict with ten."),
        Mistake(_by(_unpaired), "You did not use the pairs. Both variants share each seed: look "
                "at the differences, where the common spread is gone.",
                also=(_by(_student),)),
        Mistake(_by(lambda a, b: -1 if paired_interval(a, b).low < 0 else
                    int(paired_interval(a, b).high > 0)), "low < 0 holds for open ones as well: "
                "for a, the whole interval lies below 0.", also=(
                _by(lambda a, b: 1 if paired_interval(a, b).high > 0 else
                    -int(paired_interval(a, b).low < 0)),)),
        Mistake(_by(_touching), "an interval that only touches 0 leaves the question open: two "
                "equal lists are no victory.", also=(
                _by(lambda a, b: -1 if paired_interval(a, b).high <= 0 else
                    int(paired_interval(a, b).low >= 0)),)),
        Mistake(lambda a, b: "a" if fmean(a) < fmean(b) else "b", "You compared the means alone, "
                "and never say open. Some mean is always lower, even between twins.", also=(
                lambda a, b: "a" if min(a) < min(b) else "b",)),
        Mistake(_by(_apart), "You asked whether two intervals of means stay apart. That does not "
                "use the pairs, and is too strict as well."),
        Mistake(_by(_scaled(lambda n: 2.0)), "You used the spread of single differences. The mean "
                "of n of them is surer, by √n.",
                also=(_by(_scaled(lambda n: student_limit(n - 1))), _by(_scaled(lambda n: 1.96)))),
        Mistake(_by(_scaled(lambda n: 1.96 / math.sqrt(n))), "1.96 holds for many seeds. With "
                "three the spread itself is uncertain: Student's t, 4.3 there."),
        Mistake(_by(_at_90), "That is 90 %, which is easier than 95 %: with four seeds t is 3.18."),
        Mistake(_by(_scaled(lambda n: student_limit(n - 1) * math.sqrt(n - 1) / n)), "You divided "
                "by n for the spread (pstdev). Of a few seeds it is too small so: divide by n − 1 "
                "(stdev)."),
        Mistake(_by(_scaled(lambda n: student_limit(4) / math.sqrt(n))), "You took one limit for "
                "all. Student's t depends on how many seeds there are: 4.30 with three, 2.78 with "
                "five.", also=(_by(_scaled(lambda n: student_limit(2) / math.sqrt(n))),
                               _by(_scaled(lambda n: student_limit(3) / math.sqrt(n))))),
        Mistake(_by(_scaled(lambda n: student_limit(n) / math.sqrt(n))), "The degrees of freedom "
                "are n − 1: one less than the seeds."),
        Mistake(_by(lambda a, b: -1 if paired_interval(a, b).low < 0 else 1), "An interval with 0 "
                "in it leaves the question open.", also=(
                _by(lambda a, b: 1 if paired_interval(a, b).high > 0 else -1),)),
        Mistake(lambda a, b: decide(b, a), "The other way round: these are errors, so lower is "
                "better."),
        Mistake(_by(lambda a, b: _outside(fmean(a) - fmean(b), 0.01)), "You compare the "
                "difference with a fixed limit. What is large depends on the spread and on n.",
                also=(_by(lambda a, b: _outside(fmean(a) - fmean(b), 0.005)),)),
        Mistake(_by(lambda a, b: min(a) - min(b)), "You compared the best seeds. With more "
                "seeds the best one gets better by chance."),

        Mistake(_by(_scaled(lambda n: 2 / math.sqrt(n))), "Two standard errors hold for many "
                "seeds. With few the spread itself is uncertain: Student's t is larger, 4.3 with "
                "three."),
        Mistake(_by(_scaled(lambda n: 1 / math.sqrt(n))), "One standard error to either side "
                "covers two thirds only; 95 % was asked."),
        Mistake(_by(_scaled(lambda n: 1.0)), "You hold the mean difference against the spread of "
                "single ones. The mean of n of them is surer, by √n."),
        Mistake(_by(_at(0.99)), "That is 99 %: surer than asked."),
        Mistake(_by(_at(0.68)), "That interval covers two thirds only; 95 % was asked."),
        Mistake(_by(lambda a, b: statistics.median(a) - statistics.median(b)), "You compared the "
                "medians alone. One is always lower, even between twins."),
        Mistake(_by(lambda a, b: statistics.median(_differences(a, b))), "The sign of the median "
                "difference says nothing of doubt."),
        Mistake(_by(lambda a, b: max(a) - max(b)), "You compared the worst seeds; chance makes "
                "those."),
        Mistake(_by(lambda a, b: a[0] - b[0]), "You looked at the first seed only."),
        Mistake(_by(lambda a, b: a[-1] - b[-1]), "You looked at the last seed only."),
        Mistake(_by(lambda a, b: (mean_interval(a).low > fmean(b)) - (mean_interval(a).high <
                fmean(b))), "You asked whether b's mean lies in a's interval. That does not use "
                "the pairs, and takes b's mean for sure.", also=(
                _by(lambda a, b: (fmean(a) > mean_interval(b).high) - (fmean(a)
                    < mean_interval(b).low)),)),
        Mistake(_by(lambda a, b: (min(a) > max(b)) - (max(a) < min(b))), "You ask that all seeds "
                "of one lie below all of the other. The pairs tell more."),
        Mistake(lambda a, b: "b" if decide(a, b) == "b" else "open", "One of the two never wins "
                "with you: look at both ends of the interval.", also=(
                lambda a, b: "a" if decide(a, b) == "a" else "open",)),
        Mistake(lambda a, b: decide(sorted(a), sorted(b)), "You sorted the lists: what stands side "
                "by side then is no longer of one seed."),
        Mistake(lambda a, b: {"a": "a", "b": "b"}.get(decide(a, b), "draw"), 'the third answer is '
                '"open".', also=(lambda a, b: {"a": "a", "b": "b"}.get(decide(a, b)),
                                 lambda a, b: {"a": "a", "b": "b"}.get(decide(a, b), "none"))),

        Mistake(lambda a, b: paired_interval(a, b).high < 0, 'return a word: "a", "b" or "open".',
                also=(lambda a, b: paired_interval(a, b).low > 0, paired_interval)),
    ),
    hints=(
        "The seeds are shared: what is left if you subtract, seed by seed?",
        "An interval of the mean difference that holds 0 leaves the question open.",
        "estimate, low, high = paired_interval(a, b); then look at the signs of low and high.",
    ),
    why="pairing removes what both variants share; the interval weighs size, spread and n at once.",
)  # fmt: skip


def seeds_needed(gain: float, sigma: float) -> int:
    """Seeds that show a gain in four of five experiments, if sigma is known."""
    return math.ceil(((1.96 + 0.84) * sigma / gain) ** 2)


budget = Exercise(
    id="07.2",
    title="How many seeds?",
    statement="Write seeds_needed(gain, sigma): how many pairs of runs show the gain four times "
    "out of five, if differences between runs have the spread sigma.",
    reference=seeds_needed,
    cases=lambda: [(0.5, 1.0), (1.0, 1.5), (0.3, 0.8), (2.0, 1.2), (0.5, 2.0), (1.0, 1.0)],
    mistakes=(
        Mistake(lambda gain, sigma: math.ceil((1.96 * sigma / gain) ** 2), "With 1.96 alone the "
                "gain lies on the border of the interval: you see it in half of the experiments."),
        Mistake(lambda gain, sigma: math.ceil(2.8 * sigma / gain), "The square is missing: the "
                "mean of n differences is surer by √n, so n grows with the square."),
        Mistake(lambda gain, sigma: math.ceil((2.8 * gain / sigma) ** 2), "Upside down: a larger "
                "gain needs fewer seeds."),
        Mistake(lambda gain, sigma: math.floor((2.8 * sigma / gain) ** 2), "Round up: with fewer "
                "seeds the power is below 80 %."),
        Mistake(lambda gain, sigma: (2.8 * sigma / gain) ** 2, "Seeds are counted: round up to a "
                "whole number."),
        Mistake(lambda gain, sigma: math.ceil((1.96 - 0.84) ** 2 * (sigma / gain) ** 2), "The two "
                "distances add up: 1.96 to the border of the interval, 0.84 beyond it."),
        Mistake(lambda gain, sigma: math.ceil(2.8**2 * sigma / gain**2), "sigma is a standard "
                "deviation; it is squared like the rest."),
        Mistake(lambda gain, sigma: math.ceil((1.28 * 2 * sigma / gain) ** 2), "Look the two "
                "numbers up again: 1.96 standard errors for 95 %, 0.84 more for 80 %."),

        Mistake(lambda gain, sigma: round((2.8 * sigma / gain) ** 2), "You rounded to the nearest; "
                "with fewer seeds the power is below 80 %: round up."),
        Mistake(lambda gain, sigma: 2 * math.ceil((2.8 * sigma / gain) ** 2), "sigma is the spread "
                "of differences already, and pairs are counted: no factor 2.", also=(
                lambda gain, sigma: math.ceil(2 * (2.8 * sigma / gain) ** 2),)),
        Mistake(lambda gain, sigma: math.ceil((0.84 * sigma / gain) ** 2), "0.84 alone brings the "
                "gain nowhere near the border: add 1.96."),
        Mistake(lambda gain, sigma: math.ceil((1.645 + 0.84) ** 2 * (sigma / gain) ** 2), "1.645 "
                "is the one-sided border; the interval of 95 % needs 1.96."),
        Mistake(lambda gain, sigma: math.ceil((1.96 + 1.28) ** 2 * (sigma / gain) ** 2), "1.28 "
                "gives power 90 %; four of five are 80 %: 0.84."),
        Mistake(lambda gain, sigma:
                math.ceil((1.96**2 + 0.84**2) * (sigma / gain) ** 2), "Add 1.96 and 0.84 first, "
                "then square."),
        Mistake(lambda gain, sigma: math.ceil((1.96 * 0.84 * sigma / gain) ** 2), "The two "
                "distances add up; they are not multiplied."),
        Mistake(lambda gain, sigma: math.ceil((2.8 * sigma) ** 2 / gain), "the gain is squared "
                "like the rest."),
        Mistake(lambda gain, sigma: math.ceil(2.8 * (sigma / gain) ** 2), "the 2.8 is squared like "
                "the rest."),
        Mistake(lambda gain, sigma: math.ceil((sigma / gain) ** 2), "the 2.8 standard errors are "
                "missing."),
        Mistake(lambda gain, sigma: math.ceil((2.8 * sigma / gain) ** 2) + 1, "one more than "
                "needed: rounding up is enough.", also=(
                lambda gain, sigma: math.ceil((2.8 * sigma / gain) ** 2 + 1),)),
        Mistake(lambda gain, sigma: math.ceil((2.8 * gain * sigma) ** 2), "a larger gain needs "
                "fewer seeds: divide by it."),
        Mistake(lambda gain, sigma: math.ceil(math.sqrt(2.8 * sigma / gain)), "solve for n: √n is "
                "2.8 sigma / gain, so n is its square."),
    ),
    hints=(
        "The mean of n differences has the standard error sigma / √n.",
        "The gain must be 1.96 + 0.84 = 2.8 standard errors away from 0. Solve for n.",
        "n = (2.8 * sigma / gain) ** 2, rounded up with math.ceil.",
    ),
    why="1.96 standard errors bring the gain to the border of the interval, 0.84 more bring four "
    "of five experiments over it. Half the gain takes four times the seeds.",
)  # fmt: skip

EXERCISES = (real, budget)

# Test errors in percent, one a seed; the same six networks with one view and with ten, and six
# whose pools do not overlap: records `augmentation` (crops and mirrors) and `overlap` (apart).
ONE_VIEW = (39.92, 38.34, 41.41, 40.36, 39.87, 40.22)
TEN_VIEWS = (38.44, 36.97, 39.51, 38.60, 38.22, 39.10)
APART = (40.96, 40.94, 40.86, 40.75, 42.15, 40.34)

STANDARD_ERRORS = Asked(
    "The 0.4 points were measured on 50,000 images, one net each. If two such nets disagree on "
    "20 %, how many standard errors are 0.4 points?",
    ("about 2", "about 5", "about 10"),
    answer="about 2",
)

QUIZ = Quiz("07", (
    Question("Two networks are trained with the same five seeds. What does pairing remove?", (
        Option("What a seed does to both networks alike.", "Yes: the difference of two runs with "
               "one seed no longer holds it.", right=True),
        Option("The effect of the images.", "No: all runs may still share a lucky set of images."),
        Option("All chance.", "No: the differences still spread from seed to seed."),
    )),
    Question("The power of an experiment is …", (
        Option("the chance that its result is true.", "No: nothing here knows how likely a gain "
               "was before the experiment."),
        Option("how large the gain is.", "The gain goes into the power, beside spread and "
               "seeds."),
        Option("the chance to see a gain of a given size, if it is there.", "Yes: to see means "
               "that the interval excludes 0.", right=True),
    )),
    Question("You want to see a gain half as large. How many times the seeds do you need?", (
        Option("twice as many", "No: the standard error shrinks only with the root of the seeds."),
        Option("four times as many", "Yes: twice the precision takes four times the seeds.",
               right=True),
        Option("ten times as many", "No: it is the square of two."),
    )),
    Question("Ten groups try a trick that gains 0.4 points. Power is 10 %. One group sees a gain "
             "and publishes it. The published gain is probably …", (
        Option("about 0.4 points.", "No: at this power only an exaggerated gain excludes 0."),
        Option("larger than 0.4 points.", "Yes: that is the winner's curse.", right=True),
        Option("smaller than 0.4 points.", "A smaller gain would not have excluded 0."),
    )),
    Question("Five seeds give 0.2 points, 95 % interval -1.1 to +1.5. So …", (
        Option("overlap does nothing.", "No: 0.4 lies in the interval as comfortably as 0."),
        Option("a gain of 0.4 could not have been seen here.",
               "Yes: the interval is too wide to tell 0.4 from 0.", right=True),
        Option("overlap gains 0.2 points.", "That is the estimate, with ± 1.3 beside it."),
    )),
))  # fmt: skip
