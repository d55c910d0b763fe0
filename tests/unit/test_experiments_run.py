"""An experiment runs piece by piece; however it is cut up, the record is the same."""

import subprocess
from dataclasses import replace

import pytest

from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments import study as runner
from alexnet_lib.experiments.design import Comparison, Experiment, Piece
from alexnet_lib.experiments.measures import compare, counted
from alexnet_lib.experiments.study import Study
from alexnet_lib.training import run as training_run
from alexnet_lib.training.evaluation import unpack_bits
from alexnet_lib.training.trainer import Trainer, split

SMALL = {"widths": (4, 4, 8), "input_size": 12, "resize_to": 12}
TINY = Experiment(
    name="tiny",
    question="Does it run?",
    common={
        "preset": "four-layer",
        "epochs": 3,
        "batch_size": 20,
        "validation_size": 20,
        "train_limit": 40,
    },
    conditions={
        "relu": {"model": SMALL},
        "tanh": {"model": {**SMALL, "activation": "tanh"}},
    },
    comparisons=(Comparison("ReLU against tanh", ours=("relu",), rival=("tanh",)),),
    lesson={"epochs": 2},
    seeds=2,
)


@pytest.fixture(scope="module")
def data():
    return synthetic_images(train=100, test=30)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALEXNET_COMMIT", "abc")


def study(experiment=TINY, **changes):
    return Study(
        experiment, **{"level": "lesson", "device": "cpu", "precision": "float32"} | changes
    )


def without_times(record):
    runs = [{k: v for k, v in run.items() if k != "wall_s"} for run in record["runs"]]
    return {**record, "wall_s": None, "runs": runs}


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The record of an uninterrupted run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALEXNET_HOME", str(tmp_path_factory.mktemp("whole")))
        patch.setenv("ALEXNET_COMMIT", "abc")
        once = study()
        once.run(data, once.pieces)
        return once.record()


def test_a_record_says_everything_about_its_runs(whole):
    assert (whole["experiment"], whole["level"], whole["seeds"]) == ("tiny", "lesson", [0, 1])
    assert (whole["data"], whole["commit"]) == ("synthetic stand-in", "abc")
    assert whole["precision"] == "float32" and whole["torch"] and whole["machine"]
    assert [(run["condition"], run["seed"]) for run in whole["runs"]] == [
        ("relu", 0),
        ("tanh", 0),
        ("relu", 1),
        ("tanh", 1),
    ]
    for run in whole["runs"]:
        assert len(run["train_error"]) == len(run["validation_error"]) == 2  # level lesson
        assert 0 <= run["test"]["center"] <= 1 and set(run["test"]) == {"center"}
    assert whole["configs"]["tanh"]["model"]["activation"] == "tanh"
    assert set(compare(whole, TINY.comparisons[0]).by_seed) == {0, 1}


def test_interrupted_and_resumed_gives_the_same_record(data, whole, monkeypatch):
    stops = iter([False, False, True])
    real = runner.run_piece

    def interrupted(*args):
        if next(stops, False):
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(runner, "run_piece", interrupted)
    first = study()
    with pytest.raises(KeyboardInterrupt):
        first.run(data, first.pieces)
    assert len(list(first.folder.iterdir())) == 2 and first.record() is None
    done = []
    again = study()
    again.run(data, again.pieces, on_piece=lambda piece, result: result and done.append(piece))
    assert done == [Piece("relu", 1), Piece("tanh", 1)]
    assert without_times(again.record()) == without_times(whole)


def test_pieces_run_apart_and_in_any_order_combine(data, whole):
    for part in (slice(1, None, 2), slice(0, None, 2)):
        apart = study()
        apart.run(data, apart.pieces[part])
    assert without_times(apart.record()) == without_times(whole)


def test_more_seeds_are_added_to_those_that_are_there(data, whole):
    one = study(seeds=1)
    one.run(data, one.pieces)
    assert one.record()["seeds"] == [0]
    two = study()
    assert [piece.seed for piece in two.pieces if two.result(piece) is None] == [1, 1]
    two.run(data, two.pieces)
    assert without_times(two.record()) == without_times(whole)


def test_stop_button_within_a_piece_ends_the_study(data):
    class Stop:
        def on_step(self, trainer):
            raise KeyboardInterrupt

    stopped = study()
    with pytest.raises(KeyboardInterrupt):
        stopped.run(data, stopped.pieces, [Stop()])
    assert not stopped.folder.exists()


SWEPT = replace(
    TINY,
    conditions={"relu": TINY.conditions["relu"]},
    comparisons=(),
    common={**TINY.common, "stop_at": 0.01, "schedule": "constant"},
    rates={"relu": (1e-6, 0.003)},
)


def test_rates_are_tried_on_seed_0_and_the_best_serves_the_others(data):
    swept = study(SWEPT)
    assert swept.pieces == [Piece("relu", 0, 1e-6), Piece("relu", 0, 0.003), Piece("relu", 1)]
    swept.run(data, swept.pieces[2:])
    assert swept.result(swept.pieces[2]) is None  # waits for the trial
    swept.run(data, swept.pieces)
    record = swept.record()
    errors = {run["lr"]: run["train_error"][-1] for run in record["runs"] if run["seed"] == 0}
    best = min(errors, key=errors.get)
    assert record["rates"] == {"relu": best}
    assert [(run["seed"], run["lr"]) for run in counted(record)] == [(0, best), (1, best)]


