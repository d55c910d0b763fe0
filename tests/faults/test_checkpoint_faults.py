"""Damaged, hostile, foreign and unwritable checkpoints (F10–F20)."""

import os
import re
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from alexnet_lib.data.files import sweep_temporary
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_into,
    save_checkpoint,
)
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.run import RunFolder
from alexnet_lib.training.trainer import Trainer

PLACE = {"device": "cpu", "precision": "float32"}


def state(value: float = 1.0, size: int = 1000, **changes):
    sections = {name: {} for name in ("config", "optimizer", "schedule", "history", "environment")}
    return {**sections, "model": {"w": torch.full((size,), value)}, **changes}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "last.pt"
    save_checkpoint(path, state())
    return path


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a process with SIGKILL")
def test_f10_sigkill_during_save_leaves_the_previous_file_whole(tmp_path):
    # One process imports torch once and forks twenty savers, each killed at another moment.
    script = """
        import os, signal, sys, time, torch
        from alexnet_lib.training.checkpoint import load_checkpoint, save_checkpoint
        names = ("config", "optimizer", "schedule", "history", "environment")
        def save(value):
            model = {"w": torch.full((1_000_000,), float(value))}
            save_checkpoint(sys.argv[1], {**{name: {} for name in names}, "model": model})
        save(0)
        for attempt in range(20):
            child = os.fork()
            if child == 0:
                while True:
                    save(attempt)
            time.sleep(0.02 + 0.0037 * attempt)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            w = load_checkpoint(sys.argv[1])["model"]["w"]
            print("whole" if (w == w[0]).all() else "mixed")
    """
    path = tmp_path / "run" / "last.pt"
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=_one_thread(), check=True)
    assert done.stdout.split() == ["whole"] * 20
    sweep_temporary(path.parent)
    assert [file.name for file in path.parent.iterdir()] == ["last.pt"]


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_f11_full_disk_is_told_and_the_old_file_stays(saved):
    pytest.importorskip("resource", reason="this system cannot limit the size of files")
    script = """
        import resource, signal, sys, torch
        from alexnet_lib.training.checkpoint import CheckpointError, save_checkpoint
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        names = ("config", "optimizer", "schedule", "history", "environment")
        model = {"w": torch.ones(1_000_000)}
        try:
            save_checkpoint(sys.argv[1], {**{name: {} for name in names}, "model": model})
        except CheckpointError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, env=_one_thread(), check=True)
    assert f"Cannot write {saved}" in done.stdout
    assert "Free space there" in done.stdout
    assert load_checkpoint(saved)["model"]["w"].numel() == 1000
    assert [file.name for file in saved.parent.iterdir()] == ["last.pt"]


def test_f12_folder_that_cannot_be_made_is_found_before_training(tmp_path):
    (tmp_path / "runs").write_text("a file in the folder's place")
    with pytest.raises(CheckpointError, match="Cannot make the folder"):
        RunFolder(tmp_path / "runs" / "first")


def test_f12_folder_that_cannot_be_written_stops_the_run_before_its_first_step(tmp_path):
    folder = RunFolder(tmp_path / "run")
    (tmp_path / "run").write_text("a file in the folder's place")
    config = TrainConfig.for_preset("four-layer", epochs=1, validation_size=10, **PLACE)
    trainer = Trainer(config, synthetic_images(40, 20), [folder])
    with pytest.raises(CheckpointError, match="Cannot make the folder"):
        trainer.fit()
    assert trainer.history.step_loss == [] and trainer.last_checkpoint is None


def test_f13_temporary_file_lies_beside_the_target_and_mode_follows_umask(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    seen = []
    real_replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(Path(a)), real_replace(a, b)))
    before = os.umask(0o022)
    try:
        save_checkpoint(tmp_path / "run" / "last.pt", state())
    finally:
        os.umask(before)
    assert [path.parent for path in seen] == [tmp_path / "run"]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "run" / "last.pt").stat().st_mode) == 0o644


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_f14_truncated_file_is_refused_in_words(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    "junk", [b"<html><body>404</body></html>", b"epoch 3\n", b"\x80\x02K\x01."]
)
def test_f14_something_else_is_refused_in_words(saved, junk):
    saved.write_bytes(junk)
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        load_checkpoint(saved)


def test_f14_the_newest_good_file_beside_it_is_offered(saved):
    for age, name in ((20, "epoch1.pt"), (10, "epoch2.pt"), (0, "epoch3.pt")):
        save_checkpoint(saved.parent / name, state())
        os.utime(saved.parent / name, (time.time() - age,) * 2)
    (saved.parent / "epoch3.pt").write_bytes(b"cut")
    saved.write_bytes(b"cut too")
    with pytest.raises(CheckpointError, match=r"epoch2\.pt can be read"):
        load_checkpoint(saved)


def test_f15_no_flipped_bit_loads_silently(saved):
    content = saved.read_bytes()
    good = load_checkpoint(saved)["model"]["w"]
    generator = torch.Generator().manual_seed(15)
    refused = 0
    for place in torch.randint(8 * len(content), (50,), generator=generator).tolist():
        altered = bytearray(content)
        altered[place // 8] ^= 1 << place % 8
        saved.write_bytes(altered)
        try:
            assert torch.equal(load_checkpoint(saved)["model"]["w"], good)  # a bit of padding
        except CheckpointError:
            refused += 1
    assert refused > 30


class _Hostile:
    """Runs a command when unpickled by a careless reader."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def test_f16_hostile_pickle_is_refused_and_does_not_run(saved, tmp_path):
    torch.save({"schema": 1, **state(), "extra": _Hostile(tmp_path / "canary")}, saved)
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)
    assert not (tmp_path / "canary").exists()


