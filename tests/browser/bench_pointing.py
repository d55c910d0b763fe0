"""How long a page takes from a key or a pointer to the frame, and to the new picture.

    pytest tests/browser/bench_pointing.py -s

Measured in the page itself: from the event to the loaded picture. Nothing is asserted.
"""

import statistics
from typing import TYPE_CHECKING

import pytest
from test_notebooks import _open_scratch

if TYPE_CHECKING:
    from lab import Lab

    from conftest import Server

PRELUDE = (
    "import torch\n"
    "from alexnet_lib.course import photograph, widgets\n"
    "from alexnet_lib.course.widgets.page import style_page\n"
    "from alexnet_lib.data import synthetic_images\n"
    "from alexnet_lib.inspection import Tracer, receptive_fields\n"
    "from alexnet_lib.paper import pca_basis\n"
    "from alexnet_lib.training.checkpoint import shipped_network\n"
    "network, data = shipped_network(), synthetic_images(60, 30)\n"
    "tracer = Tracer(network.model, network.preprocessing)\n"
    'one = {"one": data.test.images[0]}\n'
    "album = widgets.Album(one, tracer, network.classes)"
)
WIDGETS = {
    "FirstLook": 'widgets.FirstLook(network, {"cat": photograph()}); _.set(size=50)',
    "FlowExplorer": "widgets.FlowExplorer(photograph())",
    "WindowStepper": 'widgets.WindowStepper(torch.rand(7, 7), {"a": torch.ones(3, 3)})',
    "ReceptiveFieldExplorer": 'widgets.ReceptiveFieldExplorer(tracer.fields, one, "X")',
    "Competition": "widgets.Competition()",
    "NormalisedMaps": 'widgets.NormalisedMaps(tracer, one, "X")',
    "PoolStepper": "widgets.PoolStepper(torch.rand(7, 7))",
    "ViewSampler": "widgets.ViewSampler(data, pca_basis(data.train.images), network, photograph())",
    "UnitExplorer": 'widgets.UnitExplorer(tracer, album, "X")',
    "MapBrowser": 'widgets.MapBrowser(tracer, album, "X", "pool2")',
    "CoverExplorer": 'widgets.CoverExplorer(tracer, album, network.classes, "X")',
}
PARTS = {"UnitExplorer": 3, "NormalisedMaps": 1}  # which is pointed at, where not the first
REPEATS = 30
MEASURE = """async ([place, part_number, repeats]) => {
  const box = document.querySelectorAll(".alexnet-explorer")[place];
  const part = box.querySelectorAll(".alexnet-cells")[part_number];
  const image = box.querySelector("img");
  const loaded = () => new Promise((done) => image.addEventListener("load", done, {once: true}));
  const frames = [], pictures = [];
  for (let count = 0; count < repeats; count++) {
    const key = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"][count % 4];
    const begun = performance.now(), next = loaded();
    part.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    frames.push(performance.now() - begun);
    const late = new Promise((done) => setTimeout(done, 3000, "late"));
    if ((await Promise.race([next, late])) !== "late") pictures.push(performance.now() - begun);
  }
  return [frames, pictures];
}"""


@pytest.mark.timeout(900)
def test_print_a_table(lab: "Lab", server: "Server") -> None:
    """One line a widget: milliseconds to the frame, and to the picture."""
    cells = [source.replace("; _.", "\n_ = widget\n_.") for source in WIDGETS.values()]
    cells = [f"widget = {source}\nwidget" for source in cells]
    _open_scratch(lab, server, PRELUDE, *cells)
    print(f"\n{'':24s} frame p95   picture p50   p95 (ms)")
    for place, name in enumerate(WIDGETS):
        frames, pictures = lab.page.evaluate(MEASURE, [place, PARTS.get(name, 0), REPEATS])
        shown = sorted(pictures) or [float("nan")]
        late = sorted(frames)[int(0.95 * REPEATS)]
        print(f"{name:24s} {late:9.1f} {statistics.median(shown):13.0f} {_late(shown):5.0f}")


def _late(values: list[float]) -> float:
    return values[int(0.95 * (len(values) - 1))]
