"""Training: a config, a trainer, its states on disk, and what watches it."""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "config": "TrainConfig",
        "trainer": "History Trainer",
        "evaluation": "DivergedError confusion_matrix count_top_k_errors evaluate top_k_error",
        "checkpoint": "load_trained save_trained shipped_network",
        "reuse": "nearest_preset reuse_layers",
        "run": "final_test recorded_reports",
    },
)
