"""Comparing an answer with the expected one, in words a learner can use."""

import ast
import html
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

from alexnet_lib.checks import InputError, WrongTypeError
from alexnet_lib.course.progress import current


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


def source_with_imports(function: Callable) -> str:
    """A function's own source under the imports that it needs of its module's names.

    Source: ours.
    """
    source = textwrap.dedent(inspect.getsource(function)).strip()
    module = inspect.getmodule(function)
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    names = (used & vars(module).keys()) - {function.__name__}
    imports = sorted(_import(name, module) for name in names)
    return "\n".join([*imports, "", source] if imports else [source])


def _import(name: str, module: ModuleType) -> str:
    """From where it was made, where it can be had there by this name: from torch import Tensor."""
    value = vars(module)[name]
    if inspect.ismodule(value):
        renamed = "" if value.__name__ == name else f" as {name}"
        return f"import {value.__name__}{renamed}"
    home = sys.modules.get(getattr(value, "__module__", ""))
    origin = home if getattr(home, name, None) is value else module
    return f"from {origin.__name__} import {name}"


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer, and the misconception behind it in words (not the right answer)."""

    answer: Any
    words: str


@dataclass(frozen=True)
class Verdict:
    """What a check found: shown by the notebook as a line, with the hints folded underneath."""

    status: str  # "passed", "failed" or "not attempted"
    text: str
    hints: tuple[str, ...] = ()
    mistake: Mistake | None = None

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status == "passed"

    def __repr__(self) -> str:
        """The line that the check prints."""
        return f"{_MARKS[self.status]} {self.text}"

    def _repr_html_(self) -> str:
        folded = "".join(
            f"<details><summary>Hint {i}</summary>{html.escape(hint)}</details>"
            for i, hint in enumerate(self.hints, 1)
        )
        return f"<div><p>{html.escape(repr(self))}</p>{folded}</div>"


@dataclass(frozen=True)
class Solution:
    """Source text of an exercise's solution, and the sentence that says why it is right."""

    source: str
    why: str

    def __repr__(self) -> str:
        """Source, then the reason."""
        return f"{self.source}\n\nWhy: {self.why}"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}\n```\n**Why:** {self.why}"


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A task with a check; see the module's text for an example and each field's meaning."""

    id: str
    title: str
    statement: str
    reference: Any
    mistakes: Sequence[Mistake]
    hints: tuple[str, str, str]
    why: str
    cases: Callable[[], list[tuple]] | None = None
    probe: Callable[[Any], Any] | None = None
    shown: Any = None  # what `solution()` prints the source of, where it is not the reference
    tolerance: float = 1e-4

    def check(self, answer: Any = ...) -> Verdict:
        """Judge an answer, and keep that it passed; never raises for a mistake in it."""
        current().ask("checks", self.id)
        verdict = self._judge(answer)
        if verdict.passed:
            current().keep("checks", self.id, verdict.status)
        return verdict

    def _judge(self, answer: Any) -> Verdict:
        try:
            outcome = self._outcome(answer)
        except _NotAttempted:
            return Verdict("not attempted", _INVITATION.format(self.title), self.hints)
        except UnfitError as error:
            return Verdict("failed", f"{self.title}: {error}.", self.hints)
        except Exception as error:
            return Verdict("failed", f"{self.title}: {_explain(error)}", self.hints)
        if _agree(outcome, self._outcome(self.reference), self.tolerance):
            return Verdict("passed", f"{self.title}: correct. {self.why}")
        mistake = self._find_mistake(outcome)
        words = mistake.words if mistake else self._describe(outcome)
        return Verdict("failed", f"{self.title}: {words}", self.hints, mistake)

    def hint(self, level: int = 1) -> Verdict:
        """Hint 1 (a nudge), 2 (the idea) or 3 (nearly the code).

        Raises:
            ValueError: there is no such hint.
        """
        if level not in (1, 2, 3):
            raise InputError(
                f"hint {level} of {self.title!r} does not exist; there are 1, 2 and 3."
            )
        return Verdict("hint", f"Hint {level}: {self.hints[level - 1]}")

    def solution(self) -> Solution:
        """The solution's own source, with the imports that it needs, and why it is right."""
        shown = self.shown or self.reference
        if not callable(shown):
            return Solution(f"answer = {shown!r}", self.why)
        return Solution(source_with_imports(shown), self.why)

    def _outcome(self, answer: Any) -> Any:
        if _is_stub(answer):
            raise _NotAttempted
        if self.probe:
            outcome = _call(self.probe, (answer,))
        elif self.cases:
            outcome = [_call(answer, case) for case in self.cases()]
        else:
            outcome = answer
        if _is_stub(outcome) or (isinstance(outcome, list) and _is_unfinished(outcome)):
            raise _NotAttempted
        return outcome

    def _find_mistake(self, outcome: Any) -> Mistake | None:
        for mistake in self.mistakes:
            try:
                wrong = self._outcome(mistake.answer)
            except Exception:  # a mistake that cannot run on these cases explains nothing
                continue
            if _agree(outcome, wrong, self.tolerance):
                return mistake
        return None

    def _describe(self, outcome: Any) -> str:
        """Words for a wrong answer that is none of the known mistakes."""
        if isinstance(outcome, dict) and self.probe:  # facts about the answer: say which are wrong
            right = self._outcome(self.reference)
            wrong = [name for name in right if not _agree(outcome[name], right[name], 0)]
            return f"not right yet; look at: {', '.join(wrong)}."
        if not self.cases or self.probe:
            kind = isinstance(self.reference, (int, float)) and not isinstance(
                outcome, (int, float)
            )
            wanted = "a number is expected" if kind else "not right yet"
            return f"{wanted}; hint 1 is a place to start."
        expected = self._outcome(self.reference)
        for case, got, want in zip(self.cases(), outcome, expected, strict=True):
            if words := difference(got, want, self.tolerance):
                return f"for {_show_case(case)} {words}."
        return "not right yet."


class UnfitError(InputError):
    """A probe cannot judge an answer of this form; the words say what is expected."""


class _NotAttempted(Exception):  # noqa: N818
    """The answer is still the stub."""


_MARKS = {"passed": "✓", "failed": "✗", "not attempted": "○", "hint": "→"}

_INVITATION = "{}: not attempted yet. Replace the ... in the cell above, run it, then run this one."

_ADVICE = {
    NameError: "a name is used before it is given a value; run the cells above, or check spelling",
    TypeError: "a function got an argument of a kind or number it does not take",
    IndexError: "an index reaches past the end; check which axis you walk along",
    KeyError: "a dictionary has no such key",
    AttributeError: "the object has no such method; print type(...) of it",
    ZeroDivisionError: "a divisor is zero",
    RuntimeError: "torch refused; most often two shapes do not fit, so print the .shape of each",
    RecursionError: "the function calls itself without end",
}


def _agree(answer: Any, expected: Any, tolerance: float) -> bool:
    return difference(answer, expected, tolerance) is None


def _is_stub(answer: Any) -> bool:
    if isinstance(answer, tuple):
        return any(map(_is_stub, answer))
    return answer is None or answer is ...


def _is_unfinished(outcomes: list) -> bool:
    """Whether a ... is left, or all is None; a function that lacks one return is an attempt."""
    left = any(outcome is not None and _is_stub(outcome) for outcome in outcomes)
    return left or (bool(outcomes) and all(outcome is None for outcome in outcomes))


def _call(answer: Any, case: tuple) -> Any:
    if not callable(answer):
        raise WrongTypeError(f"a function is expected here, not {type(answer).__name__}")
    try:
        return answer(*case)
    except NotImplementedError as error:
        raise _NotAttempted from error


def _explain(error: Exception) -> str:
    name = type(error).__name__
    advice = next((words for kind, words in _ADVICE.items() if isinstance(error, kind)), None)
    told = f"your code raised {name}: {str(error)[:200]}"
    return f"{told} ({advice})." if advice else f"{told}."


def _show_case(case: tuple) -> str:
    """Arguments in short: tensors by shape."""
    shown = (
        f"a tensor of shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
        for value in case
    )
    return "(" + ", ".join(shown) + ")" if len(case) != 1 else next(shown)
