"""How starts, steps and feedback of a network are scaled, as its mean field meets them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scaling:
    r"""Factors of the mean field, for hidden layers 1 ... L.

    With K^l the kernel that layer l receives (the inputs' in layer 1, Phi^{l-1} above) and Delta^l
    the kernel of its signals, preactivations of a layer start with the covariance ``gains[l] K^l``
    and move by ``steps[l] K^l delta^l``; signals arrive with the covariance
    ``feedback[l] Delta^{l+1}``.

    Attributes
    ----------
    gains, steps : tuple of float
        Of layers 1 ... L.
    feedback : tuple of float
        Of layers 1 ... L - 1, under layered feedback.
    readout_gain, readout_step : float
        Outputs start with the covariance ``readout_gain Phi^L`` and move by
        ``readout_step Phi^L e``.
    true_gains, true_steps : tuple of float
        Of layers 1 ... L - 1: what the weights above send down, by their start and their steps.
    true_readout, true_readout_step : float
        Standard deviation of the readout's entries at the start, and the factor of its steps.
    """

    gains: tuple[float, ...]
    steps: tuple[float, ...]
    feedback: tuple[float, ...]
    readout_gain: float
    readout_step: float
    true_gains: tuple[float, ...]
    true_steps: tuple[float, ...]
    true_readout: float
    true_readout_step: float


def rich_scaling(hidden_layers: int, richness: float, learning_rate: float) -> Scaling:
    """Return the scaling of `fatheory.theory.dmft`: all entries from N(0, 1), factors written out.

    Parameters
    ----------
    hidden_layers : int
        L.
    richness, learning_rate : float
        gamma and eta.
    """
    L, step = hidden_layers, learning_rate * richness
    return Scaling(
        gains=(1.0,) * L,
        steps=(step,) * L,
        feedback=(1.0,) * (L - 1),
        readout_gain=0.0,
        readout_step=learning_rate,
        true_gains=(1.0,) * (L - 1),
        true_steps=(step,) * (L - 1),
        true_readout=1.0,
        true_readout_step=step,
    )


def network_scaling(
    widths: Sequence[int],
    weight_squares: Sequence[float],
    feedback_squares: Sequence[float],
    rate: float,
) -> Scaling:
    """Return the scaling of a network as it stands, its factors in its weights.

    The inputs' kernel is X X^T.

    Parameters
    ----------
    widths : sequence of int
        n_1 ... n_L of the hidden layers.
    weight_squares : sequence of float
        Mean squares of the entries of W_1 ... W_{L+1} at the start.
    feedback_squares : sequence of float
        Those of what stands in for W_2 ... W_L; empty under direct feedback.
    rate : float
        Learning rate over the number of points: the loss is a mean over them.
    """
    below, above = tuple(widths[:-1]), tuple(widths[1:])
    first, *between, last = weight_squares
    return Scaling(
        gains=(first, *(n * s for n, s in zip(below, between, strict=True))),
        steps=(rate, *(rate * n for n in below)),
        feedback=tuple(n * b for n, b in zip(above, feedback_squares, strict=False)),
        readout_gain=widths[-1] * last,
        readout_step=rate * widths[-1],
        true_gains=tuple(n * s for n, s in zip(above, between, strict=True)),
        true_steps=tuple(rate * n for n in above),
        true_readout=math.sqrt(last),
        true_readout_step=rate,
    )
