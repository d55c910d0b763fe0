"""Exercises and quiz of lesson 15: what depth is worth, and bugs that raise nothing (§7)."""

from collections.abc import Callable
from statistics import fmean, median, stdev
from typing import Any

from alexnet_lib.course.exercises.clinic import diagnosis, repair
from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.patients import FAULTS
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz
from alexnet_lib.statistics import Interval, mean_interval, paired_interval

DIAGNOSES = tuple(FAULTS)

"""What the patients of the clinic have, in an order that tells nothing."""

# --- What a layer costs --------------------------------------------------------------------------

Row = tuple[str, float, bool]


def rank_by_cost(full: list[float], without: dict[str, list[float]]) -> list[Row]:
    """Layer, mean cost of its removal, and whether the interval lies above 0; costliest first."""
    costs = {name: paired_interval(errors, full) for name, errors in without.items()}
    rows = [(name, cost.estimate, cost.low > 0) for name, cost in costs.items()]
    return sorted(rows, key=lambda row: row[1], reverse=True)


_ORDERS: dict[str, Callable] = {
    "cost": lambda row: -row[1], "rising": lambda row: row[1], "name": lambda row: row[0],
    "given": lambda row: 0, "size": lambda row: -abs(row[1]),
    "sure": lambda row: (-row[2], -row[1]),
}  # fmt: skip


def _rank(
    cost: Callable = paired_interval, sure: Callable = lambda c: c.low > 0, order: str = "cost"
) -> Callable:
    """A ranking with another idea of cost, of sureness or of order."""

    def answer(full: list[float], without: dict[str, list[float]]) -> list[Row]:
        costs = {name: cost(errors, full) for name, errors in without.items()}
        rows = [(name, c.estimate, sure(c)) for name, c in costs.items()]
        return sorted(rows, key=_ORDERS[order])

    return answer


def _errors_wide(count: float) -> Callable:
    """The interval that reaches so many standard errors to either side."""

    def cost(errors: list[float], full: list[float]) -> Interval:
        differences = [a - b for a, b in zip(errors, full, strict=True)]
        half = count * stdev(differences) / len(differences) ** 0.5
        return Interval(fmean(differences), fmean(differences) - half, fmean(differences) + half)

    return cost


_two_errors, _one_error = _errors_wide(2.0), _errors_wide(1.0)


def _all_worse(full: list[float], without: dict[str, list[float]]) -> list[Row]:
    worse = {k: all(a > b for a, b in zip(e, full, strict=True)) for k, e in without.items()}
    return [(k, c, worse[k]) for k, c, _ in rank_by_cost(full, without)]


def _of_medians(errors: list[float], full: list[float]) -> Interval:
    middle = median(a - b for a, b in zip(errors, full, strict=True))
    return paired_interval(errors, full)._replace(estimate=middle)


def _of_sums(errors: list[float], full: list[float]) -> Interval:
    return paired_interval(errors, full)._replace(estimate=sum(errors) - sum(full))


def _in_per_cent(errors: list[float], full: list[float]) -> Interval:
    return Interval(*(100 * bound for bound in paired_interval(errors, full)))


def _unpaired(errors: list[float], full: list[float]) -> Interval:
    return Interval(*(bound - fmean(full) for bound in mean_interval(errors)))


def _two_intervals(errors: list[float], full: list[float]) -> Interval:
    gap = mean_interval(errors).low - mean_interval(full).high
    return Interval(fmean(errors) - fmean(full), gap, gap)


_FULL = [0.50, 0.60, 0.55, 0.65]

_WITHOUT = {
    "conv3": [0.52, 0.63, 0.57, 0.67],  # small and sure, once paired
    "fc6": [0.45, 0.54, 0.50, 0.60],  # its removal helps
    "conv4": [0.62, 0.55, 0.68, 0.66],  # large, and not sure
    "conv2": [0.62, 0.71, 0.66, 0.78],
}

