"""The ledger: what the paper claims, what our records say, and a verdict that follows a rule.

The rule, for a claim with a record of at least two seeds:

- An effect, which is a difference or a ratio, is *seen* where its p-value (Student's t, two-sided)
  is at most 0.05 after Holm's adjustment over all effects of the ledger that have a record, and its
  95 % interval lies on the paper's side of "no effect", of differences by more than one test image
  in 10,000. Ratios are judged by their logarithms.
- The *smallest effect* of a record is the true effect that such runs would find, which is that
  their 95 % interval leaves out "no effect", with a chance of 80 %.
- Seen, an effect is `reproduced` if the paper measured it on CIFAR-10 too, its number lies in our
  interval, and our smallest effect is no larger than that number; else `same direction`, and so
  where ours is a bound.
- Not seen, it is `not seen` if our runs could have: if their smallest effect is no larger than the
  paper's, or their interval lies on the other side of "no effect". Else it is `cannot tell`, with
  what it would take. So it is where a run diverged or was stopped before it arrived; where the
  paper names no size; and where only Holm's adjustment stands in the way.
- An error is `reproduced` where the mean of our runs is not above the paper's number, which is
  rounded to whole per cents, by more than half a point, and none of them by more than one point.
  Else it is `same direction` where the comparison with the other network is seen, else `not seen`.
  Runs of all images alone can say that; lesson-sized ones `cannot tell`, and on an error without
  another network they count as none. Widths of intervals play no part, so that neither more seeds
  nor smaller errors make the verdict worse.
- What arithmetic decides is `reproduced` within 2 %, the paper's own rounding, else `not seen`.
- Without a record, or with one seed: `not yet run`. With ImageNet alone: `not testable here`.

Of several experiments on one claim the last in the catalogue that has a record judges.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from alexnet_lib.experiments.catalogue import EXPERIMENTS
from alexnet_lib.experiments.design import Comparison
from alexnet_lib.experiments.measures import (
    Outcome,
    compare,
    runs_words,
    say_outcome,
    say_smallest,
    seeds_words,
    source_words,
)
from alexnet_lib.experiments.records import load_record
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.paper.facts import AUGMENTATION, CLAIMS, Claim
from alexnet_lib.paper.network import PRESETS
from alexnet_lib.statistics import Estimate, count_needed, holm

REPRODUCED, SAME_DIRECTION, NOT_SEEN = "reproduced", "same direction", "not seen"

CANNOT_TELL, NOT_TESTABLE, NOT_YET_RUN = "cannot tell", "not testable here", "not yet run"

CHANCE = 0.05  # of a claim among all tested ones that is seen and not there

_ARITHMETIC, _ROUNDING = ("parameters", "neurons", "views"), 0.02  # the paper's, of such numbers
_HALF_A_POINT = 0.005  # errors are printed in whole per cents
_A_POINT, _AN_IMAGE = 0.01, 1e-4


class Finding(NamedTuple):
    """What the record of an experiment says on a claim.

    Args:
        outcome: the number that the claim is about.
        effect: the difference or ratio that is tested; None where there is no other side.
        paper: the paper's size of that effect, as fraction or ratio; None where it names none.
    """

    name: str
    comparison: Comparison
    record: Mapping[str, Any]
    outcome: Outcome
    effect: Outcome | None
    paper: float | None

    @property
    def p_value(self) -> float | None:
        """Of the effect, before Holm's adjustment; None where nothing can be tested."""
        estimate = self.effect and self.effect.estimate
        return estimate.p_value if estimate and estimate.freedom else None

    @property
    def is_short(self) -> bool:
        """Whether the runs were cut to a lesson's size."""
        return self.record["level"] == "lesson"


@dataclass(frozen=True)
class Entry:
    """A line of the ledger.

    Args:
        claim: of the paper.
        verdict: one of the six.
        ours: our number with its interval, or "".
        seeds: how many runs stand behind each side; of a factorial, all; 0 for arithmetic.
        source: experiment and data, or "arithmetic", or "".
        finding: numbers behind it, where a record has them.
        p: of the effect, by Holm over the ledger; None where nothing was tested.
        needs: what it would take, for `cannot tell`.
        exact: our number, for arithmetic.
    """

    claim: Claim
    verdict: str
    ours: str = ""
    seeds: int = 0
    source: str = ""
    finding: Finding | None = None
    p: float | None = None
    needs: str = ""
    exact: int | None = None

    def __str__(self) -> str:
        """Verdict, number, source, what could have been seen and is covered, in a few words."""
        if (found := self.finding) is None:
            return f"{self.verdict}: {self.ours} ({self.source})" if self.ours else self.verdict
        seen = say_smallest(found.effect) if found.effect else ""
        covers = f"; covers {found.outcome.covers}" if found.outcome.estimate else ""
        needs = f". It would take {self.needs}" if self.needs else ""
        told = f"{seeds_words(found.record)}, {self.source}{seen}{covers}"
        return f"{self.verdict}: {self.ours} ({told}){needs}"


def ledger() -> tuple[Entry, ...]:
    """The verdict on every claim, from the records that there are.

    Raises:
        RecordError: a record cannot be trusted.
    """
    records = {name: load_record(name) for name, e in EXPERIMENTS.items() if e.comparisons}
    found: dict[str, Finding] = {}
    for name, design in EXPERIMENTS.items():
        for comparison in design.comparisons:
            if comparison.claim and records[name]:
                claim = next(claim for claim in CLAIMS if claim.id == comparison.claim)
                found[claim.id] = find(claim, comparison, records[name])
    raw = {claim: p for claim, one in found.items() if (p := one.p_value) is not None}
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    return tuple(_entry(c, found.get(c.id), adjusted.get(c.id)) for c in CLAIMS)


