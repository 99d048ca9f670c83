"""The largest stable learning rate of online learning near a solution."""

import math

import numpy as np
from jaxtyping import Float, Inexact
from scipy.linalg import schur
from scipy.linalg.lapack import ztrsyl
from scipy.optimize import brentq

from fatheory.arrays import ArrayLike
from fatheory.checks import covariance_matrix, real_array, two_layer_arrays
from fatheory.errors import RegimeError
from fatheory.rules import NodePerturbation, Rule, Shallow, as_rule
from fatheory.theory.mean_rule import mean_layered_rule, mean_state
from fatheory.theory.online.frozen import FrozenRows
from fatheory.theory.online.late import late_learning

RANK_TOLERANCE = 1e-12
"""Variances below this fraction of the largest are taken for directions without input."""
MEAN_SQUARE, TYPICAL = "mean_square", "typical"
POWER_TOLERANCE = 1e-13
POWER_ITERATIONS = 20_000


def largest_stable_lms_rate(covariance: ArrayLike) -> float:
    r"""Compute the learning rate above which the mean squared error of the LMS rule grows.

    One linear layer W += eta e h^T with h ~ N(0, C) of eigenvalues lambda_j. The squared weight
    error z_j along each obeys
    z_j' = (1 - 2 eta lambda_j + 2 eta^2 lambda_j^2) z_j + eta^2 lambda_j sum_l lambda_l z_l, which
    neither grows nor decays at the eta with

    .. math:: \sum_j \frac{\eta\lambda_j}{2(1 - \eta\lambda_j)} = 1 .

    For n equal eigenvalues it is 2/(lambda (n + 2)).

    Parameters
    ----------
    covariance : array of shape (n, n)
        C, of any rank but 0; directions without input play no part.

    Raises
    ------
    ArrayError
        If it is not a covariance.
    RegimeError
        If it is zero.

    References
    ----------
    Horowitz & Senne 1981; Feuer & Weinstein 1985, IEEE Trans. Acoust. Speech Signal Process. 33.
    """
    C = real_array("covariance", covariance, 2)
    values = np.linalg.eigvalsh(covariance_matrix("covariance", C, len(C)))
    if values.size == 0 or values[-1] <= 0:
        raise RegimeError("the covariance is zero: any learning rate is stable, none learns")
    ratios = np.clip(values, 0.0, None) / values[-1]

    def excess(rate: float) -> float:
        return float(np.sum(rate * ratios / (2 * (1 - rate * ratios)))) - 1

    # The largest eigenvalue alone reaches 1 at 2/3, so the sum has done so before.
    return float(brentq(excess, 0.0, 0.7, xtol=1e-15) / values[-1])


def largest_stable_learning_rate(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    Sigma: ArrayLike | None = None,
    *,
    rule: str | Rule = "feedback_alignment",
    criterion: str = MEAN_SQUARE,
) -> float:
    r"""Compute the largest learning rate at which online learning converges near a solution.

    By the criterion ``"mean_square"`` it is the rate above which the mean squared error over runs
    grows; by ``"typical"`` the rate above which that of a typical run does.

    At weights with W W0 = T, a small error E = T - W W0 changes in one example x ~ N(0, Sigma) by
    Delta E = -eta (K E x x^T + E x x^T G), with K = W V^T, V what stands in for W, and
    G = W0^T W0; changes of the weights themselves are of second order. A left eigenvector of K of
    eigenvalue k takes a combination z of the rows of E that evolves alone,
    z' = z - eta M x x^T z with M = k I + G, and its second moment Z = <z z^H> obeys

    .. math::
        Z' = Z - \eta A_1 Z + \eta^2 A_2 Z,\qquad A_1 Z = M\Sigma Z + Z\Sigma M^H,\qquad
        A_2 Z = M (\Sigma Z \Sigma + \Sigma Z^\top \Sigma + \Sigma\,\mathrm{tr}(Z\Sigma)) M^H

    by Isserlis' theorem. A_2 keeps positive matrices positive and so does the inverse of A_1, hence
    Z decays exactly for eta < 1 / rho(A_1^{-1} A_2), the spectral radius, which is found by power
    iteration; the smallest bound of all k counts. With only the output layer learning it is the
    LMS bound of `largest_stable_lms_rate` for the covariance of the hidden activity, which is
    returned for the shallow rule.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Input weights at a solution, or where learning is expected to end.
    W : array of shape (n_o, n_h)
        Output weights there.
    B : array of shape (n_h, n_o) or None
        Fixed feedback. Rules that draw none do not use it: it may be None.
    Sigma : array of shape (n_i, n_i), optional
        Covariance of the Gaussian inputs; the identity by default. Directions without input play
        no part.
    rule : str or Rule
        Any rule that `flow` knows; node perturbation with the noise of small perturbations.
    criterion : str
        ``"mean_square"`` or ``"typical"``. Between the two a typical run converges, while the
        mean over runs, carried by rare ones, grows (`fatheory.theory.late_learning`).

    Returns
    -------
    float
        In units 1/step.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    RegimeError
        If the flow does not attract E to 0 there, whatever the learning rate, or the criterion
        is neither of the two.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Derived for this project, after the mean-square analysis of LMS by Feuer & Weinstein 1985.
    """
    if criterion not in (MEAN_SQUARE, TYPICAL):
        raise RegimeError(f"criterion must be {MEAN_SQUARE!r} or {TYPICAL!r}; got {criterion!r}")
    if criterion == TYPICAL and isinstance(as_rule(rule), NodePerturbation):
        raise RegimeError(
            "the typical rate under 'node_perturbation' is not known: ask for criterion "
            f"{MEAN_SQUARE!r}"
        )
    limit = _mean_square_limit(W0, W, B, Sigma, rule)
    if criterion == MEAN_SQUARE:
        return limit

    def growth(rate: float) -> float:
        late = late_learning(W0, W, B, Sigma, learning_rate=rate, rule=rule)
        return max(row.typical_log_growth for row in late.rows)

    # Upwards from there: a mean over runs never grows slower than a typical run (Jensen).
    beyond = limit
    while growth(beyond) < 0:
        beyond *= 1.1
    return float(brentq(growth, limit, beyond, xtol=1e-15 * limit, rtol=1e-12))


