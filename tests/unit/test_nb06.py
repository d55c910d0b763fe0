"""Lesson 06: pools, sizes and shifts, and the words and pictures of its explorer."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet_lib.course.by_hand import window_starts
from alexnet_lib.course.exercises import nb06
from alexnet_lib.course.figures.pooling import change_curves, shift_panels
from alexnet_lib.course.shift import edge_maps, relative_change
from alexnet_lib.course.widgets.pooling import PoolStepper, ShiftMeter
from alexnet_lib.paper.layers import OverlappingMaxPool2d, ceil_output_size

FILTERS = torch.tensor([[-1.0, 0, 1]] * 3)[None, None]
POOLS = {"no pool": lambda maps: maps, "3×3": OverlappingMaxPool2d(3, 2)}
PICTURES = {"ramp": torch.arange(32.0).expand(1, 32, 32) / 31}
SHIFT = {"picture": "noise", "pool": "3×3", "shift": 2}


@pytest.fixture
def noise() -> dict[str, torch.Tensor]:
    return {"noise": torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0))}


@settings(deadline=None)
@given(size=st.tuples(st.integers(5, 12), st.integers(5, 12)), z=st.integers(1, 5), data=st.data())
def test_the_exercises_solution_is_the_packages_pool(
    size: tuple[int, int], z: int, data: st.DataObject
) -> None:
    s = data.draw(st.integers(1, z))
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(nb06.max_pool_by_unfold(x, z, s), OverlappingMaxPool2d(z, s)(x))


@settings(deadline=None)
@given(n=st.integers(5, 60), z=st.integers(1, 5), data=st.data())
def test_the_geometry_is_that_of_the_windows(n: int, z: int, data: st.DataObject) -> None:
    s = data.draw(st.integers(1, z + 2))
    starts = window_starts(n, z, s, rounding="up")
    shared = len(set(range(z)) & set(range(s, s + z)))
    assert nb06.pool_geometry(n, z, s) == (len(starts), shared, starts[-1] + z - n)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (lambda n, z, s: -(-(n - z) // s) + 1, "neighbours share nothing: 0 pixels."),
        (lambda n, z, s: (n - z) // s + 1, "You rounded down. Then no window hangs over"),
        (lambda n, z, s: (n - z) // s + 2, "Where the windows fit exactly, none is added"),
        (lambda n, z, s: round((n - z) / s) + 1, "You rounded to the nearest"),
    ],
)
def test_who_subtracts_wherever_it_leads_is_told_of_both_mistakes(
    outputs: Callable[..., int], words: str
) -> None:
    def geometry(n: int, z: int, s: int) -> tuple[int, int, int]:
        count = outputs(n, z, s)
        return count, z - s, (count - 1) * s + z - n

    text = nb06.geometry.check(geometry).text
    assert words in text and "neighbours share nothing: 0 pixels." in text


@pytest.mark.parametrize("finite", [-2.0, -5.0, -100.0, -1e20])
def test_a_finite_padding_is_named(finite: float) -> None:
    def pool(x: torch.Tensor, z: int, s: int) -> torch.Tensor:
        return nb06._pool(x, z, s, finite).amax(2)

    assert "only −inf never wins" in nb06.pool.check(pool).text


def test_two_roundings_and_two_windows_agree_as_taught() -> None:
    """The tables of section 6.3."""
    for n in range(3, 1000):
        assert ceil_output_size(n, 3, 2) == len(window_starts(n, 2, 2))
        same = ceil_output_size(n, 3, 2) == ceil_output_size(n, 2, 2)
        assert same == (n % 2 == 0)
    assert ceil_output_size(55, 2, 2) == 28


NUMBERS = torch.arange(25.0).reshape(5, 5)


@pytest.mark.parametrize(("size", "stride"), [(z, s) for z in range(1, 5) for s in range(1, z + 1)])
def test_the_stepper_walks_over_every_window_of_the_packages_pool(size: int, stride: int) -> None:
    pooled = OverlappingMaxPool2d(size, stride)(NUMBERS[None, None])[0, 0]
    stepper = PoolStepper(NUMBERS)
    stepper.set(size=size, stride=stride)
    for count, number in enumerate(pooled.flatten().tolist(), 1):
        assert f"Window {count} of {pooled.numel()} holds" in stepper.summary
        assert f"The largest is {number:g}." in stepper.summary
        stepper.set(output=count)
    assert f"Window {pooled.numel()} of" in stepper.summary  # there it ends


def test_the_stepper_leaves_no_gaps() -> None:
    stepper = PoolStepper(NUMBERS)
    stepper.controls["size"].value = 1
    assert stepper.state == {"size": 1, "stride": 1, "output": 0}
    assert "Window 1 of 25 holds 0." in stepper.summary


def test_the_stepper_shows_only_what_a_window_at_the_edge_has() -> None:
    (picture, _), text = PoolStepper(NUMBERS).render(size=2, stride=2, output=5)
    assert text.startswith("Window 6 of 9 holds 14, 19. The largest is 19.")
    assert text.endswith("Neighbouring windows share 0 of 2 columns.")
    (other, _), _ = PoolStepper(NUMBERS).render(size=3, stride=2, output=0)
    assert picture.width > other.width


def test_each_plane_of_a_photograph_is_pooled_for_itself() -> None:
    photo = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0))
    stepper = PoolStepper({"photograph": photo})
    stepper.set(output=13)  # row 2, column 1 of 6×6: the last windows hang over
    red, green, blue = photo[:, 4:7, 2:5].amax((1, 2)).tolist()
    told = f"of red {red:.2g}, of green {green:.2g}, of blue {blue:.2g}."
    assert stepper.summary.startswith(f"Window 14 of 36 keeps the largest of each plane: {told}")
    assert [place["rows"] for place in stepper.image.places] == [6, 6]


def test_a_shifted_window_shows_other_pixels_of_the_same_picture() -> None:
    image = torch.rand(2, 1, 32, 32)
    start, moved = edge_maps(image, FILTERS), edge_maps(image, FILTERS, 3)
    assert start.shape == (2, 1, 22, 22)
    torch.testing.assert_close(moved[..., :-3], start[..., 3:])
    with pytest.raises(ValueError, match="shift is 9; expected 0 to 8"):
        edge_maps(image, FILTERS, 9)


def test_relative_change_is_a_share_of_the_length_before() -> None:
    before = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    after = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert relative_change(before, after).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="after"):
        relative_change(before, after[:1])


def test_the_shift_meter_tells_the_change_of_every_pool(noise: dict) -> None:
    picture, text = ShiftMeter(noise, FILTERS, POOLS).render(**SHIFT)
    start, moved = (edge_maps(noise["noise"][None], FILTERS, by) for by in (0, 2))
    for name, pool in POOLS.items():
        change = float(relative_change(pool(start), pool(moved)))
        assert f"{name} {change:.0%}" in text
    assert isinstance(picture, Image.Image)
    assert text.startswith("noise, moved by 2 of 24 pixels; 3×3. Change: no pool ")


def test_no_shift_is_no_change_and_a_ramp_looks_alike_everywhere(noise: dict) -> None:
    _, text = ShiftMeter(noise, FILTERS, POOLS).render(**SHIFT | {"shift": 0})
    assert "no pool 0%; 3×3 0%." in text
    _, text = ShiftMeter(PICTURES, FILTERS, POOLS).render(**SHIFT | {"picture": "ramp"})
    assert "no pool 0%; 3×3 0%." in text


def test_the_shift_meter_follows_its_controls(noise: dict) -> None:
    meter = ShiftMeter(noise | PICTURES, FILTERS, POOLS)
    seen = {(meter.image.value, meter.summary)}
    for name, value in (("shift", 5), ("pool", "no pool"), ("picture", "ramp")):
        meter.controls[name].value = value
        assert (meter.image.value, meter.summary) not in seen
        seen.add((meter.image.value, meter.summary))


def test_figures_say_what_they_show() -> None:
    figure = change_curves({"no pool": [0, 0.47, 0.8], "3×3": [0, 0.32, 0.5]}, "Change, X", "share")
    assert figure.get_label() == (
        "Change, X. no pool 47% at one pixel, 80% at 2; 3×3 32% at one pixel, 50% at 2."
    )
    assert shift_panels({"picture": torch.rand(5, 5)}, {"no pool": 1.4}, "no pool").width == 1080
