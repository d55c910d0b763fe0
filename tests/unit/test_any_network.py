"""Explorers and traces of networks that are not this package's own."""

import re

import pytest
import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError
from alexnet_lib.course.widgets.covering import CoverExplorer
from alexnet_lib.course.widgets.inside import MapBrowser, UnitExplorer
from alexnet_lib.course.widgets.pictures import Album
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.inspection.attribution import cover, occlusion_map
from alexnet_lib.inspection.tracing import predict, trace
from alexnet_lib.inspection.units import Tracer, explain_unit

SCALE = Preprocessing(torch.full((3, 1, 1), 128.0), torch.full((3, 1, 1), 60.0))
CLASSES = tuple("abcdef")


def picture(seed: int = 0, side: int = 32) -> Tensor:
    dice = torch.Generator().manual_seed(seed)
    return torch.randint(256, (3, side, side), generator=dice, dtype=torch.uint8)


def by_hand() -> nn.Module:
    """Every kind of layer that writes into what it reads, or has fewer places."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 7), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 6),
    ).eval()  # fmt: skip


def of_torchvision(name: str) -> nn.Module:
    models = pytest.importorskip("torchvision").models
    torch.manual_seed(0)
    return getattr(models, name)(num_classes=len(CLASSES)).eval()


NETWORKS = {
    "by hand": (by_hand, 29, None),
    "alexnet": (lambda: of_torchvision("alexnet"), 64, 64),
    "resnet18": (lambda: of_torchvision("resnet18"), 64, 64),
}


@pytest.fixture(scope="module", params=NETWORKS)
def tracer(request: pytest.FixtureRequest) -> Tracer:
    build, size, resize_to = NETWORKS[request.param]
    return Tracer(build(), SCALE.cut(size, resize_to))


@pytest.fixture
def album(tracer: Tracer) -> Album:
    return Album({"one": picture(0), "two": picture(1)}, tracer, CLASSES)


def test_a_unit_of_any_network_adds_up(tracer: Tracer) -> None:
    """A ReLU that writes over what it reads made the convolution's own numbers those after it."""
    calls = tracer.calls(picture())
    names = [name for name, call in calls.items() if isinstance(call.layer, nn.Conv2d)]
    negative = False
    for name in (names[0], names[len(names) // 2], names[-1]):
        told = explain_unit(calls, name, 1, 0, 0)
        assert told.total + told.bias == pytest.approx(told.output, abs=1e-4)
        negative |= bool((calls[name].after < 0).any())
    assert negative


def test_the_unit_explorer_walks_through_any_network(tracer: Tracer, album: Album) -> None:
    explorer = UnitExplorer(tracer, album, "made up")
    for layer in explorer.convolutions:
        explorer.controls["layer"].value = layer
        assert f" in {layer} looks at rows" in explorer.summary
        assert "Not possible" not in explorer.summary and "then ." not in explorer.summary
    assert explorer.image.value and len(explorer.image.places) == 5


def test_all_maps_of_any_network_are_shown(tracer: Tracer, album: Album) -> None:
    first = next(iter(tracer.fields))
    browser = MapBrowser(tracer, album, "made up", first)
    for layer in browser.controls["layer"].options[-2:]:
        browser.controls["layer"].value = layer
        assert f"{layer} has " in browser.summary


def test_a_mean_over_all_places_sees_the_whole_picture() -> None:
    tracer = Tracer(by_hand(), SCALE.cut(29))
    assert (tracer.fields["5"].units, tracer.fields["5"].size) == (1, 29)
    assert tracer.fields["3"].size == 3 + 1 + 6 * 2  # 3×3, pool 2/2, 7×7


def test_a_left_over_pixel_is_followed_no_further() -> None:
    calls = trace(by_hand(), torch.zeros(1, 3, 29, 29))
    told = explain_unit(calls, "0", 0, 28, 28)  # a 2×2 pool of 29 rows leaves the last one out
    assert [stage.layer for stage in told.stages] == ["1"] and told.next is None


def test_a_network_of_unknown_input_asks_for_its_size() -> None:
    with pytest.raises(InputError, match=r"expected preprocessing\.cut\(224, 256\)"):
        Tracer(by_hand(), SCALE)


# --- Covering ------------------------------------------------------------------------------------


def test_covering_in_one_pass_is_covering_one_by_one(tracer: Tracer) -> None:
    x, starts = tracer.scale.enter(picture()[None]), (0, 5, 9)
    whole, covered = cover(tracer.model, x, starts, starts, 7)
    assert torch.allclose(whole, predict(tracer.model, x)[0])
    one = x.clone()
    one[..., 5:12, 9:16] = 0
    assert torch.allclose(covered[1, 2], predict(tracer.model, one)[0], atol=1e-5)


def test_the_map_of_a_class_is_the_one_of_occlusion_map() -> None:
    tracer = Tracer(by_hand(), SCALE.cut(29))
    x = tracer.scale.enter(picture()[None])
    told = occlusion_map(tracer.model, x, 2, size=5, stride=6)
    whole, covered = cover(tracer.model, x, told.tops, told.lefts, 5)
    assert torch.allclose(whole[2] - covered[..., 2], told.drop)


def test_the_square_follows_the_pointer_and_the_words_tell_what_it_costs(
    tracer: Tracer, album: Album
) -> None:
    explorer = CoverExplorer(tracer, album, CLASSES, "made up")
    whole, covered = explorer.answers("one", explorer.state["size"])
    label = int(whole.argmax())
    place = divmod(int(covered[..., label].argmin()), covered.shape[1])
    assert (explorer.state["row"], explorer.state["column"]) == place  # it opens at the costliest
    for part in (0, 1):
        last = len(covered) - 1
        told = {"place": part, "row": last, "column": part, "turn": 0, "number": part + 1}
        explorer.image.pointed = told
        assert (explorer.state["row"], explorer.state["column"]) == (last, part)
        now = covered[last, part, label]
        assert f"{CLASSES[label]}: {whole[label]:.0%} → {now:.0%}." in explorer.summary
        assert explorer.image.places[part]["hovers"]
    turned = int((covered.argmax(-1) != label).sum())
    assert f"at {turned or 'none'} of {covered[..., 0].numel()} places (dots)" in explorer.summary


def test_one_pass_serves_all_classes_and_places(album: Album, monkeypatch) -> None:
    calls = []
    tracer = Tracer(by_hand(), SCALE.cut(29))
    explorer = CoverExplorer(tracer, album, CLASSES, "made up")
    monkeypatch.setattr(
        "alexnet_lib.course.widgets.covering.cover", lambda *a: calls.append(a) or cover(*a)
    )
    for kind in range(6):
        explorer.set(kind=kind, row=kind, column=kind)
    assert calls == [] and re.search(r"\bf: \d+% → \d+%", explorer.summary)
    explorer.controls["size"].value += 1
    explorer.controls["picture"].value = "two"
    assert len(calls) == 2
