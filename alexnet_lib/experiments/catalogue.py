"""Every experiment of the course: sizes first, then the questions in the paper's order.

An experiment says what is common to its conditions, what makes it a lesson's size, and what each
condition changes. All of these are settings of `TrainConfig`.
"""

from collections.abc import Mapping
from itertools import combinations, product
from math import prod

from alexnet_lib.checks import InputError
from alexnet_lib.experiments.design import Comparison, Experiment, gain, merged
from alexnet_lib.experiments.ingredients import name_of

# --- Sizes --------------------------------------------------------------------------------------

# Level full, of most questions: all images, 30 epochs, drops at 25, 55 and 84 %.
LITE = {"preset": "cifar-lite"}

# Level lesson: a fifth of the images. With batches of 128, the few updates of so short a run leave
# half of all answers wrong.
_SHORT = {"epochs": 15, "drop_at": (0.7, 0.9), "batch_size": 32}
_FEW = {"train_limit": 10_000, "validation_size": 2_000, **_SHORT}
_SLIM = {"widths": (24, 48, 64, 64, 48), "hidden_units": 256}
_TODAY = {"init": "kaiming", "input_scale": "standardised"}  # learns within a few epochs

LESSON = {**_FEW, "model": {**_SLIM, **_TODAY}}

# Questions that this size cannot answer get one of their own: about all kernels; about inputs as
# large as the paper's; about the first weights themselves; about the authors' 13 % network.
WIDE = {**_FEW, "train_limit": 4_000, "model": {"hidden_units": 256, **_TODAY}}
CENTRED = {**_FEW, "lr": 0.001, "model": {**_SLIM, "init": "kaiming"}}
START = {**_FEW, "epochs": 3, "model": _SLIM}
CONV_LOCAL = {**_FEW, "epochs": 20}

# --- §3.1 ReLU: the race of Fig. 1 --------------------------------------------------------------

_RACE = {"preset": "four-layer", "schedule": "constant", "stop_at": 0.25, "validation_size": 500}


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
        common=_RACE,
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

# --- §3.2 Two towers ----------------------------------------------------------------------------

_ONE_GROUP = (1, 1, 1, 1, 1)

TOWERS = Experiment(
    "towers",
    "Do two towers beat one of half the kernels, and lose to a network that is not split?",
    {
        "two towers": {},
        # As in the authors' one-tower net, conv5 and the dense layers keep their size.
        "one tower": {"model": {"widths": (48, 128, 192, 192, 256), "groups": _ONE_GROUP}},
        "not split": {"model": {"groups": _ONE_GROUP}},
    },
    (gain("two towers", "one tower", claim="towers"), gain("not split", "two towers")),
    common=LITE,
    lesson=WIDE,
)

# --- §3.3 Response normalisation ----------------------------------------------------------------

# Equal widths and equal decay, unlike the two networks that the authors shipped.
_NONE, _PRINTED, _OF_11 = "no LRN", "LRN of §3.3", "LRN of the 11 % net"

LRN = Experiment(
    "lrn",
    "Does response normalisation lower the error of the authors' 13 % network to 11 %?",
    {
        _NONE: {},
        _PRINTED: {"model": {"normalisation": "paper"}},
        _OF_11: {"model": {"normalisation": "source2012"}},
    },
    (
        Comparison(_NONE, (_NONE,), kind="level", claim="lrn_without", same_data=True),
        Comparison(_OF_11, (_OF_11,), (_NONE,), kind="level", claim="lrn_with", same_data=True),
        gain(_OF_11, _NONE),
        gain(_PRINTED, _NONE),
    ),
    common={"preset": "conv-local"},
    lesson=CONV_LOCAL,
)

LRN_CIFAR = Experiment(
    "lrn-cifar",
    "Does response normalisation help AlexNet on CIFAR-10, as printed or as the code ran?",
    {
        _NONE: {"model": {"normalisation": None}},
        "LRN as printed": {},
        "LRN as run": {"model": {"normalisation": "source2012"}},
    },
    (gain("LRN as printed", _NONE), gain("LRN as run", _NONE)),
    common=LITE,
    lesson=CENTRED,
)

# --- §3.4 Overlapping pools ---------------------------------------------------------------------

# As in the authors' net without overlap, a padding makes up for the size of the maps: 3×3 in pool5.
APART = {"model": {"pool_kernel": 2, "paddings": (2, 2, 0, 1, 1)}}

OVERLAP = Experiment(
    "overlap",
    "Do pools of 3×3 pixels, 2 apart, beat pools of 2×2 that do not overlap?",
    {"overlapping": {}, "apart": APART},
    (gain("overlapping", "apart", claim="overlap"),),
    common=LITE,
    lesson=LESSON,
)

# --- §4.1 Crops, mirrors, colour ----------------------------------------------------------------

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
    common=LITE,
    lesson=LESSON,
)

# --- §4.2 Dropout -------------------------------------------------------------------------------

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
    common={**LITE, "schedule": "constant", "epochs": 60},
    lesson={**LESSON, "epochs": 20},
)

# --- §5 Decay, first weights, schedule ----------------------------------------------------------

_TRAINED = {"what": "training error", "measure": "train_error"}

