"""Every exercise of every lesson: right answers pass, stubs are no answers, mistakes are named."""

import ast
import copy
import dataclasses
import importlib
import itertools
import json
import math
import pkgutil
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alexnet_lib.course import exercises
from alexnet_lib.course.exercises.core import Exercise, Mistake, difference
from alexnet_lib.course.widgets.questions import Option, Question, Quiz

MODULES = [
    importlib.import_module(f"alexnet_lib.course.exercises.{found.name}")
    for found in pkgutil.iter_modules(exercises.__path__)
    if found.name.startswith("nb")
]
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ONE_STOP = r"[^.]\.$|[?)]$"
ASKED_FOR_A_VALUE = ("04.3", "08.3")  # which the shown function computes
EXERCISES = [exercise for module in MODULES for exercise in module.EXERCISES]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__[-4:])


def _raise(*_: Any) -> None:
    raise NotImplementedError


@each_exercise
def test_the_solution_passes_and_is_shown(exercise: Exercise) -> None:
    assert exercise.check(exercise.reference).passed
    assert exercise.why in exercise.solution()._repr_markdown_()


@each_exercise
def test_the_solution_runs_when_pasted_into_a_cell(exercise: Exercise) -> None:
    shown, cell = exercise.shown or exercise.reference, {}
    exec(exercise.solution().source, cell)
    pasted = cell[shown.__name__] if callable(shown) else cell["answer"]
    if callable(shown) and exercise.id in ASKED_FOR_A_VALUE:
        pasted = pasted()
    assert exercise.check(pasted).passed


@each_exercise
def test_a_stub_is_not_an_attempt(exercise: Exercise) -> None:
    assert exercise.check(...).status == exercise.check(None).status == "not attempted"
    if callable(exercise.reference):
        for stub in (lambda *_: ..., lambda *_: (..., 1), lambda x, *_: x * ..., _raise):
            assert exercise.check(stub).status == "not attempted"


@each_exercise
def test_a_function_without_return_is_an_attempt_that_returns_nothing(exercise: Exercise) -> None:
    if callable(exercise.reference):
        verdict = exercise.check(lambda *_: None)
        assert verdict.status == "failed"
        assert "returns nothing (None); does every path end in `return`?" in verdict.text


@each_exercise
def test_each_known_mistake_is_named(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 4
    for mistake in exercise.mistakes:
        for answer in (mistake.answer, *mistake.also):
            verdict = exercise.check(answer)
            assert verdict.status == "failed", mistake.words
            assert verdict.mistake is mistake, f"{mistake.words} was taken for {verdict.text}"
            assert re.search(ONE_STOP, verdict.text), verdict.text


@each_exercise
@pytest.mark.parametrize("answer", ["nonsense", -12345.678, [], torch.zeros(2), lambda: 1, 1 + 2j])
def test_any_other_answer_fails_without_an_error(exercise: Exercise, answer: Any) -> None:
    verdict = exercise.check(answer)
    assert verdict.status == "failed"
    assert re.search(ONE_STOP, verdict.text), verdict.text


@each_exercise
def test_a_failed_check_does_not_print_a_value_that_is_the_answer(exercise: Exercise) -> None:
    if not callable(exercise.reference):
        for answer in (-1, *(mistake.answer for mistake in exercise.mistakes)):
            assert str(exercise.reference) not in repr(exercise.check(answer)).split()


def _other_types(value: Any) -> Any:
    """The same numbers in the same order, of other types."""
    if isinstance(value, torch.Tensor):
        return value.numpy()
    if isinstance(value, dict):
        return {key: _other_types(part) for key, part in value.items()}
    if isinstance(value, list):
        return tuple(map(_other_types, value))
    if isinstance(value, tuple):
        return list(map(_other_types, value))
    if isinstance(value, bool):
        return np.bool_(value)
    return np.asarray(value)[()] if isinstance(value, int | float) else value


@each_exercise
def test_right_values_of_another_type_are_right(exercise: Exercise) -> None:
    right = exercise.reference
    if callable(right):
        verdict = exercise.check(lambda *case: _other_types(right(*case)))
        assert verdict.passed, verdict.text


@each_exercise
def test_whoever_writes_into_the_arguments_is_told_so(exercise: Exercise) -> None:
    right = exercise.reference
    case = exercise.cases()[0] if exercise.cases else ()
    if not any(isinstance(value, torch.Tensor | list) for value in case):
        return

    def scribble(*case: Any) -> Any:
        value = copy.deepcopy(right(*case))
        (first, *_) = [part for part in case if isinstance(part, torch.Tensor | list)]
        first[0] = first[-1] + 1 if isinstance(first, torch.Tensor) else "mine"
        return value

    verdict = exercise.check(scribble)
    assert verdict.status == "failed"
    assert "the values are right" in verdict.text and "which is not its own" in verdict.text


@each_exercise
def test_the_solution_imports_nothing_that_it_makes_itself(exercise: Exercise) -> None:
    tree = ast.parse(exercise.solution().source)
    nodes = list(ast.walk(tree))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    brought = {alias.asname or alias.name for node in imports for alias in node.names}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    assert not brought & made


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[01]*.ipynb")), ids=lambda path: path.stem)
def test_no_solution_stands_under_its_own_open_exercise(path: Path) -> None:
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]
    for before, after in itertools.pairwise(cells):
        if found := re.fullmatch(r"(nb\d\d\.\w+)\.solution\(\)", after):
            assert f"{found[1]}.check(" not in before


