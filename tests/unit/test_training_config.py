"""TrainConfig: every wrong value is named with its range."""

import copy
import json
import math
import pickle
from dataclasses import FrozenInstanceError

import pytest

from alexnet_lib.models.registry import MODEL_NAMES
from alexnet_lib.training.config import TrainConfig

WRONG = [
    ("preset", "alexnet"),
    ("preset", 5),
    ("model", ["tanh"]),
    ("model", {1: "tanh"}),
    ("epochs", 0),
    ("epochs", 1.5),
    ("epochs", True),
    ("batch_size", 0),
    ("batch_size", -128),
    ("batch_size", "128"),
    ("lr", 0.0),
    ("lr", -0.01),
    ("lr", math.nan),
    ("lr", math.inf),
    ("lr", "0.01"),
    ("lr", True),
    ("momentum", 1.0),
    ("momentum", math.nan),
    ("weight_decay", -1e-4),
    ("biases", "double"),
    ("optimiser", "adam"),
    ("schedule", "cosine"),
    ("schedule", ["fixed"]),
    ("drop_at", 0.5),
    ("drop_at", (0.5, 0.25)),
    ("drop_at", (0.0, 0.5)),
    ("drop_at", (30, 60)),
    ("patience", 0),
    ("stop_at", 0.0),
    ("stop_at", 1),
    ("flip", 1),
    ("balance", "yes"),
    ("offsets", 33),
    ("colour", "pca"),
    ("colour_until", 1.1),
    ("mean_crop", "center"),
    ("seed", -1),
    ("seed", 2**31),
    ("validation_size", 0),
    ("train_limit", 0),
    ("test_weights", "worst"),
    ("precision", "float16"),
    ("device", "cuda:0"),
    ("deterministic", "yes"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_f29_wrong_value_is_named_with_its_range(name, value):
    with pytest.raises(ValueError) as caught:
        TrainConfig.from_dict({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} is {value!r}; expected ")
    assert len(message.split("expected ")[1]) > 5


def test_f29_table_covers_every_setting():
    assert {name for name, _ in WRONG} == set(TrainConfig().to_dict())


def test_f29_unknown_setting_is_refused_and_the_nearest_is_proposed():
    with pytest.raises(ValueError, match=r"'learning_rat'.* Known: preset, model, epochs"):
        TrainConfig.from_dict({"learning_rat": 0.1})
    with pytest.raises(ValueError, match="Did you mean weight_decay"):
        TrainConfig.for_preset("plain", weight_decy=0)


def test_f29_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"preset is 'vgg'; expected one of \('paper', 'sou"):
        TrainConfig.for_preset("vgg")


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        TrainConfig().lr = 1.0


def test_it_does_not_change_with_the_dicts_and_lists_that_it_was_made_from():
    settings, drops = {"activation": "tanh", "widths": [4, 4, 4]}, [0.5]
    config = TrainConfig("four-layer", settings, drop_at=drops)
    settings["activation"], drops[0] = "relu", 0.9
    settings["widths"].append(4)
    assert config.model == {"activation": "tanh", "widths": (4, 4, 4)} and config.drop_at == (0.5,)
    with pytest.raises(TypeError):
        config.model["activation"] = "relu"
    config.to_dict()["model"]["activation"] = "relu"
    assert config.model["activation"] == "tanh"


def test_equal_configs_are_one_key_also_after_json_and_pickle():
    config = TrainConfig("four-layer", {"widths": (4, 4, 4), "activation": "tanh"})
    read = TrainConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert read == config and {config: "kept"}[read] == "kept"
    for copied in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert copied == config and hash(copied) == hash(config)
    assert repr(config.model) == "{'widths': (4, 4, 4), 'activation': 'tanh'}"


@pytest.mark.parametrize(
    ("preset", "model", "words"),
    [
        ("four-layer", {"activaton": "tanh"}, "four-layer has no setting 'activaton'"),
        ("four-layer", {"activation": "gelu"}, "activation is 'gelu'"),
        ("four-layer", {"num_classes": 5}, "the data say how many"),
        ("four-layer", {"widths": {1, 2}}, "model's widths is {1, 2}; expected a plain value"),
        (None, {"activation": "tanh"}, "preset None; expected the preset"),
        (None, {"kind": "nope"}, "kind is 'nope'; expected one of"),
        (None, {"kind": "four-layer", "depth": 3}, "four-layer has no setting 'depth'"),
        (None, {"kind": "alexnet", "widths": "abc"}, "widths is 'abc'"),
    ],
)
def test_f29_changes_that_the_network_cannot_take_are_refused(preset, model, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig(preset, model)


@pytest.mark.parametrize("preset", MODEL_NAMES)
def test_round_trip_through_json(preset):
    config = TrainConfig.for_preset(preset, model={"input_scale": "standardised"})
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_defaults_are_those_of_section_5():
    config = TrainConfig()
    assert (config.batch_size, config.momentum, config.weight_decay) == (128, 0.9, 0.0005)
    assert (config.lr, config.epochs, config.schedule) == (0.01, 90, "plateau")


def test_recipes_differ_where_paper_and_code_do():
    paper, code = TrainConfig.for_preset("paper"), TrainConfig.for_preset("source2012")
    assert (paper.biases, paper.colour, paper.offsets) == ("paper", "paper", "paper")
    assert (code.biases, code.colour, code.offsets) == ("source2012",) * 3
    assert paper.colour_until == 1.0 and code.colour_until < 1.0
    assert TrainConfig.for_preset("plain").colour is None


def test_difference_names_each_changed_setting():
    assert TrainConfig().difference(TrainConfig(lr=0.02, seed=1)) == [
        "lr: 0.01 -> 0.02",
        "seed: 0 -> 1",
    ]


def test_known_stall_is_told_for_the_printed_start_only():
    assert "σ 0.01" in TrainConfig.for_preset("paper").known_stall()
    assert TrainConfig.for_preset("paper", lr=0.001).known_stall() is None
    assert TrainConfig.for_preset("paper", model={"init": "kaiming"}).known_stall() is None
    assert TrainConfig.for_preset("cifar", model={"init": "paper"}).known_stall()
    for preset in ("source2012", "plain", "cifar", "cifar-lite", "four-layer"):
        assert TrainConfig.for_preset(preset).known_stall() is None
