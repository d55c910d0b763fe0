"""How wrong a network is on images it has not learned from (paper §2, §4.1)."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_input, check_labels, check_shape, check_whole
from alexnet_lib.data.batches import Batches
from alexnet_lib.models.hooks import undisturbed
from alexnet_lib.statistics import Interval, wilson_interval


class DivergedError(InputError):
    """A loss, a gradient or an answer of the network is no longer a finite number."""


@dataclass(frozen=True)
class Evaluation:
    """Errors of one pass; fractions in [0, 1].

    Args:
        top1_error: share of images whose label is not the first choice.
        top5_error: share of images whose label is not among the first five.
        loss: mean cross-entropy of the averaged probabilities.
        confusion: (classes, classes) int64, true class by row, called class by column.
        correct: (N,) bool, the images whose label is the first choice, in their order.
    """

    top1_error: float
    top5_error: float
    loss: float
    confusion: Tensor
    correct: Tensor

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.correct)

    @property
    def interval(self) -> Interval:
        """Wilson interval (95 %) of the top-1 error."""
        return wilson_interval(round(self.top1_error * self.count), self.count)


def evaluate(model: nn.Module, batches: Batches, views: str = "center") -> Evaluation:
    """Test a network on fixed views: the centre, or the paper's ten (§4.1).

    Ten views are ten opinions: their softmax probabilities are averaged, as the paper says, not
    their logits. Whatever the network was trained in, it is tested in float32: the few digits of
    bfloat16 make classes tie. Each module is left in the mode (training or not) in which it came.

    Raises:
        ValueError: `views` is neither "center" nor "ten", or there are no images.
        DivergedError: an answer is no number.
    Source: paper §4.1.
    """
    with undisturbed(model), torch.inference_mode():
        return _summary(_probabilities(model, batches.views(views)))


def merged(parts: Sequence[Evaluation]) -> Evaluation:
    """Join what P processes found, each on every P-th image, into one evaluation of all."""
    if len(parts) == 1:
        return parts[0]
    count = sum(part.count for part in parts)
    correct = torch.empty(count, dtype=torch.bool)
    for first, part in enumerate(parts):
        correct[first :: len(parts)] = part.correct
    return Evaluation(
        *(
            sum(getattr(part, name) * part.count for part in parts) / count
            for name in ("top1_error", "top5_error", "loss")
        ),
        confusion=sum(part.confusion for part in parts),
        correct=correct,
    )


def _probabilities(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    results = []
    for x, y in batches:  # x: (V, N, 3, H, W)
        for view in x:
            check_input(model, view)
        probs = torch.stack([model(view).softmax(dim=-1) for view in x])  # (V, N, classes)
        results.append((probs.mean(dim=0), y))  # stays on the device
    return results


def _summary(results: list[tuple[Tensor, Tensor]]) -> Evaluation:
    probs = torch.cat([p for p, _ in results]).cpu()  # (N, classes)
    labels = torch.cat([y for _, y in results]).cpu()  # (N,)
    count, num_classes = probs.shape
    if bad := int(probs.isnan().any(dim=1).sum()):
        raise DivergedError(
            f"The network's answers to {bad} of {count} images are NaN: training has diverged. "
            "Lower the lr or look at the inputs."
        )
    tiny = torch.finfo(probs.dtype).tiny  # a probability that has underflowed to 0 has no logarithm
    return Evaluation(
        top1_error=count_top_k_errors(probs, labels) / count,
        top5_error=count_top_k_errors(probs, labels, k=min(5, num_classes)) / count,
        loss=float(F.nll_loss(probs.clamp_min(tiny).log(), labels)),
        confusion=confusion_matrix(probs.argmax(dim=1), labels, num_classes),
        correct=_rivals(probs, labels) < 1,
    )


def pack_bits(correct: Tensor) -> str:
    """Text of (N,) bool, eight a byte, in base64: 10,000 images take 1,668 letters."""
    return base64.b64encode(np.packbits(correct.numpy()).tobytes()).decode()


def unpack_bits(text: str, count: int) -> Tensor:
    """The (count,) bool that `pack_bits` made into text."""
    packed = np.frombuffer(base64.b64decode(text), np.uint8)
    return torch.from_numpy(np.unpackbits(packed, count=count).astype(bool))


def top_k_error(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """Fraction of images whose label is not among the k highest scores (paper §2).

    The label loses ties: a network that scores all classes alike is right about none. Over several
    batches add up `count_top_k_errors`; the mean of batch means weighs a short last batch wrongly.

    Shape:
        scores: (N, classes) float, labels: (N,) int64 -> fraction in [0, 1]
    Raises:
        TypeError, ValueError: wrong rank, dtype or length, no images, NaN scores, labels or k
            outside the classes.
    Source: paper §2; the rule for ties is ours.
    """
    return count_top_k_errors(scores, labels, k) / len(labels)


def count_top_k_errors(scores: Tensor, labels: Tensor, k: int = 1) -> int:
    """Count the images whose label is not among the k highest scores; else as `top_k_error`."""
    _check_scores(scores, k)
    check_labels(labels, scores.shape[1], count=len(scores), device=scores.device)
    return int((_rivals(scores, labels) >= k).sum())


def _rivals(scores: Tensor, labels: Tensor) -> Tensor:
    """How many classes (N,) score at least as high as the label."""
    own = scores.gather(1, labels[:, None])  # (N, 1)
    return (scores >= own).sum(1) - 1  # the label itself is no rival


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Count how often each true class (row) was called each class (column).

    Shape:
        predictions, labels: (N,) int64 -> (num_classes, num_classes) int64
    Raises:
        TypeError, ValueError: wrong rank, dtype, length or range.
    Source: ours.
    """
    check_labels(labels, num_classes, device=getattr(predictions, "device", None))
    check_labels(predictions, num_classes, count=len(labels), name="predictions")
    cells = torch.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def _check_scores(scores: Tensor, k: int) -> None:
    check_shape(scores, ("N", "classes"), "scores")
    check_whole("k", k, 1)
    if k > scores.shape[1]:
        raise InputError(f"k is {k}; expected 1 to {scores.shape[1]}, the number of classes.")
    bad = scores.isnan().any(1).nonzero()
    if len(bad):
        raise InputError(f"scores[{int(bad[0])}] holds NaN; expected numbers. Did it diverge?")
