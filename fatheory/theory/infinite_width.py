"""Linear feedback alignment at infinite hidden width, solved from the limit of the reduction."""

from dataclasses import dataclass, replace

import numpy as np

from fatheory.arrays import ArrayLike, Sampler
from fatheory.checks import not_negative_number, real_matrix
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.renamed import renamed
from fatheory.theory.gram import HiddenGram
from fatheory.theory.integrate import ATOL, RTOL
from fatheory.theory.reduction import ReducedSolution, solve_gram

__getattr__ = renamed(__name__, {"EntryLaw": f"{__name__}:WidthScaledDistribution"})

_UNIT_VARIANCE = {"normal": 1.0, "uniform": 1 / 3}


@dataclass(frozen=True)
class WidthScaledDistribution:
    """Independent matrix entries of mean 0 and size scale * n_h^-width_exponent.

    Sums of n_h squares then have a limit: inner products of a matrix with itself become
    `limiting_variance` times the identity, inner products of independent matrices vanish.

    Parameters
    ----------
    family : str
        ``"normal"``: standard deviation 1 before scaling; ``"uniform"``: on [-1, 1) before
        scaling, of variance 1/3.
    scale : float
        Size of the entries at n_h = 1.
    width_exponent : float
        At least 1/2. At 1/2 the limit is finite; above, the matrix vanishes from the limit.

    Raises
    ------
    UnknownNameError
        If there is no such family.
    RegimeError
        If the scale is negative or not finite, or the exponent below 1/2: sums over hidden units
        would grow without bound.
    """

    family: str
    scale: float
    width_exponent: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.family, str) or self.family not in _UNIT_VARIANCE:
            raise UnknownNameError("family of entries", self.family, _UNIT_VARIANCE)
        not_negative_number("scale", self.scale)
        # Not `<`, which would let NaN pass.
        if not self.width_exponent >= 0.5:
            raise RegimeError(
                f"width_exponent must be at least 0.5, or sums over n_h hidden units grow without "
                f"bound; got {self.width_exponent}"
            )

    @property
    def limiting_variance(self) -> float:
        """Limit of n_h times the variance of an entry."""
        # Of smaller entries the sum of n_h squares vanishes.
        return _UNIT_VARIANCE[self.family] * self.scale**2 if self.width_exponent == 0.5 else 0.0

    def draw(self, sampler: Sampler, shape: tuple[int, ...], n_h: int) -> np.ndarray:
        """Draw a matrix for a network of `n_h` hidden units."""
        size = self.scale * n_h**-self.width_exponent
        if self.family == "normal":
            return sampler.normal(0.0, size, shape)
        return sampler.uniform(-size, size, shape)


def reduced_infinite_width(
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    input_variance: float = 0.0,
    output_variance: float = 0.0,
    feedback_variance: float,
    times: ArrayLike,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> ReducedSolution:
    """Solve the gradient flow of infinitely wide linear feedback alignment.

    W0, W and B have independent entries of mean 0 with variances h/n_h, w/n_h and g/n_h. As
    n_h grows, A0^T A0 -> h I, B^T B -> g I, |Wi|^2 -> n_o w, and A0^T B, Wi A0 and Wi B -> 0:
    the network starts at the zero map and follows one deterministic path. The distribution of
    the entries enters through its variance only.

    At finite n_h the inner products scatter around these limits, which are their means (the
    cross products around 0), by n_h^-1/2. Hence any smooth function of the solution at a given
    time has a spread over draws of order n_h^-1/2 and a mean that differs from the limit by
    order n_h^-1. A matrix of `width_exponent` a > 1/2 adds n_h^(1 - 2a) to the mean.

    Parameters
    ----------
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment E[x x^T]; the identity (white input) by default.
    input_variance, output_variance, feedback_variance : float
        h, w and g: limits of n_h times the variance of an entry of W0, W and B, as
        `WidthScaledDistribution.limiting_variance` gives them. h = w = 0 is the zero start.
    times, rtol, atol
        As in `reduced`.

    Returns
    -------
    ReducedSolution
        Without `weights`: they have no limit.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If a variance is negative or not finite.

    References
    ----------
    Derived for this project.
    """
    T = real_matrix("T", T)
    n_o, n_i = T.shape
    gram = limiting_gram(n_i, n_o, input_variance, output_variance, feedback_variance)
    solution = solve_gram(gram, T, Sigma, times=times, rtol=rtol, atol=atol)
    return replace(solution, method="infinite_width")


def limiting_gram(
    n_i: int,
    n_o: int,
    input_variance: float,
    output_variance: float,
    feedback_variance: float,
) -> HiddenGram:
    """Return the limit of the inner products over hidden units as n_h grows.

    Parameters
    ----------
    n_i, n_o : int
        Numbers of inputs and outputs.
    input_variance, output_variance, feedback_variance : float
        As in `reduced_infinite_width`.

    Raises
    ------
    RegimeError
        If a variance is negative or not finite.
    """
    variances = {
        "input_variance": input_variance,
        "output_variance": output_variance,
        "feedback_variance": feedback_variance,
    }
    for name, value in variances.items():
        not_negative_number(name, value)
    # Sums over n_h independent entries are their means, which of products of two matrices are 0.
    diagonal = np.repeat([float(input_variance), float(feedback_variance)], [n_i, n_o])
    return HiddenGram(
        np.zeros((n_o, n_i + n_o)), np.diag(diagonal), np.asarray(float(output_variance * n_o))
    )
