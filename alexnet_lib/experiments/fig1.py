"""The recorded runs of Fig. 1."""

from alexnet_lib.convergence import Run
from alexnet_lib.experiments.records import load_record


def recorded_runs() -> list[Run]:
    """Runs in the record of experiment "fig1"; none where it is not yet recorded (§3.1)."""
    record = load_record("fig1")
    return [Run(**run) for run in record["runs"]] if record else []
