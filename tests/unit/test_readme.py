"""README and docs/: tables come from code and records, links lead somewhere, commands exist."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from house import FLOOR_OF
from PIL import Image
from recordfiles import made_record

from alexnet_lib.cli import gallery, readme
from alexnet_lib.course.lessons import written_lessons

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "data" / "gallery"
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
TWO_SCREENS = 90  # lines


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_what_code_and_records_say(page):
    text = text_of(page)
    assert readme.renewed(text) == text, "run `make readme`"


def test_every_generated_part_is_shown_once():
    shown = [name for page in PAGES for name in re.findall(r"<!-- (\w+) -->\n", text_of(page))]
    assert sorted(name for name in shown if name != "end") == sorted(readme.BLOCKS)
    assert shown.count("end") == len(readme.BLOCKS)


def test_readme_is_two_screens_and_names_every_page_and_lesson():
    text = text_of(README)
    assert len(text.splitlines()) <= TWO_SCREENS
    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in text, page.name
    for lesson in written_lessons():
        assert f"(notebooks/{lesson.file_name})" in text, lesson.number


def test_findings_are_five_lines_a_newcomer_reads():
    lines = [line for line in readme.findings().splitlines() if line.startswith("- ")]
    assert len(lines) == 5
    assert not re.search(r"points|baseline|seed|top-\d", " ".join(lines))


def test_what_is_not_yet_run_is_said(monkeypatch):
    entries = [readme.Entry(entry.claim, readme.NOT_YET_RUN) for entry in readme.ledger()]
    monkeypatch.setattr(readme, "ledger", lambda: entries)
    told = readme.findings()
    assert f"{len(entries)} not yet run" in told and told.count("Here: not yet run.") == 3


def test_every_room_of_the_house_is_named():
    rooms = {name.removesuffix("/").removesuffix(".py") for name in
             re.findall(r"^\| `([\w./]+)` \|", readme.rooms(), re.M)}  # fmt: skip
    assert rooms == set(FLOOR_OF)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_pictures_and_named_files_exist(page):
    text = text_of(page)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", text):
        if target.startswith("http"):
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", text_of(file), re.M)
            assert anchor in [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles]
    for path in re.findall(r"`((?:alexnet_lib|data|docs|tests)/[\w./-]*\w)`", text):
        assert (ROOT / path).exists() or path in MADE or "NN" in path, path


MADE = ("data/cache",)  # what a run makes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_of_a_page_runs_and_says_what_is_promised(page):
    for source in re.findall(r"```python\n(.*?)```", text_of(page), re.S):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(source, {})
        for number in re.findall(r"#.*?(\d+(?:,\d{3})+)", source):
            assert number in printed.getvalue(), number


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_makefile_are_the_ones_promised(page):
    makefile = text_of(ROOT / "Makefile")
    for target in re.findall(
        r"\bmake ([a-z]+)", "\n".join(re.findall(r"`[^`]+`|^make .*", text_of(page), re.M))
    ):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_picture_of_the_gallery_is_shown_with_words_for_it():
    text = "\n".join(map(text_of, PAGES))
    shown = re.findall(r"!\[([^]]+)\]\((?:\.\./)?data/gallery/(\w+)\.png\)", text)
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
