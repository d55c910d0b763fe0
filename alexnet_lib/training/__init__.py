"""Training: a config, a trainer, its states on disk, and what watches it."""
