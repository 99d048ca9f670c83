"""Rules that share signs with the forward weights: USF, FRSF, BRSF."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fatheory.arrays import Array, Sampler, namespace
from fatheory.rules.rule import LayeredRule, require_positive, require_probability


@dataclass(frozen=True)
class SignConcordant(LayeredRule):
    """V = state o sign(W), entry by entry; sign(0) = 0."""

    @staticmethod
    def backward_weights(W: Array, state: Array | None) -> Array:
        """Return the signs of W with the magnitudes of the state."""
        return state * namespace(W).sign(W)


@dataclass(frozen=True)
class UniformSignFeedback(SignConcordant):
    """USF: V = scale sign(W) (Liao, Leibo & Poggio 2016).

    Parameters
    ----------
    scale : float
        Common magnitude; 1 is the paper's unscaled definition.
    """

    name = "usf"
    summary = "V = scale sign(W)"
    source = "Liao, Leibo & Poggio 2016, USF"
    display_name = "uniform sign feedback"
    colour = "#0072B2"
    scale: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Return the constant magnitudes."""
        del sampler
        # An array, not a constant of the function: USF and FRSF then share one program.
        return np.full(shape, self.scale)


@dataclass(frozen=True)
class FixedRandomSignFeedback(SignConcordant):
    """FRSF: V = scale M o S o sign(W), M ~ U[0, 1] and signs S fixed.

    S = +1 with the concordance probability, else -1 (Liao, Leibo & Poggio 2016, FRSF and FRSF-p).

    Parameters
    ----------
    scale : float
        Factor of the magnitudes; 1 in the paper.
    concordance : float
        Probability that an entry of V has the sign of W.
    """

    name = "frsf"
    summary = "V = scale M o S o sign(W), M ~ U[0, 1], S concordant with a probability; fixed"
    source = "Liao, Leibo & Poggio 2016, FRSF, FRSF-p"
    display_name = "fixed random-magnitude sign feedback"
    colour = "#56B4E9"
    scale: float = 1.0
    concordance: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)
        require_probability(self.name, "concordance", self.concordance)

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw scale M o S."""
        # Magnitudes first, so that FRSF and FRSF-p of one seed have the same ones.
        M = sampler.uniform(0.0, 1.0, shape)
        concordant = sampler.uniform(0.0, 1.0, shape) < self.concordance
        return self.scale * namespace(M).where(concordant, M, -M)


@dataclass(frozen=True)
class BatchwiseRandomSignFeedback(FixedRandomSignFeedback):
    """BRSF: FRSF with M and S redrawn at every update (Liao, Leibo & Poggio 2016)."""

    name = "brsf"
    summary = "as frsf, redrawn at every update"
    source = "Liao, Leibo & Poggio 2016, BRSF, BRSF-p"
    display_name = "batchwise random-magnitude sign feedback"
    colour = "#7B7FD4"
    stochastic: ClassVar[bool] = True

    def mean_state(self, state: Array | None, shape: tuple[int, ...]) -> Array:
        """Return E[scale M o S] = scale (2 p - 1) / 2, p the concordance probability."""
        del state
        # Half, as M ~ U[0, 1] has the mean 1/2.
        return np.full(shape, self.scale * (2 * self.concordance - 1) / 2)
