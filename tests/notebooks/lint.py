"""The form of a lesson: each rule looks at a notebook and returns what is wrong, in words."""

import ast
import base64
import io
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import nbformat
from links import index, navigation
from nbformat import NotebookNode
from PIL import Image

from alexnet_lib.course.figures.style import is_chart
from alexnet_lib.course.guesses import RESULT
from alexnet_lib.course.lessons import Lesson
from alexnet_lib.course.widgets.questions import HIDDEN, Asked

STRICT, FREE = "nbval-check-output", "nbval-ignore-output"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MAX_IMPORTS, MAX_LINES, MEDIAN_LINES = 6, 25, 8
MAX_WORDS, MAX_WORDS_CARD = 80, 170
MAX_BYTES, MAX_IMAGE_BYTES = 300_000, 90_000
UNNUMBERED = ("Recap", "Quiz", "Exercises", "Index", "Further reading")

_CARD = ("**Question.**", "**Paper.**", "**You will be able to**", "**Before.**", "**Minutes.**")
_VOLATILE = {
    "a home or temporary path": r"(/home/|/Users/|/root/|/tmp/|/work/|[A-Z]:\\\\?Users)",
    "a memory address": r"\b0x[0-9a-fA-F]{6,}",
    "a duration": r"\b\d+(\.\d+)?\s?(ms|µs|s|it/s|s/it|seconds)\b",
    "a date": r"\b20\d\d-\d\d-\d\d",
}


def problems(notebook: NotebookNode, lesson: Lesson) -> list[str]:
    """Everything wrong with a notebook's form."""
    return [words for rule in RULES for words in rule(notebook, lesson)]


