"""The training loop: what it learns, when it drops the rate, what it leaves alone."""

import copy
import os
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn

from alexnet_lib.checks import InputError, WrongTypeError
from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.optim import PaperSGD
from alexnet_lib.training.checkpoint import CheckpointError
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.evaluation import DivergedError
from alexnet_lib.training.history import Outcome
from alexnet_lib.training.run import RunFolder, final_test
from alexnet_lib.training.trainer import Trainer, algorithms

TINY = {"epochs": 2, "batch_size": 16, "validation_size": 20, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    return synthetic_images(train=100, test=30)


def trainer(data, callbacks=(), preset="four-layer", **changes):
    config = TrainConfig.for_preset(preset, **{**TINY, "precision": "float32", **changes})
    return Trainer(config, data, callbacks)


class Counted:
    """Data whose test half counts how often it is read."""

    def __init__(self, data):
        self._data, self.reads = data, 0

    def __getattr__(self, name):
        return getattr(self._data, name)

    @property
    def test(self):
        self.reads += 1
        return self._data.test


def test_history_has_an_entry_an_epoch_and_a_loss_a_step(data):
    history = trainer(data, epochs=3).fit()
    assert len(history) == 3
    for series in (history.train_loss, history.validation_error, history.lr, history.elapsed_s):
        assert len(series) == 3
    assert len(history.step_loss) == 3 * 5 and history.steps_per_epoch == 5
    assert history.epoch()["epoch"] == 3 and history.epoch(0)["epoch"] == 1
    assert not history.interrupted


def test_it_learns_what_can_be_learned():
    labels = torch.arange(60) % 10
    colours = torch.rand(10, 3, 1, 1, generator=torch.Generator().manual_seed(0)) * 255
    plain = colours[labels].expand(-1, 3, 32, 32).byte().contiguous()
    examples = Examples(plain, labels)  # every class has a colour of its own
    model = {"init": "kaiming", "input_scale": "standardised"}
    config = {"epochs": 6, "lr": 0.003, "schedule": "constant", "model": model}
    shades = ImageData("shades", tuple("0123456789"), examples, examples)
    history = trainer(shades, **config, batch_size=8).fit()
    assert history.train_error[-1] < 0.5 * history.train_error[0]
    assert history.validation_error[-1] < 0.5


def test_test_half_is_read_once_and_only_after_training(data):
    counted = Counted(data)
    trained = trainer(counted)
    trained.fit()
    assert counted.reads == 0
    report = final_test(trained, counted, say=lambda line: None)
    assert counted.reads == 1
    assert set(report["test"]) == {"center", "ten"}
    low, high = report["test"]["ten"]["top1_interval_95"]
    assert low <= report["test"]["ten"]["top1_error"] <= high
    assert report["test"]["center"]["count"] == 30


@pytest.mark.parametrize("which", ["best", "last"])
def test_tested_weights_are_the_ones_that_the_config_names(data, which):
    trained = trainer(data, epochs=3, test_weights=which)
    trained.fit()
    trained.history.validation_error[:] = [0.5, 0.4, 0.6]
    trained.best_weights = {k: v + 1 for k, v in trained.model.state_dict().items()}
    last = trained.model.conv1.weight.clone()
    said = []
    report = final_test(trained, data, said.append)
    assert (report["tested_weights"], report["tested_epoch"]) == (
        which,
        {"best": 2, "last": 3}[which],
    )
    assert torch.equal(trained.model.conv1.weight, last + 1 if which == "best" else last)
    assert f"{which} weights (epoch {report['tested_epoch']})" in said[0]


def test_a_run_without_a_finished_epoch_is_refused_in_words(data):
    class Stop:
        def on_step(self, trainer):
            raise KeyboardInterrupt

    stopped = trainer(data, [Stop()])
    assert stopped.fit().interrupted
    with pytest.raises(InputError, match="no epoch of this run is finished"):
        final_test(stopped, data)


def test_best_weights_are_those_of_the_best_epoch(data):
    class Keep:
        def __init__(self):
            self.weights = []

        def on_epoch_end(self, trainer):
            self.weights.append(trainer.model.conv1.weight.detach().clone())

    keep = Keep()
    trained = trainer(data, [keep], epochs=4)
    history = trained.fit()
    best = keep.weights[history.best_epoch - 1]
    assert torch.equal(trained.best_weights["conv1.weight"], best)


def test_validation_images_are_not_trained_on(data):
    trained = trainer(data)
    assert trained.batches.count == 80 and trained.validation.count == 20
    tenth = trainer(data, validation_size=None)
    assert tenth.batches.count == 90 and tenth.validation.count == 10
    limited = trainer(data, train_limit=40)
    assert limited.batches.count == 40 and limited.validation.count == 20


def test_of_400_cats_and_20_dogs_18_dogs_are_trained_on():
    labels = torch.tensor([0] * 400 + [1] * 20 + [2] * 3)
    pixels = torch.zeros(len(labels), 3, 32, 32, dtype=torch.uint8)
    pets = ImageData("pets", ("cat", "dog", "emu"), *[Examples(pixels, labels)] * 2)
    trained = trainer(pets, validation_size=None)
    assert trained.batches.labels.bincount().tolist() == [361, 18, 2]
    assert trained.validation.labels.bincount().tolist() == [39, 2, 1]


def test_balance_lets_every_class_count_the_same():
    labels = torch.tensor([0] * 40 + [1] * 10 + [2] * 10)
    pixels = torch.zeros(len(labels), 3, 32, 32, dtype=torch.uint8)
    pets = ImageData("pets", ("cat", "dog", "emu"), *[Examples(pixels, labels)] * 2)
    trained = trainer(pets, validation_size=6, balance=True)
    counts = trained.batches.labels.bincount()
    assert counts.tolist() == [36, 9, 9]
    torch.testing.assert_close(trained.class_weights * counts, torch.full((3,), 18.0))
    logits = torch.tensor([[2.0, 0, 0], [0, 0, 1.0]])
    each = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2]), reduction="none")
    loss = trained._loss(logits, torch.tensor([0, 2]))
    torch.testing.assert_close(loss, (0.5 * each[0] + 2 * each[1]) / 2)
    assert trainer(pets, validation_size=6).class_weights is None


