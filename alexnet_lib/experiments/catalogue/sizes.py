"""The network that most experiments share, and what makes their runs small enough for a CPU."""

LITE = {"preset": "cifar-lite"}  # 30 epochs, drops at 25, 55 and 84 %

_SLIM = {"widths": (32, 64, 96, 96, 64), "hidden_units": 256}
_TODAY = {"init": "kaiming", "input_scale": "standardised"}  # learns within a few epochs
_FEW = {"train_limit": 6_000, "epochs": 10}

LESSON = {**_FEW, "model": {**_SLIM, **_TODAY}}
LESSON_WIDE = {**_FEW, "train_limit": 4_000, "model": {"hidden_units": 256, **_TODAY}}
LESSON_CENTRED = {**_FEW, "lr": 0.002, "model": {**_SLIM, "init": "kaiming"}}
LESSON_START = {**_FEW, "epochs": 3, "model": _SLIM}
LESSON_CONV_LOCAL = {**_FEW, "epochs": 20}
