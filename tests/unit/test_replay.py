"""Recording a run, sealing its replay, playing it."""

import json

import pytest
import torch
from safetensors.torch import save_file

from alexnet_lib.course.figures.replay import replay_picture
from alexnet_lib.course.widgets.runs import ReplayExplorer
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments.records import RecordError
from alexnet_lib.experiments.replay import (
    Replay,
    ReplayRecorder,
    load_replay,
    moments_of,
    observe,
    replay_path,
    save_replay,
)
from alexnet_lib.training.checkpoint import load_weights
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.trainer import Trainer

SMALL = {"widths": (8, 8, 8, 8, 8), "groups": (1,) * 5, "hidden_units": 8, "init": "kaiming",
         "input_scale": "standardised", "input_size": 16, "resize_to": 16}  # fmt: skip
RUN = {"epochs": 2, "batch_size": 16, "validation_size": 40, "device": "cpu", "drop_at": (0.5,),
       "precision": "float32", "model": SMALL}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return synthetic_images(train=200, test=20)


def trained(data, callbacks=(), **changes):
    config = TrainConfig.for_preset("cifar-lite", **{**RUN, **changes})
    trainer = Trainer(config, data, callbacks)
    trainer.fit()
    return trainer


@pytest.fixture(scope="module")
def recorded(data):
    recorder = ReplayRecorder(data, moments=8, images=30)
    return trained(data, [recorder]), recorder.replay


def test_moments_are_dense_at_first_and_end_with_the_run():
    steps = moments_of(8448, 60)
    assert steps[0] == 0 and steps[-1] == 8448 and 50 <= len(steps) <= 60
    assert sum(step <= 844 for step in steps) >= 18
    gaps = torch.tensor(steps).diff()
    assert int(gaps[-38:].max() - gaps[-38:].min()) <= 1
    assert moments_of(1, 60) == [0, 1]
    assert moments_of(1000, 4) == [0, 1, 100, 1000]


def test_a_replay_holds_what_the_network_was(recorded):
    trainer, replay = recorded
    last, steps = len(replay) - 1, replay.tensors["step"].tolist()
    assert steps[0] == 0 and steps[-1] == 20 and replay.epoch(last) == 2
    weight = trainer.model.conv1.weight.detach()
    step = weight.abs().amax((1, 2, 3), keepdim=True) / 254
    assert bool(((replay.filters(last) - weight).abs() <= 1.01 * step).all())
    assert replay.tensors["weight_norm"][last, 0] == pytest.approx(float(weight.norm()), rel=1e-5)
    assert replay.header["layers"][-1] == "fc8" and replay.header["activations"][-1] == "relu7"
    assert replay.tensors["confusion"].sum((1, 2)).tolist() == [30] * len(replay)
    assert replay.tensors["confusion"][0].sum(1).tolist() == [3] * 10
    assert replay.tensors["gradient_norm"][0].abs().max() == 0
    assert bool((replay.tensors["gradient_norm"][1:] > 0).all())
    assert replay.tensors["lr"][-1] == pytest.approx(0.1 * replay.tensors["lr"][0])
    assert replay.header["data"] == "synthetic stand-in" and replay.header["torch"]


def test_losses_between_two_moments_are_averaged(recorded):
    trainer, replay = recorded
    (early, late), losses = replay.tensors["step"][-2:].tolist(), trainer.history.step_loss
    expected = sum(losses[early:late]) / (late - early)
    assert float(replay.tensors["train_loss"][-1]) == pytest.approx(expected, rel=1e-5)


def test_recording_changes_nothing(data, recorded):
    without = trained(data)
    assert without.history.step_loss == recorded[0].history.step_loss
    assert not recorded[0].model.relu1._forward_hooks


