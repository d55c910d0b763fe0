"""How long the lessons take, here and elsewhere."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from alexnet_lib.course.figures.overview import minutes_chart
from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.course.widgets.core import Explorer, Shown, choice, slider
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import describe_device
from alexnet_lib.training.watchers import images_per_second

REFERENCE_RATE = 1000.0  # images a second of the two cores that the list's minutes are for

_RUNS = (
    ("level lesson, two CPU cores", "reference"),
    ("level full, one large GPU", "full"),
)
_HERE = ("level lesson, this machine", "here")  # offered once it was measured

_PARTS = 3  # of a measurement, so that a bar can move


class TimeChooser(Explorer):
    """Which lessons run within the minutes one is ready to wait.

    The speed of this machine is measured when a button is pressed, since that takes seconds.
    """

    def __init__(self) -> None:
        self.bar = ipywidgets.IntProgress(max=_PARTS, layout={"visibility": "hidden"})
        self.measure_button = self.button(
            "measure this machine", "train for some seconds and time it", self.measure
        )
        super().__init__(
            ipywidgets.VBox([self.measure_button, self.bar]),
            run=choice("run at", _RUNS),
            patience=slider("I wait (min)", 1, 60, 5),
        )

    def render(self, run: str, patience: int) -> Shown:
        """Minutes of each lesson at `run` (reference, here or full)."""
        minutes = {entry.number: entry.minutes_cpu for entry in LESSONS}
        place = dict((value, words) for words, value in (*_RUNS, _HERE))[run]
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

    def measure(self, **_: Any) -> None:
        """Measure this machine while a bar shows how far it is, and show its minutes."""
        self.bar.value, self.bar.layout.visibility = 0, "visible"
        self.text.say("Training for some seconds, to measure this machine …")
        try:
            speed_here(self._moved_on)
        finally:
            self.bar.layout.visibility = "hidden"
        with self.held():
            self.controls["run"].options = (*_RUNS, _HERE)
        self.set(run="here")

    def _moved_on(self) -> None:
        self.bar.value += 1


_measured: dict[str, float] = {}  # by device, once a session


def speed_here(after_each: Callable[[], Any] = lambda: None) -> float:
    """How many times faster than the reference this machine trains; measured once, in seconds.

    At most 2 is counted, since start-up, figures and checks do not gain from a fast GPU.

    Args:
        after_each: called after each of `_PARTS` parts of the measurement.
    """
    device = describe_device()
    if device not in _measured:
        config = TrainConfig.for_preset("four-layer", batch_size=64, precision="float32")
        rates = []
        for _ in range(_PARTS):
            rates.append(images_per_second(config, steps=2))
            after_each()
        _measured[device] = min(2.0, max(rates) / REFERENCE_RATE)
    return _measured[device]
