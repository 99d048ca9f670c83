"""Conservation laws against literal SGD loops, and what breaks them."""

from itertools import pairwise

import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.theory import laws

SIZES = (6, 9, 8, 4)


def leaky(a):
    return np.where(a > 0, a, 0.2 * a), np.where(a > 0, 1.0, 0.2)


def relu(a):
    return np.maximum(a, 0), (a > 0) * 1.0


def linear(a):
    return a, np.ones_like(a)


def states(rule, rng):
    if rule == "feedback_alignment":
        return [rng.normal(0, 0.5, (a, b)) for a, b in pairwise(SIZES[1:])]
    if rule == "frsf":
        shapes = [(b, a) for a, b in pairwise(SIZES[1:])]
        return [rng.uniform(size=s) * np.where(rng.random(s) < 0.7, 1, -1) for s in shapes]
    return [None, None]


def sgd(rule, function, steps, eta, seed=0, wrong=0.0):
    """Yield weights and biases along SGD on cross-entropy, three hidden and output layers."""
    rng = np.random.default_rng(seed)
    W = [rng.normal(0, 0.5, (b, a)) for a, b in pairwise(SIZES)]
    b = [rng.normal(0, 0.1, n) for n in SIZES[1:]]
    fixed = states(rule, rng)
    q = 1.5 if rule == "power" else None
    psi = [
        laws.rule_potential(rule, w.shape, s, power=q) for w, s in zip(W[1:], fixed, strict=True)
    ]
    for _ in range(steps):
        yield W, b, psi
        x, label = rng.normal(size=SIZES[0]), rng.integers(SIZES[-1])
        h, slopes = [x], []
        for w, shift in zip(W, b, strict=True):
            value, slope = function(w @ h[-1] + shift)
            h.append(value)
            slopes.append(slope)
        a = W[-1] @ h[-2] + b[-1]
        e = np.eye(SIZES[-1])[label] - np.exp(a - a.max()) / np.exp(a - a.max()).sum()
        deltas = [e]
        for w, p, slope in zip(W[:0:-1], psi[::-1], slopes[-2::-1], strict=True):
            deltas.insert(0, slope * ((p.feedback(w) + wrong).T @ deltas[0]))
        W = [w + eta * np.outer(d, g) for w, d, g in zip(W, deltas, h[:-1], strict=True)]
        b = [shift + eta * d for shift, d in zip(b, deltas, strict=True)]
    yield W, b, psi


def worst_violation(*args, **kwargs):
    """Largest relative difference of the law's change from what one step should make it."""
    worst, total, before = 0.0, None, None
    for W, b, psi in sgd(*args, **kwargs):
        value = np.concatenate(laws.potential_law(W, psi, b))
        if before is not None:
            change = laws.potential_law_changes(before[0], W, psi, before[1], b)
            total = total + np.concatenate(change)
            size = max(1.0, max(float((w**2).sum()) for w in W))
            worst = max(worst, float(np.abs(value - total).max()) / size)
        else:
            total = value
        before = (W, b)
    return worst


