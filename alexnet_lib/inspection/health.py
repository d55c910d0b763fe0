"""Is the network well? Its activations, its weights, the vital signs of a whole run."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_input, check_labels, check_whole
from alexnet_lib.inspection.tracing import Prepare, check_pictures, trace
from alexnet_lib.models.hooks import undisturbed

# --- Activations: which units are shut (§3.1) -----------------------------------------------------

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

    The model is tested, not trained: without dropout, and it is left as it came.

    Shape:
        x: (N, C, H, W) float, y: (N,) int64
    Raises:
        ValueError: the model has neither ReLU nor tanh; not a batch, or not a class for each.
    Source: ours.
    """
    layers = _activations(model)
    check_input(model, x)
    seen: dict[str, Tensor] = {}
    hooks = {name: lambda _, z, name=name: seen.update({name: z[0]}) for name, _ in layers}
    with undisturbed(model, before=hooks):
        loss = _loss(model, x, y)
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
        raise InputError(f"{type(model).__name__} has neither nn.ReLU nor nn.Tanh; expected one.")
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


# --- Weights: how far the signal and its gradient reach (§5) --------------------------------------


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

    The model runs in the mode that it has, and is left as it came.

    Shape:
        x: (N, C, H, W) float, y: (N,) int64
    Raises:
        ValueError: fewer than two images, which cannot differ, or not a class for each.
    Source: ours.
    """
    check_input(model, x)
    if len(x) < 2:
        raise InputError(f"x has shape {tuple(x.shape)}; expected at least two images.")
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    spreads: dict[str, float] = {}

    def note(name: str, _layer: nn.Module, _inputs: tuple, z: Tensor) -> None:
        spreads[name] = float(z.detach().var(dim=0).mean().sqrt())

    hooks = {name: partial(note, name) for name, _ in layers}
    with undisturbed(model, hooks, training=None):
        weights = [layer.weight for _, layer in layers]
        gradients = torch.autograd.grad(_loss(model, x, y), weights)
    return [
        LayerSignal(name, spreads[name], float(gradient.norm() / layer.weight.detach().norm()))
        for (name, layer), gradient in zip(layers, gradients, strict=True)
    ]


def _loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    scores = model(x)  # (N, classes)
    check_labels(y, scores.shape[1], len(x), "y", x.device)
    return F.cross_entropy(scores, y)


# --- A whole run: its vital signs -----------------------------------------------------------------

CALLS = 8  # of one picture, in each mode

_LAYERS = ("conv", "relu", "norm", "fc")


class Vitals:
    """Callback of a trainer: notes the gradient of each step, and at the end all the rest.

    Attributes:
        gradients: length of the gradient that each update used.
        history: the run's.
        fed, labels: pictures of the first batch as the network read them, and their labels.
        tested: the first test pictures, in three calls, (3, n, 3, s, s).
        layers: by layer, the 1 %, 50 % and 99 % quantile of what it wrote for that batch.
        in_training, in_test: outputs for one picture, call after call, (CALLS, classes), in the
            mode of the last step and in test mode.
    """

    def __init__(self) -> None:
        self.gradients: list[float] = []
        self._training = True

    def on_step(self, trainer: Any) -> None:
        """Note the gradient, and the mode that the step was made in."""
        gradients = [p.grad for p in trainer.model.parameters() if p.grad is not None]
        self.gradients.append(float(torch.nn.utils.get_total_norm(gradients)))
        self._training = trainer.model.training

    def on_fit_end(self, trainer: Any) -> None:
        """Examine the network as the run leaves it, and what it was fed."""
        model, self.history = trainer.model, trainer.history
        x, y = next(iter(trainer.batches.epoch(0)))
        self.fed, self.labels = x[:6].cpu(), y[:6].cpu()
        views = [next(iter(trainer.validation.views()))[0][0] for _ in range(CALLS)]
        self.tested = torch.stack([view[:3].cpu() for view in views[:3]])
        self.layers = {
            name: tuple(_spread(call.after).tolist())
            for name, call in trace(model, x).items()
            if name.startswith(_LAYERS)
        }
        with undisturbed(model, training=self._training), torch.no_grad():
            self.in_training = torch.stack([model(x[:1])[0].cpu() for _ in range(CALLS)])
        with undisturbed(model), torch.no_grad():
            self.in_test = torch.stack([model(view[:1])[0].cpu() for view in views])

    def signs(self) -> dict[str, float]:
        """The numbers that a diagnosis can rest on; NaN for what so short a run does not tell."""
        loss, lr = self.history.step_loss, self.history.lr
        last_epoch = torch.tensor(loss[-self.history.steps_per_epoch :])
        eights = torch.tensor(self.gradients[len(self.gradients) % 8 :]).reshape(-1, 8)
        low, _, high = self.layers["norm1"]
        return {
            "first loss": (loss or [math.nan])[0],
            "loss": float(last_epoch.mean()),
            "learned": (self.history.train_error or [math.nan])[-1],
            "unseen": (self.history.validation_error or [math.nan])[-1],
            "rate": lr[-1] / lr[0] if lr else math.nan,
            "growth": float((eights[:, 6:].mean(1) / eights[:, :2].mean(1)).median()),
            "least output": float(self.in_training.min()),
            "largest output": float(self.in_training.max()),
            "spread in training": _differ(self.in_training),
            "spread in test": _differ(self.in_test),
            "norm1 below zero": -low / high,
            "input": float(self.fed.std()),
        }


def _spread(x: Tensor) -> Tensor:
    values = x.float().flatten()
    values = values[:: max(1, len(values) // 20_000) | 1]
    return values.quantile(torch.tensor([0.01, 0.5, 0.99]))


def _differ(outputs: Tensor) -> float:
    """How far the same picture's outputs differ from call to call, at most."""
    return float((outputs.amax(dim=0) - outputs.amin(dim=0)).max())
