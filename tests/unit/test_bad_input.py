"""Public functions given what they cannot take: they say so themselves, torch never does.

Each argument in turn is replaced: wrong rank, shape, dtype, device, range, NaN, nothing in it,
or no number at all. An error counts as the project's own where it is a ValueError or a TypeError
that a `raise` of the package has raised; one from inside torch or Python is a failure.
"""

import linecache
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import alexnet_lib
from alexnet_lib import statistics
from alexnet_lib.checks import check_input
from alexnet_lib.course import toy
from alexnet_lib.course.by_hand import conv2d_by_hand, window_starts
from alexnet_lib.course.shift import edge_maps, relative_change
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments.catalogue import experiment
from alexnet_lib.inspection.ascent import class_images
from alexnet_lib.inspection.attribution import occlusion_map, saliency_map
from alexnet_lib.inspection.filters import colourfulness, filter_measures, roughness
from alexnet_lib.inspection.health import layer_activity, layer_signals, unit_states
from alexnet_lib.inspection.search import (
    Neighbours,
    nearest_neighbours,
    precision_at_k,
    top_patches,
)
from alexnet_lib.inspection.tracing import feature_maps, predict, trace
from alexnet_lib.inspection.units import Tracer, explain_unit, receptive_fields
from alexnet_lib.models.conv_local import LocalConv2d
from alexnet_lib.models.four_layer import FourLayerConfig
from alexnet_lib.models.ledger import layer_ledger, parameter_count
from alexnet_lib.models.registry import build_model
from alexnet_lib.models.two_towers import (
    TwoTowerAlexNet,
    TwoTowerConv2d,
    crossing_bytes,
    wired_ledger,
)
from alexnet_lib.paper import augment
from alexnet_lib.paper.augment import Augmentation, ViewTable, pca_basis
from alexnet_lib.paper.layers import (
    CeilConv2d,
    ClassicDropout,
    LocalResponseNorm,
    OverlappingMaxPool2d,
    SpatialResponseNorm,
    ceil_output_size,
    local_response_norm,
)
from alexnet_lib.paper.network import PRESETS
from alexnet_lib.paper.optim import (
    FixedDrops,
    PaperSGD,
    PlateauDrops,
    initialise,
    parameter_groups,
    rescale_momentum,
)
from alexnet_lib.training import evaluation
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import pick_device, pick_precision
from alexnet_lib.training.watchers import images_per_second

PACKAGE = str(Path(alexnet_lib.__file__).parent)
EXAMPLES = 25  # for each argument


class Tensor(NamedTuple):
    """A tensor argument: a valid one, and which changes it has to refuse."""

    valid: torch.Tensor
    refuses: frozenset = frozenset({"rank", "dtype", "device", "empty", "no tensor"})


class Whole(NamedTuple):
    """A whole number of at least `least`."""

    valid: int
    least: int = 1


class Real(NamedTuple):
    """A number in an interval, given by examples of what lies outside."""

    valid: float
    outside: tuple[float, ...] = (-1.0, math.inf)


class Numbers(NamedTuple):
    """At least `least` finite numbers in a row."""

    valid: list[float]
    least: int = 1


class Some(NamedTuple):
    """Some of a few words."""

    valid: list[str]


class Choice(NamedTuple):
    """One of a few words."""

    valid: str


class Yes(NamedTuple):
    """True or False, and no number that Python takes for one."""

    valid: bool


def floats(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)))


def anything(valid: torch.Tensor) -> Tensor:
    """A tensor of any rank: only what it holds is looked at."""
    return Tensor(valid, frozenset({"dtype", "no tensor"}))


