"""The networks that most experiments share, and what makes them small enough for a CPU."""

LITE = {"preset": "cifar-lite"}  # 30 epochs, drops at 25, 55 and 84 %

_SLIM = {"widths": (32, 64, 96, 96, 64), "hidden_units": 256}
_TODAY = {"init": "kaiming", "input_scale": "standardised"}  # learns within a few epochs
_FEW = {"train_limit": 10_000, "epochs": 12}

LESSON = {**_FEW, "model": {**_SLIM, **_TODAY}}
LESSON_WIDE = {**_FEW, "train_limit": 5_000, "model": {"hidden_units": 256, **_TODAY}}
LESSON_CENTRED = {**_FEW, "lr": 0.002, "model": {**_SLIM, "init": "kaiming"}}
LESSON_START = {"train_limit": 10_000, "epochs": 3, "model": _SLIM}
LESSON_CONV_LOCAL = {"train_limit": 10_000, "epochs": 20}
