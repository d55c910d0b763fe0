"""The sixteen lessons: the one list that links, index, cards and checks are made from."""

from dataclasses import dataclass
from pathlib import Path

from alexnet_lib.checks import InputError
from alexnet_lib.data.files import project_root


@dataclass(frozen=True)
class Lesson:
    """One notebook of the course.

    Attributes:
        section: of the paper.
        minutes_cpu, minutes_gpu: to run all cells at level `lesson` on two CPU cores, and at level
            `full` on a GPU. Reading and exercises take about an hour more. Lessons 03,
            05, 07, 10, 11, 13 and 15 train for longer at level `full`; the others do the same.
    """

    number: str
    slug: str
    title: str
    section: str
    minutes_cpu: float
    minutes_gpu: float

    @property
    def file_name(self) -> str:
        """Name of the notebook file."""
        return f"{self.number}_{self.slug}.ipynb"

    @property
    def path(self) -> Path:
        """Where the notebook lies."""
        return project_root() / "notebooks" / self.file_name


LESSONS = (
    Lesson("00", "start_here", "Start here", "whole paper", 1, 1),
    Lesson("01", "images_and_labels", "Images, labels, error rates", "§1–2", 1, 1),
    Lesson("02", "convolution", "Convolution by hand", "§3, §3.5", 1, 1),
    Lesson("03", "relu_vs_tanh", "ReLU versus tanh", "§3.1, Fig. 1", 3, 10),
    Lesson("04", "two_towers", "Two GPUs, two towers", "§3.2, Fig. 2", 1, 1),
    Lesson("05", "local_response_norm", "Local response normalisation", "§3.3", 2, 20),
    Lesson("06", "overlapping_pooling", "Overlapping pooling", "§3.4", 1, 1),
    Lesson("07", "is_it_real", "Is it real?", "§3.4", 2, 20),
    Lesson("08", "the_whole_network", "The whole network", "§3.5, Fig. 2", 2, 1),
    Lesson("09", "data_augmentation", "Data augmentation", "§4.1", 2, 2),
    Lesson("10", "dropout", "Dropout", "§4.2", 2, 20),
    Lesson("11", "sgd_and_schedule", "The rule: momentum, decay, drops", "§5", 2, 15),
    Lesson("12", "first_weights", "The first weights", "§5", 1, 1),
    Lesson("13", "train_and_report", "Train it, report it", "§5–6, Tables 1–2", 2, 60),
    Lesson("14", "looking_inside", "Looking inside", "§6.1, Figs. 3–4", 1, 1),
    Lesson("15", "depth_and_debugging", "Depth, and the bug clinic", "§7", 2, 30),
)


def lesson(number: str) -> Lesson:
    """The lesson of that number."""
    for entry in LESSONS:
        if entry.number == number:
            return entry
    raise InputError(f"there is no lesson {number!r}; expected '00' to '{LESSONS[-1].number}'.")


def written_lessons() -> list[Lesson]:
    """Lessons whose notebook is there, in order."""
    return [entry for entry in LESSONS if entry.path.is_file()]
