"""The law of hidden units, recorded and computed, under every rule that has one."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArchiveError
from fatheory.metrics import quantity, unit_law_drift

LAWFUL = {
    "backprop": {"rule": "backprop"},
    "feedback_alignment": {"rule": "feedback_alignment"},
    "usf": {"rule": "usf", "scale": 0.5},
    "frsf": {"rule": "frsf", "concordance": 0.7},
    "kolen_pollack": {"rule": "kolen_pollack"},
    "mixed": {"rule": "usf", "layers": {"last": {"rule": "backprop"}}},
}
LAWLESS = ("weight_mirror", "brsf")


def experiment(rules=LAWFUL, rate=0.01, steps=400, **settings):
    asked = fa.Experiment(
        task=fa.TeacherTask(inputs=5, outputs=3, hidden=(6,), activation="relu"),
        network=fa.DenseNetwork(
            hidden=(7, 6),
            activation="relu",
            start=fa.Uniform(bound=0.4),
            biases=fa.Uniform(bound=0.1),
        ),
        rules={label: {"learning_rate": rate} | choice for label, choice in rules.items()},
        schedule=fa.Schedule(phases=(fa.Phase(steps=steps),), batch_size=2),
        record=fa.Record(quantities=("unit_balance",), snapshots=2),
        precision="float64",
        seeds=2,
    )
    return asked.with_settings(settings) if settings else asked


@pytest.fixture(scope="module")
def short():
    return fa.simulate(experiment(steps=5), progress=False)


def test_it_drifts_in_proportion_to_the_learning_rate_through_changes_of_sign():
    drifts, rates = [], np.array([0.02, 0.005])
    for rate in rates:
        asked = experiment(rate=float(rate), steps=round(8 / rate)).with_settings(
            {"record.quantities": ["unit_balance", "weights"]}
        )
        run = fa.simulate(asked, progress=False)
        drift = unit_law_drift(run).isel(step=-1).sel(layer=[1, 2])
        drifts.append(drift.mean("seed").values)
        W = run["weight_2"].sel(rule="usf")
        assert int((np.sign(W.isel(step=0)) != np.sign(W.isel(step=-1))).sum()) > 3
    slopes = np.log(drifts[0] / drifts[1]) / np.log(rates[0] / rates[1])
    assert slopes == pytest.approx(1, abs=0.35)
    moved = np.abs(run["weight_1"].isel(step=-1) - run["weight_1"].isel(step=0)).max()
    assert float(moved) > 0.3
    assert np.max(drifts[1]) < 0.05


def test_a_wrong_rule_is_caught():
    """What one rule conserves another does not: an archive read as the other's drifts far."""
    run = fa.simulate(experiment(steps=800), progress=False)
    right = unit_law_drift(run).isel(step=-1, layer=[0, 1])
    swapped = {"usf": LAWFUL["backprop"], "backprop": LAWFUL["usf"]}
    other = run.assign_attrs(experiment=experiment(LAWFUL | swapped, steps=800).to_json())
    wrong = unit_law_drift(other).isel(step=-1, layer=[0, 1])
    for rule in swapped:
        assert float((wrong / right).sel(rule=rule).min()) > 3


def test_computed_from_weights_it_is_what_was_recorded():
    rules = {label: LAWFUL[label] for label in ("backprop", "usf", "frsf")}
    asked = experiment(rules, steps=50).with_settings(
        {"record.quantities": ["unit_balance", "weights"]}
    )
    run = fa.simulate(asked, progress=False)
    bare = run.drop_vars([name for name in run if name.startswith("unit_balance")])
    recorded, computed = quantity(run, "unit_balance"), quantity(bare, "unit_balance")
    assert set(recorded) == {
        f"unit_balance_{part}_{layer}"
        for part in ("incoming", "outgoing", "overlap", "feedback")
        for layer in (1, 2)
    }
    for name in recorded:
        np.testing.assert_allclose(recorded[name], computed[name], rtol=1e-12)
    W, b = run["weight_1"].values, run["bias_1"].values
    np.testing.assert_allclose(recorded["unit_balance_incoming_1"], (W**2).sum(-1) + b**2)


