"""The engineer's page with other people's packages, and the entry points of torch.hub."""

import re
from importlib.util import find_spec
from inspect import isfunction
from pathlib import Path
from runpy import run_path

import pytest
import torch

from alexnet_lib.training import shipped_network

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "engineers.md").read_text(encoding="utf-8")

ENTRIES = {"alexnet", "cifar_lite", "classifier"}  # torch.hub offers every function it finds

# The blocks without a package's name are run with those of all pages, see test_readme.py.
BLOCKS = dict(re.findall(r"```python (\w+)\n(.*?)```", PAGE, re.S))


def test_the_page_shows_the_tools_that_engineers_ask_for():
    assert {"captum", "torchinfo", "fvcore", "thop", "accelerate", "lightning"} <= set(BLOCKS)
    assert PAGE.count("```") == 2 * (len(BLOCKS) + len(re.findall(r"```python\n", PAGE)))


@pytest.mark.filterwarnings("ignore")  # these packages warn of each other
@pytest.mark.parametrize("package", BLOCKS)
def test_a_block_runs_where_its_package_is_installed(package, tmp_path, monkeypatch):
    pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[package], {"__name__": "block"})


def test_torch_hub_builds_the_networks():
    entries = run_path(str(ROOT / "hubconf.py"))
    assert {name for name, thing in entries.items() if isfunction(thing)} == ENTRIES
    assert all(find_spec(package) for package in entries["dependencies"])
    settings = {"widths": (8,) * 5, "hidden_units": 16, "num_classes": 7, "input_size": 63}
    model = torch.hub.load(str(ROOT), "alexnet", source="local", preset="source2012", **settings)
    assert model(torch.zeros(1, 3, 63, 63)).shape == (1, 7)
    trained, x = shipped_network(), torch.randn(2, 3, 28, 28) * 50
    with torch.no_grad():
        again = torch.hub.load(str(ROOT), "cifar_lite", source="local")(x)
        assert torch.equal(again, trained.model(x))
    classes = torch.hub.load(str(ROOT), "classifier", source="local").classes
    assert classes == trained.classes
