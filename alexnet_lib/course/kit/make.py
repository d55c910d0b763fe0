"""`alexnet class make`: the kit, put together beside its place and moved there when it is whole."""

import os
import secrets
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from itertools import product
from pathlib import Path

from tqdm import tqdm

from alexnet_lib import __version__
from alexnet_lib.checks import InputError, check_choice, check_some
from alexnet_lib.course.exercises.sealed import are_sealed
from alexnet_lib.course.kit.copies import (
    modules_with_solutions,
    read_notebook,
    solutions,
    solved_copy,
    student_copy,
    write_notebook,
)
from alexnet_lib.course.kit.notes import instructor_copy, run_sheet, tutor_notes
from alexnet_lib.course.kit.schools import write_nbgrader, write_otter
from alexnet_lib.course.kit.wheels import (
    CPU_INDEX,
    PYTHONS,
    TARGETS,
    TORCH,
    Shelf,
    course_wheel,
    is_reachable,
    move_wheels,
    needed,
    teachers_versions,
)
from alexnet_lib.course.lessons import LESSONS, Lesson
from alexnet_lib.data.cifar10 import named_by_environment
from alexnet_lib.data.download import CIFAR10_ARCHIVE
from alexnet_lib.data.files import cannot_write, clone, data_dir, seal_of, write_json

SCHOOLS = {"nbgrader": write_nbgrader, "otter": write_otter}
TORCHES = ("cpu", "ordinary", "none")
_DATA = ("records", "weights", "photographs")  # what the lessons read
_ROOM_GB = {"none": 0.5, "ordinary": 6.0}  # of one platform and Python, zip included
_WHOLE = (".whl", ".xz", ".gz", ".zip", ".safetensors")  # zipping makes them no smaller


@dataclass(frozen=True)
class Kit:
    """What goes into a kit.

    Attributes:
        out: the folder to be made; nothing may lie there.
        platforms: of the laptops; empty: no wheels but the course's own.
        pythons: versions on the laptops, such as "3.12".
        torch: for Linux: "cpu", "ordinary" (PyPI's, with 3 GB of CUDA libraries), "none", or a
            folder with the wheels of torch and torchvision.
        key: opens the solutions; empty: one is drawn.
        schools: graders, of `SCHOOLS`.
        zipped: also write students.zip.
    """

    out: Path
    platforms: tuple[str, ...] = tuple(TARGETS)
    pythons: tuple[str, ...] = ("{}.{}".format(*sys.version_info[:2]),)
    torch: str = "cpu"
    key: str = ""
    schools: tuple[str, ...] = ()
    keep_outputs: bool = False
    zipped: bool = True
    lessons: tuple[Lesson, ...] = LESSONS

    def __post_init__(self) -> None:
        """Refuse at the door what would fail after minutes.

        Raises:
            InputError: with what is in the way.
        """
        check_some("--platform", self.platforms, TARGETS)
        check_some("--python", self.pythons, PYTHONS)
        if not Path(self.torch).is_dir():
            check_choice("--torch", self.torch, (*TORCHES, "a folder of torch's wheels"))
        if os.path.lexists(self.out):
            kind = "folder" if self.out.is_dir() else "file"
            raise InputError(f"{self.out} is a {kind} already; name another with --out.")
        if clone() is None or are_sealed():
            raise InputError("a kit is made from the project's own folder, with its notebooks.")
        self._check_room()

    def _check_room(self) -> None:
        above = next(folder for folder in self.out.absolute().parents if folder.exists())
        if not above.is_dir():
            raise InputError(f"{above} is a file; --out {self.out} cannot lie in it.")
        machines = len(self.platforms) * len(self.pythons)
        wanted = 0.6 + machines * _ROOM_GB.get(self.torch, 1.0)
        free = shutil.disk_usage(above).free / 1e9
        if free < wanted:
            raise InputError(
                f"{free:.1f} GB are free in {above}; this kit may need {wanted:.1f}. "
                "Name fewer platforms, or --no-wheels."
            )


