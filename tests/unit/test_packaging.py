"""environment.yml, pyproject.toml, constraints.txt and README say the same; a wheel is whole."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="Python 3.10 reads TOML through tomli")

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {"pytorch": "torch"}


def required() -> dict[str, Requirement]:
    lines = [*PROJECT["dependencies"], *EXTRAS["lab"], *EXTRAS["test"]]
    return {name(r): r for r in map(Requirement, lines)}


def name(requirement: Requirement) -> str:
    return requirement.name.lower()


def conda() -> dict[str, str]:
    """Package name as pip has it -> version specifier, from environment.yml."""
    found = {}
    for entry in environment()["dependencies"]:
        if isinstance(entry, str) and not re.match(r"(python|pip)\b", entry):
            package, specifier = re.fullmatch(r"([\w.-]+)(.*)", entry).groups()
            found[CONDA_NAMES.get(package, package)] = specifier
    return found


def environment() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_conda_and_pip_name_the_same_packages_and_versions():
    from_pip = {key: set(str(r.specifier).split(",")) for key, r in required().items()}
    assert {key: set(spec.split(",")) for key, spec in conda().items()} == from_pip


def test_conda_uses_conda_forge_alone_and_installs_the_clone():
    assert environment()["channels"] == ["conda-forge", "nodefaults"]
    assert {"pip": ["-e ."]} in environment()["dependencies"]


def test_conda_python_is_one_that_the_project_supports():
    (pinned,) = [d for d in environment()["dependencies"] if str(d).startswith("python=")]
    supported = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert pinned.removeprefix("python=") in supported


def test_constraints_pin_each_direct_requirement_within_its_range():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {name(r): r for r in map(Requirement, filter(lambda x: x and x[0] != "#", lines))}
    more = [*EXTRAS["browser"], *EXTRAS["docs"]]
    everything = required() | {name(r): r for r in map(Requirement, more)}
    assert set(pins) == set(everything)
    for key, requirement in everything.items():
        (pin,) = pins[key].specifier
        assert pin.operator == "==" and pin.version in requirement.specifier, key


@pytest.mark.parametrize("package", sorted(required()))
def test_installed_version_satisfies_the_range(package):
    assert version(package) in required()[package].specifier


def test_torch_floor_is_the_security_floor():
    assert "2.9.1" not in required()["torch"].specifier
    assert "2.10.0" in required()["torch"].specifier


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as pip would install it, unpacked far from the clone."""
    pytest.importorskip("setuptools", minversion="70.1", reason="older ones make no wheel alone")
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "alexnet_lib", folder / "source" / "alexnet_lib", ignore=ignored)
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, folder / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(folder / "source")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_package(wheel):
    def files(folder):
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return {str(path) for path in found if "__pycache__" not in path.parts}

    assert files(wheel / "alexnet_lib") == files(ROOT / "alexnet_lib")


WITHOUT_CLONE = """
import pkgutil, sys
from importlib import import_module
import alexnet_lib
for module in pkgutil.walk_packages(alexnet_lib.__path__, "alexnet_lib."):
    import_module(module.name)
from alexnet_lib.cli.main import main
from alexnet_lib.data.files import clone
print(alexnet_lib.__file__, clone())
sys.exit(main(["experiment", "verdicts"]))
"""


@pytest.mark.slow
def test_a_wheel_works_without_the_clone(wheel, tmp_path):
    environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    environment |= {"PYTHONPATH": str(wheel), "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_CLONE], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{wheel / 'alexnet_lib' / '__init__.py'} None")
    assert "not yet run" in done.stdout
    assert "there are no records in" in done.stdout and "set ALEXNET_HOME" in done.stdout
