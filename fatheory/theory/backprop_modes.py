"""Backprop from an aligned start: every mode of the target learns by itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import covariance_matrix, extended_array, real_array, two_layer_arrays
from fatheory.errors import ArrayError, RegimeError

ALIGNMENT_TOLERANCE = 1e-9
"""Largest off-diagonal entry, relative to the largest diagonal one, of what must be diagonal."""


@dataclass(frozen=True)
class ModePath:
    """Strengths of the modes of a two-layer linear network over time.

    Attributes
    ----------
    a : array of shape (time, mode)
        Strength in the input weights.
    b : array of shape (time, mode)
        Strength in the output weights.
    """

    a: Float[np.ndarray, "time mode"]
    b: Float[np.ndarray, "time mode"]

    @property
    def product(self) -> Float[np.ndarray, "time mode"]:
        """The strength a b of the mode in the map W W0; it tends to s unless a + b = 0."""
        return self.a * self.b


def backprop_modes(
    a0: ArrayLike | float,
    b0: ArrayLike | float,
    s: ArrayLike | float,
    times: ArrayLike | float,
    input_variance: ArrayLike | float = 1.0,
) -> ModePath:
    r"""Compute the exact learning of decoupled modes under backprop's gradient flow.

    .. math:: \dot a = \lambda b (s - ab),\qquad \dot b = \lambda a (s - ab)

    With p = a0 + b0, q = a0 - b0 and G the integral of lambda (s - a b), 2a = p e^G + q e^{-G} and
    2b = p e^G - q e^{-G}, where g = e^{2G} obeys the Riccati equation
    g' = lambda (q^2/2 + 2 s g - p^2 g^2/2). With kappa^2 = s^2 + p^2 q^2/4, tau = lambda t and
    h = 1 - e^{-2 kappa tau},

    .. math::
        e^{2G} = \frac{(\kappa + s) + \tfrac12 q^2 h + e^{-2\kappa\tau} p^2q^2/4(\kappa + s)}
                      {e^{-2\kappa\tau}(\kappa + s) + p^2\,[\tfrac12 h + q^2/4(\kappa + s)]},

    in which every term is positive, so nothing cancels and nothing overflows. When balanced
    (q = 0) this is the logistic a b = s e^{2st}/(e^{2st} - 1 + s/a0^2); otherwise
    theta = asinh(2ab/c), c = a^2 - b^2, follows the hyperbolic solution of Saxe et al.

    Parameters
    ----------
    a0, b0 : array of shape (mode,), or scalar
        Strengths at time 0, of either sign.
    s : array of shape (mode,), or scalar
        Singular values of the target map, not negative.
    times : array of shape (time,), or scalar
        Not negative, in units t = eta * step, in any order; ``inf`` gives the limit.
    input_variance : array of shape (mode,), or scalar
        lambda, the variance of the input along the mode.

    Returns
    -------
    ModePath
        Arrays of shape (time, mode). Exact at t = 0, and in the limit: a b = s, except that a mode
        with a + b = 0 is on the saddle's stable manifold and tends to a = b = 0.

    Raises
    ------
    ArrayError
        If an array is not finite, the lengths differ, or a time is negative or NaN.
    RegimeError
        If a singular value or a variance is negative.

    References
    ----------
    Saxe, McClelland & Ganguli 2013, arXiv 1312.6120, section 1 and its appendix (hyperbolic
    solution). The common form above is derived for this project.
    """
    named = {"a0": a0, "b0": b0, "s": s, "input_variance": input_variance}
    arrays = {
        name: np.atleast_1d(real_array(name, value, smallest=0)) for name, value in named.items()
    }
    length = max(array.size for array in arrays.values())
    for name, array in arrays.items():
        if array.ndim != 1 or array.size not in (1, length):
            raise ArrayError(
                f"{name} must be a scalar or have shape ({length},); got {array.shape}"
            )
    a, b, s, variance = (np.broadcast_to(array, length) for array in arrays.values())
    for name, array in (("s", s), ("input_variance", variance)):
        if (array < 0).any():
            raise RegimeError(
                f"{name} must not be negative; its smallest entry is {array.min()} "
                f"(a negative target mode is one with the sign of a0 turned)"
            )
    tau = _product(variance, _times(times))
    # Lengths and signs apart, for G depends on p^2 and q^2 alone.
    p, q = _growth(tau, s, np.abs(a + b), np.abs(a - b))
    p, q = np.sign(a + b) * p, np.sign(a - b) * q
    start = tau == 0
    return ModePath(np.where(start, a, (p + q) / 2), np.where(start, b, (p - q) / 2))


def backprop_aligned_weights(
    W0: ArrayLike, W: ArrayLike, T: ArrayLike, Sigma: ArrayLike | None, times: ArrayLike
) -> tuple[Float[np.ndarray, "time n_h n_i"], Float[np.ndarray, "time n_o n_h"]]:
    r"""Compute the weights under backprop's gradient flow from a start that keeps modes apart.

    With T = U S V^T, the hidden directions P_i = W0 v_i and Q_i = W^T u_i of different modes must
    be orthogonal, and Sigma diagonal in V. Within a mode P_i and Q_i may point anywhere:
    P_i + Q_i grows by e^G and P_i - Q_i shrinks by it, with G as in `backprop_modes`, p and q the
    lengths of these two vectors.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    T : array of shape (n_o, n_i)
        Target map. If singular values repeat, the start must be aligned with the singular vectors
        that `numpy.linalg.svd` chooses.
    Sigma : array of shape (n_i, n_i) or None
        Input second moment, diagonal in the right singular vectors of T; None for white input.
    times : array of shape (time,)
        Not negative, ``inf`` allowed, in units t = eta * step.

    Returns
    -------
    tuple of arrays
        W0 of shape (time, n_h, n_i) and W of shape (time, n_o, n_h).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or a time is negative or NaN.
    RegimeError
        If the start mixes modes; `riccati_flow` solves balanced starts that do, `flow` all.

    References
    ----------
    Saxe, McClelland & Ganguli 2013, section 1, for parallel P_i and Q_i; the general case is
    derived for this project.
    """
    W0, W, T = two_layer_arrays(W0=W0, W=W, T=T)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    # All directions, not only those of modes: what lies beyond must not mix with them either.
    U, s, Vt = np.linalg.svd(T)
    P, Q = Vt @ W0.T, U.T @ W  # one hidden direction a row
    variance = _mode_variances(P, Q, Vt @ Sigma @ Vt.T)
    k = len(s)  # input directions beyond k have no output partner and keep their weights
    plus, minus = P[:k] + Q[:k], P[:k] - Q[:k]
    p, q = np.linalg.norm(plus, axis=1), np.linalg.norm(minus, axis=1)
    tau = _product(variance[:k], _times(times))
    grown, shrunk = _growth(tau, s, p, q)
    # Lengths and directions apart; a vector of length 0 has no direction, and needs none.
    grown = grown[:, :, None] * (plus / np.where(p > 0, p, 1.0)[:, None])
    shrunk = shrunk[:, :, None] * (minus / np.where(q > 0, q, 1.0)[:, None])
    start = (tau == 0)[:, :, None]
    P, Q = (np.repeat(array[None], len(tau), axis=0) for array in (P, Q))
    P[:, :k] = np.where(start, P[:, :k], (grown + shrunk) / 2)
    Q[:, :k] = np.where(start, Q[:, :k], (grown - shrunk) / 2)
    return np.swapaxes(P, 1, 2) @ Vt, U @ Q


def _growth(
    tau: Float[np.ndarray, "time mode"],
    s: Float[np.ndarray, " mode"],
    p: Float[np.ndarray, " mode"],
    q: Float[np.ndarray, " mode"],
) -> tuple[Float[np.ndarray, "time mode"], Float[np.ndarray, "time mode"]]:
    """Return p e^G and q e^{-G}; each comes with its length, so that a zero stays zero."""
    # Not a root of squares, which of starts of 1e-200 would vanish.
    kappa = np.hypot(s, p * q / 2)
    still = kappa == 0  # s = 0 and p q = 0: the growth is algebraic
    safe = np.where(still, 1.0, kappa + s)
    exponent = _product(kappa, tau)
    # By expm1, or early times would leave no digit of 1 - e^{-2 kappa tau}.
    decay, half = np.exp(-exponent), -np.expm1(-2 * exponent) / 2
    # Roots before products: a start of 1e-200 keeps its digits.
    top = np.sqrt(safe + q**2 * half + (decay * p * q) ** 2 / (4 * safe))
    bottom = np.hypot(p * np.sqrt(half + q**2 / (4 * safe)), decay * np.sqrt(safe))
    top = np.where(still, np.sqrt(1 + _product(q**2 / 2, tau)), top)
    bottom = np.where(still, np.sqrt(1 + _product(p**2 / 2, tau)), bottom)
    return _ratio(p, top, bottom), _ratio(q, bottom, top)


def _ratio(
    length: Float[np.ndarray, " mode"],
    numerator: Float[np.ndarray, "time mode"],
    denominator: Float[np.ndarray, "time mode"],
) -> Float[np.ndarray, "time mode"]:
    """Return length * numerator / denominator, 0 where the length is 0."""
    moving = np.broadcast_to(length > 0, numerator.shape)
    # Divided first: a length and its denominator may both be 1e-200, and their ratio of order 1.
    out = np.divide(length, denominator, out=np.zeros_like(numerator), where=moving)
    return np.multiply(out, numerator, out=out, where=moving)


def _product(
    rate: Float[np.ndarray, " mode"], times: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "time mode"]:
    """Return rate * time; a rate of zero wins over infinite time."""
    rate, times = np.broadcast_arrays(rate, times if times.ndim == 2 else times[:, None])
    return np.multiply(rate, times, out=np.zeros(rate.shape), where=rate > 0)


def _times(value: ArrayLike | float) -> Float[np.ndarray, " time"]:
    times = np.atleast_1d(extended_array("times", value))
    if times.ndim != 1 or times.size == 0 or not (times >= 0).all():
        raise ArrayError(f"times must be a non-empty list of numbers from 0 to inf; got {value!r}")
    return times


def _mode_variances(
    P: Float[np.ndarray, "n_i n_h"],
    Q: Float[np.ndarray, "n_o n_h"],
    variance: Float[np.ndarray, "n_i n_i"],
) -> Float[np.ndarray, " n_i"]:
    """Check that the modes do not mix and return the input's variance along each.

    Raises
    ------
    RegimeError
        Naming what is not diagonal in the singular vectors of the target.
    """
    diagonal = {
        "W0^T W0": P @ P.T,
        "W W^T": Q @ Q.T,
        "W W0": Q @ P.T,
        "Sigma": variance,
    }
    # The three are squares of weights, so one scale serves them; Sigma has units of its own.
    scale = max(np.abs(diagonal[name]).max() for name in list(diagonal)[:3])
    for name, matrix in diagonal.items():
        k = min(matrix.shape)
        largest = np.abs(matrix).max() if name == "Sigma" else scale
        off = matrix.copy()
        off[np.arange(k), np.arange(k)] = 0.0
        if np.abs(off).max() > ALIGNMENT_TOLERANCE * largest:
            raise RegimeError(
                f"decoupled modes need an aligned start: {name} must be diagonal in the singular "
                f"vectors of T, but has an off-diagonal entry of {np.abs(off).max():.3g} (largest "
                f"entry {largest:.3g}); use riccati_flow for a balanced start, flow for any"
            )
    # Rounding may put a direction without input below 0.
    return np.clip(np.diag(variance), 0.0, None)