def make_kit(kit: Kit, report: Callable[[str], None] = print) -> Path:
    """Make it, with a progress bar; a stop or an error leaves nothing behind.

    Raises:
        InputError: a wheel cannot be fetched, or the folder cannot be written.
    """
    if not kit.key:
        word = secrets.token_hex(6)
        kit = Kit(**{**vars(kit), "key": f"{word[:4]}-{word[4:8]}-{word[8:]}"})
    with _beside(kit.out) as folder:
        steps = list(_steps(kit, folder, report))
        with tqdm(steps, unit="step", disable=None) as bar:
            for title, step in bar:
                bar.set_description(title)
                step(lambda words: bar.set_postfix_str(words))
    return kit.out


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside its place, which it takes on success."""
    folder = out.with_name(f".{out.name}.{secrets.token_hex(4)}.alexnet-tmp")
    try:
        folder.mkdir(parents=True)
        yield folder
        os.replace(folder, out)
    except OSError as error:
        raise InputError(cannot_write(out, error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


Say = Callable[[str], object]
Step = tuple[str, Callable[[Say], object]]


def _steps(kit: Kit, folder: Path, report: Callable[[str], None]) -> Iterator[Step]:
    """Everything that is to be done, in order, with a word for each."""
    students, teacher = folder / "students", folder / "teacher"
    for entry in kit.lessons:
        yield f"lesson {entry.number}", lambda say, entry=entry: _copies(kit, folder, entry)
    yield "notes", lambda say: _write_notes(kit, teacher)
    yield "data", lambda say: _data(kit, students, report)
    yield "course", lambda say: _course(kit, students)
    without_torch: list[str] = []
    for platform, python in product(kit.platforms, kit.pythons):
        yield (
            f"{platform} {python}",
            lambda say, platform=platform, python=python: _wheels(
                kit, students, platform, python, without_torch, say
            ),
        )
    yield "checksums", lambda say: _finish(kit, folder, without_torch, report)


def _copies(kit: Kit, folder: Path, entry: Lesson) -> None:
    """One lesson in all its forms."""
    notebook, teacher = read_notebook(entry.path), folder / "teacher"
    forms = {
        folder / "students" / "notebooks": student_copy(notebook, kit.keep_outputs),
        teacher / "solved": solved_copy(notebook, entry),
        teacher / "instructor": instructor_copy(notebook, entry),
    }
    for place, form in forms.items():
        write_notebook(place / entry.file_name, form)
    for school in kit.schools:
        SCHOOLS[school](teacher / school, entry)


def _write_notes(kit: Kit, teacher: Path) -> None:
    texts = {"key.txt": f"{kit.key}\n", "run-sheet.md": run_sheet(),
             "tutor-notes.md": tutor_notes()}  # fmt: skip
    teacher.mkdir(exist_ok=True)
    for name, text in texts.items():
        (teacher / name).write_text(text, encoding="utf-8")


def _data(kit: Kit, students: Path, report: Callable[[str], None]) -> None:
    """Records, weights, the glossary, and the pictures that the teacher has."""
    for name in _DATA:
        shutil.copytree(data_dir() / name, students / "data" / name)
    for place in (students, students.parent / "teacher"):
        (place / "docs").mkdir()
        shutil.copy((clone() or Path()) / "docs" / "glossary.md", place / "docs")
    if source := pictures():
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, students / "data" / source.name)
    else:
        report("No CIFAR-10 here: the lessons will use the synthetic stand-in. To have it in the "
               "kit, run alexnet data first, or name your copy in ALEXNET_DATA.")  # fmt: skip


def pictures() -> Path | None:
    """The data set that the teacher's own lessons use; None where they use the stand-in."""
    named = named_by_environment()
    places = [named] if named else []
    places += [data_dir() / "cifar-10-batches-py", data_dir() / CIFAR10_ARCHIVE.file_name]
    return next((place for place in places if place.exists()), None)


