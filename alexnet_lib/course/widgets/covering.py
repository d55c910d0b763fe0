"""What would change the network's mind: a square that covers the picture under the pointer."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from alexnet_lib.course.figures.covering import CoverPanel, cover_panel
from alexnet_lib.course.figures.first_look import best_words
from alexnet_lib.course.figures.pixels import Box
from alexnet_lib.course.widgets.core import Ends, Explorer, Shown, Touchable, choice, slider
from alexnet_lib.course.widgets.pictures import Album, caption
from alexnet_lib.course.widgets.pointing import Cells, to_place
from alexnet_lib.inspection.attribution import Covered, cover
from alexnet_lib.inspection.units import Tracer

_PLACES = 10  # of the square along a side; 100 passes, all of them at once
_KEPT = 8  # maps
_OWN = -1  # stands for the class that the network answers first


class CoverExplorer(Explorer):
    """Move a grey square over a picture, and watch how sure the network stays of a class.

    Args:
        tracer: of any network of convolutions.
        classes: that it knows.
        data_name: where the album's pictures are from.
    """

    keep_share = ("row", "column")

    def __init__(
        self, tracer: Tracer, album: Album, classes: Sequence[str], data_name: str
    ) -> None:
        self.tracer, self.album, self.classes = tracer, album, list(classes)
        self.data_name, side = data_name, tracer.scale.size
        self._kept = lru_cache(_KEPT)(self._cover)
        named = [("its first answer", _OWN), *((name, n) for n, name in enumerate(classes))]
        super().__init__(
            self.button("costliest place", "where covering costs most", self.seek),
            picture=album.control(),
            kind=choice("how sure of", named),
            size=slider("square's side", max(1, side // 9), side // 2, side // 4),
            row=slider("row", 0, _PLACES - 1, _PLACES // 2),
            column=slider("column", 0, _PLACES - 1, _PLACES // 2),
        )
        self.seek(**self.state)
        self.first = self.state
        album.follow(self)

    def limits(self, size: int, **_: Any) -> Ends:
        """The last places of the square."""
        last = len(self.starts(size)) - 1
        return {"row": last, "column": last}

    def starts(self, size: int) -> list[int]:
        """Where a square of that side begins along a side of the picture, evenly."""
        room = self.tracer.scale.size - size
        count = min(_PLACES, room + 1)
        return [round(place * room / (count - 1)) for place in range(count)]

    def render(self, picture: str, kind: int, size: int, row: int, column: int) -> Shown:
        """The covered picture, the map of all places, and all classes with and without."""
        whole, covered = self.answers(picture, size)  # (classes,), (R, C, classes)
        label, own = self._label(kind, whole), int(whole.argmax())
        top, left = self.starts(size)[row], self.starts(size)[column]
        costs = whole[label] - covered[..., label]  # (R, C)
        panel = cover_panel(
            self._with_square(picture, top, left, size),
            Box(top, left, size, size),
            costs,
            (row, column),
            covered.argmax(-1) != own,
            (covered[row, column], whole),
            self.classes[label],
            self.classes,
        )
        now, name = covered[row, column], self.classes[label]
        others, least, most = int((covered.argmax(-1) != own).sum()), *costs.aminmax()
        return Touchable(panel.drawn, self._cells(panel, size, row, column)), (
            f"{caption(picture, self.data_name)}: {size}×{size} pixels are covered from row {top}, "
            f"column {left}. {name}: {whole[label]:.0%} → {now[label]:.0%}. The network answers "
            f"{best_words(now, self.classes)}; without the square "
            f"{best_words(whole, self.classes)}. Its first answer becomes another at "
            f"{others or 'none'} of {costs.numel()} places (dots). Covering changes {name} by "
            f"{-100 * float(most):+.0f} to {-100 * float(least):+.0f} points."
        )

    def answers(self, picture: str, size: int) -> Covered:
        """Probabilities of the whole picture, and with each place of the square covered."""
        pixels = self.album.pictures[picture]
        return self._kept(bytes(pixels.contiguous().numpy()), tuple(pixels.shape), size)

    def seek(self, picture: str, kind: int, size: int, **_: Any) -> None:
        """Go where covering costs the class most."""
        whole, covered = self.answers(picture, size)
        left = covered[..., self._label(kind, whole)]  # (R, C)
        row, column = divmod(int(left.argmin()), left.shape[1])
        self.set(row=row, column=column)

    def _label(self, kind: int, whole: Tensor) -> int:
        return int(whole.argmax()) if kind == _OWN else kind

    def _cover(self, content: bytes, shape: tuple[int, ...], size: int) -> Covered:
        picture = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(1, *shape)
        starts = self.starts(size)
        return cover(self.tracer.model, self.tracer.scale.enter(picture), starts, starts, size)

    def _with_square(self, picture: str, top: int, left: int, size: int) -> Tensor:
        """What the network sees of a picture, (3, s, s) uint8, with the mean in the square."""
        x = self.tracer.scale.enter(self.album.pictures[picture][None])
        x[..., top : top + size, left : left + size] = 0.0
        return self.tracer.scale.leave(x)[0]

    def _cells(self, panel: CoverPanel, size: int, row: int, column: int) -> list[Cells]:
        """The square follows the pointer on the picture and on the map; it is always under it."""
        count = len(self.starts(size))
        shared = {
            "rows": count, "columns": count, "sets": to_place, "at": (row, column),
            "turns": "size", "hovers": True,
        }  # fmt: skip
        return [
            Cells(panel.picture, **shared, words="the picture, by places of the square"),
            Cells(panel.map, **shared, words="the map of all places"),
        ]