ANY_NUMBERS = frozenset({"rank", "empty", "no tensor"})
LABELS = torch.tensor([2, 0, 1, 2])
PIXELS = (255 * floats(4, 3, 32, 32)).byte()
BASIS, TABLE = pca_basis(PIXELS), ViewTable.draw(4, 0, 0)
OFFSETS = torch.tensor([0, 1, 2, 3])
SMALL = {"widths": (8, 8, 8, 8, 8), "hidden_units": 8}
NETS = {
    "four-layer": build_model("four-layer", 3, widths=(4, 4, 4)),
    "conv-local": build_model("conv-local", 3, widths=(4, 4), local_maps=(4, 4)),
    "cifar": build_model("cifar", 3, **SMALL),
}
TOWERS = TwoTowerAlexNet(NETS["cifar"].config)
SCALE = Preprocessing.fit(Examples(PIXELS, LABELS))
PHOTOS = floats(4, 3, 28, 28)
WEIGHT = torch.nn.Parameter(torch.zeros(2))
IN_RANGE = {"size": Whole(3), "alpha": Real(1e-4), "beta": Real(0.75), "k": Real(2.0, (0.0, -1.0))}
TINY_RUN = TrainConfig("four-layer", {"widths": (4, 4, 4)}, batch_size=4, device="cpu")
ONE_INPUT = Tensor(floats(2, 4, 6, 6))

