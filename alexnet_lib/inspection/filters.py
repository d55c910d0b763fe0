"""What the filters of a first layer are tuned to."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from alexnet_lib.checks import InputError, check_shape


def colourfulness(weight: Tensor) -> Tensor:
    """Share of each filter's energy that is colour: 0 for grey filters, 1 for pure colour.

    A filter is cut into its mean over red, green and blue, which reacts to brightness, and the
    rest, which reacts to colour. The shares of both add to 1; noise without any preference has
    2/3.

    Shape:
        weight: (M, 3, K, K) -> (M,) in [0, 1]
    Raises:
        TypeError, ValueError: not filters on colour images.
    Source: ours; the paper speaks of colour-agnostic and colour-specific kernels (Fig. 3).
    """
    check_shape(weight, ("M", 3, "K", "K"), "weight")
    weight = weight.detach().float()
    rest = weight - weight.mean(dim=1, keepdim=True)  # (M, 3, K, K)
    energy = weight.square().sum(dim=(1, 2, 3)).clamp_min(1e-12)  # (M,)
    return rest.square().sum(dim=(1, 2, 3)) / energy


_GRID = 64  # the spectrum is read at multiples of 1/64 cycle a pixel


class FilterMeasures(NamedTuple):
    """Numbers for each of M filters.

    Args:
        orientation: (M,) degrees in [0, 180) of the stripes: 0 is horizontal, 90 upright, rising
            to the right in between.
        selectivity: (M,) in [0, 1]: 1 for stripes of one orientation, 0 for none at all.
        frequency: (M,) cycles a pixel in (0, 0.71], where the spectrum peaks.
        colourfulness: (M,) in [0, 1], share of the energy that is colour; 2/3 for noise.
        roughness: (M,) see `roughness`; about 1 for noise.
        entropy: (M,) in [0, 1] of the spectrum: 0 for one wave, near 1 for noise.
    """

    orientation: Tensor
    selectivity: Tensor
    frequency: Tensor
    colourfulness: Tensor
    roughness: Tensor
    entropy: Tensor


def filter_measures(weight: Tensor) -> FilterMeasures:
    """Measure the first layer's filters by their Fourier spectrum, their mean left out (Fig. 3).

    Shape:
        weight: (M, 3, K, K) float, K >= 3
    Raises:
        TypeError, ValueError: not filters on colour images of at least 3×3 pixels.
    Source: ours; the paper speaks of frequency- and orientation-selective kernels (Fig. 3).
    """
    check_shape(weight, ("M", 3, "K", "K"), "weight")
    if weight.shape[2] != weight.shape[3] or weight.shape[2] < 3:
        raise InputError(f"weight has shape {tuple(weight.shape)}; expected (M, 3, K, K), K >= 3.")
    weight = weight.detach().cpu().float()
    power = _power(weight, _GRID)  # (M, 64, 64)
    along = torch.fft.fftfreq(_GRID)  # cycles a pixel
    down, right = along[:, None].expand(_GRID, _GRID), along.expand(_GRID, _GRID)
    peak = power.flatten(1).argmax(1)  # (M,)
    # A wave and its mirror have opposite directions: doubling the angle makes them one.
    turned = 2 * torch.atan2(down, right)
    total = power.sum((1, 2)).clamp_min(1e-12)
    x, y = ((power * f(turned)).sum((1, 2)) / total for f in (torch.cos, torch.sin))
    stripes = 90 - torch.rad2deg(torch.atan2(y, x)) / 2  # across the wave; rows count downwards
    frequency = torch.hypot(down, right).flatten()[peak]
    texture = colourfulness(weight), roughness(weight), _entropy(weight)
    return FilterMeasures(stripes % 180, torch.hypot(x, y), frequency, *texture)


def roughness(images: Tensor) -> Tensor:
    """How much neighbouring pixels differ: about 1 for noise, near 0 for smooth pictures.

    Mean squared difference of neighbours over twice the variance, both within a colour. 2 is the
    largest (a chessboard); a constant picture has 0.

    Shape:
        images: (N, C, H, W) uint8 or float -> (N,) in [0, 2] up to the effect of the edges
    Raises:
        ValueError: wrong rank, or a side below 2.
    Source: ours, after von Neumann's ratio.
    """
    check_shape(images, ("N", "C", "H", "W"), "images", "any")
    if min(images.shape[2:]) < 2:
        raise InputError(f"images have shape {tuple(images.shape)}; expected (N, C, H, W) >= 2×2.")
    x = images.detach().float()
    steps = [x.diff(dim=axis).square().mean((1, 2, 3)) for axis in (2, 3)]
    variance = x.var((2, 3), correction=0).mean(1)  # (N,)
    return sum(steps) / (4 * variance).clamp_min(1e-12)


def _power(weight: Tensor, side: int) -> Tensor:
    """Spectrum of the filters without their mean, summed over the colours: (M, side, side)."""
    weight = weight - weight.mean((2, 3), keepdim=True)
    return torch.fft.fft2(weight, s=(side, side)).abs().square().sum(1)


def _entropy(weight: Tensor) -> Tensor:
    K = weight.shape[2]
    power = _power(weight, K).flatten(1)[:, 1:]  # (M, K² − 1), the mean left out
    share = power / power.sum(1, keepdim=True).clamp_min(1e-12)
    return torch.special.entr(share).sum(1) / math.log(K * K - 1)