def _course(kit: Kit, students: Path) -> None:
    """The course's own wheel, and the program that installs it."""
    (students / "wheels").mkdir()
    texts, packed = solutions(kit.lessons), modules_with_solutions(kit.lessons)
    course_wheel(students / "wheels", packed, texts, kit.key)
    shutil.copy(Path(__file__).with_name("install.py"), students / "install.py")


def _wheels(
    kit: Kit, students: Path, platform: str, python: str, without_torch: list[str], say: Say
) -> None:
    """All that one kind of laptop needs."""
    index, left_out = None, ("alexnet-course",)
    if platform == "linux" and kit.torch != "ordinary":
        index = CPU_INDEX if kit.torch == "cpu" else kit.torch
        index = index if is_reachable(index) else None
        left_out += () if index else TORCH
        without_torch += [] if index or platform in without_torch else [platform]
    place = students / f"wheels-{platform}-{python}"
    place.mkdir()
    preferred = teachers_versions(distributions())
    shelf = Shelf(place, TARGETS[platform], python, preferred, index, left_out, say)
    shelf.fill(needed())
    move_wheels(place, students / "wheels")
    shutil.rmtree(place)


def _finish(
    kit: Kit, folder: Path, without_torch: list[str], report: Callable[[str], None]
) -> None:
    """What the kit is, its checksums, and the archive to hand out."""
    students, source = folder / "students", pictures()
    about = {
        "format": "alexnet kit 1",
        "version": __version__,
        "platforms": kit.platforms,
        "pythons": kit.pythons,
        "without_torch": without_torch,
        "data": f"data/{source.name}" if source else "",
    }
    write_json(students / "kit.json", about)
    (students / "README.md").write_text(STUDENTS, encoding="utf-8")
    (folder / "README.md").write_text(TEACHER, encoding="utf-8")
    for place in (students, folder / "teacher"):
        _checksums(place)
    if kit.zipped:
        _zip(students, folder / "students.zip")
    if without_torch:
        report(
            f"No torch for Linux in this kit: {CPU_INDEX} was not reached or not asked. Make it "
            "anew where it is, or with --torch ordinary (3 GB more), or with --torch FOLDER, which "
            "holds the wheels of torch and torchvision from there; or let the Linux laptops have "
            "both already: install.py then uses those."
        )  # fmt: skip


def _files(folder: Path) -> Sequence[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _checksums(folder: Path) -> None:
    """SHA256SUMS, as the program sha256sum reads it, too."""
    lines = [f"{seal_of(path)}  {path.relative_to(folder).as_posix()}" for path in _files(folder)]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in _files(folder):
            packing = zipfile.ZIP_STORED if file.suffix in _WHOLE else zipfile.ZIP_DEFLATED
            name = Path("alexnet-course") / file.relative_to(folder)
            archive.write(file, name.as_posix(), compress_type=packing)


STUDENTS = """# The AlexNet course

1. Copy this whole folder to your laptop (not only a link to it).
2. In a terminal, in this folder: `python install.py` (on some machines `python3 install.py`).
   It takes some minutes and needs no internet.
3. Start with `start.bat` (Windows) or `./start.sh`, and open the lessons in `notebooks`.

What you do is kept in `progress`, a file for each lesson. Your teacher may collect that folder.
"""

TEACHER = """# Class kit

- `students`, or `students.zip`, is for every laptop. Nothing in it shows a solution; a learner who
  knows Python well may still work one out of the packed checks, as of any check that runs here.
- `teacher` stays with you: `key.txt` opens the solutions on a learner's machine, as in
  `nb01.crop.solution("key")`; `solved` are the lessons with every exercise done; `instructor` has a
  note under each heading; `run-sheet.md` has plans; `tutor-notes.md` is for whoever helps.
- `SHA256SUMS` in both: `sha256sum --check SHA256SUMS`, or `python install.py --check`.

Before class: install on one laptop of each kind, and run lesson 00 there. After class: collect the
learners' folders `progress`, each under a name of its own, and run `alexnet class view FOLDER`.
"""
