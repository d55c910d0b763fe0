"""Pictures that a network takes for a class, made from noise by following the gradient."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_number, check_whole
from alexnet_lib.inspection.filters import roughness
from alexnet_lib.inspection.scale import InputScale
from alexnet_lib.inspection.tracing import like_weights, predict, undisturbed
from alexnet_lib.metrics import check_labels

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
    scale: InputScale,
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
        scale: the network's input scale.
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
