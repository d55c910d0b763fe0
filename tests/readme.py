"""Renew the tables of README.md from the code and the records: python tests/readme.py."""

import json
import re

from gallery import pictures

from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.data.files import atomic_write, data_dir, project_root
from alexnet_lib.experiments.catalogue import EXPERIMENTS
from alexnet_lib.experiments.design import Experiment
from alexnet_lib.experiments.measures import outcome_words, seeds_words, source_words
from alexnet_lib.experiments.records import load_record
from alexnet_lib.experiments.verdicts import ledger
from alexnet_lib.models.ledger import config_ledger
from alexnet_lib.paper.facts import say_value
from alexnet_lib.paper.network import PRESET_REASONS, PRESETS

README = project_root() / "README.md"
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
    """The others, each above its caption."""
    return "\n\n".join(picture.markdown() for picture in pictures()[1:])


def runs() -> str:
    """Training runs that have a record."""
    paths = sorted((data_dir() / "records").glob("train-*.json"))
    header = ("network", "data", "epochs", "test error, centre", "ten views", "minutes", "on")
    rows = [_run(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    words = "Recorded runs, whole reports in `data/records`; errors with their 95 % interval:"
    return f"{words}\n\n{table(header, rows)}"


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
            f"{entry.seeds or ''}",
            entry.source,
            f"**{entry.verdict}**" if entry.ours else entry.verdict,
        )
        for entry in ledger()
    ]
    header = ("§", "the paper says", "paper", "ours (95 % interval)", "seeds", "source", "verdict")
    return table(header, rows)


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


BLOCKS = {
    "cover": cover,
    "lessons": lessons,
    "gallery": gallery,
    "presets": presets,
    "runs": runs,
    "claims": claims,
    "experiments": experiments,
}


def renewed(text: str) -> str:
    """README with every marked block made anew."""
    for name, make in BLOCKS.items():
        block = f"<!-- {name} -->\n{make()}\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S)
    return text


if __name__ == "__main__":
    with atomic_write(README) as path:
        path.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
