"""How much colour the first layer's filters look for (Fig. 3)."""

from torch import Tensor

from alexnet_lib.checks import check_shape


def colourfulness(weight: Tensor) -> Tensor:
    """Share of each filter's energy that is colour: 0 for grey filters, 1 for pure colour.

    A filter is cut into its mean over red, green and blue, which reacts to brightness, and the
    rest, which reacts to colour. The shares of both add to 1; noise without any preference has
    2/3.

    Shape:
        weight: (M, 3, K, K) -> (M,) in [0, 1]
    Raises:
        TypeError, ValueError: not filters on colour images.
    Source: ours; the paper speaks of colour-agnostic and colour-specific kernels (Fig. 3).
    """
    check_shape(weight, ("M", 3, "K", "K"), "weight")
    weight = weight.detach().float()
    rest = weight - weight.mean(dim=1, keepdim=True)  # (M, 3, K, K)
    energy = weight.square().sum(dim=(1, 2, 3)).clamp_min(1e-12)  # (M,)
    return rest.square().sum(dim=(1, 2, 3)) / energy
