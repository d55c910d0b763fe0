"""What a teacher reads: notes in every section of a lesson, a run-sheet, notes for a tutor."""

import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises.core import Exercise
from alexnet_lib.course.guesses import in_words
from alexnet_lib.course.kit.copies import (
    Cell,
    Notebook,
    Task,
    lesson_module,
    read_notebook,
    solved_source,
    source_of,
    tasks,
)
from alexnet_lib.course.kit.discussion import DISCUSSION
from alexnet_lib.course.lessons import LESSONS, Lesson, lesson
from alexnet_lib.course.site.asks import find_prediction, predictions
from alexnet_lib.course.widgets.questions import Quiz, letter

SHOWN = 6  # known mistakes of an exercise in a lesson's notes; all are in the tutor's

# --- Sections and their minutes ------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A part of a lesson under a heading of its own.

    Attributes:
        number: such as 2.4; empty for the opening, the recap and the quiz.
        first, last: places of its cells, the last one not included.
        minutes: its share of the minutes on the lesson's card, by its length and its tasks.
    """

    number: str
    title: str
    first: int
    last: int
    minutes: float


def minutes_of(notebook: Notebook, entry: Lesson) -> float:
    """Minutes of a lesson in class: to run it, to read it, and to do its exercises."""
    reading = 30 if "about half an hour more" in source_of(notebook["cells"][0]) else 60
    return entry.minutes_cpu + reading


def sections(notebook: Notebook, entry: Lesson) -> list[Section]:
    """The sections of a lesson, in order."""
    cells = notebook["cells"]
    titles = {i: found[1] for i, cell in enumerate(cells) if (found := _heading(cell))}
    titles = {0: "Opening"} | titles
    starts = list(titles)
    spans = list(zip(starts, [*starts[1:], len(cells)], strict=True))
    work = [sum(map(_work, cells[first:last])) for first, last in spans]
    share = minutes_of(notebook, entry) / sum(work)
    found = []
    for (first, last), amount in zip(spans, work, strict=True):
        number = re.match(r"\d+\.\d+", titles[first])
        name = number[0] if number else ""
        found.append(Section(name, titles[first], first, last, amount * share))
    return found


def _heading(cell: Cell) -> re.Match[str] | None:
    is_text = cell["cell_type"] == "markdown"
    return re.search(r"^## (.+)$", source_of(cell), re.M) if is_text else None


def _work(cell: Cell) -> float:
    """How many minutes a cell takes, or rather how long beside others."""
    source = source_of(cell)
    if cell["cell_type"] == "markdown":
        return len(source.split()) / 120
    explorer = re.search(r"widgets\.(?!Predict)[A-Z]", source)
    exercise, prediction = ".check(" in source, "widgets.Predict(" in source
    return 0.3 + 5 * exercise + prediction + 3 * bool(explorer) + 4 * source.endswith(".QUIZ")


# --- Answers -------------------------------------------------------------------------------------


def answer_to(entry: Lesson, question: str) -> str:
    """The answer to a prediction in words; of what a lesson computes, that of its last clean run.

    Raises:
        InputError: the lesson asks no such question.
    """
    posed = find_prediction(predictions(entry.number), question)
    if posed.answer is None:
        return "what the cell below shows; it differs from run to run"
    return in_words(posed.answer, posed.asked.unit)


def questions_in(cells: Iterable[Cell]) -> list[str]:
    """Texts of the predictions that these cells ask for, from their stored outputs."""
    outputs = [out for cell in cells if cell["cell_type"] == "code" for out in cell["outputs"]]
    plain = ("".join(out.get("data", {}).get("text/plain", "")) for out in outputs)
    return [text.partition("\n")[0].removeprefix("Predict. ") for text in plain
            if text.startswith("Predict. ")]  # fmt: skip


# --- The instructor's copy -----------------------------------------------------------------------


def instructor_copy(notebook: Notebook, entry: Lesson) -> Notebook:
    """The lesson with a note under each heading: minutes, answers, mistakes, solutions."""
    notebook = copy.deepcopy(notebook)
    cells, own = notebook["cells"], tasks(notebook, entry)
    for i, section in reversed(list(enumerate(sections(notebook, entry)))):
        inside = [task for task in own if section.first <= task.check < section.last]
        lines = _note(section, cells[section.first : section.last], inside, entry)
        source = "\n".join(f"> {line}".rstrip() for line in lines)
        note = {"cell_type": "markdown", "id": f"teacher-{i}", "metadata": {"tags": ["teacher"]}}
        cells.insert(section.first + 1, note | {"source": source.splitlines(keepends=True)})
    return notebook


def _note(section: Section, cells: Sequence[Cell], own: Sequence[Task], entry: Lesson) -> list[str]:
    lines = [f"**For the teacher** · about {max(1, round(section.minutes))} min"]
    for question in questions_in(cells):
        lines += ["", f"**Prediction.** {question} → {answer_to(entry, question)}"]
    for task in own:
        lines += ["", *_exercise_note(task)]
    if section.number in DISCUSSION:
        lines += ["", f"**To discuss.** {DISCUSSION[section.number]}"]
    if section.title == "Quiz":
        lines += quiz_note(lesson_module(entry).QUIZ)
    return lines


def _exercise_note(task: Task) -> list[str]:
    exercise = task.exercise
    lines = [f"**Exercise {exercise.id}, {exercise.title}.** What usually goes wrong:", ""]
    lines += [f"- {mistake.words}" for mistake in exercise.mistakes[:SHOWN]]
    more = len(exercise.mistakes) - SHOWN
    lines += [f"- … and {more} more in tutor-notes.md"] if more > 0 else []
    code = ["", "```python", *solved_source(task).splitlines(), "```", ""]
    return [*lines, "", "<details><summary>Solution</summary>", *code, "</details>", "",
            f"**Why.** {exercise.why}"]  # fmt: skip


def quiz_note(quiz: Quiz) -> list[str]:
    """The right options, and what each wrong one tells about the thinking behind it."""
    lines = []
    for i, question in enumerate(quiz.questions, 1):
        right = next(j for j, option in enumerate(question.options) if option.right)
        lines += ["", f"{i}. {question.text} **{letter(right)}) {question.options[right].text}**"]
        lines += [f"   - {letter(j)}) {option.text} {option.feedback}"
                  for j, option in enumerate(question.options) if j != right]  # fmt: skip
    return lines


# --- Notes for a tutor ---------------------------------------------------------------------------

RULE = """# Notes for a tutor

