"""Fixed points of the cubic flow of a mode: the roots of x^3 + 2 c x - 2 k."""

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, " points"]


def real_roots(c: Points, k: Points) -> Float[np.ndarray, "3 points"]:
    """Return the real roots of x^3 + 2 c x - 2 k in increasing order.

    Returns
    -------
    array of shape (3, points)
        One root three times where the others are complex. Relative accuracy is near rounding for
        simple roots, and the square root of it at a double root.
    """
    size = np.maximum(np.cbrt(np.abs(k)), np.sqrt(np.abs(c)))
    size = np.where(size > 0, size, 1.0)
    # In units of the roots' size, so that no power overflows or vanishes.
    h, k = 2 * c / (3 * size**2), k / size**3
    discriminant = k * k + h**3
    roots = np.where(discriminant > 0, _single(h, k, discriminant), _triple(h, k))
    # Cardano's formula and the cosines lose digits where roots are close; Newton restores them.
    for _ in range(2):
        slope = 3 * (roots * roots + h)
        value = (roots * roots + 3 * h) * roots - 2 * k
        # At a double root Newton's step is rounding divided by zero.
        simple = np.abs(slope) > 1e-7
        roots = roots - np.where(simple, value / np.where(simple, slope, 1.0), 0.0)
    return np.sort(roots, axis=0) * size


def reached_root(c: Points, k: Points, x0: Points, rising: Points) -> Points:
    """Return the fixed point that the flow of sign -(x^3 + 2 c x - 2 k) reaches from x0.

    Between the extrema at -e and e, e^2 = -2 c / 3, the flow leaves the unstable fixed point in
    the direction in which it moves at x0; outside it reaches the outer fixed point of its side.
    That needs no comparison of x0 with a computed root, so rounding cannot send it elsewhere.

    Parameters
    ----------
    rising : array
        The velocity at x0, of which the sign counts. Not zero between the extrema.
    """
    low, _, high = real_roots(c, k)
    edge = np.sqrt(np.maximum(-2 * c / 3, 0.0))
    upward = np.where(np.abs(x0) < edge, rising > 0, x0 > 0)
    return np.where(upward, high, low)


def _single(h: Points, k: Points, discriminant: Points) -> Points:
    """Cardano's root; for h > 0 in the form in which nothing cancels."""
    # Of Cardano's two cube roots the one in which nothing cancels: with w = h / v, v^3 - w^3 = 2 k,
    # and x = v - w is 2 k / (v^2 + h + w^2).
    v = np.cbrt(k + np.copysign(np.sqrt(np.maximum(discriminant, 0.0)), k))
    other = h / np.where(v == 0, 1.0, v)
    return np.where(h > 0, 2 * k / (v * v + h + other * other + (v == 0)), v - other)


def _triple(h: Points, k: Points) -> Float[np.ndarray, "3 points"]:
    root = np.sqrt(np.maximum(-h, 0.0))
    # Beyond |k| = root^3 there is one real root, and `_single` has it.
    cube = np.maximum(root**3, np.abs(k))
    angle = np.arccos(k / np.where(cube > 0, cube, 1.0))
    return np.stack(
        [2 * root * np.cos((angle + turn) / 3) for turn in (2 * np.pi, -2 * np.pi, 0.0)]
    )
