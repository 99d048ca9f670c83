"""Every array function with a rule argument, against a second implementation of its equation.

Over all rules, with and without B, with and without Sigma: B handed to a rule that draws none is
used nowhere, and a rule that draws one is refused without it.
"""

import inspect
import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from literal_flow import DRAWN, KNOWN, integrated, loss_of, stand_in
from scipy.optimize import brentq

from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.rules import FixedFeedback, known_rules, make_rule
from fatheory.theory import (
    FlowPhase,
    deep_flow,
    deep_reduced,
    dmft,
    flow,
    largest_stable_learning_rate,
    phases_closed_form,
)
from fatheory.theory.layers import _listed

TIMES = [0.0, 0.1, 0.25, 0.4]
WITH_B = pytest.mark.parametrize("given", [True, False], ids=["B", "no B"])
COLOURED = pytest.mark.parametrize("coloured", [True, False], ids=["Sigma", "white"])
EVERY = pytest.mark.parametrize("rule", KNOWN)


def arrays(coloured, sizes=(3, 4, 2), seed=3):
    rng = np.random.default_rng(seed)
    weights = [0.5 * rng.normal(size=(n, m)) for m, n in itertools.pairwise(sizes)]
    T = rng.normal(size=(sizes[-1], sizes[0]))
    Bs = [0.6 * rng.normal(size=W.shape[::-1]) for W in weights[1:]]
    X = rng.normal(size=(sizes[0], 9))
    return weights, Bs, T, X @ X.T / 9 if coloured else None


def refused_without(rule, given, call):
    """Return whether the rule needs a B that it is not given, after asserting that it says so."""
    if given or rule not in DRAWN:
        return False
    with pytest.raises(RegimeError, match=f"'{rule}' needs its fixed feedback B"):
        call()
    return True


def test_all_rules_are_known_here_or_refused():
    """A rule that is added is written out in `literal_flow` too, or theory refuses it."""
    weights, Bs, T, _ = arrays(coloured=False)
    for rule in set(known_rules()) - set(KNOWN):
        with pytest.raises(RegimeError):
            flow(*weights, Bs[0], T, times=TIMES, rule=rule)


@dataclass(frozen=True)
class OwnRule(FixedFeedback):
    name = "own"
    summary = "draws by what is no method of Sampler"
    source = "the tests"

    def draw(self, sampler, shape):
        return sampler.standard_normal(shape)


def test_rules_of_ones_own_draw_as_they_like():
    (W0, W), (B,), T, _ = arrays(coloured=False)
    ours = flow(W0, W, B, T, times=TIMES, rule=OwnRule())
    np.testing.assert_array_equal(ours.weight_1, flow(W0, W, B, T, times=TIMES).weight_1)
    with pytest.raises(RegimeError, match="'own' needs its fixed feedback B"):
        flow(W0, W, None, T, times=TIMES, rule=OwnRule())


@EVERY
@WITH_B
@COLOURED
def test_flow(rule, given, coloured):
    weights, Bs, T, Sigma = arrays(coloured)

    def ours():
        return flow(*weights, Bs[0] if given else None, T, Sigma, times=TIMES, rule=rule)

    if refused_without(rule, given, ours):
        return
    path, expected = ours(), integrated(rule, weights, Bs, T, Sigma, TIMES)
    tolerance = 1e-7 if "sf" in rule else 1e-9  # signs change on the way
    for name, W in zip(("weight_1", "weight_2"), expected, strict=True):
        np.testing.assert_allclose(path[name], W, rtol=0, atol=tolerance)
    np.testing.assert_allclose(path.loss, loss_of(expected, T, Sigma), rtol=0, atol=tolerance)
    if rule == "shallow":
        assert (path.weight_1.values == weights[0]).all()


@pytest.mark.parametrize("rule", [*KNOWN, "direct_feedback_alignment"])
@WITH_B
@COLOURED
def test_deep_flow(rule, given, coloured):
    weights, Bs, T, Sigma = arrays(coloured, (3, 4, 5, 2))
    if rule == "direct_feedback_alignment":
        if not given:
            pytest.skip("direct feedback without feedback: see test_deep")
        rng = np.random.default_rng(0)
        Bs = [0.5 * rng.normal(size=(len(W), len(T))) for W in weights[:-1]]

    def ours():
        return deep_flow(weights, Bs if given else None, T, Sigma, times=TIMES, rule=rule)

    if refused_without(rule, given, ours):
        return
    path, expected = ours(), integrated(rule, weights, Bs, T, Sigma, TIMES)
    tolerance = 1e-7 if "sf" in rule else 1e-9
    for layer, W in enumerate(expected, start=1):
        np.testing.assert_allclose(path[f"weight_{layer}"], W, rtol=0, atol=tolerance)
    np.testing.assert_allclose(path.loss, loss_of(expected, T, Sigma), rtol=0, atol=tolerance)


@pytest.mark.parametrize("rule", ["feedback_alignment", "direct_feedback_alignment"])
@pytest.mark.parametrize("depth", [2, 4])
@COLOURED
def test_deep_reduced(rule, depth, coloured):
    weights, Bs, T, Sigma = arrays(coloured, (3, 4, 5, 6, 2)[-depth - 1 :])
    if rule == "direct_feedback_alignment":
        rng = np.random.default_rng(0)
        Bs = [0.5 * rng.normal(size=(len(W), len(T))) for W in weights[:-1]]
    path = deep_reduced(weights, Bs, T, Sigma, times=TIMES, rule=rule)
    expected = integrated(rule, weights, Bs, T, Sigma, TIMES)
    for ours, W in zip(path.weights(), expected, strict=True):
        np.testing.assert_allclose(ours, W, rtol=0, atol=1e-9)
    np.testing.assert_allclose(path.loss(), loss_of(expected, T, Sigma), rtol=0, atol=1e-9)


