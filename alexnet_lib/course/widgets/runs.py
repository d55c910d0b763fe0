"""Runs that are over: raced, played again, and read at the bedside (§3.1, §5, §7)."""

from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.activations import race, race_words
from alexnet_lib.course.figures.clinic import PANELS, dashboard, side_by_side, vital_words
from alexnet_lib.course.figures.replay import moments_box, replay_picture
from alexnet_lib.course.figures.style import draw_png
from alexnet_lib.course.patients import CHART, FAULTS
from alexnet_lib.course.widgets.core import (
    Explorer,
    Shown,
    Touchable,
    choice,
    player,
    slider,
    toggle,
)
from alexnet_lib.course.widgets.pointing import along
from alexnet_lib.experiments.measures import recorded_runs
from alexnet_lib.experiments.records import load_record
from alexnet_lib.experiments.replay import Replay
from alexnet_lib.inspection.health import Vitals
from alexnet_lib.statistics import Run

ALL = "all"


class RaceExplorer(Explorer):
    """The race of Fig. 1: curves of `runs` with a threshold to drag, by conditions and seed.

    Args:
        runs: live or recorded.
        data_name: for the title.
        threshold: to start from, a fraction.
    Raises:
        InputError: there is no run.
    """

    pairs = (("conditions", "activation"), ("conditions", "threshold"))

    def __init__(self, runs: Sequence[Run], data_name: str, threshold: float) -> None:
        if not runs:
            raise InputError("there is no run to explore; expected at least one.")
        self.runs, self.data_name = runs, data_name
        conditions = list(dict.fromkeys(run.conditions for run in runs))
        seeds = sorted({run.seed for run in runs})
        super().__init__(
            threshold=slider("training error %", 5, 85, round(100 * threshold)),
            conditions=choice("conditions", conditions),
            activation=choice("show", [("both", ALL), ("ReLU", "relu"), ("tanh", "tanh")]),
            **({"seed": choice("seed", [ALL, *seeds])} if len(seeds) > 1 else {}),
        )

    def render(
        self, threshold: int, conditions: str, activation: str, seed: int | str = ALL
    ) -> Shown:
        """The chosen runs, and who arrives when; the threshold is in per cent."""
        chosen = [
            run
            for run in self.runs
            if run.conditions == conditions
            and seed in (ALL, run.seed)
            and activation in (ALL, run.activation)
        ]
        if not chosen:
            raise InputError("no run has these conditions, seed and activation; choose another.")
        title = f"Conditions: {conditions}; {self.data_name}"
        words = f"{title}. {race_words(chosen, threshold / 100)}"
        return race(chosen, threshold / 100, title), words


def recorded_race(threshold: float) -> RaceExplorer | None:
    """The same over the recorded runs of Fig. 1; None where they are not yet recorded."""
    records = [record for name in ("fig1", "fig1-today") if (record := load_record(name))]
    if not records:
        return None
    runs = [run for record in records for run in recorded_runs(record)]
    sources = dict.fromkeys(record["data"] for record in records)
    return RaceExplorer(runs, f"{' and '.join(sources)}, recorded", threshold)


_FRAME_MS = 150  # of the film


