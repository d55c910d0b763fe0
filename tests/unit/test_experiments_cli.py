"""`alexnet experiment`: a run from the command line, stopped, resumed, recorded, shown, judged."""

import json
from dataclasses import replace

import pytest
from recordfiles import made_record, write_record

import alexnet_lib
from alexnet_lib.cli import experiment as experiment_command
from alexnet_lib.cli import main as cli
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments import catalogue, verdicts
from alexnet_lib.experiments import study as estimate
from alexnet_lib.experiments.design import Experiment, gain
from alexnet_lib.experiments.records import load_record, record_path
from alexnet_lib.paper.facts import CLAIMS
from alexnet_lib.training.watchers import Progress

SMALL = {"widths": (4, 4, 8), "input_size": 12, "resize_to": 12}
TINY = Experiment(
    "tiny",
    "Does it run?",
    {"relu": {"model": SMALL}, "tanh": {"model": {**SMALL, "activation": "tanh"}}},
    (gain("relu", "tanh"),),
    {"preset": "four-layer", "epochs": 2, "batch_size": 20, "validation_size": 20},
    {"epochs": 1, "train_limit": 40},
    seeds=2,
)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch, home):
    """One tiny experiment, and a few pictures that pass for real ones."""
    few = replace(synthetic_images(train=100, test=30), name="CIFAR-10", is_synthetic=False)
    for module in (catalogue, experiment_command):
        monkeypatch.setattr(module, "EXPERIMENTS", {"tiny": TINY})
    monkeypatch.setattr(experiment_command, "load_cifar10", lambda source: few)
    monkeypatch.setattr(estimate, "images_per_second", lambda config, steps: 1000.0)


def experiment(*arguments):
    return cli.main(["experiment", *arguments])


def run(*arguments):
    return experiment("run", "tiny", "--device", "cpu", *arguments)


def test_a_run_leaves_a_record_that_can_be_shown(capsys):
    assert run() == 0
    said = capsys.readouterr().out
    assert "Does it run?" in said and "4 pieces" in said and "relu, seed 1, lr 0.003" in said
    assert "relu against tanh: " in said and "0 pieces left" in said
    record = load_record("tiny")
    assert record["seeds"] == [0, 1] and record["level"] == "lesson"
    assert experiment("show", "tiny") == 0
    assert "CIFAR-10, level lesson, 2 seeds" in capsys.readouterr().out
    assert experiment("list", "--device", "cpu") == 0
    assert "recorded at level lesson with 2 seeds" in capsys.readouterr().out


def test_a_run_that_is_stopped_says_how_to_go_on(capsys, monkeypatch):
    steps = iter(range(100))

    def stop(self, trainer):
        if next(steps) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step", stop)
        assert run("--seeds", "1") == 130
    said = capsys.readouterr().out
    assert "Go on: alexnet experiment run tiny --seeds 1 --device cpu" in said
    assert load_record("tiny") is None
    assert experiment("list", "--device", "cpu") == 0
    assert "3 of 4 pieces to run" in capsys.readouterr().out
    assert run("--seeds", "1") == 0
    assert load_record("tiny")["seeds"] == [0]


def test_parts_are_run_apart(capsys):
    assert run("--pieces", "2/2") == 0
    assert "2 of 4 pieces are still to run: alexnet experiment run" in capsys.readouterr().out
    assert run("--pieces", "1/2") == 0
    assert load_record("tiny")["seeds"] == [0, 1]
    assert run("--pieces", "3/2") == 2
    assert "--pieces is '3/2'; expected i/n" in capsys.readouterr().err


def test_a_trial_leaves_no_record(capsys):
    assert run("--epochs", "1", "--level", "full", "--seeds", "1") == 0
    assert "tiny-full-trial-1/record.json" in capsys.readouterr().out
    assert not record_path("tiny").exists()


def test_a_lesson_sized_record_never_replaces_a_full_one(capsys):
    assert run("--level", "full", "--seeds", "1") == 0
    assert run("--seeds", "1") == 0
    assert "level full, 1 seed, stays" in capsys.readouterr().out
    assert load_record("tiny")["level"] == "full"


