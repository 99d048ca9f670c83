"""Whole networks: what comes in which order, and V = W against the ordinary derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fatheory.experiment import (
    BatchNormalization,
    Block,
    ConvolutionalNetwork,
    DenseNetwork,
    Pool,
)
from fatheory.networks import (
    ACTIVATIONS,
    Architecture,
    BatchStatistics,
    Layer,
    Parameters,
    batch_statistics,
    first_gradient,
    first_preactivations,
    forward,
)

IMAGE = (6, 5, 2)
OUTPUTS = 3
BLOCKS = (
    Block(channels=3, kernel=3, pool=Pool(kind="max", size=3, stride=2)),
    Block(channels=4, kernel=5, pool=Pool(kind="average", size=2, stride=2)),
)
NORMALISED = BatchNormalization(learnable=True, epsilon=0.01)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def convolutional(**changes):
    return ConvolutionalNetwork(
        **{"blocks": BLOCKS, "hidden": (5,), "activation": "tanh"} | changes
    )


def drawn(network, image=IMAGE, samples=4, seed=0):
    """Parameters, V of other numbers, inputs and one-hot targets."""
    rng = np.random.default_rng(seed)

    def array(*shape):
        return jnp.asarray(rng.normal(size=shape) / np.sqrt(np.prod(shape[1:], dtype=int)))

    inputs = int(np.prod(image))
    shapes = network.weight_shapes(image, inputs, OUTPUTS)
    features = [shape[0] for shape in shapes[:-1]] if network.normalization else []
    parameters = Parameters(
        tuple(array(*shape) for shape in shapes),
        tuple(
            None if features and i < len(shapes) - 1 else array(shape[0])
            for i, shape in enumerate(shapes)
        ),
        (),
        tuple(1 + array(n) / 3 for n in features),
        tuple(array(n) for n in features),
    )
    V = tuple(array(*shape) for shape in shapes[1:])
    target = jnp.asarray(np.eye(OUTPUTS)[rng.integers(OUTPUTS, size=samples)])
    return parameters, V, jnp.asarray(rng.normal(size=(samples, inputs))), target


def mean_loss(net, parameters, V, x, target):
    preactivations = first_preactivations(net, parameters.weights[0], parameters.biases, x)
    return jnp.mean(net.losses(forward(net, preactivations, parameters.upper, V).logits, target))


def library_pool(h, pool):
    window = (1, pool.size, pool.size, 1), (1, pool.stride, pool.stride, 1), "SAME"
    if pool.kind == "max":
        return lax.reduce_window(h, -jnp.inf, lax.max, *window)
    count = lax.reduce_window(jnp.ones_like(h), 0.0, lax.add, *window)
    return lax.reduce_window(h, 0.0, lax.add, *window) / count


def ordinary_loss(network, parameters, x, target):
    """The same network by JAX's own convolution and pools, with its own derivative."""
    h = x.reshape(-1, *IMAGE)
    for i, W in enumerate(parameters.weights):
        if W.ndim == 4:
            axes = ("NHWC", "OIHW", "NHWC")
            h = lax.conv_general_dilated(h, W, (1, 1), "SAME", dimension_numbers=axes)
        else:
            h = h.reshape(len(h), -1) @ W.T
        if parameters.biases[i] is not None:
            h = h + parameters.biases[i]
        if i == len(parameters.weights) - 1:
            return -jnp.mean(jnp.sum(target * jnp.log(jax.nn.softmax(h)), axis=1))
        if network.normalization is not None:
            axes = tuple(range(h.ndim - 1))
            h = (h - h.mean(axes)) / jnp.sqrt(h.var(axes) + network.normalization.epsilon)
            h = parameters.scales[i] * h + parameters.shifts[i]
        h = ACTIVATIONS[network.activation](h)
        if i < len(network.blocks) and network.blocks[i].pool:
            h = library_pool(h, network.blocks[i].pool)
    raise AssertionError("a network ends with its output units")


