"""Runs that are stopped, resumed, changed, poisoned or stuck (F21–F28)."""

import copy
import math
import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.training.checkpoint import load_checkpoint
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.evaluation import DivergedError
from alexnet_lib.training.run import RunFolder
from alexnet_lib.training.trainer import Trainer
from alexnet_lib.training.watchers import DeadStart

# cifar-lite's parts that draw random numbers or keep state, in a net small enough for a test.
SMALL = {"widths": (8, 8, 8, 8, 8), "hidden_units": 16}
CONFIG = {
    "epochs": 4,
    "batch_size": 16,
    "validation_size": 20,
    "colour": "source2012",
    "colour_until": 0.5,
    "model": SMALL,
    "device": "cpu",
    "precision": "float32",
}


@pytest.fixture(scope="module")
def data():
    return synthetic_images(train=80, test=20)


def trainer(data, callbacks=(), **changes):
    config = TrainConfig.for_preset("cifar-lite", **{**CONFIG, **changes})
    return Trainer(config, data, callbacks)


class StopAfter:
    """The stop button, pressed at a certain step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        if len(trainer.history.step_loss) == self.step:
            raise KeyboardInterrupt


def assert_same_run(first, second):
    weights, others = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    for mine, theirs in zip(
        first.optimizer.state.values(), second.optimizer.state.values(), strict=True
    ):
        assert torch.equal(mine["velocity"], theirs["velocity"])
    untimed = [{**t.history.to_dict(), "elapsed_s": None} for t in (first, second)]
    assert untimed[0] == untimed[1]
    assert all(torch.equal(first.best_weights[name], second.best_weights[name]) for name in weights)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["fixed", "plateau"])
def test_f21_f24_resume_in_a_new_process_is_bit_identical(data, tmp_path, schedule):
    settings = {"schedule": schedule, "patience": 1}
    whole = trainer(data, **settings)
    whole.fit()
    script = f"""
        import sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_training_faults import *
        data = synthetic_images(train=80, test=20)
        cut = trainer(data, [RunFolder(sys.argv[1]), StopAfter(10)], **{settings!r})
        assert cut.fit().interrupted and len(cut.history) == 2
    """
    run = tmp_path / "run"
    threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), run], check=True, env=threads)
    folder = RunFolder(run, resume=True)
    resumed = trainer(data, [folder], **settings)
    assert folder.restore(resumed, folder.read_state()) == []
    resumed.fit()
    assert_same_run(whole, resumed)
    assert len((run / "log.jsonl").read_text().splitlines()) == 4


def test_f22_one_loaded_state_serves_twice(data):
    begun = trainer(data, epochs=2)
    begun.fit()
    state = copy.deepcopy(begun.state_dict())
    before = copy.deepcopy(state)
    ends = []
    for _ in range(2):
        again = trainer(data)
        again.load_state_dict(state)
        again.fit()
        ends.append(again)
    assert torch.equal(ends[0].model.fc8.weight, ends[1].model.fc8.weight)
    assert ends[0].history.step_loss == ends[1].history.step_loss
    for index, kept in before["optimizer"]["state"].items():
        assert torch.equal(kept["velocity"], state["optimizer"]["state"][index]["velocity"])
    assert before["history"] == state["history"] and before["schedule"] == state["schedule"]


def test_f23_stop_button_in_an_epoch_keeps_history_and_the_last_file(data, tmp_path):
    stopped = trainer(data, [RunFolder(tmp_path / "run"), StopAfter(7)])
    history = stopped.fit()
    assert history.interrupted and len(history) == 1
    state = load_checkpoint(tmp_path / "run" / "last.pt")
    assert len(state["history"]["train_loss"]) == 1
    assert len(state["history"]["step_loss"]) == history.steps_per_epoch


def test_f23_stop_button_ends_a_comparison_that_wants_whole_runs(data):
    stopped = trainer(data, [StopAfter(7)])
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(whole=True)
    assert stopped.history.interrupted and len(stopped.history) == 1
    assert not trainer(data, epochs=1).fit(whole=True).interrupted


def test_f23_stop_button_in_the_first_epoch_leaves_a_run_that_can_be_resumed(data, tmp_path):
    assert len(trainer(data, [RunFolder(tmp_path / "run"), StopAfter(1)]).fit()) == 0
    folder = RunFolder(tmp_path / "run", resume=True)
    resumed, whole = trainer(data, [folder], epochs=1), trainer(data, epochs=1)
    state = folder.read_state()
    folder.restore(resumed, {**state, "config": resumed.config.to_dict()})
    resumed.fit(), whole.fit()
    assert resumed.history.step_loss == whole.history.step_loss


def test_f23_stop_button_during_a_save_leaves_the_previous_file(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    stopped = trainer(data, [RunFolder(run)])
    real_save, saves = torch.save, []

    def save_half(state, path):
        saves.append(path)
        if len(saves) == 3:  # the state after epoch 2
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        real_save(state, path)

    monkeypatch.setattr(torch, "save", save_half)
    assert stopped.fit().interrupted
    assert len(load_checkpoint(run / "last.pt")["history"]["lr"]) == 1
    assert not list(run.glob(".*-tmp"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to a child process")
def test_f23_two_signals_end_the_command_and_leave_a_whole_file(tmp_path):
    for index in range(200):
        half = "train" if index < 180 else "test"
        path = tmp_path / "pictures" / half / f"class{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (index, 255 - index, 100)).save(path)
    command = [sys.executable, "-m", "alexnet_lib.cli.main", "train", "--preset", "four-layer"]
    command += ["--data", str(tmp_path / "pictures"), "--run-dir", str(tmp_path / "run")]
    command += ["--epochs", "500", "--precision", "float32", "--batch-size", "16"]
    environ = {**os.environ, "ALEXNET_CACHE": str(tmp_path / "cache")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Started in the background, a test run ignores SIGINT, and so would its children.
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, env=environ, **pipes, **heed) as child:
        for line in child.stdout:
            if line.startswith("epoch"):
                break
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
    assert child.returncode == 130
    state = load_checkpoint(tmp_path / "run" / "last.pt")
    assert len(state["history"]["lr"]) >= 1


def test_f25_other_settings_take_effect_where_they_are_allowed(data):
    begun = trainer(data, epochs=2, schedule="constant")
    begun.fit()
    state = begun.state_dict()
    changed = trainer(data, epochs=5, schedule="fixed", lr=0.001, momentum=0.5)
    changed.load_state_dict(state)
    weights, biases = changed.optimizer.param_groups
    assert weights["lr"] == pytest.approx(0.001) and biases["lr"] == pytest.approx(0.002)
    assert weights["momentum"] == 0.5
    assert changed.schedule.epochs_of_drops == [1, 3, 4]
    assert len(changed.fit()) == 5


def test_f26_another_environment_is_never_silent(data, tmp_path):
    folder = RunFolder(tmp_path / "run")
    trainer(data, [folder], epochs=1).fit()
    state = folder.read_state()
    state["environment"].update(torch="2.10.0", threads=64)
    del state["environment"]["precision"]
    said = folder.restore(trainer(data), state)
    assert [line.split(" was ")[0] for line in said] == ["torch", "precision", "threads"]
    assert "threads was 64" in said[2]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_f27_not_finite_loss_stops_before_the_step(data, tmp_path, poison):
    poisoned = trainer(data, [RunFolder(tmp_path / "run")])
    poisoned.batches.preprocessing.mean[0, 5, 5] = poison
    before = copy.deepcopy(poisoned.model.state_dict())
    with pytest.raises(DivergedError) as caught:
        poisoned.fit()
    assert all(torch.equal(before[k], v) for k, v in poisoned.model.state_dict().items())
    message = str(caught.value)
    for part in ("epoch 1", "before step 1", "lr 0.01", "inputs from", "last.pt"):
        assert part in message


def test_f27_not_finite_gradient_of_a_finite_loss_stops_before_the_step(data):
    poisoned = trainer(data)
    before = poisoned.model.conv1.weight.detach().clone()
    poisoned.model.conv1.weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(DivergedError, match=r"the gradient's length (nan|inf)"):
        poisoned.fit()
    assert torch.equal(before, poisoned.model.conv1.weight)


def test_f27_huge_rate_stops_with_finite_weights(data):
    unbounded = {**SMALL, "init": "kaiming", "normalisation": None}
    wild = trainer(data, lr=10.0, epochs=50, model=unbounded)
    with pytest.raises(DivergedError, match="Lower the lr"):
        wild.fit()
    assert all(p.isfinite().all() for p in wild.model.parameters())


@pytest.mark.parametrize("cause", [{"lr": 1e-12}, {"model": {**SMALL, "init": "paper"}}])
def test_f28_dead_start_is_hinted_at_once_and_is_no_error(data, cause):
    hints = []
    trainer(data, [DeadStart(steps=12, say=hints.append)], epochs=4, **cause).fit()
    assert len(hints) == 1
    for word in ("12 steps", "ln 10 = 2.303", "first weights", "biases", "lr"):
        assert word in hints[0]


def test_f28_no_hint_where_the_loss_falls():
    hints = []
    hint = DeadStart(steps=12, say=hints.append)
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.01}])
    for late_loss in (2.28, 0.1):
        history = SimpleNamespace(step_loss=[2.4] * 9 + [late_loss] * 3)
        run = SimpleNamespace(history=history, classes=range(10), optimizer=optimizer)
        hint.on_step(SimpleNamespace(steps_done=12, **vars(run)))
    assert hints == []
