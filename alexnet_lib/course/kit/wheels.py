"""Wheels for laptops without internet: the course's own, and all that it needs, by pip."""

import base64
import csv
import io
import shutil
import subprocess
import sys
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

import alexnet_lib
from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises.sealed import FILE_NAME, seal
from alexnet_lib.data.files import seal_of

PROJECT = "alexnet-course"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH = ("torch", "torchvision")
_GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")


@dataclass(frozen=True)
class Target:
    """A kind of laptop.

    Attributes:
        tags: of wheels that run there, for pip.
        facts: what a requirement's conditions ask of it.
    """

    tags: tuple[str, ...]
    facts: Mapping[str, str]


TARGETS = {
    "linux": Target(
        (*(f"manylinux_{version}_x86_64" for version in _GLIBC), "manylinux2014_x86_64",
         "manylinux1_x86_64", "linux_x86_64"),
        {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix",
         "platform_machine": "x86_64"},
    ),
    "macos": Target(
        ("macosx_14_0_arm64",),
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix",
         "platform_machine": "arm64"},
    ),
    "windows": Target(
        ("win_amd64",),
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt",
         "platform_machine": "AMD64"},
    ),
}  # fmt: skip
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

# --- The course's own wheel ----------------------------------------------------------------------


def course_wheel(folder: Path, packed: Iterable[str], texts: Mapping[str, str], key: str) -> Path:
    """Write the package as a wheel for learners.

    No build tool is needed: a wheel is an archive of the package with its metadata.

    Args:
        packed: names of modules that are not to be read.
        texts: solutions, sealed with `key`.
    Raises:
        InputError: the package is not installed, so that its metadata are nowhere.
    """
    about, home = _installed(), Path(alexnet_lib.__file__).parent
    info = f"alexnet_course-{about.version}.dist-info"
    path = folder / f"alexnet_course-{about.version}-py3-none-any.whl"
    hidden = {f"{name.replace('.', '/')}.py" for name in packed}
    files = {f"alexnet_lib/course/exercises/{FILE_NAME}": seal(texts, key).encode()}
    for file in sorted(home.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.name != "answers.json":
            name = f"alexnet_lib/{file.relative_to(home).as_posix()}"
            files[name] = _packed(file.read_bytes(), name) if name in hidden else file.read_bytes()
    for name in ("METADATA", "PKG-INFO"):
        if text := about.read_text(name):
            files[f"{info}/METADATA"] = text.encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = (about.read_text("entry_points.txt") or "").encode()
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _installed() -> Distribution:
    try:
        return distribution(PROJECT)
    except PackageNotFoundError as error:
        raise InputError(
            f"{PROJECT} is not installed here, and its metadata go into the kit. In the project's "
            'folder: pip install -e ".[lab]"'
        ) from error


def _packed(source: bytes, name: str) -> bytes:
    """A module that runs as before and shows no source."""
    text = base64.b85encode(zlib.compress(source, 9)).decode()
    return (
        '"""Exercises of the course, packed: their solutions are with the teacher."""\n\n'
        "import base64\nimport zlib\n\n"
        f'TEXT = "{text}"\n'
        f'exec(compile(zlib.decompress(base64.b85decode(TEXT)), "<packed {name}>", "exec"))\n'
    ).encode()


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    """Name, hash and size of every file, as a wheel has to list them."""
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(bytes.fromhex(seal_of(content))).rstrip(b"=").decode()
        table.writerow([name, f"sha256={digest}", len(content)])
    table.writerow([own, "", ""])
    return lines.getvalue().encode()


# --- All that it needs ---------------------------------------------------------------------------


@dataclass
class Shelf:
    """The wheels that one kind of laptop needs, gathered until nothing is missing.

    pip decides about conditions such as `sys_platform == "win32"` by the machine that it runs on.
    So each wheel is fetched alone, and its requirements are read here, for the laptop's platform.

    Attributes:
        preferred: versions to take where they will do: those that the teacher has.
        left_out: names that are not fetched.
    """

    folder: Path
    target: Target
    python: str
    preferred: Mapping[str, str]
    torch_index: str | None = None
    left_out: tuple[str, ...] = ()
    say: Callable[[str], object] = print
    _wheels: dict[str, Path] = field(default_factory=dict)

    def fill(self, roots: Iterable[Requirement]) -> None:
        """Fetch the roots and what they need, what that needs, and so on.

        Raises:
            InputError: pip cannot fetch one of them; with pip's own words.
        """
        roots = list(roots)
        while wanted := self._wanted(roots):
            for name in wanted:  # a version that another package cannot use
                if name in self._wheels:
                    self._wheels.pop(name).unlink()
            ours = [name for name in wanted if name in TORCH and self.torch_index]
            self._fetch({name: wanted[name] for name in ours}, self.torch_index)
            self._fetch({name: wanted[name] for name in wanted if name not in ours}, None)

    def _wanted(self, roots: list[Requirement]) -> dict[str, str]:
        """What is still missing, or there in a version that does not fit: name -> versions."""
        versions: dict[str, list[str]] = {}
        seen, queue = set(), list(roots)
        while queue:
            requirement = queue.pop()
            name = canonicalize_name(requirement.name)
            if name in self.left_out:
                continue
            versions.setdefault(name, []).append(str(requirement.specifier))
            for extra in (*requirement.extras, ""):
                if name in self._wheels and (name, extra) not in seen:
                    seen.add((name, extra))
                    queue += self._needs(self._wheels[name], extra)
        wanted = {name: ",".join(filter(None, some)) for name, some in versions.items()}
        return {name: some for name, some in wanted.items() if not self._has(name, some)}

    def _has(self, name: str, versions: str) -> bool:
        if name not in self._wheels:
            return False
        version = parse_wheel_filename(self._wheels[name].name)[1]
        return Requirement(f"{name}{versions}").specifier.contains(version, prereleases=True)

    def _needs(self, wheel: Path, extra: str) -> Iterator[Requirement]:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            lines = HeaderParser().parsestr(archive.read(name).decode()).get_all("Requires-Dist")
        for requirement in map(Requirement, lines or ()):
            if requirement.marker is None or requirement.marker.evaluate(self._facts(extra)):
                yield requirement

    def _facts(self, extra: str) -> dict[str, str]:
        full = f"{self.python}.0"
        return {
            **self.target.facts,
            "python_version": self.python,
            "python_full_version": full,
            "implementation_version": full,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": extra,
        }

    def _fetch(self, wanted: Mapping[str, str], index: str | None) -> None:
        """Fetch in the preferred versions where that succeeds, one that does not in any that fits.

        Raises:
            InputError: pip cannot fetch one of them.
        """
        pins = {
            name: self.preferred[name]
            for name, versions in wanted.items()
            if name in self.preferred
            and Requirement(f"{name}{versions}").specifier.contains(self.preferred[name])
        }
        while wanted:
            lines = [
                f"{name}=={pins[name]}" if name in pins else f"{name}{versions}"
                for name, versions in wanted.items()
            ]
            trouble = _download(lines, self, index)
            if not trouble:
                break
            failed = next((name for name in pins if f"{name}=={pins[name]}" in trouble), None)
            if failed is None:
                raise InputError(f"pip cannot fetch wheels for Python {self.python}: {trouble}")
            del pins[failed]
        for wheel in self.folder.glob("*.whl"):
            self._wheels[parse_wheel_filename(wheel.name)[0]] = wheel


def _download(lines: list[str], shelf: Shelf, index: str | None) -> str:
    """Let pip fetch these, each alone; the reason where it cannot."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--dest", str(shelf.folder), "--python-version", shelf.python]
    command += ["--implementation", "cp"]
    command += [word for tag in shelf.target.tags for word in ("--platform", tag)]
    if index:
        command += ["--no-index", "--find-links", index] if Path(index).is_dir() else [
            "--index-url", index
        ]  # fmt: skip
    with subprocess.Popen(
        [*command, *lines], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        errors = []
        for line in process.stdout or ():
            if line.startswith("Collecting "):
                shelf.say(line.split()[1])
            elif line.startswith(("ERROR", "error")) or "No module named pip" in line:
                errors.append(line.strip())
    return "" if process.returncode == 0 else " ".join(errors)[-600:] or "pip gave no reason."


def is_reachable(index: str) -> bool:
    """Whether there is an answer from torch's index of builds for a CPU, or such a folder."""
    if not index.startswith("https:"):
        return Path(index).is_dir()
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=10) as answer:
            return answer.status == 200
    except OSError:  # no network, no such page
        return False


def needed(installed: Distribution | None = None) -> list[Requirement]:
    """What the course itself needs, JupyterLab included, from its metadata."""
    lines = (installed or _installed()).requires or ()
    found = map(Requirement, lines)
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": "lab"})]


def teachers_versions(names: Iterable[Distribution]) -> dict[str, str]:
    """Versions that are installed here, without the mark of a build such as +cpu."""
    return {canonicalize_name(one.metadata["Name"]): one.version.partition("+")[0] for one in names}


def move_wheels(source: Path, target: Path) -> None:
    """Put one platform's wheels beside the others'; many of them are the same file."""
    for wheel in source.glob("*.whl"):
        if not (target / wheel.name).exists():
            shutil.move(wheel, target / wheel.name)
