"""Lesson 01: its viewer, two pixels with and without their mean, errors, and its exercises."""

import io
import math
from datetime import datetime, timezone
from typing import Any

import pytest
import torch
from PIL import Image

from alexnet_lib.course.exercises import nb01
from alexnet_lib.course.figures.errors import confusion_chart, effect_intervals, error_intervals
from alexnet_lib.course.figures.style import BLUE, save_png
from alexnet_lib.course.widgets.centring import CentringExplorer, detour, steepness, way_down
from alexnet_lib.course.widgets.pictures import Named, read_picture
from alexnet_lib.course.widgets.views import PreprocessingViewer
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import ImageData
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.paper.augment import ColourBasis, center_crop, pca_basis, resize
from alexnet_lib.statistics import Interval, wilson_interval
from alexnet_lib.training.evaluation import top_k_error

STILL = {"preparation": "centred", "channel": 0,
         "light1": 0.0, "light2": 0.0, "light3": 0.0}  # fmt: skip
Viewer = tuple[ImageData, dict[str, Preprocessing], ColourBasis]


@pytest.fixture(scope="module")
def viewer() -> Viewer:
    data = synthetic_images(train=60, test=10)
    raw = Preprocessing(torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    fitted = {kind: Preprocessing.fit(data.train, kind) for kind in ("centred", "standardised")}
    return data, {"raw": raw, **fitted}, pca_basis(data.train.images)


def _chosen(content: bytes, name: str = "own.png") -> dict[str, Any]:
    """What the page sends when a file was chosen."""
    return {"name": name, "type": "image/png", "size": len(content), "content": content,
            "last_modified": datetime.now(timezone.utc)}  # fmt: skip


def shown(viewer: Viewer, number: int = 0, **changed: Any) -> tuple[Image.Image, str]:
    explorer = PreprocessingViewer(*viewer)
    explorer.controls["picture"].number.value = number
    return explorer.render(**{**explorer.state, **STILL, **changed})


def _png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).save(buffer, format="PNG")
    return buffer.getvalue()


OWN = Named("own.png", read_picture(_png(50, 40), "own.png"))


def test_the_words_give_the_numbers_that_the_network_gets(viewer: Viewer) -> None:
    data, preparations, _ = viewer
    for name, preparation in preparations.items():
        _, text = shown(viewer, 5, preparation=name)
        x = preparation(data.train.images[5:6])
        assert f"from {float(x.min()):.3g} to {float(x.max()):.3g}, mean" in text
        assert f"spread {float(x.std()):.3g};" in text
        assert f"{data.classes[data.train.labels[5]]}, no. 5, {data.name}, {name}: 3,072" in text
        assert "Light: +0, +0, +0" in text


def test_light_moves_every_pixel_along_the_first_axis(viewer: Viewer) -> None:
    basis = viewer[2]
    _, text = shown(viewer, light1=1.0)
    moved = basis.eigenvectors[:, 0] * basis.eigenvalues[0].sqrt()
    assert "Light: " + ", ".join(f"{value:+.0f}" for value in moved.tolist()) in text


@pytest.mark.parametrize(
    "change",
    [{"number": 1}, {"preparation": "raw"}, {"preparation": "standardised"}, {"channel": 2},
     {"light1": 0.5}, {"light2": -0.5}, {"light3": 1.0}, {"picture": OWN}],
)  # fmt: skip
def test_every_control_changes_picture_and_words(viewer: Viewer, change: dict[str, Any]) -> None:
    before, words = shown(viewer)
    after, changed = shown(viewer, **change)
    assert before.tobytes() != after.tobytes()
    assert words != changed


@pytest.mark.parametrize("size", [(50, 40), (40, 300), (1, 1), (900, 600), (32, 32)])
def test_an_own_picture_is_scaled_and_cropped_like_all_others(
    viewer: Viewer, size: tuple[int, int]
) -> None:
    own = Named("own.png", read_picture(_png(*size), "own.png"))
    _, text = shown(viewer, picture=own, preparation="raw")
    square = center_crop(resize(read_picture(_png(*size), "own.png")[None], 32), 32)
    assert text.startswith("own.png, raw: 3,072 numbers")
    assert f"mean {float(square.float().mean()):.3g}" in text


