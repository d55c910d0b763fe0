"""Lesson 05: the numbers it teaches, its pictures, and the words of its explorer."""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from alexnet_lib.course.exercises import nb05
from alexnet_lib.course.figures.errors import paired_errors
from alexnet_lib.course.figures.norm_maps import norm_panel
from alexnet_lib.course.figures.response_norm import map_bars, response_curves
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.widgets.response_norm import STRONG, Bars, Competition, NormalisedMaps
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import Examples
from alexnet_lib.inspection.units import Tracer
from alexnet_lib.paper.facts import LRN
from alexnet_lib.paper.layers import local_response_norm
from alexnet_lib.paper.network import PRESETS, AlexNet

FIRST = Bars(STRONG, (50.0,) * 17).turned(STRONG, 300)
START = {"maps": FIRST, "scale": 1.0, "size": 5, "k": 2.0, "alpha": 1e-4, "beta": 0.75}


def one_pixel(*answers: float) -> torch.Tensor:
    return torch.tensor(answers, dtype=torch.float64).view(1, -1, 1, 1)


def kept(spread: float, convention: str) -> float:
    maps = torch.randn(4, 96, 8, 8, generator=torch.Generator().manual_seed(1)).relu()
    b = local_response_norm(spread * maps, convention=convention)
    return float((b[maps > 0] / (spread * maps[maps > 0])).mean())


def rest(**changed: Any) -> tuple[Image.Image, str]:
    (picture, _), words = Competition().render(**{**START, **changed})
    return picture, words


@pytest.mark.parametrize(("level", "left"), [(1, 0.594), (10, 5.84), (100, 23.24), (1000, 9.43)])
def test_five_equal_answers_and_what_is_left_of_them(level: float, left: float) -> None:
    b = local_response_norm(one_pixel(*[level] * 5)).flatten()
    assert float(b[2]) == pytest.approx(left, rel=2e-3)


def test_the_ends_of_the_row_have_fewer_rivals() -> None:
    b = local_response_norm(one_pixel(*[100] * 8)).flatten()
    shares = [round(1000 * float(share) / 100) for share in b]
    assert shares == [299, 261, 232, 232, 232, 232, 261, 299]


def test_torch_with_an_even_window_reaches_two_maps_down_and_one_up() -> None:
    quiet, loud = one_pixel(*[100] * 8), one_pixel(*[100] * 4, 1000, *[100] * 3)
    changed = F.local_response_norm(loud, 4) / loud != F.local_response_norm(quiet, 4) / quiet
    assert changed.flatten().nonzero().flatten().tolist() == [3, 4, 5, 6]


def test_only_the_maps_at_the_seam_notice_the_towers() -> None:
    x = 100 * torch.rand(1, 96, 2, 2, generator=torch.Generator().manual_seed(0))
    gap = (local_response_norm(x, groups=2) - local_response_norm(x)).abs().amax(dim=(0, 2, 3))
    assert (gap > 1e-3).nonzero().flatten().tolist() == [46, 47, 48, 49]


@pytest.mark.parametrize(
    ("spread", "paper", "code"),
    [(1, 0.5945, 0.5946), (50, 0.483, 0.565), (100, 0.348, 0.500), (300, 0.135, 0.283)],
)
def test_what_is_kept_at_each_spread(spread: float, paper: float, code: float) -> None:
    assert kept(spread, "paper") == pytest.approx(paper, abs=1e-3)
    assert kept(spread, "source2012") == pytest.approx(code, abs=1e-3)


def test_a_lone_answer_is_greatest_at_200() -> None:
    peak = (LRN.k / (LRN.alpha * (2 * LRN.beta - 1))) ** 0.5
    assert peak == pytest.approx(200)
    below, top, above = (
        float(local_response_norm(one_pixel(0, 0, a, 0, 0))[0, 2]) for a in (190, 200, 400)
    )
    assert below < top == pytest.approx(52.2, abs=0.05)
    assert above == pytest.approx(45.8, abs=0.05)


