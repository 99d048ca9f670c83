"""Order parameters where the answer is known: plateaus, one linear unit, small rates."""

import numpy as np
import pytest
from overlaps import drawn_overlaps, vectors

from fatheory.theory import flow, order_parameters, reduced_sgd
from fatheory.theory.order_parameters.activation import find_integrals
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.feedback import resolve_feedback
from fatheory.theory.order_parameters.field import motion
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.stability import largest_stable_rate
from fatheory.theory.order_parameters.state import OrderParameters

ONE = ([[0.3]], [[0.1]], [[1.0]], [[1.0]], [[1.0]])
LINEAR_UNIT = {"activation": "linear", "rule": "backprop", "readout_rate": 0.0}


@pytest.mark.catalogue("order_parameters.plateau")
@pytest.mark.parametrize(("K", "error"), [(2, 0.0116108403), (3, 0.0202965887), (4, 0.0283772639)])
def test_symmetric_plateau(K, error, residual):
    """Saad & Solla 1995: the students are alike, and the small-rate motion rests."""
    Q, R = np.full((K, K), 1 / (2 * K - 1)), np.full((K, K), 1 / np.sqrt(K * (2 * K - 1)))
    rate = 1e-9
    solved = order_parameters(
        Q, R, np.eye(K), np.ones((1, K)), np.ones((1, K)), activation="erf", rule="backprop",
        learning_rate=rate, readout_rate=0.0, times=[0.0, 1.0],
    )  # fmt: skip
    residual(abs(solved["generalization_error"].values[0] - error), 5e-11)
    closed = K / np.pi * (np.pi / 6 - K * np.arcsin(1 / (2 * K)))
    residual(abs(solved["generalization_error"].values[0] - closed), 1e-14)
    for name in "QR":
        moved = np.abs(solved[name].values[1] - solved[name].values[0]).max()
        assert moved < 1e-7 * rate + 1e-15


@pytest.mark.catalogue("order_parameters.linear_unit")
@pytest.mark.parametrize("eta", [0.2, 1.0, 1.9])
def test_one_linear_unit(eta, residual):
    solved = order_parameters(
        *ONE, **LINEAR_UNIT, learning_rate=eta, times=np.linspace(0.0, 5.0, 6)
    )
    error = solved["generalization_error"].values
    start = 0.5 * (0.3 - 0.2 + 1.0)
    residual(np.abs(error / (start * np.exp(-(2 * eta - eta**2) * solved.time)) - 1).max(), 1e-6)
    noisy = order_parameters(*ONE, **LINEAR_UNIT, learning_rate=eta, noise=0.3, times=[400.0])
    floor = eta * 0.09 / (2 * (2 - eta))
    residual(abs(float(noisy["generalization_error"][0]) - floor) / floor, 1e-8)


def test_the_critical_rate_of_one_linear_unit():
    problem = Problem(
        find_integrals("linear"),
        resolve_feedback("backprop", None, np.ones((1, 1)), 1),
        np.eye(1),
        np.ones((1, 1)),
        0.7,
        0.0,
    )
    state = OrderParameters(*(np.array(part) for part in (ONE[0], ONE[1], ONE[3])))
    assert abs(float(largest_stable_rate(problem, state)) - 2) < 1e-6


def test_linear_networks_are_the_average_of_exact_sgd():
    """The reduction carries the steps out exactly; its mean over many runs is this solution."""
    N, seeds, eta, time = 150, 60, 0.4, 2.0
    Q, R, T, W, A, B = drawn_overlaps(seed=4)
    rng = np.random.default_rng(0)
    theory = order_parameters(
        Q, R, T, W, A, activation="linear", B=B, learning_rate=eta, times=[time]
    )
    steps = round(time * N)
    found = []
    for _ in range(seeds):
        W0, A0 = vectors(Q, R, T, N, rng)
        ran = reduced_sgd(
            W0 / np.sqrt(N), W, B, A @ A0 / np.sqrt(N), rng.normal(size=(steps, 1, N)),
            learning_rate=eta / N, snapshot_steps=[steps],
        )  # fmt: skip
        found.append(ran.loss()[0])
    error = np.std(found, ddof=1) / np.sqrt(seeds)
    off = np.mean(found) - float(theory["generalization_error"][0])
    assert abs(off) < 4 * error + 2 / N * np.mean(found)
    assert np.mean(found) < 0.5 * float(
        order_parameters(Q, R, T, W, A, activation="linear", B=B, learning_rate=eta, times=[0.0])[
            "generalization_error"
        ][0]
    )


@pytest.mark.catalogue("order_parameters.small_rates")
@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop", "usf", "shallow"])
def test_small_rates_are_the_flow(rule, residual):
    """At time eta alpha the limit is the gradient flow of the weights, at slope 1 in eta."""
    N = 12
    Q, R, T, W, A, B = drawn_overlaps(seed=5)
    given = B if rule == "feedback_alignment" else None
    W0, A0 = vectors(Q, R, T, N, np.random.default_rng(0))
    end = 1.5
    flown = flow(W0 / np.sqrt(N), W, given, A @ A0 / np.sqrt(N), times=[end], rule=rule)
    exact = flown["weight_1"].values[0] @ flown["weight_1"].values[0].T
    rates, errors = np.array([0.04, 0.02, 0.01, 1e-7]), []
    for eta in rates:
        solved = order_parameters(
            Q, R, T, W, A, activation="linear", rule=rule, B=given, learning_rate=eta,
            times=[end / eta],
        )  # fmt: skip
        errors.append(np.abs(solved["Q"].values[0] - exact).max())
    residual(errors[-1], 1e-6)
    np.testing.assert_allclose(solved["W"].values[0], flown["weight_2"].values[0], atol=1e-6)
    if rule != "shallow":
        assert abs(np.polyfit(np.log(rates[:3]), np.log(errors[:3]), 1)[0] - 1) < 0.1


