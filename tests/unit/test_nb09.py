"""Lesson 09: the view sampler, the pictures of gaps and shifts, and the numbers that it teaches."""

import io
from datetime import datetime, timezone
from typing import Any

import pytest
import torch
from PIL import Image

from alexnet_lib.course.exercises import nb09
from alexnet_lib.course.figures.colour import shift_clouds
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.figures.training import gap_panels
from alexnet_lib.course.widgets.pictures import Named, read_picture
from alexnet_lib.course.widgets.pointing import Picture
from alexnet_lib.course.widgets.views import ViewSampler
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.tracing import predict
from alexnet_lib.models.four_layer import FourLayerCifar, FourLayerConfig
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.augment import (
    Augmentation,
    ColourBasis,
    ViewTable,
    colour_shift,
    crop,
    flip,
    pca_basis,
)
from alexnet_lib.paper.facts import AUGMENTATION
from alexnet_lib.training.checkpoint import TrainedNetwork
from alexnet_lib.training.evaluation import evaluate, top_k_error

PLAIN = {"top": 2, "left": 2, "mirrored": False, "form": "source2012",
         "light": (0.5, 0.0, 0.0)}  # fmt: skip
WINDOW, TEN, LIGHT = 0, 1, 2  # the parts that can be pointed at
Sampler = tuple[ImageData, ColourBasis, TrainedNetwork]


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    data = synthetic_images(train=60, test=30)
    scale = Preprocessing(torch.full((3, 1, 1), 128.0), torch.full((3, 1, 1), 60.0))
    net = build_model("cifar-lite", 10, widths=(4, 4, 4, 4, 4), hidden_units=4, init="kaiming")
    return data, pca_basis(data.train.images), TrainedNetwork(net, scale, data.classes, {})


def _png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).save(buffer, format="PNG")
    return buffer.getvalue()


OWN = Named("own.png", read_picture(_png(60, 60), "own.png"))


def _upload(content: bytes, name: str = "own.png") -> dict[str, Any]:
    return {"name": name, "type": "image/png", "size": len(content), "content": content,
            "last_modified": datetime.now(timezone.utc)}  # fmt: skip


def point(picture: Picture, row: int, column: int, place: int) -> None:
    """What the page sends."""
    told = {"place": place, "row": row, "column": column, "turn": 0}
    picture.pointed = {**told, "number": picture.pointed.get("number", 0) + 1}


def shown(sampler: Sampler, number: int = 0, **changed: Any) -> tuple[Image.Image, str]:
    explorer = ViewSampler(*sampler)
    explorer.controls["picture"].number.value = number
    (picture, _), words = explorer.render(**{**explorer.state, **PLAIN, **changed})
    return picture, words


def test_the_sampler_tells_window_mirror_and_light(sampler: Sampler) -> None:
    data, basis, _ = sampler
    _, text = shown(sampler, 7, top=0, left=4, mirrored=True, light=(-0.3, 0.2, 0.0))
    shift = colour_shift(basis, torch.tensor([[-0.3, 0.2, 0.0]]), "source2012")[0]
    light = ", ".join(f"{value:+.1f}" for value in shift.tolist())
    name = f"{data.classes[data.train.labels[7]]}, no. 7, {data.name}"
    assert text.startswith(f"{name}: window of 28 × 28 ")
    assert "at row 0, column 4 of 0 to 4, mirrored: one of 50 views." in text
    assert f"their roots (authors' code): {light} grey levels" in text


def test_the_result_is_the_packages_view(sampler: Sampler) -> None:
    """The second panel holds the cropped, mirrored and relit pixels, eight screen pixels each."""
    data, basis, _ = sampler
    picture, text = shown(sampler, top=1, left=3, mirrored=True, light=(0.2, 0.0, 0.0))
    window = crop(data.train.images[:1], torch.tensor([1]), torch.tensor([3]), 28)
    view = flip(window, torch.tensor([True]))[0]
    view = view + colour_shift(basis, torch.tensor([[0.2, 0, 0]]), "source2012")[0][:, None, None]
    pixels = torch.tensor(list(picture.crop((0, 30, picture.width, 254)).tobytes()))
    pixels = pixels.view(224, picture.width, 3)
    expected = view.round().clamp(0, 255).permute(1, 2, 0)
    found = [
        x
        for x in range(256, picture.width - 224)
        if torch.equal(pixels[4::8, x + 4 : x + 224 : 8].float(), expected)
    ]
    assert found
    outside = float(((view < 0) | (view > 255)).float().mean())
    assert f"{outside:.0%} of the numbers leave 0 to 255" in text


@pytest.mark.parametrize(
    "change",
    [{"number": 1}, {"top": 4}, {"left": 0}, {"mirrored": True}, {"form": "paper"},
     {"light": (0.6, 0.0, 0.0)}, {"light": (0.5, 0.0, -0.8)}, {"picture": OWN}],
)  # fmt: skip
def test_every_control_changes_picture_and_words(sampler: Sampler, change: dict[str, Any]) -> None:
    before, words = shown(sampler)
    after, changed = shown(sampler, **change)
    assert before.tobytes() != after.tobytes()
    assert words != changed


