"""The course as static pages: whole, without the web, and without an answer in plain sight."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml

pytest.importorskip("latex2mathml", reason="the extra docs is not installed")

from alexnet_lib.checks import InputError
from alexnet_lib.cli import main as cli
from alexnet_lib.course import exercises
from alexnet_lib.course.guesses import RESULT
from alexnet_lib.course.lessons import LESSONS, lesson
from alexnet_lib.course.site import asks, blocks, build, text
from alexnet_lib.course.widgets.questions import HIDDEN

ROOT = Path(__file__).parents[2]
MOST_BYTES = 60_000_000
PAGES = [build.page_name(entry) for entry in LESSONS]


class Elements(HTMLParser):
    """All elements of a page, each with the elements around it."""

    EMPTY = ("img", "link", "meta", "input", "br", "hr")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict, list[tuple[str, dict]]]] = []
        self.around: list[tuple[str, dict]] = []
        self.words: list[tuple[str, list[tuple[str, dict]]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), list(self.around)))
        if tag not in self.EMPTY:
            self.around.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self.around and self.around.pop()[0] != tag:
            pass

    def handle_data(self, data):
        self.words.append((data, list(self.around)))

    def all(self, *tags):
        return [about for tag, about, _ in self.found if tag in tags]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site, explorers as stills."""
    return build.build_site(tmp_path_factory.mktemp("pages") / "site")


@pytest.fixture(scope="module")
def pages(site):
    """Name -> source of each page."""
    return {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}


@pytest.fixture(scope="module")
def elements(pages):
    return {name: Elements(source) for name, source in pages.items()}


def notebook(entry):
    return nbformat.read(entry.path, as_version=4)


def outputs(entry):
    return [output for cell in notebook(entry).cells for output in cell.get("outputs", ())]


def waits_for(around):
    """The prediction whose veil is around an element; "" where none is."""
    veils = [about["data-of"] for _, about in around if "veiled" in about.get("class", "").split()]
    return veils[-1] if veils else ""


# --- Whole, and without the web -------------------------------------------------------------------


def test_every_lesson_has_a_page_and_the_index_leads_to_each(pages, elements, site):
    assert set(pages) == {*PAGES, "index.html", "glossary.html"}
    links = [about["href"] for about in elements["index.html"].all("a")]
    assert [link for link in links if link in PAGES] == PAGES
    assert build.size_of(site) < MOST_BYTES


def test_lessons_lead_to_their_neighbours(elements):
    for place, name in enumerate(PAGES):
        rels = {about.get("rel"): about["href"] for about in elements[name].all("a")}
        assert rels.get("prev") == (PAGES[place - 1] if place else None)
        assert rels.get("next") == (PAGES[place + 1] if place < 15 else None)


def test_all_links_lead_somewhere(elements, site):
    ids = {
        name: {about["id"] for _, about, _ in page.found if "id" in about}
        for name, page in elements.items()
    }
    lost = []
    for name, page in elements.items():
        for about in page.all("a", "img", "link", "script"):
            link = about.get("href") or about.get("src") or ""
            path, _, place = link.partition("#")
            if link.startswith(("https:", "data:")) or not link:
                continue
            if not (site / (path or name)).is_file() or (place and place not in ids[path or name]):
                lost.append((name, link))
    assert not lost


def test_no_page_and_no_file_of_its_frame_asks_the_web(site, elements):
    """Links that a reader follows are none of it."""
    for name, page in elements.items():
        for about in page.all("img", "link", "script", "iframe", "source"):
            assert "//" not in (about.get("src") or about.get("href") or ""), name
    for path in [*site.glob("assets/site.*"), *site.glob("assets/*.css")]:
        assert not re.findall(r"https?://|@import|url\((?!.data:)", path.read_text()), path.name


def test_every_picture_keeps_its_words(pages):
    """nbconvert's own template drops them all."""
    count = 0
    for entry in LESSONS:
        shown = [about["alt"] for about in Elements(pages[build.page_name(entry)]).all("img")]
        for output in outputs(entry):
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"] in shown
                count += 1
    assert count > 90


def test_a_picture_without_words_is_refused(tmp_path):
    with pytest.raises(InputError, match="no description"):
        blocks.Pictures(tmp_path).add("", {})


def test_every_printed_line_is_there(pages):
    for entry in LESSONS:
        for output in outputs(entry):
            if output.output_type == "stream":
                printed = html.escape(output.text.rstrip("\n"), quote=False)
                page = pages[build.page_name(entry)].replace("&#34;", '"').replace("&#39;", "'")
                assert printed in page, (entry.number, output.text)