@each_module
def test_a_lesson_has_two_exercises_or_more_and_five_questions(module: Any) -> None:
    assert len(module.EXERCISES) >= 2
    assert len(module.QUIZ.questions) == 5
    assert module.QUIZ.notebook == module.__name__[-2:]


@each_module
def test_every_option_of_a_quiz_has_feedback(module: Any) -> None:
    for i, question in enumerate(module.QUIZ.questions, 1):
        assert 2 <= len(question.options) <= 5
        for j, option in enumerate(question.options):
            reply = module.QUIZ.answer(i, "abcde"[j])
            assert reply.startswith("✓" if option.right else "✗")
            assert len(option.feedback.split()) >= 3
            assert option.text in repr(module.QUIZ)


@each_module
def test_the_right_options_of_a_quiz_are_not_all_in_one_place(module: Any) -> None:
    places = [[o.right for o in q.options].index(True) for q in module.QUIZ.questions]
    assert len(set(places)) >= 3


def double(x: torch.Tensor) -> torch.Tensor:
    """Twice x."""
    return 2 * x


DOUBLE = Exercise(
    id="99.1",
    title="Double",
    statement="Double it.",
    reference=double,
    cases=lambda: [(torch.arange(6.0).reshape(2, 3),), (torch.ones(2, 2),)],
    mistakes=(Mistake(lambda x: x**2, "You squared it."),),
    hints=("Two.", "Times two.", "2 * x"),
    why="Two is two.",
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x**2, "✗ Double: You squared it."),
        (lambda x: x, "every number is 0.5 times the expected one."),
        (lambda x: 2 * x + 1, "every number is 1 too large."),
        (lambda x: 2 * x + x**3, "the shape (2, 2) is right, but 4 of 4 values differ; at (0, 0)"),
        (
            lambda x: 2 * x * (x < 4),
            "right for 1 of 2 cases; for x of shape (2, 3) the shape "
            "(2, 3) and the first 4 values are right, but 2 of 6 values differ; at (1, 1)",
        ),
        (lambda x: x.T * 2, "axes 0 and 1 have changed places"),
        (lambda x: (2 * x).flatten(), "the numbers are right, but their shape is (6,); expected"),
        (lambda x: (2 * x)[0], "expected shape (2, 2), got (2,)"),
        (lambda x: x / 0, "inf or nan"),
        (lambda x: x.missing, "raised AttributeError"),
        (lambda: 1, "a function got another number of arguments than it takes"),
        (lambda x: x @ x, "raised RuntimeError"),
        (lambda x: 2 * x if len(x.T) == 3 else x @ x[0, 0], "right for 1 of 2 cases; for x of"),
        (lambda x: float(2 * x.sum()), "that is the sum of the values; the values themselves"),
        (
            lambda x: (2 * x).long() if x.ndim else x,
            "their kind is not: torch.float32",
        ),
        (lambda x: {"a": x}, "expected a tensor of shape (2, 2), got a dict of 1"),
        (3, "a function is expected here, not int"),
        (lambda x: print, "did you forget to call it?"),
    ],
)
def test_a_wrong_answer_is_explained(answer: Any, words: str) -> None:
    assert words in repr(DOUBLE.check(answer))


