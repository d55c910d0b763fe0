"""Lesson 13: the board's corners, its explorer and its button, the exercises' own functions."""

import json
import math
from contextlib import nullcontext
from itertools import product

import pytest
import torch
from recordfiles import made_record

from alexnet_lib.checks import InputError
from alexnet_lib.course.exercises import nb13
from alexnet_lib.course.figures.board import board_picture
from alexnet_lib.course.lessons import lesson
from alexnet_lib.course.widgets import board
from alexnet_lib.course.widgets.live import LiveTraining
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments.catalogue import BOARD, WITHOUT, corners, name_of
from alexnet_lib.experiments.measures import corner_config, corner_error
from alexnet_lib.models.ensemble import Ensemble
from alexnet_lib.statistics import Interval, wilson_interval

EVERY = [tuple(n for n, on in zip(WITHOUT, row, strict=True) if on)
         for row in product((True, False), repeat=5)]  # fmt: skip
ALL_ON = dict.fromkeys(WITHOUT, True)


def truth(present, seed=0):
    """An error made of a mean, effects and interactions of two."""
    sign = {name: 1 if name in present else -1 for name in WITHOUT}
    effects = sum(-0.01 * (k + 1) * sign[name] for k, name in enumerate(WITHOUT))
    return 0.3 + effects - 0.004 * sign["ReLU"] * sign["dropout"] + 0.002 * seed


def record(seeds=2, **changes):
    runs = {
        name_of(corner): [{"test": {"center": truth(corner, s)}} for s in range(seeds)]
        for corner in corners()
    }
    return made_record("board", runs, **changes)


# --- corners --------------------------------------------------------------------------------


def test_the_sixteen_tell_the_error_of_all_thirty_two():
    for corner in EVERY:
        found = corner_error(record(), corner)
        assert found.estimate == pytest.approx(truth(corner) + 0.001)
        assert found.low < found.estimate < found.high


def test_a_run_corner_has_its_own_error_whatever_the_others_do():
    made = record()
    made["runs"][-1]["test"] = {}  # diverged: an infinite error
    assert corner_error(made, corners()[0]).estimate == pytest.approx(truth(corners()[0]) + 0.001)
    assert corner_error(made, corners()[-1]) is None
    assert any(corner_error(made, c) is None for c in EVERY if c not in corners())
    assert corner_error(record(seeds=1), corners()[0]).low == -math.inf


def test_corners_are_configured_as_in_the_catalogue():
    configs = BOARD.configs("lesson")
    for corner in corners():
        assert corner_config(corner) == configs[name_of(corner)]
    assert len({repr(corner_config(corner, board.QUICK)) for corner in EVERY}) == 32


# --- the explorer -----------------------------------------------------------------------------


def test_without_a_record_the_design_is_shown():
    explorer = board.CornerExplorer(None)
    picture, words = explorer.render(**ALL_ON)
    assert "one of the sixteen" in words and "Not yet recorded" in words
    assert picture.size == (660, 567)  # no empty axis of errors
    other = explorer.render(**{**ALL_ON, "ReLU": False})
    assert "not one of the sixteen" in other[1]
    assert other[0].size == picture.size and other[0].tobytes() != picture.tobytes()
    third = explorer.render(**{**ALL_ON, "LRN": False})
    assert other[0].tobytes() != third[0].tobytes()  # a corner that is not run has a row, too


def test_with_a_record_each_corner_has_its_number():
    _, words = board.CornerExplorer(record()).render(**ALL_ON)
    assert words.startswith("ReLU + LRN + overlap + augmentation + dropout: test error 14.7%")
    assert "2 seeds, CIFAR-10 (JPEG copy), level full" in words
    _, words = board.CornerExplorer(record()).render(**{**ALL_ON, "dropout": False})
    assert "by main effects and pairs; not one of the sixteen" in words


def test_a_row_shows_its_error():
    rows = {("a",): Interval(0.2, 0.1, 0.3), (): Interval(0.4, -math.inf, math.inf), ("b",): None}
    picture = board_picture(["a", "b"], rows, ("b",), "toy")
    without = board_picture(["a", "b"], {row: None for row in rows}, ("b",), "toy")
    assert picture.tobytes() != without.tobytes()
    guesses = [Interval(error, error - 0.1, error + 0.1) for error in (0.2, 0.3)]
    low, high = (board_picture(["a", "b"], rows, ("a", "b"), "toy", guess) for guess in guesses)
    assert low.tobytes() != high.tobytes()


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(board, "QUICK", {})
    small = {"train_limit": 40, "epochs": 2, "batch_size": 16, "validation_size": 20}
    monkeypatch.setattr(board, "SIZES", {"quick": (small, 30), "lesson": (small, 30)})
    monkeypatch.setattr(board, "_images_per_second", lambda: 10.0)
    return synthetic_images(train=100, test=40)


