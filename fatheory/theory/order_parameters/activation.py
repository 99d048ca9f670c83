"""The activations whose order parameters are known, by name."""

from collections.abc import Callable, Mapping

from fatheory.errors import UnknownNameError
from fatheory.theory.order_parameters.erf import ErfMixture
from fatheory.theory.order_parameters.integrals import Integrals
from fatheory.theory.order_parameters.linear import LinearIntegrals
from fatheory.theory.order_parameters.quadrature import (
    FINER_POINTS,
    sigmoid_mixture,
    tanh_mixture,
)
from fatheory.theory.order_parameters.relu import ReluIntegrals

ACTIVATIONS: Mapping[str, Callable[[], Integrals]] = {
    "erf": lambda: ErfMixture("erf"),
    "relu": ReluIntegrals,
    "linear": LinearIntegrals,
    "tanh": tanh_mixture,
    "sigmoid": sigmoid_mixture,
}
"""By the names of `fatheory.networks`: erf is erf(u / sqrt 2), sigmoid the logistic function."""

_FINER: Mapping[str, Callable[[], Integrals]] = {
    "tanh": lambda: tanh_mixture(FINER_POINTS),
    "sigmoid": lambda: sigmoid_mixture(FINER_POINTS),
}


def find_integrals(activation: str) -> Integrals:
    """Return the Gaussian averages of the activation called so.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists the known ones and the nearest.
    """
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise UnknownNameError("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]()


def finer_integrals(activation: str) -> Integrals | None:
    """Return the averages by a finer quadrature, None where they are in closed form."""
    return _FINER[activation]() if activation in _FINER else None
