"""Crops, mirrors and colour: the paper's data augmentation on whole batches (§4.1).

Functions are pure and work on the tensor's own device; random numbers are passed in. They come from
a `ViewTable`, which holds one row for every training image, so that image 17 gets the same view in
epoch 3 whatever the batch order, batch size or device.
"""

from alexnet_lib.augment.colour import ALPHA_STD, ColourBasis, colour_shift, pca_basis
from alexnet_lib.augment.geometry import center_crop, crop, flip, portions, resize, ten_crop
from alexnet_lib.augment.views import VIEWS, Augmentation, ViewTable, seed_for

__all__ = [
    "ALPHA_STD", "VIEWS", "Augmentation", "ColourBasis", "ViewTable", "center_crop",
    "colour_shift", "crop", "flip", "pca_basis", "portions", "resize", "seed_for", "ten_crop",
]  # fmt: skip
