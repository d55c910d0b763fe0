"""What a class answers to: occlusion, gradients, pictures made for it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
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
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.inspection.filters import roughness
from alexnet_lib.inspection.tracing import like_weights, predict
from alexnet_lib.models.hooks import undisturbed

# --- By covering parts of the image ---------------------------------------------------------------

_BATCH = 128  # covered images at a time


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
    (H, W), image = image.shape[2:], like_weights(model, image)
    tops, rows = _squares(H, size, stride)  # (R, H)
    lefts, columns = _squares(W, size, stride)  # (C, W)
    masks = torch.einsum("rh,cw->rchw", rows, columns).view(-1, 1, H, W).bool().to(image.device)
    whole = predict(model, image)[0]
    check_choice("label", label, range(len(whole)))
    covered = [predict(model, image.masked_fill(part, fill)) for part in masks.split(_BATCH)]
    drop = (whole - torch.cat(covered))[:, label].cpu().view(len(tops), len(lefts))
    counts = rows.sum(0)[:, None] * columns.sum(0)  # (H, W)
    per_pixel = rows.T @ drop @ columns / counts.clamp_min(1)
    return Occlusion(float(whole[label]), drop, tops, lefts, per_pixel)


def _squares(side: int, size: int, stride: int) -> tuple[tuple[int, ...], Tensor]:
    """Where squares along a side begin, and what each covers: (squares, side) of 0 and 1."""
    check_whole("stride", stride, 1)
    check_whole("size", size, 1)
    if size > side:
        raise InputError(f"size is {size}; expected at most {side}, the side of the image.")
    starts = (*range(0, side - size, stride), side - size)
    offset = torch.arange(side) - torch.tensor(starts)[:, None]
    return starts, ((offset >= 0) & (offset < size)).float()


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


# --- By changing a picture until the network is sure ----------------------------------------------

_START = 10.0  # standard deviation of the noise at the start, in 0–255 units

_STEP = 8.0  # root mean square of one step, in 0–255 units


class ClassImages(NamedTuple):
    """One picture a label, and how well it does.

    Args:
        pixels: (N, 3, s, s) uint8, ready to be shown.
        probabilities: (N,) that the network gives the label for just these pixels. Chance is one
            over the number of classes.
        roughness: (N,) as `filters.roughness`: about 1 for noise, lower where smoother.
    """

    pixels: Tensor
    probabilities: Tensor
    roughness: Tensor


def class_images(
    model: nn.Module,
    scale: Preprocessing,
    labels: Sequence[int],
    generator: torch.Generator,
    *,
    steps: int = 32,
    jitter: int = 2,
    blur: float = 0.3,
    decay: float = 0.01,
) -> ClassImages:
    """Change noise until the network is sure of a class; all labels at once.

    What grows is the label's score above all others' together (log-odds), which, unlike the
    probability, does not flatten out. Pixels stay within 0–255 throughout.

    Args:
        scale: the network's own input scale: `Tracer.scale`, or `Preprocessing.cut`.
        labels: classes, one a picture.
        generator: of the noise and the jitter, on the CPU.
        steps: forward and backward passes.
        jitter: the pictures are shifted by up to so many pixels before each step.
        blur: share of the mean of 3×3 pixels that is mixed into each pixel at each step.
        decay: share by which the pictures shrink towards the mean image at each step.
    Raises:
        TypeError, ValueError: labels outside the classes or none, a value out of range.
    Source: ours, after Simonyan, Vedaldi and Zisserman (2013), and Yosinski et al. (2015).
    """
    check_whole("steps", steps, 1)
    check_whole("jitter", jitter, 0)
    check_number("blur", blur, "[0, 1]")
    check_number("decay", decay, "[0, 1)")
    if scale.size is None:
        raise InputError("scale is of whole images; expected the network's own: scale.cut(size).")
    shape, wanted = (len(labels), 3, scale.size, scale.size), torch.as_tensor(labels)
    check_labels(wanted, predict(model, torch.zeros(1, *shape[1:])).shape[1])
    # Distance from the mean image in 0–255 units, within what can be shown.
    picture = like_weights(model, _START * torch.randn(shape, generator=generator))
    low, high = (like_weights(model, end - scale.mean) for end in (0, 255))
    divisor, wanted = like_weights(model, scale.scale), wanted.to(picture.device)
    with undisturbed(model):
        for _ in range(steps):
            shift = torch.randint(-jitter, jitter + 1, (2,), generator=generator)
            moved = picture.roll(shift.tolist(), (2, 3))
            step = _direction(model, moved, divisor, wanted).roll((-shift).tolist(), (2, 3))
            picture = picture + _STEP * step
            smooth = F.avg_pool2d(F.pad(picture, (1,) * 4, mode="replicate"), 3, stride=1)
            picture = ((1 - decay) * picture.lerp(smooth, blur)).clamp(low, high)
    pixels = scale.leave(picture / divisor)
    chances = predict(model, (pixels - scale.mean) / scale.scale).cpu()
    return ClassImages(pixels, chances.gather(1, wanted.cpu()[:, None])[:, 0], roughness(pixels))


def _direction(model: nn.Module, picture: Tensor, divisor: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the labels' log-odds by the pixels, of root mean square 1 in each picture."""
    with torch.enable_grad():
        picture = picture.detach().requires_grad_()
        scores = model(picture / divisor)  # (N, classes)
        own = F.one_hot(labels, scores.shape[1]).bool()
        odds = scores[own] - scores.masked_fill(own, -torch.inf).logsumexp(1)
        (gradient,) = torch.autograd.grad(odds.sum(), picture)
    return gradient / gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
