"""A recorded training run, to be played or dragged through (§5)."""

from functools import partial
from typing import Any

import ipywidgets
from PIL import Image

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.replay import replay_picture
from alexnet_lib.course.widgets.core import Explorer, slider, toggle
from alexnet_lib.experiments.replay import Replay


def replay_explorer(replay: Replay) -> Explorer:
    """Slider and player over the moments of a run; it opens at the last one.

    Raises:
        ValueError: fewer than two moments.
    """
    last = len(replay) - 1
    if last < 1:
        raise InputError(f"the replay has {last + 1} moments; expected at least 2.")
    explorer = Explorer(
        partial(render_replay, replay),
        moment=slider("moment", 0, last, last),
        own_scale=toggle("each filter on its own scale", True),
    )
    play = ipywidgets.Play(min=0, max=last, value=last, interval=250, show_repeat=False)
    ipywidgets.jslink((play, "value"), (explorer.controls["moment"], "value"))
    explorer.children = (play, *explorer.children)
    return explorer


def render_replay(replay: Replay, state: dict[str, Any]) -> tuple[Image.Image, str]:
    """Picture and words for a `moment` (from 0) and `own_scale` of the filters."""
    moment, tensors, header = state["moment"], replay.tensors, replay.header
    picture = replay_picture(replay, moment, state["own_scale"])
    dead = zip(header["activations"], tensors["dead"][moment].tolist(), strict=True)
    shut = ", ".join(f"{name} {share:.0%}" for name, share in dead if share >= 0.005)
    scale = "each filter on its own scale" if state["own_scale"] else "one scale for all moments"
    return picture, (
        f"{header['data']}, step {int(tensors['step'][moment]):,} (epoch "
        f"{replay.epoch(moment):.2f} of {header['config']['epochs']}), rate "
        f"{float(tensors['lr'][moment]):.2g}: held-out loss {float(tensors['loss'][moment]):.2f}, "
        f"{replay.error(moment):.1%} of {header['images']:,} images wrong. "
        f"{_mixed_up(replay, moment)} Units that never answer: {shut or 'none'}. Filters: {scale}."
    )


def _mixed_up(replay: Replay, moment: int) -> str:
    confusion, classes = replay.tensors["confusion"][moment].clone(), replay.header["classes"]
    shown = int(confusion.sum(1).max())
    confusion.fill_diagonal_(0)
    row, column = divmod(int(confusion.argmax()), len(classes))
    return (
        f"Most often: {classes[row]} called {classes[column]}, {confusion[row, column]} of {shown}."
    )
