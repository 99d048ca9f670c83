"""Array types, declared once.

`Array` is any array with the array API standard's attributes: `numpy.ndarray` and `jax.Array`
alike. Shapes are written with jaxtyping and the papers' letters: ``n_i`` inputs, ``n_h`` hidden
units, ``n_o`` outputs. They are documentation at run time and are checked in the test run.
"""

from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

Array = Any
"""A NumPy or JAX array."""

InputWeights = Float[np.ndarray, "n_h n_i"]
OutputWeights = Float[np.ndarray, "n_o n_h"]
FeedbackWeights = Float[np.ndarray, "n_h n_o"]
TargetMap = Float[np.ndarray, "n_o n_i"]
Covariance = Float[np.ndarray, "n_i n_i"]


@runtime_checkable
class Sampler(Protocol):
    """Where random numbers come from: a NumPy generator, or JAX keys behind the same methods."""

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> Array:
        """Draw from the uniform law on [low, high)."""

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> Array:
        """Draw from the normal law of mean `loc` and standard deviation `scale`."""


def namespace(*arrays: Array) -> ModuleType:
    """Return the module, `numpy` or `jax.numpy`, that computes with these arrays.

    JAX wins over NumPy when both occur, so that a constant NumPy array may meet a traced one.
    """
    spaces = [a.__array_namespace__() for a in arrays if not isinstance(a, np.ndarray | np.generic)]
    return spaces[0] if spaces else np
