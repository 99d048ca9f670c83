"""Rough derivatives, and slopes that stay with their units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.experiment import DenseNetwork
from fatheory.networks import (
    ACTIVATIONS,
    Architecture,
    Parameters,
    delivered,
    first_preactivations,
    forward,
    with_derivative,
)

GRID = np.linspace(-60, 60, 240_001)
PEAKS = {"sigmoid": 0.25, "tanh": 1.0}


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def slopes_of(function, at=GRID):
    return np.asarray(jax.vmap(jax.grad(function))(jnp.asarray(at)))


@pytest.mark.parametrize("name", PEAKS)
@pytest.mark.parametrize("derivative", ["exact", "step", "triangle"])
def test_stand_ins_have_the_height_and_the_area_of_the_derivative(name, derivative):
    slopes = slopes_of(with_derivative(ACTIVATIONS[name], derivative))
    assert slopes.max() == pytest.approx(PEAKS[name], rel=1e-9)
    # The derivative integrates to the rise of the function: 1 for the sigmoid, 2 for tanh.
    rise = {"sigmoid": 1.0, "tanh": 2.0}[name]
    assert np.trapezoid(slopes, GRID) == pytest.approx(rise, rel=1e-3)
    np.testing.assert_allclose(slopes, slopes[::-1], atol=1e-12)
    if derivative != "exact":
        reach = rise / (2 * PEAKS[name]) * {"step": 1, "triangle": 2}[derivative]
        np.testing.assert_array_equal(slopes > 0, np.abs(GRID) < reach)


@pytest.mark.parametrize("name", PEAKS)
def test_one_is_one(name):
    assert (slopes_of(with_derivative(ACTIVATIONS[name], "one"), GRID[::1000]) == 1).all()


@pytest.mark.parametrize("derivative", ["one", "step", "triangle"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_stay_what_they_are(name, derivative):
    function = ACTIVATIONS[name]
    rough = with_derivative(function, derivative)
    at = jnp.asarray(GRID[::5000])
    np.testing.assert_array_equal(rough(at), function(at))
    assert (rough is function) == (name not in PEAKS)
    # Programs are compiled per function, so equal requests must give one.
    assert rough is with_derivative(function, derivative)


def test_in_single_precision_derivatives_stay_single():
    for derivative in ("one", "step", "triangle"):
        rough = with_derivative(jnp.tanh, derivative)
        assert jax.grad(rough)(jnp.float32(0.5)).dtype == jnp.float32


def test_what_is_delivered_reaches_both_unchanged():
    h, sent = jnp.array([1.0, 2.0]), jnp.array([5.0, 7.0])
    value, back = jax.vjp(delivered, h, sent)
    np.testing.assert_array_equal(value, h)
    for g in back(jnp.array([3.0, 4.0])):
        np.testing.assert_array_equal(g, [3.0, 4.0])


def test_a_network_of_three_layers_by_the_formulas_of_the_text():
    """delta_2 = B_2 e, delta_1 = B_1 delta_2; every weight by its own unit's slope."""
    rng = np.random.default_rng(4)
    sizes, samples = (5, 4, 3, 2), 6
    W = [rng.normal(size=shape) for shape in zip(sizes[1:], sizes[:-1], strict=True)]
    B = [None, *(rng.normal(size=w.shape).T for w in W[1:])]
    b = [rng.normal(size=n) for n in sizes[1:]]
    x, target = (jnp.asarray(rng.normal(size=(samples, n))) for n in (5, 2))
    network = DenseNetwork(hidden=(4, 3), activation="tanh", output="sigmoid")
    net = Architecture.of(network)

    def loss(W, b):
        everything = Parameters(tuple(W), tuple(b), ())
        preactivations = first_preactivations(net, W[0], everything.biases, x)
        V = tuple(jnp.asarray(one.T) for one in B[1:])
        ran = forward(net, preactivations, everything.upper, V, slopes="local")
        return jnp.sum(net.losses(ran.logits, target, ran.sent))

    arrays = [jnp.asarray(w) for w in W], [jnp.asarray(one) for one in b]
    gradients, of_biases = jax.grad(loss, argnums=(0, 1))(*arrays)

    h1 = np.tanh(x @ W[0].T + b[0])
    h2 = np.tanh(h1 @ W[1].T + b[1])
    y = 1 / (1 + np.exp(-(h2 @ W[2].T + b[2])))
    e = target - y
    delta2 = e @ B[2].T
    delta1 = delta2 @ B[1].T
    changes = [
        ((delta1 * (1 - h1**2)), x),
        ((delta2 * (1 - h2**2)), h1),
        ((e * y * (1 - y)), h2),
    ]
    for g, of_bias, (own, below) in zip(gradients, of_biases, changes, strict=True):
        np.testing.assert_allclose(-g, own.T @ below, rtol=1e-12)
        np.testing.assert_allclose(-of_bias, own.sum(axis=0), rtol=1e-12)
