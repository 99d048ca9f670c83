"""Dense layers: the ordinary gradient where V = W, and V in the backward pass only."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from fatheory.experiment import DenseNetwork
from fatheory.networks import (
    ACTIVATIONS,
    Architecture,
    Parameters,
    dense,
    first_preactivations,
    forward,
)

SIZES = (6, 5, 4, 3)
OF_HIDDEN_UNITS = [name for name in ACTIVATIONS if name != "softmax"]


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


def biases_for(weights, seed=5):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.normal(size=len(W))) for W in weights)


def network(activation, output="linear"):
    return Architecture.of(DenseNetwork(hidden=SIZES[1:-1], activation=activation, output=output))


def above(weights, biases):
    return Parameters(weights, biases, ()).upper


def run(weights, backward_weights, biases, x, net, added=None):
    """Activities of layers 1 to L from the input."""
    preactivations = first_preactivations(net, weights[0], biases, x)
    ran = forward(net, preactivations, above(weights, biases), backward_weights[1:], added=added)
    return (*ran.hidden, net.output(ran.logits))


def half_square(target, y):
    return 0.5 * jnp.mean(jnp.sum((target - y) ** 2, axis=1))


def loss(parameters, backward_weights, x, target, net):
    weights, biases = parameters
    return half_square(target, run(weights, backward_weights, biases, x, net)[-1])


def ordinary_loss(parameters, x, target, net):
    weights, biases = parameters
    h = x
    for i, W in enumerate(weights):
        f = net.output if i == len(weights) - 1 else net.hidden[i].function
        h = f(h @ W.T + (biases[i] if biases else 0))
    return half_square(target, h)


@pytest.mark.parametrize(("output", "with_biases"), [("linear", False), ("sigmoid", True)])
@pytest.mark.parametrize("activation", OF_HIDDEN_UNITS)
def test_backprop_is_the_gradient_of_an_ordinary_network(activation, output, with_biases):
    weights, _, x, target = arrays()
    net = network(activation, output)
    parameters = weights, biases_for(weights) if with_biases else ()
    ours = jax.grad(lambda p: loss(p, p[0], x, target, net))(parameters)
    ordinary = jax.grad(lambda p: ordinary_loss(p, x, target, net))(parameters)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(ordinary), strict=True):
        # Equal to rounding: JAX is free to order the preactivations of a product as it likes.
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("activation", "output"), [("linear", "linear"), ("tanh", "sigmoid"), ("erf", "tanh")]
)
def test_backprop_is_the_derivative_by_finite_differences(activation, output):
    weights, _, x, target = arrays(1)
    net = network(activation, output)
    parameters = weights, biases_for(weights)
    gradient = jax.grad(lambda p: loss(p, p[0], x, target, net))(parameters)
    rng = np.random.default_rng(2)
    direction = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape)), parameters)
    terms = jax.tree.map(lambda g, d: jnp.sum(g * d), gradient, direction)
    slope = sum(jax.tree.leaves(terms))

    def along(s):
        moved = jax.tree.map(lambda p, d: p + s * d, parameters, direction)
        return loss(moved, moved[0], x, target, net)

    steps = np.array([4e-3, 2e-3, 1e-3])
    errors = [abs((along(h) - along(-h)) / (2 * h) - slope) for h in steps]
    assert errors[-1] < 1e-3 * abs(slope)
    rate = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(rate - 2) < 0.1


def test_v_plays_no_part_in_the_forward_pass():
    weights, others, x, _ = arrays()
    biases = biases_for(weights)
    for activation in OF_HIDDEN_UNITS:
        net = network(activation, "sigmoid")
        pair = (run(weights, V, biases, x, net) for V in (weights, others))
        for a, b in zip(*pair, strict=True):
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


def test_errors_of_a_network_return_through_v_by_hand():
    """Each layer's own derivative, with V in the place of W on the way down."""
    weights, others, x, target = arrays()
    biases = biases_for(weights)
    net = network("tanh", "sigmoid")
    (first, *above), of_biases = jax.grad(lambda p: loss(p, others, x, target, net))(
        (weights, biases)
    )
    h1, h2, y = (np.asarray(h) for h in run(weights, weights, biases, x, net))
    top = (y - np.asarray(target)) * y * (1 - y) / len(x)
    middle = top @ np.asarray(others[2]) * (1 - h2**2)
    bottom = middle @ np.asarray(others[1]) * (1 - h1**2)
    by_hand = [bottom.T @ x, middle.T @ h1, top.T @ h2]
    for ours, expected in zip([first, *above], by_hand, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-15)
    for ours, delta in zip(of_biases, [bottom, middle, top], strict=True):
        np.testing.assert_allclose(ours, delta.sum(axis=0), rtol=1e-12, atol=1e-15)


