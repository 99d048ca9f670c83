r"""One hidden layer of the mean field: its units are independent copies of one process."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.theory.wide.dmft.gaussian_process import GaussianProcess
from fatheory.theory.wide.dmft.history import History
from fatheory.theory.wide.unit_function import UnitFunction

Blocks = list[np.ndarray]
"""A kernel between the present step and steps 0, 1, ..., each (point, point)."""


@dataclass(eq=False)
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
    steps, points : int
        Sizes.
    looked_up : bool
        Whether averages with earlier activities are asked for; else they are forgotten.
    """

    function: UnitFunction
    generator: np.random.Generator
    gain: float
    step: float
    feedback: Float[np.ndarray, "sample unit"]
    steps: int
    points: int
    looked_up: bool

    _keeps_signals = True

    def __post_init__(self) -> None:
        samples, columns = len(self.feedback), self.steps * self.points
        self.forward = GaussianProcess(self.generator, samples, columns)
        self.backward = GaussianProcess(self.generator, samples, columns)
        self.activities = History(self.steps, samples, self.points, self.looked_up)
        self.signals = History(self.steps, samples, self.points, self._keeps_signals)
        self.slope = np.zeros((samples, self.points))
        self.arriving = np.zeros((samples, self.points))
        """Signals at the newest step, not gated by the unit's own slope."""

    def advance(self, below: Blocks) -> None:
        """Find activities at the next step.

        Parameters
        ----------
        below : list of arrays
            Phi of the layer below, (k, j) for j = 0 ... k.
        """
        h = self._preactivations(below)
        self.slope = self.function.slope(h)
        self.activities.append(self.function.value(h))

    def receive(self, arriving: np.ndarray) -> None:
        """Gate what arrives by the slope."""
        self.arriving = arriving
        self.signals.append(self.slope * arriving)

    def _preactivations(self, below: Blocks) -> Float[np.ndarray, "sample point"]:
        h = self.forward.draw([self.gain * block for block in below])
        # Signals of earlier steps alone, for this step's come down after its activities have gone
        # up.
        return h + self.step * self.signals.weighted(below[:-1]) if len(below) > 1 else h


@dataclass(eq=False)
class FirstLayer(Layer):
    """The layer on the inputs, whose kernel stands still.

    So its start is drawn once, and it needs no history of its signals, only their sum over steps.

    Parameters
    ----------
    start : array of shape (sample, point), optional
        Preactivations at the start; a Gaussian with the kernel's covariance by default. Those of
        few inputs are no Gaussian where the weights are not normal.
    """

    start: Float[np.ndarray, "sample point"] | None = None

    _keeps_signals = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.forward = GaussianProcess(self.generator, len(self.feedback), self.points)
        self._summed_signals = np.zeros((self.points, len(self.feedback))).T

    def receive(self, arriving: np.ndarray) -> None:
        """Gate what arrives by the slope."""
        super().receive(arriving)
        self._summed_signals += self.signals.newest

    def _preactivations(self, below: Blocks) -> Float[np.ndarray, "sample point"]:
        (kernel,) = below
        if self.start is None:
            self.start = self.forward.draw([self.gain * kernel])
        return self.start + self.step * (kernel @ self._summed_signals.T).T
