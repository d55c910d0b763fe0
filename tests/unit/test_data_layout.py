"""Folders as people have them: what is a class, what is passed over and told, what is refused."""

import os
import shutil
import zipfile

import pytest
from PIL import Image

from alexnet_lib.data import sources
from alexnet_lib.data.images import DataError
from alexnet_lib.data.sources import fingerprint, read_source


def shade(number: int) -> Image.Image:
    return Image.new("RGB", (32, 32), (number % 256, number // 256, 90))


@pytest.fixture
def place(tmp_path):
    """Make files below a folder: pictures of their own shade, or bytes; a "/" makes a folder."""
    count = iter(range(10_000))

    def make(*names, **contents):
        for name in names:
            path = tmp_path / "pets" / name
            (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                continue
            kind = {".jpg": "JPEG", ".tif": "TIFF", ".jfif": "JPEG", ".avif": "AVIF"}
            if path.suffix in (".txt", ".heic", ".db", ".md"):
                path.write_bytes(b"no picture")
            else:
                shade(next(count)).save(path, kind.get(path.suffix, "PNG"))
        return tmp_path / "pets"

    return make


USUAL = tuple(f"{part}/{name}/{i}.png" for part in ("train", "test") for name in "ab" for i in "12")


def counts(data):
    return data.train.labels.bincount().tolist(), data.test.labels.bincount().tolist()


def test_all_kinds_that_pillow_reads_are_pictures_with_an_ending_or_without(place):
    kinds = (".tif", ".jfif", ".avif", ".JPEG", ".webp", ".ppm", "")
    data = read_source(place(*USUAL, *(f"train/a/more{kind}" for kind in kinds)))
    assert counts(data) == ([2 + len(kinds), 2], [2, 2]) and data.note == ""


def test_what_is_passed_over_is_counted_and_named(place):
    folder = place(
        *USUAL, "train/a/photo.heic", "train/b/photo.heic", "train/a/notes.txt", "train/labels.txt",
        "train/a/README", "train/emu/", "test/emu/", "train/stray.png", "extra/x.png", "README.md",
        "train/.ipynb_checkpoints/x.png", "train/@eaDir/thumb.png", "train/a/Thumbs.db",
    )  # fmt: skip
    (folder / "train/a/README").write_bytes(b"a text")
    data = read_source(folder)
    assert data.classes == ("a", "b") and counts(data) == ([2, 2], [2, 2])
    for told in (
        "2 of kinds that Pillow does not read here, save them as JPEG (train/a/photo.heic, train/b",
        "3 no pictures (train/a/README, train/a/notes.txt, train/labels.txt)",
        "2 empty classes (test/emu/, train/emu/)",
        "1 in train/ without a folder of a class (train/stray.png)",
        "1 outside train/ and test/ (extra/x.png)",
        "3 hidden or the system's (train/.ipynb_checkpoints/x.png, train/@eaDir/thumb.png, tr",
    ):
        assert told in data.note
    assert "README.md" not in data.note


def test_pictures_in_folders_inside_a_class_are_its_own_and_it_is_told(place):
    data = read_source(place(*USUAL, "train/a/holiday/x.png", "train/a/holiday/sea/y.png"))
    assert counts(data) == ([4, 2], [2, 2])
    assert "2 pictures in folders inside a class count as its own (train/a/holiday/s" in data.note


def test_val_beside_test_is_passed_over_and_told(place):
    data = read_source(place(*USUAL, "val/a/x.png", "val/b/x.png"))
    assert counts(data) == ([2, 2], [2, 2])
    assert "2 pictures in val/ are passed over: test/ is the test set" in data.note


@pytest.mark.parametrize("words", [("Train", "Test"), ("train", "valid"), ("TRAINING", "Val")])
def test_other_spellings_of_the_parts(place, words):
    names = [f"{word}/{label}/{word}.png" for word in words for label in "ab"]
    assert counts(read_source(place(*names))) == ([1, 1], [1, 1])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([f"{s}/{n}" for s in ("one", "two") for n in USUAL], "2 data sets, in one and two; they"),
        ([*USUAL, *(f"old/{n}" for n in USUAL)], "2 data sets, in the folder itself and old"),
        ([*USUAL, "Train/a/x.png"], "has Train/ and train/, either of which may be its train part"),
        (["train/1.png", "car/1.png"], "Is train/ a class of that name, or is it the train part"),
        (["train/a/1.png", "test/a/1.png"], "has one class, 'a'; expected two or more"),
        (["train/a/1.png", "train/b/1.png"], r"holds train/ with a, b, no test.*--split 0\.2"),
        (
            ["a/1.png", "b/1.png", "b/2.png"],
            r"pictures in a/ with 1, b/ with 2, and no train/.*--s",
        ),
        (
            ["train/a/1.png", "train/b/1.png", "val/1.png", "val/2.png"],
            "train/ with a, b, val/ with 2 pictures of no class, no test.*--split",
        ),
        (["test/a/1.png", "test/b/1.png"], "holds test/ with a, b, no train/<class>/; expected"),
        (["1.png", "2.png"], "holds pictures without folders; expected images in"),
        (["train/a/1.heic"], r"neither official batches nor images.*Passed over: 1 of kinds"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_ambiguous_or_lacks_something_is_refused_with_what_was_found(
    place, names, words, packed
):
    folder = place(*names)
    if packed:
        folder = shutil.make_archive(str(folder), "zip", folder)
    with pytest.raises(DataError, match=words):
        read_source(folder)


@pytest.mark.parametrize("above", ["", "train/", "photos/"])
def test_a_share_of_each_class_becomes_the_test_set(place, above):
    names = [f"{above}{name}/{i}.png" for name, n in (("a", 20), ("b", 10)) for i in range(n)]
    folder = place(*names, f"{above}b/inner/deep/x.png")
    data = read_source(folder, share=0.2)
    assert counts(data) == ([16, 9], [4, 2])
    assert "20% of each class are held out as test set (seed 0)." in data.note
    again = read_source(folder, share=0.2)
    assert again.identity == data.identity
    assert read_source(folder, share=0.3).identity["seal"] != data.identity["seal"]


def test_a_share_is_refused_where_there_is_a_test_set(place):
    with pytest.raises(DataError, match="has a test set, in test/; a share is held out only where"):
        read_source(place(*USUAL), share=0.2)


def test_a_link_to_nothing_and_a_link_in_a_circle_are_passed_over(place):
    folder = place(*USUAL)
    os.symlink(folder / "nowhere.png", folder / "train/a/link.png")
    os.symlink(folder / "train", folder / "train/a/round")
    data = read_source(folder)
    assert counts(data)[1] == [2, 2] and "nothing, or pipes (train/a/link.png)" in data.note
    assert fingerprint(folder)


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_LARGEST_SUM", 4 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(6):
            archive.writestr(f"train/a/{i}.png", bytes(1 << 20))
    with pytest.raises(DataError, match=r"unpacks to more than 4,194,304, which images never do"):
        read_source(tmp_path / "bomb.zip")


# --- The fingerprint ----------------------------------------------------------------------------


def swap(one, other):
    one.rename(one.with_name("aside"))
    other.rename(one)
    one.with_name("aside").rename(other)


def replaced_by_one_of_the_same_size_and_time(folder):
    kept = folder / "train/a/1.png"
    stat, content = kept.stat(), bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    os.utime(kept, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES = {
    "class folders swapped": lambda folder: swap(folder / "train/a", folder / "train/b"),
    "a picture moved": lambda f: (f / "train/a/1.png").rename(f / "train/b/3.png"),
    "a class renamed": lambda f: [(f / p / "b").rename(f / p / "c") for p in ("train", "test")],
    "train and test swapped": lambda folder: swap(folder / "train", folder / "test"),
    "cp -p": replaced_by_one_of_the_same_size_and_time,
    "an empty class": lambda folder: (folder / "train/emu").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_follows_every_change(place, change):
    folder = place(*USUAL)
    for path in folder.rglob("*"):  # as if unpacked in one moment
        os.utime(path, (1e9, 1e9))
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    CHANGES[change](folder)
    assert fingerprint(folder) != before


def test_the_fingerprint_reads_no_file(place, monkeypatch):
    folder = place(*USUAL)
    monkeypatch.setattr(sources.Path, "open", lambda *_: pytest.fail("opened"))
    assert fingerprint(folder)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_utf_8_are_read_in_files_and_refused_in_classes(place):
    folder = place(*USUAL)
    shade(99).save(os.path.join(os.fsencode(folder), b"train/a/caf\xe9.png").decode(*ESCAPED))
    assert fingerprint(folder) and len(read_source(folder).train) == 5
    for part in ("train", "test"):
        (folder / part / "a").rename((os.fsencode(folder / part) + b"/\xe9").decode(*ESCAPED))
    with pytest.raises(DataError, match=r"no UTF-8: b'\\xe9'; .* Rename their folders"):
        read_source(folder)


ESCAPED = ("utf-8", "surrogateescape")


def test_a_link_back_to_the_top_does_not_bring_other_classes_into_one(place):
    folder = place(*USUAL)
    (folder / "train/a/all").symlink_to(folder)
    assert read_source(folder).train.labels.tolist() == [0, 0, 1, 1]


def test_a_zip_with_the_backslashes_of_windows_is_read(place, tmp_path):
    folder = place(*USUAL)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in folder.rglob("*.png"):
            name = path.relative_to(folder).as_posix().replace("/", "\\")
            archive.writestr(name, path.read_bytes())
    assert read_source(tmp_path / "pets.zip").train.images.equal(read_source(folder).train.images)
    with zipfile.ZipFile(tmp_path / "pets.zip", "a") as archive:
        archive.writestr("train\\..\\..\\x.png", b"")
    with pytest.raises(DataError, match="leads outside"):
        read_source(tmp_path / "pets.zip")


def test_an_accent_is_the_same_however_a_system_writes_it(place):
    """macOS writes e and an accent; the folders of one class would have been two."""
    names = {"train": "cafe\u0301", "test": "caf\u00e9"}
    folder = place(
        *(f"{part}/{n}/{i}.png" for part in names for n in (names[part], "b") for i in "12")
    )
    data = read_source(folder)
    assert data.classes == ("b", "caf\u00e9") and data.test.labels.tolist() == [0, 0, 1, 1]


def test_parts_inside_of_classes_are_refused_with_both_readings(place):
    folder = place(
        *(f"{name}/{part}/{i}.png" for name in "ab" for part in ("Train", "test") for i in "12")
    )
    for share in (None, 0.2):
        with pytest.raises(
            DataError, match=r"has a/Train/\. .* Then expected Train/a/, .* rename it"
        ):
            read_source(folder, share=share)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_is_passed_over_rather_than_waited_for(place):
    folder = place(*USUAL)
    for name in ("pipe.png", "pipe"):
        os.mkfifo(folder / "train/a" / name)
    data = read_source(folder)
    assert len(data.train) == 4 and "links to nothing, or pipes (train/a/pipe, " in data.note
