"""Comparing an answer with the expected one, in words that say first what is right already."""

import math
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor


def difference(answer: Any, expected: Any, tolerance: float = 1e-4) -> str | None:
    """What sets `answer` apart from `expected`; None where they agree within `tolerance`.

    Numbers, tensors, words, booleans, and lists, tuples and dicts of these; an array for a tensor,
    or a tensor for a list, will do. The tolerance is relative to the largest expected magnitude (at
    least 1e-6), since sums in another order differ.
    """
    if isinstance(expected, Tensor):
        return _tensor_difference(answer, expected, tolerance)
    if getattr(answer, "shape", None) == ():  # a tensor or numpy value that is one number
        answer = answer.item()
    if isinstance(expected, dict):
        return _dict_difference(answer, expected, tolerance)
    if isinstance(expected, (list, tuple)):
        return _list_difference(answer, expected, tolerance)
    if isinstance(expected, bool) or not isinstance(expected, (int, float)):
        return _word_difference(answer, expected)
    if isinstance(answer, (Tensor, np.ndarray)) and math.prod(answer.shape) == 1:
        answer = answer.item()
    if not isinstance(answer, Real) or isinstance(answer, bool):
        return f"expected a number, got {kind_of(answer)}"
    if _close(float(answer), float(expected), tolerance):
        return None
    return "expected {}, got {}".format(*_told_apart(expected, answer))


