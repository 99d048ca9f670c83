"""Fixed feedback of any distribution, or of one's own numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from fatheory.arrays import Array, Sampler, namespace
from fatheory.errors import ArrayError
from fatheory.renamed import renamed
from fatheory.rules.fixed import FixedFeedback, OrthogonalFeedback
from fatheory.rules.parameter import Matrix
from fatheory.rules.rule import require_positive

__getattr__ = renamed(__name__, {"FeedbackOfLaw": f"{__name__}:FeedbackOfDistribution"})


@dataclass(frozen=True)
class FeedbackOfDistribution(FixedFeedback):
    """V = B^T fixed, B of a distribution that is named, or B itself.

    Parameters
    ----------
    distribution : str
        ``"uniform"`` in [-scale, scale]; ``"normal"`` of standard deviation scale;
        ``"orthogonal"``: columns of length scale at right angles, as `OrthogonalFeedback` has
        them; ``"array"``: scale times `array`.
    scale : float
        Size of B, as the distribution says.
    column_spread : float
        Columns of B, one for each unit whose error they carry, shrink geometrically from 1 at the
        first unit to 1 / column_spread at the last. For 1 they are alike; then the pseudoinverse
        of a tall random B is nearly proportional to its transpose, and only otherwise it can be
        told with which of the two W aligns.
    array : matrix
        B itself, of shape (unit_{l-1}, unit_l), for the distribution ``"array"``. It is the same
        at every seed. Where layers differ in shape, give each its own by ``layers``.

    Raises
    ------
    ValueError
        If scale is not positive, column_spread below 1, or an array is missing or without use.
    ArrayError
        When it is drawn, if the array does not have the shape of a layer's B.
    """

    name = "fixed_feedback"
    summary = (
        "V = B^T fixed, B of a distribution: uniform, normal, orthogonal, or an array of one's own"
    )
    source = "Lillicrap et al. 2016; derived for this project"
    display_name = "fixed feedback"
    colour = "#4D4D4D"
    # Orthogonal columns and arrays of one's own are those of matrices, so kernels are refused for
    # all.
    entrywise: ClassVar[bool] = False
    former_parameters: ClassVar[Mapping[str, str]] = {"law": "distribution"}
    distribution: Literal["uniform", "normal", "orthogonal", "array"] = "uniform"
    scale: float = 1.0
    column_spread: float = 1.0
    array: Matrix = ()

    def __post_init__(self) -> None:
        require_positive(self.name, "scale", self.scale)
        require_positive(self.name, "column_spread", self.column_spread)
        if self.column_spread < 1:
            raise ValueError(
                f"{self.name} needs a column_spread of at least 1; got {self.column_spread}"
            )
        # An array beside another distribution would be ignored without a word.
        if bool(self.array) != (self.distribution == "array"):
            given = "given" if self.array else "not given"
            raise ValueError(
                f"{self.name} takes an array with the distribution 'array', and with no other; the "
                f"distribution is {self.distribution!r}, and an array was {given}"
            )

    def draws_at_random(self) -> bool:
        """Whether B depends on the seed."""
        return self.distribution != "array"

    def draw(self, sampler: Sampler, shape: tuple[int, ...]) -> Array:
        """Draw B^T, of shape (unit_l, unit_{l-1})."""
        if self.distribution == "uniform":
            V = sampler.uniform(-self.scale, self.scale, shape)
        elif self.distribution == "normal":
            V = sampler.normal(0.0, self.scale, shape)
        elif self.distribution == "orthogonal":
            V = OrthogonalFeedback(self.scale).draw(sampler, shape)
        else:
            V = self.scale * np.array(self.array).T
            if V.shape != shape:
                raise ArrayError(
                    f"the array of {self.name} has the shape {V.shape[::-1]}, and B of this layer "
                    f"{shape[::-1]}, (unit below, unit): give layers of different shapes an array "
                    f"each, by 'layers'"
                )
        # Columns of B are rows of V.
        row = namespace(V).linspace(0.0, 1.0, shape[0])[:, None]
        return V * self.column_spread**-row
