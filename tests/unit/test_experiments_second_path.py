"""Every number of the ledger again, from the sealed records, by other means: plain numpy, scipy.

Nothing of `measures`, `verdicts` or `statistics` computes here what it is compared with.
"""

import base64
import contextlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from alexnet_lib.cli import main as cli
from alexnet_lib.experiments.catalogue import EXPERIMENTS
from alexnet_lib.experiments.verdicts import ledger

RECORDS = Path(__file__).parents[2] / "data" / "records"
TESTED = sorted({c.claim for e in EXPERIMENTS.values() for c in e.comparisons if c.claim})


def runs_of(name):
    """Runs of a record by condition and seed, each at the rate that was chosen for it."""
    record = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    rates = record["rates"]
    chosen = [r for r in record["runs"] if r["lr"] == rates.get(r["condition"], r["lr"])]
    return {(run["condition"], run["seed"]): run for run in chosen}


def first_epoch(errors, threshold):
    """Where the line through the errors comes down to the threshold; None where it never does."""
    for place, error in enumerate(errors):
        if error <= threshold:
            before = errors[place - 1] if place else None
            return place + 1 - ((threshold - error) / (before - error) if place else 0)
    return None


def measured(run, measure):
    """A measure, and whether the run was stopped before it came there."""
    if measure in ("center", "ten", "member"):
        return run["test"][measure], False
    if measure == "settled":
        return run["settled"], False
    if measure == "train_error":
        return run["train_error"][-1], False
    errors, threshold = {
        "epochs": (run["train_error"], run["stop_at"]),
        "reached": (run["validation_error"], 0.30),
        "converged": (run["validation_error"], min(run["validation_error"]) + 0.01),
    }[measure]
    epochs = first_epoch(errors, threshold)
    last_is_best = measure == "converged" and errors.index(min(errors)) == len(errors) - 1
    return (len(errors), True) if epochs is None else (epochs, last_is_best)


def answers(run, measure):
    """1 for each test image that was called wrongly; None where that was not kept."""
    if measure not in run.get("correct", {}):
        return None
    return 1.0 - np.unpackbits(np.frombuffer(base64.b64decode(run["correct"][measure]), np.uint8))


def gains(name, c):
    """Of a comparison: design, numbers on the scale of sums, answers by image, and steps."""
    runs, log = runs_of(name), np.log if c.kind == "ratio" else np.asarray
    of = lambda key, measure: log(measured(runs[key], measure)[0])  # noqa: E731
    rival_measure = c.rival_measure or c.measure
    seeds = sorted({seed for _, seed in runs})
    rows, images = [], []
    for seed in seeds:
        sides = [(c.ours, c.measure), (c.rival, rival_measure)][: 1 if c.kind == "level" else 2]
        values = [np.mean([of((n, seed), m) for n in names]) for names, m in sides]
        kept = [[answers(runs[n, seed], m) for n in names] for names, m in sides]
        rows.append(values[-1] - (values[0] if len(values) > 1 else 0))
        if all(one is not None for side in kept for one in side):
            means = [np.mean(side, axis=0) for side in kept]
            images.append(means[-1] - (means[0] if len(means) > 1 else 0))
    every = [measured(r, c.measure)[0] for (n, _), r in runs.items() if n in c.ours + c.rival]
    step = 1 / min(every) if c.kind == "ratio" else 1e-4
    return np.array(rows), np.array(images) if images else None, step


def mean_and_error(name, c):
    """Mean, standard error and degrees of freedom, of seeds or of seeds and images."""
    if EXPERIMENTS[name].factors:
        return factorial(name, c)
    y, images, step = gains(name, c)
    a = max(y.var(ddof=1), step**2 / 12) / len(y)
    return y.mean(), *with_images(a, len(y) - 1, np.full(len(y), 1 / len(y)), images, None)


def factorial(name, c):
    """The same for an effect of a factorial, by scipy's least squares."""
    design, runs = EXPERIMENTS[name], list(runs_of(name).values())
    row = lambda names: [1.0 if f in names.split(" + ") else -1.0 for f in design.factors]  # noqa: E731

    def terms(names):
        signs = dict(zip(design.factors, row(names), strict=True))
        return [1.0, *signs.values(), *(signs[p] * signs[q] for p, q in design.pairs)]

    log = np.log if c.kind == "ratio" else np.asarray
    x = np.array([terms(run["condition"]) for run in runs])
    y = np.array([log(measured(run, c.measure)[0]) for run in runs])
    kept = [answers(run, c.measure) for run in runs]
    of = np.mean([terms(name) for name in c.ours], axis=0)
    if c.rival_measure:
        y = np.array([log(measured(run, c.rival_measure)[0]) for run in runs]) - y
        others = [answers(run, c.rival_measure) for run in runs]
        kept = [
            None if o is None or k is None else o - k for o, k in zip(others, kept, strict=True)
        ]
    elif c.rival:
        of = np.mean([terms(name) for name in c.rival], axis=0) - of
    inverse = scipy.linalg.inv(x.T @ x) @ x.T
    rest, freedom = y - x @ (inverse @ y), len(y) - x.shape[1]
    step = 1 / min(measured(run, c.measure)[0] for run in runs) if c.kind == "ratio" else 1e-4
    share = of @ inverse
    a = share @ share * max(rest @ rest / freedom, step**2 / 12)
    images = None if any(k is None for k in kept) else np.array(kept)
    return share @ y, *with_images(a, freedom, share, images, np.eye(len(y)) - x @ inverse)


