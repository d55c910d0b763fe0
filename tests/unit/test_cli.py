"""The command line: what it chooses, refuses, writes and says."""

import csv
import json
import os
import subprocess
import sys
import types
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from alexnet_lib.cli import choose
from alexnet_lib.cli import data as data_command
from alexnet_lib.cli import info as info_command
from alexnet_lib.cli import main as cli
from alexnet_lib.cli import train as train_command
from alexnet_lib.cli.options import given
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models import registry
from alexnet_lib.training.checkpoint import CheckpointError, load_checkpoint, load_trained
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import RunFolder, new_run_path
from alexnet_lib.training.trainer import Trainer

FILES = {
    "best.safetensors",
    "config.json",
    "confusion.png",
    "curves.png",
    "filters.png",
    "last.pt",
    "log.csv",
    "log.jsonl",
    "report.json",
}
SMALL = ["--preset", "four-layer", "--limit-train", "60", "--batch-size", "20"]
SMALL += ["--device", "cpu", "--precision", "float32"]


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch, tmp_path):
    """A few pictures in place of CIFAR-10, and a project folder of the test's own."""
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "home"))
    few = synthetic_images(train=200, test=30)
    reads = []

    def load(source=None, **options):
        reads.append((source, options))
        return few

    for command in (train_command, data_command, info_command):
        monkeypatch.setattr(command, "load_cifar10", load)
    return reads


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def rate(monkeypatch):
    """Pretend that this machine does 1,000 images a second."""
    monkeypatch.setattr(choose, "images_per_second", lambda config, **_: 1000.0)


def files_of(folder):
    return {file.name for file in folder.iterdir() if file.name != ".lock"}


def chosen(*arguments):
    args = cli._parser().parse_args(["train", *arguments])
    return choose.chosen(args)


def train(*arguments):
    return cli.main(["train", *arguments])


def test_a_run_leaves_all_its_files_and_a_report(tmp_path, capsys):
    run = tmp_path / "run"
    assert train(*SMALL, "--epochs", "2", "--run-dir", str(run)) == 0
    assert files_of(run) == FILES
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((run / "report.json").read_text())
    assert report["data"] == "synthetic stand-in" and report["epochs_done"] == 2
    assert report["config"]["seed"] == 0 and report["precision"] == "float32"
    for views in ("center", "ten"):
        low, high = report["test"][views]["top1_interval_95"]
        assert 0 <= low <= report["test"][views]["top1_error"] <= high <= 1
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    table = list(csv.DictReader((run / "log.csv").read_text().splitlines()))
    assert [{k: float(v) for k, v in row.items()} for row in table] == lines
    confusion = torch.tensor(report["test"]["center"]["confusion"])
    assert report["class_errors"]["dots"] == pytest.approx(1 - int(confusion[3, 3]) / 3)
    said = capsys.readouterr().out
    assert "TensorBoard is not installed; log.csv holds what its log would." in said
    assert (run / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert said.count("epoch   ") == 2 and "best weights (epoch" in said
    assert "SYNTHETIC" not in said or "synthetic stand-in" in said


def test_no_confusions_are_drawn_of_classes_that_were_not_tested(tmp_path, capsys):
    data = synthetic_images(train=20, test=10)
    report = {"test": {"center": {"confusion": [[0, 0], [1, 2]]}}}
    train_command._draw_confusions(tmp_path, "four-layer", report, data)
    assert "No confusion.png is drawn (more than 30 classes, or" in capsys.readouterr().out
    train_command._draw_confusions(tmp_path, "four-layer", {"test": {}}, data)
    assert not list(tmp_path.iterdir())


def test_tensorboard_gets_the_log_where_it_is_installed(monkeypatch, tmp_path):
    written, closed = [], []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((self.folder, name, value, step))

        def close(self):
            closed.append(self.folder)

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    run = tmp_path / "run"
    assert train(*SMALL, "--epochs", "2", "--run-dir", str(run)) == 0
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert written == [
        (str(run / "tensorboard"), name, value, line["epoch"])
        for line in lines
        for name, value in line.items()
    ]
    assert closed == [str(run / "tensorboard")]


def test_a_folder_that_holds_something_is_refused_before_data_are_read(tmp_path, capsys, tiny_data):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert train(*SMALL, "--run-dir", str(tmp_path / "run")) == 2
    assert "runs never mix" in capsys.readouterr().err
    assert tiny_data == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lr", "nan"], "lr is nan; expected"),
        (["--epochs", "0"], "epochs is 0; expected"),
        (["--preset", "vgg"], "preset is 'vgg'; expected one of"),
        (["--schedule", "cosine"], "schedule is 'cosine'"),
        (["--device", "tpu"], "device is 'tpu'"),
    ],
)
def test_wrong_options_are_named_before_data_are_read(capsys, tiny_data, options, words):
    assert train("--preset", "four-layer", *options) == 2
    assert words in capsys.readouterr().err
    assert tiny_data == []


