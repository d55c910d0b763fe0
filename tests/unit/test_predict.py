"""A network's answers to pictures of one's own: files, folders, arrays, tensors."""

import csv
import dataclasses
import io
import json
import os
import sys

import numpy
import pytest
import torch
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.cli import main as cli
from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.images import DataError, Examples
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.training.checkpoint import TrainedNetwork, save_trained

SETTINGS = {"widths": [4, 4, 4, 4, 4], "groups": [1] * 5, "hidden_units": 8, "init": "kaiming"}
CLASSES = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def images():
    return synthetic_images(20, 10).train.images


@pytest.fixture(scope="module", params=["centred", "standardised"])
def network(request, images):
    model = build_model("cifar-lite", 3, **SETTINGS).eval()
    scale = Preprocessing.fit(Examples(images, torch.zeros(20).long()), request.param)
    return TrainedNetwork(model, scale, CLASSES, {"network": "cifar-lite"})


@pytest.fixture
def folder(tmp_path, images):
    (tmp_path / "own" / "more").mkdir(parents=True)
    for i, image in enumerate(images):
        place = tmp_path / "own" / ("more" if i > 15 else "") / f"{i:02}.png"
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(place)
    (tmp_path / "own" / "notes.txt").write_text("no picture")
    return tmp_path / "own"


def test_it_answers_as_the_test_of_a_run_does(network, images):
    examples = Examples(images, torch.zeros(20).long())
    batches = Batches(examples, 7, network.preprocessing, Augmentation(28), shuffle=False)
    with torch.inference_mode():
        probs = torch.cat([network.model(x[0]).softmax(1) for x, _ in batches.views()])
    answers = network.classify(images, top=3, batch_size=6)
    for row, answer in zip(probs, answers, strict=True):
        for name, probability in answer.top:
            assert probability == pytest.approx(float(row[CLASSES.index(name)]), abs=1e-5)
        assert [p for _, p in answer.top] == sorted((p for _, p in answer.top), reverse=True)


def test_files_arrays_tensors_and_images_are_one_and_the_same(network, images, folder):
    array = images[3].permute(1, 2, 0).numpy()
    forms = [
        folder / "03.png", str(folder / "03.png"), array, images[3], images[3:4],
        Image.fromarray(array), images[3].float() / 255, (array / 255.0), [images[3]],
    ]  # fmt: skip
    tops = [network.classify(form)[0].top for form in forms]
    assert tops == tops[:1] * len(forms) and len(tops[0]) == 3
    assert len(network.classify(folder)) == 20
    assert network.classify([folder / "03.png", images[:2]])[2].name == "picture 3"


def test_a_picture_is_turned_as_the_camera_was_held_and_stays_as_it_was(network, images):
    upright = Image.fromarray(images[3].permute(1, 2, 0).numpy())
    lying, content = upright.transpose(Image.Transpose.ROTATE_90), io.BytesIO()
    lying.getexif()[0x0112] = 6
    lying.save(content, "PNG", exif=lying.getexif())
    with Image.open(content) as held:
        expected = network.classify(upright)[0].top
        assert network.classify(held)[0].top == network.classify(held)[0].top == expected
        assert held.getexif()[0x0112] == 6


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (torch.full((3, 32, 32), 200.0), "torch|float32 from 200 to 200; expected uint8"),
        (torch.full((3, 32, 32), -0.5), "from -0.5 to -0.5; expected uint8 from 0 to 255"),
        (torch.zeros(3, 32, 32).long(), "int64 from 0 to 0; expected uint8"),
        (torch.full((3, 32, 32), torch.nan), "from nan to nan"),
        (torch.zeros(1, 32, 32).byte(), r"shape \(1, 32, 32\); expected \(3, H, W\)"),
        (numpy.zeros((3, 32, 32), numpy.uint8), r"shape \(3, 32, 32\); expected \(H, W\) or"),
        (5, "pictures is a int; expected files"),
        (b"a file's content", "pictures is a bytes; expected files"),
        (numpy.zeros((0, 8, 3)), r"shape \(0, 8, 3\); expected .* none of them 0"),
        (numpy.zeros((0, 8, 3), numpy.uint8), r"shape \(0, 8, 3\); expected .* none of them 0"),
    ],
)
def test_numbers_of_another_range_shape_or_type_are_refused(network, pictures, words):
    with pytest.raises(InputError, match=words):
        network.classify(pictures)


def test_a_tensor_of_bfloat16_is_a_picture_too(network):
    floats = torch.zeros(3, 32, 32)
    assert network.classify(floats.bfloat16())[0].top == network.classify(floats)[0].top


def test_an_opened_image_is_read_as_its_file_is(network, tmp_path):
    """A dark picture of 16 bits, and one cut short, whichever way they are handed over."""
    dark = tmp_path / "dark.pgm"
    dark.write_bytes(b"P5 32 32 65535\n" + bytes((0, 200)) * 32 * 32)
    with Image.open(dark) as opened:
        assert network.classify(opened)[0].top == network.classify(dark)[0].top
    noise = torch.randint(0, 256, (64, 64, 3), generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.byte().numpy()).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    with Image.open(tmp_path / "cut.png") as opened, pytest.raises(DataError, match="picture 1 "):
        network.classify(opened)


