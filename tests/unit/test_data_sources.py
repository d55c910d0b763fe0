"""One data set in many containers; names by what was found; refusals in words."""

import io
import zipfile

import numpy
import pytest
import torch
from datafiles import batch_pixels, tar_of
from PIL import Image

from alexnet_lib.data import pictures
from alexnet_lib.data.images import CIFAR10_CLASSES, DataError
from alexnet_lib.data.sources import fingerprint, read_source


def picture(seed: int, kind: str = "JPEG", size: tuple[int, int] = (32, 32)) -> bytes:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (size[1], size[0], 3), generator=generator, dtype=torch.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(buffer, kind)
    return buffer.getvalue()


def tree(classes=CIFAR10_CLASSES, kind: str = "JPEG", size=(32, 32)) -> dict[str, bytes]:
    end = {"JPEG": "jpg", "PNG": "png"}[kind]
    return {
        f"{part}/{name}/{i}.{end}": picture(i + 10 * at + 500 * (part == "test"), kind, size)
        for part, count in (("train", 2), ("test", 1))
        for at, name in enumerate(classes)
        for i in range(count)
    }


def pets(tested="test", size=(96, 64)):
    files = {f"train/{name}/{i}.jpg": picture(i, size=size) for name in "ab" for i in range(2)}
    return files | {f"{tested}/{name}/x.jpg": picture(9, size=size) for name in "ab"}


def put(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zip_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("prefix", ["", "./", "some-folder/"])
def test_tar_equals_folder(tmp_path, mode, prefix):
    files = tree()
    folder = read_source(put(tmp_path / "folder", files))
    shuffled = dict(sorted(files.items(), key=lambda item: hash(item[1])))  # any order inside
    (tmp_path / "a.tar").write_bytes(tar_of({prefix + n: d for n, d in shuffled.items()}, mode))
    tar = read_source(tmp_path / "a.tar")
    assert (tar.name, folder.name) == ("images from a.tar", "images from folder")
    assert torch.equal(tar.train.images, folder.train.images)
    assert torch.equal(tar.test.labels, folder.test.labels)
    assert (len(tar.train), len(tar.test)) == (20, 10)


def test_zip_and_nested_folder_equal_folder(tmp_path):
    files = tree()
    (tmp_path / "a.zip").write_bytes(zip_of(files))
    nested = read_source(put(tmp_path / "outer" / "inner", files).parent)
    assert torch.equal(read_source(tmp_path / "a.zip").train.images, nested.train.images)


def test_pixels_and_labels_are_those_of_the_files(tmp_path):
    files = tree(("cat", "dog"), "PNG")
    data = read_source(put(tmp_path / "pets", files))
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    with Image.open(io.BytesIO(files["train/dog/1.png"])) as image:
        expected = torch.from_numpy(numpy.asarray(image).copy()).permute(2, 0, 1)
    assert torch.equal(data.train.images[3], expected)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (tree(), "CIFAR-10 (JPEG copy)"),
        (tree(kind="PNG"), "images from here"),
        (tree(size=(40, 40)), "images from here"),
        (tree(("cat", "dog")), "images from here"),
    ],
)
def test_the_name_says_what_was_found(tmp_path, monkeypatch, files, name):
    monkeypatch.setattr(pictures, "WHOLE_CIFAR10", 30)
    assert read_source(put(tmp_path / "here", files)).name == name


def test_a_few_pictures_are_not_called_a_copy_of_60_000(tmp_path):
    assert read_source(put(tmp_path / "here", tree())).name == "images from here"


def test_other_sizes_are_scaled_and_cropped_and_it_is_said(tmp_path):
    wide = Image.new("RGB", (96, 64), (0, 0, 255))
    wide.paste((255, 0, 0), (16, 0, 80, 64))  # the central square is red
    buffer = io.BytesIO()
    wide.save(buffer, "PNG")
    files = {
        f"{part}/{name}/x.png": buffer.getvalue() for part in ("train", "test") for name in "ab"
    }
    data = read_source(put(tmp_path / "wide", files))
    assert data.train.images.shape == (2, 3, 32, 32)
    red, green, blue = data.train.images[0].float().mean((1, 2)).tolist()
    assert red > 250 > 5 > max(green, blue)
    assert "shorter side" in data.banner


def test_larger_pictures_keep_as_many_pixels_as_are_asked_for(tmp_path):
    data = read_source(put(tmp_path / "pets", pets()), side=48)
    assert data.train.images.shape == (4, 3, 48, 48)
    assert data.note == "Scaled to 48 pixels (shorter side), centre kept."
    whole = Image.open(io.BytesIO(picture(0, size=(96, 64)))).resize((72, 48), 2)
    centre = torch.from_numpy(numpy.asarray(whole)[:, 12:60].copy()).permute(2, 0, 1)
    assert (data.train.images[0].float() - centre.float()).abs().mean() < 2  # of 255


