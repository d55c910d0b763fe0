"""The number of threads follows the work, the user's word, and the run's own beginning."""

import copy

import pytest
import torch

from alexnet_lib.cli import bench_threads as bench
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models.registry import build_model
from alexnet_lib.training import threads as module
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.threads import Threads
from alexnet_lib.training.trainer import Trainer

CONFIG = TrainConfig(
    preset="four-layer",
    model={"widths": (4, 4, 4), "init": "torch"},
    epochs=4,
    batch_size=8,
    lr=0.001,
    validation_size=20,
    device="cpu",
    precision="float32",
)
DATA = synthetic_images(100, 20)  # 10 steps an epoch


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """A machine of two cores, whose user has said nothing."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(module, "_FIRST", 2)
    yield
    assert torch.get_num_threads() == 2, "a training leaves the process's own count behind"
    torch.set_num_threads(before)


class Machine:
    """Stands in for the clock: seconds of a step by the number of threads, and who asked."""

    def __init__(self, monkeypatch, **step_s: float):
        self.step_s, self.trials = step_s, []  # 8 images a step; the first look is at 4
        monkeypatch.setattr(module, "mean_s", self.mean_s)
        monkeypatch.setattr(module, "undisturbed_s", lambda step: self.step_s["one"] / 2)

    def mean_s(self, step, threads: int) -> float:
        step()
        self.trials.append(threads)
        return self.step_s["one" if threads == 1 else "two"]


@pytest.mark.parametrize(
    ("one", "two", "count"),
    [(0.1, 0.06, 2), (0.1, 0.09, 1), (0.1, 0.8, 1)],
    ids=["quiet", "hardly faster", "busy"],
)
def test_all_threads_are_taken_only_where_they_are_faster(monkeypatch, one, two, count):
    Machine(monkeypatch, one=one, two=two)
    run = Trainer(CONFIG, DATA)
    seen = []
    run.callbacks.append(type("Watch", (), {"on_step": lambda *_: seen.append(count_now())})())
    run.fit()
    assert set(seen) == {count} and run.history.threads == [count] * 4
    assert run.environment()["threads"] == run.state_dict()["environment"]["threads"] == count


def count_now() -> int:
    """Threads at this moment."""
    return torch.get_num_threads()


def test_a_long_step_is_not_tried_in_full(monkeypatch):
    machine = Machine(monkeypatch, one=2.0, two=9.0)  # of four images
    threads = Threads(build_model("four-layer"), CONFIG)
    threads.choose()
    assert threads.count == 2 and machine.trials == []


def test_the_users_word_stands(monkeypatch):
    machine = Machine(monkeypatch, one=0.1, two=0.8)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    run = Trainer(CONFIG, DATA)
    run.fit()
    assert run.history.threads == [2] * 4
    monkeypatch.delenv("OMP_NUM_THREADS")
    torch.set_num_threads(3)
    run = Trainer(CONFIG, DATA)
    run.fit()
    assert run.history.threads == [3] * 4 and torch.get_num_threads() == 3
    torch.set_num_threads(2)
    assert machine.trials == []


@pytest.mark.parametrize("changes", [{"epochs": 2}, {"deterministic": True}], ids=str)
def test_no_clock_where_it_does_not_pay_or_must_not_decide(monkeypatch, changes):
    machine = Machine(monkeypatch, one=0.1, two=0.8)
    run = Trainer(TrainConfig(**{**CONFIG.to_dict(), **changes}), DATA)
    run.fit()
    assert machine.trials == [] and set(run.history.threads) == {2}


def test_a_run_that_chose_one_thread_has_the_bits_of_one_thread(monkeypatch):
    Machine(monkeypatch, one=0.1, two=0.8)
    chosen, by_hand = Trainer(CONFIG, DATA), Trainer(CONFIG, DATA)
    chosen.fit()
    torch.set_num_threads(1)
    by_hand.fit()
    torch.set_num_threads(2)
    assert chosen.history.step_loss == by_hand.history.step_loss
    for name, weight in chosen.model.state_dict().items():
        assert torch.equal(weight, by_hand.model.state_dict()[name]), name


def test_a_resumed_run_keeps_the_count_that_it_began_with(monkeypatch):
    machine = Machine(monkeypatch, one=0.1, two=0.8)
    begun = Trainer(CONFIG, DATA)
    begun.fit()
    machine.step_s, machine.trials = {"one": 0.1, "two": 0.01}, []
    resumed = Trainer(TrainConfig(**{**CONFIG.to_dict(), "epochs": 8}), DATA)
    resumed.load_state_dict(begun.state_dict())
    assert resumed.environment()["threads"] == 1
    resumed.fit()
    assert resumed.history.threads == [1] * 8 and machine.trials == []


def test_a_machine_with_fewer_cores_says_so(monkeypatch):
    begun = Trainer(CONFIG, DATA)
    state = begun.state_dict()
    state["environment"]["threads"] = 64
    resumed = Trainer(CONFIG, DATA)
    resumed.load_state_dict(state)
    assert resumed.environment()["threads"] == 2


def test_a_slow_epoch_is_a_reason_to_measure_again_and_the_history_says_so(monkeypatch):
    machine = Machine(monkeypatch, one=0.1, two=0.05)
    run = Trainer(CONFIG, DATA)
    tired = run.threads.after_epoch

    def after_epoch(elapsed_s):
        if len(run.history) == 2:  # another process begins
            machine.step_s["two"], elapsed_s = 0.8, 60.0
        tired(elapsed_s)

    monkeypatch.setattr(run.threads, "after_epoch", after_epoch)
    run.fit()
    assert run.history.threads == [2, 2, 1, 1]
    assert run.environment()["threads"] == 1


def test_epochs_of_usual_length_are_not_measured_again(monkeypatch):
    machine = Machine(monkeypatch, one=0.1, two=0.05)
    threads = Threads(build_model("four-layer"), CONFIG)
    with threads.in_use(epochs=10, steps=10):
        trials = len(machine.trials)
        for elapsed_s in (1.5, 1.9, 1.2, 0.4, 0.9):  # one thread would need 1 s
            threads.after_epoch(elapsed_s)
        assert len(machine.trials) == trials
        threads.after_epoch(1.1)
        assert len(machine.trials) > trials


def test_the_trial_leaves_no_trace():
    model = build_model("cifar-lite", seed=3).train()
    seen = []
    model.conv1.register_forward_hook(lambda *_: seen.append(1))
    weights, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    config = TrainConfig.for_preset("cifar-lite", batch_size=4, device="cpu", precision="float32")
    Threads(model, config).choose()
    assert torch.equal(torch.get_rng_state(), state)
    assert seen == [] and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_an_evaluation_uses_the_runs_count(monkeypatch):
    Machine(monkeypatch, one=0.1, two=0.8)
    run, seen = Trainer(CONFIG, DATA), []
    run.fit()
    run.model.register_forward_hook(lambda *_: seen.append(count_now()))
    run.evaluate(run.test_batches(DATA.test), "ten")
    assert set(seen) == {1}


def test_bench_compares_threads_alone_and_in_company(monkeypatch, capsys):
    small = {"small": ("four-layer", {"widths": (4, 4, 4)}, 2)}
    monkeypatch.setattr(bench, "NETWORKS", small)
    monkeypatch.delitem(bench.COMPANY, "a niced training")
    results = bench.measure_threads(budget_s=0.01)
    assert results["threads"] == [1, 2]
    assert set(results["ms"]["small"]) == {"alone", "a niced loop"}
    assert all(ms > 0 for pair in results["ms"]["small"].values() for ms in pair)
    words = bench.threads_table(results).splitlines()
    assert "alone" in words[1] and words[2].split()[0] == "small"
