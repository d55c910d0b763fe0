"""Colours as points: the cloud of all pixels, and the shifts that PCA noise draws (§4.1)."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.course.figures.style import BLUE, GREY, RED, describe, headline, new_figure, styled

_DOTS = {"markeredgewidth": 0, "antialiased": False}


@styled
def shift_clouds(pixels: Tensor, shifts: Mapping[str, Tensor], title: str) -> Figure:
    """Draw shifts in red and blue, one panel a form, on a tenth of the cloud of pixels.

    Args:
        pixels: a sample of the data's pixels, 0–255.
        shifts: by form, drawn shifts in grey levels.
        title: says which data.
    Shape:
        pixels: (M, 3), shifts: (N, 3) each
    """
    if not shifts:
        raise InputError("there are no shifts to draw; expected at least one form.")
    figure, words = new_figure(8, 4.0), []
    headline(figure, title)
    panels = figure.subplots(1, len(shifts), sharex=True, sharey=True, squeeze=False)[0]
    cloud = 0.1 * (pixels.float() - pixels.float().mean(0))  # (M, 3)
    for axes, colour, (name, drawn) in zip(panels, (BLUE, RED), shifts.items(), strict=False):
        axes.plot(cloud[:, 0], cloud[:, 2], "s", color=GREY, label="pixels ÷ 10, mean at 0",
                  markersize=1.6, **_DOTS)  # fmt: skip
        axes.plot(drawn[:, 0], drawn[:, 2], "s", color=colour, label="drawn shifts",
                  markersize=2.6, **_DOTS)  # fmt: skip
        axes.set(title=name, xlabel="red, grey levels", aspect="equal")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), markerscale=2.5)
        spread = ", ".join(f"{value:.1f}" for value in drawn.std(0).tolist())
        words.append(f"{name}: spread {spread} in red, green, blue")
    panels[0].set_ylabel("blue, grey levels")
    return describe(figure, f"{title}. Shifts in grey levels. {'; '.join(words)}.")
