"""Judges what a learner's function does to a network: dropout, a test, an epoch of training.

The networks are real ones, with modules inside, and each fact is something that was seen to happen.
"""

import math
from collections.abc import Iterable
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.course.exercises.compare import as_tensor, kind_of
from alexnet_lib.course.exercises.trials import UnfitError, called, one_number
from alexnet_lib.paper.layers import ClassicDropout

# --- Dropout -------------------------------------------------------------------------------------

_P = 0.2  # not 0.5, so that p and 1 - p can be told apart


def dropout_facts(answer: Any) -> dict[str, Any]:
    """What a dropout function does to 400 images of 300 units."""
    torch.manual_seed(0)
    x = 1 + torch.rand(400, 300)
    y, again, third = (_like(x, called(answer, x, _P, True)) for _ in range(3))
    try:
        test = _like(x, called(answer, x, _P, False))
        silent = False
    except UnfitError:
        test, silent = torch.full_like(x, math.nan), True
    zero = y == 0
    lost = zero.float()
    totals = {int((given == 0).sum()) for given in (y, again, third)}
    loose = min(float(lost.sum(0).std()), float(lost.sum(1).std())) > 3  # 8 and 7, by chance alone
    return {
        "the share of zeros": round(float(zero.float().mean()), 1),
        "the size of what is kept": round(float((y / x)[~zero].mean()), 2),
        "all that is kept is scaled alike": bool((y / x)[~zero].std() < 0.01),
        "an answer at test time": not silent,
        "the size of units at test time": round(float((test / x).mean()), 2),
        "zeros at test time": bool((test == 0).any()),
        "a draw of its own for each image": bool((zero != zero[:1]).any()),
        "a draw of its own for each unit": bool((zero != zero[:, :1]).any()),
        "how many are dropped is left to chance": loose and len(totals) > 1,
        "a new draw at each call": bool((zero != (again == 0)).any()),
        "training and test agree on average": abs(float(y.mean() / test.mean()) - 1) < 0.02,
    }


def _like(x: Tensor, y: Any) -> Tensor:
    y = as_tensor(y)
    if not isinstance(y, Tensor) or y.shape != x.shape:
        raise UnfitError(f"a tensor of x's shape {tuple(x.shape)} is expected, got {kind_of(y)}")
    return y.to(x)


# --- A test --------------------------------------------------------------------------------------


