"""Fixtures for tests that touch folders, data sources and loopback servers."""

import hashlib
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from alexnet_lib.data.download import Archive

BATCHES = ("data_batch_1", "data_batch_2", "test_batch")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, and no environment variable that names data."""
    for name in ("ALEXNET_DATA", "ALEXNET_OFFLINE", "ALEXNET_CIFAR10_URLS", "ALEXNET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "data").mkdir(parents=True)
    return tmp_path / "home"


def batch_bytes(seed: int, count: int = 20) -> bytes:
    """A batch as the official ones are: a pickled dict of bytes keys, protocol 2."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.randint(0, 256, (count, 3072), generator=generator, dtype=torch.uint8)
    return pickle.dumps({b"data": data.numpy(), b"labels": [i % 10 for i in range(count)]}, 2)


def tar_of(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar of these files, in memory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def archive_for(content: bytes, files: dict[str, bytes], urls: tuple[str, ...] = ()) -> Archive:
    """What a small archive must look like: the checks of the real one, other numbers."""
    return Archive(
        file_name="cifar-10-python.tar.gz",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        urls=urls,
        batches={name: hashlib.md5(files[name]).hexdigest() for name in files},
    )


@pytest.fixture
def small() -> tuple[Archive, bytes, dict[str, bytes]]:
    """A small official archive: its description, its bytes, its batches."""
    files = {name: batch_bytes(seed) for seed, name in enumerate(BATCHES)}
    content = tar_of({f"cifar-10-batches-py/{name}": data for name, data in files.items()})
    return archive_for(content, files), content, files


Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start loopback servers that answer GET with a function; all stop with the test."""
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
