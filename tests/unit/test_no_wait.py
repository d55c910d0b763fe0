"""Between the first and the last step of an epoch nobody waits for the device."""

import math

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.evaluation import DivergedError
from alexnet_lib.training.run import RunFolder
from alexnet_lib.training.trainer import Trainer
from alexnet_lib.training.watchers import DeadStart, Progress

READING = {"_local_scalar_dense", "equal", "is_nonzero", "nonzero", "masked_select", "_unique2"}
METHODS = {"item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__array__"}


class NoScalar(TorchDispatchMode):
    """Refuses every operation whose result the host has to know; counts the others."""

    seen = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        by_mask = name.startswith("index") and any(i.dtype == torch.bool for i in _tensors(args[1]))
        assert name not in READING and not by_mask, f"{function} waits for the device"
        NoScalar.seen += 1
        return function(*args, **(kwargs or {}))


def _tensors(values):
    values = values if isinstance(values, list | tuple) else [values]
    return [value for value in values if isinstance(value, torch.Tensor)]


class NoCopy(TorchFunctionMode):
    """Refuses every method of a tensor that copies it to the host."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        to_host = name == "to" and "cpu" in args  # by that word; the run's own device may be one
        assert name not in METHODS and not to_host, f"Tensor.{name} copies to the host"
        return function(*args, **(kwargs or {}))


def unwatched(trainer: Trainer) -> None:
    """Let all that happens in an epoch, from its order on, happen under both refusals."""
    whole = trainer.batches.epoch

    def epoch(k, first=0):
        with NoScalar(), NoCopy():
            yield from whole(k, first)

    trainer.batches.epoch = epoch


@pytest.fixture(scope="module")
def data():
    return synthetic_images(train=24, test=10)


def trainer(data, preset="cifar", callbacks=(), **changes):
    slim = {"widths": (8,) * 5, "hidden_units": 16}
    settings = {"epochs": 1, "batch_size": 4, "validation_size": 10, "device": "cpu"}
    settings |= {"precision": "float32", "colour": "source2012", "model": slim, **changes}
    if preset in ("four-layer", "conv-local"):
        settings["model"] = {}
    return Trainer(TrainConfig.for_preset(preset, **settings), data, callbacks)


def test_the_refusals_see_every_way_to_read_a_value():
    one = torch.ones(1)
    for read in (bool, float, int, torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.cpu):
        with pytest.raises(AssertionError), NoScalar(), NoCopy():
            read(one)
    with pytest.raises(AssertionError), NoScalar(), NoCopy():
        one[one > 0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimiser", ["paper", "torch"])
def test_an_epoch_reads_no_value(data, optimiser, precision):
    run, before = (
        trainer(data, optimiser=optimiser, precision=precision, balance=True),
        NoScalar.seen,
    )
    unwatched(run)
    assert len(run.fit().step_loss) == 4 and NoScalar.seen - before > 400


@pytest.mark.parametrize(
    "preset", ["paper", "source2012", "plain", "cifar-lite", "four-layer", "conv-local"]
)
def test_no_kind_of_network_reads_a_value_in_training(data, preset):
    run = trainer(data, preset)
    unwatched(run)
    assert len(run.fit()) == 1


def test_callbacks_that_ask_for_no_value_make_nobody_wait(data, tmp_path):
    watchers = [RunFolder(tmp_path / "run"), Progress(bar=False, report=print), DeadStart()]
    run = trainer(data, "four-layer", watchers)
    unwatched(run)
    assert len(run.fit()) == 1


def test_a_callback_that_asks_is_told_of_all_steps_so_far(data):
    class Asks:
        def on_step(self, trainer):
            seen.append((trainer.steps_done, len(trainer.history.step_loss)))

    seen, asked, unasked = [], trainer(data), trainer(data)
    asked.callbacks.append(Asks())
    assert asked.fit().step_loss == unasked.fit().step_loss
    assert seen == [(step, step) for step in range(1, 5)]


class BadGradient:
    """Spoils the gradient of one step, of all that the trainer makes."""

    def __init__(self, step, model):
        self.left = step
        model.conv1.weight.register_hook(self)

    def __call__(self, gradient):
        self.left -= 1
        return gradient * math.inf if self.left == 0 else gradient


class Keeps:
    def __init__(self):
        self.weights = []

    def on_step(self, trainer):
        self.weights.append([w.detach().clone() for w in trainer.model.parameters()])


@pytest.mark.parametrize("optimiser", ["paper", "torch"])
def test_from_a_bad_step_on_the_weights_stay_and_it_is_named_at_the_next_look(data, optimiser):
    keeps, well = Keeps(), trainer(data, optimiser=optimiser, epochs=2)
    well.fit()
    run = trainer(data, callbacks=[keeps], optimiser=optimiser, epochs=2)
    BadGradient(7, run.model)
    with pytest.raises(DivergedError, match=r"epoch 2, before step 7: .* length (inf|nan)"):
        run.fit()
    assert len(keeps.weights) == 8  # all steps of the epoch were made, two of them in vain
    assert not all(map(torch.equal, keeps.weights[4], keeps.weights[5]))
    for late in [*keeps.weights[6:], list(run.model.parameters())]:
        assert all(map(torch.equal, keeps.weights[5], late))
    assert run.history.step_loss == well.history.step_loss[:6]
    assert run.fit().step_loss == well.history.step_loss  # the epoch anew, and nothing spoils it


def test_the_inputs_of_a_bad_step_are_told_though_they_are_gone(data):
    class Poisons:
        def on_step(self, trainer):
            trainer.batches.preprocessing.mean.fill_(-math.inf)

    run = trainer(data, callbacks=[Poisons()])
    words = r"before step 2: x\[0\] holds NaN or infinity; .* inputs from inf to inf"
    with pytest.raises(DivergedError, match=words):
        run.fit()