def test_the_flow_conserves_it():
    rules = {label: LAWFUL[label] for label in ("backprop", "feedback_alignment")}
    asked = experiment(rules, steps=300).with_settings(
        {
            "network.activation": "linear",
            "network.biases": None,
            "task": {"kind": "linear", "inputs": 5, "outputs": 3},
        }
    )
    drift = unit_law_drift(fa.solve(asked)).sel(layer=[1, 2])
    assert float(drift.max()) < 1e-8


def test_rules_without_a_law_have_none(short):
    run = fa.simulate(experiment({r: {"rule": r} for r in LAWLESS}, steps=5), progress=False)
    assert np.isnan(unit_law_drift(run)).all()
    lawful = unit_law_drift(short)
    assert np.isnan(lawful.sel(layer=3)).all()
    assert np.isfinite(lawful.sel(layer=[1, 2])).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network.activation": "tanh"}, "the hidden units are tanh"),
        ({"network.sparsity.forward": 0.25}, "a fraction 0.25 of forward weights is missing"),
        ({"update.weight_decay": 0.1}, "weights decay"),
        ({"update.manhattan": 1}, "Batch Manhattan"),
        ({"schedule.phases": [{"steps": 5, "frozen": [1]}]}, "freezes some layers only"),
        ({"rules.usf.slopes": "local"}, "without the slopes"),
    ],
)
def test_what_conserves_nothing_is_refused(settings, said, short):
    other = short.assign_attrs(experiment=experiment(steps=5).with_settings(settings).to_json())
    with pytest.raises(ArchiveError, match=said):
        unit_law_drift(other)
    with pytest.raises(ArchiveError, match="step 0 is not among"):
        unit_law_drift(short.isel(step=[1]))


def direct(rate, quantities=("weights",)):
    rules = {"direct": {"rule": "direct_feedback_alignment"}}
    asked = experiment(rules, rate=rate, steps=round(4 / rate))
    return fa.simulate(asked.with_settings({"record.quantities": list(quantities)}), progress=False)


def test_direct_feedback_keeps_the_law_of_the_last_hidden_layer():
    drifts, rates = [], np.array([0.02, 0.005])
    for rate in rates:
        run = direct(float(rate))
        drift = unit_law_drift(run)
        drifts.append(float(drift.isel(step=-1).sel(layer=2).mean()))
        assert np.isnan(drift.sel(layer=[1, 3])).all()
        assert "direct at layer 1, whose law holds in the last hidden layer" in drift.comment
        assert "layer 2" not in drift.comment
    slope = np.log(drifts[0] / drifts[1]) / np.log(rates[0] / rates[1])
    assert slope == pytest.approx(1, abs=0.35)
    # Read as the law of backprop, or through the feedback of other units, it is far off.
    W0, W = run["weight_2"].values, run["weight_3"].values
    biases = run["bias_2"].values
    incoming = (W0**2).sum(-1) + biases**2
    F = run["direct_feedback_2"].values[..., None, :, :]
    other = np.roll(F, 1, axis=-2)
    for wrong in (
        incoming - (W**2).sum(-2),
        incoming - 2 * (np.swapaxes(other, -1, -2) * W).sum(-2),
    ):
        moved = np.linalg.norm((wrong - wrong[:, :, :1])[:, :, -1], axis=-1)
        size = np.linalg.norm(incoming[:, :, -1], axis=-1)
        assert np.mean(moved / size) > 3 * drifts[1]


def test_direct_feedback_without_weights_says_what_it_needs():
    drift = unit_law_drift(direct(1.0, ("unit_balance",)))
    assert np.isnan(drift).all()
    assert "direct at layer 2, whose law needs weights" in drift.comment


def test_why_rules_have_no_law_is_said():
    run = fa.simulate(experiment({r: {"rule": r} for r in LAWLESS}, steps=5), progress=False)
    comment = unit_law_drift(run).comment
    assert "NaN for brsf at layer 1, whose signals are random" in comment
    assert "NaN for weight_mirror at layer 2, whose" in comment
