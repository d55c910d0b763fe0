"""An explorer's states as files: which are drawn, what they say, how little they take."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import ipywidgets
import nbformat
import pytest
import torch
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.site.dials import chosen_states, dials_of, evenly
from alexnet_lib.course.site.harvest import (
    Ahead,
    code_cells,
    explorers_in,
    harvest,
    needed,
    shows_explorer,
)
from alexnet_lib.course.site.network import export_network, network_parts
from alexnet_lib.course.site.states import encoded, export, player_files
from alexnet_lib.course.widgets.core import (
    Explorer,
    Shown,
    Touchable,
    choice,
    log_slider,
    slider,
    to_png,
    toggle,
)
from alexnet_lib.course.widgets.pictures import Album, Source
from alexnet_lib.course.widgets.pointing import Cells, to_place
from alexnet_lib.course.widgets.pooling import PoolStepper
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.models.registry import build_model


class Board(Explorer):
    """A board whose second kind is smaller; its last corner is impossible."""

    keep_share = ("row",)
    pairs = (("row", "column"),)

    def __init__(self) -> None:
        super().__init__(
            kind=choice("kind", [("large", 9), ("small", 4)]),
            row=slider("row", 0, 9, 0),
            column=slider("column", 0, 9, 6),
            on=toggle("on"),
            scale=log_slider("scale", -1, 1, 0, 0.5),
        )

    def limits(self, kind: int, **_: Any) -> dict[str, int]:
        return {"row": kind, "column": kind}

    def render(self, kind: int, row: int, column: int, on: bool, scale: float) -> Shown:
        if (row, column) == (9, 9):
            raise InputError("there is no such corner.")
        noise = torch.rand(60, 60, 3, generator=torch.Generator().manual_seed(10 * row + column))
        picture = Image.fromarray((255 * noise).to(torch.uint8).numpy())
        cells = Cells(Box(0, 0, 60, 60), kind + 1, kind + 1, to_place, (row, column), "board")
        return Touchable(picture, [cells]), f"{kind} {row} {column} {on} {scale:.2g}"


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "states.json").read_text(encoding="utf-8"))


def state_at(told: dict[str, Any], *at: int) -> dict[str, Any]:
    return next(state for state in told["states"] if state["at"] == list(at))


def test_few_states_are_all_drawn(tmp_path: Path) -> None:
    stepper = PoolStepper(torch.arange(16.0).view(4, 4))
    done, told = export(stepper, tmp_path), read(tmp_path)
    every = {
        (size, stride, output)
        for size in range(1, 5)
        for stride in range(1, size + 1)
        for output in range(stepper.outputs(size, stride).numel())
    }
    values = [[int(text) for text in control["options"]] for control in told["controls"]]
    names = [control["name"] for control in told["controls"]]
    drawn = {
        tuple(v[i] for v, i in zip(values, state["at"], strict=True)) for state in told["states"]
    }
    assert drawn == every and done.states == len(every) and not done.thinned
    for state in told["states"]:
        at = (v[i] for v, i in zip(values, state["at"], strict=True))
        own = dict(zip(names, at, strict=True))
        assert state["words"] == stepper.render(**own)[1]
        last = stepper.outputs(own["size"], own["stride"]).numel() - 1
        assert state["ends"]["output"] == last, "the page's slider ends where the notebook's does"


def test_controls_and_first_state_are_those_shown_now(tmp_path: Path) -> None:
    board = Board()
    board.set(row=3, on=True)
    export(board, tmp_path)
    told = read(tmp_path)
    kinds = {control["name"]: control["kind"] for control in told["controls"]}
    assert kinds == {
        "kind": "select", "row": "range", "column": "range", "on": "checkbox", "scale": "range"
    }  # fmt: skip
    texts = [c["options"][i] for c, i in zip(told["controls"], told["first"], strict=True)]
    assert texts == ["large", "3", "6", "on", "1"]
    assert state_at(told, *told["first"])["words"] == "9 3 6 True 1"
    assert told["controls"][-1]["options"] == ["0.1", "0.32", "1", "3.2", "10"]


def test_what_pairs_name_is_drawn_in_full_and_the_rest_along_each_control(tmp_path: Path) -> None:
    done = export(Board(), tmp_path, most=200)
    told = read(tmp_path)
    assert done.states == 100 + 1 + 1 + 4
    at = [state["at"] for state in told["states"]]
    assert len({tuple(a) for a in at}) == len(at)
    assert at[0] == told["first"] == [0, 0, 6, 0, 2]
    small = state_at(told, 1, 0, 4, 0, 2)  # column 6 does not fit: the nearest that does
    assert small["words"] == "4 0 4 False 1" and small["ends"] == {"row": 4, "column": 4}
    corner = state_at(told, 0, 9, 9, 0, 2)
    assert corner["picture"] is None and not corner["cells"]
    assert corner["words"] == "Not possible: there is no such corner."
    place = state_at(told, 0, 2, 5, 0, 2)["cells"][0]
    grid = told["grids"][place["grid"]]
    assert place["at"] == [2, 5] and (place["rows"], place["columns"]) == (10, 10)
    assert grid["row"][37] == 3 and grid["column"][37] == 7


def test_a_slider_that_keeps_its_share_does_so(tmp_path: Path) -> None:
    board = Board()
    board.set(row=9)
    states = chosen_states(board, dials_of(board), 200)
    assert {"kind": 4, "row": 4, "column": 4, "on": False, "scale": 1.0} in states


def test_equal_pictures_are_stored_once_and_equal_runs_give_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(Board(), tmp_path / name, most=200)
    told = read(tmp_path / "one")
    assert len(told["pictures"]) == 99, "kind, box and scale change no picture"
    files = [{p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two")]
    assert files[0] == files[1]
    assert {p["file"] for p in told["pictures"]} | {"states.json"} == set(files[0])


def test_the_budget_thins_the_steps_of_sliders_evenly_and_says_so(tmp_path: Path) -> None:
    done = export(Board(), tmp_path, budget_bytes=60_000)
    told = read(tmp_path)
    pictures = sum(p.stat().st_size for p in tmp_path.iterdir() if p.suffix != ".json")
    assert pictures <= 60_000 and 8 <= done.states < 60
    row = next(control for control in told["controls"] if control["name"] == "row")
    assert row["steps"] == 10 > len(row["options"]) >= 3 and done.thinned["row"].endswith("of 10")
    assert {"0", "9"} <= set(row["options"])
    column = next(control for control in told["controls"] if control["name"] == "column")
    assert "6" in column["options"], "where it stands first"
    for state in told["states"]:
        for cells in state["cells"]:
            assert max(told["grids"][cells["grid"]]["row"]) < len(row["options"])


@pytest.mark.parametrize("count", [2, 3, 5, 9, 20])
@pytest.mark.parametrize("keep", [0, 3, 11, 12])
def test_evenly_keeps_ends_and_first_value(count: int, keep: int) -> None:
    kept = evenly(list(range(13)), count, keep)
    assert {0, keep, 12} <= set(kept) and kept == sorted(kept) and len(kept) <= max(count, 3)
    steps = [b - a for a, b in pairwise(kept)]
    assert count < 5 or max(steps) <= 2 * -(-12 // (count - 1))


def test_a_chart_keeps_its_colours_and_its_mark() -> None:
    board = Board().render(9, 0, 0, False, 1.0)[0].drawn
    name, small, about = encoded(to_png(board))
    assert name.endswith(".webp") and about["chart"] is False and about["size"] == [60, 60]
    assert len(small) < len(to_png(board))


def test_a_source_offers_some_pictures() -> None:
    data = synthetic_images(30, 10)
    source = Source(data)
    names = [one.name for one in source.some(5)]
    assert len(set(names)) == 5 and names[0] == source.value.name
    source.number.value = 20
    assert source.some(5)[0] is source.value


def test_the_player_has_all_its_files() -> None:
    names = {file.name for file in player_files()}
    assert {"player.js", "player.css", "pointing.js", "pointing.css"} <= names
    assert all(file.is_file() for file in player_files())


# --- A notebook's explorers -----------------------------------------------------------------------

CELLS = {
    "start": "import torch\nfrom alexnet_lib.course import widgets",
    "numbers": "numbers = torch.zeros(4, 4)",
    "slow": "trained = sum(range(10))",
    "change": "numbers[0] = 5",
    "say": "print(numbers, trained)",
    "pool": "stepper = widgets.PoolStepper(numbers)\nstepper",
    "moved": "stepper.set(output=1)",
    "show": "widgets.show_html('<p>', 'p')",
}


def notebook_of(cells: dict[str, str], path: Path) -> Path:
    v4 = nbformat.v4
    made = [v4.new_code_cell(source, id=name) for name, source in cells.items()]
    nbformat.write(v4.new_notebook(cells=made), path)
    return path


def test_only_cells_that_explorers_need_are_run() -> None:
    cells = list(CELLS.items())
    wanted = {name for name, source in cells if shows_explorer(source)}
    assert wanted == {"pool"}
    assert [name for name, _ in needed(cells, wanted)] == ["start", "numbers", "change", "pool"]


def test_a_notebook_is_harvested_and_what_fails_is_named(tmp_path: Path) -> None:
    more = {
        "bad": "class Bad(widgets.PoolStepper):\n    def render(self, **state):\n"
        "        if state['output']:\n            raise ZeroDivisionError('a fault')\n"
        "        return super().render(**state)\n"
        "widgets.PoolStepper(numbers)\nBad(numbers)"
    }
    said: list[str] = []
    notebook = notebook_of({**CELLS, **more}, tmp_path / "small.ipynb")
    draw = Ahead([notebook], report=said.append)
    found = draw(notebook, tmp_path)
    assert found == {"pool": ["explorers/small/pool-1/states.json"]}
    words = read(tmp_path / "explorers" / "small" / "pool-1")["states"][0]["words"]
    assert "holds 5, 5, 5" in words, "the cell that changes the numbers was run"
    assert any("bad Bad: keeps its still, ZeroDivisionError: a fault" in line for line in said)
    assert any("pool PoolStepper:" in line and "MB" in line for line in said)


def test_a_notebook_that_fails_is_told_and_keeps_what_came_before(tmp_path: Path) -> None:
    cells = {**CELLS, "end": "widgets.PoolStepper(missing)"}
    said: list[str] = []
    found = harvest(notebook_of(cells, tmp_path / "small.ipynb"), tmp_path, said.append)
    assert list(found) == ["pool"]
    assert said.count("small.ipynb: NameError: name 'missing' is not defined.") == 2
    assert said[-1] == "small.ipynb: the explorers from there on keep their stills."


def test_explorers_are_found_within_other_widgets() -> None:
    board = Board()
    box = ipywidgets.VBox([ipywidgets.HBox([board]), ipywidgets.HTML()])
    assert list(explorers_in(box)) == [board]


def test_code_cells_are_read_in_order(tmp_path: Path) -> None:
    assert code_cells(notebook_of(CELLS, tmp_path / "small.ipynb")) == list(CELLS.items())


# --- A network for the page -----------------------------------------------------------------------

NARROW = {"widths": (8, 12, 16, 16, 8), "hidden_units": 6}


def tracer_of(**changes: Any) -> Tracer:
    net = build_model("cifar-lite", 10, **NARROW, **changes).eval()
    return Tracer(net, Preprocessing(torch.full((3, 32, 32), 99.5), torch.ones(3, 1, 1)))


def test_a_network_is_told_layer_by_layer(tmp_path: Path) -> None:
    tracer = tracer_of()
    picture = synthetic_images(10, 10).test.images[0]
    path = export_network(Album({"one": picture}, tracer, list("abcdefghij")), tmp_path)
    told = json.loads(path.read_text(encoding="utf-8"))
    count = sum(parameter.numel() for parameter in tracer.model.parameters())
    assert (tmp_path / "network.bin").stat().st_size == 2 * count
    sizes = [
        one["groups"] * one["out"] * (one["kernel"] ** 2 * one["in"] + 1) for one in told["layers"]
    ]
    assert sum(sizes) == count
    assert base64.b64decode(told["pictures"]["one"]) == bytes(picture.permute(1, 2, 0).flatten())
    assert told["mean"] == [99.5] * 28 * 28 * 3 and told["classes"] == list("abcdefghij")
    assert [one["name"] for one in told["layers"] if one["pool"]] == ["conv1", "conv2", "conv5"]


@pytest.mark.parametrize("change", [{"activation": "tanh"}, {"dropout": "inverted"}])
def test_a_network_that_the_page_cannot_run_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="a page cannot run AlexNet"):
        network_parts(tracer_of(**change))


def test_an_album_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the album has no network"):
        export_network(Album({"one": torch.zeros(3, 32, 32, dtype=torch.uint8)}), tmp_path)
