"""Several processes train as one: same order, same views, the mean of their gradients."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook

from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import Examples
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.training import team as module
from alexnet_lib.training.checkpoint import load_checkpoint
from alexnet_lib.training.evaluation import evaluate, merged
from alexnet_lib.training.team import Team, joined_team

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("team_worker.py")
SMALL = ("--preset", "four-layer", "--limit-train", "60", "--batch-size", "20", "--device", "cpu")


def torchrun(folder: Path, *arguments: object, processes: int = 2) -> subprocess.CompletedProcess:
    """Run processes to their end as `torchrun` does."""
    with started(folder, *arguments, processes=processes) as run:
        words, errors = run.communicate(timeout=240)
    return subprocess.CompletedProcess(run.args, run.returncode, words, errors)


def started(folder: Path, *arguments: object, processes: int = 2) -> subprocess.Popen:
    """Start processes, each with one thread; all with a home of their own and no network."""
    start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    home = {"ALEXNET_HOME": str(folder / "home"), "ALEXNET_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    environ = {k: v for k, v in os.environ.items() if k != "ALEXNET_DATA"}
    return subprocess.Popen(
        [sys.executable, *(start if processes > 1 else []), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environ, **home, "OMP_NUM_THREADS": "1"},
        cwd=folder,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[int, dict]:
    """The same training by one process, and by two; what they print is kept too."""
    folder, found = tmp_path_factory.mktemp("team"), {}
    for processes in (1, 2):
        path = folder / f"{processes}.pt"
        done = torchrun(folder, WORKER, path, processes=processes)
        assert done.returncode == 0, done.stderr
        found[processes] = {**torch.load(path, weights_only=True), "words": done.stdout}
    return found


def test_two_processes_end_with_the_weights_of_one(runs):
    one, two = runs[1], runs[2]
    torch.testing.assert_close(two["weights"], one["weights"], rtol=1e-4, atol=1e-6)
    assert len(two["history"]["step_loss"]) == 16
    for name in ("step_loss", "train_loss", "train_error", "validation_loss", "validation_error"):
        assert two["history"][name] == pytest.approx(one["history"][name], rel=1e-4), name


def test_two_processes_test_as_one(runs):
    (error, count, confusion), alone = runs[2]["test"], runs[1]["test"]
    assert count == alone[1] == 60
    assert torch.equal(confusion, alone[2])
    assert error == pytest.approx(1 - confusion.diagonal().sum().item() / 60)


def test_what_the_leader_decides_holds_for_all(runs):
    assert runs[2]["from the leader"] == [0, 0]


def test_only_the_leader_speaks(runs):
    assert runs[2]["words"].count("speaks") == 1
    assert "process 0 speaks" in runs[2]["words"]


def test_each_process_drops_units_of_its_own(runs):
    first, second = runs[2]["dropout"]
    assert torch.equal(first, runs[1]["dropout"][0])
    assert not torch.equal(first, second)


def test_torchrun_leaves_one_run_that_one_process_can_continue(tmp_path):
    """`torchrun train.py` on a folder of pictures by class, then `python train.py --resume`."""
    pictures, run = folder_of_pictures(tmp_path / "pictures"), tmp_path / "run"
    train = (ROOT / "train.py", *SMALL, "--data", pictures, "--epochs", 1)
    done = torchrun(tmp_path, *train, "--run-dir", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch   1/1") == 1
    assert "2 processes, each with 10 images of every batch" in done.stdout
    report = json.loads((run / "report.json").read_text())
    assert report["processes"] == 2
    assert report["test"]["ten"]["count"] == 20

    more = ("--resume", run, "--epochs", 2, "--override")
    done = torchrun(tmp_path, ROOT / "train.py", *more, "--data", pictures, processes=1)
    assert done.returncode == 0, done.stderr
    assert "Not exact to the bit any more: processes was 2, is 1." in done.stdout
    assert json.loads((run / "report.json").read_text())["epochs_done"] == 2


def test_ctrl_c_stops_all_processes_and_keeps_whole_epochs(tmp_path):
    pictures, run = folder_of_pictures(tmp_path / "pictures"), tmp_path / "run"
    train = (ROOT / "train.py", *SMALL, "--data", pictures, "--epochs", 2000, "--run-dir", run)
    with started(tmp_path, *train) as both:
        for line in both.stdout:
            if "epoch   2/2000" in line:
                both.send_signal(signal.SIGINT)
                break
        words, _ = both.communicate(timeout=120)
    assert f"Continue: torchrun --nproc-per-node 2 train.py --resume {run}" in words
    assert len(load_checkpoint(run / "last.pt")["history"]["lr"]) >= 2


def folder_of_pictures(path: Path) -> Path:
    """Pictures of 40 × 50 pixels in two classes, 40 to train and 10 to test in each."""
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 40), ("test", 10)):
        for name in ("cat", "dog"):
            (path / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = torch.randint(256, (40, 50, 3), generator=generator).byte().numpy()
                Image.fromarray(pixels).save(path / part / name / f"{index}.png")
    return path


def test_a_batch_that_cannot_be_shared_is_told_before_training(tmp_path):
    done = torchrun(tmp_path, ROOT / "train.py", *SMALL, "--batch-size", 25, "--epochs", 1)
    assert done.returncode != 0
    assert "batch_size is 25" in done.stderr and "expected a multiple of 2" in done.stderr


PIXELS = torch.randint(256, (23, 3, 12, 12), generator=torch.Generator().manual_seed(1)).byte()
EXAMPLES = Examples(PIXELS, torch.arange(23) % 5)


def shares(processes: int, batch_size: int = 6) -> list[Batches]:
    """The batches of each process of a team, with all of the paper's noise."""
    noisy = Augmentation(9, colour="paper")
    return [
        Batches(
            EXAMPLES, batch_size, Preprocessing.fit(EXAMPLES), noisy, rank=rank, processes=processes
        )
        for rank in range(processes)
    ]


