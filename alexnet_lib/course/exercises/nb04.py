"""Exercises of lesson 04: two towers from two convolutions, their parameters, their traffic."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Asked, Option, Question, Quiz
from alexnet_lib.models.two_towers import crossing_bytes
from alexnet_lib.paper.network import PRESETS


def two_towers(x: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
    """Each tower convolves its own half of the maps with its own half of the kernels."""
    maps_a, maps_b = x.chunk(2, dim=1)
    kernels_a, kernels_b = weight.chunk(2)
    bias_a, bias_b = bias.chunk(2)
    a = F.conv2d(maps_a, kernels_a, bias_a, padding=padding)
    b = F.conv2d(maps_b, kernels_b, bias_b, padding=padding)
    return torch.cat([a, b], dim=1)


def _cases() -> list[tuple]:
    generator = torch.Generator().manual_seed(4)
    cases = []
    for maps_in, maps_out, kernel, padding in (
        (4, 6, 3, 1),
        (6, 4, 5, 2),
        (4, 4, 3, 1),
        (2, 4, 3, 0),
    ):
        sizes = ((2, maps_in, 7, 6), (maps_out, maps_in // 2, kernel, kernel), (maps_out,))
        tensors = [torch.randn(size, generator=generator) for size in sizes]
        cases.append((*tensors, padding))
    doubles = [value.double() for value in cases[0][:3]]
    return [*cases, (*doubles, 0)]


def _wrong(
    maps: tuple = (0, 1), kernels: tuple = (0, 1), biases: tuple = (0, 1), join: Any = None
) -> Any:
    """Two towers with their parts dealt out as said, and joined as said."""

    def answer(x: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
        parts = zip(maps, kernels, biases, strict=True)
        towers = [
            F.conv2d(x.chunk(2, 1)[i], weight.chunk(2)[k], bias.chunk(2)[j], padding=padding)
            for i, k, j in parts
        ]
        return (join or (lambda both: torch.cat(both, dim=1)))(towers)

    return answer


towers = Exercise(
    id="04.1",
    title="Two towers from two convolutions",
    statement="Write two_towers(x, weight, bias, padding), equal to conv2d with groups=2.",
    reference=two_towers,
    cases=_cases,
    mistakes=(
        Mistake(_wrong(join=lambda both: torch.cat(both[::-1], dim=1)),
                "the towers' outputs have changed places: tower 1's maps come first."),
        Mistake(_wrong(maps=(1, 0)),
                "the halves are swapped: tower 1 reads tower 2's maps. Kernels and maps of a "
                "tower belong together."),
        Mistake(_wrong(kernels=(0, 0), biases=(0, 0)),
                "both towers share the first half of the kernels; each has its own."),
        Mistake(_wrong(maps=(0, 0)),
                "both towers read the first half of the maps; nobody looks at the second."),
        Mistake(_wrong(biases=(0, 0)),
                "nearly: both towers use the first half of the biases."),
        Mistake(lambda x, w, b, p: two_towers(x, w, 0 * b, p),
                "the biases are missing; each tower adds its own half of them."),
        Mistake(lambda x, w, b, p: two_towers(x, w, b, 0),
                "the maps have shrunk: hand the padding to both convolutions."),
        Mistake(_wrong(join=sum),
                "the towers were added. Their maps are different maps: put them side by side."),
        Mistake(_wrong(join=lambda both: torch.cat(both, dim=0)),
                "the towers were put together as images, on axis 0; maps are axis 1."),
        Mistake(lambda x, w, b, p: F.conv2d(torch.cat([x[:, ::2], x[:, 1::2]], 1), w, b, padding=p,
                                            groups=2),
                "the maps were dealt out in turn, even and odd; a tower holds neighbours: "
                "the first half."),
        Mistake(lambda x, w, b, p: F.conv2d(x, torch.cat([w, w], 1), b, padding=p),
                "every kernel reads all maps here: that is one tower, not two."),

        Mistake(_wrong(biases=(1, 0)), "the halves of the biases are swapped; the rest is right."),
        Mistake(_wrong(kernels=(1, 0)), "the halves of the kernels are swapped: tower 1's kernels "
                "come first."),
        Mistake(_wrong(kernels=(1, 1), biases=(1, 1)), "both towers share the second half of the "
                "kernels; each has its own."),
        Mistake(_wrong(kernels=(0, 0)), "both towers share the first half of the kernels; the "
                "biases are right."),
        Mistake(_wrong(maps=(1, 1)), "both towers read the second half of the maps."),
        Mistake(_wrong(join=lambda both: torch.stack(both, dim=2).flatten(1, 2)), "the towers' "
                "maps were put together in turn, one of each; tower 1's all come first."),
        Mistake(_wrong(join=lambda both: sum(both) / 2), "you took the mean of the towers. Their "
                "maps are different maps: put them side by side."),
        Mistake(lambda x, w, b, p: two_towers(x, w, b, p).relu(), "what is below 0 is gone: a ReLU "
                "is a layer of its own."),
        Mistake(lambda x, w, b, p: two_towers(x, w, 2 * b, p), "the biases came twice."),

        Mistake(lambda x, w, b, p: torch.cat([F.conv2d(half, w, b, padding=p)
                                              for half in x.chunk(2, 1)], 1),
                "all kernels read both halves, which gives twice the maps: each tower has its own "
                "half of the kernels."),
    ),
    hints=(
        "Three things are cut in two: the maps, the kernels, the biases. On which axis is each?",
        "x.chunk(2, dim=1) are the maps of both towers; weight.chunk(2) and bias.chunk(2) their "
        "kernels and biases. Convolve twice.",
        "a = F.conv2d(x1, weight1, bias1, padding=padding), the same for b, then "
        "torch.cat([a, b], dim=1)",
    ),
    why="groups=2 is nothing but two convolutions side by side: neither sees the other's maps.",
)  # fmt: skip


def tower_parameters(maps_in: int, maps_out: int, kernel_size: int, talks: bool) -> int:
    """Weights and biases of a layer of two towers, both together."""
    maps_read = maps_in if talks else maps_in // 2
    return maps_out * (maps_read * kernel_size**2 + 1)


parameters = Exercise(
    id="04.2",
    title="Parameters of two towers",
    statement="Write tower_parameters(maps_in, maps_out, kernel_size, talks) for both towers.",
    reference=tower_parameters,
    cases=lambda: [(96, 256, 5, False), (256, 384, 3, True), (384, 384, 3, False),
                   (384, 256, 3, False), (96, 256, 5, True), (6, 10, 3, False), (6, 10, 3, True),
                   (6, 4, 1, False)],
    tolerance=0,
    mistakes=(
        Mistake(lambda i, o, k, t: o * (i * k * k + 1),
                "that is right where they talk. Where they do not, a kernel reads fewer maps."),
        Mistake(lambda i, o, k, t: tower_parameters(i, o, k, not t),
                "the two cases are swapped: who talks reads more."),
        Mistake(lambda i, o, k, t: o * (i * k * k + 1) if t else o * (i * k * k + 1) // 2,
                "the weights are halved rightly, but so are the biases; every kernel keeps one."),
        Mistake(lambda i, o, k, t: tower_parameters(i, o if t else o // 2, k, t),
                "without talk this is one tower only, a quarter of the weights; there are two."),
        Mistake(lambda i, o, k, t: tower_parameters(i, o, k, t) - o,
                "the weights are right; the biases are missing."),
        Mistake(lambda i, o, k, t: o * ((i if t else i // 2) * k + 1),
                "a kernel is a square: kernel_size twice."),

        Mistake(lambda i, o, k, t: o * (i if t else i // 2) * k * k + 1, "one bias for the whole "
                "layer; every kernel has its own.",
                also=(lambda i, o, k, t: o * (i if t else i // 2) * k * k + 2,)),
        Mistake(lambda i, o, k, t: o // 2 * ((i if t else i // 2) * k * k + 1), "that is one "
                "tower; both together are asked."),
        Mistake(lambda i, o, k, t: o * ((i if t else i // 2) * k * k) + i, "a bias belongs to each "
                "map that is made, not to each that is read."),
        Mistake(lambda i, o, k, t: 2 * tower_parameters(i, o, k, t), "maps_out counts both towers "
                "already: you doubled them."),
        Mistake(lambda i, o, k, t: tower_parameters(i, o, k, False), "talks does not occur: where "
                "the towers talk, a kernel reads all maps."),
        Mistake(lambda i, o, k, t: o * ((i * 2 if t else i) * k * k + 1), "maps_in counts both "
                "towers already: where they talk a kernel reads maps_in maps."),

        Mistake(lambda i, o, k, t: o * i * k * k // (1 if t else 4) + o, "without talk half of the "
                "weights go, not three quarters: as many kernels, each half as deep.", also=(
                lambda i, o, k, t: (o * (i * k * k + 1)) * (1 if t else 0.25),
                lambda i, o, k, t: (o * (i * k * k + 1)) // (1 if t else 4))),
        Mistake(lambda i, o, k, t: tower_parameters(i, o, k, t) + o, "a kernel has one bias, talk "
                "or not; you count two."),
        Mistake(lambda i, o, k, t: o * i * k * k, "talks does not occur, and no bias."),
    ),
    hints=(
        "There are maps_out kernels in all, talk or not. How many maps does one kernel read?",
        "All maps_in where they talk, half of them where not. Each kernel has one bias.",
        "maps_out * (maps_read * kernel_size ** 2 + 1)",
    ),
    why="The number of kernels stays; each reads half of the maps, so half of the weights go, and "
        "no bias.",
)  # fmt: skip


def conv3_traffic() -> int:
    """What conv3 reads of the other tower, both directions, in bytes of float32."""
    maps, side = 256, 13  # conv2's maps after pool2
    each_way = maps // 2 * side**2 * 4
    return 2 * each_way


traffic = Exercise(
    id="04.3",
    title="Bytes that cross at conv3",
    statement="Predict how many bytes cross between the towers at conv3, for one image, forward.",
    reference=crossing_bytes(PRESETS["paper"])["conv3"],
    shown=conv3_traffic,
    tolerance=0,
    mistakes=(
        Mistake(256 * 13**2, "those are the numbers that cross; a float32 has 4 bytes."),
        Mistake(128 * 13**2 * 4, "that is one direction. Tower 2 sends its half, too."),
        Mistake(2 * 256 * 13**2 * 4,
                "that is twice too much: each tower sends only its own half of the maps, and a "
                "float32 has 4 bytes, not 8."),
        Mistake(256 * 27**2 * 4,
                "those are conv2's maps before pool2. Pool first: each tower pools its own maps."),
        Mistake(384 * 13**2 * 4, "those are the maps that conv3 makes; what does it read?",
                also=(2 * 384 * 13**2 * 4, 384 * 13**2)),
        Mistake(256 * 13**2 * 4 * 128, "that is a batch of 128; one image was asked for."),
        Mistake(256 * 13**2 * 4 * 9,
                "a map travels once, however many pixels of it each kernel window reads."),
        Mistake(256 * 13**2 * 4 / 1000, "right, but in kB; bytes were asked for."),
        Mistake(128 * 13**2, "that is one direction, in numbers; count both, in bytes."),

        Mistake(128 * 13**2 * 4 * 128, "one direction, and a batch of 128; one image, both ways."),
        Mistake(256 * 13 * 4, "a map has 13 rows, each of 13 numbers.", also=(128 * 13 * 4,
                                                                              2 * 256 * 13 * 4)),
        Mistake(128 * 27**2 * 4, "those are conv2's maps before pool2, and one direction. Pool "
                "first: each tower pools its own maps.", also=(128 * 27**2, 256 * 27**2)),
        Mistake(256 * 13**2 * 32, "a float32 has 32 bits, which are 4 bytes."),
        Mistake(192 * 13**2 * 4, "those are the maps that one tower makes at conv3; what does it "
                "read?"),
        Mistake(885_120 * 4, "weights stay where they are: maps cross.",
                also=(884_736 * 4, 885_120)),
        Mistake(256 * 6**2 * 4, "those are the maps behind pool5; conv3 reads those behind pool2."),
        Mistake(round(256 * 13**2 * 4 / 1000), "about right, but in kB; bytes were asked for.",
                also=(170,)),

        Mistake(256 * 55**2 * 4, "those are the maps of conv1's size; conv3 reads maps of 13 × 13.",
                also=(96 * 27**2 * 4, 96 * 55**2 * 4)),
        Mistake(13**2 * 4, "that is a single map; how many cross?", also=(13**2,)),
    ),
    hints=(
        "What does conv3 read? Follow conv2's 256 maps through pool2.",
        "256 maps of 13 × 13, half in each tower. Each half has to reach the other tower, once.",
        "2 directions · 128 maps · 13 · 13 · 4 bytes",
    ),
    why="Both halves of conv3's input cross once: together the whole input, after pooling.",
)  # fmt: skip

EXERCISES = (towers, parameters, traffic)

CONV2_WEIGHTS = Asked(
    "conv2's kernels read their own tower's maps only. Its weights become …",
    ("no fewer", "half as many", "a quarter as many"),
    answer="half as many",
)

QUIZ = Quiz("04", (
    Question("What does groups=2 in a convolution leave out?", (
        Option("Half of the kernels.", "All are there: conv2 has its 256."),
        Option("Half of the maps that each kernel reads.", "The other tower's.", right=True),
        Option("Every second pixel.", "That would be a stride of 2."))),
    Question("A pixel of a map changes in tower 1, at conv4's input. Which outputs change?", (
        Option("Tower 1 only, up to pool5; from fc6 on both.",
               "conv4 and conv5 are silent, fc6 reads both.", right=True),
        Option("Both towers at once.", "They share conv3's input, but that is already past."),
        Option("Tower 1 only, up to the end.", "fc6, fc7 and fc8 read both towers."))),
    Question("Why is conv3 a cheap place to talk?", (
        Option("It has the fewest weights.", "885,120: the most of all five convolutions."),
        Option("It has no bias.", "It has 384 of them, as every kernel has."),
        Option("Its input is the smallest of conv2 to conv5.",
               "256 maps of 13 × 13: pool2 has just shrunk them.", right=True))),
    Question("What do the 1.7 points of §3.2 compare?", (
        Option("Towers that talk with towers that do not.",
               "No: the paper has no such comparison; the authors' log has one."),
        Option("Two towers with one tower of half as many kernels, conv5 and dense layers kept.",
               "So mostly: wider against narrower.", right=True),
        Option("Two towers with one net of full width.",
               "The paper reports no such run."))),
    Question("Tower 1's filters are more colourful by 0.02 in one untrained network. So?", (
        Option("Towers specialise.", "They have not seen a picture yet."),
        Option("Nothing: chance alone gives such differences.",
               "Shuffle the filters and look.", right=True),
        Option("The measure is broken.", "It told grey from colour rightly; noise is noise."))),
))  # fmt: skip
