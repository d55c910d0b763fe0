"""The cache of decoded images: fast, checked, and never in the way."""

import pytest
import torch
from safetensors import SafetensorError

from alexnet_lib.data import cifar10
from alexnet_lib.data import files as environment
from alexnet_lib.data.cifar10 import cached
from alexnet_lib.data.synthetic import synthetic_images


@pytest.fixture
def made():
    """What was made so far, and a function that makes it."""
    calls = []

    def make():
        calls.append(1)
        return synthetic_images(10, 10, seed=5)

    return calls, make


def test_the_second_load_is_not_made_again_and_is_equal(home, made):
    calls, make = made
    first, second = cached("key", make), cached("key", make)
    assert len(calls) == 1
    assert (second.name, second.classes, second.is_synthetic) == (first.name, first.classes, True)
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(first.test.labels, second.test.labels)
    cached("other key", make)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "one byte", "a name"])
def test_a_damaged_cache_is_made_again(home, made, damage):
    calls, make = made
    first = cached("key", make)
    (path,) = environment.cache_dir().glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    damaged = {
        "empty": b"",
        "cut": content[:-5],
        "text": b"<html>",
        "one byte": content,
        "a name": path.read_bytes().replace(b"crescent", b"croissan"),
    }
    path.write_bytes(damaged[damage])
    messages = []
    again = cached("key", make, messages.append)
    assert len(calls) == 2
    assert "damaged" in messages[0]
    assert torch.equal(again.train.images, first.train.images)
    cached("key", make)
    assert len(calls) == 2


def test_an_unwritable_folder_costs_only_the_cache(home, made):
    calls, make = made
    environment.cache_dir().write_text("a file in the folder's place")
    messages = []
    assert len(cached("key", make, messages.append).train) == 10
    assert "cannot be cached" in messages[0]
    cached("key", make, messages.append)
    assert len(calls) == 2


def test_a_disk_that_fills_up_costs_only_the_cache(home, made, monkeypatch):
    def full(*_):
        raise SafetensorError("IoError: No space left on device")

    monkeypatch.setattr(cifar10, "save_file", full)
    messages = []
    assert len(cached("key", made[1], messages.append).train) == 10
    assert "cannot be cached (IoError: No space left" in messages[0]
    assert not list(environment.cache_dir().iterdir())
