"""The linear task's covariances, inputs and probes."""

import numpy as np
import pytest

from fatheory.tasks.linear import (
    gaussian_inputs,
    matched_inputs,
    power_law_covariance,
    symmetric_root,
)


def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("decay", [0.3, 1.0, 2.5])
def test_eigenvalues_follow_the_power_law(decay):
    Sigma = power_law_covariance(rng(), 8, decay)
    np.testing.assert_allclose(Sigma, Sigma.T, atol=1e-14)
    eigenvalues = np.linalg.eigvalsh(Sigma)[::-1]
    np.testing.assert_allclose(eigenvalues / eigenvalues[0], np.arange(1, 9.0) ** -decay)
    np.testing.assert_allclose(eigenvalues.mean(), 1, rtol=1e-13)


def test_no_decay_is_white_input_exactly():
    generator = rng()
    np.testing.assert_array_equal(power_law_covariance(generator, 5, 0.0), np.eye(5))
    assert generator.random() == rng().random()


def test_the_basis_is_uniform_over_rotations():
    """Squared entries of a unit eigenvector have mean 1 / n and second moment 3 / (n (n + 2))."""
    n, draws = 4, 4000
    generator = rng()
    top = np.empty((draws, n))
    for row in top:
        row[:] = np.linalg.eigh(power_law_covariance(generator, n, 3.0))[1][:, -1]
    squares = top**2
    assert (np.abs(squares.mean(axis=0) - 1 / n) < 4 * squares.std(axis=0) / np.sqrt(draws)).all()
    fourth = squares**2
    error = fourth.std(axis=0) / np.sqrt(draws)
    assert (np.abs(fourth.mean(axis=0) - 3 / (n * (n + 2))) < 4 * error).all()


def test_root_of_a_covariance():
    Sigma = power_law_covariance(rng(), 6, 1.5)
    root = symmetric_root(Sigma)
    np.testing.assert_allclose(root, root.T, atol=1e-14)
    np.testing.assert_allclose(root @ root, Sigma, atol=1e-13)
    assert np.linalg.eigvalsh(root).min() > 0
    flat = np.outer([1.0, 2.0], [1.0, 2.0])
    np.testing.assert_allclose(symmetric_root(flat) @ symmetric_root(flat), flat, atol=1e-13)


def test_inputs_approach_their_second_moment_at_rate_one_half():
    root = symmetric_root(power_law_covariance(rng(), 4, 1.0))
    generator, counts = rng(), [100, 400, 1600, 6400]
    errors = []
    for count in counts:
        x = gaussian_inputs(generator, 100 * count, 4, root).reshape(100, count, 4)
        second = np.einsum("dsi,dsj->dij", x, x) / count
        errors.append(np.sqrt(np.mean((second - root @ root) ** 2)))
    rate = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert abs(rate + 0.5) < 0.1


@pytest.mark.parametrize("samples", [4, 5, 60])
def test_matched_inputs_have_the_second_moment_exactly(samples):
    root = symmetric_root(power_law_covariance(rng(), 4, 1.0))
    x = matched_inputs(rng(), samples, 4, root)
    np.testing.assert_allclose(x.T @ x / samples, root @ root, atol=1e-12)


def test_too_few_matched_inputs_are_left_as_drawn():
    x = matched_inputs(rng(), 3, 4, None)
    np.testing.assert_array_equal(x, rng().normal(size=(3, 4)))
