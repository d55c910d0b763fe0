"""What a doctor of networks looks at during and after a run: the clinic's measurements."""

from typing import Any

import torch
from torch import Tensor

from alexnet_lib.inspection.tracing import trace

CALLS = 8
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
        with torch.no_grad():
            model.train(self._training)
            self.in_training = torch.stack([model(x[:1])[0].cpu() for _ in range(CALLS)])
            model.eval()
            self.in_test = torch.stack([model(view[:1])[0].cpu() for view in views])

    def signs(self) -> dict[str, float]:
        """The numbers that a diagnosis can rest on."""
        loss, lr, steps = self.history.step_loss, self.history.lr, self.history.steps_per_epoch
        whole = len(self.gradients) // 8 * 8
        eights = torch.tensor(self.gradients[-whole:]).reshape(-1, 8)
        low, _, high = self.layers["norm1"]
        return {
            "first loss": loss[0],
            "loss": sum(loss[-steps:]) / steps,
            "learned": self.history.train_error[-1],
            "unseen": self.history.validation_error[-1],
            "rate": lr[-1] / lr[0],
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
