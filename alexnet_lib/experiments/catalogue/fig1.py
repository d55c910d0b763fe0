"""Fig. 1 at full size: ReLU against tanh, under three sets of conditions."""

from alexnet_lib.experiments.design import Comparison, Experiment

_CONDITIONS = {
    "2012": {"input_scale": "centred", "init": "cuda-convnet"},
    "in between": {"input_scale": "standardised", "init": "cuda-convnet"},
    "today": {"input_scale": "standardised", "init": "torch"},
}
_RATES_2012 = {"relu": (0.0015, 0.003, 0.006), "tanh": (0.006, 0.012, 0.024)}
_RATES = (0.01, 0.03, 0.1)


def name_of(activation: str, conditions: str) -> str:
    """The name of a condition of this experiment."""
    return f"{activation}, {conditions}"


_GRID = [(activation, name) for name in _CONDITIONS for activation in ("relu", "tanh")]

# One size only: the paper's 25 % means something on all images alone. `epochs` is where a run is
# given up; tanh alone, and only under the conditions of 2012, comes near it.
FIG1 = Experiment(
    name="fig1",
    question="How many times sooner does a ReLU network reach 25 % training error than one with "
    "tanh, each at its own best learning rate, and which conditions decide it?",
    common={
        "preset": "four-layer",
        "schedule": "constant",
        "stop_at": 0.25,
        "validation_size": 500,
    },
    conditions={
        name_of(activation, name): {
            "epochs": 60 if (activation, name) == ("tanh", "2012") else 30,
            "model": {"activation": activation, **_CONDITIONS[name]},
        }
        for activation, name in _GRID
    },
    rates={
        name_of(activation, name): _RATES_2012[activation] if name == "2012" else _RATES
        for activation, name in _GRID
    },
    comparisons=tuple(
        Comparison(
            f"ReLU against tanh, {name}",
            ours=(name_of("relu", name),),
            rival=(name_of("tanh", name),),
            measure="epochs",
            kind="ratio",
            claim="fig1" if name == "2012" else "",
            same_data=True,
        )
        for name in _CONDITIONS
    ),
    seeds=3,
    tested=False,
)
