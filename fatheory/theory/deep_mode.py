"""One mode of a deep linear network under feedback alignment, on its own clock."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy.polynomial import Polynomial
from scipy.special import hyp2f1

from fatheory.arrays import ArrayLike
from fatheory.checks import increasing_times
from fatheory.errors import RegimeError
from fatheory.theory.integrate import integrate

_RTOL, _ATOL = 1e-12, 1e-14
_ROOT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class DeepMode:
    r"""One mode of a deep linear network: a chain of L scalars under feedback alignment.

    .. math:: \dot a_l = f_l\, \sigma\, \varepsilon\, a_{l-1} \cdots a_1,\quad
              \varepsilon = s - a_L \cdots a_1,\quad f_L = 1

    On the mode's clock, :math:`d\tau = \sigma \varepsilon\, dt`, the strengths are polynomials:
    :math:`a_l(\tau) = a_l(0) + f_l \int_0^\tau a_{l-1} \cdots a_1`, of degree :math:`2^{l-1}`. So
    the chain is one separable equation, :math:`\dot\tau = \sigma\,(s - p(\tau))` with
    :math:`p = a_L \cdots a_1` of degree :math:`2^L - 1`. That degree is odd and the leading
    coefficient of p a product of even powers of the :math:`f_l`, so if no :math:`f_l` is zero
    every start, whatever its signs, ends at :math:`\varepsilon = 0`. From zero,
    :math:`p = \kappa \tau^n` with :math:`n = 2^L - 1`, and the learning time is proportional to
    :math:`s^{-1 + 1/n}`.

    Derived for this project; L = 2 is the cubic of Girotti, Mitliagkas & Gidel 2021, arXiv
    2110.10815.

    Attributes
    ----------
    target : float
        s, the target's singular value.
    variance : float
        sigma, the input's second moment along the mode.
    start : tuple of float
        a_1(0) ... a_L(0).
    feedback : tuple of float
        f_1 ... f_{L-1}, from the output to each hidden layer; for layered feedback
        f_l = b_{l+1} ... b_L.
    """

    target: float
    variance: float
    start: tuple[float, ...]
    feedback: tuple[float, ...]

    @property
    def strengths(self) -> tuple[Polynomial, ...]:
        """The polynomials a_1(tau) ... a_L(tau)."""
        below = Polynomial([1.0])
        layers = []
        for a, f in zip(self.start, (*self.feedback, 1.0), strict=True):
            strength = f * below.integ() + a
            layers.append(strength)
            below = below * strength
        return tuple(layers)

    @property
    def error(self) -> Polynomial:
        """The polynomial epsilon(tau) = s - p(tau)."""
        product = Polynomial([1.0])
        for strength in self.strengths:
            product = product * strength
        return self.target - product

    def clock(self, times: ArrayLike) -> Float[np.ndarray, " time"]:
        """Compute tau at these times, by integrating its scalar equation.

        Raises
        ------
        ArrayError
            If times do not increase from 0 on.
        """
        error = self.error
        path = integrate(
            lambda state: [self.variance * error(state[0])],
            (np.zeros(1),),
            increasing_times(times),
            rtol=_RTOL,
            atol=_ATOL,
        )
        return path.weights[0][:, 0]

    def time_at(self, tau: float) -> float:
        r"""Compute the time at which the clock shows `tau`, in closed form.

        .. math:: t = \frac1\sigma \sum_i \frac{\ln(1 - \tau / r_i)}{\varepsilon'(r_i)}

        over the roots :math:`r_i` of :math:`\varepsilon`; from zero, with
        :math:`u = \tau / \tau^*` and :math:`\tau^* = (s/\kappa)^{1/n}`,

        .. math:: t = \frac{\tau^* u}{\sigma s}\, {}_2F_1(1, 1/n; 1 + 1/n; u^n)

        Near the end of learning the rounding of `tau` is that of t times exp(t): prefer `clock`.

        Raises
        ------
        RegimeError
            If the mode never gets there, or roots so nearly coincide that partial fractions lose
            their digits (`clock` has no such limit).
        """
        error = self.error
        if tau == 0:
            return 0.0
        speed = self.variance * float(error(0.0))
        if speed == 0:
            raise RegimeError("the mode does not move: its error or its input variance is zero")
        roots = error.roots().astype(complex)
        stop = _nearest_real_root(roots, np.sign(speed))
        if not 0 < tau / stop < 1 or error(tau) * speed <= 0:
            raise RegimeError(
                f"the clock never shows {tau:g}: it runs from 0 towards {stop:g}, where the error "
                f"is zero to rounding"
            )
        if not any(self.start):
            # The error is s - kappa tau^n, so this is u^n.
            n, power = error.degree(), 1 - float(error(tau) / error(0.0))
            return float(tau / speed * hyp2f1(1, 1 / n, 1 + 1 / n, power))
        slopes = error.deriv()(roots)
        with np.errstate(divide="ignore", invalid="ignore"):  # a double root has slope 0
            # Partial fractions of 1 / error, times the error: 1, unless roots have lost their
            # digits.
            sums = [np.sum(1 / (slopes * (at - roots))) * error(at) for at in (0.0, tau / 2)]
        if not np.all(np.abs(np.array(sums) - 1) < _ROOT_TOLERANCE):
            raise RegimeError("roots of the error nearly coincide; use `clock`")
        # Complex roots come in pairs whose terms are conjugate.
        return float(np.sum(np.log(1 - tau / roots) / slopes).real / self.variance)


def _nearest_real_root(roots: Complex[np.ndarray, " _"], direction: float) -> float:
    """Return the first real root that the clock meets; there is one, as the degree is odd."""
    real = roots.real[np.abs(roots.imag) <= _ROOT_TOLERANCE * np.abs(roots)]
    ahead = real[real * direction > 0]
    return float(ahead[np.argmin(np.abs(ahead))]) if ahead.size else direction * np.inf
