"""Fine-tuning: what is reused is listed and equal, what is frozen stays, and resume knows both."""

import json

import pytest
import torch
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.cli import main as cli
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.checkpoint import TrainedNetwork, load_trained, save_trained
from alexnet_lib.training.reuse import named_layers, nearest_preset, reuse_layers

SETTINGS = {"widths": (4, 6, 4, 4, 4), "groups": (1,) * 5, "hidden_units": 8}


@pytest.fixture
def source():
    return build_model("cifar-lite", 10, seed=5, **SETTINGS)


def test_the_nearest_preset_builds_the_same_network_for_other_classes():
    own = {name: SETTINGS[name] for name in ("widths", "groups")}
    source = build_model("cifar-lite", 10, **own)
    preset, changes = nearest_preset(source)
    assert preset == "cifar-lite" and changes == own
    again = build_model(preset, 3, **changes)
    assert again.config.num_classes == 3 and again.conv2.weight.shape == source.conv2.weight.shape
    assert nearest_preset(build_model("four-layer", 7)) == ("four-layer", {})


def test_layers_of_one_shape_are_taken_and_the_last_begins_anew(source):
    network = build_model("cifar-lite", 10, **SETTINGS | {"hidden_units": 9})
    fc6, fc8 = network.fc6.weight.clone(), network.fc8.weight.clone()
    told = reuse_layers(network, source, "runs/a")
    assert told == (
        "From runs/a: conv1, conv2, conv3, conv4, conv5. Anew: fc6, fc7, fc8 (10 classes)."
    )
    assert torch.equal(network.conv3.weight, source.conv3.weight)
    assert torch.equal(network.fc6.weight, fc6) and torch.equal(network.fc8.weight, fc8)
    with pytest.raises(InputError, match="no layer of runs/a has the name and shape"):
        reuse_layers(
            build_model("cifar-lite", 3, widths=(5,) * 5, groups=(1,) * 5), source, "runs/a"
        )


@pytest.mark.parametrize(
    ("words", "layers"),
    [
        (["conv1-conv5"], ["conv1", "conv2", "conv3", "conv4", "conv5"]),
        (["fc6", "conv1 - conv2"], ["conv1", "conv2", "fc6"]),
        ([], []),
    ],
)
def test_layers_are_named_singly_and_in_ranges(source, words, layers):
    assert named_layers(words, source) == layers


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["conv9"], "'conv9' names 'conv9'; this network has conv1, "),
        (["conv3-conv1"], "runs backwards"),
        (["conv1-fc8"], "every layer would be frozen"),
    ],
)
def test_layers_that_are_not_there_are_refused(source, words, told):
    with pytest.raises(InputError, match=told):
        named_layers(words, source)


@pytest.fixture
def pets(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "home"))
    for label, name in enumerate(("cat", "dog", "emu")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (40, 32), (80 * label, 5 * i, 9)).save(
                tmp_path / f"pets/{name}/{i}.png"
            )
    return str(tmp_path / "pets")


def test_a_run_begins_with_anothers_layers_and_keeps_the_frozen_ones(
    source, pets, tmp_path, capsys
):
    scale = Preprocessing(torch.rand(3, 32, 32) * 255, torch.ones(3, 1, 1))
    save_trained(
        tmp_path / "net.safetensors", TrainedNetwork(source, scale, tuple("abcdefghij"), {})
    )
    run = str(tmp_path / "run")
    words = ["--from", str(tmp_path / "net.safetensors"), "--freeze", "conv1-conv5"]
    more = ["--data", pets, "--split", "0.2", "--device", "cpu", "--run-dir", run]
    assert cli.main(["train", *words, *more, "--epochs", "2", "--precision", "float32"]) == 0
    said = capsys.readouterr().out
    assert "conv5, fc6, fc7. Anew: fc8 (3 classes). Held fixed: conv1, conv2, conv3" in said
    trained = load_trained(run)
    assert trained.classes == ("cat", "dog", "emu") and trained.model.config.num_classes == 3
    assert torch.equal(trained.model.conv2.weight, source.conv2.weight)
    assert not torch.equal(trained.model.fc6.weight, source.fc6.weight)
    assert cli.main(["train", "--resume", run, "--epochs", "3", "--override"]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["frozen"] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert report["start"].startswith("From ") and report["epochs_done"] == 3
    assert torch.equal(load_trained(run).model.conv2.weight, source.conv2.weight)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--resume", "--from", "x"], "--from starts a new run"),
        (["--resume", "--freeze", "conv1"], "--freeze starts a new run"),
        (["--quick", "--from", "x"], "leave it or --from out"),
        (["--from", "nowhere"], "There is no nowhere; expected a run's folder"),
        (["--from", "torchvision"], r"torchvision's weights are not on this machine"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(words, told, pets, capsys, monkeypatch):
    monkeypatch.setattr("alexnet_lib.course.shipped.imagenet_network", lambda: None)
    assert cli.main(["train", *words]) == 2
    assert told in capsys.readouterr().err
