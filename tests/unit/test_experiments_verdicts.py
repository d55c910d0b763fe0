"""Each verdict from hand-made records, by the rule in the module; intervals against a table."""

import math

import pytest
from recordfiles import made_record, write_record

from alexnet_lib.course.figures.overview import claims_table
from alexnet_lib.experiments import verdicts
from alexnet_lib.experiments.catalogue import experiment
from alexnet_lib.experiments.measures import MEASURES, compare, outcome_words
from alexnet_lib.experiments.verdicts import judge, ledger, verdict_words
from alexnet_lib.paper.facts import CLAIMS

pytestmark = pytest.mark.usefixtures("home")
CLAIM = {claim.id: claim for claim in CLAIMS}
VERDICTS = {"reproduced", "same direction", "not seen", "not testable here", "not yet run"}


def with_errors(*errors, views="center"):
    """Runs with these test errors, seed by seed."""
    return [{"test": {views: error}} for error in errors]


def arriving(*epochs, of=100):
    """Runs that fall to 25 % with that epoch, or not in `of` epochs for None."""
    return [{"train_error": [0.5] * (n - 1) + [0.25] if n else [0.5] * of} for n in epochs]


def verdict_on(claim_id, record):
    (comparison,) = (c for c in experiment(record["experiment"]).comparisons if c.claim == claim_id)
    return judge(CLAIM[claim_id], comparison, record)


def fig1(relu, tanh):
    return made_record("fig1", {"relu, 2012": relu, "tanh, 2012": tanh})


@pytest.mark.parametrize(
    ("relu", "tanh", "verdict"),
    [
        ((8, 7, 8), (46, 45, 46), "reproduced"),  # 5.75, 6.43, 5.75: 4.99 to 6.96
        ((8, 8, 8), (24, 24, 25), "same direction"),  # about 3.0
        ((8, 8, 8), (80, 80, 81), "same direction"),  # ten times is not six times
        ((8, 7, 9), (8, 9, 7), "not seen"),
        ((24, 24, 25), (8, 8, 8), "not seen"),  # the other way round
        ((8,), (48,), "not yet run"),  # one seed has no interval
        ((8, None), (48, 48), "not seen"),  # ReLU never arrives
    ],
)
def test_a_ratio_that_the_paper_measured_on_the_same_data(relu, tanh, verdict):
    assert verdict_on("fig1", fig1(arriving(*relu), arriving(*tanh))) == verdict


def test_a_rival_that_never_arrives_gives_a_lower_bound():
    record = fig1(arriving(8, 8), arriving(None, None, of=40))
    comparison = experiment("fig1").comparisons[0]
    outcome = compare(record, comparison)
    assert outcome.at_least and outcome.by_seed == {0: 5.0, 1: 5.0}
    assert "at least 5.0×" in outcome_words(record, comparison)
    assert verdict_on("fig1", record) == "same direction"  # six or sixty, nobody has seen it


@pytest.mark.parametrize(
    ("overlapping", "apart", "verdict"),
    [
        ((0.200, 0.210, 0.190), (0.204, 0.214, 0.194), "same direction"),  # size counts not
        ((0.20, 0.21, 0.19), (0.19, 0.22, 0.20), "not seen"),
        ((0.25, 0.26, 0.25), (0.20, 0.20, 0.20), "not seen"),
        ((0.20,), (0.30,), "not yet run"),
    ],
)
def test_a_difference_that_the_paper_measured_on_imagenet(overlapping, apart, verdict):
    runs = {"overlapping": with_errors(*overlapping), "apart": with_errors(*apart)}
    assert verdict_on("overlap", made_record("overlap", runs)) == verdict


@pytest.mark.parametrize(
    ("without", "with_lrn", "verdicts"),
    [
        ((0.131, 0.129, 0.130), (0.111, 0.109, 0.110), ("reproduced", "reproduced")),
        ((0.120, 0.121, 0.120), (0.140, 0.140, 0.141), ("reproduced", "not seen")),
        ((0.180, 0.181, 0.180), (0.160, 0.161, 0.160), ("not seen", "same direction")),
    ],
)
def test_errors_are_reproduced_where_they_are_reached(without, with_lrn, verdicts):
    runs = {"no LRN": with_errors(*without), "LRN of the 11 % net": with_errors(*with_lrn)}
    record = made_record("lrn", runs)
    found = tuple(verdict_on(claim, record) for claim in ("lrn_without", "lrn_with"))
    assert found == verdicts


def test_lesson_sized_runs_decide_between_networks_but_not_how_good_one_can_be():
    runs = {"no LRN": with_errors(0.5, 0.51), "LRN of the 11 % net": with_errors(0.48, 0.49)}
    record = made_record("lrn", runs, "lesson")
    found = tuple(verdict_on(claim, record) for claim in ("lrn_without", "lrn_with"))
    assert found == ("not yet run", "same direction")


