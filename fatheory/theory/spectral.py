r"""Spectral starts: those from which the modes of linear feedback alignment decouple.

With :math:`\Sigma = \sigma^2 I` and :math:`B^\top B = g I`, split the start into what lies in the
range of B and what is orthogonal to it,

.. math:: A_0 = B X_0 + P,\quad W_i = Y_0 B^\top + Q,\qquad B^\top P = 0,\ Q B = 0.

The part Q P of the network's map only shifts the target, to T' = T - Q P, and the flow is

.. math:: \dot X = \sigma^2\,[\,T' + X_0 P^\top P - g\,Y X - X P^\top P\,],\quad
          \dot Y = \dot X X^\top,\qquad W_0 = B X + P,\quad W = Y B^\top + Q + (X - X_0) P^\top.

If orthogonal U, V make :math:`U^\top T' V`, :math:`U^\top X_0 V` and :math:`U^\top Y_0 U`
diagonal and leave :math:`V^\top P^\top P V` diagonal in the rows of the modes, then X and Y stay
diagonal, and each mode is a `fatheory.theory.modes.ModeSolution` of strength s' + p x0 and
start (x0, y0 + p / g), where p is the mode's entry of :math:`V^\top P^\top P V`. Conversely, X and
Y that are diagonal at all times need all of this, except the row of a mode that stands still.
Zero start, W0 = 0 with any W whose component W B is symmetric in the basis of T T^T, and the
orthogonal part P P^T of an infinitely wide hidden layer (p the same for all modes) are examples.
Derived for this project.
"""

from typing import NamedTuple, NoReturn

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Covariance, FeedbackWeights, InputWeights, OutputWeights, TargetMap
from fatheory.errors import RegimeError

TOLERANCE = 1e-10
"""Largest violation of an assumption, relative to the size of what is assumed."""

_MIX = (0.6180339887498949, 0.4142135623730951, 0.3027756377319946)
"""Irrational weights, so that a sum of diagonal matrices has no accidental degeneracy."""


class SpectralStart(NamedTuple):
    """A start in the modes' basis.

    Attributes
    ----------
    U, V : arrays of shape (n_o, n_o) and (n_i, n_i)
        Output and input directions; the modes are the first r = min(n_o, n_i) of both.
    s : array of shape (r,)
        Diagonal of U^T (T - Q P) V; of either sign.
    x0, y0 : arrays of shape (r,) and (n_o,)
        Diagonals of the start in the range of B. Beyond r, y keeps its start.
    p : array of shape (r,)
        Diagonal of V^T P^T P V.
    P, Q : arrays of shape (n_h, n_i) and (n_o, n_h)
        Parts of W0 and W that are orthogonal to the range of B.
    g, variance : float
        B^T B = g I and Sigma = variance * I.
    """

    U: Float[np.ndarray, "n_o n_o"]
    V: Float[np.ndarray, "n_i n_i"]
    s: Float[np.ndarray, " r"]
    x0: Float[np.ndarray, " r"]
    y0: Float[np.ndarray, " n_o"]
    p: Float[np.ndarray, " r"]
    P: InputWeights
    Q: OutputWeights
    g: float
    variance: float


def spectral_start(
    W0: InputWeights, W: OutputWeights, B: FeedbackWeights, T: TargetMap, Sigma: Covariance
) -> SpectralStart:
    """Find the modes of a start, or refuse.

    Raises
    ------
    RegimeError
        Naming the assumption that fails and by how much: Sigma proportional to the identity and
        not zero, B^T B likewise, or the start spectral.
    """
    variance = _multiple_of_identity("the input covariance Sigma", Sigma)
    g = _multiple_of_identity("B^T B", B.T @ B)
    X0, Y0 = B.T @ W0 / g, W @ B / g
    P, Q = _orthogonal(W0 - B @ X0, W0), _orthogonal(W - Y0 @ B.T, W)
    shifted, D = T - Q @ P, P.T @ P
    # x and y at which the strongest mode rests, from zero: what a coupling is measured against.
    size = np.cbrt(2 * max(float(np.linalg.norm(T, 2)), np.finfo(float).tiny) / g)
    x_size = max(size, float(np.abs(X0).max()))
    y_size = max(size**2 / 2, float(np.abs(Y0).max()))
    pieces = _Pieces(shifted, X0, Y0, D, g, x_size, y_size)
    U, V = _common_basis(shifted, X0 / x_size, Y0 / y_size, D / (g * y_size))
    if any(size > TOLERANCE for _, size in pieces.couplings(U, V)):
        _refuse(pieces, U, V)
    r = min(T.shape)
    s, x0 = np.diag(U.T @ shifted @ V).copy(), np.diag(U.T @ X0 @ V).copy()
    y0, p = np.diag(U.T @ Y0 @ U).copy(), np.diag(V.T @ D @ V)[:r].copy()
    return SpectralStart(U, V, s, x0, y0, p, P, Q, g, variance)


