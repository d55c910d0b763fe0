"""Which pictures a unit or a network finds alike."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lib.checks import (
    InputError,
    check_float,
    check_input,
    check_labels,
    check_shape,
    check_whole,
)
from alexnet_lib.inspection.tracing import Prepare, batched_maps
from alexnet_lib.inspection.units import layer_fields

# --- Patches that a unit answers ------------------------------------------------------------------


class TopPatches(NamedTuple):
    """The k images that a map answers most, best first; an image counts once, at its best place.

    Args:
        images: (M, k) int64, numbers of the images.
        rows, columns: (M, k) int64, the unit; 0 in dense layers.
        values: (M, k) the unit's value.
        boxes: (M, k, 4) int64: top, left, bottom, right of what it sees of the network's input;
            bottom and right are the first pixels no longer seen.
    """

    images: Tensor
    rows: Tensor
    columns: Tensor
    values: Tensor
    boxes: Tensor


def top_patches(
    model: nn.Module,
    images: Tensor,
    layer: str,
    k: int = 9,
    *,
    prepare: Prepare | None = None,
    batch_size: int = 256,
) -> TopPatches:
    """Find the patches of a data set that every map of a layer answers most (§6.1).

    Batches' maps are not kept. Of equal answers the earlier image comes first.

    Args:
        images, layer, prepare, batch_size: as in `feature_maps`.
        k: patches of each map.
    Shape:
        images: (N, C, H, W) -> tables of (M, k), M maps
    Raises:
        TypeError, ValueError: k outside 1 … N; else as `feature_maps`.
    Source: ours.
    """
    check_whole("k", k, 1)
    if prepare is None:
        check_input(model, images, "images", anywhere=True)
    if k > len(images):
        raise InputError(f"k is {k}; expected at most {len(images)}, the number of images.")
    values, ids, done = [], [], 0
    for maps in batched_maps(model, images, layer, prepare, batch_size):
        best, places = maps.reshape(*maps.shape[:2], -1).max(2)  # (B, M)
        positions, width = maps[0, 0].numel(), maps.shape[-1] if maps.ndim == 4 else 1
        top = best.argsort(dim=0, descending=True, stable=True)[:k]  # (k, M) images of the batch
        values.append(best.gather(0, top))
        ids.append((done + top) * positions + places.gather(0, top))
        done += len(maps)
    order = torch.cat(values).argsort(dim=0, descending=True, stable=True)[:k]
    values, ids = (torch.cat(parts).gather(0, order).T for parts in (values, ids))  # (M, k)
    rows, columns = ids % positions // width, ids % width
    size = (images[:1] if prepare is None else prepare(images[:1])).shape[-1]
    field = layer_fields(model, size)[layer]
    first = field.start + torch.stack([rows, columns], -1) * field.jump  # (M, k, 2)
    boxes = torch.cat([first, first + field.size], -1).clamp(0, size)  # (M, k, 4)
    return TopPatches(ids // positions, rows, columns, values, boxes)


# --- Pictures whose features are near -------------------------------------------------------------

_CHUNK_NUMBERS = 1 << 24  # distances held at a time: 64 MB


class Neighbours(NamedTuple):
    """The k nearest vectors of the gallery to each query, nearest first.

    Args:
        indices: (Q, k) int64, rows of the gallery.
        distances: (Q, k) Euclidean.
    """

    indices: Tensor
    distances: Tensor


def nearest_neighbours(
    queries: Tensor, gallery: Tensor | None = None, k: int = 5, *, own: Tensor | None = None
) -> Neighbours:
    """Find the vectors with the smallest Euclidean distance, as in Fig. 4 (§6.1).

    Args:
        queries: features (`feature_maps(…, "fc7")`) or pixels; flattened here.
        gallery: to search; None searches the queries themselves, each without itself.
        k: neighbours of each query. Paper: 6.
        own: (Q,) int64, each query's own row in the gallery, which is left out; −1 where it is not
            there. None leaves nothing out of a gallery.
    Shape:
        queries: (Q, …), gallery: (G, …) of the same length when flattened
    Raises:
        TypeError, ValueError: not floating point, other lengths, k larger than what there is.
    Source: paper §6.1.
    """
    for name, x in (("queries", queries), ("gallery", queries if gallery is None else gallery)):
        check_float(x, name)
        if x.ndim < 2:
            raise InputError(f"{name} has shape {tuple(x.shape)}; expected (N, …), one row each.")
    if gallery is None:
        gallery, own = queries, torch.arange(len(queries), device=queries.device)
    own = queries.new_full((len(queries),), -1, dtype=torch.int64) if own is None else own
    queries, gallery = queries.detach().flatten(1), gallery.detach().flatten(1)
    check_shape(gallery, ("G", "D"), "gallery")
    check_shape(queries, ("Q", gallery.shape[1]), "queries", device=gallery.device)
    check_whole("k", k, 1)
    check_shape(own.float(), (len(queries),), "own")
    most = len(gallery) - bool((own >= 0).any())
    if k > most or not len(queries):
        raise InputError(f"k is {k} for {len(queries)} queries; expected 1 to {most} neighbours.")
    centre = gallery.mean(0)  # smaller numbers lose fewer digits in the products below
    queries, gallery = queries - centre, gallery - centre
    size = max(1, _CHUNK_NUMBERS // len(gallery))
    parts = zip(queries.split(size), own.split(size), strict=True)
    found = [_nearest(part, gallery, k, own_rows) for part, own_rows in parts]
    return Neighbours(torch.cat([n for n, _ in found]), torch.cat([d for _, d in found]))


def _nearest(queries: Tensor, gallery: Tensor, k: int, own: Tensor) -> tuple[Tensor, Tensor]:
    squares = gallery.square().sum(1) - 2 * queries @ gallery.T  # (Q, G), less |query|²
    candidates = min(len(gallery), 2 * k + 8)  # itself, and near ones that rounding may swap
    indices = squares.topk(candidates, largest=False).indices.sort(1).values
    pairs = zip(queries, indices, strict=True)
    exact = torch.stack([(gallery[rows] - query).norm(dim=1) for query, rows in pairs])
    exact[indices == own[:, None]] = torch.inf  # itself comes last
    order = exact.argsort(dim=1, stable=True)[:, :k]
    return indices.gather(1, order), exact.gather(1, order)


class Precision(NamedTuple):
    """Share of neighbours that are of the query's class.

    Args:
        mean: over all queries, in [0, 1].
        by_class: (classes,) mean over the class's queries; NaN for a class without any.
    """

    mean: float
    by_class: Tensor


def precision_at_k(
    neighbours: Neighbours, query_labels: Tensor, gallery_labels: Tensor, num_classes: int
) -> Precision:
    """Share of the neighbours that belong to the query's class, over all and by class.

    Chance is the class's share of the gallery.

    Shape:
        query_labels: (Q,) int64, gallery_labels: (G,) int64
    Raises:
        TypeError, ValueError: labels of another kind, length or range.
    Source: ours.
    """
    device = neighbours.indices.device
    check_labels(query_labels, num_classes, len(neighbours.indices), "query_labels", device)
    check_labels(gallery_labels, num_classes, None, "gallery_labels", device)
    if int(neighbours.indices.max()) >= len(gallery_labels):
        raise InputError(
            f"{len(gallery_labels)} gallery_labels; expected one for each vector of the gallery."
        )
    right = gallery_labels[neighbours.indices] == query_labels[:, None]  # (Q, k)
    each = right.float().mean(1)  # (Q,)
    sums = each.new_zeros(num_classes).index_add_(0, query_labels, each)
    return Precision(float(each.mean()), sums / query_labels.bincount(minlength=num_classes))
