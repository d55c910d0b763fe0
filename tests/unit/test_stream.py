"""Pictures that stay on the disk give the batches of those in memory, bit for bit."""

import io
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from alexnet_lib.data import stream as module
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.images import DataError
from alexnet_lib.data.sources import read_source
from alexnet_lib.data.stream import Streaming, open_stream
from alexnet_lib.paper.augment import Augmentation, pca_basis, pca_of_parts
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import RunFolder, final_test
from alexnet_lib.training.trainer import Trainer

HERE = Streaming(wanted=True, workers=0)
SLIM = {"widths": (8, 8, 8, 8, 8), "hidden_units": 16}  # of cifar, which has dropout
CONFIG = {"epochs": 3, "batch_size": 8, "validation_size": 6, "device": "cpu", "model": SLIM}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Pictures of many sizes and kinds: 24 to train on and 8 to test on, in two classes."""
    folder = tmp_path_factory.mktemp("stream") / "pictures"
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 12), ("val", 4)):
        for label in ("cat", "dog"):
            (folder / part / label).mkdir(parents=True)
            for index in range(count):
                shape = (40 + 7 * (index % 5), 36 + 5 * (index % 7), 3)
                pixels = torch.randint(256, shape, generator=generator).byte().numpy()
                end = ("png", "jpg", "bmp")[index % 3]
                Image.fromarray(pixels).save(folder / part / label / f"{index}.{end}")
    return folder


@pytest.fixture(scope="module")
def shards(tree, tmp_path_factory) -> Path:
    """The same pictures in three tars that share them without regard to part and class."""
    folder = tmp_path_factory.mktemp("shards") / "pictures"
    folder.mkdir()
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    for number in range(3):
        with tarfile.open(folder / f"{number}.tar", "w") as shard:
            for path in files[number::3]:
                shard.add(path, path.relative_to(tree).as_posix())
    return folder


@pytest.fixture(scope="module")
def by_part(tree, tmp_path_factory) -> Path:
    """A tar for each part, beside which its pictures count as lying."""
    folder = tmp_path_factory.mktemp("parts") / "pictures"
    for part in ("train", "val"):
        (folder / part).mkdir(parents=True)
        with tarfile.open(folder / part / "all.tar", "w") as shard:
            for path in sorted((tree / part).rglob("*.*")):
                shard.add(path, path.relative_to(tree / part).as_posix())
    return folder


def batches(examples, processes=1, rank=0):
    scale = Preprocessing.fit(examples, "centred")
    views = Augmentation(24, resize_to=32, colour="paper")
    return Batches(examples, 8, scale, views, seed=3, rank=rank, processes=processes)


def equal(one, other):
    pairs = list(zip(one, other, strict=True))
    return bool(pairs) and all(
        torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True)
    )


@pytest.mark.parametrize("place", ["tree", "shards", "by_part"])
@pytest.mark.parametrize("processes", [1, 2])
def test_streamed_batches_are_those_in_memory_bit_for_bit(request, place, processes):
    path = request.getfixturevalue(place)
    kept, streamed = read_source(path, side=48), open_stream(path, 48, how=HERE)
    assert streamed.classes == kept.classes and len(streamed.test) == 8
    for rank in range(processes):
        mine, other = (batches(data.train, processes, rank) for data in (streamed, kept))
        assert equal(mine.epoch(5), other.epoch(5)) and equal(mine.epoch(5, 1), other.epoch(5, 1))
        assert equal(mine.views("ten"), other.views("ten"))
        assert torch.equal(mine.preprocessing.mean, other.preprocessing.mean)


def test_all_three_places_hold_one_data_set(tree, shards, by_part):
    found = [read_source(path, side=48).train for path in (tree, shards, by_part)]
    assert all(torch.equal(one.images, found[0].images) for one in found)
    seals = [open_stream(path, 48, how=HERE).identity["seal"] for path in (tree, shards, by_part)]
    assert len(set(seals)) == 1


def test_shards_with_a_label_beside_each_picture_are_understood(tree, tmp_path):
    """As `webdataset` writes them: 7.png and 7.cls, in pets-train-0.tar and pets-val-0.tar."""
    for part in ("train", "val"):
        files = sorted((tree / part).rglob("*.*"))
        for number in range(2):
            with tarfile.open(tmp_path / f"pets-{part}-{number}.tar", "w") as shard:
                for key, path in enumerate(files[number::2]):
                    shard.add(path, f"{key}{path.suffix}")
                    label = path.parent.name.encode()
                    about = tarfile.TarInfo(f"{key}.cls")
                    about.size = len(label)
                    shard.addfile(about, io.BytesIO(label))
    kept, streamed = read_source(tmp_path, side=48), open_stream(tmp_path, 48, how=HERE)
    assert kept.classes == streamed.classes == ("cat", "dog")
    assert (len(streamed.train), len(streamed.test)) == (24, 8) and not kept.note.count("Passed")
    assert equal(batches(streamed.train).epoch(1), batches(kept.train).epoch(1))
    of_tree = read_source(tree, side=48).train
    for label in (0, 1):
        mine, theirs = (one.images[one.labels == label].flatten(1) for one in (kept.train, of_tree))
        assert sorted(map(bytes, mine.numpy())) == sorted(map(bytes, theirs.numpy()))


def test_what_is_measured_is_the_same(tree):
    kept, streamed = read_source(tree, side=48).train, open_stream(tree, 48, how=HERE).train
    basis, other = pca_basis(kept.images), pca_of_parts(streamed.parts())
    assert torch.equal(basis.eigenvectors, other.eigenvectors)
    mine, theirs = (Preprocessing.fit(part, "standardised") for part in (kept, streamed))
    assert torch.equal(mine.scale, theirs.scale)


def test_workers_hand_over_what_this_process_would(shards):
    alone, helped = (
        open_stream(shards, 48, how=Streaming(True, workers)).train for workers in (0, 2)
    )
    assert equal(batches(alone).epoch(0), batches(helped).epoch(0))


def fitted(data, folder=None, callbacks=(), **changes):
    config = TrainConfig.for_preset("cifar", **{**CONFIG, "precision": "float32", **changes})
    return Trainer(config, data, [*([folder] if folder else []), *callbacks])


class StopAt:
    """Presses stop at a step of the whole run."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        if trainer.steps_done == self.step:
            raise KeyboardInterrupt