def agree(answer: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Whether nothing sets the two apart."""
    return difference(answer, expected, tolerance) is None


def as_tensor(answer: Any) -> Any:
    """An array or nested lists of numbers as a tensor; anything else as it is."""
    if isinstance(answer, Tensor):
        return answer
    try:
        if isinstance(answer, (list, tuple)) and any(isinstance(x, Tensor) for x in answer):
            return torch.stack([as_tensor(x) for x in answer])
        array = np.asarray(answer)
        return torch.as_tensor(array) if array.dtype.kind in "biuf" and array.ndim else answer
    except (ValueError, TypeError, RuntimeError):  # ragged, or of mixed kinds
        return answer


def kind_of(answer: Any) -> str:
    """What a value is, in a few words: a tensor of shape (2, 3)."""
    if answer is None:
        return "None"
    if isinstance(answer, (Tensor, np.ndarray)):
        name = "a tensor" if isinstance(answer, Tensor) else "an array"
        return f"{name} of shape {tuple(answer.shape)}"
    if isinstance(answer, (list, tuple, dict)):
        return f"a {type(answer).__name__} of {len(answer)}"
    if isinstance(answer, str):
        return f"the text {answer!r}"[:80]
    if callable(answer):
        return "a function (did you forget to call it?)"
    return f"{answer!r}"[:80]


def number_of(value: Any, digits: int = 5) -> str:
    """A number in short."""
    if isinstance(value, int):
        return f"{value:,}"
    return "0" if abs(value) < 1e-12 else f"{float(value):.{digits}g}"


def _told_apart(one: Any, other: Any) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    for digits in (5, 8, 12):
        pair = number_of(one, digits), number_of(other, digits)
        if pair[0] != pair[1]:
            break
    return pair


def _close(answer: float, expected: float, tolerance: float) -> bool:
    if not math.isfinite(expected):
        return str(answer) == str(expected)
    return abs(answer - expected) <= tolerance * max(abs(expected), 1e-6)


# --- Tensors -------------------------------------------------------------------------------------


def _tensor_difference(answer: Any, expected: Tensor, tolerance: float) -> str | None:
    shape, given = tuple(expected.shape), answer
    answer = as_tensor(answer)
    if not isinstance(answer, Tensor):
        return f"expected a tensor of shape {shape}, got {kind_of(answer)}"
    if tuple(answer.shape) != shape:
        return _shape_difference(tuple(answer.shape), shape)
    if isinstance(given, Tensor) and answer.is_floating_point() != expected.is_floating_point():
        return f"the shape {shape} is right; expected {expected.dtype}, got {answer.dtype}"
    a, b = answer.detach().cpu().double(), expected.detach().cpu().double()
    if not torch.isfinite(a).all() and torch.isfinite(b).all():
        return f"the shape {shape} is right, but the result holds inf or nan"
    alike = (a == b) | (a.isnan() & b.isnan())  # inf minus inf is no gap
    gap = torch.where(alike, 0, (a - b).abs())
    scale = max(float(b[b.isfinite()].abs().max()), 1e-6) if b.isfinite().any() else 1.0
    wrong = ~(gap <= tolerance * scale)
    return _values_difference(a, b, wrong) if wrong.any() else None


def _shape_difference(got: tuple, wanted: tuple) -> str:
    if len(got) != len(wanted):
        return f"expected shape {wanted}, got {got}: {len(wanted)} axes are needed, not {len(got)}"
    off = [axis for axis, (a, b) in enumerate(zip(got, wanted, strict=True)) if a != b]
    if len(off) == len(got):
        return f"expected shape {wanted}, got {got}"
    return f"expected shape {wanted}, got {got}; only axis {', '.join(map(str, off))} is off"


def _values_difference(a: Tensor, b: Tensor, wrong: Tensor) -> str:
    """What is right first: the shape, the first values; then where it goes wrong."""
    total, count = wrong.numel(), int(wrong.sum())
    flat = int(wrong.flatten().nonzero()[0])
    place = tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), wrong.shape))
    right = f"the shape {tuple(b.shape)} is right"
    if flat:
        first = "first value" if flat == 1 else f"first {flat} values"
        right = f"the shape {tuple(b.shape)} and the {first} are right"
    expected, got = _told_apart(float(b[place]), float(a[place]))
    where = f"at {place} expected {expected}, got {got}"
    return f"{right}, but {count} of {total} values differ{_at_an_edge(wrong)}; {where}"


def _at_an_edge(wrong: Tensor) -> str:
    """Where all that is wrong lies at one end of an axis, or at both: there is the mistake."""
    for axis, size in enumerate(wrong.shape):
        others = [other for other in range(wrong.ndim) if other != axis]
        hit = (wrong.amax(others) if others else wrong).nonzero().flatten().tolist()
        if size > 2 and set(hit) <= {0, size - 1}:
            ends = {0: "the start", size - 1: "the end"}
            return f", all at {' or '.join(ends[i] for i in hit)} of axis {axis}"
    return ""


# --- Lists and words -----------------------------------------------------------------------------


def _list_difference(answer: Any, expected: Sequence, tolerance: float) -> str | None:
    if isinstance(answer, (Tensor, np.ndarray)):
        whole = any(isinstance(value, Tensor) for value in expected)
        if whole and answer.ndim == expected[0].ndim:
            return f"{len(expected)} tensors are expected, got {kind_of(answer)}"
        answer = list(as_tensor(answer)) if whole else answer.tolist()
    if isinstance(answer, range):
        answer = list(answer)
    if not isinstance(answer, (list, tuple)):
        how = "; list(...) makes one of it" if _can_be_listed(answer) else ""
        return f"a {_wanted(expected)} is expected, got {kind_of(answer)}{how}"
    for place, (a, b) in enumerate(zip(answer, expected, strict=False)):
        if words := difference(a, b, tolerance):
            return f"{_first_right(place)}[{place}]: {words}"
    if len(answer) != len(expected):
        place = min(len(answer), len(expected))
        return f"{_first_right(place)}expected {len(expected)} values, got {len(answer)}"
    return None


def _first_right(count: int) -> str:
    if count == 0:
        return ""
    return "the first value is right; " if count == 1 else f"the first {count} values are right; "


def _wanted(expected: Sequence) -> str:
    return f"list of {len(expected)}" if isinstance(expected, list) else f"row of {len(expected)}"


def _can_be_listed(answer: Any) -> bool:
    return hasattr(answer, "__iter__") and not isinstance(answer, (str, dict))


def _dict_difference(answer: Any, expected: dict, tolerance: float) -> str | None:
    if not isinstance(answer, dict):
        return f"expected a dict with the keys {list(expected)}, got {kind_of(answer)}"
    if answer.keys() != expected.keys():
        missing, more = (
            _quoted(expected.keys() - answer.keys()),
            _quoted(answer.keys() - expected.keys()),
        )
        lacks = f"misses the keys {missing}" if missing else ""
        has = f"has keys that nobody asked for, {more}" if more else ""
        return f"the dict {' and '.join(filter(None, (lacks, has)))}"
    for key, value in expected.items():
        if words := difference(answer[key], value, tolerance):
            return f"[{key!r}]: {words}"
    return None


def _quoted(keys: Collection) -> str:
    return ", ".join(sorted(map(repr, keys)))


def _word_difference(answer: Any, expected: Any) -> str | None:
    if isinstance(expected, str) and isinstance(answer, str):
        same = answer.strip().lower() == expected.strip().lower()
        return None if same else f"expected {expected!r}, got {answer!r}"
    if type(answer) is type(expected) and answer == expected:
        return None
    return f"expected {expected!r}, got {kind_of(answer)}"
