"""A rule that a third party might add."""

from dataclasses import dataclass

import numpy as np

from fatheory.rules import LayeredRule


@dataclass(frozen=True)
class Halved(LayeredRule):
    """V = share W, from what was drawn."""

    name = "halved"
    summary = "V = share W"
    source = "nobody"
    share: float = 0.5

    def draw(self, sampler, shape):
        return np.full(shape, self.share)

    @staticmethod
    def backward_weights(W, state):
        return state * W
