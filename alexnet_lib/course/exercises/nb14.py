"""Exercises of lesson 14: a filter grid, neighbours and their precision, a class image."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.exercises.picture_judge import facts_about_climber
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz


def filter_picture(weight: Tensor, columns: int) -> Tensor:
    """Filters side by side, each scaled by its own largest magnitude, 0 at mid-grey."""
    M, C, K, _ = weight.shape
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True)  # (M, 1, 1, 1)
    tiles = 0.5 + 0.5 * weight / largest  # (M, C, K, K)
    grid = tiles.view(M // columns, columns, C, K, K)
    grid = grid.permute(0, 3, 1, 4, 2)  # (rows, K, columns, K, C)
    return grid.reshape(M // columns * K, columns * K, C)


def _weights() -> list[tuple]:
    generator = torch.Generator().manual_seed(12)
    cases = []
    for M, K, columns in ((6, 3, 3), (8, 5, 4), (6, 4, 2), (4, 3, 4), (3, 2, 1)):
        weight = torch.randn(M, 3, K, K, generator=generator) + 0.3 - 0.6 * (K > 4)
        cases.append((weight * torch.linspace(0.1, 2, M).view(M, 1, 1, 1), columns))
    return [*cases, (cases[0][0].double(), 2)]


def _scaled(scale: Callable[[Tensor], Tensor], order: tuple = (0, 3, 1, 4, 2)) -> Any:
    """A filter picture with another scaling, or with its axes in another order."""

    def answer(weight: Tensor, columns: int) -> Tensor:
        M, C, K, _ = weight.shape
        grid = scale(weight).view(M // columns, columns, C, K, K).permute(order)
        return grid.reshape(M // columns * K, columns * K, C)

    return answer


def _symmetric(weight: Tensor, axes: tuple = (1, 2, 3)) -> Tensor:
    return 0.5 + 0.5 * weight / weight.abs().amax(axes, keepdim=True)


def _stretched(weight: Tensor, axes: tuple = (1, 2, 3)) -> Tensor:
    low, high = weight.amin(axes, keepdim=True), weight.amax(axes, keepdim=True)
    return (weight - low) / (high - low)


def _about_mean(weight: Tensor) -> Tensor:
    return _symmetric(weight - weight.mean((1, 2, 3), keepdim=True))


def _by_columns(weight: Tensor, columns: int) -> Tensor:
    rows = len(weight) // columns
    order = torch.arange(len(weight)).view(columns, rows).T.flatten()
    return filter_picture(weight[order], columns)


grid = Exercise(
    id="14.1",
    title="Filter grid",
    statement="Write filter_picture(weight, columns): each filter scaled symmetrically, in a grid.",
    reference=filter_picture,
    cases=_weights,
    mistakes=(
        Mistake(_scaled(_stretched),
                "each filter is stretched from its smallest to its largest weight: 0 is another "
                "grey in every filter, so signs cannot be read."),
        Mistake(_scaled(lambda w: _stretched(w, (0, 1, 2, 3))),
                "one stretch for all filters from the smallest to the largest weight: 0 is not "
                "mid-grey, and small filters fade."),
        Mistake(_scaled(lambda w: _symmetric(w, (0, 1, 2, 3))),
                "symmetric, but by the largest weight of ALL filters: small ones fade to grey."),
        Mistake(_scaled(lambda w: _symmetric(w, (2, 3))),
                "red, green and blue are scaled apart: that changes a filter's colour."),
        Mistake(_scaled(lambda w: w / w.abs().amax((1, 2, 3), keepdim=True)),
                "the scale runs from −1 to 1; a picture needs 0 to 1, with 0 in the middle."),
        Mistake(_scaled(lambda w: 0.5 + 0.5 * w / w.amax((1, 2, 3), keepdim=True)),
                "divided by the largest weight, signs counted: a filter whose most negative weight "
                "is stronger leaves the range. Take magnitudes."),
        Mistake(_scaled(lambda w: w.abs() / w.abs().amax((1, 2, 3), keepdim=True)),
                "magnitudes only: light against dark and dark against light look the same."),
        Mistake(_scaled(_symmetric, (0, 4, 1, 3, 2)),
                "rows and columns within each filter are swapped: stripes lie the wrong way."),
        Mistake(lambda w, c: _symmetric(w).permute(0, 2, 3, 1).reshape(
                    len(w) // c * w.shape[2], c * w.shape[3], 3),
                "reshaped without permuting: pixels of different filters are mixed. The grid's "
                "rows and the filter's rows must be neighbours before they merge."),

        Mistake(_by_columns, "the filters run down the columns; lay them out row by row."),
        Mistake(_scaled(lambda w: 0.5 + w / w.abs().amax((1, 2, 3), keepdim=True)),
                "the half is missing before the quotient: your numbers run from −½ to 1½."),
        Mistake(_scaled(lambda w: 0.5 + 0.5 * w), "not scaled: small filters fade to grey, and "
                "large ones leave the "
                "range.", also=(_scaled(lambda w: w), _scaled(lambda w: w + 0.5))),
        Mistake(_scaled(lambda w: 0.5 + 0.5 * w / w.std((1, 2, 3), keepdim=True)),
                "divided by the spread: the largest weights leave 0 to 1."),
        Mistake(_scaled(lambda w: (0.5 + 0.5 * w / w.abs().amax((1, 2, 3), keepdim=True)) * 255),
                "the scale is 0 to 255; a picture of floats has 0 to 1."),
        Mistake(_scaled(lambda w: 0.5 - 0.5 * w / w.abs().amax((1, 2, 3), keepdim=True)),
                "the sign is turned: positive weights come out dark."),
        Mistake(_scaled(lambda w: w.relu() / w.abs().amax((1, 2, 3), keepdim=True)),
                "negative weights are cut off; 0 is to be mid-grey."),
        Mistake(_scaled(_about_mean), "you took each filter's mean away: then 0 is another grey in "
                "every filter."),
        Mistake(lambda w, c: filter_picture(w, len(w)), "all filters stand in one row; the grid "
                "has `columns` of them."),
        Mistake(lambda w, c: filter_picture(w.flip(1), c), "red and blue have changed places."),

        Mistake(lambda w, c: filter_picture(w, 1), "all filters stand in one column; the grid has "
                "`columns` of them."),
    ),
    hints=(
        "One number a filter: its largest magnitude. What maps −that, 0, +that to 0, ½, 1?",
        "view(rows, columns, C, K, K), then permute so that the grid's row and the filter's row "
        "stand next to each other, and so do the columns; C comes last.",
        "(0.5 + 0.5 * weight / largest).view(rows, columns, C, K, K).permute(0, 3, 1, 4, 2)"
        ".reshape(rows * K, columns * K, C)",
    ),
    why="One symmetric scale a filter keeps what is compared: sign and colour. 0 is grey in all.",
)  # fmt: skip


def precision_at_5(
    queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor
) -> float:
    """Share of the five nearest gallery vectors that are of the query's class."""
    distances = torch.cdist(queries, gallery)  # (Q, G)
    nearest = distances.topk(5, largest=False).indices  # (Q, 5)
    right = gallery_labels[nearest] == query_labels[:, None]
    return float(right.float().mean())


