"""Lesson 15: what the faults show, the numbers it teaches, its pictures and its explorer."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from alexnet_lib.course.exercises import nb15
from alexnet_lib.course.figures.clinic import PANELS, dashboard, side_by_side, vital_words
from alexnet_lib.course.figures.errors import change_chart
from alexnet_lib.course.figures.style import save_png
from alexnet_lib.course.patients import CHART, FAULTS, patient
from alexnet_lib.course.widgets.runs import UNSURE, Clinic
from alexnet_lib.data.images import ImageData
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.experiments.verdicts import NOT_SEEN, REPRODUCED, SAME_DIRECTION
from alexnet_lib.inspection.health import CALLS, Vitals
from alexnet_lib.models.ledger import layer_ledger
from alexnet_lib.models.registry import build_model

CHANCE = math.log(10)
LETTER = {fault: letter for letter, fault in CHART.items()}


@pytest.fixture(scope="module")
def data() -> ImageData:
    return synthetic_images(1_200, 50)


def examined(who: str, data: ImageData, epochs: int = 3, **changes) -> Vitals:
    vitals = Vitals()
    changes = {"train_limit": 800, "validation_size": 200, "epochs": epochs, **changes}
    changes = {"drop_at": (0.6,), **changes}  # two drops need more epochs than these
    patient(who, data, [vitals], **changes).fit()
    return vitals


@pytest.fixture(scope="module")
def healthy(data: ImageData) -> Vitals:
    return examined("healthy", data)


@pytest.fixture(scope="module")
def ward(data: ImageData) -> dict[str, Vitals]:
    return {fault: examined(letter, data) for fault, letter in LETTER.items()}


# --- Each fault has a sign of its own ------------------------------------------------------------


def signs(run: Vitals) -> dict[str, float]:
    return run.signs()


def test_every_letter_has_one_fault_and_every_fault_one_letter() -> None:
    assert sorted(CHART) == list("ABCDEFGH") and set(CHART.values()) == set(FAULTS)
    assert list(CHART.values()) != list(nb15.DIAGNOSES)  # the list does not give them away


def test_without_dropout_all_calls_agree(healthy: Vitals, ward: dict[str, Vitals]) -> None:
    assert signs(healthy)["spread in training"] > 0.02
    ill = [fault for fault, run in ward.items() if signs(run)["spread in training"] == 0]
    assert ill == ["dropout never active"]


def test_augmented_tests_differ_from_call_to_call(ward: dict[str, Vitals]) -> None:
    ill = [fault for fault, run in ward.items() if signs(run)["spread in test"] > 1e-4]
    assert ill == ["test pictures still augmented"]
    calls = ward["test pictures still augmented"].tested
    assert not torch.equal(calls[0], calls[1])


def test_a_drop_that_never_fires_leaves_the_rate(healthy: Vitals, ward: dict[str, Vitals]) -> None:
    assert signs(healthy)["rate"] == pytest.approx(0.1)
    ill = [fault for fault, run in ward.items() if signs(run)["rate"] == 1]
    assert ill == ["drop of the rate never fires"]


def test_gradients_that_are_not_cleared_are_a_saw(healthy: Vitals, ward: dict[str, Vitals]) -> None:
    assert signs(healthy)["growth"] < 1.3
    ill = [fault for fault, run in ward.items() if signs(run)["growth"] > 2]
    assert ill == ["gradients not cleared"]
    assert max(ward["gradients not cleared"].history.step_loss) < 100  # sick, not dead


def test_two_softmaxes_answer_between_0_and_1_and_learn_slowly(
    healthy: Vitals, ward: dict[str, Vitals]
) -> None:
    ill = [fault for fault, run in ward.items() if signs(run)["least output"] >= 0]
    assert ill == ["softmax twice"]
    twice = ward["softmax twice"]
    torch.testing.assert_close(twice.in_training.sum(dim=1), torch.ones(CALLS))
    assert twice.gradients[0] < healthy.gradients[0] / 3


def test_a_norm_before_relu_writes_below_zero(healthy: Vitals, ward: dict[str, Vitals]) -> None:
    assert healthy.layers["norm1"][0] == 0
    ill = [fault for fault, run in ward.items() if signs(run)["norm1 below zero"] > 0.2]
    assert ill == ["normalisation before ReLU"]


def test_a_mean_over_the_wrong_axis_takes_the_light_away(
    healthy: Vitals, ward: dict[str, Vitals]
) -> None:
    assert signs(healthy)["input"] > 0.7
    ill = [fault for fault, run in ward.items() if signs(run)["input"] < 0.4]
    assert ill == ["mean over the wrong axis"]


def test_labels_out_of_step_do_not_belong_to_their_pictures(
    healthy: Vitals, ward: dict[str, Vitals], data: ImageData
) -> None:
    shifted = ward["labels out of step"]
    torch.testing.assert_close(shifted.fed, healthy.fed)  # the same pictures, other words
    assert int((shifted.labels != healthy.labels).sum()) >= 4
    others = (run for fault, run in ward.items() if fault != "labels out of step")
    assert all(torch.equal(run.labels, healthy.labels) for run in others)


def test_the_patient_is_otherwise_the_trainer(data: ImageData) -> None:
    first = [examined(who, data, 1).history.step_loss[0] for who in ("healthy", LETTER[
        "drop of the rate never fires"])]  # fmt: skip
    assert first[0] == first[1]
    with pytest.raises(ValueError, match="letter is 'Z'"):
        patient("Z", data)


# --- What the lesson teaches ---------------------------------------------------------------------


def test_a_middle_convolution_has_few_weights() -> None:
    ledger = layer_ledger(build_model("paper", num_classes=1000))
    share = {row: ledger[row].parameters / ledger.total("parameters") for row in
             ("conv3", "conv4", "conv5", "fc6", "fc7")}  # fmt: skip
    assert max(share["conv3"], share["conv4"], share["conv5"]) == share["conv3"] < 0.02
    assert share["fc6"] + share["fc7"] > 0.85


def test_the_floor_of_a_double_softmax() -> None:
    y = torch.arange(10)
    certain = (100 * F.one_hot(y, 10).float()).softmax(dim=1)
    assert float(F.cross_entropy(certain, y)) == pytest.approx(math.log(1 + 9 / math.e), abs=1e-4)
    assert math.log(1 + 9 / math.e) == pytest.approx(1.46, abs=0.005)


def test_a_second_softmax_makes_the_first_gradient_ten_times_shorter() -> None:
    y, logits = torch.arange(10), torch.zeros(10, 10, requires_grad=True)
    lengths = [torch.autograd.grad(F.cross_entropy(outputs, y), logits)[0].norm()
               for outputs in (logits, logits.softmax(dim=1))]  # fmt: skip
    assert float(lengths[0] / lengths[1]) == pytest.approx(10, rel=1e-4)


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        (0.02, [0.02, 0.021, 0.019], "reproduced"),
        (0.02, [0.06, 0.061, 0.059], "same direction"),
        (0.02, [0.041, -0.02, 0.10], "not seen"),
        (0.02, [-0.02, -0.021], "not seen"),
        (-0.014, [-0.014, -0.015], "reproduced"),
    ],
)
def test_the_verdict_follows_from_the_interval(
    claim: float, changes: list[float], verdict: str
) -> None:
    assert nb15.ledger_entry(claim, changes, same_data=True)["verdict"] == verdict
    elsewhere = nb15.ledger_entry(claim, changes, same_data=False)["verdict"]
    assert elsewhere == verdict.replace(REPRODUCED, SAME_DIRECTION)
    assert {verdict} <= {REPRODUCED, SAME_DIRECTION, NOT_SEEN}  # the ledger's own words


def test_a_ranking_is_by_cost_and_sure_only_above_zero() -> None:
    rows = nb15.rank_by_cost(nb15._FULL, nb15._WITHOUT)
    assert [(name, sure) for name, _, sure in rows] == [
        ("conv2", True), ("conv4", False), ("conv3", True), ("fc6", False),
    ]  # fmt: skip


def test_a_diagnosis_is_answered_one_patient_at_a_time() -> None:
    right = dict(CHART)
    assert nb15.diagnosis.check({k: right[k] for k in "CEG"} | {"A": ...}).passed
    assert "at least three" in nb15.diagnosis.check({"A": right["A"]}).text
    assert nb15.diagnosis.check(dict.fromkeys(right, ...)).status == "not attempted"
    two_wrong = right | {"A": right["B"], "B": right["A"]}
    told = nb15.diagnosis.check(two_wrong).text
    assert "patient A has another fault" in told and "atient B" not in told  # no praise for it
    assert "not a patient with" in nb15.diagnosis.check({"A": "flu"}).text
    assert "patient B" in nb15.diagnosis.check({"B": right["A"]}).text  # before "at least three"
    shouted = {letter: f" {fault.upper()}" for letter, fault in CHART.items()}
    assert nb15.diagnosis.check(shouted).passed


@pytest.mark.parametrize("letter", CHART)
def test_every_wrong_name_is_answered_by_its_patients_chart(letter: str) -> None:
    chart = next(m for m in nb15.diagnosis.mistakes if f"patient {letter} has" in m.words)
    assert CHART[letter] not in chart.words
    for said in set(FAULTS) - {CHART[letter]}:
        for answer in ({letter: said}, {**CHART, letter: said}):
            assert nb15.diagnosis.check(answer).mistake is chart


# --- Pictures and explorer -----------------------------------------------------------------------


def test_the_dashboard_says_what_it_shows_and_no_diagnosis(
    healthy: Vitals, ward: dict[str, Vitals], data: ImageData
) -> None:
    for run in ward.values():
        figure = dashboard(run, healthy, data.classes, "Patient X, synthetic stand-in")
        assert figure.get_label() == f"Patient X, synthetic stand-in. {vital_words(run)}"
        assert not any(fault in figure.get_label() for fault in FAULTS)
    assert len(figure.axes) == 8 and save_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("panel", PANELS)
def test_each_panel_stands_beside_the_healthy_one_on_its_own_scale(
    panel: str, healthy: Vitals, ward: dict[str, Vitals], data: ImageData
) -> None:
    run = ward["softmax twice"]
    left, right = (figure := side_by_side(run, healthy, panel, data.classes, "T")).axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["healthy", "patient"]
    assert figure.get_label() == f"T: {panel}. {vital_words(run)}"
    if panel in ("loss", "outputs in eight calls"):
        assert left.get_ylim() != right.get_ylim()  # a large one does not flatten the other


@pytest.fixture
def clinic(healthy: Vitals, ward: dict[str, Vitals], data: ImageData) -> Clinic:
    return Clinic(healthy, {letter: ward[CHART[letter]] for letter in "AB"}, data.classes, "X")


def test_the_clinic_shows_a_chart_or_a_panel_of_it(
    clinic: Clinic, healthy: Vitals, data: ImageData
) -> None:
    first = bytes(clinic.image.value)
    assert clinic.summary.startswith("Patient A: Loss ")
    clinic.controls["panel"].value = "loss"
    assert clinic.summary.startswith("Patient A: Loss ") and bytes(clinic.image.value) != first
    clinic.controls["patient"].value = "B"
    assert clinic.summary.startswith("Patient B: Loss ")
    with pytest.raises(ValueError, match="no patient to show"):
        Clinic(healthy, {}, data.classes, data.name)


def test_the_clinic_keeps_a_diagnosis_for_each_patient_and_counts_the_right_ones(
    clinic: Clinic,
) -> None:
    fault, patient = clinic.controls["fault"], clinic.controls["patient"]
    assert clinic.diagnosis == {"A": ..., "B": ...}
    fault.value = CHART["A"]
    patient.value = "B"
    assert fault.value == UNSURE  # B has none yet
    fault.value = CHART["A"]  # wrong
    patient.value = "A"
    assert clinic.diagnosis == {"A": CHART["A"], "B": CHART["A"]} and fault.value == CHART["A"]
    clinic._score()
    assert clinic.summary == "1 of 2 diagnoses are right; 0 patients have none yet."
    assert nb15.diagnosis.check(clinic.diagnosis).mistake  # the exercise reads it as it is


def test_the_chart_of_changes_shows_means_and_seeds() -> None:
    figure = change_chart({"conv3": [0.01, 0.03], "fc6": [-0.02, -0.02]}, "T", claim=0.02)
    assert figure.get_label() == "T, 2 seeds, in points: conv3 +2.0 (-10.7 to +14.7); fc6 -2.0 "\
        "(-2.0 to -2.0)."  # fmt: skip
    assert "paper, middle layers" in {text.get_text().strip() for text in figure.axes[0].texts}
    with pytest.raises(ValueError, match="no change to draw"):
        change_chart({}, "T")


def test_vitals_leave_the_run_as_it_is(data: ImageData) -> None:
    plan = {"train_limit": 200, "validation_size": 100, "epochs": 1}
    watched, alone = Vitals(), patient("healthy", data, **plan).fit()
    run = patient("healthy", data, [watched], **plan).fit()
    assert run.step_loss == alone.step_loss and replace(run, elapsed_s=[]) == replace(
        alone, elapsed_s=[]
    )