@pytest.mark.parametrize("function", [relu, leaky])
@pytest.mark.parametrize("rule", ["backprop", "feedback_alignment", "usf", "frsf", "power"])
@pytest.mark.catalogue("laws.potential")
def test_the_law_holds_step_by_step(rule, function, residual):
    residual(worst_violation(rule, function, steps=200, eta=0.02), 1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("function", [relu, leaky, linear])
@pytest.mark.parametrize("rule", ["backprop", "feedback_alignment", "usf", "frsf", "power"])
def test_the_law_holds_over_a_long_run(rule, function):
    assert worst_violation(rule, function, steps=3000, eta=0.02) <= 1e-11


def test_signs_change_on_the_way():
    runs = list(sgd("usf", relu, steps=200, eta=0.02))
    flips = sum(
        int((np.sign(a) != np.sign(c)).sum())
        for (W, _, _), (Z, _, _) in pairwise(runs)
        for a, c in zip(W[1:], Z[1:], strict=True)
    )
    assert flips > 5


def test_a_wrong_rule_breaks_it():
    assert worst_violation("usf", relu, steps=50, eta=0.02, wrong=0.01) > 1e-5


def test_drift_is_of_first_order_in_the_rate():
    """Over a fixed time the law drifts by O(eta): each step's change is quadratic."""
    drifts = []
    rates = np.array([0.02, 0.01, 0.005])
    for eta in rates:
        *_, (W, b, psi) = sgd("backprop", linear, round(4 / eta), eta)
        first_W, first_b, _ = next(sgd("backprop", linear, 1, eta))
        change = np.concatenate(laws.potential_law(W, psi, b)) - np.concatenate(
            laws.potential_law(first_W, psi, first_b)
        )
        drifts.append(np.abs(change).mean())
    assert np.polyfit(np.log(rates), np.log(drifts), 1)[0] == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.catalogue("laws.kolen_pollack")
def test_kolen_pollack(decay, residual):
    rng = np.random.default_rng(5)
    W0, W, B = (rng.normal(0, 0.3, s) for s in ((7, 5), (3, 7), (7, 3)))
    T, eta, D = rng.normal(size=(3, 5)), 0.01, B - W.T
    C = laws.kolen_pollack_law(W0, B)
    for _ in range(1000):
        x = rng.normal(size=5)
        e = T @ x + 0.1 * rng.normal(size=3) - W @ W0 @ x
        g0, g1 = eta * np.outer(B @ e, x), eta * np.outer(e, W0 @ x)
        C = C + laws.kolen_pollack_law_change(W0, B, g0, g1, learning_rate=eta, weight_decay=decay)
        keep = 1 - eta * decay
        W0, W, B = keep * W0 + g0, keep * W + g1, keep * B + g1.T
    residual(np.abs(C - laws.kolen_pollack_law(W0, B)).max(), 1e-11)
    left = laws.kolen_pollack_difference(D, 1000, learning_rate=eta, weight_decay=decay)
    residual(np.abs(left - (B - W.T)).max(), 1e-12)


@pytest.mark.catalogue("laws.weight_mirror")
def test_weight_mirror_variance(residual):
    rng = np.random.default_rng(6)
    W, m, copies = rng.normal(size=(3, 4)), 0.05, 4000
    V = np.broadcast_to(W, (copies, 3, 4))
    for _ in range(200):  # (1 - m)^400 of the start is left in the variance
        xi = rng.normal(size=(copies, 4))
        V = V - m * (V - (xi @ W.T)[:, :, None] * xi[:, None, :])
    ratio = V.var(axis=0) / laws.weight_mirror_variance(W, m)
    residual(abs(ratio.mean() - 1), 0.02)
    assert np.abs(ratio - 1).max() < 5 * np.sqrt(2 / copies) * 2


def test_what_does_not_fit_is_refused():
    with pytest.raises(UnknownNameError, match="pseudobackprop"):
        laws.rule_potential("pseudobackprop", (2, 3))
    with pytest.raises(ArrayError, match="usf has no fixed state"):
        laws.rule_potential("usf", (2, 3), np.ones((2, 3)))
    with pytest.raises(ArrayError, match=r"needs its state B of shape \(3, 2\)"):
        laws.rule_potential("feedback_alignment", (2, 3))
    with pytest.raises(ArrayError, match=r"must have shape \(3, 2\)"):
        laws.rule_potential("feedback_alignment", (2, 3), np.ones((2, 3)))
    with pytest.raises(RegimeError, match="power above 1"):
        laws.rule_potential("power", (2, 3))
    psi = laws.rule_potential("usf", (2, 3))
    with pytest.raises(ArrayError, match="1 for 2 layers; got 2"):
        laws.potential_law([np.ones((3, 2)), np.ones((2, 3))], [psi, psi])
    with pytest.raises(ArrayError, match="sizes"):
        laws.potential_law([np.ones((3, 2)), np.ones((2, 3))], [psi], [np.ones(2)])
    with pytest.raises(RegimeError, match="between 0 and 2"):
        laws.weight_mirror_variance(np.ones((2, 2)), 2.0)


@pytest.mark.parametrize(("g0", "g1"), [((4, 7), (2, 4)), ((4, 3), (5, 4)), ((4, 3), (2, 1))])
def test_steps_of_other_networks_are_refused(g0, g1):
    """Products of such steps have the shape of the law, or are stretched to it."""
    W0, B = np.ones((4, 3)), np.ones((4, 2))
    with pytest.raises(ArrayError, match="step_of_W"):
        laws.kolen_pollack_law_change(W0, B, np.ones(g0), np.ones(g1), learning_rate=0.1)


@pytest.mark.parametrize(
    ("rule", "state"),
    [("feedback_alignment", (4, 2)), ("usf", None), ("frsf", (2, 4))],
)
def test_weights_of_another_shape_than_a_potential_are_refused(rule, state):
    """Weights of one output unit would be repeated to the shape, without a word."""
    psi = laws.rule_potential(rule, (2, 4), None if state is None else np.ones(state))
    W = np.ones((1, 4))
    for wrong in (
        lambda: psi.value(W),
        lambda: psi.feedback(W),
        lambda: psi.divergence(W, W),
        lambda: laws.potential_law([np.ones((4, 3)), W], [psi]),
    ):
        with pytest.raises(ArrayError, match="shape"):
            wrong()


def test_changes_between_weights_of_two_shapes_are_refused():
    """One hidden unit fits four, by repetition."""
    psi = laws.rule_potential("backprop", (2, 4))
    before, after = [np.ones((4, 3)), np.ones((2, 4))], [np.ones((1, 3)), np.ones((2, 1))]
    with pytest.raises(ArrayError, match="before and after must have the same shapes"):
        laws.potential_law_changes(before, after, [psi])
