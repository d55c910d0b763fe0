"""A replay at one moment: filters, confusions, layers, and the curves of the whole run."""

from itertools import zip_longest
from math import ceil

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.pixels import Box, enlarged, few_colours, mosaic, text_font
from alexnet_lib.course.figures.style import BLUE, GOLD, GREY, INK, PALE, RED, ink_on, mixed
from alexnet_lib.experiments.replay import Replay

_SIZE, _TOP, _SQUARE = (1150, 712), 66, 396  # picture; upper row: where it starts, how high it is
_CURVES = (60, 504, 1044, 667)  # left, top, right, bottom


def replay_picture(replay: Replay, moment: int, own_scale: bool = True) -> Image.Image:
    """Draw a moment of a run.

    Args:
        moment: from 0.
        own_scale: each filter's largest weight is its brightest colour; else one scale for all
            filters and moments, so that their growth is seen.
    """
    if not 0 <= moment < len(replay):
        raise InputError(f"moment is {moment}; expected 0 to {len(replay) - 1}.")
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    draw.text((2, 2), _title(replay, moment), INK, text_font(19, bold=True))
    for x, words in ((2, "first-layer filters"), (416, "shown (row), called (column)")):
        draw.text((x, 38), words, INK, text_font(16))
    picture.paste(_filters(replay, moment, own_scale), (2, _TOP))
    _confusion(draw, replay, moment)
    _layers(draw, replay, moment)
    _curves(draw, replay, moment)
    return few_colours(picture)


def _title(replay: Replay, moment: int) -> str:
    step, config = int(replay.tensors["step"][moment]), replay.header["config"]
    return (
        f"{config['preset']} on {replay.header['data']}: step {step:,}, "
        f"epoch {replay.epoch(moment):.2f} of {config['epochs']}"
    )


def _filters(replay: Replay, moment: int, own_scale: bool) -> Image.Image:
    weight = replay.filters(moment)  # (M, 3, K, K)
    scales = replay.tensors["filter_scale"]
    largest = 127 * (scales[moment] if own_scale else scales.max().expand(len(weight)))
    columns = ceil(len(weight) ** 0.5)
    side = int(_SQUARE / columns - 4) // weight.shape[-1] or 1  # picture pixels of a weight
    colours = (127.5 + 127.5 * weight / largest.view(-1, 1, 1, 1)).round().to(torch.uint8)
    return Image.fromarray(mosaic(enlarged(colours, side), columns, gap=4).numpy())


def _confusion(draw: ImageDraw.ImageDraw, replay: Replay, moment: int) -> None:
    classes, confusion = replay.header["classes"], replay.tensors["confusion"][moment].float()
    shares, cell = confusion / confusion.sum(1, keepdim=True), 330 / len(classes)
    for row, values in enumerate(shares.tolist()):
        y = _TOP + 22 + row * cell
        draw.text((496, y + cell / 2), classes[row][:10], INK, text_font(16), "rm")
        draw.text((502 + (row + 0.5) * cell, _TOP + 12), classes[row][:3], INK, text_font(16), "mm")
        for column, share in enumerate(values):
            x, fill = 502 + column * cell, mixed(BLUE, min(1.0, 1.15 * share), 244)
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill)
            if share >= 0.095:
                ink = ink_on([level / 255 for level in fill])
                middle = (x + cell / 2 - 1, y + cell / 2 - 1)
                draw.text(middle, f"{100 * share:.0f}", ink, text_font(16), "mm")
    words = f"% of the row, from 10 on; {replay.error(moment):.1%} of all are wrong"
    draw.text((416, _TOP + 360), words, INK, text_font(16))


