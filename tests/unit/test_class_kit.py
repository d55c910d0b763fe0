"""The class kit: what learners get shows no solution, what a teacher gets holds all of them."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from alexnet_lib.checks import InputError
from alexnet_lib.cli import main as cli
from alexnet_lib.course.exercises import sealed
from alexnet_lib.course.kit import install, make, notes, schools, wheels
from alexnet_lib.course.kit.copies import (
    CHECK,
    read_notebook,
    solutions,
    solved_copy,
    solved_source,
    source_of,
    student_copy,
    tasks,
)
from alexnet_lib.course.kit.discussion import DISCUSSION
from alexnet_lib.course.kit.make import Kit, make_kit
from alexnet_lib.course.lessons import LESSONS, lesson

ROOT = Path(__file__).parents[2]
each_lesson = pytest.mark.parametrize("entry", LESSONS, ids=lambda entry: entry.number)


@pytest.fixture(scope="module")
def kit(tmp_path_factory) -> Path:
    """A kit of two lessons without wheels, with exercises for both graders."""
    out = tmp_path_factory.mktemp("class") / "kit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALEXNET_DATA", str(ROOT / "data" / "photographs" / "cat.jpg"))
        two = (lesson("00"), lesson("02"))
        plan = Kit(out, (), key="oak", schools=("nbgrader", "otter"), lessons=two)
        return make_kit(plan, report=lambda line: None)


def lines_of_code(source: str) -> set[str]:
    """Lines that tell something of a solution, as they would be written anywhere."""
    lines = (re.sub(r"\s+", " ", line.partition("  #")[0]).strip() for line in source.splitlines())
    return {line for line in lines if len(line) >= 12 and not line.startswith(("import", "from"))}


# --- Copies of a lesson --------------------------------------------------------------------------


@each_lesson
def test_every_exercise_of_a_lesson_is_found_with_its_cell(entry):
    notebook = read_notebook(entry.path)
    found = tasks(notebook, entry)
    module = importlib.import_module(f"alexnet_lib.course.exercises.nb{entry.number}")
    assert [task.exercise.id for task in found] == [one.id for one in module.EXERCISES]
    for task in found:
        stub = source_of(notebook["cells"][task.stub])
        assert "..." in stub or "repair me" in stub or task.exercise.id == "00.2"


@each_lesson
def test_a_solved_copy_binds_no_name_that_another_cell_reads(entry):
    """Pasted above its cell, a solution must not change what the rest of the lesson computes."""
    notebook = read_notebook(entry.path)
    for task in tasks(notebook, entry):
        scope: dict = {}
        exec(solved_source(task), scope)
        own = {name for name, value in scope.items() if callable(value)}
        own -= {task.answer, "__builtins__"}
        for place, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "code" and place != task.stub:
                made = re.findall(r"^(?:def )?(\w+)(?:\(| =)", source_of(cell), re.M)
                assert not own & set(made), (task.exercise.id, own & set(made))


@each_lesson
def test_a_solved_copy_passes_every_check_and_says_so(entry):
    notebook = read_notebook(entry.path)
    solved = solved_copy(notebook, entry)
    for task in tasks(notebook, entry):
        (output,) = solved["cells"][task.check]["outputs"]
        assert output["data"]["text/plain"][0].startswith("✓")
        scope: dict = {}
        exec(source_of(solved["cells"][task.stub]), scope)
        assert task.exercise.check(scope[task.answer]).passed
    assert [cell["id"] for cell in solved["cells"]] == [cell["id"] for cell in notebook["cells"]]


@pytest.mark.slow
def test_a_solved_copy_runs_under_nbval(kit, tmp_path):
    shutil.copy(kit / "teacher" / "solved" / lesson("02").file_name, tmp_path)
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider"]
    command += ["--nbval-sanitize-with", str(ROOT / "tests" / "notebooks" / "sanitize.cfg")]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", str(tmp_path), "--nbval-current-env",
         str(tmp_path)],
        capture_output=True, text=True, env=os.environ | {"ALEXNET_PROGRESS": "off"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


@each_lesson
def test_a_learners_copy_has_no_outputs_unless_wanted_and_no_solution(entry):
    notebook = read_notebook(entry.path)
    copy, kept = student_copy(notebook), student_copy(notebook, keep_outputs=True)
    assert not any(cell.get("outputs") for cell in copy["cells"])
    assert any(cell.get("outputs") for cell in kept["cells"])
    assert "`python install.py`" in source_of(copy["cells"][0])
    told = {source_of(cell) for cell in copy["cells"]}
    for task in tasks(notebook, entry):
        assert solved_source(task) not in told


# --- What learners get ---------------------------------------------------------------------------


def test_a_kit_has_its_parts(kit):
    students = {path.name for path in (kit / "students").iterdir()}
    assert students == {"README.md", "install.py", "kit.json", "SHA256SUMS", "notebooks", "docs",
                        "data", "wheels"}  # fmt: skip
    teacher = {path.name for path in (kit / "teacher").iterdir()}
    assert teacher == {"key.txt", "run-sheet.md", "tutor-notes.md", "SHA256SUMS", "solved",
                       "instructor", "docs", "nbgrader", "otter"}  # fmt: skip
    with zipfile.ZipFile(kit / "students.zip") as archive:
        assert archive.testzip() is None
        assert not any("teacher" in name or "key.txt" in name for name in archive.namelist())
    about = json.loads((kit / "students" / "kit.json").read_text())
    assert about["data"] == "data/cat.jpg" and (kit / "students" / about["data"]).is_file()
    assert not list(kit.parent.glob(".*alexnet-tmp"))


def test_no_solution_can_be_read_in_what_learners_get(kit):
    """Neither in a notebook nor in a module of the course's exercises."""
    (wheel,) = (kit / "students" / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        modules = {name: archive.read(name).decode() for name in names if "/nb0" in name}
    assert {"alexnet_lib/course/exercises/nb00.py", "alexnet_lib/course/exercises/nb02.py"} <= set(
        modules
    )
    assert not any(name.endswith("answers.json") for name in names)
    texts = [modules[f"alexnet_lib/course/exercises/nb{number}.py"] for number in ("00", "02")]
    texts += [path.read_text() for path in (kit / "students").rglob("*.ipynb")]
    for name, source in solutions((lesson("00"), lesson("02"))).items():
        for text in texts:
            assert source not in text, name
    assert "def " not in texts[0] and "packed" in texts[0]


ASK = """
from alexnet_lib.course import nb00, nb02
print(nb02.sizes.check(nb02.output_size).passed, nb00.rate.check(lambda w, t: 100 * w / t).passed)
print(nb00.numbers.solution().source)
print(nb00.numbers.solution("oak").source)
try:
    nb00.numbers.solution("elm")
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_the_learners_package_checks_answers_and_opens_solutions_with_the_key(kit, tmp_path):
    (wheel,) = (kit / "students" / "wheels").glob("*.whl")
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "here")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "here")}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True,
                          env=environment, cwd=tmp_path, check=False)  # fmt: skip
    assert done.stdout.startswith("True False\n"), done.stderr
    assert sealed.CLOSED in done.stdout
    assert solutions((lesson("00"),))["00.1"] in done.stdout
    assert "that is not the key of this class" in done.stdout


def test_a_seal_opens_with_its_key_alone():
    texts = {"01.1": "def f():\n    return '✓'", "01.2": ""}
    closed = sealed.seal(texts, "oak 7")
    assert sealed.unseal(closed, " oak 7 ") == texts
    assert "return" not in closed and sealed.seal(texts, "oak 7") != closed
    for wrong, text in ((closed, "not the key"), (closed[:-8] + "AAAAAAA=", "not the key"),
                        ("ö" + closed, "damaged")):  # fmt: skip
        with pytest.raises(InputError, match=text):
            sealed.unseal(wrong, "oak 7" if text == "damaged" or wrong != closed else "oak 8")


# --- What a teacher gets -------------------------------------------------------------------------


@each_lesson
def test_a_teachers_copy_has_minutes_answers_mistakes_and_solutions(entry):
    notebook = read_notebook(entry.path)
    parts = notes.sections(notebook, entry)
    assert sum(part.minutes for part in parts) == pytest.approx(notes.minutes_of(notebook, entry))
    copy = notes.instructor_copy(notebook, entry)
    added = [source_of(c) for c in copy["cells"] if "teacher" in c["metadata"].get("tags", [])]
    assert len(added) == len(parts) and all("** · about " in note for note in added)
    told = "\n".join(added)
    assert told.count("**Prediction.**") == len(notes.questions_in(notebook["cells"])) > 0
    for task in tasks(notebook, entry):
        assert task.exercise.mistakes[0].words in told and task.exercise.why in told
    assert told.count("**To discuss.**") == 2
    assert len(re.findall(r"^> \d\. ", told, re.M)) >= 4, "the quiz has its answers"


def test_every_question_to_discuss_belongs_to_a_section():
    known = {
        part.number
        for entry in LESSONS
        for part in notes.sections(read_notebook(entry.path), entry)
    }
    assert set(DISCUSSION) <= known


def test_tutor_notes_hold_every_exercise_and_no_solution(tmp_path, capsys):
    out = tmp_path / "notes.md"
    assert cli.main(["class", "tutor-notes", "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "Lead by hints" in text and "Never write the solution" in text
    hints = []
    for entry in LESSONS:
        for task in tasks(read_notebook(entry.path), entry):
            assert f"## {task.exercise.id} {task.exercise.title}" in text
            assert all(hint in text for hint in task.exercise.hints)
            assert all(mistake.words in text for mistake in task.exercise.mistakes)
            assert task.exercise.why not in text
            hints += task.exercise.hints
    assert "def " not in re.sub("`[^`]*`", "", text) or "\ndef " not in text
    for hint in hints:  # they lead up to the code, the last of them nearly shows it
        text = text.replace(hint, "")
    text = re.sub(r"\s+", " ", text)
    for name, source in solutions(LESSONS).items():
        for line in lines_of_code(source):
            assert line not in text, (name, line)
    assert cli.main(["class", "tutor-notes", "--out", str(out)]) == 2
    assert "exists already; name another" in capsys.readouterr().err


def test_plans_keep_to_their_time_and_to_the_lessons_cards():
    sheet = notes.run_sheet()
    for title, (minutes, wanted) in notes.PLANS.items():
        took = sum(row[1] for name in wanted for row in notes.plan_rows(name))
        assert 0.7 * minutes <= took <= 0.95 * minutes, (title, took)
        assert f"## {title}" in sheet
    assert "| 16 | 15 Depth, and the bug clinic | §7 | 62 | 28 |" in sheet
    with pytest.raises(InputError, match=r"no section 3\.99"):
        notes.plan_rows("3.99")


# --- At the door ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--platform", "amiga"], "--platform has ['amiga']; expected some of linux, macos"),
        (["--python", "2.7"], "--python has ['2.7']; expected some of 3.10"),
        (["--torch", "gpu"], "--torch is 'gpu'; expected one of"),
    ],
)
def test_an_unknown_wish_is_refused(options, words, tmp_path, capsys):
    assert cli.main(["class", "make", "--out", str(tmp_path / "kit"), *options]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken_is_refused(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    taken = {"folder": "is a folder already", "file": "is a file already",
             "link": "is a file already", "file/kit": "is a file; --out"}  # fmt: skip
    for name, words in taken.items():
        assert cli.main(["class", "make", "--out", str(tmp_path / name), "--no-wheels"]) == 2
        assert words in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_too_little_room_is_told_before_anything_is_made(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=3e9)
    monkeypatch.setattr(make.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match=r"3.0 GB are free in .*; this kit may need 3.6"):
        Kit(tmp_path / "kit")
    Kit(tmp_path / "kit", ("linux",))


def test_what_fails_halfway_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(make, "_data", full)
    with pytest.raises(InputError, match="No space left on device"):
        make_kit(Kit(tmp_path / "kit", (), lessons=(lesson("06"),)), report=print)
    assert list(tmp_path.iterdir()) == []


# --- Wheels --------------------------------------------------------------------------------------


def made_wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs)]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", "\n".join(lines) + "\n\n")
    return path


STOCK = {
    "a": ("1.0", 'b>=1; sys_platform == "win32"', "c[x]", 'd; python_version < "3.12"'),
    "b": ("2.0",),
    "c": ("1.0", 'e<2; extra == "x"', 'never; extra == "y"'),
    "d": ("1.0",),
    "e": ("1.5",),
}


@pytest.mark.parametrize(
    ("platform", "python", "expected"),
    [("windows", "3.12", "abce"), ("linux", "3.12", "ace"), ("macos", "3.11", "acde")],
)
def test_a_shelf_asks_for_its_own_platform(platform, python, expected, tmp_path, monkeypatch):
    """pip would judge `sys_platform == "win32"` by the teacher's machine."""

    def download(lines, shelf, index):
        for line in lines:
            name = Requirement(line).name
            version = line.partition("==")[2] or STOCK[name][0]
            if version == "0.9":
                return f"ERROR: No matching distribution found for {line}"
            made_wheel(shelf.folder, name, version, *STOCK[name][1:])
        return ""

    monkeypatch.setattr(wheels, "_download", download)
    shelf = wheels.Shelf(tmp_path, wheels.TARGETS[platform], python, {"c": "0.9", "e": "1.2"})
    shelf.fill([Requirement("a")])
    found = sorted(path.name.partition("-py3")[0] for path in tmp_path.iterdir())
    assert found == [f"{name}-{'1.2' if name == 'e' else STOCK[name][0]}" for name in expected]


def test_what_pip_cannot_fetch_is_told_in_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "_download", lambda *_: "ERROR: No matching distribution for a")
    with pytest.raises(InputError, match=r"Python 3\.12: ERROR: No matching distribution for a"):
        wheels.Shelf(tmp_path, wheels.TARGETS["linux"], "3.12", {}).fill([Requirement("a")])


