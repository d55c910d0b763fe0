"""What a learner expected, beside what came out: in numbers and in words."""

import math
import re

from alexnet_lib.checks import InputError

Answer = float | str

RESULT = "Result: "  # how every result begins: no file may hold it before a learner has answered


def compare(guess: Answer | None, result: Answer, unit: str = "") -> str:
    """A result, and how near the prediction came, in words; two percentages differ in points."""
    told = f"{RESULT}{in_words(result, unit)}."
    if guess is None:
        return f"{told} No prediction was made."
    told += f" You predicted {in_words(guess, unit)}"
    close = is_close(guess, result)
    if isinstance(result, str):
        return f"{told}, and so it is." if close else f"{told}; it is not."
    if close:
        return f"{told}: close."
    off = float(guess) - float(result)
    far = in_words(abs(off), "points" if unit == "%" else unit)
    return f"{told}: too {'high' if off > 0 else 'low'} by {far}."


def is_close(guess: Answer, result: Answer) -> bool:
    """Whether a prediction is the result's words, or a number within a tenth of it."""
    if isinstance(result, str):
        return guess == result
    return abs(float(guess) - float(result)) <= 0.1 * abs(float(result))


def in_words(value: Answer, unit: str = "") -> str:
    """A number with its unit ("3,072", "1 point", "23.2 %"), or the text as it is."""
    if isinstance(value, str):
        return value
    told = f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
    return f"{told} {unit.removesuffix('s') if told == '1' else unit}".strip()


def to_number(text: str) -> float:
    """What a person means by "3,072", "0,5", "50 %" or "3 times".

    Raises:
        InputError: no number is meant.
    """
    plain = re.sub(r"[^\d.]+$", "", text.strip().replace("−", "-"))
    if not re.match(r"-?0,", plain):
        plain = re.sub(r"(?<=\d)[, _](?=\d{3}(\D|$))", "", plain)
    try:
        number = float(plain.replace(",", "."))
    except ValueError:
        raise InputError(f"{text!r} is not a number; expected one like 3072 or 0.5.") from None
    if not math.isfinite(number):
        raise InputError(f"{text!r} is too large; expected a number like 3072 or 0.5.")
    return number