def test_formulas_are_mathml(pages):
    for entry in LESSONS:
        source = "\n".join(c.source for c in notebook(entry).cells if c.cell_type == "markdown")
        formulas = len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", source, re.S))
        assert pages[build.page_name(entry)].count("<math") == formulas, entry.number
    assert "<munderover>" in text.to_mathml(r"\displaystyle \sum_{j=0}^{n} a_j")
    assert "<msubsup>" in text.to_mathml(r"\sum_{j=0}^{n} a_j")


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("03_relu_vs_tanh.ipynb", "03_relu_vs_tanh.html"),
        ("../notebooks/03_relu_vs_tanh.ipynb", "03_relu_vs_tanh.html"),
        ("../docs/glossary.md#top-1", "glossary.html#top-1"),
        ("https://example.org/01_a.ipynb", "https://example.org/01_a.ipynb"),
    ],
)
def test_links_of_notebooks_become_links_of_pages(link, page):
    assert text.to_page(link) == page


# --- Predictions, quizzes, exercises --------------------------------------------------------------


def asked_in(entry):
    """First lines of the stills of its predictions."""
    words = [output.get("data", {}).get("text/plain", "") for output in outputs(entry)]
    return [w.splitlines()[0].removeprefix("Predict. ") for w in words if w.startswith("Predict. ")]


@pytest.mark.parametrize("entry", LESSONS, ids=lambda entry: entry.number)
def test_each_prediction_has_the_answer_of_a_run_and_no_answer_is_left_over(entry):
    posed = asks.predictions(entry.number)
    assert sorted(posed) == sorted(asked_in(entry))
    for prediction in posed.values():
        prediction.asked.check(prediction.answer)  # an option, or a number


def test_answers_that_the_course_knows_are_those_that_were_recorded():
    known = {
        asked.text: asked
        for number in range(16)
        for asked in vars(getattr(exercises, f"nb{number:02}")).values()
        if isinstance(asked, asks.Asked)
    }
    recorded = {e["text"]: e for entries in asks.recorded().values() for e in entries}
    assert len(known) > 15
    for name, asked in known.items():
        entry = recorded[name]
        assert (entry["answer"], entry["options"], entry["unit"]) == (
            asked.answer, asked.shuffled, asked.unit,
        )  # fmt: skip


def test_an_unknown_question_says_how_to_get_its_answer():
    with pytest.raises(InputError, match="make refresh"):
        asks.find_prediction({}, "Predict. How many?\n  ○ 3")


def test_no_answer_is_in_plain_sight(pages, elements):
    for entry in LESSONS:
        page = pages[build.page_name(entry)]
        assert RESULT not in page
        for question in asks.quiz_of(entry.number).questions:
            for option in question.options:
                assert html.escape(option.feedback, quote=False) not in html.unescape(page)
        results = [
            about for about in elements[build.page_name(entry)].all("div") if "data-seal" in about
        ]
        assert len(results) == sum(
            output.get("data", {}).get("text/plain") == HIDDEN for output in outputs(entry)
        )


def test_what_tells_a_result_waits_for_the_prediction(elements):
    page = elements["01_images_and_labels.html"]
    (form,) = [f for f in page.all("form") if f.get("data-text", "").startswith("In uint8")]
    veils = {
        start: waits_for(around)
        for words, around in page.words
        for start in ("uint8:   236", "Below 0 it wraps around", "shapes: (3, 32, 32)")
        if words.startswith(start)
    }
    # the printed answer and its explanation wait; the next topic does not
    assert veils == {
        "uint8:   236": form["id"],
        "Below 0 it wraps around": form["id"],
        "shapes: (3, 32, 32)": "",
    }


def test_a_prediction_far_from_its_result_hides_no_lesson(elements):
    """Lesson 08 asks in its first section what its fifth computes."""
    page = elements["08_the_whole_network.html"]
    hidden = sum(bool(waits_for(around)) for _, _, around in page.found)
    assert 0 < hidden < 0.1 * len(page.found)


def test_quiz_options_stand_in_the_notebooks_order(elements):
    forms = [about for about in elements["10_dropout.html"].all("form") if "data-seal" in about]
    questions = asks.quiz_of("10").questions
    assert [form["data-text"] for form in forms] == [question.text for question in questions]


def test_every_exercise_is_there_with_its_hints_folded_and_its_solution_behind_two_folds(elements):
    for entry in LESSONS:
        page = elements[build.page_name(entry)]
        titles = [about["aria-label"] for about in page.all("section")]
        module = getattr(exercises, f"nb{entry.number}")
        own = [e for e in vars(module).values() if isinstance(e, asks.Exercise)]
        assert sorted(titles) == sorted(f"Exercise: {e.title}" for e in own), entry.number
        for tag, about, around in page.found:
            folds = [a for t, a in around if t == "details"]
            if "highlighted" in about.get("class", ""):
                assert len(folds) == 2 and not any("open" in fold for fold in folds)
            if tag == "details" and about.get("class") == "hint":
                assert "open" not in about