For whoever helps with the exercises of this course: a person, or a language model.

**The rule.** Lead by hints. Never write the solution, nor a line of it, and do not repair a
learner's code for them.

1. Ask what they have tried, and what the check said. The check names most mistakes.
2. Ask a question that lets them see it themselves: a small case by hand, a shape, a print.
3. Then give the hints below in their order, one at a time, and let them try after each.
4. If hint 3 does not help, go back to the section of the lesson, and take a smaller case.
5. When the check passes, ask why it is right. An answer that cannot be explained is not finished.
"""


def tutor_notes() -> str:
    """Every exercise with its hints and known misconceptions, and without its solution."""
    parts = [RULE]
    for entry in LESSONS:
        parts.append(f"# Lesson {entry.number}: {entry.title} ({entry.section})\n")
        parts += map(_for_tutor, lesson_module(entry).EXERCISES)
    return "\n".join(parts)


def _for_tutor(exercise: Exercise) -> str:
    hints = "\n".join(f"{i}. {hint}" for i, hint in enumerate(exercise.hints, 1))
    known = "\n".join(f"- {mistake.words}" for mistake in exercise.mistakes)
    return (
        f"## {exercise.id} {exercise.title}\n\n**Task.** {exercise.statement}\n\n"
        f"**Hints.**\n\n{hints}\n\n"
        f"**Known misconceptions**, in the words of the check:\n\n{known}\n"
    )


# --- The run-sheet -------------------------------------------------------------------------------

# Lessons by number, sections by theirs; what a class of beginners sees of AlexNet in that time.
PLANS = {
    "60 minutes: what a network sees": (60, ("00", "2.1", "2.2", "14.2")),
    "90 minutes: one filter, one map": (90, ("00", "2.1", "2.2", "2.3", "6.1", "14.2", "14.5")),
    "180 minutes: from pixels to a trained network": (
        180,
        ("00", "02", "13.1", "13.2", "14.1", "14.2", "14.3", "14.5"),
    ),
    "One afternoon, 240 minutes": (240, ("00", "02", "6.1", "13.1", "13.2", "13.3", "14")),
}
TERM_MINUTES = 90  # a double lesson


def run_sheet() -> str:
    """Plans for a class, their minutes summed from the lessons' own cards."""
    parts = ["# Run-sheet", "", HEAD, ""]
    for title, (minutes, wanted) in PLANS.items():
        rows = [row for name in wanted for row in plan_rows(name)]
        total = sum(row[1] for row in rows)
        parts += [f"## {title}", "", "| What | Minutes | From |", "|---|---|---|"]
        at = 0.0
        for what, took in rows:
            parts.append(f"| {what} | {took:.0f} | {_clock(at)} |")
            at += took
        parts += [f"| *Left for questions and breaks* | {minutes - total:.0f} | {_clock(at)} |", ""]
    return "\n".join([*parts, *_term()]) + "\n"


HEAD = """Minutes come from the lessons' own cards: running on two CPU cores, reading, exercises.
Sections have a share by their length and tasks. Before class: install on one laptop of each kind,
run lesson 00 there, and take along the key (`key.txt`) and the solved copies."""


def plan_rows(name: str) -> list[tuple[str, float]]:
    """What one entry of a plan stands for, with its minutes.

    Raises:
        InputError: there is no such lesson or section.
    """
    entry = lesson(f"{int(name.partition('.')[0]):02}")
    notebook = read_notebook(entry.path)
    if "." not in name:
        return [(f"Lesson {entry.number}, {entry.title}", minutes_of(notebook, entry))]
    found = [one for one in sections(notebook, entry) if one.number == name]
    if not found:
        raise InputError(f"lesson {entry.number} has no section {name}.")
    return [(f"Section {found[0].title}", found[0].minutes)]


def _term() -> list[str]:
    """A lesson a week."""
    lines = [f"## One term: a lesson a week, {TERM_MINUTES} minutes each", ""]
    lines += ["| Week | Lesson | Paper | Minutes | Left to discuss |", "|---|---|---|---|---|"]
    for week, entry in enumerate(LESSONS, 1):
        took = minutes_of(read_notebook(entry.path), entry)
        lines.append(
            f"| {week} | {entry.number} {entry.title} | {entry.section} | {took:.0f} | "
            f"{TERM_MINUTES - took:.0f} |"
        )
    return lines


def _clock(minutes: float) -> str:
    return f"{int(minutes) // 60}:{int(minutes) % 60:02}"
