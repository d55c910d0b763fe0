"""Exercises and quiz of lesson 05: local response normalisation (§3.3)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz
from alexnet_lib.paper.layers import local_response_norm


def lrn_without_loop(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """Add up `size` shifted copies of the squares, zeros beyond the first and last channel."""
    half, channels = size // 2, x.shape[1]
    squares = F.pad(x.square(), (0, 0, 0, 0, half, half))  # (N, C + size - 1, H, W)
    energy = sum(squares[:, shift : shift + channels] for shift in range(size))  # (N, C, H, W)
    return x / (k + alpha * energy) ** beta


def torch_as_printed(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """Call torch's function so that it computes the paper's formula."""
    return F.local_response_norm(x, size, alpha * size, beta, k)


def norm_came_first(z: Tensor, y: Tensor) -> bool:
    """Compute both orders and take the nearer one."""
    early = local_response_norm(z).relu()
    late = local_response_norm(z.relu())
    return bool((y - early).abs().max() < (y - late).abs().max())


def _maps(seed: int, *shape: int, scale: float = 60.0) -> Tensor:
    """Random maps, as large as 0–255 inputs make them."""
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _energy(x: Tensor, below: int, above: int) -> Tensor:
    """Sum of squares over the channels from i - below to i + above."""
    padded = F.pad(x.square(), (0, 0, 0, 0, below, above))
    return sum(padded[:, shift : shift + x.shape[1]] for shift in range(below + above + 1))


def _plain(values: Tensor, size: int) -> Tensor:
    """Sum of the values themselves in the formula's window."""
    padded = F.pad(values, (0, 0, 0, 0, size // 2, size // 2))
    return padded.unfold(1, size, 1).sum(-1)


def _with_ends_repeated(x: Tensor, size: int) -> Tensor:
    half = size // 2
    ends = x[:, :1].repeat(1, half, 1, 1), x[:, -1:].repeat(1, half, 1, 1)
    return _energy(torch.cat([ends[0], x, ends[1]], 1), half, half)[:, half : half + x.shape[1]]


def _centred(x: Tensor, size: int) -> Tensor:
    return _energy(x, size // 2, size // 2)


def _with(energy):
    """LRN with another idea of the window's energy."""
    return lambda x, size, alpha, beta, k: x / (k + alpha * energy(x, size)) ** beta


formula = Exercise(
    id="05.1",
    title="LRN from the formula",
    statement="Write lrn(x, size, alpha, beta, k), x of shape (N, C, H, W), without a loop over C.",
    reference=local_response_norm,
    shown=lrn_without_loop,
    cases=lambda: [
        (_maps(0, 2, 7, 3, 4).relu(), 5, 1e-4, 0.75, 2.0),
        (_maps(1, 1, 4, 2, 5).relu(), 3, 1e-3, 0.5, 1.0),
        (_maps(2, 1, 12, 4, 4).relu(), 9, 2e-4, 0.75, 1.0),
        (_maps(6, 2, 3, 2, 3), 5, 1e-4, 0.75, 2.0),  # fewer maps than the window has
        (_maps(7, 1, 6, 3, 2).double(), 1, 1e-3, 1.0, 3.0),
        (_maps(8, 1, 8, 1, 1) * 0.01, 3, 1.0, 0.25, 1.5),
    ],
    mistakes=(
        Mistake(_with(lambda x, n: _centred(x, n) / n), "You took the mean of the squares. The "
                "formula has their plain sum, so yours is n times too weak."),
        Mistake(_with(lambda x, n: F.avg_pool2d(x**2, n, 1, n // 2) * n**2), "You summed over "
                "pixels of one map. §3.3 sums over neighbouring maps at one pixel: axis 1."),
        Mistake(_with(lambda x, n: _centred(x, n) * n / _centred(torch.ones_like(x), n)),
                "You scaled up the shorter windows of the first and last channels. In the formula "
                "they simply hold fewer terms."),
        Mistake(_with(lambda x, n: sum((x**2).roll(s, 1) for s in range(-(n // 2), n // 2 + 1))),
                "Your window goes round the corner: the first channel competes with the last."),
        Mistake(_with(lambda x, n: (x**2).sum(1, keepdim=True)), "You summed over all maps. Only "
                "those within n // 2 of map i count."),
        Mistake(lambda x, n, alpha, beta, k: x / (1e-12 + alpha * _centred(x, n)) ** beta,
                "k is missing: where all maps are silent, the divisor is zero."),
        Mistake(lambda x, n, alpha, beta, k: (x / (k + alpha * _centred(x, n))) ** beta,
                "You raised the whole fraction to β. The exponent belongs to the divisor."),
        Mistake(lambda x, n, alpha, beta, k: x / (k + (alpha * _centred(x, n)) ** beta),
                "k stands inside the bracket that is raised to β."),
        Mistake(_with(lambda x, n: _energy(x, n, n)), "Your window has 2n + 1 channels. n is the "
                "whole window: n // 2 on each side."),
        Mistake(_with(lambda x, n: _energy(x, n // 2, n // 2 - 1)), "Your window ends one channel "
                "early. The end of a Python slice is exclusive."),
        Mistake(_with(lambda x, n: _centred(x, n) - x**2), "You left the channel itself out. "
                "j runs over i, too."),
        Mistake(_with(_plain), "You summed the activations, not their squares.", also=(
                _with(lambda x, n: _centred(x.sqrt(), n)), _with(lambda x, n: _plain(x.abs(), n)))),
        Mistake(_with(lambda x, n: _plain(x, n) ** 2), "You squared the sum; the formula sums the "
                "squares."),
        Mistake(_with(lambda x, n: _centred(x, n) / _centred(torch.ones_like(x), n)), "You took "
                "the mean of the squares that are there. The formula has their plain sum."),
        Mistake(_with(_with_ends_repeated), "Beyond the ends you repeat the first and the last "
                "map. The formula has no such maps: the window holds fewer terms there."),

        Mistake(lambda x, n, alpha, beta, k: x / (k + alpha * _centred(x, n)), "β is missing: "
                "the divisor is raised to it."),
        Mistake(lambda x, n, alpha, beta, k: x / (k + _centred(x, n)) ** beta, "α is missing "
                "before the sum."),
        Mistake(lambda x, n, alpha, beta, k: x * (k + alpha * _centred(x, n)) ** beta, "you "
                "multiply by the divisor: loud neighbours make louder."),
        Mistake(lambda x, n, alpha, beta, k: x / (alpha + k * _centred(x, n)) ** beta, "α and k "
                "have changed places."),
        Mistake(lambda x, n, alpha, beta, k: x / (beta + alpha * _centred(x, n)) ** k, "k and β "
                "have changed places."),
        Mistake(lambda x, n, alpha, beta, k: x / (1 + alpha * _centred(x, n)) ** beta, "k is not "
                "always 1; use the argument."),
        Mistake(lambda x, n, alpha, beta, k: x / (k + alpha * _centred(x, n) ** 0.5) ** beta, "you "
                "took the root of the sum of squares; the formula has the sum itself."),
        Mistake(lambda x, n, alpha, beta, k: x / (k + (alpha * _centred(x**2, n))) ** beta, "you "
                "squared twice."),
        Mistake(lambda x, n, alpha, beta, k: x - (k + alpha * _centred(x, n)) ** beta, "the "
                "formula divides."),
        Mistake(lambda x, n, alpha, beta, k: 1 / (k + alpha * _centred(x, n)) ** beta, "that is "
                "the factor; x itself is missing."),
        Mistake(lambda x, n, alpha, beta, k: (k + alpha * _centred(x, n)) ** beta, "that is the "
                "divisor; x itself is missing."),
        Mistake(_with(lambda x, n: _energy(x, 0, n - 1)), "Your window begins at the map itself; "
                "the map stands in its middle."),
        Mistake(_with(lambda x, n: _energy(x, n - 1, 0)), "Your window ends at the map itself; "
                "the map stands in its middle."),
        Mistake(_with(lambda x, n: _energy(x, n // 2 - 1, n // 2) if n > 1 else x * 0), "Your "
                "window begins one channel late.", also=(_with(lambda x, n: _energy(x, n // 2 - 1,
                n // 2) if n > 1 else x**2),)),

        Mistake(_with(lambda x, n: x**2), "only the map itself counts in your sum; its neighbours "
                "do, too."),
        Mistake(_with(lambda x, n: _centred(x.relu(), n)), "values below 0 count, too: they are "
                "squared.", also=(lambda x, n, alpha, beta, k: _with(_centred)(x.relu(), n, alpha,
                beta, k),)),
        Mistake(_with(lambda x, n: x.square().mean((2, 3), keepdim=True)), "You took the mean over "
                "pixels of one map. §3.3 sums over neighbouring maps at one pixel: axis 1.",
                also=(_with(lambda x, n: F.avg_pool2d(x**2, n, 1, n // 2)),)),
    ),
    hints=(
        "Channel i needs the squares of the channels i - n//2 to i + n//2, at the same pixel.",
        "Put n//2 channels of zeros before and after the squares. The window's sum is then the sum "
        "of n slices, each shifted by one channel.",
        "squares = F.pad(x**2, (0, 0, 0, 0, n//2, n//2)); "
        "energy = sum(squares[:, s : s + C] for s in range(n)).",
    ),
    why="Zeros beyond the ends add nothing, so the first and last channels have fewer rivals.",
)  # fmt: skip


def _torch(alpha_of, k_of=lambda k: k):
    """torch's function with another idea of its α and k."""
    return lambda x, size, alpha, beta, k: F.local_response_norm(
        x, size, alpha_of(alpha, size), beta, k_of(k)
    )


torch_agrees = Exercise(
    id="05.2",
    title="Make torch agree",
    statement="Call F.local_response_norm so that it returns the paper's formula, for any size.",
    reference=torch_as_printed,
    cases=lambda: [
        (_maps(3, 1, 9, 2, 2).relu(), 5, 1e-4, 0.75, 2.0),
        (_maps(4, 1, 9, 2, 2).relu(), 3, 1e-3, 0.75, 2.0),
        (_maps(5, 1, 9, 2, 2).relu(), 7, 1e-4, 0.5, 4.0),
    ],
    mistakes=(
        Mistake(_torch(lambda alpha, n: alpha), "You passed α as printed. Torch weakens it; by "
                "which factor did you find above?"),
        Mistake(_torch(lambda alpha, n: alpha / n), "The other way round: torch divides by n "
                "already, so this divides twice."),
        Mistake(_torch(lambda alpha, n: 5 * alpha), "Right for n = 5 only. What does the factor "
                "become for another window?"),
        Mistake(_torch(lambda alpha, n: 5e-4), "Right for n = 5 and the paper's α only."),
        Mistake(_torch(lambda alpha, n: alpha * n, lambda k: 1.0), "α is right, but k is torch's "
                "default of 1. Pass the given one."),
        Mistake(_torch(lambda alpha, n: alpha, lambda k: 1.0), "Torch's own habits are at work: "
                "k is not passed, and α is too weak."),

        Mistake(_torch(lambda alpha, n: alpha * n**2), "torch divides by n, once; you undo it "
                "twice: α · n, not α · n²."),
        Mistake(_torch(lambda alpha, n: alpha * (n // 2)), "torch divides by the whole window n, "
                "not by its half."),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x, n, alpha * n, beta, k / n),
                "k is not divided by n in torch; only α is.", also=(
                lambda x, n, alpha, beta, k: F.local_response_norm(x, n, alpha * n, beta, k * n),)),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x, n, alpha * n, 0.75, k), "β "
                "is not always 0.75; pass the given one."),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x, n, alpha * n, k, beta), "β "
                "and k have changed places: torch takes size, alpha, beta, k."),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x, 5, alpha * 5, beta, k), "the "
                "window is not always 5; pass the given size."),
        Mistake(lambda x, n, alpha, beta, k: n * F.local_response_norm(x, n, alpha, beta, k), "the "
                "factor belongs to α, not to the result."),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x, n), "that is torch's "
                "default; pass all four numbers."),

        Mistake(_torch(lambda alpha, n: alpha * n**0.5), "torch divides by n, not by its root."),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x, n // 2, alpha * n, beta, k),
                "torch takes the whole window, as the formula does; not its half."),
        Mistake(_torch(lambda alpha, n: alpha * (n - 1)), "the channel itself counts: n squares, "
                "not n − 1."),
        Mistake(lambda x, n, alpha, beta, k: F.local_response_norm(x * n, n, alpha, beta, k),
                "scale α, not the activations."),
    ),
    hints=(
        "Torch's documentation has α / n where the paper has α.",
        "Which α must torch get so that α / n is the paper's?",
        "F.local_response_norm(x, size, alpha * ..., beta, k)",
    ),
    why="Torch averages the squares, the paper adds them up; α · n undoes the division.",
)  # fmt: skip

# scale, and whether LRN came first; scale and order are not tied to each other
_RECORDINGS = (
    (30.0, True), (150.0, False), (30.0, False), (150.0, True), (60.0, True), (90.0, False),
    (200.0, True), (20.0, False),
)  # fmt: skip


def _recorded(seed: int, scale: float, first: bool) -> tuple[Tensor, Tensor]:
    z = _maps(seed, 1 + seed % 3, 8, 3, 3, scale=scale).double()
    return z, local_response_norm(z).relu() if first else local_response_norm(z.relu())


order = Exercise(
    id="05.3",
    title="Spot LRN before ReLU",
    statement="Write norm_first(z, y): True where y = ReLU(LRN(z)), False where y = LRN(ReLU(z)).",
    reference=norm_came_first,
    cases=lambda: [_recorded(seed, *how) for seed, how in enumerate(_RECORDINGS)],
    mistakes=(
        Mistake(lambda z, y: False, "You say False to all eight recordings; half of them are True. "
                "(Signs and zeros are the same in both orders, so they tell nothing.)"),
        Mistake(lambda z, y: True, "You say True to all eight recordings; half of them are False. "
                "(Signs and zeros are the same in both orders, so they tell nothing.)"),
        Mistake(lambda z, y: not norm_came_first(z, y), "The other way round: True is for the "
                "network that normalised first."),
        Mistake(lambda z, y: bool(y.sum() / z.relu().sum() < 0.4), "You hold a size against "
                "a fixed bar. That tells how large z is, not the order."),

        Mistake(lambda z, y: bool(y.mean() > z.relu().mean() / 2), "You hold the size of y against "
                "a fixed share of z. That tells how large z is, not the order."),

        Mistake(lambda z, y: y < local_response_norm(z.relu()), "one True or False for the whole "
                "recording is asked, not one for each number.", also=(
                lambda z, y: y == local_response_norm(z).relu(),
                lambda z, y: (y - local_response_norm(z).relu()).abs()
                < (y - local_response_norm(z.relu())).abs())),
    ),
    hints=(
        "Signs and zeros are the same in both orders. What differs is how much a positive "
        "activation shrinks: which of its neighbours count?",
        "You have z, so you can compute what each order would have given.",
        "Compare (y - lrn(z).relu()).abs().max() with (y - lrn(z.relu())).abs().max().",
    ),
    why="Before the ReLU, strongly negative neighbours count as energy, and survivors shrink more.",
)  # fmt: skip

EXERCISES = (formula, torch_agrees, order)

RATIO_AFTER = Asked(
    "Map 8 answers 300, map 9 beside it 50: 6 to 1. What does LRN make of this ratio?",
    ("more than 6 to 1", "6 to 1, as before", "less than 6 to 1"),
    answer="6 to 1, as before",
)
TORCH_AGAINST_PAPER = Asked(
    "torch's layer with the paper's n, k, α, β: how far is its output from the paper's formula?",
    ("equal", "about 5 % larger", "about 50 % larger"),
    answer="about 50 % larger",
)
CHANGE_OF_SMALL = Asked(
    "Activations of spread 1: by how much does LRN change them, beyond one constant factor?",
    ("by a factor of two", "by some per cent", "by less than a thousandth"),
    answer="by less than a thousandth",
)
GROWN_ALONE = Asked(
    "A map whose neighbours are silent answers 200, and 52 is left. It grows to 400. Then …",
    ("about 100 are left", "about 60 are left", "fewer than 52 are left"),
    answer="fewer than 52 are left",
)

QUIZ = Quiz("05", (
    Question("n = 5. Which activations stand in the divisor of map 7 at one pixel?", (
        Option("Map 7, in a square of 5 × 5 pixels.", "No: §3.3 stays at one pixel."),
        Option("Maps 5 to 9, at this pixel.", "Yes: itself and two on each side.", right=True),
        Option("All maps, at this pixel.", "No: the window is local, in the order of the maps."),
    )),
    Question("torch.nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2) computes …", (
        Option("what the authors' code computed.", "Yes: both divide α by n.", right=True),
        Option("the formula as printed.", "No: torch averages squares, the formula adds them up."),
        Option("neither.", "No: it is one of the two; which one divides α by n?"),
    )),
    Question("Inputs have variance 1, and activations are of about that size. LRN …", (
        Option("gives every map variance 1.", "No: that would be batch normalisation."),
        Option("makes neighbours compete.", "No: a few units times 1e-4 vanish beside k = 2."),
        Option("multiplies by about 0.595, and that is all.",
               "Yes: the sum is lost beside k, and 2^(-0.75) is 0.595.", right=True),
    )),
    Question("An activation whose neighbours are silent grows from 200 to 400. Its output …", (
        Option("falls.", "Yes: beyond 200 its own energy takes more than it gains.", right=True),
        Option("doubles.", "No: it stands in its own divisor."),
        Option("stays.", "No: for β = 0.5 it would still grow, from 82 to 94; for 0.75 the divisor "
               "outgrows it."),
    )),
    Question("Two CIFAR-10 networks of the authors err on 13 % and 11 %. The difference is …", (
        Option("what normalisation brings.", "Not alone: the two differ in more than that."),
        Option("chance.", "Two points on 10,000 test images are more than sampling noise."),
        Option("of normalisation, width and weight decay together.",
               "Yes: one layer is twice as wide and one decay differs.", right=True),
    )),
))  # fmt: skip