@pytest.mark.parametrize("processes", [2, 3])
def test_shares_of_a_batch_make_up_the_batch(processes):
    (whole,), parts = shares(1), shares(processes)
    epochs = [list(part.epoch(3)) for part in parts]
    assert {len(epoch) for epoch in epochs} == {len(part) for part in parts} == {len(whole)}
    for (x, y), *shared in zip(whole.epoch(3), *epochs, strict=True):
        sizes = {len(labels) for _, labels in shared}
        assert len(sizes) == 1, "a mean of means needs equal shares"
        count = sizes.pop() * processes
        assert len(y) - processes < count <= len(y)
        for rank, (views, labels) in enumerate(shared):
            assert torch.equal(views, x[rank:count:processes])
            assert torch.equal(labels, y[rank:count:processes])


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("views", ["center", "ten"])
def test_every_test_image_is_seen_by_one_process(processes, views):
    (whole,), parts = shares(1), shares(processes)
    x = torch.cat([x for x, _ in whole.views(views)], dim=1)
    for rank, part in enumerate(parts):
        mine = torch.cat([x for x, _ in part.views(views)], dim=1)
        assert torch.equal(mine, x[:, rank::processes])


@pytest.mark.parametrize(
    ("batch_size", "rank", "processes", "words"),
    [
        (7, 0, 2, "batch_size is 7.*expected a multiple of 2"),
        (48, 0, 24, "of 23 images, which 24 processes cannot share"),
        (6, 2, 2, r"rank is 2; expected one of \(0, 1\)"),
        (6, 0, 0, "processes is 0; expected a whole number of at least 1"),
    ],
)
def test_shares_that_make_no_sense_are_refused(batch_size, rank, processes, words):
    scale = Preprocessing.fit(EXAMPLES)
    with pytest.raises(ValueError, match=words):
        Batches(EXAMPLES, batch_size, scale, Augmentation(9), rank=rank, processes=processes)


def test_evaluations_of_parts_join_to_that_of_all():
    data = synthetic_images(50, 31)
    model, scale = build_model("four-layer", init="torch"), Preprocessing.fit(data.train)
    parts = [
        evaluate(model, Batches(data.test, 6, scale, Augmentation(32), rank=r, processes=3))
        for r in range(3)
    ]
    whole = evaluate(model, Batches(data.test, 6, scale, Augmentation(32)))
    joined = merged(parts)
    assert joined.count == 31
    assert torch.equal(joined.confusion, whole.confusion)
    assert torch.equal(joined.correct, whole.correct)
    for name in ("top1_error", "top5_error", "loss"):
        assert getattr(joined, name) == pytest.approx(getattr(whole, name), rel=1e-5)
    assert merged([whole]) is whole


@pytest.mark.parametrize("compress", [False, True])
def test_gradients_travel_as_bfloat16_where_that_is_asked_for(monkeypatch, compress):
    hooks = []

    class Shared(torch.nn.Module):
        def __init__(self, model):
            super().__init__()

        def register_comm_hook(self, state, hook):
            hooks.append((state, hook))

    monkeypatch.setattr(module, "DistributedDataParallel", Shared)
    Team(0, 2, compress).wrap(torch.nn.Linear(2, 2))
    assert hooks == ([(None, bf16_compress_hook)] if compress else [])


def test_without_torchrun_a_process_is_a_team_of_its_own(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_team() as team, team.leader_first():
        assert team == Team(0, 1) and team.leads
        assert team.gather("a") == ["a"] and team.from_leader(lambda: "b") == "b"


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(module.torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(ValueError, match=r"more than 1; expected at most the 1 GPU of"),
        joined_team(),
    ):
        pass
