"""Labelled images in memory, and what they call themselves."""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from alexnet_lib.checks import InputError, check_labels, check_shape
from alexnet_lib.data.files import seal_of
from alexnet_lib.paper.augment import portions

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

SIDE = 32  # of CIFAR-10's pictures, in pixels


class DataError(InputError):
    """Data that is absent, damaged or not understood; the message says what was expected."""


def check_names(classes: Iterable[str]) -> None:
    """Refuse names of classes that would break a line: of a log, a table, a figure.

    Raises:
        DataError: one holds a line break, a tab or another control character.
    """
    broken = [name for name in classes if any(unicodedata.category(c) in _BREAKS for c in name)]
    if broken:
        raise DataError(
            f"classes are called {', '.join(map(repr, broken))}; expected names of one line, "
            "without control characters. Rename their folders."
        )


_BREAKS = ("Cc", "Zl", "Zp")  # of Unicode: control characters, ends of lines and of paragraphs


@dataclass(frozen=True, eq=False)
class Examples:
    """Images with their labels.

    Args:
        images: (N, 3, H, W) uint8, RGB.
        labels: (N,) int64.
    Raises:
        TypeError: another dtype.
        ValueError: another shape, no images, or a negative label.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        check_shape(self.images, ("N", 3, "H", "W"), "images", torch.uint8)
        device = self.images.device
        check_labels(self.labels, num_classes=2**31, count=len(self.images), device=device)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, in pixels."""
        return tuple(self.images.shape[2:])

    def take(self, indices: Tensor) -> "Examples":
        """Return the examples at these places, in this order."""
        return Examples(self.images[indices], self.labels[indices])

    def parts(self) -> Iterable[Tensor]:
        """All images, some thousand at a time: (n, 3, H, W) uint8."""
        return portions(self.images)

    def content(self) -> tuple[memoryview, memoryview]:
        """What a seal is made of: the pixels, then the labels."""
        images, labels = (part.cpu().contiguous().numpy() for part in (self.images, self.labels))
        return images.data, labels.data

    def on(self, device: torch.device) -> "Resident":
        """The images in a device's memory, from where batches are taken."""
        return Resident(self.images, device)