def test_fixed_drops_come_at_their_epochs(data):
    rates = trainer(data, epochs=8, lr=0.01, schedule="fixed").fit().lr
    assert [f"{rate:.0e}" for rate in rates] == ["1e-02"] * 2 + ["1e-03"] * 2 + ["1e-04"] * 3 + [
        "1e-05"
    ]


def test_a_run_ends_with_the_epoch_that_reaches_its_goal(data):
    whole = trainer(data, epochs=5).fit().train_error
    goal = sorted(whole)[1]
    stopped = trainer(data, epochs=5, stop_at=goal)
    assert not stopped.finished
    arrival = next(number for number, error in enumerate(whole, 1) if error <= goal)
    assert stopped.fit().train_error == whole[:arrival] and stopped.finished
    assert len(stopped.fit()) == arrival  # and stays ended


def test_plateau_drops_follow_the_validation_error(data, monkeypatch):
    stalled = trainer(data, epochs=10, lr=1e-6, schedule="plateau", patience=2)
    rates = stalled.fit().lr
    assert stalled.schedule.drops == 3
    assert f"{rates[-1]:.0e}" == "1e-09"


def test_drops_can_be_placed(data):
    rates = trainer(data, epochs=4, lr=0.01, schedule="fixed", drop_at=(0.5, 0.75)).fit().lr
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.0001])


def test_constant_schedule_keeps_the_rate(data):
    assert set(trainer(data, epochs=3, schedule="constant").fit().lr) == {0.003}


def test_colour_noise_ends_where_the_recipe_says(data):
    class Watch:
        def __init__(self):
            self.colours = []

        def on_epoch_end(self, trainer):
            self.colours.append(trainer.batches.augmentation.colour)

    watch = Watch()
    trainer(data, [watch], epochs=4, colour="source2012", colour_until=0.5).fit()
    assert watch.colours == ["source2012", "source2012", None, None]