def with_images(a, freedom, share, images, rest):
    """Squared error over runs `a` and its freedom -> error and freedom, images too if there are."""
    if images is None:
        return math.sqrt(a), freedom
    rest = np.eye(len(share)) - 1 / len(share) if rest is None else rest
    count = images.shape[1]
    b = (share @ images).var(ddof=1) / count
    left = rest @ (images - images.mean(axis=1, keepdims=True))
    c = share @ share * (left**2).sum() / freedom / (count - 1) / count
    v = max(a, b, a + b - c)
    return math.sqrt(v), math.floor(v**2 / (a**2 / freedom + (v - a) ** 2 / (count - 1)) + 1e-9)


def smallest(error, freedom):
    """The effect whose t-value is beyond Student's limit four times in five."""
    limit = scipy.stats.t.ppf(0.975, freedom)

    def power(shift):
        wrong = scipy.stats.nct.cdf(-limit, freedom, shift)
        return 1 - scipy.stats.nct.cdf(limit, freedom, shift) + (wrong if wrong > 0 else 0) - 0.8

    return error * scipy.optimize.bisect(power, 0.5, 60, xtol=1e-10)


def words(kind, low_value_high):
    """As the tables print it."""
    form = {"ratio": "{:.1f}×", "level": "{:.1f} %", "difference": "{:+.1f} points"}[kind]
    factor = 1 if kind == "ratio" else 100
    low, value, high = (form.format(factor * number) for number in low_value_high)
    return f"{value} ({low} to {high})"


def effect_of(c):
    """The comparison that is tested: of an error, the difference from the other network's."""
    return c if c.kind != "level" else type(c)(c.words, c.ours, c.rival, c.measure, c.rival_measure)


@pytest.fixture(scope="module")
def found():
    """Lines of the ledger that rest on a record, by claim."""
    return {entry.claim.id: entry for entry in ledger() if entry.finding}


@pytest.fixture(scope="module")
def told():
    """The ledger as machines read it."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert cli.main(["experiment", "verdicts", "--json"]) == 0
    return {claim["id"]: claim for claim in json.loads(printed.getvalue())["claims"]}


def is_open(entry):
    """Runs of both sides were stopped too early."""
    runs, c = runs_of(entry.finding.name), entry.finding.comparison
    cut = [{measured(r, c.measure)[1] for (n, _), r in runs.items() if n in side}
           for side in (c.ours, c.rival)]  # fmt: skip
    return all(True in side for side in cut)


@pytest.mark.parametrize("claim", TESTED)
def test_numbers_of_the_ledger_follow_from_the_records(claim, found, told):
    line = told[claim]
    if claim not in found:
        assert line["verdict"] == "not yet run"
        return
    entry = found[claim]
    c = entry.finding.comparison
    sealed = json.loads((RECORDS / f"{line['record']}.json").read_text(encoding="utf-8"))
    assert line["sha256"] == sealed["sha256"] and line["verdict"] == entry.verdict
    if is_open(entry):
        assert line["ours"] is None and entry.ours.startswith("no number")
        return
    value, error, freedom = mean_and_error(entry.finding.name, c)
    half = scipy.stats.t.ppf(0.975, freedom) * error
    out = np.exp if c.kind == "ratio" else float
    numbers = [float(out(number)) for number in (value - half, value, value + half)]
    assert [line["low"], line["ours"], line["high"]] == pytest.approx(numbers, rel=1e-6, abs=1e-9)
    assert line["degrees_of_freedom"] == freedom
    assert entry.ours.endswith(words(c.kind, numbers)), entry.ours
    if c.rival:
        _, error, freedom = mean_and_error(entry.finding.name, effect_of(c))
        assert line["smallest_effect"] == pytest.approx(
            float(out(smallest(error, freedom))), rel=1e-5
        )


def test_p_values_are_adjusted_for_all_claims_that_are_tested(found, told):
    raw = {}
    for entry in found.values():
        if entry.finding.comparison.rival and not is_open(entry):
            c = effect_of(entry.finding.comparison)
            value, error, freedom = mean_and_error(entry.finding.name, c)
            raw[entry.claim.id] = 2 * scipy.stats.t.sf(abs(value) / error, freedom)
    order, least = sorted(raw, key=raw.get), 0.0
    for rank, claim in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * raw[claim]))
        assert told[claim]["p_holm"] == pytest.approx(least, rel=1e-6), claim
    assert len(order) >= 8
    unseen = {claim for claim in order if told[claim]["p_holm"] > 0.05}
    assert {told[claim]["verdict"] for claim in unseen} <= {"not seen", "cannot tell", "reproduced"}
