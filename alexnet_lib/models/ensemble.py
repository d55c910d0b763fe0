"""Several networks that answer as one (§6)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError


class Ensemble(nn.Module):
    """The mean of several networks' predictions: of probabilities, not of logits (§6).

    Its logits are the logarithms of the mean probabilities, so that their softmax is the mean.

    Args:
        members: networks with the same inputs and classes.
    Shape:
        x: (N, 3, s, s) float -> (N, num_classes)
    Raises:
        ValueError: there is no member.
    Source: paper §6; "averaging the predictions".
    """

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        if not members:
            raise InputError("there are no members; expected at least one network.")
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        """Logits whose softmax is the members' mean probability."""
        probs = torch.stack([member(x).float().softmax(dim=1) for member in self.members])
        return probs.mean(dim=0).clamp_min(torch.finfo(probs.dtype).tiny).log()
