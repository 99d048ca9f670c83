r"""One hidden layer of the mean field: its units are independent copies of one process."""

import numpy as np
from jaxtyping import Float

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
    gain, step : float
        Of `Scaling`: covariance of the start, and size of the steps, over the kernel below.
    feedback : array of shape (sample, unit)
        Feedback vectors that reach the units from the output.
    start : array of shape (sample, point), optional
        The units' sums at the start where they are no Gaussian process, or not drawn as one.
    steps, points : int
        Sizes.
    """

    def __init__(
        self,
        function: UnitFunction,
        generator: np.random.Generator,
        gain: float,
        step: float,
        feedback: Float[np.ndarray, "sample unit"],
        start: Float[np.ndarray, "sample point"] | None,
        steps: int,
        points: int,
    ) -> None:
        self._function, self._gain, self._step, self._start = function, gain, step, start
        samples = len(feedback)
        self.forward = GaussianProcess(generator, samples)
        self.backward = GaussianProcess(generator, samples)
        self.feedback = feedback
        self.activities = History(steps, samples, points)
        self.signals = History(steps, samples, points)
        self.slope = np.zeros((samples, points))
        self.arriving = np.zeros((samples, points))
        """Signals at the newest step, not gated by the unit's own slope."""

    def advance(self, below: Blocks) -> Blocks:
        """Find activities at the next step; return Phi(k, j) for j = 0 ... k.

        Parameters
        ----------
        below : list of arrays
            Phi of the layer below, (k, j) for j = 0 ... k.
        """
        h = self._start
        if h is None:
            h = self.forward.draw([self._gain * block for block in below])
        # Signals of earlier steps alone, for this step's come down after its activities have gone
        # up.
        if self.signals.count:
            h = h + self._step * self.signals.weighted(below[:-1])
        phi = self._function.value(h)
        self.slope = self._function.slope(h)
        self.activities.append(phi)
        return self.activities.average_with(phi)

    def receive(self, arriving: np.ndarray) -> Blocks:
        """Gate what arrives by the slope; return Delta(k, j) for j = 0 ... k."""
        self.arriving = arriving
        delta = self.slope * arriving
        self.signals.append(delta)
        return self.signals.average_with(delta)
