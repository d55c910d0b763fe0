"""Exercises that judge an answer in words a learner can use."""

import ast
import copy
import html
import inspect
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises.arguments import unheard
from alexnet_lib.course.exercises.compare import agree, difference, kind_of
from alexnet_lib.course.exercises.patterns import pattern
from alexnet_lib.course.exercises.sealed import HINTS_ARE_OPEN, are_sealed, sealed_solution
from alexnet_lib.course.exercises.trials import (
    NOTHING,
    NotAttemptedError,
    Raised,
    Trial,
    UnfitError,
    argument_names,
    attempt,
    called,
    changed_words,
    explain,
    has_stub,
    one_number,
    one_thread,
)
from alexnet_lib.course.progress import current

__all__ = ["Exercise", "Mistake", "UnfitError", "called", "difference", "one_number"]


def source_with_imports(function: Callable) -> str:
    """A function's own source under the imports that it needs of its module's names.

    Source: ours.
    """
    source = textwrap.dedent(inspect.getsource(function)).strip()
    module = inspect.getmodule(function)
    nodes = list(ast.walk(ast.parse(source)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}  # given a value in here
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)} | {function.__name__}
    names = (read - own) & vars(module).keys()
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
    """A known wrong answer, and the misconception behind it in words (not the right answer).

    Args:
        also: other answers that come of the same misconception, and give other numbers.
    """

    answer: Any
    words: str
    also: tuple[Any, ...] = ()


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
        mark = _MARKS[self.status]
        if self.status in _COLOURS:  # beside the mark, which says the same without any colour
            style = (
                f"background:{_COLOURS[self.status]};color:white;border-radius:3px;padding:0 5px"
            )
            mark = f'<b style="{style}">{mark}</b>'
        return f"<div><p>{mark} {html.escape(self.text)}</p>{folded}</div>"


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
    """A task with a check.

    Args:
        reference: the right answer; a value, or a function that is called with every case.
        mistakes: the bank of known wrong answers; each must differ from the others on some case.
        cases: arguments, made anew at each call; each trial gets a copy of its own.
        probe: looks at what an answer does, where comparing values does not tell; gives facts.
        shown: what `solution()` prints the source of, where it is not the reference.
        tolerance: of the comparison, relative to the largest expected number.
    """

    id: str
    title: str
    statement: str
    reference: Any
    mistakes: Sequence[Mistake]
    hints: tuple[str, str, str]
    why: str
    cases: Callable[[], list[tuple]] | None = None
    probe: Callable[[Any], Any] | None = None
    shown: Any = None
    tolerance: float = 1e-4
    _memory: dict[int, list] = field(default_factory=dict, init=False, repr=False, compare=False)

    def check(self, answer: Any = ...) -> Verdict:
        """Judge an answer, and keep whether it passed; never raises for a mistake in it."""
        current().ask("checks", self.id, self.title)
        with one_thread():
            verdict = self._judge(answer)
        self._keep(verdict)
        return verdict

    def _keep(self, verdict: Verdict) -> None:
        """A later mistake undoes nothing; which it was stays known, even when all is right."""
        if verdict.status == "not attempted":
            return
        done = verdict.passed or current().is_done("checks", self.id)
        made = {} if verdict.passed else {"mistake": verdict.mistake and verdict.mistake.words}
        current().keep("checks", self.id, verdict.status, done, **made)

    def _judge(self, answer: Any) -> Verdict:
        try:
            trials = self._trials(answer)
        except NotAttemptedError:
            return Verdict("not attempted", _INVITATION.format(self.title), self.hints)
        except InputError as error:
            return self._refusal(f"{str(error).rstrip('. ')}.")
        except Exception as error:
            return self._refusal(explain(error))
        right = self._right(trials)
        changed = sorted({name for trial in trials for name in trial.changed})
        if all(right) and not changed:
            return Verdict("passed", f"{self.title}: correct. {self.why}")
        if not all(right):
            verdict = self._name(answer, trials, right)
            return replace(verdict, text=f"{verdict.text} {changed_words(changed)}".strip())
        words = f"the values are right, but they are not all that happens. {changed_words(changed)}"
        return self._refusal(words, Mistake(None, words))

    def _refusal(self, words: str, mistake: Mistake | None = None) -> Verdict:
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

    def solution(self, key: str = "") -> Solution:
        """The solution's own source, with the imports that it needs, and why it is right.

        Args:
            key: of the class, where this is a class's copy; see `exercises.sealed`.
        """
        if are_sealed():
            return Solution(sealed_solution(self.id, key), self.why if key else HINTS_ARE_OPEN)
        shown = self.shown or self.reference
        if not callable(shown):
            return Solution(f"answer = {shown!r}", self.why)
        return Solution(source_with_imports(shown), self.why)

    # --- What was observed -----------------------------------------------------------------------

    def _trials(self, answer: Any) -> list[Trial]:
        """What an answer does: one trial for each case, or one of the answer or its probe."""
        if answer is None or has_stub(answer):
            raise NotAttemptedError
        if self.cases and not self.probe:
            # a copy for each call: what an answer writes into one case must not reach another
            return [attempt(answer, copy.deepcopy(case), case) for case in self.cases()]
        value = self.probe(answer) if self.probe else answer
        if value is None or value is ...:
            raise NotAttemptedError
        return [Trial((), value)]

    def _values(self, answer: Any) -> list[Any]:
        """The values of the reference or of a known mistake; computed once."""
        if id(answer) not in self._memory:
            try:
                self._memory[id(answer)] = [trial.value for trial in self._trials(answer)]
            except Exception as error:  # a mistake that has no value explains nothing
                self._memory[id(answer)] = [Raised(error)]
        return self._memory[id(answer)]

    def _right(self, trials: Sequence[Trial]) -> list[bool]:
        return self._agreement(trials, self._values(self.reference))

    def _agreement(self, trials: Sequence[Trial], values: Sequence[Any]) -> list[bool]:
        if len(trials) != len(values):
            return [False] * len(trials)
        pairs = zip(trials, values, strict=True)
        return [agree(trial.value, value, self.tolerance) for trial, value in pairs]

    # --- What is said of it ----------------------------------------------------------------------

    def _name(self, answer: Any, trials: Sequence[Trial], right: Sequence[bool]) -> Verdict:
        """A known mistake, or else a pattern, or else what is right and where it goes wrong."""
        expected = self._values(self.reference)
        odd = [
            isinstance(trial.value, Raised) or (trial.value is None and want is not None)
            for trial, want in zip(trials, expected, strict=True)
        ]
        if mistake := self._find_mistake(trials, [False] * len(trials)):
            return self._refusal(self._after_praise(mistake.words, trials, right), mistake)
        if any(odd) and not all(odd) and (mistake := self._find_mistake(trials, odd)):
            rest = self._describe(trials, [not is_odd for is_odd in odd], told=False)
            return self._refusal(f"{mistake.words} And {rest}", mistake)
        if self.cases and not self.probe and not any(odd):
            names = argument_names(self.shown or self.reference, len(trials[0].case))
            words = pattern(trials, expected, names, self.tolerance)
            cases = [trial.case for trial in trials]
            words = words or unheard(answer, self.reference, cases, names, self.tolerance)
            if words:
                words = f"{words}. {_capital(self._describe(trials, right, told=False))}"
                return self._refusal(words, Mistake(None, words))
        value, want = trials[0].value, expected[0]
        if self.probe and isinstance(want, list) and isinstance(value, list):
            parts = [Trial((), part) for part in value]
            if words := pattern(parts, want, (), self.tolerance):
                return self._refusal(f"in what was measured of your answer, {words}.")
        return self._refusal(self._describe(trials, right))

    def _find_mistake(self, trials: Sequence[Trial], odd: Sequence[bool]) -> Mistake | None:
        """The one known mistake that explains every trial, but those that are odd."""
        right = self._right(trials)
        telling = any(not good and not is_odd for good, is_odd in zip(right, odd, strict=True))
        found = []
        for mistake in self.mistakes if telling or not any(odd) else ():
            for wrong in (mistake.answer, *mistake.also):
                alike = self._agreement(trials, self._values(wrong))
                if all(same or is_odd for same, is_odd in zip(alike, odd, strict=True)):
                    found.append(mistake)
                    break
            if found and not any(odd):  # the bank's answers differ on some case, as is tested
                return mistake
        return found[0] if len(found) == 1 else None

    def _after_praise(self, words: str, trials: Sequence[Trial], right: Sequence[bool]) -> str:
        """Words for a mistake after what is right already, where something is."""
        praise = f"right for {sum(right)} of {len(right)} cases" if any(right) else ""
        value, want = trials[0].value, self._values(self.reference)[0]
        if self.probe and isinstance(value, dict) and isinstance(want, dict):
            praise = _right_facts(value, want)
        return f"{praise}. {_capital(words)}" if praise else words

    def _describe(self, trials: Sequence[Trial], right: Sequence[bool], told: bool = True) -> str:
        """Words for a wrong answer: what is right first, then the smallest case that is not.

        Args:
            told: how many cases are right is said.
        """
        if not self.cases or self.probe:
            return _describe_value(trials[0].value, self._values(self.reference)[0])
        wrong = [i for i, good in enumerate(right) if not good]
        place = min(wrong, key=lambda i: _size_of(trials[i].case))
        trial, want = trials[place], self._values(self.reference)[place]
        names = argument_names(self.shown or self.reference, len(trial.case))
        good = len(right) - len(wrong)
        lead = f"right for {good} of {len(right)} cases; " if good and told else ""
        lead += f"for {_show_case(trial.case, names)} "
        if isinstance(trial.value, Raised):
            same = all(isinstance(t.value, Raised) for t in trials)
            return explain(trial.value.error) if same else lead + explain(trial.value.error)
        if trial.value is None:
            nothing = all(t.value is None for t in trials)
            return f"{NOTHING}." if nothing else f"{lead}your function returns nothing (None)."
        words = difference(trial.value, want, self.tolerance)
        return f"{lead}{words or 'something is missing'}."


