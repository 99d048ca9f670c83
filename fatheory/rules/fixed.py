"""Rules whose V does not depend on W: feedback alignment, random feedback, none at all."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Array, Sampler, namespace
from fatheory.rules.rule import LayeredRule, require_positive, require_probability


@dataclass(frozen=True)
class FixedFeedback(LayeredRule):
    """V is the state, drawn once and never changed."""

    @staticmethod
    def backward_weights(W: Array, state: Array | None) -> Array:
        """Return the fixed feedback."""
        del W
        return state


@dataclass(frozen=True)
class FeedbackAlignment(FixedFeedback):
    """V = B^T with B ~ U[-scale, scale] (Lillicrap et al. 2016, equation 1 and Methods).

    Parameters
    ----------
    scale : float
        Half-width of the distribution of B; 0.5 in the paper's Fig. 2.
    """

    name = "feedback_alignment"
    summary = "V = B^T fixed and random, uniform in [-scale, scale]"
    source = "Lillicrap et al. 2016, eq. 1"
    display_name = "feedback alignment"
    colour = "#009E73"
    scale: float = 0.5

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw B^T."""
        return sampler.uniform(-self.scale, self.scale, shape)


@dataclass(frozen=True)
class RandomFeedback(FixedFeedback):
    """RndF: V ~ N(0, std^2), fixed (Liao, Leibo & Poggio 2016).

    Parameters
    ----------
    std : float
        Standard deviation of the entries; 0.05 in the paper.
    """

    name = "rndf"
    summary = "V fixed and random, normal of standard deviation std"
    source = "Liao, Leibo & Poggio 2016, RndF"
    display_name = "random feedback"
    colour = "#D55E00"
    # The paper's.
    std: float = 0.05

    def __post_init__(self) -> None:
        require_positive(self.name, "std", self.std)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw V."""
        return sampler.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class OrthogonalFeedback(FixedFeedback):
    """V = B^T fixed, with orthogonal columns of B: B^T B = scale^2 I, uniform over rotations.

    The case in which linear feedback alignment is solved in closed form. Where a layer has more
    outputs than inputs the rows of B are orthogonal instead.

    Parameters
    ----------
    scale : float
        Length of the columns of B.
    """

    name = "orthogonal_feedback"
    summary = "V = B^T fixed, B with orthogonal columns of length scale"
    source = "derived for this project"
    display_name = "orthogonal feedback"
    colour = "#00635A"
    entrywise: ClassVar[bool] = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw B^T, of orthogonal rows or columns, from the QR factors of a normal matrix."""
        # Tall, as the reduced QR of a wide matrix has a square Q.
        tall = sampler.normal(0.0, 1.0, (max(shape), min(shape)))
        Q, R = np.linalg.qr(tall)
        # Signs from R make the distribution uniform; LAPACK's own convention would not.
        Q = self.scale * Q * np.sign(np.diag(R))
        return Q if shape[0] >= shape[1] else Q.T


@dataclass(frozen=True)
class Shallow(FixedFeedback):
    """V = 0: no error reaches a hidden layer, so only the output weights learn.

    Lillicrap et al. 2016, Fig. 2a.
    """

    name = "shallow"
    summary = "V = 0: only the output weights learn"
    source = "Lillicrap et al. 2016, Fig. 2a"
    display_name = "shallow"
    colour = "#E69F00"

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Return zeros: a feedback that carries nothing."""
        del sampler
        # An array and not None, since V is the state itself.
        return np.zeros(shape)


def with_concordance(
    V: Float[Array, "*shape"], W: Float[Array, "*shape"], concordance: float, sampler: Sampler
) -> Float[Array, "*shape"]:
    """Give fixed feedback a sign concordance with the weights it starts beside.

    V keeps its magnitudes and takes, entry by entry, the sign of W with the probability
    `concordance`, else the opposite one. Where W is zero it keeps its own sign. For independent
    entries of mean zero, |V| and |W| independent, the angle between V and W then has the cosine
    (2 p - 1) E|V| E|W| / sqrt(E V^2 E W^2), p the concordance.

    Parameters
    ----------
    V, W : arrays of one shape
        Feedback and forward weights, matrices or kernels.
    concordance : float
        Probability in [0, 1] that an entry of V has the sign of W.
    sampler : Sampler
        A NumPy generator or its JAX counterpart.

    Raises
    ------
    ValueError
        If `concordance` is not a probability.

    References
    ----------
    Liao, Leibo & Poggio 2016, FRSF-p, whose S is drawn here once for the signs that W starts with.
    """
    require_probability("with_concordance", "concordance", concordance)
    xp = namespace(V, W)
    concordant = sampler.uniform(0.0, 1.0, W.shape) < concordance
    # Magnitudes stay, so that runs which differ in concordance are paired.
    signed = xp.abs(V) * xp.sign(W)
    return xp.where(W == 0, V, xp.where(concordant, signed, -signed))
