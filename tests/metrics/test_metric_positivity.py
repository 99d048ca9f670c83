import numpy as np
import pytest
import xarray as xr
from metric_archives import runs, without
from numpy.linalg import eigvalsh

from fatheory.errors import ArchiveError
from fatheory.metrics import positive_alignment

DIMS = ("rule", "seed", "step")


def test_literal_loop(archive):
    found = positive_alignment(archive)
    for rule, place in runs(archive):
        fraction, smallest = (
            found[name].values[place] for name in ("positive_fraction", "smallest_eigenvalue")
        )
        if rule in ("brsf", "node_perturbation"):
            assert np.isnan(fraction)
            assert np.isnan(smallest)
            continue
        W0, W1, W = (archive[f"weight_{layer}"].values[place] for layer in (1, 2, 3))
        feedback = archive["feedback_3"].values[place[:2]]
        B = {
            "backprop": W.T,
            "pseudobackprop": np.linalg.pinv(W),
            "usf": np.sign(W).T,
            "frsf": np.abs(feedback) * np.sign(W).T,
        }.get(rule, feedback)
        x, T = archive["probe_input"].values[place[1]], archive["target_map"].values[place[1]]
        errors = [T @ sample - W @ (W1 @ (W0 @ sample)) for sample in x]
        uphill = [float(e @ W @ B @ e) > 0 for e in errors]
        assert fraction == pytest.approx(sum(uphill) / len(uphill), rel=1e-15)
        assert smallest == pytest.approx(eigvalsh((W @ B + B.T @ W.T) / 2)[0], abs=1e-13)


def test_backprop_is_uphill_and_shallow_is_not(simulated):
    found = positive_alignment(simulated)
    assert (found["positive_fraction"].sel(rule="backprop") == 1).all()
    assert (found["smallest_eigenvalue"].sel(rule="backprop") > 0).all()
    assert (found["positive_fraction"].sel(rule="shallow") == 0).all()
    assert (found["smallest_eigenvalue"].sel(rule="shallow") == 0).all()


def test_errors_follow_from_the_weights(archive):
    """Without recorded signals the errors come from weights, target and probe."""
    computed = positive_alignment(without(archive, "teaching_signal", "backprop_signal"))
    xr.testing.assert_allclose(computed, positive_alignment(archive), rtol=1e-12, atol=0)


def test_labels(archive):
    for values in positive_alignment(archive).values():
        assert values.dims == DIMS
        assert values.attrs["units"] == "1"
        assert "W B" in values.attrs["long_name"]
        xr.testing.assert_identical(values["time"].variable, archive["time"].variable)


def test_weights_that_were_not_recorded_are_asked_for(simulated):
    with pytest.raises(ArchiveError, match="no 'weight_1'; add 'weights' to"):
        positive_alignment(without(simulated, "weight"))
