"""What the network is to learn."""

from typing import Literal

from fatheory.experiment.description import Count, Description, NonNegative, Size
from fatheory.experiment.law import Law, Uniform


class LinearTask(Description):
    """Learn y* = T x + noise from x ~ N(0, Sigma).

    Attributes
    ----------
    inputs, outputs : int
        Dimensions n_i and n_o.
    target : Uniform or Normal
        Law of the entries of T; each seed draws its own.
    spectrum_decay : float
        Sigma has eigenvalues proportional to k^(-spectrum_decay), k = 1 ... n_i, of mean 1, in a
        random orthonormal basis per seed; 0 is white input, Sigma = I.
    noise : float
        Standard deviation of the noise on each target entry. Losses are measured without it.
    samples : int
        Number of training examples, drawn once per seed; 0 draws a fresh example every time
        (online learning). With finite samples Sigma is their second moment.
    """

    kind: Literal["linear"] = "linear"
    inputs: Size
    outputs: Size
    target: Law = Uniform(bound=1.0)
    spectrum_decay: NonNegative = 0.0
    noise: NonNegative = 0.0
    samples: Count = 0
