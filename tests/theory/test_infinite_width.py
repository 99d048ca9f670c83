"""Infinite width: the limit of finite widths, approached at the predicted powers of n_h."""

import numpy as np
import pytest

from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory.flow import flow
from fatheory.theory.gram import hidden_gram
from fatheory.theory.infinite_width import (
    WidthScaledDistribution,
    limiting_gram,
    reduced_infinite_width,
)
from fatheory.theory.reduction import solve_gram

T = np.array([[1.0, -0.6, 0.2], [0.3, 0.8, -0.5]])
SIGMA = np.array([[1.0, 0.4, 0.1], [0.4, 0.7, -0.2], [0.1, -0.2, 0.9]])
N_O, N_I = T.shape
TIME = [1.0]


def ensemble(laws, n_h, n_runs, rng):
    input_law, output_law, feedback_law = laws
    return hidden_gram(
        input_law.draw(rng, (n_runs, n_h, N_I), n_h),
        output_law.draw(rng, (n_runs, N_O, n_h), n_h),
        feedback_law.draw(rng, (n_runs, n_h, N_O), n_h),
    )


def limit_of(laws):
    h, w, g = (law.limiting_variance for law in laws)
    return reduced_infinite_width(
        T, SIGMA, input_variance=h, output_variance=w, feedback_variance=g, times=TIME
    )


def mean_deviation(gram, variances, deviation):
    """Mean of a deviation from the limit, with its linear part in the inner products taken out.

    That part has mean zero but a spread of order n_h^-1/2; what is left spreads by n_h^-1 only.
    """
    h, _, g = variances
    upper = np.triu_indices(N_I + N_O)
    scatter = (gram.S - np.diag([h] * N_I + [g] * N_O))[:, *upper]
    ones = np.ones((len(scatter), 1))
    design = np.concatenate([ones, scatter, gram.M.reshape(len(scatter), -1)], axis=1)
    return np.linalg.lstsq(design, deviation, rcond=None)[0][0]


LAWS = {
    "normal": [WidthScaledDistribution("normal", s) for s in (0.6, 0.7, 1.0)],
    "uniform": [WidthScaledDistribution("uniform", s) for s in (0.9, 1.0, 1.8)],
}
VARIANCES = {"normal": (0.36, 0.49, 1.0), "uniform": (0.27, 1 / 3, 1.08)}


@pytest.mark.catalogue("reduction.finite_width")
@pytest.mark.parametrize("family", LAWS)
def test_finite_widths_approach_at_the_predicted_powers(family, residual):
    laws, rng = LAWS[family], np.random.default_rng(1)
    limit = limit_of(laws)
    widths = np.array([32, 64, 128, 256, 512])
    spreads, means = [], []
    for n_h in widths:
        gram = ensemble(laws, int(n_h), 2000, rng)
        loss = solve_gram(gram, T, SIGMA, times=TIME, rtol=1e-8, atol=1e-10).loss()[-1]
        spreads.append(loss.std())
        means.append(abs(mean_deviation(gram, VARIANCES[family], loss - limit.loss()[-1])))
    residual(abs(np.polyfit(np.log(widths), np.log(spreads), 1)[0] + 0.5), 0.1)
    residual(abs(np.polyfit(np.log(widths), np.log(means), 1)[0] + 1.0), 0.1)


@pytest.mark.catalogue("reduction.infinite_width")
def test_flow_with_limiting_inner_products_is_the_infinitely_wide_one(residual):
    """Orthogonal columns of A0, B and W^T give a finite network the limit's inner products."""
    rng = np.random.default_rng(2)
    h, w, g = 0.5, 0.3, 1.4
    Q, _ = np.linalg.qr(rng.normal(size=(12, N_I + 2 * N_O)))
    A0 = np.sqrt(h) * Q[:, :N_I]
    B = np.sqrt(g) * Q[:, N_I : N_I + N_O]
    Wi = np.sqrt(w) * Q[:, N_I + N_O :].T
    times = [0.5, 1.0, 3.0]
    full = flow(A0, Wi, B, T, SIGMA, times=times, rtol=1e-12, atol=1e-14)
    wide = reduced_infinite_width(
        T,
        SIGMA,
        input_variance=h,
        output_variance=w,
        feedback_variance=g,
        times=times,
        rtol=1e-12,
        atol=1e-14,
    )
    residual(np.abs(wide.loss() / full.loss.values - 1).max(), 1e-9)
    residual(np.abs(wide.product() - full.weight_2.values @ full.weight_1.values).max(), 1e-9)
    W = full.weight_2.values
    cosine = np.einsum("toh,ho->t", W, B) / np.linalg.norm(W, axis=(1, 2)) / np.linalg.norm(B)
    residual(np.abs(wide.weight_angle() - np.rad2deg(np.arccos(cosine))).max(), 1e-7)


def test_entries_above_exponent_one_half_leave_the_limit_at_their_own_power():
    """A start of exponent 3/4 adds n_h^(1 - 3/2) to the mean, larger than the n_h^-1 of scatter."""
    laws = [WidthScaledDistribution("normal", *size) for size in ((1.0, 0.75), (0.0,), (1.0,))]
    limit, rng = limit_of(laws), np.random.default_rng(3)
    widths = np.array([256, 1024, 4096])
    means = []
    for n_h in widths:
        gram = ensemble(laws, int(n_h), 300, rng)
        loss = solve_gram(gram, T, SIGMA, times=TIME, rtol=1e-8, atol=1e-10).loss()[-1]
        means.append(abs(loss.mean() - limit.loss()[-1]))
    assert abs(np.polyfit(np.log(widths), np.log(means), 1)[0] + 0.5) < 0.1


@pytest.mark.parametrize("family", LAWS)
def test_laws_have_the_variance_they_state(family):
    law = LAWS[family][0]
    draws = law.draw(np.random.default_rng(4), (400_000,), 25)
    assert abs(25 * draws.var() / law.limiting_variance - 1) < 0.01
    assert abs(draws.mean()) < 0.01 * draws.std()


def test_a_vanishing_start_is_the_zero_start():
    law = WidthScaledDistribution("normal", 1.0, width_exponent=1.0)
    assert law.limiting_variance == 0
    feedback = WidthScaledDistribution("normal", 1.0)
    assert np.isnan(limit_of([law, law, feedback]).weight_angle()).sum() == 0
    assert not limiting_gram(N_I, N_O, 0.0, 0.0, 1.0).M.any()


def test_bad_input_is_named():
    with pytest.raises(UnknownNameError, match="unknown family of entries 'gauss'"):
        WidthScaledDistribution("gauss", 1.0)
    with pytest.raises(RegimeError, match=r"grow without bound; got 0\.25"):
        WidthScaledDistribution("normal", 1.0, 0.25)
    with pytest.raises(RegimeError, match="scale must be finite and not negative; got -1"):
        WidthScaledDistribution("normal", -1.0)
    with pytest.raises(RegimeError, match="feedback_variance must be finite and not negative"):
        reduced_infinite_width(T, feedback_variance=float("nan"), times=[1.0])
    with pytest.raises(RegimeError, match="not the weights"):
        reduced_infinite_width(T, feedback_variance=1.0, times=[1.0]).weights()
