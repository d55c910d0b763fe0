"""What a spawned worker imports: it cannot see what a test module defines."""

import torch

from alexnet_lib.data.images import Examples
from alexnet_lib.paper.augment import Augmentation, ColourBasis, ViewTable


def augmented_in_a_worker(
    recipe: tuple[Examples, Augmentation, ViewTable, ColourBasis], ids: torch.Tensor
) -> torch.Tensor:
    examples, augmentation, table, basis = recipe
    return augmentation.train_view(examples.images[ids].float(), ids, table, basis)
