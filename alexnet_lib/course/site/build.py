"""All pages of the course in one folder: written beside it, then put in its place at once.

    build_site("site")          # sixteen lessons, an index, the glossary; seconds

The pages ask nothing of the web, nor of a kernel. Outputs are those that the notebooks hold, from
their last clean run. Where `harvest` can draw an explorer's states, the page plays them; elsewhere
its still picture stays.
"""

import html
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tqdm import tqdm

from alexnet_lib.checks import InputError
from alexnet_lib.course.lessons import Lesson, written_lessons
from alexnet_lib.course.site.blocks import Block, Pictures, States, blocks
from alexnet_lib.course.site.text import anchor, to_html
from alexnet_lib.data.files import project_root

HERE = Path(__file__).parent
MARK = "built-by-alexnet-site"  # a file in each built folder; no other folder is replaced

Harvest = Callable[[Path, Path], dict[str, list[str]]]


@dataclass(frozen=True)
class Section:
    """A heading of a page, and what stands below it.

    Attributes:
        text: plain words, for the search to show.
        veiled: words that are found, but not shown: they tell a result.
    """

    level: int
    title: str
    anchor: str
    text: str
    veiled: str


def build_site(
    out: str | Path, lessons: list[Lesson] | None = None, harvest: Harvest | None = None
) -> Path:
    """Write the site into the folder `out` and return its path.

    Args:
        out: is replaced as a whole; it must be new, empty, or a site that was built before.
        lessons: default: all that are written.
        harvest: draws the states of a notebook's explorers somewhere below a folder, and returns
            their files within it by cell; None: their stills stay.
    Raises:
        InputError: `out` holds something else, or a notebook cannot be shown.
    """
    out, lessons = Path(out).resolve(), lessons or written_lessons()
    _refuse_foreign(out)
    if not lessons:
        raise InputError("there are no notebooks here; run this in a clone of the course.")
    fresh = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    fresh.mkdir(parents=True)
    try:
        _write(fresh, lessons, harvest)
        _replace(out, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return out


def size_of(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _refuse_foreign(out: Path) -> None:
    ours = out.is_dir() and (not any(out.iterdir()) or (out / MARK).is_file())
    if out.exists() and not ours:
        raise InputError(
            f"{out} holds something that is no site of this course; name a new folder with --out."
        )


def _replace(out: Path, fresh: Path) -> None:
    """Put `fresh` where `out` is: two renames, so that no half of a site is ever seen."""
    old = out.with_name(f"{fresh.name}.old")
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)


# --- Pages ----------------------------------------------------------------------------------------


def _write(out: Path, lessons: list[Lesson], harvest: Harvest | None) -> None:
    _copy_assets(out)
    pages, entries = _environment(), []
    pictures = Pictures(out)
    cards: list[tuple[Lesson, dict[str, int]]] = []
    bar = tqdm(lessons, "Pages", unit="page")
    for place, lesson in enumerate(bar):
        bar.set_postfix_str(lesson.number)
        notebook = nbformat.read(lesson.path, as_version=4)
        states = _states(lesson, out, harvest)
        parts = list(blocks(notebook, lesson, pictures, states))
        sections = list(sections_of(parts))
        page = pages.get_template("lesson.html").render(
            lesson=lesson,
            groups=list(_grouped(parts)),
            sections=sections,
            before=lessons[place - 1] if place else None,
            after=lessons[place + 1] if place + 1 < len(lessons) else None,
            alive=any(block.parts.get("states") for block in parts),
        )
        (out / page_name(lesson)).write_text(page, encoding="utf-8")
        shutil.copy(lesson.path, out / "notebooks" / lesson.file_name)
        entries += [_entry(page_name(lesson), lesson, section) for section in sections]
        cards.append((lesson, counts(parts)))
    entries += _glossary(out, pages)
    index = pages.get_template("index.html").render(cards=cards, lesson=None)
    (out / "index.html").write_text(index, encoding="utf-8")
    found = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    # a script, not a JSON file: pages that are opened from the disk may not read files
    (out / "assets" / "search.js").write_text(f"window.COURSE = {found};\n", encoding="utf-8")


def _states(lesson: Lesson, out: Path, harvest: Harvest | None) -> States:
    """The explorers' states by cell, as a page names them."""
    if harvest is None:
        return {}
    return harvest(lesson.path, out)


def page_name(lesson: Lesson) -> str:
    """Name of a lesson's page."""
    return lesson.file_name.replace(".ipynb", ".html")


def counts(parts: list[Block]) -> dict[str, int]:
    """How many predictions, quiz questions and exercises a page has."""
    quizzes = [block.parts["questions"] for block in parts if block.kind == "quiz"]
    return {
        "predictions": sum(block.kind == "predict" for block in parts),
        "quiz": sum(map(len, quizzes)),
        "exercises": sum(block.kind == "check" for block in parts),
        "explorers": sum(block.kind == "explorer" for block in parts),
    }


def _grouped(parts: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    """Neighbours that wait for the same prediction, together."""
    group: list[Block] = []
    for block in parts:
        if group and block.veil != group[-1].veil:
            yield group[-1].veil, group
            group = []
        group.append(block)
    if group:
        yield group[-1].veil, group


def _copy_assets(out: Path) -> None:
    """Styles and scripts; the notebooks get a folder to be taken home from."""
    (out / "assets").mkdir()
    (out / "notebooks").mkdir()
    for folder in (HERE.parent / "widgets", HERE):
        for path in sorted(folder.iterdir()):
            if path.suffix in (".css", ".js"):
                shutil.copy(path, out / "assets" / path.name)
    (out / MARK).write_text("alexnet site replaces this folder as a whole.\n", encoding="utf-8")
    (out / ".nojekyll").touch()  # pages of a fork are served as they are


def _environment() -> Environment:
    loader = FileSystemLoader(HERE / "templates", encoding="utf-8")
    pages = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["page"] = page_name
    return pages


def _glossary(out: Path, pages: Environment) -> list[dict[str, str]]:
    """The page of words; returns what the search finds there."""
    markdown = (project_root() / "docs" / "glossary.md").read_text(encoding="utf-8")
    parts = [Block("text", parts={"html": to_html(re.sub(r"<!--.*?-->", "", markdown))})]
    sections = list(sections_of(parts))
    page = pages.get_template("glossary.html").render(html=parts[0].parts["html"], lesson=None)
    (out / "glossary.html").write_text(page, encoding="utf-8")
    return [_entry("glossary.html", None, section) for section in sections[1:]]


# --- Search ---------------------------------------------------------------------------------------

_HEADING = re.compile(r"<h([1-6]) id=\"[^\"]*\">(.*?)</h\1>", re.S)


def sections_of(parts: list[Block]) -> Iterator[Section]:
    """The headings of a page, each with the words below it, in order."""
    level, title, shown, veiled = 0, "", "", ""
    for block in parts:
        pieces = _HEADING.split(block.parts["html"]) if block.kind == "text" else [""]
        for place, piece in enumerate(pieces):
            if place % 3 == 1:
                if title:
                    yield Section(level, title, anchor(title), shown.strip(), veiled.strip())
                level, shown, veiled = int(piece), "", ""
            elif place % 3 == 2:
                title = _plain(piece)
            elif block.veil:
                veiled += f"{_plain(piece)} "
            else:
                shown += f"{_plain(piece)} "
    if title:
        yield Section(level, title, anchor(title), shown.strip(), veiled.strip())


def _plain(piece: str) -> str:
    """HTML as words, without formulas."""
    words = re.sub(r"<math.*?</math>", "…", piece, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", words)).split())


def _entry(page: str, lesson: Lesson | None, section: Section) -> dict[str, Any]:
    """What the search knows of a section."""
    entry = {
        "at": f"{page}#{section.anchor}",
        "in": f"{lesson.number} {lesson.title}" if lesson else "Glossary",
        "title": section.title,
        "text": section.text,
    }
    return entry | ({"veiled": section.veiled} if section.veiled else {})
