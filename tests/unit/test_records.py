"""A record is replayed, a missing one is told plainly, a damaged one is refused."""

from pathlib import Path

import pytest

from alexnet_lib.experiments.records import load_record, record_line


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of records."""
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    folder = tmp_path / "data" / "records"
    folder.mkdir(parents=True)
    return folder


def test_an_experiment_that_has_not_run_is_said_to_be_not_yet_recorded(records: Path) -> None:
    assert load_record("lrn") is None
    assert "'lrn' is not yet recorded: data/records/lrn.json" in record_line("lrn")


def test_a_record_is_read_and_its_summary_told(records: Path) -> None:
    (records / "lrn.json").write_text('{"summary": "13 % without, 11 % with.", "seeds": [0, 1]}')
    assert load_record("lrn")["seeds"] == [0, 1]
    assert record_line("lrn") == "13 % without, 11 % with."


def test_a_damaged_record_is_refused_by_name(records: Path) -> None:
    (records / "lrn.json").write_text('{"summary": ')
    with pytest.raises(ValueError, match=r"lrn\.json is damaged"):
        record_line("lrn")