class ReplayExplorer(Explorer):
    """The moments of a recorded run as a film: slider, player, and curves to point at.

    It opens at the last moment; the player begins again from there.

    Raises:
        InputError: fewer than two moments.
    """

    def __init__(self, replay: Replay) -> None:
        last = len(replay) - 1
        if last < 1:
            raise InputError(f"the replay has {last + 1} moments; expected at least 2.")
        self.replay, moment = replay, slider("moment", 0, last, last)
        super().__init__(
            player(moment, interval_ms=_FRAME_MS),
            moment=moment,
            own_scale=toggle("each filter on its own scale", True),
        )

    def render(self, moment: int, own_scale: bool) -> Shown:
        """Filters, curves and confusion at a moment, the first of which is 0."""
        replay, tensors, header = self.replay, self.replay.tensors, self.replay.header
        dead = zip(header["activations"], tensors["dead"][moment].tolist(), strict=True)
        shut = ", ".join(f"{name} {share:.0%}" for name, share in dead if share >= 0.005)
        scale = "each filter on its own scale" if own_scale else "one scale for all moments"
        last = replay.epoch(-1) or 1.0
        shares = [replay.epoch(number) / last for number in range(len(replay))]
        cells = along(moments_box(), shares, moment, "moment", "the run, epoch by epoch")
        return Touchable(replay_picture(replay, moment, own_scale), [cells]), (
            f"{header['data']}, step {int(tensors['step'][moment]):,} (epoch "
            f"{replay.epoch(moment):.2f} of {header['config']['epochs']}), rate "
            f"{float(tensors['lr'][moment]):.2g}: held-out loss "
            f"{float(tensors['loss'][moment]):.2f}, {replay.error(moment):.1%} of "
            f"{header['images']:,} images wrong. {_mixed_up(replay, moment)} Units that never "
            f"answer: {shut or 'none'}. Filters: {scale}."
        )


def _mixed_up(replay: Replay, moment: int) -> str:
    """Which class was most often called which other."""
    confusion, classes = replay.tensors["confusion"][moment].clone(), replay.header["classes"]
    shown = int(confusion.sum(1).max())
    confusion.fill_diagonal_(0)
    row, column = divmod(int(confusion.argmax()), len(classes))
    return (
        f"Most often: {classes[row]} called {classes[column]}, {confusion[row, column]} of {shown}."
    )


WHOLE, UNSURE = "the whole chart", "not yet sure"

_DPI = 132  # a large chart: it has to fit into the notebook's file


class Clinic(Explorer):
    """The bug clinic: charts beside the healthy run's, and a diagnosis of each patient (ours).

    Attributes:
        diagnosis: by patient, the fault that was chosen; ... where none was.
    """

    def __init__(
        self,
        healthy: Vitals,
        patients: Mapping[str, Vitals],
        classes: Sequence[str],
        data_name: str,
    ) -> None:
        if not patients:
            raise InputError("there is no patient to show; expected at least one.")
        self.healthy, self.patients = healthy, patients
        self.classes, self.data_name = classes, data_name
        self.diagnosis: dict[str, Any] = dict.fromkeys(patients, ...)
        self._drawn: dict[tuple[str, str], bytes] = {}
        score = "how many of the diagnoses are right"
        super().__init__(
            patient=choice("patient", list(patients)),
            panel=choice("look at", [WHOLE, *PANELS]),
            fault=choice("diagnosis", [UNSURE, *sorted(FAULTS)]),
        )
        self.children = (*self.children, self.button("My score", score, self._score))

    def redraw(self) -> None:
        """Draw; the diagnosis shown is that of the patient shown."""
        with self.held():
            chosen = self.diagnosis[self.controls["patient"].value]
            self.controls["fault"].value = UNSURE if chosen is ... else chosen
        super().redraw()

    def render(self, patient: str, panel: str, **_: str) -> Shown:
        """The chart, or one panel of it for both runs."""
        run, title = self.patients[patient], f"Patient {patient}, {self.data_name}"
        if (patient, panel) not in self._drawn:
            if panel == WHOLE:
                png = draw_png(dashboard(run, self.healthy, self.classes, title), _DPI)
            else:
                png = draw_png(side_by_side(run, self.healthy, panel, self.classes, title))
            self._drawn[patient, panel] = png
        return self._drawn[patient, panel], f"Patient {patient}: {vital_words(run)}"

    def _moved(self, change: Any) -> None:
        if not self._held and change.owner is self.controls["fault"]:
            said = ... if change.new == UNSURE else change.new
            self.diagnosis[self.controls["patient"].value] = said
        super()._moved(change)

    def _score(self, **_: Any) -> None:
        right = sum(CHART.get(letter) == said for letter, said in self.diagnosis.items())
        open_ = sum(said is ... for said in self.diagnosis.values())
        self.text.say(
            f"{right} of {len(self.diagnosis)} diagnoses are right; {open_} patients have none yet."
        )
