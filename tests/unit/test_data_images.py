"""Examples and data sets: checks, balance, names."""

import pytest
import torch

from alexnet_lib.data.images import Examples, ImageData


def examples(count: int, classes: int = 4) -> Examples:
    images = torch.arange(count)[:, None, None, None].expand(-1, 3, 2, 2) % 256
    return Examples(images.to(torch.uint8), torch.arange(count) % classes)


def data(train: int = 40, test: int = 12, **changes) -> ImageData:
    return ImageData("name", tuple("abcd"), examples(train), examples(test), **changes)


def test_subset_takes_the_first_of_each_class():
    uneven = Examples(examples(12).images, torch.tensor([0] * 6 + [1] * 4 + [2, 3]))
    few = ImageData("name", tuple("abcd"), uneven, examples(12)).subset(train=6)
    assert few.train.labels.tolist() == [0, 0, 1, 1, 2, 3]
    assert few.train.images[:, 0, 0, 0].tolist() == [0, 1, 6, 7, 10, 11]
    assert len(few.test) == 12


def test_split_parts_all_images_evenly_over_classes_and_by_seed():
    train, validation = data().split(8, seed=1)
    assert validation.labels.bincount().tolist() == [2, 2, 2, 2]
    seen = torch.cat([train.images, validation.images])[:, 0, 0, 0]
    assert sorted(seen.tolist()) == list(range(40))
    again, other = data().split(8, seed=1)[1], data().split(8, seed=2)[1]
    assert torch.equal(validation.images, again.images)
    assert not torch.equal(validation.images, other.images)


def uneven(*sizes: int) -> ImageData:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    images = torch.arange(len(labels))[:, None, None, None].expand(-1, 3, 2, 2) % 256
    some = Examples(images.to(torch.uint8), labels)
    return ImageData("name", tuple("abcdefgh"[: len(sizes)]), some, some)


@pytest.mark.parametrize(
    ("sizes", "count", "held_out"),
    [
        ((400, 20), 42, [40, 2]),  # dealt out class by class, all 20 would have gone
        ((400, 3), 40, [39, 1]),  # its share is less than one, and it gets one
        ((400, 1), 40, [40, 0]),  # the only one is trained on
        ((10, 10, 2), 19, [9, 9, 1]),  # one of each is left to train on
        ((5, 5, 5, 5), 6, [2, 2, 1, 1]),  # as many as whole numbers allow, from the first on
        ((900, 50, 50), 2, [2, 0, 0]),  # too few for one of each
    ],
)
def test_split_takes_of_each_class_its_share(sizes, count, held_out):
    train, validation = uneven(*sizes).split(count, seed=3)
    got = validation.labels.bincount(minlength=len(sizes)).tolist()
    assert got == held_out
    left = train.labels.bincount(minlength=len(sizes)).tolist()
    assert [a + b for a, b in zip(left, got, strict=True)] == list(sizes) and min(left) >= 1


def test_banner_names_the_data_and_shouts_when_they_are_synthetic():
    plain = data(note="Scaled.").banner
    assert plain == "Data: name, 40 training and 12 test images of 2×2 pixels in 4 classes. Scaled."
    assert "SYNTHETIC STAND-IN" in data(is_synthetic=True).banner


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Examples(torch.zeros(2, 3, 4, dtype=torch.uint8), torch.zeros(2).long()), "shape"),
        (lambda: Examples(torch.zeros(2, 1, 4, 4).byte(), torch.zeros(2).long()), "3, H, W"),
        (lambda: Examples(torch.zeros(0, 3, 4, 4).byte(), torch.zeros(0).long()), "none of them 0"),
        (
            lambda: Examples(torch.zeros(2, 3, 4, 4).byte(), torch.zeros(3).long()),
            "labels has shape",
        ),
        (lambda: Examples(torch.zeros(2, 3, 4, 4).byte(), torch.tensor([0, -1])), r"labels\[1\]"),
        (lambda: ImageData("x", ("a",), examples(4), examples(4)), r"train.labels\[1\] is 1"),
        (
            lambda: ImageData("x", ("a\nb", "c\td"), examples(4, 2), examples(4, 2)),
            r"called 'a\\nb', 'c\\td'; expected names of one line",
        ),
        (lambda: data().subset(train=41), "count is 41; expected 1 to 40"),
        (lambda: data().subset(test=0), "count is 0; expected 1 to 12"),
        (lambda: data().split(40), "validation is 40; expected 1 to 39"),
        (lambda: data().split(37), "37 of 40 images .* 4 classes; expected at most 36"),
        (lambda: data().split(0.5), "validation is 0.5"),
        (lambda: uneven(1, 1, 1).split(1), "none of 3 images in 3 classes .* Add images"),
    ],
)
def test_f31_wrong_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_f30_float_images_and_labels_are_refused():
    with pytest.raises(TypeError, match=r"torch.float32; .* torch.uint8"):
        Examples(torch.zeros(2, 3, 4, 4), torch.zeros(2).long())
    with pytest.raises(TypeError, match=r"expected a tensor of torch\.int64"):
        Examples(torch.zeros(2, 3, 4, 4).byte(), torch.zeros(2))
