"""The update against a sequence written out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.updates import sgd_direction


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def trained(gradients, W, rate, **settings):
    """Weights after each step of W <- W - rate (-tau)."""
    direction = sgd_direction(**settings)
    memory, path = direction.init(W), []
    for g in gradients:
        minus_tau, memory = direction.update(g, memory, W)
        W = W - rate * minus_tau
        path.append(W)
    return path


def test_two_steps_by_hand():
    """W = 1, g = 0.5 then 0.25, momentum 0.5, decay 0.1, rate 0.2.

    tau_1 = -0.5 - 0.1 = -0.6, W = 0.88; tau_2 = -0.25 - 0.3 - 0.088 = -0.638, W = 0.7524.
    """
    gradients = [jnp.asarray(0.5), jnp.asarray(0.25)]
    path = trained(gradients, jnp.asarray(1.0), 0.2, momentum=0.5, weight_decay=0.1)
    np.testing.assert_allclose(path, [0.88, 0.7524], rtol=1e-15)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.05, 2.0])
def test_sequence_is_the_recursion(momentum, decay):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(30, 2, 3))
    W = rng.normal(size=(2, 3))
    path = trained(
        list(jnp.asarray(gradients)), jnp.asarray(W), 0.07, momentum=momentum, weight_decay=decay
    )
    tau = np.zeros((2, 3))
    for g, ours in zip(gradients, path, strict=True):
        tau = -g + momentum * tau - decay * W
        W = W + 0.07 * tau
        np.testing.assert_allclose(ours, W, rtol=1e-13, atol=1e-15)


def test_constant_gradient_with_momentum_ends_at_its_geometric_sum():
    path = trained([jnp.asarray(1.0)] * 200, jnp.asarray(0.0), 1.0, momentum=0.8)
    np.testing.assert_allclose(path[-1] - path[-2], -1 / (1 - 0.8), rtol=1e-12)


def test_decay_alone_shrinks_geometrically():
    path = trained([jnp.asarray(0.0)] * 50, jnp.asarray(3.0), 0.1, weight_decay=0.5)
    np.testing.assert_allclose(path[-1], 3.0 * 0.95**50, rtol=1e-13)


def test_without_momentum_nothing_is_remembered():
    assert not jax.tree.leaves(sgd_direction().init(jnp.ones((2, 2))))
    assert not jax.tree.leaves(sgd_direction(weight_decay=0.1).init(jnp.ones((2, 2))))


def test_equal_settings_share_one_program():
    assert sgd_direction(0.5, 0.1) is sgd_direction(0.5, 0.1)
    assert sgd_direction(0.5, 0.1) is not sgd_direction(0.5, 0.2)
