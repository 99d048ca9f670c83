"""Does the feedback point uphill? The mean condition of Lillicrap et al. 2016: e^T W B e > 0."""

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, matrix_by_matrix, namespace


def positive_fraction(
    W: Real[Array, "*#runs n_o n_h"],
    B: Real[Array, "*#runs n_h n_o"],
    error: Real[Array, "*#runs sample n_o"],
) -> Float[Array, "*#runs"]:
    """Compute the fraction of errors e for which e^T W B e > 0.

    Where it holds, the feedback-alignment signal B e is within 90 degrees of backprop's W^T e.
    An error that is zero does not count as one for which it holds. NaN where an entry is NaN.
    """
    W, B, error = floating(W, B, error)
    xp = namespace(W, B, error)
    form = xp.sum((error @ W) * (error @ xp.swapaxes(B, -1, -2)), axis=-1)
    # Booleans do not know the precision of the run.
    fraction = xp.mean(form > 0, axis=-1, dtype=form.dtype)
    return xp.where(xp.any(xp.isnan(form), axis=-1), xp.nan, fraction)


def smallest_symmetric_eigenvalue(
    W: Real[Array, "*#runs n_o n_h"], B: Real[Array, "*#runs n_h n_o"]
) -> Float[Array, "*#runs"]:
    """Compute the smallest eigenvalue of the symmetric part of W B.

    Positive exactly when e^T W B e > 0 for every error e. NaN where an entry is NaN.
    """
    W, B = floating(W, B)
    xp = namespace(W, B)
    WB = W @ B
    symmetric = (WB + xp.swapaxes(WB, -1, -2)) / 2
    finite = xp.all(xp.isfinite(symmetric), axis=(-2, -1))
    # NumPy raises for a whole stack of matrices if LAPACK fails at one.
    safe = xp.where(finite[..., None, None], symmetric, 0.0)
    return xp.where(finite, matrix_by_matrix(xp.linalg.eigvalsh, safe)[..., 0], xp.nan)
