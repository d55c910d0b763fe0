"""The bug clinic: choose a patient, read the whole chart (§7, ours)."""

from collections.abc import Mapping, Sequence

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.clinic import dashboard, vital_words
from alexnet_lib.course.figures.style import draw_png, save_png
from alexnet_lib.course.widgets.core import Explorer, choice
from alexnet_lib.inspection.health import Vitals

_DPI = 132  # a large chart: it has to fit into the notebook's file


def clinic(
    healthy: Vitals, patients: Mapping[str, Vitals], classes: Sequence[str], data_name: str
) -> Explorer:
    """Charts of all patients, drawn once, so that turning a page takes no time.

    Raises:
        ValueError: there are no patients.
    """
    if not patients:
        raise InputError("there are no patients; expected at least one run's Vitals.")
    pages = {}
    for name, run in patients.items():
        chart = dashboard(run, healthy, classes, f"Patient {name}, {data_name}")
        png = draw_png(chart, _DPI) if pages else save_png(chart, _DPI)  # the first: in the file
        pages[name] = png, f"Patient {name}: {vital_words(run)}"
    return Explorer(lambda state: pages[state["patient"]], patient=choice("patient", list(pages)))
