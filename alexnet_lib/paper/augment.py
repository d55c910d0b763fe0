"""Augmentation as in §4.1: windows and mirrors, colours, and which view of a picture comes when.

From one operation to the whole: `crop` and its relatives cut and mirror, `pca_basis` and
`colour_shift` recolour, a `ViewTable` holds the random numbers of an epoch, and an `Augmentation`
says what becomes of them. Everything works on whole batches, on the device where they are.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.checks import InputError, check_all, check_choice, check_indices, check_shape

# --- Windows and mirrors ------------------------------------------------------------------------


def crop(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Cut a square window out of each image, each at its own place (paper §4.1).

    Args:
        top, left: row and column of each window's first pixel.
        size: side of the window. Paper: 224 out of 256.
    Shape:
        images: (N, C, H, W), top and left: (N,) int64 -> (N, C, size, size)
    """
    _check_window(images, size)
    # a window has to stay inside its image
    for name, offsets, side in (("top", top, images.shape[2]), ("left", left, images.shape[3])):
        check_indices(offsets, side - size, len(images), name, images.device)
    return _windows_at(images, top, left, size)


def _windows_at(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Do the work of `crop` without its checks, for which a GPU would have to wait."""
    # Every possible window as a view without a copy; indexing then copies N of them.
    windows = images.permute(0, 2, 3, 1).unfold(1, size, 1).unfold(2, size, 1)
    windows = windows.permute(0, 1, 2, 4, 5, 3)  # (N, rows, columns, size, size, C)
    batch = torch.arange(len(images), device=images.device)  # (N,)
    return windows[batch, top, left].permute(0, 3, 1, 2)  # (N, C, size, size), channels last


def flip(images: Tensor, which: Tensor) -> Tensor:
    """Mirror the chosen images left to right (paper §4.1).

    Shape:
        images: (N, C, H, W), which: (N,) bool -> same shape
    """
    _check_images(images)
    check_shape(which, (len(images),), "which", torch.bool, images.device)
    return torch.where(which[:, None, None, None], images.flip(3), images)


def center_crop(images: Tensor, size: int) -> Tensor:
    """Cut the central window; an odd remainder stays at the right and bottom (paper §2).

    Shape:
        images: (N, C, H, W) -> (N, C, size, size)
    """
    _check_window(images, size)
    # §2: the central 256×256 of the scaled picture
    top, left = ((side - size) // 2 for side in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]


def ten_crop(images: Tensor, size: int) -> Tensor:
    """Four corners and the centre, then their five mirrors (paper §4.1).

    Shape:
        images: (N, C, H, W) -> (10, N, C, size, size)
    Source: paper §4.1; the order of the views is ours.
    """
    _check_window(images, size)
    # the first or last rows, and the first or last columns
    first, last = slice(size), slice(-size, None)
    corners = [images[:, :, rows, columns] for rows in (first, last) for columns in (first, last)]
    views = torch.stack([*corners, center_crop(images, size)])  # (5, N, C, size, size)
    return torch.cat([views, views.flip(-1)])  # (10, N, C, size, size)


def resize(images: Tensor, size: int) -> Tensor:
    """Scale so that the shorter side becomes `size`, bilinear (paper §2).

    Shape:
        images: (N, C, H, W) -> (N, C, size, size·W/H) where H is the shorter side, same dtype
    Source: paper §2; bilinear is ours, the paper names no filter.
    """
    _check_images(images)
    check_all(locals(), size=1)
    shorter = min(images.shape[2:])
    if shorter == size:
        return images
    target = [round(side * size / shorter) for side in images.shape[2:]]
    # growing interpolates; shrinking averages over the pixels that it drops (antialias)
    scaled = F.interpolate(images.float(), target, mode="bilinear", antialias=size < shorter)
    if images.is_floating_point():
        return scaled.to(images.dtype)
    return scaled.round_().clamp_(0, 255).to(images.dtype)


def _check_images(images: Tensor) -> None:
    check_shape(images, ("N", "C", "H", "W"), "images", "any")


def _check_window(images: Tensor, size: int) -> None:
    """Refuse what is not a batch of images that a window of `size` fits into."""
    _check_images(images)
    check_all(locals(), size=1)
    shorter = min(images.shape[2:])
    if size > shorter:
        raise InputError(f"size is {size}; expected 1 to {shorter}, the images' shorter side.")


# --- Colours ------------------------------------------------------------------------------------

PORTION = 4096 * 3 * 32 * 32  # numbers that are worked on at a time

ALPHA_STD = 0.1  # §4.1: alpha ~ N(0, 0.1²)

FORMS = ("paper", "source2012")


@dataclass(frozen=True)
class ColourBasis:
    """Principal components of the training set's RGB values (paper §4.1)."""

    eigenvalues: Tensor  # (3,) variances of 0–255 pixels along each direction, largest first
    eigenvectors: Tensor  # (3, 3), one direction a column

    def to(self, device: torch.device | str) -> "ColourBasis":
        """Copy the basis to a device."""
        return ColourBasis(self.eigenvalues.to(device), self.eigenvectors.to(device))


def pca_basis(images: Tensor) -> ColourBasis:
    """Find the principal components of all pixels' RGB values (paper §4.1).

    Shape:
        images: (N, 3, H, W) uint8 -> ColourBasis of (3,) and (3, 3) float32, on the CPU
    """
    check_shape(images, ("N", 3, "H", "W"), "images", torch.uint8)
    return pca_of_parts(portions(images))


def pca_of_parts(parts: Iterable[Tensor]) -> ColourBasis:
    """Do the work of `pca_basis` for images (n, 3, H, W) that come part by part."""
    # covariance = E[x xᵀ] − E[x] E[x]ᵀ, each a mean over images of means over pixels
    firsts, seconds, counts = zip(*((*_moments(part), len(part)) for part in parts), strict=True)
    mean = torch.stack(firsts).sum(0) / sum(counts)  # (3,)
    second = torch.stack(seconds).sum(0) / sum(counts)  # (3, 3)
    eigenvalues, eigenvectors = torch.linalg.eigh((second - mean.outer(mean)).cpu())
    # an eigenvector's sign is free: fix it; eigh sorts from the smallest: turn around
    signs = 1 - 2 * (eigenvectors.sum(0) < 0).float()  # (3,)
    return ColourBasis(eigenvalues.clamp(min=0).flip(0), (eigenvectors * signs).flip(1))


def portions(images: Tensor) -> tuple[Tensor, ...]:
    """Parts of (N, C, H, W) that take some 50 MB each as float32, to be worked on in turn."""
    return images.split(max(1, PORTION // images[0].numel()))


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over images of their mean (3,) and mean outer product (3, 3)."""
    # 128 is near the mean: small numbers keep their digits in float32 sums.
    pixels = images.float().sub_(128).flatten(2)  # (N, 3, H·W)
    outer = torch.bmm(pixels, pixels.transpose(1, 2)) / pixels.shape[2]  # (N, 3, 3)
    return pixels.mean(2).sum(0), outer.sum(0)


def colour_shift(basis: ColourBasis, alphas: Tensor, form: str = "paper") -> Tensor:
    """Turn random alphas into one RGB offset an image, in 0–255 units (paper §4.1).

    Args:
        alphas: standard deviation 0.1 in the paper.
        form: "paper" is P·(α∘λ), λ the eigenvalues of pixels scaled to [0, 1], the result times
            255; taken literally on 0–255 pixels it would add offsets beyond ±1,000. "source2012"
            is P·(α∘√λ): the authors' code used standard deviations, in 0–255 units.
    Shape:
        alphas: (N, 3) -> (N, 3)
    Source: paper §4.1 ("paper"), authors' code convdata.py ("source2012").
    """
    check_shape(alphas, ("N", 3), "alphas", device=basis.eigenvalues.device)
    check_choice("form", form, FORMS)
    # λ of pixels in [0, 1] is λ / 255²; times 255 to come back to 0–255 units
    scale = basis.eigenvalues / 255 if form == "paper" else basis.eigenvalues.sqrt()  # (3,)
    return (alphas * scale) @ basis.eigenvectors.T  # (N, 3)


# --- The random numbers of an epoch -------------------------------------------------------------


def seed_for(seed: int, epoch: int, stream: str) -> int:
    """Seed of one stream of random numbers ("views", "order", …) in one epoch (ours)."""
    # A hash keeps neighbouring seeds and epochs apart; torch's generator uses 32 bits of it.
    key = f"{int(seed)}/{int(epoch)}/{stream}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big")


@dataclass(frozen=True)
class ViewTable:
    """The random numbers of one epoch, a row for every training image (ours).

    An image's view depends on its row alone, not on the batch in which it comes.
    """

    places: Tensor  # (N, 2) large integers; modulo the number of offsets a row and a column
    mirrored: Tensor  # (N,) bool, half of them True
    alphas: Tensor  # (N, 3) with the paper's standard deviation of 0.1

    @classmethod
    def draw(cls, count: int, seed: int, epoch: int) -> "ViewTable":
        """Draw the table of `count` images from one CPU generator keyed by (seed, epoch)."""
        check_all(locals(), count=1)
        # on the CPU: every device, and every process of a team, sees the same views
        generator = torch.Generator().manual_seed(seed_for(seed, epoch, "views"))
        return cls(
            places=torch.randint(2**31, (count, 2), generator=generator),
            mirrored=torch.rand(count, generator=generator) < 0.5,
            alphas=ALPHA_STD * torch.randn(count, 3, generator=generator),
        )

    def to(self, device: torch.device | str) -> "ViewTable":
        """Copy the table to a device."""
        return ViewTable(self.places.to(device), self.mirrored.to(device), self.alphas.to(device))


# --- What a view is -----------------------------------------------------------------------------

OFFSETS = ("paper", "source2012", "centre")

VIEWS = {"center": 1, "ten": 10}  # of a test image: how many


@dataclass(frozen=True)
class Augmentation:
    """What a view of an image is (paper §4.1; the alternatives: authors' code convdata.py)."""

    crop_size: int  # side of the window that the network sees. Paper: 224
    resize_to: int | None = None  # shorter side before cropping. Paper: 256; None: as it is
    flip: bool = True  # mirror half of the training views
    # None, "paper" (eigenvalues) or "source2012" (standard deviations, image ÷ 1.1)
    colour: str | None = None
    # "paper" draws from n² places, n = 256 − 224, whence its factor 2 · 32² = 2048; "source2012"
    # from all (n + 1)², as the authors' code did; "centre" moves nothing
    offsets: str = "paper"

    def __post_init__(self) -> None:
        words = {"flip": (False, True), "colour": (None, *FORMS), "offsets": OFFSETS}
        check_all(vars(self), crop_size=1, **words)
        if self.resize_to is not None:
            check_all(vars(self), resize_to=self.crop_size)

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
        """
        _check_images(images)
        check_shape(ids, (len(images),), "ids", torch.int64, images.device)
        if ids.device.type == "cpu" and not 0 <= ids.min() <= ids.max() < len(table.places):
            raise InputError(f"ids are {ids.tolist()}; expected rows of {len(table.places)}.")
        return self.recolour(self.geometry(images, ids, table), ids, table, basis)

    def geometry(self, images: Tensor, ids: Tensor, table: ViewTable) -> Tensor:
        """Resize, crop and mirror, as `train_view`, which looks at the ids too (paper §4.1)."""
        images = self._resized(images)  # (N, C, H, W), the shorter side 256 in the paper
        check_shape(ids, (len(images),), "ids", torch.int64, images.device)
        if self.offsets == "centre":
            windows = center_crop(images, self.crop_size)
        else:
            # a remainder of numbers up to 2³¹ is as good as even for a few dozen places
            places = table.places[ids]  # (N, 2)
            top = places[:, 0] % self._places(images.shape[2])  # (N,)
            left = places[:, 1] % self._places(images.shape[3])  # (N,)
            windows = _windows_at(images, top, left, self.crop_size)
        return flip(windows, table.mirrored[ids]) if self.flip else windows

    def recolour(
        self, images: Tensor, ids: Tensor, table: ViewTable, basis: ColourBasis | None
    ) -> Tensor:
        """Add one RGB offset to each image; shapes and errors as `train_view` (paper §4.1)."""
        if self.colour is None:
            return images
        if basis is None:
            raise InputError(f"colour is {self.colour!r} but basis is None; pass pca_basis(…).")
        shift = colour_shift(basis, table.alphas[ids], self.colour)  # (N, 3)
        noisy = images + shift[:, :, None, None]  # the same for all pixels; 2012's were ÷ 1.1
        return noisy / (1 + ALPHA_STD) if self.colour == "source2012" else noisy

    def test_views(self, images: Tensor, views: str = "center") -> Tensor:
        """Cut the fixed views of a test image: its centre, or the paper's ten (paper §4.1).

        Shape:
            images: (N, C, H, W) -> (V, N, C, crop_size, crop_size), V = 1 or 10
        """
        check_choice("views", views, VIEWS)
        images = self._resized(images)
        if views == "ten":
            return ten_crop(images, self.crop_size)
        return center_crop(images, self.crop_size)[None]

    def _resized(self, images: Tensor) -> Tensor:
        images = images if self.resize_to is None else resize(images, self.resize_to)
        _check_window(images, self.crop_size)
        return images

    def _places(self, side: int) -> int:
        """Offsets along one side: n or n + 1, and 1 where nothing can move."""
        if self.offsets == "centre":
            return 1
        return max(1, side - self.crop_size + (self.offsets == "source2012"))
