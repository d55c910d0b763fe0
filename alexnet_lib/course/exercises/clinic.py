"""Exercises of lesson 15's clinic: naming the bugs, and repairing an epoch of training (§7)."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.course.exercises.core import Exercise, Mistake, UnfitError
from alexnet_lib.course.exercises.network_judge import epoch_facts
from alexnet_lib.course.patients import CHART, FAULTS

_LETTER = {fault: letter for letter, fault in CHART.items()}


def _diagnosis_facts(answer: Any) -> Any:
    """Which patient is the first with a wrong diagnosis, and whether there are enough of them."""
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
    if wrong:
        return {"no diagnosis is wrong": wrong[0]}
    enough = len(named) >= 3
    return {"no diagnosis is wrong": True, "at least three patients, each with one": enough}


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


def _epoch(
    mode: Any = nn.Module.train,
    softmax: bool = False,
    when: str = "before",
    reduction: str = "mean",
) -> Callable:
    """An epoch with some faults left in: the mode, the loss, when gradients are cleared."""

    def answer(net: nn.Module, batches: list, optimizer: Any) -> float:
        mode(net)
        optimizer.zero_grad()
        for x, y in batches:
            logits = net(x)
            given = logits.softmax(dim=1) if softmax else logits
            loss = F.cross_entropy(given, y, reduction=reduction)
            if when in ("before", "no step"):
                optimizer.zero_grad()
            loss.backward()
            if when == "after backward":
                optimizer.zero_grad()
            if when != "no step":
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
    probe=epoch_facts,
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
        Mistake(_epoch(reduction="sum"), "you sum over the batch: the step is as many times as "
                "long as the batch has pictures. The mean is usual, and the default."),
        Mistake(_epoch(when="no step"), "step() is missing: the weights never move."),
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
