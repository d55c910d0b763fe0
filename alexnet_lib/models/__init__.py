"""AlexNet's relatives, and the ledger that counts any of them."""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "registry": "MODEL_NAMES build_model describe from_description",
        "two_towers": "TwoTowerAlexNet TwoTowerConv2d crossing_bytes to_grouped to_two_towers "
        "wired_ledger",
        "four_layer": "FourLayerCifar FourLayerConfig",
        "ensemble": "Ensemble",
        "hooks": "undisturbed",
        "ledger": "config_ledger layer_ledger",
    },
)