def test_neighbours_keep_their_ratio_and_others_gain_on_them() -> None:
    row = torch.full((1, 17, 1, 1), 50.0)
    row[0, 8] = 300
    b = local_response_norm(row).flatten()
    assert float(b[8] / b[9]) == pytest.approx(6)
    assert float(b[9] / b[12]) == pytest.approx(0.375, abs=1e-3)


def test_the_shown_solution_is_the_layer() -> None:
    for case in nb05.formula.cases():
        torch.testing.assert_close(nb05.lrn_without_loop(*case), local_response_norm(*case))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Map 8: 300 → 46.5. Its neighbour, map 9: 50 → 7.76. Map 11, out of its reach: "
         "50 → 20.7. Beside map 8 the same activation comes out 2.7 times weaker."),
        ({"size": 1}, "each map sees only itself"),
        ({"size": 15}, "Map 16, out of its reach"),
        ({"scale": 0.01}, "There is no competition"),
        ({"beta": 0.0}, "There is no competition"),
        ({"maps": FIRST.turned(8, 0)}, "its neighbours gain"),
        ({"maps": FIRST.turned(16, 300)}, "Map 16: 300 → 48. Its neighbour, map 15: 50 → 7.88"),
        ({"maps": FIRST.turned(9, 0)}, "Map 9: 0 → 0. Its neighbour, map 10"),
        ({"maps": FIRST.turned(10, 0)._replace(chosen=9)}, "map 10: 0 → 0. Map 12, out of its"),
        ({"size": 15, "maps": FIRST._replace(chosen=9)}, "Map 1, out of its reach"),
    ],
)  # fmt: skip
def test_the_explorer_says_who_suffers(changed: dict[str, Any], words: str) -> None:
    assert words in rest(**changed)[1]


def test_every_end_of_every_control_can_be_drawn() -> None:
    shown = Competition()
    first = shown.image.value
    sliders = shown.controls["maps"]
    for control in (sliders.activity, *list(shown.controls.values())[1:]):
        start = control.value
        log = hasattr(control, "base")
        for end in (control.min, control.max):
            control.value = control.base**end if log else end
            assert "Not possible" not in shown.summary
        control.value = start
    assert shown.image.value == first


def test_a_map_of_the_picture_shrinks_when_its_neighbour_grows() -> None:
    """The blue of map 9 below: its share of what it had."""
    blue = [
        picture.getpixel((1080 * 9.5 / 17, 390))
        for picture in (rest(maps=FIRST.turned(8, 0))[0], rest()[0])
    ]
    assert blue[0] != blue[1]


def test_the_shaded_window_has_n_maps() -> None:
    before = torch.full((17,), 50.0)
    for size in (1, 5, 9):
        picture = map_bars(before, before, STRONG, size, 50.0)
        line = [picture.getpixel((x, 32)) for x in range(1080)]
        assert sum(colour != (255, 255, 255) for colour in line) == pytest.approx(
            1080 * size / 17, abs=2
        )


def test_a_summit_is_told_and_a_slope_is_not() -> None:
    x = torch.linspace(0, 10, 11)
    figure = response_curves(x, {"hill": 25 - (x - 5) ** 2, "slope": x}, title="T", xlabel="x",
                             ylabel="y", marks={"here": 3.0})  # fmt: skip
    assert figure.get_label() == "T. hill: 0 at 0, 0 at 10; highest at 5; slope: 0 at 0, 10 at 10."
    assert [text.get_text() for text in figure.axes[0].texts] == [
        "hill",
        "25.0 at 5",
        "slope",
        "here",
    ]
    assert save_png(figure).startswith(b"\x89PNG")


def test_paired_errors_join_the_dots_of_a_seed() -> None:
    figure = paired_errors({"a": [0.5, 0.6], "b": [0.4, 0.7]}, "Error, CIFAR-10")
    assert figure.get_label() == "Error, CIFAR-10, 2 seeds. a: mean 55.0%; b: mean 55.0%."
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[0.5, 0.4], [0.6, 0.7]]
    for wrong in ({}, {"a": [0.5], "b": []}, {"a": []}):
        with pytest.raises(ValueError, match="numbers of seeds"):
            paired_errors(wrong, "Error")


