"""The paper as code, in this order: facts, layers, network, optim, augment.

from alexnet_lib.paper import PRESETS, AlexNet
"""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "facts": "AUGMENTATION CLAIMS DROPOUT LAYERS LRN MACS NEURONS PARAMETERS POOLING "
        "PRINTED_NEURONS TRAINING say_value",
        "layers": "CeilConv2d ClassicDropout LocalResponseNorm OverlappingMaxPool2d "
        "ceil_output_size local_response_norm",
        "network": "AlexNet AlexNetConfig PRESETS",
        "optim": "FixedDrops PaperSGD PlateauDrops initialise parameter_groups rescale_momentum",
        "augment": "Augmentation ViewTable center_crop colour_shift crop flip pca_basis resize",
    },
)