def test_pictures_stand_as_the_camera_was_held(tmp_path):
    turned, buffer = Image.new("RGB", (96, 64), (0, 0, 255)), io.BytesIO()
    turned.paste((255, 0, 0), (0, 0, 48, 64))  # its left half, the upper one when upright
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(buffer, "JPEG", exif=exif)
    put(tmp_path / "a", dict.fromkeys(["train/a/1.jpg", "train/b/2.jpg"], buffer.getvalue()))
    put(tmp_path / "a", {f"test/{name}/x.jpg": picture(1) for name in "ab"})
    image = read_source(tmp_path / "a", side=48).train.images[0]
    assert image[0, 4].float().mean() > 250 > 5 > image[0, -4].float().mean()


def test_pictures_of_cifar_10s_size_are_never_enlarged_on_the_disk(tmp_path):
    files = tree(("cat", "dog"))
    put(tmp_path / "a", files)
    small, large = (read_source(tmp_path / "a", side=side) for side in (32, 256))
    assert torch.equal(small.train.images, large.train.images) and large.note == ""
    put(tmp_path / "a", {"test/dog/large.jpg": picture(1, size=(300, 260))})
    assert read_source(tmp_path / "a", side=64).train.images.shape[2:] == (64, 64)


def test_val_serves_as_test_where_there_is_no_test(tmp_path):
    put(tmp_path / "a", pets("val"))
    assert read_source(tmp_path / "a").test.labels.tolist() == [0, 1]
    put(tmp_path / "a", {f"test/{name}/{i}.jpg": picture(i) for name in "ab" for i in range(3)})
    assert len(read_source(tmp_path / "a").test) == 6


def test_pictures_larger_than_the_memory_are_told(tmp_path, monkeypatch):
    def empty(*args):
        raise MemoryError

    monkeypatch.setattr(pictures.numpy, "empty", empty)
    with pytest.raises(DataError, match=r"6 pictures of 1000×1000 pixels take 0\.02 GB"):
        read_source(put(tmp_path / "pets", pets()), side=1000)


def test_official_batches_from_folder_tar_and_archive(tmp_path, small):
    archive, content, files = small
    (tmp_path / archive.file_name).write_bytes(content)
    (tmp_path / "other.tar").write_bytes(tar_of(files, "w"))
    put(tmp_path / "cifar-10-batches-py", files)
    sources = [archive.file_name, "other.tar", "cifar-10-batches-py"]
    sets = [read_source(tmp_path / source, archive) for source in sources]
    for data in sets:
        assert data.name == "CIFAR-10"
        assert data.classes == CIFAR10_CLASSES
        assert data.train.labels.tolist() == [i % 10 for i in range(20)] * 2
        assert torch.equal(data.train.images, sets[0].train.images)
        assert torch.equal(data.test.images.flatten(1), batch_pixels(seed=2))


def test_fingerprint_follows_every_file(tmp_path):
    put(tmp_path / "a", tree(("cat", "dog")))
    before = fingerprint(tmp_path / "a")
    assert fingerprint(tmp_path / "a") == before
    put(tmp_path / "a", {"train/cat/new.png": picture(1, "PNG")})
    assert fingerprint(tmp_path / "a") != before


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"readme.txt": b"x"}, "neither official batches nor images; expected the folder"),
        ({"train/cat/a.jpg": picture(0)}, "holds train/ with cat, no test/<class>/; expected"),
        (
            {"train/cat/a.jpg": picture(0), "test/dog/a.jpg": picture(1)},
            r"only train/ has the classes \['cat'\], only test/ has \['dog'\]; expected the same",
        ),
        (pets() | {"train/a/x.jpg": b"no"}, "train/a/x.jpg is not a readable"),
    ],
)
@pytest.mark.parametrize("as_tar", [True, False])
def test_what_is_not_understood_is_told(tmp_path, files, message, as_tar):
    source = put(tmp_path / "a", files)
    if as_tar:
        source = tmp_path / "a.tar"
        source.write_bytes(tar_of(files))
    with pytest.raises(DataError, match=message):
        read_source(source)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", tar_of(tree())[:3000]])
def test_a_file_that_is_no_archive_is_told(tmp_path, content):
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tar\.gz.*expected"):
        read_source(tmp_path / "a.tar.gz")


def test_an_absent_source_is_told(tmp_path):
    with pytest.raises(DataError, match=r"nowhere does not exist; expected the folder"):
        read_source(tmp_path / "nowhere")
