"""Records of experiments: one sealed JSON file each in `data/records`, replayed by the lessons."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.data.files import check_seal, data_dir, seal_of, write_json
from alexnet_lib.experiments.catalogue import experiment
from alexnet_lib.experiments.design import Experiment
from alexnet_lib.experiments.measures import compare, outcome_words, seeds_words, source_words
from alexnet_lib.training.config import TrainConfig

SCHEMA = 1

MOST_BYTES = 2_000_000


class RecordError(InputError):
    """A record that cannot be trusted: damaged, edited, or made by another catalogue."""


def record_path(name: str) -> Path:
    """Where the record of experiment `name` lies."""
    return data_dir() / "records" / f"{name}.json"


def save_record(record: Mapping[str, Any], path: Path) -> None:
    """Write a record as a whole, sealed with the SHA-256 of its content.

    Raises:
        RecordError: it is larger than 2 MB.
    """
    text = _text(record)
    if len(text) > MOST_BYTES:
        told = f"{path.name} would have {len(text):,} bytes; at most {MOST_BYTES:,} fit."
        raise RecordError(told)
    write_json(path, {**record, "sha256": seal_of(text)})


def read_record(path: Path, design: Experiment) -> dict[str, Any]:
    """Read a record and see that it is whole and belongs to the experiment as it is today.

    Raises:
        RecordError: damaged, edited, or of other conditions, with what to do.
    """
    again = f"Restore the file, or run it anew: alexnet experiment run {design.name}"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        seal = record.pop("sha256", None)
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordError(f"{path.name} is damaged ({error}); expected JSON. {again}") from error
    check_seal(path.name, seal, _text(record), error=RecordError, advice=again)
    if record["schema"] != SCHEMA or record["experiment"] != design.name:
        raise RecordError(
            f"{path.name} is of {record['experiment']!r}, schema {record['schema']}; expected "
            f"{design.name!r}, schema {SCHEMA}. {again}"
        )
    if difference := _differences(record["configs"], design.configs(record["level"])):
        raise RecordError(f"{path.name} was made by another catalogue ({difference}). {again}")
    return record


def load_record(name: str) -> dict[str, Any] | None:
    """The verified record of experiment `name`; None where nobody has run it yet.

    Raises:
        ValueError: no such experiment.
        RecordError: the record cannot be trusted.
    """
    design, path = experiment(name), record_path(name)
    return read_record(path, design) if path.is_file() else None


def recorded(name: str) -> str:
    """What the record of experiment `name` found, a line each, or that there is none yet."""
    record, comparisons = load_record(name), experiment(name).comparisons
    if record is None:
        return f"{name} is not yet recorded. To run it: alexnet experiment run {name}"
    found = [outcome_words(record, comparison) for comparison in comparisons]
    sign = "; above 0, the first errs less" * any(c.kind == "difference" for c in comparisons)
    covers = " or ".join(sorted({compare(record, c).covers for c in comparisons}))
    told = f"Recorded, {source_words(record)}, {seeds_words(record)}{sign}; covers {covers}:"
    return "\n  ".join([told, *found])


def with_looks(record: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """A record that says with how many seeds it was put together before; looks tempt one to go on.

    Args:
        earlier: the record that it replaces; None where there is none, or of other runs.
    """
    if not earlier or earlier["level"] != record["level"]:
        return dict(record)
    looks = [*earlier.get("looks", [len(earlier["seeds"])]), len(record["seeds"])]
    looks = sorted({look for look in looks if look <= len(record["seeds"])})
    return {**record, "looks": looks} if len(looks) > 1 else dict(record)


def digest_of(record: Mapping[str, Any]) -> str:
    """The SHA-256 that seals a record's content."""
    return seal_of(_text(record))


def same_run(written: Mapping[str, Any], config: TrainConfig) -> bool:
    """Whether a written config asks for the same run, whatever it ran on."""
    try:
        there = TrainConfig.from_dict(written)
    except InputError:
        return False  # a setting of another version
    asked = [replace(c, device="auto", precision="auto").to_dict() for c in (there, config)]
    return _text(asked[0]) == _text(asked[1])


def _differences(written: Mapping[str, Any], configs: Mapping[str, TrainConfig]) -> str:
    """What separates the conditions of a record from the catalogue's, in words; "" for nothing."""
    if written.keys() != configs.keys():
        return f"conditions {', '.join(written)} instead of {', '.join(configs)}"
    changed = [name for name in configs if not same_run(written[name], configs[name])]
    return f"other settings for {', '.join(changed)}" if changed else ""


def _text(content: Mapping[str, Any]) -> str:
    """Plain values as one text, whatever their order and layout in a file: what is sealed."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False)
