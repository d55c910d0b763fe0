"""Draw the pictures of README.md from the shipped weights and records: make gallery.

No picture shows CIFAR-10 itself: what the network looks at is painted here, or is the stand-in.
"""

import io
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from alexnet_lib.course.figures.activations import race
from alexnet_lib.course.figures.clinic import dashboard
from alexnet_lib.course.figures.convolution import filter_grid
from alexnet_lib.course.figures.pixels import image_grid
from alexnet_lib.course.figures.replay import replay_picture
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.patients import patient
from alexnet_lib.course.widgets.inside import UnitExplorer
from alexnet_lib.course.widgets.pictures import DRAWN, Album
from alexnet_lib.data.files import atomic_write, data_dir
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments.measures import recorded_runs
from alexnet_lib.experiments.records import load_record
from alexnet_lib.experiments.replay import load_replay, replay_path
from alexnet_lib.inspection.ascent import class_images
from alexnet_lib.inspection.health import Vitals
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.training.checkpoint import TrainedNetwork, shipped_network

GALLERY = data_dir() / "gallery"
SHIP = """
................
........#.......
........#w......
........#ww.....
........#www....
....ww..#wwww...
....wr..#.......
....ww..#.......
.wwwwwwwwwwwwww.
..rrrrrrrrrrrr..
...##########...
~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~
~~~~~~~~~~~~~~~~
"""
PAINTS = {".": "sky", "~": "sea", "#": "black", "w": "white", "r": "red"}


class Picture(NamedTuple):
    """One PNG of the gallery, the words that stand in for it, and those beneath it."""

    name: str
    alt: str
    caption: str
    draw: Callable[[], bytes]

    def markdown(self) -> str:
        """The picture as README shows it."""
        return f"![{self.alt}](data/gallery/{self.name}.png)\n\n*{self.caption}*"


def pictures() -> list[Picture]:
    """What can be drawn from what is shipped; nothing is drawn yet."""
    fig1 = load_record("fig1")
    first = [] if fig1 is None else [race_of(fig1)]
    return [UNIT, *first, *of_network(), film(), CLINIC]


def of_network() -> list[Picture]:
    """What the shipped network looks for, and what it imagines."""
    about = shipped().about
    trained = f"{about['network']} after {about['epoch']} epochs of {about['data']}"
    return [
        Picture(
            "filters",
            "Small square colour pictures in rows, a block for each of the two towers",
            f"Lesson 14: the first layer of {trained}, as in the paper's Fig. 3.",
            partial(filters, f"conv1 of {trained}"),
        ),
        Picture(
            "imagined",
            "Ten small blurred pictures in bold colours, each with a class and a per cent",
            f"Lesson 14: pictures made from noise, of which {trained} is sure.",
            partial(imagined, f"What the network is sure of: {trained}"),
        ),
    ]


def film() -> Picture:
    """The last moment of the recorded run."""
    replay = load_replay(replay_path("cifar-lite"))
    last, planned = len(replay) - 1, replay.header["config"]["epochs"]
    return Picture(
        "replay",
        "Filters, a table of confusions, a table of layers, and curves of the loss",
        f"Lesson 13: a training run to be played, here at epoch {replay.epoch(last):.0f} of "
        f"{planned}, {replay.header['data']}.",
        lambda: png_of(replay_picture(replay, last)),
    )


def race_of(record: dict) -> Picture:
    """ReLU against tanh under the conditions of 2012, with the record's first seed (Fig. 1)."""
    data, seed = record["data"], record["seeds"][0]
    runs = [run for run in recorded_runs(record) if (run.conditions, run.seed) == ("2012", seed)]
    return Picture(
        "fig1",
        "Training error of a ReLU and a tanh network against epochs, and a threshold of 25 %",
        f"Lesson 03: the paper's Fig. 1, re-run under the conditions of 2012 on {data}; one of "
        f"{len(record['seeds'])} seeds.",
        lambda: save_png(race(runs, 0.25, f"Fig. 1 re-run, conditions of 2012; {data}")),
    )


@cache
def shipped() -> TrainedNetwork:
    """The course's network."""
    return shipped_network()


def filters(title: str) -> bytes:
    """The first layer's filters (Fig. 3)."""
    return save_png(filter_grid(shipped().model.conv1.weight, title, towers=2))


def unit() -> bytes:
    """The unit of conv1 that answers a painted ship most, taken apart."""
    tracer = Tracer(shipped().model, shipped().preprocessing)
    album = Album({"empty": torch.zeros(3, *2 * (tracer.scale.size,), dtype=torch.uint8)})
    album.board.put(tuple(PAINTS[cell] for cell in SHIP.replace("\n", "")))
    answers = tracer.calls(album.pictures[DRAWN])["conv1"].after[0]  # (M, H, W)
    place = torch.unravel_index(answers.argmax(), answers.shape)
    state = dict(zip(("map", "row", "column"), map(int, place), strict=True))
    explorer = UnitExplorer(tracer, album, "")
    return png_of(explorer.render(picture=DRAWN, layer="conv1", channel=1, **state)[0].drawn)


def imagined(title: str) -> bytes:
    """A picture a class, made from noise."""
    network = shipped()
    scale = Tracer(network.model, network.preprocessing).scale
    dice = torch.Generator().manual_seed(0)
    made = class_images(network.model, scale, range(len(network.classes)), dice)
    sure = zip(network.classes, made.probabilities.tolist(), strict=True)
    labels = [f"{name} {share:.0%}" for name, share in sure]
    return save_png(image_grid(made.pixels, labels, columns=5, title=title))


def clinic_chart() -> bytes:
    """A patient's whole chart, on the stand-in."""
    data, runs = synthetic_images(3_000, 200), {"healthy": Vitals(), "D": Vitals()}
    for who, vitals in runs.items():
        patient(who, data, [vitals]).fit()
    title = f"Patient D, {data.name}"
    return save_png(dashboard(runs["D"], runs["healthy"], data.classes, title))


UNIT = Picture(
    "unit",
    "A painted ship with a frame; window, kernel and products in numbers; a chain of boxes",
    "Lesson 14: any unit of your network, from its window to the next layer. Paint a picture, "
    "move the frame.",
    unit,
)
CLINIC = Picture(
    "clinic",
    "Eight panels: curves, gradients, what layers write, outputs, and the pictures fed",
    "Lesson 15: a patient of the bug clinic, trained on the synthetic stand-in; the healthy run in "
    "grey. What is wrong?",
    clinic_chart,
)


def png_of(picture: Image.Image) -> bytes:
    """A picture as a small PNG."""
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def main(folder: Path = GALLERY) -> None:
    """Draw all into a folder, and remove pictures that are no longer drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    found = pictures()
    for picture in found:
        with atomic_write(folder / f"{picture.name}.png") as path:
            path.write_bytes(picture.draw())
    for path in folder.glob("*.png"):
        if path.stem not in {picture.name for picture in found}:
            path.unlink()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
