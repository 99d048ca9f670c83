"""Angles of signals and gradients from order parameters, against draws."""

import numpy as np
import pytest
from literal_online import FUNCTIONS
from overlaps import covariance, drawn_overlaps

from fatheory.theory import order_parameters
from fatheory.theory.order_parameters.activation import find_integrals
from fatheory.theory.order_parameters.alignment import delta_angle
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.feedback import resolve_feedback
from fatheory.theory.order_parameters.integrals import triples
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters


@pytest.mark.catalogue("order_parameters.angles")
@pytest.mark.parametrize("activation", ["erf", "relu", "linear", "tanh"])
def test_angles_are_those_of_drawn_examples(activation, residual):
    Q, R, T, W, A, B = drawn_overlaps(seed=3)
    noise = 0.3
    solved = order_parameters(
        Q, R, T, W, A, activation=activation, B=B, learning_rate=0.1, noise=noise, times=[0.0]
    )
    rng = np.random.default_rng(0)
    C = covariance(Q, R, T)
    g, slope = FUNCTIONS[activation]
    sums = 0.0
    draws = 400_000
    u = rng.normal(size=(draws, len(C))) @ np.linalg.cholesky(C).T
    e = g(u) @ np.hstack([-W, A]).T + noise * rng.normal(size=(draws, len(A)))
    signals = [e @ V.T * slope(u[:, :3]) for V in (B, W.T)]
    sums = [[(a * b).sum() for b in signals] for a in signals]
    cosine = sums[0][1] / np.sqrt(sums[0][0] * sums[1][1])
    residual(abs(np.cos(np.radians(float(solved["delta_angle"][0]))) - cosine), 5e-3)
    # E delta x^T in the basis of the fields is kappa = E delta u^T C^-1.
    means = [np.linalg.solve(C, (d.T @ u / draws).T).T for d in signals]
    inner = [[np.einsum("ic,cd,id->", a, C, b) for b in means] for a in means]
    cosine = inner[0][1] / np.sqrt(inner[0][0] * inner[1][1])
    residual(abs(np.cos(np.radians(float(solved["gradient_angle"][0]))) - cosine), 5e-3)


@pytest.mark.parametrize("activation", ["erf", "relu", "linear", "sigmoid"])
def test_the_mean_gradient_is_the_sum_of_triples(activation):
    Q, R, T, W, A, B = drawn_overlaps(seed=4)
    integrals = find_integrals(activation)
    problem = Problem(integrals, resolve_feedback("feedback_alignment", B, A, 3), T, A, 1.0, 1.0)
    means = Averages(problem, OrderParameters(Q, R, W))
    D = np.einsum("ia,ina->in", means.P, triples(integrals, means.C, 3))
    np.testing.assert_allclose(means.kappa @ means.C, D, rtol=1e-12)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_signals_before_the_slopes_are_feedback_of_errors(activation):
    """What runs record of the hidden layer: V e, with targets without noise."""
    Q, R, T, W, A, B = drawn_overlaps(seed=3)
    integrals = find_integrals(activation)
    feedback = resolve_feedback("feedback_alignment", B, A, 3)
    problem = Problem(integrals, feedback, T, A, 1.0, 1.0, noise=0.3)
    means = Averages(problem, OrderParameters(Q, R, W))
    C, g = covariance(Q, R, T), FUNCTIONS[activation][0]
    u = np.random.default_rng(0).normal(size=(400_000, len(C))) @ np.linalg.cholesky(C).T
    e = g(u) @ np.hstack([-W, A]).T
    ours, backprops = e @ B.T, e @ W
    cosine = (ours * backprops).sum() / np.sqrt((ours**2).sum() * (backprops**2).sum())
    found = np.cos(np.radians(float(delta_angle(means, gated=False))))
    assert abs(found - cosine) < 5e-3
    assert abs(np.cos(np.radians(float(delta_angle(means)))) - cosine) > 0.02  # another angle


def test_small_angles_keep_their_digits():
    Q, R, T, W, A, B = drawn_overlaps(seed=5)
    aside = B - W.T * (B * W.T).sum() / (W**2).sum()
    aside *= np.linalg.norm(W) / np.linalg.norm(aside)
    for tilt in (1e-3, 1e-6):
        solved = order_parameters(
            Q, R, T, W, A, activation="linear", B=W.T + tilt * aside, learning_rate=0.1,
            times=[0.0],
        )  # fmt: skip
        assert abs(float(solved["weight_angle"][0]) / np.degrees(tilt) - 1) < 1e-5
        # Signals in a metric of their own: proportional to the tilt.
        assert 0 < float(solved["delta_angle"][0]) < 5 * np.degrees(tilt)
    opposite = order_parameters(
        Q, R, T, W, A, activation="erf", B=-W.T, learning_rate=0.1, times=[0.0]
    )
    assert abs(float(opposite["delta_angle"][0]) - 180) < 1e-5
    shallow = order_parameters(
        Q, R, T, W, A, activation="erf", rule="shallow", learning_rate=0.1, times=[0.0]
    )
    assert np.isnan(shallow["delta_angle"]).all()
