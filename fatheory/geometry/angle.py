"""Angles between arrays, in degrees."""

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, namespace

Axes = int | tuple[int, ...]


def angle(a: Real[Array, "..."], b: Real[Array, "..."], axis: Axes = -1) -> Float[Array, "..."]:
    r"""Compute the angle between `a` and `b` over `axis`, in degrees in [0, 180].

    .. math:: \angle(a, b) = \arccos\frac{a^\top b}{|a||b|}
              = 2\,\mathrm{atan2}(|u - v|, |u + v|),\quad u = a/|a|,\ v = b/|b|

    The second form keeps all digits where the first loses them: near 0 and 180 degrees.
    The cosine is signed: opposite vectors are at 180 degrees.

    Parameters
    ----------
    a, b : array
        NumPy or JAX arrays of shapes that broadcast.
    axis : int or tuple of int
        Axes of the broadcast shape that form the vectors. Several axes are flattened into one
        vector, so ``axis=(-2, -1)`` is the angle between matrices of Lillicrap et al. 2016
        (Methods).

    Returns
    -------
    array
        The shape of the broadcast inputs without `axis`. NaN where a vector is zero or not finite:
        a zero vector has no direction.
    """
    a, b = floating(a, b)
    xp = namespace(a, b)
    u, v = _directions(a, b, axis)
    return 2 * xp.rad2deg(xp.arctan2(_norm(u - v, axis), _norm(u + v, axis)))


def cosine(a: Real[Array, "..."], b: Real[Array, "..."], axis: Axes = -1) -> Float[Array, "..."]:
    """Compute the signed cosine between `a` and `b` over `axis`, in [-1, 1].

    NaN where a vector is zero or not finite, like `angle`.
    """
    a, b = floating(a, b)
    xp = namespace(a, b)
    u, v = _directions(a, b, axis)
    # Rounding may carry the cosine of parallel vectors beyond 1.
    return xp.clip(xp.sum(u * v, axis=axis), -1.0, 1.0)


def _directions(a: Array, b: Array, axis: Axes) -> tuple[Array, Array]:
    """Scale both to unit length, broadcast first: `axis` is an axis of the broadcast shape."""
    a, b = namespace(a, b).broadcast_arrays(a, b)
    return _direction(a, axis), _direction(b, axis)


def _direction(a: Array, axis: Axes) -> Array:
    """Scale to unit length; NaN for a zero vector.

    Dividing by the largest entry first keeps the squares of very small and very large entries in
    range.
    """
    xp = namespace(a)
    largest = xp.max(xp.abs(a), axis=axis, keepdims=True)
    usable = xp.isfinite(largest) & (largest > 0)
    a = a / xp.where(usable, largest, xp.nan)
    return a / xp.sqrt(xp.sum(a * a, axis=axis, keepdims=True))


def _norm(a: Array, axis: Axes) -> Array:
    xp = namespace(a)
    return xp.sqrt(xp.sum(a * a, axis=axis))
