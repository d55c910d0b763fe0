"""What reaches each layer of a fresh network: the signal on its way up, the gradient down (§5)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_float
from alexnet_lib.metrics import check_labels


@dataclass(frozen=True)
class LayerSignal:
    """One layer with weights on one batch.

    Args:
        layer: its name, such as conv1.
        spread: how far its outputs, before the activation, differ from image to image: standard
            deviation over the batch, root mean square over units and places.
        gradient: |gradient| / |weight| of its weights.
    """

    layer: str
    spread: float
    gradient: float


def layer_signals(model: nn.Module, x: Tensor, y: Tensor) -> list[LayerSignal]:
    """Send one batch forth and back through every convolution and dense layer (§5).

    The model is left as it came, without gradients in its weights.

    Shape:
        x: (N, C, H, W) float, y: (N,) int64
    Raises:
        ValueError: fewer than two images, which cannot differ, or not a class for each.
    Source: ours.
    """
    check_float(x)
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected at least two images.")
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    spreads: dict[str, float] = {}

    def watch(name: str):
        def note(_module: nn.Module, _inputs: tuple, z: Tensor) -> None:
            spreads[name] = float(z.detach().var(dim=0).mean().sqrt())

        return note

    hooks = [layer.register_forward_hook(watch(name)) for name, layer in layers]
    try:
        scores = model(x)
        check_labels(y, scores.shape[1], len(x), "y", x.device)
        F.cross_entropy(scores, y).backward()
    finally:
        for hook in hooks:
            hook.remove()
    signals = [
        LayerSignal(name, spreads[name], float(m.weight.grad.norm() / m.weight.detach().norm()))
        for name, m in layers
    ]
    model.zero_grad()
    return signals