class Resident:
    """Images in a device's memory, channels last: a selected batch then needs no reordering."""

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self._pixels = images.to(device).permute(0, 2, 3, 1).contiguous()  # (N, H, W, 3)

    def batches(self, ids: Tensor, size: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ids (n,) and images (n, 3, H, W) on the device, `size` at a time.

        Args:
            ids: (N,) int64 on the CPU, in the order in which the images are wanted.
            first: begin with this batch.
        """
        for some in ids.to(self._pixels.device).split(size)[first:]:
            yield some, self._pixels.index_select(0, some).permute(0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class ImageData:
    """A training and a test set with the name that goes into every title and record.

    Args:
        name: "CIFAR-10", "CIFAR-10 (JPEG copy)", "images from <name>", "synthetic stand-in".
        classes: a name for each label.
        note: sentences on what was done to the images, or "".
        source: path that it was read from, or "".
        share: of each class that became the test set, where the source had none.
    Raises:
        ValueError: a label without a class name, or a name that would break a line.
    """

    name: str
    classes: tuple[str, ...]
    train: Examples
    test: Examples
    is_synthetic: bool = False
    note: str = ""
    source: str = ""
    share: float | None = None

    def __post_init__(self) -> None:
        check_labels(self.train.labels, len(self.classes), name="train.labels")
        check_labels(self.test.labels, len(self.classes), name="test.labels")
        check_names(self.classes)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Plain values by which a run knows its data again: place, classes, seal of the pixels."""
        pixels = (*self.train.content(), *self.test.content())
        streamed = {} if isinstance(self.train, Examples) else {"skip": self.train.how.skip}
        return {
            **streamed,
            "source": self.source,
            "share": self.share,
            "classes": list(self.classes),
            "seal": seal_of(json.dumps(self.classes), *pixels),
        }

    @property
    def banner(self) -> str:
        """One sentence that says what is used."""
        height, width = self.train.size
        sizes = (
            f"{len(self.train):,} training and {len(self.test):,} test images of {width}×{height} "
            f"pixels in {self.num_classes} classes"
        )
        if self.is_synthetic:
            return (
                f"This is a SYNTHETIC STAND-IN for CIFAR-10 ({sizes}): no picture, "
                "error rate or verdict made from it is a result on CIFAR-10."
            )
        return f"Data: {self.name}, {sizes}." + (f" {self.note}" if self.note else "")

    def subset(self, train: int | None = None, test: int | None = None) -> "ImageData":
        """Keep the first images of each class, as evenly as they come; None keeps all.

        Raises:
            ValueError: fewer than 1 or more than there are.
        """
        return replace(
            self,
            train=self.train if train is None else _first(self.train, train),
            test=self.test if test is None else _first(self.test, test),
        )

    def split(self, validation: int = 5000, seed: int = 0) -> tuple[Examples, Examples]:
        """Part the training set into training and validation examples, in proportion per class.

        Every class keeps an image to train on, and one that has two gives one for validation. The
        authors, too, held out a batch of training images to decide on the learning rate.

        Raises:
            ValueError: validation below 1, or so many that a class would have none left to train.
        """
        _check_count("validation", validation, len(self.train) - 1)
        chosen = held_out(self.train.labels, validation, seed)
        return self.train.take((~chosen).nonzero()[:, 0]), self.train.take(chosen.nonzero()[:, 0])


def held_out(labels: Tensor, count: int, seed: int = 0) -> Tensor:
    """Choose `count` examples by chance, of each class its share: (N,) bool.

    Raises:
        InputError: more than leaves every class an image.
    """
    shares = in_proportion(labels.bincount().tolist(), count)
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[shuffled[_rank(labels[shuffled]) < shares[labels[shuffled]]]] = True
    return chosen


def in_proportion(sizes: Sequence[int], count: int) -> Tensor:
    """How many of each class to hold out, `count` in all: (classes,) int64.

    As near to the classes' own proportions as whole numbers allow (largest remainders, the first
    class where they are equal). One image of each class stays; a class of two or more gives at
    least one, where `count` is large enough for that.

    Raises:
        InputError: more than leaves every class an image.
    """
    most = [max(size - 1, 0) for size in sizes]
    if not any(most):
        raise InputError(
            f"none of {sum(sizes):,} images in {len(sizes)} classes can be held out, since every "
            "class needs one to train on; expected two or more in one class at least. Add images."
        )
    if count > sum(most):
        raise InputError(
            f"{count:,} of {sum(sizes):,} images cannot be held out of {len(sizes)} classes; "
            f"expected at most {sum(most):,}, so that every class has one left to train on."
        )
    least = [min(1, top) for top in most] if count >= sum(map(bool, most)) else [0] * len(sizes)
    wanted = [size * count / sum(sizes) for size in sizes]
    shares = [min(max(int(w), low), top) for w, low, top in zip(wanted, least, most, strict=True)]
    while (missing := count - sum(shares)) != 0:
        step = 1 if missing > 0 else -1
        ends = most if missing > 0 else least
        free = [k for k, end in enumerate(ends) if shares[k] != end]
        shares[max(free, key=lambda k: step * (wanted[k] - shares[k]))] += step
    return torch.tensor(shares)


def _first(examples: Examples, count: int) -> Examples:
    _check_count("count", count, len(examples))
    return examples.take(_evenly(examples.labels, count))


def _check_count(name: str, count: int, most: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        raise InputError(f"{name} is {count!r}; expected 1 to {most} of the images there are.")


def _evenly(labels: Tensor, count: int) -> Tensor:
    """Places of `count` labels, dealt out class by class, in rising order."""
    classes = int(labels.max()) + 1
    return (_rank(labels) * classes + labels).argsort()[:count].sort()[0]


def _rank(labels: Tensor) -> Tensor:
    """(N,): 0 for the first image of its class, 1 for the second, …"""
    by_class = labels.argsort(stable=True)
    sizes = labels.bincount()
    starts = sizes.cumsum(0) - sizes
    rank = torch.empty_like(labels)
    rank[by_class] = torch.arange(len(labels)) - starts[labels[by_class]]
    return rank
