"""Lesson 02: output sizes, convolution as one matrix product, layers that share no weights."""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_lib.course.exercises.core import Exercise, Mistake
from alexnet_lib.course.widgets.questions import Option, Question, Quiz


def output_size(size: int, kernel_size: int, stride: int, padding: int) -> int:
    """Windows that fit along one side of an image; 0 where there is no room for the first."""
    room = size + 2 * padding - kernel_size
    return room // stride + 1 if room >= 0 else 0


def conv2d_by_unfold(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """Convolution without a loop: every window a column, then one matrix product."""
    N, _, H, _ = x.shape
    K, _, kh, kw = weight.shape
    columns = F.unfold(x, (kh, kw), padding=padding, stride=stride)  # (N, C·kh·kw, H'·W')
    y = weight.flatten(1) @ columns + bias[:, None]  # (N, K, H'·W')
    rows = (H + 2 * padding - kh) // stride + 1
    return y.view(N, K, rows, -1)  # (N, K, H', W')


def locally_connected(x: Tensor, weight: Tensor) -> Tensor:
    """Like a convolution of stride 1, but every position has filters of its own."""
    rows, columns, K, _, kh, kw = weight.shape
    y = x.new_empty(len(x), K, rows, columns)  # (N, K, H', W')
    for row in range(rows):
        for column in range(columns):
            window = x[:, None, :, row : row + kh, column : column + kw]  # (N, 1, C, kh, kw)
            y[:, :, row, column] = (window * weight[row, column]).sum(dim=(2, 3, 4))  # (N, K)
    return y


def _layers() -> list[tuple]:
    """Random images, filters and biases; one row of as many windows as filters takes any bias."""
    generator = torch.Generator().manual_seed(2)
    cases = []
    for images, filters, stride, padding in (
        ((2, 3, 7, 9), (4, 3, 3, 2), 1, 0),
        ((1, 2, 8, 6), (5, 2, 3, 4), 2, 1),
        ((3, 4, 11, 14), (2, 4, 5, 3), 3, 2),
        ((2, 3, 9, 6), (4, 3, 2, 2), 3, 1),  # a stride beyond the kernel leaves pixels out
        ((2, 3, 3, 6), (4, 3, 3, 3), 1, 0),
        ((2, 2, 6, 6), (3, 2, 3, 3), 1, 1),
    ):
        x, weight = (torch.randn(shape, generator=generator) for shape in (images, filters))
        cases.append((x, weight, torch.randn(len(weight), generator=generator), stride, padding))
    doubles = [value.double() for value in cases[-1][:3]]
    return [*cases, (*doubles, 2, 0)]


def _local_layers() -> list[tuple]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 3, 6, 6, generator=generator)
    weight = torch.randn(4, 5, 5, 3, 3, 3, generator=generator)
    wide = torch.randn(3, 2, 2, 3, 2, 4, generator=generator, dtype=torch.float64)
    tall = torch.randn(1, 3, 4, 5, generator=generator, dtype=torch.float64)
    square = weight[:, :4]
    return [(x, weight[..., :2]), (x[:1, :2], square[:, :, :1, :2]), (tall, wide), (x, square)]


def _swapped_places(x: Tensor, weight: Tensor) -> Tensor:
    """weight[column, row]; where there are more columns than rows it reaches past the end."""
    rows, columns = weight.shape[:2]
    wanted = torch.stack([torch.stack([weight[j, i] for j in range(columns)]) for i in range(rows)])
    return locally_connected(x, wanted)