def _layers(draw: ImageDraw.ImageDraw, replay: Replay, moment: int) -> None:
    tensors, header, small = replay.tensors, replay.header, text_font(16)
    for x, words in ((846, "layer"), (896, "dead"), (972, "mean ± spread")):
        draw.text((x, 39), words, INK, small)
    draw.text((1148, 39), "|g|/|w|", INK, small, "ra")
    ratios = tensors["gradient_norm"][moment] / tensors["weight_norm"][moment].clamp_min(1e-12)
    units = torch.stack([tensors[name][moment] for name in ("dead", "mean", "spread")], 1)
    rows = zip_longest(header["layers"], ratios.tolist(), units.tolist())
    for row, (layer, ratio, unit) in enumerate(rows):
        y = _TOP + 34 + 36 * row
        draw.text((846, y), layer, INK, small, "lm")
        draw.text((1146, y), f"{ratio:.2g}", INK, small, "rm")
        if unit:
            dead, mean, spread = unit
            draw.rectangle((894, y - 8, 922, y + 8), PALE)
            if dead:
                draw.rectangle((894, y - 8, 895 + 27 * dead, y + 8), RED)
            draw.text((926, y), f"{dead:.0%}", INK, small, "lm")
            draw.text((972, y), f"{mean:.2f} ± {spread:.2f}", INK, small, "lm")


def _curves(draw: ImageDraw.ImageDraw, replay: Replay, moment: int) -> None:
    left, top, right, bottom = _CURVES
    curves = {"held out": (replay.tensors["loss"], BLUE, 4)}
    curves["training"] = (replay.tensors["train_loss"], GOLD, 3)
    ceiling = 1.05 * max(float(values.max()) for values, _, _ in curves.values())
    xs = _places(replay)
    draw.text((2, top - 30), "loss, epoch by epoch (point at a moment)", INK, text_font(16))
    for level in range(0, int(ceiling) + 1, 1 + int(ceiling) // 6):
        y = bottom - level / ceiling * (bottom - top)
        draw.line((left, y, right, y), PALE)
        draw.text((left - 8, y), str(level), INK, text_font(16), "rm")
    _drops(draw, replay.tensors["lr"], xs)
    draw.line((xs[moment], top, xs[moment], bottom), INK, 2)
    ends = []
    for name, (values, colour, width) in curves.items():
        ys = [bottom - value / ceiling * (bottom - top) for value in values.tolist()]
        draw.line(list(zip(xs, ys, strict=True)), colour, width, joint="curve")
        draw.ellipse((xs[moment] - 6, ys[moment] - 6, xs[moment] + 6, ys[moment] + 6), colour, INK)
        ends.append((ys[-1], name, colour))
    high, low = sorted(ends)
    apart = max(0.0, 18 - (low[0] - high[0])) / 2
    for y, name, colour in ((high[0] - apart, *high[1:]), (low[0] + apart, *low[1:])):
        draw.line((right + 12, y, right + 28, y), colour, 4)
        draw.text((right + 34, y), name, INK, text_font(16), "lm")
    for epoch in _whole_epochs(replay.epoch(-1)):
        x = left + epoch / replay.epoch(-1) * (right - left)
        draw.line((x, bottom, x, bottom + 6), GREY)
        draw.text((x, bottom + 8), f"{epoch:g}", INK, text_font(16), "ma")
    draw.text((right, bottom + 28), "epoch", INK, text_font(16), "ra")


def _places(replay: Replay) -> list[float]:
    """Where each moment stands on the axis of epochs."""
    left, _, right, _ = _CURVES
    steps = replay.tensors["step"].float()  # (T,)
    return (left + steps / max(1.0, float(steps[-1])) * (right - left)).tolist()


def _whole_epochs(last: float) -> list[float]:
    """Six to twelve round numbers from 0 to the last epoch."""
    step = next(n * 10**power for power in range(-3, 6) for n in (1, 2, 5)
                if last <= 11 * n * 10.0**power)  # fmt: skip
    return [number * step for number in range(int(last / step + 1e-6) + 1)]


def moments_box() -> Box:
    """Where the curves are in `replay_picture`, from the first moment to the last."""
    left, top, right, bottom = _CURVES
    return Box(top, left, bottom - top, right - left)


def _drops(draw: ImageDraw.ImageDraw, rates: Tensor, xs: list[float]) -> None:
    """A line where the learning rate fell."""
    _, top, _, bottom = _CURVES
    for index, (early, late) in enumerate(zip(rates.tolist(), rates.tolist()[1:], strict=False), 1):
        if late < 0.99 * early:
            draw.line((xs[index], top, xs[index], bottom), GREY)
            draw.text((xs[index] + 3, top), f"lr ÷{early / late:.0f}", GREY, text_font(16))
