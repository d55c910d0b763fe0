"""Shifting the colours of an image along the principal components of all pixels (paper §4.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet_lib.augment.geometry import portions
from alexnet_lib.checks import check_choice, check_shape

ALPHA_STD = 0.1  # §4.1: alpha ~ N(0, 0.1²)
FORMS = ("paper", "source2012")


@dataclass(frozen=True)
class ColourBasis:
    """Principal components of the training set's RGB values (paper §4.1).

    Args:
        eigenvalues: (3,) variances of 0–255 pixels along each direction, largest first.
        eigenvectors: (3, 3), one direction a column.
    Source: paper §4.1.
    """

    eigenvalues: Tensor
    eigenvectors: Tensor

    def to(self, device: torch.device | str) -> "ColourBasis":
        """Copy the basis to a device."""
        return ColourBasis(self.eigenvalues.to(device), self.eigenvectors.to(device))


def pca_basis(images: Tensor) -> ColourBasis:
    """Find the principal components of all pixels' RGB values (paper §4.1).

    Shape:
        images: (N, 3, H, W) uint8 -> ColourBasis of (3,) and (3, 3) float32, on the CPU
    Raises:
        TypeError: images are not uint8.
        ValueError: wrong rank or number of channels, or no images.
    Source: paper §4.1.
    """
    check_shape(images, ("N", 3, "H", "W"), "images", torch.uint8)
    parts = [_moments(part) for part in portions(images)]
    mean = torch.stack([first for first, _ in parts]).sum(0) / len(images)  # (3,)
    second = torch.stack([second for _, second in parts]).sum(0) / len(images)  # (3, 3)
    eigenvalues, eigenvectors = torch.linalg.eigh((second - mean.outer(mean)).cpu())
    signs = 1 - 2 * (eigenvectors.sum(0) < 0).float()  # an eigenvector's sign is free: fix it
    return ColourBasis(eigenvalues.clamp(min=0).flip(0), (eigenvectors * signs).flip(1))


def colour_shift(basis: ColourBasis, alphas: Tensor, form: str = "paper") -> Tensor:
    """Turn random alphas into one RGB offset an image, in 0–255 units (paper §4.1).

    Args:
        alphas: standard deviation 0.1 in the paper.
        form: "paper" is P·(α∘λ), λ the eigenvalues of pixels scaled to [0, 1], the result times
            255; taken literally on 0–255 pixels it would add offsets beyond ±1,000. "source2012"
            is P·(α∘√λ): the authors' code used standard deviations, in 0–255 units.
    Shape:
        alphas: (N, 3) -> (N, 3)
    Raises:
        ValueError: alphas of another shape, or an unknown form.
    Source: paper §4.1 ("paper"), authors' code convdata.py ("source2012").
    """
    check_shape(alphas, ("N", 3), "alphas", device=basis.eigenvalues.device)
    check_choice("form", form, FORMS)
    scale = basis.eigenvalues / 255 if form == "paper" else basis.eigenvalues.sqrt()
    return (alphas * scale) @ basis.eigenvectors.T  # (N, 3)


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over images of their mean (3,) and mean outer product (3, 3)."""
    # 128 is near the mean: small numbers keep their digits in float32 sums.
    pixels = images.float().sub_(128).flatten(2)  # (N, 3, H·W)
    outer = torch.bmm(pixels, pixels.transpose(1, 2)) / pixels.shape[2]  # (N, 3, 3)
    return pixels.mean(2).sum(0), outer.sum(0)