def tested_net() -> tuple[nn.Module, Tensor, Tensor, float]:
    """A network with dropout, images, labels, and its error: one in ten, by construction."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), ClassicDropout(0.5), nn.Linear(64, 5))
    x = torch.randn(400, 8)
    with torch.no_grad():
        y = net.eval()(x).argmax(dim=1)
    y[::10] = (y[::10] + 1) % 5
    return net, x, y, 0.1


def test_facts(answer: Any) -> dict[str, Any]:
    """What a test function answers, and how it leaves the network, every module of it."""
    net, x, y, error = tested_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    used: list[list[bool]] = []  # the modes of all modules whenever the network answers
    net.register_forward_hook(  # of the module that is asked, which may be a copy of the network
        lambda module, *_: used.append([m.training for m in module.modules()])
    )
    given = [one_number(called(answer, net.train(), x, y)) for _ in range(4)]
    after_training = [module.training for module in net.modules()]
    again = [one_number(called(answer, net.eval(), x, y)) for _ in range(2)]
    weights = net.state_dict()
    grad = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    return {
        "what is measured": _measured(given, error),
        "what is measured on a network in test mode": _measured(again, error),
        "the mode while it is measured": _modes(used[0]) if used else "none",
        "the mode of a network that was training": _modes(after_training),
        "the mode of a network that was not": _modes([m.training for m in net.modules()]),
        "its weights and its p are as before": net[2].p == 0.5
        and all(torch.equal(weights[name], value) for name, value in before.items()),
        "gradients are still recorded afterwards": grad,
    }


def _measured(given: list[float], error: float) -> str:
    """A name for the number; masks give another one at each call."""
    if len(set(given)) > 1:
        return "another number at each call"
    names = {error: "the error", 1 - error: "the share of right answers", 100 * error: "per cent"}
    return next((name for value, name in names.items() if abs(value - given[0]) < 1e-4),
                f"a number of {given[0]:.3g}")  # fmt: skip


def _modes(modes: list[bool]) -> str:
    if len(set(modes)) == 1:
        return "training" if modes[0] else "test"
    return f"{'training' if modes[0] else 'test'}, but not in the modules inside"


# --- An epoch ------------------------------------------------------------------------------------


def epoch_facts(answer: Any) -> dict[str, str]:
    """What one epoch of a training function does to a small network with dropout."""
    source, linear = torch.Generator().manual_seed(0), nn.Linear(6, 5, bias=False)
    net = nn.Sequential(linear, nn.Dropout(0.0)).eval()
    linear.weight.data = torch.randn(5, 6, generator=source)
    batches = [(torch.randn(8, 6, generator=source), torch.arange(8) % 5) for _ in range(3)]
    modes, added, updates = [], [torch.zeros(5, 6)], []
    net[1].register_forward_hook(lambda dropout, *_: modes.append((net.training, dropout.training)))
    linear.weight.register_hook(added.append)  # what each backward adds

    def note(*_: Any) -> None:
        x, y = batches[len(updates) % 3]
        given = linear.weight.grad
        given = torch.zeros(5, 6) if given is None else given.clone()
        updates.append((given, torch.stack(added), _losses(linear.weight, x, y)))

    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(note)
    told = one_number(called(answer, net, batches, optimizer))
    if not modes:
        raise UnfitError("your function never asks the network: net(x) does")
    losses = [names for *_, names in updates]
    return {
        "the mode while training": _mode_of(set(modes)),
        "updates for three batches": str(len(updates)),
        "the gradient that an update gets": _common(_given(*update[:2]) for update in updates),
        "the loss that is differentiated": _common(
            _called_after(history[-1], {name: slope for name, (_, slope) in names.items()})
            for _, history, names in updates
        ),
        "the loss that is returned": _told(told, losses),
    }


def _losses(weight: Tensor, x: Tensor, y: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Value and gradient of the right loss, and of those that are taken for it."""
    w = weight.detach().clone().requires_grad_()
    logits = x @ w.T
    losses = {
        "cross-entropy of the logits": F.cross_entropy(logits, y),
        "cross-entropy of probabilities": F.cross_entropy(logits.softmax(1), y),
        "cross-entropy, softmax over the pictures": F.cross_entropy(logits.softmax(0), y),
        "the sum over the batch": F.cross_entropy(logits, y, reduction="sum"),
        "nll_loss of the logits": F.nll_loss(logits, y),
        "nll_loss of probabilities": F.nll_loss(logits.softmax(1), y),
    }
    slopes = (torch.autograd.grad(loss, w, retain_graph=True)[0] for loss in losses.values())
    return {
        name: (loss.detach(), slope)
        for (name, loss), slope in zip(losses.items(), slopes, strict=True)
    }


def _called_after(value: Tensor, names: dict[str, Tensor]) -> str:
    fits = (name for name, like in names.items() if torch.allclose(value, like, atol=1e-5))
    return next(fits, "another one")


def _given(given: Tensor, added: Tensor) -> str:
    names = {"its own batch's": added[-1], "nothing: it was cleared": torch.zeros(5, 6),
             "the sum of all batches so far": added.sum(0)}  # fmt: skip
    return _called_after(given, names)


def _common(names: Iterable[str]) -> str:
    """The name that all updates share; the later ones tell more, as the first sums nothing yet."""
    found = list(names)
    return found[-1] if found and set(found[1:]) <= {found[-1]} else ", then ".join(found) or "none"


def _mode_of(modes: set[tuple[bool, bool]]) -> str:
    names = {(True, True): "training", (False, False): "test",
             (True, False): "training by the network's own flag, test in its dropout"}  # fmt: skip
    return names.get(next(iter(modes)), "mixed") if len(modes) == 1 else "mixed"


def _told(told: float, losses: list[dict[str, tuple[Tensor, Tensor]]]) -> str:
    if not losses:
        return "of no update"
    for name in losses[0]:
        values = [float(names[name][0]) for names in losses]
        wholes = {
            "the last batch's": values[-1],
            "the mean of all batches'": fmean(values),
            "the sum of all batches'": sum(values),
            "the first batch's": values[0],
        }
        for which, value in wholes.items():
            if abs(told - value) < 1e-4:
                return f"{which} {name}"
    return "another number"
