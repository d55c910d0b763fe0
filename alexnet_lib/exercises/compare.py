"""Comparing an answer with the expected one, in words a learner can use."""

import math
from typing import Any

import torch


def difference(answer: Any, expected: Any, tolerance: float = 1e-4) -> str | None:
    """What sets `answer` apart from `expected`; None where they agree within `tolerance`.

    Numbers, tensors, words, booleans, and lists, tuples and dicts of these. The tolerance is
    relative to the largest expected magnitude (at least 1e-6), since sums in another order differ.
    """
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(answer, expected, tolerance)
    if getattr(answer, "shape", None) == ():  # a tensor or numpy value that is one number
        answer = answer.item()
    if isinstance(expected, (list, tuple, dict)):
        return _collection_difference(answer, expected, tolerance)
    if isinstance(expected, bool) or not isinstance(expected, (int, float)):
        return _word_difference(answer, expected)
    if isinstance(answer, torch.Tensor) and answer.numel() == 1:
        answer = answer.item()
    if not isinstance(answer, (int, float)) or isinstance(answer, bool):
        return f"expected a number, got {_kind(answer)}"
    if _close(float(answer), float(expected), tolerance):
        return None
    return f"expected {_number(expected)}, got {_number(answer)}"


def _close(answer: float, expected: float, tolerance: float) -> bool:
    if not math.isfinite(expected):
        return str(answer) == str(expected)
    return abs(answer - expected) <= tolerance * max(abs(expected), 1e-6)


def _tensor_difference(answer: Any, expected: torch.Tensor, tolerance: float) -> str | None:
    if not isinstance(answer, torch.Tensor):
        return f"expected a tensor of shape {tuple(expected.shape)}, got {_kind(answer)}"
    if answer.shape != expected.shape:
        return f"expected shape {tuple(expected.shape)}, got {tuple(answer.shape)}"
    if answer.is_floating_point() != expected.is_floating_point():
        return f"expected {expected.dtype}, got {answer.dtype}"
    a, b = answer.detach().cpu().double(), expected.detach().cpu().double()
    if not torch.isfinite(a).all() and torch.isfinite(b).all():
        return "the result holds inf or nan"
    scale = max(float(b.abs().max()), 1e-6) if b.numel() else 1.0
    gap = (a - b).abs()
    if b.numel() == 0 or float(gap.max()) <= tolerance * scale:
        return None
    wrong = int((gap > tolerance * scale).sum())
    where = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape))
    return (
        f"shape {tuple(b.shape)} is right, but {wrong} of {b.numel()} values differ; at {where} "
        f"expected {_number(float(b[where]))}, got {_number(float(a[where]))}"
    )


def _collection_difference(answer: Any, expected: Any, tolerance: float) -> str | None:
    if isinstance(expected, dict):
        if not isinstance(answer, dict) or answer.keys() != expected.keys():
            return f"expected a dict with the keys {list(expected)}, got {_kind(answer)}"
        pairs = [(f"[{key!r}]", answer[key], expected[key]) for key in expected]
    else:
        if not isinstance(answer, (list, tuple)) or len(answer) != len(expected):
            return f"expected {len(expected)} values, got {_kind(answer)}"
        pairs = [(f"[{i}]", a, b) for i, (a, b) in enumerate(zip(answer, expected, strict=True))]
    for place, a, b in pairs:
        if words := difference(a, b, tolerance):
            return f"{place}: {words}"
    return None


def _word_difference(answer: Any, expected: Any) -> str | None:
    if isinstance(expected, str) and isinstance(answer, str):
        same = answer.strip().lower() == expected.strip().lower()
        return None if same else f"expected {expected!r}, got {answer!r}"
    if type(answer) is type(expected) and answer == expected:
        return None
    return f"expected {expected!r}, got {_kind(answer)}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def _kind(answer: Any) -> str:
    if isinstance(answer, torch.Tensor):
        return f"a tensor of shape {tuple(answer.shape)}"
    if isinstance(answer, (list, tuple, dict)):
        return f"a {type(answer).__name__} of {len(answer)}"
    if callable(answer):
        return "a function (did you forget to call it?)"
    return f"{answer!r}"[:80]
