"""Judges a learner's gradient ascent by what its pictures are like, on a small network."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_lib.course.exercises.compare import as_tensor, kind_of
from alexnet_lib.course.exercises.trials import UnfitError, called
from alexnet_lib.inspection.filters import roughness

SURE, SMOOTH = 0.95, 0.3  # bars: the least probability, the most roughness


@lru_cache
def _judge() -> nn.Module:
    """A small network with fixed random weights: it has opinions, though no knowledge."""
    generator = torch.Generator().manual_seed(12)
    model = nn.Sequential(
        nn.Conv2d(3, 12, 5, padding=2), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, 4)
    )
    for weight in model.parameters():
        spread = {4: 0.12, 2: 0.5, 1: 0.0}[weight.ndim]
        weight.data = spread * torch.randn(weight.shape, generator=generator)
    return model.eval()


def judge_scores(pixels: Tensor) -> Tensor:
    """Scores of the exercise's own small network for pixels in 0–255."""
    return _judge()((pixels - 128) / 64)


def facts_about_climber(answer: Any) -> dict[str, str]:
    """What an answer's pictures of three classes are like, in words.

    Args:
        answer: called with scores, label and start, (1, 3, 16, 16) in 0–255.
    Raises:
        ValueError: it gives something else than such a picture.
    """
    weights = [weight.clone() for weight in _judge().parameters()]
    facts: dict[str, str] = {}
    for label in (0, 1, 3):
        noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(label))
        start = 128 + 10 * noise
        picture = as_tensor(called(answer, judge_scores, label, start.clone()))
        if not isinstance(picture, Tensor) or picture.shape != start.shape:
            wanted = f"expected a picture of shape {tuple(start.shape)}"
            raise UnfitError(f"{wanted}, got {kind_of(picture)}")
        picture = picture.detach().to(start)
        with torch.no_grad():
            before, after = judge_scores(torch.cat([start, picture])).softmax(1)[:, label].tolist()
        sure = "sure" if after >= SURE else "risen" if after > before + 0.1 else "hardly moved"
        sure = "fallen" if after < 0.2 * before else sure
        facts["probability of the class"] = sure
        rough = float(roughness(picture)[0])
        facts["surface"] = "smooth" if rough <= SMOOTH else "rough" if rough < 0.9 else "noise"
        within = bool((picture >= -0.5).all() and (picture <= 255.5).all())
        facts["pixels"] = "within 0 to 255" if within else "beyond 0 to 255"
        if within and float(picture.max()) <= 1:
            facts["pixels"] = "within 0 to 1"
        facts["the start"] = "unchanged" if torch.equal(picture, start) else "left behind"
        if sure != "sure":
            break
    same = all(torch.equal(a, b) for a, b in zip(weights, _judge().parameters(), strict=True))
    for weight, kept in zip(_judge().parameters(), weights, strict=True):
        weight.data, weight.grad = kept.data, None
    return facts | {"the network's weights": "untouched" if same else "changed"}