@pytest.mark.parametrize("fails", [False, True])
def test_a_check_computes_on_one_thread(fails: bool) -> None:
    """On a busy machine two threads wait for one another: a check took 21 s instead of half one."""
    seen, before = [], torch.get_num_threads()

    def answer(x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return x.missing if fails else 2 * x

    torch.set_num_threads(2)
    try:
        assert DOUBLE.check(answer).passed is not fails
        assert set(seen) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_hints_are_folded_under_a_failed_check_and_gone_after_a_passed_one() -> None:
    assert DOUBLE.check(lambda x: x)._repr_html_().count("<details>") == 3
    assert "<details>" not in DOUBLE.check(double)._repr_html_()
    assert repr(DOUBLE.hint(2)) == "→ Hint 2: Times two."
    with pytest.raises(ValueError, match="hint 4"):
        DOUBLE.hint(4)


def test_the_solution_is_the_source_itself_with_its_imports() -> None:
    imports, source = DOUBLE.solution().source.split("\n\n", 1)
    assert imports == "import torch"
    assert source.startswith("def double(x: torch.Tensor)")


@pytest.mark.parametrize("number", [np.int64(6), np.float32(6), torch.tensor(6), torch.tensor(6.0)])
def test_a_number_may_be_of_any_library(number: Any) -> None:
    assert difference(number, 6) is None and difference(number, 7) == "expected 7, got 6"


def test_a_truth_may_be_of_any_library() -> None:
    assert difference(np.bool_(True), True) is difference(torch.tensor(True), True) is None
    assert difference(torch.tensor(1.0), True) == "expected True, got 1.0"


def test_a_function_that_changes_what_it_is_given_is_told_so() -> None:
    def in_place(values: torch.Tensor) -> torch.Tensor:
        return values.mul_(2)

    verdict = DOUBLE.check(in_place)
    assert verdict.status == "failed" and verdict.mistake
    assert "the values are right" in verdict.text
    assert "Your function changes `values`, which is not its own" in verdict.text


def test_each_trial_gets_arguments_of_its_own() -> None:
    def in_place(x: torch.Tensor) -> torch.Tensor:
        return x.mul_(x)

    text = DOUBLE.check(in_place).text
    assert "You squared it. Your function changes `x`" in text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: torch.zeros(2, requires_grad=True).add_(1), "cannot be written into"),
        (lambda: bool(torch.zeros(2) > 0), "an `if` needs one True or False"),
        (lambda: torch.zeros(2, dtype=torch.long).softmax(0), "dtype that this does not take"),
        (lambda: torch.zeros(2) + torch.zeros(3), "shapes do not fit"),
        (lambda: torch.zeros(2).sum().backward(), "nothing here has been asked for gradients"),
        (lambda: None + 1, "a value is None"),
        (lambda: len(3), "a single value stands where a list is needed"),
    ],
)
def test_advice_fits_the_error(wrong: Any, words: str) -> None:
    text = DOUBLE.check(lambda x: wrong()).text
    assert words in text
    assert ("shapes do not fit" in text) is ("shapes" in words)


def test_a_known_mistake_is_named_beside_the_error_that_comes_with_it() -> None:
    verdict = DOUBLE.check(lambda x: x**2 if len(x.T) == 3 else x[9])
    assert verdict.mistake is DOUBLE.mistakes[0]
    assert "You squared it. And for x of shape (2, 2) your code raised IndexError" in verdict.text


