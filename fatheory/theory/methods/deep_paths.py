"""Paths of linear networks of any depth under fixed feedback, from the deep reduction."""

import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.theory.deep_reduction import DeepReducedSolution
from fatheory.theory.methods.linear import LinearPath

RULE = "feedback_alignment"


def feedback_chain(start: InitialState, label: str) -> list[np.ndarray]:
    """Return B_2 ... B_L, B_l of shape (n_{l-1}, n_l), of a rule with fixed feedback."""
    states = start.states[label][1:]
    assert all(state is not None for state in states)  # rules with fixed feedback draw them
    return [state.T for state in states if state is not None]


def deep_path(start: InitialState, solution: DeepReducedSolution) -> LinearPath:
    """Return the path of a solution; weights are built where they are asked for."""
    return LinearPath(start, solution.E, solution.weights)


def deep_memory(experiment: Experiment) -> dict[str, int]:
    """Estimate the reduced states of all seeds under one rule."""
    n_i, *_, n_o = experiment.sizes
    L = experiment.layers
    numbers = n_o * (n_i * (L + 1) + n_o * L * (L - 1) // 2)
    return {"reduced states": 8 * len(experiment.seeds) * len(experiment.snapshot_steps) * numbers}