def test_the_first_layer_sends_nothing_back_and_needs_no_v():
    """Its preactivations are all that upper layers know of it; its gradient follows from theirs."""
    weights, others, x, target = arrays()
    biases = biases_for(weights)
    net = network("tanh", "linear")
    (W, *_), (b, *_) = jax.grad(lambda p: loss(p, others, x, target, net))((weights, biases))
    np.testing.assert_array_equal(first_preactivations(net, weights[0], (), x), x @ weights[0].T)

    def from_preactivations(preactivations):
        return half_square(
            target, forward(net, preactivations, above(weights, biases), others[1:]).logits
        )

    of_sums = jax.grad(from_preactivations)(x @ weights[0].T + biases[0])
    np.testing.assert_allclose(of_sums.T @ x, W, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(of_sums.sum(axis=0), b, rtol=1e-13, atol=1e-15)


def test_top_layer_learns_alike_under_every_v():
    weights, others, x, target = arrays()
    net = network("tanh", "sigmoid")
    parameters = weights, biases_for(weights)
    backprop = jax.grad(lambda p: loss(p, p[0], x, target, net))(parameters)
    other = jax.grad(lambda p: loss(p, others, x, target, net))(parameters)
    for kind in (0, 1):
        np.testing.assert_array_equal(backprop[kind][-1], other[kind][-1])
        pairs = zip(backprop[kind][:-1], other[kind][:-1], strict=True)
        assert all(np.abs(a - b).max() > 0.01 for a, b in pairs)


def test_added_values_enter_behind_the_activation():
    weights, _, x, _ = arrays()
    biases = biases_for(weights)
    net = network("tanh", "sigmoid")
    rng = np.random.default_rng(4)
    added = tuple(jnp.asarray(rng.normal(size=(7, n))) for n in SIZES[1:-1])
    first, second, y = run(weights, weights, biases, x, net, added)
    preactivations = [x @ weights[0].T, first @ weights[1].T, second @ weights[2].T]
    a1, a2, a3 = (a + b for a, b in zip(preactivations, biases, strict=True))
    np.testing.assert_allclose(first, np.tanh(a1) + added[0], atol=1e-14)
    np.testing.assert_allclose(second, np.tanh(a2) + added[1], atol=1e-14)
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-a3)), atol=1e-14)
    preactivations = first_preactivations(net, weights[0], biases, x)
    ran = forward(net, preactivations, above(weights, biases), weights[1:], added=added)
    for ours, expected in zip((*ran.hidden, ran.logits), (first, second, a3), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-14)
    assert ran.moments == ()


def test_units_are_named_and_linear_at_the_top_by_default():
    assert network("relu").output is ACTIVATIONS["linear"]
    assert [layer.function for layer in network("relu").hidden] == [ACTIVATIONS["relu"]] * 2
    assert network("tanh", "sigmoid").output is ACTIVATIONS["sigmoid"]
    assert network("tanh", "sigmoid") == network("tanh", "sigmoid") != network("tanh", "tanh")
    assert hash(network("relu")) == hash(network("relu"))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("linear", lambda a: a),
        ("tanh", np.tanh),
        ("sigmoid", lambda a: 1 / (1 + np.exp(-a))),
        ("relu", lambda a: np.where(a > 0, a, 0)),
        ("erf", lambda a: erf(a / np.sqrt(2))),
        ("softmax", lambda a: np.exp(a) / np.exp(a).sum()),
    ],
)
def test_activations(name, function):
    a = np.linspace(-3, 3, 41)
    np.testing.assert_allclose(ACTIVATIONS[name](jnp.asarray(a)), function(a), rtol=1e-12)
    single = ACTIVATIONS[name](jnp.asarray(a, jnp.float32))
    assert single.dtype == jnp.float32
