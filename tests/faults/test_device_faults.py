"""Memory, devices, worker processes and seeds (F32–F35)."""

import ast
import gc
import pickle
import weakref
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset
from workers import augmented_in_a_worker

from alexnet_lib.cli import main as cli
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.paper.augment import Augmentation, ViewTable, pca_basis
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.device import pick_device
from alexnet_lib.training.history import OutOfMemoryError
from alexnet_lib.training.run import RunFolder
from alexnet_lib.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
SMALL = {"widths": (8, 8, 16), "input_size": 16, "resize_to": 16}


@pytest.fixture(scope="module")
def data():
    return synthetic_images(train=60, test=20)


def trainer(data, callbacks=(), **changes):
    settings = {"epochs": 1, "batch_size": 20, "validation_size": 20, "model": SMALL}
    settings |= {"device": "cpu", "precision": "float32", **changes}
    config = TrainConfig.for_preset("four-layer", **settings)
    return Trainer(config, data, callbacks)


class Crowded:
    """What a layer does that has room for a few images only."""

    def __init__(self, room):
        self.room, self.held = room, None

    def __call__(self, x):
        kept = x + 0.0
        self.held = weakref.ref(kept)
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0")
        return kept


class CrowdedFromTheStart:
    """Fills the memory once the run's first state is saved, which a changed network never is."""

    def __init__(self, crowded):
        self.crowded = crowded

    def on_fit_start(self, trainer):
        trainer.model.act3.forward = self.crowded


def test_f32_out_of_memory_frees_the_batch_and_a_smaller_run_works(data, tmp_path):
    crowded = Crowded(room=10)
    full = trainer(data, [RunFolder(tmp_path / "run"), CrowdedFromTheStart(crowded)])
    gc.disable()  # what is free only after a collection is not free when it is needed
    try:
        with pytest.raises(OutOfMemoryError) as caught:
            full.fit()
        assert crowded.held() is None
    finally:
        gc.enable()
    message, error = str(caught.value), caught.value
    for part in ("epoch 1", "20 images of 16 pixels", "CUDA out of memory)", "batch_size=10"):
        assert part in message
    assert "last.pt" in message and "Tried" not in message
    assert error.__context__ is None and error.__cause__ is None
    assert all(p.grad is None for p in full.model.parameters())
    smaller = trainer(data, batch_size=10)
    smaller.model.act3.forward = Crowded(room=20)
    assert len(smaller.fit()) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_f32_a_gpu_that_is_really_full_serves_a_smaller_run_afterwards(data):
    whole = {"model": {}, "device": "cuda", "train_limit": 40}
    begin = torch.cuda.memory_allocated()
    run = trainer(data, batch_size=40, **whole)
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        with pytest.raises(OutOfMemoryError, match="batch_size=20"):
            run.fit()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    del run
    assert torch.cuda.memory_allocated() - begin < 50e6
    assert len(trainer(data, batch_size=20, **whole).fit()) == 1


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_f33_an_absent_device_is_refused_in_words(no_gpu, data, capsys, name):
    with pytest.raises(ValueError, match=f"device is '{name}', but torch .* finds only cpu"):
        trainer(data, device=name)
    assert cli.main(["train", "--preset", "four-layer", "--epochs", "1", "--device", name]) == 2
    said = capsys.readouterr().err
    assert "Use `auto`" in said and "Traceback" not in said


def test_f33_auto_falls_back_and_the_run_says_where_it_is(no_gpu, data):
    assert pick_device("auto").type == "cpu"
    run = trainer(data, device="auto")
    assert run.environment()["device"] == "cpu" and run.config.device == "cpu"


