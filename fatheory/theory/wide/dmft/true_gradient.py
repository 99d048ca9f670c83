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
from jaxtyping import Float

from fatheory.theory.wide.dmft.gaussian_process import GaussianProcess
from fatheory.theory.wide.dmft.history import Columns, History
from fatheory.theory.wide.dmft.layer import Layer
from fatheory.theory.wide.dmft.scaling import Scaling


class TrueGradient:
    """The fields g of all layers, step by step.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the readout's start and the fields from the layers above.
    layers : list of Layer
        The hidden layers.
    scaling : Scaling
        Of the network.
    steps, samples, points, outputs : int
        Sizes.
    """

    def __init__(
        self,
        generator: np.random.Generator,
        layers: list[Layer],
        scaling: Scaling,
        steps: int,
        samples: int,
        points: int,
        outputs: int,
    ) -> None:
        self._layers, self._scaling = layers, scaling
        self._readout = scaling.true_readout * generator.standard_normal((samples, outputs))
        columns = steps * points
        self._fields = [GaussianProcess(generator, samples, columns) for _ in layers[:-1]]
        # Layer 1 has nobody below that would look at what it was sent before.
        self._true = [History(steps, samples, points, i > 0) for i in range(len(layers))]
        self._whitened = [Columns(samples, columns) for _ in layers[:-1]]

    def cosines(self, error: np.ndarray) -> Float[np.ndarray, "gated layer"]:
        """Advance to the layers' newest step; return cosines, layer by layer.

        The first row is of delta and g, the second of what arrives from above before the unit's
        own slope gates it, the gradients with respect to activities.

        Parameters
        ----------
        error : array of shape (point, unit)
            e at this step.
        """
        found = np.empty((2, len(self._layers)))
        g = np.empty(0)
        for index in range(len(self._layers) - 1, -1, -1):
            here = self._layers[index]
            if index == len(self._layers) - 1:
                arriving = self._readout @ error.T
            else:
                arriving = self._arriving(index, self._layers[index + 1], here, g)
            g = here.slope * arriving
            self._true[index].append(g)
            found[0, index] = _cosine(here.slope * here.arriving, g)
            found[1, index] = _cosine(here.arriving, arriving)
        return found

    def learn(self, error: np.ndarray) -> None:
        """Move the readout by the step that follows, in proportion to phi(h^L) e."""
        newest = self._layers[-1].activities.newest
        self._readout += self._scaling.true_readout_step * (newest @ error)

    def _arriving(self, index: int, above: Layer, here: Layer, g: np.ndarray) -> np.ndarray:
        """Return psi of layer `index`, (sample, point), from g of the layer above."""
        gain, step = self._scaling.true_gains[index], self._scaling.true_steps[index]
        blocks = [gain * block for block in self._true[index + 1].average_with(g)]
        fresh = self._fields[index].draw(blocks)
        known = self._whitened[index]
        known.append(above.forward.whitened(here.activities.newest, known.values))
        # Stein: an average with the noise is the mean derivative by it, and none has to be taken.
        response = gain * (g.T @ above.forward.noise) / len(g)
        psi = fresh + known.values @ response.T
        past = above.signals.average_with(g)[:-1]
        return psi + step * here.activities.weighted(past) if past else psi


def _cosine(x: Float[np.ndarray, "sample point"], y: Float[np.ndarray, "sample point"]) -> float:
    # Over samples and points at once: the angle between whole vectors, as networks of the limit
    # have it, and not a mean of angles of single units.
    size = np.sqrt(np.sum(x**2) * np.sum(y**2))
    return float(np.sum(x * y) / size) if size > 0 else np.nan
