"""Records of experiments: one JSON file each in `data/records`, replayed by the lessons."""

import json
from typing import Any

from alexnet_lib.environment import data_dir


def load_record(name: str) -> dict[str, Any] | None:
    """Everything that a run of experiment `name` wrote down; None where nobody has run it yet.

    Raises:
        ValueError: the file is damaged.
    """
    path = data_dir() / "records" / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path.name} is damaged ({error}); expected JSON. Restore the file from the project."
        ) from error


def record_line(name: str) -> str:
    """One line: what the record of experiment `name` found, or that there is none yet."""
    record = load_record(name)
    if record is None:
        file = f"data/records/{name}.json"
        return f"The long experiment {name!r} is not yet recorded: {file} is absent."
    return str(record.get("summary", f"Recorded: {', '.join(record)}."))
