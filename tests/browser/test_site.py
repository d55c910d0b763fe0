"""The course as static pages in a chromium: read, predicted, answered and searched."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("latex2mathml", reason="the extra docs is not installed")

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

import axe
from playwright.sync_api import Page, expect

from alexnet_lib.course.guesses import compare, in_words, to_number
from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.course.site.build import build_site, page_name
from conftest import SIZES, serving

pytestmark = pytest.mark.timeout(240)

FIRST_PICTURE_MS = 2000
PAGES = [*map(page_name, LESSONS), "index.html", "glossary.html"]
FIRST, LRN = PAGES[1], PAGES[5]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A plain server of the whole site, explorers as stills."""
    with serving(build_site(tmp_path_factory.mktemp("pages") / "site")) as address:
        yield address


def opened(chromium: Any, address: str, size: str, scheme: str) -> Iterator[Page]:
    """A page that may say nothing in the console, nor ask elsewhere."""
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        has_touch=size == "phone",
        base_url=address,
        reduced_motion="reduce",
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda asked: asked.url.startswith((address, "data:")) or said.append(asked.url),
    )
    yield page
    context.close()
    assert said == []


@pytest.fixture(params=["phone", "desktop"])
def page(request: pytest.FixtureRequest, chromium: Any, address: str) -> Iterator[Page]:
    yield from opened(chromium, address, request.param, "light")


@pytest.fixture(params=[("phone", "light"), ("desktop", "dark")], ids=str)
def themed(request: pytest.FixtureRequest, chromium: Any, address: str) -> Iterator[Page]:
    yield from opened(chromium, address, *request.param)


# --- Every page -----------------------------------------------------------------------------------


@pytest.mark.slow(80)
def test_all_pages_fit_and_have_no_serious_finding(themed: Page) -> None:
    wrong = []
    for name in PAGES:
        themed.goto(name)
        if themed.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{name} is wider than the window")
        wrong += [f"{name}: {finding}" for finding in findings(themed)]
    assert not wrong


def findings(page: Page) -> list[str]:
    """Serious and critical findings on the whole page."""
    if not axe.is_there():
        return []
    page.evaluate(axe.SCRIPT.read_text(encoding="utf-8"))
    told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [one for one in told["violations"] if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in serious]


def test_axe_is_there() -> None:
    if not axe.is_there():
        pytest.skip("axe-core is not installed: npm install --prefix .venv/axe axe-core")


def test_answered_pages_have_no_serious_finding_either(themed: Page) -> None:
    themed.goto(FIRST)
    for form in themed.locator("form.predict").all()[:2]:
        predict(form)
    themed.locator(".quiz input").first.check()
    for fold in themed.locator(".exercise details").all():
        fold.evaluate("fold => { fold.open = true; }")
    themed.locator("a.word").first.click()
    assert findings(themed) == []
    themed.keyboard.press("/")
    themed.locator("#search-words").fill("norm")
    assert findings(themed) == []


def test_the_first_picture_is_there_within_two_seconds(page: Page) -> None:
    for name in (FIRST, PAGES[14]):
        page.goto(name, wait_until="commit")
        picture = "document.querySelector('main img:not(.veiled img)')"
        page.wait_for_function(f"{picture}")
        page.evaluate(f"{picture}.scrollIntoView()")
        page.wait_for_function(f"{picture}.complete && {picture}.naturalWidth > 0")
        assert page.evaluate("performance.now()") < FIRST_PICTURE_MS


# --- Predictions ----------------------------------------------------------------------------------


def predict(form: Any) -> None:
    """Commit the first option, or 7."""
    radios = form.locator("input[type=radio]")
    if radios.count():
        radios.first.check()
    else:
        form.locator("input").fill("7")
    form.get_by_role("button").click()