def test_a_record_of_fewer_seeds_never_replaces_one_of_more(capsys):
    assert run() == run("--seeds", "1") == 0
    assert "level lesson, 2 seeds, stays" in capsys.readouterr().out
    assert load_record("tiny")["seeds"] == [0, 1]


def test_a_synthetic_stand_in_makes_no_record(monkeypatch, capsys):
    made_up = synthetic_images(train=100, test=30)
    monkeypatch.setattr(experiment_command, "load_cifar10", lambda source: made_up)
    assert run("--seeds", "1") == 0
    assert "tiny-lesson/record.json" in capsys.readouterr().out
    assert not record_path("tiny").exists()


def test_pieces_of_the_stand_in_are_never_mixed_into_a_record(monkeypatch, capsys):
    real = experiment_command.load_cifar10
    made_up = synthetic_images(train=100, test=30)
    monkeypatch.setattr(experiment_command, "load_cifar10", lambda source: made_up)
    assert run("--pieces", "1/2") == 0
    monkeypatch.setattr(experiment_command, "load_cifar10", real)
    assert run("--pieces", "2/2") == 2
    assert "other pictures (synthetic stand-in)" in capsys.readouterr().err
    assert not record_path("tiny").exists()


def test_what_is_not_there_is_said(capsys):
    assert experiment("show", "tiny") == 0
    assert "not yet recorded: alexnet experiment run tiny" in capsys.readouterr().out
    assert experiment("run", "fig9") == 2
    assert "no experiment 'fig9'; expected one of tiny" in capsys.readouterr().err
    assert run("--seeds", "0") == 2
    assert "seeds is 0; expected a whole number of at least 1" in capsys.readouterr().err


def test_the_ledger_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(catalogue, "EXPERIMENTS", verdicts.EXPERIMENTS)  # all of them again
    assert experiment("verdicts") == 0
    said = capsys.readouterr().out
    assert "abstract: The network has 60 million parameters. 60,000,000 parameters" in said
    assert "reproduced: 60,965,224 (arithmetic)" in said and "not testable here" in said


def test_seeds_that_are_added_after_a_look_are_told(capsys):
    assert run("--seeds", "1") == run() == 0
    assert load_record("tiny")["looks"] == [1, 2]
    assert experiment("show", "tiny") == 0
    said = capsys.readouterr().out
    assert "level lesson, 2 seeds (looked at before with 1)" in said
    assert "; degrees of freedom 1, covers training seeds and test images" in said


def test_the_ledger_is_written_for_machines(capsys, monkeypatch):
    monkeypatch.setattr(catalogue, "EXPERIMENTS", verdicts.EXPERIMENTS)  # all of them again
    record = made_record(
        "overlap",
        {
            "overlapping": [{"test": {"center": error}} for error in (0.20, 0.21)],
            "apart": [{"test": {"center": error}} for error in (0.22, 0.231)],
        },
    )
    write_record(record)
    assert experiment("verdicts", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == alexnet_lib.__version__ and "commit" in told
    claims = {claim["id"]: claim for claim in told["claims"]}
    assert list(claims) == [claim.id for claim in CLAIMS]
    assert claims["parameters"]["ours"] == 60_965_224
    assert claims["fig1"] == {"id": "fig1", "section": "§3.1, Fig. 1", "paper": 6.0, "unit": "×",
                              "verdict": "not yet run"}  # fmt: skip
    found = claims["overlap"]
    assert found["ours"] == pytest.approx(0.0205)
    assert found["low"] < 0.0205 < found["high"]
    assert (found["runs"], found["degrees_of_freedom"]) == (2, 1)
    assert found["covers"] == "training seeds only" and found["record"] == "overlap"
    assert found["sha256"] == json.loads(record_path("overlap").read_text())["sha256"]


def test_long_times_are_told_in_days(capsys, monkeypatch):
    monkeypatch.setattr(estimate, "images_per_second", lambda config, steps: 1e-3)
    estimate._measured.cache_clear()
    assert experiment("list", "--device", "cpu") == 0
    assert "days" in capsys.readouterr().out
    estimate._measured.cache_clear()
