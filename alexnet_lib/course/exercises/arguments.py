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
    answer: Callable, reference: Callable, case: tuple, names: Sequence[str], tolerance: float
) -> str | None:
    """Arguments that can be changed without any effect on the answer, though it has to depend."""
    silent = []
    for i, value in enumerate(case):
        other = _another(value)
        if other is None:
            continue
        changed = (*case[:i], other, *case[i + 1 :])
        try:
            moved = not agree(reference(*_own(changed)), reference(*_own(case)), tolerance)
            still = agree(answer(*_own(changed)), answer(*_own(case)), 0)
        except Exception:  # such arguments do not go together
            continue
        if moved and still:
            silent.append(f"`{names[i]}`")
    if not silent:
        return None
    return f"{' and '.join(silent)} could hold other numbers, and your answer would be the same"


def _another(value: Any) -> Any:
    """The same kind of argument with other numbers."""
    if isinstance(value, Tensor) and value.numel() > 1:
        return (value.flatten().roll(1) if not value.is_floating_point() else -value).view(
            value.shape
        )
    if isinstance(value, bool):
        return not value
    return 1.5 * value if isinstance(value, float) else None


def _own(case: tuple) -> tuple:
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in case)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    return type(a) is type(b) and not isinstance(a, Tensor) and bool(a == b)