# Callable -> its arguments by name; each is bound by keyword.
CASES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "local_response_norm": (
        local_response_norm,
        {
            # lines and volumes are welcome; numbers in a row are not, see test_layers.py
            "x": Tensor(floats(2, 4, 3, 3), ONE_INPUT.refuses - {"device", "rank"}),
            **IN_RANGE, "convention": Choice("paper"), "groups": Whole(2),
        },
    ),
    "SpatialResponseNorm": (SpatialResponseNorm, IN_RANGE),
    "ClassicDropout": (ClassicDropout, {"p": Real(0.5, (-0.1, 1.0, 2.0))}),
    "OverlappingMaxPool2d": (
        OverlappingMaxPool2d, {"kernel_size": Whole(3, 2), "stride": Whole(2)},
    ),
    "CeilConv2d": (
        partial(CeilConv2d, 4, 2),
        {"kernel_size": Whole(3), "stride": Whole(2), "padding": Whole(0, 0)},
    ),
    "LocalConv2d": (
        partial(LocalConv2d, 4, 2, size=6),
        {"kernel_size": Whole(3), "padding": Whole(0, 0)},
    ),
    "TwoTowerConv2d": (
        partial(TwoTowerConv2d, 8, 4), {"kernel_size": Whole(3), "stride": Whole(1)},
    ),
    "conv2d_by_hand": (
        conv2d_by_hand,
        {
            "x": ONE_INPUT, "weight": Tensor(floats(2, 4, 3, 3)),
            "bias": Tensor(floats(2)), "stride": Whole(1), "padding": Whole(0, 0),
        },
    ),
    "window_starts": (
        window_starts,
        {
            "size": Whole(9), "kernel_size": Whole(3), "stride": Whole(2),
            "padding": Whole(0, 0), "rounding": Choice("up"),
        },
    ),
    **{name: (partial(check_input, net), {"x": Tensor(floats(2, 3, *[net.config.input_size] * 2))})
       for name, net in {**NETS, "two towers": TOWERS}.items()},
    "crop": (
        augment.crop,
        {
            "images": Tensor(floats(4, 3, 9, 9), ANY_NUMBERS | {"device"}),
            "top": Tensor(OFFSETS), "left": Tensor(OFFSETS), "size": Whole(5),
        },
    ),
    "flip": (
        augment.flip,
        {
            "images": Tensor(floats(4, 3, 9, 9), ANY_NUMBERS | {"device"}),
            "which": Tensor(OFFSETS > 1),
        },
    ),
    **{
        function.__name__: (
            function,
            {
                "images": Tensor(floats(4, 3, 9, 9), ANY_NUMBERS),
                "size": Whole(5),
            },
        )
        for function in (augment.center_crop, augment.ten_crop, augment.resize)
    },
    "pca_basis": (augment.pca_basis, {"images": Tensor(PIXELS, ONE_INPUT.refuses - {"device"})}),
    "colour_shift": (
        lambda **a: augment.colour_shift(BASIS, **a),
        {"alphas": Tensor(floats(4, 3)), "form": Choice("paper")},
    ),
    "train_view": (
        lambda images, ids: Augmentation(6, colour="paper").train_view(images, ids, TABLE, BASIS),
        {
            "images": Tensor(floats(4, 3, 9, 9), ANY_NUMBERS),
            "ids": Tensor(OFFSETS),
        },
    ),
    "Augmentation": (
        Augmentation,
        {"crop_size": Whole(5), "resize_to": Whole(9, 5), "offsets": Choice("paper")},
    ),
    "ViewTable.draw": (lambda count: ViewTable.draw(count, 0, 0), {"count": Whole(3)}),
    "Preprocessing": (
        lambda mean, scale, images: Preprocessing(mean, scale)(images),
        {
            "mean": Tensor(floats(3, 32, 32)), "scale": Tensor(1 + floats(3, 1, 1)),
            "images": Tensor(PIXELS, ANY_NUMBERS | {"device"}),
        },
    ),
    "Examples": (
        Examples,
        {"images": Tensor(PIXELS, ONE_INPUT.refuses - {"device"}), "labels": Tensor(LABELS)},
    ),
    "Batches": (
        lambda batch_size: Batches(Examples(PIXELS, LABELS), batch_size, SCALE, Augmentation(9)),
        {"batch_size": Whole(2)},
    ),
    "ImageData.split": (
        lambda validation: data().split(validation), {"validation": Whole(5)},
    ),
    "ImageData.subset": (lambda train: data().subset(train=train), {"train": Whole(5)}),
    "synthetic_images": (synthetic_images, {"train": Whole(10, 10), "test": Whole(10, 10)}),
    **{
        function.__name__: (
            function,
            {
                "scores": Tensor(floats(4, 3), ONE_INPUT.refuses - {"device"}),
                "labels": Tensor(LABELS), "k": Whole(2),
            },
        )
        for function in (evaluation.top_k_error, evaluation.count_top_k_errors)
    },
    "confusion_matrix": (
        evaluation.confusion_matrix,
        {"predictions": Tensor(LABELS), "labels": Tensor(LABELS), "num_classes": Whole(3)},
    ),
    "wilson_interval": (
        statistics.wilson_interval,
        {"errors": Whole(3, 0), "count": Whole(9), "confidence": Real(0.9, (0.0, 1.0, -1.0))},
    ),
    "student_limit": (
        statistics.student_limit, {"freedom": Whole(3), "confidence": Real(0.9, (0.0, 1.0))},
    ),
    "detection_power": (
        statistics.detection_power,
        {
            "effect": Real(0.1, (math.inf,)), "spread": Real(0.2, (0.0, -1.0)),
            "count": Whole(5, 2), "confidence": Real(0.9, (0.0, 1.0)),
        },
    ),
    "count_needed": (
        statistics.count_needed,
        {
            "effect": Real(0.1, (0.0, math.inf)), "spread": Real(0.2, (0.0, -1.0)),
            "power": Real(0.8, (0.0, 1.0)), "confidence": Real(0.9, (0.0, 1.0)),
        },
    ),
    "epochs_to_threshold": (
        lambda threshold: statistics.epochs_to_threshold([0.9, 0.1], threshold),
        {"threshold": Real(0.5, (0.0, 1.0, 2.0))},
    ),
    "PaperSGD": (
        lambda **a: PaperSGD([WEIGHT], **a),
        {
            "lr": Real(0.1, (0.0, -1.0)), "momentum": Real(0.9, (1.0, -0.1)),
            "weight_decay": Real(0.1, (-1e-9,)), "maximize": Yes(True),
        },
    ),
    "PlateauDrops": (
        lambda **a: PlateauDrops(PaperSGD([WEIGHT]), **a),
        {
            "factor": Real(0.1, (0.0, 1.0)), "max_drops": Whole(3, 0), "patience": Whole(5),
            "threshold": Real(0.001, (-1.0, 1.0)),
        },
    ),
    "PlateauDrops.step": (
        lambda error: PlateauDrops(PaperSGD([WEIGHT])).step(error), {"error": Real(0.5, (-1, 2))},
    ),
    "FixedDrops": (
        lambda **a: FixedDrops(PaperSGD([WEIGHT]), **a),
        {"epochs": Whole(9), "factor": Real(0.1, (0.0, 1.0))},
    ),
    "initialise": (
        lambda preset: initialise(NETS["cifar"], preset, torch.Generator()),
        {"preset": Choice("kaiming")},
    ),
    "build_model": (
        lambda name, **a: build_model(name, widths=(4, 4, 4), **a),
        {"name": Choice("four-layer"), "num_classes": Whole(3), "seed": Whole(1, 0)},
    ),
    "AlexNetConfig": (
        lambda **a: type(PRESETS["cifar"])(**{**vars(PRESETS["cifar"]), **a}),
        {
            "num_classes": Whole(3), "input_size": Whole(28), "conv1_stride": Whole(1),
            "pool_kernel": Whole(3, 2), "hidden_units": Whole(8), "norm_groups": Whole(1),
            "dropout_p": Real(0.5, (1.0, -0.1)), "activation": Choice("relu"),
            "init": Choice("paper"), "dropout": Choice("classic"),
            "left_out": Some(["conv4"]), "conv1_padding": Choice("ceil"),
            "input_scale": Choice("centred"), "norm1_before_relu": Yes(False),
        },
    ),
    "parameter_count": (
        parameter_count,
        {"maps_in": Whole(4), "maps_out": Whole(4), "kernel_size": Whole(3), "groups": Whole(2)},
    ),
    "filter_measures": (
        filter_measures,
        {"weight": Tensor(floats(4, 3, 5, 5), ONE_INPUT.refuses - {"device"})},
    ),
    **{
        function.__name__: (
            partial(function, NETS["cifar"]),
            {"x": Tensor(PHOTOS, ANY_NUMBERS), "y": Tensor(LABELS)},
        )
        for function in (layer_activity, layer_signals)
    },
    "saliency_map": (
        lambda images, classes: saliency_map(NETS["cifar"], images, classes),
        {"images": Tensor(PHOTOS, ANY_NUMBERS), "classes": Tensor(LABELS)},
    ),
    "occlusion_map": (
        partial(occlusion_map, NETS["cifar"]),
        {
            "image": Tensor(PHOTOS[:1], ANY_NUMBERS - {"empty"}), "label": Whole(1, 0),
            "size": Whole(14), "stride": Whole(14), "fill": Real(0.0, (math.inf,)),
        },
    ),
    "top_patches": (
        partial(top_patches, NETS["cifar"]),
        {
            "images": Tensor(PHOTOS, ANY_NUMBERS), "layer": Choice("conv1"),
            "k": Whole(2), "batch_size": Whole(2),
        },
    ),
    "class_images": (
        lambda **a: class_images(
            NETS["cifar"], Tracer(NETS["cifar"], SCALE).scale, [0], torch.Generator(), **a
        ),
        {
            "steps": Whole(1), "jitter": Whole(1, 0), "blur": Real(0.3, (-0.1, 1.1)),
            "decay": Real(0.01, (-0.1, 1.0)),
        },
    ),
    "roughness": (
        roughness,
        {"images": Tensor(floats(4, 3, 5, 5), ANY_NUMBERS)},
    ),
    "nearest_neighbours": (
        lambda queries, gallery, k: nearest_neighbours(queries, gallery, k),
        {
            "queries": Tensor(floats(3, 4), frozenset({"dtype", "empty", "no tensor", "device"})),
            "gallery": Tensor(floats(5, 4), frozenset({"dtype", "empty", "no tensor", "device"})),
            "k": Whole(2),
        },
    ),
    "edge_maps": (
        lambda images, filters, **a: edge_maps(images, filters, side=9, **a),
        {
            "images": Tensor(floats(2, 1, 12, 12)), "filters": Tensor(floats(2, 1, 3, 3)),
            "shift": Whole(1, 0),
        },
    ),
    "relative_change": (
        relative_change, {"before": Tensor(floats(2, 3)), "after": Tensor(floats(2, 3))},
    ),
    "LocalResponseNorm": (
        LocalResponseNorm, {**IN_RANGE, "convention": Choice("paper"), "groups": Whole(2)},
    ),
    "ceil_output_size": (
        ceil_output_size, {"size": Whole(9), "kernel_size": Whole(3), "stride": Whole(2)},
    ),
    "mean_interval": (
        statistics.mean_interval,
        {"values": Numbers([0.1, 0.2], 2), "confidence": Real(0.9, (0.0, 1.0))},
    ),
    "paired_interval": (
        statistics.paired_interval,
        {
            "a": Numbers([0.1, 0.2], 2), "b": Numbers([0.3, 0.2], 2),
            "confidence": Real(0.9, (0.0, 1.0)),
        },
    ),
    "curve": (
        lambda errors: statistics.epochs_to_threshold(errors, 0.5), {"errors": Numbers([0.4], 0)},
    ),
    "speed_up": (
        lambda errors, threshold: statistics.speed_up(
            [statistics.Run(kind, "today", 0.1, 0, errors) for kind in ("relu", "tanh")], threshold
        ),
        {"errors": Numbers([0.9, 0.2]), "threshold": Real(0.3, (0.0, 1.0))},
    ),
    "times_as_long": (
        lambda slow, fast, threshold: statistics.times_as_long([slow], [fast], threshold),
        {
            "slow": Numbers([0.9, 0.4]), "fast": Numbers([0.9, 0.4]),
            "threshold": Real(0.5, (math.inf,)),
        },
    ),
    "parameter_groups": (
        partial(parameter_groups, NETS["four-layer"]),
        {
            "lr": Real(0.1, (0.0, -1.0)), "weight_decay": Real(0.1, (-1e-9,)),
            "biases": Choice("paper"),
        },
    ),
    "rescale_momentum": (
        lambda **a: rescale_momentum(torch.optim.SGD([WEIGHT]), **a),
        {"lr_old": Real(0.1, (0.0, -1.0)), "lr_new": Real(0.1, (0.0, -1.0))},
    ),
    "descend": (
        partial(toy.descend, lambda w, update: w),
        {
            "w": anything(floats(2)), "rates": Numbers([0.1, 0.1]), "rule": Choice("paper"),
            "momentum": Real(0.9, (1.1, -1.0)), "weight_decay": Real(0.0, (-1e-9,)),
        },
    ),
    "dropped_rates": (
        toy.dropped_rates,
        {
            "lr": Real(0.1, (0.0, -1.0)), "updates": Whole(5), "drops": Numbers([2.0, 3.0], 0),
            "factor": Real(0.1, (0.0, 1.1)),
        },
    ),
    "SoftmaxProblem": (
        toy.SoftmaxProblem.of,
        {
            "images": Tensor(PIXELS, ONE_INPUT.refuses - {"dtype", "device"}),
            "labels": Tensor(LABELS), "updates": Whole(2), "batch_size": Whole(2), "held": Whole(1),
        },
    ),
    "SoftmaxProblem.losses": (
        toy.SoftmaxProblem.of(PIXELS, LABELS, updates=2, batch_size=2, held=1).losses,
        {"rates": Numbers([0.1, 0.1]), "momentum": Real(0.9, (-1.0, 2.0))},
    ),
    "colourfulness": (
        colourfulness, {"weight": Tensor(floats(4, 3, 5, 5), ONE_INPUT.refuses - {"device"})},
    ),
    "precision_at_k": (
        partial(precision_at_k, Neighbours(torch.tensor([[0], [1], [3], [2]]), floats(4, 1))),
        {
            "query_labels": Tensor(LABELS), "gallery_labels": Tensor(LABELS),
            "num_classes": Whole(3),
        },
    ),
    "explain_unit": (
        partial(explain_unit, trace(NETS["four-layer"], floats(1, 3, 32, 32))),
        {"layer": Choice("conv2"), "map": Whole(1, 0), "row": Whole(1, 0), "column": Whole(1, 0)},
    ),
    "feature_maps": (
        partial(feature_maps, NETS["cifar"]),
        {"images": Tensor(PHOTOS, ANY_NUMBERS), "layer": Choice("conv1"), "batch_size": Whole(2)},
    ),
    "unit_states": (
        partial(unit_states, NETS["cifar"]),
        {"images": Tensor(PHOTOS, ANY_NUMBERS), "batch_size": Whole(2)},
    ),
    **{
        function.__name__: (
            partial(function, NETS["cifar"]),
            {"images": Tensor(PHOTOS, frozenset({"rank", "dtype", "empty", "no tensor"}))},
        )
        for function in (predict, trace)
    },
    **{
        function.__name__: (partial(function, NETS["cifar"]), {"input_size": Whole(28)})
        for function in (receptive_fields, layer_ledger)
    },
    **{
        function.__name__: (
            partial(function, PRESETS["cifar"]), {"talks": Some(["conv2", "fc6"])},
        )
        for function in (crossing_bytes, wired_ledger)
    },
    "FourLayerConfig": (
        FourLayerConfig,
        {
            "num_classes": Whole(3), "activation": Choice("relu"), "init": Choice("paper"),
            "input_scale": Choice("centred"), "input_size": Whole(12, 12),
        },
    ),
    "TrainConfig": (
        TrainConfig,
        {
            "epochs": Whole(3), "batch_size": Whole(8), "lr": Real(0.1, (0.0, -1.0, 11.0)),
            "momentum": Real(0.9, (1.0, -0.1)), "weight_decay": Real(0.1, (-1e-9, 1.1)),
            "seed": Whole(1, 0), "preset": Choice("cifar"), "schedule": Choice("plateau"),
            "precision": Choice("float32"),
        },
    ),
    "pick_device": (pick_device, {"name": Choice("cpu")}),
    "pick_precision": (
        partial(pick_precision, torch.device("cpu")), {"name": Choice("float32")},
    ),
    "images_per_second": (
        partial(images_per_second, TINY_RUN), {"steps": Whole(2, 2)},
    ),
    "experiment": (experiment, {"name": Choice("fig1")}),
}  # fmt: skip