rank = Exercise(
    id="15.1",
    title="Layers by what their removal costs",
    statement="Write rank_by_cost(full, without): rows (layer, mean cost, sure), costliest first.",
    reference=rank_by_cost,
    cases=lambda: [
        (_FULL, _WITHOUT),
        (_FULL[::-1], {name: errors[::-1] for name, errors in _WITHOUT.items()}),
        ([0.56, 0.53, 0.63, 0.65, 0.57],
         {"conv5": [0.6, 0.54, 0.62, 0.56, 0.59], "conv2": [0.57, 0.53, 0.65, 0.66, 0.6],
          "conv3": [0.66, 0.56, 0.58, 0.66, 0.55], "fc6": [0.61, 0.58, 0.66, 0.66, 0.59]}),
        ([0.63, 0.55, 0.64],
         {"fc6": [0.63, 0.6, 0.68], "conv3": [0.64, 0.6, 0.67], "conv4": [0.64, 0.56, 0.65],
          "fc7": [0.6, 0.53, 0.63]}),
        ([0.6, 0.53, 0.5, 0.55, 0.53],
         {"conv5": [0.62, 0.55, 0.53, 0.5, 0.51], "conv4": [0.63, 0.55, 0.54, 0.59, 0.55],
          "conv3": [0.6, 0.54, 0.5, 0.55, 0.53]}),
        ([0.5, 0.52, 0.54, 0.56, 0.58],  # 1.75 and 2.05 standard errors
         {"conv4": [0.4924, 0.5524, 0.5424, 0.5724, 0.6124],
          "conv5": [0.5345, 0.5145, 0.5545, 0.5845, 0.5845]}),
        ([0.5, 0.6, 0.7], {"conv5": [0.6, 0.69, 0.81], "norm1": [0.5, 0.6, 0.7]}),  # alike
    ],
    mistakes=(
        Mistake(_rank(order="rising"), "the cheapest layer stands first."),
        Mistake(_rank(lambda e, f: paired_interval(f, e)), "the sign is the wrong way round: a "
                "removal that raises the error costs something, so its number is positive.", also=(
                lambda full, without: [(k, -c, sure) for k, c, sure in sorted(
                    rank_by_cost(full, without), key=lambda row: row[1])],)),
        Mistake(_rank(sure=lambda c: c.estimate > 0), "sure is a question to the interval, not to "
                "the mean: four seeds can lie on both sides of 0."),
        Mistake(_rank(sure=lambda c: c.low > 0 or c.high < 0), "a layer whose removal surely "
                "*helps* does not surely cost. Sure means: the whole interval above 0."),
        Mistake(_rank(_unpaired), "you lost the pairs: subtract seed by seed first. What a seed "
                "makes hard, it makes hard for both networks."),
        Mistake(_rank(_two_intervals), "you compare two intervals, of errors without and with. "
                "Pairs know more: take the interval of the differences."),

        Mistake(_rank(lambda e, f: paired_interval(e, f, 0.9)), "that interval is of 90 %; 95 % "
                "was asked.", also=(_rank(lambda e, f: paired_interval(e, f, 0.8)),)),
        Mistake(_rank(_two_errors), "two standard errors hold for many seeds; with few the limit "
                "is Student's: paired_interval has it.", also=(_rank(_errors_wide(1.96)),)),
        Mistake(_rank(_one_error), "one standard error to either side covers two thirds only."),
        Mistake(_rank(lambda e, f: paired_interval(e, f, 0.99)), "that interval is of 99 %; 95 % "
                "was asked."),
        Mistake(_rank(_of_medians), "you took the median of the differences; the mean."),
        Mistake(_rank(_of_sums), "you took the sum of the differences; the mean."),
        Mistake(_rank(sure=lambda c: c.high > 0), "sure means that the *lower* end lies above 0."),
        Mistake(_rank(sure=lambda c: not c.low > 0), "sure is the wrong way round."),
        Mistake(_rank(sure=lambda c: c.high < 0), "sure means above 0; you ask for below."),
        Mistake(_rank(sure=lambda c: True), "no layer is always sure: look at the interval."),
        Mistake(_rank(_in_per_cent), "the costs are per cent; fractions, as the errors are."),
        Mistake(lambda full, without: _rank(order="name")(full, without), "sort by the cost, not "
                "by the name."),
        Mistake(lambda full, without: _rank(order="given")(full, without), "the layers stand as "
                "they came; costliest first."),
        Mistake(lambda full, without: _rank(order="size")(full, without), "you sorted by the size, "
                "signs left out: a layer whose removal helps costs least."),
        Mistake(lambda full, without: _rank(order="sure")(full, without), "the sure ones stand "
                "first; the costliest is to stand first, sure or not."),
        Mistake(lambda full, without: [row[:2] for row in rank_by_cost(full, without)], "whether "
                "the cost is sure is missing in each row."),
        Mistake(lambda full, without: [row[0] for row in rank_by_cost(full, without)], "those are "
                "the names; each row has its cost, and whether it is sure."),
        Mistake(lambda full, without: {row[0]: row[1:] for row in rank_by_cost(full, without)}, "a "
                "list of rows is asked."),

        Mistake(lambda full, without: [(k, -c, sure) for k, c, sure in rank_by_cost(full, without)],
                "the order is right, and the sign of each cost is turned."),
        Mistake(lambda full, without: [(c, k, sure) for k, c, sure in rank_by_cost(full, without)],
                "in each row the layer's name comes first."),
        Mistake(_rank(lambda e, f: mean_interval(e)), "those are the errors without the layer; "
                "what does its removal *add*?", also=(_rank(lambda e, f: paired_interval(e, f)
                                                            ._replace(estimate=fmean(e))),)),
        Mistake(lambda full, without: sorted(rank_by_cost(full, without), key=lambda row:
                                             -paired_interval(without[row[0]], full).low),
                "you sorted by the lower end of the interval; by the mean cost, please."),
        Mistake(lambda full, without: _all_worse(full, without),
                "you ask that every seed got worse; asked is an interval above 0."),
        Mistake(lambda full, without: [row for row in rank_by_cost(full, without) if row[2]],
                "only the sure ones are left; all layers are asked."),
        Mistake(lambda full, without: rank_by_cost(full, without)[:1], "only the costliest is "
                "left; all layers are asked."),
        Mistake(lambda full, without: [(k, c / fmean(full), s) for k, c, s in
                rank_by_cost(full, without)], "you divided by the whole network's error; the plain "
                "difference is asked."),
        Mistake(_rank(sure=lambda c: c.estimate > 0.02), "sure is a question to the interval, not "
                "to a fixed limit.", also=(_rank(sure=lambda c: c.estimate > 0.01),
                                        _rank(sure=lambda c: c.estimate > 0.05))),
    ),
    hints=(
        "Same seeds, same pictures: which differences belong together?",
        "paired_interval(a, b) is the interval of a − b, seed by seed. It has .estimate, .low, "
        ".high.",
        "rows = [(name, cost.estimate, cost.low > 0) for ...]; sorted(rows, key=lambda row: ..., "
        "reverse=True)",
    ),
    why="Pairs take the seed's share out; what is left is the layer's, with its doubt.",
)  # fmt: skip


