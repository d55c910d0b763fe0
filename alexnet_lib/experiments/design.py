"""What an experiment is: a question, conditions that differ in one thing each, comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alexnet_lib.checks import check_choice
from alexnet_lib.data.files import LEVELS
from alexnet_lib.training.config import TrainConfig

Settings = Mapping[str, Any]

# What each measured error is read from: a view of the test images, or the training images.
_VIEWS = {"center": "center", "ten": "ten", "member": "center", "settled": "training"}


@dataclass(frozen=True)
class Comparison:
    """Two sides of an experiment, paired by seed.

    Args:
        words: the comparison as a noun phrase, for tables.
        ours: conditions of the side that the paper favours; several are averaged within a seed.
        rival: conditions of the other side; () for a plain level.
        measure: of our side, see `measures.MEASURES`.
        rival_measure: of the other side, where it differs.
        kind: "difference" (rival − ours), "ratio" (rival / ours) or "level" (ours alone).
        claim: id in `paper.CLAIMS`, or "".
        same_data: the paper measured this on CIFAR-10, so that its number itself can be met.
    """

    words: str
    ours: tuple[str, ...]
    rival: tuple[str, ...] = ()
    measure: str = "center"
    rival_measure: str = ""
    kind: str = "difference"
    claim: str = ""
    same_data: bool = False


def gain(ours: str, rival: str, what: str = "", **more: Any) -> Comparison:
    """One condition against another: what the first one gains, `what` being the measure's name."""
    words = f"{what}{', ' if what else ''}{ours} against {rival}"
    return Comparison(words, (ours,), (rival,), **more)


class Piece(NamedTuple):
    """The smallest part of an experiment that is run and kept: one condition with one seed.

    Args:
        condition: its name.
        seed: of weights, split, order, views and masks.
        lr: the learning rate on trial; None: the condition's own, or the best of those tried.
    """

    condition: str
    seed: int
    lr: float | None = None


@dataclass(frozen=True)
class Experiment:
    """A question to be put to training runs, and how.

    Args:
        name: of the record, too.
        question: in words.
        conditions: settings by name. All settings are `TrainConfig`'s and merged in this order:
            `common`, at level lesson `lesson`, then the condition's own.
        comparisons: what is read off the runs.
        common: settings of all conditions, with the `preset`.
        lesson: what makes the runs small enough for a CPU; empty: there is only one size.
        seeds: how many to run.
        rates: learning rates to try on seed 0, by condition, in this order, each only for as long
            as it can still arrive first; the best serves the other seeds.
        members: networks trained for one piece, which answer as one.
        factors: of a factorial experiment, whose conditions are its corners: each has a seed of its
            own, its place in the list, and effects come from a model of all runs at once.
        pairs: of factors, named before the first run, that the model has beside the factors; all
            other contrasts of the corners tell the noise.
    """

    name: str
    question: str
    conditions: Mapping[str, Settings]
    comparisons: tuple[Comparison, ...] = ()
    common: Settings = field(default_factory=dict)
    lesson: Settings = field(default_factory=dict)
    seeds: int = 5
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    members: int = 1
    factors: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def views(self) -> tuple[str, ...]:
        """Views that the comparisons need, after training; where they need none, it is empty."""
        asked = {m for c in self.comparisons for m in (c.measure, c.rival_measure)}
        return tuple(sorted({_VIEWS[measure] for measure in asked if measure in _VIEWS}))

    def size(self, level: str) -> str:
        """The level that counts: an experiment of one size is always "full".

        Raises:
            ValueError: no such level.
        """
        check_choice("level", level, LEVELS)
        return level if self.lesson else "full"

    def configs(self, level: str) -> dict[str, TrainConfig]:
        """The training run of each condition, with seed 0.

        Raises:
            ValueError: a setting that does not exist or is out of range.
        """
        smaller = self.lesson if self.size(level) == "lesson" else {}
        return {
            name: TrainConfig.for_preset(**merged(self.common, smaller, settings))
            for name, settings in self.conditions.items()
        }

    def pieces(self, seeds: int) -> list[Piece]:
        """Everything to run, in order: the trial of rates first, then seed after seed."""
        trials = [Piece(name, 0, lr) for name in self.rates for lr in self.rates[name]]
        count, own = len(self.conditions), bool(self.factors)
        runs = [
            Piece(name, seed * count + place if own else seed)
            for seed in range(seeds)
            for place, name in enumerate(self.conditions)
        ]
        return trials + [run for run in runs if run.seed or run.condition not in self.rates]


def merged(*settings: Settings) -> dict[str, Any]:
    """Settings on top of one another; changes to the model add up."""
    result: dict[str, Any] = {}
    for item in settings:
        model = {**result.get("model", {}), **item.get("model", {})}
        result |= {**item, "model": model}
    return result
