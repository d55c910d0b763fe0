"""No lesson uses a word before the reader can know it, and the check finds where one does."""

import re

import nbformat
import pytest
from nbformat import NotebookNode
from template import new_notebook
from terms import link_words, renewed_links, unknown_words, uses

from alexnet_lib.course.glossary import EVERYDAY, PAGE, TERMS, Term
from alexnet_lib.course.lessons import Lesson, lesson, written_lessons
from alexnet_lib.data.files import project_root


@pytest.fixture(scope="module")
def course() -> list[tuple[Lesson, NotebookNode]]:
    return [(entry, nbformat.read(entry.path, as_version=4)) for entry in written_lessons()]


@pytest.fixture(scope="module")
def spoken(course: list) -> dict[str, set[str]]:
    """By lesson, the words of the glossary in its text."""
    return {
        entry.number: {
            use.term.name
            for cell in notebook.cells if cell.cell_type == "markdown"
            for use in uses(cell.source, entry.number)
        }
        for entry, notebook in course
    }  # fmt: skip


def test_every_word_is_linked_or_explained_where_it_is_first_used(course: list) -> None:
    assert list(unknown_words(course)) == []


def test_links_to_the_glossary_lead_to_its_words_and_show_their_sentences(course: list) -> None:
    page = (project_root() / PAGE).read_text(encoding="utf-8")
    anchors = {name.lower().replace(" ", "-") for name in re.findall(r"^### (.+)$", page, re.M)}
    assert anchors == {term.anchor for term in TERMS.values()}, "run `make readme`"
    for entry, notebook in course:
        for cell in notebook.cells:
            assert renewed_links(cell.source) == cell.source, f"{entry.number}: `make refresh`"
            linked = re.findall(rf"{re.escape(PAGE)}#([\w-]+)", cell.source)
            assert anchors.issuperset(linked), entry.number


@pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.anchor)
def test_a_word_has_one_short_sentence_and_is_used_where_it_is_explained(
    term: Term, spoken: dict[str, set[str]]
) -> None:
    assert len(term.sentence.split()) <= 25 and term.sentence.endswith(".")
    assert not re.search(r'[")(\[\]|]|\. ', term.sentence), "a link's title could not hold it"
    assert term.name in spoken[term.lesson]


def test_everyday_words_are_words_of_the_glossary() -> None:
    assert set(TERMS) >= EVERYDAY


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The softmax.", ["softmax"]),
        ("Two strides and two biases", ["strides", "biases"]),
        ("One epoch, two epochs, a weight\ndecay", ["epoch", "epochs", "weight\ndecay"]),
        ("A striding softmaximum", []),
        ("## The softmax\n`softmax(x)`, $softmax$, [the softmax](x.ipynb)", []),
        ("`softmax`", ["softmax"]),
        (TERMS["softmax"].link("softmax") + " and " + TERMS["stride"].link("strides"), []),
        ("The **softmax** makes probabilities", ["softmax"]),  # lesson 01 explains it
        ("A unit is *saturated* where tanh is flat", []),  # lesson 03 does
    ],
)  # fmt: skip
def test_a_use_is_plain_where_it_is_neither_linked_nor_explained(text: str, plain: list) -> None:
    found = [use.words for use in uses(text, "03") if use.plain and use.words != "unit"]
    assert found == plain


BREAKS = {
    "cell 5: 'softmax' (softmax)": lambda nb: _text(nb, "The softmax."),
    "cell 3: 'paired' (paired)": lambda nb: _code(nb, 'widgets.Predict("Are paired runs better?")'),
    "cell 3: 'stride' (stride)": lambda nb: _code(nb, "widgets.SizePlayground()"),
    "cell 3: 'logits' (logit)": lambda nb: nb.cells[3].outputs.append(
        nbformat.v4.new_output("stream", text="the logits")
    ),
}


@pytest.mark.parametrize("words", BREAKS)
def test_the_check_names_lesson_cell_and_word(words: str) -> None:
    notebook = new_notebook(lesson("03"))
    assert not [told for told in unknown_words([(lesson("03"), notebook)]) if words in told]
    BREAKS[words](notebook)
    told = list(unknown_words([(lesson("03"), notebook)]))
    assert any(f"lesson 03, {words}" in problem for problem in told), told


def test_a_word_is_linked_again_in_a_later_lesson_unless_it_is_an_everyday_one() -> None:
    first, second = new_notebook(lesson("03")), new_notebook(lesson("04"))
    _text(first, f"{TERMS['softmax'].link('Softmax')}, {TERMS['unit'].link('unit')}")
    _text(second, "softmax, unit")
    told = unknown_words([(lesson("03"), first), (lesson("04"), second)])
    assert [words for words in told if "lesson 04" in words] == [
        "lesson 04, cell 5: 'softmax' (softmax) is not known here"
    ]


def test_first_uses_are_linked_by_refresh_and_then_known() -> None:
    notebook = new_notebook(lesson("03"))
    _text(notebook, "`PaperSGD` and the softmax; the softmax and PaperSGD.")
    link_words([(lesson("03"), notebook)])
    rule, softmax = TERMS["update rule"].link("`PaperSGD`"), TERMS["softmax"].link("softmax")
    assert notebook.cells[5].source == f"{rule} and the {softmax}; the softmax and PaperSGD."
    told = unknown_words([(lesson("03"), notebook)])
    assert not [words for words in told if "cell 5" in words]


def _text(notebook: NotebookNode, text: str) -> None:
    notebook.cells[5].source = text


def _code(notebook: NotebookNode, source: str) -> None:
    notebook.cells[3].source = source
