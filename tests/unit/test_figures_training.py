"""Pictures of a run: curves and filters."""

import pytest
import torch

from alexnet_lib.course.figures.convolution import as_pictures, filter_grid
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.figures.training import drops, learning_curves
from alexnet_lib.training.trainer import History


def history(epochs=4, lr=(0.1, 0.1, 0.01, 0.01), extra_steps=0):
    measured = History(steps_per_epoch=3)
    for epoch in range(epochs):
        values = dict.fromkeys(("train_loss", "validation_loss", "elapsed_s"), 1.0 / (epoch + 1))
        errors = {"train_error": 0.5 / (epoch + 1), "validation_error": 0.6 / (epoch + 1)}
        measured.append(**values, **errors, lr=lr[epoch])
    measured.step_loss = [2.3 - 0.1 * step for step in range(3 * epochs + extra_steps)]
    return measured


def test_curves_name_the_data_and_mark_the_drop():
    figure = learning_curves(history(), "CIFAR-10 (JPEG copy)")
    left, right = figure.axes
    assert "CIFAR-10 (JPEG copy)" in left.get_title("left") + left.get_title()
    assert "CIFAR-10 (JPEG copy)" in right.get_title("left") + right.get_title()
    assert [text.get_text().strip() for text in right.texts] == ["lr ÷10"]
    assert right.lines[0].get_ydata().tolist() == history().train_error
    assert "dropped after epoch 2" in figure.get_label()
    assert "validation error 15.0%" in figure.get_label()
    assert save_png(figure).startswith(b"\x89PNG")


def test_legend_lies_outside_the_data():
    figure = learning_curves(history(), "CIFAR-10")
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert all(not legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_curves_of_an_interrupted_epoch_keep_steps_in_place():
    figure = learning_curves(history(epochs=1, extra_steps=2), "CIFAR-10")
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]
    with pytest.raises(ValueError, match="no step yet"):
        learning_curves(History(), "CIFAR-10")


def test_drops_come_from_the_rates():
    assert drops(history(lr=(0.1, 0.01, 0.01, 0.001))) == [
        (1, pytest.approx(10)),
        (3, pytest.approx(10)),
    ]


def test_filters_are_scaled_symmetrically_around_grey():
    weight = torch.zeros(2, 3, 2, 2)
    weight[0, 0, 0, 0], weight[0, 1, 1, 1] = 4.0, -2.0
    pictures = as_pictures(weight)
    assert pictures.shape == (2, 3, 16, 16)
    assert pictures[0, 0, 0, 0] == 1.0 and pictures[0, 1, 15, 15] == 0.25
    assert (pictures[1] == 0.5).all()


def test_towers_are_drawn_apart():
    figure = filter_grid(torch.randn(96, 3, 11, 11), "conv1 of paper, CIFAR-10", towers=2)
    assert len(figure.axes) == 2
    assert "96 filters of 11×11 pixels in colour, in 2 towers" in figure.get_label()
    assert save_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("shape", "towers"), [((4, 1, 3, 3), 1), ((4, 3, 3), 1), ((5, 3, 3, 3), 2)]
)
def test_what_is_no_filter_grid_is_refused(shape, towers):
    with pytest.raises(ValueError, match="expected"):
        filter_grid(torch.ones(shape), "title", towers)
