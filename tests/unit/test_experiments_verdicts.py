"""Each verdict from hand-made records, by the rule in the module; intervals against a table."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordfiles import made_record, write_record

from alexnet_lib.course.figures.overview import claims_table
from alexnet_lib.experiments import verdicts
from alexnet_lib.experiments.catalogue import EXPERIMENTS, experiment
from alexnet_lib.experiments.design import Comparison, Experiment
from alexnet_lib.experiments.measures import (
    MEASURES,
    compare,
    corner_error,
    effects,
    outcome_words,
)
from alexnet_lib.experiments.verdicts import find, judge, ledger, verdict_words
from alexnet_lib.paper.facts import CLAIMS
from alexnet_lib.training.evaluation import pack_bits

pytestmark = pytest.mark.usefixtures("home")
CLAIM = {claim.id: claim for claim in CLAIMS}
RANKS = ("not seen", "cannot tell", "same direction", "reproduced")  # from worst to best
VERDICTS = {*RANKS, "not testable here", "not yet run"}


def with_errors(*errors, views="center"):
    """Runs with these test errors, seed by seed."""
    return [{"test": {views: error}} for error in errors]


def arriving(*epochs, of=100):
    """Runs that fall to 25 % with that epoch, or not in `of` epochs for None."""
    return [{"train_error": [0.5] * (n - 1) + [0.25] if n else [0.5] * of} for n in epochs]


def verdict_on(claim_id, record):
    (comparison,) = (c for c in experiment(record["experiment"]).comparisons if c.claim == claim_id)
    return judge(CLAIM[claim_id], find(CLAIM[claim_id], comparison, record))


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
        ((8, None), (48, 48), "cannot tell"),  # a ReLU run was stopped too early
        ((8, 2), (8, 24), "cannot tell"),  # two seeds could have missed a factor of six
        ((8, 8, 8), (160, 64, 240), "same direction"),  # 17, and 6 in so wide an interval
    ],
)
def test_a_ratio_that_the_paper_measured_on_the_same_data(relu, tanh, verdict):
    assert verdict_on("fig1", fig1(arriving(*relu), arriving(*tanh))) == verdict


def test_a_rival_that_never_arrives_gives_a_lower_bound():
    record = fig1(arriving(8, 8), arriving(None, None, of=40))
    comparison = experiment("fig1").comparisons[0]
    outcome = compare(record, comparison)
    assert outcome.bound == "at least" and outcome.by_seed == pytest.approx({0: 5.0, 1: 5.0})
    assert "at least 5.0×" in outcome_words(record, comparison)
    assert verdict_on("fig1", record) == "same direction"  # six or sixty, nobody has seen it


@pytest.mark.parametrize(
    ("overlapping", "apart", "verdict"),
    [
        ((0.200, 0.210, 0.190), (0.204, 0.214, 0.194), "same direction"),  # size counts not
        ((0.20, 0.21, 0.19), (0.19, 0.22, 0.20), "cannot tell"),  # 0.4 points could be missed
        ((0.200, 0.210, 0.190), (0.2001, 0.2099, 0.1900), "not seen"),
        ((0.25, 0.26, 0.25), (0.20, 0.20, 0.20), "not seen"),  # the other way round
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


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ((0.13, 0.16), "not seen"),  # the mean is 14.5 %, however wide the interval
        ((0.112, 0.1121, 0.1119, 0.112, 0.1121), "reproduced"),  # 11 %, as the paper rounds
        ((0.04, 0.18), "not seen"),  # on the mean, but one run is far from it
        ((0.05, 0.06), "reproduced"),
        ((0.119, 0.120, 0.119), "not seen"),
    ],
)
def test_an_error_is_reproduced_where_it_is_met_and_not_where_an_interval_reaches(errors, verdict):
    runs = {"no LRN": with_errors(*errors), "LRN of the 11 % net": with_errors(*errors)}
    assert verdict_on("lrn_with", made_record("lrn", runs)) == verdict


SOME = st.lists(st.integers(800, 1700), min_size=2, max_size=6)  # wrong of 10,000


def lrn(errors, rivals):
    errors, rivals = (with_errors(*(e / 1e4 for e in some)) for some in (errors, rivals))
    return made_record("lrn", {"no LRN": rivals, "LRN of the 11 % net": errors})


def rank(errors, rivals):
    return RANKS.index(verdict_on("lrn_with", lrn(errors, rivals)))


@settings(max_examples=60, deadline=None)
@given(SOME, st.integers(0, 300), st.integers(0, 500))
def test_fewer_errors_or_more_seeds_never_make_a_verdict_worse(errors, gain, better):
    rivals = [e + gain + 7 * place for place, e in enumerate(errors)]
    before = rank(errors, rivals)
    assert rank([e - better for e in errors], rivals) >= before
    assert rank(2 * errors, 2 * rivals) >= before


@settings(max_examples=60, deadline=None)
@given(SOME, st.integers(0, 5), st.integers(0, 700))
def test_an_error_that_is_met_stays_so_when_any_one_run_errs_less(errors, which, better):
    fewer = [e - better * (place == which) for place, e in enumerate(errors)]
    before, after = (verdict_on("lrn_without", lrn(e, e)) for e in (errors, fewer))
    assert before == "not seen" or after == "reproduced"


def test_lesson_sized_runs_decide_between_networks_but_not_how_good_one_can_be():
    runs = {"no LRN": with_errors(0.5, 0.51), "LRN of the 11 % net": with_errors(0.48, 0.49)}
    record = made_record("lrn", runs, "lesson")
    found = tuple(verdict_on(claim, record) for claim in ("lrn_without", "lrn_with"))
    assert found == ("not yet run", "same direction")
    runs["no LRN"] = with_errors(0.48, 0.49)
    assert verdict_on("lrn_with", made_record("lrn", runs, "lesson")) == "cannot tell"


def test_one_two_hundredth_of_an_image_is_no_effect():
    """The recorded runs: their interval left out 0 by 0.005 images of 10,000."""
    with_lrn, without = (0.3318, 0.3365, 0.3364), (0.3340, 0.3406, 0.3385)
    record = made_record(
        "lrn",
        {"no LRN": with_errors(*without), "LRN of the 11 % net": with_errors(*with_lrn)},
        "lesson",
    )
    (claim,) = (c for c in experiment("lrn").comparisons if c.claim == "lrn_with")
    finding = find(CLAIM["lrn_with"], claim, record)
    assert finding.p_value < 0.05 and 0 < finding.effect.value.low < 1e-6
    assert judge(CLAIM["lrn_with"], finding) == "cannot tell"


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
    fast = {"validation_error": [0.5, 0.305, 0.31, 0.30, 0.30]}  # within a point after 2 epochs
    slow = {"validation_error": [0.5, 0.5, 0.5, 0.30, 0.30]}
    runs = {"no dropout": [fast, fast], "dropout": [slow, slow]}
    outcome = compare(made_record("dropout", runs), experiment("dropout").comparisons[0])
    assert outcome.value.estimate == pytest.approx(3.95 / (1 + 0.19 / 0.195), rel=0.01)


@pytest.mark.parametrize(
    ("without", "with_dropout", "bound", "verdict"),
    [
        ([0.5, 0.3, 0.3], [0.5, 0.3, 0.29], "at least", "cannot tell"),  # its best is its last
        ([0.3] * 9, [0.5] * 8 + [0.3], "at least", "same direction"),
        ([0.5, 0.4, 0.3], [0.5, 0.3, 0.3], "at most", "cannot tell"),
        ([0.5, 0.4, 0.3], [0.5, 0.4, 0.3], "no bound", "cannot tell"),
    ],
)
def test_a_run_whose_best_epoch_is_its_last_gives_a_bound(without, with_dropout, bound, verdict):
    runs = {"no dropout": [without] * 3, "dropout": [with_dropout] * 3}
    runs = {name: [{"validation_error": curve} for curve in some] for name, some in runs.items()}
    record = made_record("dropout", runs)
    outcome = compare(record, experiment("dropout").comparisons[0])
    assert outcome.bound == bound and (outcome.estimate is None) == (bound == "no bound")
    words = (
        "no number: runs of both sides were stopped too early" if outcome.value is None else bound
    )
    assert words in outcome_words(record, experiment("dropout").comparisons[0])
    assert verdict_on("dropout", record) == verdict


def test_epochs_to_a_fixed_error_are_a_bound_where_a_run_never_comes_there():
    take = MEASURES["reached"]
    run = {"validation_error": [0.5, 0.4, 0.2], "outcome": "finished"}
    assert take(run) == 2.5 and take({**run, "outcome": "diverged"}) == math.inf
    comparison = Comparison("epochs", ("no dropout",), ("dropout",), "reached", kind="ratio")
    late = {"validation_error": [0.5] * 5, "train_error": [0.5] * 5}
    record = made_record("dropout", {"no dropout": [run] * 2, "dropout": [late, run]})
    outcome = compare(record, comparison)
    assert outcome.bound == "at least" and outcome.by_seed == pytest.approx({0: 2.0, 1: 1.0})
    assert MEASURES["settled"]({"settled": 0.02}) == 0.02
    assert MEASURES["settled"]({}) == math.inf


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
    assert "no number: a run diverged" in outcome_words(record, comparison)
    assert verdict_on("overlap", record) == "cannot tell"


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


def test_an_effect_must_survive_all_the_others_that_are_tested():
    """Alone p is 0.03; among three, of which the others are not there, that is no news."""
    two, one = with_errors(0.20, 0.21, 0.22), with_errors(0.211, 0.229, 0.240)
    write_record(made_record("towers", {"two towers": two, "one tower": one}))
    found = {entry.claim.id: entry for entry in ledger()}["towers"]
    assert 0.02 < found.p < 0.05 and found.verdict == "same direction"
    same = with_errors(0.2, 0.21)
    write_record(made_record("overlap", {"overlapping": same, "apart": same[::-1]}))
    shorter = {f"without conv{n}": same for n in (3, 4, 5)}
    write_record(made_record("depth", {"whole": same[::-1], **shorter}))
    later = {entry.claim.id: entry for entry in ledger()}["towers"]
    assert later.p == pytest.approx(3 * found.p)
    assert (later.verdict, later.needs) == ("cannot tell", "more runs")


def test_what_cannot_be_told_says_what_it_would_take():
    runs = {"overlapping": with_errors(0.20, 0.21, 0.19), "apart": with_errors(0.19, 0.22, 0.20)}
    for level, words in (("full", "about 68 seeds"), ("lesson", "longer runs of all images")):
        write_record(made_record("overlap", runs, level))
        (entry,) = (entry for entry in ledger() if entry.claim.id == "overlap")
        assert entry.verdict == "cannot tell" and words in entry.needs
        assert "would have seen 3.8 points; covers training seeds only)" in str(entry)
        assert str(entry).endswith(f"). It would take {entry.needs}")


def test_the_last_experiment_on_a_claim_that_has_a_record_judges(monkeypatch):
    newer = replace(experiment("overlap"), name="newer")
    monkeypatch.setitem(EXPERIMENTS, "newer", newer)
    runs = {"overlapping": with_errors(0.200, 0.210), "apart": with_errors(0.204, 0.2141)}
    write_record(made_record("overlap", runs))
    assert {e.claim.id: e for e in ledger()}["overlap"].finding.name == "overlap"
    write_record(made_record("newer", runs))
    assert {e.claim.id: e for e in ledger()}["overlap"].finding.name == "newer"


# --- Test images as well as seeds ---------------------------------------------------------------


def bits(*shares, count=200, seed=0):
    """Runs with these errors, of the same images, and which of them were right."""
    hard = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    right = [hard > share for share in shares]
    return [
        {"test": {"center": 1 - float(r.double().mean())}, "correct": {"center": pack_bits(r)}}
        for r in right
    ]


def test_intervals_say_whether_they_cover_the_test_images():
    apart, overlapping = bits(0.30, 0.34, 0.31), bits(0.25, 0.27, 0.26)
    comparison = experiment("overlap").comparisons[0]
    kept = compare(made_record("overlap", {"overlapping": overlapping, "apart": apart}), comparison)
    assert kept.covers == "training seeds and test images"
    bare = [{"test": run["test"]} for run in apart]
    lost = compare(made_record("overlap", {"overlapping": overlapping, "apart": bare}), comparison)
    assert lost.covers == "training seeds only"
    assert kept.value.estimate == pytest.approx(lost.value.estimate)
    assert kept.value.low < lost.value.low and kept.smallest > lost.smallest


def test_images_alone_can_be_too_few():
    """Three runs that are nearly alike: more of them would not help 200 images."""
    apart, overlapping = bits(0.30, 0.305, 0.30), bits(0.305, 0.30, 0.30, seed=1)
    write_record(made_record("overlap", {"overlapping": overlapping, "apart": apart}))
    (entry,) = (entry for entry in ledger() if entry.claim.id == "overlap")
    assert entry.needs == "more test images than there are"


# --- A factorial --------------------------------------------------------------------------------

FACTORS = ("a", "b", "c", "d")
CORNERS = {
    " + ".join(n for n, sign in zip(FACTORS, row, strict=True) if sign > 0) or "none": row
    for row in ((*three, math.prod(three)) for three in product((1, -1), repeat=3))
}


def side(factor, sign):
    return tuple(name for name, row in CORNERS.items() if row[FACTORS.index(factor)] == sign)


SMALL = Experiment(
    "small", "Which of four?", {name: {"seed": place} for place, name in enumerate(CORNERS)},
    (
        Comparison("a against none", side("a", 1), side("a", -1), claim="overlap"),
        Comparison("epochs", side("a", -1), side("a", 1), "reached", kind="ratio"),
        Comparison("views", tuple(CORNERS), tuple(CORNERS), "ten", "center"),
        Comparison("all", tuple(CORNERS), kind="level"),
    ),
    {"preset": "cifar-lite"}, factors=FACTORS, pairs=(("a", "b"),),
)  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """A record of eight runs, an error each: 30 % less 2 points for a, and noise."""
    monkeypatch.setitem(EXPERIMENTS, "small", SMALL)
    noise = 0.01 * torch.randn(8, generator=torch.Generator().manual_seed(0)).double().numpy()
    runs = {
        name: [{
            "seed": place,  # each run has its own
            "test": {"center": 0.3 - 0.01 * row[0] + e, "ten": 0.29 - 0.01 * row[0] + e / 2},
            "validation_error": [0.5, 0.29] if row[0] < 0 else [0.9, 0.8, 0.29 + abs(e) / 10],
        }]
        for place, ((name, row), e) in enumerate(zip(CORNERS.items(), noise, strict=True))
    }  # fmt: skip
    return made_record("small", runs, seeds=list(range(8)))


def test_an_effect_of_a_factorial_rests_on_all_runs(small):
    outcome = compare(small, SMALL.comparisons[0])
    y = np.array([run["test"]["center"] for run in small["runs"]])
    a, b, c, _ = np.array(list(CORNERS.values())).T
    assert outcome.value.estimate == pytest.approx(y[a < 0].mean() - y[a > 0].mean())
    assert (outcome.runs, outcome.estimate.freedom) == (8, 2)  # two pairs of pairs have no term
    noise = [(a * c) @ y / 8, (b * c) @ y / 8]
    error = math.sqrt(sum(8 * part**2 for part in noise) / 2) * math.sqrt(2 / 4)
    assert outcome.estimate.error == pytest.approx(error)
    assert outcome.value.high - outcome.value.estimate == pytest.approx(4.3027 * error, rel=1e-4)
    assert effects(small)["a",].value == pytest.approx(outcome.value.estimate)
    assert set(effects(small)) == {("a",), ("b",), ("c",), ("d",), ("a", "b")}
    small["runs"][3]["test"] = {}
    assert compare(small, SMALL.comparisons[0]).value is None and effects(small) == {}


def test_ratios_of_a_factorial_are_geometric_means(small):
    outcome = compare(small, SMALL.comparisons[1])
    epochs = {run["condition"]: MEASURES["reached"](run) for run in small["runs"]}
    logs = [[math.log(epochs[name]) for name in side("a", sign)] for sign in (1, -1)]
    assert outcome.value.estimate == pytest.approx(math.exp(sum(logs[0]) / 4 - sum(logs[1]) / 4))
    small["runs"][0]["validation_error"] = [0.9, 0.8]  # a run with a
    assert compare(small, SMALL.comparisons[1]).bound == "at least"
    small["runs"][-1]["validation_error"] = [0.9]
    assert compare(small, SMALL.comparisons[1]).bound == "no bound"


def test_two_views_of_each_run_are_compared_within_it(small):
    outcome = compare(small, SMALL.comparisons[2])
    gains = [run["test"]["center"] - run["test"]["ten"] for run in small["runs"]]
    assert outcome.value.estimate == pytest.approx(np.mean(gains))
    level = compare(small, SMALL.comparisons[3])
    assert level.value.estimate == pytest.approx(
        np.mean([run["test"]["center"] for run in small["runs"]])
    )
    assert outcome.estimate.freedom == level.estimate.freedom == 2


def test_any_corner_is_told_by_the_model(small):
    y = {name: run["test"]["center"] for name, run in zip(CORNERS, small["runs"], strict=True)}
    rows = np.array([[1, *row, row[0] * row[1]] for row in CORNERS.values()])
    found = np.linalg.lstsq(rows, np.array(list(y.values())), rcond=None)[0]
    for present in ((), ("a",), ("a", "c"), FACTORS):
        row = [1 if name in present else -1 for name in FACTORS]
        told = corner_error(small, present)
        assert told.estimate == pytest.approx(found @ [1, *row, row[0] * row[1]])
        assert -math.inf < told.low < told.estimate < told.high
    small["runs"][3]["test"] = {}  # the other seven are enough
    assert corner_error(small, ("a",)).low > -math.inf


def test_a_factorial_says_its_runs_and_judges_claims(small):
    write_record(small)
    (entry,) = (entry for entry in ledger() if entry.claim.id == "overlap")
    assert "(8 runs, small, CIFAR-10 (JPEG copy); would have seen" in str(entry)
