"""Faults of the download, F01–F09: small archives on loopback servers, the real checks on them."""

import hashlib
import io
import os
import pickle
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import replace
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from datafiles import archive_for, tar_of

from alexnet_lib.data import download
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.download import DownloadError, Patience, download_archive
from alexnet_lib.data.images import DataError
from alexnet_lib.data.sources import read_source


def send(request, content: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    request.send_header("Content-Length", headers.pop("length", str(len(content))))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(content)


def send_range(request, content: bytes) -> None:
    """Answer as a server that knows Range."""
    start = int((request.headers.get("Range") or "bytes=0-").split("=")[1].rstrip("-"))
    if start:
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        send(request, content[start:], 206, Content_Range=span)
    else:
        send(request, content)


@pytest.fixture
def fetch(tmp_path, small, monkeypatch):
    """Download the small archive from these addresses into tmp_path/data."""
    monkeypatch.delenv("ALEXNET_CIFAR10_URLS", raising=False)
    monkeypatch.setenv("no_proxy", "*")

    def run(*urls: str, **patience: float) -> Path:
        archive = replace(small[0], urls=urls)
        patience = Patience(**{"timeout_s": 2.0, **patience})
        return download_archive(tmp_path / "data", archive, patience, lambda _: None)

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_f01_cut_connection_is_resumed_by_range(fetch, serve, small, tmp_path):
    content, asked = small[1], []
    cut = 4 * len(content) // 10

    def answer(request):
        asked.append(request.headers.get("Range"))
        if len(asked) == 1:
            send(request, content[:cut], length=str(len(content)))
            request.close_connection = True
        else:
            send_range(request, content)

    url = serve(answer)
    with pytest.raises(DownloadError, match=f"{cut:,} of {len(content):,} bytes"):
        fetch(url)
    assert names(tmp_path / "data") == ["cifar-10-python.tar.gz.part"]
    assert fetch(url).read_bytes() == content
    assert asked == [None, f"bytes={cut}-"]
    assert names(tmp_path / "data") == ["cifar-10-python.tar.gz"]


@pytest.mark.parametrize("ignores", ["range", "start"])
def test_f01_a_server_that_ignores_range_is_read_from_the_start(
    fetch, serve, small, tmp_path, ignores
):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar-10-python.tar.gz.part").write_bytes(b"x" * 100)

    def answer(request):
        if ignores == "range":
            send(request, small[1])
        else:
            send(request, small[1], 206, Content_Range=f"bytes 0-{len(small[1]) - 1}/*")

    assert fetch(serve(answer)).read_bytes() == small[1]


def test_f01_the_next_address_goes_on_where_the_first_was_cut(fetch, serve, small):
    content, asked = small[1], []

    def cuts(request):
        send(request, content[:1000], length=str(len(content)))
        request.close_connection = True

    def goes_on(request):
        asked.append(request.headers.get("Range"))
        send_range(request, content)

    assert fetch(serve(cuts), serve(goes_on)).read_bytes() == content
    assert asked == ["bytes=1000-"]


class Canary:
    def __reduce__(self):
        return (os.mkdir, ("canary-was-here",))


def test_f02_html_page_is_refused_by_size(fetch, serve, small, tmp_path):
    url = serve(lambda request: send(request, b"<html>sorry</html>"))
    with pytest.raises(DownloadError, match=f"18 bytes; expected {len(small[1]):,}"):
        fetch(url)
    with pytest.raises(DownloadError, match=url):
        fetch(url)


def test_f02_altered_archive_is_refused_by_hash_and_never_unpickled(
    fetch, serve, small, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    evil = tar_of({"cifar-10-batches-py/data_batch_1": pickle.dumps(Canary())})
    evil += b"\0" * (len(small[1]) - len(evil))
    url = serve(lambda request: send(request, evil))
    with pytest.raises(DownloadError) as caught:
        fetch(url)
    for part in (hashlib.sha256(evil).hexdigest(), small[0].sha256, url):
        assert part in str(caught.value)
    assert names(tmp_path / "data") == []
    assert not (tmp_path / "canary-was-here").exists()


def test_f02_a_pickle_that_asks_for_more_than_arrays_never_runs(tmp_path, small, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {**small[2], "data_batch_1": pickle.dumps(Canary())}
    archive = archive_for(b"", files)  # even where every hash agrees
    (tmp_path / "a.tar").write_bytes(tar_of(files))
    with pytest.raises(DataError, match=r"data_batch_1 is not a CIFAR-10 batch.*mkdir"):
        read_source(tmp_path / "a.tar", archive)
    assert not (tmp_path / "canary-was-here").exists()


@pytest.mark.parametrize("fault", ["stalls", "slow", "refuses", "503"])
def test_f03_the_next_address_is_tried_in_time(fetch, serve, small, fault):
    stop = threading.Event()

    def answer(request):
        if fault == "503":
            send(request, b"busy", 503)
        elif fault == "stalls":
            stop.wait(20)
        else:
            send(request, b"", length=str(len(small[1])))
            for _ in range(200):
                request.wfile.write(b"x")
                if stop.wait(0.1):
                    return

    bad = "http://127.0.0.1:9/closed" if fault == "refuses" else serve(answer)
    good = serve(lambda request: send_range(request, small[1]))
    started = time.monotonic()
    try:
        # The slow one lies, too: the hash finds out, and the good one is read from the start.
        assert fetch(bad, good, timeout_s=1.0, window_s=1.0).read_bytes() == small[1]
    finally:
        stop.set()
    assert time.monotonic() - started < 15


def test_f03_the_last_message_explains_what_to_do_by_hand(fetch, tmp_path):
    with pytest.raises(DownloadError) as caught:
        fetch("http://127.0.0.1:9/a", "http://127.0.0.1:9/b")
    message = str(caught.value)
    for part in ("127.0.0.1:9/a", "127.0.0.1:9/b", str(tmp_path / "data"), "ALEXNET_DATA"):
        assert part in message


def test_f03_own_addresses_come_first(fetch, serve, small, monkeypatch):
    url = serve(lambda request: send(request, small[1]))
    monkeypatch.setenv("ALEXNET_CIFAR10_URLS", f"{url}\n{url}")
    assert fetch("http://127.0.0.1:9/never-asked").exists()


NO_ADDRESS = (
    "nonsense", "https:", "https:///a", "https://[::1", "https://[x]/a", "https://h:port/a",
    "https://h:99999/a", "https://h:99999999999999999999/a", "https://h:-1/a", "https://.example/",
    "https://a..b/", f"https://{'a' * 70}.example/", "https://127.0.0.1:9/bä", "https://h/\x01",
)  # fmt: skip


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_f03_what_is_no_address_is_passed_over(fetch, serve, small, tmp_path, url):
    assert fetch(url, serve(lambda request: send(request, small[1]))).read_bytes() == small[1]
    (tmp_path / "data" / small[0].file_name).unlink()
    with pytest.raises(DownloadError, match=re.escape(url)):
        fetch(url)


def test_f03_own_addresses_that_are_none_are_passed_over(fetch, serve, small, monkeypatch):
    monkeypatch.setenv("ALEXNET_CIFAR10_URLS", "https://[::1 https://h:port/a nonsense")
    assert fetch(serve(lambda request: send(request, small[1]))).exists()


LENGTHS = ("", "abc", "-5", "5e3", "1_000", "+1", "1, 1", "9" * 30, "x" * 5000, "ÿ")


@pytest.mark.parametrize("length", LENGTHS)
def test_f03_a_length_that_is_none_sends_to_the_next_address(fetch, serve, small, length):
    bad = serve(lambda request: send(request, small[1], length=length))
    with pytest.raises(DownloadError, match=re.escape(f"it offers {length[:40]} bytes; expected")):
        fetch(bad)
    assert fetch(bad, serve(lambda request: send(request, small[1]))).read_bytes() == small[1]


def test_f03_a_length_that_is_not_told_does_not_matter(fetch, serve, small):
    url = serve(lambda request: request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + small[1]))
    assert fetch(url).read_bytes() == small[1]


REDIRECTS = (
    "", "//", "http:", "http://[::1", "https://[x]/", "https://h:port/", "https://a..b/",
    "http://127.0.0.1:99999999999999999999/", "mailto:a", "file:///a", "https://ä/", "ÿ",
)  # fmt: skip


@pytest.mark.parametrize("place", [*REDIRECTS, None])
def test_f03_a_redirect_to_nowhere_sends_to_the_next_address(fetch, serve, small, place):
    headers = {} if place is None else {"Location": place}
    bad = serve(lambda request: send(request, b"", 302, **headers))
    assert fetch(bad, serve(lambda request: send(request, small[1]))).read_bytes() == small[1]


OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "nothing": b"",
    "no status": b"hello\r\n\r\n",
    "a status in words": b"HTTP/1.1 fine OK\r\n\r\n",
    "a negative status": b"HTTP/1.1 -200 OK\r\n\r\n",
    "no content": b"HTTP/1.1 204 None\r\n\r\n",
    "a header without end": OK + b"A" * 70_000,
    "headers without end": OK + b"A: b\r\n" * 200,
    "chunks in words": OK + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello",
    "negative chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello",
    "a range in words": b"HTTP/1.1 206 Part\r\nContent-Range: some\r\n\r\nhello",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_f03_an_answer_that_is_none_sends_to_the_next_address(fetch, serve, small, answer):
    bad = serve(lambda request: request.wfile.write(ANSWERS[answer]))
    assert fetch(bad, serve(lambda request: send(request, small[1]))).read_bytes() == small[1]


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a self-signed certificate")
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    names = ["-keyout", key, "-out", file, "-subj", "/CN=localhost"]
    subprocess.run([*command, *names], check=True, capture_output=True, timeout=60)
    return file, key


def test_f04_an_unverified_certificate_is_refused_and_never_got_around(
    fetch, tmp_path, certificate
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    class Quiet(HTTPServer):
        def handle_error(self, request, client_address):
            pass  # the client hangs up during the handshake

    server = Quiet(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        with pytest.raises(DownloadError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(f"https://localhost:{server.server_port}/a")
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd"]
)
def test_f04_only_https_is_asked(fetch, url):
    with pytest.raises(DownloadError, match="refused; expected an https address"):
        fetch(url)


def test_f04_a_redirect_to_plain_http_is_refused(fetch, serve):
    url = serve(lambda request: send(request, b"", 302, Location="http://example.org/a"))
    with pytest.raises(DownloadError, match=r"http://example\.org/a refused"):
        fetch(url)


def hostile(kind: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        if kind == "link":
            member = tarfile.TarInfo("train/cat/a.jpg")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
        else:
            member = tarfile.TarInfo(
                {"parent": "../train/cat/a.jpg", "root": "/train/cat/a.jpg"}[kind]
            )
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["parent", "root", "link"])
def test_f05_members_that_lead_outside_are_refused(tmp_path, kind):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(hostile(kind))
    with pytest.raises(DataError, match="refused"):
        read_source(tmp_path / "in" / "a.tar")
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == ["a.tar"]


@pytest.mark.parametrize("damage", ["cut", "one byte"])
def test_f06_a_damaged_batch_is_caught_and_the_archive_used_without_download(home, small, damage):
    archive, content, files = small
    folder = home / "data" / "cifar-10-batches-py"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    broken = bytearray(files["data_batch_2"])
    broken[5000] ^= 1
    (folder / "data_batch_2").write_bytes(broken[:-1] if damage == "cut" else broken)
    (home / "data" / archive.file_name).write_bytes(content)
    messages = []
    data = load_cifar10(archive=archive, report=messages.append)  # no address: cannot download
    assert data.name == "CIFAR-10"
    assert "data_batch_2 is damaged" in messages[0]


CHILD = """
import sys
from pathlib import Path
from alexnet_lib.data.download import Archive, download_archive
folder, url, size, sha256 = sys.argv[1:]
archive = Archive("cifar-10-python.tar.gz", int(size), sha256, (url,), {})
print(download_archive(Path(folder), archive, report=lambda _: None))
"""


@pytest.mark.slow
def test_f07_two_processes_fetch_at_once(serve, small, tmp_path):
    archive, content, _ = small
    asked = []

    def answer(request):
        asked.append(1)
        time.sleep(0.5)
        send_range(request, content)

    arguments = [str(tmp_path / "data"), serve(answer), str(archive.size_bytes), archive.sha256]
    command = [sys.executable, "-c", CHILD, *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "ALEXNET_CIFAR10_URLS"}
    children = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    assert (tmp_path / "data" / archive.file_name).read_bytes() == content
    assert names(tmp_path / "data") == [archive.file_name]
    if os.name == "posix":
        assert len(asked) == 1


def test_f08_a_folder_that_cannot_be_written_is_told_before_the_download(serve, small, tmp_path):
    (tmp_path / "data").write_text("a file in the folder's place")
    asked = []
    archive = replace(small[0], urls=(serve(lambda request: asked.append(1)),))
    with pytest.raises(DownloadError, match="cannot write to"):
        download_archive(tmp_path / "data", archive)
    assert asked == []


def test_f08_too_little_space_is_told_before_the_download(fetch, serve, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=1234)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    asked = []
    with pytest.raises(DownloadError, match=r"1,234 bytes free; expected"):
        fetch(serve(lambda request: asked.append(1)))
    assert asked == []
    assert names(tmp_path / "data") in ([], ["cifar-10-python.tar.gz.part"])


def test_f09_without_a_network_one_failure_is_remembered(home, small, monkeypatch):
    monkeypatch.setattr("alexnet_lib.data.cifar10.synthetic_images", lambda: small_stand_in())
    archive = replace(small[0], urls=("http://127.0.0.1:9/a",))
    first, second = [], []
    data = load_cifar10(archive=archive, report=first.append)
    assert data.name == "synthetic stand-in"
    assert any("could not be fetched" in message for message in first)
    assert "SYNTHETIC STAND-IN" in first[-1]
    load_cifar10(archive=archive, report=second.append)
    assert "failed 0 minutes ago" in second[0]
    assert not any("Fetching" in message for message in second)


def small_stand_in():
    from alexnet_lib.data.synthetic import synthetic_images

    return synthetic_images(10, 10)


def test_f09_a_download_that_works_is_loaded_and_kept(home, serve, small):
    archive = replace(small[0], urls=(serve(lambda request: send_range(request, small[1])),))
    assert load_cifar10(archive=archive, report=lambda _: None).name == "CIFAR-10"
    assert names(home / "data") == ["cache", archive.file_name]
    again = load_cifar10(archive=replace(archive, urls=()), report=lambda _: None)
    assert again.name == "CIFAR-10"
