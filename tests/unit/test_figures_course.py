"""The map of the paper, the ledger of claims and the time chooser of lesson 00."""

from dataclasses import replace

import pytest

from alexnet_lib.course.figures.overview import _PINS, claims_table, minutes_chart, paper_map
from alexnet_lib.course.lessons import LESSONS, lesson
from alexnet_lib.course.widgets import overview as course
from alexnet_lib.paper.facts import CLAIMS, say_value


def test_every_lesson_has_its_place_on_the_map() -> None:
    assert set(_PINS) == {entry.number for entry in LESSONS[1:]}
    description = paper_map().get_label()
    assert all(entry.title in description for entry in LESSONS[1:])


def test_the_ledger_names_every_claim_and_never_a_verdict_without_a_run() -> None:
    table = claims_table(CLAIMS, {})
    assert table.count("<tr>") == len(CLAIMS) + 1
    assert table.count("not yet run") == sum(claim.testable for claim in CLAIMS)
    assert table.count("needs ImageNet") == sum(not claim.testable for claim in CLAIMS)


def test_claims_alone_have_no_column_of_verdicts() -> None:
    table = claims_table(CLAIMS)
    assert table.count("<td") == 4 * len(CLAIMS)
    assert "erdict" not in table and "not yet run" not in table


def test_a_verdict_takes_the_place_of_not_yet_run_and_is_escaped() -> None:
    table = claims_table(CLAIMS, {CLAIMS[0].id: "reproduced <b>"})
    assert "reproduced &lt;b&gt;" in table
    assert table.count("not yet run") == sum(claim.testable for claim in CLAIMS) - 1


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.375, "error", "37.5 %"), (0.017, "points", "1.7 points"), (0.01, "points", "1 point"),
        (6.0, "×", "6×"), (2048, "×", "2048×"), (60e6, "parameters", "60,000,000 parameters"),
        (0.0005, "decay", "0.0005"),
    ],
)  # fmt: skip
def test_numbers_are_said_with_their_units(value: float, unit: str, words: str) -> None:
    assert say_value(replace(CLAIMS[0], value=value, unit=unit)) == words


def test_the_chart_counts_the_lessons_within_reach() -> None:
    minutes = {entry.number: float(int(entry.number)) for entry in LESSONS}
    assert "6 of 16 lessons within 5 min" in minutes_chart(minutes, 5, "Waiting").get_label()


def test_the_time_chooser_counts_this_machine_at_most_twice_as_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(course, "images_per_second", lambda *_, **__: 1e6)
    monkeypatch.setattr(course, "_measured", {})
    total = sum(entry.minutes_cpu for entry in LESSONS)
    text = course.TimeChooser().render(run="here", patience=60)[1]
    assert text.endswith(f"all together run {total / 2:.0f} minutes.")


def test_this_machine_is_measured_when_the_button_is_pressed_and_a_bar_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A choice in a list had measured for 50 s without a word."""
    bars = []

    def measure(*_: object, **__: object) -> float:
        bars.append((chooser.bar.value, chooser.bar.layout.visibility))
        return 500.0

    monkeypatch.setattr(course, "images_per_second", measure)
    monkeypatch.setattr(course, "_measured", {})
    chooser = course.TimeChooser()
    for control in ("reference", "full"):
        chooser.controls["run"].value = control
    assert bars == [] and len(chooser.controls["run"].options) == 2
    chooser.measure_button.click()
    assert bars == [(0, "visible"), (1, "visible"), (2, "visible")]
    assert chooser.bar.layout.visibility == "hidden" and chooser.state["run"] == "here"
    total = sum(entry.minutes_cpu for entry in LESSONS)
    assert chooser.summary.endswith(f"all together run {2 * total:.0f} minutes.")
    chooser.measure_button.click()
    assert len(bars) == 3  # once a session
    chooser.reset()
    assert chooser.state["run"] == "reference"


def test_a_lesson_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="there is no lesson '16'"):
        lesson("16")