def test_the_button_trains_the_chosen_corner(tiny):
    shown = board.AblationBoard(tiny, None)
    assert shown.size.options[0][0] == "quick: 2 × 40 images, about 9 s"
    assert "about" not in str(shown.still()[0]["text/plain"])
    shown.explorer.set(LRN=False, ReLU=False)
    shown.button.click()
    told = shown.words.plain
    assert "overlap + augmentation + dropout: test error" in told
    assert "on 30 images of synthetic stand-in, after 2 epochs of 40 images" in told
    assert shown.live.words.plain.startswith("Finished. Epoch 2 of 2")
    assert not shown.button.disabled


def test_the_board_tells_every_effect_and_every_pair(tiny):
    shown = board.AblationBoard(tiny, record())
    effects = {name: round(found.estimate, 4) for name, found in shown.effects.items()}
    assert len(effects) == 15 and shown.about == "2 seeds, CIFAR-10 (JPEG copy)"
    assert [effects[name] for name in WITHOUT] == [0.02, 0.04, 0.06, 0.08, 0.10]
    assert effects["ReLU with dropout"] == 0.008  # in `truth`, 4 × 0.004 is the gain's change
    assert effects["ReLU with LRN"] == 0
    without = board.AblationBoard(tiny, None)
    assert without.effects == {} and without.about == "no record"


class AtEpochEnd:
    def __init__(self, do):
        self.do = do

    def on_epoch_end(self, trainer):
        self.do()


def test_a_corner_is_told_epoch_by_epoch_and_can_be_stopped(tiny):
    live = LiveTraining(pause_s=0, share=1, appear=False)
    heard = []
    note = AtEpochEnd(lambda: heard.append(live.words.plain))
    board.run_corner(tiny, ("ReLU",), "quick", [live, note])
    assert len(heard) == 2 and all("Validation error" in words for words in heard)

    def stop():
        raise KeyboardInterrupt

    stopped = board.run_corner(tiny, ("ReLU",), "quick", [AtEpochEnd(stop)])
    assert stopped == "ReLU: stopped."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("the pictures are too few."), "Not possible: the pictures are too few."),
        (TypeError("not enough values"), "a fault of the course"),
    ],
)
def test_a_corner_that_cannot_run_says_so_and_frees_the_button(tiny, monkeypatch, error, words):
    """The words "training begins." stayed for ever."""

    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(board, "run_piece", fail)
    shown = board.AblationBoard(tiny, None)
    expected = nullcontext() if isinstance(error, InputError) else pytest.raises(TypeError)
    with expected:
        shown.run()
    assert words in shown.words.plain and "training begins" not in shown.words.plain
    assert not shown.button.disabled


# --- what the lesson teaches --------------------------------------------------------------------


def test_the_exercise_s_row_is_wilson_s_interval():
    for wrong, count in ((0, 20), (3068, 10_000), (19, 20)):
        expected = [100 * value for value in wilson_interval(wrong, count)]
        assert nb13.table_row(wrong, count) == pytest.approx(expected, abs=0.01)


def test_the_exercise_s_mean_is_the_ensemble_s():
    logits, labels = nb13._answers(0, 5, 100)
    members = [_Says(one) for one in logits]
    together = Ensemble(members)(torch.zeros(100, 3, 2, 2)).argmax(1)
    alone = (logits.argmax(-1) != labels).float().mean()
    expected = float(alone - (together != labels).float().mean())
    assert nb13.ensemble_gain(logits, labels) == pytest.approx(expected, abs=1e-6)


class _Says(torch.nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, x):
        return self.logits


def test_a_peek_is_seen_by_the_pile_that_was_asked():
    piles = [nb13.Pictures(torch.tensor([0.3, 0.1, 0.2])) for _ in range(3)]
    assert nb13.choose_and_report(3, *piles) == (1, pytest.approx(0.1))
    assert [pile.asked for pile in piles] == [set(), {0, 1, 2}, {1}]


@pytest.mark.parametrize(("seed", "count", "best"), [(4, 5, 0), (5, 6, 5), (0, 6, None)])
def test_the_best_network_can_be_the_first_and_the_last(seed, count, best):
    chosen, _ = nb13.choose_and_report(count, *nb13._piles(seed, count, best))
    assert chosen == best if best is not None else 0 < chosen < count - 1


def test_the_best_of_fifty_equal_networks_looks_four_points_better():
    source = torch.Generator().manual_seed(1)
    test = (torch.rand(400, 50, 500, generator=source) < 0.3).float().mean(dim=2)
    assert 0.04 < 0.3 - float(test.min(dim=1).values.mean()) < 0.05


def test_an_answer_of_another_form_is_told_which_is_expected():
    verdict = nb13.peek.check(lambda count, train, validation, test: 3)
    assert verdict.status == "failed" and "two things are to be returned" in verdict.text
    assert "raised" not in verdict.text  # the learner's code raised nothing


# --- What the lesson says of its own run ----------------------------------------------------------


def test_no_lowest_error_is_called_the_error_in_the_end() -> None:
    cells = json.loads(lesson("13").path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (asked,) = (source for source in sources if "error_guess.reveal" in source)
    assert "errors[-1]" in asked and "min(" not in asked
    for source in (source for source in sources if "recorded_reports" in source):
        assert "min(" not in source  # the best of several, chosen by its test error
