"""The numbers of the paper agree with each other, and the package's defaults with them."""

import inspect
import re
from dataclasses import FrozenInstanceError

import pytest

from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.paper import facts as paper
from alexnet_lib.paper.layers import ClassicDropout, LocalResponseNorm, OverlappingMaxPool2d
from alexnet_lib.paper.network import PRESETS
from alexnet_lib.paper.optim import PaperSGD, PlateauDrops


def defaults(function) -> dict[str, object]:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


def test_each_layer_follows_from_its_shape():
    maps_in = (3, 96, 256, 384, 384, 256, 4096, 4096)
    for layer, maps in zip(paper.LAYERS, maps_in, strict=True):
        weights = layer.maps * (maps // layer.groups) * layer.kernel_size**2
        assert layer.parameters == weights + layer.maps
        assert layer.neurons == layer.maps * layer.size**2
        assert layer.macs == weights * layer.size**2


def test_sums():
    assert paper.PARAMETERS == sum(layer.parameters for layer in paper.LAYERS) == 60_965_224
    assert paper.NEURONS == sum(layer.neurons for layer in paper.LAYERS) == 659_272
    assert paper.MACS == sum(layer.macs for layer in paper.LAYERS) == 724_406_816


def test_the_paper_preset_is_the_paper():
    config, convolutions = PRESETS["paper"], paper.LAYERS[:5]
    assert config.widths == tuple(layer.maps for layer in convolutions)
    assert config.kernels == tuple(layer.kernel_size for layer in convolutions)
    assert config.groups == tuple(layer.groups for layer in convolutions)
    assert config.conv1_stride == convolutions[0].stride
    assert [config.map_sizes()[layer.name] for layer in convolutions] == [
        layer.size for layer in convolutions
    ]
    assert config.hidden_units == paper.LAYERS[5].maps == paper.LAYERS[6].maps
    assert config.num_classes == paper.NUM_CLASSES == paper.LAYERS[7].maps
    assert (config.input_size, config.resize_to) == (paper.INPUT_SIZE, 256)
    assert paper.AUGMENTATION.crop_size == config.input_size
    assert paper.AUGMENTATION.resized_side == config.resize_to
    assert (config.pool_kernel, config.pool_stride) == (3, 2)
    assert config.dropout_p == paper.DROPOUT.p
    assert (config.normalisation, config.norm_groups, config.dropout) == ("paper", 1, "classic")


def test_defaults_of_the_layers_are_the_papers():
    norm = defaults(LocalResponseNorm)
    assert (norm["size"], norm["alpha"], norm["beta"], norm["k"]) == (5, 1e-4, 0.75, 2.0)
    assert {name: norm[name] for name in ("size", "alpha", "beta", "k")} == vars(paper.LRN)
    assert defaults(OverlappingMaxPool2d) == vars(paper.POOLING)
    assert defaults(ClassicDropout) == {"p": paper.DROPOUT.p}


def test_defaults_of_the_update_rule_are_the_papers():
    training = paper.TRAINING
    assert defaults(PaperSGD) == {
        "lr": training.lr,
        "momentum": training.momentum,
        "weight_decay": training.weight_decay,
        "maximize": False,
    }
    schedule = defaults(PlateauDrops)
    assert schedule["max_drops"] == training.lr_drops == 3
    assert schedule["factor"] == training.lr_drop_factor == 0.1


def test_2048_views():
    assert paper.AUGMENTATION.views_per_image == 2 * (256 - 224) ** 2


def test_claims_have_their_place_in_paper_and_course():
    names = [claim.id for claim in paper.CLAIMS]
    assert len(set(names)) == len(names)
    for claim in paper.CLAIMS:
        assert re.match(r"abstract|§\d", claim.section), claim
        assert claim.statement.endswith((".", "…")), claim
        assert 0 <= claim.notebook < len(LESSONS), claim
        assert claim.value > 0
        if claim.unit in ("error", "points"):
            assert claim.value < 1, claim  # a fraction, not percent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fig1", 6),
        ("towers", 0.017),
        ("lrn_imagenet", 0.014),
        ("lrn_without", 0.13),
        ("lrn_with", 0.11),
        ("overlap", 0.004),
        ("colour", 0.01),
        ("ten_views", 0.390 - 0.375),
        ("dropout", 2),
        ("ilsvrc2010_top1", 0.375),
        ("ilsvrc2010_top5", 0.170),
        ("ilsvrc2012_one", 0.182),
        ("ensemble", 0.182 - 0.164),
        ("ilsvrc2012_test", 0.153),
        ("depth", 0.02),
    ],
)
def test_claims_carry_the_printed_numbers(name, value):
    (claim,) = [claim for claim in paper.CLAIMS if claim.id == name]
    assert claim.value == pytest.approx(value)


def test_nobody_changes_the_paper():
    with pytest.raises(FrozenInstanceError):
        paper.TRAINING.lr = 0.1
