"""What an answer depends on: parts of the image that are covered, gradients."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lib.checks import (
    InputError,
    check_choice,
    check_input,
    check_labels,
    check_number,
    check_shape,
    check_whole,
)
from alexnet_lib.inspection.tracing import like_weights, predict
from alexnet_lib.models.hooks import undisturbed

# --- By covering parts of the image ---------------------------------------------------------------

_BATCH = 128  # covered images at a time


class Covered(NamedTuple):
    """What a network answers to an image, whole and with a square of it covered.

    Args:
        whole: (classes,) probabilities for the whole image.
        covered: (R, C, classes) with the square at each of R × C places.
    """

    whole: Tensor
    covered: Tensor


def cover(
    model: nn.Module,
    image: Tensor,
    tops: Sequence[int],
    lefts: Sequence[int],
    size: int,
    fill: float = 0.0,
) -> Covered:
    """Cover a square of the image at each place, and ask the network each time.

    Args:
        model: any that answers (N, classes) to (N, C, H, W).
        image, size, fill: as in `occlusion_map`.
        tops, lefts: rows and columns where squares begin.
    Shape:
        image: (1, C, H, W) float
    Source: ours, after Zeiler and Fergus (2013).
    """
    H, W = image.shape[2:]
    image = like_weights(model, image)
    rows, columns = _within(tops, size, H), _within(lefts, size, W)  # (R, H), (C, W)
    masks = torch.einsum("rh,cw->rchw", rows, columns).view(-1, 1, H, W).bool().to(image.device)
    whole = predict(model, image)[0]
    parts = [predict(model, image.masked_fill(part, fill)) for part in masks.split(_BATCH)]
    return Covered(whole.cpu(), torch.cat(parts).cpu().view(len(tops), len(lefts), -1))


class Occlusion(NamedTuple):
    """What covering a square of the image costs the answer.

    Args:
        probability: of the class for the whole image.
        drop: (R, C) probability minus the one with the square covered; negative where it helps.
        tops, lefts: where the squares begin: R and C numbers.
        per_pixel: (H, W) mean drop over the squares that cover a pixel; 0 where none does.
    """

    probability: float
    drop: Tensor
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    per_pixel: Tensor


def occlusion_map(
    model: nn.Module, image: Tensor, label: int, size: int = 7, stride: int = 3, fill: float = 0.0
) -> Occlusion:
    """Move a square over the image and note how the class's probability drops.

    The last square of a row or column ends at the edge, so every pixel is covered at least once
    where stride <= size.

    Args:
        image: as the model takes it.
        label: the class.
        size, stride: side and step of the square, in pixels.
        fill: of the square, in the model's input scale. 0 is the mean image: grey.
    Shape:
        image: (1, C, H, W) float
    Raises:
        TypeError, ValueError: wrong rank, an unknown class, a square larger than the image.
    Source: ours, after Zeiler and Fergus (2013).
    """
    check_shape(image, (1, "C", "H", "W"), "image")
    check_whole("label", label, 0)
    check_number("fill", fill, "(-inf, inf)")
    H, W = image.shape[2:]
    tops, lefts = _starts(H, size, stride), _starts(W, size, stride)
    rows, columns = _within(tops, size, H), _within(lefts, size, W)  # (R, H), (C, W)
    whole, covered = cover(model, image, tops, lefts, size, fill)
    check_choice("label", label, range(len(whole)))
    drop = whole[label] - covered[..., label]  # (R, C)
    counts = rows.sum(0)[:, None] * columns.sum(0)  # (H, W)
    per_pixel = rows.T @ drop @ columns / counts.clamp_min(1)
    return Occlusion(float(whole[label]), drop, tops, lefts, per_pixel)


def _starts(side: int, size: int, stride: int) -> tuple[int, ...]:
    """Where squares along a side begin."""
    check_whole("stride", stride, 1)
    check_whole("size", size, 1)
    if size > side:
        raise InputError(f"size is {size}; expected at most {side}, the side of the image.")
    return (*range(0, side - size, stride), side - size)


def _within(starts: Sequence[int], size: int, side: int) -> Tensor:
    """What squares along a side cover: (squares, side) of 0 and 1."""
    offset = torch.arange(side) - torch.tensor(starts)[:, None]
    return ((offset >= 0) & (offset < size)).float()


# --- By the gradient ------------------------------------------------------------------------------


def saliency_map(model: nn.Module, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """How strongly a class's score reacts to each pixel: the largest |gradient| over the colours.

    Args:
        images: as the model takes them.
        labels: classes, or None for the model's own first answer.
    Shape:
        images: (N, C, H, W) float, labels: (N,) int64 -> (N, H, W), not negative; on the CPU
    Raises:
        TypeError, ValueError: not a batch of images, or not a class for each.
    Source: ours, after Simonyan, Vedaldi and Zisserman (2013).
    """
    check_input(model, images, "images", anywhere=True)
    x = like_weights(model, images).detach().clone().requires_grad_()
    with undisturbed(model), torch.enable_grad():
        scores = model(x)
        labels = scores.argmax(1).to(images.device) if labels is None else labels
        check_labels(labels, scores.shape[1], len(x), device=images.device)
        chosen = scores.gather(1, labels.to(x.device)[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, x)  # (N, C, H, W); the weights get none
    return gradient.abs().amax(1).cpu()
