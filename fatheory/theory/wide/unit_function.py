"""Unit functions of infinitely wide layers, with the two Gaussian averages that theory needs.

For (u, v) jointly Gaussian with mean 0, variances a, b and covariance c, a layer needs
E[phi(u) phi(v)] and E[phi'(u) phi'(v)]: in closed form for linear, ReLU and erf units, by
expansion in Hermite polynomials for tanh and sigmoid.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import erf, expit

from fatheory.errors import UnknownNameError
from fatheory.theory.wide.hermite import hermite_average

Values = Float[np.ndarray, "..."]
Average = Callable[[Values, Values, Values], tuple[Values, float]]
"""From variances a, b and covariance c to the average and a bound of its error."""


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


def _expanded(function: Callable[[Values], Values]) -> Average:
    return lambda a, b, c: hermite_average(function, a, b, c)


def _correlation(a: Values, b: Values, c: Values) -> Values:
    # Rounding may carry c beyond sqrt(a b), of a point with itself for instance.
    return np.clip(c / np.sqrt(a * b), -1.0, 1.0)


def _relu_activity(a: Values, b: Values, c: Values) -> Values:
    """Arc-cosine kernel of degree 1 (Cho & Saul 2009)."""
    rho = _correlation(a, b, c)
    angle = np.pi / 2 + np.arcsin(rho)
    return np.sqrt(a * b) * (np.sqrt(1 - rho**2) + rho * angle) / (2 * np.pi)


def _relu_slope(a: Values, b: Values, c: Values) -> Values:
    """Arc-cosine kernel of degree 0: the probability that both are positive."""
    return 0.25 + np.arcsin(_correlation(a, b, c)) / (2 * np.pi)


def _erf_activity(a: Values, b: Values, c: Values) -> Values:
    """Williams 1998, of erf(x / sqrt 2)."""
    return 2 / np.pi * np.arcsin(c / np.sqrt((1 + a) * (1 + b)))


def _erf_slope(a: Values, b: Values, c: Values) -> Values:
    return 2 / np.pi / np.sqrt((1 + a) * (1 + b) - c**2)


def _tanh_slope(x: Values) -> Values:
    # Beyond 300 it is below 1e-259, and the square would overflow.
    return 1 / np.cosh(np.clip(x, -300, 300)) ** 2


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
    "tanh": UnitFunction("tanh", np.tanh, _tanh_slope, _expanded(np.tanh), _expanded(_tanh_slope)),
    "sigmoid": UnitFunction(
        "sigmoid", expit, _sigmoid_slope, _expanded(expit), _expanded(_sigmoid_slope)
    ),
}
UNIT_FUNCTIONS = tuple(_FUNCTIONS)
"""Names of the unit functions that infinitely wide layers know."""
