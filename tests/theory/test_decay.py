"""The linearised rate against rates fitted to the flow and closed forms."""

import numpy as np
import pytest
import scipy.linalg
from default_run import slow_but

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.decay import (
    error_operator,
    linearised_rate,
    measured_rate,
    reached_inputs,
    reached_outputs,
)
from fatheory.theory.flow import flow

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
SHAPES = [(2, 3, 3), (2, 4, 2), (3, 3, 3), (1, 4, 3), (3, 5, 2)]


def drawn(seed):
    """Target, feedback, covariance and start of a problem that is learned in some time units."""
    rng = np.random.default_rng(seed)
    n_o, n_h, n_i = SHAPES[seed % 5]
    U, V = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (n_o, n_i))
    k = min(n_o, n_i)
    # Distant singular values: the second slowest mode dies out within the window of the fit.
    T = (U[:, :k] * rng.uniform(0.6, 0.7, size=k) * 5.0 ** np.arange(k)) @ V[:, :k].T
    B = np.linalg.qr(rng.normal(size=(n_h, n_o)))[0] * rng.uniform(0.9, 1.2, size=n_o)
    root = rng.normal(size=(n_i, n_i))
    Sigma = np.eye(n_i) + 0.2 * root @ root.T if seed % 2 else np.eye(n_i)
    scale = 0.3 if seed % 4 > 1 else 0.0
    start = scale * rng.normal(size=(n_h, n_i)), scale * rng.normal(size=(n_o, n_h))
    return T, B, Sigma, start


def solved(seed, times):
    """Return the problem, its flow, and the weights at the end of it."""
    T, B, Sigma, start = drawn(seed)
    path = flow(*start, B, T, Sigma, times=times, **TIGHT)
    return T, B, Sigma, start, path, (path.weight_1.values[-1], path.weight_2.values[-1])


@pytest.mark.catalogue("convergence.linearised")
@pytest.mark.parametrize("draws", slow_but([6], [6, 25]))
def test_measured_rate_is_the_linearised_rate(draws, residual):
    times, isolated = np.linspace(0, 45, 2251), 0
    for seed in range(draws):
        T, B, Sigma, start, path, end = solved(seed, times)
        rate = linearised_rate(*end, B, T, Sigma, start=start)
        bases = reached_outputs(T, start[1]), reached_inputs(T, start[0], Sigma)
        spectrum = np.sort(np.linalg.eigvals(error_operator(*end, B, Sigma, *bases)).real)
        gap = abs(measured_rate(times, path.loss.values) / rate - 1)
        if len(spectrum) == 1 or spectrum[1] > 1.2 * spectrum[0]:
            isolated += 1
            residual(gap, 2e-3)
        # Where two rates are close, both are still present in the window of the fit.
        assert gap < 0.1
    assert isolated >= 0.8 * draws


@pytest.mark.parametrize("seed", [0, 3, 5, 10, 18])
def test_remaining_flow_follows_the_operator_with_an_error_quadratic_in_the_distance(seed):
    times = np.linspace(0, 45, 2251)
    T, B, Sigma, _, path, end = solved(seed, times)
    matrix = error_operator(*end, B, Sigma, np.eye(len(T)), np.eye(T.shape[1]))
    E = T - path.weight_2.values @ path.weight_1.values
    sizes = np.linalg.norm(E, axis=(1, 2))
    begins = [int(np.argmax(sizes < sizes[0] * 10.0**-j)) for j in np.arange(1, 5, 0.5)]
    carry = scipy.linalg.expm(-times[10] * matrix)
    gaps = [np.linalg.norm(carry @ E[k].ravel() - E[k + 10].ravel()) for k in begins]
    assert np.polyfit(np.log(sizes[begins]), np.log(gaps), 1)[0] == pytest.approx(2, abs=0.1)


def test_decoupled_modes_have_the_rate_of_the_closed_form():
    rng = np.random.default_rng(8)
    s, g = np.array([0.9, 2.0]), 1.3
    B = np.sqrt(g) * np.linalg.qr(rng.normal(size=(4, 2)))[0]
    x = np.cbrt(2 * s / g)
    W0, W = B @ np.diag(x) @ np.eye(2, 3), np.diag(x**2 / 2) @ B.T
    T = np.diag(s) @ np.eye(2, 3)
    zero = np.zeros_like(W0), np.zeros_like(W)
    rate = linearised_rate(W0, W, B, T, start=zero)
    assert rate == pytest.approx(1.5 * g * x[0] ** 2, rel=1e-12)
    # From a general start the error also lives on the third input, where only W B acts.
    assert linearised_rate(W0, W, B, T) == pytest.approx(0.5 * g * x[0] ** 2, rel=1e-12)


def test_operator_is_the_literal_derivative_of_the_error():
    rng = np.random.default_rng(9)
    W0, W, B = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=(4, 2))
    T, root = rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    Sigma, E = root @ root.T, T - W @ W0
    literal = -(W @ (B @ E @ Sigma) + (E @ Sigma @ W0.T) @ W0)
    matrix = error_operator(W0, W, B, Sigma, np.eye(2), np.eye(3))
    np.testing.assert_allclose(-matrix @ E.ravel(), literal.ravel(), atol=1e-12)
    assert linearised_rate(W0, W, B, T) == pytest.approx(
        np.linalg.eigvals(W @ B).real.min() + np.linalg.eigvalsh(W0.T @ W0)[0], abs=1e-12
    )


def test_error_stays_in_the_reached_directions():
    rng = np.random.default_rng(10)
    T = np.outer(rng.normal(size=3), [1.0, 1.0, 0.0, 0.0])
    Sigma = np.diag([1.0, 2.0, 2.0, 0.0])
    B = rng.normal(size=(4, 3))
    zero = np.zeros((4, 4)), np.zeros((3, 4))
    left, right = reached_outputs(T, zero[1]), reached_inputs(T, zero[0], Sigma)
    assert (left.shape, right.shape) == ((3, 1), (4, 2))
    path = flow(*zero, B, T, Sigma, times=[0.5, 2.0, 8.0], **TIGHT)
    E = T - path.weight_2.values @ path.weight_1.values
    np.testing.assert_allclose(left @ left.T @ E @ right @ right.T, E, atol=1e-12)


def test_measured_rate_of_an_exponential_ignores_the_start_and_the_floor():
    times = np.linspace(0, 40, 801)
    loss = np.exp(-2 * 0.7 * times) + 3 * np.exp(-8 * times)
    assert measured_rate(times, loss) == pytest.approx(0.7, rel=1e-8)
    assert measured_rate(times, loss + 1e-24) == pytest.approx(0.7, rel=1e-3)


def test_bad_input_is_refused_with_what_to_do():
    times = np.linspace(0, 40, 5)
    with pytest.raises(RegimeError, match=r"only 1 times .* take the times closer together"):
        measured_rate(times, np.exp(-2 * times))
    with pytest.raises(ArrayError, match=r"loss must not be negative.*-1"):
        measured_rate(times, [1.0, 0.5, 0.2, 0.1, -1.0])
    with pytest.raises(RegimeError, match="only 0 times"):
        measured_rate(times, np.zeros(5))
    zero = np.zeros((2, 2))
    with pytest.raises(RegimeError, match="no error that could decay"):
        linearised_rate(zero, zero, np.eye(2), zero, start=(zero, zero))
    with pytest.raises(ArrayError, match="T of shape"):
        linearised_rate(zero, zero, np.eye(2), np.zeros((3, 2)))