sizes = Exercise(
    id="02.1",
    title="Output size",
    statement="Write output_size(size, kernel_size, stride, padding), rounded down as torch does; "
    "0 where not even one window fits.",
    reference=output_size,
    cases=lambda: list(product((5, 12, 32, 224), (3, 5, 11), (1, 2, 3, 4), (0, 2))),
    mistakes=(
        Mistake(
            lambda n, k, s, p: max(0, n + 2 * p - k) // s,
            "you counted the steps; the window also stands somewhere before the first step.",
            also=(
                lambda n, k, s, p: (n + 2 * p - k) // s,
                lambda n, k, s, p: max(0, (n + 2 * p - k) // s),
                lambda n, k, s, p: (n + 2 * p - k) / s,
            ),
        ),
        Mistake(
            lambda n, k, s, p: output_size(n, k, s, p // 2),
            "you added the padding once; there are zeros on both sides.",
            also=(
                lambda n, k, s, p: (n + p - k) // s + 1,
                lambda n, k, s, p: (n + p - k) / s + 1,
                lambda n, k, s, p: int((n + p - k) / s) + 1,
                lambda n, k, s, p: max(0, (n + p - k) // s + 1),
            ),
        ),
        Mistake(
            lambda n, k, s, p: -((k - n - 2 * p) // s) + 1 if n + 2 * p >= k else 0,
            "you rounded up: the last window would reach past the edge. That is the authors' rule.",
            also=(
                lambda n, k, s, p: -((k - n - 2 * p) // s) + 1,
                lambda n, k, s, p: max(0, -((k - n - 2 * p) // s) + 1),
            ),
        ),
        Mistake(
            lambda n, k, s, p: (n + 2 * p - k) / s + 1 if n + 2 * p >= k else 0,
            "a number of windows is whole; what happens to half a step?",
            also=(
                lambda n, k, s, p: (n + 2 * p - k) / s + 1,
                lambda n, k, s, p: max(0, (n + 2 * p - k) / s + 1),
            ),
        ),
        Mistake(
            lambda n, k, s, p: (n + 2 * p - k) // s + 1,
            "right wherever a window fits. Try a kernel wider than image and padding together.",
            also=(
                lambda n, k, s, p: int((n + 2 * p - k) / s) + 1,
                lambda n, k, s, p: int((n + 2 * p - k) / s + 1),
                lambda n, k, s, p: max(0, int((n + 2 * p - k) / s) + 1),
                lambda n, k, s, p: output_size(n, k, s, p) or 1,
            ),
        ),
        Mistake(
            lambda n, k, s, p: output_size(n, k, s, 0),
            "the padding does not occur.",
            also=(lambda n, k, s, p: (n - k) // s + 1,),
        ),
        Mistake(
            lambda n, k, s, p: output_size(n, k, 1, p),
            "the stride does not occur.",
            also=(lambda n, k, s, p: n + 2 * p - k + 1,),
        ),
        Mistake(
            lambda n, k, s, p: (n + 2 * p - k) // s + 1 if n + 2 * p > k else 0,
            "a window that just fits counts, too: there is no room to move, and one output.",
        ),
        Mistake(
            lambda n, k, s, p: max(0, (n + 2 * p - k + 1) // s),
            "add 1 after the division: the first window is no step.",
            also=(lambda n, k, s, p: (n + 2 * p - k + 1) // s,),
        ),
        Mistake(
            lambda n, k, s, p: round((n + 2 * p - k) / s) + 1 if n + 2 * p >= k else 0,
            "half a step is no window: round down, and not to the nearest.",
            also=(
                lambda n, k, s, p: round((n + 2 * p - k) / s) + 1,
                lambda n, k, s, p: max(0, round((n + 2 * p - k) / s) + 1),
            ),
        ),
        Mistake(
            lambda n, k, s, p: output_size(n, k, s, 2 * p),
            "you added the padding on four sides; one side of the image has two ends.",
        ),
        Mistake(
            lambda n, k, s, p: output_size(n, k, s, p) ** 2,
            "that counts windows of the whole picture; the size along one side is asked.",
        ),
        Mistake(
            lambda n, k, s, p: (n + 2 * p) // s,
            "the kernel does not occur; a window that began at the last pixel would not fit.",
            also=(
                lambda n, k, s, p: (n + 2 * p) // s + 1,
                lambda n, k, s, p: -(-(n + 2 * p) // s),
                lambda n, k, s, p: n // s,
            ),
        ),
        Mistake(
            lambda n, k, s, p: max(0, -(-(n + 2 * p - k) // s)),
            "you rounded up, in place of counting the first window.",
            also=(lambda n, k, s, p: -(-(n + 2 * p - k) // s),),
        ),
        Mistake(
            lambda n, k, s, p: (n - k) // s + 1 + 2 * p,
            "the padding makes the image larger before the windows step over it: add it first.",
            also=(lambda n, k, s, p: max(0, (n - k) // s + 1 + 2 * p),),
        ),
    ),
    hints=(
        "How many pixels are left for moving once the first window has been placed?",
        "There are size + 2 · padding − kernel_size of them. How many strides fit in there?",
        "room // stride + 1, and 0 where room is negative.",
    ),
    why="The first window takes kernel_size pixels, and every whole stride that is left adds one.",
)

unfold = Exercise(
    id="02.2",
    title="Convolution by unfold",
    statement="Write conv2d(x, weight, bias, stride, padding) with F.unfold and one product.",
    reference=conv2d_by_unfold,
    cases=_layers,
    mistakes=(
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w.flip(2, 3), b, s, p),
            "your kernel is turned by 180°, as in mathematics. Networks do not turn it.",
        ),
        Mistake(
            lambda x, w, b, s, p: _turned(conv2d_by_unfold(x, w, b, s, p)),
            "height and width of the result are swapped: its last axis walks along a row.",
            also=(lambda x, w, b, s, p: conv2d_by_unfold(x.mT, w.mT, b, s, p),),
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w.mT.reshape(w.shape), b, s, p),
            "rows and columns of the kernel are swapped before it is flattened.",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, _mixed(w), b, s, p),
            "the filters got mixed: flatten(1) keeps each in a row; reshape(-1, K).T does not.",
        ),
        Mistake(lambda x, w, b, s, p: conv2d_by_unfold(x, w, 0 * b, s, p), "the bias is missing."),
        Mistake(lambda x, w, b, s, p: conv2d_by_unfold(x, w, b, s, 0), "the padding is missing."),
        Mistake(lambda x, w, b, s, p: conv2d_by_unfold(x, w, b, 1, p), "the stride is missing."),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w / w.shape[1], b, s, p),
            "you averaged over the channels; they are summed.",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w / w[0].numel(), b, s, p),
            "you took the mean of the products in a window; a convolution sums them.",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(
                x, w.permute(0, 2, 3, 1).reshape(w.shape), b, s, p
            ),
            "the channels stand last in your filters' rows; unfold has them first.",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w, -b, s, p),
            "the bias is to be added, not taken away.",
        ),
        Mistake(lambda x, w, b, s, p: conv2d_by_unfold(x, w, 2 * b, s, p), "the bias came twice."),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w, b, s, p).relu(),
            "what is below 0 is gone: a ReLU is a layer of its own.",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w, b, s, p).flatten(2),
            "the windows still stand in one row: view them as rows and columns.",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w, 0 * b, s, p) + b,
            "the bias was added along the last axis: one for each filter, bias[:, None].",
        ),
        Mistake(
            lambda x, w, b, s, p: conv2d_by_unfold(x, w.flip(3), b, s, p),
            "your kernels are mirrored.",
            also=(lambda x, w, b, s, p: conv2d_by_unfold(x, w.flip(2), b, s, p),),
        ),
    ),
    hints=(
        "Print the shapes of F.unfold's result and of weight.flatten(1). Which product fits?",
        "weight.flatten(1) @ columns is (N, K, H'·W'). What is still to be added, and reshaped?",
        "Add bias[:, None]; then .view(N, K, rows, -1), with rows from exercise 02.1.",
    ),
    why="unfold orders a window as flatten(1) orders a filter: channel, then row, then column.",
)

local = Exercise(
    id="02.3",
    title="Locally connected layer",
    statement="Write locally_connected(x, weight), with weight of shape (H', W', K, C, kh, kw).",
    reference=locally_connected,
    cases=_local_layers,
    mistakes=(
        Mistake(
            lambda x, w: locally_connected(x, w[:1, :1].expand_as(w)),
            "every position uses weight[0, 0]. Shared weights: that is a convolution.",
            also=(lambda x, w: F.conv2d(x, w[0, 0]),),
        ),
        Mistake(
            lambda x, w: locally_connected(x, w.transpose(0, 1)),
            "the filters of row and column are swapped: weight[row, column].",
        ),
        Mistake(
            lambda x, w: locally_connected(x, w).mT, "rows and columns of the result are swapped."
        ),
        Mistake(
            lambda x, w: locally_connected(x, w.mean((0, 1), keepdim=True).expand_as(w)),
            "you averaged the filters of all positions; each position keeps its own.",
        ),
        Mistake(
            lambda x, w: locally_connected(x, w.flip(4, 5)), "your kernels are turned by 180°."
        ),
        Mistake(
            lambda x, w: locally_connected(x[:, :1], w[:, :, :, :1]),
            "only the first channel is read; sum over all of them.",
        ),
        Mistake(_swapped_places, "weight[column, row] is another position's; rows come first."),
        Mistake(
            lambda x, w: locally_connected(x, w) / w[0, 0, 0].numel(),
            "you took the mean of the products; a layer sums them.",
            also=(lambda x, w: locally_connected(x, w) / w.shape[3],),
        ),
        Mistake(
            lambda x, w: locally_connected(x, w[-1:, -1:].expand_as(w)),
            "every position uses the filters of the last one; each has its own.",
        ),
        Mistake(
            lambda x, w: locally_connected(x, w[:1].expand_as(w)),
            "all rows share the first row's filters; each position has its own.",
            also=(lambda x, w: locally_connected(x, w[:, :1].expand_as(w)),),
        ),
        Mistake(
            lambda x, w: locally_connected(x, w.mT.reshape(w.shape)),
            "rows and columns within each kernel are swapped.",
        ),
        Mistake(
            lambda x, w: locally_connected(x, w.mean(2, keepdim=True).expand_as(w)),
            "the K filters of a position got mixed; each makes a map of its own.",
        ),
    ),
    hints=(
        "Start from two loops over row and column, as in section 2.2.",
        "At (row, column) the filters are weight[row, column], of shape (K, C, kh, kw).",
        "y[:, :, row, column] = (x[:, None, :, row:row+kh, column:column+kw] * weight[row, column])"
        ".sum(dim=(2, 3, 4))",
    ),
    why="Only weight[row, column] differs from a convolution, which has one weight for all.",
)

EXERCISES = (sizes, unfold, local)


def _mixed(weight: Tensor) -> Tensor:
    """Filters as reshape(-1, K).T makes them."""
    return weight.reshape(-1, len(weight)).T.reshape(weight.shape)


def _turned(y: Tensor) -> Tensor:
    """The same numbers in order, under a shape with height and width swapped."""
    return y.reshape(*y.shape[:2], y.shape[3], y.shape[2])


QUIZ = Quiz(
    "02",
    (
        Question(
            "A layer has 96 filters and reads a colour image. How many feature maps does it make?",
            (
                Option("288, one for each filter and channel.", "No: a filter sums its channels."),
                Option("96.", "Yes: one map a filter, however many channels it reads.", right=True),
                Option("3.", "No: the image's channels are summed, not kept."),
            ),
        ),
        Question(
            "What does weight sharing share?",
            (
                Option(
                    "One filter among all positions of a map.",
                    "Yes: for conv1 that means 3,025 times fewer weights.",
                    right=True,
                ),
                Option("One filter among all maps.", "No: every map has a filter of its own."),
                Option("One weight among all pixels.", "No: a filter of 11×11×3 has 363 weights."),
            ),
        ),
        Question(
            "How do 224 pixels become 55 positions in the authors' code?",
            (
                Option("The images have 227 pixels.", "No: crops of 224, in text and code."),
                Option("By 2 zeros on every side.", "That gives 55 too, 2 pixels aside."),
                Option("By pooling.", "No: 55 is what conv1 itself puts out."),
                Option(
                    "By rounding up: the last window reaches 3 pixels past the edge.",
                    "Yes: the missing pixels, at right and bottom only, count as zeros.",
                    right=True,
                ),
            ),
        ),
        Question(
            "“mat1 and mat2 shapes cannot be multiplied (8x2304 and 9216x4096)”. What is 2304?",
            (
                Option("The batch size.", "No: that is the 8."),
                Option("What the dense layer expects.", "No: that is the 9216."),
                Option(
                    "What the convolutional part delivers for each picture.",
                    "Yes: 256 maps of 3×3, where the dense layer was built for 6×6.",
                    right=True,
                ),
            ),
        ),
        Question(
            "The kernels of conv3 to conv5 are 3×3. Why does a conv5 unit see 163 pixels?",
            (
                Option("Its kernels are enlarged.", "No: they stay 3×3 units of conv4."),
                Option(
                    "Its nine inputs lie 16 pixels apart, and each sees much itself.",
                    "Yes: strides multiply, so every later kernel spans more pixels.",
                    right=True,
                ),
                Option("It is connected to every pixel.", "No: only the dense layers see all."),
            ),
        ),
    ),
)
