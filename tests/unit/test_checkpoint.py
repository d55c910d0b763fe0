"""Checkpoints: what goes in comes out; what is not ours stays out."""

import pytest
import torch
from torch import nn

from alexnet_lib.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_into,
    load_weights,
    save_checkpoint,
    save_weights,
)


def state(**changes):
    plain = {"config": {"lr": 0.01}, "optimizer": {}, "schedule": {}, "history": {}}
    return {**plain, "model": {"w": torch.arange(6.0)}, "environment": {}, **changes}


def test_round_trip(tmp_path):
    save_checkpoint(tmp_path / "a.pt", state(history={"loss": [1.0, 2.0], "done": False}))
    loaded = load_checkpoint(tmp_path / "a.pt")
    assert loaded["history"] == {"loss": [1.0, 2.0], "done": False}
    assert torch.equal(loaded["model"]["w"], torch.arange(6.0))


def test_weights_round_trip_with_their_words(tmp_path):
    weights = {"w": torch.randn(3, 4).t()}
    save_weights(tmp_path / "a.safetensors", weights, {"data": "CIFAR-10", "epoch": "3"})
    loaded, about = load_weights(tmp_path / "a.safetensors")
    assert torch.equal(loaded["w"], weights["w"])
    assert about == {"data": "CIFAR-10", "epoch": "3"}


def test_weights_file_that_is_cut_or_absent_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="missing or not whole"):
        load_weights(tmp_path / "none.safetensors")
    save_weights(tmp_path / "a.safetensors", {"w": torch.ones(100)}, {})
    cut = (tmp_path / "a.safetensors").read_bytes()[:-40]
    (tmp_path / "a.safetensors").write_bytes(cut)
    with pytest.raises(CheckpointError, match="missing or not whole"):
        load_weights(tmp_path / "a.safetensors")


def test_weights_with_nan_are_refused(tmp_path):
    save_weights(tmp_path / "a.safetensors", {"w": torch.tensor([1.0, torch.nan])}, {})
    with pytest.raises(CheckpointError, match=r"NaN or infinity in model\.w"):
        load_weights(tmp_path / "a.safetensors")


def test_load_into_lists_differences_and_changes_nothing():
    model = nn.Linear(3, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_into(model, {"weight": torch.ones(2, 4), "extra": torch.ones(1)}, "best")
    message = str(caught.value)
    assert "best is of another network" in message
    assert "has no bias" in message and "unknown extra" in message
    assert "weight as (2, 4) instead of (2, 3)" in message
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_absent_file_is_told_as_such(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "none.pt")


def test_missing_sections_are_named(tmp_path):
    incomplete = state()
    del incomplete["optimizer"], incomplete["history"]
    save_checkpoint(tmp_path / "a.pt", incomplete)
    with pytest.raises(CheckpointError, match="lacks optimizer, history"):
        load_checkpoint(tmp_path / "a.pt")
