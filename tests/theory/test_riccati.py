import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.backprop_modes import backprop_modes
from fatheory.theory.flow import flow
from fatheory.theory.riccati import MAX_SUBSTEPS, riccati_flow

TIMES = np.array([0.0, 0.4, 1.0, 2.0, 5.0])


def balanced_start(rng, n_i, n_h, n_o, imbalance=0.0, scale=0.3):
    """Return weights with W0 W0^T - W^T W = imbalance * I."""
    k = min(n_i, n_h, n_o)
    R, V, U = (np.linalg.qr(rng.normal(size=(n, k)))[0] for n in (n_h, n_i, n_o))
    d = scale * rng.uniform(0.5, 1.5, k)
    return R * np.sqrt(d**2 + imbalance) @ V.T, U * d @ R.T, rng.normal(size=(n_o, n_i))


@pytest.mark.catalogue("backprop.riccati")
@pytest.mark.parametrize(
    ("sizes", "imbalance"),
    [((4, 6, 3), 0.0), ((4, 2, 3), 0.0), ((3, 5, 7), 0.0), ((6, 6, 6), 0.0), ((5, 3, 4), 0.5)],
)
def test_solution_follows_the_flow(residual, sizes, imbalance):
    W0, W, T = balanced_start(np.random.default_rng(3), *sizes, imbalance)
    exact = riccati_flow(W0, W, T, times=TIMES, input_variance=1.3)
    Sigma = 1.3 * np.eye(sizes[0])
    ode = flow(W0, W, None, T, Sigma, times=TIMES, rule="backprop", rtol=1e-12, atol=1e-14)
    A, C = ode["weight_1"].values, ode["weight_2"].values
    residual(np.abs(exact.product - C @ A).max(), 1e-9)
    residual(np.abs(exact.input_gram - A.swapaxes(1, 2) @ A).max(), 1e-9)
    residual(np.abs(exact.output_gram - C @ C.swapaxes(1, 2)).max(), 1e-9)
    residual(np.abs(exact.loss - ode["loss"].values).max(), 1e-9)


def test_gradient_steps_approach_the_closed_form_at_slope_one():
    W0, W, T = balanced_start(np.random.default_rng(4), 4, 6, 3)
    final = 1.0
    exact = riccati_flow(W0, W, T, times=[final]).product[0]
    rates, errors = 2.0 ** -np.arange(6, 11), []
    for eta in rates:
        A, C = W0.copy(), W.copy()
        for _ in range(round(final / eta)):
            E = T - C @ A
            A, C = A + eta * C.T @ E, C + eta * E @ A.T
        errors.append(np.linalg.norm(C @ A - exact))
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(1, abs=0.1)


def test_one_mode_is_the_scalar_solution():
    exact = riccati_flow([[1e-3]], [[1e-3]], [[2.0]], times=TIMES)
    modes = backprop_modes(1e-3, 1e-3, 2.0, TIMES)
    np.testing.assert_allclose(exact.product[:, 0, 0], modes.product[:, 0], rtol=1e-12)


def test_late_times_stay_finite_and_reach_the_target():
    W0, W, T = balanced_start(np.random.default_rng(5), 4, 6, 3, scale=1e-100)
    late = riccati_flow(W0, W, T, times=[1000.0, 2000.0])
    np.testing.assert_allclose(late.product, np.stack([T, T]), atol=1e-12)


def test_a_bottleneck_keeps_the_strongest_modes():
    W0, W, T = balanced_start(np.random.default_rng(6), 5, 2, 4, scale=1e-3)
    U, s, Vt = np.linalg.svd(T)
    late = riccati_flow(W0, W, T, times=[300.0])
    np.testing.assert_allclose(late.product[0], (U[:, :2] * s[:2]) @ Vt[:2], atol=1e-9)


def test_restart_gives_the_same_path():
    rng = np.random.default_rng(7)
    W0, W, T = balanced_start(rng, 4, 4, 4)
    whole = riccati_flow(W0, W, T, times=[0.0, 1.0, 3.0])
    np.testing.assert_array_equal(whole.product[0], W @ W0)
    Q = np.block(
        [
            [whole.input_gram[1], whole.product[1].T],
            [whole.product[1], whole.output_gram[1]],
        ]
    )
    values, vectors = np.linalg.eigh(Q)
    factor = vectors[:, -4:] * np.sqrt(values[-4:])
    again = riccati_flow(factor[:4].T, factor[4:], T, times=[2.0])
    np.testing.assert_allclose(again.product[0], whole.product[2], atol=1e-11)


def test_other_regimes_are_refused():
    W0, W, T = balanced_start(np.random.default_rng(8), 4, 6, 3)
    with pytest.raises(RegimeError, match=r"balanced start, W0 W0\^T - W\^T W = l I; it departs"):
        riccati_flow(1.01 * W0, W, T, times=TIMES)
    with pytest.raises(RegimeError, match=r"input_variance must be positive and finite; got -1"):
        riccati_flow(W0, W, T, times=TIMES, input_variance=-1.0)
    with pytest.raises(RegimeError, match="shorten the times"):
        riccati_flow(W0, W, T, times=[10.0 * MAX_SUBSTEPS])
    with pytest.raises(ArrayError, match=r"T of shape \(2, 4\) does not fit W of shape \(3, 6\)"):
        riccati_flow(W0, W, T[:2], times=TIMES)
