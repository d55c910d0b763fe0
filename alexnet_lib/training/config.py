"""One training run in one frozen record: every value checked before any data is touched."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from torch import nn

from alexnet_lib.checks import (
    InputError,
    WrongTypeError,
    check_choice,
    check_number,
    check_rising,
    check_whole,
)
from alexnet_lib.models.registry import (
    MODEL_NAMES,
    NetworkConfig,
    build_model,
    describe,
    describe_config,
    described_config,
    from_description,
    model_config,
)

CHOICES: dict[str, tuple[Any, ...]] = {
    "preset": (*MODEL_NAMES, None),
    "biases": ("paper", "source2012"),
    "optimiser": ("paper", "torch"),
    "schedule": ("plateau", "fixed", "constant"),
    "balance": (True, False),
    "flip": (True, False),
    "offsets": ("paper", "source2012", "centre"),
    "colour": (None, "paper", "source2012"),
    "mean_crop": ("aligned", "centre"),
    "test_weights": ("best", "last"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "deterministic": (True, False),
}

WHOLES = {  # least, most
    "epochs": (1, 10_000),
    "batch_size": (1, 16_384),
    "patience": (1, 1_000),
    "seed": (0, 2**31 - 1),
    "validation_size": (1, 1_000_000),
    "train_limit": (1, 10_000_000),
}

NUMBERS = {
    "lr": "(0, 10]",
    "momentum": "[0, 1)",
    "weight_decay": "[0, 1]",
    "stop_at": "(0, 1)",
    "colour_until": "[0, 1]",
}

_OPTIONAL = ("validation_size", "train_limit", "stop_at")  # None: see each in `TrainConfig`

# What the trainer reads of a network's own config.
_READ = ("num_classes", "input_size", "resize_to", "input_scale")

_PLAIN = (type(None), bool, int, float, str)


class Settings(Mapping[str, Any]):
    """A dict of plain values that nothing can change: equal ones have one hash.

    Rows become tuples, so that what comes back from JSON equals what went in.

    Raises:
        ValueError: not a mapping from names to plain values and rows of them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            raise InputError(
                f"model is {values!r}; expected a mapping from names of the network's settings to "
                "plain values."
            )
        self._values = {name: _frozen(name, value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return repr(self._values)


def _frozen(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_frozen(name, item) for item in value)
    if type(value) not in _PLAIN:
        raise InputError(f"model's {name} is {value!r}; expected a plain value, or a row of them.")
    return value


@dataclass(frozen=True)
class TrainConfig:
    """What a run does, from the network's name to the arithmetic (paper §4.1 and §5).

    Args:
        preset: the network, by name; `for_preset` also takes the recipe that goes with it. None:
            the network is described in `model`, or handed to the trainer.
        model: changes to the preset's own settings, such as `{"activation": "tanh"}`; without a
            preset, a whole description, as `models.registry.describe` gives it.
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
        balance: weigh each image's loss by the rarity of its class, so that all classes count the
            same; for sets of uneven classes.
        flip: mirror half of the training images.
        offsets: crops at n² (`paper`) or (n+1)² (`source2012`) places, or at the `centre` only.
        colour: PCA colour noise: None, by eigenvalues (`paper`) or by their roots (`source2012`).
        colour_until: share of the epochs with colour noise. The authors turned it off at the end.
        mean_crop: subtract the mean image `aligned` with the crop, or its `centre` from every crop.
        seed: of the first weights, of the split, of every epoch's order, views and masks.
        validation_size: training images held out for every decision, so that the test set decides
            nothing, as many of each class as its share. None: a tenth, which is 5,000 of
            CIFAR-10's 50,000.
        train_limit: train on so many images only; None means all.
        test_weights: tested in the end: those with the `best` validation error, or the `last`.
        precision: of activations; `auto` takes bfloat16 where this device is faster with it.
        device: `auto` takes CUDA, else MPS, else the CPU.
        deterministic: only algorithms that give the same bits each time; slower on a GPU.
    Raises:
        ValueError: a value is outside its range, with its name, value and range.
    """

    preset: str | None = None
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
    balance: bool = False
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
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        for name, (least, most) in WHOLES.items():
            if self._is_given(name):
                check_whole(name, getattr(self, name), least, most)
        for name, interval in NUMBERS.items():
            if self._is_given(name):
                check_number(name, getattr(self, name), interval)
        shares = check_rising("drop_at", self.drop_at, "(0, 1)")
        object.__setattr__(self, "drop_at", shares)  # a tuple: JSON has lists only
        object.__setattr__(self, "model", Settings(self.model))  # no longer the caller's own dict
        self._check_network()

    def _is_given(self, name: str) -> bool:
        return getattr(self, name) is not None or name not in _OPTIONAL

    def _check_network(self) -> None:
        """Refuse changes that the preset cannot take, changes to none, and unknown descriptions."""
        if self.preset is None:
            if self.model and "kind" not in self.model:
                raise InputError(
                    f"model is {self.model!r} and preset None; expected the preset that is to be "
                    "changed so, or a whole description with its kind."
                )
        elif "num_classes" in self.model:
            raise InputError("model sets num_classes; expected without: the data say how many.")
        if self.preset or self.model:
            self.network_config()

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

    @property
    def name(self) -> str:
        """The network's name, or its kind where it is described."""
        return self.preset or self.model.get("kind", "own network")

    def network(self, num_classes: int) -> nn.Module:
        """Build the network with its first weights.

        Args:
            num_classes: outputs of a preset; a description says for itself.
        Raises:
            InputError: the config names none.
        """
        if self.preset is not None:
            return build_model(self.preset, num_classes, self.seed, **self.model)
        if not self.model:
            raise InputError(
                "the config names no network (preset is None); expected a preset, or a network of "
                "your own for the trainer: model=…"
            )
        return from_description(self.model, seed=self.seed)

    def network_config(self) -> NetworkConfig:
        """The settings of the network that the config names, before it is built."""
        if self.preset is not None:
            return model_config(self.preset, **self.model)
        return described_config(self.model)

    def description(self, num_classes: int) -> dict[str, Any]:
        """What `models.registry.describe` says of the network that the config names.

        Args:
            num_classes: as in `network`.
        """
        if self.preset is not None:
            return describe_config(model_config(self.preset, num_classes, **self.model))
        kind = self.model.get("kind")
        return describe_config(self.network_config(), kind) if kind else {}

    def naming(self, network: nn.Module) -> "TrainConfig":
        """This config, which names no network yet, with the description of one.

        One that cannot be built again leaves the config without: it can be trained, not saved.

        Raises:
            InputError: the config names a network, and there can be only one.
            WrongTypeError: not a network, or one whose `config` does not say what it reads.
        """
        own = getattr(network, "config", None)
        if not isinstance(network, nn.Module) or not all(hasattr(own, name) for name in _READ):
            raise WrongTypeError(
                f"model is a {type(network).__name__}; expected a network with a config that has "
                f"{', '.join(_READ)}, such as those of models.registry: build_model(…)."
            )
        if self.preset is not None or self.model:
            raise InputError(
                f"the config names a network and another is handed over ({self.name} and a "
                f"{type(network).__name__}); expected one: leave out preset and model, or model=…"
            )
        try:
            return replace(self, model=describe(network))
        except InputError:
            return self

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON and for a checkpoint."""
        return {**vars(self), "model": dict(self.model)}

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
