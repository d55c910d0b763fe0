"""A look at a folder of pictures before they are trained on: damage, twins, sizes, counts."""

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy
from PIL import Image
from tqdm import tqdm

from alexnet_lib.data.layout import Layout
from alexnet_lib.data.pictures import UNREADABLE, Read, cause, decode, layout_of

Row = tuple[str, str, str]  # name, part, class

_BITS = 3  # of 64, in which near twins' hashes may differ
_LIKE = 12.0  # of 255, mean difference of their thumbnails
_BANDS = numpy.arange(4) * 16  # of two hashes three bits apart, one of four quarters is equal


@dataclass(frozen=True)
class Check:
    """What was found.

    Args:
        layout: the pictures and what was passed over.
        corrupt: names and causes of those that cannot be read.
        sizes: (width, height) of each that can.
        twins: pairs of equal files.
        near: pairs that look alike: saved anew, made smaller, a little brighter.
    """

    layout: Layout
    corrupt: list[tuple[str, str]]
    sizes: list[tuple[int, int]]
    twins: list[tuple[Row, Row]]
    near: list[tuple[Row, Row]]

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """Pictures of each class and part."""
        return Counter((label, part) for _, part, label in self.layout.rows)

    def across(self, pairs: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
        """Those pairs whose halves lie in two parts, or in two classes: they spoil a result."""
        return [(one, other) for one, other in pairs if one[1:] != other[1:]]

    @property
    def is_clean(self) -> bool:
        """Whether every picture can be read, and no twins lie in two parts or classes."""
        return not (self.corrupt or self.across(self.twins) or self.across(self.near))


def check_pictures(
    source: str, files: Mapping[str, Read | None], share: float | None = None
) -> Check:
    """Read every picture once and compare each with all others.

    Args:
        source, files, share: as in `read_pictures`.
    Raises:
        DataError: the folders are not understood.
    """
    layout = layout_of(source, files, share)
    corrupt, rows, sizes, seals, marks = [], [], [], [], []
    for row in tqdm(layout.rows, "Checking", leave=False, disable=None):
        try:
            content = files[row[0]]()
            mark = _mark(decode(content, 64))
        except UNREADABLE as error:
            corrupt.append((row[0], cause(error)))
            continue
        rows.append(row)
        sizes.append(Image.open(io.BytesIO(content)).size)
        seals.append(hashlib.blake2b(content, digest_size=16).digest())
        marks.append(mark)
    equal = list(_equal(seals))
    single = sorted(set(range(len(rows))) - {later for _, later in equal})
    alike = _alike([marks[place] for place in single])
    twins = [(rows[i], rows[j]) for i, j in equal]
    near = [(rows[single[i]], rows[single[j]]) for i, j in alike]
    return Check(layout, corrupt, sizes, twins, near)


@dataclass(frozen=True)
class _Mark:
    """A perceptual hash, and the thumbnail that has the last word.

    Args:
        bits: 64, whether each of 8×8 places is brighter than its right neighbour.
        colours: (8, 8, 3) float.
        flat: hardly anything changes from place to place, so that the bits say nothing.
    """

    bits: int
    colours: numpy.ndarray
    flat: bool


def _mark(image: Image.Image) -> _Mark:
    grey = numpy.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX)).astype(float)
    steps = grey[:, :-1] - grey[:, 1:]  # (8, 8)
    bits = int("".join("01"[step > 0] for step in steps.flatten().tolist()), 2)
    colours = numpy.asarray(image.resize((8, 8), Image.Resampling.BOX)).astype(float)
    return _Mark(bits, colours, bool(numpy.abs(steps).mean() < 2))


def _equal(keys: list[bytes]) -> Iterator[tuple[int, int]]:
    """Each file beside the first that equals it."""
    first: dict[bytes, int] = {}
    for place, key in enumerate(keys):
        if first.setdefault(key, place) != place:
            yield first[key], place


def _alike(marks: list[_Mark]) -> list[tuple[int, int]]:
    """Pairs whose hashes differ in few bits and whose thumbnails are alike."""
    groups = defaultdict(list)
    for place, mark in enumerate(marks):
        if not mark.flat:
            for band in _BANDS.tolist():
                groups[band, mark.bits >> band & 0xFFFF].append(place)
    pairs = {pair for group in groups.values() for pair in combinations(group, 2)}
    return sorted((i, j) for i, j in pairs if _look_alike(marks[i], marks[j]))


def _look_alike(one: _Mark, other: _Mark) -> bool:
    close = (one.bits ^ other.bits).bit_count() <= _BITS
    return close and float(numpy.abs(one.colours - other.colours).mean()) < _LIKE
