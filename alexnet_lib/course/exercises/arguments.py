"""Which arguments make no difference to an answer, though they should."""

import itertools
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from alexnet_lib.course.exercises.compare import agree
from alexnet_lib.course.exercises.trials import Trial


def ignored(
    trials: Sequence[Trial], expected: Sequence[Any], names: Sequence[str], tolerance: float
) -> str | None:
    """Arguments that differ alone between two cases, and make no difference where they should."""
    made: dict[int, list[bool]] = {}
    for (one, want), (other, wanted) in itertools.combinations(
        zip(trials, expected, strict=True), 2
    ):
        apart = [i for i, (a, b) in enumerate(zip(one.case, other.case, strict=True))
                 if not _equal(a, b)]  # fmt: skip
        single = len(apart) == 1 and isinstance(one.case[apart[0]], Real)
        if single and not agree(want, wanted, tolerance):
            made.setdefault(apart[0], []).append(not agree(one.value, other.value, tolerance))
    silent = [names[i] for i, made_any in made.items() if len(made_any) > 1 and not any(made_any)]
    if not silent:
        return None
    those = " and ".join(f"`{name}`" for name in silent)
    return f"{those} makes no difference to your answers; it should"


def unheard(
    answer: Callable,
    reference: Callable,
    cases: Sequence[tuple],
    names: Sequence[str],
    tolerance: float,
) -> str | None:
    """Arguments that can be changed, in every case, without any effect on the answer."""
    silent = [i for i in range(len(names)) if _is_unheard(i, answer, reference, cases, tolerance)]
    if not silent:
        return None
    those = " and ".join(f"`{names[i]}`" for i in silent)
    return f"{those} could hold other numbers, and your answer would be the same"


def _is_unheard(
    place: int, answer: Callable, reference: Callable, cases: Sequence[tuple], tolerance: float
) -> bool:
    moved = 0
    for case in cases:
        for other in _others(case[place]):
            changed = (*case[:place], other, *case[place + 1 :])
            try:
                right = reference(*_own(changed)), reference(*_own(case))
                given = answer(*_own(changed)), answer(*_own(case))
            except Exception:  # such arguments do not go together
                continue
            if not agree(*given, 0):
                return False
            moved += not agree(*right, tolerance)
    return moved > 1


def _others(value: Any) -> list[Any]:
    """The same kind of argument with other numbers."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, float):
        return [1.5 * value, 0.7 * value, value + 0.1]
    if not isinstance(value, Tensor) or value.numel() < 2:
        return []
    turned = value.flatten().roll(1).view(value.shape)
    return [turned, 1.7 * turned + 0.3 * value] if value.is_floating_point() else [turned]


def _own(case: tuple) -> tuple:
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in case)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    return type(a) is type(b) and not isinstance(a, Tensor) and bool(a == b)