def test_a_kit_for_linux_without_torch_says_so(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(make, "is_reachable", lambda index: False)
    monkeypatch.setattr(wheels.Shelf, "fill", lambda shelf, roots: asked.append(shelf.left_out))
    told = []
    make_kit(Kit(tmp_path / "kit", ("linux",), zipped=False, lessons=()), told.append)
    assert asked == [("alexnet-course", "torch", "torchvision")]
    assert "No torch for Linux" in told[-1] and "--torch ordinary" in told[-1]
    assert json.loads((tmp_path / "kit/students/kit.json").read_text())["without_torch"] == [
        "linux"
    ]


# --- The program that installs -------------------------------------------------------------------


@pytest.fixture
def here(kit, tmp_path, monkeypatch):
    """A learner's copy of the kit, and install.py told to work in it."""
    shutil.copytree(kit / "students", tmp_path / "course")
    for name, value in (("HERE", tmp_path / "course"), ("HOME", tmp_path / "course" / ".venv"),
                        ("READY", tmp_path / "course" / ".venv" / "ready")):  # fmt: skip
        monkeypatch.setattr(install, name, value)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    return tmp_path / "course"


def test_a_damaged_or_missing_file_is_named_and_nothing_is_made(here, capsys):
    (here / "data" / "cat.jpg").write_bytes(b"")
    (here / "kit.json").unlink()
    assert install.main() == 1
    said = capsys.readouterr().err
    assert "Copy this folder anew" in said and "cat.jpg" in said and "kit.json (missing)" in said
    assert not (here / ".venv").exists()


def test_a_notebook_in_which_a_learner_worked_is_no_damage(here, capsys, monkeypatch):
    (here / "notebooks" / lesson("00").file_name).write_text("{}")
    monkeypatch.setattr(sys, "argv", ["install.py", "--check"])
    assert install.main() == 0
    assert "are whole" in capsys.readouterr().out


KIT = {"platforms": ["linux", "windows"], "pythons": ["3.12"], "without_torch": ["linux"]}


@pytest.mark.parametrize(
    ("machine", "python", "words"),
    [
        (("Linux", "aarch64"), (3, 12), "Linux on aarch64; the wheels are for linux, windows"),
        (("Windows", "AMD64"), (3, 9), "This is Python 3.9; the wheels are for 3.12"),
        (("Linux", "x86_64"), (3, 12), "no torch for your platform"),
        (("Windows", "AMD64"), (3, 12), ""),
    ],
)
def test_a_machine_that_the_kit_does_not_fit_is_told(machine, python, words, monkeypatch):
    monkeypatch.setattr(install.platform, "system", lambda: machine[0])
    monkeypatch.setattr(install.platform, "machine", lambda: machine[1])
    monkeypatch.setattr(install.sys, "version_info", python)
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    if not words:
        assert install.fits(KIT, online=False) == ""
        return
    with pytest.raises(install.Trouble, match=re.escape(words)):
        install.fits(KIT, online=False)
    assert install.fits(KIT, online=True) == ""


def test_an_installation_that_fails_leaves_nothing(here, capsys, monkeypatch):
    def fail(online):
        (here / ".venv" / "half").mkdir(parents=True)
        raise install.Trouble("pip says: no.")

    monkeypatch.setattr(install, "fits", lambda kit, online: "")
    monkeypatch.setattr(install, "_environment", lambda borrowed: None)
    monkeypatch.setattr(install, "_pip", fail)
    assert install.main() == 1
    assert "Not installed. pip says: no." in capsys.readouterr().err
    assert not (here / ".venv").exists()


def test_the_installer_needs_the_standard_library_alone():
    text = Path(install.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r"^(?:import|from) (\w+)", text, re.M))
    assert names <= sys.stdlib_module_names