class WhatMpsLacks(TorchDispatchMode):
    """Notes every operation that MPS has not: float64 results, adaptive pools."""

    def __init__(self):
        super().__init__()
        self.found, self.seen = set(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.seen += 1
        results = result if isinstance(result, tuple | list) else (result,)
        doubles = [x for x in results if isinstance(x, torch.Tensor) and x.dtype == torch.float64]
        if doubles or "adaptive" in str(function):
            self.found.add(str(function))
        return result


@pytest.mark.parametrize("preset", ["cifar", "source2012", "four-layer", "conv-local", "plain"])
def test_f33_training_and_testing_use_nothing_that_mps_lacks(data, preset):
    changes = {} if preset in ("four-layer", "conv-local") else {"hidden_units": 16}
    if changes:
        changes["widths"] = (8, 8, 8, 8, 8)
    config = TrainConfig.for_preset(
        preset, model=changes, batch_size=4, train_limit=24, validation_size=2, epochs=1,
        device="cpu", precision="float32",
    )  # fmt: skip
    run = Trainer(config, data)
    x, y = next(iter(run.batches.epoch(0)))
    with WhatMpsLacks() as watch:
        run.step(x, y)
        run.model.eval()(x)
        views, _ = next(run.validation.views("ten"))
    assert watch.seen > 50 and len(views) == 10
    assert watch.found == set()


@pytest.fixture(scope="module")
def recipe(data):
    """Everything that a worker process would need to make a batch."""
    augmentation = Augmentation(crop_size=24, colour="source2012", offsets="source2012")
    table = ViewTable.draw(len(data.train), seed=3, epoch=5)
    return data.train, augmentation, table, pca_basis(data.train.images)


class InWorkers(Dataset):
    """The package's images and views as torch's DataLoader takes them."""

    def __init__(self, recipe):
        self.recipe = recipe

    def __len__(self):
        return len(self.recipe[0])

    def __getitem__(self, index):
        return augmented_in_a_worker(self.recipe, torch.tensor([index]))[0]


def test_f34_everything_that_makes_a_batch_can_be_sent_to_a_worker(recipe, data):
    preprocessing = Preprocessing.fit(data.train)
    batches = Batches(data.train, 8, preprocessing, recipe[1], basis=recipe[3])
    for thing in (data, *recipe, preprocessing, batches):
        assert type(pickle.loads(pickle.dumps(thing))) is type(thing)
    again = pickle.loads(pickle.dumps(batches))
    for (x, y), (other_x, other_y) in zip(batches.epoch(2), again.epoch(2), strict=True):
        assert torch.equal(x, other_x) and torch.equal(y, other_y)


@pytest.mark.slow
def test_f34_f35_spawned_workers_make_the_same_views_as_none(recipe):
    ids = torch.arange(12)
    own = augmented_in_a_worker(recipe, ids)
    for workers in (0, 1, 2):
        how = {"multiprocessing_context": "spawn"} if workers else {}
        loader = DataLoader(InWorkers(recipe), batch_size=5, num_workers=workers, **how)
        assert torch.equal(torch.cat(list(loader))[:12], own)


def test_f34_nothing_that_is_trained_in_memory_or_taught_starts_a_worker(capsys):
    """No worker can die, run out of shared memory or fail to start where there is none.

    Only pictures that do not fit into memory have workers, and the usual recipe that bench times.
    """
    starts = {"DataLoader", "multiprocessing", "concurrent", "ProcessPoolExecutor"}
    for path in sorted((ROOT / "alexnet_lib").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(tree)}
        if path.name not in ("bench_plain.py", "stream.py"):
            assert not names & starts, path
        if path.name != "stream.py":  # bench leaves its loader at the default, 0
            assert "num_workers" not in path.read_text(encoding="utf-8"), path
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "num_workers" not in text and "DataLoader(" not in text, path
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert "no worker processes" in " ".join(capsys.readouterr().out.split())


def views_of(data, batch_size=8, seed=3, shuffle=True, epoch=1):
    """Each image's view and the order of one epoch."""
    scale, augmentation = Preprocessing.fit(data.train), Augmentation(24, colour="paper")
    batches = Batches(
        data.train, batch_size, scale, augmentation, seed=seed, shuffle=shuffle,
        basis=pca_basis(data.train.images),
    )  # fmt: skip
    order = batches.order(epoch)
    x = torch.cat([x for x, _ in batches.epoch(epoch)])
    return order, x[order.argsort()]


def test_f35_the_same_seed_gives_the_same_batches_whatever_else_is_drawn(data):
    numpy = pytest.importorskip("numpy", reason="NumPy is not installed")
    order, views = views_of(data)
    numpy.random.seed(1), torch.manual_seed(99), torch.rand(7)
    again = views_of(data)
    assert torch.equal(order, again[0]) and torch.equal(views, again[1])
    for changes in ({"batch_size": 60}, {"batch_size": 7}, {"shuffle": False}):
        assert torch.equal(views_of(data, **changes)[1], views)
    for changes in ({"seed": 4}, {"epoch": 2}):
        other = views_of(data, **changes)
        assert not torch.equal(other[0], order) and not torch.equal(other[1], views)


def test_f35_the_same_seed_trains_the_same_network_twice(data):
    first, second = trainer(data, epochs=2), trainer(data, epochs=2)
    first.fit()
    torch.rand(3)
    second.fit()
    for mine, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert first.history.step_loss == second.history.step_loss
