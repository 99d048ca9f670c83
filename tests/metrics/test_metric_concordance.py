import numpy as np
import pytest
import xarray as xr
from metric_archives import ONLINE, experiment, runs, without

from fatheory.errors import ArchiveError
from fatheory.experiment import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Phase,
    Record,
    Schedule,
    Uniform,
)
from fatheory.metrics import sign_concordance
from fatheory.theory import solve

DIMS = ("rule", "seed", "step", "layer")


def signs_of(archive, rule, place, layer):
    """The signs of V_l, None for a rule without V."""
    W = archive[f"weight_{layer}"].values[place]
    B = archive[f"feedback_{layer}"].values[place[:2]]
    known = {
        "backprop": W,
        "feedback_alignment": B.T,
        "shallow": np.zeros_like(W),
        "usf": W,
        "frsf": W,
        "pseudobackprop": np.linalg.pinv(W).T,
    }
    return known.get(rule)


def test_literal_count(archive):
    found = sign_concordance(archive)
    for rule, place in runs(archive):
        fraction, left_out = (
            found[name].values[place] for name in ("sign_concordance", "signless_entries")
        )
        assert np.isnan(fraction[0])
        assert left_out[0] == 0
        for layer in (2, 3):
            W, V = archive[f"weight_{layer}"].values[place], signs_of(archive, rule, place, layer)
            if V is None:
                assert np.isnan(fraction[layer - 1])
                assert left_out[layer - 1] == 0
                continue
            pairs = list(zip(W.ravel(), V.ravel(), strict=True))
            signed = [(w > 0) == (v > 0) for w, v in pairs if w != 0 and v != 0]
            assert left_out[layer - 1] == len(pairs) - len(signed)
            if signed:
                assert fraction[layer - 1] == pytest.approx(sum(signed) / len(signed), rel=1e-15)
            else:
                assert np.isnan(fraction[layer - 1])


def test_online_is_offline(archive):
    online = archive["sign_concordance"]
    offline = sign_concordance(without(archive, *ONLINE))["sign_concordance"]
    xr.testing.assert_allclose(offline, online, rtol=1e-15, atol=0)
    assert offline.attrs == online.attrs


def test_feedback_of_ones_own():
    B = np.array([[1.0, -2.0], [0.0, 3.0], [-1.0, 1.0]])
    own = {"rule": "fixed_feedback", "distribution": "array", "array": B, "learning_rate": 0.1}
    run = solve(
        Experiment(
            task=LinearTask(inputs=4, outputs=2),
            network=DenseNetwork(hidden=(3,)),
            rules={"own": own},
            schedule=Schedule(phases=(Phase(steps=2),)),
            record=Record(snapshots=2),
        )
    )
    found = sign_concordance(run)["sign_concordance"].sel(layer=2).isel(rule=0, seed=0)
    for step, W in enumerate(run["weight_2"].values[0, 0]):
        assert found.values[step] == np.mean((W > 0)[B.T != 0] == (B.T > 0)[B.T != 0])


def test_concordant_rules_are_concordant(simulated):
    found = sign_concordance(simulated)["sign_concordance"].sel(layer=[2, 3])
    assert (found.sel(rule=["backprop", "usf", "frsf"]) == 1).all()
    assert np.isnan(found.sel(rule="shallow")).all()
    assert (found.sel(rule="feedback_alignment") < 1).any()


def test_zero_weights_are_left_out_and_counted():
    zero = experiment(
        ("usf",), steps=1, network=DenseNetwork(hidden=(5, 3), start=Uniform(bound=0))
    )
    found = sign_concordance(solve(zero))
    assert np.isnan(found["sign_concordance"]).all()
    assert (found["signless_entries"].values == [0, 15, 6]).all()


def test_labels(archive):
    found = sign_concordance(archive)
    assert set(found.data_vars) == {"sign_concordance", "signless_entries"}
    for values in found.values():
        assert values.dims == DIMS
        assert values.attrs["long_name"]
    assert found["sign_concordance"].attrs["units"] == "1"
    assert found["signless_entries"].attrs["units"] == "entries"
    xr.testing.assert_identical(found["time"].variable, archive["time"].variable)


def test_weights_that_were_not_recorded_are_asked_for(simulated):
    with pytest.raises(ArchiveError, match="no 'weight_1'; add 'weights' to"):
        sign_concordance(without(simulated, "weight"))