def test_a_mark_has_a_colour_beside_its_shape() -> None:
    passed, failed = DOUBLE.check(double), DOUBLE.check(lambda x: x)
    ground = '<b style="background:{};color:white;border-radius:3px;padding:0 5px">{}</b>'
    assert ground.format("#1a7f37", "✓") in passed._repr_html_()
    assert ground.format("#b3261e", "✗") in failed._repr_html_()


def test_what_is_right_already_is_said_before_the_mistake() -> None:
    def one_off(x: torch.Tensor) -> torch.Tensor:
        return 2 * x if len(x.T) == 3 else 2 * x + 1

    known = dataclasses.replace(DOUBLE, mistakes=(Mistake(one_off, "one is added to squares."),))
    assert known.check(one_off).text == ("Double: right for 1 of 2 cases. One is added to squares.")
    facts = {"the size": "right", "the mode": "training"}
    judged = dataclasses.replace(
        DOUBLE, reference=lambda: facts, cases=None, probe=lambda answer: answer(),
        mistakes=(Mistake(lambda: facts | {"the mode": "test"}, "it stays in test mode."),),
    )  # fmt: skip
    text = judged.check(lambda: facts | {"the mode": "test"}).text
    assert text == "Double: right already: the size. It stays in test mode."
    text = judged.check(lambda: facts | {"the mode": "none"}).text
    assert text == "Double: right already: the size. Look at: the mode (here: none)."


@pytest.mark.parametrize(
    ("answer", "expected", "same"),
    [
        (1, 1.0, True), (1.00001, 1.0, True), (1.001, 1.0, False), (True, 1, False),
        (torch.tensor(3), 3, True), ("Fig. 1 ", "fig. 1", True), ("a", "b", False),
        ([1, 2], (1, 2), True), ([1], (1, 2), False), ({"a": 1}, {"a": 1}, True),
        ({"b": 1}, {"a": 1}, False), (False, False, True), (1, True, False),
        (torch.tensor([1, 2]), torch.tensor([1.0, 2.0]), False), (float("nan"), 1.0, False),
        (np.array([1, 2]), [1, 2], True), (torch.tensor([1, 2]), (1, 2), True),
        (np.array([[1.0, 2]]), torch.tensor([[1.0, 2]]), True), (range(2), [0, 1], True),
        ([[1, 2]], torch.tensor([[1.0, 2]]), True), ([1, 2, 3], torch.tensor([1.0, 2]), False),
        ([torch.tensor(1.0), 2], [1, 2], True), (Fraction(1, 2), 0.5, True),
        (torch.stack([torch.ones(2)] * 2), (torch.ones(2), torch.ones(2)), True),
        (torch.tensor([1.0, math.inf]), torch.tensor([1.0, math.inf]), True),
        ((x for x in (1, 2)), [1, 2], False), ({1, 2}, [1, 2], False), ("12", [1, 2], False),
    ],
)  # fmt: skip
def test_answers_are_compared_by_meaning(answer: Any, expected: Any, same: bool) -> None:
    assert (difference(answer, expected) is None) is same


def test_a_question_has_exactly_one_right_option() -> None:
    with pytest.raises(ValueError, match="2 right options"):
        Question("Why?", (Option("a", "", right=True), Option("b", "", right=True)))


@pytest.mark.parametrize(("question", "option"), [(0, "a"), (2, "a"), (1, "c"), (1, "ab")])
def test_a_question_or_option_that_does_not_exist_is_named(question: int, option: str) -> None:
    quiz = Quiz("99", (Question("Why?", (Option("a", "", right=True), Option("b", ""))),))
    with pytest.raises(ValueError, match="does not exist"):
        quiz.answer(question, option)


def test_a_function_that_lacks_one_return_is_an_attempt() -> None:
    verdict = DOUBLE.check(lambda x: 2 * x if x.ndim == 2 and len(x.T) == 3 else None)
    assert verdict.status == "failed"
    assert "(2, 2)" in verdict.text


def share(part: int, total: int) -> float:
    """A fraction."""
    return part / total


def ends(values: torch.Tensor, by: float) -> tuple[float, float, float]:
    """Smallest, mean and largest, scaled."""
    return tuple(float(by * v) for v in (values.min(), values.mean(), values.max()))


