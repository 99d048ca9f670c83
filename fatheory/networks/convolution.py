"""A convolutional layer that sends errors back through V in the place of W.

XLA's own convolution is slow on a CPU inside loops, so there the layer is a matrix product. The
shifts of the kernel are shared between the two sides of the product: copies of the image, moved
along its columns, lie beside each other on the channels; the product gives an image for every
kernel row, and these are added, moved along their rows. So k + k values a pixel and channel pass
through memory, where patches would need k^2. The way back is the same with the sides exchanged.
"""

from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

Images = Float[jax.Array, "sample row column c_in"]
Maps = Float[jax.Array, "sample row column c_out"]
Kernels = Float[jax.Array, "c_out c_in k_row k_column"]

ROW, COLUMN = 1, 2


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def convolution(h: Images, W: Kernels, V: Kernels, by_products: bool = True) -> Maps:
    """Correlate `h` with the kernels W; in the backward pass errors return to `h` through V, not W.

    The derivative with respect to W is the true one, that with respect to V is zero. With V = W
    this is an ordinary layer (Liao, Leibo & Poggio 2016, "asymmetric backpropagation"). Images
    are continued by zeros and keep their size; kernels have odd numbers of rows and columns.

    Parameters
    ----------
    h : array of shape (sample, row, column, c_in)
        Images.
    W, V : arrays of shape (c_out, c_in, k_row, k_column)
        Kernels, and what errors return through.
    by_products : bool
        Whether to carry it out as matrix products rather than by XLA's convolution.
    """
    del V
    return _correlation(h, W, by_products)


def _forward(
    h: jax.Array, W: jax.Array, V: jax.Array, by_products: bool
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    # W is not kept: neither derivative needs it.
    return _correlation(h, W, by_products), (h, V)


def _backward(
    by_products: bool, saved: tuple[jax.Array, ...], g: jax.Array
) -> tuple[jax.Array, ...]:
    h, V = saved
    if not by_products:
        # The correlation is bilinear, so its derivative with respect to W is the same at W and V.
        return *jax.vjp(partial(_correlation, by_products=False), h, V)[1](g), jnp.zeros_like(V)
    *_, k_row, k_column = V.shape
    moved = _beside(g, k_row, ROW)
    dh = _added(moved @ _matrix(V).T, k_column, COLUMN)
    # The copies of h are those of the forward pass, and XLA computes them once.
    product = _flat(_beside(h, k_column, COLUMN)).T @ _flat(moved)
    # By JAX's own transpose of the arrangement, which cannot disagree with it.
    return dh, *jax.linear_transpose(_matrix, V)(product), jnp.zeros_like(V)


convolution.defvjp(_forward, _backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def first_convolution(x: Images, W: Kernels, by_products: bool = True) -> Maps:
    """Correlate the inputs `x` with the kernels W, as `convolution` does, and send nothing back."""
    if not by_products:
        return _correlation(x, W, by_products)
    # Inputs have few channels, so that patches are smaller than an image for every kernel row.
    return _patches(x, W.shape) @ _patch_matrix(W)


def kernel_gradient(
    x: Images, g: Maps, shape: tuple[int, ...], by_products: bool = True
) -> Kernels:
    """Compute the derivative of sum(g * first_convolution(x, W)) with respect to W.

    Parameters
    ----------
    x : array of shape (sample, row, column, c_in)
        Inputs.
    g : array of shape (sample, row, column, c_out)
        Derivative with respect to the outputs.
    shape : tuple of int
        Of W: (c_out, c_in, k_row, k_column).
    by_products : bool
        As of `convolution`.
    """
    W = jax.ShapeDtypeStruct(shape, x.dtype)
    if not by_products:
        # Linear in W, so the transpose is the derivative, and of W only the shape is needed.
        (dW,) = jax.linear_transpose(lambda W: _correlation(x, W, False), W)(g)
    else:
        product = _flat(_patches(x, shape)).T @ _flat(g)
        (dW,) = jax.linear_transpose(_patch_matrix, W)(product)
    return dW


def _first_backward(
    by_products: bool, saved: tuple[jax.Array, ...], g: jax.Array
) -> tuple[None, jax.Array]:
    x, W = saved
    # None: nothing below the first layer asks for an error.
    return None, kernel_gradient(x, g, W.shape, by_products)


first_convolution.defvjp(
    lambda x, W, by_products: (first_convolution(x, W, by_products), (x, W)), _first_backward
)


def _correlation(h: jax.Array, W: jax.Array, by_products: bool) -> jax.Array:
    if not by_products:
        axes = ("NHWC", "OIHW", "NHWC")
        return lax.conv_general_dilated(h, W, (1, 1), "SAME", dimension_numbers=axes)
    *_, k_row, k_column = W.shape
    return _added(_beside(h, k_column, COLUMN) @ _matrix(W), k_row, ROW)


def _beside(h: jax.Array, k: int, axis: int) -> jax.Array:
    """Lay k copies of `h`, copy i moved back by i - k // 2, beside each other on the channels."""
    n, padded = h.shape[axis], _continued(h, k, axis)
    copies = [lax.slice_in_dim(padded, i, i + n, axis=axis) for i in range(k)]
    return jnp.concatenate(copies, axis=-1)


def _added(copies: jax.Array, k: int, axis: int) -> jax.Array:
    """Move the copies that lie beside each other forth by i - k // 2 and add: `_beside` transposed.

    JAX's own transpose adds the copies one after the other, each continued to full size.
    """
    n, padded = copies.shape[axis], _continued(copies, k, axis)
    parts = jnp.split(padded, k, axis=-1)
    moved = [lax.slice_in_dim(p, k - 1 - i, k - 1 - i + n, axis=axis) for i, p in enumerate(parts)]
    return reduce(jnp.add, moved)


def _continued(h: jax.Array, k: int, axis: int) -> jax.Array:
    # Kernels are odd, so both sides have the same border.
    widths = [(k // 2, k // 2) if i == axis else (0, 0) for i in range(h.ndim)]
    return jnp.pad(h, widths)


def _matrix(W: jax.Array) -> jax.Array:
    """Arrange kernels as a matrix from (kernel column, c_in) to (kernel row, c_out).

    Rows are in reverse order, since `_added` moves forth what a correlation moves back.
    """
    c_out, c_in, k_row, k_column = W.shape
    return W[:, :, ::-1].transpose(3, 1, 2, 0).reshape(k_column * c_in, k_row * c_out)


def _patches(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    *_, k_row, k_column = shape
    return _beside(_beside(x, k_column, COLUMN), k_row, ROW)


def _patch_matrix(W: jax.Array) -> jax.Array:
    return W.transpose(2, 3, 1, 0).reshape(-1, W.shape[0])


def _flat(h: jax.Array) -> jax.Array:
    return h.reshape(-1, h.shape[-1])