def test_recipe_reaches_optimiser_and_batches(data):
    trained = trainer(data, preset="cifar-lite", colour="paper", mean_crop="centre")
    weights, biases = trained.optimizer.param_groups
    assert isinstance(trained.optimizer, PaperSGD)
    assert (biases["lr"], biases["weight_decay"]) == (2 * weights["lr"], 0.0)
    augmentation = trained.batches.augmentation
    assert (augmentation.crop_size, augmentation.colour) == (28, "paper")
    assert trained.batches.preprocessing.mean_crop == "centre"
    assert trained.validation.augmentation == replace(augmentation, colour=None)
    assert isinstance(trainer(data, optimiser="torch").optimizer, torch.optim.SGD)


def test_config_of_a_trainer_says_what_auto_became(data):
    trained = trainer(data, device="auto", precision="auto")
    assert trained.config.device in ("cpu", "cuda", "mps")
    assert trained.config.precision in ("float32", "bfloat16")


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(data):
    torch.manual_seed(1)
    first = trainer(data).fit().step_loss
    torch.manual_seed(2)
    assert trainer(data).fit().step_loss == first
    assert trainer(data, seed=1).fit().step_loss != first


def test_deterministic_mode_ends_with_the_run(data):
    class Look:
        def on_step(self, trainer):
            self.during = torch.are_deterministic_algorithms_enabled()

    look = Look()
    trainer(data, [look], deterministic=True).fit()
    assert look.during and not torch.are_deterministic_algorithms_enabled()


def test_bfloat16_keeps_weights_in_float32(data):
    trained = trainer(data, epochs=1, precision="bfloat16")
    trained.fit()
    assert {p.dtype for p in trained.model.parameters()} == {torch.float32}
    assert trained.config.precision == "bfloat16"


def test_what_was_trained_in_bfloat16_is_tested_in_float32(data):
    seen = []
    trained = trainer(data, epochs=1, precision="bfloat16")
    trained.model.register_forward_hook(lambda model, x, scores: seen.append(scores.dtype))
    trained.fit()
    assert set(seen[:5]) == {torch.bfloat16} and set(seen[5:]) == {torch.float32}


class Stop:
    """Presses stop once, at a step."""

    def __init__(self, step):
        self.steps_left = step

    def on_step(self, trainer):
        self.steps_left -= 1
        if not self.steps_left:
            raise KeyboardInterrupt


def test_a_stopped_epoch_begins_anew_to_the_same_bits(data):
    whole, stopped = trainer(data, epochs=3), trainer(data, [Stop(8)], epochs=3)
    whole.fit()
    assert stopped.fit().interrupted and len(stopped.history) == 1
    state = copy.deepcopy(stopped.state_dict())
    assert len(state["history"]["lr"]) == 1 and len(state["history"]["step_loss"]) == 5
    assert not stopped.fit().interrupted
    assert stopped.history.step_loss == whole.history.step_loss
    assert weights_equal(stopped.model.state_dict(), whole.model.state_dict())
    fresh = trainer(data, epochs=3)
    fresh.load_state_dict(state)
    fresh.fit()
    assert weights_equal(fresh.model.state_dict(), whole.model.state_dict())


def test_more_epochs_keep_what_the_plateau_has_seen(data):
    first = trainer(data, epochs=2, schedule="plateau", patience=2)
    first.fit()
    longer = trainer(data, epochs=4, schedule="plateau", patience=7)
    longer.load_state_dict(first.state_dict())
    then, now = first.schedule, longer.schedule
    assert (now.best_error, now.stalled_epochs) == (then.best_error, then.stalled_epochs)
    assert now.best_error < 1 and now.patience == 7


def weights_equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_step_is_the_update_rule_of_section_5(data):
    trained = trainer(data, weight_decay=0.0005)
    twin = copy.deepcopy(trained.model)
    x, y = next(trained.batches.epoch(0))
    trained.step(x, y)
    nn.functional.cross_entropy(twin(x), y).backward()
    w = twin.conv2.weight
    expected = w - 0.003 * w.grad - 0.0005 * 0.003 * w
    torch.testing.assert_close(trained.model.conv2.weight, expected)


