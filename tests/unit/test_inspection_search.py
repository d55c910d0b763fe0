"""Top patches, neighbours, unit counts and filter measures, against loops and known answers."""

import math

import pytest
import torch
from torch import nn

from alexnet_lib.inspection.filters import filter_measures, roughness
from alexnet_lib.inspection.health import layer_activity, unit_states
from alexnet_lib.inspection.search import nearest_neighbours, precision_at_k, top_patches
from alexnet_lib.inspection.tracing import feature_maps
from alexnet_lib.models.registry import build_model

NARROW = {"widths": (8, 12, 16, 16, 8), "hidden_units": 6}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# --- Top patches --------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["conv1", "pool2", "relu5", "fc7"])
@pytest.mark.parametrize("batch_size", [3, 100])
def test_top_patches_against_a_loop(layer, batch_size):
    model = build_model("cifar-lite", **NARROW)
    images = 50 * random(10, 3, 28, 28)
    found = top_patches(model, images, layer, k=4, batch_size=batch_size)
    maps = feature_maps(model, images, layer)
    maps = maps if maps.ndim == 4 else maps[..., None, None]
    for m in range(maps.shape[1]):
        best = sorted(((float(maps[i, m].max()), -i) for i in range(10)), reverse=True)[:4]
        assert found.values[m].tolist() == pytest.approx([v for v, _ in best], rel=1e-4)
        if len({value for value, _ in best}) == 4:
            assert found.images[m].tolist() == [-i for _, i in best]
        for j in range(4):
            at = (found.images[m, j], m, found.rows[m, j], found.columns[m, j])
            assert maps[at] == pytest.approx(float(found.values[m, j]), rel=1e-4)


def test_a_filter_finds_the_patch_that_was_put_there():
    model = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1, bias=False), nn.ReLU())
    model[0].weight.data = pattern = random(1, 3, 3, 3)
    images = 0.01 * random(6, 3, 9, 9)
    images[4, :, 5:8, 2:5] = pattern[0]
    images[1, :, 0:3, 6:9] = 0.5 * pattern[0]
    found = top_patches(model, images, "1", k=2, batch_size=4)
    assert found.images.tolist() == [[4, 1]]
    assert found.rows.tolist() == [[6, 1]] and found.columns.tolist() == [[3, 7]]
    assert found.boxes.tolist() == [[[5, 2, 8, 5], [0, 6, 3, 9]]]


def test_boxes_end_at_the_image_and_equal_images_keep_their_order():
    model = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1))
    nn.init.ones_(model[0].weight)
    x = torch.zeros(5, 3, 6, 6)
    x[:, :, 0, 0] = 9
    found = top_patches(model, x, "0", k=5, batch_size=2)
    assert found.images.tolist() == [[0, 1, 2, 3, 4]]
    assert found.boxes[0, 0].tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize("k", [0, 3])
def test_top_patches_need_enough_images(k):
    with pytest.raises(ValueError, match="k is"):
        top_patches(build_model("cifar-lite", **NARROW), torch.zeros(2, 3, 28, 28), "conv1", k=k)


# --- Neighbours ---------------------------------------------------------------------------------


def test_neighbours_against_a_loop(monkeypatch):
    monkeypatch.setattr("alexnet_lib.inspection.search._CHUNK_NUMBERS", 90)  # two at a time
    queries, gallery = 255 * random(7, 3, 4), 255 * random(40, 3, 4, seed=1)
    found = nearest_neighbours(queries, gallery, k=5)
    for q, query in enumerate(queries):
        distances = [math.dist(query.flatten().tolist(), g.flatten().tolist()) for g in gallery]
        order = sorted(range(40), key=distances.__getitem__)[:5]
        assert found.indices[q].tolist() == order
        assert found.distances[q].tolist() == pytest.approx([distances[i] for i in order], rel=1e-5)


def test_duplicates_find_each_other_and_none_finds_itself():
    vectors = 200 + random(20, 30)
    vectors[13] = vectors[4]
    found = nearest_neighbours(vectors, k=3)
    assert found.indices[4, 0] == 13 and found.indices[13, 0] == 4
    assert found.distances[4, 0] == 0
    assert not (found.indices == torch.arange(20)[:, None]).any()
    own = nearest_neighbours(vectors[[4, 7]], vectors, k=19, own=torch.tensor([4, -1]))
    assert 4 not in own.indices[0] and own.indices[1, 0] == 7