def test_statistics_are_those_of_all_batches_at_once(data, recorded):
    trainer, _ = recorded
    inputs = data.train.take(torch.arange(40))
    seen = {}
    hook = trainer.model.relu6.register_forward_hook(lambda m, i, o: seen.update(y=o.detach()))
    batches = trainer.test_batches(inputs)  # 40 images in batches of 16
    with torch.no_grad():
        trainer.model.eval()(torch.cat([x[0] for x, _ in batches.views()]))
    hook.remove()
    moment = observe(trainer, batches)
    place = [name for name, _ in trainer.model.named_modules() if "relu" in name].index("relu6")
    y = seen["y"]
    assert float(moment["mean"][place]) == pytest.approx(float(y.mean()), rel=1e-4)
    assert float(moment["spread"][place]) == pytest.approx(float(y.std(correction=0)), rel=1e-3)
    dead = (y.amax(0) == y.amin(0)).float().mean()
    assert float(moment["dead"][place]) == pytest.approx(float(dead))


def test_dead_units_are_found(data, recorded):
    trainer = trained(data, epochs=1)
    with torch.no_grad():
        trainer.model.fc6.bias[:4] = -1e6
    batches = trainer.test_batches(data.test)
    moment = observe(trainer, batches)
    assert float(moment["dead"][5]) >= 0.5


def test_a_stopped_run_is_kept_to_its_end(data):
    class Stop:
        def on_step(self, trainer):
            if len(trainer.history.step_loss) == 7:
                raise KeyboardInterrupt

    recorder = ReplayRecorder(data, moments=4, images=20)
    trained(data, [recorder, Stop()])
    assert int(recorder.replay.tensors["step"][-1]) == 7


def test_large_first_layers_show_a_choice_of_their_filters(data):
    recorder = ReplayRecorder(data, moments=4, images=10)
    wide = {**SMALL, "widths": (400, 8, 8, 8, 8)}
    trained(data, [recorder], epochs=1, model=wide)
    assert recorder.replay.tensors["filters"].shape[1] == 200


def test_wrong_settings_and_an_empty_recorder_are_told(data):
    with pytest.raises(ValueError, match="moments is 3"):
        ReplayRecorder(data, moments=3)
    with pytest.raises(ValueError, match="images is 0"):
        ReplayRecorder(data, images=0)
    with pytest.raises(ValueError, match="nothing is recorded yet"):
        _ = ReplayRecorder(data).replay


# --- the file -----------------------------------------------------------------------------------


def test_a_file_brings_back_the_same_replay(recorded, tmp_path):
    _, replay = recorded
    path = tmp_path / "run.safetensors"
    save_replay(path, replay)
    again = load_replay(path)
    assert again.header == replay.header
    assert all(torch.equal(again.tensors[name], value) for name, value in replay.tensors.items())
    written = path.read_bytes()
    save_replay(path, again)
    assert path.read_bytes() == written and [file.name for file in tmp_path.iterdir()] == [
        path.name
    ]


