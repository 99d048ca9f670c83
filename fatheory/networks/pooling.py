"""Pools, which summarise neighbouring units of a channel by one on a coarser grid.

Both work along the columns, then along the rows, on shifted views of the images; the gradient of
XLA's own pool of maxima is several times slower on a CPU.
"""

from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

Images = Float[jax.Array, "sample row column channel"]
Pooled = Float[jax.Array, "sample pooled_row pooled_column channel"]

ROW, COLUMN = 1, 2


def max_pool(h: Images, size: int, stride: int) -> Pooled:
    """Take the largest activity of each window.

    Of several equal ones, the first in the topmost row receives the error.

    Parameters
    ----------
    h : array of shape (sample, row, column, channel)
        Activities.
    size, stride : int
        Width of the windows and their distance. n rows become ceil(n / stride); windows that pass
        the border are cut off, as evenly on both sides as can be, the odd one below or right
        (XLA's padding "SAME").
    """
    for axis in (COLUMN, ROW):
        h = reduce(_larger, _views(h, axis, size, stride, -jnp.inf))
    return h


def average_pool(h: Images, size: int, stride: int) -> Pooled:
    """Take the mean activity of each window, over the units that it contains.

    Parameters are those of `max_pool`.
    """
    for axis in (COLUMN, ROW):
        # Windows are rectangles, so means along columns, then rows, are means over windows, also
        # where the border cuts them.
        ones = jnp.ones([n if i == axis else 1 for i, n in enumerate(h.shape)], h.dtype)
        total, units = (reduce(jnp.add, _views(a, axis, size, stride, 0)) for a in (h, ones))
        h = total / units
    return h


def _larger(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return the larger entries, or NaN; of equal ones only `a` receives the error."""
    # Not `maximum`, whose derivative parts the error among equal entries.
    return jnp.where((b > a) | jnp.isnan(b), b, a)


def _views(h: jax.Array, axis: int, size: int, stride: int, border: float) -> list[jax.Array]:
    """Return the first entries of all windows along an axis, the second ones, and so on."""
    n = h.shape[axis]
    span = (-(-n // stride) - 1) * stride
    missing = max(span + size - n, 0)
    widths = [
        (missing // 2, missing - missing // 2) if i == axis else (0, 0) for i in range(h.ndim)
    ]
    padded = jnp.pad(h, widths, constant_values=border)
    return [lax.slice_in_dim(padded, i, i + span + 1, stride, axis) for i in range(size)]
