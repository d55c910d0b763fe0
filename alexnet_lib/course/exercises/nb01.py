"""Lesson 01: where the central crop lies, whose mean is subtracted, and who loses a tie."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz


def place_of_crop(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Height and width once the shorter side is `size`; top and left of the central square."""
    shorter = min(height, width)
    height, width = (round(side * size / shorter) for side in (height, width))
    return height, width, (height - size) // 2, (width - size) // 2


def centre(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets minus one mean image, which only the training set may decide."""
    mean = train.float().mean(0)  # (3, H, W)
    return train - mean, test - mean


def top_k_error(scores: Tensor, labels: Tensor, k: int) -> float:
    """Share of images whose label k or more other classes equal or beat."""
    own = scores.gather(1, labels[:, None])  # (N, 1)
    rivals = (scores >= own).sum(1) - 1  # (N,), the label itself is no rival
    return float((rivals >= k).float().mean())


def _sets() -> list[tuple]:
    """Dark training and bright test pixels, then the reverse; no two sizes are the same."""
    generator = torch.Generator().manual_seed(1)
    ranges = ((0, 120, (6, 3, 4, 5)), (90, 256, (4, 3, 4, 5)),
              (100, 256, (3, 3, 2, 7)), (0, 90, (5, 3, 2, 7)))  # fmt: skip
    drawn = [torch.randint(*some, generator=generator, dtype=torch.uint8) for some in ranges]
    return [(drawn[0], drawn[1]), (drawn[2], drawn[3])]


def _tables() -> list[tuple]:
    """A small table by hand, one score for all, and whole-numbered scores with many ties."""
    by_hand = torch.tensor([[3.0, 1, 2, 0], [1, 2, 2, 0], [0, 4, 1, 3], [5, 5, 5, 5]])
    labels = torch.tensor([0, 1, 2, 3])
    generator = torch.Generator().manual_seed(2)
    scores = torch.randint(0, 4, (60, 10), generator=generator).float()
    drawn = torch.randint(0, 10, (60,), generator=generator)
    tables = [(by_hand, labels, k) for k in (1, 2, 3)]
    tables += [(torch.ones(4, 10), labels, 5), (scores, drawn, 1), (scores, drawn, 5)]
    clear = torch.rand(30, 7, generator=generator, dtype=torch.float64)  # no two are equal
    few = torch.randint(0, 7, (30,), generator=generator)
    return [*tables, (clear, few, 2), (clear, few, 3), (scores[:9, :4], drawn[:9] % 4, 4)]


crop = Exercise(
    id="01.1",
    title="Place of the crop",
    statement="Write place_of_crop(height, width, size): height and width after rescaling, then "
    "top and left of the central crop.",
    reference=place_of_crop,
    cases=lambda: [
        (375, 500, 256),
        (500, 375, 256),
        (256, 256, 256),
        (100, 301, 64),
        (32, 47, 32),
        (301, 100, 64),
        (40, 30, 20),
        (30, 43, 20),
        (40, 30, 21),
        (29, 58, 15),
    ],
    mistakes=(
        Mistake(
            lambda h, w, s: _centred(round(h * s / max(h, w)), round(w * s / max(h, w)), s),
            "you scaled the longer side to size; then no square of that size fits inside.",
        ),
        Mistake(lambda h, w, s: (s, s, 0, 0),
                "both sides became size: the picture is squeezed, and everything in it."),
        Mistake(lambda h, w, s: tuple(place_of_crop(h, w, s)[i] for i in (1, 0, 3, 2)),
                "height and width are swapped; images are (channels, height, width)."),
        Mistake(
            lambda h, w, s: _placed(h, w, s, lambda margin: (margin + 1) // 2),
            "one pixel off where the margin is odd: the spare pixel stays right and bottom.",
            also=(lambda h, w, s: _placed(h, w, s, lambda margin: round(margin / 2)),),
        ),
        Mistake(
            lambda h, w, s: _centred(int(h * s / min(h, w)), int(w * s / min(h, w)), s),
            "int() cuts off what follows the point; round to the nearest pixel.",
        ),
        Mistake(lambda h, w, s: _placed(h, w, s, lambda margin: margin / 2),
                "there is no half pixel to start from: use whole-number division."),
        Mistake(lambda h, w, s: _centred(h, w, s), "you cropped without rescaling first."),
        Mistake(lambda h, w, s: _centred(s, round(w * s / h), s),
                "you scaled by the height; where the width is shorter, no square of that size "
                "fits."),
        Mistake(lambda h, w, s: _centred(round(h * s / w), s, s),
                "you scaled by the width; where the height is shorter, no square of that size "
                "fits."),
        Mistake(lambda h, w, s: _placed(h, w, s, lambda margin: margin),
                "you left the whole margin at the top and the left; the centre has half on each "
                "side."),
        Mistake(lambda h, w, s: _placed(h, w, s, lambda margin: 0), "that crops the corner."),
        Mistake(
            lambda h, w, s: _centred(math.ceil(h * s / min(h, w)), math.ceil(w * s / min(h, w)), s),
            "you rounded up; round to the nearest pixel.",
        ),
        Mistake(
            lambda h, w, s: _centred(h * s / min(h, w), w * s / min(h, w), s),
            "half pixels do not exist: round both sides first, then centre.",
            also=(
                lambda h, w, s: (
                    h * s / min(h, w),
                    w * s / min(h, w),
                    (h * s / min(h, w) - s) / 2,
                    (w * s / min(h, w) - s) / 2,
                ),
            ),
        ),
        Mistake(lambda h, w, s: (*place_of_crop(h, w, s)[:2], (h - s) // 2, (w - s) // 2),
                "the margins are those of the picture before it was scaled."),
        Mistake(
            lambda h, w, s: (
                *place_of_crop(h, w, s)[:2],
                *(x // 2 for x in place_of_crop(h, w, s)[:2]),
            ),
            "that is the middle of the picture; the crop begins half a side before it.",
        ),
        Mistake(lambda h, w, s: (h, w, *place_of_crop(h, w, s)[2:]),
                "the corner is right, but the sides are those before scaling."),

        Mistake(lambda h, w, s: (*place_of_crop(h, w, s)[:2],
                                 *(x // 2 - s // 2 for x in place_of_crop(h, w, s)[:2])),
                "// cuts off twice in x // 2 - size // 2: take the difference first, then its "
                "half."),
    ),
    hints=(
        "Which of the two sides decides the scale? Which margin is left on each axis?",
        "Multiply both sides by size / min(height, width) and round; the margin is side − size.",
        "Half of each margin, by //, is top and left.",
    ),
    why="The shorter side decides the scale, so the square fits; half of the margin is cut off.",
)  # fmt: skip

mean = Exercise(
    id="01.2",
    title="Whose mean?",
    statement="Write centre(train, test): both sets of uint8 images, minus the mean image.",
    reference=centre,
    cases=_sets,
    mistakes=(
        Mistake(lambda a, b: _minus(a, b, torch.cat([a, b]).float().mean(0)),
                "LEAK: test images went into your mean. Only training images may decide anything."),
        Mistake(lambda a, b: (a - a.float().mean(0), b - b.float().mean(0)),
                "LEAK: the test set got a mean of its own. The network learned with the other "
                "one."),
        Mistake(lambda a, b: _minus(a, b, b.float().mean(0)),
                "LEAK: your mean is the test set's. Only training images may decide anything."),
        Mistake(lambda a, b: _minus(a, b, a.float().mean((0, 2, 3))[:, None, None]),
                "you took one mean a channel; the paper's has one for each channel and pixel."),
        Mistake(lambda a, b: _minus(a, b, a.float().mean()),
                "you took one number for everything; average over the images only."),
        Mistake(
            lambda a, b: tuple(x - x.float().mean((1, 2, 3), keepdim=True) for x in (a, b)),
            "each image lost its own mean, so bright and dark ones now look alike.",
        ),
        Mistake(lambda a, b: tuple(x / 255 for x in centre(a, b)),
                "you divided by 255 as well; the paper subtracts and does nothing else."),
        Mistake(lambda a, b: tuple(x / a.float().std() for x in centre(a, b)),
                "you divided by the spread as well; the paper does not."),
        Mistake(lambda a, b: _minus(a, b, a.float().mean(0).byte()),
                "your mean is uint8: differences below 0 wrap around to large numbers."),
        Mistake(lambda a, b: (a - a.float().mean(0), b.float()),
                "the test images kept their mean; they pass through the same preparation.",
                also=(lambda a, b: (a - a.float().mean(0), b),)),
        Mistake(
            lambda a, b: _minus(a, b, a.float().mean(0).round()),
            "you rounded the mean; the differences may be fractions.",
            also=(lambda a, b: _minus(a, b, a.float().mean(0).floor()),),
        ),
        Mistake(lambda a, b: _minus(a, b, a.float().median(0).values),
                "that is the median of each pixel; the paper takes the mean."),
        Mistake(
            lambda a, b: tuple(x / a.float().std(0) for x in centre(a, b)),
            "you divided by each pixel's spread as well; the paper does not.",
            also=tuple(
                lambda a, b, over=over: tuple(
                    (x - a.float().mean(over, keepdim=True)) / a.float().std(over, keepdim=True)
                    for x in (a, b)
                )
                for over in ((0, 2, 3), (0, 1, 2, 3))
            ),
        ),
        Mistake(lambda a, b: _minus(a, b, a.float().mean((0, 1))),
                "you averaged over the channels, too: the mean image is a colour image."),
        Mistake(lambda a, b: (a.float(), b - a.float().mean(0)),
                "the training images kept their mean; both sets lose the same one."),
        Mistake(lambda a, b: tuple(-x for x in centre(a, b)), "you took the images from the mean."),
        Mistake(
            lambda a, b: tuple(x - x.float().mean((2, 3), keepdim=True) for x in (a, b)),
            "each image lost its own colours' mean; one mean image belongs to all.",
        ),
        Mistake(
            lambda a, b: tuple(x - x.float().mean((0, 2, 3), keepdim=True) for x in (a, b)),
            "LEAK: the test set got a mean of its own; and it is one number a channel.",
        ),
        Mistake(lambda a, b: tuple(x.byte() for x in centre(a, b)),
                "the differences are uint8 again: what is below 0 wraps around."),
        Mistake(lambda a, b: tuple(x - x.float().mean() for x in (a, b)),
                "LEAK: the test set got a mean of its own; and it is one number for everything."),

        Mistake(lambda a, b: (a.float().mean(0), b.float().mean(0)),
                "those are mean images; the sets without them are asked."),
        Mistake(lambda a, b: (a.float() - 128, b.float() - 128), "128 is no mean of these images; "
                "measure it.", also=(lambda a, b: (a - 127.5, b - 127.5),)),
    ),
    hints=(
        "Which images may you look at before the test? Which axis counts the images?",
        "One mean image of shape (3, H, W), from the training images, for both sets.",
        "mean = train.float().mean(0), subtracted from train and from test.",
    ),
    why="The mean is part of what was learned: measured on training images, then left alone.",
)  # fmt: skip

ties = Exercise(
    id="01.3",
    title="Top-k error",
    statement="Write top_k_error_by_hand(scores, labels, k); a label that ties with a rival loses.",
    reference=top_k_error,
    cases=_tables,
    mistakes=(
        Mistake(
            lambda s, y, k: float(((s > s.gather(1, y[:, None])).sum(1) >= k).float().mean()),
            "your label wins ties: a network that scores all classes alike would be always right.",
        ),
        Mistake(
            lambda s, y, k: float((s.topk(k).indices != y[:, None]).all(1).float().mean()),
            "topk picks among equal scores by position: your error depends on the classes' order.",
            also=(
                lambda s, y, k: _left_out(s.argsort(1, descending=True)[:, :k], y),
                lambda s, y, k: _left_out(s.argsort(1, descending=True, stable=True)[:, :k], y),
                lambda s, y, k: _left_out(s.argsort(1)[:, -k:], y),
            ),
        ),
        Mistake(lambda s, y, k: 1 - top_k_error(s, y, k), "that is the accuracy, not the error."),
        Mistake(lambda s, y, k: 100 * top_k_error(s, y, k), "in percent; errors are fractions."),
        Mistake(
            lambda s, y, k: float(((s >= s.gather(1, y[:, None])).sum(1) >= k).float().mean()),
            "the label was counted among its own rivals: one place too strict.",
        ),
        Mistake(lambda s, y, k: top_k_error(s, y, 1), "k does not occur: this is top-1."),
        Mistake(
            lambda s, y, k: top_k_error(-s, y, k), "you looked at the lowest scores, not the top."
        ),
        Mistake(lambda s, y, k: top_k_error(s, y, k + 1),
                "one place too generous: k rivals that equal or beat the label put it out."),
        Mistake(lambda s, y, k: round(len(y) * top_k_error(s, y, k)),
                "that is how many are wrong; return the share."),
        Mistake(lambda s, y, k: round(len(y) * (1 - top_k_error(s, y, k))),
                "that is how many are right; return the share of wrong ones."),
        Mistake(lambda s, y, k: top_k_error(s, y, k) / k,
                "divide by the number of images alone, not by k."),
        Mistake(
            lambda s, y, k: 1 - float(((s > s.gather(1, y[:, None])).sum(1) >= k).float().mean()),
            "that is the accuracy, not the error; and your label wins ties.",
            also=(lambda s, y, k: float((s.topk(k).indices == y[:, None]).any(1).float().mean()),),
        ),
        Mistake(lambda s, y, k: float((s.argmax(1) != y).float().mean()),
                "k does not occur: this is top-1, and argmax picks among equal scores by "
                "position."),
        Mistake(
            lambda s, y, k: float((s.topk(k).indices != y[:, None]).float().mean()),
            "you averaged over the k places, too: an image is right if its label is at any of "
            "them.",
            also=(lambda s, y, k: float((s.topk(k).indices[:, -1] != y).float().mean()),),
        ),

        Mistake(lambda s, y, k: float(((s > s.gather(1, y[:, None])).sum(1) > k).float().mean()),
                "two things: your label wins ties, and k rivals put it out, not k + 1."),
    ),
    hints=(
        "How many other classes may score as high as the label, or higher?",
        "own = scores.gather(1, labels[:, None]); count the scores >= own, less the label itself.",
        "rivals = (scores >= own).sum(1) - 1; an image is wrong where rivals >= k.",
    ),
    why="A label is within the top k if fewer than k rivals equal or beat it.",
)  # fmt: skip

EXERCISES = (crop, mean, ties)


def _placed(height: int, width: int, size: int, corner: Callable[[int], float]) -> tuple:
    """Scaled as it should be, with another rule for the corner."""
    height, width = place_of_crop(height, width, size)[:2]
    return height, width, corner(height - size), corner(width - size)


def _centred(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    return height, width, (height - size) // 2, (width - size) // 2


def _minus(train: Tensor, test: Tensor, what: Tensor) -> tuple[Tensor, Tensor]:
    return train - what, test - what


def _left_out(best: Tensor, labels: Tensor) -> float:
    return float((best != labels[:, None]).all(1).float().mean())


BLIND_ERROR = Asked("Someone names a class at random. Error?", unit="%", answer=90)
MEAN_PICTURE = Asked(
    "What does the mean of 10,000 pictures look like?",
    ("an even grey", "a soft blur, brighter at the top", "a typical picture", "coloured noise"),
    answer="a soft blur, brighter at the top",
)

QUIZ = Quiz(
    "01",
    (
        Question(
            "How does the paper prepare a picture of 500×375 pixels?",
            (
                Option("Squeeze it to 256×256.", "No: that would change its proportions."),
                Option(
                    "Scale, crop the middle, subtract the mean image.",
                    "Yes: §2, and no more.",
                    right=True,
                ),
                Option("Divide by 255 and by the spread.", "No: that came into use later."),
            ),
        ),
        Question(
            "What is the mean image of the training set?",
            (
                Option("One number for each channel.", "That is the mean colour."),
                Option("The most typical picture.", "No: no picture looks like it."),
                Option("The average image, pixel by pixel.", "Yes: 3·H·W numbers.", right=True),
            ),
        ),
        Question(
            "You try 50 values of k and report the lowest test error. What is wrong?",
            (
                Option("The test set chose k.", "Yes: choose on validation images.", right=True),
                Option("Nothing, if the test set is large.", "Size helps; the choice still leaks."),
                Option("50 values are too few.", "More tries make it worse."),
            ),
        ),
        Question(
            "A model gives all ten classes the same score. Its top-1 error here?",
            (
                Option("0 %", "Only if labels won ties."),
                Option("90 %", "That is a guess's error; here no guess is made."),
                Option("100 %", "Yes: the label loses ties, so it is never ahead.", right=True),
            ),
        ),
        Question(
            "Why do nearest neighbours on pixels fail?",
            (
                Option("Distances are computed wrongly.", "No: they are exact."),
                Option(
                    "Pictures of like colours are near, whatever they show.",
                    "Yes: a distance of pixels says nothing about the things shown.",
                    right=True,
                ),
                Option(
                    "They need a GPU.",
                    "No: on a CPU it is one matrix product, done in about a second.",
                ),
            ),
        ),
    ),
)
