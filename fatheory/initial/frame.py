"""What every archive of an experiment carries, whoever answers it."""

from collections.abc import Sequence

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial.start import Start


def coordinates(experiment: Experiment) -> dict[str, np.ndarray]:
    """Return the coordinates: rules, seeds, steps, layers, time and learning rates."""
    steps = np.asarray(experiment.snapshot_steps, dtype=np.int64)
    rates = np.asarray(experiment.learning_rates)
    return {
        labels.RULE: np.asarray(experiment.rule_labels),
        labels.SEED: np.asarray(experiment.seeds, dtype=np.int64),
        labels.STEP: steps,
        labels.LAYER: np.arange(1, experiment.layers + 1),
        labels.TIME: rates[:, None] * steps,
        labels.LEARNING_RATE: rates,
    }


def drawn_variables(experiment: Experiment, starts: Sequence[Start]) -> dict[str, np.ndarray]:
    """Return what was drawn, as archive variables in float64: targets, inputs, feedback.

    Feedback is oriented like B, (unit_{l-1}, unit_l), and NaN for rules that draw none.
    """
    variables = {
        labels.TARGET_MAP: np.stack([start.T for start in starts]),
        labels.INPUT_COVARIANCE: np.stack([start.Sigma for start in starts]),
        labels.PROBE_INPUT: np.stack([start.probe for start in starts]),
        labels.PROBE_TARGET: np.stack([start.probe_target for start in starts]),
    }
    for layer in range(2, experiment.layers + 1):
        shape = starts[0].weights[layer - 1].shape[::-1]
        feedback = np.full((len(experiment.rules), len(starts), *shape), np.nan)
        for i, label in enumerate(experiment.rule_labels):
            for j, start in enumerate(starts):
                state = start.states[label][layer - 1]
                if state is not None:
                    feedback[i, j] = state.T
        variables[labels.feedback(layer)] = feedback
    return variables
