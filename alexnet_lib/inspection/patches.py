"""Which images make a map answer most, and where in them (§6.1)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lib.checks import check_whole
from alexnet_lib.inspection.receptive_field import layer_fields
from alexnet_lib.inspection.tracing import Prepare, batched_maps, check_inputs


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
        check_inputs(images)
    if k > len(images):
        raise ValueError(f"k is {k}; expected at most {len(images)}, the number of images.")
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
