"""The order in which CIFAR-10 is looked for, and what is said about it."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from alexnet_lib.course.widgets import lesson
from alexnet_lib.data import cifar10
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.images import CIFAR10_CLASSES, DataError
from alexnet_lib.data.synthetic import synthetic_images


@pytest.fixture(autouse=True)
def few_synthetic(monkeypatch):
    monkeypatch.setattr(cifar10, "synthetic_images", lambda: synthetic_images(10, 10))


@pytest.fixture
def load(home, small):
    """Load with the small archive as the official one; return the data and the messages."""

    def run(source=None, **options):
        messages = []
        data = load_cifar10(source, report=messages.append, archive=small[0], **options)
        return data, messages

    return run


def put_batches(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_an_explicit_source_comes_first(load, small, tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_DATA", str(tmp_path / "absent"))
    source = put_batches(tmp_path / "mine", small[2])
    assert load(source)[0].name == "CIFAR-10"
    assert load(str(source))[1][-1].startswith("Data: CIFAR-10, 40 training")


def test_a_share_of_cifar_10_or_of_the_stand_in_is_refused(load, small, tmp_path, monkeypatch):
    """They have their test sets; the share would have been recorded and not held out."""
    with pytest.raises(DataError, match="mine is CIFAR-10, which has a test set; leave the share"):
        load(put_batches(tmp_path / "mine", small[2]), share=0.2)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    with pytest.raises(DataError, match=r"none are named; .* Name a folder with --data"):
        load(share=0.2, download=False)


def test_alexnet_data_comes_before_the_data_folder(load, small, tmp_path, home, monkeypatch):
    (home / "data" / small[0].file_name).write_bytes(b"damaged")
    monkeypatch.setenv("ALEXNET_DATA", str(put_batches(tmp_path / "mine", small[2])))
    data, messages = load()
    assert data.name == "CIFAR-10"
    assert len(messages) == 1


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_an_explicit_source_is_never_replaced(load, tmp_path, monkeypatch, how):
    nowhere = tmp_path / "nowhere"
    if how == "environment":
        monkeypatch.setenv("ALEXNET_DATA", str(nowhere))
    with pytest.raises(DataError, match="nowhere does not exist; expected the folder cifar-10-"):
        load(nowhere if how == "argument" else None)


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_the_data_folder_is_used(load, small, home, form):
    archive, content, files = small
    if form == "archive":
        (home / "data" / archive.file_name).write_bytes(content)
    else:
        put_batches(home / "data" / "cifar-10-batches-py", files)
    first, _ = load(download=False)
    second, _ = load(download=False)
    assert first.name == second.name == "CIFAR-10"
    assert first.classes == CIFAR10_CLASSES
    assert torch.equal(first.train.images, second.train.images)
    assert len(list((home / "data" / "cache").glob("*.safetensors"))) == 1


def test_a_changed_source_is_read_anew(load, small, tmp_path):
    source = put_batches(tmp_path / "mine", small[2])
    load(source)
    (source / "test_batch").write_bytes(b"changed")
    with pytest.raises(DataError, match="test_batch is damaged"):
        load(source)


def test_f09_offline_without_data_gives_the_announced_stand_in(load, monkeypatch):
    monkeypatch.setenv("ALEXNET_OFFLINE", "1")
    data, messages = load()
    assert data.is_synthetic
    assert data.name == "synthetic stand-in"
    assert len(messages) == 1
    assert "SYNTHETIC STAND-IN" in messages[0]


def test_f09_the_stand_in_can_be_refused(load, monkeypatch):
    monkeypatch.setenv("ALEXNET_OFFLINE", "1")
    with pytest.raises(DataError, match=r"no CIFAR-10 in .*data; expected .*ALEXNET_DATA"):
        load(allow_synthetic=False)


def test_after_class_folders_were_swapped_the_cache_is_not_served(load, tmp_path):
    for part in ("train", "test"):
        for shade, name in enumerate(("cat", "dog")):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            Image.new("RGB", (32, 32), (100 * shade, 0, 0)).save(folder / "1.png")
    before, _ = load(tmp_path / "pets")
    cats, dogs, aside = (tmp_path / "pets/train" / name for name in ("cat", "dog", "aside"))
    cats.rename(aside), dogs.rename(cats), aside.rename(dogs)
    after, _ = load(tmp_path / "pets")
    assert before.train.images[:, 0, 0, 0].tolist() == [0, 100]
    assert after.train.images[:, 0, 0, 0].tolist() == [100, 0]
    assert after.source == str(tmp_path / "pets")


def test_lessons_say_what_own_pictures_lack_and_go_on_without_them(home, tmp_path, monkeypatch):
    for shade, place in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (tmp_path / "pets" / place).mkdir(parents=True)
        Image.new("RGB", (32, 32), (shade, 7, 9)).save(tmp_path / "pets" / place / "1.png")
    monkeypatch.setenv("ALEXNET_DATA", str(tmp_path / "pets"))
    monkeypatch.setenv("ALEXNET_OFFLINE", "1")
    said = []
    monkeypatch.setattr(lesson, "note", lambda _: SimpleNamespace(say=said.append))
    data = lesson.Start(SimpleNamespace()).data
    assert data.is_synthetic and said[-1].startswith("The lessons need at least 10 classes, 14,000")
    assert "images from pets are 2 classes, 2 training pictures, 2 test pictures. It" in said[-1]
    assert said[-1].splitlines()[1].startswith("This is a SYNTHETIC STAND-IN")
    enough = SimpleNamespace(num_classes=10, train=range(14_000), test=range(2_000))
    assert lesson.lacks(enough) == ""


def test_lessons_go_on_without_pictures_that_they_cannot_read(home, tmp_path, monkeypatch):
    """Folders of classes alone failed every later cell of a lesson."""
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / "pets" / name / "1.png")
    monkeypatch.setenv("ALEXNET_DATA", str(tmp_path / "pets"))
    monkeypatch.setenv("ALEXNET_OFFLINE", "1")
    said = []
    monkeypatch.setattr(lesson, "note", lambda _: SimpleNamespace(say=said.append))
    assert lesson.Start(SimpleNamespace()).data.is_synthetic
    first, second = said[-1].splitlines()
    assert "no train/" in first and "The lessons need at least 10 classes, 14,000" in first
    assert second.startswith("This is a SYNTHETIC STAND-IN")


def test_a_relative_alexnet_data_means_the_same_from_a_notebooks_folder(
    load, small, home, tmp_path, monkeypatch
):
    put_batches(home / "mine", small[2])
    monkeypatch.setenv("ALEXNET_DATA", "mine")
    for folder in (home, tmp_path, home / "data"):
        monkeypatch.chdir(folder)
        assert load()[0].source == str(home / "mine")