def has_card(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """The first cell says what the lesson asks, needs and takes, as the list of lessons has it."""
    first = notebook.cells[0].source
    minutes = f"{lesson.minutes_cpu:g} on a CPU; {lesson.minutes_gpu:g} on a GPU"
    for part in (f"# {lesson.number} · {lesson.title}\n", *_CARD, lesson.section, minutes):
        if part not in first:
            yield f"card: {part.strip()!r} is missing"


def has_one_setup_cell(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """All imports are in the first code cell, which opens the lesson."""
    cells = _code(notebook)
    if f'start("{lesson.number}")' not in cells[0].source:
        yield f'set-up: the first code cell does not call start("{lesson.number}")'
    for i, cell in enumerate(cells):
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            yield f"code cell {i + 1} is not plain Python"
            continue
        if i and any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(tree)):
            yield f"set-up: code cell {i + 1} imports; only the first may"
        if sum(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body) > 1:
            yield f"code cell {i + 1} holds more than one definition"


def imports_little(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """A few import lines, and a reader sees where each name comes from."""
    source = "\n".join(cell.source for cell in _code(notebook))
    imports = re.findall(r"^(?:import|from) .+", source, re.MULTILINE)
    if len(imports) > MAX_IMPORTS:
        yield f"{len(imports)} import lines; at most {MAX_IMPORTS}"
    for line in imports:
        if line.endswith("*"):
            yield f"{line!r}: name what is imported"
        if line.endswith("("):
            yield f"{line!r} goes over several lines; import the room and write room.name"


def has_short_cells(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """One idea a cell."""
    lengths = [len(cell.source.splitlines()) for cell in _code(notebook)]
    for i, length in enumerate(lengths, 1):
        if length > MAX_LINES:
            yield f"code cell {i} has {length} lines; at most {MAX_LINES}"
    if statistics.median(lengths) > MEDIAN_LINES:
        yield f"the median code cell has {statistics.median(lengths)} lines; at most {MEDIAN_LINES}"
    for i, cell in enumerate(notebook.cells):
        limit = MAX_WORDS_CARD if i == 0 or "## Recap" in cell.source else MAX_WORDS
        shown = re.sub(r"\]\([^)]*\)|\(\S+\)", "", cell.source)  # without what links hold
        words = len(re.findall(r"\w+", shown))
        if cell.cell_type == "markdown" and not _tags(cell) and words > limit:
            yield f"text cell {cell.source[:30]!r} has {words} words; at most {limit}"


def has_section_numbers(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Sections are counted by lesson (5.1, 5.2 …); a title may name the paper's section: (§3.3)."""
    numbered = [title for title in _headings(notebook) if not title.startswith(UNNUMBERED)]
    for count, title in enumerate(numbered, 1):
        if not title.startswith(f"{int(lesson.number)}.{count} "):
            yield f"heading {title!r} is not numbered {int(lesson.number)}.{count}"
        if re.search(r"(?<!\()§|\(§[^)]*$", title):
            yield f"heading {title!r}: the paper's section stands in brackets, (§3.3)"


def has_all_parts(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Prediction, exercises, recap and quiz are there."""
    code = "\n".join(cell.source for cell in _code(notebook))
    for part in ("Predict(", ".check(", f"nb{lesson.number}.QUIZ"):
        if part not in code:
            yield f"no code cell has {part}"
    for title in ("Recap", "Quiz"):
        if title not in _headings(notebook):
            yield f"the heading {title!r} is missing"


def has_links(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Navigation and index are as refresh writes them; files that are linked or named exist."""
    if notebook.cells[-1].source != navigation(lesson):
        yield "the last cell is not the navigation; run `make refresh`"
    for cell in notebook.cells:
        if "index" in _tags(cell) and cell.source != index():
            yield "the index is out of date; run `make refresh`"
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", cell.source):
            if not _exists(lesson.path.parent, target):
                yield f"link to {target}, which does not exist"
        for path in re.findall(r"`((?:alexnet_lib|data|docs|tests)/[\w./-]+)`", cell.source):
            if not _exists(lesson.path.parents[1], path):
                yield f"the text names {path}, which does not exist"


def has_tags(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Every code cell says whether its output is compared, and most sections compare something.

    What is trained in a section differs by a few bits from machine to machine: it compares nothing.
    """
    for cell in _code(notebook):
        if len({STRICT, FREE} & set(_tags(cell))) != 1:
            yield f"code cell {cell.source[:30]!r} needs one of the tags {STRICT}, {FREE}"
        if STRICT in _tags(cell) and not any(map(_text, cell.outputs)):
            yield f"compared cell {cell.source[:30]!r} has no output"
    sections = [cells for _, cells in _sections(notebook) if cells]
    compared = sum(any(STRICT in _tags(cell) for cell in cells) for cells in sections)
    if compared < len(sections) / 2:
        yield f"only {compared} of {len(sections)} sections compare an output; expected half"


def was_run_cleanly(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Counts 1…n, no errors, no warnings, and real pictures."""
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}"
    for cell in _code(notebook):
        for output in cell.outputs:
            wanted = "raises-exception" in _tags(cell)
            if output.output_type == "error" and not wanted:
                yield f"cell {cell.source[:30]!r} holds an error: {output.ename}"
            if output.get("name") == "stderr":
                yield f"cell {cell.source[:30]!r} printed to stderr: {output.text[:80]!r}"
            if re.search(r"(?<!“)synthetic stand-in", _text(output)):  # a quiz may speak of it
                yield f"cell {cell.source[:30]!r} shows the stand-in; refresh with CIFAR-10"


def holds_nothing_volatile(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """No widget state, no paths, addresses, dates or durations of the machine that ran it."""
    if "widgets" in notebook.metadata:
        yield "widget state is stored"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if notebook.metadata.get("language_info") != {"name": "python"}:
        yield "language_info names a Python version"
    for cell in _code(notebook):
        for output in cell.outputs:
            if WIDGET_VIEW in output.get("data", {}) or output.get("metadata", {}).get("volatile"):
                yield f"cell {cell.source[:30]!r} stores a widget's view or a note"
            for name, pattern in _VOLATILE.items():
                found = re.search(pattern, _text(output))
                if found and not (name == "a duration" and "recorded-times" in _tags(cell)):
                    yield f"cell {cell.source[:30]!r} stores {name}: {found[0]!r}"


def has_described_pictures(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Every picture has words beside it, and the file stays small."""
    size = len(nbformat.writes(notebook).encode())
    if size > MAX_BYTES:
        yield f"the notebook has {size / 1000:.0f} kB; at most {MAX_BYTES / 1000:.0f}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(
            r"!\[\s*\]\(|<img(?![^>]*\balt=)", cell.source
        ):
            yield f"picture without alt text in {cell.source[:30]!r}"
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            if picture and not output.metadata.get("image/png", {}).get("alt"):
                yield f"the picture of cell {cell.source[:30]!r} has no alt text"
            if picture and len(picture) > MAX_IMAGE_BYTES:
                yield f"the picture of cell {cell.source[:30]!r} has {len(picture) / 1000:.0f} kB"


def leaves_work_to_the_package(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """No shell, no installs, no pyplot."""
    for cell in _code(notebook):
        if found := re.search(r"^\s*[!%].*|pyplot|plt\.|sys\.path", cell.source, re.MULTILINE):
            yield f"cell {cell.source[:30]!r} uses {found[0]!r}"


def hides_answers(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Neither code nor outputs tell what a prediction asks for; options stand shuffled."""
    for cell in _code(notebook):
        told = [_text(output) for output in cell.outputs]
        for text in told:
            if found := re.search(rf"^{RESULT}.*|You predicted|Committed: .*", text, re.MULTILINE):
                yield f"cell {cell.source[:30]!r} tells its answer: {found[0]!r}"
            question, *options = text.removeprefix("Predict. ").split("\n  ○ ")
            if options and options != Asked(question, tuple(options)).shuffled:
                yield f"the options of {question!r} are not in the page's order"
        reveals = [call for call in _calls(cell) if call.func.attr == "reveal"]
        if reveals and HIDDEN not in told:
            yield f"cell {cell.source[:30]!r} does not wait for a prediction; refresh it"
        for call in reveals:
            parts = [part for argument in call.args for part in ast.walk(argument)]
            if parts and not any(isinstance(part, ast.Name) for part in parts):
                yield f"cell {cell.source[:30]!r} holds its answer: {ast.unparse(call)}"


def cuts_no_words(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """No chart has ink at its right edge, where words that are too long would end."""
    for cell in _code(notebook):
        for output in cell.outputs:
            picture = output.get("data", {}).get("image/png", "")
            png = base64.b64decode(picture) if picture.startswith("iVBOR") else b""
            if is_chart(png) and _darkest_at_the_right(png) < 128:
                yield f"the picture of cell {cell.source[:30]!r} is cut at its right edge"


def _darkest_at_the_right(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as picture:
        width, height = picture.size
        return picture.convert("L").crop((width - 2, 0, width, height)).getextrema()[0]


def leaves_explorers_to_the_reader(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """A cell may set up the widget that it makes, but moves none of another cell."""
    shown: set[str] = set()
    for cell in _code(notebook):
        nodes = list(ast.walk(_parsed(cell)))
        made = {
            target.id for node in nodes if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and "widgets." in ast.unparse(node.value)
        }  # fmt: skip
        for node in nodes:
            words = ast.unparse(node) if isinstance(node, ast.Assign | ast.Call) else ""
            found = re.match(r"(\w+)\.(set\(|controls\[.+\]\.value = )", words)
            if found and found[1] in shown - made:
                yield f"{words[:50]!r} moves a widget that the reader uses"
        shown |= made


def has_one_live_chart_a_cell(notebook: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """No loop makes a chart a run; `widgets.together` has one bar for all runs."""
    makers = ["LiveTraining"]
    for cell in _code(notebook):
        for node in ast.walk(_parsed(cell)):
            if isinstance(node, ast.FunctionDef) and "LiveTraining(" in ast.unparse(node):
                if " if " not in ast.unparse(node):  # else it is for the caller to choose
                    makers.append(node.name)
            if isinstance(node, ast.For | ast.ListComp | ast.DictComp):
                words = ast.unparse(node)
                if found := re.search(rf"\b({'|'.join(makers)})\(", words):
                    yield f"{found[1]}( in a loop shows one live chart after another"


RULES = (
    has_card, has_one_setup_cell, imports_little, has_short_cells, has_section_numbers,
    has_all_parts, has_links, has_tags, was_run_cleanly, holds_nothing_volatile,
    has_described_pictures, leaves_work_to_the_package, hides_answers,
    cuts_no_words, leaves_explorers_to_the_reader, has_one_live_chart_a_cell,
)  # fmt: skip


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _calls(cell: NotebookNode) -> list[ast.Call]:
    """Calls of methods: guess.reveal(…)."""
    calls = [node for node in ast.walk(_parsed(cell)) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Attribute)]


def _parsed(cell: NotebookNode) -> ast.Module:
    """The code of a cell; nothing where it is no plain Python, which another rule tells."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module([], [])


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _headings(notebook: NotebookNode) -> list[str]:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^## (.+?)\s*$", text, re.MULTILINE)


def _sections(notebook: NotebookNode) -> list[tuple[str, list[NotebookNode]]]:
    """Code cells under each heading; those before the first heading belong to none."""
    sections: list[tuple[str, list[NotebookNode]]] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^## (.+)", cell.source, re.M)):
            sections.append((found[1], []))
        elif cell.cell_type == "code" and sections:
            sections[-1][1].append(cell)
    return sections


def _text(output: NotebookNode) -> str:
    data = {kind: text for kind, text in output.get("data", {}).items() if kind != "image/png"}
    return output.get("text", "") + "\n".join(map(str, data.values()))


def _exists(folder: Path, target: str) -> bool:
    return (folder / target.split("#")[0]).exists()
