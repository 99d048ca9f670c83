"""The flow of the full weights: identities, limits, and what it refuses."""

import numpy as np
import pytest
from default_run import slow_but
from scipy.linalg import expm

from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.geometry import linear_loss
from fatheory.rules import DirectRule, FixedFeedback, make_rule
from fatheory.theory import FlowPhase, flow
from fatheory.theory.fields import linear_flow_field

TIMES = np.array([0.0, 0.3, 1.0, 2.0])
RULES = {
    "backprop": False,
    "feedback_alignment": True,
    "shallow": False,
    "node_perturbation": False,
    "usf": False,
    "brsf": False,
    "frsf": True,
    "rndf": True,
    "pseudobackprop": False,
}


def problem(seed=0, n_i=4, n_h=6, n_o=3):
    rng = np.random.default_rng(seed)
    W0, W = 0.4 * rng.normal(size=(n_h, n_i)), 0.4 * rng.normal(size=(n_o, n_h))
    B, T = 0.5 * rng.normal(size=(n_h, n_o)), 0.5 * rng.normal(size=(n_o, n_i))
    X = rng.normal(size=(n_i, 9))
    return W0, W, B, T, X @ X.T / 9


def solved(rule="feedback_alignment", seed=0, times=TIMES, **others):
    W0, W, B, T, Sigma = problem(seed)
    return flow(W0, W, B if RULES[rule] else None, T, Sigma, times=times, rule=rule, **others)


def close(a, b, tolerance=1e-8):
    for name in ("weight_1", "weight_2", "loss"):
        np.testing.assert_allclose(a[name].values, b[name].values, rtol=0, atol=tolerance)


@pytest.mark.parametrize("rule", RULES)
def test_at_time_zero_it_is_the_start(rule):
    W0, W, _, T, Sigma = problem()
    path = solved(rule)
    np.testing.assert_array_equal(path.weight_1[0], W0)
    np.testing.assert_array_equal(path.weight_2[0], W)
    np.testing.assert_allclose(path.loss[0], linear_loss(W0, W, T, Sigma), rtol=1e-14)
    assert path.attrs == {
        "source": "theory/flow",
        "rule": "backprop" if rule == "node_perturbation" else rule,
        "diverged_at": -1,
    }


@pytest.mark.parametrize("rule", ["backprop", "feedback_alignment", "pseudobackprop"])
def test_restart_is_one_run(rule):
    _, _, B, T, Sigma = problem()
    whole = solved(rule, times=[0.8, 2.0])
    W0, W = whole.weight_1.values[0], whole.weight_2.values[0]
    second = flow(W0, W, B if RULES[rule] else None, T, Sigma, times=[1.2], rule=rule)
    close(second.isel(time=[0]), whole.isel(time=[1]))


@pytest.mark.parametrize("rule", ["backprop", "feedback_alignment"])
def test_times_at_once_are_times_one_by_one(rule):
    together = solved(rule)
    for k, t in enumerate(TIMES):
        close(solved(rule, times=t), together.isel(time=[k]))


def test_white_input_is_the_default():
    W0, W, B, T, _ = problem()
    close(flow(W0, W, B, T, times=TIMES), flow(W0, W, B, T, np.eye(4), times=TIMES), 0)


@pytest.mark.parametrize("seed", slow_but([2], range(3)))
def test_feedback_alignment_reaches_the_target(seed):
    """A hidden layer wider than the output, B of full rank, a small start: E vanishes."""
    W0, W, B, T, Sigma = problem(seed, n_h=8)
    path = flow(0.1 * W0, 0.1 * W, 2 * B, T, Sigma + 0.5 * np.eye(4), times=[0.0, 20.0, 400.0])
    W0, W = path.weight_1.values, path.weight_2.values
    np.testing.assert_allclose(W[-1] @ W0[-1], T, atol=1e-8)
    assert path.loss[-1] < 1e-15
    assert (np.diff(path.loss) < 0).all()


