"""One page of what a class has done: who passed what, common mistakes, predictions.

    class_page(Path("collected"), Path("class.html"))

The page is one file without any script, for a browser or for paper. Whatever stands in a learner's
file or name is text on it, and nothing else.
"""

import html
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises import exercises_of, quiz_of
from alexnet_lib.course.kit.collected import Learner, collect
from alexnet_lib.course.lessons import LESSONS, Lesson
from alexnet_lib.data.files import atomic_write, cannot_write

LONGEST = 240  # letters of anything that a file brings along
MOST = 30  # predictions of a lesson, files that were not read
BINS = 6  # of a histogram
MARKS = {"passed": "✓", "failed": "✗", "none": "·"}

Learners = Sequence[Learner]


def class_page(folder: Path, out: Path) -> Path:
    """Write the page of all learners' files in a folder.

    Args:
        folder: holds what the learners sent; see `collected`.
        out: the page, an .html file.
    Returns:
        Where it lies.
    Raises:
        InputError: there is no such folder, or the page cannot be written.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out} is no name of a page; expected one that ends in .html.")
    found, unread = collect(folder, out)
    learners = list(found.values())
    begun = [lesson for lesson in LESSONS if any(lesson.slug in one.lessons for one in learners)]
    body = [
        _head(folder, learners, begun),
        _overview(learners, begun),
        *(_lesson(lesson, learners) for lesson in begun),
        _unread(unread),
    ]
    page = _PAGE.format(title=_text(folder.resolve().name), style=_STYLE, body="\n".join(body))
    try:
        with atomic_write(out) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(cannot_write(out, error)) from error
    return out


# --- The page's head, and all lessons at one glance ----------------------------------------------


def _head(folder: Path, learners: Learners, begun: Sequence[Lesson]) -> str:
    if not learners:
        return f"<p>No learner's file was found in {_text(folder)}.</p>"
    last = max(one.changed for one in learners)
    made = datetime.now().strftime("%Y-%m-%d %H:%M")
    words = f"{_count(len(learners), 'learner')}, {_count(len(begun), 'lesson')}"
    return f"<p>{words}; last answer {_text(last or 'unknown')}; this page was made {made}.</p>"


def _overview(learners: Learners, begun: Sequence[Lesson]) -> str:
    """Exercises passed, a row for each learner and a column for each lesson."""
    if not begun:
        return ""
    links = [
        f'<a href="#l{one.number}" title="{_text(one.title)}">{one.number}</a>' for one in begun
    ]
    rows = []
    for learner in learners:
        cells = []
        for lesson in begun:
            passed, there = len(_passed(learner, lesson)), len(exercises_of(lesson.number))
            kind = "passed" if passed == there else "part" if passed else "none"
            kind = kind if lesson.slug in learner.lessons else "absent"
            cells.append((kind, f"{passed}/{there}" if kind != "absent" else "–"))
        rows.append((learner.name, [*cells, ("", learner.changed or "–")]))
    note = "Exercises passed in each lesson; – means that no file of it was sent."
    table = _table(["learner", *links, "last answer"], rows)
    return f"<h2>All lessons</h2>\n<p>{note}</p>\n{table}"


def _passed(learner: Learner, lesson: Lesson) -> list[str]:
    return [
        one.id for one in exercises_of(lesson.number) if _status(learner, lesson, one) == "passed"
    ]


def _status(learner: Learner, lesson: Lesson, exercise: Any) -> str:
    entry = learner.entries(lesson.slug, "checks").get(exercise.id)
    return "none" if entry is None else "passed" if entry.get("done") is True else "failed"


# --- One lesson ----------------------------------------------------------------------------------


def _lesson(lesson: Lesson, learners: Learners) -> str:
    there = [one for one in learners if lesson.slug in one.lessons]
    parts = [
        f'<section><h2 id="l{lesson.number}">{lesson.number} · {_text(lesson.title)}</h2>',
        _who(lesson, there),
        _mistakes(lesson, there),
        _predictions(lesson, there),
        _quiz(lesson, there),
        "</section>",
    ]
    return "\n".join(filter(None, parts))


def _who(lesson: Lesson, learners: Learners) -> str:
    """A row for each learner: exercises, predictions, quiz."""
    exercises = exercises_of(lesson.number)
    titles = ["learner", *(_text(one.title) for one in exercises), "predictions", "quiz"]
    rows = []
    for learner in learners:
        marks = [_status(learner, lesson, one) for one in exercises]
        cells = [(mark, MARKS[mark]) for mark in marks]
        cells += [("", _predicted(learner, lesson)), ("", _answered(learner, lesson))]
        rows.append((learner.name, cells))
    key = "✓ passed, ✗ tried, · not tried; predictions made (close); quiz right (at first try)"
    return f"{_table(titles, rows)}\n<p class=key>{key}</p>"


def _predicted(learner: Learner, lesson: Lesson) -> str:
    made = [one for one in learner.entries(lesson.slug, "predictions").values() if one.get("done")]
    return f"{len(made)} ({sum(one.get('close') is True for one in made)})"


def _answered(learner: Learner, lesson: Lesson) -> str:
    kept = learner.entries(lesson.slug, "quiz")
    ours = [kept[one.text] for one in quiz_of(lesson.number).questions if one.text in kept]
    right, first = (sum(one.get(name) is True for one in ours) for name in ("done", "at_once"))
    return f"{right} ({first})"


def _mistakes(lesson: Lesson, learners: Learners) -> str:
    """The last mistake of each learner, by exercise, the most common first."""
    items = []
    for exercise in exercises_of(lesson.number):
        entries = [one.entries(lesson.slug, "checks").get(exercise.id, {}) for one in learners]
        words = Counter(
            one["mistake"] for one in entries if isinstance(one.get("mistake"), str)
        ).most_common(4)
        if words:
            told = "".join(f"<li><b>{count}×</b> {_text(what)}</li>" for what, count in words)
            items.append(f"<h4>{_text(exercise.title)}</h4><ul>{told}</ul>")
    return "\n".join(["<h3>Mistakes, the last of each learner</h3>", *items]) if items else ""


# --- Predictions and quiz ------------------------------------------------------------------------


def _predictions(lesson: Lesson, learners: Learners) -> str:
    """What was predicted first, a histogram for each question, and the result beside it."""
    asked = Counter(
        question for one in learners for question in one.entries(lesson.slug, "predictions")
    )
    parts = []
    for question, _ in asked.most_common(MOST):
        entries = [one.entries(lesson.slug, "predictions").get(question, {}) for one in learners]
        guesses = [guess for one in entries if (guess := one.get("first", one.get("answer")))
                   is not None]  # fmt: skip
        bars = _bars(histogram(guesses))
        if bars:
            result = _common([one.get("result") for one in entries])
            unit = _common([one.get("unit") for one in entries])
            told = f" {unit}" if isinstance(unit, str) and unit else ""
            line = "" if result is None else f"<p>Result: <b>{_said(result)}{_text(told)}</b></p>"
            parts.append(f"<figure><figcaption>{_text(question)}</figcaption>{bars}{line}</figure>")
    return "\n".join(["<h3>Predictions</h3><div class=many>", *parts, "</div>"]) if parts else ""


def histogram(values: Iterable[Any]) -> list[tuple[str, int]]:
    """Labels and counts: of each word, or of numbers in bins; powers of ten where they are far.

    What is neither a word nor a finite number is left out.
    """
    values = list(values)
    words = Counter(value for value in values if isinstance(value, str))
    numbers = [float(one) for one in values if _is_number(one)]
    rows = [(word, count) for word, count in words.most_common(2 * BINS)]
    if len(set(numbers)) <= BINS:
        return rows + [(_said(one), numbers.count(one)) for one in sorted(set(numbers))]
    low, high = min(numbers), max(numbers)
    if low > 0 and high / low > 100:
        powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 2)
        edges = [10.0**power for power in powers]
    else:
        edges = [low + (high - low) * i / BINS for i in range(BINS + 1)]
    return rows + list(_binned(numbers, edges))


def _binned(numbers: Sequence[float], edges: Sequence[float]) -> Iterator[tuple[str, int]]:
    for i, (low, high) in enumerate(pairwise(edges)):
        last = i == len(edges) - 2
        count = sum(low <= one < high or (last and one >= high) for one in numbers)
        yield f"{_said(low)} to {_said(high)}", count


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300  # neither inf nor nan is


def _quiz(lesson: Lesson, learners: Learners) -> str:
    """How many were right at the first try, and what the others chose."""
    items = []
    for i, question in enumerate(quiz_of(lesson.number).questions, 1):
        kept = [one.entries(lesson.slug, "quiz").get(question.text) for one in learners]
        first = [one.get("first", one.get("answer")) for one in kept if one]
        if not first:
            continue
        right = next(option.text for option in question.options if option.right)
        bars = _bars(
            [
                (f"{'✓ ' if option.text == right else ''}{option.text}", first.count(option.text))
                for option in question.options
            ]
        )
        items.append(f"<figure><figcaption>{i}. {_text(question.text)}</figcaption>{bars}</figure>")
    title = "<h3>Quiz, first answers</h3><div class=many>"
    return "\n".join([title, *items, "</div>"]) if items else ""


# --- Pieces of a page ----------------------------------------------------------------------------


def _unread(unread: Sequence[str]) -> str:
    if not unread:
        return ""
    told = "".join(f"<li>{_text(line)}</li>" for line in unread[:MOST])
    more = f"<li>and {len(unread) - MOST} more</li>" if len(unread) > MOST else ""
    return f"<section><h2>Not read</h2><ul>{told}{more}</ul></section>"


def _table(titles: Sequence[str], rows: Iterable[tuple[str, list[tuple[str, str]]]]) -> str:
    """A table; the titles are HTML already, the rest is text with the class of its cell."""
    head = "".join(f"<th scope=col>{title}</th>" for title in titles)
    lines = [f"<thead><tr>{head}</tr></thead>"]
    for name, cells in rows:
        told = "".join(f'<td class="{kind}">{_text(what)}</td>' for kind, what in cells)
        lines.append(f"<tr><th scope=row>{_text(name, 40)}</th>{told}</tr>")
    return "\n".join(["<div class=wide><table>", *lines, "</table></div>"])


def _bars(rows: Sequence[tuple[str, int]]) -> str:
    """Labels, counts, and bars of which the largest has the whole width."""
    most = max((count for _, count in rows), default=0) or 1
    return "".join(
        f"<div class=bar><span>{_text(label)}</span><b>{count}</b>"
        f'<div><i style="width:{100 * count / most:.0f}%"></i></div></div>'
        for label, count in rows
    )


def _common(values: Sequence[Any]) -> Any:
    """The value that most have; None where nobody has one."""
    there = [one for one in values if isinstance(one, str) or _is_number(one)]
    return Counter(there).most_common(1)[0][0] if there else None


def _said(value: Any) -> str:
    """A number in short, a word as it is; as text of a page."""
    if isinstance(value, str):
        return _text(value)
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:.3g}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _text(value: Any, longest: int = LONGEST) -> str:
    """Anything as plain text of a page: escaped, cut short, without signs that cannot be seen."""
    plain = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(value))
    return html.escape(plain if len(plain) <= longest else f"{plain[: longest - 2]} …")


_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1f24; --soft: #5b6470;
  --line: #d5dae1; --bar: #33689c; --good: #d9f0df; --bad: #fadfdc; --part: #fdf0cf; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --ink: #e8eaee; --soft: #a4adb9;
  --line: #3a404a; --bar: #6fa3d8; --good: #1d4a2c; --bad: #5c2622; --part: #4d3f14; } }
@media print { :root { color-scheme: light; --ground: #fff; --ink: #000; --soft: #444;
  --line: #bbb; --bar: #555; --good: #d9f0df; --bad: #fadfdc; --part: #fdf0cf; }
  body { font-size: 10pt; max-width: none; } .wide { overflow: visible; }
  figure, tr { break-inside: avoid; } h2, h3, h4 { break-after: avoid; } }
* { print-color-adjust: exact; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.3rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; } h4 { font-size: 1rem; margin: .7rem 0 0; }
p { margin: .3rem 0; } .key { color: var(--soft); font-size: .9rem; } a { color: inherit; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .95rem; }
th, td { border: 1px solid var(--line); padding: .2rem .55rem; text-align: center; }
th { font-weight: 600; } thead th { vertical-align: bottom; }
thead th:first-child { text-align: left; }
th[scope=row] { text-align: left; white-space: nowrap; font-weight: 500; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.passed { background: var(--good); } td.failed { background: var(--bad); }
td.part { background: var(--part); } td.absent, td.none { color: var(--soft); }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; }
figcaption { font-weight: 600; margin-bottom: .4rem; overflow-wrap: anywhere; }
.bar { display: grid; grid-template-columns: minmax(5rem, 11rem) 1.6rem 1fr; gap: .5rem;
  align-items: center; font-size: .92rem; margin: .15rem 0; }
.bar span { overflow-wrap: anywhere; line-height: 1.3; } .bar b { text-align: right; }
.bar i { display: block; height: .8rem; background: var(--bar); border-radius: 2px; }
"""

# No script runs on it, and nothing is loaded, even if a text should slip through as more than text.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Class view: {title}</title>
<style>{style}</style>
</head>
<body>
<h1>Class view: {title}</h1>
{body}
</body>
</html>
"""
