r"""One hidden layer of the mean field: its units are independent copies of one process."""

import numpy as np

from fatheory.theory.wide.dmft.gaussian_process import GaussianProcess
from fatheory.theory.wide.dmft.history import History
from fatheory.theory.wide.unit_function import UnitFunction

Blocks = list[np.ndarray]
"""A kernel between the present step and steps 0, 1, ..., each (point, point)."""


class Layer:
    r"""Units :math:`h(k) = \chi(k) + \eta\gamma \sum_{j<k} \Phi^{below}(k, j)\, \delta(j)`.

    Parameters
    ----------
    function : UnitFunction
        phi.
    generator : numpy.random.Generator
        Of this layer's own stream.
    steps, samples, points : int
        Sizes.
    outputs : int
        Columns of the feedback vectors that reach the units from the output.
    """

    def __init__(
        self,
        function: UnitFunction,
        generator: np.random.Generator,
        steps: int,
        samples: int,
        points: int,
        outputs: int,
    ) -> None:
        self._function = function
        self.forward = GaussianProcess(generator, samples)
        self.backward = GaussianProcess(generator, samples)
        self.feedback = generator.standard_normal((samples, outputs))
        self.activities = History(steps, samples, points)
        self.signals = History(steps, samples, points)
        self.slope = np.zeros((samples, points))

    def advance(self, below: Blocks, step_size: float) -> Blocks:
        """Find activities at the next step; return Phi(k, j) for j = 0 ... k.

        Parameters
        ----------
        below : list of arrays
            Phi of the layer below, (k, j) for j = 0 ... k.
        step_size : float
            eta gamma.
        """
        h = self.forward.draw(below)
        if self.signals.count:
            h = h + step_size * self.signals.weighted(below[:-1])
        phi = self._function.value(h)
        self.slope = self._function.slope(h)
        self.activities.append(phi)
        return self.activities.average_with(phi)

    def receive(self, arriving: np.ndarray) -> Blocks:
        """Gate what arrives by the slope; return Delta(k, j) for j = 0 ... k."""
        delta = self.slope * arriving
        self.signals.append(delta)
        return self.signals.average_with(delta)
