"""Crops, mirrors, colours and tables of random numbers, against plain loops."""

import pytest
import torch

from alexnet_lib.paper.augment import (
    Augmentation,
    ColourBasis,
    ViewTable,
    center_crop,
    colour_shift,
    crop,
    flip,
    pca_basis,
    resize,
    seed_for,
    ten_crop,
)


def pictures(count: int = 6, height: int = 9, width: int = 11) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crop_equals_slices(dtype, memory_format):
    images = pictures().to(dtype).contiguous(memory_format=memory_format)
    top, left = torch.tensor([0, 1, 2, 3, 4, 5]), torch.tensor([7, 6, 0, 1, 2, 3])
    windows = crop(images, top, left, 4)
    for i in range(len(images)):
        expected = images[i, :, top[i] : top[i] + 4, left[i] : left[i] + 4]
        assert torch.equal(windows[i], expected)
    assert windows.dtype == dtype
    assert windows.is_contiguous(memory_format=memory_format)


def test_flip_mirrors_only_the_chosen():
    images = pictures(3)
    mirrored = flip(images, torch.tensor([True, False, True]))
    assert torch.equal(mirrored[0], images[0].flip(-1))
    assert torch.equal(mirrored[1], images[1])
    assert torch.equal(flip(mirrored, torch.tensor([True, False, True])), images)


def test_center_crop_leaves_the_odd_pixel_right_and_below():
    images = pictures(1, 9, 10)
    assert torch.equal(center_crop(images, 4), images[:, :, 2:6, 3:7])


def test_ten_crop_shape_and_order():
    images = pictures(2, 8, 8)
    views = ten_crop(images, 5)
    assert views.shape == (10, 2, 3, 5, 5)
    assert torch.equal(views[1], images[:, :, :5, 3:])  # top right
    assert torch.equal(views[2], images[:, :, 3:, :5])  # bottom left


def test_resize_scales_the_shorter_side():
    assert resize(pictures(2, 20, 30), 10).shape == (2, 3, 10, 15)
    assert resize(pictures(2, 30, 20), 40).shape == (2, 3, 60, 40)
    unchanged = pictures(2, 10, 12)
    assert resize(unchanged, 10) is unchanged


def test_resize_averages_when_it_shrinks_and_keeps_the_dtype():
    board = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 3, 16, 8)  # columns 0, 255, 0, …
    small = resize(board, 4)
    assert small.dtype == torch.uint8
    inner = small[..., 1:3].float()  # at the border the filter sees an uneven number of columns
    assert ((inner - 127.5).abs() < 8).all()


def test_pca_basis_equals_the_covariance_of_all_pixels():
    images = pictures(5, 16, 16) // torch.tensor([1, 2, 5], dtype=torch.uint8)[:, None, None]
    basis = pca_basis(images)
    pixels = images.permute(1, 0, 2, 3).flatten(1).double()
    expected = torch.cov(pixels, correction=0)
    rebuilt = basis.eigenvectors @ basis.eigenvalues.diag() @ basis.eigenvectors.T
    assert torch.allclose(rebuilt.double(), expected, rtol=1e-4, atol=0.05)
    assert (basis.eigenvalues.diff() <= 0).all()


def test_colour_shift_units_differ_between_the_two_forms():
    basis = ColourBasis(torch.tensor([255.0**2 * 0.2, 100.0, 4.0]), torch.eye(3))
    alphas = torch.tensor([[0.1, 0.1, 0.1]])
    assert torch.allclose(colour_shift(basis, alphas, "paper")[0, 0], torch.tensor(0.1 * 0.2 * 255))
    assert torch.allclose(
        colour_shift(basis, alphas, "source2012")[0, 1:], torch.tensor([1.0, 0.2])
    )


def test_table_is_the_same_for_a_seed_and_epoch_and_new_for_others():
    first, again = ViewTable.draw(50, 3, 4), ViewTable.draw(50, 3, 4)
    assert torch.equal(first.places, again.places)
    assert torch.equal(first.alphas, again.alphas)
    for seed, epoch in ((3, 5), (4, 4), (4, 3)):
        assert not torch.equal(first.places, ViewTable.draw(50, seed, epoch).places)


