"""What every archive of an experiment carries, whoever answers it."""

from collections.abc import Sequence

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial.initial_state import InitialState
from fatheory.initial.problem import LinearProblem
from fatheory.rules import DirectRule


def coordinates(
    experiment: Experiment, rate_factors: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the coordinates: rules, seeds, steps, layers, time and learning rates.

    Parameters
    ----------
    experiment : Experiment
        Whose archive.
    rate_factors : array of shape (step,), optional
        What the learning rates are multiplied by at every update, where they change.
    """
    steps = np.asarray(experiment.snapshot_steps, dtype=np.int64)
    rates = np.asarray(experiment.learning_rates)
    weighted = {}
    if rate_factors is not None:
        # The sum of the factors of the updates before a step; at step 0 there are none.
        # In float64: sums of hundreds of thousands of factors lose digits in single precision.
        weighted = {labels.WEIGHTED_STEP: np.concatenate([[0.0], np.cumsum(rate_factors)])[steps]}
    return weighted | {
        labels.RULE: np.asarray(experiment.rule_labels),
        labels.SEED: np.asarray(experiment.seeds, dtype=np.int64),
        labels.STEP: steps,
        labels.LAYER: np.arange(1, experiment.layers + 1),
        labels.TIME: rates[:, None] * weighted.get(labels.WEIGHTED_STEP, steps),
        labels.LEARNING_RATE: rates,
    }


def drawn_variables(
    experiment: Experiment, starts: Sequence[InitialState]
) -> dict[str, np.ndarray]:
    """Return what was drawn, as archive variables in float64: targets, inputs, feedback.

    Fixed feedback is oriented like B, (unit_{l-1}, unit_l), direct feedback (unit_l, unit_L), and
    feedback kernels like kernels; NaN for rules that draw none. Images are not stored again: the
    experiment names them. Arrays of one's own are, as they were given.
    """
    task, variables = experiment.task, _feedback(experiment, starts)
    if experiment.initial is not None:
        variables |= experiment.initial.stored(experiment.rule_labels, experiment.seeds)
    if task.stored or task.each_seeds:
        variables[labels.TARGET_VARIANCE] = _target_variances(starts, alike=task.stored)
        if not task.archived:
            return variables
        examples = _own_examples(starts, alike=task.stored)
        variables |= {
            name: _of_units(experiment, array) if name.endswith("_target") else array
            for name, array in examples.items()
        }
    if isinstance(starts[0].problem, LinearProblem):
        variables[labels.TARGET_MAP] = np.stack([start.target_map for start in starts])
        variables[labels.INPUT_COVARIANCE] = np.stack([start.Sigma for start in starts])
    probe_targets = np.stack([start.probe.targets for start in starts])
    return variables | {
        labels.PROBE_INPUT: np.stack([start.probe.inputs for start in starts]),
        labels.PROBE_TARGET: _of_units(experiment, probe_targets),
    }


def _of_units(experiment: Experiment, targets: np.ndarray) -> np.ndarray:
    """Return targets unit by unit: spiking networks have a group of units for every class."""
    group = experiment.sizes[-1] // experiment.task.outputs
    return np.repeat(targets, group, axis=-1) if group > 1 else targets


def _target_variances(starts: Sequence[InitialState], *, alike: bool) -> np.ndarray:
    """Return the variance of the targets that are measured on, seed by seed."""
    different = starts[:1] if alike else starts
    # Population variance (ddof 0): the best constant answer is measured on the same samples.
    variances = [
        np.sum(np.var(start.evaluation.targets.astype(np.float64), axis=0)) for start in different
    ]
    # Repeated for every seed where all have the same targets, so that archives have one form.
    return np.resize(variances, len(starts))


def _own_examples(starts: Sequence[InitialState], *, alike: bool) -> dict[str, np.ndarray]:
    """Return the arrays that seeds learn from and are measured on, once where all have the same."""
    stacks = []
    for start in starts[:1] if alike else starts:
        assert start.samples is not None  # own arrays are finite
        stacks.append([start.samples.inputs, start.samples.targets])
        # Where nothing is held out, both are the same arrays.
        if start.evaluation.inputs is not start.samples.inputs:
            stacks[-1] += [start.evaluation.inputs, start.evaluation.targets]
    arrays = [of_one[0] if alike else np.stack(of_one) for of_one in zip(*stacks, strict=True)]
    names = [name if alike else labels.of_each_seed(name) for name in labels.OWN_EXAMPLES]
    return dict(zip(names, arrays, strict=False))


def _feedback(experiment: Experiment, starts: Sequence[InitialState]) -> dict[str, np.ndarray]:
    """Stack the states of all rules by layer, under the name that their kind of rule gives them."""
    variables: dict[str, np.ndarray] = {}
    runs = (len(experiment.rules), len(starts))
    for i, (label, choice) in enumerate(experiment.rules):
        direct = isinstance(choice.make(), DirectRule)
        for j, start in enumerate(starts):
            for layer, state in enumerate(start.states[label], start=1):
                if state is None:
                    continue
                name, drawn = _named(layer, state, direct)
                if name not in variables:
                    # NaN for the rules that draw nothing under this name.
                    variables[name] = np.full((*runs, *drawn.shape), np.nan)
                variables[name][i, j] = drawn
    return variables


def _named(layer: int, state: np.ndarray, direct: bool) -> tuple[str, np.ndarray]:
    """Return the archive's name of a state, and the state in the archive's orientation."""
    if direct:
        return labels.direct_feedback(layer), state.T
    is_matrix = state.ndim == 2
    return (
        (labels.feedback(layer), state.T) if is_matrix else (labels.feedback_kernel(layer), state)
    )
