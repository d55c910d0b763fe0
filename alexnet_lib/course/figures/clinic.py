"""The clinic's charts: all that was noted of a run, and each panel beside a healthy run's."""

from collections.abc import Callable, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from alexnet_lib.course.figures.optimisation import smooth
from alexnet_lib.course.figures.pixels import mosaic
from alexnet_lib.course.figures.style import (
    BLUE,
    GREY,
    RED,
    describe,
    in_percent,
    in_whole_numbers,
    new_figure,
    styled,
)
from alexnet_lib.inspection.health import Vitals

_LAST = 64
_GRID = {"height_ratios": (1, 1, 1.25, 1.5), "left": 0.07, "right": 0.98, "top": 0.93,
         "bottom": 0.01, "wspace": 0.17, "hspace": 0.72}  # fmt: skip

_HEALTHY = {"color": GREY, "linewidth": 3, "alpha": 0.45, "linestyle": "-"}


@styled
def dashboard(patient: Vitals, healthy: Vitals, classes: Sequence[str], title: str) -> Figure:
    """Curves, rate, gradients, layers, outputs and pictures; the healthy run in grey.

    Args:
        title: says who the patient is, and which data.
    """
    figure = new_figure(8, 7.8)
    figure.set_layout_engine(None)  # each panel of each chart at the same place
    panels = figure.subplots(4, 2, gridspec_kw=_GRID).flatten()
    for run, look in ((healthy, _HEALTHY), (patient, {"color": BLUE, "linestyle": "-"})):
        _curves(panels, run, look)
    panels[1].plot(_epochs(patient), patient.history.validation_error, "--", color=RED)
    _layers(panels[4], patient, healthy)
    _outputs(panels[5], patient, healthy, classes)
    _fed(panels[6], patient, classes)
    _tested(panels[7], patient)
    for axes in panels[6:]:
        axes.axis("off")
        axes.set_anchor("NW")
    _name(panels)
    figure.text(0.01, 0.972, title, weight="bold", fontsize=12)
    return describe(figure, f"{title}. {vital_words(patient)}")


def vital_words(run: Vitals) -> str:
    """The chart of a run in words, without a diagnosis."""
    s, (low, _, high) = run.signs(), run.layers["norm1"]
    return (
        f"Loss {s['first loss']:.2f} → {s['loss']:.2f}; wrong on {s['learned']:.0%} of learned, "
        f"{s['unseen']:.0%} of unseen pictures. Rate × {s['rate']:g} in the end. Gradient × "
        f"{s['growth']:.1f} within eight steps. norm1 gives {low:.1f} to {high:.1f}; inputs "
        f"spread by {s['input']:.2f}. One picture's outputs: {s['least output']:.2f} to "
        f"{s['largest output']:.2f}; from call to call they differ by {s['spread in training']:.2f}"
        f" in training, {s['spread in test']:.2f} in the test."
    )


def _epochs(run: Vitals) -> range:
    return range(1, len(run.history) + 1)


def _curves(panels: Sequence[Axes], run: Vitals, look: dict) -> None:
    steps = run.history.steps_per_epoch
    at = [step / steps for step in range(1, len(run.gradients) + 1)]
    panels[0].plot(at, smooth(run.history.step_loss), **look)
    panels[1].plot(_epochs(run), run.history.train_error, **look)
    panels[2].step(_epochs(run), run.history.lr, where="mid", **look)
    first = max(0, len(at) - _LAST)
    panels[3].plot(range(first + 1, len(at) + 1), run.gradients[first:], **look)


