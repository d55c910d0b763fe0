"""Lesson 00: a photograph through the shipped network, and names of tables."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises import nb00
from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.photographs import photograph
from alexnet_lib.course.widgets.first_look import FirstLook, cut, place_window
from alexnet_lib.training.checkpoint import shipped_network


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


# --- A first look ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def look() -> Iterator[FirstLook]:
    noise = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0))
    pictures = {"cat": photograph("cat"), "noise": noise.to(torch.uint8)}
    yield FirstLook(shipped_network(), pictures)


def test_the_courses_photograph_is_named_a_cat(look: FirstLook) -> None:
    look.reset()
    assert look.summary.startswith("cat: a window of 240×240 pixels")
    assert "It answers cat " in look.summary
    assert "conv1: 96 maps of 28×28" in look.summary and "conv5: 256 maps of 7×7" in look.summary


@pytest.mark.parametrize(
    "change",
    [
        {"picture": "noise"},
        {"size": 60},
        {"across": 0},
        {"down": 0, "size": 60},
        {"layer": "conv2"},
    ],
)
def test_every_control_changes_picture_and_words(look: FirstLook, change: dict[str, Any]) -> None:
    look.reset()
    before, words = look.image.value, look.summary
    look.set(**change)
    assert look.image.value != before and look.summary != words


def test_a_picture_of_ones_own_goes_through_in_any_shape(look: FirstLook) -> None:
    look.set(size=100)
    for size in ((9, 70), (640, 48), (1, 1), (32, 32)):
        buffer = io.BytesIO()
        Image.new("RGB", size, (200, 30, 60)).save(buffer, format="PNG")
        look.upload.take(buffer.getvalue(), "own.png")
        assert look.state["picture"] == "my file"
        assert f"my file: a window of {min(size)}×{min(size)} pixels" in look.summary
    with pytest.raises(InputError, match="cannot be read as a picture"):
        look.upload.take(b"no picture", "notes.txt")


def test_the_window_stays_on_the_picture() -> None:
    assert place_window((300, 451), 100, 50, 50) == Box(0, 76, 300, 300)
    for corner in (0, 100):
        window = place_window((300, 451), 60, corner, corner)
        assert cut(photograph(), window).shape == (3, 180, 180)
    assert place_window((1, 1), 20, 50, 50) == Box(0, 0, 1, 1)


def test_a_photograph_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"no photograph 'dog' in .*; there: cat"):
        photograph("dog")
