import numpy as np
import pytest

from fatheory.errors import ArrayError
from fatheory.geometry import angle
from fatheory.theory.early_time import early_time, first_alignment_angle
from fatheory.theory.flow import flow


def problem(seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(4, 4))
    return rng.normal(size=(6, 3)), rng.normal(size=(3, 4)), A @ A.T / 4


@pytest.mark.catalogue("early_time.weights")
@pytest.mark.parametrize(("terms", "orders"), [(1, (4, 5)), (2, (7, 8))])
@pytest.mark.parametrize("seed", [0, 1])
def test_remainder_has_the_stated_order(terms, orders, seed, residual):
    B, T, Sigma = problem(seed)
    times = np.geomspace(0.01, 0.03, 4) * terms
    exact = flow(
        np.zeros((6, 4)), np.zeros((3, 6)), B, T, Sigma, times=times, rtol=1e-13, atol=1e-18
    )
    early = early_time(B, T, Sigma, times=times, terms=terms)
    for name, ours, order in zip(("weight_1", "weight_2"), early, orders, strict=True):
        remainder = np.abs(exact[name].values - ours).max(axis=(1, 2))
        slope = np.polyfit(np.log(times), np.log(remainder), 1)[0]
        residual(abs(slope - order), 0.1)


@pytest.mark.catalogue("early_time.angle")
def test_first_angle_is_the_limit_of_the_flow(residual):
    B, T, Sigma = problem(2)
    exact = flow(
        np.zeros((6, 4)), np.zeros((3, 6)), B, T, Sigma, times=[1e-4], rtol=1e-12, atol=1e-30
    )
    first = first_alignment_angle(B, T, Sigma)
    residual(abs(first - angle(exact["weight_2"].values[0], B.T, axis=(-2, -1))), 1e-6)
    assert 0 < first < 90


def test_equal_singular_values_align_at_once():
    B = np.linalg.qr(problem(3)[0])[0]
    assert first_alignment_angle(B, np.eye(3, 4)) == pytest.approx(0, abs=1e-6)
    assert np.isnan(first_alignment_angle(B, np.zeros((3, 4))))


def test_refuses():
    B, T, Sigma = problem(0)
    with pytest.raises(ArrayError, match="terms must be 1 or 2; got 3"):
        early_time(B, T, Sigma, times=[0.1], terms=3)
    with pytest.raises(ArrayError, match="n_o is"):
        first_alignment_angle(B[:, 1:], T, Sigma)
