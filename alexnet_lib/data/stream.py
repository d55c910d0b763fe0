"""Pictures that stay on the disk: worker processes decode them while the network trains (ours).

For data sets larger than memory: a tree of pictures, or tars of them. From one picture to the
whole: a `Shelf` knows where each lies, `Streamed` stands for `Examples`, `open_stream` finds them.

The order of an epoch and the view of each picture are drawn from seed, epoch and the picture's
number, and the decoder is that of a data set in memory: so both have the same batches, bit for bit.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lib.checks import check_whole
from alexnet_lib.data.files import atomic_write, cache_dir, seal_of
from alexnet_lib.data.images import DataError, ImageData
from alexnet_lib.data.layout import may_be_picture, some
from alexnet_lib.data.pictures import (
    UNREADABLE,
    common_side,
    labels_of,
    layout_of,
    squared,
    unreadable,
)
from alexnet_lib.data.sources import Stored, list_source, members_of_shard
from alexnet_lib.paper.augment import PORTION

_AHEAD = 4  # batches that each worker prepares in advance
_TRIED = 64  # pictures that a worker tries at a time, where a whole set is looked through

Bad = tuple[int, str]  # a picture's row, and why it cannot be read

# --- How ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Streaming:
    """How pictures are streamed, and when.

    Args:
        wanted: always or never; None: where the decoded pictures would take more than half of the
            free memory.
        workers: processes that decode, for each process that trains; None: one a core; 0: the
            process that trains decodes itself.
        skip: leave out so many pictures that cannot be read, at most; else they stop the run. It
            takes a look at every picture first, about as long as an epoch takes to read.
    Raises:
        InputError: workers or skip below 0.
    """

    wanted: bool | None = None
    workers: int | None = None
    skip: int = 0

    def __post_init__(self) -> None:
        check_whole("skip", self.skip, 0)
        if self.workers is not None:
            check_whole("workers", self.workers, 0)

    @property
    def processes(self) -> int:
        """Workers, each process of a team having its share of the machine's cores."""
        if self.workers is not None:
            return self.workers
        return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


# --- Where the pictures lie ---------------------------------------------------------------------


class Shelf:
    """Where each picture of a data set lies, small enough for a million of them.

    Torch's `DataLoader` takes it as a dataset: from rows to pictures, in another process.

    Args:
        names: of the pictures, for messages and the seal.
        places: where each lies, in the same order.
        side: of the squares that they become, in pixels.
    """

    def __init__(self, names: Sequence[str], places: Sequence[Stored], side: int) -> None:
        # arrays of bytes: Python's own strings would be copied page by page into every worker
        self._names = numpy.array([os.fsencode(name) for name in names])
        self._paths = numpy.array([os.fsencode(place.path) for place in places])
        self._spans = numpy.array([(place.offset, place.size) for place in places])  # (N, 2)
        self.side = side

    def __len__(self) -> int:
        return len(self._names)

    def name(self, row: int) -> str:
        """The name of a picture within the data set."""
        return os.fsdecode(self._names[row])

    def place(self, row: int) -> Stored:
        """Where a picture lies."""
        offset, size = map(int, self._spans[row])
        return Stored(os.fsdecode(self._paths[row]), size, offset)

    def marks(self, rows: numpy.ndarray) -> tuple[memoryview, memoryview]:
        """What a seal is made of: names and sizes, the same on every machine."""
        return self._names[rows].data, self._spans[rows, 1].copy().data

    def __getitems__(self, rows: list[int]) -> tuple[Tensor, list[Bad]]:
        """Decode pictures: (n, side, side, 3) uint8, and those that cannot be read."""
        pixels, bad = numpy.zeros((len(rows), self.side, self.side, 3), numpy.uint8), []
        for place, row in enumerate(rows):
            try:
                pixels[place] = squared(self.place(row)(), self.side)
            except UNREADABLE as error:
                bad.append((row, unreadable(self.name(row), error)))
        return torch.from_numpy(pixels), bad


def _as_it_is(batch: tuple[Tensor, list[Bad]]) -> tuple[Tensor, list[Bad]]:
    return batch


