"""How busy each layer's units are: what arrives, what gradient passes, which units are shut."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHUT_BELOW = 0.05  # a derivative that lets less than a twentieth of the gradient pass


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """One hidden layer on one batch.

    Args:
        layer: name of its activation, such as act1.
        inputs: what its units receive before the activation, some 65,000 of all images and places.
        gradient: of the loss by these inputs.
        shut: share of the inputs where the activation's derivative is below 0.05: the negative
            side of ReLU, the flat ends of tanh.
        dead: units (maps) that are shut at every position of every image.
        units: units (maps) of the layer.
    """

    layer: str
    inputs: Tensor
    gradient: Tensor
    shut: float
    dead: int
    units: int


def layer_activity(model: nn.Module, x: Tensor, y: Tensor) -> list[LayerActivity]:
    """Send one batch forth and back and look at every ReLU and tanh on the way (paper §3.1).

    The model is left as it came: its mode, and no gradients in its weights.

    Shape:
        x: (N, C, H, W) float, y: (N,) int64
    Raises:
        ValueError: the model has neither ReLU nor tanh.
    Source: ours.
    """
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ReLU | nn.Tanh)]
    if not layers:
        raise ValueError(f"{type(model).__name__} has neither nn.ReLU nor nn.Tanh; expected one.")
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _, z, name=name: seen.update({name: z[0]}))
        for name, layer in layers
    ]
    was_training = model.training
    try:
        loss = F.cross_entropy(model.eval()(x), y)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(loss, [seen[name] for name, _ in layers])
    return [
        _activity(name, layer, seen[name].detach(), gradient)
        for (name, layer), gradient in zip(layers, gradients, strict=True)
    ]


def _activity(name: str, layer: nn.Module, z: Tensor, gradient: Tensor) -> LayerActivity:
    z = z.requires_grad_()
    (slope,) = torch.autograd.grad(layer(z).sum(), z)
    shut = slope < SHUT_BELOW  # (N, C, H, W), or (N, C) after a dense layer
    by_unit = shut.transpose(0, 1).flatten(1)  # (C, N·H·W)
    return LayerActivity(
        layer=name,
        inputs=_sample(z),
        gradient=_sample(gradient),
        shut=float(shut.float().mean()),
        dead=int(by_unit.all(dim=1).sum()),
        units=len(by_unit),
    )


def _sample(x: Tensor) -> Tensor:
    """Every so-and-so-many-th value; an odd step meets every row, column and map."""
    step = max(1, x.numel() // 65_536) | 1
    return x.detach().flatten()[::step].cpu()
