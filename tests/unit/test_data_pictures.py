"""One decoder for every picture: each of Pillow's modes, upright, nothing hidden made visible."""

import io

import numpy
import pytest
import torch
from PIL import Image, ImageCms

from alexnet_lib.course.widgets.pictures import read_picture
from alexnet_lib.data.images import DataError
from alexnet_lib.data.pictures import decode, read_pictures

RED, HALF = (200, 40, 10), 128


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colour_of(content: bytes) -> tuple[int, ...]:
    image = decode(content)
    assert image.mode == "RGB"
    return image.getpixel((1, 1))


def grey(values, dtype) -> Image.Image:
    return Image.fromarray(numpy.full((4, 4), values, dtype))


def palette(transparent: bool) -> bytes:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    return saved(image, "PNG", **({"transparency": 1} if transparent else {}))


FILES = {
    "1": (saved(Image.new("1", (4, 4), 1)), (255,) * 3),
    "L": (saved(Image.new("L", (4, 4), 77)), (77,) * 3),
    "LA": (saved(Image.new("LA", (4, 4), (0, 0))), (255,) * 3),
    "LA half": (saved(Image.new("LA", (4, 4), (0, HALF))), (127,) * 3),
    "P": (palette(False), RED),
    "P, transparent": (palette(True), (255,) * 3),
    "RGB": (saved(Image.new("RGB", (4, 4), RED)), RED),
    "RGB, one colour transparent": (
        saved(Image.new("RGB", (4, 4), RED), transparency=RED), (255,) * 3
    ),
    "RGBA": (saved(Image.new("RGBA", (4, 4), (*RED, 255))), RED),
    "RGBA, nothing seen": (saved(Image.new("RGBA", (4, 4), (*RED, 0))), (255,) * 3),
    "RGBA half": (saved(Image.new("RGBA", (4, 4), (0, 0, 0, HALF))), (127,) * 3),
    "CMYK": (saved(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "YCbCr": (saved(Image.new("YCbCr", (4, 4), (90, 128, 128)), "TIFF"), (90,) * 3),
    "LAB": (saved(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"), (255,) * 3),
    "I;16": (saved(grey(30_000, numpy.uint16)), (117,) * 3),
    "I;16, white": (saved(grey(65_535, numpy.uint16)), (255,) * 3),
    "I;16B": (saved(grey(30_000, ">u2"), "TIFF"), (117,) * 3),
    "I, 16 bits in a PGM": (saved(grey(514, numpy.int32), "PPM"), (2,) * 3),
    "I, 8 bits": (saved(grey(200, numpy.int32), "TIFF"), (200,) * 3),
    "I, 16 bits": (saved(grey(30_000, numpy.int32), "TIFF"), (117,) * 3),
    "F to 1": (saved(grey(0.5, numpy.float32), "TIFF"), (128,) * 3),
    "F to 255": (saved(grey(77.0, numpy.float32), "TIFF"), (77,) * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_each_mode_has_the_colours_that_are_seen(name):
    content, expected = FILES[name]
    got = colour_of(content)
    assert max(abs(a - b) for a, b in zip(got, expected, strict=True)) <= 1, got


@pytest.mark.parametrize("mode", Image.MODES)
def test_every_mode_of_pillow_becomes_rgb(mode, monkeypatch):
    """Modes that few files have come from plugins; white is white in each."""
    light = {"1": 1, "F": 255.0, "I": 65_535, "CMYK": (0, 0, 0, 0), "LAB": (255, 128, 128)}
    light |= {"YCbCr": (255, 128, 128), "HSV": (0, 0, 255)}
    if mode.startswith("I;16"):
        values = numpy.full((4, 4), 65_535, ">u2" if mode.endswith("B") else "<u2")
        image = Image.frombytes(mode, (4, 4), values.tobytes())
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        image = Image.new(mode, (4, 4), light.get(mode, 255 if bands == 1 else (255,) * bands))
    if mode in ("P", "PA"):
        image.putpalette([255] * 768)
    image.getexif()
    monkeypatch.setattr(Image, "open", lambda _: image)
    assert min(decode(b"").getpixel((1, 1))) >= 254


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (grey(-5, numpy.int32), "from -5 to -5; expected 0 to 255"),
        (grey(70_000, numpy.int32), "from 70000 to 70000; expected 0 to 65,535"),
        (grey(numpy.nan, numpy.float32), "from nan to nan"),
        (grey(1000.0, numpy.float32), "from 1000 to 1000; expected 0 to 255"),
    ],
)
def test_numbers_of_no_known_range_are_refused_and_named(image, words):
    files = {f"{part}/{name}/{part}.tif": saved(image, "TIFF") for part in PARTS for name in "ab"}
    with pytest.raises(DataError, match=f"train/a/train.tif is not a readable image .*{words}"):
        read(files)


PARTS = ("train", "test")


def read(files, **options):
    return read_pictures("pets", {name: (lambda b=b: b) for name, b in files.items()}, **options)


def test_folders_and_uploads_see_the_same_pixels():
    content = FILES["RGBA half"][0]
    files = {f"{part}/{name}/x.png": content for part in PARTS for name in "ab"}
    data = read(files, side=4)
    assert torch.equal(data.train.images[0], read_picture(content, "x.png"))


def test_a_profile_other_than_srgb_is_told_and_not_applied():
    plain = Image.new("RGB", (32, 32), RED)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {f"{part}/{name}/x.png": saved(plain) for part in PARTS for name in "ab"}
    files["train/a/own.png"] = saved(plain, icc_profile=srgb)
    assert "profile" not in read(files).note
    files["train/a/wide.png"] = saved(plain, icc_profile=srgb.replace(b"s\0R\0G\0B", b"w\0R\0G\0B"))
    data = read(files)
    assert "1 pictures have a profile of colours other than sRGB" in data.note
    assert "(train/a/wide.png)" in data.note
    assert data.train.images[1, :, 0, 0].tolist() == list(RED)


def test_all_unreadable_pictures_are_named_by_path_up_to_ten_and_a_count():
    files = {f"{part}/{name}/x.png": FILES["RGB"][0] for part in PARTS for name in "ab"}
    files |= {f"train/a/bad{i:02}.png": b"no picture" for i in range(13)}
    with pytest.raises(DataError) as caught:
        read(files)
    said = str(caught.value)
    assert said.startswith("13 of 17 pictures cannot be read. train/a/bad00.png is not a readable")
    assert "train/a/bad09.png" in said and "bad10" not in said and "and 3 more" in said
    assert "BytesIO" not in said


@pytest.mark.parametrize(("same", "words"), [(2, "2 of 2"), (1, "1 of 2")])
def test_test_pictures_that_are_trained_on_too_are_told(same, words):
    shades = iter(range(10, 250, 20))
    files = {
        f"{part}/{name}/{part}.png": saved(Image.new("RGB", (32, 32), (next(shades), 0, 0)))
        for part in PARTS
        for name in "ab"
    }
    assert "training pictures too" not in read(files).note
    for name in "ab"[:same]:
        files[f"test/{name}/test.png"] = files[f"train/{name}/train.png"]
    assert f"{words} test pictures are training pictures too (test/a/test.png" in read(files).note
