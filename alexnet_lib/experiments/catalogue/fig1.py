"""Fig. 1 at full size: ReLU against tanh, first as in 2012, then under today's conditions."""

from collections.abc import Mapping

from alexnet_lib.experiments.design import Comparison, Experiment


def _race(name: str, question: str, conditions: Mapping, rates: Mapping) -> Experiment:
    """Both networks under each condition, every one at the best of its own rates.

    There is one size only: the paper's 25 % means something on all images alone. `epochs` is where
    a run is given up; tanh alone, and only under the conditions of 2012, comes near it.
    """
    grid = {f"{f}, {where}": (f, where) for where in conditions for f in ("relu", "tanh")}
    return Experiment(
        name,
        question,
        {
            key: {
                "epochs": 60 if key == "tanh, 2012" else 30,
                "model": {"activation": activation, **conditions[where]},
            }
            for key, (activation, where) in grid.items()
        },
        tuple(
            Comparison(
                f"ReLU against tanh, {where}",
                ours=(f"relu, {where}",),
                rival=(f"tanh, {where}",),
                measure="epochs",
                kind="ratio",
                claim="fig1" if where == "2012" else "",
                same_data=True,
            )
            for where in conditions
        ),
        {"preset": "four-layer", "schedule": "constant", "stop_at": 0.25, "validation_size": 500},
        seeds=3,
        rates={key: rates[f] for key, (f, _) in grid.items()},
    )


# The likely best rate first: one on trial is given up once it can no longer arrive before another.
FIG1 = _race(
    "fig1",
    "How many times sooner does a ReLU network reach 25 % training error than one with tanh, each "
    "at its own best learning rate, from the weights and inputs of 2012?",
    {"2012": {"input_scale": "centred", "init": "cuda-convnet"}},
    {"relu": (0.003, 0.0015, 0.006), "tanh": (0.012, 0.006, 0.024)},
)
FIG1_TODAY = _race(
    "fig1-today",
    "What is left of the factor of Fig. 1 with today's inputs, and with today's first weights too?",
    {
        "in between": {"input_scale": "standardised", "init": "cuda-convnet"},
        "today": {"input_scale": "standardised", "init": "torch"},
    },
    {"relu": (0.03, 0.01, 0.1), "tanh": (0.03, 0.01, 0.1)},
)