def steps(start: int, count: int) -> list[int]:
    """Squares."""
    return [(start + i) ** 2 for i in range(count)]


PLAIN = {"hints": ("", "", ""), "why": "So it is.", "mistakes": (), "statement": "", "title": "T"}
SHARE = Exercise(id="99.2", reference=share, **PLAIN, cases=lambda: [
    (1, 8), (1, 3), (3, 8), (3, 7), (6, 7), (2, 3)])  # fmt: skip
ENDS = Exercise(id="99.3", reference=ends, **PLAIN, cases=lambda: [
    (torch.tensor([3.0, 1.5, 7.0]), 2.0), (torch.tensor([0.5, 4.0]), 0.3),
    (torch.tensor([-1.0, 4.0, 2.5, 9.0]), 1.0)])  # fmt: skip
STEPS = Exercise(id="99.4", reference=steps, **PLAIN, cases=lambda: [(1, 4), (3, 2), (0, 6)])


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (SHARE, lambda p, t: 100 * p / t, "these are per cent, fractions are asked"),
        (SHARE, lambda p, t: 1 - p / t, "each number is 1 minus the expected one"),
        (SHARE, lambda p, t: t / p, "upside down"),
        (SHARE, lambda p, t: -p / t, "every sign is the wrong way round"),
        (SHARE, lambda p, t: (p / t) ** 2, "the square of the expected one"),
        (SHARE, lambda p, t: p / t + 0.5, "every number is 0.5 too large"),
        (SHARE, lambda p, t: round(p / t, 2), "you rounded to 2 digits after the point"),
        (SHARE, lambda p, t: p * 100 // t / 100, "all but 2 digits after the point were cut off"),
        (SHARE, lambda p, t: str(p / t), "your answers are texts"),
        (SHARE, lambda p, t: 0.4, "your answer is the same for all 6 cases, 0.4"),
        (SHARE, lambda p, t: p / 8, "`total` makes no difference to your answers"),
        (SHARE, lambda p, t: [p / t, p / t], "one number is asked, and you return several"),
        (ENDS, lambda v, b: ends(v, b)[::-1], "yours is the third, the second, the first"),
        (ENDS, lambda v, b: ends(v, b)[:2], "those are only the first 2 of 3 values"),
        (ENDS, lambda v, b: ends(v, b)[1], "that is only value 2 of the 3 that are asked"),
        (ENDS, lambda v, b: ends(v, 2.0), "`by` could hold other numbers"),
        (ENDS, lambda v, b: (*ends(v, b)[:2], -ends(v, b)[2]), "is right but value 3: the sizes"),
        (STEPS, lambda s, n: steps(s, n)[1:], "those are only the last 3 of 4 values"),
        (STEPS, lambda s, n: steps(s, n)[::-1], "the values are right, but in reverse order"),
        (STEPS, lambda s, n: [*steps(s, n), 7], "the last value is too many"),
        (STEPS, lambda s, n: sum(steps(s, n)), "that is the sum of the values"),
        (STEPS, lambda s, n: steps(s, n)[-1], "that is only the last value; all of them"),
        (STEPS, lambda s, n: iter(steps(s, n)), "list(...) makes one of it"),
        (STEPS, lambda s, n: [x**0.5 for x in steps(s, n)], "the square root of the expected"),
    ],
)  # fmt: skip
def test_what_all_numbers_have_in_common_is_said(exercise: Any, answer: Any, words: str) -> None:
    assert words in exercise.check(answer).text


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (SHARE, lambda p, t: (p + 1) / (t + 1)),
        (SHARE, lambda p, t: p / t if t > 3 else 1 - p / t),
        (ENDS, lambda v, b: tuple(x + v[0].item() * b for x in ends(v, b))),
        (STEPS, lambda s, n: [x + i for i, x in enumerate(steps(s, n))]),
    ],
)  # fmt: skip
def test_nothing_is_said_that_does_not_hold_for_every_case(exercise: Any, answer: Any) -> None:
    verdict = exercise.check(answer)
    assert verdict.status == "failed" and verdict.mistake is None, verdict.text