def test_seeds_of_streams_and_epochs_never_meet_by_adding_up():
    seeds = {seed_for(s, e, name) for s in range(20) for e in range(20) for name in ("a", "b")}
    assert len(seeds) == 800
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("colour", [None, "paper", "source2012"])
def test_a_view_depends_on_the_image_alone(colour):
    images, basis = pictures(8, 12, 12).float(), pca_basis(pictures(8))
    augmentation, table = Augmentation(9, colour=colour), ViewTable.draw(8, 0, 0)
    ids = torch.arange(8)
    views = augmentation.train_view(images, ids, table, basis)
    order = torch.tensor([5, 2, 7, 0])
    assert torch.equal(augmentation.train_view(images[order], order, table, basis), views[order])


def test_no_crop_no_flip_gives_the_image_back():
    images = pictures(4, 9, 9)
    view = Augmentation(9, flip=False).train_view(images, torch.arange(4), ViewTable.draw(4, 0, 0))
    assert torch.equal(view, images)


def test_crops_at_the_centre_do_not_move():
    still = Augmentation(4, flip=False, offsets="centre")
    views = still.train_view(IMAGES, ZEROS, ViewTable.draw(6, 0, 0))
    assert torch.equal(views, center_crop(IMAGES, 4)) and still.distinct_views(9) == 1


def test_resized_views_have_the_crop_size():
    augmentation = Augmentation(24, resize_to=32)
    table = ViewTable.draw(2, 0, 0)
    view = augmentation.train_view(pictures(2, 9, 9).float(), torch.arange(2), table)
    assert view.shape == (2, 3, 24, 24)
    assert augmentation.test_views(pictures(2, 9, 9).float(), "ten").shape == (10, 2, 3, 24, 24)


IMAGES = pictures()
ZEROS = torch.zeros(6, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crop(IMAGES[0], ZEROS, ZEROS, 4), r"shape \(3, 9, 11\); expected \(N, C, H, W\)"),
        (lambda: crop(IMAGES, ZEROS, ZEROS, 10), "expected 1 to 9"),
        (lambda: crop(IMAGES, ZEROS, ZEROS, 0), "size is 0"),
        (lambda: crop(IMAGES, ZEROS + 6, ZEROS, 4), r"top\[0\] is 6; expected 0 to 5"),
        (lambda: crop(IMAGES, ZEROS, ZEROS - 1, 4), r"left\[0\] is -1"),
        (lambda: crop(IMAGES, ZEROS.float(), ZEROS, 4), "torch.float32"),
        (lambda: crop(IMAGES, ZEROS[:2], ZEROS, 4), r"top has shape \(2,\)"),
        (lambda: flip(IMAGES, ZEROS), r"torch.bool of shape \(6,\)"),
        (lambda: center_crop(IMAGES, 12), "expected 1 to 9"),
        (lambda: ten_crop(IMAGES[:0], 4), "none of them 0"),
        (lambda: resize(IMAGES, 0), "size is 0"),
        (lambda: pca_basis(IMAGES[:, :1]), r"\(6, 1, 9, 11\); expected \(N, 3, H, W\)"),
        (lambda: colour_shift(pca_basis(IMAGES), torch.zeros(3)), "alphas has shape"),
        (lambda: colour_shift(pca_basis(IMAGES), torch.zeros(1, 3), "pca"), "form is 'pca'"),
        (lambda: ViewTable.draw(0, 0, 0), "count is 0"),
        (lambda: Augmentation(0), "crop_size is 0"),
        (lambda: Augmentation(28, resize_to=24), "resize_to is 24"),
        (lambda: Augmentation(28, colour="pca"), "colour is 'pca'"),
        (lambda: Augmentation(28, offsets="all"), "offsets is 'all'"),
        (lambda: Augmentation(10).test_views(IMAGES), "expected 1 to 9"),
        (lambda: Augmentation(4).test_views(IMAGES, "five"), "views is 'five'"),
        (
            lambda: Augmentation(4).geometry(IMAGES, ZEROS[:3], ViewTable.draw(6, 0, 0)),
            r"ids has shape \(3,\)",
        ),
        (
            lambda: Augmentation(4, colour="paper").train_view(
                IMAGES, ZEROS, ViewTable.draw(6, 0, 0)
            ),
            "basis is None",
        ),
    ],
)
def test_f30_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("call", [lambda: pca_basis(IMAGES.float()), lambda: resize([1, 2], 3)])
def test_wrong_types_are_named(call):
    with pytest.raises(TypeError, match="expected"):
        call()
