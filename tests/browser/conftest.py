"""A JupyterLab server and a Chromium for the session; without them the tests say so and skip."""

import functools
import http.server
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import nbformat
import pytest

if TYPE_CHECKING:
    from lab import Lab

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
START_TIMEOUT_S = 60
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}  # of a page without a kernel
PROGRESS = "progress"  # beside the notebooks' folder; each test begins without

_OWN_FOLDERS = (
    "JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR",
    "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
)  # fmt: skip
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
_CHROMIUM_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def need(*modules: str) -> None:
    """Skip, with the reason, where Chromium or a module is not installed."""
    for module in modules:
        if not importlib.util.find_spec(module):
            pytest.skip(f"{module} is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Within the block, a plain server of files; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Server(NamedTuple):
    """Where it answers, the folder that it shows, and its process, the last of those it had."""

    address: str
    notebooks: Path
    processes: list[subprocess.Popen]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a copy of the notebooks, without their outputs."""
    need("playwright", "jupyterlab")
    root = tmp_path_factory.mktemp("lab")
    _copy_notebooks(root / "notebooks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Server(f"http://127.0.0.1:{port}", root / "notebooks", [_start(root, port)])
    try:
        _wait_for(f"{running.address}/api/status", running.processes[-1])
        yield running
    finally:
        _end(running.processes[-1])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, one for all tests; nothing outside this machine is asked for."""
    need("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(_CHROMIUM_OPTIONS)
        )
        yield browser
        browser.close()


@pytest.fixture
def lab(server: Server, chromium: Any, tmp_path: Path) -> Iterator["Lab"]:
    """A page of its own; its kernel ends with the test (a kernel takes 0.7 GB)."""
    from lab import Lab

    shutil.rmtree(server.notebooks.parent / PROGRESS, ignore_errors=True)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    screenshots = Path(os.environ.get("ALEXNET_SCREENSHOTS") or tmp_path)
    yield Lab(page, server.address, screenshots)
    page.close()
    sessions = f"{server.address}/api/sessions"
    for session in json.load(_ask(sessions)):
        _ask(f"{sessions}/{session['id']}", "DELETE")


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def theme(request: pytest.FixtureRequest, server: Server) -> str:
    """The page's theme, set before it is opened."""
    folder = server.notebooks.parent / "jupyterlab_settings_dir" / "@jupyterlab"
    settings = folder / "apputils-extension" / "themes.jupyterlab-settings"
    settings.write_text(json.dumps({"theme": request.param}))
    request.addfinalizer(settings.unlink)
    return request.param


@pytest.fixture
def restart(server: Server) -> Callable[[], None]:
    """End the server, with all kernels, and start it again: the next day."""

    def again() -> None:
        _end(server.processes[-1])
        port = int(server.address.rpartition(":")[2])
        server.processes.append(_start(server.notebooks.parent, port))
        _wait_for(f"{server.address}/api/status", server.processes[-1])

    return again


def _copy_notebooks(folder: Path) -> None:
    """Without outputs, a cell has a number as soon as it has run here."""
    folder.mkdir()
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / path.name)


def _start(root: Path, port: int) -> subprocess.Popen:
    folders = {name: str(root / name.lower()) for name in _OWN_FOLDERS}
    for name, values in _SETTINGS.items():
        extension, plugin = name.split("/")
        path = root / "jupyterlab_settings_dir" / "@jupyterlab" / extension
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{plugin}.jupyterlab-settings").write_text(json.dumps(values))
    options = [
        "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={root}",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        env={
            **os.environ,
            **folders,
            "ALEXNET_LEVEL": "lesson",
            "ALEXNET_PROGRESS": str(root / PROGRESS),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a process group of its own, to be ended by its id
    )


def _end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with {process.returncode} while starting.")
        try:
            _ask(address)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"JupyterLab gave no answer within {START_TIMEOUT_S} s.")


def _ask(address: str, method: str = "GET") -> Any:
    return urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=30)
