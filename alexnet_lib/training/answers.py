"""What a trained network calls pictures: files, folders, arrays, tensors, in batches (§4.1)."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor, nn

from alexnet_lib.checks import InputError, WrongTypeError, check_shape, check_whole
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.images import SIDE, DataError
from alexnet_lib.data.layout import is_foreign, is_hidden, may_be_picture, some
from alexnet_lib.data.pictures import UNREADABLE, Read, cause, decode, opens, square, upright
from alexnet_lib.data.sources import list_source
from alexnet_lib.models.hooks import undisturbed

_RANGE = "expected uint8 from 0 to 255, or floating-point numbers from 0 to 1"


@dataclass(frozen=True)
class Answer:
    """What a network says of one picture.

    Args:
        name: the file, or "picture 3" of a row of them.
        top: classes with their probabilities, the likeliest first.
        error: why the picture could not be read; `top` is empty then.
    """

    name: str
    top: tuple[tuple[str, float], ...] = ()
    error: str = ""


def classify(
    model: nn.Module,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    pictures: Any,
    top: int = 5,
    batch_size: int = 128,
) -> Iterator[Answer]:
    """Yield an answer for each picture, in their order; the network sees the centre (§4.1).

    A picture is scaled and cut as those that the network learned from. The files of the next batch
    are decoded while the network looks at this one.

    Args:
        preprocessing, classes: as a `TrainedNetwork` has them.
        pictures: a file, a folder, a PIL image, an array (H, W) or (H, W, 3), a tensor (3, H, W) or
            (N, 3, H, W), or a row of these. Numbers are uint8 in 0–255 or floating-point in 0–1.
        top: so many classes are named; all where there are fewer.
    Raises:
        InputError: nothing to look at, or numbers of another range, shape or type.
    """
    check_whole("top", top, 1)
    check_whole("batch_size", batch_size, 1)
    config, device = model.config, next(model.parameters()).device
    load = partial(_load, side=side_of(model, preprocessing))
    scale = preprocessing.cut(config.input_size, config.resize_to).to(device)
    named = enumerate(_each(pictures), 1)
    with ThreadPoolExecutor() as pool, undisturbed(model):
        ahead = pool.map(load, list(islice(named, batch_size)))
        while batch := list(ahead):
            ahead = pool.map(load, list(islice(named, batch_size)))
            yield from _answers(model, scale, classes, batch, top)


def side_of(model: nn.Module, preprocessing: Preprocessing) -> int:
    """Side of the squares that a network's training pictures were, in pixels."""
    side = preprocessing.mean.shape[-1]
    return side if side > 1 else (model.config.resize_to or SIDE)


def _answers(
    model: nn.Module,
    scale: Preprocessing,
    classes: Sequence[str],
    batch: list[tuple[str, Tensor | str]],
    top: int,
) -> Iterator[Answer]:
    seen = [pixels for _, pixels in batch if isinstance(pixels, Tensor)]
    rows = iter(())
    if seen:
        x = scale.enter(torch.stack(seen).to(scale.mean.device).float())  # (N, 3, size, size)
        with torch.inference_mode():
            probs = model(x).softmax(1)  # (N, classes)
        values, places = (part.tolist() for part in probs.topk(min(top, len(classes))))
        rows = zip(values, places, strict=True)
    for name, pixels in batch:
        if isinstance(pixels, str):
            yield Answer(name, error=pixels)
            continue
        best = zip(*next(rows), strict=True)
        yield Answer(name, tuple((classes[place], value) for value, place in best))


def unread(answers: Iterable[Answer]) -> None:
    """Refuse answers some of which are that a picture could not be read.

    Raises:
        DataError: with the first ten of them.
    """
    if bad := [f"{answer.name} ({answer.error})" for answer in answers if answer.error]:
        raise DataError(f"{len(bad):,} pictures cannot be read: {some(bad, 10)}.")