def test_an_own_picture_has_the_papers_places_and_the_slider_lets_it_go(sampler: Sampler) -> None:
    explorer = ViewSampler(*sampler)
    source = explorer.controls["picture"]
    source.upload.button.value = (_upload(_png(300, 70)),)
    assert explorer.controls["top"].max == explorer.controls["left"].max == 32
    explorer.set(top=32, left=5)
    assert "own.png: window of 224 × 224 at row 32, column 5 of 0 to 32" in explorer.summary
    assert "one of 2,178 views" in explorer.summary
    source.number.value = 3
    assert explorer.controls["top"].max == explorer.controls["top"].value == 4
    assert "no. 3, synthetic stand-in: window of 28 × 28 at row 4, column 4" in explorer.summary


def test_a_photograph_is_shown_first_and_again_after_reset(sampler: Sampler) -> None:
    photograph = torch.randint(256, (3, 300, 451), dtype=torch.uint8)
    explorer = ViewSampler(*sampler, photograph)
    first = explorer.summary
    assert first.startswith("a photograph: window of 224 × 224 at row 16, column 16 of 0 to 32")
    explorer.controls["picture"].number.value = 3
    explorer.reset()
    assert explorer.summary == first


def test_the_ten_views_and_their_mean_are_those_of_a_test(sampler: Sampler) -> None:
    data, _, network = sampler
    explorer = ViewSampler(*sampler)
    explorer.set(light=(0.0, 0.0, 0.0))
    one = Examples(data.train.images[:1], data.train.labels[:1])
    batches = Batches(one, 1, network.preprocessing, Augmentation(28))
    views, _ = next(batches.views("ten"))
    each = predict(network.model, views.flatten(0, 1))  # (10, classes)
    mean = each.mean(0)
    best = int(mean.argmax())
    assert f"The ten views' mean is {data.classes[best]} {mean[best]:.0%}, then" in explorer.summary
    ends = f"{data.classes[best]} {each[:, best].min():.0%} to {each[:, best].max():.0%}."
    assert explorer.summary.endswith(f"one by one they give {ends}")


def test_one_of_the_ten_views_is_gone_to_and_framed_on_the_picture(sampler: Sampler) -> None:
    explorer = ViewSampler(*sampler)
    told = explorer.image.places[TEN]
    point(explorer.image, 0, 7, TEN)
    assert "at row 4, column 0 of 0 to 4, mirrored" in explorer.summary
    assert explorer.image.places[TEN]["at"] == [0, 7]
    left, top, width, _ = explorer.image.places[WINDOW]["box"]
    x, y, side, _ = told["frames"][7]
    assert x + side / 2 == pytest.approx(left + width / 10)  # the middle of cell 0 of 5
    assert y + side / 2 == pytest.approx(top + width * 9 / 10)


def test_light_is_pointed_at_along_each_axis(sampler: Sampler) -> None:
    explorer = ViewSampler(*sampler)
    point(explorer.image, 0, 0, LIGHT + 1)
    point(explorer.image, 0, 17, LIGHT + 2)
    assert explorer.state["light"] == (0.5, -1.0, 0.7)
    assert [axis.value for axis in explorer.controls["light"].axes] == [0.5, -1.0, 0.7]
    assert explorer.image.places[LIGHT + 2]["at"] == [0, 17]
    explorer.reset()
    assert explorer.state["light"] == (0.5, 0.0, 0.0)


def test_a_file_that_is_no_picture_is_answered_in_words(sampler: Sampler) -> None:
    explorer = ViewSampler(*sampler)
    before, upload = explorer.image.value, explorer.controls["picture"].upload
    upload.button.value = (_upload(b"no picture", "notes.txt"),)
    assert upload.words.plain.startswith("Not possible: notes.txt cannot be read as a picture")
    assert explorer.image.value == before


def test_gap_panels_tell_both_errors_and_the_gap() -> None:
    curves = {
        "none": [([0.8, 0.1], [0.8, 0.6]), ([0.8, 0.3], [0.9, 0.7])],
        "crop": [([0.9, 0.5], [0.9, 0.6])],
    }
    figure = gap_panels(curves, "Errors, X")
    told = "none: learned 20%, unseen 65%; crop: learned 50%, unseen 60%."
    assert figure.get_label() == f"Errors, X. Errors in the end: {told}"
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["none: gap 45 points", "crop: gap 10 points"]
    assert save_png(figure)