# --- Graders of schools --------------------------------------------------------------------------


def test_each_exercise_is_an_answer_and_a_check_in_both_forms(kit):
    name = lesson("02").file_name
    form = read_notebook(kit / "teacher" / "nbgrader" / "source" / "lesson02" / name)
    marks = [c["metadata"]["nbgrader"] for c in form["cells"] if "nbgrader" in c["metadata"]]
    assert [mark["solution"] for mark in marks] == [True, False] * 3
    assert [mark.get("points") for mark in marks] == [None, 1] * 3
    raw = [source_of(c) for c in read_notebook(kit / "teacher" / "otter" / name)["cells"]
           if c["cell_type"] == "raw"]  # fmt: skip
    assert sum(text.startswith("# BEGIN QUESTION") for text in raw) == 3
    assert not any("../docs" in source_of(c) for c in form["cells"])


WRONG = "def output_size(size, kernel_size, stride, padding):\n    return size\n"


def called(*command: str, folder: Path) -> str:
    """A grader's words; it finds its own tools beside this Python."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PYTHONPATH": str(ROOT), "ALEXNET_PROGRESS": "off", "PATH": tools}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def answered(release: Path, form: Path, out: Path, wrong: bool) -> None:
    """A learner's copy of a released notebook: each answer its solution, or the first one wrong."""
    notebook, own = read_notebook(release), tasks(read_notebook(lesson("02").path), lesson("02"))
    for task in own:
        cell = next(c for c in notebook["cells"] if c["cell_type"] == "code"
                    and f"def {task.answer}(" in source_of(c))  # fmt: skip
        cell["source"] = [WRONG if wrong and task is own[0] else solved_source(task)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.mark.slow
def test_nbgrader_grades_a_solved_and_a_wrong_copy_rightly(kit, tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install nbgrader")
    course, name = tmp_path / "course", lesson("02").file_name
    shutil.copytree(kit / "teacher" / "nbgrader", course)
    called("nbgrader", "generate_assignment", "lesson02", folder=course)
    release = course / "release" / "lesson02" / name
    assert "BEGIN SOLUTION" not in release.read_text()
    for learner, wrong in (("ana", False), ("ben", True)):
        out = course / "submitted" / learner / "lesson02" / name
        answered(release, release, out, wrong)
    called("nbgrader", "autograde", "lesson02", folder=course)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        scores = {who: book.find_submission("lesson02", who).score for who in ("ana", "ben")}
    assert scores == {"ana": 3, "ben": 2}


@pytest.mark.slow
def test_otter_grades_a_solved_and_a_wrong_copy_rightly(kit, tmp_path):
    pytest.importorskip("otter", reason="otter-grader is not installed: pip install otter-grader")
    name = lesson("02").file_name
    shutil.copy(kit / "teacher" / "otter" / name, tmp_path)
    called("otter", "assign", name, "dist", folder=tmp_path)
    (archive,) = (tmp_path / "dist" / "autograder").glob("*.zip")
    release = tmp_path / "dist" / "student" / name
    assert solved_source(tasks(read_notebook(lesson("02").path), lesson("02"))[0]) not in (
        release.read_text()
    )
    for learner, wrong, score in (("ana", False, 3), ("ben", True, 2)):
        answered(release, release, tmp_path / learner / name, wrong)
        called("otter", "run", "-a", str(archive), "-o", str(tmp_path / learner),
               str(tmp_path / learner / name), folder=tmp_path)  # fmt: skip
        results = json.loads((tmp_path / learner / "results.json").read_text())
        assert sum(test["score"] for test in results["tests"] if "max_score" in test) == score


def test_a_statement_is_the_lessons_own():
    notebook = read_notebook(lesson("02").path)
    for task in tasks(notebook, lesson("02")):
        words = schools.statement(task, notebook)
        assert words.startswith(f"**Exercise {task.exercise.id}") and "](../docs" not in words
    assert CHECK.search("nb02.sizes.check(output_size)")