def test_a_result_waits_for_a_prediction_and_stays_after_a_visit(page: Page) -> None:
    page.goto(FIRST)
    form = page.locator("form.predict", has_text="In uint8")
    result = page.locator(f".result[data-of={form.get_attribute('id')}]")
    printed = page.locator("pre", has_text="uint8:   236")
    why = page.get_by_text("Below 0 it wraps around")
    button = form.get_by_role("button")
    expect(button).to_be_disabled()
    expect(printed).to_be_hidden()
    expect(why).to_be_hidden()
    assert "Result: " not in page.content()
    form.get_by_label("-20").check()
    button.click()
    told = "Result: 236. You predicted -20; it is not."
    expect(result).to_contain_text(told)
    expect(printed).to_be_visible()
    expect(why).to_be_visible()
    page.reload()
    expect(result).to_contain_text(told)
    expect(form).to_contain_text("Committed: -20.")
    button.click()  # "Change my answer"
    expect(result).to_contain_text("Commit a prediction above")
    expect(printed).to_be_hidden()


def test_a_prediction_by_keyboard_alone(page: Page) -> None:
    page.goto(FIRST)
    form = page.locator("form.predict", has_text="Someone names a class")
    field = form.locator("input")
    field.focus()
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    expect(form).to_contain_text("That is not a number")
    field.fill("85,0 %")
    page.keyboard.press("Enter")
    result = page.locator(f".result[data-of={form.get_attribute('id')}]")
    expect(result).to_contain_text("Result: 90 %. You predicted 85 %: close.")
    expect(result.locator(".bars i")).to_have_count(2)


def test_show_it_anyway_needs_no_prediction(page: Page) -> None:
    page.goto(FIRST)
    result = page.locator(".result").first
    result.get_by_role("button", name="show it anyway").click()
    expect(result).to_contain_text("Result: 236. No prediction was made.")
    expect(result.get_by_role("button")).to_be_hidden()


@pytest.mark.slow(40)
def test_every_prediction_of_every_lesson_answers(chromium: Any, address: str) -> None:
    for page in opened(chromium, address, "desktop", "light"):
        for name in PAGES[:-2]:
            page.goto(name)
            forms = page.locator("form.predict").all()
            for form in forms:
                predict(form)
            results = page.locator(".result [role=status]").all_inner_texts()
            assert results and all(told.startswith("Result: ") for told in results), name
            expect(page.locator(".veiled:not(.open)")).to_have_count(0)


def test_the_page_reads_numbers_and_compares_as_the_notebook_does(
    chromium: Any, address: str
) -> None:
    texts = ["3,072", "0,5", "50 %", "3 times", "−4", "1e3", "12,345,678", "0.25 points", ".5"]
    numbers = [0.0, 1.0, 3072.0, 1.4518, 0.00001234, 23.2368, 1234.5, -0.6, 99.95, 0.1, 234.496]
    pairs = [(a, b) for a in numbers for b in numbers] + [(None, 3.0), ("a", "a"), ("a", "b")]
    for page in opened(chromium, address, "desktop", "light"):
        page.goto("index.html")
        assert page.evaluate("t => t.map(toNumber)", texts) == list(map(to_number, texts))
        assert page.evaluate("toNumber('many')") is None
        for unit in ("", "%", "points"):
            told = page.evaluate("([n, u]) => n.map((one) => inWords(one, u))", [numbers, unit])
            assert told == [in_words(number, unit) for number in numbers]
            told = page.evaluate("([p, u]) => p.map(([a, b]) => compare(a, b, u))", [pairs, unit])
            assert told == [compare(guess, result, unit) for guess, result in pairs]


# --- Quizzes, exercises, search, looks ------------------------------------------------------------


def test_a_quiz_by_keyboard_and_mouse_tells_why_and_counts(page: Page) -> None:
    page.goto(FIRST)
    first, second = page.locator(".quiz form").all()[:2]
    expect(page.locator(".score")).to_be_hidden()
    first.locator("input").first.focus()
    page.keyboard.press("Space")
    expect(first.locator("[role=status]")).to_contain_text("✗")
    page.keyboard.press("ArrowDown")
    expect(first.locator("[role=status]")).to_contain_text("✓")
    second.locator("label").first.click()
    expect(page.locator(".score")).to_contain_text("of 2 answered.")
    page.reload()
    expect(first.locator("[role=status]")).to_contain_text("✓")
    page.goto("index.html")
    card = page.locator(".cards li[data-lesson='01']")
    expect(card).to_contain_text("0 of 7 predictions made")
    page.get_by_role("button", name="Forget my answers").click()
    expect(card.locator(".done")).to_be_hidden()


