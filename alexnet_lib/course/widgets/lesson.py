"""The set-up cell: which lesson this is, what this machine has, which data is used.

lesson = start("03")          # title line; versions, device, level; repair advice if needed
data = lesson.data            # loads once and says which pictures they are
"""

import importlib.metadata
import platform
import re
from dataclasses import dataclass
from functools import cached_property

from alexnet_lib.course.lessons import Lesson, lesson
from alexnet_lib.course.progress import begin
from alexnet_lib.course.widgets.missing import explain_missing_names
from alexnet_lib.course.widgets.page import note, style_page
from alexnet_lib.data import files as environment
from alexnet_lib.data.cifar10 import load_cifar10, named_by_environment
from alexnet_lib.data.images import DataError, ImageData
from alexnet_lib.training.device import describe_device


@dataclass(frozen=True)
class Finding:
    """One fact about this machine; `repair` is empty where all is well."""

    name: str
    value: str
    repair: str = ""


# What the most demanding lesson takes: parts of it train on 12,000 pictures and hold out 2,000.
CLASSES, TRAIN, TEST = 10, 14_000, 2_000
LEAST = f"{CLASSES} classes, {TRAIN:,} training pictures, {TEST:,} test pictures"

NEEDS = {"torch": "2.10", "torchvision": "0.25", "matplotlib": "3.9", "ipywidgets": "8.1"}


class Start:
    """What a notebook knows about itself and its machine."""

    def __init__(self, entry: Lesson) -> None:
        """Take the lesson's entry of the list."""
        self.entry, self.level = entry, environment.level()

    @cached_property
    def data(self) -> ImageData:
        """CIFAR-10, pictures of one's own that suffice, or the stand-in; a note says which."""
        say = note("Looking for CIFAR-10 …").say
        try:
            data = load_cifar10(report=say)
            lacking = lacks(data)
        except DataError as error:  # one's own are not laid out as the lessons need them
            if not named_by_environment():
                raise
            lacking = f"{error} The lessons need at least {LEAST}. It goes on without these."
        if lacking:
            data = load_cifar10(named=False, report=lambda line: say(f"{lacking}\n{line}"))
        return data


def lacks(data: ImageData) -> str:
    """Why a lesson cannot work with pictures of one's own, in words; "" where it can."""
    sizes = {
        "classes": (data.num_classes, CLASSES),
        "training pictures": (len(data.train), TRAIN),
        "test pictures": (len(data.test), TEST),
    }
    if all(there >= least for there, least in sizes.values()):
        return ""
    there = ", ".join(f"{count:,} {what}" for what, (count, _) in sizes.items())
    return (
        f"The lessons need at least {LEAST}; {data.name} are {there}. It goes on without them; "
        "alexnet train --data takes them as they are."
    )


def start(number: str) -> Start:
    """Open lesson `number`: title line, facts of this machine, repair advice, what was kept.

    Raises:
        ValueError: there is no such lesson, or ALEXNET_LEVEL is neither lesson nor full.
    """
    here = Start(lesson(number))
    print(f"{number} {here.entry.title} (paper: {here.entry.section})")
    findings = examine()
    facts = " · ".join(f"{finding.name} {finding.value}" for finding in findings)
    repairs = [f"To repair: {finding.repair}" for finding in findings if finding.repair]
    lines = [f"{facts} · level {here.level}", *repairs, begin(here.entry).trouble]
    note("\n".join(filter(None, lines)))
    style_page()
    explain_missing_names(here.entry.path)
    return here


def examine() -> list[Finding]:
    """Versions and device of this machine, with a repair line for each problem."""
    packages = [_package(name, least) for name, least in NEEDS.items()]
    python = Finding("Python", platform.python_version())
    return [python, *packages, _kernel(), Finding("device", describe_device())]


def _package(name: str, least: str) -> Finding:
    found = _version(name)
    repair = f'pip install --upgrade "{name}>={least}" in a terminal, then restart the kernel.'
    return Finding(name, found, "" if _parts(found) >= _parts(least) else repair)


def _kernel() -> Finding:
    """Newer kernels run widget callbacks on a second thread, where pictures can get lost."""
    found = _version("ipykernel")
    repair = 'pip install "ipykernel>=6.29,<7" in a terminal, then restart JupyterLab.'
    return Finding("ipykernel", found, repair if _parts(found) >= (7,) else "")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _parts(version: str) -> tuple[int, ...]:
    """(2, 14) of "2.14.1+cpu"; () of "missing"."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
