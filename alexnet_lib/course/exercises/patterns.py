"""What all numbers of an answer have in common with the expected ones, such as a factor of 100.

Every finding holds for each case that was tried, so it is a fact and no guess. The banks of the
exercises come first, since they know the misconception as well.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from alexnet_lib.course.exercises.arguments import ignored
from alexnet_lib.course.exercises.compare import agree, as_tensor, kind_of, number_of
from alexnet_lib.course.exercises.trials import Trial

Pairs = list[tuple[Any, Any]]  # what was given and what was expected, case by case


def pattern(
    trials: Sequence[Trial], expected: Sequence[Any], names: Sequence[str], tolerance: float
) -> str | None:
    """A sentence that is true of every case, or None.

    Args:
        names: of the arguments.
    """
    pairs = [(trial.value, want) for trial, want in zip(trials, expected, strict=True)]
    pairs = [pair for pair in pairs if pair != (None, None)] if None in expected else pairs
    finders = (_of_kind, _constant, _empty, _of_truth, _of_shape, _of_size, _of_rounding, _of_order,
               _of_part, _of_item)  # fmt: skip
    for find in finders:
        if words := find(pairs, tolerance):
            return words
    return ignored(trials, expected, names, tolerance)


# --- Kind ----------------------------------------------------------------------------------------


def _of_kind(pairs: Pairs, tolerance: float) -> str | None:
    if all(isinstance(got, str) and isinstance(want, Real) for got, want in pairs):
        return "your answers are texts; return the numbers themselves, and format when you print"
    floats = [isinstance(got, Tensor) and got.dtype != want.dtype and got.shape == want.shape
              and agree(got.to(want.dtype), want, tolerance)
              for got, want in pairs if isinstance(want, Tensor)]  # fmt: skip
    if floats and all(floats):
        got, want = pairs[0]
        return (
            f"the numbers are right, their kind is not: {want.dtype} is expected, not {got.dtype}"
        )
    return None


def _constant(pairs: Pairs, tolerance: float) -> str | None:
    """The same answer to everything."""
    first, wanted = pairs[0]
    alike = all(agree(got, first, 0) for got, _ in pairs[1:]) if _is_plain(first) else False
    if len(pairs) < 3 or not alike or all(agree(want, wanted, tolerance) for _, want in pairs):
        return None
    same = f"your answer is the same for all {len(pairs)} cases, {_shown(first)}"
    return f"{same}; it has to depend on the arguments"


def _empty(pairs: Pairs, _: float) -> str | None:
    """Nothing but zeros."""
    numbers = [_numbers(got) for got, _ in pairs]
    if all(x is not None and x.numel() > 1 and not x.any() for x in numbers):
        return "all that you return is 0: was the result put into it?"
    return None


def _of_truth(pairs: Pairs, _: float) -> str | None:
    got = [value for value, _ in pairs]
    if all(isinstance(v, bool) for pair in pairs for v in pair) and len(pairs) > 1:
        if all(g is not w for g, w in pairs):
            return "True and False are the wrong way round, in every case"
    if all(isinstance(v, str) for pair in pairs for v in pair):
        swap = {want: value for value, want in pairs}
        wrong = [g != w for g, w in pairs]
        if sum(wrong) > 1 and all(swap[w] == g and swap.get(g, w) == w for g, w in pairs):
            one = next(value for value, off in zip(got, wrong, strict=True) if off)
            return f'"{one}" and "{swap[one]}" have changed places' if one in swap else None
    return None


# --- Size ----------------------------------------------------------------------------------------


def _of_size(pairs: Pairs, tolerance: float) -> str | None:
    """All numbers by one rule: a factor, an offset, an inverse, a power."""
    rows = [(_numbers(got), _numbers(want)) for got, want in pairs]
    if not _comparable(rows):
        return None
    g, w = (torch.cat(column) for column in zip(*rows, strict=True))
    if not (g.isfinite().all() and w.isfinite().all()) or len(w.unique()) < 3:
        return None

    def fits(image: Tensor) -> bool:
        return _near(g, image, tolerance)

    if fits(w):
        return None
    factor = float((g @ w) / (w @ w))
    if fits(factor * w) and abs(factor) > 1e-9:
        return _factor(factor, bool((w >= 0).all() and (w <= 1).all()))
    offset = float((g - w).median())
    if fits(w + offset):
        more = "large" if offset > 0 else "small"
        return f"every number is {number_of(abs(offset))} too {more}"
    if (w >= 0).all() and (w <= 1).all() and fits(1 - w):
        return "each number is 1 minus the expected one: right counts for wrong, or wrong for right"
    laws = {
        "upside down: each number is 1 divided by the expected one": 1 / w,
        "each number is the square of the expected one": w * w,
        "each number is the square root of the expected one": w.clamp(min=0).sqrt(),
        "the sizes are right, but the signs are lost": w.abs(),
        "what should be below 0 is 0 in your answer": w.clamp(min=0),
    }
    return next((words for words, image in laws.items() if fits(image)), None)


def _factor(factor: float, shares: bool) -> str:
    if abs(factor - 100) < 0.01 and shares:
        return "every number is 100 times the expected one: these are per cent, fractions are asked"
    if abs(factor - 0.01) < 1e-6:
        return "every number is a hundredth of the expected one: per cent are asked, not fractions"
    if abs(factor + 1) < 1e-6:
        return "the sizes are right, but every sign is the wrong way round"
    return f"every number is {number_of(factor)} times the expected one"


def _of_rounding(pairs: Pairs, tolerance: float) -> str | None:
    rows = [(_numbers(got), _numbers(want)) for got, want in pairs]
    if not _comparable(rows):
        return None
    g, w = (torch.cat(column) for column in zip(*rows, strict=True))
    whole = w == w.round()
    if whole.all() and not torch.equal(g, g.round()):
        for name in ("floor", "ceil", "round"):
            if torch.equal(getattr(g, name)(), w):
                how = {"floor": "down", "ceil": "up", "round": "to the nearest"}[name]
                return f"whole numbers are expected: yours would be right if rounded {how}"
    if not whole.all():
        for digits in range(5):
            rounded = torch.tensor([round(x, digits) for x in w.tolist()]).to(w)
            if torch.equal(g.round(decimals=6), rounded.round(decimals=6)):
                return f"you rounded to {digits} digits after the point; round only what you print"
        for digits in range(4):
            cut = (w * 10**digits).floor() / 10**digits
            if torch.equal(g.round(decimals=6), cut.round(decimals=6)):
                return f"all but {digits} digits after the point were cut off"
    return None


def _of_item(pairs: Pairs, tolerance: float) -> str | None:
    """All but one value of a row, or of a dict, are right; what of that one?"""
    rows = [(_items(got), _items(want)) for got, want in pairs]
    if any(a is None or b is None or a.keys() != b.keys() for a, b in rows):
        return None
    names = list(rows[0][1])
    if len(names) < 2 or any(list(b) != names for _, b in rows):
        return None
    wrong = [name for name in names if not all(agree(a[name], b[name], tolerance) for a, b in rows)]
    if len(wrong) != 1:
        return None
    (name,) = wrong
    column = [(a[name], b[name]) for a, b in rows]
    for find in (_of_kind, _of_truth, _of_shape, _of_size, _of_rounding, _constant):
        if words := find(column, tolerance):
            return f"all is right but {name}: {words}"
    return None


def _items(value: Any) -> dict | None:
    if isinstance(value, dict):
        return {f"[{key!r}]": part for key, part in value.items()}
    listed = _listed(value)
    return None if listed is None else {f"value {i}": x for i, x in enumerate(listed, 1)}


# --- Order and shape -----------------------------------------------------------------------------


def _of_order(pairs: Pairs, tolerance: float) -> str | None:
    """Rows, lists and tensors with the right values at other places."""
    rows = [(_listed(got), _listed(want)) for got, want in pairs]
    if any(a is None or b is None or len(a) != len(b) for a, b in rows):
        return None
    length = len(rows[0][1])
    if all(len(b) == length for _, b in rows) and 2 <= length <= 4:
        for order in itertools.permutations(range(length)):
            if all(agree(a, [b[i] for i in order], tolerance) for a, b in rows):
                return f"the values are right, their order is not: yours is {_ordinals(order)}"
    if all(agree(a, b[::-1], tolerance) for a, b in rows):
        return "the values are right, but in reverse order"
    flat = [(_numbers(a), _numbers(b)) for a, b in rows]
    if all(a is not None and b is not None and _near(a.sort()[0], b.sort()[0], tolerance)
           for a, b in flat):  # fmt: skip
        return "the right values, but at the wrong places"
    return None


def _ordinals(order: Sequence[int]) -> str:
    names = ("first", "second", "third", "fourth")
    return ", ".join(f"the {names[i]}" for i in order)


def _of_shape(pairs: Pairs, tolerance: float) -> str | None:
    """Tensors whose numbers are right under another shape, or another order of the axes."""
    if not all(isinstance(want, Tensor) for _, want in pairs):
        return None
    rows = [(as_tensor(got), want) for got, want in pairs]
    if not all(isinstance(a, Tensor) and a.numel() == b.numel() for a, b in rows):
        return None
    for words, turn in _turns(min(b.ndim for _, b in rows)):
        if all(agree(a, turn(b), tolerance) for a, b in rows):
            return words
    if all(agree(a.reshape(b.shape), b, tolerance) for a, b in rows):
        got, want = tuple(rows[0][0].shape), tuple(rows[0][1].shape)
        return f"the numbers are right, but their shape is {got}; expected {want}"
    return None


def _turns(ndim: int) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    for order in itertools.permutations(range(ndim)) if 1 < ndim < 5 else ():
        moved = [axis for axis in range(ndim) if order[axis] != axis]
        if len(moved) == 2:
            words = f"axes {moved[0]} and {moved[1]} have changed places"
        else:
            words = f"their axes stand in the order {order}"
        if moved:
            yield f"the numbers are right, but {words}", lambda x, order=order: x.permute(order)
    for axis in range(ndim):
        words = f"the numbers are right, but axis {axis} runs backwards"
        yield words, lambda x, axis=axis: x.flip(axis)


# --- Parts ---------------------------------------------------------------------------------------

_REDUCED: dict[str, Callable[[Tensor], Tensor]] = {
    "the sum": torch.sum, "the mean": torch.mean, "the median": torch.median,
    "the smallest": torch.min, "the largest": torch.max,
    "the number": lambda x: torch.tensor(float(x.numel())),
}  # fmt: skip


def _of_part(pairs: Pairs, tolerance: float) -> str | None:
    """One where several are asked, several where one is, or one too many or too few."""
    rows = [(None if _is_one_of(got, want) else _listed(got), _listed(want)) for got, want in pairs]
    if all(a is None and b for a, b in rows) and any(len(b) > 1 for _, b in rows):
        return _one_of_several(pairs, rows, tolerance)
    if all(a is not None and b is None for a, b in rows):
        return _several_for_one(pairs, tolerance)
    if not all(a is not None and b for a, b in rows):
        return None
    if words := _slice(pairs, tolerance):
        return words
    parts = {"the first value is missing": lambda b: b[1:],
             "the last value is missing": lambda b: b[:-1]}  # fmt: skip
    for words, part in parts.items():
        if all(len(a) == len(b) - 1 and agree(a, part(b), tolerance) for a, b in rows):
            return words
    if all(len(a) == len(b) + 1 for a, b in rows):
        if all(agree(a[1:], b, tolerance) for a, b in rows):
            return "the first value is too many; the others are right"
        if all(agree(a[:-1], b, tolerance) for a, b in rows):
            return "the last value is too many; the others are right"
    return None


def _slice(pairs: Pairs, tolerance: float) -> str | None:
    """Part of a tensor along one axis, or some neighbours of a row."""
    rows = [(as_tensor(got), as_tensor(want)) for got, want in pairs]
    if not all(isinstance(v, Tensor) and v.ndim for row in rows for v in row):
        return None
    if not all(a.ndim == b.ndim for a, b in rows):
        return None
    for axis in range(min(b.ndim for _, b in rows)):
        for name in ("first", "last"):
            if all(_is_slice(a, b, axis, name, tolerance) for a, b in rows):
                got, of = rows[0][0].shape[axis], rows[0][1].shape[axis]
                where = f" along axis {axis}" if rows[0][1].ndim > 1 else ""
                return f"those are only the {name} {got} of {of} values{where}"
    return None


def _is_slice(a: Tensor, b: Tensor, axis: int, name: str, tolerance: float) -> bool:
    count = a.shape[axis]
    if not 0 < count < b.shape[axis]:
        return False
    part = b.narrow(axis, 0 if name == "first" else b.shape[axis] - count, count)
    return agree(a, part, tolerance)


def _one_of_several(pairs: Pairs, rows: list, tolerance: float) -> str | None:
    length = min(len(b) for _, b in rows)
    for i in range(length):
        if all(agree(got, b[i], tolerance) for (got, _), (_, b) in zip(pairs, rows, strict=True)):
            return f"that is only value {i + 1} of the {len(rows[0][1])} that are asked"
    if all(agree(got, b[-1], tolerance) for (got, _), (_, b) in zip(pairs, rows, strict=True)):
        return "that is only the last value; all of them are asked"
    for name, reduce in _REDUCED.items():
        flat = [(got, _numbers(want)) for got, want in pairs]
        if all(b is not None and b.numel() and _is_number(got) and
               agree(got, float(reduce(b)), tolerance) for got, b in flat):  # fmt: skip
            return f"that is {name} of the values; the values themselves are asked"
    return None


def _several_for_one(pairs: Pairs, tolerance: float) -> str | None:
    flat = [(_numbers(got), want) for got, want in pairs]
    if not all(a is not None and a.numel() > 1 and _is_number(want) for a, want in flat):
        return None
    parts = _REDUCED | {"the first": lambda a: a[0], "the last": lambda a: a[-1]}
    for name, part in parts.items():
        if all(agree(float(part(a)), want, tolerance) for a, want in flat):
            return f"one number is asked, and you return several; {name} of them is right"
    return None


# --- Small helpers -------------------------------------------------------------------------------


def _numbers(value: Any) -> Tensor | None:
    """All numbers of a value in order; None where it holds anything else."""
    if isinstance(value, (list, tuple)):
        parts = [_numbers(part) for part in value]
        fit = all(part is not None for part in parts)
        return torch.cat(parts) if fit and parts else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, Real):
        return torch.tensor([float(value)], dtype=torch.float64)
    value = as_tensor(value)
    if isinstance(value, Tensor) and value.dtype != torch.bool:
        return value.detach().cpu().double().flatten()
    return None


def _listed(value: Any) -> list | None:
    if isinstance(value, (Tensor,)) or hasattr(value, "__array__"):
        value = as_tensor(value)
        return list(value) if getattr(value, "ndim", 0) and isinstance(value, Tensor) else None
    return list(value) if isinstance(value, (list, tuple)) else None


def _is_one_of(value: Any, wanted: Any) -> bool:
    """A tensor where a row of tensors, each with as many axes, is asked."""
    first = wanted[0] if isinstance(wanted, (list, tuple)) and wanted else None
    return isinstance(value, Tensor) and isinstance(first, Tensor) and value.ndim == first.ndim


def _comparable(rows: list[tuple[Tensor | None, Tensor | None]]) -> bool:
    return all(a is not None and b is not None and a.shape == b.shape for a, b in rows)


def _near(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Number by number; what is small beside the largest may be off by rounding."""
    if a.shape != b.shape or not b.isfinite().all():
        return False
    largest = float(b.abs().max()) if b.numel() else 0.0
    scale = b.abs().clamp(min=max(1e-2 * largest, 1e-6))
    return bool(((a - b).abs() <= max(tolerance, 1e-6) * scale).all())


def _is_number(value: Any) -> bool:
    return (isinstance(value, Real) or getattr(value, "shape", None) == ()) and not isinstance(
        value, bool
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, (Real, str, list, tuple)) or isinstance(value, Tensor)


def _shown(value: Any) -> str:
    if isinstance(value, (Real, str)):
        return number_of(value) if _is_number(value) else repr(value)
    return kind_of(value)
