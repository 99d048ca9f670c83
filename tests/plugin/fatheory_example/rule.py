"""A rule: errors come back through a share of the weights."""

from dataclasses import dataclass

import numpy as np

from fatheory.rules import LayeredRule


@dataclass(frozen=True)
class Halved(LayeredRule):
    """V = share W, a weaker backprop.

    Parameters
    ----------
    share : float
        By what W is multiplied.
    """

    name = "halved"
    summary = "V = share W"
    source = "an example"
    display_name = "halved backprop"
    colour = "#7A5195"
    share: float = 0.5

    def draw(self, sampler, shape):
        """Return the share, as an array, for V is made from the weights and what was drawn."""
        return np.full(shape, self.share)

    @staticmethod
    def backward_weights(W, state):
        """Return V."""
        return state * W
