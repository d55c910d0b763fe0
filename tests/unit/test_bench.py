"""The benchmark: ours beside the plain recipe and beside what the machine can do at most."""

import json
from itertools import count

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from alexnet_lib.cli import bench
from alexnet_lib.cli.main import main
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.layers import LocalResponseNorm

TINY = {"tiny": ("four-layer", {"widths": (4, 4, 4), "input_size": 12})}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench, "NETWORKS", TINY)
    monkeypatch.setattr(bench, "BATCH", 4)
    monkeypatch.setattr(bench, "STEPS", 1)
    monkeypatch.setattr(bench, "LRN_SHAPES", ((2, 6, 4, 4),))
    product, copying = bench.matrix_product, bench.copying
    monkeypatch.setattr(bench, "matrix_product", lambda *where: product(*where, side=64))
    monkeypatch.setattr(bench, "copying", lambda place: copying(place, count=1000))


def test_every_row_has_its_rival_and_its_limit_where_there_is_one(small, capsys, tmp_path):
    file = tmp_path / "bench.json"
    assert main(["bench", "steps", "lrn", "views", "--device", "cpu", "--json", str(file)]) == 0
    parts = json.loads(file.read_text())["parts"]
    rows = [row for part in parts.values() for row in part]
    assert set(parts) == {"steps", "lrn", "views"} and len(rows) == 1 + 4 + 1
    assert all(row[side] > 0 for row in rows for side in ("ours", "rival", "limit"))
    told = capsys.readouterr().out
    assert all(row["what"] in told for row in rows)


def test_an_unknown_part_is_refused_before_anything_is_timed(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "steps", "speed"])
    assert "no part speed; there are steps" in capsys.readouterr().err


def test_a_line_says_how_many_times_as_fast_and_what_share_of_the_limit():
    line = bench.Row("a step", ours=0.002, rival=0.006, limit=0.0015).told().split()
    assert line == ["a", "step", "2.00", "6.00", "1.50", "3.0×", "75%"]
    assert bench.Row("a step", ours=0.002).told().split() == ["a", "step", "2.00"]


def test_rivals_take_turns_and_the_median_counts_after_a_first_one(monkeypatch):
    clock = count()
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    order = []
    spent = bench.in_turns(
        {name: lambda name=name: order.append(name) for name in "ab"}, torch.device("cpu")
    )
    assert order == ["a", "b"] * (bench.STEPS + 1) and spent == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "preset, changes",  # of grouped convolutions torch counts the weights' gradient as ungrouped
    [("four-layer", {}), ("cifar-lite", {"groups": (1, 1, 1, 1, 1)}), ("conv-local", {})],
)
def test_a_steps_operations_are_those_that_torch_counts(preset, changes):
    model = build_model(preset, **changes)
    for name, module in list(model.named_modules()):
        if isinstance(module, LocalResponseNorm):
            model.set_submodule(name, torch.nn.Identity())
    side = model.config.input_size
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, side, side)).sum().backward()
    assert bench.training_flops(model) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_the_plain_recipe_normalises_as_we_do():
    model = build_model("cifar-lite", seed=0).eval()
    plain = bench.plain_model("cifar-lite", {}, torch.device("cpu")).eval()
    assert isinstance(plain.norm1, torch.nn.LocalResponseNorm)
    plain.load_state_dict(model.state_dict())
    x = 50 * torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(plain(x), model(x))