def test_of_a_folder_every_picture_is_answered_or_named(network, images, tmp_path):
    """Without an ending, behind a link, of a kind that is not read: none is dropped in silence."""
    picture, place = Image.fromarray(images[0].permute(1, 2, 0).numpy()), tmp_path / "mixed"
    (place / "far").mkdir(parents=True)
    picture.save(place / "far" / "0001.png")
    picture.save(place / "nameless", "PNG")
    (place / "README").write_text("no picture")
    (place / "link").symlink_to(place / "far")
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "far" / "pipe.png")
    (place / "far" / "round").symlink_to(place)
    answers = network.classify(place)
    names = [str(answer.name).removeprefix(f"{place}/") for answer in answers]
    assert names == ["far/0001.png", "link/0001.png", "nameless"]
    (place / "phone.heif").write_bytes(b"no kind that is read here")
    (place / "gone.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"2 pictures cannot be read: .*gone\.png.*phone\.heif"):
        network.classify(place)


def test_all_unreadable_files_are_named(network, folder):
    for name in ("bad1.jpg", "bad2.jpg"):
        (folder / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 pictures cannot be read: .*bad1\.jpg.*bad2\.jpg"):
        network.classify(folder)
    with pytest.raises(DataError, match="nowhere does not exist; expected a picture"):
        network.classify(folder / "nowhere")


@pytest.fixture
def weights(network, tmp_path):
    save_trained(tmp_path / "net.safetensors", network)
    return str(tmp_path / "net.safetensors")


def test_the_command_writes_lines_json_and_csv(network, weights, folder, capsys):
    expected = network.classify(folder / "03.png", top=2)[0].top
    words = ["predict", weights, str(folder / "03.png"), "--top", "2", "--device", "cpu"]
    assert cli.main(words) == 0
    first = f"{expected[0][0]} {expected[0][1]:.1%}"
    assert capsys.readouterr().out.startswith(f"{folder / '03.png'}: {first}, ")
    assert cli.main([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert [
        (best["class"], pytest.approx(best["probability"], abs=1e-6)) for best in row["top"]
    ] == [*expected]
    assert cli.main([*words, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["rank"], row["class"]) for row in rows] == [
        ("1", expected[0][0]), ("2", expected[1][0])
    ]  # fmt: skip


def test_the_command_goes_on_after_an_unreadable_file_and_says_so(
    weights, folder, capsys, tmp_path
):
    (folder / "bad.jpg").write_bytes(b"no picture")
    sheet = tmp_path / "sheet.png"
    words = ["predict", weights, str(folder), "--device", "cpu", "--sheet", str(sheet)]
    assert cli.main(words) == 1
    said = capsys.readouterr()
    assert said.out.count("\n") == 20 and "bad.jpg cannot be read: cannot identify" in said.err
    with Image.open(sheet) as drawn:
        assert drawn.width > 1000
    assert cli.main(["predict", "nowhere", str(folder)]) == 2


@pytest.mark.parametrize(("page", "mark"), [("cp1251", True), ("utf-8", False)])
def test_a_table_holds_every_name_whatever_the_page_of_codes(
    page, mark, network, folder, tmp_path, monkeypatch
):
    """Names of other alphabets became question marks."""
    names = ("犬", "größe", *network.classes[2:])
    save_trained(tmp_path / "net.safetensors", dataclasses.replace(network, classes=names))
    words = ["predict", str(tmp_path / "net.safetensors"), str(folder / "03.png")]
    written = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=page))
        assert cli.main([*words, "--csv", "--top", "10", "--device", "cpu"]) == 0
        sys.stdout.flush()
        content = written.getvalue()
    assert content.startswith("\ufeff".encode()) is mark
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {"犬", "größe"} <= {row["class"] for row in rows}


@pytest.mark.parametrize("command", ["predict", "data"])
def test_a_sheet_is_what_its_name_says(command, weights, folder, tmp_path, capsys):
    sheet = str(tmp_path / "sheet.jpg")
    words = {"predict": [weights, str(folder)], "data": ["--check", "--data", str(folder)]}
    with pytest.raises(SystemExit):
        cli.main([command, *words[command], "--sheet", sheet])
    assert "expected a name ending in .png" in capsys.readouterr().err
    assert not (tmp_path / "sheet.jpg").exists()


def test_what_is_refused_leaves_no_line_and_no_sheet(weights, folder, tmp_path, capsys):
    words = ["predict", weights, "--device", "cpu", "--csv"]
    assert cli.main([*words, str(folder / "nowhere.png")]) == 2
    assert cli.main([*words, str(folder), "--top", "0"]) == 2
    assert capsys.readouterr().out == ""
    (tmp_path / "bad.png").write_bytes(b"no picture")
    sheet = tmp_path / "sheet.png"
    assert cli.main([*words, str(tmp_path / "bad.png"), "--sheet", str(sheet)]) == 1
    said = capsys.readouterr()
    assert said.out == "picture,rank,class,probability\n" and not sheet.exists()
    assert "no sheet was drawn" in said.err and "bad.png cannot be read" in said.err
    afile = tmp_path / "bad.png" / "sheet.png"
    assert cli.main([*words, str(folder), "--sheet", str(afile)]) == 2
    assert f"Cannot write {afile}" in capsys.readouterr().err