@pytest.mark.parametrize("normalization", [None, NORMALISED])
def test_backprop_is_the_gradient_of_an_ordinary_convolutional_network(normalization):
    network = convolutional(normalization=normalization)
    net = Architecture.of(network, IMAGE)
    parameters, _, x, target = drawn(network)

    def ours(p):
        # The first layer is differentiated through its preactivations alone.
        V = tuple(lax.stop_gradient(W) for W in p.weights[1:])
        return mean_loss(net, p, V, x, target)

    value, gradient = jax.jit(jax.value_and_grad(ours))(parameters)
    ordinary = jax.value_and_grad(lambda p: ordinary_loss(network, p, x, target))
    expected, ordinary = jax.jit(ordinary)(parameters)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(ordinary), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
        assert np.abs(b).max() > 1e-4


def test_v_plays_no_part_in_the_forward_pass_and_changes_what_comes_back():
    network = convolutional(normalization=NORMALISED)
    net = Architecture.of(network, IMAGE)
    parameters, V, x, target = drawn(network)
    W = parameters.weights[1:]
    through = jax.jit(jax.value_and_grad(lambda p, v: mean_loss(net, p, v, x, target)))
    (one, a), (other, b) = (through(parameters, v) for v in (W, V))
    assert one == other
    np.testing.assert_array_equal(a.weights[-1], b.weights[-1])
    for ours, theirs in zip(a.weights[:-1], b.weights[:-1], strict=True):
        assert np.abs(ours - theirs).max() > 1e-3


def test_the_first_layer_learns_from_its_sums():
    network = convolutional(blocks=BLOCKS[:1], hidden=())
    net = Architecture.of(network, IMAGE)
    parameters, V, x, target = drawn(network)
    W, b = parameters.weights[0], parameters.biases

    def from_preactivations(preactivations):
        return jnp.mean(
            net.losses(forward(net, preactivations, parameters.upper, V).logits, target)
        )

    g = jax.grad(from_preactivations)(first_preactivations(net, W, b, x))
    whole = jax.grad(lambda W: from_preactivations(first_preactivations(net, W, b, x)))(W)
    np.testing.assert_allclose(first_gradient(net, W, g, x), whole, rtol=1e-12, atol=1e-15)


def test_given_moments_take_the_place_of_the_batchs():
    network = convolutional(blocks=BLOCKS[:1], normalization=NORMALISED)
    net = Architecture.of(network, IMAGE)
    parameters, V, x, _ = drawn(network)
    preactivations = first_preactivations(net, parameters.weights[0], parameters.biases, x)
    own = forward(net, preactivations, parameters.upper, V)
    for found, expected in zip(own.moments[0], batch_statistics(preactivations), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [len(m.mean) for m in own.moments] == [3, 5]
    again = forward(net, preactivations, parameters.upper, V, moments=own.moments)
    np.testing.assert_array_equal(again.logits, own.logits)
    # By given moments a sample's answer does not depend on the others.
    one = forward(net, preactivations[:1], parameters.upper, V, moments=own.moments)
    np.testing.assert_allclose(one.logits, own.logits[:1], rtol=1e-12)
    other = tuple(BatchStatistics(m.mean + 1, m.variance) for m in own.moments)
    changed = forward(net, preactivations, parameters.upper, V, moments=other)
    assert np.abs(changed.logits - own.logits).max() > 0.1
    np.testing.assert_array_equal(changed.moments[0].mean, own.moments[0].mean)


def dropped(rate, units=4000, samples=50):
    """Activities of a single hidden layer whose units are all at 1, when some are dropped."""
    net = Architecture((Layer(lambda a: a, dropout=rate),), ACTIVATIONS["linear"])
    W = jnp.ones((2, units)) / units
    upper = Parameters((W,), (), ())
    key = jax.random.key(3)
    return (
        forward(net, jnp.ones((samples, units)), upper, (W,), key=key),
        forward(net, jnp.ones((samples, units)), upper, (W,)),
    )


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_keeps_the_mean_and_scales_what_stays(rate):
    learning, still = dropped(rate)
    h = np.asarray(learning.hidden[0])
    np.testing.assert_allclose(np.unique(h), [0, 1 / (1 - rate)], rtol=1e-15)
    error = np.sqrt(rate * (1 - rate) / h.size)
    assert abs(np.mean(h == 0) - rate) < 4 * error
    assert abs(np.mean(h) - 1) < 4 * error / (1 - rate)
    # Units and samples are dropped apart from each other.
    assert np.std(np.mean(h == 0, axis=0)) < 1.2 * np.sqrt(rate * (1 - rate) / len(h))
    np.testing.assert_allclose(learning.logits[:, 0], h.mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(still.hidden[0], np.ones(h.shape))


def test_what_is_dropped_sends_nothing_back_and_the_rest_more():
    net = Architecture((Layer(jnp.tanh, dropout=0.25),), ACTIVATIONS["linear"])
    rng = np.random.default_rng(4)
    W, V = (jnp.asarray(rng.normal(size=(3, 8))) for _ in range(2))
    preactivations = jnp.asarray(rng.normal(size=(6, 8)))
    key = jax.random.key(0)

    def total(preactivations):
        return jnp.sum(forward(net, preactivations, Parameters((W,), (), ()), (V,), key=key).logits)

    keep = forward(net, preactivations, Parameters((W,), (), ()), (V,), key=key).hidden[0] != 0
    expected = np.where(keep, V.sum(axis=0) * (1 - np.tanh(preactivations) ** 2) / 0.75, 0)
    np.testing.assert_allclose(jax.grad(total)(preactivations), expected, rtol=1e-12)
    assert 0 < np.mean(keep) < 1


def test_layers_drop_apart_from_each_other():
    net = Architecture((Layer(jnp.cos, dropout=0.5),) * 2, ACTIVATIONS["linear"])
    upper = Parameters((jnp.zeros((40, 40)),) * 2, (), ())
    ran = forward(net, jnp.zeros((9, 40)), upper, upper.weights, key=jax.random.key(1))
    first, second = (np.asarray(h) > 0 for h in ran.hidden)
    assert 0.4 < np.mean(first == second) < 0.6


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (DenseNetwork(hidden=(5, 4), dropout=0.3), [0.3, 0.3]),
        (convolutional(dropout=0.3), [0.0, 0.3, 0.3]),
        (convolutional(dropout=0.3, hidden=()), [0.0, 0.3]),
        (convolutional(dropout=0.3, blocks=BLOCKS[:1], hidden=(3, 3)), [0.3, 0.3, 0.3]),
        (convolutional(), [0.0, 0.0, 0.0]),
    ],
)
def test_dropout_is_of_what_reaches_fully_connected_layers(network, expected):
    net = Architecture.of(network, IMAGE)
    assert [layer.dropout for layer in net.hidden] == expected
    assert net.image == (IMAGE if network.convolutions else ())


