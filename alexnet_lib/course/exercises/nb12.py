"""Lesson 12: how large a signal arrives behind many layers."""

import math
from collections.abc import Sequence

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz


def signal_stds(sigmas: Sequence[float], fan_ins: Sequence[int], x_rms: float) -> list[float]:
    """Standard deviation of every layer's sums z, ReLUs in between."""
    stds, mean_square = [], x_rms**2
    for sigma, fan_in in zip(sigmas, fan_ins, strict=True):
        variance = fan_in * sigma**2 * mean_square  # fan_in independent terms w · x
        stds.append(math.sqrt(variance))
        mean_square = variance / 2  # ReLU keeps the positive half
    return stds


def _stds(gain=lambda n, sigma: n * sigma**2, keep=0.5, after=1.0, out=math.sqrt):
    """Signals by another idea of one layer, of the ReLU, or of what is asked."""

    def stds(sigmas, fan_ins, x_rms):
        found, square = [], x_rms**2
        for sigma, fan_in in zip(sigmas, fan_ins, strict=True):
            variance = gain(fan_in, sigma) * square
            found.append(out(variance * after))
            square = variance * keep
        return found

    return stds


variance = Exercise(
    id="12.1",
    title="Signal through five layers",
    statement="Write signal_stds(sigmas, fan_ins, x_rms): standard deviation of each layer's z.",
    reference=signal_stds,
    cases=lambda: [
        ([0.01] * 5, [363, 1200, 2304, 1728, 1728], 60.0),
        ([0.1, 0.2, 0.05, 0.1, 0.3], [100, 50, 400, 200, 10], 1.0),
        ([0.5], [16], 2.0),
        ([0.2, 0.2], [25, 36], 0.5),
    ],
    mistakes=(
        Mistake(_stds(keep=1.0), "the ReLU is missing: it sets the negative half to 0, and with it "
                "half of the mean square."),
        Mistake(_stds(keep=0.25), "half of the mean square stays, not half of the standard "
                "deviation."),
        Mistake(_stds(out=float), "these are variances; take the square root of each."),
        Mistake(_stds(after=0.5), "already the first is too small by √2: no ReLU stands before "
                "it, and z is what its own ReLU receives."),
        Mistake(_stds(gain=lambda n, s: n**2 * s**2), "fan_in independent terms: their variances "
                "add up, so the deviation grows with the root of fan_in."),
        Mistake(_stds(gain=lambda n, s: s**2), "each z is a sum of fan_in terms; fan_in is "
                "missing."),
        Mistake(_stds(gain=lambda n, s: n * s), "sigma is a standard deviation; the variance of a "
                "weight is its square."),
        Mistake(lambda s, n, x: [math.sqrt(n_ * s_**2) * x for s_, n_ in zip(s, n, strict=True)],
                "each layer gets what the one before has left, not the image."),
        Mistake(lambda *case: signal_stds(*case)[-1], "that is the last layer's; return a list "
                "with all of them."),

        Mistake(_stds(keep=0.5 - 1 / (2 * math.pi)), "you took the variance behind the ReLU, "
                "around its mean; a sum of x · w gets the mean square, the mean included."),
        Mistake(_stds(keep=1 / (2 * math.pi)), "you took the square of the mean behind the ReLU; "
                "its mean square is larger."),
        Mistake(lambda s, n, x: signal_stds(s, n, math.sqrt(x)), "x_rms is a root already; square "
                "it to get a mean square."),
        Mistake(lambda s, n, x: signal_stds(s, n, x**2), "x_rms came in twice: its square is the "
                "mean square."),
        Mistake(lambda s, n, x: signal_stds(s, n, 1.0), "x_rms does not occur."),
        Mistake(_stds(keep=2.0), "a ReLU takes half of the mean square away; you double it."),
        Mistake(_stds(gain=lambda n, s: s**2 / n), "the terms add up: multiply by fan_in."),
        Mistake(lambda s, n, x: [x, *signal_stds(s, n, x)], "the input is no layer: leave x_rms "
                "out.",
                also=(lambda s, n, x: [x, *signal_stds(s, n, x)[:-1]],)),
        Mistake(lambda s, n, x: [math.sqrt(n_) * s_ for s_, n_ in zip(s, n, strict=True)], "each "
                "layer gets a signal from the one before, and the first the image's."),

        Mistake(_stds(keep=math.sqrt(0.5)), "half of the mean square stays; you took the root of "
                "the half once too often."),
        Mistake(lambda s, n, x: [a * x for a in s], "each z is a sum of fan_in terms, of what the "
                "layer before has left."),
    ),
    hints=(
        "One z is a sum of fan_in products w · x. The w are independent with mean 0.",
        "Variance of z: fan_in times sigma² times the mean square of x. The next layer's x is "
        "ReLU(z), whose mean square is half the variance of z.",
        "variance = fan_in * sigma**2 * mean_square; stds.append(math.sqrt(variance)); "
        "mean_square = variance / 2",
    ),
    why="Every layer multiplies the signal by sigma · √(fan_in / 2). Where that is 1, depth costs "
    "nothing; where it is 0.3, eight layers leave a ten-thousandth.",
)  # fmt: skip


