"""Refusals in plain words: the value, what was expected."""

import math
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from numbers import Integral, Real
from typing import Literal

import torch
from torch import Tensor, nn


class AlexNetError(Exception):
    """What a person can put right. The message says what was wrong, expected, and what to do.

    Everything that this package refuses is one; the command line and the widgets turn these, and
    these alone, into words. Any other error is a fault of the code and keeps its traceback.
    """


class InputError(AlexNetError, ValueError):
    """A value out of range, of another shape, or unknown."""


class WrongTypeError(InputError, TypeError):
    """Not a tensor, or one of another dtype: whichever of the two one expects, it is caught."""


class NotFiniteError(InputError):
    """Images that hold NaN or infinity."""


def check_whole(name: str, value: int, least: int, most: int | None = None) -> None:
    """Refuse anything but a whole number of at least `least` and, where given, at most `most`.

    Raises:
        ValueError: with the name, the value and the range.
    """
    if not _is_whole(value) or value < least or (most is not None and value > most):
        wanted = f"of at least {least}" if most is None else f"from {least:,} to {most:,}"
        raise InputError(f"{name} is {value!r}; expected a whole number {wanted}.")


def check_wholes(name: str, values: Iterable[int], count: int, least: int) -> tuple[int, ...]:
    """Return `values` as a tuple; refuse anything but `count` whole numbers of at least `least`.

    Raises:
        ValueError: with the name, the value and what was expected.
    """
    numbers = tuple(values) if isinstance(values, Iterable) else ()
    if len(numbers) != count or not all(_is_whole(n) and n >= least for n in numbers):
        raise InputError(
            f"{name} is {values!r}; expected {count} whole numbers of at least {least}."
        )
    return numbers


def check_window(kernel_size: int, stride: int, padding: int) -> None:
    """Refuse a window without side or step, and fewer than no zeros around the image."""
    check_all(locals(), kernel_size=1, stride=1, padding=0)


def check_number(name: str, value: float, interval: str) -> None:
    """Refuse NaN, anything but a number, and every number outside the interval.

    Args:
        name: of the value, for the message.
        value: what was given.
        interval: in the notation of mathematics, "[0, 1)" holds 0 and not 1; "inf" for no end.
    Raises:
        ValueError: with the name, the value and the interval.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    inside = is_number and (
        low < value < high
        or (value == low and interval[0] == "[")
        or (value == high and interval[-1] == "]")
    )
    if not inside:
        raise InputError(f"{name} is {value!r}; expected a number in {interval}.")


def check_numbers(name: str, values: Iterable[float], least: int = 1) -> list[float]:
    """Return `values` as floats; refuse fewer than `least`, and what is not a finite number.

    Raises:
        ValueError: with the name, the first wrong value and what was expected.
    """
    in_a_row = isinstance(values, Iterable) and getattr(values, "ndim", 1) > 0
    numbers = list(values) if in_a_row else None
    if numbers is None or len(numbers) < least:
        raise InputError(f"{name} is {values!r}; expected at least {least} numbers in a row.")
    for index, value in enumerate(numbers):
        value = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise InputError(f"{name}[{index}] is {value!r}; expected a finite number.")
    return [float(value) for value in numbers]


def check_rising(name: str, values: Iterable[float], interval: str) -> tuple[float, ...]:
    """Return `values` as a tuple; refuse anything but ascending numbers in the interval.

    Args:
        interval: as in `check_number`.
    Raises:
        ValueError: with the name, the values and what was expected.
    """
    try:
        numbers = tuple(values)
        for number in numbers:
            check_number(name, number, interval)
        rising = all(early < late for early, late in pairwise(numbers))
    except (TypeError, InputError):
        rising = False
    if not rising:
        raise InputError(f"{name} is {values!r}; expected ascending numbers in {interval}.")
    return numbers


def check_some(name: str, values: Iterable[str], choices: Iterable[str]) -> None:
    """Refuse what is not a collection of some of the choices.

    Raises:
        ValueError: with the name, what is no choice, and the choices.
    """
    some = list(values) if isinstance(values, Collection) and not isinstance(values, str) else None
    unknown = [values] if some is None else [value for value in some if value not in choices]
    if unknown:
        raise InputError(f"{name} has {unknown}; expected some of {', '.join(choices)}.")


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Refuse what is not one of the choices.

    Raises:
        ValueError: with the name, the value and the choices.
    """
    choices = tuple(choices)
    # Python holds 1 and True to be equal, a reader of a config does not
    alike = [c for c in choices if isinstance(value, bool) == isinstance(c, bool)]
    if getattr(value, "ndim", 0) or value not in alike:  # a row of numbers is no choice
        raise InputError(f"{name} is {value!r}; expected one of {choices}.")


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)  # True is no count


def check_all(values: Mapping[str, object], **rules: object) -> None:
    """Check values by name, each against its rule; what has no rule is not looked at.

    Args:
        rules: 1: a whole number of at least 1. "[0, 1)": a number in that interval (see
            `check_number`). A tuple: one of what it holds.
    Raises:
        InputError: as `check_whole`, `check_number` or `check_choice`.
    """
    for name, rule in rules.items():
        if isinstance(rule, tuple):
            check_choice(name, values[name], rule)
        elif isinstance(rule, str):
            check_number(name, values[name], rule)
        else:
            check_whole(name, values[name], rule)