@pytest.mark.parametrize("epochs", [2, 3, 10, 24])
def test_gap_panels_count_epochs_in_whole_numbers(epochs: int) -> None:
    """The ticks of ten epochs in a panel of a third of the page were 2.5, 5, 7.5 and 10."""
    curve = [0.5] * epochs
    figure = gap_panels({name: [(curve, curve)] for name in ("none", "crop", "both")}, "Errors, X")
    save_png(figure)
    ticks = [float(at) for axes in figure.axes for at in axes.get_xticks()]
    assert ticks and all(tick.is_integer() for tick in ticks)


@pytest.mark.parametrize("curves", [{}, {"none": []}, {"none": [([], [])]}])
def test_gap_panels_refuse_an_empty_run(curves: dict) -> None:
    with pytest.raises(ValueError, match="a curve is empty"):
        gap_panels(curves, "nothing")


def test_shift_clouds_tell_the_spread_of_each_colour() -> None:
    shifts = {"paper": torch.tensor([[1.0, 2, 3], [-1, -2, -3]]), "code": torch.ones(2, 3)}
    figure = shift_clouds(torch.rand(9, 3) * 255, shifts, "Shifts, X")
    assert "paper: spread 1.4, 2.8, 4.2 in red, green, blue; code: spread 0.0" in figure.get_label()
    assert save_png(figure)
    with pytest.raises(ValueError, match="no shifts"):
        shift_clouds(torch.rand(9, 3), {}, "nothing")


def test_the_exercises_solutions_equal_the_package(sampler: Sampler) -> None:
    for n, m, mirrored in nb09.views.cases():
        augmentation = Augmentation(m, flip=mirrored, offsets="source2012")
        assert nb09.count_views(n, m, mirrored) == augmentation.distinct_views(n)
    data, basis, _ = sampler
    unit = torch.cat([torch.eye(3), -torch.eye(3)])
    mine, package = (
        shifts.T @ shifts
        for shifts in (
            nb09.colour_noise(data.train.images, unit),
            colour_shift(basis, unit, "source2012"),
        )
    )
    torch.testing.assert_close(mine, package, rtol=1e-3, atol=0.5)


def test_averaged_opinions_are_what_the_evaluation_averages(sampler: Sampler) -> None:
    data = sampler[0]
    net = FourLayerCifar(FourLayerConfig(widths=(4, 4, 4), input_size=24, init="torch"))
    batches = Batches(data.test, 30, Preprocessing.fit(data.train), Augmentation(24), shuffle=False)
    with torch.no_grad():
        ((x, y),) = batches.views("ten")
        probs = nb09.average_views(torch.stack([net(view) for view in x]))
    torch.testing.assert_close(probs.sum(1), torch.ones(30))
    assert top_k_error(probs, y) == evaluate(net, batches, "ten").top1_error


def test_counts_that_the_lesson_teaches() -> None:
    """Section 9.2."""
    counts = {
        (n, m): [Augmentation(m, offsets=o).distinct_views(n) for o in ("paper", "source2012")]
        for n, m in ((256, 224), (32, 28), (32, 24))
    }
    assert counts == {(256, 224): [2048, 2178], (32, 28): [32, 50], (32, 24): [128, 162]}
    assert AUGMENTATION.views_per_image == 2048


def test_fifty_draws_show_about_32_of_50_views() -> None:
    """Section 9.2: 50 · (1 − 0.98⁵⁰)."""
    tables = [ViewTable.draw(1000, 0, epoch) for epoch in range(50)]
    codes = torch.stack([(t.places % 5) @ torch.tensor([10, 2]) + t.mirrored for t in tables])
    shown = [len(set(drawn)) for drawn in codes.T.tolist()]
    assert sum(shown) / 1000 == pytest.approx(50 * (1 - 0.98**50), abs=0.3)


def test_only_the_root_gives_the_same_light_in_every_unit(sampler: Sampler) -> None:
    """Section 9.4: the shift as a share of the pixels' range."""
    basis = sampler[1]
    unit = ColourBasis(basis.eigenvalues / 255**2, basis.eigenvectors)  # pixels from 0 to 1
    alphas = ViewTable.draw(50, 0, 0).alphas
    root = colour_shift(unit, alphas, "source2012")
    torch.testing.assert_close(255 * root, colour_shift(basis, alphas, "source2012"))
    literal = (alphas * unit.eigenvalues) @ unit.eigenvectors.T
    torch.testing.assert_close(255 * literal, colour_shift(basis, alphas, "paper"))
    on_255 = (alphas * basis.eigenvalues) @ basis.eigenvectors.T
    torch.testing.assert_close(on_255, 255**2 * literal)  # pictures grew by 255, shifts by 255²


def test_one_sure_view_vetoes_four_in_logits_only() -> None:
    """Section 9.7."""
    views = torch.tensor([[[0.9, 0.1]]] * 4 + [[[1e-6, 1 - 1e-6]]]).log()
    assert int(nb09.average_views(views).argmax()) == 0
    assert int(views.mean(0).softmax(-1).argmax()) == 1
