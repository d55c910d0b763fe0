"""Lesson 14: its explorers, its figures, and where its network comes from."""

import io
import re

import matplotlib
import pytest
import torch
from PIL import Image

from alexnet_lib.course import shipped as available
from alexnet_lib.course.exercises import nb14
from alexnet_lib.course.exercises.picture_judge import facts_about_climber
from alexnet_lib.course.figures.convolution import as_pictures
from alexnet_lib.course.figures.inside import (
    best_classes,
    heat_rows,
    measure_strips,
    neighbour_rows,
)
from alexnet_lib.course.figures.pixels import few_colours
from alexnet_lib.course.figures.unit import (
    bars,
    colours,
    fate,
    heat_map,
    map_sheet,
    passed_on,
    signed,
    unit_steps,
)
from alexnet_lib.course.widgets import inside
from alexnet_lib.course.widgets.film import FilmExplorer
from alexnet_lib.course.widgets.inside import MapBrowser, PatchBrowser, UnitExplorer
from alexnet_lib.course.widgets.pictures import COLOURS, DRAWN, OWN, Album
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.inspection.ascent import class_film, unit_film
from alexnet_lib.inspection.filters import filter_measures
from alexnet_lib.inspection.search import nearest_neighbours, precision_at_k, top_patches
from alexnet_lib.inspection.tracing import trace
from alexnet_lib.inspection.units import Tracer, explain_unit
from alexnet_lib.models.registry import build_model
from alexnet_lib.training.checkpoint import CheckpointError, TrainedNetwork, save_trained

NARROW = {"widths": (8, 12, 16, 16, 8), "hidden_units": 6, "init": "kaiming"}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int = 2) -> torch.Tensor:
    return (128 + 40 * noise(count, 3, 32, 32)).clamp(0, 255).to(torch.uint8)


@pytest.fixture
def tracer() -> Tracer:
    preprocessing = Preprocessing(torch.full((3, 32, 32), 128.0), torch.full((3, 1, 1), 60.0))
    return Tracer(build_model("cifar-lite", 4, **NARROW), preprocessing)


@pytest.fixture
def album() -> Album:
    return Album({"one": pictures()[0], "two": pictures()[1]})


# --- The network --------------------------------------------------------------------------------


