"""Largest stable rates of lazy kernels, against powers of the step's matrix."""

import numpy as np
import pytest

from fatheory.errors import RegimeError
from fatheory.theory.wide import lazy_steps
from fatheory.theory.wide.lazy_steps import growth_after, largest_stable_rate

RNG = np.random.default_rng(0)


def random_kernel(kind, n):
    A = RNG.normal(size=(n, n + 4)) / np.sqrt(n)
    if kind == "positive":
        return A @ A.T
    if kind == "singular":
        return A[:, :3] @ A[:, :3].T
    # Eigenvalues around 2 and 0.6 in the complex plane.
    return 2 * np.eye(n) + 0.6 * RNG.normal(size=(n, n)) / np.sqrt(n)


def radius(kernel, rate):
    """Return the largest factor of a step, of errors that move at all."""
    factors = 1 - rate * np.linalg.eigvals(kernel)
    return np.abs(factors[np.abs(factors - 1) > 1e-9]).max()


@pytest.mark.parametrize("n", [6, 60])
@pytest.mark.parametrize("kind", ["positive", "singular", "not symmetric"])
@pytest.mark.parametrize("size", [1.0, 1e-80, 1e160])
def test_just_below_it_all_errors_shrink_and_just_above_one_grows(kind, n, size):
    K = random_kernel(kind, n)
    stable = largest_stable_rate(size * K) * size
    assert radius(K, 0.999 * stable) < 1
    assert radius(K, 1.001 * stable) > 1


def test_rotating_errors_have_their_own_bound():
    """Eigenvalues 1 +- 3i: 2 Re / |.|^2 = 0.2, ten times less than 2 over their real part."""
    K = np.array([[1.0, 3.0], [-3.0, 1.0]])
    assert largest_stable_rate(K) == pytest.approx(0.2, rel=1e-14)


@pytest.mark.parametrize(
    "kernel",
    [np.diag([1.0, -0.01]), np.array([[0.0, 1.0], [-1.0, 0.0]]), -np.eye(3)],
    ids=["one negative", "imaginary", "all negative"],
)
def test_where_some_error_grows_at_every_rate_none_is_stable(kernel):
    assert largest_stable_rate(kernel) == 0
    for rate in (1e-6, 0.1, 1.0):
        assert radius(kernel, rate) > 1


def test_a_kernel_of_zeros_is_stable_at_every_rate():
    assert largest_stable_rate(np.zeros((4, 4))) == np.inf


@pytest.mark.parametrize("kind", ["positive", "singular"])
def test_many_points_have_that_of_few(kind, monkeypatch):
    K = random_kernel(kind, 80)
    every = largest_stable_rate(K)
    monkeypatch.setattr(lazy_steps, "_DENSE", 10)
    assert largest_stable_rate(K) == pytest.approx(every, rel=1e-10)
    assert largest_stable_rate(K - 0.1 * np.eye(80)) == 0


def test_lanczos_that_does_not_end_is_replaced(monkeypatch):
    """No raw error of ARPACK: of all equal eigenvalues, a start that is one, or no convergence."""
    K = random_kernel("positive", 40)
    every = largest_stable_rate(K)
    monkeypatch.setattr(lazy_steps, "_DENSE", 10)
    assert largest_stable_rate(np.eye(40)) == pytest.approx(2.0)

    def fails(*args, **kwargs):
        raise lazy_steps.ArpackError(-9)

    monkeypatch.setattr(lazy_steps, "eigsh", fails)
    assert largest_stable_rate(K) == pytest.approx(every, rel=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_kernels_that_are_no_numbers_are_told_in_words(bad):
    K = np.eye(3)
    K[0, 1] = K[1, 0] = bad
    with pytest.raises(RegimeError, match="the lazy kernel is not finite"):
        largest_stable_rate(K)


def test_growth_is_that_of_literal_steps():
    K = np.diag([1.0, 0.3, -0.2])
    e = np.array([0.0, 0.0, 1.0])
    for _ in range(30):
        e = e - 0.1 * K @ e
    assert growth_after(K, 0.1, 30) == pytest.approx(e[2], rel=1e-12)
