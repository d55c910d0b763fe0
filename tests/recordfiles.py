"""Hand-made records of experiments, sealed as real ones are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_lib.experiments.catalogue import experiment
from alexnet_lib.experiments.records import SCHEMA, record_path, save_record


def made_record(
    name: str, runs: Mapping[str, Sequence[Mapping[str, Any]]], level: str = "full", **changes: Any
) -> dict[str, Any]:
    """A record whose runs hold, by condition and seed, what is given."""
    design = experiment(name)
    configs = {name: config.to_dict() for name, config in design.configs(level).items()}
    blank = {"outcome": "finished", "train_error": [0.5], "validation_error": [0.5], "test": {}}
    return {
        "experiment": name,
        "schema": SCHEMA,
        "question": design.question,
        "level": level,
        "seeds": sorted({seed for found in runs.values() for seed in range(len(found))}),
        "data": "CIFAR-10 (JPEG copy)",
        "machine": "CPU",
        "torch": "2.14.1",
        "precision": "float32",
        "commit": "abc",
        "wall_s": 60,
        "rates": {condition: configs[condition]["lr"] for condition in design.rates},
        "configs": configs,
        "runs": [
            {
                "condition": condition,
                "seed": seed,
                "lr": configs[condition]["lr"],
                "stop_at": configs[condition]["stop_at"],
                **blank,
                **run,
            }
            for condition, found in runs.items()
            for seed, run in enumerate(found)
        ],
        **changes,
    }


def write_record(record: Mapping[str, Any]) -> Path:
    """Seal a record in the folder of records."""
    path = record_path(record["experiment"])
    save_record(record, path)
    return path
