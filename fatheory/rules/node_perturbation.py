"""Node perturbation: reinforcement of hidden activity by the change in loss."""

from dataclasses import dataclass
from typing import ClassVar

from fatheory.arrays import Array, Sampler, namespace
from fatheory.rules.rule import DirectRule, Trial, require_positive


@dataclass(frozen=True)
class NodePerturbation(DirectRule):
    """delta = -(L(xi) - L(0)) xi / sigma^2, with xi ~ N(0, sigma^2) added to hidden activities.

    Every hidden layer is perturbed at once and all receive the same change in loss. For a
    quadratic loss of a linear network the mean of delta is backprop's W^T e exactly. The output
    weights learn from e itself, as for the other rules (Lillicrap et al. 2016, Methods; Werfel,
    Xie & Seung 2005).

    Parameters
    ----------
    perturbation : float
        Standard deviation sigma of the perturbation, in units of hidden activity.
    """

    name = "node_perturbation"
    summary = "reinforcement: hidden activity is perturbed and the change in loss rewarded"
    source = "Lillicrap et al. 2016, Fig. 2a; Werfel, Xie & Seung 2005"
    display_name = "reinforcement (node perturbation)"
    colour = "#CC79A7"
    stochastic: ClassVar[bool] = True
    # It sends no error: a change in loss knows no slope.
    carries_slopes: ClassVar[bool] = False
    # Small for the mean to be the gradient, large enough for the change in loss to stand above
    # rounding.
    perturbation: float = 0.01

    def __post_init__(self) -> None:
        require_positive(self.name, "perturbation", self.perturbation)

    def teaching_signals(
        self, trial: Trial, states: tuple[Array | None, ...], sampler: Sampler
    ) -> tuple[Array, ...]:
        """Perturb, compare the losses, and credit the perturbation."""
        del states
        sigma = self.perturbation
        xi = tuple(sampler.normal(0.0, sigma, shape) for shape in trial.hidden_shapes)
        still = tuple(namespace(x).zeros_like(x) for x in xi)
        # The loss at rest is a baseline: it does not change the mean, as xi has mean 0, and without
        # it the variance would grow as L^2 / sigma^2.
        reward = trial.loss(still) - trial.loss(xi)
        return tuple(reward[:, None] * x / sigma**2 for x in xi)