def _features() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    cases = []
    for Q, G, D, classes in ((12, 40, 6, 3), (20, 60, 16, 4), (9, 30, 4, 2), (4, 12, 3, 5)):
        centres = 1.2 * torch.randn(classes, D, generator=generator)
        parts = []
        for count in (Q, G):
            labels = torch.randint(0, classes, (count,), generator=generator)
            spread = torch.randn(count, D, generator=generator)
            parts += [(centres[labels] + spread) * (1 + labels[:, None]), labels]
        cases.append(tuple(parts))
    return cases


def _judged(
    find: Callable[[Tensor, Tensor], Tensor], score: Callable[[Tensor], Tensor] | None = None
) -> Any:
    """Precision with other neighbours, or another way to score them."""

    def answer(q: Tensor, q_labels: Tensor, g: Tensor, g_labels: Tensor) -> float:
        right = (g_labels[find(q, g)] == q_labels[:, None]).float()
        return float((score(right) if score else right).float().mean())

    return answer


def _closest(q: Tensor, g: Tensor, k: int = 5, largest: bool = False) -> Tensor:
    return torch.cdist(q, g).topk(k, largest=largest).indices


precision = Exercise(
    id="14.2",
    title="Neighbours and their precision",
    statement="Write precision_at_5(queries, query_labels, gallery, gallery_labels).",
    reference=precision_at_5,
    cases=_features,
    mistakes=(
        Mistake(_judged(lambda q, g: _closest(q, g, largest=True)),
                "those are the five farthest: topk takes the largest unless told otherwise."),
        Mistake(_judged(_closest, lambda right: right.amax(1)),
                "a query counts in full when any of its five fits; its share was asked for."),
        Mistake(_judged(_closest, lambda right: right.mean(1) > 0.5),
                "that is a vote of the five, as a classifier would take; the share was asked for."),
        Mistake(_judged(lambda q, g: _closest(q, g, 1)), "that is the single nearest one; five."),
        Mistake(_judged(lambda q, g: (q @ g.T).topk(5).indices),
                "the largest inner product is not the smallest distance: long vectors win."),
        Mistake(_judged(lambda q, g: (F.normalize(q) @ F.normalize(g).T).topk(5).indices),
                "cosine forgets lengths; the paper takes the Euclidean distance."),
        Mistake(_judged(lambda q, g: torch.cdist(q, g, p=1).topk(5, largest=False).indices),
                "sums of absolute differences: that is the city-block distance, not Euclid's."),
        Mistake(lambda q, a, g, b: float(
                    (b[torch.cdist(g, q).topk(5, dim=0, largest=False).indices.T]
                     == a[: len(q), None]).float().mean() * 5),
                "the shares are added up; precision is their mean, at most 1."),
        Mistake(_judged(lambda q, g: _closest(q, g, 6)[:, 1:]),
                "the nearest was dropped, as if it were the query itself; here the gallery "
                "holds other pictures."),
        Mistake(lambda *case: 100 * precision_at_5(*case), "right, in per cent; a share is asked."),

        Mistake(_judged(lambda q, g: _closest(q, g, 4)), "those are four neighbours; five."),
        Mistake(_judged(lambda q, g: _closest(q, g, 6)), "those are six neighbours; five."),
        Mistake(_judged(_closest, lambda right: right.amin(1)), "a query counts only if all five "
                "fit; its share was asked for."),
        Mistake(_judged(_closest, lambda right: 1 - right), "that is the share of *other* "
                "classes."),
        Mistake(_judged(lambda q, g: torch.cdist(q, g, p=torch.inf).topk(5, largest=False).indices),
                "that is the largest difference of any number; Euclid's distance sums all "
                "squares."),
        Mistake(_judged(lambda q, g: torch.arange(5).expand(len(q), 5)), "those are the first five "
                "of the gallery for every query."),
        Mistake(lambda q, a, g, b: float((a[_closest(g, q, min(5, len(q)))] == b[:, None])
                                         .float().mean()),
                "queries and gallery have changed places: each *query* asks the gallery."),
        Mistake(lambda q, a, g, b: precision_at_5(q, a, q, a), "the neighbours "
                "were looked for among the queries; the gallery is the place."),
        Mistake(_judged(_closest, lambda right: right.cumsum(1) / torch.arange(1, 6)), "that is "
                "the average precision of ranked lists; the plain share of the five was asked "
                "for."),

        Mistake(_judged(lambda q, g: _closest(q, g, 3)), "those are three neighbours; five."),
        Mistake(_judged(lambda q, g: _closest(q, g, 10)), "those are ten neighbours; five."),
        Mistake(lambda q, a, g, b: len(q) * precision_at_5(q, a, g, b), "the queries' shares are "
                "added up; precision is their mean."),
        Mistake(lambda q, a, g, b: precision_at_5(q[:1], a[:1], g, b), "that is the first query's "
                "share; average over all."),

        Mistake(lambda q, a, g, b: 5 * len(q) * precision_at_5(q, a, g, b), "that is how many "
                "neighbours fit, in all; their share was asked for."),
    ),
    hints=(
        "A table of all distances first: a row a query, a column a gallery vector.",
        "topk with largest=False gives the places of the five smallest in each row; "
        "gallery_labels at these places are the neighbours' classes.",
        "nearest = torch.cdist(queries, gallery).topk(5, largest=False).indices; then "
        "(gallery_labels[nearest] == query_labels[:, None]).float().mean()",
    ),
    why="Precision asks the features alone: no layer above them, no vote, only who is near.",
)  # fmt: skip


