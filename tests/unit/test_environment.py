"""Folders and switches from the environment."""

from pathlib import Path

import pytest

import alexnet_lib
from alexnet_lib.data import files as environment


def test_the_root_is_the_clone_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("ALEXNET_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    clone = Path(alexnet_lib.__file__).parents[1]
    assert environment.project_root() == clone
    assert environment.data_dir() == clone / "data"
    assert environment.runs_dir() == clone / "runs"


def test_alexnet_home_and_cache_move_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    monkeypatch.delenv("ALEXNET_CACHE", raising=False)
    assert environment.cache_dir() == tmp_path / "data" / "cache"
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "elsewhere"))
    assert environment.cache_dir() == tmp_path / "elsewhere"


def test_without_a_clone_the_root_is_in_the_users_home(monkeypatch, tmp_path):
    monkeypatch.delenv("ALEXNET_HOME", raising=False)
    monkeypatch.setattr(
        environment, "__file__", str(tmp_path / "lib" / "alexnet_lib" / "data" / "x.py")
    )
    assert environment.clone() is None
    assert environment.project_root() == Path.home() / ".alexnet"


@pytest.mark.parametrize("value", ["lesson", "full"])
def test_level(monkeypatch, value):
    monkeypatch.delenv("ALEXNET_LEVEL", raising=False)
    assert environment.level() == "lesson"
    monkeypatch.setenv("ALEXNET_LEVEL", value)
    assert environment.level() == value


def test_an_unknown_level_is_named(monkeypatch):
    monkeypatch.setenv("ALEXNET_LEVEL", "fast")
    with pytest.raises(ValueError, match="ALEXNET_LEVEL is 'fast'; expected one of lesson, full"):
        environment.level()


@pytest.mark.parametrize(
    ("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_offline(monkeypatch, value, expected):
    monkeypatch.delenv("ALEXNET_OFFLINE", raising=False)
    if value is not None:
        monkeypatch.setenv("ALEXNET_OFFLINE", value)
    assert environment.offline() is expected