def test_start_restart_and_locked_feedback():
    Q, R, T, W, A, B = drawn_overlaps(seed=6)
    settings = {"activation": "relu", "learning_rate": 0.7, "readout_rate": 0.3, "noise": 0.2}
    whole = order_parameters(Q, R, T, W, A, B=B, times=[0.0, 1.0, 3.0], **settings)
    np.testing.assert_allclose(whole["Q"].values[0], Q, atol=1e-15)
    middle = [whole[name].values[1] for name in "QRW"]
    rest = order_parameters(*middle[:2], T, middle[2], A, B=B, times=[2.0], **settings)
    for name in "QRW":
        np.testing.assert_allclose(rest[name].values[0], whole[name].values[2], rtol=1e-7)
    still = {**settings, "readout_rate": 0.0}
    locked = order_parameters(Q, R, T, W, A, B=W.T, times=[2.0], **still)
    backprop = order_parameters(Q, R, T, W, A, rule="backprop", times=[2.0], **still)
    np.testing.assert_allclose(locked["Q"], backprop["Q"], rtol=1e-8)
    assert float(locked["delta_angle"][0]) < 1e-5


def test_rules_that_are_one_rule():
    Q, R, T, W, A, B = drawn_overlaps(seed=7)
    settings = {"activation": "erf", "learning_rate": 0.5, "times": [2.0]}
    fixed = order_parameters(Q, R, T, W, A, B=B, **settings)
    for rule in ("direct_feedback_alignment", "rndf", "orthogonal_feedback"):
        same = order_parameters(Q, R, T, W, A, B=B, rule=rule, **settings)
        np.testing.assert_array_equal(same["Q"], fixed["Q"])
    zero = order_parameters(Q, R, T, W, A, B=0 * B, **settings)
    shallow = order_parameters(Q, R, T, W, A, rule="shallow", **settings)
    np.testing.assert_array_equal(shallow["W"], zero["W"])
    np.testing.assert_array_equal(shallow["Q"].values[0], Q)
    signs = order_parameters(Q, R, T, W, A, rule="frsf", B=np.ones_like(B), **settings)
    usf = order_parameters(Q, R, T, W, A, rule="usf", **settings)
    np.testing.assert_array_equal(signs["Q"], usf["Q"])
    discordant = order_parameters(Q, R, T, W, A, rule="frsf", B=-np.ones_like(B), **settings)
    assert float(discordant["generalization_error"][0]) > float(usf["generalization_error"][0])


def test_kolen_pollack_aligns_at_the_rate_of_its_decay():
    Q, R, T, W, A, B = drawn_overlaps(seed=8)
    times, decay = np.array([0.0, 5.0, 10.0]), 0.3
    solved = order_parameters(
        Q, R, T, W, A, activation="erf", rule="kolen_pollack", B=B, learning_rate=0.5,
        times=times, decay=decay, input_decay=0.01,
    )  # fmt: skip
    apart = solved["B"].values - solved["W"].values.transpose(0, 2, 1)
    np.testing.assert_allclose(
        apart, np.exp(-decay * times)[:, None, None] * apart[0], rtol=1e-6, atol=1e-9
    )
    assert float(solved["weight_angle"][-1]) < 0.3 * float(solved["weight_angle"][0])


def test_the_order_of_units_and_outputs_means_nothing():
    Q, R, T, W, A, B = drawn_overlaps(seed=9)
    s, t, o = [2, 0, 1], [1, 0], [1, 0]
    for activation in ("erf", "relu"):
        settings = {"activation": activation, "learning_rate": 0.5, "times": [2.0]}
        a = order_parameters(Q, R, T, W, A, B=B, **settings)
        b = order_parameters(
            Q[np.ix_(s, s)], R[np.ix_(s, t)], T[np.ix_(t, t)], W[np.ix_(o, s)], A[np.ix_(o, t)],
            B=B[np.ix_(s, o)], **settings,
        )  # fmt: skip
        np.testing.assert_allclose(a["R"].values[0][np.ix_(s, t)], b["R"].values[0], atol=1e-9)
        for name in ("generalization_error", "delta_angle", "gradient_angle", "weight_angle"):
            np.testing.assert_allclose(a[name], b[name], rtol=1e-6)


def test_motion_of_batches_is_that_of_each():
    Q, R, T, W, A, B = drawn_overlaps(seed=10)
    for activation in ("erf", "relu", "linear"):
        problem = Problem(
            find_integrals(activation),
            resolve_feedback("feedback_alignment", B, A, 3),
            T,
            A,
            0.5,
            0.5,
            0.1,
        )
        many = OrderParameters(*(np.stack([part, 0.9 * part]) for part in (Q, R, W)))
        moved = motion(problem, many)
        for name, part in zip("QRW", moved, strict=False):
            one = getattr(motion(problem, many.at(1)), name)
            np.testing.assert_allclose(part[1], one, rtol=1e-12, atol=1e-15)
        assert Averages(problem, many).I4.shape == (2, 3, 3, 5, 5)


def test_an_error_below_rounding_is_nan():
    K = 2
    solved = order_parameters(
        np.eye(K), np.eye(K), np.eye(K), np.ones((1, K)), np.ones((1, K)), activation="erf",
        rule="backprop", learning_rate=0.5, times=[0.0, 1.0],
    )  # fmt: skip
    assert np.isnan(solved["generalization_error"]).all()
    assert np.isnan(solved["delta_angle"]).all()
    assert float(solved["weight_angle"][0]) == 0.0