# --- Examples -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Streamed:
    """Examples whose pictures are decoded each time that they are asked for; else as `Examples`.

    Args:
        shelf: of the whole data set.
        rows: (N,) int64, which of its pictures these are.
        labels: (N,) int64.
        how: with which workers.
    """

    shelf: Shelf
    rows: Tensor
    labels: Tensor
    how: Streaming

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, in pixels."""
        return self.shelf.side, self.shelf.side

    def take(self, indices: Tensor) -> "Streamed":
        """Return the examples at these places, in this order."""
        return replace(self, rows=self.rows[indices], labels=self.labels[indices])

    def parts(self) -> Iterator[Tensor]:
        """All images, some thousand at a time: (n, 3, H, W) uint8. Every call decodes them all."""
        size = max(1, PORTION // (3 * self.shelf.side**2))
        for images in self.decoded(torch.arange(len(self)).split(size)):
            yield images.permute(0, 3, 1, 2)

    def content(self) -> tuple[memoryview, ...]:
        """What a seal is made of: names, sizes and labels; reading the pixels would take long."""
        return *self.shelf.marks(self.rows.numpy()), self.labels.numpy().data

    def on(self, device: torch.device) -> "Stream":
        """The way of these images to a device."""
        return Stream(self, device)

    def decoded(self, groups: Sequence[Tensor], pin: bool = False) -> Iterator[Tensor]:
        """Yield the images (n, H, W, 3) of each group of places.

        Raises:
            DataError: a picture cannot be read, or a worker has died.
        """
        for images, bad in self.tried(groups, pin):
            if bad:
                raise DataError(
                    f"{some([words for _, words in bad])}. Mend, move or delete what cannot be "
                    "read, or leave some out: --skip N. A run goes on with --resume."
                )
            yield images

    def tried(
        self, groups: Sequence[Tensor], pin: bool = False
    ) -> Iterator[tuple[Tensor, list[Bad]]]:
        """As `decoded`, with what cannot be read instead of an error; its image is black.

        Args:
            pin: hand them over in memory from which a GPU copies while it computes.
        """
        from torch.utils.data import DataLoader

        workers = min(self.how.processes, len(groups))
        loader = DataLoader(
            self.shelf,
            batch_sampler=[self.rows[group].tolist() for group in groups],
            collate_fn=_as_it_is,
            pin_memory=pin,
            num_workers=workers,
            prefetch_factor=_AHEAD if workers else None,
            generator=torch.Generator(),  # its own: the network's random numbers stay as they are
        )
        try:
            yield from loader
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise DataError(
                f"A process that decodes pictures has died ({error}). Is the memory full? Take "
                f"fewer than {self.how.processes} (--workers); a run goes on with --resume."
            ) from error


class Stream:
    """Streamed images on their way to a device: what `Resident` is to those in memory."""

    def __init__(self, examples: Streamed, device: torch.device) -> None:
        self._examples, self._device = examples, device

    def batches(self, ids: Tensor, size: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ids (n,) and images (n, 3, H, W) on the device; see `Resident.batches`."""
        groups = ids.split(size)[first:]
        pin = self._device.type == "cuda"
        for some_ids, images in zip(groups, self._examples.decoded(groups, pin), strict=True):
            images = images.to(self._device, non_blocking=True)  # (n, H, W, 3)
            yield some_ids.to(self._device), images.permute(0, 3, 1, 2)


# --- A data set ---------------------------------------------------------------------------------


def open_stream(
    path: Path,
    side: int,
    share: float | None = None,
    how: Streaming = Streaming(wanted=True),
) -> ImageData | None:
    """Find a data set's pictures, as `read_source` does, and decode none; None: not wanted.

    Args:
        path: a tree of pictures, a folder of tars, or one tar; none compressed.
        side, share: as in `read_source`.
    Raises:
        DataError: the folders are not understood, a tar is compressed or cut, or more pictures
            than are to be skipped cannot be read.
    """
    if how.wanted is False:
        return None
    files = _files(path, share is not None)
    count = sum(not name.endswith("/") and may_be_picture(name) for name in files)
    if how.wanted is None and 2 * count * 3 * side**2 < free_bytes():
        return None
    layout = layout_of(path.name, files, share)
    names = [name for name, *_ in layout.rows]
    places = [files[name] for name in names]
    shelf = Shelf(names, places, common_side(places, side))
    whole = Streamed(shelf, torch.arange(len(names)), labels_of(layout), how)
    is_test = torch.tensor([part == "test" for _, part, _ in layout.rows])
    bad = _unreadable(whole, how.skip) if how.skip else {}
    kept = torch.tensor([row not in bad for row in range(len(names))])
    notes = [f"Streamed from the disk by {how.processes} processes, {shelf.side} pixels."]
    if bad:
        notes.append(
            f"Left out, since they cannot be read: {len(bad):,} ({some([*bad.values()])})."
        )
    return ImageData(
        name=f"images from {path.name}",
        classes=layout.classes,
        train=whole.take((kept & ~is_test).nonzero()[:, 0]),
        test=whole.take((kept & is_test).nonzero()[:, 0]),
        note=" ".join([*notes, *layout.notes]),
    )


def _files(path: Path, deep: bool) -> dict[str, Stored | None]:
    """What lies in a folder, in its shards, or in one tar; nothing is read."""
    if path.is_dir():
        return list_source(path, deep=deep)
    return dict(members_of_shard(path))


def _unreadable(whole: Streamed, most: int) -> dict[int, str]:
    """The pictures that cannot be read, by row, and why; every one is tried, once on a machine.

    Raises:
        DataError: they are more than `most`.
    """
    marks = seal_of(*whole.content())
    note = cache_dir() / f"unreadable-{marks[:16]}.json"
    if note.is_file():
        bad = {int(row): words for row, words in json.loads(note.read_text()).items()}
    else:
        groups = torch.arange(len(whole)).split(_TRIED)
        tried = tqdm(whole.tried(groups), "Trying", len(groups), leave=False, disable=None)
        bad = dict(one for _, found in tried for one in found)
    if len(bad) > most:
        raise DataError(
            f"{len(bad):,} of {len(whole):,} pictures cannot be read, and {most:,} may be skipped. "
            f"{some([*bad.values()], 10)}. Mend, move or delete them, or allow more: --skip N."
        )
    with suppress(OSError), atomic_write(note) as temporary:
        temporary.write_text(json.dumps(bad))
    return bad


def free_bytes() -> int:
    """Memory that is free for a data set: of the machine, of this container, of the GPU.

    A system that does not tell has as much as it has in all.
    """
    free = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if os.name != "nt" else []
    with suppress(OSError, IndexError):
        told = Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]
        free.append(int(told) << 10)
    with suppress(OSError, ValueError):  # "max": no limit
        group = Path("/sys/fs/cgroup")
        most, used = ((group / f"memory.{word}").read_text() for word in ("max", "current"))
        free.append(int(most) - int(used))
    if torch.cuda.is_available():
        free.append(torch.cuda.mem_get_info()[0])
    return min(free, default=1 << 62)