def data() -> ImageData:
    ten = Examples(PIXELS.repeat(3, 1, 1, 1)[:10], LABELS.repeat(3)[:10])
    return ImageData("x", ("a", "b", "c"), ten, ten)


def refused_in_our_words(call: Callable[[], Any]) -> bool:
    """Whether the call is refused by the package; an error of anybody else goes on."""
    try:
        call()
    except (ValueError, TypeError) as error:
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        name = trace.tb_frame.f_code.co_filename
        line = linecache.getline(name, trace.tb_lineno).strip()
        if not name.startswith(PACKAGE) or not line.startswith("raise "):
            raise AssertionError(f"not in our words: {type(error).__name__}: {error}") from error
        assert len(str(error)) > 15 and str(error)[-1] in ".?"
        return True
    return False


TENSOR_CHANGES = ("rank", "shape", "dtype", "device", "empty", "NaN", "no tensor")


@st.composite
def bad_tensor(draw: st.DrawFn, spec: Tensor) -> tuple[str, Any]:
    """A change, and what it makes of the valid tensor."""
    change, x = draw(st.sampled_from(TENSOR_CHANGES)), spec.valid
    if change == "rank":
        return change, draw(st.sampled_from([x[0], x[None], x.flatten()[0], x[None, None]]))
    if change == "shape":
        shape = draw(st.lists(st.integers(0, 5), max_size=5))
        return change, torch.zeros(shape, dtype=x.dtype)
    if change == "dtype":
        kinds = {torch.float32, torch.int32, torch.uint8, torch.bool, torch.complex64}
        return change, x.to(draw(st.sampled_from(sorted(kinds - {x.dtype}, key=str))))
    if change == "device":
        return change, torch.empty_like(x, device="meta")
    if change == "empty":
        return change, x[:0]
    if change == "NaN":
        place = draw(st.integers(0, x.numel() - 1))
        value = draw(st.sampled_from([math.nan, math.inf, -math.inf]))
        return change, x.flatten().index_fill(
            0, torch.tensor(place), value if x.is_floating_point() else 99
        ).view_as(x) if x.dtype != torch.bool else x
    return change, draw(st.sampled_from([None, "cat.jpg", 3, 0.5, [[1.0, 2.0]], x.tolist()]))


