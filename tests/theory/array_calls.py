"""One small call of every array function of theory: arrays, and its other arguments."""

import numpy as np

from fatheory import theory
from fatheory.theory import laws

rng = np.random.default_rng(0)
W0, W, B, T = (rng.normal(size=shape) for shape in ((4, 3), (2, 4), (4, 2), (2, 3)))
Sigma, times, e = np.eye(3), [0.0, 0.1], np.ones(2)
two = {"W0": W0, "W": W, "B": B, "T": T}
deep = {"weights": [W0, W], "feedback": [B], "T": T, "Sigma": Sigma}
usf, fixed = (
    laws.rule_potential("usf", (2, 4)),
    laws.rule_potential("feedback_alignment", (2, 4), B),
)
decay = {"learning_rate": 0.1, "weight_decay": 0.1}
balanced = {"W0": W0, "W": np.linalg.qr(rng.normal(size=(4, 4)))[0][:2] * 0, "T": T}

CALLS = {
    "flow": (theory.flow, two | {"Sigma": Sigma}, {"times": times}),
    "deep_flow": (theory.deep_flow, deep, {"times": times}),
    "reduced": (theory.reduced, two | {"Sigma": Sigma}, {"times": times}),
    "closed_form": (theory.closed_form, two | {"Sigma": Sigma}, {"times": times}),
    "early_time": (theory.early_time, {"B": B, "T": T, "Sigma": Sigma}, {"times": times}),
    "first_alignment_angle": (theory.first_alignment_angle, {"B": B, "T": T, "Sigma": Sigma}, {}),
    "hidden_gram": (theory.hidden_gram, {"W0": W0, "W": W, "B": B}, {}),
    "invariant": (theory.invariant, {"W0": W0, "W": W, "B": B}, {}),
    "reduced_infinite_width": (
        theory.reduced_infinite_width,
        {"T": T, "Sigma": Sigma},
        {"times": times, "feedback_variance": 1.0},
    ),
    "reduced_sgd": (
        theory.reduced_sgd,
        two | {"inputs": rng.normal(size=(5, 1, 3))},
        {"learning_rate": 0.1, "snapshot_steps": [5]},
    ),
    "phases_closed_form": (
        theory.phases_closed_form,
        two | {"Sigma": Sigma},
        {"times": times, "phases": [theory.FlowPhase(1.0, frozenset({1}))]},
    ),
    "shallow_weights": (
        theory.shallow_weights,
        {"W0": W0, "W": W, "T": T, "Sigma": Sigma},
        {"times": times},
    ),
    "frozen_output_weights": (
        theory.frozen_output_weights,
        {"W0": W0, "W": W, "P": B, "T": T, "Sigma": Sigma},
        {"times": times},
    ),
    "order_parameters": (
        theory.order_parameters,
        {"Q": np.eye(2), "R": np.zeros((2, 2)), "T": np.eye(2), "W": np.eye(2), "A": np.eye(2)},
        {"times": times, "activation": "erf", "B": np.eye(2), "learning_rate": 0.1},
    ),
    "online_fluctuations": (
        theory.online_fluctuations,
        two | {"Sigma": Sigma},
        {"times": times},
    ),
    "late_learning": (
        theory.late_learning,
        {"W0": W0, "W": W, "B": B, "Sigma": Sigma},
        {"learning_rate": 0.1},
    ),
    "frozen_mean_loss": (
        theory.frozen_mean_loss,
        {"E": T, "W0": W0, "W": W, "B": B, "Sigma": Sigma},
        {"learning_rate": 0.1, "steps": [0, 1]},
    ),
    "shallow_mean_loss": (
        theory.shallow_mean_loss,
        {"W0": W0, "W": W, "T": T, "Sigma": Sigma},
        {"learning_rate": 0.1, "steps": [0, 1]},
    ),
    "deep_reduced": (theory.deep_reduced, deep, {"times": times}),
    "lazy_kernel": (
        theory.lazy_kernel,
        {"X": rng.normal(size=(4, 3))},
        {"activation": "relu", "hidden_layers": 1, "rule": "usf"},
    ),
    "dmft": (
        theory.dmft,
        {"X": rng.normal(size=(4, 3)), "Y": rng.normal(size=(4, 2))},
        {
            "activation": "tanh",
            "hidden_layers": 1,
            "richness": 1.0,
            "learning_rate": 0.1,
            "steps": 1,
            "samples": 64,
        },
    ),
    "largest_stable_learning_rate": (
        theory.largest_stable_learning_rate,
        {"W0": W0, "W": W, "B": B, "Sigma": Sigma},
        {"rule": "backprop"},
    ),
    "largest_stable_lms_rate": (theory.largest_stable_lms_rate, {"covariance": Sigma}, {}),
    "layer_invariants": (theory.layer_invariants, {"weights": [W0, W], "feedback": [B]}, {}),
    "layer_invariant_changes": (theory.layer_invariant_changes, {"updates": [W0, W]}, {}),
    "bottleneck_limit": (theory.bottleneck_limit, {"T": T, "B": B}, {}),
    "riccati_flow": (theory.riccati_flow, balanced, {"times": times}),
    "convergence_certificate": (theory.convergence_certificate, two | {"Sigma": Sigma}, {}),
    "linearised_rate": (theory.linearised_rate, two | {"Sigma": Sigma}, {}),
    "measured_rate": (theory.measured_rate, {"loss": np.ones(2)}, {"times": times}),
    "feedback_alignment_limit": (theory.feedback_alignment_limit, {"B": B, "T": T}, {}),
    "gauss_newton_signal": (theory.gauss_newton_signal, {"W": W, "e": e}, {}),
    "teaching_signal_angles": (theory.teaching_signal_angles, {"W": W, "B": B, "e": e}, {}),
    "row_space_residual": (theory.row_space_residual, {"W": W, "B": B}, {}),
    "node_perturbation_moments": (
        theory.node_perturbation_moments,
        {"W": W, "e": e},
        {"sigma": 0.1},
    ),
    "node_perturbation_slowdown": (theory.node_perturbation_slowdown, {"W": W}, {}),
    "ModeSolution": (theory.ModeSolution, {"s": np.ones(2), "g": np.ones(2)}, {}),
    "backprop_modes": (
        theory.backprop_modes,
        {"a0": np.ones(2), "b0": np.ones(2), "s": np.ones(2)},
        {"times": times},
    ),
    "weak_alignment": (
        theory.weak_alignment,
        {"weights": [W0, W], "feedback": [B]},
        {},
    ),
    "backprop_aligned_weights": (
        theory.backprop_aligned_weights,
        {"W0": np.zeros((4, 3)), "W": np.zeros((2, 4)), "T": T, "Sigma": Sigma},
        {"times": times},
    ),
    "closed_form_solution": (theory.closed_form_solution, two | {"Sigma": Sigma}, {}),
    "concordance_threshold": (
        theory.concordance_threshold,
        {"X": rng.normal(size=(4, 3))},
        {"activation": "relu", "hidden_layers": 1},
    ),
    "conveyed_error": (theory.conveyed_error, {"W": W, "V": B, "e": e}, {}),
    "deep_infinite_width": (
        theory.deep_infinite_width,
        {"T": T, "Sigma": Sigma},
        {"times": times, "weight_variances": [0.1], "feedback_variances": [1.0]},
    ),
    "deep_modes": (theory.deep_modes, deep, {}),
    "deep_reduced_sgd": (
        theory.deep_reduced_sgd,
        deep | {"inputs": rng.normal(size=(5, 1, 3)), "noise": rng.normal(size=(5, 1, 2))},
        {"learning_rate": 0.1, "snapshot_steps": [5]},
    ),
    "lazy_limit": (
        theory.lazy_limit,
        {
            "X": rng.normal(size=(4, 3)),
            "Y": rng.normal(size=(4, 2)),
            "test_points": rng.normal(size=(2, 3)),
            "start": rng.normal(size=(4, 2)),
            "test_start": rng.normal(size=(2, 2)),
        },
        {"activation": "relu", "hidden_layers": 1, "rule": "usf"},
    ),
    "lazy_classification_error": (
        theory.lazy_classification_error,
        {"output": rng.normal(size=(2, 3, 2)), "classes": np.array([0.0, 1.0, 1.0])},
        {},
    ),
    "lazy_outputs": (
        theory.lazy_outputs,
        {
            "kernel": np.diag([1.0, 2.0, 3.0]),
            "Y": rng.normal(size=(3, 2)),
            "start": rng.normal(size=(3, 2)),
            "test_kernel": rng.normal(size=(1, 3)),
            "test_start": rng.normal(size=(1, 2)),
        },
        {"times": times},
    ),
    "node_perturbation_mean_loss": (
        theory.node_perturbation_mean_loss,
        {"W0": W0, "W": W, "T": T},
        {"learning_rate": 0.01, "steps": 2},
    ),
    "node_perturbation_stability": (theory.node_perturbation_stability, {"W": W}, {"n_i": 3}),
    "online_learning": (theory.online_learning, two, {"learning_rate": 0.01, "steps": [0, 1]}),
    "order_parameter_fluctuations": (
        theory.order_parameter_fluctuations,
        {"Q": np.eye(2), "R": np.zeros((2, 2)), "T": np.eye(2), "W": np.eye(2), "A": np.eye(2)},
        {
            "times": times, "activation": "erf", "B": np.eye(2), "learning_rate": 0.1,
            "inputs": 100,
        },
    ),
    "unit_invariants": (
        theory.unit_invariants,
        {"weights": [W0, W], "feedback": [B], "biases": [np.ones(4), np.ones(2)]},
        {},
    ),
    "unit_invariant_changes": (
        theory.unit_invariant_changes,
        {"updates": [W0, W], "bias_updates": [np.ones(4), np.ones(2)]},
        {},
    ),
    "anti_regularising_start": (
        theory.anti_regularising_start,
        {"s": np.array([1.0, 2.0])},
        {"g": 1.0},
    ),
    "start_for_learning_times": (
        theory.start_for_learning_times,
        {"s": np.array([1.0, 2.0])},
        {"g": 1.0, "times": [1.0, 2.0]},
    ),
    "laws.kolen_pollack_law": (laws.kolen_pollack_law, {"W0": W0, "B": B}, {}),
    "laws.kolen_pollack_law_change": (
        laws.kolen_pollack_law_change,
        {"W0": W0, "B": B, "step_of_W0": W0, "step_of_W": W},
        decay,
    ),
    "laws.kolen_pollack_difference": (
        laws.kolen_pollack_difference,
        {"difference": B},
        {"steps": [0, 3], **decay},
    ),
    "laws.weight_mirror_variance": (laws.weight_mirror_variance, {"W": W}, {"rate": 0.1}),
    "laws.rule_potential": (laws.rule_potential, {"state": W}, {"rule": "frsf", "shape": (2, 4)}),
    "laws.potential_law": (
        laws.potential_law,
        {"weights": [W0, W], "biases": [np.ones(4)]},
        {"potentials": [usf]},
    ),
    "laws.potential_law_changes": (
        laws.potential_law_changes,
        {
            "before": [W0, W], "after": [2 * W0, 3 * W],
            "biases_before": [np.ones(4)], "biases_after": [np.zeros(4)],
        },
        {"potentials": [fixed]},
    ),
}  # fmt: skip