def find(claim: Claim, comparison: Comparison, record: Mapping[str, Any]) -> Finding:
    """Compare what a claim is about: its own number, and the effect to be tested."""
    outcome, paper = compare(record, comparison), claim.value
    effect = outcome if comparison.kind != "level" else None
    if comparison.kind == "level" and comparison.rival:
        effect = compare(record, replace(comparison, kind="difference"))
    if claim.unit not in ("points", "×"):
        paper = None  # of an error the effect's size is another claim's; of decay it is not said
    return Finding(record["experiment"], comparison, record, outcome, effect, paper)


def judge(claim: Claim, finding: Finding, p: float | None = None) -> str:
    """The verdict of a record on a claim, by the rule above.

    Args:
        p: of the effect, adjusted for the other claims; None: not adjusted.
    """
    p, found = finding.p_value if p is None else p, finding.outcome
    alone = found.runs < 2 or (found.estimate is not None and found.estimate.freedom == 0)
    if alone or (finding.effect is None and finding.is_short):
        return NOT_YET_RUN
    is_error = finding.comparison.kind == "level"
    if is_error and _is_reached(claim, found):
        return REPRODUCED
    if _is_seen(finding.effect, p):
        return REPRODUCED if not is_error and _is_met(claim, finding) else SAME_DIRECTION
    if is_error:
        return CANNOT_TELL if finding.is_short else NOT_SEEN
    return NOT_SEEN if _could_see(finding) else CANNOT_TELL


def verdict_words() -> dict[str, str]:
    """Every claim's verdict in words, by its id: for `figures.course.claims_table`."""
    return {entry.claim.id: str(entry) for entry in ledger()}


def _is_reached(claim: Claim, error: Outcome) -> bool:
    if error.estimate is None:
        return False
    worst = max(error.by_seed.values(), default=error.estimate.value)
    above = error.estimate.value - claim.value
    return above <= _HALF_A_POINT + 1e-9 and worst - claim.value <= _A_POINT + 1e-9


def _is_seen(effect: Outcome | None, p: float | None) -> bool:
    if effect is None or p is None or effect.bound == "at most":
        return False
    return p <= CHANCE and _is_clear(effect)


def _is_clear(effect: Outcome) -> bool:
    """Whether the interval of an effect lies on the paper's side of none."""
    least = _AN_IMAGE if effect.kind == "difference" else 0.0
    return effect.estimate.interval().low > least


def _is_met(claim: Claim, finding: Finding) -> bool:
    _, low, high = finding.effect.value
    within = low <= claim.value <= high and finding.effect.smallest <= claim.value
    return finding.comparison.same_data and within and not finding.effect.bound


def _could_see(finding: Finding) -> bool:
    """Whether an effect that was not seen would have been, had it the paper's size."""
    effect = finding.effect
    if effect.estimate is None or effect.bound:
        return False
    if effect.estimate.interval().high < 0:
        return True
    small = finding.paper is not None and effect.smallest <= finding.paper
    return small and not _is_clear(effect)


def _needs(finding: Finding) -> str:
    """What it would take to tell."""
    effect, longer = finding.effect, "longer runs of all images" * finding.is_short
    if effect.estimate is None or effect.bound:
        return longer or "runs that arrive"
    if finding.paper is None:
        return longer or "a size of the effect, which the paper does not name"
    size = math.log(finding.paper) if effect.kind == "ratio" else finding.paper
    more = _count(finding, size)
    return " and ".join(filter(None, [more, longer])) or "more runs"


def _count(finding: Finding, size: float) -> str:
    """How many runs would see an effect of that size with a chance of 80 %; "" for no more."""
    estimate, runs = finding.effect.estimate, finding.effect.runs
    if estimate.smallest_effect() <= size:
        return ""
    images = estimate.images or 0.0  # more runs do not lessen this part of the error
    left = size**2 - Estimate(0.0, images, 10_000).smallest_effect() ** 2
    if left <= 0:
        return "more test images than there are"
    spread = math.sqrt((estimate.error**2 - images**2) * runs)
    return f"about {runs_words(finding.record, count_needed(math.sqrt(left), spread))}"


def _entry(claim: Claim, finding: Finding | None, p: float | None) -> Entry:
    if not claim.testable:
        return Entry(claim, NOT_TESTABLE)
    if claim.id in _ARITHMETIC:
        ours = _counted(claim.id)
        verdict = REPRODUCED if abs(ours / claim.value - 1) <= _ROUNDING else NOT_SEEN
        return Entry(claim, verdict, f"{ours:,}", 0, "arithmetic", exact=ours)
    verdict = judge(claim, finding, p) if finding else NOT_YET_RUN
    if verdict == NOT_YET_RUN:
        return Entry(claim, NOT_YET_RUN)
    needs = _needs(finding) if verdict == CANNOT_TELL else ""
    ours, source = say_outcome(finding.outcome), f"{finding.name}, {source_words(finding.record)}"
    return Entry(claim, verdict, ours, finding.outcome.runs, source, finding, p, needs)


def _counted(claim_id: str) -> int:
    """What arithmetic says of a claim: parameters, neurons, or views of an image."""
    if claim_id == "views":
        side = AUGMENTATION.resized_side
        return Augmentation(AUGMENTATION.crop_size, resize_to=side).distinct_views(side)
    return config_ledger(PRESETS["paper"]).total(claim_id)
