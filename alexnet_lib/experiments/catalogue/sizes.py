"""The network that most experiments share, and what makes their runs small enough for a CPU."""

LITE = {"preset": "cifar-lite"}  # 30 epochs, drops at 25, 55 and 84 %

_SLIM = {"widths": (24, 48, 64, 64, 48), "hidden_units": 256}
_TODAY = {"init": "kaiming", "input_scale": "standardised"}  # learns within a few epochs
# Small batches: with 128 images the few updates of so short a run leave half of all answers wrong.
_SHORT = {"epochs": 15, "drop_at": (0.7, 0.9), "batch_size": 32}
_FEW = {"train_limit": 10_000, "validation_size": 2_000, **_SHORT}

# The size of most questions, then of those that it cannot answer.
LESSON = {**_FEW, "model": {**_SLIM, **_TODAY}}
WIDE = {**_FEW, "train_limit": 4_000, "model": {"hidden_units": 256, **_TODAY}}
CENTRED = {**_FEW, "lr": 0.001, "model": {**_SLIM, "init": "kaiming"}}
START = {**_FEW, "epochs": 3, "model": _SLIM}
CONV_LOCAL = {**_FEW, "epochs": 20}