def squares_of(contents: Iterable[bytes], side: int) -> Tensor:
    """Picture files as one tensor, for a contact sheet: (N, 3, side, side) uint8.

    Raises:
        UNREADABLE: one of them is none.
    """
    return torch.stack([_tensor(square(decode(content, side), side)) for content in contents])


# --- What counts as a picture -------------------------------------------------------------------


def _each(pictures: Any) -> Iterator[Any]:
    """Single pictures, folders and rows taken apart."""
    if isinstance(pictures, str | Path):
        yield from _paths(Path(pictures).expanduser())
    elif isinstance(pictures, Tensor) and pictures.ndim == 4:
        yield from pictures
    elif isinstance(pictures, Tensor | numpy.ndarray | Image.Image):
        yield pictures
    elif isinstance(pictures, Iterable) and not isinstance(pictures, bytes):
        for picture in pictures:
            yield from _each(picture)
    else:
        raise WrongTypeError(
            f"pictures is a {type(pictures).__name__}; expected files, folders, PIL images, arrays "
            "(H, W, 3), tensors (N, 3, H, W), or a list of these."
        )


def _paths(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise DataError(f"{path} does not exist; expected a picture, or a folder of them.")
    if not path.is_dir():
        yield path
        return
    inside = list_source(path, deep=True)
    found = [path / name for name, read in inside.items() if _is_meant(name, read)]
    found = [file for file in found if not _is_pipe(file)]
    if not found:
        raise DataError(f"{path} holds no pictures; expected JPEG, PNG or what else Pillow reads.")
    yield from sorted(found)


def _is_meant(name: str, read: Read | None) -> bool:
    """Whether a file in a folder is there as a picture, by its ending or, without one, its content.

    Pictures that Pillow does not read are, too: they are named as unread, not dropped in silence.
    """
    if name.endswith("/") or is_hidden(name):
        return False
    if not PurePosixPath(name).suffix:
        return read is not None and opens(read)
    return may_be_picture(name) or is_foreign(name)


def _is_pipe(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _load(numbered: tuple[int, Any], side: int) -> tuple[str, Tensor | str]:
    """Name of a picture and its square, (3, side, side) uint8, or why it cannot be read."""
    number, picture = numbered
    if isinstance(picture, Path):
        try:
            return str(picture), _tensor(square(decode(picture.read_bytes(), side), side))
        except UNREADABLE as error:
            return str(picture), cause(error)
    name = f"picture {number}"
    if not isinstance(picture, Image.Image):
        return name, _tensor(square(upright(Image.fromarray(_bytes(picture, name))), side))
    try:
        image = picture.copy()  # the caller's own stays as it is
        image.format = picture.format  # which says how many bits a "32-bit" grey has
        return name, _tensor(square(upright(image), side))
    except UNREADABLE as error:
        return name, cause(error)


def _bytes(pixels: Tensor | numpy.ndarray, name: str) -> numpy.ndarray:
    """Pixels as (H, W) or (H, W, 3) uint8."""
    if isinstance(pixels, Tensor):
        check_shape(pixels, (3, "H", "W"), name, "any")
        pixels = pixels.detach().cpu().permute(1, 2, 0)
        pixels = (pixels.float() if pixels.dtype == torch.bfloat16 else pixels).numpy()
    if (pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[2] != 3)) or not pixels.size:
        raise InputError(
            f"{name} has shape {pixels.shape}; expected (H, W) or (H, W, 3), none of them 0."
        )
    if pixels.dtype == numpy.uint8:
        return numpy.ascontiguousarray(pixels)
    low, high = pixels.min(), pixels.max()
    if not numpy.issubdtype(pixels.dtype, numpy.floating) or not (low >= 0 and high <= 1):
        raise InputError(f"{name} holds {pixels.dtype} from {low:g} to {high:g}; {_RANGE}.")
    return (pixels * 255).round().astype(numpy.uint8)


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)
