"""The ledger: what the paper claims, what our records say, and a verdict that follows a rule.

The rule, for a claim with a record of at least two seeds (95 % intervals over the seeds):

- A difference or a ratio is *seen* where its whole interval lies on the paper's side of "no effect"
  (0 or 1). Seen, it is `reproduced` if the paper measured it on CIFAR-10 too and its number lies in
  our interval, else (or where ours is a lower bound) `same direction`. Otherwise `not seen`.
- An error is `reproduced` if our interval reaches down to it, else `same direction` if the paper's
  side of the comparison is seen to be better, else `not seen`.
- What arithmetic decides is `reproduced` within 2 %, the paper's own rounding.
- Without a record, with one seed, or an error on its own with lesson-sized runs, which are too
  short for it: `not yet run`. With ImageNet alone: `not testable here`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from alexnet_lib.experiments.catalogue import EXPERIMENTS
from alexnet_lib.experiments.design import Comparison
from alexnet_lib.experiments.measures import compare, say_outcome, source_words
from alexnet_lib.experiments.records import load_record
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.paper.facts import AUGMENTATION, CLAIMS, Claim
from alexnet_lib.paper.network import PRESETS

REPRODUCED, SAME_DIRECTION, NOT_SEEN = "reproduced", "same direction", "not seen"

NOT_TESTABLE, NOT_YET_RUN = "not testable here", "not yet run"

_ROUNDING = 0.02


@dataclass(frozen=True)
class Entry:
    """A line of the ledger.

    Args:
        claim: of the paper.
        verdict: one of the five.
        ours: our number with its interval, or "".
        seeds: how many runs stand behind each side; 0 for arithmetic.
        source: experiment and data, or "arithmetic", or "".
    """

    claim: Claim
    verdict: str
    ours: str = ""
    seeds: int = 0
    source: str = ""

    def __str__(self) -> str:
        """Verdict, number and source in a few words."""
        seeds = f"{self.seeds} seeds, " if self.seeds else ""
        return f"{self.verdict}: {self.ours} ({seeds}{self.source})" if self.ours else self.verdict


def ledger() -> tuple[Entry, ...]:
    """The verdict on every claim, from the records that there are.

    Raises:
        RecordError: a record cannot be trusted.
    """
    tests = {c.claim: (name, c) for name, e in EXPERIMENTS.items() for c in e.comparisons}
    return tuple(_entry(claim, *tests.get(claim.id, (None, None))) for claim in CLAIMS)


def judge(claim: Claim, comparison: Comparison, record: Mapping[str, Any]) -> str:
    """The verdict of a record on a claim, by the rule above."""
    outcome = compare(record, comparison)
    too_short = record["level"] == "lesson" and not comparison.rival
    if len(outcome.by_seed) < 2 or too_short:
        return NOT_YET_RUN
    if outcome.value is None:
        return NOT_SEEN
    _, low, high = outcome.value
    if comparison.kind == "level":
        better = _is_seen(record, replace(comparison, kind="difference"))
        return REPRODUCED if low <= claim.value else SAME_DIRECTION if better else NOT_SEEN
    if not _is_seen(record, comparison):
        return NOT_SEEN
    met = low <= claim.value <= high and not outcome.at_least
    return REPRODUCED if met and comparison.same_data else SAME_DIRECTION


def verdict_words() -> dict[str, str]:
    """Every claim's verdict in words, by its id: for `figures.course.claims_table`."""
    return {entry.claim.id: str(entry) for entry in ledger()}


def _is_seen(record: Mapping[str, Any], comparison: Comparison) -> bool:
    value = compare(record, comparison).value if comparison.rival else None
    return value is not None and value.low > (1 if comparison.kind == "ratio" else 0)


def _entry(claim: Claim, name: str | None, comparison: Comparison | None) -> Entry:
    if not claim.testable:
        return Entry(claim, NOT_TESTABLE)
    if comparison is None:
        ours = _counted(claim.id)
        close = abs(ours / claim.value - 1) <= _ROUNDING
        return Entry(claim, REPRODUCED if close else NOT_SEEN, f"{ours:,}", 0, "arithmetic")
    record = load_record(name)
    verdict = judge(claim, comparison, record) if record else NOT_YET_RUN
    if verdict == NOT_YET_RUN:
        return Entry(claim, NOT_YET_RUN)
    outcome = compare(record, comparison)
    ours = say_outcome(outcome, comparison.kind)
    return Entry(claim, verdict, ours, len(outcome.by_seed), f"{name}, {source_words(record)}")


def _counted(claim_id: str) -> int:
    """What arithmetic says of a claim: parameters, neurons, or views of an image."""
    if claim_id == "views":
        side = AUGMENTATION.resized_side
        return Augmentation(AUGMENTATION.crop_size, resize_to=side).distinct_views(side)
    return config_ledger(PRESETS["paper"]).total(claim_id)