@st.composite
def bad_value(draw: st.DrawFn, spec: Any) -> tuple[str, Any]:
    """A change, and a value of that kind; every one but the last kind must be refused."""
    nonsense = ["three", None, [1], math.nan, 1j, torch.zeros(2)]
    if isinstance(spec, Whole | Real):
        nonsense += [True, False]  # neither a count nor a measure
    if isinstance(spec, Yes):
        return "must", draw(st.sampled_from([0, 1, "yes", *nonsense]))
    if isinstance(spec, Whole):
        below = st.integers(-(2**70), spec.least - 1)
        fraction = st.floats(spec.least, 100).filter(lambda v: v != int(v))
        return "must", draw(st.one_of(below, fraction, st.sampled_from([*nonsense, math.inf])))
    if isinstance(spec, Real):
        return "must", draw(st.sampled_from([*spec.outside, *nonsense]))
    if isinstance(spec, Numbers):
        wrong = st.sampled_from([*nonsense[:2], math.nan, 1j, torch.zeros(())])
        place = draw(st.integers(0, len(spec.valid) - 1))
        spoilt = draw(st.sampled_from(["three", None, [1.0], math.nan, math.inf, torch.zeros(2)]))
        in_place = [*spec.valid[:place], spoilt, *spec.valid[place + 1 :]]
        few = spec.valid[: spec.least - 1] if spec.least else in_place
        return "must", draw(st.one_of(wrong, st.sampled_from([in_place, few])))
    if isinstance(spec, Some):
        return "must", draw(st.sampled_from([*nonsense, "conv2", ["conv1"], [*spec.valid, 2]]))
    text = st.text(max_size=9).map(lambda word: f"{word}?")
    return "must", draw(st.one_of(text, st.sampled_from(["", 0, math.nan, (1,)])))


