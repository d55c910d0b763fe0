"""The trained networks in data/weights: intact, small, and as good as their records say."""

import json

import pytest
import torch
from safetensors.torch import load_file

from alexnet_lib.data.files import data_dir
from alexnet_lib.inspection.filters import filter_measures
from alexnet_lib.models.registry import build_model, describe, from_description
from alexnet_lib.training.checkpoint import shipped_network

NAMES = sorted(path.stem for path in (data_dir() / "weights").glob("*.safetensors"))
PROVENANCE = {"data", "epoch", "validation_error", "machine", "commit", "torch", "config"}


def test_the_two_networks_that_readme_names_are_there():
    assert NAMES == ["cifar-lite", "slim-224"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_is_small_and_says_where_it_comes_from(name):
    path = data_dir() / "weights" / f"{name}.safetensors"
    assert path.stat().st_size <= 12_000_000
    assert set(shipped_network(name).about) >= PROVENANCE


def test_the_courses_weights_load_as_any_file_of_weights():
    model = build_model("cifar-lite").eval()
    weights = load_file(data_dir() / "weights" / "cifar-lite.safetensors")
    model.load_state_dict(weights)  # strict: every weight, and nothing else
    x = torch.randn(2, 3, 28, 28) * 50
    with torch.no_grad():
        assert torch.equal(model(x), shipped_network().model(x))


def test_the_courses_network_and_the_record_of_its_run_agree():
    network = shipped_network()
    record = json.loads((data_dir() / "records" / "train-cifar-lite.json").read_text("utf-8"))
    errors = {view: found["top1_error"] for view, found in record["test"].items()}
    assert network.about["test_error"] == errors
    assert network.about["config"] == record["config"]
    assert network.about["epoch"] == record["tested_epoch"]


def test_the_best_of_them_is_good_enough_to_look_into():
    assert shipped_network().about["test_error"]["ten"] <= 0.15


def test_the_224_pixel_network_has_the_papers_first_layer_and_has_learned_in_it():
    network = shipped_network("slim-224")
    weight = network.model.conv1.weight.detach()
    config = network.model.config
    assert weight.shape == (96, 3, 11, 11)
    assert (config.conv1_stride, config.input_size, config.resize_to) == (4, 224, 256)
    start = from_description(describe(network.model), seed=0).conv1.weight
    trained, fresh = (filter_measures(filters).frequency.mean() for filters in (weight, start))
    assert trained < fresh / 2  # slopes: enlarged pictures hold no fine stripes
    assert torch.isfinite(weight).all()
