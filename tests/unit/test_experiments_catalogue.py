"""The catalogue fits together: settings, conditions, claims; and the board is a fair design."""

from itertools import combinations, product

import pytest

from alexnet_lib.experiments.catalogue import (
    BOARD,
    EXPERIMENTS,
    FIG1,
    FIG1_TODAY,
    WITHOUT,
    corners,
    experiment,
    name_of,
)
from alexnet_lib.experiments.measures import MEASURES, compare
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.facts import CLAIMS

ARITHMETIC = {"parameters", "neurons", "views"}


def test_every_condition_is_a_run_that_can_be_started():
    networks = {}
    for (name, design), level in product(EXPERIMENTS.items(), ("lesson", "full")):
        configs = design.configs(level)
        assert list(configs) == list(design.conditions), name
        assert len({repr(config) for config in configs.values()}) == len(configs), name  # differ
        networks |= {repr((c.preset, c.model)): (c.preset, c.model) for c in configs.values()}
    for preset, changes in networks.values():
        slim = {} if preset in ("four-layer", "conv-local") else {"hidden_units": 8}
        assert build_model(preset, 10, 0, **{**changes, **slim})


def test_comparisons_name_conditions_measures_and_claims_that_exist():
    claims = {claim.id: claim for claim in CLAIMS}
    units = {"difference": ("points", "decay"), "ratio": ("×",), "level": ("error",)}
    for name, design in EXPERIMENTS.items():
        for comparison in design.comparisons:
            place = f"{name}: {comparison.words}"
            assert set(comparison.ours + comparison.rival) <= set(design.conditions), place
            assert comparison.measure in MEASURES, place
            assert comparison.rival_measure in ("", *MEASURES), place
            assert comparison.rival or comparison.kind == "level", place
            if comparison.claim:
                assert claims[comparison.claim].testable, place
                assert claims[comparison.claim].unit in units[comparison.kind], place


def test_the_test_set_is_read_only_in_views_that_a_comparison_needs():
    views = {name: design.views for name, design in EXPERIMENTS.items()}
    assert views["fig1"] == views["init"] == ()
    assert views["overlap"] == views["ensemble"] == ("center",)
    assert views["augmentation"] == views["cifar"] == ("center", "ten")


def test_each_testable_claim_has_a_test_and_no_experiment_two_of_one_claim():
    tested = {
        name: [c.claim for c in design.comparisons if c.claim]
        for name, design in EXPERIMENTS.items()
    }
    assert set().union(*tested.values()) == {c.id for c in CLAIMS if c.testable} - ARITHMETIC
    assert all(len(set(claims)) == len(claims) for claims in tested.values())


def test_names_are_those_of_records_and_unknown_ones_are_refused():
    assert all(name == design.name for name, design in EXPERIMENTS.items())
    with pytest.raises(ValueError, match="no experiment 'fig9'; expected one of fig1, fig1-today"):
        experiment("fig9")
    with pytest.raises(ValueError, match="level is 'tiny'"):
        FIG1.configs("tiny")


def test_a_lesson_run_differs_in_size_and_not_in_what_is_compared():
    design = EXPERIMENTS["overlap"]
    small, full = design.configs("lesson"), design.configs("full")
    assert small["apart"].epochs < full["apart"].epochs
    for configs in (small, full):
        changed = configs["overlapping"].difference(configs["apart"])
        assert len(changed) == 1 and changed[0].startswith("model: ")
        kinds = dict(configs["apart"].model).items() - dict(configs["overlapping"].model).items()
        assert {name for name, _ in kinds} == {"pool_kernel", "paddings"}


def test_networks_of_the_pooling_experiment_have_the_same_size():
    configs = EXPERIMENTS["overlap"].configs("lesson").values()
    sizes = [sum(p.numel() for p in build_model(c.preset, **c.model).parameters()) for c in configs]
    assert sizes[0] == sizes[1]


def test_fig1_has_the_conditions_of_lesson_03():
    assert [*FIG1.conditions, *FIG1_TODAY.conditions] == [
        f"{name}, {conditions}"
        for conditions in ("2012", "in between", "today")
        for name in ("relu", "tanh")
    ]
    assert FIG1.size("lesson") == "full" and len(FIG1.pieces(3)) == 2 * 3 + 2 * 2
    for config in [*FIG1.configs("full").values(), *FIG1_TODAY.configs("full").values()]:
        assert (config.stop_at, config.weight_decay, config.flip) == (0.25, 0.0, False)


def _column(*factors: str) -> list[int]:
    """Signs of a factor, or of a product of factors, over the corners."""
    column = []
    for present in corners():
        absent = sum(factor not in present for factor in factors)
        column.append(1 if absent % 2 == 0 else -1)
    return column


def test_the_board_is_of_resolution_v():
    assert len(set(map(name_of, corners()))) == 16 == len(BOARD.conditions)
    assert tuple(WITHOUT) in corners()  # the paper's network is among them
    effects = [(name,) for name in WITHOUT] + list(combinations(WITHOUT, 2))
    columns = [_column(*effect) for effect in effects]
    assert all(sum(column) == 0 for column in columns)
    for one, other in combinations(columns, 2):
        assert sum(a * b for a, b in zip(one, other, strict=True)) == 0
    assert len({sign * column[0] for column in [_column(*WITHOUT)] for sign in column}) == 1


def test_effects_of_the_board_are_those_that_made_its_errors():
    gains = {"ReLU": 0.10, "LRN": 0.01, "overlap": 0.02, "augmentation": 0.05, "dropout": 0.03}

    def error(present):
        both = {"augmentation", "dropout"} <= set(present)
        return 0.5 - sum(gains[name] for name in present) - 0.04 * both

    record = {
        "rates": {},
        "runs": [
            {"condition": name_of(p), "seed": 0, "lr": 1, "test": {"center": error(p)}}
            for p in corners()
        ],
    }
    found = {c.words: compare(record, c).by_seed[0] for c in BOARD.comparisons}
    assert found["LRN against none"] == pytest.approx(0.01)
    assert found["dropout against none"] == pytest.approx(0.03 + 0.04 / 2)
    assert found["augmentation with dropout"] == pytest.approx(0.04 / 2)
    assert found["ReLU with LRN"] == pytest.approx(0, abs=1e-12)
    assert len(found) == 15
