r"""Conjugate gradients for several right-hand sides at once.

A kernel that is computed anew for every product costs the same for one column as for all, so that
all of them take each step together, each with its own step sizes; solvers of libraries take one
column at a time (Hestenes & Stiefel 1952, with Nystrom's approximation as the preconditioner).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from fatheory.errors import RegimeError

Columns = Float[np.ndarray, "point unit"]
Operator = Callable[[Columns], Columns]
CURE = (
    "raise the concordance (usf, frsf, brsf) or the correlation (feedback_alignment, "
    "direct_feedback_alignment)"
)
"""For kernels that are not positive definite."""


class Solution(NamedTuple):
    """What `conjugate_gradients` found.

    Attributes
    ----------
    values : array of shape (point, unit)
        K^{-1} times the right-hand sides.
    iterations : int
        Products with K.
    residual : float
        The largest residual of a column over the size of its right-hand side.
    """

    values: Columns
    iterations: int
    residual: float


def conjugate_gradients(
    product: Operator,
    right: Columns,
    *,
    precondition: Operator,
    tolerance: float,
    most: int,
) -> Solution:
    """Solve K x = right for a positive definite K that is known by its products.

    Parameters
    ----------
    product : callable
        From columns to K times them.
    right : array of shape (point, unit)
        Right-hand sides.
    precondition : callable
        From columns to an approximation of K^{-1} times them, symmetric and positive definite.
    tolerance : float
        Residual, relative to the right-hand side, at which a column is done.
    most : int
        Products after which it gives up.

    Raises
    ------
    RegimeError
        If K is not positive definite along a direction that was met, or the tolerance is not
        reached.
    """
    x, r = np.zeros_like(right), right.copy()
    sizes = np.linalg.norm(right, axis=0)
    goal = tolerance * sizes
    z = precondition(r)
    p, rz = z, np.sum(r * z, axis=0)
    for iteration in range(1, most + 1):
        # A column that is done has nothing left to divide by; the others go on.
        going = np.linalg.norm(r, axis=0) > goal
        if not going.any():
            return Solution(x, iteration - 1, _relative(r, sizes))
        Kp = product(p)
        curvature = np.sum(p * Kp, axis=0)
        if (curvature[going] <= 0).any():
            quotient = (curvature / np.maximum(np.sum(p * p, axis=0), 1e-300))[going].min()
            raise RegimeError(
                f"the kernel is not positive definite: its smallest eigenvalue is {quotient:.6g} "
                f"or below; {CURE}"
            )
        alpha = np.where(going, rz / np.where(going, curvature, 1.0), 0.0)
        x, r = x + alpha * p, r - alpha * Kp
        z = precondition(r)
        before, rz = rz, np.sum(r * z, axis=0)
        p = z + np.where(going, rz / np.where(going, before, 1.0), 0.0) * p
    if (np.linalg.norm(r, axis=0) <= goal).all():
        return Solution(x, most, _relative(r, sizes))
    raise RegimeError(
        f"conjugate gradients reached a residual of {_relative(r, sizes):.3g} in {most} products, "
        f"where {tolerance:.3g} was asked for: allow more, ask for less, or take more landmarks"
    )


def nystrom_preconditioner(
    columns: Float[np.ndarray, "point landmark"],
    landmarks: np.ndarray,
    diagonal: Float[np.ndarray, " point"],
) -> Operator:
    r"""Return the inverse of :math:`Q Q^\top + \mu I`, with Q Q^T Nystrom's approximation of K.

    Parameters
    ----------
    columns : array of shape (point, landmark)
        K with the landmarks.
    landmarks : array of int
        Which points they are.
    diagonal : array of shape (point,)
        Of K.

    Raises
    ------
    RegimeError
        If the kernel of the landmarks is not positive definite, so that K is not.
    """
    W = columns[landmarks]
    try:
        factor = cholesky((W + W.T) / 2, lower=True)
    except np.linalg.LinAlgError:
        smallest = float(np.linalg.eigvalsh((W + W.T) / 2)[0])
        # Eigenvalues of a part interlace with those of the whole.
        raise RegimeError(
            f"the kernel is not positive definite: its smallest eigenvalue is {smallest:.6g} or "
            f"below; {CURE}"
        ) from None
    Q = solve_triangular(factor, columns.T, lower=True).T
    # What the landmarks leave out, as if it were the same in every direction.
    rest = float(np.mean(diagonal - np.sum(Q**2, axis=1)))
    mu = max(rest, 1e-10 * float(np.mean(diagonal)))
    inner = cho_factor(Q.T @ Q + mu * np.eye(Q.shape[1]))
    return lambda r: (r - Q @ cho_solve(inner, Q.T @ r)) / mu


def _relative(residual: Columns, sizes: np.ndarray) -> float:
    return float(np.max(np.linalg.norm(residual, axis=0) / np.where(sizes > 0, sizes, 1.0)))
