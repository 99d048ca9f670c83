r"""The time of a mode: how long a cubic flow takes to come nearer to its fixed point.

Between a start and the fixed point that it reaches, every flow :math:`\dot x = f(x)` with a cubic
f has one form. Let w be the fraction of the way that remains and :math:`\lambda = -\ln w`; then,
in a unit of time in which the fraction starts to shrink at rate 1,

.. math:: \frac{d\lambda}{d\tau} = a + (b - 2a)\,e^{-\lambda} + (1 - b + a)\,e^{-2\lambda},

positive on the way: a is the final rate. With :math:`m = e^\lambda - 1` the time is a sum of two
positive integrals, so that nothing cancels, whether the roots of f are far apart, close or
complex:

.. math:: \tau = \int_0^m \frac{(1 + \mu)\,d\mu}{1 + b\mu + a\mu^2}
               = m K_0(am^2, bm) + m^2 K_1(am^2, bm), \qquad
          K_n(\alpha, \beta) = \int_0^1 \frac{\sigma^n d\sigma}{1 + \beta\sigma + \alpha\sigma^2}.

Derived for this project.
"""

import numpy as np
from jaxtyping import Float

from fatheory.errors import RegimeError

Points = Float[np.ndarray, " points"]

LINEAR_FROM = 300.0
"""From this lambda on the rate is its final value a, to rounding."""
LARGEST = 350.0
"""exp(2 * 350) is still a float: as far as a flow with final rate 0 is followed."""
MAX_ITERATIONS = 200

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(12)
_NODES, _NODE_WEIGHTS = (_NODES + 1) / 2, _NODE_WEIGHTS / 2


def elapsed(lam: Points, a: Points, b: Points) -> Points:
    """Return the time tau(lambda), with relative accuracy near rounding for lambda from 0 on."""
    near = np.minimum(lam, np.where(a > 0, LINEAR_FROM, LARGEST))
    m = np.expm1(near)
    K0, K1 = _moments(a * m * m, b * m)
    beyond = np.where(lam > near, lam - near, 0.0) / np.where(a > 0, a, 1.0)
    return m * K0 + m * m * K1 + beyond


def log_remaining(tau: Points, a: Points, b: Points, q: Points) -> Points:
    """Return lambda(tau), the inverse of `elapsed`, by Halley's method inside a bracket.

    Parameters
    ----------
    tau : array
        Times, finite and not negative.
    a, b : array
        Shape of the flow, one per time.
    q : array
        1 - b + a, given apart because it may be much smaller than its terms.

    Raises
    ------
    RegimeError
        If the iteration does not settle.
    """
    p = b - 2 * a
    lam = np.zeros_like(tau)
    # Bounds on the rate are bounds on lambda, which starts at 0.
    lo = tau * _smallest_rate(a, p, q)
    hi = tau * np.maximum(a, 1.0)
    hi = np.where(a > 0, hi, np.minimum(hi, LARGEST))
    guess = np.clip(_first_guess(tau, a, p, q), lo, hi)
    open_ = np.flatnonzero((tau > 0) & (lo < hi))
    lam[tau > 0] = guess[tau > 0]
    before = hi - lo
    for _ in range(MAX_ITERATIONS):
        if not open_.size:
            return lam
        x, A, P, Q = lam[open_], a[open_], p[open_], q[open_]
        excess = elapsed(x, A, b[open_]) - tau[open_]
        lo[open_] = np.where(excess < 0, x, lo[open_])
        hi[open_] = np.where(excess < 0, hi[open_], x)
        w = np.exp(-x)
        rate = A + w * (P + w * Q)
        bend = -w * (P + 2 * w * Q)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = -excess * rate / (1 + 0.5 * excess * bend)
        new = x + step
        settled = (np.abs(excess) <= 4e-16 * tau[open_]) | (np.abs(step) <= 4e-16 * x)
        # Halley's error after a step is about its cube: a small step has already arrived.
        settled |= (np.abs(step) <= 1e-6 * np.minimum(x, 1.0)) & (np.abs(excess * bend) <= 1e-4)
        # Halley's step must stay inside the bracket and shrink; otherwise the bracket is halved.
        good = (new > lo[open_]) & (new < hi[open_]) & (np.abs(step) <= 0.5 * before[open_])
        new = np.where(good | settled, new, 0.5 * (lo[open_] + hi[open_]))
        new = np.clip(new, lo[open_], hi[open_])
        before[open_] = np.abs(new - x)
        lam[open_] = new
        open_ = open_[~settled]
    raise RegimeError(
        f"the time of {open_.size} of {tau.size} points could not be inverted in {MAX_ITERATIONS} "
        f"iterations; the first has tau = {tau[open_[0]]}, a = {a[open_[0]]}, b = {b[open_[0]]}"
    )