def test_layers_have_the_pools_and_the_normalisation_that_were_described():
    net = Architecture.of(convolutional(normalization=NORMALISED), IMAGE)
    assert [layer.pool for layer in net.hidden] == [BLOCKS[0].pool, BLOCKS[1].pool, None]
    assert [layer.normalization for layer in net.hidden] == [NORMALISED] * 3
    assert net.output is ACTIVATIONS["softmax"]
    assert net == Architecture.of(convolutional(normalization=NORMALISED), IMAGE)
    assert hash(net) == hash(Architecture.of(convolutional(normalization=NORMALISED), IMAGE))


def test_softmax_outputs_have_the_cross_entropy():
    net = Architecture.of(convolutional(), IMAGE)
    rng = np.random.default_rng(5)
    a = 3 * rng.normal(size=(8, 4))
    target = np.eye(4)[rng.integers(4, size=8)]
    y = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    losses = net.losses(jnp.asarray(a), jnp.asarray(target))
    np.testing.assert_allclose(losses, -np.log(y[target == 1]), rtol=1e-13)
    gradient = jax.grad(lambda a: jnp.sum(net.losses(a, jnp.asarray(target))))(jnp.asarray(a))
    np.testing.assert_allclose(-gradient, target - y, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(net.output(jnp.asarray(a)), y, rtol=1e-13)
    # The loss of hopeless preactivations is large, not infinite.
    far = net.losses(jnp.array([[0.0, 2000.0]]), jnp.array([[1.0, 0.0]]))
    np.testing.assert_allclose(far, 2000)


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_other_outputs_have_half_the_squared_error(output):
    net = Architecture.of(DenseNetwork(hidden=(3,), output=output))
    rng = np.random.default_rng(6)
    a, target = rng.normal(size=(2, 8, 4))
    y = np.asarray(ACTIVATIONS[output](jnp.asarray(a)))
    expected = 0.5 * np.sum((target - y) ** 2, axis=1)
    np.testing.assert_allclose(net.losses(jnp.asarray(a), jnp.asarray(target)), expected)
    assert not net.cross_entropy
