"""Servers that strangers can reach, and packages with known holes (F40)."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SAFE_TORCH = Version("2.10")
READABLE = {".md", ".yml", ".yaml", ".toml", ".ipynb", ".py", ".txt", ".cfg", ""}
EXPOSES = {
    "an empty token": r"\btoken\s*=\s*(['\"]{2}|\s|$)|--IdentityProvider\.token=(\s|$)",
    "every address": r"\b0\.0\.0\.0\b|--ip[= ]['\"]?\*",
    "a server as root": r"--allow-root",
    "an unguarded server": r"disable_check_xsrf|allow_remote_access\s*=\s*True",
    "the retired channel": r"-c\s+pytorch\b|^\s*-\s+pytorch\s*$",
    "an unverified download": r"verify\s*=\s*False|CERT_NONE|--trusted-host|curl\s+-k\b",
}


def advice() -> list[Path]:
    """What learners read and run: all but the tests, which serve themselves on the loopback."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True
    ).stdout.split("\n")
    names = listed if any(listed) else [str(p.relative_to(ROOT)) for p in ROOT.glob("*")]
    paths = [ROOT / name for name in names if name and not name.startswith(("tests/", "data/"))]
    return [path for path in paths if path.is_file() and path.suffix in READABLE]


@pytest.mark.parametrize("danger", EXPOSES)
def test_f40_nothing_advises(danger):
    paths = advice()
    assert {"README.md", "Makefile", "environment.yml"} <= {path.name for path in paths}
    for path in paths:
        found = re.search(EXPOSES[danger], path.read_text(encoding="utf-8"), re.M)
        assert not found, f"{path.relative_to(ROOT)}: {found[0]!r}"


BAD_ADVICE = {
    "an empty token": "jupyter lab --IdentityProvider.token=\n",
    "every address": "jupyter lab --ip=0.0.0.0",
    "a server as root": "jupyter lab --allow-root",
    "an unguarded server": "--ServerApp.disable_check_xsrf=True",
    "the retired channel": "conda install torch -c pytorch",
    "an unverified download": "pip install --trusted-host x",
}


@pytest.mark.parametrize("danger", EXPOSES)
def test_f40_the_search_would_notice(danger):
    assert re.search(EXPOSES[danger], BAD_ADVICE[danger], re.M)


def lab_options() -> list[str]:
    """What `make lab` passes to JupyterLab."""
    recipe = re.search(r"^lab:.*\n\t(.*)", (ROOT / "Makefile").read_text(), re.M)[1]
    return recipe.partition("-m jupyterlab ")[2].split()


@pytest.mark.slow
def test_f40_make_lab_serves_on_the_loopback_address_and_asks_for_the_token(tmp_path):
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    environ = {**os.environ, **{name: str(tmp_path / name) for name in folders}}
    environ.pop("JUPYTER_TOKEN", None)
    options = [*lab_options(), "--no-browser", "--ServerApp.port=0"]
    if hasattr(os, "getuid") and os.getuid() == 0:
        options.append("--allow-root")  # containers in which tests run
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], cwd=ROOT, env=environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        facts = running_server(tmp_path / "JUPYTER_RUNTIME_DIR", process)
        assert facts["hostname"] in ("localhost", "127.0.0.1", "::1")
        assert len(facts["token"]) >= 32 and not facts["password"]
        address = f"http://127.0.0.1:{facts['port']}/api/contents"
        assert status(address) == 403
        assert status(f"{address}?token=") == 403
        assert status(f"{address}?token={facts['token']}") == 200
        if sys.platform == "linux":  # there the whole of 127.* is at home
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.2", facts["port"]), timeout=5)
    finally:
        process.terminate()
        process.wait(30)


def running_server(folder: Path, process: subprocess.Popen) -> dict:
    """What the server has written about itself, once it answers."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, "JupyterLab ended while starting"
        for path in folder.glob("jpserver-*.json"):
            try:
                facts = json.loads(path.read_text())
                status(f"http://127.0.0.1:{facts['port']}/api")
            except (OSError, ValueError):
                continue
            return facts
        time.sleep(0.2)
    raise TimeoutError("JupyterLab gave no answer")


def status(address: str) -> int:
    """The number of the answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(address, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_f40_no_torch_below_the_security_floor_can_be_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = {Requirement(line).name: Requirement(line) for line in project["dependencies"]}
    assert {Version(s.version) for s in needs["torch"].specifier if s.operator == ">="} == {
        SAFE_TORCH
    }
    assert "pytorch>=2.10" in (ROOT / "environment.yml").read_text()
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.M))
    assert Version(pinned["torch"]) >= SAFE_TORCH
    import torch

    assert Version(torch.__version__) >= SAFE_TORCH


def test_f40_the_audit_counts_what_it_could_not_look_up_as_a_failure():
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^audit:.*\n((?:\t.*\n)+)", makefile, re.M)[1]
    assert "pip_audit" in recipe and "--strict" in recipe
    assert not re.search(r"^\t-|\|\||; *true", recipe, re.M)  # nothing hides its answer