def _smallest_rate(a: Points, p: Points, q: Points) -> Points:
    """Bound the rate a + p w + q w^2 on (0, 1] from below; it is 1 at w = 1."""
    ends = np.minimum(a, 1.0)
    inside = (p < 0) & (p + 2 * q > 0)
    vertex = a - p * p / (4 * np.where(inside, q, 1.0))
    return np.where(inside, np.clip(vertex, 0.0, ends), ends)


def _first_guess(tau: Points, a: Points, p: Points, q: Points) -> Points:
    """Solve the flow without its p term, and without its q term, which are both exact bounds.

    Below the solution for p > 0; for p < 0 the first is above it.
    """
    half = 0.5 * _log_growth(2 * tau, a, a + q)
    return np.where(p < 0, half, np.maximum(half, _log_growth(tau, a, a + np.maximum(p, 0.0))))


def _log_growth(t: Points, rate: Points, speed: Points) -> Points:
    """Compute log(1 + speed * expm1(rate t) / rate) without overflow."""
    # Beyond 50 the 1 in the logarithm is below rounding, so the rest can be added outside of it.
    z = np.minimum(rate * t, 50.0)
    growth = np.where(z > 0, np.expm1(z) / np.where(z > 0, rate, 1.0), t)
    return np.log1p(speed * growth) + np.maximum(rate * t - 50.0, 0.0)


def _moments(alpha: Points, beta: Points) -> tuple[Points, Points]:
    """Compute K_0 and K_1 for alpha >= 0 and a denominator that is positive on [0, 1].

    With 1 + beta s + alpha s^2 = (1 + p s)(1 + r s), three forms share the plane of alpha and
    beta, each where it loses no more than one digit: both p and r small; p and r real and well
    apart; the rest, which includes complex p and r.
    """
    centre = 1 + beta / 2
    split = beta * beta / 4 - alpha
    with np.errstate(divide="ignore", over="ignore"):
        theta = np.where(centre > 0, split / (centre * centre), -np.inf)
    apart = theta > 0.1
    small = (np.abs(theta) <= 0.1) & (np.abs(beta / 2) < 0.5 * centre)
    rest = ~(apart | small)
    K0, K1 = np.empty_like(alpha), np.empty_like(alpha)
    for where, form in ((apart, _apart), (small, _small), (rest, _rest)):
        if where.any():
            K0[where], K1[where] = form(alpha[where], beta[where], split[where])
    return K0, K1


def _apart(alpha: Points, beta: Points, split: Points) -> tuple[Points, Points]:
    """Divided differences of log(1 + z) and of -log(1 + z) / z at real p and r."""
    # The root in which nothing cancels; the other is alpha over it.
    p = beta / 2 + np.copysign(np.sqrt(split), beta)
    r = alpha / p
    log_p, log_r = np.log1p(p), np.log1p(r)
    mean_r = np.where(r == 0, 1.0, log_r / np.where(r == 0, 1.0, r))
    return (log_p - log_r) / (p - r), (mean_r - log_p / p) / (p - r)


def _small(alpha: Points, beta: Points, split: Points) -> tuple[Points, Points]:
    """Gauss-Legendre quadrature after sigma -> rho, which sends the poles away from [0, 1]."""
    centre = 1 + beta / 2
    theta, kappa = split / centre**2, beta / 2 / centre
    K0, K1 = np.zeros_like(alpha), np.zeros_like(alpha)
    for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
        term = weight / (1 - theta * node * node)
        K0 += term
        K1 += term * node / (1 - kappa * node)
    return K0 / centre, K1 / centre**2


def _rest(alpha: Points, beta: Points, split: Points) -> tuple[Points, Points]:
    """Logarithm and arc tangent; the area hyperbolic tangent where split is positive."""
    centre = 1 + beta / 2
    root = np.sqrt(np.abs(split))
    K0 = np.where(split < 0, np.arctan2(root, centre), 0.0)
    real = split > 0
    K0[real] = np.arctanh(root[real] / centre[real])
    K0 = np.where(root > 0, K0 / np.where(root > 0, root, 1.0), 1 / centre)
    return K0, (0.5 * np.log1p(beta + alpha) - beta / 2 * K0) / alpha
