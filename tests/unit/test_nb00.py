"""Lesson 00: the name of a table is understood however it is written."""

import pytest

from alexnet_lib.course.exercises import nb00


@pytest.mark.parametrize(
    "name", ["Table 2", "§6, Table 2", "Tab. 2", "table 2.", " TABLE  2", "tab2"]
)
def test_a_table_is_known_by_every_usual_name(name: str) -> None:
    assert nb00.table.check(name).passed


@pytest.mark.parametrize("name", ["Fig. 2", "figure 2", "Table 1", "Table 12", "Table 22", "Fig2"])
def test_another_table_or_figure_is_not_taken_for_it(name: str) -> None:
    assert nb00.table.check(name).status == "failed"


@pytest.mark.parametrize("name", ["2", "§6", "the table", "Table 1 or Table 2", 2])
def test_what_names_none_or_several_is_told_what_a_name_looks_like(name: object) -> None:
    assert 'a name such as "Fig. 7" is expected' in repr(nb00.table.check(name))