def check_float(x: Tensor, name: str = "x") -> None:
    """Refuse what is not a tensor of floating-point numbers.

    Raises:
        WrongTypeError: with the name and the type.
    """
    _check_dtype(x, name, None, "")


def check_shape(
    x: Tensor,
    expected: tuple[int | str, ...],
    name: str = "x",
    dtype: torch.dtype | Literal["any"] | None = None,
    device: torch.device | None = None,
) -> None:
    """Refuse what is not a tensor of the expected shape with something in it.

    Args:
        x: what was given.
        expected: one entry an axis: its size, or a letter where any size above 0 will do.
        name: of the tensor, for the message.
        dtype: that it has to be of; None: any kind of floating-point number.
        device: where it has to be; None: anywhere.
    Raises:
        WrongTypeError: not a tensor, or of another dtype.
        ValueError: with the shape and the expected one, or with both devices.
    """
    wanted = f"({', '.join(map(str, expected))}{',' * (len(expected) == 1)})"
    _check_dtype(x, name, dtype, f" of shape {wanted}")
    fits = len(x.shape) == len(expected) and all(
        got == want or isinstance(want, str) for got, want in zip(x.shape, expected, strict=True)
    )
    if not fits or 0 in x.shape:
        raise InputError(f"{name} has shape {tuple(x.shape)}; expected {wanted}, none of them 0.")
    if device is not None and x.device != device:
        raise InputError(
            f"{name} is on {x.device}; expected it on {device}: {name}.to('{device}')."
        )


def check_batch(
    x: Tensor,
    size: int | None = None,
    device: torch.device | None = None,
    name: str = "x",
    values: bool = True,
) -> None:
    """Refuse what is not a batch of at least one colour image of `size` × `size` pixels.

    Whether the pixels are numbers is looked at on a CPU only: a GPU would have to wait for it.

    Args:
        size: in pixels; None takes images of any size, with any number of channels, and the
            rows of numbers (N, C) that a network of dense layers reads.
        device: where they have to be; None: anywhere.
        values: whether to look at the pixels at all.
    Raises:
        WrongTypeError: not a floating-point tensor.
        NotFiniteError: with the first image that holds NaN or infinity.
        InputError: with the shape and the expected one, or with both devices.
    """
    rows = size is None and getattr(x, "ndim", 4) == 2
    anything = ("N", "C") if rows else ("N", "C", "H", "W")
    expected = anything if size is None else ("N", 3, size, size)
    check_shape(x, expected, name, device=device)
    looked_at = values and x.device.type == "cpu"
    if looked_at and not x.detach().sum(dtype=torch.float32).isfinite():
        bad = (~x.isfinite()).flatten(1).any(1).nonzero()
        if len(bad):  # else the numbers are finite and only too large to be added up
            wanted = f"({', '.join(map(str, expected))}) of finite numbers"
            raise NotFiniteError(f"{name}[{int(bad[0])}] holds NaN or infinity; expected {wanted}.")


def check_input(
    model: nn.Module, x: Tensor, name: str = "x", anywhere: bool = False, values: bool = True
) -> None:
    """Refuse a batch that a network cannot take. The one check before `forward`, which has none.

    The size is that of the network's config; a network without one takes any.

    Args:
        anywhere: the batch need not be on the network's device: it will be moved there.
        values: as in `check_batch`.
    Raises:
        InputError: as `check_batch`.
    """
    size = getattr(getattr(model, "config", None), "input_size", None)
    weight = None if anywhere else next(model.parameters(), None)
    check_batch(x, size, None if weight is None else weight.device, name, values)


def _check_dtype(x: Tensor, name: str, dtype: torch.dtype | str | None, shape: str) -> None:
    if isinstance(x, Tensor):
        is_number = x.dtype != torch.bool and not x.is_complex()
        right = {None: x.is_floating_point(), "any": is_number}.get(dtype, x.dtype == dtype)
    else:
        right = False
    if not right:
        got = f"tensor of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
        kinds = {None: "floating-point numbers", "any": "numbers"}
        raise WrongTypeError(
            f"{name} is a {got}; expected a tensor of {kinds.get(dtype, dtype)}{shape}."
        )


def check_labels(
    labels: Tensor,
    num_classes: int,
    count: int | None = None,
    name: str = "labels",
    device: torch.device | None = None,
) -> None:
    """Refuse labels that are not (N,) int64 in 0 … num_classes − 1, naming the first bad one."""
    check_whole("num_classes", num_classes, 1)
    check_indices(labels, num_classes - 1, count, name, device)


def check_indices(
    values: Tensor,
    largest: int,
    count: int | None,
    name: str,
    device: torch.device | None = None,
) -> None:
    """Refuse what is not (N,) int64 in 0 … largest, naming the first bad one."""
    check_shape(values, ("N" if count is None else count,), name, torch.int64, device)
    bad = ((values < 0) | (values > largest)).nonzero()
    if len(bad):
        index = int(bad[0])
        raise InputError(f"{name}[{index}] is {int(values[index])}; expected 0 to {largest}.")