@pytest.fixture
def maps() -> NormalisedMaps:
    """A network whose conv1 answers as large as a trained one's."""
    dice = torch.Generator().manual_seed(0)
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=dice)
    few = replace(PRESETS["cifar-lite"], widths=(8, 8, 8, 8, 8), hidden_units=8, num_classes=10)
    network = AlexNet(few, dice).eval()
    torch.nn.init.normal_(network.conv1.weight, std=0.2, generator=dice)
    scale = Preprocessing.fit(Examples(images, torch.arange(4)), "centred")
    return NormalisedMaps(Tracer(network, scale), {"a": images[0], "b": images[1]}, "noise")


def shares(words: str) -> dict[int, float]:
    """By map, the share that the words say is left."""
    told = re.findall(r"(?:map (\d+)|makes) ([\d,]+\.?\d*) → ([\d,]+(?:\.\d+)?)", words)
    read = [(name, *(float(number.replace(",", "")) for number in pair)) for name, *pair in told]
    return {int(name or -1): after / before for name, before, after in read if before}


def test_the_maps_open_at_the_strongest_and_say_what_it_keeps(maps: NormalisedMaps) -> None:
    before = maps.maps("a")
    chosen = int(before.amax((1, 2)).argmax())
    row, column = divmod(int(before[chosen].argmax()), before.shape[-1])
    place = {"row": row, "column": column}
    assert maps.state == {"picture": "a", "map": chosen, "turn": 1.0, **place}
    left = local_response_norm(before[None])[0, chosen, row, column] / before[chosen].max()
    assert f"a, noise: map {chosen}. In row {row}, column {column}, where it is" in maps.summary
    assert f"so {float(left):.0%} is left" in maps.summary


def test_neighbours_sink_when_a_map_is_turned_up(maps: NormalisedMaps) -> None:
    before, picture = shares(maps.summary), maps.image.value
    maps.set(turn=5.0)
    after = shares(maps.summary)
    assert len(before) > 2 and before.keys() == after.keys()
    assert all(after[name] < before[name] for name in before)
    assert maps.image.value != picture


def test_every_map_of_every_picture_can_be_drawn(maps: NormalisedMaps) -> None:
    for picture in ("a", "b"):
        for number in (0, 7):
            maps.set(picture=picture, map=number)
            assert "Not possible" not in maps.summary
    maps.reset()
    assert maps.state["picture"] == "a"


def test_the_panel_shows_a_dimmed_map_as_before_and_a_silent_one_without_a_share() -> None:
    picture = torch.zeros(3, 28, 28, dtype=torch.uint8)
    before = torch.stack([torch.full((28, 28), 8.0), torch.zeros(28, 28)])
    panel = norm_panel(picture, before, 0.5 * before, [3, 4], 3, 16.0, 0.5, (20, 20), 16.0)
    rows = [panel.convert("RGB").getpixel((300, y)) for y in (60, 250, 430)]
    assert rows[0] == rows[1] != rows[2]  # half of the darkest, before and after
    assert sum(rows[2]) < sum(rows[0])  # all that LRN can leave is left
    assert min(panel.convert("RGB").getpixel((460, 60))) >= 247
    assert max(panel.convert("RGB").getpixel((460, 430))) < 247


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (lambda x, n: F.pad(x**2, (0, 0, 0, 0, n - 1, 0)), "Your window ends at the map itself"),
        (lambda x, n: F.pad(x**2, (0, 0, 0, 0, 0, n - 1)), "Your window begins at the map itself"),
        (lambda x, n: F.pad(x.abs(), (0, 0, 0, 0, n // 2, n // 2)), "not their squares"),
    ],
)
def test_another_window_is_named_for_what_it_is(window: Any, words: str) -> None:
    def lrn(x: torch.Tensor, size: int, alpha: float, beta: float, k: float) -> torch.Tensor:
        return x / (k + alpha * window(x, size).unfold(1, size, 1).sum(-1)) ** beta

    assert words in nb05.formula.check(lrn).text
