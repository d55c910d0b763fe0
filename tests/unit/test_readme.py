"""The tables of README come from the code and the records, and its links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import gallery
import pytest
from PIL import Image
from recordfiles import made_record

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "data" / "gallery"


def readme_tool():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tests" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_what_code_and_records_say():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_tool().renewed(text) == text, "run `make readme`"


def test_links_and_pictures_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_every_picture_of_the_gallery_is_shown_with_words_for_it():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[([^]]+)\]\(data/gallery/(\w+)\.png\)", text)
    assert [name for _, name in shown] == [picture.name for picture in gallery.pictures()]
    assert all(len(alt.split()) >= 5 for alt, _ in shown) and len(shown) <= 6
    assert sorted(path.stem for path in GALLERY.iterdir()) == sorted(name for _, name in shown)


@pytest.mark.slow
def test_the_gallery_is_what_the_command_draws(tmp_path):
    (tmp_path / "old.png").touch()
    gallery.main(tmp_path)
    drawn = {path.name: path for path in tmp_path.iterdir()}
    assert drawn.keys() == {path.name for path in GALLERY.iterdir()}
    for name, path in drawn.items():
        with Image.open(path) as new, Image.open(GALLERY / name) as kept:
            assert new.size == kept.size and 600 <= new.width <= 1200, name
        assert max(path.stat().st_size, (GALLERY / name).stat().st_size) <= 120_000, name


def test_the_race_is_drawn_where_it_is_recorded():
    names = ("relu, 2012", "tanh, 2012")
    runs = {name: [{"train_error": [0.8, 0.4, 0.2]}] * 2 for name in names}
    picture = gallery.race_of(made_record("fig1", runs))
    assert "one of 2 seeds" in picture.caption and "CIFAR-10 (JPEG copy)" in picture.caption
    assert picture.draw().startswith(b"\x89PNG")


def test_commands_of_the_makefile_are_the_ones_promised():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M) or target == "nothing", target
