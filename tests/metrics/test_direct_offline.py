"""Direct rules in archives: signals that follow from what is stored, and why others do not."""

import numpy as np
import pytest
from metric_archives import experiment

import fatheory as fa
from fatheory import labels, metrics
from fatheory.geometry import angle

DIRECT = ("direct_feedback_alignment", "direct_random_target_projection")
RULES = ("node_perturbation", *DIRECT, "kolen_pollack", "feedback_alignment", "brsf")
ANGLES = ("delta", "delta_flattened")


@pytest.fixture(scope="module")
def trained():
    return fa.simulate(experiment(RULES, steps=20), progress=False)


@pytest.fixture(scope="module")
def bare(trained):
    """What was trained, as if weights alone had been recorded."""
    kept = ("weight_angle", "unit_angle", "delta_angle", "teaching_signal", "backprop_signal")
    return trained.drop_vars([n for n in trained.data_vars if str(n).startswith(kept)])


@pytest.mark.parametrize("of", ANGLES)
def test_offline_angles_of_direct_rules_are_those_that_were_recorded(trained, bare, of):
    found, recorded = metrics.angle(bare, of), trained[f"{of.replace('ta', 'ta_angle', 1)}"]
    known = [*DIRECT, "feedback_alignment"]
    np.testing.assert_allclose(found.sel(rule=known), recorded.sel(rule=known), rtol=0, atol=1e-6)
    # Selections and permutations go by label.
    turned = metrics.angle(bare.isel(rule=[4, 2, 1], seed=[1]), of)
    np.testing.assert_array_equal(turned, found.isel(rule=[4, 2, 1], seed=[1]))


def test_offline_signals_of_direct_feedback_are_its_matrices_times_the_error(bare):
    """An independent look at one layer of one run."""
    run = bare.sel(rule="direct_feedback_alignment", seed=8).isel(step=-1)
    W1, W2, W3 = (run[f"weight_{layer}"].values for layer in (1, 2, 3))
    x = run.probe_input.values
    e = x @ (run[labels.TARGET_MAP].values - W3 @ W2 @ W1).T
    for layer, own in ((1, e @ W3 @ W2), (2, e @ W3)):
        wanted = [
            angle(run[f"direct_feedback_{layer}"].values @ error, true)
            for error, true in zip(e, own, strict=True)
        ]
        found = metrics.angle(bare, "delta").sel(
            rule="direct_feedback_alignment", seed=8, layer=layer
        )
        assert float(found[-1]) == pytest.approx(np.mean(wanted), abs=1e-9)


def test_what_is_not_known_of_a_rule_says_why(bare):
    through = {
        "node_perturbation": "whose signals pass through no V",
        "direct_feedback_alignment": "whose signals pass through no V",
        "direct_random_target_projection": "whose signals pass through no V",
        "kolen_pollack": "whose V learns and is not stored",
        "brsf": "whose V is drawn anew at every update",
    }
    told = "; ".join(f"NaN for {rule}, {why}" for rule, why in through.items())
    for found in (metrics.angle(bare, "weight"), metrics.angle(bare, "unit")):
        assert sorted(found.attrs["comment"].split("; ")) == sorted(told.split("; "))
        unknown = np.isnan(found).all([dim for dim in found.dims if dim != "rule"])
        assert set(found.rule.values[unknown.values]) == set(through)
    signals = metrics.angle(bare, "delta")
    assert sorted(signals.attrs["comment"].split("; ")) == [
        "NaN for brsf, whose signals are drawn anew at every update",
        "NaN for kolen_pollack, whose V learns and is not stored",
        "NaN for node_perturbation, whose signals are drawn anew at every update",
    ]
    assert "comment" not in metrics.angle(bare.sel(rule=["feedback_alignment"]), "weight").attrs
    assert "comment" not in metrics.quantity(bare, "weight_norm").weight_norm.attrs
