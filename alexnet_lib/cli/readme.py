"""Renew what README.md and docs/ say of code and records: make readme."""

import json
import re
from importlib import import_module

from alexnet_lib.cli.gallery import pictures
from alexnet_lib.course.glossary import TERMS
from alexnet_lib.course.lessons import LESSONS, lesson
from alexnet_lib.data.files import atomic_write, data_dir, project_root
from alexnet_lib.experiments.catalogue import EXPERIMENTS
from alexnet_lib.experiments.design import Experiment
from alexnet_lib.experiments.measures import (
    outcome_words,
    say_smallest,
    seeds_words,
    source_words,
)
from alexnet_lib.experiments.records import load_record
from alexnet_lib.experiments.verdicts import (
    CANNOT_TELL,
    NOT_SEEN,
    NOT_TESTABLE,
    NOT_YET_RUN,
    REPRODUCED,
    SAME_DIRECTION,
    Entry,
    ledger,
)
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.paper.facts import say_value
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS

PAGES = (project_root() / "README.md", *sorted((project_root() / "docs").glob("*.md")))
ROOMS = ("paper", "models", "data", "statistics", "training", "experiments", "inspection", "course",
         "cli", "checks")  # fmt: skip
QUESTIONS = {  # claim -> what a newcomer asks, and on what the paper measured it
    "fig1": ("How many times sooner does a network learn with ReLU than with tanh?", "CIFAR-10"),
    "ten_views": ("Of a hundred pictures, how many more are right when the answers to ten views of "
                  "each are averaged?", "ImageNet"),
    "ensemble": ("And when those of five networks are averaged?", "ImageNet with five guesses"),
}  # fmt: skip
_SHOWN = 5  # comparisons of an experiment; the board has fifteen


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def lessons() -> str:
    """The map of the course; lessons still to come are not linked."""
    return table(
        ("", "notebook", "paper", "minutes on a CPU"),
        [
            (
                lesson.number,
                f"[{lesson.title}](notebooks/{lesson.file_name})"
                if lesson.path.is_file()
                else f"{lesson.title} (to come)",
                lesson.section,
                f"{lesson.minutes_cpu:g}",
            )
            for lesson in LESSONS
        ],
    )


def findings() -> str:
    """What the course found, in five lines for a newcomer."""
    entries = {entry.claim.id: entry for entry in ledger()}
    verdicts = [entry.verdict for entry in entries.values()]
    words = {REPRODUCED: "reproduced", SAME_DIRECTION: "seen with another size",
             NOT_SEEN: "looked for and not seen",
             CANNOT_TELL: "still open, since our runs are too few or too short",
             NOT_YET_RUN: "not yet run", NOT_TESTABLE: "need ImageNet"}  # fmt: skip
    counts = (f"{n} {told}" for verdict, told in words.items() if (n := verdicts.count(verdict)))
    lines = [f"The paper makes {len(verdicts)} claims with a number. Here: {', '.join(counts)}."]
    lines += [_answer(entries[claim], *asked) for claim, asked in QUESTIONS.items()]
    best = min(_run_records(), key=lambda record: record["test"]["ten"]["top1_error"])
    lines.append(
        f"The best network trained here, `{best['config']['preset']}`, is wrong on "
        f"{_error(best['test']['ten'])} of the test pictures, after {best['wall_s'] / 60:.0f} "
        f"minutes of training ({best['machine']})."
    )
    ground = "In brackets: 95 % intervals. Every claim, experiment and run: [Results]"
    return "\n".join(f"- {line}" for line in lines) + f"\n\n{ground}(docs/results.md)."


def _answer(entry: Entry, question: str, papers_data: str) -> str:
    place = lesson(f"{entry.claim.notebook:02}")
    link = f"[Lesson {place.number}](notebooks/{place.file_name})"
    paper = say_value(entry.claim).removesuffix(" points")
    ours = entry.ours.replace(" points", "").replace("+", "") or "not yet run"
    return f"{question} The paper, on {papers_data}: {paper}. Here: {ours}. {link}"


def rooms() -> str:
    """The house: a line a room, in the words of the room itself."""
    rows = []
    for name in ROOMS:
        module = import_module(f"alexnet_lib.{name}")
        shown = f"{name}/" if hasattr(module, "__path__") else f"{name}.py"
        rows.append((f"`{shown}`", module.__doc__.splitlines()[0]))
    return table(("room", "what"), rows)


