"""Any corner of the ablation board: its training run, and its error by the recorded sixteen."""

from collections.abc import Mapping
from typing import Any

from alexnet_lib.experiments.catalogue.board import BOARD, WITHOUT, corners, name_of
from alexnet_lib.experiments.design import Settings, merged
from alexnet_lib.experiments.measures import by_seed, interval_over_seeds
from alexnet_lib.metrics import Interval
from alexnet_lib.training.config import TrainConfig

Corner = tuple[str, ...]  # the ingredients that are present


def corner_config(present: Corner, smaller: Settings | None = None) -> TrainConfig:
    """The lesson-sized run of any of the 32 corners; `smaller` makes it shorter still."""
    absent = [WITHOUT[name] for name in WITHOUT if name not in present]
    return TrainConfig.for_preset(**merged(BOARD.common, *absent, BOARD.lesson, smaller or {}))


def corner_error(record: Mapping[str, Any], present: Corner) -> Interval | None:
    """Test error of any of the 32 corners, centre view, with its interval over the seeds.

    A corner that was run has its own errors. Another gets the sum of mean, main effects and
    interactions of two, which the sixteen determine; those of three or more count as nothing.
    None where a run diverged; one seed has an interval without bounds.
    """
    errors = {corner: by_seed(record, (name_of(corner),), "center") for corner in corners()}
    weights = {corner: weight for corner in errors if (weight := _weight(present, corner))}
    return interval_over_seeds(
        sum(w * errors[c][seed] for c, w in weights.items()) for seed in record["seeds"]
    )


def _weight(present: Corner, corner: Corner) -> float:
    """How much a run corner says about another: 1 about itself, 0 about the other fifteen."""
    alike = sum(1 if (name in present) == (name in corner) else -1 for name in WITHOUT)
    return (1 + alike + (alike**2 - len(WITHOUT)) / 2) / 16