_MARKS = {"passed": "✓", "failed": "✗", "not attempted": "○", "hint": "→"}

_INVITATION = "{}: not attempted yet. Replace the ... in the cell above, run it, then run this one."

_COLOURS = {"passed": "#1a7f37", "failed": "#b3261e"}


def _describe_value(value: Any, expected: Any) -> str:
    """Words for a value that is wrong, without the right one; of facts, which are right already."""
    if isinstance(value, dict) and isinstance(expected, dict) and value.keys() == expected.keys():
        wrong = [
            f"{name} (here: {_fact(value[name])}{_alike(value[name], expected[name])})"
            for name in expected
            if not agree(value[name], expected[name], 0)
        ]
        kept = _right_facts(value, expected) or "not right yet"
        return f"{kept}. Look at: {'; '.join(wrong)}."
    if isinstance(expected, (int, float)) and not isinstance(value, (int, float)):
        return f"a number is expected, got {kind_of(value)}; hint 1 is a place to start."
    return "not right yet; hint 1 is a place to start."


def _right_facts(value: dict, expected: dict) -> str:
    right = [name for name in expected if name in value and agree(value[name], expected[name], 0)]
    return f"right already: {'; '.join(right)}" if right else ""


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_fact, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _alike(value: Any, expected: Any) -> str:
    """What a list of numbers has in common with the right one."""
    if not isinstance(value, list) or not isinstance(expected, list) or len(value) < 3:
        return ""
    if len(value) != len(expected):
        return ""
    words = pattern([Trial((), one) for one in value], expected, (), 1e-4)
    return f"; {words}" if words else ""


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _show_case(case: tuple, names: Sequence[str]) -> str:
    """Arguments in short: tensors by shape."""
    return ", ".join(
        f"{name} of shape {tuple(value.shape)}" if hasattr(value, "shape")
        else f"{name} = {textwrap.shorten(repr(value), 70, placeholder=' …')}"
        for name, value in zip(names, case, strict=True)
    )  # fmt: skip


def _size_of(value: Any) -> float:
    """How much there is to read in a case: numbers count by their digits."""
    if hasattr(value, "numel"):
        return 3 * value.numel()
    if isinstance(value, dict):
        return sum(map(_size_of, value.values()))
    return sum(map(_size_of, value)) if isinstance(value, (list, tuple)) else len(repr(value))