def presets() -> str:
    """What each preset is for, what it changes, and its size with a thousand classes."""
    rows = []
    for name, config in PRESETS.items():
        changes = (f"{key} {value}" for key, value in config.changes().items())
        parameters = config_ledger(config).total("parameters")
        rows.append((f"`{name}`", PRESET_REASONS[name], ", ".join(changes), f"{parameters:,}"))
    return table(("preset", "why", "changes from `paper`", "parameters, 1000 classes"), rows)


def cover() -> str:
    """The first picture of the gallery."""
    return pictures()[0].markdown()


def gallery() -> str:
    """The others, each above its caption; seen from docs/."""
    shown = "\n\n".join(picture.markdown() for picture in pictures()[1:])
    return shown.replace("](data/", "](../data/")


def runs() -> str:
    """Training runs that have a record."""
    header = ("network", "data", "epochs", "test error, centre", "ten views", "minutes", "on")
    rows = [_run(record) for record in _run_records()]
    words = "Recorded runs, whole reports in `data/records`; errors with their 95 % interval:"
    return f"{words}\n\n{table(header, rows)}"


def _run_records() -> list[dict]:
    paths = sorted((data_dir() / "records").glob("train-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _run(record: dict) -> tuple[str, ...]:
    return (
        f"`{record['config']['preset']}`",
        record["data"],
        _epochs(record),
        _error(record["test"]["center"]),
        _error(record["test"]["ten"]),
        f"{record['wall_s'] / 60:.0f}",
        record["machine"],
    )


def _epochs(record: dict) -> str:
    changed = "; ".join(record.get("overrides", []))
    return f"{record['epochs_done']}" + (f" (changed on the way: {changed})" if changed else "")


def _error(result: dict) -> str:
    low, high = result["top1_interval_95"]
    return f"{result['top1_error']:.1%} ({low:.1%}–{high:.1%})"


def claims() -> str:
    """The paper's claims and what the records say of them."""
    rows = [
        (
            entry.claim.section,
            entry.claim.statement,
            say_value(entry.claim),
            entry.ours,
            *_strength(entry),
            entry.source,
            f"**{entry.verdict}**" if entry.ours else entry.verdict,
            entry.needs,
        )
        for entry in ledger()
    ]
    header = (
        *("§", "the paper says", "paper", "ours (95 % interval)", "would have seen", "runs"),
        *("degrees of freedom", "source", "verdict", "to tell, it would take"),
    )
    return table(header, rows)


def _strength(entry: Entry) -> tuple[str, str, str]:
    """The smallest effect that is seen, runs, and degrees of freedom, with what they cover."""
    if (found := entry.finding) is None:
        return "", "", ""
    smallest = say_smallest(found.effect).removeprefix("; would have seen ") if found.effect else ""
    estimate, images = found.outcome.estimate, found.outcome.covers.endswith("images")
    freedom = f"{estimate.freedom}{', over images too' * images}" if estimate else ""
    return smallest, seeds_words(found.record), freedom


def experiments() -> str:
    """Every experiment, its question, and what its record has found, if there is one."""
    rows = [
        (f"`{name}`", design.question, *_recorded(design, load_record(name)))
        for name, design in EXPERIMENTS.items()
    ]
    return table(("experiment", "question", "found (95 % interval)", "record"), rows)


def _recorded(design: Experiment, record: dict | None) -> tuple[str, str]:
    if record is None:
        return "", "not yet run"
    found = [outcome_words(record, comparison) for comparison in design.comparisons]
    more = len(found) - _SHOWN
    rest = [f"… and {more} more: `alexnet experiment show {design.name}`"] * (more > 0)
    return "<br>".join(found[:_SHOWN] + rest), f"{source_words(record)}, {seeds_words(record)}"


def glossary() -> str:
    """Every word with its sentence and the lesson that explains it, by the alphabet."""
    entries = []
    for term in sorted(TERMS.values(), key=lambda term: term.name.lower()):
        place = lesson(term.lesson)
        also = f" Also: {', '.join(term.forms[1:])}." if term.forms[1:] else ""
        link = f"[Lesson {place.number}](../notebooks/{place.file_name})"
        entries.append(f"### {term.name}\n\n{term.sentence}{also} {link}")
    return "\n\n".join(entries)


BLOCKS = {
    "cover": cover,
    "lessons": lessons,
    "findings": findings,
    "rooms": rooms,
    "gallery": gallery,
    "presets": presets,
    "runs": runs,
    "claims": claims,
    "experiments": experiments,
    "glossary": glossary,
}


def renewed(text: str) -> str:
    """A page with every marked block made anew."""
    for name, make in BLOCKS.items():
        block = f"<!-- {name} -->\n{make()}\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S)
    return text


def main() -> None:
    """Renew the pages that have changed."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            with atomic_write(page) as path:
                path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