def test_scores_that_are_no_numbers_mean_that_the_run_diverged(data):
    class Burst:
        def on_step(self, trainer):
            with torch.no_grad():
                trainer.model.fc4.bias.fill_(float("nan"))

    burst = trainer(data, [Burst()], batch_size=80)  # one step, so that validation sees it first
    with pytest.raises(DivergedError, match="answers to 20 of 20 images are NaN"):
        burst.fit()
    assert len(burst.history) == 0


def test_the_network_is_the_one_that_the_config_names(data):
    config = TrainConfig.for_preset("four-layer", **TINY, model={"activation": "tanh"}, seed=3)
    built = build_model("four-layer", data.num_classes, 3, activation="tanh")
    assert weights_equal(Trainer(config, data).model.state_dict(), built.state_dict())


def test_a_network_of_ones_own_tells_the_config_what_it_is(data):
    own = build_model("four-layer", data.num_classes, 7, activation="tanh")
    weights = copy.deepcopy(own.state_dict())
    trained = Trainer(TrainConfig(**TINY), data, model=own)
    assert trained.model is own and weights_equal(trained.model.state_dict(), weights)
    assert trained.config.name == "four-layer" and trained.config.model["activation"] == "tanh"
    again = Trainer(TrainConfig.from_dict(trained.state_dict()["config"]), data)
    assert again.model.config == own.config


def test_a_network_is_described_once(data):
    own = build_model("four-layer", data.num_classes)
    with pytest.raises(InputError, match="names a network and another"):
        Trainer(TrainConfig("four-layer", **TINY), data, model=own)
    with pytest.raises(InputError, match="names no network"):
        Trainer(TrainConfig(**TINY), data)
    with pytest.raises(WrongTypeError, match="config is a FourLayerCifar; expected a TrainConfig"):
        Trainer(own, data, TrainConfig(**TINY))


def test_a_network_that_nothing_describes_can_be_trained_and_is_not_saved(data, tmp_path):
    own = build_model("four-layer", data.num_classes)
    own.pool1 = nn.AvgPool2d(3, 2, ceil_mode=True)
    assert len(Trainer(TrainConfig(**TINY), data, model=own).fit()) == 2
    kept = Trainer(TrainConfig(**TINY), data, [RunFolder(tmp_path / "run")], model=own)
    with pytest.raises(CheckpointError, match="cannot be saved: pool1 is AvgPool2d"):
        kept.fit()
    assert kept.history.step_loss == [] and not (tmp_path / "run").exists()


@pytest.mark.parametrize("own", [nn.Linear(2, 2), "cifar", {"kind": "four-layer"}])
def test_what_is_no_network_with_a_config_is_told_what_is_expected(data, own):
    with pytest.raises(WrongTypeError, match=r"model is a \w+; expected a network with a config"):
        Trainer(TrainConfig(**TINY), data, model=own)


