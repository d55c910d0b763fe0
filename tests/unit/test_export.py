"""What is exported takes pixels and answers as the network does, without this package."""

import json
import subprocess
import sys

import pytest
import torch

from alexnet_lib.checks import InputError
from alexnet_lib.cli import main as cli
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.models.registry import build_model
from alexnet_lib.training import export as module
from alexnet_lib.training.checkpoint import TrainedNetwork, save_trained
from alexnet_lib.training.export import export

SETTINGS = {"widths": (4, 6, 4, 4, 4), "groups": (1,) * 5, "hidden_units": 8, "init": "kaiming"}


def network(preset="cifar-lite", side=32):
    model = build_model(preset, 3, seed=5, **SETTINGS).eval()
    mean = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0)) * 255
    return TrainedNetwork(model, Preprocessing(mean, torch.full((3, 1, 1), 60.0)), tuple("abc"), {})


WITHOUT_US = """
import sys, torch
program = torch.export.load(sys.argv[1]).module()
torch.save(program(torch.load(sys.argv[2], weights_only=True)), sys.argv[3])
sys.exit(any(name.startswith("alexnet_lib") for name in sys.modules))
"""


def test_the_file_answers_as_the_network_without_this_package(tmp_path, capsys):
    own = network()
    save_trained(tmp_path / "net.safetensors", own)
    path = tmp_path / "net.pt2"
    words = ["export", str(tmp_path / "net.safetensors"), "--out", str(path)]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "largest difference" in said and "(N, 3, 32, 32) uint8 and gives prob" in said
    told = json.loads((tmp_path / "net.classes.json").read_text())
    assert told == {"classes": ["a", "b", "c"], "side": 32}
    images = torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8)
    torch.save(images, tmp_path / "images.pt")
    files = [str(tmp_path / name) for name in ("net.pt2", "images.pt", "answers.pt")]
    subprocess.run([sys.executable, "-c", WITHOUT_US, *files], check=True, cwd=tmp_path)
    answers = torch.load(tmp_path / "answers.pt", weights_only=True)
    for row, answer in zip(answers, own.classify(images, top=3), strict=True):
        for name, probability in answer.top:
            assert probability == pytest.approx(float(row["abc".index(name)]), abs=1e-5)


def test_a_name_that_says_another_form_and_a_folder_are_refused(tmp_path, capsys):
    save_trained(tmp_path / "net.safetensors", network())
    words = ["export", str(tmp_path / "net.safetensors"), "--to", "pt2", "--out"]
    for name in (tmp_path / "net.onnx", tmp_path):
        assert cli.main([*words, str(name)]) == 2
        assert "with --to pt2; expected a file such as net.pt2" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_network_that_is_not_there_is_told_with_what_would_do(capsys):
    assert cli.main(["export", "nowhere"]) == 2
    told = "There is no nowhere; expected a run's folder, a file such as best.safetensors, or a"
    assert told in capsys.readouterr().err


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_pt2", lambda deployed, some, path: lambda x: deployed(x) + 0.01)
    with pytest.raises(InputError, match=r"differs by 0\.01; expected at most 0\.0001"):
        export(network(), tmp_path / "net.pt2")
    assert list(tmp_path.iterdir()) == []


def test_onnx_without_its_packages_is_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install onnx onnxscript"):
        export(network(), tmp_path / "net.onnx", "onnx")


def test_onnx_is_checked_by_onnxruntime(tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    assert export(network(), tmp_path / "net.onnx", "onnx") < 1e-4
