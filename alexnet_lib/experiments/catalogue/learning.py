"""Experiments about how the network learns: §4.1, §4.2, §5."""

from alexnet_lib.experiments.catalogue.sizes import LESSON, LITE, START
from alexnet_lib.experiments.design import Comparison, Experiment, gain

STILL = {"flip": False, "offsets": "centre"}  # every image as it is, its centre
_MOVED, _COLOURED = "crops and mirrors", "crops, mirrors, colour"

AUGMENTATION = Experiment(
    "augmentation",
    "How much do crops and mirror images, colour noise, and ten views at the test help?",
    {"none": STILL, _MOVED: {}, _COLOURED: {"colour": "source2012"}},
    (
        gain(_MOVED, "none"),
        gain(_COLOURED, _MOVED, claim="colour"),
        Comparison(
            "ten views against one", (_MOVED,), (_MOVED,), "ten", "center", claim="ten_views"
        ),
    ),
    LITE,
    LESSON,
)

_WITH, _WITHOUT = "dropout", "no dropout"

# A constant rate: where it drops, the schedule and not the network decides when a run converges.
DROPOUT = Experiment(
    "dropout",
    "How many times longer does training take to converge with dropout, and what does that buy?",
    {_WITH: {}, _WITHOUT: {"model": {"dropout_p": 0.0}}},
    (
        gain(_WITHOUT, _WITH, "epochs", measure="converged", kind="ratio", claim="dropout"),
        gain(_WITH, _WITHOUT),
    ),
    {**LITE, "schedule": "constant", "epochs": 60},
    {**LESSON, "epochs": 20},
)

_TRAINED = {"what": "training error", "measure": "train_error"}

WEIGHT_DECAY = Experiment(
    "weight_decay",
    "Does a weight decay of 0.0005 lower even the training error?",
    {"decay": {}, "no decay": {"weight_decay": 0.0}},
    (gain("decay", "no decay", **_TRAINED, claim="weight_decay"), gain("decay", "no decay")),
    LITE,
    LESSON,
)

_STARTS = (
    *((init, "centred") for init in ("paper", "source2012", "torch")),
    *((init, "standardised") for init in ("paper", "source2012", "torch", "kaiming")),
)

INIT = Experiment(
    "init",
    "Which first weights train at which scale of the inputs?",
    {
        f"{init}, {scale}": {"model": {"init": init, "input_scale": scale}}
        for init, scale in _STARTS
    },
    (
        gain("source2012, centred", "paper, centred", **_TRAINED),
        gain("source2012, centred", "source2012, standardised", **_TRAINED),
        gain("torch, centred", "torch, standardised", **_TRAINED),
        gain("kaiming, standardised", "torch, standardised", **_TRAINED),
    ),
    {**LITE, "epochs": 6, "schedule": "constant"},
    START,
    seeds=3,
)

_PAPER, _TORCH = (
    {
        f"{rule}'s rule, {name}": {"optimiser": rule, "schedule": name}
        for name in ("plateau", "fixed")
    }
    for rule in ("paper", "torch")
)
_PLATEAU, _FIXED = zip(_PAPER, _TORCH, strict=True)

SCHEDULE = Experiment(
    "schedule",
    "Does it matter whether the rate is in the velocity, and when it drops?",
    {**_PAPER, **_TORCH},
    (
        gain(*_PLATEAU),
        gain(*_FIXED),
        Comparison("plateau against set times", ours=_PLATEAU, rival=_FIXED),
    ),
    LITE,
    LESSON,
)
