"""Exercises of lesson 08: the parameter count, the neuron slip, the network for 32 pixels."""

from collections.abc import Sequence
from dataclasses import replace
from math import isqrt
from typing import Any

from alexnet_lib.checks import WrongTypeError
from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Option, Question, Quiz
from alexnet_lib.models.ledger import parameter_count
from alexnet_lib.paper.facts import LAYERS, PRINTED_NEURONS
from alexnet_lib.paper.network import PRESETS, AlexNetConfig

# maps in, maps out, kernel size, groups of the eight layers; a dense layer is a 1×1 kernel
SIZES = (
    (3, 96, 11, 1), (96, 256, 5, 2), (256, 384, 3, 1), (384, 384, 3, 2), (384, 256, 3, 2),
    (9216, 4096, 1, 1), (4096, 4096, 1, 1), (4096, 1000, 1, 1),
)  # fmt: skip

MAPS = tuple(layer.maps for layer in LAYERS)

parameters = Exercise(
    id="08.1",
    title="Parameters of a layer",
    statement="Write parameters(maps_in, maps_out, kernel_size, groups): weights and biases.",
    reference=parameter_count,
    cases=lambda: [*SIZES, (4, 6, 3, 2), (8, 12, 3, 4), (4, 6, 3, 1)],
    tolerance=0,
    mistakes=(
        Mistake(lambda i, o, k, g: o * (i * k * k + 1),
                "your layers sum to 62,378,344: one tower. What does a kernel of conv2 read?"),
        Mistake(lambda i, o, k, g: o * (i // g) * k * k,
                "your layers sum to 60,954,656: right weights, but 10,568 biases are missing."),
        Mistake(lambda i, o, k, g: o * (i // g) * k * k + 1,
                "your layers sum to 60,954,664: a bias belongs to each kernel, not to each layer."),
        Mistake(lambda i, o, k, g: (o // g) * (i // g) * k * k + o,
                "your layers sum to 60,258,664: one tower of conv2, 4 and 5 only; there are two."),
        Mistake(lambda i, o, k, g: o * ((i // g) * k + 1),
                "your layers sum to 59,360,680: a kernel is a square, not a row of pixels."),

        Mistake(lambda i, o, k, g: o * i * k * k, "weights of one tower, and no biases: what does "
                "a kernel of conv2 read, and what is added to its sum?"),
        Mistake(lambda i, o, k, g: o * (i * k * k + 1) // g, "the weights are halved rightly where "
                "there are two groups, but so are the biases; every kernel keeps one.",
                also=(lambda i, o, k, g: o * (i * k * k + 1) / g,)),
        Mistake(lambda i, o, k, g: o * (i // g) * k * k + i, "a bias belongs to each map that is "
                "made, not to each that is read."),
        Mistake(lambda i, o, k, g: o * ((i // g) * 2 * k + 1), "a kernel covers kernel_size times "
                "kernel_size pixels, not twice kernel_size."),
        Mistake(lambda i, o, k, g: o * (g * i * k * k + 1), "with two groups a kernel reads fewer "
                "maps, not more."),
        Mistake(lambda i, o, k, g: o * ((i // g) * k * k + k), "one bias to a kernel, not one to "
                "each of its rows."),
        Mistake(lambda i, o, k, g: o * (k * k + 1), "a kernel covers every map that it reads, not "
                "one alone."),

        Mistake(lambda i, o, k, g: o * (i // g + 1) * k * k, "a bias is one number for the whole "
                "kernel, not one at each of its pixels."),
        Mistake(lambda i, o, k, g: o * (i // g) * k * k + o * g, "a kernel has one bias, however "
                "many groups there are."),
    ),
    hints=(
        "Count the weights of one kernel, add its bias, then count the kernels.",
        "One kernel covers kernel_size × kernel_size pixels of each map that it reads; with 2 "
        "groups it reads half of the maps.",
        "maps_out * (maps_in // groups * kernel_size ** 2 + 1)",
    ),
    why="Every kernel reads the maps of its own group and has one bias; the eight layers sum to "
        "exactly 60,965,224.",
)  # fmt: skip


def cannot_be_right(neurons: Sequence[int], maps: Sequence[int]) -> list[int]:
    """Positions of the counts that are no whole number of equal square maps."""
    wrong = []
    for i, (count, width) in enumerate(zip(neurons, maps, strict=True)):
        area, rest = divmod(count, width)
        if rest or isqrt(area) ** 2 != area:
            wrong.append(i)
    return wrong


neurons = Exercise(
    id="08.2",
    title="The count that cannot be right",
    statement="Write cannot_be_right(neurons, maps): positions of impossible counts.",
    reference=cannot_be_right,
    cases=lambda: [
        (PRINTED_NEURONS, MAPS),
        ([layer.neurons for layer in LAYERS], MAPS),
        ([96 * 28**2, 256 * 14**2, 384 * 49 + 2, 384 * 50, 4096], [96, 256, 384, 384, 4096]),
        ([8, 27, 3 * 2, 16, 5 * 7], [2, 3, 3, 4, 5]),
        ([9, 12, 18], [3, 4, 2]),
        ([7], [7]),
        ([7, 12], [2, 3]),
    ],
    mistakes=(
        Mistake(lambda n, m: [i for i, count in enumerate(n) if count % m[i]],
                "every count of the paper is a multiple of its maps; look at the quotients."),
        Mistake(lambda n, m: [i for i, count in enumerate(n) if isqrt(count) ** 2 != count],
                "a count is a square's area times the number of maps: divide first."),
        Mistake(lambda n, m: [n[i] for i in cannot_be_right(n, m)],
                "those are the counts; their positions are asked for, from 0."),
        Mistake(lambda n, m: [i + 1 for i in cannot_be_right(n, m)],
                "that counts from 1; Python's positions count from 0."),
        Mistake(lambda n, m: [i for i in range(len(n)) if isqrt(n[i] // m[i]) ** 2 != n[i] // m[i]],
                "a remainder was thrown away: a count must be a whole number of maps, too."),

        Mistake(lambda n, m: [i for i in range(len(n)) if i not in cannot_be_right(n, m)],
                "those are the counts that *can* be right."),
        Mistake(lambda n, m: [i in cannot_be_right(n, m) for i in range(len(n))],
                "return the positions of the impossible ones, not a True or False for each."),
        Mistake(lambda n, m: len(cannot_be_right(n, m)), "that is how many; their positions are "
                "asked for."),
        Mistake(lambda n, m: cannot_be_right(n, m)[:1], "you stop at the first; there may be "
                "more."),
        Mistake(lambda n, m: (cannot_be_right(n, m) or [None])[0], "a list is asked, of all that "
                "are impossible.", also=(lambda n, m: (cannot_be_right(n, m) or [-1])[0],)),
        Mistake(lambda n, m: [i for i in range(len(n)) if isqrt(n[i] // m[i]) ** 2 == n[i] // m[i]],
                "those have square maps: they can be right."),
        Mistake(lambda n, m: [i for i in range(len(n)) if isqrt(m[i]) ** 2 != m[i]],
                "you ask whether the number of maps is a square; the size of a map must be one."),
        Mistake(lambda n, m: [i for i in range(len(n)) if n[i] % m[i] ** 2], "divide by the number "
                "of maps once."),

        Mistake(lambda n, m: bool(cannot_be_right(n, m)), "a list of positions is asked, not "
                "whether there are any."),
        Mistake(lambda n, m: [i for i in range(len(n)) if n[i] % m[i]
                              and isqrt(n[i] // m[i]) ** 2 != n[i] // m[i]],
                "one of the two is enough: a remainder *or* an area that is no square."),
    ),
    hints=(
        "All maps of a layer have the same size, and each is a square.",
        "count / maps is the area of one map; it must be whole, and the square of a whole number.",
        "area, rest = divmod(count, width); wrong if rest, or isqrt(area) ** 2 != area.",
    ),
    why="Neurons = maps × side². 253,440 / 96 = 2,640, which is no square: no square map, of any "
        "size, gives that count. With 55 × 55 it is 290,400.",
)  # fmt: skip


def cifar_variant() -> AlexNetConfig:
    """The paper's network, changed only where 32×32 pictures force it."""
    return replace(
        PRESETS["paper"],
        input_size=28,
        resize_to=None,
        kernels=(5, 5, 3, 3, 3),
        paddings=(2, 2, 1, 1, 1),
        conv1_stride=1,
    )


def _facts(config: Any) -> dict[str, Any]:
    """What the task asks for; settings that it leaves open are left out."""
    if not isinstance(config, AlexNetConfig):
        raise WrongTypeError("expected a config, made by replace(PRESETS['paper'], ...)")
    asked = {"input_size", "resize_to", "kernels", "paddings", "conv1_stride"}
    free = {"init", "num_classes", "conv1_padding"}
    sizes = config.map_sizes()
    return {
        "input_size": config.input_size,
        "resize_to": None if config.resize_to == 32 else config.resize_to,
        "conv1": [config.kernels[0], config.conv1_stride, sizes["conv1"]],
        "conv2 to conv5": [*config.kernels[1:], *config.paddings[1:]],
        "numbers into fc6": config.widths[-1] * sizes["pool5"] ** 2,
        "settings that nothing forces": sorted(set(config.changes()) - asked - free),
    }


def _changed(**fields: Any) -> AlexNetConfig:
    return replace(cifar_variant(), **fields)


variant = Exercise(
    id="08.3",
    title="The network for 32 pixels",
    statement="Change the paper's config, and as little of it as 32×32 pictures force; init, "
    "num_classes and conv1_padding are left open.",
    reference=cifar_variant(),
    shown=cifar_variant,
    probe=_facts,
    mistakes=(
        Mistake(PRESETS["paper"],
                "that enlarges pictures to 256 pixels: 724 million multiply-adds, no information."),
        Mistake(_changed(input_size=32),
                "whole pictures leave nothing to crop (§4.1). Keep the paper's 7/8 of the side."),
        Mistake(_changed(conv1_stride=2),
                "stride 2 throws half of the positions away; only 256 numbers reach fc6."),
        Mistake(_changed(paddings=(0, 2, 1, 1, 1)),
                "2304 numbers reach fc6, but a 5×5 kernel without zeros loses the border."),
        Mistake(_changed(kernels=(11, 5, 3, 3, 3), paddings=(5, 2, 1, 1, 1)),
                "11×11 covers 5 % of 224 pixels' side, but 39 % of 28. Take the authors' own 5×5."),
        Mistake(_changed(pool_kernel=2),
                "2×2 pools do not overlap (§3.4), and nothing forces them."),
        Mistake(_changed(hidden_units=1024),
                "fewer dense units are a comfort (preset cifar-lite); nothing forces them."),

        Mistake(_changed(groups=(1, 1, 1, 1, 1)), "one tower (groups=1) is another network; "
                "nothing forces it."),
        Mistake(_changed(widths=(64, 192, 384, 256, 256)), "other widths are another network; "
                "nothing forces them."),
        Mistake(_changed(normalisation=None), "LRN stays: nothing forces it out."),
        Mistake(_changed(kernels=(5, 3, 3, 3, 3), paddings=(2, 1, 1, 1, 1)), "conv2's kernels are "
                "5×5 in the paper, and they fit 14 × 14 maps."),
        Mistake(_changed(kernels=(3, 5, 3, 3, 3), paddings=(1, 2, 1, 1, 1)), "conv1 is to be 5×5, "
                "as in the authors' own networks."),
        Mistake(_changed(dropout_p=0.0), "dropout stays: nothing forces it out."),
    ),
    hints=(
        "Three things cannot stay: what is cropped (256 → 224), conv1's stride, conv1's kernel.",
        "7/8 of 32 is 28. Stride 1 and 2 zeros around a 5×5 kernel keep 28 × 28 positions.",
        "replace(PRESETS['paper'], input_size=28, resize_to=None, conv1_stride=1, kernels=(5, 5, "
        "3, 3, 3), paddings=(2, ...))",
    ),
    why="28 → 14 → 7 → 3 under the authors' pools; 256 maps of 3 × 3 are 2304 numbers. All "
        "other sizes are the paper's.",
)  # fmt: skip

EXERCISES = (parameters, neurons, variant)

QUIZ = Quiz("08", (
    Question("Which layer holds most of the parameters?", (
        Option("conv1: its kernels are the largest.", "34,944 parameters: 0.06 % of all."),
        Option("conv2: it does most of the work.", "Most multiply-adds, with 307,456 parameters."),
        Option("fc6: 9216 numbers in, 4096 units out.", "37.8 of 61.0 million.", right=True))),
    Question("Why does a convolution work so much with so few parameters?", (
        Option("It uses each weight at every position.", "conv1: 3,025 times.", right=True),
        Option("Its weights are larger numbers.", "A multiply-add costs the same for any number."),
        Option("ReLU repeats the work.", "ReLU has no multiply-adds at all."))),
    Question("The batch grows from 128 to 256. What needs twice the memory?", (
        Option("Everything.", "Weights, their gradients and momentum exist once, for any batch."),
        Option("Activations and their gradients.", "They exist once an image.", right=True),
        Option("The weights.", "All images share them: that is what a batch is for."))),
    Question("What tells that 253,440 is wrong, without knowing the size of the maps?", (
        Option("It does not end in 4 like the others.", "Last digits say nothing here."),
        Option("It is not divisible by 96.", "It is, 2,640 times. Look at 2,640."),
        Option("Divided by 96 it is no square.", "51² < 2,640 < 52².", right=True))),
    Question("Why has the network for 32 pixels stride 1 in conv1, where the paper has 4?", (
        Option("Stride 4 leaves 7 × 7 positions, too few for three pools.",
               "7, 3, 1: a 3×3 window no longer fits.", right=True),
        Option("Stride 1 is faster.", "With the same kernel it is about 16 times the work."),
        Option("Small pictures have more detail.", "They have less; none of it may be wasted."))),
))  # fmt: skip