def steady_sigmas(fan_ins: Sequence[int]) -> list[float]:
    """Weights' standard deviations that keep every layer's z as large as the input."""
    return [math.sqrt((1 if i == 0 else 2) / fan_in) for i, fan_in in enumerate(fan_ins)]


def _sigmas(of=lambda i, n: math.sqrt((1 if i == 0 else 2) / n)):
    """Deviations by another rule for layer i with fan-in n."""
    return lambda fan_ins: [of(i, n) for i, n in enumerate(fan_ins)]


steady = Exercise(
    id="12.2",
    title="A start that keeps the signal",
    statement="Write steady_sigmas(fan_ins): the standard deviation of each layer's weights, such "
    "that z is as large as the input in every layer.",
    reference=steady_sigmas,
    cases=lambda: [([363, 1200, 2304],), ([100, 50, 400, 200, 10],), ([16],), ([25, 25],)],
    mistakes=(
        Mistake(_sigmas(lambda i, n: math.sqrt(2 / n)), "Right from the second layer on. No ReLU "
                "stands before the first, so nothing is halved there."),
        Mistake(_sigmas(lambda i, n: math.sqrt(1 / n)), "That forgets the ReLU: from the second "
                "layer on, half of the mean square is gone."),
        Mistake(_sigmas(lambda i, n: (1 if i == 0 else 2) / n), "These are variances; take the "
                "square root of each."),
        Mistake(_sigmas(lambda i, n: math.sqrt(n / (1 if i == 0 else 2))), "Upside down: more "
                "inputs make a larger sum, so each weight must be smaller."),
        Mistake(_sigmas(lambda i, n: 1 / math.sqrt(3 * n)), "That is torch's default. It shrinks "
                "the signal to 0.41 in each layer."),
        Mistake(_sigmas(lambda i, n: math.sqrt((2 if i == 0 else 1) / n)), "The other way round: "
                "the 2 belongs to the layers that come after a ReLU."),
        Mistake(_sigmas(lambda i, n: 0.01), "That is the paper's start. Does it keep the signal "
                "for every fan-in?"),

        Mistake(_sigmas(lambda i, n: 1 / n), "1 / fan_in is a variance, and the ReLU is "
                "forgotten."),
        Mistake(_sigmas(lambda i, n: 2 / n), "2 / fan_in is a variance; take the root. And no ReLU "
                "stands before the first layer."),
        Mistake(_sigmas(lambda i, n: math.sqrt(6 / n)), "that is the border of a uniform "
                "distribution with He's spread; the standard deviation is asked."),
        Mistake(_sigmas(lambda i, n: math.sqrt((1 if i == 0 else 0.5) / n)), "behind "
                "a ReLU the weights must be larger, not smaller: it halves the mean square."),
        Mistake(_sigmas(lambda i, n: (1 if i == 0 else math.sqrt(2)) / n), "the root is over "
                "fan_in, too."),
        Mistake(lambda n: [math.sqrt((2 if i + 1 < len(n) else 1) / x) for i, x in enumerate(n)],
                "the exception is the first layer, not the last."),
        Mistake(lambda n: [math.sqrt((1 if i == 0 else 4) / x) for i, x in enumerate(n)], "a ReLU "
                "halves the mean square, not the spread: 2, not 4."),
        Mistake(lambda n: [math.sqrt(2**i / x) for i, x in enumerate(n)], "the ReLUs before were "
                "made up for already: each layer makes up for one."),
        Mistake(lambda n: [math.sqrt(2 / (x + y)) for x, y in zip(n, [*n[1:], n[-1]], strict=True)],
                "that is Glorot's start, for tanh; a ReLU needs another."),

        Mistake(lambda n: [math.sqrt((1 if i == 0 else 2) / n[0]) for i in range(len(n))], "each "
                "layer has a fan-in of its own.", also=(lambda n: [math.sqrt(1 / n[0])] * len(n),)),
        Mistake(_sigmas(lambda i, n: 1.0), "with 1 everywhere each layer multiplies the signal by "
                "the root of its fan-in."),
    ),
    hints=(
        "The variance of z is fan_in · sigma² times the mean square of what the layer reads.",
        "The first layer reads the image: fan_in · sigma² must be 1. The others read ReLU(z), "
        "which has half of z's mean square: fan_in · sigma² must be 2.",
        "[math.sqrt((1 if i == 0 else 2) / n) for i, n in enumerate(fan_ins)]",
    ),
    why="A ReLU takes half of the mean square away, and the factor 2 gives it back. This is the "
    "start that He and others published in 2015.",
)  # fmt: skip