ARGUMENTS = [(case, name) for case, (_, specs) in CASES.items() for name in specs]
OPTIONAL = {
    "bias", "classes", "gallery", "resize_to", "train",
    "layer_ledger input_size", "receptive_fields input_size",
}  # fmt: skip
tried = [0]


@pytest.mark.parametrize("case", CASES)
def test_valid_arguments_are_taken(case):
    function, specs = CASES[case]
    function(**{name: spec.valid for name, spec in specs.items()})


@pytest.mark.parametrize(("case", "name"), ARGUMENTS)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
@given(draw=st.data())
def test_what_an_argument_cannot_be_is_refused_in_our_words(case, name, draw):
    function, specs = CASES[case]
    spec = specs[name]
    is_tensor = isinstance(spec, Tensor)
    change, value = draw.draw(bad_tensor(spec) if is_tensor else bad_value(spec))
    arguments = {other: one.valid for other, one in specs.items()} | {name: value}
    optional = {name, f"{case} {name}"} & OPTIONAL
    if (optional and value is None) or (change == "device" and change not in spec.refuses):
        return  # left out; or the only tensor, whose device is as good as any
    refused = refused_in_our_words(lambda: function(**arguments))
    tried[0] += 1
    if change in (spec.refuses if is_tensor else {"must"}):
        assert refused, f"{case} took {name} = {value!r} ({change})"


def test_a_thousand_cases_were_tried(record_property):
    record_property("cases", tried[0])
    print(f"{tried[0]} bad inputs tried on {len(CASES)} functions")
    if tried[0]:  # else only this test was asked for
        assert tried[0] >= 1000