def test_resume_after_the_stop_button_gives_the_uninterrupted_run(tmp_path, capsys, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert train(*SMALL, "--epochs", "3", "--run-dir", str(whole)) == 0
    with monkeypatch.context() as patch:
        patch.setattr(train_command.Progress, "on_step", _stop_at(step=4))
        assert train(*SMALL, "--epochs", "3", "--run-dir", str(cut)) == 130
    said = capsys.readouterr().out
    assert "Stopped after 1 of 3 epochs" in said and f"--resume {cut}" in said
    assert not (cut / "report.json").exists()
    assert train("--resume", str(cut)) == 0
    weights = [load_checkpoint(path / "last.pt")["model"]["conv2.weight"] for path in (whole, cut)]
    assert torch.equal(*weights)
    assert files_of(cut) == FILES


def test_the_same_command_begins_a_run_and_goes_on_with_it(tmp_path, capsys, monkeypatch):
    command = [*SMALL, "--epochs", "3", "--run-dir", str(tmp_path / "run"), "--go-on"]
    with monkeypatch.context() as patch:
        patch.setattr(train_command.Progress, "on_step", _stop_at(step=4))
        assert train(*command) == 130
    capsys.readouterr()
    assert train(*command) == 0
    said = capsys.readouterr().out
    assert "epoch   2/3" in said and "epoch   1/3" not in said
    assert train(*command) == 0
    assert "is finished and tested" in capsys.readouterr().out
    assert train(*SMALL, "--go-on") == 2
    assert "--go-on needs the run's folder; expected --run-dir" in capsys.readouterr().err


def _stop_at(step):
    def on_step(self, trainer):
        if len(trainer.history.step_loss) == step:
            raise KeyboardInterrupt

    return on_step


def test_f25_resume_with_other_settings_needs_override_and_records_it(tmp_path, capsys):
    run = tmp_path / "home" / "runs" / "first"
    assert train(*SMALL, "--epochs", "1", "--name", "first") == 0
    assert train("--resume", "first", "--epochs", "2", "--lr", "0.001") == 2
    error = capsys.readouterr().err
    assert "epochs: 1 -> 2; lr: 0.003 -> 0.001" in error and "--override" in error
    assert train("--resume", "first", "--epochs", "2", "--lr", "0.001", "--override") == 0
    report = json.loads((run / "report.json").read_text())
    assert report["overrides"] == ["epochs: 1 -> 2", "lr: 0.003 -> 0.001"]
    assert report["epochs_done"] == 2 and report["config"]["lr"] == 0.001


def test_an_override_of_the_network_leaves_its_other_changes(capsys):
    plain = ["--model", "activation=tanh", "widths=[4,4,4]"]
    assert train(*SMALL, *plain, "--epochs", "1", "--name", "first") == 0
    again = ["--resume", "first", "--epochs", "2", "--override", "--model", "init=torch"]
    _, config, _ = choose.continued(cli._parser().parse_args(["train", *again]))
    assert config.model == {"activation": "tanh", "widths": (4, 4, 4), "init": "torch"}


def test_resume_without_a_name_takes_the_newest_run(tmp_path, capsys):
    assert train("--resume") == 2
    assert "no run to resume" in capsys.readouterr().err
    assert train(*SMALL, "--epochs", "1", "--name", "only") == 0
    assert train(*SMALL, "--epochs", "1", "--name", "other") == 0
    (tmp_path / "home" / "runs" / "other" / "report.json").unlink()  # stopped before its test
    assert train("--resume") == 0
    assert f"Run: {tmp_path / 'home' / 'runs' / 'other'}" in capsys.readouterr().out


def test_a_finished_run_is_not_tested_again(tmp_path, capsys, tiny_data):
    assert train(*SMALL, "--epochs", "1", "--name", "done") == 0
    tiny_data.clear()
    assert train("--resume", "done") == 0
    assert "is finished and tested" in capsys.readouterr().out
    assert tiny_data == []


def test_options_that_would_do_nothing_are_refused(capsys):
    assert train(*SMALL, "--override") == 2
    assert "--override goes with --resume" in capsys.readouterr().err
    assert train("--resume", "--quick") == 2
    assert "--quick starts a new run" in capsys.readouterr().err


def test_uneven_classes_are_told_with_what_each_trains_and_decides(capsys, monkeypatch):
    few = synthetic_images(train=200, test=30)
    some = torch.cat(
        [(few.train.labels == k).nonzero()[: 5 if k == 3 else 20, 0] for k in range(10)]
    )
    rare = replace(few, train=few.train.take(some))
    monkeypatch.setattr(train_command, "load_cifar10", lambda *_, **__: rare)
    assert train("--preset", "four-layer", "--epochs", "1", "--device", "cpu", "--name", "a") == 0
    said = capsys.readouterr().out
    assert "Classes are uneven and were split in proportion, training + validation: checks" in said
    assert ", cross 18 + 2, dots 4 + 1, ring 18 + 2, " in said


def test_pictures_that_are_not_there_leave_no_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_command, "load_cifar10", load_cifar10)
    run = tmp_path / "run"
    assert train(*SMALL, "--data", str(tmp_path / "nowhere"), "--run-dir", str(run)) == 2
    assert "nowhere" in capsys.readouterr().err and not run.exists()


