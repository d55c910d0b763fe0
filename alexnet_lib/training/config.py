"""One training run in one frozen record: every value checked before any data is touched."""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, NamedTuple

from alexnet_lib.checks import InputError
from alexnet_lib.models.registry import MODEL_NAMES


class _Rule(NamedTuple):
    text: str
    allows: Callable[[Any], bool]


def _whole(low: int, high: int) -> _Rule:
    return _Rule(
        f"a whole number from {low:,} to {high:,}",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high,
    )


def _real(text: str, allows: Callable[[float], bool]) -> _Rule:
    return _Rule(
        f"a number {text}",
        lambda v: (
            isinstance(v, int | float)
            and not isinstance(v, bool)
            and math.isfinite(v)
            and allows(v)
        ),
    )


def _one_of(*words: str | None) -> _Rule:
    return _Rule("one of " + ", ".join(map(str, words)), lambda v: _is_text(v) and v in words)


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _or_none(rule: _Rule) -> _Rule:
    return _Rule(f"{rule.text}, or None", lambda v: v is None or rule.allows(v))


_YES_NO = _Rule("True or False", lambda v: isinstance(v, bool))

_SHARES = _Rule(
    "ascending shares of the run, each above 0 and below 1",
    lambda v: (
        isinstance(v, list | tuple)
        and all(isinstance(share, float) and 0 < share < 1 for share in v)
        and all(early < late for early, late in pairwise(v))
    ),
)

_CHANGES = _Rule(
    "a mapping from names of the model's settings to plain values",
    lambda v: isinstance(v, Mapping) and all(isinstance(name, str) for name in v),
)

_RULES = {
    "preset": _one_of(*MODEL_NAMES),
    "model": _CHANGES,
    "epochs": _whole(1, 10_000),
    "batch_size": _whole(1, 16_384),
    "lr": _real("above 0, at most 10", lambda v: 0 < v <= 10),
    "momentum": _real("from 0 to below 1", lambda v: 0 <= v < 1),
    "weight_decay": _real("from 0 to 1", lambda v: 0 <= v <= 1),
    "biases": _one_of("paper", "source2012"),
    "optimiser": _one_of("paper", "torch"),
    "schedule": _one_of("plateau", "fixed", "constant"),
    "patience": _whole(1, 1_000),
    "stop_at": _or_none(_real("above 0, below 1", lambda v: 0 < v < 1)),
    "drop_at": _SHARES,
    "flip": _YES_NO,
    "offsets": _one_of("paper", "source2012", "centre"),
    "colour": _one_of(None, "paper", "source2012"),
    "colour_until": _real("from 0 to 1", lambda v: 0 <= v <= 1),
    "mean_crop": _one_of("aligned", "centre"),
    "seed": _whole(0, 2**31 - 1),
    "validation_size": _or_none(_whole(1, 1_000_000)),
    "train_limit": _or_none(_whole(1, 10_000_000)),
    "test_weights": _one_of("best", "last"),
    "precision": _one_of("auto", "float32", "bfloat16"),
    "device": _one_of("auto", "cpu", "cuda", "mps"),
    "deterministic": _YES_NO,
}


