"""Rules without random numbers: which draw a state, and direct ones that draw nothing else."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from fatheory.arrays import Array
from fatheory.rules.rule import DirectRule, LayeredRule


class DrawnError(Exception):
    """A rule drew its state."""


class NoRandomness:
    """Stands in for a generator, to find out whether a rule draws."""

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> np.ndarray:
        """Raise `DrawnError`."""
        del low, high, size
        raise DrawnError

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> np.ndarray:
        """Raise `DrawnError`."""
        del loc, scale, size
        raise DrawnError

    def __getattr__(self, name: str) -> object:
        # Rules of one's own may draw by whatever else NumPy's generators have.
        del name
        raise DrawnError


@dataclass(frozen=True)
class PassedTrial:
    """A forward pass that is over, as a `Trial` for direct rules that perturb nothing.

    Attributes
    ----------
    hidden_shapes, output_error, target
        As of `fatheory.rules.Trial`, over any leading axes.
    """

    hidden_shapes: tuple[tuple[int, ...], ...]
    output_error: Array
    target: Array

    def loss(self, perturbations: tuple[Array, ...]) -> NoReturn:
        """Raise `DrawnError`: perturbations are drawn."""
        del perturbations
        raise DrawnError


def has_state(rule: LayeredRule | DirectRule, shape: tuple[int, ...]) -> bool:
    """Whether the rule has a state, drawn or constant, at a layer of weights of this shape."""
    # At the layer's own shape: a state of one's own numbers has no other. It costs no draw,
    # since the first random number that is asked for is answer enough.
    try:
        return rule.draw(NoRandomness(), shape) is not None
    except DrawnError:
        return True
