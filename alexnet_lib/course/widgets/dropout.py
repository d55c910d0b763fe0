"""A network's masks, one after another, and the threshold by which learning is timed (§4.2)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.dropout import arrivals, mask_panel
from alexnet_lib.course.widgets.core import Explorer, slider
from alexnet_lib.data.images import Examples
from alexnet_lib.paper.network import AlexNet
from alexnet_lib.statistics import times_as_long

MASKS = 100


def mask_player(
    net: AlexNet, x: Tensor, examples: Examples, classes: Sequence[str], data_name: str
) -> Explorer:
    """Step or play through masks of fc6 and fc7, at any rate, on the images of `examples`.

    Shape:
        x: (N, 3, s, s), the images as the network reads them
    Raises:
        ValueError: not one x for each example.
    """
    if len(x) != len(examples):
        raise InputError(f"{len(x)} inputs for {len(examples)} examples; expected one each.")
    with torch.no_grad():
        hidden = net.relu6(net.fc6(net.features(x).flatten(1)))  # (N, H)
    explorer = Explorer(
        partial(render_masks, net, hidden, examples, classes, data_name),
        mask=slider("mask", 1, MASKS, 1),
        rate=slider("rate p", 0.0, 0.9, 0.5, 0.1),
        image=slider("image", 1, len(x), 1),
    )
    play = ipywidgets.Play(min=1, max=MASKS, interval=500, show_repeat=False)
    ipywidgets.jslink((play, "value"), (explorer.controls["mask"], "value"))
    explorer.children = (play, *explorer.children)
    return explorer


@torch.no_grad()
def thinned_answers(
    net: AlexNet, hidden: Tensor, rate: float, masks: int = MASKS, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """What thinned networks make of one image, and the test-time network: all units × (1 − p).

    Each mask is the same random numbers at any rate, so a unit that rests goes on resting as the
    rate grows.

    Shape:
        hidden: (H,), outputs of relu6 -> kept (2, masks, H) bool, logits (masks, classes),
        test logits (classes,)
    """
    draws = torch.rand(2, masks, len(hidden), generator=torch.Generator().manual_seed(seed))
    kept = draws >= rate
    thinned = net.relu7(net.fc7(hidden * kept[0]))  # (masks, H)
    whole = net.relu7(net.fc7(hidden * (1 - rate)))  # (H,)
    return kept, net.fc8(thinned * kept[1]), net.fc8(whole * (1 - rate))


def render_masks(
    net: AlexNet,
    hidden: Tensor,
    examples: Examples,
    classes: Sequence[str],
    data_name: str,
    state: dict[str, Any],
) -> tuple[Image.Image, str]:
    """Picture and words for `image` and `mask`, both from 1, and `rate`."""
    image, chosen, rate = state["image"] - 1, state["mask"] - 1, state["rate"]
    kept, logits, test_logits = thinned_answers(net, hidden[image], rate)
    probs, test = logits.softmax(dim=1), test_logits.softmax(dim=0)
    with torch.no_grad():
        units7 = net.relu7(net.fc7(hidden[image] * kept[0, chosen]))
    layers = {"fc6": (hidden[image], kept[0, chosen]), "fc7": (units7, kept[1, chosen])}
    picture = mask_panel(examples.images[image], layers, probs, chosen, test, classes)
    said, here = int(test.argmax()), int(probs[chosen].argmax())
    low, high = probs[:, said].quantile(torch.tensor([0.05, 0.95])).tolist()
    agree = int((probs.argmax(dim=1) == said).sum())
    return picture, (
        f"{data_name}, true class: {classes[examples.labels[image]]}. "
        f"Mask {chosen + 1} at p = {rate:.1f}: "
        f"{int((~kept[0, chosen]).sum())} units of fc6 and {int((~kept[1, chosen]).sum())} of fc7 "
        f"rest; this thinned network says {classes[here]} ({probs[chosen, here]:.0%}). "
        f"All units × {1 - rate:.1f} say {classes[said]} ({test[said]:.0%}); {agree} of {MASKS} "
        f"masks agree and give it {low:.0%} to {high:.0%} (90 % of them)."
    )


def threshold_explorer(
    curves: Mapping[str, Sequence[Sequence[float]]], every: int, data_name: str, threshold: float
) -> Explorer:
    """Training-error curves of variants, the first without dropout, and a threshold to drag.

    Args:
        curves: by variant, one curve a seed.
        every: iterations from one value of a curve to the next.
        threshold: to start from, a fraction.
    """
    return Explorer(
        partial(render_threshold, curves, every, data_name),
        threshold=slider("training error %", 5, 80, round(100 * threshold)),
    )


def render_threshold(
    curves: Mapping[str, Sequence[Sequence[float]]],
    every: int,
    data_name: str,
    state: dict[str, Any],
) -> tuple[Figure, str]:
    """Figure and words for a `threshold` in per cent."""
    threshold = state["threshold"] / 100
    first, *others = curves
    told = []
    for name in others:
        found = times_as_long(curves[name], curves[first], threshold)
        told.append(f"{name}: {found}" if found else f"{name}: no ratio, {first} never arrives")
    words = f"Iterations to {threshold:.0%} training error, against {first}: {'; '.join(told)}."
    return arrivals(curves, every, threshold, f"All units, {data_name}"), words
