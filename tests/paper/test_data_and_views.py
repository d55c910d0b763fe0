"""Fidelity checks 26–30: what the network is shown, and how its answers are counted."""

import pytest
import torch
from torch import nn

from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.paper.augment import Augmentation, ViewTable, colour_shift, pca_basis, ten_crop
from alexnet_lib.training.evaluation import count_top_k_errors, evaluate, top_k_error


@pytest.fixture(scope="module")
def data():
    return synthetic_images(400, 40)


def test_check_26_mean_image_of_the_training_set_per_pixel(data):
    preprocessing = Preprocessing.fit(data.train)
    assert preprocessing.mean.shape == (3, 32, 32)
    x = preprocessing(data.train.images)
    assert x.mean(0).abs().max() < 1e-3
    assert 40 < x.std() < 80  # 0–255 units: no variance scaling
    expected = data.test.images.float() - data.train.images.float().mean(0)
    assert torch.allclose(preprocessing(data.test.images), expected, atol=1e-4)
    tested = Batches(data.test, 40, preprocessing, Augmentation(32), shuffle=False)
    assert torch.allclose(next(tested.views())[0][0], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("offsets", "places", "factor"), [("paper", 32, 2048), ("source2012", 33, 2178)]
)
def test_check_27_crops_are_uniform_and_half_are_mirrored(offsets, places, factor):
    augmentation = Augmentation(224, resize_to=256, offsets=offsets)
    assert augmentation.distinct_views(256) == factor
    table = ViewTable.draw(40_000, 0, 0)
    top, left = (table.places % places).T
    for counts in (top.bincount(), left.bincount(), (top * places + left).bincount()):
        expected = 40_000 / len(counts)
        chi2 = ((counts - expected) ** 2 / expected).sum()
        assert abs(chi2 - (len(counts) - 1)) < 4 * (2 * len(counts)) ** 0.5  # four deviations
    assert len((top * places + left).unique()) == places**2
    assert abs(table.mirrored.float().mean() - 0.5) < 0.01


@pytest.mark.parametrize(("offsets", "count"), [("paper", 32), ("source2012", 50)])
def test_check_27_every_view_is_reached_and_no_other(offsets, count):
    augmentation = Augmentation(28, offsets=offsets)
    image = torch.arange(32 * 32).reshape(1, 1, 32, 32).float()
    n = augmentation._places(32)
    allowed = set()
    for top in range(n):
        for left in range(n):
            window = image[..., top : top + 28, left : left + 28]
            allowed |= {tuple(window.flatten().tolist()), tuple(window.flip(-1).flatten().tolist())}
    views = augmentation.train_view(
        image.expand(2000, -1, -1, -1), torch.arange(2000), ViewTable.draw(2000, 0, 0)
    )
    assert {tuple(view.tolist()) for view in views.flatten(1)} == allowed
    assert len(allowed) == augmentation.distinct_views(32) == count


@pytest.mark.parametrize("form", ["paper", "source2012"])
def test_check_28_colour_noise(form, data):
    basis = pca_basis(data.train.images)
    vectors, values = basis.eigenvectors, basis.eigenvalues
    assert torch.allclose(vectors.T @ vectors, torch.eye(3), atol=1e-5)
    count, table = 20_000, ViewTable.draw(20_000, 0, 0)
    augmentation = Augmentation(2, flip=False, colour=form)
    grey, ids = torch.full((count, 3, 2, 2), 100.0), torch.arange(count)
    divisor = 1.1 if form == "source2012" else 1.0
    shift = augmentation.train_view(grey, ids, table, basis) - 100 / divisor
    assert torch.allclose(shift, shift[:, :, :1, :1].expand_as(shift))  # constant over pixels
    deviation = 0.1 * (values / 255 if form == "paper" else values.sqrt()) / divisor
    expected = vectors @ deviation.square().diag() @ vectors.T
    measured = shift[:, :, 0, 0].T.cov()
    assert (measured - expected).norm() < 0.05 * expected.norm()
    later = colour_shift(basis, ViewTable.draw(count, 0, 1).alphas, form)
    assert not torch.allclose(shift[:, :, 0, 0] * divisor, later)
    for views in ("center", "ten"):  # and zero at test
        assert torch.equal(augmentation.test_views(grey[:4], views)[0], grey[:4])


class Views(nn.Module):
    """Logits that depend on which view is shown."""

    def forward(self, x):
        return x[:, :, :3, :3].flatten(1)[:, :10] / 20


def test_check_29_ten_views_and_their_averaged_probabilities(data):
    images = data.test.images
    windows = [(0, 0), (0, 4), (4, 0), (4, 4), (2, 2)]
    expected = [images[:, :, top : top + 28, left : left + 28] for top, left in windows]
    expected += [window.flip(-1) for window in expected]
    assert torch.equal(ten_crop(images, 28), torch.stack(expected))

    preprocessing, model = Preprocessing.fit(data.train), Views()
    batches = Batches(data.test, 16, preprocessing, Augmentation(28), shuffle=False)
    mean = preprocessing.mean
    logits = torch.stack([model(view) for view in ten_crop(images - mean, 28)])  # (10, N, 10)
    right = logits.softmax(-1).mean(0)
    wrong = logits.mean(0).softmax(-1)
    picked = torch.arange(40), data.test.labels
    loss = evaluate(model, batches, "ten").loss
    assert loss == pytest.approx(-right[picked].log().mean().item(), rel=1e-4)
    assert loss != pytest.approx(-wrong[picked].log().mean().item(), rel=1e-2)


def test_check_30_top_1_and_top_5_by_hand():
    scores = torch.tensor(
        [
            [9.0, 8, 7, 6, 5, 4],  # label 0: first
            [9.0, 8, 7, 6, 5, 4],  # label 4: fifth
            [9.0, 8, 7, 6, 5, 4],  # label 5: sixth
            [1.0, 1, 0, 0, 0, 0],  # label 1: shares the first place, and loses
            [0.0, 0, 0, 0, 0, 0],  # all alike: wrong in both counts
        ]
    )
    labels = torch.tensor([0, 4, 5, 1, 0])
    assert top_k_error(scores, labels, 1) == 4 / 5
    assert top_k_error(scores, labels, 5) == 2 / 5
    split = [
        count_top_k_errors(s, y, 1) for s, y in zip(scores.split(2), labels.split(2), strict=True)
    ]
    assert sum(split) / 5 == top_k_error(scores, labels)


def test_check_30_a_short_last_batch_has_its_own_weight(data):
    test = data.test.take(torch.arange(21))
    preprocessing = Preprocessing.fit(data.train)
    results = [
        evaluate(Views(), Batches(test, size, preprocessing, Augmentation(28), shuffle=False))
        for size in (21, 4)
    ]
    assert results[0].top1_error == results[1].top1_error
    assert results[0].loss == pytest.approx(results[1].loss, rel=1e-6)


def test_examples_of_another_size_than_the_mean_are_refused(data):
    small = Examples(data.test.images[:, :, :30, :30], data.test.labels)
    with pytest.raises(ValueError, match=r"expected \(N, 3, 32, 32\)"):
        Batches(small, 4, Preprocessing.fit(data.train), Augmentation(28))