def test_locked_feedback_is_backprop_at_every_instant():
    W0, W, _, T, Sigma = problem()
    locked = linear_flow_field(FixedFeedback.backward_weights, (None, W), T, Sigma)
    backprop = linear_flow_field(make_rule("backprop").backward_weights, (None, None), T, Sigma)
    for a, b in zip(locked([W0, W]), backprop([W0, W]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_locked_feedback_is_backprop_while_the_output_layer_is_frozen():
    W0, W, _, T, Sigma = problem()
    phases = (FlowPhase(2.0, frozenset({2})),)
    both = [
        flow(W0, W, B, T, Sigma, times=TIMES, rule=rule, phases=phases)
        for rule, B in (("feedback_alignment", W.T), ("backprop", None))
    ]
    close(*both, 0)


def test_feedback_locked_at_the_start_leaves_backprop_at_its_own_order():
    """B = W(0)^T errs by W(t) - W(0) ~ t, so W0 by t^2, and W, driven by W0, by t^3."""
    W0, W, _, T, Sigma = problem()
    times = np.geomspace(3e-3, 3e-2, 6)
    tight = {"times": times, "rtol": 1e-13, "atol": 1e-15}
    locked = flow(W0, W, W.T, T, Sigma, **tight)
    backprop = flow(W0, W, None, T, Sigma, rule="backprop", **tight)
    for name, order in (("weight_1", 2), ("weight_2", 3)):
        gap = np.abs(locked[name] - backprop[name]).values.max(axis=(1, 2))
        slope = np.polyfit(np.log(times), np.log(gap), 1)[0]
        assert abs(slope - order) < 0.1


def test_shallow_learning_is_linear_regression():
    """W0 rests, so E(t) Sigma W0^T decays by the matrix exponential of W0 Sigma W0^T."""
    W0, W, _, T, Sigma = problem()
    path = solved("shallow")
    K = W0 @ Sigma @ W0.T
    best = T @ Sigma @ W0.T @ np.linalg.pinv(K)
    visible = K @ np.linalg.pinv(K)
    for k, t in enumerate(TIMES):
        expected = W + (best - W) @ visible @ (np.eye(6) - expm(-K * t))
        np.testing.assert_allclose(path.weight_2[k], expected, atol=1e-8)
        np.testing.assert_array_equal(path.weight_1[k], W0)


def test_one_unit_each_is_the_scalar_equation():
    """One input, hidden and output unit: w0' = b (t - w w0) s, w' = (t - w w0) s w0."""
    w0, w, b, target, s = 0.3, -0.2, 0.7, 1.5, 2.0
    path = flow([[w0]], [[w]], [[b]], [[target]], [[s]], times=[0.0, 0.5, 30.0])
    h = 1e-4
    x, y = w0, w
    for _ in range(5000):
        e = (target - y * x) * s
        xm, ym = x + h / 2 * b * e, y + h / 2 * e * x
        em = (target - ym * xm) * s
        x, y = x + h * b * em, y + h * em * xm
    np.testing.assert_allclose([path.weight_1[1, 0, 0], path.weight_2[1, 0, 0]], [x, y], atol=1e-7)
    np.testing.assert_allclose(path.weight_1[2, 0, 0] * path.weight_2[2, 0, 0], target, atol=1e-8)


def test_mean_motions_of_random_rules():
    W0, W, _, T, Sigma = problem()
    close(solved("node_perturbation"), solved("backprop"), 0)
    half = flow(W0, W, None, T, Sigma, times=TIMES, rule=make_rule("usf", scale=0.5))
    close(solved("brsf"), half, 0)
    rule = make_rule("brsf", scale=2, concordance=0.75)
    close(flow(W0, W, None, T, Sigma, times=TIMES, rule=rule), half, 0)


def test_feedback_scale_is_the_callers():
    """A rule that is given B uses it as it is; its own scale is for draws."""
    W0, W, B, T, Sigma = problem()
    one = flow(W0, W, B, T, Sigma, times=TIMES)
    other = flow(W0, W, B, T, Sigma, times=TIMES, rule=make_rule("feedback_alignment", scale=9))
    close(one, other, 0)


@pytest.mark.parametrize("rule", ["feedback_alignment", "rndf", "frsf"])
def test_a_rule_that_needs_b_says_so(rule):
    W0, W, _, T, _ = problem()
    message = rf"rule {rule!r} needs its fixed feedback B of shape \(n_h, n_o\); got None"
    with pytest.raises(RegimeError, match=message):
        flow(W0, W, None, T, times=[1.0], rule=rule)


def test_bad_input_is_named():
    W0, W, B, T, Sigma = problem()
    with pytest.raises(UnknownNameError, match="unknown rule 'bp'"):
        flow(W0, W, B, T, times=[1.0], rule="bp")
    with pytest.raises(ArrayError, match=r"W of shape \(6, 3\) does not fit W0 of shape \(6, 4\)"):
        flow(W0, W.T, B, T, times=[1.0])
    with pytest.raises(ArrayError, match=r"Sigma must have shape \(4, 4\)"):
        flow(W0, W, B, T, np.eye(3), times=[1.0])
    with pytest.raises(ArrayError, match="Sigma must be positive semi-definite"):
        flow(W0, W, B, T, -Sigma, times=[1.0])
    with pytest.raises(ArrayError, match="T must be finite; 12 of its 12"):
        flow(W0, W, B, T * np.nan, times=[1.0])
    with pytest.raises(ArrayError, match="times must not be negative; the first is -1"):
        flow(W0, W, B, T, times=[-1.0])
    with pytest.raises(RegimeError, match=r"times reach 2.0, but the phases end at 1.0"):
        flow(W0, W, B, T, times=[2.0], phases=(FlowPhase(1.0),))


def test_a_direct_rule_without_a_known_mean_is_refused():
    class Guess(DirectRule):
        name = "guess"

        def teaching_signals(self, trial, states, sampler):
            return states

    W0, W, _, T, _ = problem()
    with pytest.raises(RegimeError, match="no mean flow is known for the direct rule 'guess'"):
        flow(W0, W, None, T, times=[1.0], rule=Guess())
