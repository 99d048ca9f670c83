"""Convolutions: the definition, the ordinary gradient where V = W, and V on the way back only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from literal_convolution import literal_convolution, literal_errors, literal_kernel_gradient

from fatheory.networks.convolution import convolution, first_convolution, kernel_gradient

PRECISIONS = [(np.float64, 1e-12), (np.float32, 1e-5)]
SHAPES = [
    ((3, 6, 7, 2), (4, 2, 3, 3)),
    ((2, 5, 8, 3), (2, 3, 5, 5)),
    ((2, 4, 3, 3), (2, 3, 1, 1)),
    ((2, 6, 5, 2), (3, 2, 1, 5)),
    ((2, 6, 5, 2), (3, 2, 5, 3)),
    ((1, 4, 6, 2), (3, 2, 3, 3)),
    ((2, 6, 4, 1), (1, 1, 5, 5)),
    ((2, 2, 1, 2), (3, 2, 5, 5)),
]


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=[True, False], ids=["products", "library"])
def by_products(request):
    """Every test runs by matrix products and by XLA's convolution."""
    return request.param


@pytest.fixture
def both_ways(by_products):
    """Outputs and derivatives of the layer, then of the layer next to the input."""

    # A function of its own for every test: JAX remembers the implementation that it has traced.
    def run(h, W, V, g):
        y, back = jax.vjp(lambda *a: convolution(*a, by_products), h, W, V)
        first, first_back = jax.vjp(lambda *a: first_convolution(*a, by_products), h, W)
        alone = kernel_gradient(h, g, W.shape, by_products)
        return (y, *back(g)), (first, *first_back(g), alone)

    return jax.jit(run)


def arrays(images=SHAPES[0][0], kernels=SHAPES[0][1], dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    shapes = images, kernels, kernels, (*images[:3], kernels[0])
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def close(ours, expected, tolerance):
    """Equal within `tolerance` of the largest entry."""
    np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def library(h, W):
    axes = ("NHWC", "OIHW", "NHWC")
    return lax.conv_general_dilated(h, W, (1, 1), "SAME", dimension_numbers=axes)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(("images", "kernels"), SHAPES)
def test_convolution_is_its_definition_with_v_on_the_way_back(
    both_ways, images, kernels, dtype, tolerance
):
    h, W, V, g = arrays(images, kernels, dtype)
    layer, first = both_ways(h, W, V, g)
    assert {a.dtype for a in (*layer, *first)} == {np.dtype(dtype)}
    expected = literal_convolution(h, W)
    gradient = literal_kernel_gradient(h, g, W.shape)
    for ours, literal in zip(layer, (expected, literal_errors(g, V), gradient), strict=False):
        close(ours, literal, tolerance)
    np.testing.assert_array_equal(layer[-1], np.zeros_like(V))
    # The layer next to the input learns alike and sends nothing back.
    y, dx, dW, alone = first
    close(y, expected, tolerance)
    np.testing.assert_array_equal(dx, np.zeros_like(h))
    close(dW, gradient, tolerance)
    close(alone, gradient, tolerance)


def test_backprop_is_the_gradient_of_the_librarys_convolution(by_products):
    """Through two layers and a function, where V = W."""
    x, W1, *_ = map(jnp.asarray, arrays())
    W2 = jnp.asarray(np.random.default_rng(1).normal(size=(5, 4, 3, 3)))

    def loss(first, second):
        return lambda weights: jnp.sum(jnp.sin(second(jnp.tanh(first(x, weights[0])), weights[1])))

    layers = (
        lambda x, W: first_convolution(x, W, by_products),
        lambda h, W: convolution(h, W, W, by_products),
    )
    ours = jax.jit(jax.grad(loss(*layers)))((W1, W2))
    ordinary = jax.jit(jax.grad(loss(library, library)))((W1, W2))
    for a, b in zip(ours, ordinary, strict=True):
        close(a, b, 1e-13)


def test_v_sends_errors_below_and_changes_nothing_else(both_ways):
    h, W, V, g = arrays()
    (y, dh, dW, _), _ = both_ways(h, W, V, g)
    (ordinary, of_backprop, also, _), _ = both_ways(h, W, W, g)
    np.testing.assert_array_equal(y, ordinary)
    np.testing.assert_array_equal(dW, also)
    assert np.abs(dh - of_backprop).max() > 1


def test_runs_together_and_in_turn_agree(both_ways):
    h, _, _, g = map(jnp.asarray, arrays())
    runs = [arrays(seed=seed)[1:3] for seed in (1, 2, 3)]
    W, V = (jnp.stack(kernels) for kernels in zip(*runs, strict=True))
    alone = [both_ways(h, *pair, g) for pair in zip(W, V, strict=True)]
    expected = jax.tree.map(lambda *values: np.stack(values), *alone)
    together = jax.jit(jax.vmap(both_ways, in_axes=(None, 0, 0, None)))(h, W, V, g)
    in_turn = jax.jit(lambda: lax.map(lambda pair: both_ways(h, *pair, g), (W, V)))()
    for run in (together, in_turn):
        jax.tree.map(lambda ours, literal: close(ours, literal, 1e-13), run, expected)


def test_products_multiply_matrices_and_the_library_convolves(by_products, both_ways):
    program = str(jax.make_jaxpr(both_ways)(*arrays()))
    assert ("conv_general_dilated" in program) == (not by_products)
    assert ("dot_general" in program) == by_products
