"""Experiments about how the network learns: §4.1, §4.2, §5."""

from alexnet_lib.experiments.catalogue.sizes import LESSON, LESSON_START, LITE
from alexnet_lib.experiments.design import Comparison, Experiment

STILL = {"flip": False, "offsets": "centre"}  # every image as it is, its centre

AUGMENTATION = Experiment(
    name="augmentation",
    question="How much do crops and mirror images, colour noise, and ten views at the test lower "
    "the error?",
    common=LITE,
    lesson=LESSON,
    conditions={
        "none": STILL,
        "crops and mirrors": {},
        "crops, mirrors, colour": {"colour": "source2012"},
    },
    comparisons=(
        Comparison("crops and mirrors against none", ("crops and mirrors",), rival=("none",)),
        Comparison(
            "colour noise against none",
            ours=("crops, mirrors, colour",),
            rival=("crops and mirrors",),
            claim="colour",
        ),
        Comparison(
            "ten views against one",
            ours=("crops and mirrors",),
            rival=("crops and mirrors",),
            measure="ten",
            rival_measure="center",
            claim="ten_views",
        ),
    ),
)

# A constant rate: where it drops, the schedule and not the network decides when a run converges.
DROPOUT = Experiment(
    name="dropout",
    question="How many times longer does training take to converge with dropout, and what does "
    "that buy?",
    common={**LITE, "schedule": "constant", "epochs": 60},
    lesson={**LESSON, "epochs": 24},
    conditions={"dropout": {}, "no dropout": {"model": {"dropout_p": 0.0}}},
    comparisons=(
        Comparison(
            "epochs to converge, dropout against none",
            ours=("no dropout",),
            rival=("dropout",),
            measure="converged",
            kind="ratio",
            claim="dropout",
        ),
        Comparison("dropout against none", ours=("dropout",), rival=("no dropout",)),
    ),
)

WEIGHT_DECAY = Experiment(
    name="weight_decay",
    question="Does a weight decay of 0.0005 lower even the training error?",
    common=LITE,
    lesson=LESSON,
    conditions={"decay": {}, "no decay": {"weight_decay": 0.0}},
    comparisons=(
        Comparison(
            "training error, decay against none",
            ours=("decay",),
            rival=("no decay",),
            measure="train_error",
            claim="weight_decay",
        ),
        Comparison("test error, decay against none", ours=("decay",), rival=("no decay",)),
    ),
)

_STARTS = [(i, s) for s in ("centred", "standardised") for i in ("paper", "source2012", "torch")]

INIT = Experiment(
    name="init",
    question="Which first weights train at which scale of the inputs?",
    common={**LITE, "epochs": 6, "schedule": "constant"},
    lesson=LESSON_START,
    conditions={
        f"{init}, {scale}": {"model": {"init": init, "input_scale": scale}}
        for init, scale in [*_STARTS, ("kaiming", "standardised")]
    },
    comparisons=(
        Comparison(
            "training error, σ 0.03 in conv3–5 against 0.01",
            ours=("source2012, centred",),
            rival=("paper, centred",),
            measure="train_error",
        ),
        Comparison(
            "training error, inputs of 0–255 against standardised",
            ours=("source2012, centred",),
            rival=("source2012, standardised",),
            measure="train_error",
        ),
    ),
    seeds=3,
    tested=False,
)

_RULES = ("paper", "torch")

SCHEDULE = Experiment(
    name="schedule",
    question="Does it matter whether the rate stands inside the velocity, and whether it drops on "
    "a plateau or at set times?",
    common=LITE,
    lesson=LESSON,
    conditions={
        f"{rule}'s rule, {schedule}": {"optimiser": rule, "schedule": schedule}
        for schedule in ("plateau", "fixed")
        for rule in _RULES
    },
    comparisons=(
        *(
            Comparison(
                f"paper's rule against torch's, {schedule}",
                ours=(f"paper's rule, {schedule}",),
                rival=(f"torch's rule, {schedule}",),
            )
            for schedule in ("plateau", "fixed")
        ),
        Comparison(
            "plateau against set times",
            ours=tuple(f"{rule}'s rule, plateau" for rule in _RULES),
            rival=tuple(f"{rule}'s rule, fixed" for rule in _RULES),
        ),
    ),
)
