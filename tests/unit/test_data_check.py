"""What `alexnet data --check` finds in a folder of pictures, and its exit status."""

import io
import shutil

import pytest
import torch
from PIL import Image

from alexnet_lib.cli import main as cli
from alexnet_lib.data.check import check_pictures
from alexnet_lib.data.sources import list_source, read_source


def photograph(seed: int, side: int = 64) -> Image.Image:
    """Soft blotches, others for each seed."""
    generator = torch.Generator().manual_seed(seed)
    small = torch.randint(0, 256, (5, 5, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(small.numpy()).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def pets(tmp_path):
    for at, part in enumerate(("train", "test")):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for i in range(6):
                photograph(1000 * at + 100 * label + i).save(folder / f"{i}.png")
    return tmp_path / "pets"


def check(folder):
    return check_pictures(folder.name, list_source(folder))


def names(pairs):
    return [(one[0], other[0]) for one, other in pairs]


def test_clean_pictures_are_counted_and_nothing_is_found(pets, capsys):
    found = check(pets)
    assert found.is_clean and not (found.twins or found.near or found.corrupt)
    assert found.counts[("cat", "train")] == 6 and found.sizes == [(64, 64)] * 24
    assert cli.main(["data", "--check", "--data", str(pets)]) == 0
    said = capsys.readouterr().out
    assert "pets: 24 pictures in 2 classes" in said and "Nothing is wrong." in said
    assert "  cat               6 training and      6 test images" in said


def test_equal_files_are_found_within_and_across_parts(pets):
    shutil.copy(pets / "train/cat/0.png", pets / "train/cat/again.png")
    shutil.copy(pets / "train/dog/3.png", pets / "test/dog/leak.png")
    found = check(pets)
    assert sorted(names(found.twins)) == [
        ("test/dog/leak.png", "train/dog/3.png"), ("train/cat/0.png", "train/cat/again.png")
    ]  # fmt: skip
    assert names(found.across(found.twins)) == [("test/dog/leak.png", "train/dog/3.png")]
    assert not found.is_clean and found.near == []


def test_a_picture_saved_anew_smaller_or_brighter_is_nearly_the_same(pets):
    with Image.open(pets / "train/cat/1.png") as original:
        original.save(pets / "test/dog/anew.jpg", quality=60)
        original.resize((40, 40)).save(pets / "train/cat/small.png")
        original.point(lambda v: min(255, v + 6)).save(pets / "train/cat/brighter.png")
    found = check(pets)
    assert {name for pair in names(found.near) for name in pair} == {
        "train/cat/1.png", "test/dog/anew.jpg", "train/cat/small.png", "train/cat/brighter.png"
    }  # fmt: skip
    assert not found.is_clean and found.twins == []


def test_flat_pictures_are_not_called_alike(pets):
    for shade in (10, 12, 14):
        Image.new("RGB", (64, 64), (shade,) * 3).save(pets / f"train/cat/flat{shade}.png")
    assert check(pets).near == []


def test_the_command_names_what_is_damaged_and_draws_the_twins(pets, tmp_path, capsys):
    (pets / "train/cat/bad.jpg").write_bytes(b"no picture")
    (pets / "train/cat/cut.png").write_bytes((pets / "train/cat/1.png").read_bytes()[:500])
    (pets / "train/cat/notes.txt").write_text("x")
    shutil.copy(pets / "train/dog/3.png", pets / "test/dog/leak.png")
    sheet = tmp_path / "sheet.png"
    words = ["data", "--check", "--data", str(pets), "--sheet", str(sheet)]
    assert cli.main(words) == 1
    said = capsys.readouterr().out
    assert (
        "Cannot be read: 2 (train/cat/bad.jpg (cannot identify image file), train/cat/cut.png"
        in said
    )
    assert "1 no pictures (train/cat/notes.txt)" in said and "Something is to be mended" in said
    assert "two parts or classes, to be mended: 1 (test/dog/leak.png = train/dog/3.png)" in said
    with Image.open(io.BytesIO(sheet.read_bytes())) as drawn:
        assert drawn.format == "PNG"


def test_a_place_that_is_not_understood_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    (tmp_path / "empty").mkdir()
    assert cli.main(["data", "--check", "--data", str(tmp_path / "empty")]) == 2
    assert cli.main(["data", "--check"]) == 2
    assert cli.main(["data", "--sheet", "x.png"]) == 2
    assert "--sheet goes with --check" in capsys.readouterr().err


def test_a_share_is_held_out_as_in_training_so_that_twins_across_it_are_found(pets, capsys):
    """Of five equal pictures of one class, some train and some test, whichever are drawn."""
    things = pets / "test"  # a folder of classes alone
    for i in range(6):
        shutil.copy(things / "cat/0.png", things / f"cat/again{i}.png")
    found = check_pictures("things", list_source(things, deep=True), 0.5)
    data = read_source(things, share=0.5)
    tested = data.test.labels.bincount().tolist()
    assert tested == [found.counts[label, "test"] for label in ("cat", "dog")] == [6, 3]
    assert found.across(found.twins) and not found.is_clean
    words = ["data", "--check", "--data", str(things), "--split"]
    assert cli.main([*words, "0.5"]) == 1
    said = capsys.readouterr().out
    assert "6 training and      6 test images" in said and "50% of each class are held" in said
    for share in ("7", "nan", "0", "-0.2"):
        assert cli.main([*words, share]) == 2
        assert "expected a number in (0, 1)" in capsys.readouterr().err


def test_classes_too_small_for_a_test_picture_are_named(pets, capsys):
    things = pets / "train"
    (things / "emu").mkdir()
    photograph(77).save(things / "emu/0.png")
    data = read_source(things, share=0.25)
    assert "Too few pictures to test on any of: emu." in data.note
    assert data.train.labels.bincount().tolist() == [4, 5, 1]