@pytest.mark.parametrize("place", [20, 0.3, 0.6, 0.99])
def test_a_flipped_bit_is_found_wherever_it_is(recorded, tmp_path, place):
    path = tmp_path / "run.safetensors"
    save_replay(path, recorded[1])
    content = bytearray(path.read_bytes())
    content[place if isinstance(place, int) else int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(RecordError, match="Restore the file"):
        load_replay(path)


def test_a_cut_a_missing_and_a_foreign_file_are_refused(recorded, tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(RecordError, match="missing or not whole"):
        load_replay(path)
    save_replay(path, recorded[1])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordError, match="is damaged"):
        load_replay(path)
    save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(RecordError, match="is no replay"):
        load_replay(path)


@pytest.mark.parametrize(
    ("change", "words"), [({"schema": 7}, "has format 7; this version reads 1"),
                          ({"data": "CIFAR-10"}, "was edited")],
)  # fmt: skip
def test_another_format_and_an_edited_header_are_refused(recorded, tmp_path, change, words):
    path = tmp_path / "run.safetensors"
    save_replay(path, recorded[1])
    tensors, about = load_weights(path)
    save_file(tensors, path, {"replay": json.dumps({**json.loads(about["replay"]), **change})})
    with pytest.raises(RecordError, match=words):
        load_replay(path)


def test_a_replay_of_more_than_2_mb_is_not_written(tmp_path):
    large = Replay({"schema": 1}, {"filters": torch.zeros(2_000_000, dtype=torch.int8)})
    with pytest.raises(RecordError, match="fewer moments"):
        save_replay(tmp_path / "run.safetensors", large)
    assert not list(tmp_path.iterdir())


def test_the_shipped_replay_is_whole_and_says_where_it_is_from():
    replay = load_replay(replay_path("cifar-lite"))
    assert replay.header["config"]["preset"] == "cifar-lite"
    assert replay.header["data"].startswith("CIFAR-10") and replay.header["commit"]
    assert replay.error(len(replay) - 1) < 0.35 < replay.error(0)
    steps = replay.tensors["step"]
    assert int(steps[0]) == 0 and bool((steps.diff() > 0).all())


# --- the player ---------------------------------------------------------------------------------


def test_every_moment_and_both_scales_are_drawn_and_told(recorded):
    _, replay = recorded
    explorer = ReplayExplorer(replay)
    pictures, words = set(), set()
    for moment in range(len(replay)):
        explorer.set(moment=moment)
        pictures.add(explorer.image.value)
        words.add(explorer.summary)
    assert len(pictures) == len(words) == len(replay)
    assert "step 20 (epoch 2.00 of 2)" in explorer.summary
    before = explorer.image.value
    explorer.set(own_scale=False)
    assert explorer.image.value != before and "one scale for all moments" in explorer.summary
    assert replay_picture(replay, 0).size == (1150, 712)
    with pytest.raises(ValueError, match="moment is 99"):
        replay_picture(replay, 99)


def test_the_axis_is_true_and_every_moment_is_reached_by_pointer_and_by_keys():
    """Moments stood one step apart, whatever time lay between them."""
    explorer = ReplayExplorer(load_replay(replay_path("cifar-lite")))
    replay, last = explorer.replay, len(explorer.replay) - 1
    grid = explorer.image.places[0]
    number = 0

    def point(column: int) -> int:
        nonlocal number
        number += 1
        told = {"place": 0, "row": 0, "column": column, "turn": 0, "number": number}
        explorer.image.pointed = told
        return explorer.state["moment"]

    middle = point(grid["columns"] // 2)
    assert replay.epoch(middle) == pytest.approx(replay.epoch(last) / 2, rel=0.1)
    assert point(0) == 0
    for moment in range(1, last + 1):  # the right arrow goes one cell on from where one is
        assert point(explorer.image.places[0]["at"][1] + 1) == moment
    moment = last
    while explorer.image.places[0]["at"][1]:
        assert point(explorer.image.places[0]["at"][1] - 1) == moment - 1
        moment -= 1
    assert moment < 10


def test_the_words_name_the_confusion_and_the_silent_units(recorded):
    _, replay = recorded
    confusion = torch.zeros(10, 10, dtype=torch.int32)
    confusion[3, 5], confusion[5, 5] = 7, 3
    confusion.diagonal()[:] += 1
    tensors = {**replay.tensors, "confusion": confusion.expand(len(replay), 10, 10)}
    tensors["dead"] = torch.full_like(tensors["dead"], 0.25)
    words = ReplayExplorer(Replay(replay.header, tensors)).render(1, own_scale=True)[1]
    names = replay.header["classes"]
    assert f"{names[3]} called {names[5]}, 7 of 8" in words
    assert "relu1 25%" in words and "wrong" in words
    one = Replay(replay.header, {name: value[:1] for name, value in tensors.items()})
    with pytest.raises(ValueError, match="1 moments"):
        ReplayExplorer(one)
