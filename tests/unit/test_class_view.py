"""The class view: twelve learners' files become one page, and no file can do more than be read."""

import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alexnet_lib.checks import InputError
from alexnet_lib.course import progress
from alexnet_lib.course.exercises import exercises_of, quiz_of
from alexnet_lib.course.kit.collected import LARGEST_BYTES, collect
from alexnet_lib.course.kit.view import class_page, histogram
from alexnet_lib.course.lessons import LESSONS
from alexnet_lib.course.progress import FORMAT, Progress

NAMES = (
    "Ana", "Ben", "Çağla", "Dai", "Eva", "Femi", "Gül", "Hana", "Ivo", "Jun", "Kai",
    "<script>alert('L')</script>",
)  # fmt: skip
FAR = "How many weights has the whole network?"
WHICH = "Which learns faster?"


def write_learner(home: Path, place: int) -> None:
    """A learner who has come as far as the place in class, through the course's own code."""
    for lesson in LESSONS[: 2 + place // 3]:
        kept = Progress(lesson)
        kept.path = home / f"{lesson.slug}.json"
        for i, exercise in enumerate(exercises_of(lesson.number)):
            words = exercise.mistakes[(place // 5) % 2].words
            if i <= place % 4:
                kept.keep("checks", exercise.id, "failed", done=False, mistake=words)
            if i < place % 4:
                kept.keep("checks", exercise.id, "passed")
        kept.keep("predictions", FAR, float(10 ** (place % 5 + 3)), unit="weights")
        kept.add("predictions", FAR, result=60_965_224.0, close=place % 5 == 4)
        kept.keep("predictions", WHICH, ("ReLU", "tanh", "both")[place % 3])
        for i, question in enumerate(quiz_of(lesson.number).questions[: 2 + place % 4]):
            option = question.options[(place + i) % len(question.options)]
            kept.keep("quiz", question.text, option.text, done=option.right)


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of twelve learners: nine folders, an archive, and single files."""
    folder = tmp_path / "class 7b"
    for place, name in enumerate(NAMES):
        write_learner(folder / name.replace("/", "∕"), place)
    packed = folder / "Ben"
    with zipfile.ZipFile(folder / "Ben.zip", "w") as archive:
        for path in sorted(packed.iterdir()):
            archive.write(path, f"progress/{path.name}")
            path.unlink()
    packed.rmdir()
    for path in sorted((folder / "Dai").iterdir()):
        path.rename(folder / f"Dai-{path.name}")
    (folder / "Dai").rmdir()
    return folder


class Page(HTMLParser):
    """The tags of a page, and the text of its rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def page_of(folder: Path) -> tuple[Page, str]:
    text = class_page(folder, folder / "class.html").read_text(encoding="utf-8")
    return Page(text), text


def test_a_page_of_twelve_learners(collected: Path) -> None:
    page, text = page_of(collected)
    learners, unread = collect(collected, collected / "class.html")
    assert list(learners)[1:] == list(NAMES[:-1]) and not unread  # Çağla between Ben and Dai
    assert "12 learners" in text and "Class view: class 7b" in text
    overview = {row[0]: row[1:] for row in page.rows[1:13]}
    assert overview["Ana"][:4] == ["0/3", "0/3", "–", "–"]
    assert overview["Ben"][:2] == ["1/3", "1/3"]
    assert overview["Dai"][:3] == ["3/3", "3/3", "3/3"]
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d", overview["Kai"][-1])
    assert page_of(collected)[0].rows == page.rows  # the page itself is no learner's file


def test_each_exercise_of_each_learner_has_its_mark(collected: Path) -> None:
    page, _ = page_of(collected)
    titles = [exercise.title for exercise in exercises_of("00")]
    head = page.rows.index(["learner", *titles, "predictions", "quiz"])
    rows = {row[0]: row[1:] for row in page.rows[head + 1 : head + 13]}
    assert rows["Ana"][:3] == ["✗", "·", "·"] and rows["Çağla"][:3] == ["✓", "✓", "✗"]
    assert rows["Eva"][3] == "2 (1)" and rows["Ana"][3] == "2 (0)"
    right = [
        question.options[(3 + i) % len(question.options)].right
        for i, question in enumerate(quiz_of("00").questions)
    ]
    assert rows["Dai"][4] == f"{sum(right)} ({sum(right)})"


def test_common_mistakes_stand_with_their_number(collected: Path) -> None:
    _, text = page_of(collected)
    words = exercises_of("00")[0].mistakes
    counts = re.findall(r"<b>(\d+)×</b> (.*?)</li>", text[text.index("<h3>Mistakes") :])
    assert [int(count) for count, _ in counts[:2]] == [7, 5]
    assert counts[0][1][:20] == words[0].words[:20] and counts[1][1][:20] == words[1].words[:20]


def test_predictions_are_histograms_beside_the_result(collected: Path) -> None:
    _, text = page_of(collected)
    figure = text[text.index(FAR) : text.index("</figure>", text.index(FAR))]
    bars = re.findall(r"<span>(.*?)</span><b>(\d+)</b>", figure)
    assert bars == [
        ("1,000", "3"), ("10,000", "3"), ("100,000", "2"), ("1,000,000", "2"), ("10,000,000", "2"),
    ]  # fmt: skip
    assert "Result: <b>60,965,224 weights</b>" in figure
    figure = text[text.index(WHICH) : text.index("</figure>", text.index(WHICH))]
    assert "<span>ReLU</span><b>4</b>" in figure and "Result" not in figure


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([], []),
        ([2, 2.0, 5], [("2", 2), ("5", 1)]),
        (["a", "b", "a"], [("a", 2), ("b", 1)]),
        ([True, None, [1], float("nan"), float("inf"), 10**400, 7], [("7", 1)]),
        ([0, 1, 2, 3, 4, 5, 6], [("0 to 1", 1), ("1 to 2", 1), ("2 to 3", 1), ("3 to 4", 1),
                                 ("4 to 5", 1), ("5 to 6", 2)]),
        ([1, 2, 3, 20, 30, 400, 500], [("1 to 10", 3), ("10 to 100", 2), ("100 to 1,000", 2)]),
    ],
)  # fmt: skip
def test_a_histogram_has_the_bins_that_its_numbers_need(values: list, rows: list) -> None:
    assert histogram(values) == rows


def test_no_name_or_text_is_more_than_text(collected: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\u202e\x00\ud800"
    entry = {"answer": evil, "first": evil, "result": evil, "unit": evil, "done": True, "at": evil}
    checks = {exercises_of("00")[0].id: {"mistake": evil, "done": "yes", "at": [1]}}
    parts = {"predictions": {evil: entry}, "quiz": {evil: entry}, "checks": checks}
    content = {"format": FORMAT, "lesson": "start_here"} | parts
    (collected / "Zoë & <b>.json").write_text(json.dumps(content))
    page, text = page_of(collected)
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert "&lt;script&gt;alert" in text and "Zoë &amp; &lt;b&gt;" in text
    assert "\u202e" not in text and "\x00" not in text
    assert "default-src 'none'" in text and "http://" not in text and "https://" not in text


BROKEN = {
    "half.json": b'{"format": "alexnet progr',
    "foreign.json": b'{"format": "something else"}',
    "deep.json": b"[" * 100_000,
    "large.json": b" " * (LARGEST_BYTES + 1),
    "digits.json": b"9" * 100_000,
    "another.json": json.dumps({"format": FORMAT, "lesson": "../../x"}).encode(),
    "edited.json": json.dumps({"format": FORMAT, "quiz": {"Why?": 1}}).encode(),
    "broken.zip": b"PK no archive",
    "notes.txt": b"hello",
    "run.py": b"raise SystemExit('executed')",
}


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(collected: Path) -> None:
    for name, content in BROKEN.items():
        (collected / name).write_bytes(content)
    (collected / "link.json").symlink_to("/etc/passwd")
    (collected / "loop").symlink_to(collected)
    (collected / ".DS_Store").write_bytes(b"\x00")
    with zipfile.ZipFile(collected / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("two_towers.json", b" " * 50_000_000)
    with zipfile.ZipFile(collected / "up.zip", "w") as archive:
        archive.writestr("../../../two_towers.json", json.dumps({"format": FORMAT}))
    _, text = page_of(collected)
    _, unread = collect(collected, collected / "class.html")
    named = sorted(line.split(":")[0] for line in unread)
    assert named == sorted([*BROKEN, "link.json", "loop", "bomb.zip"])
    assert "<h2>Not read</h2>" in text and "12 learners" not in text and "13 learners" in text
    assert not (collected.parent / "two_towers.json").exists()


def test_one_broken_file_of_an_archive_costs_not_the_others(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Ana.zip", "w") as archive:
        archive.writestr("progress/a.json", "{")
        archive.writestr("progress/two_towers.json", json.dumps({"format": FORMAT}))
    learners, unread = collect(tmp_path)
    assert list(learners) == ["Ana"] and list(learners["Ana"].lessons) == ["two_towers"]
    assert len(unread) == 1 and unread[0].startswith("Ana.zip/progress/a.json: it cannot be read")


def test_of_two_files_of_a_lesson_the_later_answer_stays(tmp_path: Path) -> None:
    for name, answer, at in (
        ("a", "later", "2026-11-02T08:00"),
        ("b", "first", "2026-11-01T08:00"),
    ):
        entry = {"answer": answer, "done": True, "at": at}
        content = {"format": FORMAT, "lesson": "two_towers", "quiz": {"Why?": entry}}
        (tmp_path / "Ana" / name).mkdir(parents=True)
        (tmp_path / "Ana" / name / "two_towers.json").write_text(json.dumps(content))
    learners, _ = collect(tmp_path)
    assert learners["Ana"].entries("two_towers", "quiz")["Why?"]["answer"] == "later"
    assert learners["Ana"].changed == "2026-11-02 08:00"


def test_a_learner_s_own_folder_is_a_class_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setattr(progress, "_current", Progress())
    Progress(LESSONS[4]).keep("quiz", "Why?", "a")
    assert "1 learner, 1 lesson;" in page_of(tmp_path / "progress")[1]


def test_an_empty_folder_gives_a_page_that_says_so(tmp_path: Path) -> None:
    assert "No learner's file was found in" in page_of(tmp_path)[1]


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        class_page(tmp_path / "absent", tmp_path / "class.html")
    with pytest.raises(InputError, match=r"ends in \.html"):
        class_page(tmp_path, tmp_path / "Ana.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        class_page(tmp_path, tmp_path / "file" / "class.html")
