"""The recorded runs of Fig. 1."""

from collections.abc import Mapping
from typing import Any

from alexnet_lib.convergence import Run
from alexnet_lib.experiments.measures import counted


def recorded_runs(record: Mapping[str, Any]) -> list[Run]:
    """Runs in the record of experiment "fig1", each network's at its own best rate (§3.1)."""
    return [
        Run(*run["condition"].split(", "), run["lr"], run["seed"], run["train_error"])
        for run in counted(record)
    ]