def _name(panels: Sequence[Axes]) -> None:
    titles = ("loss (smoothed)", "error: learned –, unseen - -", "learning rate",
              f"length of the gradient, last {_LAST} steps")  # fmt: skip
    for axes, title in zip(panels, titles, strict=False):
        axes.set(title=title, xlabel="step" if axes is panels[3] else "epoch")
        axes.margins(x=0.01)
        in_whole_numbers(axes.xaxis)
    panels[1].set_ylim(0, 1)
    in_percent(panels[1].yaxis)
    for axes in panels[2:4]:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 50 * low else (1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    panels[4].set_title("outputs of each layer (1–99 %)")
    panels[5].set_title("8 calls: ● a training, × a test picture")


def _layers(axes: Axes, patient: Vitals, healthy: Vitals) -> None:
    """Ranges on a scale that is linear near zero and logarithmic beyond."""
    for run, look in ((healthy, _HEALTHY), (patient, {"color": BLUE, "linewidth": 1.6})):
        shift = 0.22 if run is patient else -0.12
        for at, (low, middle, high) in enumerate(run.layers.values()):
            axes.vlines(at + shift, low, high, **look)
            axes.plot(at + shift, middle, "o", color=look["color"], markersize=3)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set_yscale("symlog", linthresh=1)
    low, high = axes.get_ylim()
    ticks = [tick for tick in (-100, -10, -1, 0, 1, 10, 100) if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
    names = list(healthy.layers)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)


def _outputs(axes: Axes, patient: Vitals, healthy: Vitals, classes: Sequence[str]) -> None:
    """Dots of all calls above one another: one dot where all calls agree."""
    places = torch.arange(patient.in_training.shape[1])
    rows = ((healthy.in_training, -0.25, GREY, "o"), (patient.in_training, 0.0, BLUE, "o"),
            (patient.in_test, 0.28, RED, "x"))  # fmt: skip
    for outputs, shift, colour, mark in rows:
        for call in outputs:
            axes.plot(places + shift, call, mark, color=colour, markersize=3, alpha=0.7)
    axes.set_xticks(places.tolist(), list(classes), rotation=45, fontsize=8,
                    ha="right", rotation_mode="anchor")  # fmt: skip


def _fed(axes: Axes, patient: Vitals, classes: Sequence[str]) -> None:
    side = patient.fed.shape[-1] + 10
    axes.imshow(mosaic((0.5 + patient.fed / 4.5).clamp(0, 1), 3, 10).numpy())
    for i, label in enumerate(patient.labels.tolist()):
        axes.text(i % 3 * side + 14, i // 3 * side + 29, classes[label], ha="center", va="top",
                  fontsize=8)  # fmt: skip
    axes.set(title="training pictures and their labels", ylim=(2 * side, -1))


def _tested(axes: Axes, patient: Vitals) -> None:
    pictures = (0.5 + patient.tested.flatten(0, 1) / 4.5).clamp(0, 1)  # mid-grey is 0
    axes.imshow(mosaic(pictures, patient.tested.shape[1], 3).numpy())
    axes.set(title="test pictures, in three calls")


# --- One panel of two runs, side by side ----------------------------------------------------------

Panel = Callable[[Axes, Vitals, Sequence[str]], None]

_PATIENT = {"color": BLUE, "linestyle": "-"}


@styled
def side_by_side(
    patient: Vitals, healthy: Vitals, panel: str, classes: Sequence[str], title: str
) -> Figure:
    """Draw one panel of PANELS for the healthy run and for the patient, each on its own scale."""
    figure = new_figure(8, 3.6)
    for axes, run, name in zip(
        figure.subplots(1, 2), (healthy, patient), ("healthy", "patient"), strict=True
    ):
        PANELS[panel](axes, run, classes)
        axes.set_title(name)
        if axes.get_xlabel() in ("epoch", "step"):
            in_whole_numbers(axes.xaxis)
    figure.suptitle(f"{title}: {panel}", weight="bold", x=0.01, ha="left")
    return describe(figure, f"{title}: {panel}. {vital_words(patient)}")


def _loss(axes: Axes, run: Vitals, _: Sequence[str]) -> None:
    steps = run.history.steps_per_epoch
    at = [step / steps for step in range(1, len(run.history.step_loss) + 1)]
    axes.plot(at, smooth(run.history.step_loss), **_PATIENT)
    axes.set(xlabel="epoch", ylabel="loss (smoothed)")


def _error(axes: Axes, run: Vitals, _: Sequence[str]) -> None:
    axes.plot(_epochs(run), run.history.train_error, label="learned", **_PATIENT)
    axes.plot(_epochs(run), run.history.validation_error, "--", color=RED, label="unseen")
    axes.set(xlabel="epoch", ylabel="error")
    in_percent(axes.yaxis)
    axes.legend()


def _rate(axes: Axes, run: Vitals, _: Sequence[str]) -> None:
    axes.step(_epochs(run), run.history.lr, where="mid", **_PATIENT)
    axes.set(xlabel="epoch", ylabel="learning rate", yscale="log")


def _gradient(axes: Axes, run: Vitals, _: Sequence[str]) -> None:
    first = max(0, len(run.gradients) - _LAST)
    axes.plot(range(first + 1, len(run.gradients) + 1), run.gradients[first:], **_PATIENT)
    axes.set(xlabel="step", ylabel="length of the gradient")


def _ranges(axes: Axes, run: Vitals, _: Sequence[str]) -> None:
    for at, (low, middle, high) in enumerate(run.layers.values()):
        axes.vlines(at, low, high, color=BLUE, linewidth=2)
        axes.plot(at, middle, "o", color=BLUE, markersize=3)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xticks(range(len(run.layers)), list(run.layers), rotation=90)
    axes.set_ylabel("outputs, 1 % to 99 %")


def _calls(axes: Axes, run: Vitals, classes: Sequence[str]) -> None:
    places = torch.arange(run.in_training.shape[1])
    for outputs, shift, colour, mark in (
        (run.in_training, -0.15, BLUE, "o"),
        (run.in_test, 0.15, RED, "x"),
    ):
        for call in outputs:
            axes.plot(places + shift, call, mark, color=colour, markersize=4)
    axes.set_xticks(places.tolist(), list(classes), rotation=90)
    axes.set(ylabel="outputs for one picture", xlabel="● in training  × in the test")


def _training_pictures(axes: Axes, run: Vitals, classes: Sequence[str]) -> None:
    _fed(axes, run, classes)
    _bare(axes)


def _test_pictures(axes: Axes, run: Vitals, _: Sequence[str]) -> None:
    _tested(axes, run)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.axis("off")


PANELS: dict[str, Panel] = {
    "training pictures and their labels": _training_pictures,
    "test pictures, in three calls": _test_pictures,
    "loss": _loss,
    "error": _error,
    "learning rate": _rate,
    "length of the gradient": _gradient,
    "what each layer gives": _ranges,
    "outputs in eight calls": _calls,
}