def class_image(scores: Callable[[Tensor], Tensor], label: int, start: Tensor) -> Tensor:
    """Climb a class's score from noise, smoothing at each step, within 0 to 255."""
    picture = start
    for _ in range(40):
        picture = picture.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(scores(picture)[0, label], picture)
        picture = picture + 8 * gradient / gradient.square().mean().sqrt()
        smooth = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        picture = picture.lerp(smooth, 0.3).clamp(0, 255)
    return picture.detach()


def _climber(
    steps: int = 40, sign: int = 1, blur: float = 0.3, most: float = 255.0, own: bool = True
) -> Any:
    """A class image with something else about it."""

    def answer(scores: Callable, label: int, start: Tensor) -> Tensor:
        picture = start
        for _ in range(steps):
            picture = picture.detach().requires_grad_()
            value = scores(picture)[0, label if own else (label + 1) % 4]
            (gradient,) = torch.autograd.grad(value, picture)
            picture = picture + sign * 8 * gradient / gradient.square().mean().sqrt()
            smooth = F.avg_pool2d(F.pad(picture, (1,) * 4, mode="replicate"), 3, stride=1)
            picture = picture.lerp(smooth, blur).clamp(255 - most, most)
        return picture.detach()

    return answer


image = Exercise(
    id="14.3",
    title="Class image",
    statement="Write class_image(scores, label, start): sure, smoother than noise, within 0–255.",
    reference=class_image,
    probe=facts_about_climber,
    mistakes=(
        Mistake(_climber(sign=-1),
                "the probability FELL: training goes down a loss, here one climbs a score. "
                "Add the gradient (and climb this label's score, not another's)."),
        Mistake(_climber(blur=0.0),
                "the network is sure, but the picture is as rough as noise: smooth it a little "
                "at every step."),
        Mistake(_climber(most=1e6),
                "sure and smooth, but pixels have left 0 to 255: no screen can show that. "
                "clamp at every step."),
        Mistake(_climber(blur=0.0, most=1e6),
                "sure, but rough, and beyond 0 to 255: smooth and clamp at every step."),
        Mistake(lambda scores, label, start: start,
                "that is the noise you began with. Did you assign the new picture in the loop?"),
        Mistake(_climber(steps=1),
                "the probability rises, but not to the bar, and the noise is still there: more "
                "steps, or larger ones."),
        Mistake(lambda scores, label, start: F.avg_pool2d(
                    F.pad(start, (3,) * 4, mode="replicate"), 7, stride=1),
                "smooth, but the class gained little or nothing: is there a gradient step, is it "
                "long enough, and taken often enough?", also=(
                lambda scores, label, start: torch.full_like(start, 128.0),)),

        Mistake(lambda scores, label, start: _climber()(scores, label, start) / 255,
                "your picture runs from 0 to 1; pixels here are 0 to 255."),
    ),
    hints=(
        "The picture, not the weights, is what the gradient is taken by.",
        "picture.detach().requires_grad_(), torch.autograd.grad(scores(picture)[0, label], "
        "picture), a step of fixed size along it; then avg_pool2d over 3×3, mixed in; then clamp.",
        "picture = picture + 8 * gradient / gradient.square().mean().sqrt(), then "
        "picture.lerp(smooth, 0.3).clamp(0, 255), 40 times.",
    ),
    why="The step makes the network sure, the smoothing throws away what no photograph has, and "
        "the clamp keeps it a picture.",
)  # fmt: skip