def test_f16_nothing_in_the_package_loads_without_the_guard():
    package = Path(__file__).parents[2] / "alexnet_lib"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "weights_only=False" not in text, path
        loads = len(re.findall(r"(?<!safetensors\.)torch\.load\(", text))  # those hold no code
        assert loads == text.count("weights_only=True)"), path


@pytest.mark.parametrize(
    ("section", "value", "place"),
    [
        ("history", {"loss": [1.0, torch.ones(1).numpy()[0]]}, r"state\.history\.loss\[1\]"),
        ("config", {"data": Path("x")}, r"state\.config\.data"),
        ("history", {"done": {1, 2}}, r"state\.history\.done"),
    ],
)
def test_f17_unlisted_type_is_refused_when_saving(tmp_path, section, value, place):
    with pytest.raises(CheckpointError, match=f"{place} is .*Convert it first"):
        save_checkpoint(tmp_path / "a.pt", state(**{section: value}))
    assert list(tmp_path.iterdir()) == []


def test_f18_state_from_another_device_loads_on_the_cpu_and_is_announced(tmp_path):
    data = synthetic_images(40, 20)
    config = TrainConfig.for_preset("four-layer", epochs=1, validation_size=10, **PLACE)
    folder = RunFolder(tmp_path / "run")
    trainer = Trainer(config, data, [folder])
    trainer.fit()
    foreign = {**trainer.state_dict(), "environment": {**trainer.environment(), "device": "cuda"}}
    save_checkpoint(tmp_path / "run" / "last.pt", foreign)
    loaded = folder.read_state()
    assert {tensor.device.type for tensor in loaded["model"].values()} == {"cpu"}
    again = Trainer(config, data)
    assert folder.restore(again, loaded) == ["device was cuda, is cpu"]


def test_f19_other_schema_is_refused(saved):
    torch.save({**state(), "schema": 0}, saved)
    with pytest.raises(CheckpointError, match=r"schema 0; this version reads 1.* To convert it"):
        load_checkpoint(saved)
    torch.save({**state(), "schema": 2}, saved)
    with pytest.raises(CheckpointError, match=r"schema 2; this version reads 1.* update this one"):
        load_checkpoint(saved)
    torch.save([1, 2], saved)
    with pytest.raises(CheckpointError, match="schema None"):
        load_checkpoint(saved)


def test_f19_a_state_written_before_some_settings_existed_loads_with_their_defaults(tmp_path):
    data, run = synthetic_images(40, 20), tmp_path / "run"
    config = TrainConfig.for_preset("four-layer", epochs=1, validation_size=10, **PLACE)
    folder = RunFolder(run)
    begun = Trainer(config, data, [folder])
    begun.fit()
    older = begun.state_dict()
    for name in ("stop_at", "mean_crop", "deterministic", "test_weights"):
        del older["config"][name]
    del older["history"]["interrupted"], older["environment"]["threads"]
    save_checkpoint(run / "last.pt", older)
    state = folder.read_state()
    assert TrainConfig.from_dict(state["config"]) == begun.config
    again = Trainer(begun.config, data)
    assert folder.restore(again, state) == [f"threads was None, is {torch.get_num_threads()}"]
    assert again.finished and torch.equal(again.model.fc4.weight, begun.model.fc4.weight)


def test_f19_other_class_count_is_told_and_nothing_is_loaded():
    ten, hundred = build_model("four-layer", 10), build_model("four-layer", 100)
    before = ten.fc4.weight.clone(), ten.conv1.weight.clone()
    with pytest.raises(CheckpointError, match=r"fc4\.weight as \(100, 1024\) instead of \(10, "):
        load_into(ten, {k: v + 1 for k, v in hundred.state_dict().items()})
    assert torch.equal(ten.fc4.weight, before[0]) and torch.equal(ten.conv1.weight, before[1])


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("section", ["model", "optimizer"])
def test_f20_not_finite_is_refused_unless_allowed(tmp_path, section, value):
    save_checkpoint(tmp_path / "a.pt", state(**{section: {"v": torch.tensor([0.0, value])}}))
    with pytest.raises(CheckpointError, match=rf"NaN or infinity in {section}\.v"):
        load_checkpoint(tmp_path / "a.pt")
    assert (
        not load_checkpoint(tmp_path / "a.pt", allow_nonfinite=True)[section]["v"].isfinite().all()
    )


def test_a_model_without_our_names_is_refused_too():
    with pytest.raises(CheckpointError, match="of another network"):
        load_into(nn.Linear(2, 2), build_model("four-layer").state_dict())
