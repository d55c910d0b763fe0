"""Lesson 00: three small tasks that show how checks, hints and solutions work."""

import re

from alexnet_lib.course.exercises.core import Exercise, Mistake, UnfitError
from alexnet_lib.course.widgets.questions import Option, Question, Quiz


def numbers_in_image(channels: int, height: int, width: int) -> int:
    """How many numbers an image holds: one per channel and pixel."""
    return channels * height * width


def error_rate(wrong: int, total: int) -> float:
    """Share of wrong answers, as a fraction between 0 and 1."""
    return wrong / total


def one_name(answer: object) -> str:
    """The table or figure that an answer names, however it is written: "§6, Tab. 2" is table 2.

    Raises:
        UnfitError: it names none, or several.
    """
    named = re.findall(r"(tab|fig)[a-z]*\.?\s*(\d+)", str(answer).lower())
    if not isinstance(answer, str) or len(named) != 1:
        raise UnfitError('a name such as "Fig. 7" is expected')
    return " ".join(named[0])


numbers = Exercise(
    id="00.1",
    title="Numbers in an image",
    statement="Write numbers_in_image(channels, height, width): how many numbers an image holds.",
    reference=numbers_in_image,
    cases=lambda: [(3, 32, 32), (1, 32, 32), (3, 48, 32), (3, 32, 48), (4, 5, 7)],
    mistakes=(
        Mistake(lambda c, h, w: h * w, "that counts the pixels; each has one number per channel."),
        Mistake(lambda c, h, w: c + h + w, "you added the three sizes; how do they combine?"),
        Mistake(lambda c, h, w: c * h * h, "that holds for squares only; use the width as well."),
        Mistake(lambda c, h, w: 4 * c * h * w, "you counted bytes of float32, not numbers."),
        Mistake(lambda c, h, w: c * w * w, "that holds for squares only; use the height as well."),
        Mistake(lambda c, h, w: 3 * h * w, "not every image has 3 channels; use the argument."),
        Mistake(lambda c, h, w: c * (h + w), "the pixels form rows: height times width of them."),
        Mistake(
            lambda c, h, w: 2 * c * (h + w), "that goes once around the edge; count inside, too."
        ),
        Mistake(
            lambda c, h, w: c + h * w, "each channel has all the pixels: do not add, multiply."
        ),
        Mistake(
            lambda c, h, w: 256 * c * h * w,
            "256 are the values that one number can have; how many numbers are there?",
            also=(lambda c, h, w: 255 * c * h * w,),
        ),
        Mistake(lambda c, h, w: 8 * c * h * w, "you counted bits of uint8, not numbers."),
        Mistake(lambda c, h, w: (c, h, w), "that is the shape; how many numbers does it hold?"),
    ),
    hints=(
        "How many pixels are there? How many numbers has each pixel?",
        "A pixel has one number per channel; the pixels form height rows of width each.",
        "Multiply the three arguments.",
    ),
    why="An image is a tensor of shape (channels, height, width).",
)