@pytest.mark.parametrize("content", [b"", b"no picture", _png(50, 40)[:-60], b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_answered_in_words(viewer: Viewer, content: bytes) -> None:
    explorer = PreprocessingViewer(*viewer)
    before, upload = explorer.image.value, explorer.controls["picture"].upload
    upload.button.value = (_chosen(content, "notes.txt"),)
    assert upload.words.plain.startswith("Not possible: notes.txt cannot be read as a picture")
    assert explorer.image.value == before
    explorer.controls["picture"].number.value = 3
    assert upload.words.plain == ""


def test_the_picture_slider_lets_go_of_the_own_file(viewer: Viewer) -> None:
    explorer = PreprocessingViewer(*viewer)
    source = explorer.controls["picture"]
    source.upload.button.value = (_chosen(_png(9, 7)),)
    assert explorer.summary.startswith("own.png, ")
    source.number.value = 3
    assert "no. 3, synthetic stand-in" in explorer.summary
    source.upload.button.value = (_chosen(_png(9, 7)),)  # the same file once more
    assert explorer.summary.startswith("own.png, ")


def test_a_transparent_and_a_turned_picture_are_read() -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.new("RGB", (40, 20), (200, 10, 30)).save(buffer, format="JPEG", exif=exif)
    assert read_picture(buffer.getvalue(), "upright.jpg").shape == (3, 40, 20)
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 6), (9, 8, 7, 0)).save(buffer, format="PNG")
    # what is behind a picture without ground is white, not the colour that nobody sees
    assert read_picture(buffer.getvalue(), "clear.png")[:, 0, 0].tolist() == [255, 255, 255]


def test_pictures_of_errors_say_what_they_show() -> None:
    errors = {"first": wilson_interval(620, 1000), "second": wilson_interval(30, 100)}
    figure = error_intervals(errors, "Test error, three dots", 0.9)
    assert "first 62.0% (59.0% to 65.0%)" in figure.get_label()
    assert save_png(figure)
    confusion = torch.tensor([[8, 2], [5, 5]])
    figure = confusion_chart(confusion, ("cat", "dog"), "Pets")
    assert figure.get_label() == (
        "Pets: 65% of a class are right on average; most often said: cat."
    )
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == ["80", "20", "50", "50"]


