"""Letting an answer run: what it gave, raised, or changed that was not its own."""

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet_lib.checks import InputError, WrongTypeError
from alexnet_lib.course.exercises.compare import as_tensor, kind_of


class UnfitError(InputError):
    """A probe cannot judge an answer of this form; the words say what is expected."""


class NotAttemptedError(Exception):
    """The answer is still the stub."""


@dataclass(frozen=True)
class Raised:
    """An error instead of a value; two are alike where their kind is."""

    error: Exception

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raised) and type(self.error) is type(other.error)

    __hash__ = None


@dataclass(frozen=True)
class Trial:
    """One call: its arguments as they were, the value or `Raised`, which arguments it changed."""

    case: tuple
    value: Any
    changed: tuple[str, ...] = ()


def attempt(answer: Any, case: tuple, untouched: tuple) -> Trial:
    """Call an answer with a case of its own, and hold the arguments against untouched ones.

    Raises:
        NotAttemptedError: a ... is left in it.
        UnfitError: it is no function.
    """
    _refuse_uncallable(answer)
    try:
        value = answer(*case)
    except Exception as error:
        if _is_unfinished(error):
            raise NotAttemptedError from error
        value = Raised(error)
    if has_stub(value):
        raise NotAttemptedError
    places = [i for i, pair in enumerate(zip(case, untouched, strict=True)) if not _same(*pair)]
    names = argument_names(answer, len(case))
    return Trial(untouched, value, tuple(names[i] for i in places))


def called(answer: Any, *case: Any) -> Any:
    """What an answer gives; for probes, which look at one behaviour after another.

    Raises:
        NotAttemptedError: a ... is left in it.
        UnfitError: it is no function, returns nothing, or changes a tensor that it is given.
    """
    _refuse_uncallable(answer)
    before = [value.clone() if isinstance(value, Tensor) else value for value in case]
    try:
        value = answer(*case)
    except (NotImplementedError, TypeError) as error:
        if _is_unfinished(error):
            raise NotAttemptedError from error
        raise
    if has_stub(value):
        raise NotAttemptedError
    if value is None:
        raise UnfitError(NOTHING)
    places = [i for i, pair in enumerate(zip(case, before, strict=True)) if not _same(*pair)]
    if places:
        names = argument_names(answer, len(case))
        raise UnfitError(changed_words([names[i] for i in places]))
    return value


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: the tensors of an exercise are small, and threads only wait.

    Where another process is at work, two threads took forty times as long as one.
    """
    own = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(own)


def one_number(value: Any) -> float:
    """A number of any library as a float.

    Raises:
        UnfitError: it is none, or several.
    """
    value = as_tensor(value)
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise UnfitError(f"one number is expected, got {kind_of(value)}")
    return float(value)


def changed_words(names: Sequence[str]) -> str:
    """What to say where a function wrote into what it was given."""
    if not names:
        return ""
    those = " and ".join(f"`{name}`" for name in names)
    return (
        f"Your function changes {those}, which is not its own: whoever called it goes on with "
        "other numbers. Make new values, as x = x / 2 does, and not x /= 2, x[0] = … or x.mul_(2)."
    )


NOTHING = (
    "your function ran, but it returns nothing (None); does every path end in `return`? "
    "print shows a value, only return hands it over"
)


def has_stub(answer: Any) -> bool:
    """Whether a ... is left."""
    if isinstance(answer, (tuple, list)):
        return any(map(has_stub, answer))
    return answer is ...


def _is_unfinished(error: Exception) -> bool:
    """A ... that was calculated with, or a stub's own error; torch lacks some operations, too."""
    if isinstance(error, NotImplementedError):
        return "not implemented for" not in str(error)
    return isinstance(error, TypeError) and "ellipsis" in str(error)


def argument_names(answer: Any, count: int) -> list[str]:
    """The names that a function gives its arguments; else their numbers."""
    try:
        names = list(inspect.signature(answer).parameters)
    except (TypeError, ValueError):
        names = []
    return names if len(names) == count else [f"argument {i}" for i in range(1, count + 1)]


def explain(error: Exception) -> str:
    """An error in words, with advice where its own words allow for one."""
    told = f"your code raised {type(error).__name__}: {str(error)[:200].rstrip('. ')}"
    advice = _advice(error)
    return f"{told} ({advice})." if advice else f"{told}."


def _refuse_uncallable(answer: Any) -> None:
    if not callable(answer):
        raise WrongTypeError(f"a function is expected here, not {type(answer).__name__}")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return one == other if isinstance(one, (int, float, str, bool)) else True


# What an error's own words tell, for torch and numpy errors of several causes.
_WORDS = (
    ("leaf Variable|in-place operation", "a tensor that needs gradients cannot be written into; "
     "make a new one: w = w - step"),
    ("[Bb]oolean value|truth value of an array", "an `if` needs one True or False, and got a tensor"
     " of many; torch.where, .any() or .all() help"),
    ("not implemented for|dtype|expected scalar type|can't be cast|floating point",
     "a tensor has a dtype that this does not take; .float() or .long() changes it"),
    ("does not require grad|does not have a grad_fn", "nothing here has been asked for gradients"),
    ("[Ss]hape|size|dimension|broadcast|multipl|mat1|[Ss]izes", "shapes do not fit; print the "
     ".shape of each"),
    ("positional argument|keyword argument", "a function got another number of arguments than it "
     "takes"),
    ("NoneType", "a value is None: a function before it returns nothing"),
    ("no len|not iterable|not subscriptable", "a single value stands where a list is needed"),
    ("unsupported operand|must be|not supported|callable", "a value is of a kind that this does "
     "not take; print type(...) of each"),
)  # fmt: skip

_ADVICE = {
    NameError: "a name is used before it is given a value; run the cells above, or check spelling",
    IndexError: "an index reaches past the end; check which axis you walk along",
    KeyError: "a dictionary has no such key",
    AttributeError: "the object has no such method; print type(...) of it",
    ZeroDivisionError: "a divisor is zero",
    RecursionError: "the function calls itself without end",
}


def _advice(error: Exception) -> str | None:
    for kind, words in _ADVICE.items():
        if isinstance(error, kind):
            return words
    return next((advice for words, advice in _WORDS if re.search(words, str(error))), None)
