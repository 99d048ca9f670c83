"""Node perturbation of a linear network: its noise and its angle to the gradient."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, not_negative_number, real_array
from fatheory.errors import RegimeError
from fatheory.renamed import renamed

__getattr__ = renamed(__name__, {"Moments": f"{__name__}:SignalMoments"})


class SignalMoments(NamedTuple):
    """Mean and covariance of a random teaching signal.

    Attributes
    ----------
    mean : array of shape (n,)
    covariance : array of shape (n, n)
    """

    mean: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]


def node_perturbation_moments(W: ArrayLike, e: ArrayLike, sigma: float) -> SignalMoments:
    r"""Compute mean and covariance of delta = -(L(xi) - L(0)) xi / sigma^2, xi ~ N(0, sigma^2 I).

    The hidden activity is perturbed; with a = W^T e and M = W^T W the loss changes by
    L(xi) - L(0) = -a^T xi + xi^T M xi / 2, hence by Isserlis' theorem

    .. math::
        \mathrm{E}\,\delta = a,\qquad \mathrm{Cov}\,\delta = |a|^2 I + a a^\top +
        \tfrac{\sigma^2}{4}\bigl[((\mathrm{tr}M)^2 + 2\,\mathrm{tr}M^2) I
        + 4\,\mathrm{tr}(M) M + 8 M^2\bigr].

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Weights from the perturbed units to the linear output.
    e : array of shape (n_o,)
        Error y* - y of one example.
    sigma : float
        Standard deviation of the perturbation, in units of hidden activity; 0 gives the limit.

    Returns
    -------
    SignalMoments
        Mean of shape (n_h,), backprop's teaching signal for every sigma, and covariance of shape
        (n_h, n_h).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    RegimeError
        If sigma is negative or not finite.

    References
    ----------
    Werfel, Xie & Seung 2005, Neural Computation 17, for the rule; the covariance is derived for
    this project.
    """
    W, e = real_array("W", W, 2), real_array("e", e, 1)
    matching_shapes({"W": (W, ("n_o", "n_h")), "e": (e, ("n_o",))})
    require_spread(sigma)
    a, M = W.T @ e, W.T @ W
    identity, trace = np.eye(len(a)), np.trace(M)
    quartic = (trace**2 + 2 * np.sum(M * M)) * identity + 4 * trace * M + 8 * M @ M
    return SignalMoments(a, a @ a * identity + np.outer(a, a) + sigma**2 / 4 * quartic)


def node_perturbation_cosine(n_h: int) -> float:
    r"""Compute the mean cosine between one draw of delta and its mean, as sigma tends to 0.

    Then delta = (a^T xi) xi / sigma^2, so the cosine is that of a random direction, made positive:
    |xi^T a| / (|xi| |a|), of mean

    .. math:: \frac{\Gamma(n_h/2)}{\sqrt\pi\,\Gamma((n_h + 1)/2)} \approx \sqrt{2/(\pi n_h)} .

    Parameters
    ----------
    n_h : int
        Number of perturbed units.

    Raises
    ------
    RegimeError
        If there is no unit.

    References
    ----------
    Derived for this project.
    """
    require_units(n_h)
    # By logarithms: the gamma function itself overflows from 172 on.
    return float(np.exp(gammaln(n_h / 2) - gammaln((n_h + 1) / 2)) / np.sqrt(np.pi))


def node_perturbation_angle(n_h: int) -> float:
    r"""Compute the mean angle, in degrees, between one draw of delta and its mean, for sigma to 0.

    The angle theta in [0, 90] degrees has a density proportional to sin^m with m = n_h - 2.
    Integration by parts of theta sin^m gives the mean A_m = A_{m-2} + 1/(m^2 I_m), with I_m the
    integral of sin^m over a quarter turn, A_0 = pi/4 and A_1 = 1.

    Parameters
    ----------
    n_h : int
        Number of perturbed units. A single one is always at 0 degrees.

    Raises
    ------
    RegimeError
        If there is no unit.

    References
    ----------
    Derived for this project.
    """
    require_units(n_h)
    if n_h == 1:
        return 0.0
    # From A_0 or A_1, whichever has the parity of n_h - 2, in steps of two.
    m = np.arange(n_h - 2, 1, -2, dtype=np.float64)
    integral = np.exp(gammaln((m + 1) / 2) - gammaln(m / 2 + 1)) * np.sqrt(np.pi) / 2
    start = np.pi / 4 if n_h % 2 == 0 else 1.0
    return float(np.rad2deg(start + np.sum(1 / (m**2 * integral))))


def require_units(n: int) -> None:
    """Refuse a number of units below one."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise RegimeError(f"the number of units must be a whole number; got {n!r}")
    if n < 1:
        raise RegimeError(f"there must be at least one unit; got {n}")


def require_spread(sigma: float) -> None:
    """Refuse a standard deviation that is negative or not finite."""
    not_negative_number("sigma", sigma)
