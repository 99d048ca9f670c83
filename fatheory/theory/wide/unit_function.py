"""Unit functions of infinitely wide layers, with the two Gaussian averages that theory needs.

For (u, v) jointly Gaussian with mean 0, variances a, b and covariance c, a layer needs
E[phi(u) phi(v)] and E[phi'(u) phi'(v)]: in closed form for linear, ReLU and erf units, by
series and quadrature for tanh, and for sigmoid, which is (1 + tanh(x / 2)) / 2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import erf, expit

from fatheory.errors import UnknownNameError
from fatheory.theory.wide.tanh_average import (
    tanh_activity_average,
    tanh_slope,
    tanh_slope_average,
)

Values = Float[np.ndarray, "..."]
Average = Callable[[Values, Values, Values], tuple[Values, float]]
"""From variances a, b and covariance c to the average and a bound of its error."""
_ROUNDING = 4 * np.finfo(np.float64).eps
"""Correlations this near to 1 or -1 are not told from it."""


@dataclass(frozen=True)
class UnitFunction:
    """A unit's function with its slope and their Gaussian averages.

    Attributes
    ----------
    name : str
        As in descriptions of networks.
    value, slope : callable
        phi and phi', entry by entry.
    activity_average, slope_average : callable
        E[phi(u) phi(v)] and E[phi'(u) phi'(v)] from variances and covariance, each with a bound of
        its error.
    """

    name: str
    value: Callable[[Values], Values]
    slope: Callable[[Values], Values]
    activity_average: Average
    slope_average: Average


def unit_function(name: str) -> UnitFunction:
    """Return the unit function called `name`.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in _FUNCTIONS:
        raise UnknownNameError("activation", name, _FUNCTIONS)
    return _FUNCTIONS[name]


def _exact(average: Callable[[Values, Values, Values], Values]) -> Average:
    return lambda a, b, c: (average(a, b, c), 0.0)


def _correlation(a: Values, b: Values, c: Values) -> Values:
    # Rounding may carry c beyond sqrt(a b), or keep it below: of parallel points the angle, a root
    # of what is left, would be off by 1e-8. The product of roots does not overflow.
    rho = c / (np.sqrt(a) * np.sqrt(b))
    return np.where(1 - np.abs(rho) <= _ROUNDING, np.sign(rho), rho)


def _relu_activity(a: Values, b: Values, c: Values) -> Values:
    """Arc-cosine kernel of degree 1 (Cho & Saul 2009)."""
    rho = _correlation(a, b, c)
    angle = np.pi / 2 + np.arcsin(rho)
    sine = np.sqrt((1 - rho) * (1 + rho))
    return np.sqrt(a) * np.sqrt(b) * (sine + rho * angle) / (2 * np.pi)


def _relu_slope(a: Values, b: Values, c: Values) -> Values:
    """Arc-cosine kernel of degree 0: the probability that both are positive."""
    return 0.25 + np.arcsin(_correlation(a, b, c)) / (2 * np.pi)


def _erf_activity(a: Values, b: Values, c: Values) -> Values:
    """Williams 1998, of erf(x / sqrt 2)."""
    return 2 / np.pi * np.arctan2(c, np.sqrt(_erf_determinant(a, b, c)))


def _erf_slope(a: Values, b: Values, c: Values) -> Values:
    return 2 / np.pi / np.sqrt(_erf_determinant(a, b, c))


def _erf_determinant(a: Values, b: Values, c: Values) -> Values:
    """Return (1 + a)(1 + b) - c^2 without taking the difference of the large numbers in it."""
    size = np.sqrt(a) * np.sqrt(b)
    return 1 + a + b + np.maximum((size - c) * (size + c), 0.0)


def _sigmoid_activity_average(a: Values, b: Values, c: Values) -> tuple[Values, float]:
    # The odd part of one factor has no average with the constant of the other.
    average, error = tanh_activity_average(a / 4, b / 4, c / 4)
    return (1 + average) / 4, error / 4


def _sigmoid_slope_average(a: Values, b: Values, c: Values) -> tuple[Values, float]:
    average, error = tanh_slope_average(a / 4, b / 4, c / 4)
    return average / 16, error / 16


def _sigmoid_slope(x: Values) -> Values:
    # Not s (1 - s), which rounds to 0 from x = 37 on.
    return expit(x) * expit(-x)


_FUNCTIONS = {
    "linear": UnitFunction(
        "linear",
        np.asarray,
        np.ones_like,
        # Of the shape to which all three broadcast.
        _exact(lambda a, b, c: c + 0 * (a + b)),
        _exact(lambda a, b, c: np.ones_like(a + b + c)),
    ),
    "relu": UnitFunction(
        "relu",
        lambda x: np.maximum(x, 0.0),
        lambda x: (x > 0).astype(x.dtype),
        _exact(_relu_activity),
        _exact(_relu_slope),
    ),
    "erf": UnitFunction(
        "erf",
        lambda x: erf(x / np.sqrt(2)),
        lambda x: np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2),
        _exact(_erf_activity),
        _exact(_erf_slope),
    ),
    "tanh": UnitFunction("tanh", np.tanh, tanh_slope, tanh_activity_average, tanh_slope_average),
    "sigmoid": UnitFunction(
        "sigmoid", expit, _sigmoid_slope, _sigmoid_activity_average, _sigmoid_slope_average
    ),
}
UNIT_FUNCTIONS = tuple(_FUNCTIONS)
"""Names of the unit functions that infinitely wide layers know."""
