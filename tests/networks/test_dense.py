"""Dense layers: the ordinary gradient where V = W, and V in the backward pass only."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from fatheory.networks import ACTIVATIONS, activities, dense, output

SIZES = (6, 5, 4, 3)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    weights, others = (
        tuple(
            jnp.asarray(rng.normal(size=(below, above)[::-1]) / 2)
            for below, above in itertools.pairwise(SIZES)
        )
        for _ in range(2)
    )
    return (
        weights,
        others,
        jnp.asarray(rng.normal(size=(7, 6))),
        jnp.asarray(rng.normal(size=(7, 3))),
    )


def loss(weights, backward_weights, x, target, activation, added=None):
    y = output(weights, backward_weights, x, ACTIVATIONS[activation], added)
    return 0.5 * jnp.mean(jnp.sum((target - y) ** 2, axis=1))


def ordinary_loss(weights, x, target, activation):
    h = x
    for W in weights[:-1]:
        h = ACTIVATIONS[activation](h @ W.T)
    return 0.5 * jnp.mean(jnp.sum((target - h @ weights[-1].T) ** 2, axis=1))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backprop_is_the_gradient_of_an_ordinary_network(activation):
    weights, _, x, target = arrays()
    ours = jax.grad(lambda W: loss(W, W, x, target, activation))(weights)
    ordinary = jax.grad(lambda W: ordinary_loss(W, x, target, activation))(weights)
    for a, b in zip(ours, ordinary, strict=True):
        # Equal to rounding: JAX is free to order the sums of a product as it likes.
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("activation", ["linear", "tanh", "erf"])
def test_backprop_is_the_derivative_by_finite_differences(activation):
    weights, _, x, target = arrays(1)
    gradient = jax.grad(lambda W: loss(W, W, x, target, activation))(weights)
    rng = np.random.default_rng(2)
    direction = tuple(jnp.asarray(rng.normal(size=W.shape)) for W in weights)
    slope = sum(jnp.sum(g * d) for g, d in zip(gradient, direction, strict=True))

    def along(s):
        moved = tuple(W + s * d for W, d in zip(weights, direction, strict=True))
        return loss(moved, moved, x, target, activation)

    steps = np.array([4e-3, 2e-3, 1e-3])
    errors = [abs((along(h) - along(-h)) / (2 * h) - slope) for h in steps]
    assert errors[-1] < 1e-3 * abs(slope)
    rate = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(rate - 2) < 0.1


def test_v_plays_no_part_in_the_forward_pass():
    weights, others, x, _ = arrays()
    for activation in ACTIVATIONS.values():
        for a, b in zip(
            activities(weights, weights, x, activation),
            activities(weights, others, x, activation),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_errors_return_through_v_and_nothing_else_changes():
    rng = np.random.default_rng(3)
    h, W, V, g = (rng.normal(size=shape) for shape in ((7, 5), (4, 5), (4, 5), (7, 4)))
    y, back = jax.vjp(dense, *map(jnp.asarray, (h, W, V)))
    np.testing.assert_allclose(y, h @ W.T, rtol=1e-14)
    dh, dW, dV = back(jnp.asarray(g))
    np.testing.assert_allclose(dh, g @ V, rtol=1e-13)
    np.testing.assert_allclose(dW, g.T @ h, rtol=1e-13)
    np.testing.assert_array_equal(dV, np.zeros((4, 5)))


def test_v_of_the_first_layer_plays_no_part():
    weights, others, x, target = arrays()
    one = jax.grad(lambda W: loss(W, (weights[0], *others[1:]), x, target, "tanh"))(weights)
    other = jax.grad(lambda W: loss(W, others, x, target, "tanh"))(weights)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_top_layer_learns_alike_under_every_v():
    weights, others, x, target = arrays()
    backprop = jax.grad(lambda W: loss(W, W, x, target, "tanh"))(weights)
    other = jax.grad(lambda W: loss(W, others, x, target, "tanh"))(weights)
    np.testing.assert_array_equal(backprop[-1], other[-1])
    assert all(np.abs(a - b).max() > 0.01 for a, b in zip(backprop[:-1], other[:-1], strict=True))


def test_added_values_enter_behind_the_activation():
    weights, _, x, _ = arrays()
    rng = np.random.default_rng(4)
    added = tuple(jnp.asarray(rng.normal(size=(7, n))) for n in SIZES[1:-1])
    first, second, y = activities(weights, weights, x, jnp.tanh, added)
    np.testing.assert_allclose(first, np.tanh(x @ weights[0].T) + added[0], atol=1e-14)
    np.testing.assert_allclose(second, np.tanh(first @ weights[1].T) + added[1], atol=1e-14)
    np.testing.assert_allclose(y, second @ weights[2].T, atol=1e-14)
    np.testing.assert_array_equal(y, output(weights, weights, x, jnp.tanh, added))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("linear", lambda a: a),
        ("tanh", np.tanh),
        ("sigmoid", lambda a: 1 / (1 + np.exp(-a))),
        ("relu", lambda a: np.where(a > 0, a, 0)),
        ("erf", lambda a: erf(a / np.sqrt(2))),
    ],
)
def test_activations(name, function):
    a = np.linspace(-3, 3, 41)
    np.testing.assert_allclose(ACTIVATIONS[name](jnp.asarray(a)), function(a), rtol=1e-12)
    single = ACTIVATIONS[name](jnp.asarray(a, jnp.float32))
    assert single.dtype == jnp.float32