def test_checks_are_explained_in_words():
    assert asks.looks_at(asks.exercise_named("nb01.crop")).startswith("It calls your function ")
    assert "`height`, `width`, `size`" in asks.looks_at(asks.exercise_named("nb01.crop"))
    told = asks.looks_at(asks.exercise_named("nb10.inverted"))
    assert "what a dropout function does to 400 images of 300 units" in told


# --- Search ---------------------------------------------------------------------------------------


def search_entries(site):
    source = (site / "assets" / "search.js").read_text(encoding="utf-8")
    return json.loads(source.removeprefix("window.COURSE = ").removesuffix(";\n"))


def test_the_search_knows_every_section_and_shows_nothing_veiled(site):
    entries = search_entries(site)
    assert {entry["at"].partition("#")[0] for entry in entries} == {*PAGES, "glossary.html"}
    (uint8,) = [entry for entry in entries if entry["title"] == "1.1 A picture is a tensor"]
    assert "wraps around" in uint8["veiled"] and "wraps around" not in uint8["text"]
    assert "You see a frog" in uint8["text"]


# --- Explorers ------------------------------------------------------------------------------------


def test_an_explorer_with_states_is_played_and_its_still_stays_until_then(tmp_path):
    def harvest(path, out):
        assert (out / "assets").is_dir()  # the site that is being built
        return {"cell-31a": [f"explorers/{path.stem}/{i}/states.json" for i in (1, 2)]}

    out = build.build_site(tmp_path / "site", [lesson("01")], harvest)
    page = (out / PAGES[1]).read_text(encoding="utf-8")
    played = Elements(page).all("alexnet-explorer")
    assert [about["src"] for about in played] == [
        f"explorers/01_images_and_labels/{i}/states.json" for i in (1, 2)
    ]
    assert re.search(r"<alexnet-explorer[^>]*>\s*<figure", page)
    assert "assets/player.js" in page
    assert (out / "assets" / "player.js").is_file() and (out / "assets" / "pointing.js").is_file()


def test_a_page_of_stills_loads_no_player(pages):
    assert not any("alexnet-explorer" in page or "player.js" in page for page in pages.values())


# --- One command, all or nothing ------------------------------------------------------------------


def test_a_failed_build_leaves_the_old_site_and_nothing_beside_it(tmp_path):
    out = build.build_site(tmp_path / "site", [lesson("04")])
    before = (out / PAGES[4]).read_bytes()

    def broken(*_):
        raise InputError("the kernel died")

    with pytest.raises(InputError, match="the kernel died"):
        build.build_site(out, [lesson("04")], broken)
    assert (out / PAGES[4]).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_second_build_replaces_the_first_as_a_whole(tmp_path):
    out = build.build_site(tmp_path / "site", [lesson("04"), lesson("08")])
    build.build_site(out, [lesson("04")])
    assert not (out / PAGES[8]).exists() and (out / PAGES[4]).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert cli.main(["site", "--stills", "--out", str(tmp_path)]) == 2
    assert "name a new folder" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_without_its_tools_the_command_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "latex2mathml.converter", None)
    assert cli.main(["site", "--out", str(tmp_path / "site")]) == 2
    assert 'pip install -e ".[docs]"' in capsys.readouterr().err


# --- Workflows ------------------------------------------------------------------------------------

WORKFLOWS = sorted((ROOT / "docs" / "workflows").glob("*.yml"))
KNOWN = {
    "actions/checkout", "actions/setup-python", "actions/cache", "actions/upload-pages-artifact",
    "actions/deploy-pages", "actions/configure-pages",
}  # fmt: skip


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_sound(path):
    flow = yaml.safe_load(path.read_text())
    assert {"name", "jobs", "permissions"} <= set(flow)
    assert True in flow  # YAML reads the key `on` as true
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M)
    for job in flow["jobs"].values():
        assert job["runs-on"].startswith("ubuntu-") and 1 <= job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                name, _, version = step["uses"].partition("@")
                assert name in KNOWN and re.fullmatch(r"v\d+", version), step["uses"]
            for target in re.findall(r"\bmake (\w+)", step.get("run", "")):
                assert target in targets
    assert "http" not in path.read_text()


def test_there_is_a_workflow_for_the_pages_and_one_for_the_tests():
    runs = {path.name: path.read_text() for path in WORKFLOWS}
    assert "make site" in runs["pages.yml"] and "make test" in runs["test.yml"]
    assert "actions/deploy-pages" in runs["pages.yml"]
