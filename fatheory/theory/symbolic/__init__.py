"""SymPy proofs of the theory's statements. Importing this package imports SymPy."""

from collections.abc import Callable

from fatheory.theory.symbolic.angles import gaussian_concordance as gaussian_concordance
from fatheory.theory.symbolic.angles import sign_feedback_cosine as sign_feedback_cosine
from fatheory.theory.symbolic.angles import (
    uniform_sign_feedback_cosine as uniform_sign_feedback_cosine,
)
from fatheory.theory.symbolic.angles import uniform_weights_cosines as uniform_weights_cosines
from fatheory.theory.symbolic.deep_reduction import deep_reduction_layer as deep_reduction_layer
from fatheory.theory.symbolic.invariant import backprop_invariant_step as backprop_invariant_step
from fatheory.theory.symbolic.invariant import feedback_invariant_flow as feedback_invariant_flow
from fatheory.theory.symbolic.invariant import feedback_invariant_step as feedback_invariant_step
from fatheory.theory.symbolic.invariant import unit_invariant_step as unit_invariant_step
from fatheory.theory.symbolic.laws import kolen_pollack_step as kolen_pollack_step
from fatheory.theory.symbolic.laws import potential_law_step as potential_law_step
from fatheory.theory.symbolic.laws import power_potential as power_potential
from fatheory.theory.symbolic.laws import sign_divergence as sign_divergence
from fatheory.theory.symbolic.laws import weight_mirror_variance as weight_mirror_variance
from fatheory.theory.symbolic.mode import backprop_mode_solution as backprop_mode_solution
from fatheory.theory.symbolic.mode import deep_mode_solution as deep_mode_solution
from fatheory.theory.symbolic.mode import mode_constant as mode_constant
from fatheory.theory.symbolic.mode import mode_equation as mode_equation
from fatheory.theory.symbolic.mode import mode_solution as mode_solution
from fatheory.theory.symbolic.mode import (
    unbalanced_backprop_mode_solution as unbalanced_backprop_mode_solution,
)
from fatheory.theory.symbolic.node_perturbation import (
    node_perturbation_cosine as node_perturbation_cosine,
)
from fatheory.theory.symbolic.node_perturbation import (
    node_perturbation_covariance as node_perturbation_covariance,
)
from fatheory.theory.symbolic.node_perturbation import (
    node_perturbation_mean as node_perturbation_mean,
)
from fatheory.theory.symbolic.proof import Proof as Proof
from fatheory.theory.symbolic.reduction import reduction_closure as reduction_closure
from fatheory.theory.symbolic.reduction import reduction_step as reduction_step

PROOFS: tuple[Callable[[], Proof], ...] = (
    feedback_invariant_flow,
    feedback_invariant_step,
    backprop_invariant_step,
    unit_invariant_step,
    potential_law_step,
    power_potential,
    sign_divergence,
    kolen_pollack_step,
    weight_mirror_variance,
    deep_reduction_layer,
    reduction_step,
    reduction_closure,
    mode_constant,
    mode_equation,
    mode_solution,
    deep_mode_solution,
    backprop_mode_solution,
    unbalanced_backprop_mode_solution,
    node_perturbation_mean,
    node_perturbation_covariance,
    node_perturbation_cosine,
    sign_feedback_cosine,
    uniform_sign_feedback_cosine,
    uniform_weights_cosines,
    gaussian_concordance,
)


def proofs() -> tuple[Proof, ...]:
    """Carry out all proofs.

    Raises
    ------
    ProofError
        If one fails.
    """
    return tuple(prove() for prove in PROOFS)