class _Pieces(NamedTuple):
    """What must be diagonal, and the sizes against which a coupling counts."""

    T: TargetMap
    X0: TargetMap
    Y0: Float[np.ndarray, "n_o n_o"]
    D: Float[np.ndarray, "n_i n_i"]
    g: float
    x_size: float
    y_size: float

    def couplings(
        self, U: Float[np.ndarray, "n_o n_o"], V: Float[np.ndarray, "n_i n_i"]
    ) -> list[tuple[str, float]]:
        """Return the largest off-diagonal entry of each piece, relative to its size."""
        r = min(self.T.shape)
        s, x0 = U.T @ self.T @ V, U.T @ self.X0 @ V
        y0, p = U.T @ self.Y0 @ U, V.T @ self.D @ V
        # The rows of V^T P^T P V of modes that stand still at x = 0 have nothing to mix.
        speed = self.g * self.x_size * self.y_size
        still = (np.abs(np.diag(s)) <= 1e-14 * speed) & (np.abs(np.diag(x0)) <= 1e-14 * self.x_size)
        rows = np.where(still[:, None], 0.0, p[:r])
        return [
            ("U^T (T - Q P) V", _off_diagonal(s) / max(speed, float(np.abs(s).max()))),
            ("U^T X0 V", _off_diagonal(x0) / self.x_size),
            ("U^T Y0 U", _off_diagonal(y0) / self.y_size),
            ("V^T P^T P V", _off_diagonal(rows) / max(self.g * self.y_size, float(p.max()))),
        ]


def _multiple_of_identity(name: str, M: Float[np.ndarray, "n n"]) -> float:
    scale = float(np.trace(M)) / len(M)
    violation = float(np.abs(M - scale * np.eye(len(M))).max())
    if not scale > 0:
        raise RegimeError(
            f"the closed form needs {name} = a positive multiple of the identity; its mean "
            f"diagonal entry is {scale}"
        )
    if violation > TOLERANCE * scale:
        raise RegimeError(
            f"the closed form needs {name} proportional to the identity; it differs from "
            f"{scale:.6g} I by up to {violation:.3g} ({violation / scale:.3g} relative, allowed "
            f"{TOLERANCE:g}): use flow, which takes any"
        )
    return scale


def _orthogonal(part: Float[np.ndarray, "m n"], whole: Float[np.ndarray, "m n"]) -> np.ndarray:
    """Return the part orthogonal to B, exactly zero where it is only rounding."""
    # Some units in the last place of what was subtracted.
    noise = 1e-14 * float(np.linalg.norm(whole))
    return part if np.linalg.norm(part) > noise else np.zeros_like(part)


def _common_basis(
    T: TargetMap,
    X0: TargetMap,
    Y0: Float[np.ndarray, "n_o n_o"],
    D: Float[np.ndarray, "n_i n_i"],
) -> tuple[Float[np.ndarray, "n_o n_o"], Float[np.ndarray, "n_i n_i"]]:
    """Return U and V that diagonalise all of T, X0, Y0 and D, if any do.

    In such a basis a weighted sum of T, X0 and their products with Y0 and D is diagonal too, and
    with irrational weights its singular vectors are shared ones also where those of T alone are
    not unique. Where the sum vanishes, Y0 alone decides.
    """
    size = max(float(np.linalg.norm(T, 2)), np.finfo(float).tiny)
    M = T / size + _MIX[0] * X0
    M = M + _MIX[1] * Y0 @ M + _MIX[2] * M @ D
    U, m, Vt = np.linalg.svd(M)
    rank = int(np.sum(m > 1e-13 * max(float(m[0]), np.finfo(float).tiny)))
    null = U[:, rank:]
    if null.size:
        block = null.T @ Y0 @ null
        # The symmetric part: if Y0 has another, no basis is diagonal, and the couplings tell.
        U = np.hstack([U[:, :rank], null @ np.linalg.eigh((block + block.T) / 2)[1]])
    return U, Vt.T


def _off_diagonal(matrix: Float[np.ndarray, "m n"]) -> float:
    r = min(matrix.shape)
    off = matrix.copy()
    off[np.arange(r), np.arange(r)] = 0.0
    return float(np.abs(off).max())


def _refuse(
    pieces: _Pieces, U: Float[np.ndarray, "n_o n_o"], V: Float[np.ndarray, "n_i n_i"]
) -> NoReturn:
    """Refuse a start, naming what is not diagonal where the target is."""
    own_U, _, own_Vt = np.linalg.svd(pieces.T)
    couplings = pieces.couplings(own_U, own_Vt.T) + pieces.couplings(U, V)
    name, violation = next(pair for pair in couplings if pair[1] > TOLERANCE)
    raise RegimeError(
        f"the closed form needs a spectral start: {name} must be diagonal in the basis of the "
        f"modes, where W0 = B X0 + P, W = Y0 B^T + Q, B^T P = 0, Q B = 0; its largest entry off "
        f"the diagonal is {violation:.3g} of its size (allowed {TOLERANCE:g}): use flow or "
        f"reduced, which take any start"
    )
