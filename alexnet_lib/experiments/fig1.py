"""The recorded runs of Fig. 1."""

from collections.abc import Mapping
from typing import Any

from alexnet_lib.convergence import Run
from alexnet_lib.experiments.measures import counted


def recorded_runs(record: Mapping[str, Any]) -> list[Run]:
    """Runs in a record of "fig1" or "fig1-today", each network's at its own best rate (§3.1)."""
    return [
        Run(*run["condition"].split(", "), run["lr"], run["seed"], run["train_error"])
        for run in counted(record)
    ]
