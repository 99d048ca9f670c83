"""Paths of linear networks of any depth under fixed feedback, from the deep reduction."""

from typing import TypedDict

import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.theory.deep_reduction import DeepReducedSolution
from fatheory.theory.deep_reduction.flow import RULES
from fatheory.theory.methods.fixed_feedback import drawn_feedback, has_direct_feedback
from fatheory.theory.methods.linear import LinearPath


class DeepFeedback(TypedDict):
    """How `deep_reduced` and `deep_reduced_sgd` are told of a rule's fixed feedback."""

    feedback: list[np.ndarray]
    rule: str


def deep_feedback(start: InitialState, label: str) -> DeepFeedback:
    """Return B_2 ... B_L of a layered rule, F_1 ... F_{L-1} of a direct one, and which it is."""
    return {
        "feedback": drawn_feedback(start, label),
        # By its wiring and not by its name: rndf, say, is feedback alignment with another draw.
        "rule": RULES[has_direct_feedback(start, label)],
    }


def deep_path(start: InitialState, solution: DeepReducedSolution) -> LinearPath:
    """Return the path of a solution; weights are built where they are asked for."""
    return LinearPath(start, solution.E, solution.weights)


def deep_memory(experiment: Experiment) -> dict[str, int]:
    """Estimate the reduced states of all seeds under one rule."""
    n_i, *_, n_o = experiment.sizes
    L = experiment.layers
    numbers = n_o * (n_i * (L + 1) + n_o * L * (L - 1) // 2)
    return {"reduced states": 8 * len(experiment.seeds) * len(experiment.snapshot_steps) * numbers}
