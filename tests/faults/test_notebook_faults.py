"""Cells run again, stopped, elsewhere, without widgets, or a hundred times (F36–F39)."""

import gc
import json
import os
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import ipywidgets
import nbformat
import pytest
import torch
from kernels import WIDGET_VIEW, kernel
from matplotlib.figure import Figure

from alexnet_lib.course.lessons import written_lessons
from alexnet_lib.course.widgets import lesson as opening
from alexnet_lib.course.widgets.convolution import SizePlayground
from alexnet_lib.course.widgets.live import LiveTraining
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PLAIN = {"ALEXNET_LEVEL": "lesson", "ALEXNET_OFFLINE": "1", "PYTHONHASHSEED": "0"}
START = NOTEBOOKS / "00_start_here.ipynb"  # the quickest lesson


def code_of(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def run_all(running, cells):
    shown = [running.run(source) for source in cells]
    assert [one.error for one in shown] == [""] * len(cells)
    return shown


@pytest.mark.slow(seconds=25)
def test_f36_f38_run_all_after_a_restart_midway_gives_the_same_text():
    """All cells twice in one kernel: see `test_nbval.py`, for every quick notebook."""
    cells = code_of(START)
    with kernel(NOTEBOOKS, MPLBACKEND="Agg", DISPLAY="", **PLAIN) as running:
        midway = run_all(running, cells[: len(cells) // 2])
        running.restart()
        first = run_all(running, cells)
    assert [one.text for one in midway] == [one.text for one in first[: len(midway)]]
    assert sum(map(len, first[0].text.splitlines())) > 10
    bundles = [bundle for one in first for bundle in one.bundles]
    assert any("image/png" in bundle for bundle in bundles)  # a figure needs no display
    stills = [still for still, next_one in pairwise(bundles) if WIDGET_VIEW in next_one]
    assert len(stills) == sum(WIDGET_VIEW in bundle for bundle in bundles) > 3
    for still in stills:  # where there are no widgets, the picture and the words remain
        assert len(still.get("text/plain", "")) > 10


@pytest.mark.slow
def test_f36_the_first_cell_of_any_notebook_needs_nothing_from_another():
    firsts = {entry.path.name: code_of(entry.path)[0] for entry in written_lessons()}
    with kernel(NOTEBOOKS, **PLAIN) as running:
        for name, source in firsts.items():
            shown = running.run(f"exec({source!r}, {{'__name__': '__main__'}})")
            assert shown.error == "", name
            assert f"{name[:2]} " in shown.text


PREPARE = """
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.course.patients import patient
from alexnet_lib.course.widgets.live import LiveTraining
data = synthetic_images(600, 100)
plan = {"epochs": 3, "train_limit": 500, "validation_size": 100}
"""
LIVE = """
run = patient("healthy", data, [LiveTraining()], **plan)
history = run.fit()
print(len(history), history.interrupted, sum(history.step_loss), run.model.fc8.weight.sum().item())
"""
MOMENTS = [("status", 0.0), ("display_data", 0.0), ("display_data", 0.3), ("display_data", 1.0)]


@pytest.mark.slow
def test_f36_stop_in_a_live_cell_leaves_the_kernel_usable_and_a_rerun_correct():
    with kernel(NOTEBOOKS, **PLAIN) as running:
        assert running.run(PREPARE).error == ""
        whole = running.run(LIVE)
        assert whole.error == "" and "3 False" in whole.text
        stopped = 0
        for moment in MOMENTS:
            cut = running.run(LIVE, stop_after=moment)
            assert cut.error in ("", "KeyboardInterrupt")
            stopped += cut.text != whole.text
            assert running.run("print(6 * 7)").text == "42\n"
        assert stopped >= 2  # a quick machine may finish before the last ones
        assert running.run(LIVE).text == whole.text


@pytest.mark.parametrize("folder", [ROOT, NOTEBOOKS, Path(ROOT.anchor)], ids=["root", "nb", "far"])
def test_f37_data_and_runs_are_found_from_any_folder(folder):
    code = "from alexnet_lib.data import files as e; print(e.data_dir(), e.runs_dir(), sep='|')"
    environ = {k: v for k, v in os.environ.items() if k != "ALEXNET_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environ, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"{ROOT / 'data'}|{ROOT / 'runs'}", done.stderr


@pytest.mark.slow
def test_f37_a_kernel_name_of_another_machine_does_not_matter_to_the_tests(tmp_path):
    cell = nbformat.v4.new_code_cell("import alexnet_lib\nprint('found')")
    cell.execution_count = 1
    cell.outputs = [nbformat.v4.new_output("stream", text="found\n")]
    spec = {"kernelspec": {"name": "conda-env-of-someone", "display_name": "Someone's"}}
    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=spec), path)
    options = ["-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--nbval"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(path)], cwd=ROOT, capture_output=True,
        text=True,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout


def test_f37_every_notebook_asks_for_the_kernel_that_each_jupyter_has():
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert nbformat.read(path, as_version=4).metadata.kernelspec.name == "python3", path


def test_f37_without_the_package_the_error_is_the_one_that_the_first_text_repairs():
    source = code_of(START)[0]
    blocked = f"""
        import sys
        sys.modules["alexnet_lib"] = None
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name == "alexnet_lib":
                    raise ModuleNotFoundError(f"No module named {{name!r}}")
        del sys.modules["alexnet_lib"]
        sys.meta_path.insert(0, Missing())
        exec({source!r})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(blocked)], capture_output=True, text=True
    )
    error = done.stderr.strip().splitlines()[-1].removeprefix("ModuleNotFoundError: ")
    assert error == "No module named 'alexnet_lib'"
    advice = nbformat.read(START, as_version=4).cells[0].source.splitlines()[-1]
    assert error in advice and "pip install -e" in advice and "Restart" in advice


def test_f37_the_first_cell_tells_versions_and_one_line_for_each_repair(monkeypatch, capsys):
    notes = []
    monkeypatch.setattr(opening, "note", notes.append)
    monkeypatch.setattr(opening.importlib.metadata, "version", {"torch": "2.5.1"}.get, raising=True)
    monkeypatch.setattr(opening, "_version", lambda name: "2.5.1" if name == "torch" else "99.0")
    opening.start("00")
    facts, *repairs = notes[0].splitlines()
    assert "torch 2.5.1" in facts and "Python 3." in facts
    assert [line for line in repairs if 'pip install --upgrade "torch>=2.10"' in line]
    assert "00 Start here" in capsys.readouterr().out


def test_f38_training_and_figures_need_no_widgets_and_no_display():
    code = """
        import sys
        sys.modules["ipywidgets"] = sys.modules["IPython"] = None
        from alexnet_lib.cli.main import main
        from alexnet_lib.course.figures.style import save_png
        from alexnet_lib.course.figures.training import learning_curves
        from alexnet_lib.training.trainer import History
        history = History(steps_per_epoch=2, step_loss=[2.0, 1.0])
        values = dict.fromkeys(("train_error", "validation_loss", "validation_error"), 0.5)
        history.append(train_loss=1.5, lr=0.1, elapsed_s=1.0, **values)
        print(save_png(learning_curves(history, "nothing"))[1:4])
    """
    environ = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environ, capture_output=True, text=True
    )
    assert done.stdout.strip() == "b'PNG'", done.stderr


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem[:2])
def test_f38_a_saved_notebook_shows_pictures_and_words_in_place_of_widgets(path):
    outputs = [
        output
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
    ]
    bundles = [output["data"] for output in outputs if "data" in output]
    assert not [bundle for bundle in bundles if WIDGET_VIEW in bundle]
    assert any("image/png" in bundle for bundle in bundles)
    words = [" ".join(bundle.get("text/plain", "")) for bundle in bundles]
    assert not [text for text in words if "model not found" in text or "Loading widget" in text]


@pytest.mark.slow
def test_f38_a_page_made_of_a_saved_notebook_has_its_pictures():
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
    page, _ = nbconvert.HTMLExporter().from_filename(str(START))
    assert page.count("<img") >= 3 and "data:image/png" in page
    assert "widget-view" not in page.replace("widget-view+json", "", 1)


def held() -> tuple[int, int, int]:
    """What is alive: figures, bytes of tensors, widgets."""
    gc.collect()
    things = gc.get_objects()  # asking isinstance would wake what warns of its retirement
    tensors = [thing for thing in things if issubclass(type(thing), torch.Tensor)]
    figures = sum(issubclass(type(thing), Figure) for thing in things)
    size = sum(t.untyped_storage().nbytes() for t in tensors)
    return figures, size, len(ipywidgets.widgets.widget._instances)


def test_f39_a_hundred_moves_of_an_explorer_hold_on_to_nothing():
    explorer = SizePlayground()
    control = next(c for c in explorer.controls.values() if hasattr(c, "max"))
    values = [control.min, control.max]

    def move(times):
        for turn in range(times):
            control.value = values[turn % 2]

    move(4)
    before = held()
    move(100)
    assert held() == before


def test_f39_redraws_of_a_live_curve_hold_on_to_nothing():
    small = {"widths": (4, 4, 4), "input_size": 12, "resize_to": 12}
    config = TrainConfig.for_preset(
        "four-layer", model=small, epochs=2, batch_size=20, validation_size=20, device="cpu",
        precision="float32",
    )  # fmt: skip
    live = LiveTraining(pause_s=0.0, share=1.0)
    trainer = Trainer(config, synthetic_images(60, 20))
    trainer.fit()

    def redraw(times):
        for _ in range(times):
            live.on_epoch_end(trainer)

    redraw(2)
    before = held()
    redraw(30)
    assert held() == before
