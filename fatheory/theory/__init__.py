"""What follows from an equation: flows, reductions, closed forms and their limits.

Symbols, the same in every module and in the papers:

``W0``     input weights, (n_h, n_i)
``W``      output weights, (n_o, n_h)
``B``      feedback weights, (n_h, n_o); compared with the transpose of W
``T``      target map, (n_o, n_i): y* = T x
``Sigma``  second moment of the input, E[x x^T], (n_i, n_i)
``E``      T - W W0
``e``      error y* - y of one example
``eta``    learning rate
``t``      time, t = eta * step
"""

from fatheory.listing import public_names as _public_names
from fatheory.renamed import renamed as _renamed
from fatheory.theory.backprop_modes import ModePath as ModePath
from fatheory.theory.backprop_modes import backprop_aligned_weights as backprop_aligned_weights
from fatheory.theory.backprop_modes import backprop_modes as backprop_modes
from fatheory.theory.bottleneck import bottleneck_limit as bottleneck_limit
from fatheory.theory.chain import ChainSolution as ChainSolution
from fatheory.theory.closed_form import closed_form as closed_form
from fatheory.theory.closed_form import closed_form_solution as closed_form_solution
from fatheory.theory.convergence import convergence_certificate as convergence_certificate
from fatheory.theory.decay import linearised_rate as linearised_rate
from fatheory.theory.decay import measured_rate as measured_rate
from fatheory.theory.deep import deep_flow as deep_flow
from fatheory.theory.deep_invariants import layer_invariant_changes as layer_invariant_changes
from fatheory.theory.deep_invariants import layer_invariants as layer_invariants
from fatheory.theory.deep_invariants import unit_invariant_changes as unit_invariant_changes
from fatheory.theory.deep_invariants import unit_invariants as unit_invariants
from fatheory.theory.deep_modes import deep_modes as deep_modes
from fatheory.theory.deep_reduction import DeepReducedSolution as DeepReducedSolution
from fatheory.theory.deep_reduction import deep_infinite_width as deep_infinite_width
from fatheory.theory.deep_reduction import deep_reduced as deep_reduced
from fatheory.theory.deep_reduction import deep_reduced_sgd as deep_reduced_sgd
from fatheory.theory.early_time import early_time as early_time
from fatheory.theory.early_time import first_alignment_angle as first_alignment_angle
from fatheory.theory.flow import flow as flow
from fatheory.theory.flow import invariant as invariant
from fatheory.theory.fluctuations import Fluctuations as Fluctuations
from fatheory.theory.fluctuations import online_fluctuations as online_fluctuations
from fatheory.theory.gram import hidden_gram as hidden_gram
from fatheory.theory.infinite_width import WidthScaledDistribution as WidthScaledDistribution
from fatheory.theory.infinite_width import reduced_infinite_width as reduced_infinite_width
from fatheory.theory.linear_phases import frozen_output_weights as frozen_output_weights
from fatheory.theory.linear_phases import phases_closed_form as phases_closed_form
from fatheory.theory.linear_phases import shallow_weights as shallow_weights
from fatheory.theory.methods import METHODS as METHODS
from fatheory.theory.methods import DMFTMethod as DMFTMethod
from fatheory.theory.methods import Method as Method
from fatheory.theory.methods import find_method as find_method
from fatheory.theory.methods import known_methods as known_methods
from fatheory.theory.methods import register_method as register_method
from fatheory.theory.mode_order import anti_regularising_start as anti_regularising_start
from fatheory.theory.mode_order import learning_times as learning_times
from fatheory.theory.mode_order import start_for_learning_times as start_for_learning_times
from fatheory.theory.modes import ModeSolution as ModeSolution
from fatheory.theory.node_perturbation import node_perturbation_angle as node_perturbation_angle
from fatheory.theory.node_perturbation import node_perturbation_cosine as node_perturbation_cosine
from fatheory.theory.node_perturbation import node_perturbation_moments as node_perturbation_moments
from fatheory.theory.node_perturbation_speed import (
    node_perturbation_mean_loss as node_perturbation_mean_loss,
)
from fatheory.theory.node_perturbation_speed import (
    node_perturbation_slowdown as node_perturbation_slowdown,
)
from fatheory.theory.node_perturbation_speed import (
    node_perturbation_stability as node_perturbation_stability,
)
from fatheory.theory.online import LateLearning as LateLearning
from fatheory.theory.online import frozen_mean_loss as frozen_mean_loss
from fatheory.theory.online import late_learning as late_learning
from fatheory.theory.online import online_learning as online_learning
from fatheory.theory.online import shallow_mean_loss as shallow_mean_loss
from fatheory.theory.order_parameters import (
    order_parameter_fluctuations as order_parameter_fluctuations,
)
from fatheory.theory.order_parameters import order_parameters as order_parameters
from fatheory.theory.phase import FlowPhase as FlowPhase
from fatheory.theory.pseudoinverse import conveyed_error as conveyed_error
from fatheory.theory.pseudoinverse import feedback_alignment_limit as feedback_alignment_limit
from fatheory.theory.pseudoinverse import gauss_newton_signal as gauss_newton_signal
from fatheory.theory.pseudoinverse import row_space_residual as row_space_residual
from fatheory.theory.pseudoinverse import teaching_signal_angles as teaching_signal_angles
from fatheory.theory.reduced_sgd import reduced_sgd as reduced_sgd
from fatheory.theory.reduction import reduced as reduced
from fatheory.theory.riccati import RiccatiSolution as RiccatiSolution
from fatheory.theory.riccati import riccati_flow as riccati_flow
from fatheory.theory.signs import angle_from_concordance as angle_from_concordance
from fatheory.theory.signs import concordance_from_angle as concordance_from_angle
from fatheory.theory.signs import expected_feedback_angle as expected_feedback_angle
from fatheory.theory.solve import solve as solve
from fatheory.theory.spread import Spread as Spread
from fatheory.theory.stability import largest_stable_learning_rate as largest_stable_learning_rate
from fatheory.theory.stability import largest_stable_lms_rate as largest_stable_lms_rate
from fatheory.theory.statements import Catalogue as Catalogue
from fatheory.theory.statements import catalogue as catalogue
from fatheory.theory.statements import find_entry as find_entry
from fatheory.theory.statements import residuals as residuals
from fatheory.theory.weak_alignment import weak_alignment as weak_alignment
from fatheory.theory.wide import concordance_threshold as concordance_threshold
from fatheory.theory.wide import dmft as dmft
from fatheory.theory.wide import lazy_classification_error as lazy_classification_error
from fatheory.theory.wide import lazy_kernel as lazy_kernel
from fatheory.theory.wide import lazy_limit as lazy_limit
from fatheory.theory.wide import lazy_limit_memory as lazy_limit_memory
from fatheory.theory.wide import lazy_outputs as lazy_outputs

__getattr__ = _renamed(
    __name__,
    {
        "Phase": "fatheory.theory:FlowPhase",
        "EntryLaw": "fatheory.theory:WidthScaledDistribution",
    },
)
__dir__ = _public_names(__name__)