def _mean_square_limit(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    Sigma: ArrayLike | None,
    rule: str | Rule,
) -> float:
    """Return the learning rate above which the mean squared error grows."""
    W0, W, *fixed = two_layer_arrays(W0=W0, W=W, **({} if B is None else {"B": B}))
    B = fixed[0] if fixed else None
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    chosen = as_rule(rule)
    layered = mean_layered_rule(chosen)
    if isinstance(layered, Shallow):
        return largest_stable_lms_rate(W0 @ Sigma @ W0.T)
    K = W @ layered.backward_weights(W, mean_state(layered, B, W.shape)).T
    values, vectors = np.linalg.eigh(Sigma)
    seen = values > RANK_TOLERANCE * max(values[-1], np.finfo(float).tiny)
    if not seen.any():
        raise RegimeError("Sigma is zero: any learning rate is stable, none learns")
    hidden = W0 @ vectors[:, seen]
    G = hidden.T @ hidden
    if isinstance(chosen, NodePerturbation):
        return _perturbed_limit(W0, W, Sigma, chosen)
    modes = [k for k in np.linalg.eigvals(K) if k.imag >= 0]  # conjugates have the same bound
    return 1 / max(_noise_gain(k * np.eye(len(G)) + G, values[seen]) for k in modes)


def _perturbed_limit(
    W0: Float[np.ndarray, "n_h n_i"],
    W: Float[np.ndarray, "n_o n_h"],
    Sigma: Float[np.ndarray, "n_i n_i"],
    rule: Rule,
) -> float:
    """Return the limit with the noise of the perturbations, which couples the rows."""
    rows = FrozenRows(W0, W, None, Sigma, rule)
    gain = rows.gain()
    if math.isinf(gain):
        raise RegimeError(
            "the flow does not attract the error to 0 at these weights: a rate of decay is not "
            "positive; ask at the weights where learning ends"
        )
    return 1 / gain


def _noise_gain(M: Inexact[np.ndarray, "n n"], variances: Float[np.ndarray, " n"]) -> float:
    """Return the spectral radius of A_1^{-1} A_2, with the inputs in their eigenbasis."""
    # In this form A_1 is inverted by one triangular Sylvester equation in each iteration.
    upper, Q = schur(M * variances, output="complex")
    slowest = float(np.diag(upper).real.min())
    if slowest <= RANK_TOLERANCE * float(np.abs(upper).max()):
        raise RegimeError(
            f"the flow does not attract the error to 0 at these weights: the slowest rate of decay "
            f"is {slowest:.3g}; ask at the weights where learning ends"
        )
    pair = np.outer(variances, variances)
    Z = np.eye(len(M), dtype=np.complex128)
    gain = 0.0
    for _ in range(POWER_ITERATIONS):
        noisy = pair * (Z + Z.T) + np.diag(variances * (np.diag(Z).real @ variances))
        drive = Q.conj().T @ M @ noisy @ M.conj().T @ Q
        solved, scale, _ = ztrsyl(upper, upper, drive, trana="N", tranb="C")
        Z = Q @ solved @ Q.conj().T / scale
        # Z had trace 1, so its trace now is by how much it has grown.
        before, gain = gain, float(np.trace(Z).real)
        # Hermitian by force: rounding would add a part that is not, and it would grow.
        Z = (Z + Z.conj().T) / (2 * gain)
        if abs(gain - before) <= POWER_TOLERANCE * gain:
            return gain
    raise RegimeError(
        f"the largest stable learning rate did not settle in {POWER_ITERATIONS} power iterations; "
        f"its last two values were {1 / before:.12g} and {1 / gain:.12g}"
    )