def test_a_side_of_several_conditions_is_their_mean_within_a_seed():
    shorter = {f"without conv{n}": with_errors(0.1 + n / 100, 0.2 + n / 100) for n in (3, 4, 5)}
    record = made_record("depth", {"whole": with_errors(0.12, 0.22), **shorter})
    outcome = compare(record, experiment("depth").comparisons[0])
    assert outcome.by_seed == pytest.approx({0: 0.02, 1: 0.02})
    assert verdict_on("depth", record) == "same direction"


def test_views_and_members_are_compared_within_a_run():
    runs = [{"test": {"center": 0.20, "ten": 0.18}}, {"test": {"center": 0.22, "ten": 0.19}}]
    record = made_record("augmentation", {"crops and mirrors": runs})
    comparison = experiment("augmentation").comparisons[2]
    assert compare(record, comparison).by_seed == pytest.approx({0: 0.02, 1: 0.03})


def test_convergence_is_judged_by_the_validation_error():
    fast = {"validation_error": [0.5, 0.305, 0.31, 0.30]}  # within a point after 2 epochs
    slow = {"validation_error": [0.5, 0.5, 0.5, 0.30]}
    runs = {"no dropout": [fast, fast], "dropout": [slow, slow]}
    outcome = compare(made_record("dropout", runs), experiment("dropout").comparisons[0])
    assert outcome.value.estimate == pytest.approx(3.95 / (1 + 0.19 / 0.195), rel=0.01)


@pytest.mark.parametrize(
    ("errors", "outcome", "epochs"),
    [
        ([0.995, 0.993, 1.0], "finished", 1),  # within a point of its best, which is near 1
        ([1.0, 0.98, 0.96], "finished", 2.5),
        ([0.9, 0.5], "diverged", math.inf),
        ([], "diverged", math.inf),
    ],
)
def test_a_run_that_learns_next_to_nothing_converges_and_one_that_diverges_never(
    errors, outcome, epochs
):
    run = {"validation_error": errors, "outcome": outcome}
    assert MEASURES["converged"](run) == pytest.approx(epochs)


def test_a_run_that_was_to_stop_nowhere_never_arrives():
    assert MEASURES["epochs"]({"train_error": [0.5, 0.1], "stop_at": None}) == math.inf


def test_a_run_that_diverged_leaves_no_number():
    wild = {"outcome": "diverged", "train_error": [], "validation_error": [], "test": {}}
    runs = {"overlapping": with_errors(0.2, 0.2), "apart": [wild, *with_errors(0.3)]}
    record = made_record("overlap", runs)
    comparison = experiment("overlap").comparisons[0]
    assert compare(record, comparison).value is None
    assert "diverged or never arrived" in outcome_words(record, comparison)
    assert verdict_on("overlap", record) == "not seen"


def test_intervals_are_those_of_students_table():
    runs = {"overlapping": with_errors(0.20, 0.21, 0.22), "apart": with_errors(0.21, 0.23, 0.25)}
    value = compare(made_record("overlap", runs), experiment("overlap").comparisons[0]).value
    half = 4.303 * 0.01 / math.sqrt(3)  # differences of 1, 2 and 3 points
    assert tuple(value) == pytest.approx((0.02, 0.02 - half, 0.02 + half), abs=1e-5)


def test_without_records_only_arithmetic_has_a_verdict():
    found = {entry.claim.id: entry for entry in ledger()}
    assert list(found) == [claim.id for claim in CLAIMS]
    assert {entry.verdict for entry in found.values()} <= VERDICTS
    for name, ours in (("parameters", "60,965,224"), ("neurons", "659,272"), ("views", "2,048")):
        assert str(found[name]) == f"reproduced: {ours} (arithmetic)"
    assert str(found["fig1"]) == "not yet run"
    assert str(found["ilsvrc2010_top1"]) == "not testable here"


def test_arithmetic_that_is_off_is_not_reproduced(monkeypatch):
    monkeypatch.setattr(verdicts, "_counted", lambda claim_id: 622_312)
    found = {entry.claim.id: entry.verdict for entry in ledger()}
    assert found["neurons"] == "not seen"


def test_the_ledger_reads_records_and_reaches_the_course_table():
    runs = {"overlapping": with_errors(0.200, 0.210), "apart": with_errors(0.204, 0.2141)}
    write_record(made_record("overlap", runs, level="lesson"))
    (entry,) = (entry for entry in ledger() if entry.claim.id == "overlap")
    assert (entry.verdict, entry.seeds) == ("same direction", 2)
    assert entry.source == "overlap, CIFAR-10 (JPEG copy), 15 epochs of 10,000 images"
    table = claims_table(CLAIMS, verdict_words())
    assert "same direction: +0.4 points" in table and "not testable here" in table