def test_the_learners_run_comes_first_then_the_shipped_network(tmp_path, monkeypatch):
    data = synthetic_images(40, 20)
    model = build_model("cifar-lite", 3, **NARROW)
    scale = Preprocessing(torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    mine = TrainedNetwork(model, scale, ("a", "b", "c"), {"epoch": 7})
    save_trained(tmp_path / "best.safetensors", mine)
    said = []
    found = available.available_network(data, tmp_path, said.append)
    assert found.about["epoch"] == 7
    assert said == [f"Your own network from {tmp_path.name}."]
    monkeypatch.setattr(available, "shipped_network", lambda: mine)
    assert available.available_network(data, report=said.append) is mine
    with pytest.raises(CheckpointError):
        available.available_network(data, tmp_path / "absent")


def trained_run(folder, preset, **model):
    """A run's folder under `folder`/runs, with a network that knows nothing."""
    scale = Preprocessing(torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    about = {"epoch": 7, "network": preset}
    network = TrainedNetwork(build_model(preset, 3, **model), scale, ("a", "b", "c"), about)
    (folder / "runs" / preset).mkdir(parents=True)
    save_trained(folder / "runs" / preset / "best.safetensors", network)


def test_a_run_is_found_as_the_lesson_names_it_from_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    trained_run(tmp_path, "cifar-lite", **NARROW)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    for name in ("runs/cifar-lite", "cifar-lite", "../runs/cifar-lite"):
        assert available.available_network(None, name, print).about["epoch"] == 7


def test_a_network_of_another_kind_is_told_and_the_shipped_one_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    trained_run(tmp_path, "four-layer")  # as `train.py --quick` trains
    monkeypatch.setattr(available, "shipped_network", lambda: "shipped")
    said = []
    assert available.available_network(None, "runs/four-layer", said.append) == "shipped"
    assert "another kind of network, four-layer; expected an AlexNet for 28 pixels" in said[0]


def test_without_any_a_small_one_is_trained_and_said(monkeypatch):
    def absent():
        raise CheckpointError("There are no weights.")

    monkeypatch.setattr(available, "shipped_network", absent)
    monkeypatch.setattr(available, "quick_network", lambda data: "small")
    said = []
    assert available.available_network(None, report=said.append) == "small"
    assert "no weights. A small network is trained instead" in said[0]


def test_the_small_network_can_be_used_like_any_other():
    network = available.quick_network(synthetic_images(300, 20), images=64, epochs=1)
    assert network.about["data"] == "synthetic stand-in"
    assert not network.model.training
    tracer = Tracer(network.model, network.preprocessing)
    assert tracer.calls(pictures()[0])["fc8"].after.shape == (1, 10)


def test_imagenet_weights_come_from_the_cache_only(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert available.imagenet_network() is None
    torchvision = pytest.importorskip("torchvision")
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth"
    assert torchvision.models.AlexNet_Weights.DEFAULT.url.endswith(file.name)
    theirs = torchvision.models.alexnet()
    torch.save(theirs.state_dict(), file)
    ours = available.imagenet_network()
    assert torch.equal(ours.conv1.weight, theirs.features[0].weight)


# --- Traces and the unit explorer ---------------------------------------------------------------


def test_a_trace_is_kept_and_belongs_to_its_picture(tracer):
    one, two = pictures()
    assert tracer.calls(one) is tracer.calls(one.clone())
    assert not torch.equal(tracer.calls(one)["conv1"].after, tracer.calls(two)["conv1"].after)
    assert torch.equal(tracer.seen(one), one[:, 2:30, 2:30])


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3", "conv5"])
def test_the_words_tell_the_forward_pass(tracer, album, layer):
    state = {"picture": "one", "layer": layer, "map": 5, "row": 3, "column": 4, "channel": 1}
    shown, text = UnitExplorer(tracer, album, "made up").render(**state)
    told = explain_unit(tracer.calls(pictures()[0]), layer, 5, 3, 4)
    strongest = int(told.by_channel.abs().argmax())
    assert f"unit (3, 4) of map 5 in {layer}" in text
    assert f"{told.products.numel():,} products sum to {signed(told.total)}" in text
    assert f"channel {told.channels[strongest]} gives {signed(told.by_channel[strongest])}" in text
    assert (
        f"it is {signed(told.output)}; then relu{layer[-1]} {signed(max(0, told.output))}" in text
    )
    assert shown.drawn.width <= 1200


def test_a_silent_unit_passes_nothing_on(tracer, album):
    answers = tracer.calls(pictures()[0])["conv4"].after[0]  # no pool in between
    unit = (answers < 0).nonzero()[0].tolist()
    state = dict(zip(("map", "row", "column"), unit, strict=True))
    state |= {"picture": "one", "layer": "conv4", "channel": 1}
    _, text = UnitExplorer(tracer, album, "made up").render(**state)
    assert "relu4 +0" in text
    assert text.endswith("Nothing of it arrives in conv5.")


def test_every_control_of_the_explorer_answers(tracer, album):
    explorer = UnitExplorer(tracer, album, "made up")
    explorer.controls["layer"].value = "conv3"
    explorer.set(map=0, row=2, column=2, channel=1)
    moves = {"map": 3, "row": 1, "column": 3, "channel": 2, "picture": "two", "layer": "conv1"}
    for name, value in moves.items():
        picture, text = explorer.image.value, explorer.summary
        explorer.controls[name].value = value
        assert explorer.image.value != picture, name
        assert explorer.summary != text, name


def test_sliders_end_where_the_layer_ends_and_the_place_is_kept(tracer, album):
    explorer = UnitExplorer(tracer, album, "made up")
    explorer.set(row=27, column=0, map=7)
    explorer.controls["layer"].value = "conv3"
    sizes = {name: explorer.controls[name].max for name in ("map", "row", "column", "channel")}
    assert sizes == {"map": 15, "row": 6, "column": 6, "channel": 12}
    assert (explorer.state["row"], explorer.state["column"]) == (6, 0)
    explorer.controls["layer"].value = "conv4"  # two towers: it reads half of the 16 maps
    assert explorer.controls["channel"].max == 8


def test_buttons_move_the_unit(tracer, album):
    explorer = UnitExplorer(tracer, album, "made up")
    answers = tracer.calls(album.pictures["one"])["conv1"].after[0]
    explorer.to_place.click()
    state = explorer.state
    here = answers[state["map"]]
    assert here[state["row"], state["column"]] in here.flatten().topk(2).values
    explorer.to_map.click()
    state = explorer.state
    here = answers[:, state["row"], state["column"]]
    assert here[state["map"]] in here.topk(2).values  # the best, or the best but this one


def test_every_button_changes_the_words_even_if_pressed_twice(tracer, album):
    explorer = UnitExplorer(tracer, album, "made up")
    for button in (explorer.to_place, explorer.to_map):
        for _ in range(2):
            text = explorer.summary
            button.click()
            assert explorer.summary != text


@pytest.mark.parametrize(
    ("value", "words"), [(0.01234, "+0.0123"), (-688.2, "-688"), (1e4, "+10,000"), (-0.0, "+0")]
)
def test_numbers_are_written_without_powers_of_ten(value, words):
    assert signed(value) == signed(torch.tensor(value)) == words


def test_a_pool_that_takes_a_neighbour_is_said_to(tracer, album):
    explorer, seen = UnitExplorer(tracer, album, "made up"), set()
    for column in range(8, 16):
        explorer.controls["column"].value = column
        calls = tracer.calls(album.pictures["one"])
        told = explain_unit(calls, "conv1", *(explorer.state[n] for n in ("map", "row", "column")))
        norm, pool = told.stages[-2:]
        wins = norm.value == pool.value
        assert passed_on(told) == ("" if wins else "another's")
        assert ("where another unit wins" in explorer.summary) != wins
        assert ("pool1: another's" in dict(unit_steps(told))) != wins
        seen.add(wins)
    assert seen == {True, False}


def test_a_pool_that_averages_is_said_to():
    net = build_model("four-layer", widths=(4, 4, 4))
    told = explain_unit(trace(net, torch.rand(1, 3, 32, 32)), "conv2", 0, 3, 3)
    assert passed_on(told) == "mean" and "pool2: mean" in dict(unit_steps(told))
    assert "the mean of its window" in fate(told)


# --- Pictures of one's own ----------------------------------------------------------------------


def test_explorers_turn_to_what_was_drawn(tracer, album):
    explorer = UnitExplorer(tracer, album, "made up")
    album.board.brush = "red"
    album.board.paint(17)
    assert explorer.state["picture"] == DRAWN
    assert explorer.summary.startswith(f"{DRAWN}: unit")  # it is not of the data
    drawn = album.pictures[DRAWN]
    assert drawn[:, 2, 2].tolist() == list(COLOURS["red"])
    assert drawn[:, 2, 4].tolist() == list(COLOURS["sky"])
    before = explorer.image.value
    album.board.paint(8 * 16 + 8, "yellow")  # in view: the picture follows without a choice
    assert explorer.image.value != before


def test_own_files_are_scaled_and_named(tracer, album):
    explorer = UnitExplorer(tracer, album, "made up")
    file = io.BytesIO()
    Image.new("RGB", (80, 48), (10, 200, 30)).save(file, format="PNG")
    album.upload.take(file.getvalue(), "green.png")
    assert album.pictures[OWN].shape == (3, 32, 32)
    assert album.pictures[OWN][:, 16, 16].tolist() == [10, 200, 30]
    assert explorer.state["picture"] == OWN
    assert explorer.summary.startswith(OWN)
    with pytest.raises(ValueError, match="cannot be read as a picture"):
        album.upload.take(b"no picture", "x.txt")


# --- Maps and patches ---------------------------------------------------------------------------


def test_the_map_browser_counts_what_is_there(tracer, album):
    browser = MapBrowser(tracer, album, "made up", "pool2")
    maps = tracer.calls(album.pictures["one"])["pool2"].after[0]
    assert "pool2 has 12 maps of 7×7" in browser.summary
    assert f"{(maps != 0).float().mean():.0%} of the values are not 0" in browser.summary
    browser.strongest.click()
    assert browser.state["map"] in maps.amax((1, 2)).topk(2).indices.tolist()
    browser.controls["layer"].value = "conv5"
    assert browser.controls["map"].max == 7
    assert "fc6" not in browser.controls["layer"].options


def test_only_the_largest_map_is_called_so_and_only_zeros_are_called_zeros(tracer, album):
    with torch.no_grad():
        tracer.model.conv2.bias[3] = -1e3  # below 0 everywhere, and before ReLU nothing is 0
    browser = MapBrowser(tracer, album, "made up", "conv2")
    maps = tracer.calls(album.pictures["one"])["conv2"].after[0]
    assert "100% of the values are not 0, no maps are 0 everywhere" in browser.summary
    best, least = (int(f(maps.amax((1, 2)))) for f in (torch.argmax, torch.argmin))
    browser.controls["map"].value = best
    assert f"Map {best} has the largest value of all maps, " in browser.summary
    browser.controls["map"].value = least
    assert f"The largest value of map {least} is " in browser.summary
    assert f"(map {best} has the largest of all, " in browser.summary


def test_the_colours_are_those_of_matplotlib():
    values = torch.linspace(-3, 3, 2001)
    theirs = matplotlib.colormaps["RdBu_r"]((0.5 + values / 6).numpy(), bytes=True)[:, :3]
    assert torch.equal(colours(values), torch.from_numpy(theirs))
    assert colours(torch.tensor([-9.0, 0.0, 9.0]), 1.0).tolist() == [
        [5, 48, 97], [247, 246, 246], [103, 0, 31],
    ]  # fmt: skip


def test_the_patch_browser_names_what_was_found(tracer):
    images = pictures(6)
    model, enter = tracer.model, tracer.scale.enter
    found = {x: top_patches(model, images, x, k=3, prepare=enter) for x in ("relu1", "relu3")}
    seen = tracer.scale.leave(enter(images))
    browser = PatchBrowser(seen, found, list("abcdef"), "made up")
    best = found["relu1"].images[0].tolist()
    assert f"Classes: {', '.join('abcdef'[i] for i in best)}" in browser.summary
    for name, value in {"map": 3, "layer": "relu3"}.items():
        text = browser.summary
        browser.controls[name].value = value
        assert browser.summary != text
    assert browser.controls["map"].max == 15


def test_a_picture_is_made_for_each_map_and_its_film_is_not_made_again(tracer, monkeypatch):
    images = pictures(6)
    found = {"relu1": top_patches(tracer.model, images, "relu1", k=3, prepare=tracer.scale.enter)}
    seen, made = tracer.scale.leave(tracer.scale.enter(images)), []
    monkeypatch.setattr(inside, "unit_film", lambda *a, **k: made.append(a) or unit_film(*a, **k))
    browser = PatchBrowser(seen, found, list("abcdef"), "made up", tracer)
    sums = []
    for frame in (0, 4, 8):
        browser.set(frame=frame)
        value, step, first = re.search(
            r"its sum is (\S+) after (\d+) steps, (\S+) at", browser.summary
        ).groups()
        sums.append(float(value))
        assert int(step) == (0, 11, 32)[frame // 4] and float(first) == sums[0]
    assert sums == sorted(sums) and len(set(sums)) == 3
    assert len(made) == 1 and made[0][2] == "conv1"  # where the ReLU is 0, it has no gradient
    browser.set(map=2)
    assert len(made) == 2
    browser.set(map=0)
    assert len(made) == 2


def test_the_film_of_class_images_is_scrubbed_frame_by_frame(tracer):
    dice = torch.Generator().manual_seed(0)
    film = class_film(tracer.model, tracer.scale, range(4), dice, steps=6, frames=4)
    explorer = FilmExplorer(film, ["ant", "bee", "cow", "dog"], "made up")
    assert explorer.state == {"frame": 3} and "after 6 of 6 steps" in explorer.summary
    seen = {explorer.image.value}
    columns = explorer.image.places[0]["columns"]
    for frame, column in enumerate((3, columns // 6)):  # steps 0, 1, 3 and 6 on a true axis
        explorer.image.pointed = {"place": 0, "row": 0, "column": column, "turn": 0,
                                  "number": frame + 1}  # fmt: skip
        assert f"after {film.steps[frame]} of 6 steps" in explorer.summary
        told = f"ant {film.values[frame, 0]:.0%}, bee {film.values[frame, 1]:.0%},"
        assert told in explorer.summary
        seen.add(explorer.image.value)
    assert len(seen) == 3 and explorer.image.places[0]["at"] == [0, columns // 6]


def test_colours_have_white_at_zero_and_one_scale():
    shades = colours(torch.tensor([-2.0, 0.0, 2.0]))
    assert shades[1].min() > 240
    assert shades[0, 2] > shades[0, 0]  # blue
    assert shades[2, 0] > shades[2, 2]  # red
    assert torch.equal(colours(torch.zeros(2, 2))[0, 0], shades[1])
    assert heat_map(noise(7, 7), 70).size == (70, 70)


def test_bars_go_up_and_down_and_the_sheet_holds_all_maps():
    picture = bars(torch.tensor([1.0, -1.0]), 0, 100, 80)
    red, blue = picture.getpixel((20, 30)), picture.getpixel((70, 50))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert map_sheet(noise(96, 28, 28), 95).width <= 830
    assert few_colours(map_sheet(noise(5, 3, 3), 0)).mode == "P"


# --- Figures ------------------------------------------------------------------------------------


def test_the_strips_tell_the_means():
    measures = filter_measures(noise(40, 3, 5, 5))
    figure = measure_strips({"noise": measures}, "Filters, made up")
    assert f"selectivity {measures.selectivity.mean():.2f}" in figure.get_label()
    assert len(figure.axes) == 2


def test_the_right_class_is_marked_among_the_five():
    probabilities = torch.tensor([[0.1, 0.6, 0.3], [0.7, 0.2, 0.1]])
    figure = best_classes(pictures(), ["a", "x"], probabilities, "abc", "Made up")
    assert figure.get_label().endswith("a: b 60%; x: a 70%.")
    words = [text.get_text() for text in figure.axes[2].texts]
    assert words == ["b", "c", "a ✓"]
    assert [text.get_text() for text in figure.axes[3].texts] == ["a", "b", "c"]


def test_neighbours_of_another_class_are_crossed():
    nearest = pictures(6).view(2, 3, 3, 32, 32)
    kinds = torch.tensor([[0, 1, 0], [1, 1, 1]])
    labels = torch.tensor([0, 1])
    figure = neighbour_rows(pictures(), {"pixels": (nearest, kinds)}, labels, "ab", "Made up")
    assert "by pixels 5 of 6 are of the same class" in figure.get_label()
    assert [text.get_text() for text in figure.axes[1].texts] == ["✗"]


def test_heat_beside_each_picture():
    maps = {"covering": noise(2, 28, 28), "gradient": noise(2, 28, 28).abs()}
    figure = heat_rows(pictures(), maps, ["a 10%", "b 90%"], "Made up")
    assert len(figure.axes) == 6
    assert figure.get_label() == "Made up: a 10%; b 90%. Beside each: covering, gradient."


# --- Exercises ----------------------------------------------------------------------------------


def test_the_exercises_agree_with_the_package():
    weight = noise(6, 3, 5, 5)
    tiles = as_pictures(weight)[..., ::8, ::8]
    picture = nb14.filter_picture(weight, 3)
    assert torch.allclose(picture[5:10, 5:10], tiles[4].permute(1, 2, 0))
    q, g = noise(10, 8), noise(30, 8, seed=1)
    a, b = torch.arange(10) % 3, torch.arange(30) % 3
    found = precision_at_k(nearest_neighbours(q, g, 5), a, b, 3).mean
    assert nb14.precision_at_5(q, a, g, b) == pytest.approx(found)


def test_the_judge_wants_the_class_that_was_asked_for():
    right = facts_about_climber(nb14.class_image)
    assert set(right.values()) == {"sure", "smooth", "within 0 to 255", "left behind", "untouched"}
    other = facts_about_climber(lambda scores, _, start: nb14.class_image(scores, 2, start))
    assert other["probability of the class"] != "sure"


def test_training_the_network_instead_of_the_picture_is_noticed():
    def answer(scores, label, start):
        loss = -scores(start)[0, label]
        loss.backward()
        for weight in _weights_of(scores):
            weight.data -= weight.grad
        return start

    facts = facts_about_climber(answer)
    assert facts["the network's weights"] == "changed"
    assert facts_about_climber(nb14.class_image)["the network's weights"] == "untouched"


def _weights_of(scores):
    return scores.__globals__["_judge"]().parameters()


def test_the_judge_wants_a_picture():
    verdict = nb14.image.check(lambda scores, label, start: start[0])
    assert "expected a picture of shape (1, 3, 16, 16)" in repr(verdict)