def test_precision_by_class():
    gallery = torch.tensor([[0.0], [1.1], [2.0], [10.0], [11.0]])
    labels = torch.tensor([0, 0, 1, 1, 1])
    found = nearest_neighbours(gallery, k=2)
    assert found.indices.tolist() == [[1, 2], [2, 0], [1, 0], [4, 2], [3, 2]]
    told = precision_at_k(found, labels, labels, num_classes=3)
    assert told.mean == pytest.approx((0.5 + 0.5 + 0 + 1 + 1) / 5)
    assert told.by_class[:2].tolist() == pytest.approx([0.5, 2 / 3])
    assert told.by_class[2].isnan()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nearest_neighbours(random(3, 4), k=3), "expected 1 to 2"),
        (lambda: nearest_neighbours(random(3, 4), random(5, 6)), "queries has shape"),
        (lambda: nearest_neighbours(random(3, 4), random(9, 4), own=torch.zeros(2).long()), "own"),
        (lambda: nearest_neighbours(random(0, 4), random(9, 4)), "queries has shape"),
        (lambda: nearest_neighbours(random(3, 4), random(9, 4), k=0), "k is 0"),
    ],
)
def test_neighbours_of_what_does_not_fit(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_pixels_have_to_be_floating_point():
    with pytest.raises(TypeError, match="uint8"):
        nearest_neighbours(torch.zeros(3, 4, dtype=torch.uint8))


# --- Units --------------------------------------------------------------------------------------


def test_dead_and_open_units_are_counted_over_all_batches():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
    nn.init.zeros_(model[0].weight)
    model[0].weight.data[2, 0] = 1.0
    model[0].bias.data = torch.tensor([-1.0, 1.0, 0.0])  # dead, always open, as the red channel is
    x = -torch.ones(4, 3, 2, 2)
    x[3, 0] = 1.0
    (told,) = unit_states(model, x, batch_size=3)
    assert told.layer == "1" and told.shut.tolist() == [1.0, 0.0, 0.75]
    assert (told.dead, told.share) == (1, pytest.approx(1.75 / 3))


def test_flat_ends_of_tanh_are_shut():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2), nn.Tanh())
    model[1].weight.data = torch.tensor([[9.0, 0, 0], [0.1, 0, 0]])
    nn.init.zeros_(model[1].bias)
    (told,) = unit_states(model, torch.ones(2, 3, 1, 1))
    assert told.shut.tolist() == [1, 0]


def test_unit_states_agree_with_one_batch_of_layer_activity():
    model = build_model("cifar-lite", **NARROW).train()
    model.norm1.eval()
    x = 50 * random(4, 3, 28, 28)
    once = layer_activity(model, x, torch.zeros(4).long())
    assert model.training and not model.norm1.training
    for one, states in zip(once, unit_states(model, x, batch_size=3), strict=True):
        assert (one.layer, one.dead, one.units) == (states.layer, states.dead, len(states.shut))
        assert one.shut == pytest.approx(states.share)
    with pytest.raises(ValueError, match="neither"):
        unit_states(nn.Sequential(nn.Conv2d(3, 1, 1)), x)


# --- Filters ------------------------------------------------------------------------------------


def stripes(angle: float, frequency: float, K: int = 11, colours=(1.0, 1.0, 1.0)) -> torch.Tensor:
    """A wave under a Gaussian; its stripes rise by `angle` degrees from left to right."""
    down, right = torch.meshgrid(torch.arange(K) - K // 2, torch.arange(K) - K // 2, indexing="ij")
    a = math.radians(angle)
    across = right * math.sin(a) + down * math.cos(a)  # rows count downwards
    wave = torch.cos(2 * math.pi * frequency * across) * torch.exp(-(right**2 + down**2) / 18)
    return wave * torch.tensor(colours).view(3, 1, 1)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 120, 165])
@pytest.mark.parametrize("frequency", [0.15, 0.25, 0.35])
def test_orientation_and_frequency_of_known_stripes(angle, frequency):
    told = filter_measures(stripes(angle, frequency)[None])
    off = abs(float(told.orientation[0]) - angle) % 180
    assert min(off, 180 - off) < 4
    assert float(told.frequency[0]) == pytest.approx(frequency, abs=0.03)
    assert told.selectivity[0] > 0.8


def test_rows_of_equal_colour_are_horizontal_stripes():
    weight = torch.zeros(1, 3, 5, 5)
    weight[:, :, 1], weight[:, :, 3] = 1, -1
    told = filter_measures(weight)
    assert float(told.orientation[0]) % 180 == pytest.approx(0, abs=1e-3)


def test_filters_are_told_from_noise():
    trained = torch.stack([stripes(a, 0.2, colours=(1, 0.9, 0.8)) for a in range(0, 180, 12)])
    noise = random(200, 3, 11, 11)
    structured, chance = filter_measures(trained), filter_measures(noise)
    assert structured.entropy.max() < chance.entropy.min()
    assert structured.roughness.max() < chance.roughness.min()
    assert structured.selectivity.min() > chance.selectivity.max()
    assert float(chance.roughness.mean()) == pytest.approx(1, abs=0.03)
    assert float(chance.colourfulness.mean()) == pytest.approx(2 / 3, abs=0.02)
    assert structured.colourfulness.max() < 0.02


def test_measures_do_not_depend_on_size_or_offset_and_survive_constants():
    weight = random(4, 3, 5, 5)
    a, b = filter_measures(weight), filter_measures(7 * weight + 3)
    for name in ("orientation", "selectivity", "frequency", "roughness", "entropy"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=1e-2, atol=1e-3)
    blank = filter_measures(torch.zeros(1, 3, 5, 5))
    assert all(value.isfinite().all() for value in blank)


def test_roughness_of_a_ramp_and_a_chessboard():
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2).expand(1, 3, 32, 32)
    assert float(roughness(ramp)) < 0.01 and float(roughness(board)) == pytest.approx(2)
    assert float(roughness(torch.zeros(1, 3, 4, 4))) == 0


@pytest.mark.parametrize("shape", [(4, 1, 5, 5), (3, 5, 5), (4, 3, 5, 3), (4, 3, 2, 2)])
def test_what_is_no_colour_filter(shape):
    with pytest.raises(ValueError, match="shape"):
        filter_measures(torch.zeros(shape))
