"""Writing files so that a final name never holds half a file."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest
import torch
from safetensors.torch import save_file

from alexnet_lib.checks import InputError
from alexnet_lib.data import files
from alexnet_lib.data.files import atomic_write, check_seal, lock, seal_of, sweep_temporary
from alexnet_lib.data.images import DataError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_success_leaves_only_the_final_name(tmp_path):
    target = tmp_path / "new" / "file"
    with atomic_write(target) as temporary:
        assert temporary.parent == target.parent
        temporary.write_text("whole")
        assert not target.exists()
    assert names(target.parent) == ["file"]
    assert target.read_text() == "whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_keeps_the_old_file_and_no_other(tmp_path, error):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(error), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise error
    assert names(tmp_path) == ["file"]
    assert target.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_f13_the_mode_follows_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "file") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_files_that_another_thread_makes_meanwhile_obey_the_umask(tmp_path, monkeypatch):
    done, modes = threading.Event(), set()

    def elsewhere():
        while not done.is_set():
            path = tmp_path / "another's"
            path.touch()
            modes.add(path.stat().st_mode & 0o777)
            path.unlink()

    set_umask = os.umask

    def and_let_others_work(mask):
        before = set_umask(mask)
        time.sleep(0.05)
        return before

    before = os.umask(0o077)
    thread = threading.Thread(target=elsewhere)
    try:
        thread.start()
        monkeypatch.setattr(os, "umask", and_let_others_work)
        for _ in range(5):
            with atomic_write(tmp_path / "ours"):
                time.sleep(0.01)
    finally:
        done.set()
        thread.join()
        set_umask(before)
    assert modes == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_a_library_that_replaces_the_temporary_file_does_not_change_its_mode(tmp_path):
    before = os.umask(0o022)
    try:
        with atomic_write(tmp_path / "weights") as temporary:
            save_file({"a": torch.zeros(2)}, temporary)
    finally:
        os.umask(before)
    assert (tmp_path / "weights").stat().st_mode & 0o777 == 0o644


def test_f13_the_temporary_file_is_not_in_tmpdir(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    with atomic_write(tmp_path / "here" / "file") as temporary:
        assert temporary.parent == tmp_path / "here"


def test_a_file_in_the_folders_place_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError), atomic_write(tmp_path / "file" / "below"):
        pass


def test_sweep_removes_only_temporary_files(tmp_path):
    (tmp_path / ".file.abc.alexnet-tmp").write_text("orphan")
    (tmp_path / ".notes.tmp").write_text("the user's")
    assert sweep_temporary(tmp_path) == 1
    assert names(tmp_path) == [".notes.tmp"]


def test_a_seal_is_the_sha256_of_texts_bytes_and_files_in_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_CHUNK_BYTES", 100)
    (tmp_path / "file").write_bytes(bytes(range(256)) * 10)
    expected = hashlib.sha256("α".encode() + b"b" + bytes(range(256)) * 10).hexdigest()
    assert seal_of("α", b"b", tmp_path / "file") == expected
    check_seal("the file", expected, "αb", tmp_path / "file")
    name = os.fsdecode(b"caf\xe9")  # a file's name need not be UTF-8
    assert seal_of(name) == hashlib.sha256(b"caf\xe9").hexdigest() or os.name == "nt"


def test_what_does_not_fit_its_seal_is_refused_by_name_with_what_to_do():
    told = f"a.json was edited or damaged: its SHA-256 is {seal_of('b')}; expected {seal_of('a')}. "
    with pytest.raises(DataError, match=f"^{told}Restore it.$"):
        check_seal("a.json", seal_of("a"), "b", error=DataError, advice="Restore it.")
    with pytest.raises(InputError, match=r"expected None\.$"):
        check_seal("a.json", None, "b")


def test_a_locked_folder_is_refused_or_waited_for(tmp_path):
    entered = threading.Event()

    def second():
        with lock(tmp_path):
            entered.set()

    with lock(tmp_path, wait=False):
        with pytest.raises(TimeoutError), lock(tmp_path, wait=False):
            pass
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    thread.join()
    with lock(tmp_path, wait=False):
        pass


HOLDER = """
import sys, time
from alexnet_lib.data.files import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_lock_ends_with_the_process_that_holds_it(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError), lock(tmp_path, wait=False):
            pass
        holder.kill()
        holder.wait(30)
    with lock(tmp_path, wait=False):
        pass


def test_a_folder_that_cannot_hold_a_lock_keeps_nobody_out(tmp_path):
    with lock(tmp_path / "absent", wait=False):
        pass


def test_a_record_keeps_every_space_inside_its_strings(tmp_path):
    values = {"data": "big  dog", "row": ["two  spaces", "a [b,  c]"], "note": "[ 1,   2 ]"}
    files.write_json(tmp_path / "a.json", values)
    assert json.loads((tmp_path / "a.json").read_text()) == values


def test_a_record_has_a_line_for_a_name_and_a_line_for_a_row():
    values = {"a": [1, 2.5], "b": [[1], []], "c": {"d": None, "e": {}}, 3: [{"f": True}], "g": ()}
    assert files.json_text(values).splitlines() == [
        "{", '  "a": [ 1, 2.5 ],', '  "b": [', "    [ 1 ],", "    []", "  ],", '  "c": {',
        '    "d": null,', '    "e": {}', "  },", '  "3": [', "    {", '      "f": true', "    }",
        "  ],", '  "g": []', "}",
    ]  # fmt: skip


def test_written_anew_the_kept_records_have_the_same_bytes():
    paths = sorted((files.data_dir() / "records").glob("*.json"))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert files.json_text(json.loads(text)) + "\n" == text, path.name


def test_a_file_that_cannot_be_written_is_told_in_words(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"Cannot write .*Free space there"):
        files.write_json(tmp_path / "taken" / "a.json", {})