def test_a_streamed_run_stopped_in_an_epoch_ends_as_the_one_in_memory(tree, tmp_path):
    """The epoch under way begins anew: that is the grain at which runs go on."""
    kept, streamed = read_source(tree, side=32), open_stream(tree, 32, how=HERE)
    whole = fitted(kept)
    whole.fit()
    stopped = fitted(streamed, RunFolder(tmp_path / "run"), [StopAt(5)])
    assert stopped.fit().interrupted and len(stopped.history) == 1
    folder = RunFolder(tmp_path / "run", resume=True)
    again = fitted(open_stream(tree, 32, how=HERE), folder)
    assert folder.restore(again, folder.read_state()) == []
    again.fit()
    assert again.history.step_loss == whole.history.step_loss
    weights = zip(again.model.parameters(), whole.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)
    tested = [final_test(run, data, lambda line: None) for run, data in
              ((again, streamed), (whole, kept))]  # fmt: skip
    assert tested[0]["test"] == tested[1]["test"]


def test_a_set_streams_where_it_would_fill_half_the_free_memory(tree, monkeypatch):
    decoded = 32 * 3 * 48**2
    for free, streams in ((2 * decoded + 1, False), (2 * decoded, True)):
        monkeypatch.setattr(module, "free_bytes", lambda free=free: free)
        data = load_cifar10(tree, side=48, report=lambda line: None, streaming=Streaming())
        assert ("skip" in data.identity) == streams
        assert ("Streamed from the disk" in data.banner) == streams
    kept = load_cifar10(tree, side=48, report=lambda line: None)
    assert "skip" not in kept.identity


def test_the_free_memory_is_some_part_of_the_machine():
    assert 1 << 20 < module.free_bytes() < 1 << 50