EXERCISES = (variance, steady)

SIGNAL_IN_FC8 = Asked(
    "Pixels of 0–255, centred: size 60. Paper's weights: how large is the signal in fc8?",
    ("about 60", "about 1", "about 0.01", "about 0.0001"),
    answer="about 0.01",
)

QUIZ = Quiz("12", (
    Question("Each layer of a network multiplies the signal by 0.4. After eight layers there is …",
             (
        Option("about a twentieth left.", "No: 0.4 · 8 is not how factors add up."),
        Option("less than a thousandth left.", "Yes: 0.4 to the power of 8 is 0.0007.",
               right=True),
        Option("0.4 of it left.", "That is one layer. Factors multiply."),
    )),
    Question("fan_in doubles. For the same signal, sigma must be …", (
        Option("divided by √2.", "Yes: the variance of z is fan_in · sigma².", right=True),
        Option("divided by 2.", "No: sigma enters as a square."),
        Option("multiplied by 2.", "No: more terms already make a larger sum."),
    )),
    Question("What happens to the mean square of z behind a ReLU?", (
        Option("It stays as it is.", "No: the negative half becomes 0."),
        Option("It becomes 0.", "Only the negative half does."),
        Option("Half of it is left.", "Yes, if z is as often below 0 as above.", right=True),
    )),
    Question("Unit biases in conv2, conv4, conv5, fc6 and fc7 …", (
        Option("open the ReLUs at the start.", "Yes: 1 plus a small signal is positive, so the "
               "gradient passes every one of them.", right=True),
        Option("make the signal larger.", "They add the same to every image; what differs from "
               "image to image is the signal."),
        Option("replace weight decay.", "No: they are first values, and nothing more."),
    )),
    Question("Weights from N(0, 2 / fan_in), inputs of 0–255 minus the mean, rate 0.01. It …", (
        Option("trains well: this start fits any depth.", "Any depth, but not any input: each "
               "layer passes on the size that it gets."),
        Option("explodes.", "Yes: nothing makes the 60 of the pixels smaller, and gradients grow "
               "with it.", right=True),
        Option("stays at chance.", "That is what too small a signal does; this one is too large."),
    )),
))  # fmt: skip
