"""Runs that are killed, or that meet in one folder (F10, F21, F25)."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from PIL import Image

from alexnet_lib.cli import main as cli
from alexnet_lib.cli import train as train_command
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.training.checkpoint import CheckpointError
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import RunFolder
from alexnet_lib.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
TRIALS = 20


def pictures(folder: Path) -> Path:
    generator = torch.Generator().manual_seed(21)
    for index in range(110):
        pixels = torch.randint(256, (32, 32, 3), generator=generator, dtype=torch.uint8)
        half = "train" if index < 90 else "test"
        path = folder / half / f"class{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(path)
    return folder


# One process imports all that a training needs, by training; each training is a fork of it that
# runs train.py itself.
KILLER = """
    import contextlib, os, runpy, signal, sys, time, torch
    import alexnet_lib.cli.main, alexnet_lib.course.figures.convolution
    import alexnet_lib.course.figures.style as style, alexnet_lib.course.figures.training
    from alexnet_lib.training.checkpoint import load_checkpoint, load_weights
    script, pictures, folder, trials = sys.argv[1:]
    torch.set_num_threads(1)
    style.save_png = lambda *_, **__: b"a picture"  # drawing takes most of a short run
    OPTIONS = ["--data", pictures, "--preset", "four-layer", "--epochs", "5", "--batch-size", "16",
               "--precision", "float32", "--device", "cpu"]

    def train(*arguments):
        sys.argv = [script, *arguments]
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as done:
            return done.code or 0
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}")
            return 9

    def begin(*arguments):
        child = os.fork()
        if child:
            return child
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(train(*arguments))

    def end(child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def weights(run):
        state = load_checkpoint(f"{run}/last.pt")
        kept = [*state["model"].values(), *load_weights(f"{run}/best.safetensors")[0].values()]
        kept += [entry["velocity"] for entry in state["optimizer"]["state"].values()]
        return kept, {**state["history"], "elapsed_s": None}

    whole = f"{folder}/whole"
    with contextlib.redirect_stdout(None):
        train(*OPTIONS, "--run-dir", f"{folder}/warm")
    started = time.monotonic()
    assert end(begin(*OPTIONS, "--run-dir", whole)) == 0
    span = time.monotonic() - started
    expected, history = weights(whole)
    moments = torch.rand(int(trials), generator=torch.Generator().manual_seed(20))
    for number, moment in enumerate(moments.tolist()):
        run = f"{folder}/run{number}"
        child = begin(*OPTIONS, "--run-dir", run)
        time.sleep(moment * span)
        os.kill(child, signal.SIGKILL)
        killed = end(child) == -signal.SIGKILL
        kept = os.path.exists(f"{run}/last.pt")
        again = ["--resume", run, "--data", pictures] if kept else [*OPTIONS, "--run-dir", run]
        assert end(begin(*again)) == 0, (number, moment, again)
        found, told = weights(run)
        same = told == history and len(found) == len(expected)
        same = same and all(map(torch.equal, found, expected))
        print("same" if same else "other", "killed" if killed else "late", "resumed" * kept)
    two = [begin(*OPTIONS, "--run-dir", f"{folder}/shared") for _ in range(2)]
    print("two", *sorted(map(end, two)))
    found, told = weights(f"{folder}/shared")
    print("unmixed", told == history and all(map(torch.equal, found, expected)))
"""


@pytest.mark.slow(seconds=60)
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")
def test_f21_train_killed_at_random_moments_and_resumed_ends_with_the_same_bits(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(KILLER), ROOT / "train.py"]
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "ALEXNET_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [*map(str, command), str(pictures(tmp_path / "pictures")), str(tmp_path), str(TRIALS)],
        env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    *trials, two, unmixed = [line.split() for line in done.stdout.splitlines()]
    assert [words[0] for words in trials] == ["same"] * TRIALS, done.stdout
    assert sum("killed" in words for words in trials) >= TRIALS // 2, done.stdout
    assert sum("resumed" in words for words in trials) >= TRIALS // 4, done.stdout
    assert two == ["two", "0", "2"] and unmixed == ["unmixed", "True"], done.stdout + done.stderr


def test_f10_a_folder_in_which_only_the_first_save_was_begun_can_be_used_again(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".last.pt.x1y2.alexnet-tmp").write_bytes(b"half a file")
    assert len(small_trainer([RunFolder(tmp_path / "run")]).fit()) == 1
    assert not list((tmp_path / "run").glob(".*-tmp"))


def small_trainer(callbacks=()):
    small = {"widths": (4, 4, 4), "input_size": 12, "resize_to": 12}
    config = TrainConfig.for_preset(
        "four-layer", model=small, epochs=1, batch_size=10, validation_size=10, device="cpu",
        precision="float32",
    )  # fmt: skip
    return Trainer(config, synthetic_images(40, 20), callbacks)


class OnceInTheFirstStep:
    """Does something in the middle of another training."""

    def __init__(self, act):
        self.act = act

    def on_step(self, trainer):
        if len(trainer.history.step_loss) == 1:
            self.act()


def test_f21_two_trainings_into_one_folder_do_not_mix(tmp_path):
    run = tmp_path / "run"
    early = RunFolder(run)  # both have found it empty
    refused = []

    def meddle():
        for make in (lambda: RunFolder(run), lambda: early, lambda: RunFolder(run, resume=True)):
            with pytest.raises(CheckpointError, match="runs never mix") as caught:
                small_trainer([make()]).fit()
            refused.append(str(caught.value))

    first = small_trainer([RunFolder(run), OnceInTheFirstStep(meddle)])
    first.fit()
    assert len(refused) == 3 and "Another training is writing into" in refused[2]
    state = RunFolder(run, resume=True).read_state()
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(state["model"][name], tensor)
    assert len((run / "log.jsonl").read_text().splitlines()) == 1
    with pytest.raises(CheckpointError, match="is not empty"):
        small_trainer([early]).fit()  # the folder is free again, but not empty any more
    resumed = RunFolder(run, resume=True)
    assert small_trainer([resumed]).fit()


def test_f25_resume_with_another_config_shows_every_difference(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    monkeypatch.setattr(train_command, "load_cifar10", lambda *_, **__: synthetic_images(60, 20))
    few = ["--preset", "four-layer", "--limit-train", "30", "--batch-size", "10", "--epochs", "1"]
    few += ["--device", "cpu", "--precision", "float32"]
    assert cli.main(["train", *few, "--name", "first"]) == 0
    capsys.readouterr()
    changed = ["--lr", "0.5", "--batch-size", "20", "--schedule", "constant"]
    assert cli.main(["train", "--resume", "first", *changed]) == 2
    said = capsys.readouterr().err
    for words in ("lr: 0.003 -> 0.5", "batch_size: 10 -> 20", "schedule: 'fixed' -> 'constant'"):
        assert words in said
    assert "--override" in said and "epochs" not in said
    again = ["train", "--resume", "first", "--lr", "0.001", "--epochs", "2", "--override"]
    assert cli.main(again) == 0
    report = json.loads((tmp_path / "runs" / "first" / "report.json").read_text())
    assert report["overrides"] == ["epochs: 1 -> 2", "lr: 0.003 -> 0.001"]
