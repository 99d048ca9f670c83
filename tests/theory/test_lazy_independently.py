"""What is said of lazy learning, from kernels that plain quadrature gives pair by pair."""

import math
from functools import cache

import numpy as np
import pytest
from plain_kernels import plain_terms

from fatheory import theory

RNG = np.random.default_rng(11)
X, Z = RNG.normal(size=(5, 6)), RNG.normal(size=(2, 6))
Y, F0, G0 = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2)), RNG.normal(size=(2, 2))
CASES = [("relu", 2, 0.0), ("tanh", 1, 0.4), ("erf", 2, 0.0)]


@cache
def terms(activation, L, bias_scale):
    """Of training and test points together."""
    return plain_terms(np.vstack([X, Z]), activation, L, bias_scale)


def summed(coefficients, case):
    return sum(c * M for c, M in zip(coefficients, terms(*case), strict=True))


def asked(case, rule, **settings):
    activation, L, bias_scale = case
    return {
        "activation": activation,
        "hidden_layers": L,
        "bias_scale": bias_scale,
        "rule": rule,
    } | settings


@pytest.mark.parametrize("case", CASES)
@pytest.mark.catalogue("wide.lazy")
def test_kernels_of_layered_rules(case, residual):
    cosine = 0.6 * math.sqrt(2 / math.pi)  # of usf at concordance 0.8
    for r, rule, settings in (
        (1.0, "backprop", {}),
        (-0.3, "feedback_alignment", {"correlation": -0.3}),
        (cosine, "usf", {"concordance": 0.8}),
        (cosine * math.sqrt(3 / 4), "frsf", {"concordance": 0.8}),
    ):
        expected = summed([r**k for k in range(case[1] + 1)], case)
        whole = theory.lazy_kernel(np.vstack([X, Z]), **asked(case, rule, **settings)).values
        residual(np.abs(whole - expected).max(), 1e-11)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.catalogue("wide.lazy.direct")
def test_kernels_of_direct_feedback(case, residual):
    expected = summed([1.0, 0.5, 0.0][: case[1] + 1], case)
    rule = asked(case, "direct_feedback_alignment", correlation=0.5)
    whole = theory.lazy_kernel(np.vstack([X, Z]), **rule).values
    residual(np.abs(whole - expected).max(), 1e-11)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.catalogue("wide.lazy.outputs")
def test_outputs_are_literal_steps(case, residual):
    K = summed([0.5**k for k in range(case[1] + 1)], case)
    rule = asked(case, "feedback_alignment", correlation=0.5)
    f, eta = np.vstack([F0, G0]), 0.2
    for _ in range(50):
        f = f + eta * K[:, :5] @ (Y - f[:5])
    found = theory.lazy_outputs(
        theory.lazy_kernel(X, **rule), Y, times=[0.0, 50 * eta], start=F0, learning_rate=eta,
        test_kernel=theory.lazy_kernel(Z, others=X, **rule), test_start=G0,
    ).isel(time=-1)  # fmt: skip
    residual(np.abs(found["output"] - f[:5]).max(), 1e-11)
    residual(np.abs(found["test_output"] - f[5:]).max(), 1e-11)


@pytest.mark.parametrize("solver", ["cholesky", "conjugate_gradients"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.catalogue("wide.lazy.limit")
def test_late_outputs_are_those_of_a_linear_solve(case, solver, residual):
    K = summed([0.5**k for k in range(case[1] + 1)], case)
    expected = G0 + K[5:, :5] @ np.linalg.solve(K[:5, :5], Y - F0)
    rule = asked(case, "feedback_alignment", correlation=0.5)
    end = theory.lazy_limit(
        X, Y, Z, **rule, start=F0, test_start=G0, solver=solver, tolerance=1e-12, landmarks=3
    )["test_output"]
    residual(np.abs(end.values - expected).max() / np.abs(expected).max(), 1e-9)


@pytest.mark.parametrize("case", [("relu", 1, 0.0), ("erf", 1, 0.0), ("relu", 3, 0.0)])
@pytest.mark.catalogue("wide.threshold")
def test_the_threshold_is_found_by_halving_intervals(case, residual):
    """Of odd depth: with an even number of hidden layers the last term is positive again."""
    blocks = [M[:5, :5] for M in terms(*case)]

    def smallest(p):
        r = (2 * p - 1) * math.sqrt(2 / math.pi)
        return np.linalg.eigvalsh(sum(r**k * M for k, M in enumerate(blocks)))[0]

    low, high = 0.0, 0.5  # at 1/2 the kernel is M_0, which is positive definite
    assert smallest(low) < 0 < smallest(high)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if smallest(middle) < 0 else (low, middle)
    p = theory.concordance_threshold(X, activation=case[0], hidden_layers=case[1])
    residual(abs(p - high), 1e-9)


@pytest.mark.catalogue("wide.lazy.classification")
def test_classification_errors_are_counts_of_wrong_answers(residual):
    case = CASES[0]
    K = summed([0.5**k for k in range(3)], case)
    rule = asked(case, "feedback_alignment", correlation=0.5)
    classes = [2, 0, 1, 0, 1]
    targets, first = np.eye(3)[classes], np.roll(np.eye(3)[classes], 1, axis=1)
    found = theory.lazy_outputs(
        theory.lazy_kernel(X, **rule), targets, times=np.arange(0.0, 41.0), start=first,
        learning_rate=0.5,
    )  # fmt: skip
    error = theory.lazy_classification_error(found["output"], classes)
    f, at = first, 0
    for step in range(81):
        if step % 2 == 0:
            wrong = 0
            for row, own in zip(f, classes, strict=True):
                best = 0
                for u in (1, 2):
                    best = u if row[u] > row[best] else best
                wrong += best != own
            residual(abs(100 * wrong / 5 - float(error[at])), 1e-10)
            at += 1
        f = f + 0.5 * K[:5, :5] @ (targets - f)
    assert error[0] == 100
    assert len(set(error.values.tolist())) > 2