WEIGHT_DECAY = Experiment(
    "weight_decay",
    "Does a weight decay of 0.0005 lower even the training error?",
    {"decay": {}, "no decay": {"weight_decay": 0.0}},
    (gain("decay", "no decay", **_TRAINED, claim="weight_decay"), gain("decay", "no decay")),
    common=LITE,
    lesson=LESSON,
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
    common={**LITE, "epochs": 6, "schedule": "constant"},
    lesson=START,
    seeds=3,
)

_PLATEAU = ("paper's rule, plateau", "torch's rule, plateau")
_FIXED = ("paper's rule, fixed", "torch's rule, fixed")

SCHEDULE = Experiment(
    "schedule",
    "Does it matter whether the rate is in the velocity, and when it drops?",
    {
        _PLATEAU[0]: {"optimiser": "paper", "schedule": "plateau"},
        _FIXED[0]: {"optimiser": "paper", "schedule": "fixed"},
        _PLATEAU[1]: {"optimiser": "torch", "schedule": "plateau"},
        _FIXED[1]: {"optimiser": "torch", "schedule": "fixed"},
    },
    (
        gain(*_PLATEAU),
        gain(*_FIXED),
        Comparison("plateau against set times", ours=_PLATEAU, rival=_FIXED),
    ),
    common=LITE,
    lesson=LESSON,
)

# --- §6 How good a network becomes --------------------------------------------------------------


def _levels(condition: str) -> tuple[Comparison, ...]:
    """The error itself, in both kinds of views."""
    return (
        Comparison("centre view", (condition,), kind="level"),
        Comparison("ten views", (condition,), measure="ten", kind="level"),
    )


ALEXNET224 = Experiment(
    "alexnet224",
    "What does the 224-pixel network, trained as long as in the paper, reach on CIFAR-10?",
    {"python train.py": {}},
    _levels("python train.py"),
    common={"preset": "plain"},
    seeds=3,
)

CIFAR = Experiment(
    "cifar",
    "What is the lowest error of the CIFAR-10 network with the ingredients of 2012 only?",
    {"cifar": {}},
    _levels("cifar"),
    common={"preset": "cifar", "epochs": 180},
    lesson=LESSON,
    seeds=3,
)

_FIVE = ("five networks",)

ENSEMBLE = Experiment(
    "ensemble",
    "How much better do five networks answer together than one alone?",
    {"five networks": {}},
    (
        Comparison(
            "five networks against one", _FIVE, _FIVE, rival_measure="member", claim="ensemble"
        ),
    ),
    common=LITE,
    lesson=LESSON,
    seeds=3,
    members=5,
)

# --- §7 Depth -----------------------------------------------------------------------------------

_SHORTER = {
    f"without {name}": {"model": {"left_out": (name,)}} for name in ("conv3", "conv4", "conv5")
}

DEPTH = Experiment(
    "depth",
    "What does it cost to leave out one of the middle layers?",
    {"whole": {}, **_SHORTER},
    (
        Comparison("whole against one layer less", ("whole",), tuple(_SHORTER), claim="depth"),
        *(gain("whole", name) for name in _SHORTER),
    ),
    common=LITE,
    lesson=LESSON,
)

# --- All at once: the board ---------------------------------------------------------------------

# What each ingredient's absence is. The last one follows from the others.
WITHOUT = {
    "ReLU": {"model": {"activation": "tanh"}},
    "LRN": {"model": {"normalisation": None}},
    "overlap": APART,
    "augmentation": STILL,
    "dropout": {"model": {"dropout_p": 0.0}},
}


def corners() -> list[tuple[str, ...]]:
    """The sixteen combinations that are run: their ingredients."""
    signs = [(*four, prod(four)) for four in product((1, -1), repeat=4)]
    return [tuple(n for n, s in zip(WITHOUT, row, strict=True) if s > 0) for row in signs]


def contrast(words: str, factors: tuple[str, ...]) -> Comparison:
    """Corners where the product of the factors' signs is + against the others.

    One factor gives its main effect. Two give their interaction: half of what the one gains when
    the other is present rather than absent.
    """
    sides: dict[bool, list[str]] = {True: [], False: []}
    for present in corners():
        absent = sum(factor not in present for factor in factors)
        sides[absent % 2 == 0].append(name_of(present))
    return Comparison(words, ours=tuple(sides[True]), rival=tuple(sides[False]))


BOARD = Experiment(
    "board",
    "What does each ingredient bring, and which of them need one another?",
    {
        name_of(present): merged(*(WITHOUT[name] for name in WITHOUT if name not in present))
        for present in corners()
    },
    (
        *(contrast(f"{name} against none", (name,)) for name in WITHOUT),
        *(contrast(f"{a} with {b}", (a, b)) for a, b in combinations(WITHOUT, 2)),
    ),
    common=LITE,
    lesson=LESSON,
    seeds=3,
)

# --- The list -----------------------------------------------------------------------------------

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        *(FIG1, FIG1_TODAY, TOWERS, LRN, LRN_CIFAR, OVERLAP),
        *(AUGMENTATION, DROPOUT, WEIGHT_DECAY, INIT, SCHEDULE),
        *(ALEXNET224, CIFAR, ENSEMBLE, DEPTH, BOARD),
    )
}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise InputError(f"there is no experiment {name!r}; expected one of {known}.")
    return EXPERIMENTS[name]
