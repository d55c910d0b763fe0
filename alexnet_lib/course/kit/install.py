"""Install the course from this folder, without internet.

Run it as `python install.py`. It checks every file, makes an environment in the folder .venv, and
installs the wheels that lie in the folder wheels. Nothing outside this folder is changed. Python's
own library is enough.
"""

from __future__ import annotations  # an old Python has to come as far as saying so

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOME = HERE / ".venv"
READY = HOME / "ready"  # written last: without it, an installation was interrupted
PLATFORMS = {
    ("Linux", "x86_64"): "linux",
    ("Darwin", "arm64"): "macos",
    ("Windows", "AMD64"): "windows",
}
_GROWS = 5  # times the wheels' size, when they are unpacked


class Trouble(Exception):  # noqa: N818
    """What stands in the way, and what to do about it."""


def main() -> int:
    """Check, install, say what to do next; 1 where something stands in the way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--online", action="store_true", help="fetch what is missing from PyPI")
    parser.add_argument("--check", action="store_true", help="check the files, install nothing")
    args = parser.parse_args()
    try:
        count = check_files(HERE)
        print(f"All {count} files are whole.")
        if not args.check and not READY.exists():
            install(json.loads((HERE / "kit.json").read_text(encoding="utf-8")), args.online)
    except Trouble as trouble:
        print(f"\nNot installed. {trouble}", file=sys.stderr)
        return 1
    if not args.check:
        print(f"\nReady. To start: {start_file()}")
    return 0


# --- Before anything is made ---------------------------------------------------------------------


def check_files(folder: Path) -> int:
    """Compare every file with SHA256SUMS; how many there are.

    Raises:
        Trouble: with the names of files that are missing or damaged.
    """
    try:
        lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Trouble(f"Copy the whole folder: SHA256SUMS cannot be read ({error}).") from None
    wrong = []
    for i, line in enumerate(lines, 1):
        seal, _, name = line.partition("  ")
        changes = name.startswith("notebooks/")  # a learner has worked in it
        print(f"\rChecking file {i} of {len(lines)} ", end="", flush=True)
        if not (folder / name).is_file():
            wrong.append(f"{name} (missing)")
        elif not changes and digest(folder / name) != seal:
            wrong.append(name)
    print()
    if wrong:
        raise Trouble(f"Copy this folder anew; missing or damaged: {', '.join(wrong[:5])}.")
    return len(lines)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    seal = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            seal.update(chunk)
    return seal.hexdigest()


def fits(kit: dict[str, Any], online: bool) -> str:
    """Where this Python's own torch lies, if the kit has none for this platform; else "".

    Raises:
        Trouble: the kit has nothing for this machine.
    """
    here = PLATFORMS.get((platform.system(), platform.machine()))
    mine = "{}.{}".format(*sys.version_info[:2])
    if online:
        return ""
    if not kit["platforms"]:
        raise Trouble("This kit has no wheels. With internet: python install.py --online")
    if here not in kit["platforms"]:
        raise Trouble(
            f"This is {platform.system()} on {platform.machine()}; the wheels are for "
            f"{', '.join(kit['platforms'])}. With internet: python install.py --online"
        )
    if mine not in kit["pythons"]:
        raise Trouble(
            f"This is Python {mine}; the wheels are for {', '.join(kit['pythons'])}. Install one "
            "of these from python.org, and start this file with it."
        )
    if here not in kit["without_torch"]:
        return ""
    found = [importlib.util.find_spec(name) for name in ("torch", "torchvision")]
    if not all(found):
        raise Trouble(
            "This kit has no torch for your platform. Let your teacher make it anew where "
            "download.pytorch.org is reached, or with --torch ordinary. With internet: "
            "python install.py --online"
        )
    print("The kit has no torch for this platform; the one of this Python is used.")
    return str(Path(found[0].origin).parents[1])


def check_room(folder: Path) -> None:
    """Refuse a disk that is too full.

    Raises:
        Trouble: with what is free and what is needed.
    """
    wheels = sum(file.stat().st_size for file in (folder / "wheels").glob("*.whl"))
    free, needed = shutil.disk_usage(folder).free, _GROWS * wheels
    if free < needed:
        raise Trouble(f"{free / 1e9:.1f} GB are free here; about {needed / 1e9:.1f} are needed.")


# --- The installation ----------------------------------------------------------------------------


def install(kit: dict[str, Any], online: bool) -> None:
    """Make the environment; what an interrupted installation left is removed first.

    Raises:
        Trouble: it cannot be made; nothing of it stays.
    """
    borrowed = fits(kit, online)
    check_room(HERE)
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        print("Making the environment .venv ...")
        _environment(borrowed)
        print("Installing (some minutes) ...")
        _pip(online)
        _settle(kit["data"])
        _write_start()
    except BaseException:
        shutil.rmtree(HOME, ignore_errors=True)
        raise
    READY.touch()


def _environment(borrowed: str) -> None:
    try:
        venv.create(HOME, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Trouble(
            f"No environment could be made ({error}). On Debian or Ubuntu: apt install python3-venv"
        ) from None
    if borrowed:
        (_packages() / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")


def _pip(online: bool) -> None:
    """Install from the wheels alone, whatever pip is told elsewhere on this machine."""
    command = [python(), "-m", "pip", "--isolated", "install", "--disable-pip-version-check"]
    command += ["--quiet", "--find-links", str(HERE / "wheels"), "alexnet-course[lab]"]
    command += [] if online else ["--no-index"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"pip says: {done.stderr.strip()[-800:]}")


def _settle(data: str) -> None:
    """Tell this environment where the course and its pictures lie; nothing is sought on the web."""
    values = {"ALEXNET_HOME": str(HERE), "ALEXNET_OFFLINE": "1", "ALEXNET_DATA": data}
    given = {name: value for name, value in values.items() if value}
    line = f"import os; [os.environ.setdefault(*pair) for pair in {list(given.items())!a}]\n"
    (_packages() / "alexnet_home.pth").write_text(line, encoding="ascii")


def _packages() -> Path:
    """Where the environment's own packages lie."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python(), "-c", ask], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip())


def _write_start() -> None:
    """A file to start with a double click."""
    first = "notebooks/00_start_here.ipynb"
    if os.name == "nt":
        text = f'@cd /d "%~dp0"\r\n@.venv\\Scripts\\python -m jupyterlab {first}\r\n'
    else:
        text = f'#!/bin/sh\ncd "$(dirname "$0")" && exec .venv/bin/python -m jupyterlab {first}\n'
    start_file().write_bytes(text.encode("ascii"))
    start_file().chmod(0o755)


def start_file() -> Path:
    """What starts the course on this machine."""
    return HERE / ("start.bat" if os.name == "nt" else "start.sh")


def python() -> str:
    """The environment's own Python."""
    return str(HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


if __name__ == "__main__":
    sys.exit(main())
