r"""A row of the error map whose gains are no numbers: the LMS filter with a matrix.

.. math:: f \leftarrow f - \eta\,(f \cdot \xi)\, N \xi,\qquad \xi \sim \mathcal N(0, I)

`lms_row` solves it in the eigenbasis of N. Where an eigenvalue of M = W V is complex and the input
coloured, that basis is not orthogonal and the second moments Z = <f f^H> do not close on its
diagonal; all of Z is followed then,

.. math:: Z \leftarrow Z - \eta\,(N Z + Z N^H) + \eta^2 N\,(Z + Z^\top + \mathrm{tr} Z)\,N^H .
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import schur
from scipy.linalg.lapack import ztrsyl
from scipy.sparse.linalg import LinearOperator, eigs

from fatheory.errors import RegimeError
from fatheory.theory.online.lms_row import LmsRow
from fatheory.theory.online.log_variance import variance_of_step

Square = Complex[np.ndarray, "n n"]

_DENSE = 6
"""Up to here the map of Z is written out; ARPACK wants room for its Krylov space."""
_TOLERANCE, _ITERATIONS = 1e-13, 20_000


def lms_matrix(N: Square, learning_rate: float) -> LmsRow:
    """Solve the recursion of the second moments of one row; see `lms_row` for what it gives.

    Parameters
    ----------
    N : array of shape (n, n)
        Complex and symmetric: m Sigma + Sigma^1/2 W0^T W0 Sigma^1/2 in the directions that the
        input has.
    learning_rate : float
        eta.

    Raises
    ------
    RegimeError
        If the recursion of chi does not settle.
    """
    A = learning_rate * N
    growth, right = _largest(lambda Z: _step(A, Z), len(A))
    _, left = _largest(lambda Z: _step_back(A, Z), len(A))
    variance = _log_variance(A.real, left.real, right.real)
    return LmsRow(growth, variance / growth**2, _excess(A))


def _step(A: Square, Z: Square) -> Square:
    """Return <f f^H> after a step, with A = eta N."""
    noise = Z + Z.T + np.trace(Z) * np.eye(len(A))
    return Z - A @ Z - Z @ A.conj().T + A @ noise @ A.conj().T


def _step_back(A: Square, L: Square) -> Square:
    """Return the adjoint of `_step`: what L must be before for tr(L Z) after."""
    seen = A.conj().T @ L @ A
    return L - A.conj().T @ L - L @ A + seen + seen.T + np.trace(seen) * np.eye(len(A))


def _largest(step: Callable[[Square], Square], n: int) -> tuple[float, Square]:
    """Return the spectral radius of a map that keeps matrices positive, and its positive matrix."""

    def flat(z: np.ndarray) -> np.ndarray:
        return step(z.reshape(n, n)).ravel()

    begin = np.eye(n, dtype=np.complex128).ravel()
    if n <= _DENSE:
        whole = np.stack([flat(unit) for unit in np.eye(n * n, dtype=np.complex128)], axis=1)
        values, vectors = np.linalg.eig(whole)
        # By the real part: of a map that keeps matrices positive the largest eigenvalue is real.
        top = int(np.argmax(values.real))
        value, vector = values[top], vectors[:, top]
    else:
        operator = LinearOperator((n * n, n * n), matvec=flat, dtype=np.complex128)
        values, vectors = eigs(operator, k=1, which="LR", v0=begin, tol=_TOLERANCE)
        value, vector = values[0], vectors[:, 0]
    Z = vector.reshape(n, n)
    Z = Z / np.trace(Z)  # an eigenvector has any phase
    return float(value.real), (Z + Z.conj().T) / 2


def _excess(A: Square) -> float:
    """Return chi, the trace of what a unit of tr Z leaves behind in all steps to come."""
    upper, Q = schur(A, output="complex")
    if np.diag(upper).real.min() <= 0:
        return np.inf

    def decayed(drive: Square) -> Square:
        solved, scale, _ = ztrsyl(upper, upper, Q.conj().T @ drive @ Q, trana="N", tranb="C")
        return np.asarray(Q @ solved @ Q.conj().T / scale)

    Z = term = decayed(A @ A.conj().T)
    for _ in range(_ITERATIONS):
        term = decayed(A @ (term + term.T) @ A.conj().T)
        Z = Z + term
        size = np.trace(Z).real
        if np.trace(term).real <= _TOLERANCE * size:
            return float(size)
        if size > 1 / _TOLERANCE:  # the noise alone grows, without what it feeds
            return np.inf
    raise RegimeError(
        f"chi did not settle in {_ITERATIONS} iterations; it was {np.trace(Z).real:.12g} at last"
    )


def _log_variance(
    k: Float[np.ndarray, "n n"],
    left: Float[np.ndarray, "n n"],
    right: Float[np.ndarray, "n n"],
) -> float:
    """Return the variance of one step of f^H L f; see `variance_of_step`."""
    D = right / np.sum(left * right)
    return float(
        variance_of_step(
            total=np.trace(D),
            mixed=np.trace(left @ k @ D),
            square=np.trace(left @ k @ D @ k @ left),
            drift=np.trace(k @ left @ k),
        )
    )
