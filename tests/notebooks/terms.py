"""Words of the glossary in the lessons: where each is used, and whether the reader knows it there.

In a lesson's text the first use of a word is a link to the glossary. In the lesson that explains
it, that use may instead be the explanation itself, which sets the word in *italics* or **bold**.
Everyday words are linked where the course first uses them. Headings, code and formulas do not
count. What a code cell prints, asks or writes on its controls may use only words that some text
before it has linked or explained.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from nbformat import NotebookNode

from alexnet_lib.course import widgets
from alexnet_lib.course.glossary import EVERYDAY, PAGE, TERMS, Term
from alexnet_lib.course.lessons import LESSONS, Lesson

_ANY = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(
        f"(?P<t{number}>{term.pattern})"
        for number, term in sorted(
            enumerate(TERMS.values()), key=lambda pair: -max(map(len, pair[1].forms))
        )
    )
    + r")(?![\w-])",
    re.IGNORECASE,
)
_TERM = tuple(TERMS.values())
_LINK = re.compile(rf'\[([^\]]*)\]\(\.\./{re.escape(PAGE)}#([\w-]+) "([^"]*)"\)')
_EMPHASIS = re.compile(r"(?<!\*)\*{1,2}(?![\s*])([^*]+)\*{1,2}")
_NO_TEXT = re.compile(
    r"^#+ [^\n]*|^---\n.*\Z|^```.*?^```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`"
    rf"|!?\[[^\]]*\]\((?!\.\./{re.escape(PAGE)})[^)]*\)|Kernel >|Deep Convolutional",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Use:
    """A word of the glossary at a place of a text; `plain`: neither linked nor explained there."""

    term: Term
    start: int
    words: str
    plain: bool


def uses(text: str, number: str) -> list[Use]:
    """The words of a text cell in lesson `number`, in reading order."""
    links = list(_LINK.finditer(text))
    readable = _blanked(text, links)
    emphasised = [found.span(1) for found in _EMPHASIS.finditer(readable)]
    told = []
    for found in _ANY.finditer(readable):
        term = _TERM[int(found.lastgroup[1:])]
        linked = any(link.start() <= found.start() < link.end() for link in links)
        explained = term.lesson == number and any(
            start <= found.start() < end for start, end in emphasised
        )
        told.append(Use(term, found.start(), found[0], not (linked or explained)))
    return told


def _blanked(text: str, links: Sequence[re.Match]) -> str:
    """The text with blanks for headings, code, formulas and what links hold beside their words."""
    blanks = [link.span() for link in links]
    for start, end in blanks:
        words = text.index("](", start)
        text = text[: words + 1] + " " * (end - words - 1) + text[end:]
    return _NO_TEXT.sub(lambda found: _only_terms(found[0]), text)


def _only_terms(part: str) -> str:
    """`PaperSGD` is a word of the text, `x.mean()` is not."""
    return part if _ANY.fullmatch(part.strip("`")) and part[0] == "`" else " " * len(part)


Lessons = Sequence[tuple[Lesson, NotebookNode]]


def unknown_words(lessons: Lessons) -> Iterator[str]:
    """Every word that is used before it is linked or explained: its lesson, its cell, the word."""
    for entry, number, _, unknown in _unknown(lessons):
        for use in unknown:
            words = f"{use.words!r} ({use.term.name})"
            yield f"lesson {entry.number}, cell {number}: {words} is not known here"


def link_words(lessons: Lessons) -> None:
    """Link these words where a text first uses them."""
    for _, _, cell, unknown in _unknown(lessons):
        for use in reversed(unknown) if cell.cell_type == "markdown" else ():
            start, end = use.start, use.start + len(use.words)
            if cell.source[start - 1 : start] == "`":  # a word in code's letters
                start, end = start - 1, end + 1
            link = use.term.link(cell.source[start:end])
            cell.source = cell.source[:start] + link + cell.source[end:]


def _unknown(lessons: Lessons) -> Iterator[tuple[Lesson, int, NotebookNode, list[Use]]]:
    """By cell, the first uses of words that a reader does not know there."""
    ever: set[str] = set()
    for entry, notebook in lessons:
        here = ever & EVERYDAY
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                said = uses(_said(cell), "") if "start(" not in cell.source else []
                unknown = {use.term: use for use in said if use.term.name not in ever | here}
            else:
                unknown = {}
                for use in uses(cell.source, entry.number):
                    if use.plain and use.term.name not in here:
                        unknown[use.term] = use
                    here.add(use.term.name)
            yield entry, number, cell, list(unknown.values())
        ever |= here


def _said(cell: NotebookNode) -> str:
    """What a code cell prints, shows in words, asks, and writes on its controls."""
    parts = [output.get("text", "") + output.get("data", {}).get("text/plain", "")
             for output in cell.outputs]  # fmt: skip
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            parts.append(node.value)
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("widgets."):
            parts += _labels(node.attr)
    said = "\n".join(parts).replace("`", " ")
    for entry in LESSONS:  # a lesson's name tells what is to come
        said = said.replace(entry.title, " ")
    return said


@cache
def _labels(name: str) -> list[str]:
    """Words on the controls of a widget of the course."""
    widget = getattr(widgets, name, None)
    code = inspect.getsource(widget) if inspect.isclass(widget) else ""
    return re.findall(r'(?:slider\(|choice\(|button\(|description=)\s*"([^"]+)"', code)


def renewed_links(text: str) -> str:
    """A text whose links to the glossary have the sentences of today."""
    by_anchor = {term.anchor: term for term in TERMS.values()}
    return _LINK.sub(
        lambda found: by_anchor[found[2]].link(found[1]) if found[2] in by_anchor else found[0],
        text,
    )
