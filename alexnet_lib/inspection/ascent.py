"""Pictures made for a class or for one unit: noise, changed until the network answers (§6.1)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_labels, check_number, check_whole
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.inspection.filters import roughness
from alexnet_lib.inspection.tracing import check_layer, like_weights, output_of, predict
from alexnet_lib.models.hooks import undisturbed

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


class Film(NamedTuple):
    """Pictures on their way from noise, moment by moment.

    Args:
        steps: taken until then; the first is 0.
        pixels: (T, N, 3, s, s) uint8.
        values: (T, N) of what grows, for just these pixels.
    """

    steps: tuple[int, ...]
    pixels: Tensor
    values: Tensor


class Brakes(NamedTuple):
    """What keeps a picture smooth while it is changed step by step.

    Args:
        jitter: the pictures are shifted by up to so many pixels before each step.
        blur: share of the mean of 3×3 pixels that is mixed into each pixel at each step.
        decay: share by which the pictures shrink towards the mean image at each step.
    """

    jitter: int = 2
    blur: float = 0.3
    decay: float = 0.01


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
        jitter, blur, decay: the `Brakes`.
    Raises:
        TypeError, ValueError: labels outside the classes or none, a value out of range.
    Source: ours, after Simonyan, Vedaldi and Zisserman (2013), and Yosinski et al. (2015).
    """
    brakes = Brakes(jitter, blur, decay)
    film = class_film(model, scale, labels, generator, steps=steps, frames=2, brakes=brakes)
    return ClassImages(film.pixels[-1], film.values[-1], roughness(film.pixels[-1]))


def class_film(
    model: nn.Module,
    scale: Preprocessing,
    labels: Sequence[int],
    generator: torch.Generator,
    *,
    steps: int = 32,
    frames: int = 17,
    brakes: Brakes | None = None,
) -> Film:
    """The same pictures as `class_images`, recorded on their way; values: the probabilities.

    Args:
        frames: at most so many moments, the noise and the last step among them.
    """
    brakes = _checked(scale, steps, frames, brakes)
    wanted = torch.as_tensor(labels)
    blank = torch.zeros(1, 3, scale.size, scale.size)
    check_labels(wanted, predict(model, blank).shape[1])

    def odds(x: Tensor) -> Tensor:
        scores = model(x)  # (N, classes)
        own = F.one_hot(wanted.to(x.device), scores.shape[1]).bool()
        return scores[own] - scores.masked_fill(own, -torch.inf).logsumexp(1)

    def sure(x: Tensor) -> Tensor:
        return predict(model, x).cpu().gather(1, wanted[:, None])[:, 0]

    return _film(model, scale, len(labels), odds, sure, generator, steps, frames, brakes)


def unit_film(
    model: nn.Module,
    scale: Preprocessing,
    layer: str,
    unit: tuple[int, int, int],
    generator: torch.Generator,
    *,
    steps: int = 32,
    frames: int = 9,
    brakes: Brakes | None = None,
) -> Film:
    """Change noise until one unit of a layer answers strongly; values: its answers.

    Args:
        layer: a convolution, rather than the ReLU behind it, which has no gradient where it is 0.
        unit: map, row and column.
        scale, generator, steps, frames, brakes: as in `class_film`.
    Raises:
        TypeError, ValueError: an unknown layer or unit, a value out of range.
    Source: ours, after Erhan et al. (2009), and Yosinski et al. (2015).
    """
    brakes = _checked(scale, steps, frames, brakes)
    check_layer(model, layer)

    def answer(x: Tensor) -> Tensor:
        return output_of(model, x, layer)[(slice(None), *unit)].clone()  # (N,)

    def measured(x: Tensor) -> Tensor:
        with torch.no_grad():
            return answer(like_weights(model, x)).cpu()

    return _film(model, scale, 1, answer, measured, generator, steps, frames, brakes)


def _checked(scale: Preprocessing, steps: int, frames: int, brakes: Brakes | None) -> Brakes:
    """The brakes, the usual ones where None, after a look at all that an ascent needs."""
    brakes = Brakes() if brakes is None else brakes
    check_whole("steps", steps, 1)
    check_whole("frames", frames, 2)
    check_whole("jitter", brakes.jitter, 0)
    check_number("blur", brakes.blur, "[0, 1]")
    check_number("decay", brakes.decay, "[0, 1)")
    if scale.size is None:
        raise InputError("scale is of whole images; expected the network's own: scale.cut(size).")
    return brakes


def _film(
    model: nn.Module,
    scale: Preprocessing,
    count: int,
    grows: Callable[[Tensor], Tensor],
    measured: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    steps: int,
    frames: int,
    brakes: Brakes,
) -> Film:
    """Moments of an ascent from the noise to the last step, more of them early, where most happens.

    Args:
        grows: a number for each picture, to be made large.
        measured: what is told of each picture, once its pixels are whole numbers.
    """
    kept = sorted({round(steps * (frame / (frames - 1)) ** 1.5) for frame in range(frames)})
    shots = []
    with undisturbed(model):
        for step, x in enumerate(_ascent(model, scale, count, grows, generator, steps, brakes)):
            if step in kept:
                shots.append(scale.leave(x))
        values = [measured((shot - scale.mean) / scale.scale) for shot in shots]
    return Film(tuple(kept), torch.stack(shots), torch.stack(values))


def _ascent(
    model: nn.Module,
    scale: Preprocessing,
    count: int,
    grows: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    steps: int,
    brakes: Brakes,
) -> Iterator[Tensor]:
    """Noise, then pictures after each step, as the network takes them: (count, 3, s, s)."""
    shape = (count, 3, scale.size, scale.size)
    # Distance from the mean image in 0–255 units, within what can be shown.
    picture = like_weights(model, _START * torch.randn(shape, generator=generator))
    low, high = (like_weights(model, end - scale.mean) for end in (0, 255))
    divisor = like_weights(model, scale.scale)
    yield picture / divisor
    for _ in range(steps):
        shift = torch.randint(-brakes.jitter, brakes.jitter + 1, (2,), generator=generator)
        moved = picture.roll(shift.tolist(), (2, 3))
        step = _direction(moved, divisor, grows).roll((-shift).tolist(), (2, 3))
        picture = picture + _STEP * step
        smooth = F.avg_pool2d(F.pad(picture, (1,) * 4, mode="replicate"), 3, stride=1)
        picture = ((1 - brakes.decay) * picture.lerp(smooth, brakes.blur)).clamp(low, high)
        yield picture / divisor


def _direction(picture: Tensor, divisor: Tensor, grows: Callable[[Tensor], Tensor]) -> Tensor:
    """Gradient of what grows by the pixels, of root mean square 1 in each picture."""
    with torch.enable_grad():
        picture = picture.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(grows(picture / divisor).sum(), picture)
    return gradient / gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
