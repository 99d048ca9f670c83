r"""What backprop would send, along a run under random feedback: the alignment of every layer.

With w the readout of a unit, moved by learning, the true fields are

.. math:: g^L = \phi'(h^L) \circ (e\, w),\qquad g^l = \phi'(h^l) \circ \psi^l,
.. math:: \psi^l(k) = \upsilon^l(k) + \sum_j R(k, j)\, \phi(h^l(j))
          + \eta\gamma \sum_{j<k} \langle g^{l+1}(k)\, \delta^{l+1}(j)^\top\rangle\, \phi(h^l(j)),

where :math:`\upsilon^l` is Gaussian with the covariance of g^{l+1}, and R, the response of g^{l+1}
to the forward weights' randomness, follows from :math:`\langle g^{l+1} \chi^{l+1\top}\rangle` by
Stein's lemma.
"""

import numpy as np

from fatheory.theory.wide.dmft.gaussian_process import GaussianProcess
from fatheory.theory.wide.dmft.history import History
from fatheory.theory.wide.dmft.layer import Layer


class TrueGradient:
    """The fields g of all layers, step by step.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the readout's start and the fields from the layers above.
    layers : list of Layer
        The hidden layers.
    steps, samples, points, outputs : int
        Sizes.
    """

    def __init__(
        self,
        generator: np.random.Generator,
        layers: list[Layer],
        steps: int,
        samples: int,
        points: int,
        outputs: int,
    ) -> None:
        self._layers = layers
        self._readout = generator.standard_normal((samples, outputs))
        self._fields = [GaussianProcess(generator, samples) for _ in layers[:-1]]
        self._true = [History(steps, samples, points) for _ in layers]
        self._whitened = [np.zeros((samples, 0)) for _ in layers[:-1]]

    def cosines(self, error: np.ndarray, step_size: float) -> list[float]:
        """Advance to the layers' newest step; return cos of delta and g, layer by layer.

        Parameters
        ----------
        error : array of shape (point, unit)
            e at this step.
        step_size : float
            eta gamma.
        """
        top = self._layers[-1]
        g = top.slope * (self._readout @ error.T)
        self._true[-1].append(g)
        found = [_cosine(top, g)]
        for index in range(len(self._layers) - 2, -1, -1):
            above, here = self._layers[index + 1], self._layers[index]
            g = here.slope * self._arriving(index, above, here, g, step_size)
            self._true[index].append(g)
            found.insert(0, _cosine(here, g))
        return found

    def learn(self, error: np.ndarray, step_size: float) -> None:
        """Move the readout by the step that follows: dw = eta gamma phi(h^L) e."""
        phi = self._layers[-1].activities
        newest = phi.flat[:, -len(error) :]
        self._readout += step_size * (newest @ error)

    def _arriving(
        self, index: int, above: Layer, here: Layer, g: np.ndarray, step_size: float
    ) -> np.ndarray:
        """Return psi of layer `index`, (sample, point), from g of the layer above."""
        fresh = self._fields[index].draw(self._true[index + 1].average_with(g))
        phi = here.activities.flat[:, -g.shape[1] :]
        known = self._whitened[index]
        new = above.forward.whitened(phi, known)
        self._whitened[index] = known = np.hstack([known, new])
        response = (g.T @ above.forward.noise) / len(g)
        psi = fresh + known @ response.T
        past = above.signals.average_with(g)[: above.signals.count - 1]
        if past:
            psi = psi + step_size * here.activities.weighted(past)
        return psi


def _cosine(layer: Layer, g: np.ndarray) -> float:
    delta = layer.signals.flat[:, -g.shape[1] :]

    size = np.sqrt(np.sum(delta**2) * np.sum(g**2))
    return float(np.sum(delta * g) / size) if size > 0 else np.nan
