"""Occlusion, saliency and class images on networks whose answer is known."""

import pytest
import torch
from torch import nn

from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples
from alexnet_lib.inspection.ascent import Brakes, class_film, class_images, unit_film
from alexnet_lib.inspection.attribution import occlusion_map, saliency_map
from alexnet_lib.inspection.filters import roughness
from alexnet_lib.inspection.tracing import feature_maps, predict
from alexnet_lib.inspection.units import receptive_fields
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.augment import Augmentation


class Spot(nn.Module):
    """Class 1 where rows 4–6, columns 8–10 are bright; the rest of the image does not matter."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(27, 2)
        self.fc.weight.data = torch.stack([-torch.ones(27), torch.ones(27)]) / 9
        nn.init.zeros_(self.fc.bias)

    def forward(self, x):
        return self.fc(x[:, :, 4:7, 8:11].flatten(1))


@pytest.mark.parametrize("stride", [1, 3, 4])
def test_only_the_informative_square_counts(stride):
    told = occlusion_map(Spot().train(), torch.ones(1, 3, 14, 16), 1, size=3, stride=stride)
    assert told.probability == pytest.approx(1 / (1 + torch.e**-6), rel=1e-4)
    assert told.tops[0] == 0 and told.tops[-1] == 11 and told.lefts[-1] == 13
    sums, counts = torch.zeros(2, 14, 16)
    for r, top in enumerate(told.tops):
        for c, left in enumerate(told.lefts):
            image = torch.ones(1, 3, 14, 16)
            image[:, :, top : top + 3, left : left + 3] = 0
            drop = told.probability - float(predict(Spot(), image)[0, 1])
            assert float(told.drop[r, c]) == pytest.approx(drop, abs=1e-6)
            sums[top : top + 3, left : left + 3] += drop
            counts[top : top + 3, left : left + 3] += 1
    torch.testing.assert_close(told.per_pixel, sums / counts.clamp_min(1), atol=1e-5, rtol=1e-4)
    if stride == 1:
        assert (told.drop == told.drop.max()).nonzero().tolist() == [[4, 8]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": 2}, "label is 2"),
        ({"label": -1}, "label is -1"),
        ({"size": 15}, "size is 15; expected at most 14"),
        ({"stride": 0}, "stride is 0"),
        ({"image": torch.zeros(2, 3, 14, 16)}, "image has shape"),
    ],
)
def test_occlusion_of_what_does_not_fit(changes, words):
    arguments = {"image": torch.zeros(1, 3, 14, 16), "label": 1} | changes
    with pytest.raises(ValueError, match=words):
        occlusion_map(Spot(), **arguments)


def test_saliency_is_the_gradient_and_leaves_none_in_the_weights():
    model = build_model("four-layer", widths=(4, 4, 4)).train()
    x = 50 * torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():  # as in a caller that has switched gradients off
        told = saliency_map(model, x, torch.tensor([1, 2, 3]))
    leaf = x.clone().requires_grad_()
    scores = model(leaf)
    (gradient,) = torch.autograd.grad(scores[0, 1] + scores[1, 2] + scores[2, 3], leaf)
    torch.testing.assert_close(told, gradient.abs().amax(1))
    assert model.training and not x.requires_grad
    assert all(p.grad is None for p in model.parameters())
    own = saliency_map(model, x)
    torch.testing.assert_close(own, saliency_map(model, x, scores.argmax(1)))


def test_saliency_lies_on_the_informative_square():
    told = saliency_map(Spot(), torch.ones(1, 3, 14, 16))
    expected = torch.zeros(14, 16)
    expected[4:7, 8:11] = 1 / 9
    torch.testing.assert_close(told[0], expected)
    with pytest.raises(ValueError, match=r"labels\[0\] is 5"):
        saliency_map(Spot(), torch.ones(1, 3, 14, 16), torch.tensor([5]))


# --- Input scale and class images ---------------------------------------------------------------


def examples(size: int = 32) -> Examples:
    generator = torch.Generator().manual_seed(4)
    pixels = torch.randint(0, 256, (6, 3, size, size), generator=generator, dtype=torch.uint8)
    return Examples(pixels, torch.zeros(6).long())


@pytest.mark.parametrize("kind", ["centred", "standardised"])
@pytest.mark.parametrize("mean_crop", ["aligned", "centre"])
@pytest.mark.parametrize("resize_to", [None, 40])
def test_the_input_scale_is_that_of_the_test_batches(kind, mean_crop, resize_to):
    model = build_model("cifar-lite", widths=(4, 4, 4, 4, 4), hidden_units=4, resize_to=resize_to)
    data = examples()
    preprocessing = Preprocessing.fit(data, kind, mean_crop)
    scale = preprocessing.cut(model.config.input_size, model.config.resize_to)
    augmentation = Augmentation(28, resize_to=resize_to)
    ((x, _),) = Batches(data, 8, preprocessing, augmentation).views("center")
    torch.testing.assert_close(scale.enter(data.images), x[0], rtol=1e-4, atol=1e-3)
    if resize_to is None:
        assert torch.equal(scale.leave(x[0]), data.images[:, :, 2:30, 2:30])
    with pytest.raises(ValueError, match="shape"):
        scale.leave(x[0][..., :5])


class Red(nn.Module):
    """Class c is the brightness of colour c over the whole image."""

    def forward(self, x):
        return x.mean((2, 3)) / 20


@pytest.mark.parametrize("divisor", [1.0, 60.0])
def test_class_images_are_sure_smooth_and_within_the_pixels(divisor):
    model = Red()
    model.forward = lambda x: x.mean((2, 3)) * divisor / 20
    scale = Preprocessing(torch.full((3, 16, 16), 100.0), torch.full((3, 1, 1), divisor), size=16)
    told = class_images(model, scale, [0, 1, 2], torch.Generator().manual_seed(0), steps=24)
    assert told.pixels.shape == (3, 3, 16, 16) and told.pixels.dtype == torch.uint8
    assert told.probabilities.min() > 0.95 and told.roughness.max() < 0.7
    for label in range(3):
        assert told.pixels[label].float().mean((1, 2)).argmax() == label
    shown = predict(model, (told.pixels - scale.mean) / scale.scale)
    torch.testing.assert_close(told.probabilities, shown.diagonal())
    torch.testing.assert_close(told.roughness, roughness(told.pixels))


def test_jitter_spreads_the_gradient_around_the_place_that_counts():
    model, scale = (
        Spot(),
        Preprocessing(torch.full((3, 16, 16), 100.0), torch.ones(3, 1, 1), size=16),
    )
    generator = torch.Generator().manual_seed(0)
    told = class_images(model, scale, [1], generator, steps=24, jitter=2, blur=0, decay=0)
    bright = (told.pixels[0].float().mean(0) > 140).nonzero()
    assert bright.amin(0).tolist() == [2, 6] and bright.amax(0).tolist() == [8, 12]  # 2 px around


def test_class_images_come_from_the_generator_and_leave_the_model_alone():
    model = build_model("cifar-lite", widths=(4, 4, 4, 4, 4), hidden_units=4).train()
    scale = Preprocessing.fit(examples()).cut(28)

    def make(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return class_images(model, scale, [3], generator, steps=2).pixels

    assert torch.equal(make(1), make(1)) and not torch.equal(make(1), make(2))
    assert model.training and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": [10]}, r"labels\[0\] is 10; expected 0 to 9"),
        ({"labels": []}, "labels"),
        ({"scale": Preprocessing.fit(examples())}, r"whole images; .*scale\.cut\(size\)"),
        ({"steps": 0}, "steps is 0"),
        ({"jitter": -1}, "jitter is -1"),
        ({"blur": 2}, "blur is 2"),
        ({"decay": 1}, "decay is 1"),
    ],
)
def test_class_images_of_what_does_not_fit(changes, words):
    model = build_model("cifar-lite", widths=(4, 4, 4, 4, 4), hidden_units=4)
    scale = Preprocessing.fit(examples()).cut(28)
    arguments = {"scale": scale, "labels": [1], "generator": torch.Generator()} | changes
    with pytest.raises((ValueError, TypeError), match=words):
        class_images(model, **arguments)


# --- Films ---------------------------------------------------------------------------------------


def test_a_film_ends_where_the_class_images_are_and_begins_with_noise():
    model = build_model("cifar-lite", widths=(4, 4, 4, 4, 4), hidden_units=4)
    scale = Preprocessing.fit(examples()).cut(28)
    ends = class_images(model, scale, [3, 5], torch.Generator().manual_seed(0), steps=6)
    film = class_film(model, scale, [3, 5], torch.Generator().manual_seed(0), steps=6, frames=4)
    assert film.steps == (0, 1, 3, 6) and film.pixels.shape == (4, 2, 3, 28, 28)
    assert torch.equal(film.pixels[-1], ends.pixels)
    torch.testing.assert_close(film.values[-1], ends.probabilities)
    assert roughness(film.pixels[0]).min() > 0.9
    shown = predict(model, scale.enter(film.pixels[1]))
    torch.testing.assert_close(film.values[1], shown[[0, 1], [3, 5]])


def test_a_unit_s_picture_makes_it_answer_and_changes_only_what_it_sees():
    model = build_model("cifar-lite", widths=(4, 4, 4, 4, 4), hidden_units=4).train()
    scale = Preprocessing(torch.full((3, 1, 1), 128.0), torch.full((3, 1, 1), 60.0)).cut(28)
    brakes = Brakes(jitter=0, blur=0.0, decay=0.0)
    dice = torch.Generator().manual_seed(0)
    film = unit_film(model, scale, "conv1", (2, 14, 14), dice, steps=8, brakes=brakes)
    assert film.values[0, 0] < film.values[4, 0] < film.values[-1, 0]
    own = feature_maps(model, scale.enter(film.pixels[-1]), "conv1")[0, 2, 14, 14]
    torch.testing.assert_close(film.values[-1, 0], own)
    top, left, bottom, right = receptive_fields(model)["conv1"].box(14, 14, 28)
    changed = (film.pixels[0, 0] != film.pixels[-1, 0]).any(0).nonzero()
    assert changed.amin(0).tolist() == [top, left]
    assert (changed.amax(0) + 1).tolist() == [bottom, right]
    assert model.training


def test_a_unit_s_picture_of_what_is_not_there():
    model = build_model("cifar-lite", widths=(4, 4, 4, 4, 4), hidden_units=4)
    scale = Preprocessing.fit(examples()).cut(28)
    with pytest.raises(ValueError, match="layer is 'conv9'; did you mean"):
        unit_film(model, scale, "conv9", (0, 0, 0), torch.Generator())
    with pytest.raises(ValueError, match="frames is 1"):
        unit_film(model, scale, "conv1", (0, 0, 0), torch.Generator(), frames=1)
