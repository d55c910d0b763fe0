"""Exercises and quiz of lesson 15: what depth is worth, and bugs that raise nothing (§7)."""

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.course.exercises.core import (
    Exercise,
    Mistake,
    UnfitError,
    called,
    one_number,
)
from alexnet_lib.course.patients import CHART, FAULTS
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


def _rank(
    cost: Callable = paired_interval, sure: Callable = lambda c: c.low > 0, falling: bool = True
) -> Callable:
    """A ranking with another idea of cost, of sureness or of order."""

    def answer(full: list[float], without: dict[str, list[float]]) -> list[Row]:
        costs = {name: cost(errors, full) for name, errors in without.items()}
        rows = [(name, c.estimate, sure(c)) for name, c in costs.items()]
        return sorted(rows, key=lambda row: row[1], reverse=falling)

    return answer


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
    cases=lambda: [(_FULL, _WITHOUT), (_FULL[::-1], {n: e[::-1] for n, e in _WITHOUT.items()})],
    mistakes=(
        Mistake(_rank(falling=False), "the cheapest layer stands first."),
        Mistake(_rank(lambda e, f: paired_interval(f, e)), "the sign is the wrong way round: a "
                "removal that raises the error costs something, so its number is positive."),
        Mistake(_rank(sure=lambda c: c.estimate > 0), "sure is a question to the interval, not to "
                "the mean: four seeds can lie on both sides of 0."),
        Mistake(_rank(sure=lambda c: c.low > 0 or c.high < 0), "a layer whose removal surely "
                "*helps* does not surely cost. Sure means: the whole interval above 0."),
        Mistake(_rank(_unpaired), "you lost the pairs: subtract seed by seed first. What a seed "
                "makes hard, it makes hard for both networks."),
        Mistake(_rank(_two_intervals), "you compare two intervals, of errors without and with. "
                "Pairs know more: take the interval of the differences."),
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


_SEEN, _LARGER = [0.025, 0.018, 0.022, 0.02], [0.07, 0.08, 0.075, 0.09]

_WIDE, _LESS = [0.06, -0.03, 0.05, 0.01], [-0.012, -0.015, -0.016, -0.013]

entry = Exercise(
    id="15.2",
    title="One entry of the ledger",
    statement="Write ledger_entry(claim, changes, same_data): ours, low, high and verdict.",
    reference=ledger_entry,
    cases=lambda: [
        (0.02, _SEEN, True), (0.02, _SEEN, False), (0.02, _LARGER, True), (0.02, _WIDE, True),
        (0.2, _WIDE, True), (0.02, _LESS, True), (-0.014, _LESS, True), (-0.05, _LESS, True),
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

# --- The clinic ----------------------------------------------------------------------------------

_LETTER = {fault: letter for letter, fault in CHART.items()}


def _diagnosis_facts(answer: Any) -> Any:
    """Right or not, patient by patient; of the wrong ones only the first is told."""
    if not isinstance(answer, dict):
        raise UnfitError("a dict of letters and diagnoses is expected, as in the cell above")
    named = {
        letter: str(said).strip().lower().replace("relu", "ReLU")
        for letter, said in answer.items()
        if said not in (None, ...)
    }
    if not named:
        return ...
    for letter, said in named.items():
        if letter not in CHART or said not in FAULTS:
            raise UnfitError(f"{letter!r}: {said!r} is not a patient with a diagnosis of the list")
    wrong = [letter for letter in sorted(named) if named[letter] != CHART[letter]]
    facts = {f"patient {letter}": True for letter in CHART}
    facts |= {f"patient {letter}": False for letter in wrong[:1]}
    enough = len(named) >= 3 or bool(wrong)  # a wrong one is told first
    return {**facts, "at least three patients, each with a diagnosis": enough}


def _against(fault: str, chart: str) -> Mistake:
    """What the chart of the patient with `fault` says against any other diagnosis."""
    letter = _LETTER[fault]
    other = next(name for name in FAULTS if name != fault)
    return Mistake({**CHART, letter: other}, f"patient {letter} has another fault. {chart}")


_NO_DROPOUT, _NO_DROP, _UNCLEARED, _OUT_OF_STEP, _AXIS, _NORM, _TWICE, _AUGMENTED = FAULTS

diagnosis = Exercise(
    id="15.3",
    title="Name the bugs",
    statement="Give at least three patients their diagnosis, letter by letter.",
    reference=CHART,
    probe=_diagnosis_facts,
    mistakes=(
        _against(_OUT_OF_STEP, "Its loss stays near chance, but its outputs are no probabilities "
                 "and its pictures can be seen. Read the labels under them."),
        _against(_TWICE, "Its pictures have the right labels, and it learns next to nothing. "
                 "Between which two numbers do its outputs lie?"),
        _against(_AXIS, "Can you still see what its pictures show? Something was taken out of "
                 "them."),
        _against(_NORM, "Its pictures are in order. Follow the layers from the left: which is the "
                 "first whose range has another shape?"),
        _against(_NO_DROPOUT, "Its answers are alike in the test, as they should be. Are they "
                 "meant to be alike in training, too?"),
        _against(_AUGMENTED, "Its answers differ from call to call in training, as they should. "
                 "Where else do they differ, and should not?"),
        _against(_NO_DROP, "Its pictures are in order, and its gradient does not pile up from "
                 "step to step. Compare the learning rates."),
        _against(_UNCLEARED, "Its rate falls on time. What does its gradient do every eight "
                 "steps?"),
    ),
    hints=(
        "Begin with the pictures and their labels. Then outputs from call to call, then the rate, "
        "then the layers from left to right.",
        "Eight signs: labels that do not fit; pictures without brightness; training answers that "
        "are all alike; test answers that are not; a gradient that grows for eight steps; a rate "
        "that never falls; outputs between 0 and 1; values below 0 behind the first ReLU.",
        "Training answers all alike: no masks. Test answers that differ: the test's pictures "
        "change. A gradient that grows for eight steps: sums over batches. Below 0 at norm1: no "
        "ReLU before it.",
    ),
    why="A loss curve says *that* something is wrong; where, says only a look inside.",
)  # fmt: skip


def train_epoch(net: nn.Module, batches: list[tuple[Tensor, Tensor]], optimizer: Any) -> float:
    """One epoch; returns the last batch's loss."""
    net.train()  # the test before it left eval() on
    for x, y in batches:
        loss = F.cross_entropy(net(x), y)  # takes logits, its softmax is inside
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def _epoch_facts(answer: Any) -> dict[str, str]:
    """What one epoch of a training function does to a small network with dropout."""
    source, linear = torch.Generator().manual_seed(0), nn.Linear(6, 5, bias=False)
    net = nn.Sequential(linear, nn.Dropout(0.0)).eval()
    linear.weight.data = torch.randn(5, 6, generator=source)
    batches = [(torch.randn(8, 6, generator=source), torch.arange(8) % 5) for _ in range(3)]
    modes, added, updates = [], [torch.zeros(5, 6)], []
    net[1].register_forward_hook(lambda dropout, *_: modes.append((net.training, dropout.training)))
    linear.weight.register_hook(added.append)  # what each backward adds

    def note(*_: Any) -> None:
        x, y = batches[len(updates) % 3]
        given = linear.weight.grad
        given = torch.zeros(5, 6) if given is None else given.clone()
        updates.append((given, torch.stack(added), _losses(linear.weight, x, y)))

    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(note)
    told = one_number(called(answer, net, batches, optimizer))
    if not modes:
        raise UnfitError("your function never asks the network: net(x) does")
    losses = [names for *_, names in updates]
    return {
        "the mode while training": _mode_of(set(modes)),
        "updates for three batches": str(len(updates)),
        "the gradient that an update gets": _common(_given(*update[:2]) for update in updates),
        "the loss that is differentiated": _common(
            _called_after(history[-1], {name: slope for name, (_, slope) in names.items()})
            for _, history, names in updates
        ),
        "the loss that is returned": _told(told, losses),
    }


def _losses(weight: Tensor, x: Tensor, y: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Value and gradient of the right loss, and of those that are taken for it."""
    w = weight.detach().clone().requires_grad_()
    logits = x @ w.T
    losses = {
        "cross-entropy of the logits": F.cross_entropy(logits, y),
        "cross-entropy of probabilities": F.cross_entropy(logits.softmax(1), y),
        "cross-entropy, softmax over the pictures": F.cross_entropy(logits.softmax(0), y),
        "the sum over the batch": F.cross_entropy(logits, y, reduction="sum"),
        "nll_loss of the logits": F.nll_loss(logits, y),
        "nll_loss of probabilities": F.nll_loss(logits.softmax(1), y),
    }
    slopes = (torch.autograd.grad(loss, w, retain_graph=True)[0] for loss in losses.values())
    return {
        name: (loss.detach(), slope)
        for (name, loss), slope in zip(losses.items(), slopes, strict=True)
    }


def _called_after(value: Tensor, names: dict[str, Tensor]) -> str:
    fits = (name for name, like in names.items() if torch.allclose(value, like, atol=1e-5))
    return next(fits, "another one")


def _given(given: Tensor, added: Tensor) -> str:
    names = {"its own batch's": added[-1], "nothing: it was cleared": torch.zeros(5, 6),
             "the sum of all batches so far": added.sum(0)}  # fmt: skip
    return _called_after(given, names)


def _common(names: Iterable[str]) -> str:
    """The name that all updates share; the later ones tell more, as the first sums nothing yet."""
    found = list(names)
    return found[-1] if found and set(found[1:]) <= {found[-1]} else ", then ".join(found) or "none"


def _mode_of(modes: set[tuple[bool, bool]]) -> str:
    names = {(True, True): "training", (False, False): "test",
             (True, False): "training by the network's own flag, test in its dropout"}  # fmt: skip
    return names.get(next(iter(modes)), "mixed") if len(modes) == 1 else "mixed"


def _told(told: float, losses: list[dict[str, tuple[Tensor, Tensor]]]) -> str:
    if not losses:
        return "of no update"
    for name in losses[0]:
        values = [float(names[name][0]) for names in losses]
        wholes = {
            "the last batch's": values[-1],
            "the mean of all batches'": fmean(values),
            "the sum of all batches'": sum(values),
            "the first batch's": values[0],
        }
        for which, value in wholes.items():
            if abs(told - value) < 1e-4:
                return f"{which} {name}"
    return "another number"


def _epoch(mode: Any = nn.Module.train, softmax: bool = False, when: str = "before") -> Callable:
    """An epoch with some faults left in: the mode, the loss, when gradients are cleared."""

    def answer(net: nn.Module, batches: list, optimizer: Any) -> float:
        mode(net)
        optimizer.zero_grad()
        for x, y in batches:
            logits = net(x)
            loss = F.cross_entropy(logits.softmax(dim=1) if softmax else logits, y)
            if when == "before":
                optimizer.zero_grad()
            loss.backward()
            if when == "after backward":
                optimizer.zero_grad()
            optimizer.step()
        return loss.item()

    return answer


def _flag(net: nn.Module) -> None:
    net.training = True


_TEST = nn.Module.eval

repair = Exercise(
    id="15.4",
    title="Repair the epoch",
    statement="train_epoch holds three of the clinic's bugs. Repair all three.",
    reference=train_epoch,
    probe=_epoch_facts,
    mistakes=(
        Mistake(_epoch(_TEST, True, ""), "all three are still in. One is about a mode, one "
                "about what cross_entropy takes, one about what backward adds to."),
        Mistake(_epoch(_TEST), "one left: a network that comes from a test is in eval mode, and "
                "its dropout stays off."),
        Mistake(_epoch(softmax=True), "one left: cross_entropy has its own softmax inside."),
        Mistake(_epoch(when=""), "one left: backward *adds* to .grad. Clear once for "
                "each batch, not once an epoch."),
        Mistake(_epoch(_TEST, True), "two left: the mode, and what cross_entropy takes."),
        Mistake(_epoch(_TEST, when=""), "two left: the mode, and what backward adds to."),
        Mistake(_epoch(softmax=True, when=""), "two left: what cross_entropy takes, and what "
                "backward adds to."),
        Mistake(_epoch(when="after backward"), "zero_grad stands between backward and step: the "
                "update gets nothing. Clear before backward."),
        Mistake(_epoch(_flag), "net.training = True sets the flag of the outermost module alone; "
                "its dropout has one of its own, and net.train() sets them all.",
                also=(_epoch(_flag, True), _epoch(_flag, when=""))),
    ),
    hints=(
        "Go line by line and ask what state it relies on: the mode, .grad, the kind of number.",
        "cross_entropy takes logits. backward() adds. net.training is what the test left.",
        "net.train() first; in the loop: loss = nn.functional.cross_entropy(net(x), y), then "
        "zero_grad(), backward(), step().",
    ),
    why="Each line was legal Python; each relied on a state that another line had to make.",
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