EXERCISES = (grid, precision, image)

WINDOW_WIDTH = Asked(
    "A window of 11 × 11 on an enlarged picture: how many of CIFAR-10's own pixels wide?",
    answer=1.375,
)
FIVE_GUESSES = Asked(
    "How often is the right class among the five best, guessing blindly, on our ten classes?",
    unit="%",
    answer=50,
)

QUIZ = Quiz("14", (
    Question("Why is each filter drawn with 0 at mid-grey, by its own largest magnitude?", (
        Option("So that all filters look equally bright.", "They do not: a filter may be mostly "
               "positive, and then it shows as bright."),
        Option("So that sign and colour can be read in every filter.",
               "Grey is 'does not care' in all of them.", right=True),
        Option("Because weights lie between −1 and 1.", "Nothing keeps them there."))),
    Question("A unit of conv2 reads a 5×5 window of pool1. On the picture it sees …", (
        Option("more: each value it reads has a window of its own below.",
               "15×15 pixels in the 28-pixel network.", right=True),
        Option("5×5 pixels.", "That is conv1. Each layer widens the field."),
        Option("all of it.", "Not yet: 15 of 28 pixels a side. From conv4 on a unit can."))),
    Question("The nine best patches of a map all show red. The map means 'red'?", (
        Option("Yes, nine of nine.", "They are the nine most extreme of a thousand; what does it "
               "answer to weakly, and what never?"),
        Option("Yes, if the layer is deep.", "Depth changes nothing about nine examples."),
        Option("They suggest it; only an experiment could tell.",
               "Paint the patch blue and look at the value: the explorer does that.", right=True))),
    Question("Why are neighbours in fc7 better than neighbours in pixels?", (
        Option("Training pulled together what has the same label, wherever it lies in the picture.",
               "A shifted or recoloured object is far in pixels, near in fc7.", right=True),
        Option("fc7 has more numbers.", "It has fewer: 1,024 against 2,352."),
        Option("Distances in fc7 are not Euclidean.", "They are, in both."))),
    Question("A network is 100 % sure of a class image that shows no object. What follows?", (
        Option("It was trained badly.", "The best networks do this, too."),
        Option("The picture hides the object.", "Ask people; or ask another network."),
        Option("Confidence says how far from the border, not how like a photograph.",
               "Far from all training pictures there is still a side of the border.", right=True))),
))  # fmt: skip
