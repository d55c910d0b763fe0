"""Training: configuration, trainer, checkpoints, evaluation."""
