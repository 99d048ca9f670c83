"""What each rule puts in the place of W, at known angles to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.geometry import angle, sign_concordance
from fatheory.rules import LayeredRule, known_rules, make_rule

LAYERED = [name for name, rule in known_rules().items() if issubclass(rule, LayeredRule)]
SHAPE = (1000, 1000)


def stand_in(rule, W, seed):
    return rule.backward_weights(W, rule.draw(np.random.default_rng(seed), W.shape))


def weights(law):
    rng = np.random.default_rng(3)
    return rng.uniform(-0.2, 0.2, SHAPE) if law == "uniform" else rng.normal(0, 0.3, SHAPE)


# Cosines between W and V by the moments of their entries: E|w| / sqrt(E w^2) is sqrt(3) / 2 for
# the uniform law and sqrt(2 / pi) for the normal one, and random magnitudes M ~ U[0, 1] add the
# factor E M / sqrt(E M^2) = sqrt(3) / 2, signs that agree with probability p the factor 2 p - 1.
SIGNS = {"uniform": np.sqrt(3) / 2, "normal": np.sqrt(2 / np.pi)}
MAGNITUDES = np.sqrt(3) / 2
KNOWN = [
    ("usf", {}, lambda signs: signs, {"uniform": 30.00, "normal": 37.07}),
    ("usf", {"scale": 7.0}, lambda signs: signs, {"uniform": 30.00, "normal": 37.07}),
    ("frsf", {}, lambda signs: signs * MAGNITUDES, {"uniform": 41.41, "normal": 46.29}),
    ("brsf", {}, lambda signs: signs * MAGNITUDES, {"uniform": 41.41, "normal": 46.29}),
    *[
        ("frsf", {"concordance": p}, lambda signs, p=p: signs * MAGNITUDES * (2 * p - 1), {})
        for p in (0.0, 0.25, 0.5, 0.75, 0.9)
    ],
    ("feedback_alignment", {}, lambda signs: 0.0, {"uniform": 90.0, "normal": 90.0}),
    ("rndf", {}, lambda signs: 0.0, {"uniform": 90.0, "normal": 90.0}),
]


@pytest.mark.parametrize("law", ["uniform", "normal"])
@pytest.mark.parametrize(("name", "parameters", "cosine", "degrees"), KNOWN)
def test_angle_to_w(name, parameters, cosine, degrees, law):
    """A million entries, compared within four standard errors, themselves estimated by rows."""
    W = weights(law)
    V = stand_in(make_rule(name, **parameters), W, seed=4)
    expected = np.rad2deg(np.arccos(cosine(SIGNS[law])))
    if law in degrees:
        assert abs(expected - degrees[law]) < 0.005
    error = angle(V, W).std() / np.sqrt(SHAPE[0])
    assert error < 0.1
    assert abs(angle(V, W, axis=(0, 1)) - expected) < 4 * error


@pytest.mark.parametrize("p", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("name", ["frsf", "brsf"])
def test_share_of_common_signs(name, p):
    W = weights("normal")
    V = stand_in(make_rule(name, concordance=p), W, seed=5)
    error = np.sqrt(p * (1 - p) / W.size)
    assert abs(sign_concordance(V, W, axis=(0, 1)) - p) <= 4 * error


@pytest.mark.parametrize("name", ["frsf", "brsf"])
def test_magnitudes_are_uniform_and_stay(name):
    W = weights("normal")
    rule = make_rule(name, scale=0.6, concordance=0.75)
    state = rule.draw(np.random.default_rng(6), SHAPE)
    M = np.abs(rule.backward_weights(W, state))
    assert 0 <= M.min() < 1e-5
    assert 0.6 - 1e-5 < M.max() <= 0.6
    assert abs(M.mean() - 0.3) < 4 * 0.6 / np.sqrt(12 * W.size)
    np.testing.assert_array_equal(M, np.abs(rule.backward_weights(-2 * W, state)))


def test_mean_feedback():
    """Where feedback is redrawn, the flow sees its mean; elsewhere it sees the draw itself."""
    rule = make_rule("brsf", scale=0.6, concordance=0.9)
    state = rule.draw(np.random.default_rng(7), SHAPE)
    mean = rule.mean_state(None, (3, 2))
    np.testing.assert_allclose(mean, np.full((3, 2), 0.24), rtol=1e-15)
    assert abs(state.mean() - 0.24) < 4 * state.std() / 1000
    fixed = make_rule("frsf")
    assert fixed.mean_state(state, SHAPE) is state
    assert make_rule("backprop").mean_state(None, SHAPE) is None


@pytest.mark.parametrize("name", LAYERED)
def test_numpy_and_jax_give_the_same_v(name):
    rng = np.random.default_rng(8)
    W = rng.normal(size=(4, 6))
    W[1, 2] = 0.0
    rule = make_rule(name)
    state = rule.draw(rng, W.shape)
    with jax.enable_x64(True):
        ours = rule.backward_weights(jnp.asarray(W), None if state is None else jnp.asarray(state))
        assert isinstance(ours, jax.Array)
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, rule.backward_weights(W, state), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LAYERED)
def test_v_has_the_shape_of_w(name):
    rng = np.random.default_rng(9)
    for shape in ((2, 5), (5, 2), (1, 1)):
        assert stand_in(make_rule(name), rng.normal(size=shape), 10).shape == shape


def test_literal_values():
    W = np.array([[0.5, -2.0, 0.0]])
    S = np.array([[0.25, 0.5, 1.0]])
    V = {
        name: rule.backward_weights(W, S) for name, rule in known_rules().items() if name in LAYERED
    }
    assert V["backprop"] is W
    assert V["feedback_alignment"] is V["rndf"] is V["shallow"] is S
    for name in ("usf", "frsf", "brsf"):
        np.testing.assert_array_equal(V[name], [[0.25, -0.5, 0.0]])
    np.testing.assert_allclose(V["pseudobackprop"], W / 4.25, rtol=1e-15)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(make_rule("shallow").draw(rng, (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(make_rule("usf", scale=3).draw(rng, (1, 2)), [[3.0, 3.0]])
    assert make_rule("backprop").draw(rng, (1, 2)) is None


def test_pseudoinverse_undoes_w():
    W = np.random.default_rng(11).normal(size=(3, 7))
    V = make_rule("pseudobackprop").backward_weights(W, None)
    np.testing.assert_allclose(W @ V.T, np.eye(3), atol=1e-14)


def test_laws_of_fixed_feedback():
    B = make_rule("feedback_alignment", scale=0.4).draw(np.random.default_rng(12), SHAPE)
    assert -0.4 <= B.min() < -0.3999
    assert 0.3999 < B.max() <= 0.4
    assert abs(B.std() - 0.4 / np.sqrt(3)) < 4e-4
    V = make_rule("rndf", std=0.2).draw(np.random.default_rng(12), SHAPE)
    assert abs(V.std() - 0.2) < 6e-4
    assert abs((V**4).mean() / 0.2**4 - 3) < 0.04
