"""How busy each layer's units are: what arrives, what gradient passes, which units are shut."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import check_float, check_whole
from alexnet_lib.inspection.tracing import Prepare, check_pictures, trace, undisturbed
from alexnet_lib.metrics import check_labels

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
        ValueError: the model has neither ReLU nor tanh; not a batch, or not a class for each.
    Source: ours.
    """
    layers = _activations(model)
    check_float(x)
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _, z, name=name: seen.update({name: z[0]}))
        for name, layer in layers
    ]
    try:
        with undisturbed(model):
            scores = model(x)
            check_labels(y, scores.shape[1], len(x), "y", x.device)
            loss = F.cross_entropy(scores, y)
    finally:
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(loss, [seen[name] for name, _ in layers])
    return [
        _activity(name, layer, seen[name].detach(), gradient)
        for (name, layer), gradient in zip(layers, gradients, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class UnitStates:
    """How often each unit (map) of one hidden layer is shut, over a whole set of images.

    Args:
        layer: name of its activation.
        shut: (M,) share of images and positions in which the unit is shut. For ReLU that is the
            negative side, for tanh the flat ends, where it is saturated.
    """

    layer: str
    shut: Tensor

    @property
    def dead(self) -> int:
        """Units that are shut everywhere, for every image: they learn nothing any more."""
        return int((self.shut == 1).sum())

    @property
    def share(self) -> float:
        """Share of the whole layer that is shut, in [0, 1]: its saturation."""
        return float(self.shut.mean())


def unit_states(
    model: nn.Module, images: Tensor, *, prepare: Prepare | None = None, batch_size: int = 256
) -> list[UnitStates]:
    """Count dead, open and saturated units of every ReLU and tanh over a set of images (§3.1).

    Args:
        images, prepare, batch_size: as in `feature_maps`.
    Raises:
        TypeError, ValueError: no activation in the model, no images, or of a wrong shape.
    Source: ours.
    """
    check_whole("batch_size", batch_size, 1)
    check_pictures(images)
    layers, counts, places = _activations(model), {}, {}
    for part in images.split(batch_size):
        calls = trace(model, part if prepare is None else prepare(part))
        for name, layer in layers:
            by_unit = _shut(layer, calls[name].before).transpose(0, 1).flatten(1)  # (M, B·H·W)
            counts[name] = counts.get(name, 0) + by_unit.sum(1)
            places[name] = places.get(name, 0) + by_unit.shape[1]
    return [UnitStates(name, counts[name] / places[name]) for name, _ in layers]


def _activations(model: nn.Module) -> list[tuple[str, nn.Module]]:
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ReLU | nn.Tanh)]
    if not layers:
        raise ValueError(f"{type(model).__name__} has neither nn.ReLU nor nn.Tanh; expected one.")
    return layers


def _shut(layer: nn.Module, z: Tensor) -> Tensor:
    """Where the activation's derivative lets hardly any gradient pass."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(layer(z).sum(), z)
    return slope < SHUT_BELOW  # (N, C, H, W), or (N, C) after a dense layer


def _activity(name: str, layer: nn.Module, z: Tensor, gradient: Tensor) -> LayerActivity:
    shut = _shut(layer, z)
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