def test_a_refused_run_draws_nothing_into_the_folder_of_another(tmp_path):
    config = TrainConfig.for_preset("four-layer", epochs=1, validation_size=20, device="cpu")
    trainer = Trainer(config, synthetic_images(train=60, test=20))
    trainer.fit()
    folder = tmp_path / "run"
    trainer.callbacks = [RunFolder(folder), train_command.Pictures(folder)]
    folder.mkdir()
    (folder / "log.jsonl").write_text("another run's")
    with pytest.raises(CheckpointError, match="runs never mix"):
        trainer.fit()
    assert [file.name for file in folder.iterdir()] == ["log.jsonl"]


def test_resuming_what_is_not_there_makes_no_folder(tmp_path, capsys):
    assert train("--resume", str(tmp_path / "nowhere")) == 2
    assert "holds no run to resume" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def settings(*arguments):
    return given(cli._parser().parse_args(["train", *arguments]))


def test_every_setting_of_a_run_is_an_option_and_told(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for field in fields(TrainConfig):
        assert f"--{field.name.replace('_', '-')} " in said, field.name
    assert "passes over the training images. Paper: about 90." in said
    assert "(plateau, fixed, constant)" in said


def test_options_give_the_settings_that_they_name_and_no_others():
    assert settings() == {}
    assert settings("--limit-train", "60") == settings("--train-limit", "60")
    given_here = settings(
        *"--preset cifar --epochs 3 --batch-size 20 --lr 0.1 --limit-train 60 --seed 7".split(),
        *"--schedule fixed --drop-at 0.5 0.9 --stop-at none --colour none --no-flip".split(),
        *"--device cpu --precision float32 --deterministic --test-weights last".split(),
        *"--model activation=tanh widths=[8,8,16] dropout=0.5".split(),
    )
    assert given_here == {
        "preset": "cifar", "epochs": 3, "batch_size": 20, "lr": 0.1, "train_limit": 60, "seed": 7,
        "schedule": "fixed", "drop_at": [0.5, 0.9], "stop_at": None, "colour": None, "flip": False,
        "device": "cpu", "precision": "float32", "deterministic": True, "test_weights": "last",
        "model": {"activation": "tanh", "widths": [8, 8, 16], "dropout": 0.5},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["--stop-at", "soon"], "argument --stop-at: invalid float value: 'soon'"),
        (["--model", "tanh"], "argument --model: 'tanh'; expected NAME=VALUE"),
    ],
)
def test_words_that_cannot_be_read_are_named(capsys, options, words):
    with pytest.raises(SystemExit) as ended:
        train(*options)
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_a_second_model_adds_to_the_first():
    named = settings("--model", "activation=tanh", "init=torch", "--model", "init=paper")
    assert named == {"model": {"activation": "tanh", "init": "paper"}}


