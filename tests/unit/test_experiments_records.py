"""A record is replayed, a missing one is told plainly, one that cannot be trusted is refused."""

import json
from pathlib import Path

import pytest
from recordfiles import made_record, write_record

from alexnet_lib.experiments import records
from alexnet_lib.experiments.measures import seeds_words
from alexnet_lib.experiments.records import (
    RecordError,
    digest_of,
    load_record,
    record_path,
    recorded,
    with_looks,
)

pytestmark = pytest.mark.usefixtures("home")

ARRIVED = {"train_error": [0.5, 0.25]}  # at the threshold after two epochs
LATE = {"train_error": [0.5, 0.4, 0.4, 0.25]}  # after four
FIG1 = {"relu, 2012": [ARRIVED] * 2, "tanh, 2012": [LATE] * 2}


def test_an_experiment_that_has_not_run_is_said_to_be_not_yet_recorded():
    assert load_record("fig1") is None
    words = "fig1 is not yet recorded. To run it: alexnet experiment run fig1"
    assert recorded("fig1") == words


def test_an_experiment_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"no experiment 'fig2'; expected one of fig1"):
        load_record("fig2")


def test_a_record_is_read_and_its_finding_told():
    made = made_record("fig1", FIG1)
    write_record(made)
    assert load_record("fig1")["runs"][0]["train_error"] == [0.5, 0.25]
    first, *found = recorded("fig1").splitlines()
    assert first == "Recorded, CIFAR-10 (JPEG copy), 2 seeds; covers training seeds only:"
    assert found[0] == "  ReLU against tanh, 2012: 2.0× (0.5× to 7.3×); would have seen 5.3×"


def test_a_damaged_record_is_refused_by_name():
    path = write_record(made_record("fig1", FIG1))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RecordError, match=r"fig1\.json is damaged .* alexnet experiment run fig1"):
        recorded("fig1")
    path.write_text("[1, 2]")
    with pytest.raises(RecordError, match="damaged"):
        load_record("fig1")


@pytest.mark.parametrize("edit", [("0.25", "0.24"), ("JPEG copy", "original")])
def test_an_edited_record_is_refused(edit):
    path = write_record(made_record("fig1", FIG1))
    path.write_text(path.read_text().replace(*edit, 1))
    with pytest.raises(RecordError, match="was edited"):
        load_record("fig1")


def test_spaces_inside_strings_are_kept_and_no_edit():
    made = made_record("fig1", FIG1, data="big  dog: [ a ,  b ]\t")
    write_record(made)
    assert load_record("fig1")["data"] == "big  dog: [ a ,  b ]\t"


def test_layout_alone_is_no_edit():
    path = write_record(made_record("fig1", FIG1))
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert load_record("fig1")["seeds"] == [0, 1]


def test_a_record_of_another_catalogue_says_what_to_run_anew():
    older = made_record("fig1", FIG1)
    older["configs"]["tanh, 2012"]["batch_size"] = 64
    write_record(older)
    with pytest.raises(RecordError, match=r"other settings for tanh, 2012\)\. .* run fig1"):
        load_record("fig1")
    older["configs"] = dict(list(older["configs"].items())[:1])
    write_record(older)
    words = "conditions relu, 2012 instead of relu, 2012, tanh, 2012"
    with pytest.raises(RecordError, match=words):
        load_record("fig1")


def test_a_setting_that_came_later_does_not_outdate_a_record():
    older = made_record("fig1", FIG1)
    for config in older["configs"].values():
        del config["drop_at"]  # its default is what the run had
    write_record(older)
    assert load_record("fig1") is not None


def test_another_schema_or_name_is_refused():
    write_record(made_record("fig1", FIG1, schema=0))
    with pytest.raises(RecordError, match=r"schema 0; expected 'fig1', schema 1"):
        load_record("fig1")


def test_a_record_too_large_to_commit_is_refused(monkeypatch):
    monkeypatch.setattr(records, "MOST_BYTES", 1000)
    with pytest.raises(RecordError, match="at most 1,000 fit"):
        write_record(made_record("fig1", FIG1))
    assert load_record("fig1") is None


def test_a_record_s_digest_is_the_seal_in_its_file():
    path = write_record(made_record("fig1", FIG1))
    assert digest_of(load_record("fig1")) == json.loads(path.read_text())["sha256"]


def of_seeds(count, **changes):
    return made_record("fig1", {name: runs[:1] * count for name, runs in FIG1.items()}, **changes)


def test_seeds_that_came_after_a_look_are_said():
    three, six = of_seeds(3), with_looks(of_seeds(6), of_seeds(3))
    assert six["looks"] == [3, 6] and seeds_words(six) == "6 seeds (looked at before with 3)"
    write_record(six)
    assert "6 seeds (looked at before with 3); covers" in recorded("fig1").splitlines()[0]
    nine = with_looks(of_seeds(9), six)
    assert nine["looks"] == [3, 6, 9]
    assert seeds_words(nine) == "9 seeds (looked at before with 3 and 6)"
    assert with_looks(of_seeds(6), six)["looks"] == [3, 6]  # the same runs again
    for earlier in (None, of_seeds(3), of_seeds(3, level="lesson")):
        assert "looks" not in with_looks(three, earlier)
    assert "looks" not in with_looks(of_seeds(6), {**of_seeds(3), "level": "lesson"})


REAL = Path(__file__).parents[2] / "data" / "records"


@pytest.mark.parametrize("name", ["overlap", "weight_decay", "augmentation"])
def test_records_that_were_looked_at_with_three_seeds_say_so(name):
    record_path(name).parent.mkdir(parents=True, exist_ok=True)
    record_path(name).write_bytes((REAL / f"{name}.json").read_bytes())
    assert load_record(name)["looks"] == [3, 6]  # as their history in git tells
