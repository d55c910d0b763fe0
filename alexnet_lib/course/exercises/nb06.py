"""Exercises and quiz of lesson 06: overlapping pooling (§3.4)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz
from alexnet_lib.paper.layers import ceil_output_size


def max_pool_by_unfold(x: Tensor, z: int, s: int) -> Tensor:
    """Every window as a column, then the maximum of each column."""
    N, C, H, W = x.shape
    rows, columns = ceil_output_size(H, z, s), ceil_output_size(W, z, s)
    right, bottom = (columns - 1) * s + z - W, (rows - 1) * s + z - H
    x = F.pad(x, (0, right, 0, bottom), value=-torch.inf)  # beyond the edge nothing can win
    windows = F.unfold(x, z, stride=s)  # (N, C·z·z, rows·columns)
    return windows.view(N, C, z * z, rows, columns).amax(dim=2)  # (N, C, rows, columns)


def pool_geometry(n: int, z: int, s: int) -> tuple[int, int, int]:
    """Outputs along n pixels, pixels that neighbours share, pixels past the edge."""
    outputs = math.ceil((n - z) / s) + 1
    shared = max(0, z - s)
    past = (outputs - 1) * s + z - n
    return outputs, shared, past


def _maps(seed: int, *shape: int, scale: float = 1) -> Tensor:
    """Random maps, all below zero: zeros that do not belong there would win."""
    return scale * (-1 - torch.rand(shape, generator=torch.Generator().manual_seed(seed)))


def _pool(x: Tensor, z: int, s: int, fill: float = -torch.inf, up: bool = True, at_start=False):
    """All windows of a padded or cut picture: (N, C, z·z, rows, columns)."""
    N, C, *size = x.shape
    counts = [(ceil_output_size(n, z, s) if up else (n - z) // s + 1) for n in size]
    bottom, right = (max(0, (c - 1) * s + z - n) for c, n in zip(counts, size, strict=True))
    x = F.pad(x, (right, 0, bottom, 0) if at_start else (0, right, 0, bottom), value=fill)
    return F.unfold(x, z, stride=s).view(N, C, z * z, *counts)


def _by_columns(x: Tensor, z: int, s: int) -> Tensor:
    windows = _pool(x, z, s)
    return windows.transpose(3, 4).reshape(windows.shape).amax(dim=2)


def _mixed(x: Tensor, z: int, s: int) -> Tensor:
    windows = _pool(x, z, s)  # (N, C, z·z, rows, columns)
    N, C, _, *counts = windows.shape
    return windows.reshape(N, z * z, C, *counts).amax(dim=1)


pool = Exercise(
    id="06.1",
    title="Max pooling from unfold",
    statement="Write max_pool(x, z, s), x of shape (N, C, H, W), rounding up, without loops.",
    reference=max_pool_by_unfold,
    cases=lambda: [
        (_maps(0, 2, 2, 7, 6), 3, 2),
        (_maps(1, 1, 3, 9, 4), 2, 2),
        (_maps(2, 1, 2, 8, 5), 3, 2),
        (_maps(3, 1, 2, 6, 7), 3, 1),
        (_maps(4, 1, 2, 6, 5, scale=1e30), 3, 2),
        (_maps(5, 2, 1, 7, 8), 2, 3),  # a step beyond the window leaves pixels out
        (_maps(6, 1, 2, 5, 5).double() + 1.5, 3, 2),  # of both signs
        (_maps(7, 1, 2, 5, 9), 5, 2),
    ],
    mistakes=(
        Mistake(lambda x, z, s: _pool(x, z, s, 0.0).mean(2), "You took the mean of each window; "
                "zeros beyond the edge join it, too. A max pool keeps the largest."),
        Mistake(lambda x, z, s: F.avg_pool2d(x, z, s, ceil_mode=True), "You took the mean of each "
                "window. A max pool keeps the largest.", also=(
                lambda x, z, s: _pool(x, z, s).mean(2),)),
        Mistake(lambda x, z, s: -F.max_pool2d(-x, z, s, ceil_mode=True), "You kept the smallest of "
                "each window."),
        Mistake(lambda x, z, s: _pool(x, z, s, 0.0).amax(2), "Right inside. At the edge zeros win: "
                "these maps are negative. With what should you pad, so that it never wins?"),
        Mistake(lambda x, z, s: _pool(x, z, s, -100.0).amax(2), "A finite padding, such as −100, "
                "wins against maps that are lower still; only −inf never wins."),
        Mistake(lambda x, z, s: F.pad(x, (0, z, 0, z)).unfold(2, z, s).unfold(3, z, s)
                .amax((4, 5)), "You padded by z on every map, needed or not. Count first how many "
                "pixels the last window lacks."),
        Mistake(lambda x, z, s: _pool(x, z, s, up=False).amax(2), "You rounded down: where pixels "
                "are left over, one more window is due, which hangs over the edge."),
        Mistake(lambda x, z, s: F.max_pool2d(x, z, z, ceil_mode=True), "Your windows do not "
                "overlap: the step is s, not z."),
        Mistake(lambda x, z, s: F.max_pool2d(x, s, s, ceil_mode=True), "Your windows have s × s "
                "pixels. The window is z, the step is s."),
        Mistake(lambda x, z, s: _pool(x, z, s, at_start=True).amax(2), "You padded at the left and "
                "the top. The first window starts at pixel 0; only the last hangs over."),
        Mistake(lambda x, z, s: _pool(x.transpose(2, 3), z, s).amax(2), "Height and width are "
                "swapped: (rows, columns) belong to (H, W)."),
        Mistake(_by_columns, "The right numbers in the wrong places: unfold lists the windows row "
                "by row, so the last two axes are rows, columns."),
        Mistake(_mixed, "Channels got mixed: unfold's second axis is C blocks of z·z, so view it "
                "as (N, C, z * z, ...), in this order."),
        Mistake(lambda x, z, s: _pool(x, z, s).amax((1, 2)), "You took the maximum over the "
                "channels, too. Each map is pooled for itself.", also=(
                lambda x, z, s: _pool(x, z, s).amax((1, 2), keepdim=True)[:, :, 0],
                lambda x, z, s: _pool(x, z, s).amax((1, 2), keepdim=True)[:, :, 0].expand(
                    -1, x.shape[1], -1, -1))),
        Mistake(lambda x, z, s: _pool(x, s, z).amax(2), "z and s have changed places: the window "
                "is z, the step is s."),

        Mistake(lambda x, z, s: _pool(x, z, s).flatten(3).amax(2), "The windows still stand in one "
                "row: view them as rows and columns."),
        Mistake(lambda x, z, s: _pool(x, z, s, 0.0).sum(2), "You summed each window; a max pool "
                "keeps the largest."),
        Mistake(lambda x, z, s: _pool(x, z, s)[:, :, 0], "You kept the first pixel of each "
                "window."),
        Mistake(lambda x, z, s: _pool(x, z, s)[:, :, z * z // 2], "You kept the middle of each "
                "window; a max pool keeps the largest."),
        Mistake(lambda x, z, s: _pool(x.abs(), z, s).amax(2), "You took magnitudes; the largest "
                "number, signs counted, is kept.", also=(lambda x, z, s: -_pool(x.abs(), z, s, 0.0)
                .amax(2),)),
        Mistake(lambda x, z, s: _pool(x, z, s).amax(2).relu(), "Below 0 all is gone: a ReLU is a "
                "layer of its own."),
        Mistake(lambda x, z, s: _pool(x, z, s).argmax(2), "Those are the places of the largest "
                "within each window; the numbers themselves are asked."),
        Mistake(lambda x, z, s: _pool(x, z, s).median(2).values, "You took the median of each "
                "window."),

        Mistake(lambda x, z, s: F.max_pool2d(x, z, s, padding=z // 2), "You padded on all sides. "
                "The first window starts at pixel 0; only the last hangs over."),
        Mistake(lambda x, z, s: F.unfold(x, z, stride=s).amax(1), "The maximum runs over all "
                "channels: unfold's second axis is C blocks of z·z. And rows, columns are missing.",
                also=(lambda x, z, s: F.unfold(x, z, stride=s).amax(1, keepdim=True),)),
    ),
    hints=(
        "F.unfold(x, z, stride=s) gives (N, C·z·z, number of windows): each window is a column.",
        "unfold rounds down and pads only with zeros. So first F.pad at the right and the bottom, "
        "with a value that no maximum can be, by (outputs - 1) · s + z - size pixels.",
        "windows.view(N, C, z * z, rows, columns).amax(dim=2), after "
        "F.pad(x, (0, right, 0, bottom), value=-torch.inf).",
    ),
    why="minus infinity never wins, so a window that hangs over the edge sees only real pixels.",
)  # fmt: skip


def _geometry(outputs=None, shared=None, past=None):
    """pool_geometry with one of its three answers gone wrong."""

    def answer(n: int, z: int, s: int) -> tuple[int, int, int]:
        right = pool_geometry(n, z, s)
        count = outputs(n, z, s) if outputs else right[0]
        over = past(n, z, s) if past else (count - 1) * s + z - n
        return count, shared(z, s) if shared else right[1], over

    return answer


def _below_zero(mistake: Mistake) -> Mistake:
    """A mistake of outputs or past, by somebody who takes z - s for shared wherever it leads."""

    def also_below(answer):
        def both(n: int, z: int, s: int) -> tuple:
            count, _, past = answer(n, z, s)
            return count, z - s, past

        return both

    words = f"{mistake.words} And where s > z, neighbours share nothing: 0 pixels."
    return Mistake(also_below(mistake.answer), words, tuple(map(also_below, mistake.also)))


_COUNTED = (  # mistakes in outputs, or in pixels past the edge; what is shared is right
    Mistake(_geometry(lambda n, z, s: (n - z) // s + 1), "You rounded down. Then no window "
            "hangs over, and the numbers past the edge come out negative."),
    Mistake(_geometry(lambda n, z, s: (n - z) // s + 1, past=lambda n, z, s: 0), "You rounded "
            "down, so nothing ever reaches past the edge. The authors round up."),
    Mistake(_geometry(lambda n, z, s: math.ceil((n - z) / s)), "The first window is missing: "
            "count the steps, then add 1."),
    Mistake(_geometry(lambda n, z, s: math.ceil(n / s)), "n / s counts windows that start "
            "anywhere. They must start so that all but the last fit: n - z."),
    Mistake(_geometry(past=lambda n, z, s: (n - z) % s), "You counted the pixels left over "
            "when rounding down. Asked is what the extra window lacks."),
    Mistake(_geometry(lambda n, z, s: (n - z) / s + 1), "A number of windows is whole: round "
            "up.", also=(lambda n, z, s: ((n - z) / s + 1, max(0, z - s), 0),
                         lambda n, z, s: ((n - z) / s + 1, max(0, z - s), (n - z) % s))),
    Mistake(_geometry(lambda n, z, s: round((n - z) / s) + 1), "You rounded to the nearest; "
            "round up."),
    Mistake(_geometry(lambda n, z, s: (n - z) // s + 2), "Where the windows fit exactly, none is "
            "added: round up, in place of one more everywhere.", also=(
            _geometry(lambda n, z, s: (n - z) // s + 2, past=lambda n, z, s: -(n - z) % s),)),
    Mistake(_geometry(lambda n, z, s: (n - z) // s + 1, past=lambda n, z, s: -(n - z) % s), "The "
            "first is rounded down; the window that hangs over counts, too."),
    Mistake(_geometry(lambda n, z, s: math.ceil((n - s) / z) + 1), "z and s have changed "
            "places in the count: steps of s, windows of z."),
    Mistake(_geometry(past=lambda n, z, s: 0), "The third is 0 with you always; count how far "
            "the last window reaches."),
    Mistake(_geometry(past=lambda n, z, s: -(pool_geometry(n, z, s)[2])), "The sign of the "
            "third: pixels past the edge are counted above 0."),
    Mistake(_geometry(past=lambda n, z, s: pool_geometry(n, z, s)[2] + s), "The last window is "
            "window number outputs - 1: count from 0."),
    Mistake(_geometry(past=lambda n, z, s: pool_geometry(n, z, s)[2] + 1), "The third is one "
            "too large: pixels count from 0, so the last window ends before (outputs - 1) s + "
            "z."),
    Mistake(_geometry(past=lambda n, z, s: pool_geometry(n, z, s)[2] - 1), "The third is one too "
            "small: the last window ends before pixel (outputs - 1) s + z, the map before n.",
            also=(_geometry(past=lambda n, z, s: max(0, pool_geometry(n, z, s)[2] - 1)),)),
    Mistake(_geometry(past=lambda n, z, s: n - (pool_geometry(n, z, s)[0] - 1) * s), "The "
            "third is what the last window still has of real pixels; how many lie past the "
            "edge?"),
    Mistake(_geometry(past=lambda n, z, s: pool_geometry(n, z, s)[0] * s - n), "The last "
            "window is z wide, and starts at (outputs - 1) s.", also=(
            _geometry(past=lambda n, z, s: abs(pool_geometry(n, z, s)[0] * s - n)),)),
)  # fmt: skip

geometry = Exercise(
    id="06.2",
    title="Overlap table",
    statement="Write geometry(n, z, s): outputs (rounded up), pixels that two neighbouring windows "
    "share (0 where s > z), pixels of the last window past the edge.",
    reference=pool_geometry,
    cases=lambda: [(55, 3, 2), (28, 3, 2), (7, 3, 2), (55, 2, 2), (13, 5, 2), (15, 5, 3),
                   (12, 4, 3), (9, 5, 1), (29, 3, 2), (20, 7, 4), (10, 2, 3), (17, 2, 5)],
    mistakes=(
        *_COUNTED,
        *map(_below_zero, _COUNTED),
        Mistake(_geometry(shared=lambda z, s: z - s), "Where s > z, neighbours share nothing: 0 "
                "pixels.", also=(_geometry(shared=lambda z, s: abs(z - s)),)),
        Mistake(_geometry(shared=lambda z, s: s), "Neighbours start s pixels apart. That is not "
                "what they share."),
        Mistake(_geometry(shared=lambda z, s: s - z), "The sign: they overlap where s < z."),
        Mistake(_geometry(shared=lambda z, s: z), "A whole window is z. Its neighbour starts s "
                "pixels later: what is left in common?"),
        Mistake(lambda n, z, s: pool_geometry(n, z, s)[0], "Three numbers are asked: outputs, "
                "shared, past the edge."),
        Mistake(_geometry(shared=lambda z, s: z - s + 1), "One pixel too many is shared.", also=(
                _geometry(shared=lambda z, s: max(0, z - s + 1)),)),
        Mistake(_geometry(shared=lambda z, s: z - s - 1), "One pixel too few is shared.", also=(
                _geometry(shared=lambda z, s: max(0, z - s - 1)),)),
        Mistake(_geometry(shared=lambda z, s: z * (z - s)), "Along n pixels windows are intervals: "
                "do not count an area.", also=(_geometry(shared=lambda z, s: (z - s) ** 2),
                _geometry(shared=lambda z, s: z * max(0, z - s)),
                _geometry(shared=lambda z, s: max(0, z - s) ** 2))),
        Mistake(_geometry(shared=lambda z, s: z // s), "Shared is a number of pixels: what is left "
                "of z after a step of s?", also=(_geometry(shared=lambda z, s: z / s),
                                              _geometry(shared=lambda z, s: s / z),
                                              _geometry(shared=lambda z, s: z % s))),
    ),
    hints=(
        "Write the windows of (7, 3, 2) down: 0–2, 2–4, 4–6. And of (28, 3, 2): where is the last?",
        "The last window starts at (outputs - 1) · s and ends z pixels later.",
        "outputs = math.ceil((n - z) / s) + 1; shared = max(0, z - s); "
        "past = (outputs - 1) * s + z - n",
    ),
    why="one rule gives all three: window i covers the pixels from i·s to i·s + z.",
)  # fmt: skip


EXERCISES = (pool, geometry)

ROUNDED_UP = Asked(
    "How many outputs has z = 2, s = 2 on conv1's 55 positions, rounded up as the authors did?",
    ("26", "27", "28"),
    answer="28",
)

QUIZ = Quiz("06", (
    Question("Pooling overlaps when …", (
        Option("s < z: the step is smaller than the window.",
               "Yes: neighbours share z - s rows or columns.", right=True),
        Option("s = z.", "No: then windows stand side by side."),
        Option("s > z.", "No: then pixels between the windows are never looked at."),
    )),
    Question("55 pixels are pooled by z = 2, s = 2, rounded up. How many outputs?", (
        Option("27", "Rounded down, yes. Then pixel 54 is never looked at."),
        Option("28", "Yes: the 28th window holds one real pixel, and z = 3 would give 27.",
               right=True),
        Option("29", "No: (55 - 2) / 2 is 26.5."),
    )),
    Question("A bright spot moves by one pixel. A 2 × 2, step 2 max pool answers …", (
        Option("always the same.", "Only if it stays in its window: half of the moves cross over."),
        Option("never the same.", "No: within a window the place does not matter."),
        Option("the same if the spot stays in its window.", "Yes: that is all the invariance "
               "there is.", right=True),
    )),
    Question("In the authors' 2 × 2 network, what else was changed?", (
        Option("The number of parameters.", "No: it is equal, down to the last weight."),
        Option("The learning rate.", "The logs give no hint of that."),
        Option("The paddings of conv2 and conv3.",
               "Yes: to end at 6 × 6, and conv3 to conv5 have smaller maps for it.", right=True),
    )),
    Question("In training, which numbers of a window receive a gradient from a max pool?", (
        Option("All of them, in equal shares.", "That is an average pool."),
        Option("The largest one alone.", "Yes: the others do not change the result.", right=True),
        Option("None: a pool has no weights.", "It has none to train, but the layers below it do: "
               "the gradient has to pass through."),
    )),
))  # fmt: skip
