"""A newcomer's path: a folder of photographs, checked, trained on, asked, and handed on."""

import json

import pytest
import torch
from PIL import Image

from alexnet_lib.cli import main as cli
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.checkpoint import TrainedNetwork, save_trained

NAMES = ("sea", "leaf", "fire")  # blue, green and red: even a small network tells them apart
SETTINGS = {"widths": (8,) * 5, "groups": (1,) * 5, "hidden_units": 16, "init": "kaiming"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "home"))
    generator = torch.Generator().manual_seed(0)
    for label, name in enumerate(NAMES):
        (tmp_path / "things" / name).mkdir(parents=True)
        for i in range(20):
            small = torch.randint(0, 90, (5, 5, 3), generator=generator, dtype=torch.uint8)
            small[..., 2 - label] += 160
            photograph = Image.fromarray(small.numpy()).resize((80, 60), Image.Resampling.BICUBIC)
            photograph.save(tmp_path / "things" / name / f"{i}.jpg")
    model = build_model("cifar-lite", 10, dropout_p=0.0, input_scale="standardised", **SETTINGS)
    scale = Preprocessing(torch.full((3, 1, 1), 120.0), torch.full((3, 1, 1), 60.0))
    save_trained(
        tmp_path / "net.safetensors", TrainedNetwork(model, scale, tuple("abcdefghij"), {})
    )
    return tmp_path


@pytest.mark.slow(seconds=12)
def test_from_a_folder_of_photographs_to_a_file_for_other_programs(folder, capsys):
    things, run = str(folder / "things"), str(folder / "run")
    own = ["--data", things, "--split", "0.2"]
    assert cli.main(["data", "--check", *own]) == 0
    assert "things: 60 pictures in 3 classes" in capsys.readouterr().out
    start = ["--from", str(folder / "net.safetensors"), "--freeze", "conv1-conv2"]
    plan = ["--epochs", "6", "--lr", "0.01", "--device", "cpu", "--precision", "float32"]
    assert cli.main(["train", *start, *own, *plan, "--run-dir", run]) == 0
    assert "Held fixed: conv1, conv2." in capsys.readouterr().out
    assert cli.main(["predict", run, things, "--json", "--device", "cpu"]) == 0
    rows = json.loads(capsys.readouterr().out)
    right = sum(row["top"][0]["class"] in row["picture"] for row in rows)
    assert len(rows) == 60 and right >= 50
    assert cli.main(["export", run]) == 0
    assert (folder / "run" / "network.pt2").stat().st_size > 10_000
