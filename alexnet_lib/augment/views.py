"""Which view of an image the network sees: random in training, fixed in testing (paper §4.1)."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet_lib.augment.colour import ALPHA_STD, FORMS, ColourBasis, colour_shift
from alexnet_lib.augment.geometry import (
    center_crop,
    check_images,
    check_size,
    flip,
    resize,
    ten_crop,
    windows_at,
)
from alexnet_lib.checks import check_choice, check_shape, check_whole

OFFSETS = ("paper", "source2012", "centre")
VIEWS = {"center": 1, "ten": 10}


def seed_for(seed: int, epoch: int, stream: str) -> int:
    """Seed of one stream of random numbers ("views", "order", …) in one epoch (ours).

    A hash keeps neighbouring seeds and epochs apart; torch's generator uses 32 bits.
    """
    key = f"{int(seed)}/{int(epoch)}/{stream}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big")


@dataclass(frozen=True)
class ViewTable:
    """The random numbers of one epoch, a row for every training image (ours).

    Args:
        places: (N, 2) large integers; modulo the number of offsets they are a row and a column.
        mirrored: (N,) bool, half of them True.
        alphas: (N, 3) with the paper's standard deviation of 0.1.
    """

    places: Tensor
    mirrored: Tensor
    alphas: Tensor

    @classmethod
    def draw(cls, count: int, seed: int, epoch: int) -> "ViewTable":
        """Draw the table of `count` images from one CPU generator keyed by (seed, epoch).

        Raises:
            ValueError: count < 1.
        """
        check_whole("count", count, 1)
        generator = torch.Generator().manual_seed(seed_for(seed, epoch, "views"))
        return cls(
            places=torch.randint(2**31, (count, 2), generator=generator),
            mirrored=torch.rand(count, generator=generator) < 0.5,
            alphas=ALPHA_STD * torch.randn(count, 3, generator=generator),
        )

    def to(self, device: torch.device | str) -> "ViewTable":
        """Copy the table to a device."""
        return ViewTable(self.places.to(device), self.mirrored.to(device), self.alphas.to(device))


@dataclass(frozen=True)
class Augmentation:
    """What a view of an image is (paper §4.1).

    Args:
        crop_size: side of the window that the network sees. Paper: 224.
        resize_to: shorter side before cropping. Paper: 256; None leaves images as they are.
        flip: mirror half of the training views.
        colour: None, "paper" (eigenvalues) or "source2012" (standard deviations, image ÷ 1.1).
        offsets: "paper" draws from n² places, n = 256 − 224, whence its factor 2·32² = 2048;
            "source2012" draws from all (n + 1)², as the authors' code did; "centre" moves nothing.
    Raises:
        ValueError: a value outside its range.
    Source: paper §4.1; authors' code convdata.py.
    """

    crop_size: int
    resize_to: int | None = None
    flip: bool = True
    colour: str | None = None
    offsets: str = "paper"

    def __post_init__(self) -> None:
        check_whole("crop_size", self.crop_size, 1)
        if self.resize_to is not None:
            check_whole("resize_to", self.resize_to, self.crop_size)
        check_choice("colour", self.colour, (None, *FORMS))
        check_choice("offsets", self.offsets, OFFSETS)

    def distinct_views(self, image_size: int) -> int:
        """Count the crops and mirrors of one square image; the paper's 2048 (paper §4.1)."""
        return self._places(self.resize_to or image_size) ** 2 * (2 if self.flip else 1)

    def train_view(
        self, images: Tensor, ids: Tensor, table: ViewTable, basis: ColourBasis | None = None
    ) -> Tensor:
        """Make one random view of each image: `geometry`, then `recolour` (paper §4.1).

        Args:
            images: a batch in 0–255 units, with or without the mean subtracted.
            ids: the images' rows in `table`.
            basis: needed where `colour` is set.
        Shape:
            images: (N, C, H, W), ids: (N,) int64 -> (N, C, crop_size, crop_size)
        Raises:
            ValueError: shapes that do not fit, or no basis although `colour` is set.
        Source: paper §4.1.
        """
        return self.recolour(self.geometry(images, ids, table), ids, table, basis)

    def geometry(self, images: Tensor, ids: Tensor, table: ViewTable) -> Tensor:
        """Resize, crop and mirror; shapes and errors as `train_view` (paper §4.1)."""
        images = self._resized(images)
        check_shape(ids, (len(images),), "ids", torch.int64, images.device)
        if ids.device.type == "cpu" and not 0 <= ids.min() <= ids.max() < len(table.places):
            raise ValueError(f"ids are {ids.tolist()}; expected rows of {len(table.places)}.")
        if self.offsets == "centre":
            windows = center_crop(images, self.crop_size)
        else:
            places = table.places[ids]  # (N, 2)
            top = places[:, 0] % self._places(images.shape[2])
            left = places[:, 1] % self._places(images.shape[3])
            windows = windows_at(images, top, left, self.crop_size)
        return flip(windows, table.mirrored[ids]) if self.flip else windows

    def recolour(
        self, images: Tensor, ids: Tensor, table: ViewTable, basis: ColourBasis | None
    ) -> Tensor:
        """Add one RGB offset to each image; shapes and errors as `train_view` (paper §4.1)."""
        if self.colour is None:
            return images
        if basis is None:
            raise ValueError(f"colour is {self.colour!r} but basis is None; pass pca_basis(…).")
        shift = colour_shift(basis, table.alphas[ids], self.colour)  # (N, 3)
        noisy = images + shift[:, :, None, None]
        return noisy / (1 + ALPHA_STD) if self.colour == "source2012" else noisy

    def test_views(self, images: Tensor, views: str = "center") -> Tensor:
        """Cut the fixed views of a test image: its centre, or the paper's ten (paper §4.1).

        Shape:
            images: (N, C, H, W) -> (V, N, C, crop_size, crop_size), V = 1 or 10
        Raises:
            ValueError: wrong rank, unknown `views`, or images smaller than the crop.
        Source: paper §4.1.
        """
        check_choice("views", views, VIEWS)
        images = self._resized(images)
        if views == "ten":
            return ten_crop(images, self.crop_size)
        return center_crop(images, self.crop_size)[None]

    def _resized(self, images: Tensor) -> Tensor:
        check_images(images)
        images = images if self.resize_to is None else resize(images, self.resize_to)
        check_size(images, self.crop_size)
        return images

    def _places(self, side: int) -> int:
        """Offsets along one side: n or n + 1, and 1 where nothing can move."""
        if self.offsets == "centre":
            return 1
        return max(1, side - self.crop_size + (self.offsets == "source2012"))