# --- An entry of the ledger ----------------------------------------------------------------------


def ledger_entry(claim: float, changes: list[float], same_data: bool) -> dict[str, Any]:
    """Our number with its interval, and the verdict that follows from it by the project's rule."""
    ours, low, high = mean_interval(changes)
    if min(claim * low, claim * high) <= 0:  # 0, or the other direction, is not excluded
        verdict = "not seen"
    elif same_data and low <= claim <= high:
        verdict = "reproduced"
    else:
        verdict = "same direction"
    return {"ours": ours, "low": low, "high": high, "verdict": verdict}


def _entry(judge: Callable) -> Callable:
    """An entry by another rule: judge(claim, ours, low, high, same_data, right verdict)."""

    def answer(claim: float, changes: list[float], same_data: bool) -> dict[str, Any]:
        right = ledger_entry(claim, changes, same_data)
        ours, low, high, verdict = right.values()
        return {**right, "verdict": judge(claim, ours, low, high, same_data, verdict)}

    return answer


def _narrow(count: float) -> Callable:
    """An entry whose interval reaches so many standard errors to either side."""

    def ends(changes: list[float]) -> tuple[float, float]:
        half = count * stdev(changes) / len(changes) ** 0.5
        return fmean(changes) - half, fmean(changes) + half

    return _within(ends)


def _spread(changes: list[float]) -> tuple[float, float]:
    ours, low, high = mean_interval(changes)
    longer = len(changes) ** 0.5
    return ours + longer * (low - ours), ours + longer * (high - ours)