def test_none_and_a_bare_point_are_read_as_elsewhere():
    named = settings("--model", "normalisation=none", "resize_to=null", "dropout_p=.3", "x=1.")
    assert named["model"] == {
        "normalisation": None, "resize_to": None, "dropout_p": 0.3, "x": 1.0
    }  # fmt: skip


def test_settings_of_the_network_are_options_too(capsys, tiny_data):
    config = chosen("--preset", "four-layer", "--model", "activation=tanh")
    assert dict(config.model) == {"activation": "tanh"}
    assert train("--preset", "four-layer", "--model", "activations=tanh") == 2
    assert "no setting 'activations'" in capsys.readouterr().err and tiny_data == []


def test_without_options_a_gpu_gets_the_papers_length(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    config = chosen()
    assert (config.preset, config.epochs, config.batch_size) == ("plain", 90, 128)
    assert (config.lr, config.momentum, config.weight_decay) == (0.01, 0.9, 0.0005)
    assert (config.schedule, config.colour, config.flip) == ("plateau", None, True)


def test_without_options_a_cpu_says_that_it_would_take_days(no_gpu, rate, capsys):
    config = chosen()
    assert (config.preset, config.schedule) == ("cifar-lite", "fixed")
    assert 30 * 60 < config.epochs * 45_000 / 1000 < 3600
    said = capsys.readouterr().out
    assert "no GPU" in said and "days" in said and "--preset plain" in said


def test_preset_and_epochs_overrule_the_choice_for_a_cpu(no_gpu, rate):
    assert chosen("--preset", "plain").epochs == 90
    config = chosen("--epochs", "3")
    assert (config.preset, config.epochs) == ("cifar-lite", 3)


def test_quick_fits_the_machine(no_gpu, monkeypatch):
    for images_per_second, epochs in ((10_000, 12), (2_800, 6), (100, 4)):
        monkeypatch.setattr(choose, "images_per_second", lambda _, r=images_per_second, **__: r)
        config = chosen("--quick")
        assert (config.preset, config.epochs) == ("four-layer", epochs)
    assert chosen("--quick", "--epochs", "1").epochs == 1


def test_known_stall_is_said_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_command.Trainer, "fit", _stopped)
    options = ["--preset", "paper", "--limit-train", "20", "--device", "cpu"]
    train(*options, "--precision", "float32", "--run-dir", str(tmp_path / "run"))
    assert "Warning: Starting weights as printed" in capsys.readouterr().out


def test_pictures_are_read_at_the_size_that_the_network_needs(tmp_path, monkeypatch, tiny_data):
    monkeypatch.setattr(train_command.Trainer, "fit", _stopped)
    options = ["--limit-train", "20", "--device", "cpu", "--precision", "float32"]
    train(*options, "--preset", "plain", "--data", "photos", "--run-dir", str(tmp_path / "a"))
    train(*options, "--quick", "--epochs", "1", "--run-dir", str(tmp_path / "b"))
    assert [source for source, _ in tiny_data] == ["photos", None]
    assert [options["side"] for _, options in tiny_data] == [256, None]


def _stopped(self):
    self.history.interrupted = True
    return self.history


