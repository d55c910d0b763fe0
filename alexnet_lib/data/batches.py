"""Batches cut, mirrored and recoloured on the device that trains on them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from alexnet_lib.checks import InputError, check_choice, check_shape, check_whole
from alexnet_lib.data.images import Examples
from alexnet_lib.paper.augment import (
    VIEWS,
    Augmentation,
    ColourBasis,
    ViewTable,
    center_crop,
    pca_of_parts,
    resize,
    seed_for,
)

_VIEW_BYTES = 256 << 20  # ten 224-pixel views of 128 images would take 770 MB


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """The input scale: from 0–255 pixels to what a network sees, (x − mean) / scale (paper §2).

    Measured on whole training images by `fit`; `cut` makes it that of one network, which sees the
    centre of a picture.

    Args:
        mean: mean image (3, H, W), or mean colour (3, 1, 1), of the training set.
        scale: 1 in the paper, or the training set's standard deviation, (3, 1, 1).
        mean_crop: "aligned" crops the mean image as the image (paper); "centre" subtracts the
            centre of the mean image from every crop, as the authors' code did.
        size: side of what the network takes, in pixels; None: whole images.
        resize_to: shorter side of a picture before its centre is cut out; None leaves it.
    Raises:
        ValueError: an unknown mean_crop, or a mean or a scale of another shape.
        WrongTypeError: a mean or a scale that is not floating point.
    Source: paper §2; authors' code convdata.py ("centre").
    """

    mean: Tensor
    scale: Tensor
    mean_crop: str = "aligned"
    size: int | None = None
    resize_to: int | None = None

    def __post_init__(self) -> None:
        check_shape(self.mean, (3, "H", "W"), "mean")
        check_shape(self.scale, (3, 1, 1), "scale", device=self.mean.device)
        check_choice("mean_crop", self.mean_crop, ("aligned", "centre"))

    @classmethod
    def fit(
        cls, examples: Examples, kind: str = "centred", mean_crop: str = "aligned"
    ) -> "Preprocessing":
        """Measure mean and scale on training examples (paper §2).

        Args:
            kind: "centred" (0–255 minus the mean image, the paper's) or "standardised" (mean 0 and
                standard deviation 1 in each channel).
        Raises:
            ValueError: an unknown kind or mean_crop.
        Source: paper §2 ("centred"), ours ("standardised").
        """
        check_choice("kind", kind, ("centred", "standardised"))
        count = len(examples)
        mean_image = sum(part.float().sum(0) for part in examples.parts()) / count  # (3, H, W)
        if kind == "centred":
            return cls(mean_image, torch.ones(3, 1, 1), mean_crop)
        mean = mean_image.mean((1, 2), keepdim=True)  # (3, 1, 1)
        squares = sum((part - mean).square().mean((2, 3)).sum(0) for part in examples.parts())
        std = (squares / count).sqrt().clamp(min=1e-3)  # a constant image must not divide by 0
        return cls(mean, std[:, None, None], mean_crop)

    def to(self, device: torch.device | str) -> "Preprocessing":
        """Copy mean and scale to a device."""
        return replace(self, mean=self.mean.to(device), scale=self.scale.to(device))

    def cut(self, size: int, resize_to: int | None = None) -> "Preprocessing":
        """The input scale of a network that sees the centre, as `Batches.views("center")` has it.

        Args:
            size, resize_to: `input_size` and `resize_to` of the network's config.
        """
        mean = self.centre(size, resize_to)
        return replace(self, mean=mean, size=size, resize_to=resize_to)

    def enter(self, images: Tensor) -> Tensor:
        """Make pictures into the network's input: resized and cut where it has a size, then scaled.

        Shape:
            images: (N, 3, H, W) in 0–255 -> (N, 3, size, size) float32, or (N, 3, H, W)
        Raises:
            WrongTypeError, ValueError: no pictures, or smaller ones than the network takes.
        """
        if self.size is not None:
            images = images if self.resize_to is None else resize(images.float(), self.resize_to)
            images = center_crop(images, self.size)  # (N, 3, size, size)
        self.check(images, self.mean.device)
        return (images - self.mean) / self.scale

    __call__ = enter

    def leave(self, x: Tensor) -> Tensor:
        """Make the network's input into pictures; `leave(enter(images))` is what it sees of them.

        Shape:
            x: (N, 3, size, size) float -> same shape, uint8 0–255; beyond that it is cut off
        Raises:
            WrongTypeError, ValueError: not such a batch.
        """
        check_shape(x, ("N", 3, self.size or "H", self.size or "W"))
        own = self.to("cpu")
        pixels = x.detach().cpu().float() * own.scale + own.mean
        return pixels.round().clamp(0, 255).to(torch.uint8)

    def check(self, images: Tensor, device: torch.device | None = None) -> None:
        """Refuse what is not a batch of colour images as large as the mean image.

        Raises:
            WrongTypeError, ValueError: with what was given and what was expected.
        """
        size = ("H", "W") if self.mean.shape[-1] == 1 else tuple(self.mean.shape[1:])
        check_shape(images, ("N", 3, *size), "images", "any", device)

    def centre(self, size: int, resize_to: int | None) -> Tensor:
        """Return the part of the mean that lies under a centred crop of `size`."""
        if self.mean.shape[-1] == 1:
            return self.mean
        mean = self.mean[None] if resize_to is None else resize(self.mean[None], resize_to)
        return center_crop(mean, size)[0]


def measured(
    examples: Examples, kind: str, mean_crop: str, colours: bool
) -> tuple[Preprocessing, ColourBasis | None]:
    """The input scale of training examples, and their colours where views need these (§2, §4.1).

    Examples that are streamed are decoded once for each; "standardised" takes one time more.

    Args:
        kind, mean_crop: as in `Preprocessing.fit`.
    """
    basis = pca_of_parts(examples.parts()) if colours else None
    return Preprocessing.fit(examples, kind, mean_crop), basis


class Batches:
    """Examples that live on the device as uint8 and leave as float32, channels last (paper §4.1).

    A view depends on (seed, epoch, image) alone, so it is the same for any batch order and size.

    Args:
        batch_size: the last batch of an epoch may be smaller. Paper: 128.
        preprocessing: measured on the training set, also where these are test examples.
        seed: of order and views.
        shuffle: a new order each epoch.
        basis: colours' principal components; measured here where the augmentation needs it.
        rank: this process among several that train together: it takes examples rank,
            rank + processes, … of each batch.
        processes: so many must divide batch_size. Shares stay equal: of an epoch's order the
            last count % processes examples are left out.
    Raises:
        ValueError: batch_size < 1 or not to be shared, fewer examples than processes, a crop
            larger than the images, or a mean of another size.
    Source: paper §2, §4.1, §5.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        *,
        seed: int = 0,
        shuffle: bool = True,
        device: torch.device | str = "cpu",
        basis: ColourBasis | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        check_whole("batch_size", batch_size, 1)
        _check_share(batch_size, len(examples), rank, processes)
        blank = torch.zeros(1, 3, *examples.size, dtype=torch.uint8)
        preprocessing.check(blank)
        augmentation.test_views(blank)  # a crop too large is told now
        if augmentation.colour is not None and basis is None:
            basis = pca_of_parts(examples.parts())
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.rank, self.processes = rank, processes
        self.device = torch.device(device)
        self.augmentation = augmentation
        self.preprocessing = preprocessing.to(self.device)
        self.basis = None if basis is None else basis.to(self.device)
        self.labels = examples.labels.to(self.device)
        self._images = examples.on(self.device)

    def __len__(self) -> int:
        return -(-(self.count // self.processes) // self._share)

    @property
    def count(self) -> int:
        """Number of examples."""
        return len(self.labels)

    def epoch(self, k: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield epoch k's training batches (paper §4.1, §5), without a look at any value.

        Args:
            first: begin with this batch.
        Shape:
            x: (N, 3, s, s) float32 channels last, y: (N,) int64
        """
        table = ViewTable.draw(self.count, self.seed, k).to(self.device)
        whole = self.count - self.count % self.processes
        mine = self.order(k)[self.rank : whole : self.processes]
        for ids, images in self._images.batches(mine, self._share, first):
            yield self._train_view(images, ids, table), self.labels[ids]

    def order(self, k: int) -> Tensor:
        """Return the order (N,) int64 in which epoch k visits the examples."""
        if not self.shuffle:
            return torch.arange(self.count)
        generator = torch.Generator().manual_seed(seed_for(self.seed, k, "order"))
        return torch.randperm(self.count, generator=generator)

    def views(self, views: str = "center") -> Iterator[tuple[Tensor, Tensor]]:
        """Yield test batches in order: the centre, or the ten views of §4.1 (paper §4.1).

        Batches shrink where ten large views of batch_size images would fill the memory.

        Shape:
            x: (V, N, 3, s, s) float32, y: (N,) int64
        Raises:
            ValueError: views is neither "center" nor "ten".
        """
        check_choice("views", views, VIEWS)
        bytes_each = VIEWS[views] * 3 * self.augmentation.crop_size**2 * 4
        size = max(1, min(self._share, _VIEW_BYTES // bytes_each))
        mine = torch.arange(self.rank, self.count, self.processes)
        for ids, images in self._images.batches(mine, size):
            yield self._test_views(images, views), self.labels[ids]

    @property
    def _share(self) -> int:
        """Examples of a batch that are this process's."""
        return self.batch_size // self.processes

    def _train_view(self, images: Tensor, ids: Tensor, table: ViewTable) -> Tensor:
        images = self._subtract_whole(images)
        x = self._subtract_centre(self.augmentation.geometry(images, ids, table))
        return self.augmentation.recolour(x, ids, table, self.basis) / self.preprocessing.scale

    def _test_views(self, images: Tensor, views: str) -> Tensor:
        x = self.augmentation.test_views(self._subtract_whole(images), views)
        return self._subtract_centre(x) / self.preprocessing.scale

    def _subtract_whole(self, images: Tensor) -> Tensor:
        aligned = self.preprocessing.mean_crop == "aligned"
        return images - self.preprocessing.mean if aligned else images.float()

    def _subtract_centre(self, windows: Tensor) -> Tensor:
        if self.preprocessing.mean_crop == "aligned":
            return windows
        size, resize_to = self.augmentation.crop_size, self.augmentation.resize_to
        return windows - self.preprocessing.centre(size, resize_to)


def _check_share(batch_size: int, count: int, rank: int, processes: int) -> None:
    check_whole("processes", processes, 1)
    check_choice("rank", rank, tuple(range(processes)))
    if batch_size % processes or count < processes:
        raise InputError(
            f"batch_size is {batch_size}, of {count} images, which {processes} processes cannot "
            f"share evenly; expected a multiple of {processes}, and at least so many images."
        )
