"""A trained network in one file: usable without the images it was trained on."""

import base64
import json

import pytest
import torch
from safetensors.torch import load_file, save

from alexnet_lib.course.patients import CHART, patient
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.files import seal_of
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.checkpoint import (
    CheckpointError,
    TrainedNetwork,
    load_trained,
    load_weights,
    save_trained,
    save_weights,
    shipped_network,
)
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import RunFolder, existing_run
from alexnet_lib.training.trainer import Trainer

SETTINGS = {"widths": [4, 4, 4, 4, 4], "groups": [1] * 5, "hidden_units": 8}


BAD = torch.full((3, 1, 1), torch.nan)


def text_of(scales: dict) -> str:
    return json.dumps(base64.b64encode(save(scales)).decode("ascii"))


@pytest.fixture
def network():
    model = build_model("cifar-lite", 3, **SETTINGS)
    preprocessing = Preprocessing(torch.rand(3, 32, 32) * 255, torch.full((3, 1, 1), 60.0))
    about = {"network": "mine", "data": "synthetic stand-in", "epoch": 2, "top1_error": 0.25}
    return TrainedNetwork(model, preprocessing, ("a", "b", "c"), about)


def test_what_comes_back_answers_as_what_went_in(network, tmp_path):
    save_trained(tmp_path / "net.safetensors", network)
    loaded = load_trained(tmp_path / "net.safetensors")
    x = torch.randn(2, 3, 28, 28)
    assert torch.equal(loaded.model(x), network.model.eval()(x))
    assert torch.equal(loaded.preprocessing.mean, network.preprocessing.mean)
    assert not loaded.model.training
    assert loaded.model.config == network.model.config
    assert (loaded.classes, loaded.about) == (network.classes, network.about)


def test_half_precision_halves_the_weights_but_not_the_input_scale(network, tmp_path):
    save_trained(tmp_path / "full.safetensors", network)
    save_trained(tmp_path / "half.safetensors", network, torch.float16)
    full, half = (load_trained(tmp_path / f"{name}.safetensors") for name in ("full", "half"))
    assert torch.equal(half.preprocessing.mean, full.preprocessing.mean)
    weights = half.model.conv2.weight
    assert weights.dtype == torch.float32
    assert torch.equal(weights, full.model.conv2.weight.half().float())


def test_weights_alone_are_refused_with_the_way_out(network, tmp_path):
    save_weights(tmp_path / "net.safetensors", network.model.state_dict(), {"data": "x"})
    with pytest.raises(CheckpointError, match=r"weights alone.*best\.safetensors"):
        load_trained(tmp_path / "net.safetensors")


def test_any_reader_of_such_files_finds_the_models_weights_and_nothing_else(network, tmp_path):
    save_trained(tmp_path / "net.safetensors", network)
    model = build_model("cifar-lite", 3, seed=1, **SETTINGS)
    model.load_state_dict(load_file(tmp_path / "net.safetensors"))
    x = torch.randn(2, 3, 28, 28)
    assert torch.equal(model.eval()(x), network.model.eval()(x))


@pytest.mark.parametrize("lost", ["preprocessing", "mean_crop"])
def test_a_file_without_a_part_of_its_input_scale_says_which(network, tmp_path, lost):
    save_trained(tmp_path / "net.safetensors", network)
    weights, about = load_weights(tmp_path / "net.safetensors")
    about.pop(lost)
    save_weights(tmp_path / "net.safetensors", weights, about)
    with pytest.raises(CheckpointError, match=f"it lacks {lost}\\."):
        load_trained(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("network", "{not json", "Expecting property name"),
        ("network", '{"kind": "vgg"}', "kind is 'vgg'; expected one of"),
        ("network", "[1]", "the description is"),
        ("network", '{"kind": "alexnet", "depth": 3}', "no setting 'depth'"),
        ("classes", "5", "not iterable"),
        ("about", "5", "mapping"),
        ("mean_crop", '"left"', "mean_crop is 'left'"),
        ("preprocessing", '"?"', "its input scale cannot be read"),
        ("preprocessing", "5", "its input scale cannot be read"),
        ("preprocessing", text_of({"mean": torch.ones(3, 1, 1)}), "cannot be read .KeyError"),
        ("preprocessing", text_of({"mean": BAD, "scale": BAD.clone()}), "input scale holds NaN"),
    ],
)
def test_words_that_nothing_can_be_built_from_are_refused(network, tmp_path, part, text, words):
    path = tmp_path / "net.safetensors"
    save_trained(path, network)
    weights, about = load_weights(path)
    save_weights(path, weights, {**about, part: text})
    with pytest.raises(CheckpointError, match=f"net.safetensors is described in .*{words}"):
        load_trained(path)