def test_an_exercise_opens_fold_by_fold(page: Page) -> None:
    page.goto(FIRST)
    exercise = page.locator(".exercise").first
    solution = exercise.locator(".highlighted")
    expect(solution).to_be_hidden()
    exercise.get_by_text("Hint 1").click()
    expect(exercise.locator(".hint").first.locator("p")).to_be_visible()
    exercise.get_by_text("Solution", exact=True).click()
    expect(solution).to_be_hidden()
    exercise.get_by_text("Show it").click()
    expect(solution).to_be_visible()


def test_the_search_finds_all_lessons_and_shows_no_answer(page: Page) -> None:
    page.goto(LRN)
    page.keyboard.press("/")
    field = page.locator("#search-words")
    field.fill("wraps around")
    found = page.locator("#search-found li")
    expect(found.first).to_contain_text("1.1 A picture is a tensor")
    assert "wraps around" not in found.first.inner_text()  # it would tell a prediction's result
    field.fill("zigzag")
    expect(found.first.locator("mark")).to_contain_text("zigzag")
    field.fill("no such words anywhere")
    expect(page.locator("#search-count")).to_contain_text("0 sections")
    field.fill("lrn neighbours")
    page.keyboard.press("Enter")
    expect(page.locator("#search")).to_be_hidden()
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#search")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_be_hidden()


def test_the_theme_follows_the_system_until_it_is_switched(themed: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    themed.goto(FIRST)
    before = themed.evaluate(ground)
    assert before == ("rgb(255, 255, 255)" if themed.viewport_size["width"] < 400
                      else "rgb(18, 18, 18)")  # fmt: skip
    themed.locator("#theme").click()
    after = themed.evaluate(ground)
    assert after != before
    themed.goto(LRN)
    assert themed.evaluate(ground) == after


def test_code_is_folded_on_a_phone_and_open_on_a_desk(page: Page) -> None:
    page.goto(FIRST)
    is_phone = page.viewport_size["width"] < 400
    code = page.locator("details.code")
    assert code.first.evaluate("one => one.open") is not is_phone
    code.first.locator("summary").click()
    assert code.first.evaluate("one => one.open") is is_phone


def test_a_word_and_a_picture_open_by_a_tap(page: Page) -> None:
    page.goto(FIRST)
    word = page.locator("a.word").first
    word.click()
    expect(page.locator("#word")).to_contain_text("mean of that number over all")
    page.keyboard.press("Escape")
    expect(page.locator("#word")).to_be_hidden()
    picture = page.locator("a.picture.broad").first
    picture.click()
    wide = picture.evaluate("one => one.scrollWidth")
    assert wide == pytest.approx(int(picture.locator("img").get_attribute("width")), abs=20) or (
        page.viewport_size["width"] > 1000
    )


def test_without_scripts_the_text_and_the_pictures_are_there(chromium: Any, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False, base_url=address)
    page = context.new_page()
    page.goto(FIRST)
    expect(page.get_by_text("Below 0 it wraps around")).to_be_visible()
    expect(page.get_by_role("button", name="Commit").first).to_be_hidden()
    expect(page.get_by_text("need JavaScript").first).to_be_visible()
    context.close()


def test_the_pages_open_from_a_disk(chromium: Any, tmp_path: Path) -> None:
    """No server: search and predictions work there, too."""
    site = build_site(tmp_path / "site", [LESSONS[1]])
    page = chromium.new_page()
    page.goto((site / FIRST).as_uri())
    page.keyboard.press("/")
    page.locator("#search-words").fill("frog")
    expect(page.locator("#search-found li").first).to_contain_text("01 Images")
    page.close()