@dataclass(frozen=True)
class TrainConfig:
    """What a run does, from the network's name to the arithmetic (paper §4.1 and §5).

    Args:
        preset: the network, by name; `for_preset` also takes the recipe that goes with it.
        model: changes to the network's own settings, such as `{"activation": "tanh"}`.
        epochs: passes over the training images. Paper: about 90.
        batch_size: images per step. Paper: 128.
        lr: first learning rate. Paper: 0.01.
        momentum: Paper: 0.9.
        weight_decay: Paper: 0.0005.
        biases: both without decay; `paper`, at the rate of the weights; `source2012`, at twice it.
        optimiser: `paper`, the rate inside the velocity as printed; `torch`, `torch.optim.SGD`.
        schedule: `plateau` (÷10 when the validation error stalls, as in the paper), `fixed` (÷10
            at `drop_at`) or `constant`.
        patience: epochs without progress before a plateau drop.
        drop_at: shares of the epochs after which `fixed` drops; as in the authors' log.
        stop_at: end the run after the first epoch with so low a training error; None: never.
        flip: mirror half of the training images.
        offsets: crops at n² (`paper`) or (n+1)² (`source2012`) places, or at the `centre` only.
        colour: PCA colour noise: None, by eigenvalues (`paper`) or by their roots (`source2012`).
        colour_until: share of the epochs with colour noise. The authors turned it off at the end.
        mean_crop: subtract the mean image `aligned` with the crop, or its `centre` from every crop.
        seed: of the first weights, of the split, of every epoch's order, views and masks.
        validation_size: training images held out for every decision, so that the test set decides
            nothing. None: a tenth, which is 5,000 of CIFAR-10's 50,000.
        train_limit: train on so many images only; None means all.
        test_weights: tested in the end: those with the `best` validation error, or the `last`.
        precision: of activations; `auto` takes bfloat16 where this device is faster with it.
        device: `auto` takes CUDA, else MPS, else the CPU.
        deterministic: only algorithms that give the same bits each time; slower on a GPU.
    Raises:
        ValueError: a value is outside its range, with its name, value and range.
    """

    preset: str = "plain"
    model: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 90
    batch_size: int = 128
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0005
    biases: str = "paper"
    optimiser: str = "paper"
    schedule: str = "plateau"
    patience: int = 5
    drop_at: tuple[float, ...] = (0.25, 0.55, 0.84)
    stop_at: float | None = None
    flip: bool = True
    offsets: str = "source2012"
    colour: str | None = None
    colour_until: float = 1.0
    mean_crop: str = "aligned"
    seed: int = 0
    validation_size: int | None = None
    train_limit: int | None = None
    test_weights: str = "best"
    precision: str = "auto"
    device: str = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            value = getattr(self, name)
            if not rule.allows(value):
                raise InputError(f"{name} is {value!r}; expected {rule.text}.")
        object.__setattr__(self, "drop_at", tuple(self.drop_at))  # JSON has lists only

    @classmethod
    def for_preset(cls, preset: str, **changes: Any) -> "TrainConfig":
        """Return the recipe that goes with a network, `changes` applied.

        Raises:
            ValueError: the preset or a name in `changes` does not exist, or a value is wrong.
        """
        return cls.from_dict({"preset": preset, **RECIPES.get(preset, {}), **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """Return the config that `to_dict` wrote.

        Raises:
            ValueError: a name does not exist (the nearest one is proposed), or a value is wrong.
        """
        known = [item.name for item in fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f" Did you mean {near[0]}?" if near else f" Known: {', '.join(known)}."
                raise InputError(f"Unknown setting {name!r}.{hint}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON and for a checkpoint."""
        return asdict(replace(self, model=dict(self.model)))

    def difference(self, other: "TrainConfig") -> list[str]:
        """Lines such as `lr: 0.01 -> 0.02`, one for each setting in which `other` differs."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [f"{k}: {mine[k]!r} -> {theirs[k]!r}" for k in mine if mine[k] != theirs[k]]

    def known_stall(self) -> str | None:
        """A sentence where this start is known to stay at chance for epochs, else None."""
        starts_small = self.model.get("init", self.preset) == "paper"
        if not starts_small or self.lr < 0.003:
            return None
        return (
            f"Starting weights as printed (σ 0.01 in every layer) with lr {self.lr} are known to "
            "stay at chance level for epochs. `--lr 0.001` trains, and so does "
            "`--preset source2012`, with the σ of 0.03 that the authors' code used."
        )


_AUTHORS = {
    "biases": "source2012",
    "colour": "source2012",
    "colour_until": 0.73,  # their log: noise off at epoch 68 of 93
    "schedule": "fixed",
}

# What goes with each network. Everything not named is the default above, which is §5.
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {"offsets": "paper", "colour": "paper"},
    "source2012": {"mean_crop": "centre", **_AUTHORS},
    "cifar": _AUTHORS,
    "cifar-lite": {"epochs": 30, "biases": "source2012", "schedule": "fixed"},
    "conv-local": {
        "epochs": 120,
        "lr": 0.001,
        "weight_decay": 0.004,
        "biases": "source2012",
        "schedule": "fixed",
        "drop_at": (0.85, 0.95),  # the authors: 500 epochs, then 10 and 10 more
    },
    # Fig. 1: "not regularized in any way", the rate tuned for ReLU.
    "four-layer": {
        "epochs": 12,
        "lr": 0.003,
        "weight_decay": 0.0,
        "flip": False,
        "schedule": "fixed",
    },
}