def spoilt(tree: Path, folder: Path, *names: str) -> Path:
    """A copy of the tree in which some pictures are cut in half."""
    for path in (path for path in tree.rglob("*") if path.is_file()):
        copy = folder / path.relative_to(tree)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        cut = path.relative_to(tree).as_posix() in names
        copy.write_bytes(content[: len(content) // 2] if cut else content)
    return folder


BAD = ("train/cat/3.png", "val/dog/1.jpg")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_read_stops_the_run_by_name(tree, tmp_path, workers):
    data = open_stream(spoilt(tree, tmp_path / "set", *BAD), 48, how=Streaming(True, workers))
    with pytest.raises(DataError, match=r"train/cat/3.png is not a readable image .*--skip N"):
        Preprocessing.fit(data.train)


def test_bad_pictures_are_left_out_where_that_is_asked_for(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    path = spoilt(tree, tmp_path / "set", *BAD)
    for _ in range(2):  # measured, then known
        data = open_stream(path, 48, how=Streaming(True, 0, skip=2))
        assert (len(data.train), len(data.test), data.identity["skip"]) == (23, 7, 2)
        assert "Left out, since they cannot be read: 2 (train/cat/3.png" in data.note
    with pytest.raises(DataError, match="2 of 32 pictures cannot be read, and 1 may be skipped"):
        open_stream(path, 48, how=Streaming(True, 0, skip=1))
    for name in BAD:
        (path / name).unlink()
    kept = read_source(path, side=48)
    assert equal(batches(data.train).epoch(2), batches(kept.train).epoch(2))


def test_a_cut_shard_is_named_before_training(shards, tmp_path):
    for path in shards.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    cut = tmp_path / "1.tar"
    cut.write_bytes(cut.read_bytes()[:-20_000])
    with pytest.raises(DataError, match=r"1\.tar cannot be read as a shard .*Fetch it again"):
        open_stream(tmp_path, 48, how=HERE)
    with pytest.raises(DataError, match=r"1\.tar cannot be read as a shard"):
        read_source(tmp_path, side=48)


def test_a_worker_that_dies_is_told_and_never_waited_for(tree, monkeypatch):
    data = open_stream(tree, 48, how=Streaming(True, 2))
    here, decode = os.getpid(), module.squared

    def dies(content, side):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(content, side)

    monkeypatch.setattr(module, "squared", dies)
    words = r"A process that decodes pictures has died .*Take fewer than 2 \(--workers\)"
    with pytest.raises(DataError, match=words):
        list(batches(data.train).epoch(0))


@pytest.mark.parametrize("end", [".tar.gz", ".zip"])
def test_what_cannot_be_streamed_is_refused_only_where_it_was_asked_for(tree, tmp_path, end):
    path = tmp_path / f"set{end}"
    if end == ".zip":
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            for file in tree.rglob("*.*"):
                archive.write(file, file.relative_to(tree))
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tree, ".")
    ask = {"side": 48, "report": lambda line: None}
    with pytest.raises(DataError, match="cannot be streamed; expected a tree of pictures"):
        load_cifar10(path, streaming=Streaming(wanted=True), **ask)
    assert "skip" not in load_cifar10(path, streaming=Streaming(), **ask).identity
    with pytest.raises(DataError, match="none are named; expected --data"):
        load_cifar10(named=False, streaming=Streaming(wanted=True))


def test_loose_pictures_count_before_a_tar_beside_them(tree, tmp_path):
    path = spoilt(tree, tmp_path / "set")
    with tarfile.open(path / "backup.tar", "w") as archive:
        archive.add(tree, "old")
    assert len(open_stream(path, 48, how=HERE).train) == 24 == len(read_source(path).train)


@pytest.mark.slow
def test_two_processes_stream_what_two_have_in_memory(shards, tmp_path):
    """`torchrun train.py --stream`, and without: the same losses and the same test."""
    root, found = Path(__file__).parents[2], []
    for how in ("--stream", "--no-stream"):
        run = tmp_path / how.strip("-")
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        words = ["--preset", "four-layer", "--epochs", "1", "--batch-size", "8", "--device", "cpu"]
        words += ["--data", shards, how, "--workers", "1", "--run-dir", run]
        command = [sys.executable, *start, root / "train.py", *words]
        home = {"ALEXNET_HOME": str(tmp_path / "home"), "ALEXNET_CACHE": str(tmp_path / "cache")}
        environ = {**os.environ, **home, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            list(map(str, command)), env=environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert ("Streamed from the disk" in done.stdout) == (how == "--stream")
        state = torch.load(run / "last.pt", weights_only=True)
        found.append((state["history"]["step_loss"], state["model"]["conv1.weight"]))
    assert found[0][0] == found[1][0] and torch.equal(found[0][1], found[1][1])
