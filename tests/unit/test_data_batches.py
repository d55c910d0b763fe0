"""Batches: the same views in any order, prepared as the paper says."""

import pytest
import torch

from alexnet_lib.data import batches as module
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples
from alexnet_lib.paper.augment import Augmentation, ViewTable


def examples(count: int = 23, side: int = 12) -> Examples:
    generator = torch.Generator().manual_seed(1)
    shape = (count, 3, side, side)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return Examples(images, torch.arange(count) % 5)


EXAMPLES = examples()


def batches(batch_size: int = 7, augmentation: Augmentation | None = None, **options) -> Batches:
    kind, crop = options.pop("kind", "centred"), options.pop("mean_crop", "aligned")
    preprocessing = Preprocessing.fit(EXAMPLES, kind, crop)
    return Batches(EXAMPLES, batch_size, preprocessing, augmentation or Augmentation(9), **options)


def views_by_image(loader: Batches, epoch: int = 2) -> torch.Tensor:
    x = torch.cat([x for x, _ in loader.epoch(epoch)])
    return x[loader.order(epoch).argsort()]


@pytest.mark.parametrize("colour", [None, "paper", "source2012"])
def test_f35_views_do_not_depend_on_batch_size_or_order(colour):
    augmentation = Augmentation(9, colour=colour)
    reference = views_by_image(batches(23, augmentation, shuffle=False, seed=4))
    for batch_size in (1, 7, 8):
        assert torch.equal(views_by_image(batches(batch_size, augmentation, seed=4)), reference)


def test_f35_same_seed_same_batches_other_seed_or_epoch_others():
    def run(seed, epoch):
        return [(x, y) for x, y in batches(seed=seed).epoch(epoch)]

    for (x, y), (x2, y2) in zip(run(0, 1), run(0, 1), strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)
    assert not torch.equal(run(0, 1)[0][0], run(0, 2)[0][0])
    assert not torch.equal(run(0, 1)[0][0], run(1, 1)[0][0])


def test_an_epoch_shows_each_image_once_with_its_label():
    loader = batches()
    parts = list(loader.epoch(0))
    assert [len(y) for _, y in parts] == [7, 7, 7, 2]
    assert len(loader) == 4
    order = loader.order(0)
    assert sorted(order.tolist()) == list(range(23))
    assert torch.equal(torch.cat([y for _, y in parts]), EXAMPLES.labels[order])


def test_batches_are_float32_and_channels_last():
    x, _ = next(batches(kind="standardised").epoch(0))
    assert x.shape == (7, 3, 9, 9)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    view, _ = next(batches().views())
    assert view[0].is_contiguous(memory_format=torch.channels_last)


def test_aligned_mean_is_cropped_as_the_image():
    mean = EXAMPLES.images.float().mean(0)
    loader = batches(23, Augmentation(9, flip=False), shuffle=False)
    table = ViewTable.draw(23, 0, 0)
    x, _ = next(loader.epoch(0))
    for i in range(23):
        top, left = (table.places[i] % 3).tolist()
        window = (EXAMPLES.images[i] - mean)[:, top : top + 9, left : left + 9]
        assert torch.allclose(x[i], window, atol=1e-4)


def test_centre_mean_is_the_same_whatever_the_crop():
    mean = EXAMPLES.images.float().mean(0)[:, 1:10, 1:10]
    loader = batches(23, Augmentation(9, flip=False), shuffle=False, mean_crop="centre")
    table = ViewTable.draw(23, 0, 0)
    x, _ = next(loader.epoch(0))
    for i in range(23):
        top, left = (table.places[i] % 3).tolist()
        window = EXAMPLES.images[i, :, top : top + 9, left : left + 9] - mean
        assert torch.allclose(x[i], window, atol=1e-4)


@pytest.mark.parametrize("mean_crop", ["aligned", "centre"])
@pytest.mark.parametrize("resize_to", [None, 16])
def test_test_views_follow_the_examples_without_colour(mean_crop, resize_to):
    augmentation = Augmentation(9, resize_to=resize_to, colour="paper")
    loader = batches(10, augmentation, mean_crop=mean_crop)
    parts = list(loader.views("ten"))
    assert parts[-1][0].shape == (10, 3, 3, 9, 9)
    assert torch.equal(torch.cat([y for _, y in parts]), EXAMPLES.labels)
    centre = torch.cat([x[0] for x, _ in loader.views("center")])
    assert torch.equal(torch.cat([x[4] for x, _ in parts]), centre)
    if resize_to is None:
        prepared = loader.preprocessing(EXAMPLES.images)[:, :, 1:10, 1:10]
        assert torch.allclose(centre, prepared, atol=1e-4)


def test_standardised_channels_have_mean_0_and_deviation_1():
    x = Preprocessing.fit(EXAMPLES, "standardised")(EXAMPLES.images)
    assert x.mean((0, 2, 3)).abs().max() < 1e-4
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4)


def test_many_large_views_make_smaller_batches(monkeypatch):
    monkeypatch.setattr(module, "_VIEW_BYTES", 3 * 10 * 3 * 9 * 9 * 4)  # three images' ten views
    sizes = [len(y) for _, y in batches(7).views("ten")]
    assert sizes == [3] * 7 + [2]
    assert sum(len(y) for _, y in batches(7).views("center")) == 23


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: batches(0), "batch_size is 0"),
        (lambda: batches(augmentation=Augmentation(13)), "expected 1 to 12"),
        (lambda: next(batches().views("five")), "views is 'five'"),
        (lambda: Preprocessing.fit(EXAMPLES, "scaled"), "kind is 'scaled'"),
        (lambda: Preprocessing.fit(EXAMPLES, "centred", "left"), "mean_crop is 'left'"),
        (lambda: Preprocessing.fit(EXAMPLES)(EXAMPLES.images[0]), r"expected \(N, 3, 12, 12\)"),
    ],
)
def test_wrong_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