def test_shipped_weights_are_verified(network, tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"no weights .cifar-lite.*there: none"):
        shipped_network()
    path = tmp_path / "data" / "weights" / "cifar-lite.safetensors"
    path.parent.mkdir(parents=True)
    save_trained(path, network)
    (path.parent / "SHA256SUMS").write_text(f"{seal_of(path)}  {path.name}\n")
    assert shipped_network().classes == ("a", "b", "c")
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="was edited or damaged"):
        shipped_network()


def test_a_run_leaves_a_network_that_stands_on_its_own(tmp_path):
    data = synthetic_images(train=60, test=10)
    settings = {**SETTINGS, "init": "torch"}
    config = TrainConfig.for_preset(
        "cifar-lite", model=settings, epochs=1, batch_size=20, validation_size=20, device="cpu",
        precision="float32",
    )  # fmt: skip
    trainer = Trainer(config, data, [RunFolder(tmp_path)])
    trainer.fit()
    network = load_trained(tmp_path)
    x, _ = next(iter(trainer.validation.views("center")))
    with torch.no_grad():
        assert torch.equal(network.model(x[0]), trainer.model.eval()(x[0]))
    assert torch.equal(network.preprocessing.mean, trainer.batches.preprocessing.mean)
    assert network.classes == data.classes
    assert network.about["validation_error"] == trainer.history.validation_error[0]


def test_a_changed_network_comes_back_as_what_it_is(tmp_path):
    data = synthetic_images(train=60, test=10)
    tanh = build_model("four-layer", 10, activation="tanh", widths=(4, 4, 4))
    plan = {"epochs": 1, "batch_size": 20, "validation_size": 20, "device": "cpu"}
    run = Trainer(TrainConfig(**plan), data, [RunFolder(tmp_path)], model=tanh)
    run.fit()
    loaded = load_trained(tmp_path).model
    assert loaded.config.activation == "tanh"
    x, _ = next(iter(run.validation.views("center")))
    with torch.no_grad():
        assert torch.equal(loaded(x[0]), tanh.eval()(x[0]))


@pytest.mark.parametrize("letter", ["healthy", *CHART])
def test_a_patients_network_comes_back_or_is_refused_in_words(letter, tmp_path):
    data = synthetic_images(train=60, test=10)
    plan = {"epochs": 4, "batch_size": 20, "validation_size": 20, "train_limit": 40}
    run = patient(letter, data, device="cpu", **plan)
    run.fit()
    if CHART.get(letter) == "softmax twice":  # a hook, which no file holds
        with pytest.raises(CheckpointError, match="cannot be saved: AlexNet has a hook"):
            save_trained(tmp_path / "net.safetensors", run.network())
        return
    save_trained(tmp_path / "net.safetensors", run.network())
    loaded = load_trained(tmp_path / "net.safetensors").model
    x, _ = next(iter(run.batches.epoch(0)))
    with torch.no_grad():
        assert torch.equal(loaded(x), run.model.eval()(x))


def test_files_of_before_that_name_a_preset_still_load(network, tmp_path):
    weights = network.model.state_dict()
    scale = {f"preprocessing.{n}": getattr(network.preprocessing, n) for n in ("mean", "scale")}
    words = {"preset": "cifar-lite", "settings": SETTINGS, "mean_crop": "aligned"}
    words |= {"classes": ["a", "b", "c"], "about": {"data": "x"}}
    told = {name: json.dumps(value) for name, value in words.items()}
    save_weights(tmp_path / "net.safetensors", {**weights, **scale}, told)
    loaded = load_trained(tmp_path / "net.safetensors")
    assert torch.equal(loaded.preprocessing.mean, network.preprocessing.mean)
    assert loaded.model.config == network.model.config
    assert loaded.about == {"network": "cifar-lite", "data": "x"}


def test_a_runs_name_means_the_same_from_a_notebooks_folder(network, tmp_path, monkeypatch):
    home = tmp_path / "project"
    for folder in ("runs/mine", "notebooks", "elsewhere"):
        (home / folder).mkdir(parents=True)
    save_trained(home / "runs/mine/best.safetensors", network)
    save_trained(home / "elsewhere/net.safetensors", network)
    monkeypatch.setenv("ALEXNET_HOME", str(home))
    for folder in (home, home / "notebooks"):
        monkeypatch.chdir(folder)
        for name in ("mine", "runs/mine", "elsewhere/net.safetensors"):
            assert load_trained(existing_run(name)).classes == ("a", "b", "c")
