"""Images and labels that cannot be: refused at the door, in words (F30, F31)."""

import math
from types import SimpleNamespace

import pytest
import torch

from alexnet_lib.checks import check_input
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.attribution import saliency_map
from alexnet_lib.inspection.health import layer_signals
from alexnet_lib.inspection.tracing import feature_maps, predict, trace
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.evaluation import confusion_matrix, evaluate, top_k_error
from alexnet_lib.training.trainer import Trainer


def image(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(30))


def poisoned(value: float) -> torch.Tensor:
    x = image(4, 3, 32, 32)
    x[2, 1, 5, 5] = value
    return x


BAD_IMAGES = {
    "uint8": (torch.zeros(4, 3, 32, 32, dtype=torch.uint8), r"torch\.uint8"),
    "channels last": (image(4, 32, 32, 3), r"\(4, 32, 32, 3\)"),
    "grey": (image(4, 1, 32, 32), r"\(4, 1, 32, 32\)"),
    "one image": (image(3, 32, 32), r"\(3, 32, 32\)"),
    "31 pixels": (image(4, 3, 31, 31), r"\(4, 3, 31, 31\)"),
    "no image": (image(0, 3, 32, 32), r"\(0, 3, 32, 32\)"),
    "NaN": (poisoned(math.nan), r"\[2\] holds NaN"),
    "infinity": (poisoned(-math.inf), r"\[2\] holds NaN or infinity"),
    "half of it NaN": (poisoned(math.nan).half(), r"\[2\] holds NaN"),
    "a list": ([[1.0]], "a list"),
}


def train_on(x: object) -> None:
    config = TrainConfig("four-layer", epochs=1, batch_size=4, device="cpu", precision="float32")
    Trainer(config, synthetic_images(40, 20)).step(x, torch.zeros(4, dtype=torch.int64))


def evaluate_on(x: object) -> None:
    batches = SimpleNamespace(views=lambda _: [([x], torch.zeros(4, dtype=torch.int64))])
    evaluate(build_model("four-layer"), batches)


DOORS = {
    "training": train_on,
    "testing": evaluate_on,
    "asking": lambda x: predict(build_model("four-layer"), x),
    "looking inside": lambda x: trace(build_model("four-layer"), x),
    "one layer": lambda x: feature_maps(build_model("four-layer"), x, "conv2"),
    "its signals": lambda x: layer_signals(build_model("four-layer"), x, torch.zeros(4).long()),
    "what counts": lambda x: saliency_map(build_model("four-layer"), x),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", BAD_IMAGES)
def test_f30_bad_image_tensor_says_got_and_expected(case, door):
    x, got = BAD_IMAGES[case]
    any_kind = door == "one layer" and case in ("no image", "one image", "a list")  # and pixels
    expected = r"\(N, C, H, W\)" if any_kind else r"\(N, 3, 32, 32\)"
    with pytest.raises(ValueError, match=rf"{got}.*expected .*{expected}"):
        DOORS[door](x)


def test_f30_large_numbers_that_overflow_only_when_added_up_pass():
    x = torch.full((2, 3, 32, 32), 1e38)
    check_input(build_model("four-layer"), x)
    with pytest.raises(ValueError, match=r"x is on meta; expected it on cpu"):
        check_input(build_model("four-layer"), x.to("meta"))


def test_f30_a_network_of_no_known_size_takes_images_of_any():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten())
    check_input(net, image(2, 1, 9, 7))
    with pytest.raises(ValueError, match=r"\(1, 9, 7\); expected \(N, C, H, W\)"):
        check_input(net, image(1, 9, 7))


BAD_PIXELS = {
    "float": (image(4, 3, 32, 32), r"torch\.float32; expected a tensor of torch\.uint8"),
    "channels last": (image(4, 32, 32, 3).byte(), r"\(4, 32, 32, 3\); expected \(N, 3, H, W\)"),
    "grey": (image(4, 1, 32, 32).byte(), r"\(4, 1, 32, 32\); expected \(N, 3, H, W\)"),
    "one image": (image(3, 32, 32).byte(), r"\(3, 32, 32\); expected \(N, 3, H, W\)"),
    "no image": (image(0, 3, 32, 32).byte(), r"\(0, 3, 32, 32\); expected \(N, 3, H, W\)"),
}


@pytest.mark.parametrize("case", BAD_PIXELS)
def test_f30_bad_pixels_never_become_examples(case):
    images, words = BAD_PIXELS[case]
    with pytest.raises(ValueError, match=words):
        Examples(images, torch.zeros(4, dtype=torch.int64))


def test_f30_images_of_another_size_than_the_mean_are_refused():
    mean = Preprocessing.fit(synthetic_images(10, 10).train)
    with pytest.raises(ValueError, match=r"\(2, 3, 31, 31\); expected \(N, 3, 32, 32\)"):
        mean(image(2, 3, 31, 31))


GOOD = torch.tensor([3, 1, 4, 1, 5])
BAD_LABELS = {
    "10 of 10 classes": (torch.tensor([3, 1, 10, 1, 11]), r"\[2\] is 10; expected 0 to 9"),
    "−1": (torch.tensor([3, -1, 4, 1, 5]), r"\[1\] is -1; expected 0 to 9"),
    "−100, which torch ignores": (torch.tensor([3, 1, 4, 1, -100]), r"\[4\] is -100; expected 0"),
    "float": (GOOD.float(), r"torch\.float32; expected a tensor of torch\.int64"),
    "int32": (GOOD.int(), r"torch\.int32; expected a tensor of torch\.int64"),
    "one short": (GOOD[:4], r"\(4,\); expected \(5,\)"),
    "a column": (GOOD[:, None], r"\(5, 1\); expected \(5,\)"),
    "none": (GOOD[:0], r"\(0,\); expected \(5,\)"),
    "a list": ([3, 1, 4, 1, 5], r"list; expected a tensor of torch\.int64"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_f31_bad_labels_are_named_by_their_index(case):
    labels, words = BAD_LABELS[case]
    with pytest.raises(ValueError, match=words):
        top_k_error(image(5, 10), labels)
    with pytest.raises(ValueError, match=words):
        confusion_matrix(labels, GOOD, 10)
    with pytest.raises(ValueError, match=words.removesuffix(" 9")):
        five = Examples(torch.zeros(5, 3, 32, 32, dtype=torch.uint8), GOOD)
        bad = Examples(five.images, labels)  # unknown classes are found where names are known
        ImageData("x", tuple("abcdefghij"), bad, five)


def test_f31_a_network_with_too_few_outputs_is_refused_before_training():
    config = TrainConfig(epochs=1, device="cpu", precision="float32")
    with pytest.raises(ValueError, match=r"num_classes is 5; expected .* at least 10"):
        Trainer(config, synthetic_images(40, 20), model=build_model("four-layer", 5))
