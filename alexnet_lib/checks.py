"""Refusals in plain words: the value, what was expected."""

from collections.abc import Iterable
from numbers import Integral, Real

from torch import Tensor


def check_whole(name: str, value: int, least: int) -> None:
    """Refuse anything but a whole number of at least `least`.

    Raises:
        ValueError: with the name, the value and the range.
    """
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least {least}.")


def check_wholes(name: str, values: Iterable[int], count: int, least: int) -> tuple[int, ...]:
    """Return `values` as a tuple; refuse anything but `count` whole numbers of at least `least`.

    Raises:
        ValueError: with the name, the value and what was expected.
    """
    numbers = tuple(values) if isinstance(values, Iterable) else ()
    if len(numbers) != count or not all(isinstance(n, Integral) and n >= least for n in numbers):
        raise ValueError(
            f"{name} is {values!r}; expected {count} whole numbers of at least {least}."
        )
    return numbers


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
    inside = isinstance(value, Real) and (
        low < value < high
        or (value == low and interval[0] == "[")
        or (value == high and interval[-1] == "]")
    )
    if not inside:
        raise ValueError(f"{name} is {value!r}; expected a number in {interval}.")


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Refuse what is not one of the choices.

    Raises:
        ValueError: with the name, the value and the choices.
    """
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {choices}.")


def check_float(x: Tensor, name: str = "x") -> None:
    """Refuse what is not a tensor of floating-point numbers.

    Raises:
        TypeError: with the name and the type.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = f"tensor of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name} is a {got}; expected a tensor of floating-point numbers.")


def check_shape(x: Tensor, expected: tuple[int | str, ...], name: str = "x") -> None:
    """Refuse what is not a floating-point tensor of the expected shape.

    Args:
        x: what was given.
        expected: one entry an axis: its size, or a letter where any size will do.
        name: of the tensor, for the message.
    Raises:
        TypeError: not a floating-point tensor.
        ValueError: with the shape and the expected one.
    """
    check_float(x, name)
    sizes = [
        got if isinstance(want, str) else want for got, want in zip(x.shape, expected, strict=False)
    ]
    if x.ndim != len(expected) or list(x.shape) != sizes:
        axes = ", ".join(map(str, expected))
        raise ValueError(f"{name} has shape {tuple(x.shape)}; expected ({axes}).")


def check_batch(x: Tensor, size: int) -> None:
    """Refuse what is not a batch of at least one colour image of `size` × `size` pixels.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: with the shape and the expected one.
    """
    check_shape(x, ("N", 3, size, size))
    if not len(x):
        raise ValueError(f"x has shape {tuple(x.shape)}; expected at least one image.")
