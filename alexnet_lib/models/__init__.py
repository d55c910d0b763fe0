"""AlexNet's relatives, and the ledger that counts any of them."""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "registry": "MODEL_NAMES build_model describe from_description",
        "two_towers": "TwoTowerAlexNet TwoTowerConv2d to_grouped to_two_towers",
        "four_layer": "FourLayerCifar FourLayerConfig",
        "ensemble": "Ensemble",
        "hooks": "undisturbed",
        "ledger": "config_ledger crossing_bytes layer_ledger wired_ledger",
    },
)