def test_a_rate_on_trial_is_given_up_when_it_can_no_longer_arrive_first(data):
    raced = replace(
        SWEPT,
        conditions={"relu": {"model": {**SMALL, "init": "torch", "input_scale": "standardised"}}},
        common={**SWEPT.common, "stop_at": 0.76},
        lesson={"epochs": 30},
        rates={"relu": (1e-6, 0.1, 0.01, 0.03)},
    )
    swept = study(raced, seeds=1)
    slow, good, later, other = swept.pieces
    assert swept.config(good) is None  # waits for the one before
    swept.run(data, swept.pieces)
    needed = len(swept.result(good)["train_error"])
    assert len(swept.result(slow)["train_error"]) == 30
    assert swept.result(good)["train_error"][-1] <= 0.76 and needed < 30
    assert swept.config(good).epochs == 30  # one that failed holds nobody up
    assert swept.config(later).epochs == swept.config(other).epochs == needed
    assert len(swept.result(later)["train_error"]) == needed


def test_a_question_about_training_never_reads_the_test_set(data):
    class Guarded:
        def __getattr__(self, name):
            if name == "test":
                raise AssertionError("the test set was read")
            return getattr(data, name)

    swept = study(SWEPT, seeds=1)
    swept.run(Guarded(), swept.pieces)
    assert all(run["test"] == {} for run in swept.record()["runs"])


def test_a_run_that_diverges_is_a_result(data):
    wild = replace(TINY, conditions={"relu": {"lr": 10.0, "model": {"init": "kaiming"}}}, seeds=1)
    diverged = study(wild)
    diverged.run(data, diverged.pieces)
    (run,) = diverged.record()["runs"]
    assert run["outcome"] == "diverged" and run["test"] == {}


def test_members_answer_as_one(data):
    several = study(replace(TINY, conditions={"relu": {"model": SMALL}}, members=2, seeds=2))
    several.run(data, several.pieces)
    for run in several.record()["runs"]:
        assert set(run["test"]) == {"center", "member"}
        right = unpack_bits(run["correct"]["center"], len(data.test))
        assert run["test"]["center"] == pytest.approx(1 - float(right.float().mean()), abs=1e-5)


def test_what_a_run_has_learned_is_asked_without_masks_and_crops(data):
    settled = Comparison("settled", ("relu",), measure="settled", kind="level")
    alone = study(replace(TINY, conditions={"relu": {"model": SMALL}}, comparisons=(settled,)))
    alone.run(data, alone.pieces[:1])
    result = alone.result(alone.pieces[0])
    assert result["test"] == result["correct"] == {}  # the test set stays unread
    trainer = Trainer(replace(alone.config(alone.pieces[0]), precision="float32"), data)
    trainer.fit()
    trainer.model.load_state_dict(trainer.best_weights)
    training = trainer.test_batches(split(data, trainer.config)[0])
    assert result["settled"] == trainer.evaluate(training).top1_error > 0
    assert len(training.labels) == 40


def test_each_corner_of_a_factorial_has_a_seed_of_its_own():
    corners = replace(TINY, factors=("relu",), seeds=1)
    assert corners.pieces(1) == [Piece("relu", 0), Piece("tanh", 1)]
    assert corners.pieces(2) == [*corners.pieces(1), Piece("relu", 2), Piece("tanh", 3)]


def test_a_piece_of_other_settings_is_refused(data):
    before = study()
    before.run(data, before.pieces[:1])
    changed = study(replace(TINY, common={**TINY.common, "lr": 0.02}))
    with pytest.raises(ValueError, match=r"relu-seed0\.json is of other settings"):
        changed.run(data, changed.pieces)
    named = replace(data, name="other pictures")
    with pytest.raises(ValueError, match=r"other pictures \(synthetic stand-in\)"):
        study().run(named, before.pieces)


def test_a_trial_has_a_folder_of_its_own():
    trial = study(epochs=1)
    assert trial.is_trial and {config.epochs for config in trial.configs.values()} == {1}
    assert trial.folder.name == "tiny-lesson-trial-1" and study().folder.name == "tiny-lesson"
    assert study(replace(TINY, lesson={})).folder.name == "tiny-full"


def test_a_commit_is_marked_where_code_changed_but_not_where_a_record_did(tmp_path, monkeypatch):
    def git(*words):
        me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        subprocess.run(["git", *me, *words], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.delenv("ALEXNET_COMMIT", raising=False)
    monkeypatch.setattr(training_run, "clone", lambda: tmp_path)
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path / "elsewhere"))  # data only, never the code
    (tmp_path / "data").mkdir()
    record, code = tmp_path / "data" / "record.json", tmp_path / "code.py"
    record.write_text("{}")
    code.write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    clean = training_run.commit()
    assert len(clean) == 12
    record.write_text('{"seeds": 6}')
    assert training_run.commit() == clean
    code.write_text("2")
    assert training_run.commit() == f"{clean}-dirty"
