"""Exercises and quiz of lesson 09: data augmentation (§4.1)."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, tensor

from alexnet_lib.course.exercises.compare import as_tensor, kind_of
from alexnet_lib.course.exercises.core import Exercise, Mistake, UnfitError, called
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz


def count_views(n: int, m: int, mirrored: bool) -> int:
    """Places of an m-pixel window along n pixels, for rows and for columns, and both mirrors."""
    places = n - m + 1  # the first pixel of the window is 0, 1, … or n - m
    return places**2 * (2 if mirrored else 1)


def colour_noise(images: Tensor, alphas: Tensor) -> Tensor:
    """One shift (red, green, blue) for each row of alphas, along the pixels' principal axes."""
    pixels = images.float().permute(0, 2, 3, 1).reshape(-1, 3)  # (N·H·W, 3)
    covariance = pixels.T.cov()  # (3, 3)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
    return (alphas * eigenvalues.clamp(min=0).sqrt()) @ eigenvectors.T  # (M, 3)


def average_views(logits: Tensor) -> Tensor:
    """Probabilities of each view first, then their mean over the views."""
    return logits.softmax(dim=-1).mean(dim=0)  # (N, classes)


views = Exercise(
    id="09.1",
    title="Number of views",
    statement="Write count_views(n, m, mirrored): windows of m × m pixels out of n × n.",
    reference=count_views,
    cases=lambda: [
        (256, 224, True), (32, 28, True), (32, 28, False), (32, 24, True), (28, 28, True),
        (30, 11, False), (5, 1, True), (6, 5, False), (7, 2, True),
    ],
    mistakes=(
        Mistake(lambda n, m, f: (n - m) ** 2 * (1 + f), "You count 32 places where the first pixel "
                "can be 0, 1, … 32. That gives the paper's 2048; what does it give for n = m?"),
        Mistake(lambda n, m, f: 2 * (n - m) ** 2, "The paper's own count. Where can the first "
                "pixel be if n - m is 4? And look at the third argument."),
        Mistake(lambda n, m, f: (n - m + 1) ** 2 * f, "Without mirror images you count no view at "
                "all: True is 1, False is 0."),
        Mistake(lambda n, m, f: (n - m + 1) * (1 + f), "You moved the window along one side only. "
                "Rows and columns are chosen independently."),
        Mistake(lambda n, m, f: (n - m + 1) ** 2, "The mirror images are missing."),
        Mistake(lambda n, m, f: 2 * (n - m + 1) ** 2, "You mirror always. Look at the third "
                "argument."),
        Mistake(lambda n, m, f: (n - m + 1) ** 2 * (4 if f else 1), "You count four where each "
                "window gives two: do not turn upside down, nor double before squaring."),
        Mistake(lambda n, m, f: (n - m + 1) ** 2 + f, "You mirrored a single window. Every one has "
                "its mirror image."),
        Mistake(lambda n, m, f: n**2 * (1 + f), "You let the window start at every pixel. Where it "
                "starts too far right or below, it leaves the picture."),
        Mistake(lambda n, m, f: (n // m) ** 2 * (1 + f), "You laid windows side by side, as tiles. "
                "They may overlap."),
        Mistake(lambda n, m, f: (m + 1) ** 2 * (1 + f), "You count with the window's own size. "
                "What matters is the room that it leaves."),
        Mistake(lambda n, m, f: math.comb(n - m + 1, 2) * (1 + f), "You chose two different places "
                "of one list. Row and column may be the same number."),

        Mistake(lambda n, m, f: (n**2 - m**2) * (1 + f), "That is the area outside the window; "
                "count the places where the window can stand."),
        Mistake(lambda n, m, f: (n - m + 2) ** 2 * (1 + f), "One place too many along each side: "
                "the last one starts at n - m."),
        Mistake(lambda n, m, f: ((n - m) ** 2 + 1) * (1 + f), "Add 1 to each side, before the "
                "square."),
        Mistake(lambda n, m, f: (n - m + 1) ** (2 + f), "Each window has one mirror image: twice "
                "as many, not another power."),
        Mistake(lambda n, m, f: 2 * (n - m + 1) * (1 + f), "Any row goes with any column: multiply "
                "the two, do not add them."),
        Mistake(lambda n, m, f: (n - m + 1) ** 2 * (2 - f), "The third argument is the wrong way "
                "round: there are more views with mirror images."),
        Mistake(lambda n, m, f: n * m * (1 + f), "How many pixels there are does not tell where a "
                "window fits."),
    ),
    hints=(
        "Where can the window's first row be? Try n = m: how often does the picture fit itself?",
        "0, 1, … n - m are n - m + 1 places; the columns have as many, whatever the row.",
        "(n - m + 1)**2, and twice that where mirrored.",
    ),
    why="0 to n - m are n - m + 1 places: 33 for 256 → 224, hence 33 · 33 · 2 = 2178. The paper's "
    "2048 is 32 · 32 · 2, which leaves the last row and column out, and gives 0 for n = m.",
)  # fmt: skip


def _pictures(seed: int, tint: tuple[float, ...], grain: float) -> Tensor:
    """Pictures (40, 3, 32, 32) uint8 whose colours vary together, each around its own brightness.

    So many pixels that n and n - 1 in the covariance agree within the tolerance.
    """
    generator = torch.Generator().manual_seed(seed)
    light = 18 * torch.randn(40, 1, 32, 32, generator=generator)
    light = light + 15 * torch.randn(40, 1, 1, 1, generator=generator)
    warmth = 8 * torch.randn(40, 1, 32, 32, generator=generator)
    noise = grain * torch.randn(40, 3, 32, 32, generator=generator)
    sides = torch.tensor([1.0, 0.1, -1.2]).view(1, 3, 1, 1)
    mean, gain = torch.tensor([130.0, 120, 100]), torch.tensor(tint)
    images = mean.view(1, 3, 1, 1) + light * gain.view(1, 3, 1, 1) + warmth * sides + noise
    return images.clamp(0, 255).to(torch.uint8)


# Six alphas with mean 0 and covariance 0.1² · I, so that no sampling noise is left.
_TURN = tensor([[1.0, 2.0, 2.0], [2.0, 1.0, -2.0], [2.0, -2.0, 1.0]]) / 3  # no axis stays
_ALPHAS = 0.1 * math.sqrt(3) * torch.cat([_TURN, -_TURN])


def _covariances(answer: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """Covariances of the shifts, which the free signs and order of eigenvectors do not change."""
    found = []
    for seed, *how in ((0, (1.0, 1.0, 1.0), 3.0), (1, (1.3, 0.9, 0.6), 0.5)):
        shifts = as_tensor(called(answer, _pictures(seed, *how), _ALPHAS.clone()))
        if not isinstance(shifts, Tensor) or tuple(shifts.shape) != (6, 3):
            raise UnfitError(f"shifts of shape (6, 3) are expected, got {kind_of(shifts)}")
        shifts = shifts.double()
        found.append(shifts.T @ shifts / len(shifts))
    return found


def _noise(scale=torch.sqrt, vectors=lambda P: P.T, table=lambda pixels: pixels.T.cov()):
    """colour_noise with one of its steps gone wrong."""

    def answer(images: Tensor, alphas: Tensor) -> Tensor:
        pixels = images.float().permute(0, 2, 3, 1).reshape(-1, 3)
        eigenvalues, eigenvectors = torch.linalg.eigh(table(pixels))
        return (alphas * scale(eigenvalues.clamp(min=0))) @ vectors(eigenvectors)

    return answer


def _by_picture(images: Tensor, alphas: Tensor) -> Tensor:
    eigenvalues, eigenvectors = torch.linalg.eigh(images.float().mean((2, 3)).T.cov())
    return (alphas * eigenvalues.clamp(min=0).sqrt()) @ eigenvectors.T


def _first_axis(images: Tensor, alphas: Tensor) -> Tensor:
    return _noise(lambda v: v.sqrt() * tensor([0.0, 0.0, 1.0]))(images, alphas)


def _mixed(images: Tensor, alphas: Tensor) -> Tensor:
    eigenvalues, eigenvectors = torch.linalg.eigh(images.float().reshape(-1, 3).T.cov())
    return (alphas * eigenvalues.clamp(min=0).sqrt()) @ eigenvectors.T


noise = Exercise(
    id="09.2",
    title="Colour noise",
    statement="Write colour_noise(images, alphas): shifts whose covariance is 0.01 · the pixels'.",
    reference=colour_noise,
    probe=_covariances,
    mistakes=(
        Mistake(_noise(lambda v: v), "You scaled by the eigenvalues, on 0–255 pixels: shifts of "
                "hundreds of grey levels. Which power of λ is a size in grey levels?"),
        Mistake(_noise(lambda v: v / 255), "These are the printed formula's shifts, in the [0, 1] "
                "reading. Their covariance goes with C², not with C."),
        Mistake(_noise(vectors=lambda P: P), "Each eigenvector is a column. alphas @ P takes "
                "rows; transpose P."),
        Mistake(_noise(table=lambda x: x.T @ x / len(x)), "You forgot to subtract the mean pixel, "
                "so the first axis points from black to the mean colour."),
        Mistake(_noise(lambda v: 0.1 * v.sqrt()), "The alphas have the spread 0.1 already; you "
                "applied it twice."),
        Mistake(_noise(lambda v: v.sqrt() / 255), "Right, but in units of [0, 1]. The pictures "
                "have 0–255."),
        Mistake(_noise(lambda v: v / 255**2), "These are eigenvalues of pixels from 0 to 1, and "
                "the shift is in that unit, too. Pictures here have 0–255, and λ is no length."),
        Mistake(_noise(table=lambda x: (x - x.mean(0)).T @ (x - x.mean(0))), "You added up the "
                "products and did not divide by the number of pixels."),
        Mistake(_noise(torch.ones_like), "You left the eigenvalues out: all three axes get equal "
                "light."),
        Mistake(_noise(lambda v: v.sqrt().flip(0)), "Eigenvalues and eigenvectors got out of step: "
                "eigh sorts both from the smallest; turn both or none."),
        Mistake(_noise(table=lambda x: x.T.cov().diag().diag()), "Your red, green and blue move "
                "independently. In pixels they rise and fall together: use the whole covariance."),
        Mistake(_noise(table=lambda x: x.T.corrcoef()), "That is the correlation: it has forgotten "
                "how far the pixels spread."),
        Mistake(_by_picture, "You took the covariance of the pictures' mean colours. The paper's "
                "is that of all pixels."),
        Mistake(_mixed, "reshape dealt the numbers out anew: three neighbours of one row are no "
                "pixel. Bring the colours to the last axis first (permute)."),

        Mistake(_noise(lambda v: v.square()), "You squared the eigenvalues; the size of a shift is "
                "√λ."),
        Mistake(_noise(lambda v: v.pow(0.25)), "You took the root twice."),
        Mistake(_noise(vectors=lambda P: torch.eye(3)), "The eigenvectors are missing: shifts run "
                "along red, green and blue."),
        Mistake(_noise(lambda v: 10 * v.sqrt()), "The alphas have the spread 0.1 already; do not "
                "undo it."),
        Mistake(_first_axis, "Only the first axis moves; all three have their share."),
    ),
    hints=(
        "First a table with a pixel a row, (N·H·W, 3); then its covariance, 3 × 3.",
        "Along axis i a shift of size α √λ has variance 0.01 λ. eigh's second answer has the axes "
        "as its columns.",
        "values, P = torch.linalg.eigh(pixels.T.cov()); (alphas * values.sqrt()) @ P.T",
    ),
    why="P·diag(0.01 λ)·Pᵀ is 0.01·C: the noise spreads as the pixels do, at a tenth of the size.",
)  # fmt: skip


def _logits(seed: int, *shape: int) -> Tensor:
    """Views that mostly agree, and now and then one that is sure of something else."""
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(shape[1:], generator=generator)
    return common + 3 * torch.randn(shape, generator=generator)


average = Exercise(
    id="09.3",
    title="Average the views",
    statement="Write average_views(logits): (V, N, classes) to probabilities (N, classes).",
    reference=average_views,
    cases=lambda: [(_logits(0, 10, 4, 5),), (_logits(1, 5, 3, 10),), (_logits(2, 7, 6, 6),),
                   (_logits(3, 3, 1, 4).double(),), (_logits(4, 1, 2, 3),)],
    mistakes=(
        Mistake(lambda z: z.mean(0).softmax(-1), "You averaged the logits, then took softmax. One "
                "view that is very sure outweighs all others so; the paper averages afterwards."),
        Mistake(lambda z: z.mean(0), "These are averaged logits: rows do not add to 1."),
        Mistake(lambda z: z.softmax(0).mean(0), "Your softmax runs over the views. It belongs to "
                "the classes, the last axis."),
        Mistake(lambda z: z.softmax(1).mean(0), "Your softmax runs over the pictures. It belongs "
                "to the classes, the last axis."),
        Mistake(lambda z: z.softmax(-1).mean(1), "You averaged over the pictures. The views are "
                "the first axis."),
        Mistake(lambda z: z.softmax(-1).mean(-1), "You averaged over the classes: a mean of "
                "numbers that add to 1 tells nothing. The views are the first axis."),
        Mistake(lambda z: z.softmax(-1).sum(0), "You added the views up: rows add to V, not 1."),
        Mistake(lambda z: z.softmax(-1).prod(0), "You multiplied the views: one factor near 0 "
                "kills a class, and rows do not add to 1."),
        Mistake(lambda z: z.softmax(-1).amax(0), "You kept the largest probability of any view: "
                "one sure view decides, and rows do not add to 1."),
        Mistake(lambda z: F.one_hot(z.argmax(-1), z.shape[-1]).float().mean(0), "You let the views "
                "vote. A vote forgets how sure each view was."),
        Mistake(lambda z: z.log_softmax(-1).mean(0).exp(), "A mean of logarithms is a geometric "
                "mean: rows do not add to 1, and one view near 0 vetoes a class."),
        Mistake(lambda z: z.log_softmax(-1).mean(0), "These are logarithms, and a mean of "
                "logarithms at that."),
        Mistake(lambda z: z.softmax(-1).mean(0).softmax(-1), "You took softmax twice. "
                "Probabilities are no logits: the second one flattens them."),
        Mistake(lambda z: z.softmax(-1).median(0).values, "You took the median: rows do not add "
                "to 1."),
        Mistake(lambda z: z[0].softmax(-1), "You looked at the first view only."),

        Mistake(lambda z: z.sigmoid().mean(0), "A sigmoid asks each class alone: rows do not add "
                "to 1. Softmax makes them."),
        Mistake(lambda z: z.exp().mean(0) / z.exp().mean(0).sum(-1, keepdim=True), "You averaged "
                "before you made each row add to 1: a view with large logits outweighs the "
                "others."),
        Mistake(lambda z: (z / z.sum(-1, keepdim=True)).mean(0), "Logits may be negative: dividing "
                "by their sum makes no probabilities. Softmax does."),
        Mistake(lambda z: z.softmax(-1).mean(0).argmax(-1), "Those are the classes that win; the "
                "probabilities of all are asked."),
        Mistake(lambda z: z.softmax(-1), "The views are still apart: average over them."),
        Mistake(lambda z: z.softmax(-1).mean(0).log(), "These are logarithms of the right "
                "probabilities."),
        Mistake(lambda z: z.softmax(-1).amin(0), "You kept the smallest probability of any view."),
        Mistake(lambda z: z.exp().mean(0), "exp alone makes no probabilities: each row must add to "
                "1."),
    ),
    hints=(
        "Which axis are the classes, which the views?",
        "Each view gives ten numbers that add up to 1. Average these over the views.",
        "logits.softmax(dim=...).mean(dim=...)",
    ),
    why="A probability is at most 1, so no view counts more than the others; with logits it can.",
)  # fmt: skip

EXERCISES = (views, noise, average)

FLIPPED_AXIS = Asked(
    "A batch has the shape (N, 3, 32, 32). What does batch.flip(1) do?",
    ("mirrors left to right", "turns upside down", "swaps red and blue", "reverses the order"),
    answer="swaps red and blue",
)
TYPICAL_SHIFT = Asked(
    "λ = 121.78². How large is a typical shift 0.1 λ, on pixels from 0 to 255?",
    ("about 1 grey level", "about 12", "about 150", "about 1,500"),
    answer="about 1,500",
)
VETO = Asked(
    "Four views say cat with 90 %, the fifth says dog with 99.9999 %. Averaged?",
    (
        "both means say cat",
        "probabilities say cat, logits say dog",
        "probabilities say dog, logits say cat",
        "both means say dog",
    ),
    answer="probabilities say cat, logits say dog",
)

QUIZ = Quiz("09", (
    Question("images has the shape (N, 3, H, W). images.flip(1) …", (
        Option("mirrors left to right.", "No: the columns are axis 3, or -1."),
        Option("swaps red and blue.", "Yes: axis 1 is the colours, and nothing complains.",
               right=True),
        Option("reverses the order of the pictures.", "No: that is axis 0."),
    )),
    Question("40 → 36 pixels, without mirror images: how many views?", (
        Option("16", "No: 0 to 4 are five places along a side."),
        Option("50", "No: that has the mirror images."),
        Option("25", "Yes: 5 rows times 5 columns.", right=True),
    )),
    Question("Pixels are rescaled from 0–255 to 0–1. Measured on the picture, the shift …", (
        Option("stays for √λ, and is 255 times smaller for λ.",
               "Yes: λ is in squared grey levels, so its size hangs on the unit.", right=True),
        Option("stays for λ, and is 255 times smaller for √λ.", "The other way round."),
        Option("stays for both.", "No: λ shrinks by 255², the picture only by 255."),
    )),
    Question("The learning curve of an augmented run shows 45 % training error. It …", (
        Option("has learned nothing by heart.", "That cannot be read from this number."),
        Option("was asked about harder pictures than the validation's.",
               "Yes: random windows and light. Ask about plain ones before you compare.",
               right=True),
        Option("must be worse than a run that shows 10 %.",
               "No: on unseen pictures it may well be better."),
    )),
    Question("Nine views say cat, 60 %; one says dog, 99.9999 %. The mean probability says …", (
        Option("dog, as the mean logit does.", "No: the nine still have 54 % for cat."),
        Option("nothing: they must agree.", "No: a mean needs no agreement."),
        Option("cat.", "Yes: 54 %. The mean of the logits would say dog.", right=True),
    )),
))  # fmt: skip
