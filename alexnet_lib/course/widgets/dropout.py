"""A network's masks, one after another, and the threshold by which learning is timed (§4.2)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.dropout import arrivals, mask_panel
from alexnet_lib.course.widgets.core import Explorer, Shown, player, slider
from alexnet_lib.data.images import Examples
from alexnet_lib.paper.network import AlexNet
from alexnet_lib.statistics import times_as_long

MASKS = 100


class MaskPlayer(Explorer):
    """Step or play through masks of fc6 and fc7, at any rate, on the images of `examples`.

    Shape:
        x: (N, 3, s, s), the images as the network reads them
    Raises:
        InputError: not one x for each example.
    """

    pairs = (("mask", "rate"), ("rate", "image"))

    def __init__(
        self, net: AlexNet, x: Tensor, examples: Examples, classes: Sequence[str], data_name: str
    ) -> None:
        if len(x) != len(examples):
            raise InputError(f"{len(x)} inputs for {len(examples)} examples; expected one each.")
        self.net, self.examples, self.classes, self.data_name = net, examples, classes, data_name
        with torch.no_grad():
            self.hidden = net.relu6(net.fc6(net.features(x).flatten(1)))  # (N, H)
        mask = slider("mask", 1, MASKS, 1)
        super().__init__(
            player(mask, interval_ms=500),
            mask=mask,
            rate=slider("rate p", 0.0, 0.9, 0.5, 0.1),
            image=slider("image", 1, len(x), 1),
        )

    @torch.no_grad()
    def render(self, mask: int, rate: float, image: int) -> Shown:
        """Which units are dropped, and what the thinned network says; both count from 1."""
        net, classes, hidden, chosen = self.net, self.classes, self.hidden[image - 1], mask - 1
        kept, logits, test_logits = thinned_answers(net, hidden, rate)
        probs, test = logits.softmax(dim=1), test_logits.softmax(dim=0)
        units7 = net.relu7(net.fc7(hidden * kept[0, chosen]))
        layers = {"fc6": (hidden, kept[0, chosen]), "fc7": (units7, kept[1, chosen])}
        pixels, label = self.examples.images[image - 1], self.examples.labels[image - 1]
        said, here = int(test.argmax()), int(probs[chosen].argmax())
        low, high = probs[:, said].quantile(torch.tensor([0.05, 0.95])).tolist()
        agree = int((probs.argmax(dim=1) == said).sum())
        lost6, lost7 = (int((~kept[layer, chosen]).sum()) for layer in (0, 1))
        return mask_panel(pixels, layers, probs, chosen, test, classes), (
            f"{self.data_name}, true class: {classes[label]}. Mask {mask} at p = {rate:.1f}: "
            f"{lost6} units of fc6 and {lost7} of fc7 "
            f"are dropped; this thinned network says {classes[here]} ({probs[chosen, here]:.0%}). "
            f"All units × {1 - rate:.1f} say {classes[said]} ({test[said]:.0%}); {agree} of {MASKS}"
            f" masks say the same; nine in ten give it {low:.0%} to {high:.0%}."
        )


@torch.no_grad()
def thinned_answers(
    net: AlexNet, hidden: Tensor, rate: float, masks: int = MASKS, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """What thinned networks make of one image, and the test-time network: all units × (1 − p).

    Each mask is the same random numbers at any rate: a unit that is dropped stays dropped as the
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


class ThresholdExplorer(Explorer):
    """Training-error curves of variants, the first without dropout, and a threshold to drag.

    Args:
        curves: by variant, one curve a seed.
        every: iterations from one value of a curve to the next.
        threshold: to start from, a fraction.
    """

    def __init__(
        self,
        curves: Mapping[str, Sequence[Sequence[float]]],
        every: int,
        data_name: str,
        threshold: float,
    ) -> None:
        self.curves, self.every, self.data_name = curves, every, data_name
        super().__init__(threshold=slider("training error %", 5, 80, round(100 * threshold)))

    def render(self, threshold: int) -> Shown:
        """Who arrives when at a threshold in per cent."""
        goal, curves = threshold / 100, self.curves
        first, *others = curves
        told = []
        for name in others:
            found = times_as_long(curves[name], curves[first], goal)
            told.append(f"{name}: {found}" if found else f"{name}: no ratio, {first} never arrives")
        words = f"Iterations to {goal:.0%} training error, against {first}: {'; '.join(told)}."
        return arrivals(curves, self.every, goal, f"All units, {self.data_name}"), words
