"""Training a network: config, trainer, checkpoints, evaluation, run folders."""

from alexnet_lib.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_into,
    load_weights,
    save_checkpoint,
    save_weights,
)
from alexnet_lib.training.config import RECIPES, TrainConfig
from alexnet_lib.training.device import describe_device, pick_device, pick_precision
from alexnet_lib.training.evaluation import DivergedError, Evaluation, evaluate
from alexnet_lib.training.failures import OutOfMemoryError
from alexnet_lib.training.history import History
from alexnet_lib.training.progress import DeadStart, Progress
from alexnet_lib.training.run import (
    RunFolder,
    final_test,
    new_run_path,
    newest_run,
    recorded_reports,
)
from alexnet_lib.training.trainer import Trainer

__all__ = [
    "RECIPES", "CheckpointError", "DeadStart", "DivergedError", "Evaluation", "History",
    "OutOfMemoryError", "Progress", "RunFolder", "TrainConfig", "Trainer", "describe_device",
    "evaluate", "final_test", "load_checkpoint", "load_into", "load_weights", "new_run_path",
    "newest_run", "pick_device", "pick_precision", "recorded_reports", "save_checkpoint",
    "save_weights",
]  # fmt: skip