def test_pictures_too_many_for_the_device_are_told_in_our_words(tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has …")

    monkeypatch.setattr(train_command, "Trainer", full)
    assert cli.main(["train", *SMALL, "--epochs", "1", "--run-dir", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "memory is full (CUDA out of memory). Take a smaller --batch-size" in said


def test_a_file_that_cannot_be_read_is_told_in_words(capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "pictures.tar")

    monkeypatch.setattr(data_command, "load_cifar10", refuse)
    assert cli.main(["data"]) == 2
    assert (
        "alexnet data: pictures.tar cannot be used: Permission denied." in capsys.readouterr().err
    )


@pytest.mark.parametrize("fault", [ValueError("not enough values to unpack"), OSError("odd")])
def test_a_fault_of_the_code_keeps_its_traceback(monkeypatch, fault):
    def fail(*_, **__):
        raise fault

    monkeypatch.setattr(data_command, "load_cifar10", fail)
    with pytest.raises(type(fault), match=str(fault)):
        cli.main(["data"])


def test_data_shows_what_is_found(capsys, tiny_data):
    assert cli.main(["data", "--data", "somewhere", "--no-download"]) == 0
    assert tiny_data == [("somewhere", {"download": False, "share": None})]
    assert "training images" in capsys.readouterr().out


def test_info_lists_device_and_networks_and_builds_none(capsys, monkeypatch):
    for name in ("AlexNet", "FourLayerCifar", "ConvLocalCifar"):
        monkeypatch.setattr(getattr(registry, name), "__init__", lambda *_: pytest.fail("built"))
    assert cli.main(["info"]) == 0
    said = capsys.readouterr().out
    assert torch.__version__ in said and "four-layer" in said and "60,965,224" not in said
    assert "56,909,194 parameters" in said


def test_train_py_is_the_train_command():
    command = [sys.executable, str(Path(train_command.__file__).parents[2] / "train.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: alexnet train")


def test_importing_the_command_line_draws_nothing_in():
    heavy = ["matplotlib", "ipywidgets", "torchvision", "IPython"]
    script = f"import sys, alexnet_lib.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# --- Pictures of one's own ----------------------------------------------------------------------


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """A folder of a function's own making, loaded as a user's is; returns a function of classes."""
    monkeypatch.setattr(train_command, "load_cifar10", load_cifar10)
    monkeypatch.setattr(data_command, "load_cifar10", load_cifar10)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)

    def make(*classes, parts=("train", "test"), each=10, at="pets"):
        for label, name in enumerate(classes):
            for part in parts:
                folder = tmp_path / at / part / name
                folder.mkdir(parents=True)
                for i in range(each):
                    shade = (80 * label, 5 * i, 100 * (part == "test"))
                    Image.new("RGB", (32, 32), shade).save(folder / f"{i}.png")
        return tmp_path / at

    return make


OWN = ["--preset", "four-layer", "--device", "cpu", "--precision", "float32", "--batch-size", "8"]


def test_resume_goes_on_with_the_runs_own_pictures(tmp_path, pets, capsys):
    folder, run = pets("cat", "dog"), str(tmp_path / "run")
    assert train(*OWN, "--epochs", "1", "--data", str(folder), "--run-dir", run) == 0
    assert train("--resume", run, "--epochs", "2", "--override") == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["data"] == "images from pets" and report["epochs_done"] == 2
    assert report["data_read"]["source"] == str(folder)
    assert load_trained(run).classes == ("cat", "dog")
    assert "Not exact" not in capsys.readouterr().out


def test_resume_refuses_renamed_classes_and_names_them(tmp_path, pets, capsys):
    folder, run = pets("cat", "dog"), str(tmp_path / "run")
    assert train(*OWN, "--epochs", "1", "--data", str(folder), "--run-dir", run) == 0
    for part in ("train", "test"):
        (folder / part / "cat").rename(folder / part / "tom")  # now after dog
    for more in ([], ["--override"]):
        assert train("--resume", run, "--epochs", "2", "--override", *more) == 2
        said = capsys.readouterr().err
        assert "learns the classes cat, dog, in this order" in said and "has dog, tom" in said


def test_resume_refuses_other_pictures_of_the_same_classes(tmp_path, pets, capsys):
    folder, run = pets("cat", "dog"), str(tmp_path / "run")
    other = pets("cat", "dog", each=11, at="others")
    assert train(*OWN, "--epochs", "1", "--data", str(folder), "--run-dir", run) == 0
    (tmp_path / "run" / "report.json").unlink()  # as if it had been stopped before its test
    kept = (tmp_path / "run" / "best.safetensors").read_bytes()
    assert train("--resume", run, "--data", str(other)) == 2
    assert f"was trained on {folder}, and {other} holds other pictures" in capsys.readouterr().err
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == kept
    more = ["--data", str(other), "--epochs", "2", "--override"]
    assert train("--resume", run, *more) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["overrides"] == ["epochs: 1 -> 2", f"data: {folder} -> {other}"]


def test_resume_says_what_may_have_changed_in_the_runs_own_folder(tmp_path, pets, capsys):
    folder, run = pets("cat", "dog"), str(tmp_path / "run")
    assert train(*OWN, "--epochs", "1", "--data", str(folder), "--run-dir", run) == 0
    (tmp_path / "run" / "report.json").unlink()
    (folder / "train/cat/1.png").rename(folder / "train/dog/99.png")
    assert train("--resume", run) == 2
    said = capsys.readouterr().err
    assert f"{folder} is no longer what {run} was trained on" in said
    assert "the run's share is none, now none" in said and "add --override" in said


def test_resume_of_pictures_that_are_gone_takes_the_same_ones_elsewhere_only(
    tmp_path, pets, capsys
):
    folder, run = pets("cat", "dog"), str(tmp_path / "run")
    assert train(*OWN, "--epochs", "1", "--data", str(folder), "--run-dir", run) == 0
    folder.rename(tmp_path / "moved")
    more = ["--epochs", "2", "--override"]
    assert train("--resume", run, *more, "--data", str(tmp_path / "moved")) == 0
    (tmp_path / "moved").rename(tmp_path / "gone")
    assert train("--resume", run, "--epochs", "3", "--override") == 2
    said = capsys.readouterr()
    assert f"{tmp_path / 'moved'} is gone, which this run was trained on" in said.err
    assert "name its new place with --data" in said.err and "SYNTHETIC" not in said.out


def test_a_share_is_held_out_recorded_and_known_again(tmp_path, pets, capsys):
    folder, run = pets("cat", "dog", parts=("",)), str(tmp_path / "run")
    assert train(*OWN, "--epochs", "1", "--data", str(folder), "--run-dir", run) == 2
    assert "--split 0.2 hold out a fifth of each class" in capsys.readouterr().err
    split = ["--split", "0.2", "--run-dir", run]
    assert train(*OWN, "--epochs", "1", "--data", str(folder), *split) == 0
    assert train("--resume", run, "--epochs", "2", "--override") == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["data_read"]["share"] == 0.2
    assert report["test"]["center"]["confusion"][0] in ([2, 0], [0, 2], [1, 1])


# --- The shell ----------------------------------------------------------------------------------


def test_three_runs_of_one_second_have_three_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "20261128-120000")
    config = TrainConfig.for_preset("four-layer")
    names = [new_run_path(config).name for _ in range(3)]
    assert names == [f"four-layer-20261128-120000{end}" for end in ("", "-2", "-3")]


def test_a_refused_run_leaves_no_folder_of_its_own(tmp_path, pets, capsys):
    assert train(*OWN, "--epochs", "1", "--data", str(tmp_path / "nowhere")) == 2
    assert list((tmp_path / "home" / "runs").iterdir()) == []


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", "a\\b", "C:x"])
def test_a_name_that_leads_elsewhere_is_refused(name, capsys, tiny_data):
    assert train(*SMALL, "--name", name) == 2
    assert "expected a name for a folder under" in capsys.readouterr().err and tiny_data == []


@pytest.mark.parametrize(
    "words",
    [["train", "--data", ""], ["data", "--data="], ["train", "--from", ""], ["predict", "", "x"]],
)
def test_an_empty_argument_is_refused_rather_than_taken_as_none(words, capsys, tiny_data):
    """An unset variable of the shell would have trained on CIFAR-10, or asked the newest run."""
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    assert "an argument is empty" in capsys.readouterr().err and tiny_data == []


def _alexnet(*words, **options):
    command = [sys.executable, "-m", "alexnet_lib.cli.main", *words]
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **options)


def test_a_reader_that_leaves_early_gets_no_traceback(pets):
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does once it has its line
    done = _alexnet("data", "--data", str(pets("cat", "dog")), stdout=writing)
    os.close(writing)
    _, told = done.communicate(timeout=60)
    assert (done.returncode, told.decode()) == (141, "")


@pytest.mark.parametrize("page", ["cp1251", "cp874", "cp932", "ascii"])
def test_output_in_any_code_page(pets, tmp_path, page):
    folder = pets("кошка", "犬", "größe×", each=1)
    with open(tmp_path / "out.txt", "wb") as out:
        done = _alexnet("data", "--data", str(folder), stdout=out, env={"PYTHONIOENCODING": page})
        _, told = done.communicate(timeout=60)
    assert (done.returncode, told) == (0, b"")
    assert b"training images" in (tmp_path / "out.txt").read_bytes()
