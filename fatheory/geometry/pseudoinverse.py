"""How close forward weights come to the pseudoinverse of their feedback."""

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, matrix_by_matrix, namespace
from fatheory.geometry.angle import angle


def pseudoinverse_alignment(
    W: Real[Array, "... n_o n_h"], B: Real[Array, "... n_h n_o"]
) -> Float[Array, "..."]:
    """Compute the angle between W and B^+, flattened, in degrees in [0, 180].

    B^+ is the Moore-Penrose pseudoinverse, (B^T B)^-1 B^T for B of full column rank, to which
    feedback alignment tends to align W (Lillicrap et al. 2016, Supplementary Notes 13-14).

    Parameters
    ----------
    W : array of shape (..., n_o, n_h)
        Output weights, NumPy or JAX.
    B : array of shape (..., n_h, n_o)
        Feedback weights; leading axes broadcast against those of W.

    Returns
    -------
    array
        NaN where W or B is zero or an entry is not finite.
    """
    return angle(W, pseudoinverse(B), axis=(-2, -1))


def pseudoinverse(A: Real[Array, "... m n"]) -> Float[Array, "... n m"]:
    """Compute the Moore-Penrose pseudoinverse; NaN where an entry is not finite.

    Singular values up to max(m, n) * eps times the largest count as zero, for NumPy and JAX alike
    (their defaults differ).
    """
    (A,) = floating(A)
    xp = namespace(A)
    # NumPy raises for a whole stack of matrices if LAPACK fails at one, as it does at NaN.
    finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
    rtol = max(A.shape[-2:]) * xp.finfo(A.dtype).eps
    inverse = matrix_by_matrix(lambda M: xp.linalg.pinv(M, rtol=rtol), xp.where(finite, A, 0.0))
    return xp.where(finite, inverse, xp.nan)