rate = Exercise(
    id="00.2",
    title="Error rate",
    statement="Repair error_rate(wrong, total), so that it returns a fraction between 0 and 1.",
    reference=error_rate,
    cases=lambda: [(25, 100), (1, 3), (0, 10), (10_000, 10_000), (5, 7), (3, 7)],
    mistakes=(
        Mistake(lambda w, n: 100 * w / n, "that is in percent; errors here are fractions."),
        Mistake(lambda w, n: (n - w) / n, "that is the accuracy; the error counts the wrong ones."),
        Mistake(lambda w, n: w // n, "// drops what follows the decimal point."),
        Mistake(lambda w, n: round(w / n, 1), "you rounded; round only what you print."),
        Mistake(
            lambda w, n: n / w if w else 0.0,
            "the fraction is upside down.",
            also=(lambda w, n: n / w,),
        ),
        Mistake(
            lambda w, n: 100 * (n - w) / n,
            "that is the accuracy, and in percent; the error counts the wrong ones, as a fraction.",
        ),
        Mistake(
            lambda w, n: w / (n - w) if n > w else float("inf"),
            "that holds the wrong answers against the right ones; take the share of all.",
            also=(lambda w, n: w / (n - w), lambda w, n: w / (n - w) if n > w else 0.0),
        ),
        Mistake(lambda w, n: w / (n + w), "total holds the wrong answers already."),
        Mistake(lambda w, n: w, "that is how many are wrong; which share of all is it?"),
        Mistake(lambda w, n: n - w, "that is how many are right; which share of all is wrong?"),
        Mistake(lambda w, n: w / 100, "divide by the total, whatever it is."),
        Mistake(
            lambda w, n: 100 * w // n,
            "in percent, and cut off at the point; errors here are fractions.",
            also=(lambda w, n: round(100 * w / n),),
        ),
        Mistake(lambda w, n: w * n, "a share divides."),
    ),
    hints=(
        "Read the check's line: which case failed, and what was expected there?",
        "For 25 wrong of 100 the function should return 0.25. By which factor is it off?",
        "Leave out the factor 100.",
    ),
    why="One unit everywhere: errors are fractions, and percent appears only in print.",
)

table = Exercise(
    id="00.3",
    title="Find the table",
    statement='Where does the paper report the average of five networks? Answer like "Fig. 7".',
    reference="Table 2",
    probe=one_name,
    mistakes=(
        Mistake("Table 1", "that one compares single models on ILSVRC-2010."),
        Mistake("Fig. 1", "that figure compares ReLU with tanh on CIFAR-10."),
        Mistake("Fig. 2", "that figure draws the network."),
        Mistake("Fig. 4", "that figure shows single images and their nearest neighbours."),
        Mistake("Table 3", "the paper has two tables."),
        Mistake("Fig. 3", "that figure shows the kernels of the first layer."),
        Mistake("Fig. 5", "the paper has four figures.", also=("Fig. 6", "Fig. 7")),
    ),
    hints=(
        "Look for the average in the ledger of claims, and read its § column.",
        "It is in §6, with the results of 2012.",
        "§6 has two tables; the one for ILSVRC-2010 has no average.",
    ),
    why="It lists one, five and seven networks on ILSVRC-2012, validation and test.",
)

EXERCISES = (numbers, rate, table)

QUIZ = Quiz(
    "00",
    (
        Question(
            "A check prints ✗ and names a mistake. What is the quickest way on?",
            (
                Option("Run solution() at once.", "That works, and teaches least."),
                Option("Restart the kernel.", "The answer is wrong, not the kernel."),
                Option(
                    "Change the answer, run its cell, then the check again.",
                    "Yes: both cells can be run as often as you like.",
                    right=True,
                ),
            ),
        ),
        Question(
            "A figure's title ends in “synthetic stand-in”. What does its error rate say?",
            (
                Option(
                    "Nothing about CIFAR-10.",
                    "Yes: the pictures were generated, because CIFAR-10 was not at hand.",
                    right=True,
                ),
                Option("It is a little too low.", "No: it belongs to other pictures altogether."),
                Option("It equals the paper's.", "No: the paper never saw these pictures."),
            ),
        ),
        Question(
            "Which of the paper's experiments were made on CIFAR-10?",
            (
                Option("All of them.", "No: most of its numbers are from ImageNet."),
                Option(
                    "Those of Fig. 1 and one of §3.3.",
                    "Yes: the speed of ReLU, and 13 % against 11 % with normalisation.",
                    right=True,
                ),
                Option("None.", "Two were: look for CIFAR-10 in the ledger of claims."),
            ),
        ),
        Question(
            "What changes at level full?",
            (
                Option("The text is longer.", "No: text and code stay the same."),
                Option("The checks are stricter.", "No: the checks stay the same."),
                Option("Data are left out.", "No: more is computed, not less."),
                Option(
                    "Some lessons run longer experiments live.",
                    "Yes, 03, 05, 07, 10, 11, 13 and 15: that needs a GPU, or much patience.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Why commit a prediction before running an experiment?",
            (
                Option("The cell would not run without it.", "It would: the box is optional."),
                Option(
                    "Only a result that you did not expect can surprise you.",
                    "Yes: and what surprised you stays in memory.",
                    right=True,
                ),
                Option("It counts towards a mark.", "No: it stays in a file on this machine."),
            ),
        ),
    ),
)
