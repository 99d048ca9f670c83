"""Batch normalisation of hidden units."""

from typing import Annotated

from pydantic import Field

from fatheory.experiment.description import Description, Fraction, Positive


class BatchNormalization(Description):
    """Hidden sums are brought to mean 0 and variance 1 over the batch, unit by unit.

    In a convolutional layer a unit is a channel, and its mean runs over rows and columns too. While
    learning and for teaching signals the batch's own moments count; losses and errors on held-out
    examples use running ones (Ioffe & Szegedy 2015). Normalised layers have no biases, which the
    means would take away again. Liao, Leibo & Poggio 2016 leave the learnable scale and shift out
    except where they say so.

    Attributes
    ----------
    learnable : bool
        Whether every unit learns a scale, 1 at the start, and a shift, 0 at the start. They learn
        with the layer's weights and do not decay.
    epsilon : float
        Added to variances.
    memory : float
        Running moments keep this fraction of themselves at every update.
    """

    learnable: Annotated[bool, Field(strict=True)] = False
    epsilon: Positive = 1e-5
    memory: Fraction = 0.9
