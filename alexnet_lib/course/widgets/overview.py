"""How long the lessons take, here and elsewhere."""

from functools import lru_cache

from alexnet_lib.course.figures.overview import minutes_chart
from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, slider
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.watchers import images_per_second

REFERENCE_RATE = 1000.0  # images a second of the two cores that the list's minutes are for

_RUNS = (
    ("level lesson, two CPU cores", "reference"),
    ("level lesson, this machine", "here"),
    ("level full, one large GPU", "full"),
)


class TimeChooser(Explorer):
    """Which lessons run within the minutes one is ready to wait."""

    def __init__(self) -> None:
        super().__init__(run=choice("run at", _RUNS), patience=slider("I wait (min)", 1, 60, 5))

    def render(self, run: str, patience: int) -> Shown:
        """Minutes of each lesson at `run` (reference, here or full)."""
        minutes = {entry.number: entry.minutes_cpu for entry in LESSONS}
        place = dict((value, words) for words, value in _RUNS)[run]
        if run == "full":
            minutes = {entry.number: entry.minutes_gpu for entry in LESSONS}
        elif run == "here":
            place = f"level lesson, {describe_device()}"
            minutes = {number: value / speed_here() for number, value in minutes.items()}
        within = sum(value <= patience for value in minutes.values())
        return minutes_chart(minutes, patience, f"Minutes to run all cells: {place}"), (
            f"{place[0].upper() + place[1:]}: {within} of {len(minutes)} lessons run within "
            f"{patience} minutes each; all together run {sum(minutes.values()):.0f} minutes."
        )


@lru_cache
def speed_here() -> float:
    """How many times faster than the reference this machine trains; measured once, about 1 s.

    At most 2 is counted, since start-up, figures and checks do not gain from a fast GPU.
    """
    config = TrainConfig.for_preset("four-layer", batch_size=64, precision="float32")
    return min(2.0, images_per_second(config, steps=3) / REFERENCE_RATE)
