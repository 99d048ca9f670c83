"""Batch Manhattan against sequences written out by hand, and against the paper's recursions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fatheory.updates import manhattan_direction, sgd_direction, update_direction

SETTINGS = (1, 2, 3)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


class Tree(NamedTuple):
    """Parameters as a network has them: layers that may be missing, perhaps no biases."""

    weights: tuple
    biases: tuple


def trained(direction, gradients, W, rate):
    """Trees of weights after each step of W <- W - rate (-tau)."""
    memory, path = direction.init(W), []
    for g in gradients:
        minus_tau, memory = direction.update(g, memory, W)
        W = jax.tree.map(lambda W, t: W - rate * t, W, minus_tau)
        path.append(W)
    return path


# Three weights, momentum 0.5, decay 0.1, rate 0.25. The first two gradients are (3, -1, 0), then
# (-2, -1, 0) and (-2, 0, 4). Setting 1, first weight: tau = -1 - 0.1 = -1.1, W = 0.725;
# tau = -1 - 0.55 - 0.0725 = -1.6225, W = 0.319375; tau = 1 - 0.81125 - 0.0319375 = 0.1568125.
START = [1.0, -1.0, 0.0]
GRADIENTS = [[3.0, -1.0, 0.0], [3.0, -1.0, 0.0], [-2.0, -1.0, 0.0], [-2.0, 0.0, 4.0]]
BY_HAND = {
    1: [
        [0.725, -0.725, 0.0],
        [0.319375, -0.319375, 0.0],
        [0.358578125, 0.141421875, 0.0],
        [0.619215234375, 0.368284765625, -0.25],
    ],
    # The signs of settings 2 and 3 agree here; the next test tells them apart.
    2: [[0.75, -0.75, 0.0], [0.5, -0.5, 0.0], [0.75, -0.25, 0.0], [1.0, 0.0, -0.25]],
    3: [[0.75, -0.75, 0.0], [0.5, -0.5, 0.0], [0.75, -0.25, 0.0], [1.0, 0.0, -0.25]],
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_four_steps_by_hand(setting):
    direction = manhattan_direction(setting, momentum=0.5, weight_decay=0.1)
    path = trained(direction, list(jnp.asarray(GRADIENTS)), jnp.asarray(START), 0.25)
    np.testing.assert_allclose(path, BY_HAND[setting], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(("setting", "last"), [(2, 3.0), (3, 1.0)])
def test_setting_2_remembers_signs_and_setting_3_sums(setting, last):
    """g = 1, 1, 1, -1 with momentum 0.9 and rate 1, from W = 5.

    Setting 3 has kappa = -1, -1.9, -2.71, then 1 - 2.439 < 0 and goes on down: 4, 3, 2, 1.
    Setting 2 has tau = -1, -1, -1, then sign(1 - 0.9) = 1 and turns: 4, 3, 2, 3.
    """
    gradients = [jnp.asarray(g) for g in (1.0, 1.0, 1.0, -1.0)]
    path = trained(manhattan_direction(setting, 0.9), gradients, jnp.asarray(5.0), 1.0)
    np.testing.assert_array_equal(path, [4.0, 3.0, 2.0, last])


def literal(setting, gradients, W, rate, m, d):
    """The recursions of the paper, weight by weight."""
    path = np.empty_like(gradients)
    for i in range(len(W)):
        w, remembered = W[i], 0.0
        for k, g in enumerate(gradients[:, i]):
            kappa = -np.sign(g) + m * remembered - d * w
            tau = kappa if setting == 1 else np.sign(kappa)
            remembered = tau if setting == 2 else kappa
            w = path[k, i] = w + rate * tau
    return path


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("momentum", [0.0, 0.45, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.05, 2.0])
def test_sequence_is_the_recursion(setting, momentum, decay):
    rng = np.random.default_rng(0)
    gradients, W = rng.normal(size=(30, 5)), rng.normal(size=5)
    gradients[::4, 1] = 0.0
    direction = manhattan_direction(setting, momentum, decay)
    path = trained(direction, list(jnp.asarray(gradients)), jnp.asarray(W), 0.07)
    expected = literal(setting, gradients, W, 0.07, momentum, decay)
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_silent_unit_keeps_its_weights_and_nan_stays_nan(setting):
    direction = manhattan_direction(setting)
    W = jnp.asarray([0.3, 0.3, 0.3, 0.3])
    tau, _ = direction.update(jnp.asarray([0.0, -0.0, 1e-300, np.nan]), direction.init(W), W)
    np.testing.assert_array_equal(tau, [0.0, 0.0, 1.0, np.nan])


@pytest.mark.parametrize("setting", [0, *SETTINGS])
def test_only_what_decays_decays(setting):
    """Without a gradient, weights shrink by their sign or in proportion, biases stay."""
    direction = update_direction(setting, weight_decay=0.5, decays=Tree(True, False))
    W = Tree((jnp.asarray([2.0, -1.0]), None), (jnp.asarray([3.0]),))
    (after,) = trained(direction, [jax.tree.map(jnp.zeros_like, W)], W, 0.1)
    expected = [1.9, -0.95] if setting < 2 else [1.9, -0.9]
    np.testing.assert_allclose(after.weights[0], expected, rtol=1e-15)
    np.testing.assert_array_equal(after.biases[0], [3.0])


@pytest.mark.parametrize("biases", [(), (None, 0)])
@pytest.mark.parametrize("setting", SETTINGS)
def test_missing_layers_compile_and_batch(setting, biases):
    """A compiled, batched run over a tree with gaps is a loop over its arrays."""
    rng = np.random.default_rng(1)
    W, g = rng.normal(size=(3, 4)), rng.normal(size=(6, 3, 4))
    direction = manhattan_direction(setting, 0.9, 0.3, Tree(True, False))

    def tree(array):
        return Tree((None, array), tuple(None if b is None else array for b in biases))

    @jax.jit
    @jax.vmap
    def run(W, gradients):
        def step(carry, g):
            W, memory = carry
            minus_tau, memory = direction.update(tree(g), memory, W)
            W = optax.apply_updates(W, jax.tree.map(lambda t: -0.1 * t, minus_tau))
            return (W, memory), W

        return jax.lax.scan(step, (tree(W), direction.init(tree(W))), gradients)[1]

    found = run(jnp.asarray(W), jnp.asarray(g.swapaxes(0, 1)))
    assert found.weights[0] is None
    assert len(found.biases) == len(biases)
    for i in range(3):
        expected = literal(setting, g[:, i], W[i], 0.1, 0.9, 0.3)
        np.testing.assert_allclose(found.weights[1][i], expected, rtol=1e-12)
        if biases:
            expected = literal(setting, g[:, i], W[i], 0.1, 0.9, 0.0)
            np.testing.assert_allclose(found.biases[1][i], expected, rtol=1e-12)


def test_alone_it_is_an_optimiser():
    optimizer = optax.chain(manhattan_direction(1, 0.9), optax.scale(-0.01))
    W = jnp.asarray([0.5, -0.5])
    state = optimizer.init(W)
    for _ in range(2):
        change, state = optimizer.update(jnp.asarray([7.0, -1e-9]), state, W)
        W = optax.apply_updates(W, change)
    np.testing.assert_allclose(W, [0.5 - 0.029, -0.5 + 0.029], rtol=1e-14)


@pytest.mark.parametrize("setting", SETTINGS)
def test_single_precision_stays_single(setting):
    direction = manhattan_direction(setting, 0.9, 0.1)
    W = jnp.ones(2, jnp.float32)
    tau, memory = direction.update(W, direction.init(W), W)
    assert {leaf.dtype for leaf in jax.tree.leaves((tau, memory))} == {np.dtype("float32")}


@pytest.mark.parametrize("setting", SETTINGS)
def test_without_momentum_nothing_is_remembered(setting):
    W = jnp.ones((2, 2))
    assert not jax.tree.leaves(manhattan_direction(setting, weight_decay=0.1).init(W))
    assert len(jax.tree.leaves(manhattan_direction(setting, 0.9, 0.1).init(W))) == 1


def test_settings_choose_and_equal_ones_share_one_program():
    decays = Tree(True, False)
    assert update_direction(0, 0.9, 0.1, decays) is sgd_direction(0.9, 0.1, decays)
    for setting in SETTINGS:
        found = update_direction(setting, 0.9, 0.1, decays)
        assert found is manhattan_direction(setting, 0.9, 0.1, decays)
        assert found is not manhattan_direction(setting, 0.9, 0.2, decays)
    assert len({update_direction(setting, 0.9) for setting in range(4)}) == 4


@pytest.mark.parametrize("setting", [-1, 4])
def test_other_settings_are_refused(setting):
    with pytest.raises(ValueError, match=f"settings 1, 2 and 3; got {setting}. Setting 0 is"):
        update_direction(setting)
    with pytest.raises(ValueError, match="got 0"):
        manhattan_direction(0)