class SwapAfter:
    """Swap a layer once an epoch is over, before the folder keeps it."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, trainer):
        if len(trainer.history) == self.epoch:
            trainer.model.relu1 = nn.Tanh()
            trainer.history.validation_error[-1] = 1.0  # no improvement: only the state is saved


def test_a_layer_swapped_in_a_run_is_refused_before_anything_is_written(data, tmp_path):
    run = tmp_path / "run"
    swapped = trainer(data, [SwapAfter(2), RunFolder(run)], epochs=3)
    with pytest.raises(CheckpointError, match=r"cannot be saved: relu1 is Tanh\(\)"):
        swapped.fit()
    state = RunFolder(run, resume=True).read_state()
    assert len(state["history"]["lr"]) == 1 == len((run / "log.jsonl").read_text().splitlines())


def test_a_network_that_is_not_the_configs_is_refused_before_anything_is_written(data, tmp_path):
    settings = {"activation": "tanh", "widths": (4, 4, 4)}
    other = trainer(data, [RunFolder(tmp_path / "run")], model=settings)
    other.model.config = replace(other.model.config, input_scale="standardised")
    words = "input_scale is 'standardised', in the config 'the default'"
    with pytest.raises(CheckpointError, match=f"not the one .* names .{words}"):
        other.fit()
    assert not (tmp_path / "run").exists()


def test_a_kept_state_stays_as_it_was(data):
    trained = trainer(data, epochs=2)
    trained.fit()
    kept = trained.state_dict()
    before = copy.deepcopy(kept)
    x, y = next(trained.batches.epoch(0))
    trained.step(x, y)
    assert weights_equal(kept["model"], before["model"])
    for place, state in before["optimizer"]["state"].items():
        assert torch.equal(kept["optimizer"]["state"][place]["velocity"], state["velocity"])
    kept["model"]["conv1.weight"].zero_()
    assert trained.model.conv1.weight.abs().sum() > 0


class Witness:
    """Notes how a run ended."""

    def on_fit_end(self, trainer):
        self.outcome = trainer.outcome


class Spoilt:
    """Fails when the run ends."""

    def on_fit_end(self, trainer):
        raise OSError("disk gone")


class Fails:
    """Fails at the first step."""

    def __init__(self, error):
        self.error = error

    def on_step(self, trainer):
        raise self.error


@pytest.mark.parametrize(
    ("meddler", "expected"),
    [
        (object(), Outcome("finished")),
        (Fails(KeyboardInterrupt()), Outcome("stopped")),
        (Fails(InputError("too hot")), Outcome("failed", "too hot")),
        (Fails(IndexError("a bug")), Outcome("failed", "IndexError: a bug")),
    ],
)
def test_callbacks_are_told_how_the_run_ended(data, meddler, expected):
    witness = Witness()
    run = trainer(data, [meddler, witness], epochs=1)
    with pytest.raises(meddler.error.__class__) if expected.why else nullcontext():
        run.fit()
    assert witness.outcome == run.outcome == expected


def test_the_first_error_is_raised_and_every_callback_is_told(data):
    witness = Witness()
    run = trainer(data, [Fails(IndexError("the real one")), Spoilt(), witness], epochs=1)
    with pytest.raises(IndexError, match="the real one") as caught:
        run.fit()
    assert witness.outcome.how == "failed"
    if hasattr(caught.value, "add_note"):
        assert "disk gone" in caught.value.__notes__[0]
    well = trainer(data, [Spoilt(), witness], epochs=1)
    with pytest.raises(OSError, match="disk gone"):
        well.fit()
    assert witness.outcome.how == "finished" and len(well.history) == 1


def test_choice_of_algorithms_is_given_back_as_it_was(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        for deterministic in (True, False):
            with algorithms(deterministic):
                assert torch.are_deterministic_algorithms_enabled() == deterministic
                assert not torch.is_deterministic_algorithms_warn_only_enabled()
                assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == deterministic
            assert torch.is_deterministic_algorithms_warn_only_enabled()
            assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    finally:
        torch.use_deterministic_algorithms(False)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with algorithms(True):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_callbacks_are_called_in_order_and_may_lack_methods(data):
    calls = []

    class Full:
        def __init__(self, name):
            self.name = name

        def __getattr__(self, moment):
            if not moment.startswith("on_"):
                raise AttributeError(moment)
            return lambda trainer: calls.append(f"{self.name} {moment}")

    trainer(data, [Full("a"), object(), Full("b")], epochs=1).fit()
    assert calls[:2] == ["a on_fit_start", "b on_fit_start"]
    assert calls[-4:] == ["a on_epoch_end", "b on_epoch_end", "a on_fit_end", "b on_fit_end"]
    assert calls.count("a on_step") == 5


def test_too_few_images_for_the_split_are_refused(data):
    few = ImageData(data.name, data.classes, data.train.take(torch.arange(20)), data.test)
    with pytest.raises(ValueError, match="expected 1 to 19"):
        trainer(few)