def _within(ends: Callable) -> Callable:
    """An entry with another interval, and the verdict that follows from that."""

    def answer(claim: float, changes: list[float], same_data: bool) -> dict[str, Any]:
        ours, (low, high) = fmean(changes), ends(changes)
        seen = min(claim * low, claim * high) > 0
        inside = same_data and low <= claim <= high
        verdict = "reproduced" if inside else "same direction"
        return {"ours": ours, "low": low, "high": high, "verdict": verdict if seen else "not seen"}

    return answer


def _percent(claim: float, changes: list[float], same_data: bool) -> dict[str, Any]:
    right = ledger_entry(claim, changes, same_data)
    return {name: v if name == "verdict" else 100 * v for name, v in right.items()}


_SEEN, _LARGER = [0.025, 0.018, 0.022, 0.02], [0.07, 0.08, 0.075, 0.09]

_WIDE, _LESS = [0.06, -0.03, 0.05, 0.01], [-0.012, -0.015, -0.016, -0.013]

entry = Exercise(
    id="15.2",
    title="One entry of the ledger",
    statement="Write ledger_entry(claim, changes, same_data): ours, low, high and verdict; claim "
    "is a number, a fraction.",
    reference=ledger_entry,
    cases=lambda: [
        (0.02, _SEEN, True), (0.02, _SEEN, False), (0.02, _LARGER, True), (0.02, _WIDE, True),
        (0.2, _WIDE, True), (0.02, _LESS, True), (-0.014, _LESS, True), (-0.05, _LESS, True),
        (0.02, [0.0, 0.0, 0.0], True), (0.25, [0.25, 0.25, 0.25], True),
        (0.02, [0.03, 0.001, 0.02], True),
        (-0.054, [-0.053, -0.049, -0.052, -0.051], True),
    ],
    mistakes=(
        Mistake(_entry(lambda c, o, low, high, same, right: "reproduced"
                       if same and low <= c <= high else right),
                "an interval that reaches over 0 holds the paper's number and its opposite: wide "
                "intervals would reproduce everything. First 0 must be outside."),
        Mistake(_entry(lambda c, o, low, high, same, _: "not seen" if c * o <= 0
                       else "reproduced" if same and low <= c <= high else "same direction"),
                "you judge the direction by the mean. The interval must lie on the claim's side "
                "as a whole."),
        Mistake(_entry(lambda c, o, low, high, same, right: right if low > 0 else "not seen"),
                "a claim can be negative, too: LRN *lowers* the error. Then the interval must lie "
                "below 0."),
        Mistake(lambda claim, changes, same_data: ledger_entry(claim, changes, True),
                "the paper measured some claims on ImageNet. What is seen on other data is the "
                "same direction, whatever the number."),
        Mistake(_entry(lambda *given: given[-1].replace("same direction", "not seen")),
                "an effect that is surely there, only larger or smaller than the paper's, has its "
                "own word: same direction."),
        Mistake(_entry(lambda *given: given[-1].replace("same direction", "reproduced")),
                "the right direction is not yet the paper's number, on the paper's data."),

        Mistake(_narrow(2.0), "two standard errors hold for many seeds; mean_interval has "
                "Student's limit.", also=(_narrow(1.96),)),
        Mistake(_narrow(1.0), "that is one standard error to either side; mean_interval gives 95 "
                "%."),
        Mistake(_percent, "the numbers are per cent; changes and claims are fractions."),
        Mistake(_entry(lambda c, o, low, high, same, right: "reproduced" if low <= c <= high else
                       right if right == "not seen" else "same direction"),
                "an interval that reaches over 0 holds the paper's number and its opposite; and "
                "other data reproduce nothing."),
        Mistake(_entry(lambda c, o, low, high, same, right: "not seen" if low <= 0 <= high else
                       "reproduced" if same and low <= c <= high else "same direction"),
                "an interval on the other side of 0 is not the same direction."),
        Mistake(_entry(lambda c, o, low, high, same, right: right if same else "not seen"), "what "
                "is seen on other data is the same direction."),
        Mistake(_entry(lambda c, o, low, high, same, right: "not seen" if right == "not seen" else
                       "reproduced" if same else "same direction"),
                "on the paper's data its number must lie in the interval, too."),
        Mistake(_entry(lambda c, o, low, high, same, right: {"reproduced": "same direction"}
                       .get(right, right)), "the paper's number, on its data, inside the interval: "
                "that has a word of its own, reproduced."),
        Mistake(_entry(lambda c, o, low, high, same, right: "same direction" if c * o > 0 else
                       "not seen"), "the interval does not occur in your verdict, only the mean."),

        Mistake(_entry(lambda c, o, low, high, same, right: "reproduced"
                       if same and abs(o - c) < 0.01 else right.replace("reproduced", "same "
                "direction")),
                "near is not a fixed distance: the interval says how far the truth may be."),

        Mistake(lambda c, ch, same: ledger_entry(c, ch, same)["verdict"], "return the dict, the "
                "three numbers included."),
        Mistake(lambda c, ch, same: {**ledger_entry(c, ch, same), "low": min(ch), "high": max(ch)},
                "low and high are the ends of the interval of the *mean*, not the extreme seeds.",
                also=(_within(lambda changes: (min(changes), max(changes))),)),
        Mistake(_within(_spread), "that is the spread of single seeds; the mean's is smaller, by "
                "√n."),
        Mistake(_entry(lambda c, o, low, high, same, right: "reproduced" if same and low <= c <=
                       high else "not seen" if low <= 0 <= high else "same direction"),
                "two things: where 0 is inside nothing is seen, though the paper's number is "
                "inside, too; and an interval on the other side of 0 is not the same direction."),
        Mistake(_entry(lambda c, o, low, high, same, right: right if low <= c <= high else
                       "not seen"), "where the paper's number is outside, but the whole interval "
                "on its side of 0, the direction is the same."),
        Mistake(lambda c, ch, same: {**ledger_entry(c, ch, same), "ours": median(ch)}, "ours is "
                "the mean, not the median."),
        Mistake(lambda c, ch, same: ledger_entry(c, ch, not same), "same_data is the wrong way "
                "round."),
    ),
    hints=(
        "Two questions, in this order: is 0 surely excluded, on the claim's side? Is the paper's "
        "number inside, and measured on the same data?",
        "claim * low and claim * high are both positive exactly where the whole interval lies on "
        "the claim's side.",
        "ours, low, high = mean_interval(changes); if min(claim * low, claim * high) <= 0: ...",
    ),
    why="The word follows from the interval and a rule fixed beforehand, not from hope.",
)  # fmt: skip

