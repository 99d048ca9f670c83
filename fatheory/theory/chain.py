r"""The scalar chain of depth L under feedback alignment, solved for all times."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.polynomial import Polynomial
from scipy.special import hyp2f1

from fatheory.checks import real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.deep_mode import DeepMode
from fatheory.theory.modes import Values, checked_fractions, checked_times, checked_values

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# On [0, 1], as points of a panel are counted from its beginning.
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2
_LINEAR_FROM = 45.0  # exp(-45) is below rounding: the rate is final
_MOST_HALVINGS = 8
_ACCURACY = 1e-12


class _Clock(NamedTuple):
    """Time as a function of lambda: values at the panels' edges, and the rate in between."""

    edges: Float[np.ndarray, " edges"]
    times: Float[np.ndarray, " edges"]
    rate: Polynomial


@dataclass(frozen=True)
class ChainSolution:
    r"""y = w_L ... w_1 x learning y* = s x by feedback alignment.

    .. math:: \dot w_l = \sigma\,\beta_l\,\varepsilon \prod_{k<l} w_k,\quad
              \beta_l = \prod_{k>l} b_k,\quad \varepsilon = s - w_L \cdots w_1

    On the clock zeta, :math:`\dot\zeta = \sigma\varepsilon`, every w_l is a polynomial of degree
    :math:`2^{l-1}`, so :math:`\varepsilon(\zeta)` is one of degree :math:`n = 2^L - 1` and
    :math:`t = \int d\zeta / \sigma\varepsilon(\zeta)`. From zero
    :math:`\varepsilon = s\,(1 - u^n)` with :math:`u = \zeta/\zeta^*`, and

    .. math:: t = \frac{\zeta^*}{\sigma s}\; u\; {}_2F_1(1, \tfrac1n; 1 + \tfrac1n; u^n),\qquad
              \zeta^* = (s/\kappa)^{1/n}:

    learning times are proportional to :math:`|s|^{-1 + 1/n}`, -2/3 for L = 2 and nearly 1/s for
    deep chains. Other starts are integrated by Gauss-Legendre quadrature in
    :math:`\lambda = -\ln(1 - u)`, in which the integrand is smooth up to t = infinity.

    Parameters
    ----------
    s : float
        Target.
    feedback : sequence of float
        b_2 ... b_L, none zero; L is one more than their number.
    start : sequence of float, optional
        w_1 ... w_L at t = 0; zero by default.
    variance : float
        sigma, the input's second moment; positive.

    Notes
    -----
    Times are t = eta * step, may be infinite, and have any shape. Derived for this project.

    Raises
    ------
    ArrayError
        If values are not finite or their numbers do not fit.
    RegimeError
        If a feedback is zero or the variance not positive; if the chain does not move; if it ends
        at a double zero of the error, or passes one so closely that quadrature fails (`deep_flow`
        integrates the flow itself).
    """

    s: float
    feedback: tuple[float, ...]
    start: tuple[float, ...] = ()
    variance: float = 1.0

    def __post_init__(self) -> None:
        b = real_array("feedback", list(self.feedback), 1)
        start = (
            real_array("start", list(self.start), 1) if len(self.start) else np.zeros(b.size + 1)
        )
        if start.size != b.size + 1:
            raise ArrayError(
                f"a chain with {b.size} feedback weights has {b.size + 1} forward weights; "
                f"start has {start.size}"
            )
        real_array("s and variance", [self.s, self.variance])
        if not (b.all() and self.variance > 0):
            raise RegimeError(
                f"the chain needs feedback without zeros and a positive variance; got feedback "
                f"{b.tolist()} and variance {self.variance}"
            )
        object.__setattr__(self, "feedback", tuple(b.tolist()))
        object.__setattr__(self, "start", tuple(start.tolist()))

    @property
    def depth(self) -> int:
        """Number of weights, L."""
        return len(self.start)

    @cached_property
    def mode(self) -> DeepMode:
        """The chain's polynomials in zeta."""
        beta = np.cumprod(self.feedback[::-1])[::-1]
        return DeepMode(float(self.s), float(self.variance), self.start, tuple(beta.tolist()))

    @cached_property
    def limit(self) -> float:
        """Zeta at t = inf, where the error is zero."""
        error = self.mode.error
        begin = float(error(0.0))
        if begin == 0:
            raise RegimeError(f"the chain stands still: its error is zero at start = {self.start}")
        n = error.degree()
        if not any(self.start):
            return float(np.copysign(np.abs(self.s / error.coef[-1]) ** (1 / n), self.s))
        roots = error.roots().astype(complex)
        # Rounding splits a double root into a pair about 1e-8 apart, maybe off the real axis. An
        # odd degree has a real root ahead.
        real = roots.real[np.abs(roots.imag) <= 1e-7 * np.abs(roots)]
        # The clock sets out in the direction of the error and stops at the first root that it
        # meets.
        ahead = real[real * begin > 0]
        root = float(ahead[np.argmin(np.abs(ahead))])
        slope = error.deriv()
        for _ in range(3):
            # The product of the strengths keeps digits that the expanded polynomial has lost.
            missing = self.s - np.prod([strength(root) for strength in self.mode.strengths])
            root -= float(missing / slope(root)) if slope(root) else 0.0
        return root

    def clock(self, t: Values) -> np.ndarray:
        """Return zeta(t), of the shape of t."""
        return np.asarray(-self.limit * np.expm1(-self._log_remaining(t)))

    def strengths(self, t: Values) -> np.ndarray:
        """Return w_1 ... w_L at t, of shape (*t, L)."""
        zeta = self.clock(t)
        return np.stack([strength(zeta) for strength in self.mode.strengths], axis=-1)

    def residual(self, t: Values) -> np.ndarray:
        """Return the error s - w_L ... w_1 at t, without cancellation near the limit."""
        lam = self._log_remaining(t)
        rate = self._clock.rate(-np.expm1(-lam))
        return np.asarray(np.exp(-lam) * rate * self.limit / self.variance)

    def loss(self, t: Values) -> np.ndarray:
        """Return 1/2 variance * residual^2 at t."""
        return np.asarray(0.5 * self.variance * self.residual(t) ** 2)

    def time_of(self, u: Values) -> np.ndarray:
        """Return the time at which zeta has done the fraction u of its way; inf for u = 1.

        Raises
        ------
        ArrayError
            If a fraction is outside [0, 1].
        """
        fraction = checked_fractions(u)
        with np.errstate(divide="ignore"):
            lam = -np.log1p(-fraction)
        return self._time(lam.ravel()).reshape(fraction.shape)

    @cached_property
    def _clock(self) -> _Clock:
        """Tabulate t(lambda) on panels short enough for the quadrature to be exact."""
        limit = self.limit
        # d lambda / dt = sigma * error / (limit - zeta): a polynomial in u after division.
        coefficients = np.asarray(self.mode.error.coef, dtype=np.float64)
        scaled = coefficients * limit ** np.arange(coefficients.size)
        # u = 1 is a root of the error; divided by 1 - u, its coefficients are their partial sums.
        rate = Polynomial(np.cumsum(scaled)[:-1] * (self.variance / limit))
        # Not `<=`, which would let NaN pass.
        if not rate(1.0) > 1e-9 * np.abs(rate.coef).max():
            raise RegimeError(
                f"the chain ends at a double zero of its error (final rate {rate(1.0):.3g}); "
                f"integrate it by deep_flow"
            )
        coarse = None
        for halving in range(_MOST_HALVINGS):
            edges = np.linspace(0.0, _LINEAR_FROM, 90 * 2**halving + 1)
            # Every second edge of these panels is one of the coarser ones, whose integrals are
            # compared.
            pieces = _integral(rate, edges[:-1], edges[1:])
            fine = np.append(0.0, np.cumsum(pieces))
            if (
                coarse is not None
                and (np.abs(fine[2::2] - coarse[1:]) <= _ACCURACY * fine[2::2]).all()
            ):
                return _Clock(edges, fine, rate)
            coarse = fine
        raise RegimeError(
            "the chain passes so near a double zero of its error that the time integral does not "
            "converge; integrate it by deep_flow"
        )

    def _time(self, lam: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
        edges, times, rate = self._clock
        near = np.minimum(lam, edges[-1])
        panel = np.minimum(np.searchsorted(edges, near, side="right") - 1, edges.size - 2)
        beyond = np.where(lam > near, lam, 0.0) - np.where(lam > near, near, 0.0)
        return times[panel] + _integral(rate, edges[panel], near) + beyond / rate(1.0)

    def _log_remaining(self, t: Values) -> np.ndarray:
        """Return lambda(t), by Newton's method inside the panel that holds t."""
        moments = checked_times(t)
        edges, times, rate = self._clock
        flat = moments.ravel()
        near = np.minimum(flat, times[-1])
        panel = np.minimum(np.searchsorted(times, near, side="right") - 1, edges.size - 2)
        low, high = edges[panel], edges[panel + 1]
        lam = low + (near - times[panel]) * rate(-np.expm1(-low))
        # A fixed number of steps, so that all points are inverted side by side.
        for _ in range(8):
            lam = np.clip(lam, low, high)
            missing = near - times[panel] - _integral(rate, low, lam)
            # Newton: d lambda / dt is the rate. Clipped, as the panel is known to hold the answer.
            lam = lam + missing * rate(-np.expm1(-lam))
        lam = np.clip(lam, low, high) + (flat - near) * rate(1.0)
        return lam.reshape(moments.shape)


def zero_start_time(u: Values, depth: int) -> np.ndarray:
    r"""Return the time, in units of zeta* / (sigma s), at which a chain from zero shows u.

    .. math:: u\; {}_2F_1(1, 1/n; 1 + 1/n; u^n) = \int_0^u \frac{dv}{1 - v^n},\quad n = 2^L - 1

    Parameters
    ----------
    u : array
        zeta / zeta*, in [0, 1).
    depth : int
        L, at least 1.

    Raises
    ------
    ArrayError
        If u is outside [0, 1) or the depth below 1.
    """
    fraction = checked_values("u", u)
    if ((fraction < 0) | (fraction >= 1)).any() or depth < 1:
        raise ArrayError(f"zero_start_time needs 0 <= u < 1 and depth >= 1; got {u!r:.80}, {depth}")
    n = 2**depth - 1
    return np.asarray(fraction * hyp2f1(1.0, 1 / n, 1 + 1 / n, fraction**n))


def _integral(
    rate: Polynomial, low: Float[np.ndarray, " points"], high: Float[np.ndarray, " points"]
) -> Float[np.ndarray, " points"]:
    """Integrate d lambda / rate from low to high, one panel each."""
    width = high - low
    total = np.zeros_like(width)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight / rate(-np.expm1(-(low + node * width)))
    return total * width
