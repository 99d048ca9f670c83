"""Fixed feedback that starts with a given share of the signs of W."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.geometry import angle, sign_concordance
from fatheory.rules import make_rule, with_concordance

# E|v| / sqrt(E v^2) of the normal and of the uniform law around zero.
SHARPNESS = {"normal": np.sqrt(2 / np.pi), "uniform": np.sqrt(3) / 2}
SIZES = 2 ** np.arange(6, 15, 2)


def draw(law, rng, shape):
    return rng.normal(0, 0.3, shape) if law == "normal" else rng.uniform(-0.7, 0.7, shape)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.75, 1.0])
@pytest.mark.parametrize(
    ("of_v", "of_w"), [("normal", "uniform"), ("uniform", "uniform"), ("normal", "normal")]
)
def test_share_of_signs_and_angle_to_w(of_v, of_w, p):
    """A million entries, within four standard errors."""
    rng = np.random.default_rng(0)
    V, W = draw(of_v, rng, (1000, 1000)), draw(of_w, rng, (1000, 1000))
    found = with_concordance(V, W, p, rng)
    assert abs(sign_concordance(found, W, axis=(0, 1)) - p) <= 4 * np.sqrt(p * (1 - p) / W.size)
    expected = np.rad2deg(np.arccos((2 * p - 1) * SHARPNESS[of_v] * SHARPNESS[of_w]))
    error = angle(found, W).std() / np.sqrt(1000)
    assert error < 0.1
    assert abs(angle(found, W, axis=(0, 1)) - expected) < 4 * error


@pytest.mark.parametrize("p", [0.2, 0.75])
def test_errors_shrink_with_the_square_root_of_the_number_of_weights(p):
    rng = np.random.default_rng(1)
    distances = []
    for n in SIZES:
        V, W = rng.normal(size=(200, n)), rng.uniform(-1, 1, (200, n))
        shares = sign_concordance(with_concordance(V, W, p, rng), W)
        distances.append(np.sqrt(np.mean((shares - p) ** 2)))
    np.testing.assert_allclose(distances * np.sqrt(SIZES), np.sqrt(p * (1 - p)), rtol=0.2)
    assert abs(np.polyfit(np.log(SIZES), np.log(distances), 1)[0] + 0.5) < 0.05


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 5, 5)])
def test_magnitudes_stay_and_signs_are_those_of_one_draw(shape):
    rng = np.random.default_rng(2)
    V, W = rng.normal(size=shape), rng.normal(size=shape)
    W[0, :2] = 0.0
    found = with_concordance(V, W, 0.6, np.random.default_rng(3))
    uniform = np.random.default_rng(3).uniform(size=shape)
    for place in np.ndindex(shape):
        sign = np.sign(W[place]) * (1 if uniform[place] < 0.6 else -1)
        expected = abs(V[place]) * sign if W[place] else V[place]
        assert found[place] == expected
    assert np.sum(found != V) > V.size / 4


def test_jax_and_numpy_give_the_same_signs():
    rng = np.random.default_rng(4)
    V, W = rng.normal(size=(2, 5, 6)).astype("f4")
    W[1, 1] = 0
    expected = with_concordance(V, W, 0.3, np.random.default_rng(5))
    found = with_concordance(jnp.asarray(V), jnp.asarray(W), 0.3, np.random.default_rng(5))
    assert isinstance(found, jax.Array)
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_zero_feedback_stays_zero():
    rng = np.random.default_rng(6)
    V = make_rule("shallow").draw(rng, (3, 3))
    assert not with_concordance(V, rng.normal(size=(3, 3)), 1.0, rng).any()


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
def test_what_is_no_probability_is_refused(p):
    one = np.ones((1, 1))
    with pytest.raises(ValueError, match=f"needs concordance between 0 and 1; got {p}"):
        with_concordance(one, one, p, np.random.default_rng(0))