def test_effects_are_told_in_points_and_filled_where_they_are_clear() -> None:
    effects = {"dropout": Interval(-0.02, -0.05, 0.01), "ReLU": Interval(0.03, 0.01, 0.05)}
    figure = effect_intervals(effects, "Board")
    told = "Board. Points saved: dropout -2.0 (-5.0 to +1.0); ReLU +3.0 (+1.0 to +5.0)."
    assert figure.get_label() == told and save_png(figure)
    alone = effect_intervals({"one seed": Interval(0.01, -math.inf, math.inf)}, "Board")
    assert save_png(alone) and not alone.axes[0].collections
    dots = [line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert dots == ["white", BLUE]


def test_pictures_of_errors_refuse_what_they_cannot_show() -> None:
    with pytest.raises(ValueError, match="at least one"):
        error_intervals({}, "nothing", 0.9)
    with pytest.raises(ValueError, match="at least one"):
        effect_intervals({}, "nothing")
    for wrong in (torch.ones(2, 3), torch.tensor([[0, 0], [1, 1]])):
        with pytest.raises(ValueError, match="one row and one column a class"):
            confusion_chart(wrong, ("cat", "dog"), "Pets")


def test_the_exercises_solutions_equal_the_package() -> None:
    for scores, labels, k in nb01.ties.cases():
        assert nb01.top_k_error(scores, labels, k) == pytest.approx(top_k_error(scores, labels, k))
    for height, width, size in nb01.crop.cases():
        image = torch.arange(height * width).float().view(1, 1, height, width)
        rows, columns, top, left = nb01.place_of_crop(height, width, size)
        scaled = resize(image, size)
        assert scaled.shape[2:] == (rows, columns)
        window = scaled[:, :, top : top + size, left : left + size]
        assert torch.equal(window, center_crop(scaled, size))
    data = synthetic_images(train=50, test=20)
    fitted = Preprocessing.fit(data.train)
    train, test = nb01.centre(data.train.images, data.test.images)
    torch.testing.assert_close(train, fitted(data.train.images), atol=1e-3, rtol=0)
    torch.testing.assert_close(test, fitted(data.test.images), atol=1e-3, rtol=0)


def test_the_scale_of_inputs_is_a_learning_rate_in_disguise() -> None:
    """Section 1.9: inputs ÷ s and rate · s² make the same scores."""
    x = torch.randn(64, 20, generator=torch.Generator().manual_seed(0)) * 60
    y = torch.arange(64) % 10
    scores = []
    for scale in (1, 64):
        weight = torch.zeros(20, 10, requires_grad=True)
        for _ in range(5):
            loss = torch.nn.functional.cross_entropy(x / scale @ weight, y)
            (gradient,) = torch.autograd.grad(loss, weight)
            weight = (weight - 1e-5 * scale**2 * gradient).detach().requires_grad_()
        scores.append(x / scale @ weight)
    torch.testing.assert_close(*scores)


# --- Why the mean is subtracted -------------------------------------------------------------------


def _two_pixels() -> torch.Tensor:
    """Two pixels as in photographs: mean 120, spread 60, hardly alike once centred."""
    noise = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    noise = (noise - noise.mean(0)) / noise.std(0)
    return 120 + 60 * (noise + torch.tensor([0.0, 0.2]) * noise[:, :1])


def test_centring_makes_the_valley_round_and_the_path_straight() -> None:
    raw = _two_pixels()
    across, round_one = (way_down(x, 1.0, 15) for x in (raw, raw - raw.mean(0)))
    assert steepness(across) > 8 and detour(across) > 5  # a zigzag
    assert steepness(round_one) < 2 and detour(round_one) < 1.5  # nearly straight
    errors = [float((way.path[-1] - way.target).norm()) for way in (across, round_one)]
    assert errors[0] > 0.02 and errors[1] < 1e-4


def test_the_way_down_is_gradient_descent_on_the_mean_squared_miss() -> None:
    x = _two_pixels() / 60
    way = way_down(x, 0.7, 3)
    w = torch.zeros(2, requires_grad=True)
    curvature = torch.linalg.eigvalsh(x.T @ x / len(x))
    for step in range(3):
        torch.testing.assert_close(way.path[step], w.detach())
        loss = (x @ w - x[:, 0]).square().mean() / 2
        (gradient,) = torch.autograd.grad(loss, w)
        w = (w - 0.7 * 2 / float(curvature.sum()) * gradient).detach().requires_grad_()


@pytest.mark.parametrize(
    "change", [{"pair": "neighbours"}, {"share": 0}, {"rate": 0.2}, {"updates": 3}]
)
def test_every_control_of_the_two_pixels_changes_picture_and_words(change: dict[str, Any]) -> None:
    explorer = CentringExplorer(synthetic_images(train=200, test=10).train.images, "made up")
    before, words = explorer.image.value, explorer.summary
    explorer.set(**change)
    assert explorer.image.value != before and explorer.summary != words


def test_with_no_mean_taken_off_both_ways_are_one() -> None:
    explorer = CentringExplorer(synthetic_images(train=200, test=10).train.images, "made up")
    explorer.set(share=0)
    raw, moved = explorer.summary.split(" 0 % of the mean off: ")
    assert raw == f"Raw pixels: {moved}"


@pytest.mark.parametrize("rate", [0.2, 1.2])
def test_a_path_that_leaves_the_view_is_drawn_all_the_same(rate: float) -> None:
    explorer = CentringExplorer(synthetic_images(train=200, test=10).train.images, "made up")
    explorer.set(rate=rate, updates=40, pair="neighbours")
    assert "Traceback" not in explorer.summary and "nan" not in explorer.summary
