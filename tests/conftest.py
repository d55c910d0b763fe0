"""Fixtures for tests that touch folders, data sources and loopback servers."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from datafiles import BATCHES, archive_for, batch_bytes, tar_of

from alexnet_lib.data.download import Archive

TOGETHER_S = 10  # tests that take longer are handed out one by one
MINUTES = 24  # of `make test` on two quiet cores without AVX-512


def pytest_report_header(config: pytest.Config) -> str | None:
    """What is done, and how long it takes, where all tests run side by side."""
    if not config.getoption("numprocesses", None):
        return None
    return (
        f"All tests, and every notebook through nbval: about {MINUTES} minutes on two quiet cores. "
        "One torch thread per process; the longest run first, so the first percents take longest."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: a long one begun last would keep a single process busy alone.

    The others of a file stay together, since they share what was made for them.
    """
    items.sort(key=seconds_of, reverse=True)
    for item in items:
        if seconds_of(item) <= TOGETHER_S:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def seconds_of(item: pytest.Item) -> float:
    """What `@pytest.mark.slow(seconds=…)` says; tests without it take less than a few."""
    marker = item.get_closest_marker("slow")
    return marker.kwargs.get("seconds", 5) if marker else 0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, and no environment variable that names data."""
    for name in ("ALEXNET_DATA", "ALEXNET_OFFLINE", "ALEXNET_CIFAR10_URLS", "ALEXNET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "data").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def small() -> tuple[Archive, bytes, dict[str, bytes]]:
    """A small official archive: its description, its bytes, its batches."""
    files = {name: batch_bytes(seed) for seed, name in enumerate(BATCHES)}
    content = tar_of({f"cifar-10-batches-py/{name}": data for name, data in files.items()})
    return archive_for(content, files), content, files


Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], str]]:
    """Start loopback servers that answer GET with a function; all stop with the test."""
    monkeypatch.setenv("no_proxy", "*")  # whatever proxy this machine uses for the web
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client has left, as some tests want

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