EXERCISES = (rank, entry, diagnosis, repair)

LARGEST_WORK = Asked(
    "Whose removal takes the most multiply-adds out of the small network?",
    ("conv2", "conv3", "conv4", "fc7"),
    answer="conv2",
)
WIDE_INTERVAL = Asked(
    "The claim is +2.0 points. Measured: +4.1, interval -1.5 to +9.7. The verdict?",
    ("reproduced", "same direction", "not seen"),
    answer="not seen",
)

QUIZ = Quiz("15", (
    Question("The paper removes a middle layer and loses about 2 % top-1. What does that show?", (
        Option("Middle layers hold most weights.", "No: 2 % at most. The dense ones hold 96 %."),
        Option("Depth is worth more than its weights.", "Yes: they were few, and missed.", True),
        Option("Deeper is always better.", "One network is no 'always'; short trainings differ."),
    )),
    Question("Ten classes; the error falls, the loss never below 1.46. Look for …", (
        Option("shuffled labels.", "Then the error would stay at 90 %."),
        Option("a learning rate that is too small.", "That makes it slow, at any level."),
        Option("a softmax before cross_entropy.", "Yes: −log(e / (e + 9)) is its best.", True),
    )),
    Question("The gradient's length grows for eight steps, drops, and grows again.", (
        Option("Gradients are cleared too rarely.", "Yes: each batch adds to the last ones.", True),
        Option("The learning rate is too high.", "Then nothing would repeat every eight steps."),
        Option("Dropout is off.", "That lowers the noise; nothing repeats."),
    )),
    Question("A test gives another error each time, with eval() on. Most likely …", (
        Option("dropout is still drawing masks.", "eval() is on: no masks."),
        Option("the weights change during the test.", "Nothing steps in a test."),
        Option("its pictures are still cropped at random.", "Yes: other ones each time.", True),
    )),
    Question("Batch norm beats the paper's recipe in a few epochs, on three seeds. Write:", (
        Option("On this budget it learns faster.", "Yes, with the interval beside it.", True),
        Option("Batch norm makes every network better.", "Measured was one network, one budget."),
        Option("The paper's recipe does not work.", "It won ImageNet, with ninety epochs."),
    )),
))  # fmt: skip