@pytest.mark.parametrize("rule", sorted(known_rules()))
def test_reductions_and_mean_fields_refuse_the_other_rules(rule):
    weights, Bs, T, _ = arrays(coloured=False)
    calls = [
        lambda: deep_reduced(weights, Bs, T, times=TIMES, rule=rule),
        lambda: dmft(
            np.eye(2, 3), np.ones((2, 1)), activation="linear", hidden_layers=1, richness=1.0,
            learning_rate=0.1, steps=1, rule=rule, samples=64,
        ),
    ]  # fmt: skip
    for call in calls:
        if rule in ("feedback_alignment", "direct_feedback_alignment"):
            call()
            continue
        with pytest.raises((RegimeError, UnknownNameError), match=rule):
            call()


@pytest.mark.parametrize("given", [None, 3.0, np.array(3.0)])
def test_what_lists_no_matrices_is_refused(given):
    listed = inspect.unwrap(_listed)  # the tests' own checks of types would refuse it before
    with pytest.raises(ArrayError, match="feedback must list matrices, one for a layer; got"):
        listed("feedback", given, 2)


@EVERY
@WITH_B
@COLOURED
def test_phases_in_closed_form(rule, given, coloured):
    weights, Bs, T, Sigma = arrays(coloured)
    plan = [(0.1, (2,)), (0.15, (1,)), (0.25, (2,))]
    phases = [FlowPhase(duration, frozenset(frozen)) for duration, frozen in plan]

    def ours():
        B = Bs[0] if given else None
        return phases_closed_form(
            *weights, B, T, Sigma, times=TIMES, phases=phases, rule=make_rule(rule)
        )

    if refused_without(rule, given, ours):
        return
    path, expected = ours(), integrated(rule, weights, Bs, T, Sigma, TIMES, plan)
    for name, W in zip(("weight_1", "weight_2"), expected, strict=True):
        np.testing.assert_allclose(path[name], W, rtol=0, atol=1e-9)
    np.testing.assert_allclose(path.loss, loss_of(expected, T, Sigma), rtol=0, atol=1e-9)


def growth(eta, K, G, Sigma, perturbed=False):
    """Return the factor by which E[vec E vec E^T] grows a step, from fourth moments of x.

    Perturbed hidden units send z z^T W^T e, z ~ N(0, I), in the place of W^T e, so that what K
    hands on has the covariance |W^T e|^2 K + K e e^T K beside.
    """
    n_o, n_i = len(K), len(G)
    pairs = ("ab,cd->abcd", "ac,bd->abcd", "ad,bc->abcd")
    fourth = sum(np.einsum(pair, Sigma, Sigma) for pair in pairs)
    # E' = E - eta (K E + E G) x x^T
    left = np.kron(K, np.eye(n_i)) + np.kron(np.eye(n_o), G)
    turn = left @ np.kron(np.eye(n_o), Sigma)
    one, same = np.eye(n_o * n_i), np.eye(n_o)
    both = np.einsum("oa,pb,ijkl->oipkajbl", same, same, fourth).reshape(2 * [len(one) ** 2])
    step = np.kron(one, one) - eta * (np.kron(turn, one) + np.kron(one, turn))
    step = step + eta**2 * np.kron(left, left) @ both
    if perturbed:
        own = sum(np.einsum(f"{pair},ijkl->oipkajbl", K, K, fourth) for pair in ("op,ab", "oa,pb"))
        step = step + eta**2 * own.reshape(step.shape)
    return np.abs(np.linalg.eigvals(step)).max()


@EVERY
@WITH_B
@COLOURED
def test_largest_stable_learning_rate(rule, given, coloured):
    weights, _, _, Sigma = arrays(coloured, (2, 4, 2), seed=0)
    W0, W = weights
    rng = np.random.default_rng(2)
    B = 0.5 * np.sign(W.T) if rule == "frsf" else W.T + 0.05 * rng.normal(size=W.T.shape)
    B = np.abs(B) if rule == "frsf" else B

    def ours():
        return largest_stable_learning_rate(W0, W, B if given else None, Sigma, rule=rule)

    if refused_without(rule, given, ours):
        return
    second = np.eye(2) if Sigma is None else Sigma
    K, G = W @ stand_in(rule, W, B).T, W0.T @ W0
    if rule == "shallow":  # the loss of the outputs alone: E is seen through the hidden units
        G, second, K = np.eye(4), W0 @ second @ W0.T, np.zeros((1, 1))
        hidden = np.linalg.eigvalsh(second) > 1e-12
        assert hidden.sum() == 2  # two inputs reach four hidden units
        values = np.linalg.eigvalsh(second)[hidden]
        G, second = np.eye(2), np.diag(values)
    noisy = rule == "node_perturbation"
    rate = brentq(
        lambda eta: growth(eta, K, G, second, noisy) - 1, 0.05 * ours(), 3 * ours(), xtol=1e-13
    )
    assert ours() == pytest.approx(rate, rel=1e-6)
