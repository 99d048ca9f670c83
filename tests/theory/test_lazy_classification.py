"""Test error against time: against literal counts, and what is no classification."""

import numpy as np
import pytest
import xarray as xr

from fatheory import theory
from fatheory.errors import ArrayError

RNG = np.random.default_rng(0)


def test_it_is_the_share_of_wrong_answers_at_every_time():
    X, Z = RNG.normal(size=(30, 4)), RNG.normal(size=(50, 4))
    c, d = (np.argmax(A[:, :3], axis=1) for A in (X, Z))
    common = {"activation": "relu", "hidden_layers": 2, "rule": "usf"}
    K = theory.lazy_kernel(X, **common).values
    Ks = theory.lazy_kernel(Z, others=X, **common).values
    times, Y = np.array([0.0, 0.3, 3.0, 300.0]), np.eye(3)[c]
    found = theory.lazy_outputs(K, Y, times=times, test_kernel=Ks)
    error = theory.lazy_classification_error(found["test_output"], d)
    w, U = np.linalg.eigh(K)
    for t, got in zip(times, error.values, strict=True):
        f = Ks @ U @ np.diag((1 - np.exp(-w * t)) / w) @ U.T @ Y
        wrong = sum(max(range(3), key=lambda u: row[u]) != k for row, k in zip(f, d, strict=True))
        assert got == pytest.approx(100 * wrong / 50, abs=1e-12)
    assert error[0] > error[-1] > 0
    np.testing.assert_array_equal(error["time"], times)
    trained = theory.lazy_classification_error(found["output"], c)
    assert trained[-1] == 0 < trained[0]
    turned = found["test_output"].transpose("unit", "time", "test_point")
    assert theory.lazy_classification_error(turned, d).equals(error)


@pytest.mark.parametrize(
    ("output", "classes", "said"),
    [
        (np.zeros((2, 3, 1)), [0, 0, 0], "two units or more"),
        (np.zeros((2, 3, 2)), [0, 1], "one for each of 3 points; got 2"),
        (np.zeros((2, 3, 2)), [0, 1, 2], r"from 0 to 1, .*classes\[2\] is 2"),
        (np.zeros((2, 3, 2)), [0, 0.5, 1], r"classes\[1\] is 0.5"),
        (np.full((2, 3, 2), np.nan), [0, 0, 1], "output"),
    ],
)
def test_what_is_no_classification_is_refused(output, classes, said):
    with pytest.raises(ArrayError, match=said):
        theory.lazy_classification_error(output, classes)


def test_points_and_units_go_by_their_labels():
    points, units = [3, 5, 8], [0, 1]
    output = xr.DataArray(
        RNG.normal(size=(2, 3, 2)),
        dims=("time", "point", "unit"),
        coords={"point": points, "unit": units},
    )
    classes = xr.DataArray([0, 1, 1], dims="point", coords={"point": points})
    error = theory.lazy_classification_error(output, classes)
    assert theory.lazy_classification_error(output.isel(unit=[1, 0]), classes).equals(error)
    others = {"point": [2, 0, 1]}
    assert theory.lazy_classification_error(output.isel(others), classes.isel(others)).equals(error)
    with pytest.raises(ArrayError, match="in two orders: row 0 is 3 in output and 8 in classes"):
        theory.lazy_classification_error(output, classes.isel(others))
    with pytest.raises(ArrayError, match="labelled 1, 1"):
        theory.lazy_classification_error(output.isel(unit=[1, 1]), classes)
