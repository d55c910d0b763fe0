"""No small change of a right answer passes its check, but those that change no answer.

A quarter of the mutants is tried here, another one in each exercise; all of them, with a count for
each exercise, by

    ALEXNET_MUTANTS=all pytest -s tests/unit/test_mutations.py
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from mutations import mutants
from test_exercises import ASKED_FOR_A_VALUE, EXERCISES

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises.core import Exercise
from alexnet_lib.statistics import arrival

ALL = os.environ.get("ALEXNET_MUTANTS") == "all"
PLAIN = {"03.2": arrival}  # where the reference only turns away bad input before it calls this
WITHOUT_SOURCE = ("00.3", "15.3")  # a name, a table
SLOW = ("14.3",)  # half a second each

# Mutants that pass and may: they give the right answer to everything that may be asked.
NEED_POSITIVE = "what the check of bad input is told does not matter to good input"
ALWAYS_RESET = "the first epoch is progress, always, and sets the count to 0"
MOST = "drops are counted one by one, so != 3 and < 3 are alike"
ORDER = "the order of axes that are summed or searched together does not matter"
WHOLE = "an even number: / and // give equal numbers"
STRICT = "the two lists are equally long, always"
SAME_KIND = "both are of the same dtype, always"
RIGHT_ONE_IS_EXACT = "of the two differences one is 0 everywhere, and LRN first leaves less"
EQUIVALENT: dict[str, dict[str, str]] = {
    "02.1": {"line 4: 0 becomes -1": "-1 // stride + 1 is 0"},
    "02.3": {"line 4: x becomes weight": SAME_KIND, "line 8: (2, 3, 4) in reverse": ORDER},
    "04.2": {"line 3: FloorDiv becomes Div": WHOLE},
    "04.3": {"line 3: 256 becomes 257": "halved and rounded down, it is 128 again",
             "line 4: FloorDiv becomes Div": WHOLE},
    "05.3": {"line 5: max becomes min": RIGHT_ONE_IS_EXACT,
             "line 5: .abs() is left out": RIGHT_ONE_IS_EXACT,
             "line 5: Lt becomes LtE": RIGHT_ONE_IS_EXACT},
    "08.1": {"line 8: (maps_in, maps_out, kernel_size, groups) in reverse": NEED_POSITIVE,
             "line 12: FloorDiv becomes Div": WHOLE}
    | {f"line 8: {a} becomes {b}": NEED_POSITIVE
       for a in ("maps_in", "maps_out", "kernel_size", "groups")
       for b in ("maps_in", "maps_out", "kernel_size", "groups")},
    "08.2": {"line 4: True becomes False": STRICT},
    "09.2": {"line 3: .float() is left out": "cov() takes bytes, too",
             "line 6: .clamp() is left out": "a covariance has no eigenvalue below 0",
             "line 6: 0 becomes -1": "a covariance has no eigenvalue below 0"},
    "10.1": {"line 5: GtE becomes Gt": "one number in 16 million is exactly p"},
    "10.2": {"line 19: slow becomes fast": NEED_POSITIVE,
             "line 19: slow becomes threshold": NEED_POSITIVE,
             "line 19: fast becomes slow": NEED_POSITIVE,
             "line 19: fast becomes threshold": NEED_POSITIVE,
             "line 21: True becomes False": STRICT},
    "11.2": {"line 3: 0 becomes 1": ALWAYS_RESET, "line 3: 0 becomes -1": ALWAYS_RESET,
             "line 9: Lt becomes NotEq": MOST},
    "12.1": {"line 4: True becomes False": STRICT},
    "13.3": {"line 4: mean becomes sum": "the largest of the sums stands where that of means does"},
    "14.1": {"line 4: (1, 2, 3) in reverse": ORDER},
    "15.4": {"line 6: optimizer becomes net": "net.zero_grad() clears the same gradients",
             "line 9: .item() is left out": "a tensor that is one number is that number"},
}  # fmt: skip


def _passes(exercise: Exercise, answer: Any) -> bool:
    try:
        trials = exercise._trials(answer)
    except Exception:
        return False
    return all(exercise._right(trials)) and not any(trial.changed for trial in trials)


def _value(mutant: Callable) -> Any:
    try:
        return mutant()
    except (InputError, ZeroDivisionError, TypeError):
        return "nothing"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_every_mutant_that_passes_is_equivalent(exercise: Exercise) -> None:
    if exercise.id in WITHOUT_SOURCE or (exercise.id in SLOW and not ALL):
        pytest.skip("no source to change, or slow")
    function = PLAIN.get(exercise.id, exercise.shown or exercise.reference)
    tried = list(mutants(function))
    if not ALL:
        tried = tried[EXERCISES.index(exercise) % 4 :: 4]
    asked = _value if exercise.id in ASKED_FOR_A_VALUE else lambda mutant: mutant
    alive = {words for words, mutant in tried if _passes(exercise, asked(mutant))}
    known = EQUIVALENT.get(exercise.id, {})
    if exercise.id not in SLOW:  # of another number of steps, or another width, none is wrong
        assert alive <= set(known), sorted(alive - set(known))
    if ALL:
        stale = {words for words in known if "line 8: " not in words} - alive
        assert not stale or exercise.id == "08.1", stale
        print(f"\n{exercise.id}: bank {_forms(exercise)}, mutants {len(tried)}, alive {len(alive)}")


def _forms(exercise: Exercise) -> int:
    return sum(1 + len(mistake.also) for mistake in exercise.mistakes)


def test_the_engine_changes_what_it_says() -> None:
    def half(values: list, count: int) -> float:
        """Half of the sum."""
        return sum(values) / 2 if count > 0 else 0.0

    found = dict(mutants(half))
    assert found["line 3: Div becomes Mult"]([1, 2], 1) == 6
    assert found["line 3: 2 becomes 3"]([1, 2], 1) == 1
    assert found["line 3: Gt becomes GtE"]([1, 2], 0) == 1.5
    assert found["line 3: if count > 0 becomes if False"]([1, 2], 1) == 0
    assert found["line 3: count becomes values"].__name__ == "half"
