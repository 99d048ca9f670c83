"""Sign concordance: how often two arrays agree in sign."""

from jaxtyping import Float, Int, Real

from fatheory.arrays import Array, namespace
from fatheory.geometry.angle import Axes


def sign_concordance(
    a: Real[Array, "..."], b: Real[Array, "..."], axis: Axes = -1
) -> Float[Array, "..."]:
    """Compute the fraction of entries over `axis` in which `a` and `b` have the same sign.

    Entries where either array is exactly zero have no sign: they are left out of the fraction;
    `count_signless` counts them.

    Parameters
    ----------
    a, b : array
        NumPy or JAX arrays of shapes that broadcast.
    axis : int or tuple of int
        Axes over which to count.

    Returns
    -------
    array
        Fractions in [0, 1]; NaN where no entry has two signs or an entry is NaN.

    References
    ----------
    Liao, Leibo & Poggio 2016, "sign-concordant feedback".
    """
    xp = namespace(a, b)
    # Of signs, not of the entries, whose product may underflow to 0.
    product = xp.sign(a) * xp.sign(b)
    agree = xp.sum(product > 0, axis=axis)
    signed = xp.sum(product != 0, axis=axis)
    defined = (signed > 0) & ~xp.any(xp.isnan(product), axis=axis)
    return xp.where(defined, agree / xp.where(signed > 0, signed, 1), xp.nan)


def count_signless(
    a: Real[Array, "..."], b: Real[Array, "..."], axis: Axes = -1
) -> Int[Array, "..."]:
    """Count the entries over `axis` that `sign_concordance` leaves out: a zero on either side."""
    xp = namespace(a, b)
    return xp.sum((xp.sign(a) * xp.sign(b)) == 0, axis=axis)
